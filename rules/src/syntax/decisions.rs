//! Which values of a text decide something?
//!
//! What is tested, compared, selected by or spread: a promise there is a forgotten `await`, which
//! only the engine can see when it comes to it. The text is made to hand each of these values to
//! [`SETTLED`] first. Values that cannot be promises, such as literals, are left alone.
//!
//! Invariant: what is inserted keeps the order of evaluation, and each value is evaluated once.

use oxc_ast::AstKind;
use oxc_ast::ast::{AssignmentTarget, Expression, ObjectPropertyKind, Program};
use oxc_ast_visit::Visit;
use oxc_span::{GetSpan, Span};
use oxc_syntax::operator::{AssignmentOperator, LogicalOperator, UnaryOperator};
use std::collections::HashSet;

/// The name of the function that looks at them; sources that contain it are refused.
pub(crate) const SETTLED: &str = "__edgebase_settled";

/// What is inserted where.
pub(super) struct Decisions {
    pub begins: Vec<(u32, String)>,
    pub ends: Vec<(u32, String)>,
}

/// The insertions for a program of this text.
pub(super) fn of(program: &Program<'_>, text: &str) -> Decisions {
    let mut search = Search { text, known: HashSet::new(), begins: Vec::new(), ends: Vec::new() };
    search.visit_program(program);
    Decisions { begins: search.begins, ends: search.ends }
}

struct Search<'t> {
    text: &'t str,
    known: HashSet<(u32, u32)>,
    begins: Vec<(u32, String)>,
    ends: Vec<(u32, String)>,
}

impl Search<'_> {
    fn around(&mut self, span: Span, begin: String) {
        if self.known.insert((span.start, span.end)) {
            self.begins.push((span.start, begin));
            self.ends.push((span.end, ")".to_owned()));
        }
    }

    /// A value that is looked at.
    fn value(&mut self, e: &Expression<'_>) {
        let e = e.get_inner_expression();
        if !is_settled(e) {
            self.around(e.span(), format!("{SETTLED}("));
        }
    }

    /// A value of which only the truth counts: each that it can come to.
    fn tested(&mut self, e: &Expression<'_>) {
        match e.get_inner_expression() {
            Expression::LogicalExpression(l) => {
                self.tested(&l.left);
                self.tested(&l.right);
            }
            Expression::ConditionalExpression(c) => {
                self.tested(&c.consequent);
                self.tested(&c.alternate);
            }
            Expression::SequenceExpression(s) => {
                if let Some(last) = s.expressions.last() {
                    self.tested(last);
                }
            }
            e => self.value(e),
        }
    }
}

impl<'a> Visit<'a> for Search<'_> {
    fn enter_node(&mut self, kind: AstKind<'a>) {
        match kind {
            AstKind::IfStatement(s) => self.tested(&s.test),
            AstKind::WhileStatement(s) => self.tested(&s.test),
            AstKind::DoWhileStatement(s) => self.tested(&s.test),
            AstKind::ForStatement(s) => {
                if let Some(test) = &s.test {
                    self.tested(test);
                }
            }
            AstKind::ConditionalExpression(c) => self.tested(&c.test),
            // The left operand of `||` is tested where its value is: a promise is what it gives.
            AstKind::LogicalExpression(l) if l.operator == LogicalOperator::And => {
                self.tested(&l.left);
            }
            AstKind::UnaryExpression(u) if u.operator == UnaryOperator::LogicalNot => {
                self.tested(&u.argument);
            }
            AstKind::BinaryExpression(b) if b.operator.is_equality() => {
                self.value(&b.left);
                self.value(&b.right);
            }
            AstKind::SwitchStatement(s) => self.value(&s.discriminant),
            AstKind::ObjectExpression(object) => {
                for property in &object.properties {
                    if let ObjectPropertyKind::SpreadProperty(spread) = property {
                        self.value(&spread.argument);
                    }
                }
            }
            AstKind::CallExpression(call) if call.callee_name() == Some("Boolean") => {
                if let Some(e) = call.arguments.first().and_then(|a| a.as_expression()) {
                    self.tested(e);
                }
            }
            // A promise is truthy, so that the right side is evaluated.
            AstKind::AssignmentExpression(a) if a.operator == AssignmentOperator::LogicalAnd => {
                // What is read twice must not be calculated twice.
                let is_simple = match &a.left {
                    AssignmentTarget::AssignmentTargetIdentifier(_) => true,
                    AssignmentTarget::StaticMemberExpression(m) => {
                        matches!(
                            m.object,
                            Expression::Identifier(_) | Expression::ThisExpression(_)
                        )
                    }
                    _ => false,
                };
                if is_simple {
                    let target = a.left.span();
                    let target = &self.text[target.start as usize..target.end as usize];
                    self.around(a.right.span(), format!("({SETTLED}({target}),"));
                }
            }
            _ => {}
        }
    }
}

/// Whether it cannot be a promise or a generator.
fn is_settled(e: &Expression<'_>) -> bool {
    match e {
        Expression::BooleanLiteral(_)
        | Expression::NullLiteral(_)
        | Expression::NumericLiteral(_)
        | Expression::BigIntLiteral(_)
        | Expression::RegExpLiteral(_)
        | Expression::StringLiteral(_)
        | Expression::TemplateLiteral(_)
        | Expression::ArrayExpression(_)
        | Expression::ObjectExpression(_)
        | Expression::ArrowFunctionExpression(_)
        | Expression::FunctionExpression(_)
        | Expression::ClassExpression(_)
        | Expression::AwaitExpression(_)
        | Expression::BinaryExpression(_)
        | Expression::PrivateInExpression(_)
        | Expression::UnaryExpression(_)
        | Expression::UpdateExpression(_)
        | Expression::ThisExpression(_)
        | Expression::Super(_) => true,
        Expression::Identifier(id) => id.name == "undefined",
        _ => false,
    }
}
