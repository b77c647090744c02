//! Which expressions have a native form?
//!
//! The expression half of the compiler. Order of evaluation, short-circuits and the reach of
//! `?.` are those of ECMAScript; a call is a known method of arrays and text, a helper of the
//! module, or a read through the context.

use super::{AstKind, Lower, Name, Refusal};
use crate::fast::{Expr, Operator};
use oxc_ast::ast::{
    Argument, ArrayExpressionElement, ChainElement, Expression, IdentifierReference,
    MemberExpression,
};
use oxc_span::GetSpan;
use oxc_syntax::operator::{BinaryOperator, LogicalOperator, UnaryOperator};
use oxc_syntax::symbol::SymbolId;

impl<'s, 'a> Lower<'s, 'a> {
    /// An expression whose value is returned: a promise may stand there too.
    pub(super) fn returned(&mut self, e: &Expression<'_>) -> Result<Expr, Refusal> {
        if !self.settles {
            return self.expr(e);
        }
        match e.get_inner_expression() {
            Expression::CallExpression(call) => self.settled_call(call),
            Expression::ConditionalExpression(c) => Ok(Expr::Conditional(
                Box::new(self.expr(&c.test)?),
                Box::new(self.returned(&c.consequent)?),
                Box::new(self.returned(&c.alternate)?),
            )),
            Expression::LogicalExpression(l) if l.operator == LogicalOperator::And => {
                let left = Box::new(self.expr(&l.left)?);
                Ok(Expr::And(left, Box::new(self.returned(&l.right)?)))
            }
            other => self.expr(other),
        }
    }

    pub(super) fn expr(&mut self, e: &Expression<'_>) -> Result<Expr, Refusal> {
        self.count()?;
        match e {
            Expression::NullLiteral(_) => Ok(Expr::Null),
            Expression::BooleanLiteral(b) => Ok(Expr::Bool(b.value)),
            Expression::NumericLiteral(n) => Ok(Expr::Number(n.value)),
            Expression::StringLiteral(s) if !s.lone_surrogates => {
                Ok(Expr::Text(s.value.as_str().into()))
            }
            Expression::ParenthesizedExpression(p) => self.expr(&p.expression),
            Expression::TSAsExpression(t) => self.expr(&t.expression),
            Expression::TSSatisfiesExpression(t) => self.expr(&t.expression),
            Expression::TSNonNullExpression(t) => self.expr(&t.expression),
            Expression::Identifier(id) => self.identifier(id),
            Expression::TemplateLiteral(t) => {
                let pieces = t.quasis.iter().map(|q| match &q.value.cooked {
                    Some(text) if !q.lone_surrogates => Ok(text.as_str().into()),
                    _ => Err("it has a lone surrogate".to_owned()),
                });
                let pieces = pieces.collect::<Result<Vec<_>, _>>()?;
                let expressions = t.expressions.iter().map(|e| self.expr(e));
                Ok(Expr::Template(pieces, expressions.collect::<Result<_, _>>()?))
            }
            Expression::ArrayExpression(array) => {
                let items = array.elements.iter().map(|item| match item {
                    ArrayExpressionElement::SpreadElement(_)
                    | ArrayExpressionElement::Elision(_) => Err("it spreads an array".to_owned()),
                    item => match item.as_expression() {
                        Some(e) => self.expr(e),
                        None => Err("it has an array of an unknown kind".to_owned()),
                    },
                });
                Ok(Expr::Array(items.collect::<Result<_, _>>()?))
            }
            Expression::UnaryExpression(u) => {
                let inner = Box::new(self.expr(&u.argument)?);
                match u.operator {
                    UnaryOperator::LogicalNot => Ok(Expr::Not(inner)),
                    UnaryOperator::UnaryNegation => Ok(Expr::Negate(inner)),
                    UnaryOperator::UnaryPlus => Ok(Expr::ToNumber(inner)),
                    UnaryOperator::Typeof => Ok(Expr::Typeof(inner)),
                    UnaryOperator::Void => Ok(Expr::Void(inner)),
                    other => Err(format!("it uses '{}'", other.as_str())),
                }
            }
            Expression::BinaryExpression(b) => {
                let operator = binary(b.operator)?;
                let left = Box::new(self.expr(&b.left)?);
                Ok(Expr::Binary(operator, left, Box::new(self.expr(&b.right)?)))
            }
            Expression::LogicalExpression(l) => {
                let left = Box::new(self.expr(&l.left)?);
                let right = Box::new(self.expr(&l.right)?);
                Ok(match l.operator {
                    LogicalOperator::And => Expr::And(left, right),
                    LogicalOperator::Or => Expr::Or(left, right),
                    LogicalOperator::Coalesce => Expr::Coalesce(left, right),
                })
            }
            Expression::ConditionalExpression(c) => Ok(Expr::Conditional(
                Box::new(self.expr(&c.test)?),
                Box::new(self.expr(&c.consequent)?),
                Box::new(self.expr(&c.alternate)?),
            )),
            Expression::ChainExpression(chain) => {
                let inner = match &chain.expression {
                    ChainElement::CallExpression(call) => self.call(call)?,
                    ChainElement::TSNonNullExpression(t) => self.expr(&t.expression)?,
                    element => match element.as_member_expression() {
                        Some(member) => self.member(member)?,
                        None => return Err("it has a chain of an unknown kind".into()),
                    },
                };
                Ok(Expr::Chain(Box::new(inner)))
            }
            Expression::CallExpression(call) => self.call(call),
            Expression::AwaitExpression(a) => match a.argument.get_inner_expression() {
                Expression::CallExpression(call) => self.settled_call(call),
                other => self.expr(other),
            },
            Expression::RegExpLiteral(_) => Err("it uses a regular expression".into()),
            Expression::ThisExpression(_) => Err("it uses 'this'".into()),
            Expression::NewExpression(_) => Err("it creates an object with 'new'".into()),
            Expression::ObjectExpression(_) => Err("it creates an object".into()),
            Expression::AssignmentExpression(_) | Expression::UpdateExpression(_) => {
                Err("it assigns".into())
            }
            Expression::ArrowFunctionExpression(_) | Expression::FunctionExpression(_) => {
                Err("it creates a function".into())
            }
            other => match other.as_member_expression() {
                Some(member) => self.member(member),
                None => Err("it has an expression outside the native subset".into()),
            },
        }
    }

