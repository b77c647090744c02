//! Where does a function test or return what is always truthy?
//!
//! A function that nobody called, a promise that nobody awaits and a generator that nobody runs are
//! all truthy, so a rule that tests one of them allows everybody. What is found here is certain: a
//! name counts only where nothing can give it another value.

use oxc_ast::AstKind;
use oxc_ast::ast::{BindingPattern, CallExpression, Expression, IdentifierReference};
use oxc_semantic::Semantic;
use oxc_span::{GetSpan, Span};
use oxc_syntax::node::NodeId;
use oxc_syntax::operator::{LogicalOperator, UnaryOperator};
use oxc_syntax::symbol::SymbolId;
use std::collections::HashSet;

/// A place and what is wrong there.
pub(crate) type Mistake = (u32, &'static str);

/// Constants that name constants are followed this far.
const DEEPEST: usize = 8;

/// An object that is truthy whatever it stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Function,
    Promise,
    Generator,
}

/// Where the value of an expression ends up.
enum Position {
    /// In a test; the span is that of everything that depends on it.
    Tested(Span),
    /// As the result of the function that begins here.
    Returned(u32),
}

/// What a file's functions do wrong.
#[derive(Default)]
pub(super) struct Mistakes {
    tested: Vec<Mistake>,
    /// By the place where the function begins that returns it.
    returned: Vec<(u32, Mistake)>,
    /// Places that name a function of the file, and that function.
    uses: Vec<(u32, Span)>,
}

impl Mistakes {
    pub fn of(semantic: &Semantic<'_>) -> Self {
        let search = Search { semantic };
        let mut found = Self::default();
        for node in semantic.nodes().iter() {
            let (kind, symbol) = match node.kind() {
                AstKind::IdentifierReference(id) => {
                    let Some(symbol) = search.symbol(id) else { continue };
                    if let Some(function) = search.function(symbol) {
                        found.uses.push((id.span.start, function.span));
                    }
                    (search.kind_of(symbol, 0), Some(symbol))
                }
                AstKind::CallExpression(call) => (search.called(call), None),
                AstKind::ArrowFunctionExpression(_) | AstKind::Class(_) => {
                    (Some(Kind::Function), None)
                }
                AstKind::Function(f) if f.is_expression() => (Some(Kind::Function), None),
                _ => continue,
            };
            let Some(kind) = kind else { continue };
            let at = node.kind().span().start;
            match search.position(node.id(), kind) {
                Some(Position::Tested(span))
                    if !symbol.is_some_and(|s| search.is_called_within(s, span)) =>
                {
                    found.tested.push((
                        at,
                        match kind {
                            Kind::Function => "a function is true whatever it would say: call it",
                            Kind::Promise => "a promise is true whatever it comes to: await it",
                            Kind::Generator => "a generator is true and has not run",
                        },
                    ));
                }
                Some(Position::Returned(owner)) if kind != Kind::Promise => {
                    found.returned.push((owner, (at, match kind {
                        Kind::Function => "this returns a function, which decides nothing: call it",
                        _ => "this returns a generator, which has not run and decides nothing",
                    })));
                }
                _ => {}
            }
        }
        found
    }

    /// The first mistake of a function, or of one of the file that it uses.
    pub fn within(&self, function: Span) -> Option<Mistake> {
        let returned = self.returned.iter().find(|(owner, _)| *owner == function.start);
        if let Some((_, mistake)) = returned {
            return Some(*mistake);
        }
        if self.tested.is_empty() {
            return None;
        }
        let (mut known, mut waiting) = (HashSet::from([function.start]), vec![function]);
        while let Some(span) = waiting.pop() {
            let inside = |at: u32| (span.start..span.end).contains(&at);
            if let Some(mistake) = self.tested.iter().find(|(at, _)| inside(*at)) {
                return Some(*mistake);
            }
            let used = self.uses.iter().filter(|(at, _)| inside(*at));
            waiting.extend(used.map(|(_, span)| *span).filter(|span| known.insert(span.start)));
        }
        None
    }
}

