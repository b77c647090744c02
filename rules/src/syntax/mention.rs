//! Which fields of its parameters does a function look at?
//!
//! A row or an auth context is converted for the engine only as far as the function can see
//! it, which is the difference between 2 and 8 microseconds a row. The answer errs towards
//! "all of it": anything but a plain read of a named property makes the parameter escape.

use super::ticks::Node;
use oxc_ast::AstKind;
use oxc_ast::ast::{BindingPattern, FormalParameters, ObjectPattern};
use oxc_ast_visit::Visit;
use oxc_semantic::Semantic;
use oxc_span::GetSpan;
use oxc_syntax::symbol::SymbolId;

/// What a function uses of one parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mention {
    /// Nothing.
    Unused,
    /// These top-level properties, by plain reads.
    Fields(Vec<Box<str>>),
    /// Possibly everything.
    All,
}

impl Mention {
    /// More arguments than any function is given.
    pub const ANY_NUMBER: usize = 16;
}

/// One answer per declared parameter, in order; a rest parameter makes the list end in `All`s
/// for every argument there can be.
pub(super) fn mentions(semantic: &Semantic<'_>, node: Node<'_>) -> Vec<Mention> {
    let params: &FormalParameters<'_> = match node {
        Node::Function(f) => &f.params,
        Node::Arrow(f) => &f.params,
    };
    if params.rest.is_some() || uses_arguments(node) {
        return vec![Mention::All; Mention::ANY_NUMBER];
    }
    params
        .items
        .iter()
        .map(|parameter| {
            if parameter.initializer.is_some() {
                return Mention::All;
            }
            match &parameter.pattern {
                BindingPattern::BindingIdentifier(id) => match id.symbol_id.get() {
                    Some(symbol) => of_symbol(semantic, symbol),
                    None => Mention::All,
                },
                BindingPattern::ObjectPattern(pattern) => of_pattern(pattern),
                _ => Mention::All,
            }
        })
        .collect()
}

fn of_pattern(pattern: &ObjectPattern<'_>) -> Mention {
    if pattern.rest.is_some() || pattern.properties.iter().any(|p| p.computed) {
        return Mention::All;
    }
    let names = pattern.properties.iter().map(|p| p.key.static_name().map(Box::from));
    match names.collect::<Option<Vec<Box<str>>>>() {
        Some(fields) => Mention::Fields(fields),
        None => Mention::All,
    }
}

fn of_symbol(semantic: &Semantic<'_>, symbol: SymbolId) -> Mention {
    let mut fields: Vec<Box<str>> = Vec::new();
    let mut used = false;
    if !semantic.scoping().symbol_redeclarations(symbol).is_empty() {
        return Mention::All;
    }
    for reference in semantic.symbol_references(symbol) {
        if reference.is_type() && !reference.is_value() {
            continue;
        }
        if reference.is_write() {
            return Mention::All;
        }
        used = true;
        match read_at(semantic, reference.node_id()) {
            Some(Read::Nothing) => {}
            Some(Read::Fields(names)) => fields.extend(names),
            None => return Mention::All,
        }
    }
    if !used {
        return Mention::Unused;
    }
    fields.sort();
    fields.dedup();
    Mention::Fields(fields)
}

enum Read {
    /// Only whether it is there, or its kind: `auth !== null`, `!auth`, `typeof auth`.
    Nothing,
    Fields(Vec<Box<str>>),
}