    fn identifier(&mut self, id: &IdentifierReference<'_>) -> Result<Expr, Refusal> {
        let Some(symbol) = self.symbol(id) else {
            return match id.name.as_str() {
                "undefined" => Ok(Expr::Undefined),
                "NaN" => Ok(Expr::Number(f64::NAN)),
                "Infinity" => Ok(Expr::Number(f64::INFINITY)),
                name => Err(format!("it uses the global '{name}'")),
            };
        };
        match self.names.get(&symbol) {
            Some(Name::Slot(slot)) => Ok(Expr::Slot(*slot)),
            Some(Name::Parameter(slot)) => {
                self.used |= 1 << slot;
                Ok(Expr::Slot(*slot))
            }
            None => self.constant(symbol, id.name.as_str()),
        }
    }

    /// A constant of the module: a primitive, or an array of them that is only looked into.
    fn constant(&mut self, symbol: SymbolId, name: &str) -> Result<Expr, Refusal> {
        let refused = || format!("it uses '{name}', which is not a constant of its module");
        let Some(AstKind::VariableDeclarator(declarator)) = self.module_constant(symbol) else {
            return Err(refused());
        };
        if !self.semantic.scoping().symbol_flags(symbol).is_const_variable() {
            return Err(refused());
        }
        let init = declarator.init.as_ref().ok_or_else(refused)?.get_inner_expression();
        let literal = match init {
            Expression::ArrayExpression(_) => {
                if !self.only_looked_into(symbol) {
                    return Err(format!("it uses '{name}', which may be changed or exported"));
                }
                true
            }
            Expression::UnaryExpression(u) => u.argument.is_literal(),
            e => e.is_literal(),
        };
        if !literal {
            return Err(refused());
        }
        let value = self.expr(init)?;
        let primitives = match &value {
            Expr::Array(items) => items.iter().all(Expr::is_literal),
            _ => true,
        };
        if primitives { Ok(value) } else { Err(refused()) }
    }

