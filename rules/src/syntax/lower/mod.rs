//! Which functions have a native form, and which is it?
//!
//! Compiles a function to the tree of [`crate::fast`], or says in words what stands in the way
//! (`edgebase check` prints it). Helpers and constants of the module are inlined when nothing
//! can change them. Anything not understood here is refused, never approximated.

use crate::fast::{Body, Expr, Program};
use crate::syntax::ticks::Node;
use oxc_ast::AstKind;
use oxc_ast::ast::{
    ArrowFunctionBody, ArrowFunctionExpression, BindingPattern, Expression, FormalParameters,
    Function, FunctionBody, IdentifierReference, ObjectPattern, Statement, VariableDeclaration,
};
use oxc_semantic::Semantic;
use oxc_syntax::symbol::SymbolId;
use std::collections::HashMap;

mod call;
mod expr;

/// Why there is no native form.
type Refusal = String;

/// Helpers are inlined this deep.
const DEEPEST_INLINE: usize = 8;
/// Slots a function may need, helpers included.
const MOST_SLOTS: usize = 63;
/// Nodes a tree may have, so that helpers calling helpers cannot multiply without end.
const MOST_NODES: usize = 4_000;

/// Compiles one function.
pub(in crate::syntax) fn lower(
    semantic: &Semantic<'_>,
    node: Node<'_>,
) -> Result<Program, Refusal> {
    let mut lower = Lower {
        semantic,
        names: HashMap::new(),
        slots: 0,
        nodes: 0,
        inlining: Vec::new(),
        settles: true,
        used: 0,
        context: None,
    };
    let callable = Callable::of(node)?;
    let mut prologue = Vec::new();
    // Arguments fill the first slots, before anything taken out of them gets one.
    for _ in &callable.params.items {
        lower.slot()?;
    }
    for (slot, parameter) in callable.params.items.iter().enumerate() {
        if parameter.initializer.is_some() {
            return Err("it has a default parameter".into());
        }
        match &parameter.pattern {
            BindingPattern::BindingIdentifier(id) => {
                lower.bind(id.symbol_id.get(), Name::Parameter(slot))?;
            }
            BindingPattern::ObjectPattern(pattern) => {
                lower.used |= 1 << slot;
                lower.destructure(pattern, &Expr::Slot(slot), &mut prologue)?;
            }
            _ => return Err("it has a parameter that is taken apart".into()),
        }
    }
    let mut body = lower.callable_body(&callable)?;
    if !prologue.is_empty() {
        prologue.append(&mut body);
        body = prologue;
    }
    let params = callable.params.items.len();
    if lower.context.is_some_and(|slot| lower.used & (1 << slot) != 0) {
        return Err("it uses its context other than for reads".into());
    }
    Ok(Program { params, slots: lower.slots, used: lower.used, context: lower.context, body })
}

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
enum Name {
    Slot(usize),
    /// A parameter of the rule itself; its slot has the same number.
    Parameter(usize),
}

/// A function of either kind, reduced to what compiling needs.
struct Callable<'a> {
    params: &'a FormalParameters<'a>,
    body: CallableBody<'a>,
    is_async: bool,
}

enum CallableBody<'a> {
    Block(&'a FunctionBody<'a>),
    Expression(&'a Expression<'a>),
}

impl<'a> CallableBody<'a> {
    fn of_arrow(f: &'a ArrowFunctionExpression<'a>) -> Result<Self, Refusal> {
        Ok(match &f.body {
            ArrowFunctionBody::FunctionBody(body) => Self::Block(body),
            body => Self::Expression(body.as_expression().ok_or("its body is of an unknown kind")?),
        })
    }
}