/// A function of the file.
struct Function {
    span: Span,
    is_async: bool,
    is_generator: bool,
}

impl Function {
    fn of(e: &Expression<'_>) -> Option<Self> {
        Some(match e.get_inner_expression() {
            Expression::ArrowFunctionExpression(f) => {
                Self { span: f.span, is_async: f.r#async, is_generator: false }
            }
            Expression::FunctionExpression(f) => {
                Self { span: f.span, is_async: f.r#async, is_generator: f.generator }
            }
            _ => return None,
        })
    }
}

struct Search<'s, 'a> {
    semantic: &'s Semantic<'a>,
}

impl<'a> Search<'_, 'a> {
    fn symbol(&self, id: &IdentifierReference<'_>) -> Option<SymbolId> {
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

    fn function(&self, symbol: SymbolId) -> Option<Function> {
        match self.declaration(symbol)? {
            AstKind::Function(f) => {
                Some(Function { span: f.span, is_async: f.r#async, is_generator: f.generator })
            }
            _ => Function::of(self.init(symbol)?),
        }
    }

    fn kind_of(&self, symbol: SymbolId, depth: usize) -> Option<Kind> {
        if matches!(self.declaration(symbol)?, AstKind::Function(_) | AstKind::Class(_)) {
            return Some(Kind::Function);
        }
        match self.init(symbol)?.get_inner_expression() {
            Expression::Identifier(id) if depth < DEEPEST => {
                self.kind_of(self.symbol(id)?, depth + 1)
            }
            Expression::CallExpression(call) => self.called(call),
            Expression::ClassExpression(_) => Some(Kind::Function),
            init => Function::of(init).map(|_| Kind::Function),
        }
    }

    /// What a call gives: that of a function of the file, or a read through `ctx.db`.
    fn called(&self, call: &CallExpression<'_>) -> Option<Kind> {
        match call.callee.get_inner_expression() {
            Expression::Identifier(id) => {
                let function = self.function(self.symbol(id)?)?;
                match (function.is_generator, function.is_async) {
                    (true, _) => Some(Kind::Generator),
                    (false, true) => Some(Kind::Promise),
                    (false, false) => None,
                }
            }
            Expression::StaticMemberExpression(method) => {
                let Expression::StaticMemberExpression(db) = &method.object else { return None };
                let Expression::Identifier(id) = &db.object else { return None };
                let is_read = db.property.name == "db"
                    && matches!(method.property.name.as_str(), "get" | "exists" | "list");
                let owner = self.declaration(self.symbol(id)?)?;
                (is_read && matches!(owner, AstKind::FormalParameter(_))).then_some(Kind::Promise)
            }
            _ => None,
        }
    }

    fn position(&self, node: NodeId, kind: Kind) -> Option<Position> {
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
                AstKind::ArrowFunctionExpression(f) => {
                    return Some(Position::Returned(f.span.start));
                }
                AstKind::ReturnStatement(_) => {
                    return nodes.ancestor_kinds(parent.id()).find_map(|kind| match kind {
                        AstKind::Function(f) => Some(Position::Returned(f.span.start)),
                        AstKind::ArrowFunctionExpression(f) => {
                            Some(Position::Returned(f.span.start))
                        }
                        _ => None,
                    });
                }
                _ => return None,
            }
            child = parent.id();
        }
    }

    /// Whether what is tested is called where the test lets it: then the test only asks whether
    /// there is such a function.
    fn is_called_within(&self, symbol: SymbolId, span: Span) -> bool {
        let nodes = self.semantic.nodes();
        self.semantic.symbol_references(symbol).any(|reference| {
            let at = nodes.kind(reference.node_id()).span();
            span.contains_inclusive(at)
                && matches!(nodes.parent_kind(reference.node_id()),
                    AstKind::CallExpression(call) if call.callee.span() == at)
        })
    }
}