    /// Whether every use of an array is `x.includes(...)`, `x.some(...)`, `x.every(...)` or
    /// `x.length`, so that its items are for ever what they are in the text.
    fn only_looked_into(&self, symbol: SymbolId) -> bool {
        let nodes = self.semantic.nodes();
        let declaration = self.semantic.scoping().symbol_declaration(symbol);
        if nodes.ancestor_kinds(declaration).any(|k| matches!(k, AstKind::ExportDeclaration(_))) {
            return false;
        }
        self.semantic.symbol_references(symbol).all(|reference| {
            let parent = nodes.parent_node(reference.node_id());
            let AstKind::StaticMemberExpression(member) = parent.kind() else {
                return reference.is_type() && !reference.is_value();
            };
            let whole = nodes.parent_kind(parent.id());
            match member.property.name.as_str() {
                "length" => {
                    !matches!(
                        whole,
                        AstKind::AssignmentExpression(_)
                            | AstKind::UpdateExpression(_)
                            | AstKind::UnaryExpression(_)
                    ) && !is_target(whole)
                }
                "includes" => {
                    matches!(whole, AstKind::CallExpression(c) if c.callee.span() == member.span)
                }
                // The callback must not be handed the array itself.
                "some" | "every" => matches!(whole, AstKind::CallExpression(c)
                    if c.callee.span() == member.span && matches!(c.arguments.as_slice(),
                        [Argument::ArrowFunctionExpression(f)]
                            if f.params.items.len() <= 2 && f.params.rest.is_none())),
                _ => false,
            }
        })
    }

    pub(super) fn member(&mut self, member: &MemberExpression<'_>) -> Result<Expr, Refusal> {
        self.count()?;
        match member {
            MemberExpression::StaticMemberExpression(m) => Ok(Expr::Member {
                object: Box::new(self.expr(&m.object)?),
                name: m.property.name.as_str().into(),
                optional: m.optional,
            }),
            MemberExpression::ComputedMemberExpression(m) => Ok(Expr::Index {
                object: Box::new(self.expr(&m.object)?),
                key: Box::new(self.expr(&m.expression)?),
                optional: m.optional,
            }),
            MemberExpression::PrivateFieldExpression(_) => Err("it uses a private field".into()),
        }
    }
}

/// Whether a node writes to the member expression that is its part.
fn is_target(kind: AstKind<'_>) -> bool {
    matches!(
        kind,
        AstKind::AssignmentTargetPropertyProperty(_)
            | AstKind::ArrayAssignmentTarget(_)
            | AstKind::AssignmentTargetWithDefault(_)
            | AstKind::AssignmentTargetRest(_)
            | AstKind::ForInStatement(_)
            | AstKind::ForOfStatement(_)
    )
}

fn binary(operator: BinaryOperator) -> Result<Operator, Refusal> {
    Ok(match operator {
        BinaryOperator::StrictEquality => Operator::StrictEqual,
        BinaryOperator::StrictInequality => Operator::StrictUnequal,
        BinaryOperator::Equality => Operator::Equal,
        BinaryOperator::Inequality => Operator::Unequal,
        BinaryOperator::LessThan => Operator::Less,
        BinaryOperator::LessEqualThan => Operator::LessEqual,
        BinaryOperator::GreaterThan => Operator::Greater,
        BinaryOperator::GreaterEqualThan => Operator::GreaterEqual,
        BinaryOperator::Addition => Operator::Add,
        BinaryOperator::Subtraction => Operator::Subtract,
        BinaryOperator::Multiplication => Operator::Multiply,
        BinaryOperator::Division => Operator::Divide,
        BinaryOperator::Remainder => Operator::Remainder,
        other => return Err(format!("it uses '{}'", other.as_str())),
    })
}
