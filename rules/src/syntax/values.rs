//! Is an expression a function, a promise or a generator, and where does its value end up?
//!
//! As far as the text is certain: a name counts only where nothing can give it another value.

use oxc_ast::AstKind;
use oxc_ast::ast::{
    BindingPattern, CallExpression, Expression, IdentifierReference, ImportOrExportKind,
};
use oxc_semantic::Semantic;
use oxc_span::{GetSpan, Span};
use oxc_syntax::node::NodeId;
use oxc_syntax::operator::{LogicalOperator, UnaryOperator};
use oxc_syntax::symbol::SymbolId;

/// A place and what is wrong there.
pub(crate) type Mistake = (u32, &'static str);

/// A name of another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Imported {
    pub specifier: String,
    /// `None` for all of them, as a namespace.
    pub name: Option<String>,
}

/// Where a name is imported from, if it is.
fn imported(semantic: &Semantic<'_>, symbol: SymbolId) -> Option<Imported> {
    let nodes = semantic.nodes();
    let declaration = semantic.scoping().symbol_declaration(symbol);
    let name = match nodes.kind(declaration) {
        AstKind::ImportSpecifier(s) => Some(s.imported.name().to_string()),
        AstKind::ImportDefaultSpecifier(_) => Some("default".to_owned()),
        AstKind::ImportNamespaceSpecifier(_) => None,
        _ => return None,
    };
    match nodes.parent_kind(declaration) {
        AstKind::ImportDeclaration(import) if import.import_kind != ImportOrExportKind::Type => {
            Some(Imported { specifier: import.source.value.to_string(), name })
        }
        _ => None,
    }
}

/// Constants that name constants are followed this far.
const DEEPEST: usize = 8;
/// Methods of arrays that decide by what their first argument, a function, says.
const PREDICATES: [&str; 7] =
    ["every", "filter", "find", "findIndex", "findLast", "findLastIndex", "some"];

/// What is said of a function that a method of arrays does not await.
pub(super) const ASYNC_PREDICATE: &str =
    "no method of arrays awaits what its function says, and a promise is true: loop and await";
/// What is said of a generator function there.
const LAZY_PREDICATE: &str = "a generator is true and has not run";

/// An object that is truthy whatever it stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Function,
    Promise,
    Generator,
}

impl Kind {
    pub(super) fn tested(self) -> &'static str {
        match self {
            Self::Function => "a function is true whatever it would say: call it",
            Self::Promise => "a promise is true whatever it comes to: await it",
            Self::Generator => "a generator is true and has not run",
        }
    }
}

/// What an expression is, or what has to be known of an imported function to say it.
#[derive(Clone)]
pub(super) enum Value {
    Of(Kind),
    Imported(Imported),
    /// What a call of it gives.
    CallOf(Imported),
}

/// Where the value of an expression ends up.
pub(super) enum Position {
    /// In a test; the span is that of everything that depends on it.
    Tested(Span),
    /// As the result of a function.
    Returned(NodeId),
}

/// A function of a file; a class counts as one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function {
    pub span: Span,
    pub(super) is_async: bool,
    pub(super) is_generator: bool,
}

impl Function {
    pub(super) fn arrow(f: &oxc_ast::ast::ArrowFunctionExpression<'_>) -> Self {
        Self { span: f.span, is_async: f.r#async, is_generator: false }
    }

    pub(super) fn declared(f: &oxc_ast::ast::Function<'_>) -> Self {
        Self { span: f.span, is_async: f.r#async, is_generator: f.generator }
    }

    pub(super) fn class(c: &oxc_ast::ast::Class<'_>) -> Self {
        Self { span: c.span, is_async: false, is_generator: false }
    }

    fn of(e: &Expression<'_>) -> Option<Self> {
        Some(match e.get_inner_expression() {
            Expression::ArrowFunctionExpression(f) => Self::arrow(f),
            Expression::FunctionExpression(f) => Self::declared(f),
            _ => return None,
        })
    }

    /// The mistake of giving it to a method of arrays that decides by it.
    pub(super) fn predicate(&self, at: u32) -> Option<Mistake> {
        match (self.is_generator, self.is_async) {
            (true, _) => Some((at, LAZY_PREDICATE)),
            (false, true) => Some((at, ASYNC_PREDICATE)),
            (false, false) => None,
        }
    }
}

pub(super) struct Search<'s, 'a> {
    pub(super) semantic: &'s Semantic<'a>,
}

impl<'a> Search<'_, 'a> {
    pub(super) fn symbol(&self, id: &IdentifierReference<'_>) -> Option<SymbolId> {
        let reference = id.reference_id.get()?;
        self.semantic.scoping().get_reference(reference).symbol_id()
    }

    /// The declaration of a name that never gets another value.
    fn declaration(&self, symbol: SymbolId) -> Option<AstKind<'a>> {
        let scoping = self.semantic.scoping();
        if scoping.symbol_is_mutated(symbol) || !scoping.symbol_redeclarations(symbol).is_empty() {
            return None;
        }
        Some(self.semantic.nodes().kind(scoping.symbol_declaration(symbol)))
    }