impl<'a> Callable<'a> {
    fn of(node: Node<'a>) -> Result<Self, Refusal> {
        match node {
            Node::Function(f) => Self::function(f),
            Node::Arrow(f) => {
                refuse_rest(&f.params)?;
                let body = CallableBody::of_arrow(f)?;
                Ok(Self { params: &f.params, body, is_async: f.r#async })
            }
        }
    }

    fn function(f: &'a Function<'a>) -> Result<Self, Refusal> {
        if f.generator {
            return Err("it is a generator".into());
        }
        refuse_rest(&f.params)?;
        let body = f.body.as_deref().ok_or("it has no body")?;
        Ok(Self { params: &f.params, body: CallableBody::Block(body), is_async: f.r#async })
    }
}

fn refuse_rest(params: &FormalParameters<'_>) -> Result<(), Refusal> {
    if params.rest.is_some() { Err("it has a rest parameter".into()) } else { Ok(()) }
}

struct Lower<'s, 'a> {
    semantic: &'s Semantic<'a>,
    names: HashMap<SymbolId, Name>,
    slots: usize,
    nodes: usize,
    inlining: Vec<SymbolId>,
    /// Whether a promise that the function being compiled returns is awaited by its caller.
    settles: bool,
    /// Parameters of the rule that are used as values, by bit.
    used: u64,
    /// The parameter that reads go through.
    context: Option<usize>,
}

impl<'s, 'a> Lower<'s, 'a> {
    fn slot(&mut self) -> Result<usize, Refusal> {
        if self.slots == MOST_SLOTS {
            return Err("it has too many variables".into());
        }
        self.slots += 1;
        Ok(self.slots - 1)
    }

    fn bind(&mut self, symbol: Option<SymbolId>, name: Name) -> Result<(), Refusal> {
        let symbol = symbol.ok_or("a name of it is not resolved")?;
        if self.semantic.scoping().symbol_is_mutated(symbol)
            || !self.semantic.scoping().symbol_redeclarations(symbol).is_empty()
        {
            let name = self.semantic.scoping().symbol_name(symbol);
            return Err(format!("it assigns to '{name}'"));
        }
        self.names.insert(symbol, name);
        Ok(())
    }

    /// Lets for `{ a, b: c } = value`.
    fn destructure(
        &mut self,
        pattern: &ObjectPattern<'_>,
        value: &Expr,
        out: &mut Body,
    ) -> Result<(), Refusal> {
        if pattern.rest.is_some() || pattern.properties.is_empty() {
            return Err("it takes an object apart with a rest or empty pattern".into());
        }
        for property in &pattern.properties {
            let name = property.key.static_name().filter(|_| !property.computed);
            let (Some(name), BindingPattern::BindingIdentifier(id)) = (name, &property.value)
            else {
                return Err("it takes an object apart with defaults or nested patterns".into());
            };
            let Expr::Slot(source) = value else {
                return Err("it takes apart what is not a variable".into());
            };
            let slot = self.slot()?;
            self.bind(id.symbol_id.get(), Name::Slot(slot))?;
            out.push(crate::fast::Statement::Let(
                slot,
                Expr::Member {
                    object: Box::new(Expr::Slot(*source)),
                    name: name.as_ref().into(),
                    optional: false,
                },
            ));
        }
        Ok(())
    }

    fn callable_body(&mut self, callable: &Callable<'_>) -> Result<Body, Refusal> {
        match &callable.body {
            CallableBody::Block(body) => self.statements(&body.statements),
            CallableBody::Expression(e) => {
                Ok(vec![crate::fast::Statement::Return(self.returned(e)?)])
            }
        }
    }

    fn statements(&mut self, statements: &[Statement<'_>]) -> Result<Body, Refusal> {
        let mut body = Vec::with_capacity(statements.len());
        for statement in statements {
            self.statement(statement, &mut body)?;
        }
        Ok(body)
    }

    fn statement(&mut self, statement: &Statement<'_>, out: &mut Body) -> Result<(), Refusal> {
        use crate::fast::Statement as Fast;
        match statement {
            Statement::EmptyStatement(_) => {}
            Statement::ReturnStatement(r) => out.push(Fast::Return(match &r.argument {
                Some(e) => self.returned(e)?,
                None => Expr::Undefined,
            })),
            Statement::IfStatement(s) => {
                let test = self.expr(&s.test)?;
                let mut then = Vec::new();
                self.statement(&s.consequent, &mut then)?;
                let mut other = Vec::new();
                if let Some(alternate) = &s.alternate {
                    self.statement(alternate, &mut other)?;
                }
                out.push(Fast::If(test, then, other));
            }
            Statement::BlockStatement(b) => out.push(Fast::Block(self.statements(&b.body)?)),
            Statement::ExpressionStatement(s) => {
                out.push(Fast::Evaluate(self.expr(&s.expression)?))
            }
            Statement::VariableDeclaration(d) => self.declaration(d, out)?,
            Statement::ThrowStatement(t) => out.push(Fast::Throw(self.thrown(&t.argument)?)),
            // Types only.
            Statement::TSTypeAliasDeclaration(_) | Statement::TSInterfaceDeclaration(_) => {}
            Statement::ForStatement(_)
            | Statement::ForInStatement(_)
            | Statement::ForOfStatement(_)
            | Statement::WhileStatement(_)
            | Statement::DoWhileStatement(_) => return Err("it has a loop".into()),
            Statement::TryStatement(_) => return Err("it has a try".into()),
            Statement::SwitchStatement(_) => return Err("it has a switch".into()),
            Statement::FunctionDeclaration(_) | Statement::ClassDeclaration(_) => {
                return Err("it declares a function or class".into());
            }
            _ => return Err("it has a statement outside the native subset".into()),
        }
        Ok(())
    }

    fn declaration(
        &mut self,
        declaration: &VariableDeclaration<'_>,
        out: &mut Body,
    ) -> Result<(), Refusal> {
        if !declaration.kind.is_lexical() || declaration.kind.is_using() {
            return Err("it declares with var".into());
        }
        for declarator in &declaration.declarations {
            let Some(init) = &declarator.init else {
                return Err("it declares a variable without a value".into());
            };
            // The name is bound after its value, so that a use before the declaration, which
            // throws, is refused here.
            let value = self.expr(init)?;
            let slot = self.slot()?;
            out.push(crate::fast::Statement::Let(slot, value));
            match &declarator.id {
                BindingPattern::BindingIdentifier(id) => {
                    self.bind(id.symbol_id.get(), Name::Slot(slot))?;
                }
                BindingPattern::ObjectPattern(pattern) => {
                    self.destructure(pattern, &Expr::Slot(slot), out)?;
                }
                _ => return Err("it takes an array apart".into()),
            }
        }
        Ok(())
    }

    /// The message of `throw new Error(message)`.
    fn thrown(&mut self, e: &Expression<'_>) -> Result<Expr, Refusal> {
        if let Expression::NewExpression(new) = e.get_inner_expression()
            && let Expression::Identifier(id) = &new.callee
            && id.name == "Error"
            && self.semantic.is_reference_to_global_variable(id)
        {
            match new.arguments.as_slice() {
                [] => return Ok(Expr::Text("".into())),
                [message] => {
                    if let Some(Expression::StringLiteral(s)) = message.as_expression() {
                        return Ok(Expr::Text(s.value.as_str().into()));
                    }
                }
                _ => {}
            }
        }
        Err("it throws something other than new Error('...')".into())
    }

    /// A module-level declaration that nothing can change after the module has run.
    fn module_constant(&self, symbol: SymbolId) -> Option<AstKind<'a>> {
        let scoping = self.semantic.scoping();
        if scoping.symbol_scope_id(symbol) != scoping.root_scope_id()
            || scoping.symbol_is_mutated(symbol)
            || !scoping.symbol_redeclarations(symbol).is_empty()
        {
            return None;
        }
        Some(self.semantic.nodes().kind(scoping.symbol_declaration(symbol)))
    }

    fn symbol(&self, id: &IdentifierReference<'_>) -> Option<SymbolId> {
        let reference = id.reference_id.get()?;
        self.semantic.scoping().get_reference(reference).symbol_id()
    }

    fn count(&mut self) -> Result<(), Refusal> {
        self.nodes += 1;
        if self.nodes > MOST_NODES { Err("it is too large".into()) } else { Ok(()) }
    }
}
