//! Which expressions have a native form?
//!
//! The expression half of the compiler. Order of evaluation, short-circuits and the reach of
//! `?.` are those of ECMAScript; a call is a known method of arrays and text, a helper of the
//! module, or a read through the context.

use super::{AstKind, Callable, DEEPEST_INLINE, Lower, Name, Refusal};
use crate::fast::{Body, Expr, Method, Operator, Quantifier, ReadKind};
use oxc_ast::ast::{
    Argument, ArrayExpressionElement, ArrowFunctionExpression, BindingPattern, CallExpression,
    ChainElement, Expression, IdentifierReference, MemberExpression, ObjectPropertyKind,
    PropertyKind,
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

    fn member(&mut self, member: &MemberExpression<'_>) -> Result<Expr, Refusal> {
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

    fn call(&mut self, call: &CallExpression<'_>) -> Result<Expr, Refusal> {
        if call.optional {
            return Err("it uses '?.('".into());
        }
        match call.callee.get_inner_expression() {
            Expression::Identifier(id) => self.inline(id, call, false),
            Expression::StaticMemberExpression(m) => {
                let method = match m.property.name.as_str() {
                    "includes" => Method::Includes,
                    "startsWith" => Method::StartsWith,
                    "endsWith" => Method::EndsWith,
                    name @ ("some" | "every" | "find") => {
                        let receiver = self.expr(&m.object)?;
                        return self.each(name, receiver, m.optional, call);
                    }
                    name => return Err(format!("it calls '.{name}()'")),
                };
                let receiver = Box::new(self.expr(&m.object)?);
                let [argument] = call.arguments.as_slice() else {
                    return Err(format!(
                        "it calls '.{}()' with other than one argument",
                        m.property.name
                    ));
                };
                let argument = argument.as_expression().ok_or("it spreads an argument")?;
                let argument = Box::new(self.expr(argument)?);
                Ok(Expr::Call { method, receiver, argument, optional: m.optional })
            }
            _ => Err("it calls something that is not a helper of its module".into()),
        }
    }

    /// A call whose promise, if it gives one, is awaited.
    fn settled_call(&mut self, call: &CallExpression<'_>) -> Result<Expr, Refusal> {
        match self.read(call)? {
            Some(read) => Ok(read),
            None => match call.callee.get_inner_expression() {
                Expression::Identifier(id) if !call.optional => self.inline(id, call, true),
                _ => self.call(call),
            },
        }
    }

    /// `context.db.get(...)` and its like.
    fn read(&mut self, call: &CallExpression<'_>) -> Result<Option<Expr>, Refusal> {
        let Expression::StaticMemberExpression(method) = &call.callee else { return Ok(None) };
        let Expression::StaticMemberExpression(db) = &method.object else { return Ok(None) };
        let Expression::Identifier(id) = &db.object else { return Ok(None) };
        let Some(Name::Parameter(slot)) = self.symbol(id).and_then(|s| self.names.get(&s)).copied()
        else {
            return Ok(None);
        };
        if db.property.name != "db" || call.optional || method.optional || db.optional {
            return Ok(None);
        }
        let kind = match method.property.name.as_str() {
            "get" => ReadKind::Get,
            "exists" => ReadKind::Exists,
            "list" => ReadKind::List,
            _ => return Ok(None),
        };
        if self.context.is_some_and(|known| known != slot) {
            return Err("it reads through two contexts".into());
        }
        self.context = Some(slot);
        let arguments = call.arguments.iter().map(|a| match a.as_expression() {
            Some(e) => self.argument(e),
            None => Err("it spreads an argument".to_owned()),
        });
        Ok(Some(Expr::Read(kind, arguments.collect::<Result<_, _>>()?)))
    }

    /// An argument of a read, where an object may be written out.
    fn argument(&mut self, e: &Expression<'_>) -> Result<Expr, Refusal> {
        let Expression::ObjectExpression(object) = e.get_inner_expression() else {
            return self.expr(e);
        };
        let mut properties = Vec::new();
        for property in &object.properties {
            let ObjectPropertyKind::ObjectProperty(p) = property else {
                return Err("it spreads an object".into());
            };
            let name = p.key.static_name().filter(|n| !p.computed && n != "__proto__");
            let (Some(name), PropertyKind::Init, false) = (name, p.kind, p.method) else {
                return Err("it creates an object with computed keys".into());
            };
            // Integer-like keys would change places.
            if name.starts_with(|c: char| c.is_ascii_digit())
                || properties.iter().any(|(k, _): &(Box<str>, Expr)| **k == *name)
            {
                return Err("it creates an object with unusual keys".into());
            }
            properties.push((name.as_ref().into(), self.argument(&p.value)?));
        }
        Ok(Expr::Object(properties))
    }

    fn each(
        &mut self,
        name: &str,
        receiver: Expr,
        optional: bool,
        call: &CallExpression<'_>,
    ) -> Result<Expr, Refusal> {
        let [Argument::ArrowFunctionExpression(callback)] = call.arguments.as_slice() else {
            return Err(format!("it calls '.{name}()' with other than one arrow function"));
        };
        let callback: &ArrowFunctionExpression<'_> = callback;
        if callback.r#async || callback.params.items.len() > 2 {
            return Err(format!(
                "its '.{name}()' callback is async or has more than two parameters"
            ));
        }
        let mut slots = [None, None];
        for (slot, parameter) in slots.iter_mut().zip(&callback.params.items) {
            *slot = Some(self.parameter(&parameter.pattern, parameter.initializer.is_some())?);
        }
        let quantifier = match name {
            "some" => Quantifier::Some,
            "every" => Quantifier::Every,
            _ => Quantifier::Find,
        };
        let body = self.nested(
            &Callable {
                params: &callback.params,
                body: super::CallableBody::of_arrow(callback)?,
                is_async: false,
            },
            false,
        )?;
        let receiver = Box::new(receiver);
        Ok(Expr::Each { quantifier, receiver, item: slots[0], index: slots[1], body, optional })
    }

    fn parameter(&mut self, pattern: &BindingPattern<'_>, default: bool) -> Result<usize, Refusal> {
        let (BindingPattern::BindingIdentifier(id), false) = (pattern, default) else {
            return Err("a function it uses has a parameter with a default or pattern".into());
        };
        let slot = self.slot()?;
        self.bind(id.symbol_id.get(), Name::Slot(slot))?;
        Ok(slot)
    }

    /// A function's body where it is not the rule itself.
    fn nested(&mut self, callable: &Callable<'_>, settles: bool) -> Result<Body, Refusal> {
        if callable.params.rest.is_some() {
            return Err("a function it uses has a rest parameter".into());
        }
        let outer = std::mem::replace(&mut self.settles, settles);
        let body = self.callable_body(callable);
        self.settles = outer;
        body
    }

    /// A helper of the module, put in the place of its call.
    fn inline(
        &mut self,
        id: &IdentifierReference<'_>,
        call: &CallExpression<'_>,
        awaited: bool,
    ) -> Result<Expr, Refusal> {
        self.count()?;
        let name = id.name.as_str();
        let refused = || format!("it calls '{name}', which is not a helper of its module");
        let symbol = self.symbol(id).ok_or_else(refused)?;
        let callable = match self.module_constant(symbol) {
            Some(AstKind::Function(f)) => Callable::function(f)?,
            Some(AstKind::VariableDeclarator(d))
                if self.semantic.scoping().symbol_flags(symbol).is_const_variable() =>
            {
                match d.init.as_ref().ok_or_else(refused)?.get_inner_expression() {
                    Expression::ArrowFunctionExpression(f) => Callable {
                        params: &f.params,
                        body: super::CallableBody::of_arrow(f)?,
                        is_async: f.r#async,
                    },
                    Expression::FunctionExpression(f) => Callable::function(f)?,
                    _ => return Err(refused()),
                }
            }
            _ => return Err(refused()),
        };
        if callable.is_async && !awaited {
            return Err(format!("it calls the async '{name}' without awaiting it"));
        }
        if self.inlining.contains(&symbol) || self.inlining.len() == DEEPEST_INLINE {
            return Err(format!("'{name}' calls itself, or helpers too deeply"));
        }
        self.helper(symbol, &callable, call, awaited)
            .map_err(|reason| format!("'{name}': {reason}"))
    }

    fn helper(
        &mut self,
        symbol: SymbolId,
        callable: &Callable<'_>,
        call: &CallExpression<'_>,
        awaited: bool,
    ) -> Result<Expr, Refusal> {
        let mut arguments = Vec::new();
        let mut bindings = Vec::new();
        for (i, argument) in call.arguments.iter().enumerate() {
            let e = argument.as_expression().ok_or("it spreads an argument")?;
            let parameter = callable.params.items.get(i);
            // A parameter of the rule is passed by name, so that a context stays one.
            if let (Expression::Identifier(id), Some(parameter)) =
                (e.get_inner_expression(), parameter)
                && let Some(name) = self.symbol(id).and_then(|s| self.names.get(&s)).copied()
                && let BindingPattern::BindingIdentifier(target) = &parameter.pattern
                && parameter.initializer.is_none()
            {
                bindings.push((target.symbol_id.get(), name));
                continue;
            }
            let value = self.expr(e)?;
            arguments.push((i, value));
        }
        for (symbol, name) in bindings {
            self.bind(symbol, name)?;
        }
        let mut filled = Vec::new();
        for (i, value) in arguments {
            let slot = match callable.params.items.get(i) {
                Some(p) => Some(self.parameter(&p.pattern, p.initializer.is_some())?),
                None => None,
            };
            filled.push((slot, value));
        }
        for parameter in callable.params.items.iter().skip(call.arguments.len()) {
            let slot = self.parameter(&parameter.pattern, parameter.initializer.is_some())?;
            filled.push((Some(slot), Expr::Undefined));
        }
        self.inlining.push(symbol);
        let body = self.nested(callable, awaited);
        self.inlining.pop();
        Ok(Expr::Inline { arguments: filled, body: body? })
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