    /// What a constant is initialized with.
    fn init(&self, symbol: SymbolId) -> Option<&'a Expression<'a>> {
        match self.declaration(symbol)? {
            AstKind::VariableDeclarator(d)
                if self.semantic.scoping().symbol_flags(symbol).is_const_variable()
                    && matches!(d.id, BindingPattern::BindingIdentifier(_)) =>
            {
                d.init.as_ref()
            }
            _ => None,
        }
    }

    pub(super) fn function(&self, symbol: SymbolId) -> Option<Function> {
        match self.declaration(symbol)? {
            AstKind::Function(f) => Some(Function::declared(f)),
            _ => Function::of(self.init(symbol)?),
        }
    }

    /// The function or class that a name stands for, or where it is imported from.
    pub(super) fn exported(&self, symbol: SymbolId) -> Option<Result<Function, Imported>> {
        if let Some(function) = self.function(symbol) {
            return Some(Ok(function));
        }
        match self.declaration(symbol)? {
            AstKind::Class(c) => Some(Ok(Function::class(c))),
            _ => match self.value_of(symbol, 0)? {
                Value::Imported(from) => Some(Err(from)),
                _ => None,
            },
        }
    }

    /// The function or class that an expression stands for, or where it is imported from.
    pub(super) fn exported_expression(
        &self,
        e: &Expression<'_>,
    ) -> Option<Result<Function, Imported>> {
        match e.get_inner_expression() {
            Expression::Identifier(id) => self.exported(self.symbol(id)?),
            Expression::ClassExpression(c) => Some(Ok(Function::class(c))),
            e => Function::of(e).map(Ok),
        }
    }

    pub(super) fn value_of(&self, symbol: SymbolId, depth: usize) -> Option<Value> {
        match self.declaration(symbol)? {
            AstKind::Function(_) | AstKind::Class(_) => return Some(Value::Of(Kind::Function)),
            _ => {
                if let Some(from) = imported(self.semantic, symbol) {
                    return from.name.is_some().then_some(Value::Imported(from));
                }
            }
        }
        match self.init(symbol)?.get_inner_expression() {
            Expression::Identifier(id) if depth < DEEPEST => {
                self.value_of(self.symbol(id)?, depth + 1)
            }
            Expression::CallExpression(call) => self.called(call),
            Expression::ClassExpression(_) => Some(Value::Of(Kind::Function)),
            init => Function::of(init).map(|_| Value::Of(Kind::Function)),
        }
    }

    /// `namespace.name`, where the namespace is imported.
    pub(super) fn imported(&self, member: NodeId) -> Option<Imported> {
        let AstKind::StaticMemberExpression(member) = self.semantic.nodes().kind(member) else {
            return None;
        };
        let Expression::Identifier(id) = &member.object else { return None };
        let from = imported(self.semantic, self.symbol(id)?)?;
        let name = Some(member.property.name.to_string());
        from.name.is_none().then_some(Imported { name, ..from })
    }

    /// What a call gives: that of a function of the file, or a read through `ctx.db`.
    pub(super) fn called(&self, call: &CallExpression<'_>) -> Option<Value> {
        match call.callee.get_inner_expression() {
            Expression::Identifier(id) => {
                let symbol = self.symbol(id)?;
                let Some(function) = self.function(symbol) else {
                    return match self.value_of(symbol, 0)? {
                        Value::Imported(from) => Some(Value::CallOf(from)),
                        _ => None,
                    };
                };
                match (function.is_generator, function.is_async) {
                    (true, _) => Some(Value::Of(Kind::Generator)),
                    (false, true) => Some(Value::Of(Kind::Promise)),
                    (false, false) => None,
                }
            }
            Expression::StaticMemberExpression(method) => {
                if let Some(from) = self.imported(method.node_id.get()) {
                    return Some(Value::CallOf(from));
                }
                let Expression::StaticMemberExpression(db) = &method.object else { return None };
                let Expression::Identifier(id) = &db.object else { return None };
                let is_read = db.property.name == "db"
                    && matches!(method.property.name.as_str(), "get" | "exists" | "list");
                let owner = self.declaration(self.symbol(id)?)?;
                (is_read && matches!(owner, AstKind::FormalParameter(_)))
                    .then_some(Value::Of(Kind::Promise))
            }
            _ => None,
        }
    }