/// What one reference reads, or `None` when the value escapes there.
fn read_at(semantic: &Semantic<'_>, node: oxc_syntax::node::NodeId) -> Option<Read> {
    let nodes = semantic.nodes();
    let own = nodes.kind(node).span();
    let mut child = node;
    let mut parent = nodes.parent_node(node);
    // Parentheses and type assertions change nothing.
    while matches!(
        parent.kind(),
        AstKind::ParenthesizedExpression(_)
            | AstKind::TSNonNullExpression(_)
            | AstKind::TSAsExpression(_)
            | AstKind::TSSatisfiesExpression(_)
    ) {
        child = parent.id();
        parent = nodes.parent_node(child);
    }
    let child_span = nodes.kind(child).span();
    match parent.kind() {
        AstKind::StaticMemberExpression(m) if m.object.span() == child_span => {
            only_read(semantic, parent.id())
                .then(|| Read::Fields(vec![m.property.name.as_str().into()]))
        }
        AstKind::ComputedMemberExpression(m) if m.object.span() == child_span => {
            match &m.expression {
                oxc_ast::ast::Expression::StringLiteral(s) if !s.lone_surrogates => {
                    only_read(semantic, parent.id())
                        .then(|| Read::Fields(vec![s.value.as_str().into()]))
                }
                _ => None,
            }
        }
        AstKind::VariableDeclarator(d)
            if d.init.as_ref().is_some_and(|i| i.span().contains_inclusive(own)) =>
        {
            match &d.id {
                BindingPattern::ObjectPattern(pattern) => match of_pattern(pattern) {
                    Mention::Fields(fields) => Some(Read::Fields(fields)),
                    _ => None,
                },
                _ => None,
            }
        }
        AstKind::BinaryExpression(b) => {
            // Compared with a literal or undefined nothing of its inside is looked at.
            let other = if b.left.span() == child_span { &b.right } else { &b.left };
            (b.operator.is_equality()
                && (other.is_null() || other.is_undefined() || other.is_literal())
                && (b.operator == oxc_syntax::operator::BinaryOperator::StrictEquality
                    || b.operator == oxc_syntax::operator::BinaryOperator::StrictInequality
                    || other.is_null_or_undefined()))
            .then_some(Read::Nothing)
        }
        AstKind::UnaryExpression(u) => matches!(
            u.operator,
            oxc_syntax::operator::UnaryOperator::LogicalNot
                | oxc_syntax::operator::UnaryOperator::Typeof
                | oxc_syntax::operator::UnaryOperator::Void
        )
        .then_some(Read::Nothing),
        AstKind::IfStatement(s) if s.test.span() == child_span => Some(Read::Nothing),
        AstKind::ConditionalExpression(c) if c.test.span() == child_span => Some(Read::Nothing),
        // `auth && ...`: the value itself can only come out when it is falsy, and then it has
        // no inside.
        AstKind::LogicalExpression(l)
            if l.left.span() == child_span
                && l.operator == oxc_syntax::operator::LogicalOperator::And =>
        {
            Some(Read::Nothing)
        }
        _ => None,
    }
}

/// Whether a member expression is read only: not called (its object would be `this`), not
/// written, not deleted.
fn only_read(semantic: &Semantic<'_>, member: oxc_syntax::node::NodeId) -> bool {
    let nodes = semantic.nodes();
    let mut child = nodes.kind(member).span();
    for parent in nodes.ancestors(member) {
        match parent.kind() {
            AstKind::ParenthesizedExpression(_)
            | AstKind::TSNonNullExpression(_)
            | AstKind::TSAsExpression(_)
            | AstKind::TSSatisfiesExpression(_)
            | AstKind::ChainExpression(_) => child = parent.kind().span(),
            AstKind::CallExpression(c) => return c.callee.span() != child,
            AstKind::TaggedTemplateExpression(t) => return t.tag.span() != child,
            AstKind::UnaryExpression(u) => {
                return u.operator != oxc_syntax::operator::UnaryOperator::Delete;
            }
            AstKind::UpdateExpression(_)
            | AstKind::AssignmentTargetPropertyIdentifier(_)
            | AstKind::AssignmentTargetPropertyProperty(_)
            | AstKind::ArrayAssignmentTarget(_)
            | AstKind::ObjectAssignmentTarget(_)
            | AstKind::AssignmentTargetWithDefault(_)
            | AstKind::AssignmentTargetRest(_) => return false,
            AstKind::ForInStatement(s) => return s.left.span() != child,
            AstKind::ForOfStatement(s) => return s.left.span() != child,
            AstKind::AssignmentExpression(a) => return a.left.span() != child,
            _ => return true,
        }
    }
    false
}

/// Whether `arguments` occurs anywhere inside; nested functions count too, which only errs
/// towards converting more.
fn uses_arguments(node: Node<'_>) -> bool {
    struct Finder(bool);
    impl<'a> Visit<'a> for Finder {
        fn visit_identifier_reference(&mut self, it: &oxc_ast::ast::IdentifierReference<'a>) {
            self.0 |= it.name == "arguments";
        }
    }
    let mut finder = Finder(false);
    match node {
        Node::Function(f) => finder.visit_function(f, oxc_syntax::scope::ScopeFlags::Function),
        Node::Arrow(f) => finder.visit_arrow_function_expression(f),
    }
    finder.0
}
