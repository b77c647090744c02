//! Which calls have a native form?
//!
//! A known method of arrays and text, a helper of the module (inlined), or a read through the
//! context. A promise may only stand where it is awaited.

use super::{AstKind, Callable, CallableBody, DEEPEST_INLINE, Lower, Name, Refusal};
use crate::api::ReadKind;
use crate::fast::{Body, Expr, Method, Quantifier};
use oxc_ast::ast::{
    Argument, ArrowFunctionExpression, BindingPattern, CallExpression, Expression,
    IdentifierReference, ObjectPropertyKind, PropertyKind,
};
use oxc_syntax::symbol::SymbolId;

impl<'s, 'a> Lower<'s, 'a> {
    pub(super) fn call(&mut self, call: &CallExpression<'_>) -> Result<Expr, Refusal> {
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
    pub(super) fn settled_call(&mut self, call: &CallExpression<'_>) -> Result<Expr, Refusal> {
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
                body: CallableBody::of_arrow(callback)?,
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
                        body: CallableBody::of_arrow(f)?,
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