    /// Whether a method of arrays decides by the function at a node.
    pub(super) fn is_predicate(&self, node: NodeId) -> bool {
        let nodes = self.semantic.nodes();
        let AstKind::CallExpression(call) = nodes.parent_kind(node) else { return false };
        let Expression::StaticMemberExpression(method) = call.callee.get_inner_expression() else {
            return false;
        };
        let own = nodes.kind(node).span();
        PREDICATES.contains(&method.property.name.as_str())
            && call.arguments.first().is_some_and(|a| a.span() == own)
    }

    pub(super) fn position(&self, node: NodeId, kind: Kind) -> Option<Position> {
        let nodes = self.semantic.nodes();
        let mut child = node;
        loop {
            let own = nodes.kind(child).span();
            let parent = nodes.parent_node(child);
            let whole = parent.kind().span();
            match parent.kind() {
                AstKind::ParenthesizedExpression(_)
                | AstKind::TSNonNullExpression(_)
                | AstKind::TSAsExpression(_)
                | AstKind::TSSatisfiesExpression(_) => {}
                AstKind::LogicalExpression(l)
                    if l.left.span() == own && l.operator != LogicalOperator::Coalesce =>
                {
                    return Some(Position::Tested(whole));
                }
                AstKind::ConditionalExpression(c) if c.test.span() == own => {
                    return Some(Position::Tested(whole));
                }
                AstKind::LogicalExpression(_) | AstKind::ConditionalExpression(_) => {}
                AstKind::AwaitExpression(_) if kind == Kind::Function => {}
                AstKind::IfStatement(s) if s.test.span() == own => {
                    return Some(Position::Tested(whole));
                }
                AstKind::UnaryExpression(u) if u.operator == UnaryOperator::LogicalNot => {
                    return Some(Position::Tested(whole));
                }
                AstKind::BinaryExpression(b)
                    if b.operator.is_equality() && kind != Kind::Function =>
                {
                    return Some(Position::Tested(whole));
                }
                AstKind::WhileStatement(s) if s.test.span() == own => {
                    return Some(Position::Tested(whole));
                }
                AstKind::DoWhileStatement(s) if s.test.span() == own => {
                    return Some(Position::Tested(whole));
                }
                AstKind::ForStatement(s) if s.test.as_ref().is_some_and(|t| t.span() == own) => {
                    return Some(Position::Tested(whole));
                }
                AstKind::SwitchStatement(s)
                    if s.discriminant.span() == own && kind != Kind::Function =>
                {
                    return Some(Position::Tested(whole));
                }
                AstKind::ArrowFunctionExpression(_) => {
                    return Some(Position::Returned(parent.id()));
                }
                AstKind::ReturnStatement(_) => {
                    let mut around = nodes.ancestors(parent.id());
                    return around
                        .find(|node| {
                            matches!(
                                node.kind(),
                                AstKind::Function(_) | AstKind::ArrowFunctionExpression(_)
                            )
                        })
                        .map(|node| Position::Returned(node.id()));
                }
                _ => return None,
            }
            child = parent.id();
        }
    }

    /// Whether the name that is tested, perhaps one of a namespace, is called where the test lets
    /// it: then the test only asks whether there is such a function.
    pub(super) fn is_called_within(&self, tested: NodeId, span: Span) -> bool {
        let nodes = self.semantic.nodes();
        let (id, property) = match nodes.kind(tested) {
            AstKind::IdentifierReference(id) => (id, None),
            AstKind::StaticMemberExpression(member) => match &member.object {
                Expression::Identifier(id) => (&**id, Some(&member.property.name)),
                _ => return false,
            },
            _ => return false,
        };
        let Some(symbol) = self.symbol(id) else { return false };
        self.semantic.symbol_references(symbol).any(|reference| {
            let name = match property {
                None => reference.node_id(),
                Some(property) => match nodes.parent_kind(reference.node_id()) {
                    AstKind::StaticMemberExpression(m) if m.property.name == property => {
                        m.node_id.get()
                    }
                    _ => return false,
                },
            };
            let at = nodes.kind(name).span();
            span.contains_inclusive(at)
                && matches!(nodes.parent_kind(name),
                    AstKind::CallExpression(call) if call.callee.span() == at)
        })
    }
}
