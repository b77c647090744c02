//! Where does the deadline get a word in?
//!
//! Walks a parsed file and inserts a call of the tick at the start of every function body and
//! every loop body. The engine's own limits count loop iterations per call and nesting, not
//! time; with a tick in each of these places every runaway written in JavaScript comes past a
//! clock. What is put around values that decide ([`decisions`]) is inserted along with it.

use super::decisions::{self, Decisions};
use oxc_ast::AstKind;
use oxc_ast::ast::{
    ArrowFunctionBody, ArrowFunctionExpression, Expression, Function, FunctionBody,
    ImportExpression, ObjectPropertyKind, Program, Statement,
};
use oxc_ast_visit::{Visit, walk};
use oxc_span::{GetSpan, Span};
use oxc_syntax::scope::ScopeFlags;

/// The name of the tick; sources that contain it are refused.
pub(crate) const TICK: &str = "__edgebase_tick";

/// A function found.
pub(super) struct Found<'a> {
    pub tick: u32,
    pub node: Node<'a>,
}

/// The two ways of writing a function.
#[derive(Clone, Copy)]
pub(super) enum Node<'a> {
    Function(&'a Function<'a>),
    Arrow(&'a ArrowFunctionExpression<'a>),
}

impl Node<'_> {
    pub fn span(&self) -> Span {
        match self {
            Self::Function(f) => f.span,
            Self::Arrow(f) => f.span,
        }
    }
}

/// A text with its ticks.
pub(super) struct Inserted<'a> {
    pub text: String,
    pub functions: Vec<Found<'a>>,
    pub pieces: Vec<Piece>,
}

/// An offset in the original text and the length inserted there.
pub(super) type Piece = (u32, u32);

impl Inserted<'_> {
    /// The place in the original text of a place in the instrumented one.
    pub fn original(&self, offset: u32) -> u32 {
        original(&self.pieces, offset)
    }
}

/// The place in the original text of a place in the text with these pieces inserted.
pub(super) fn original(pieces: &[Piece], offset: u32) -> u32 {
    let mut shift = 0;
    for (at, length) in pieces {
        if at + shift >= offset {
            break;
        }
        shift += length;
    }
    offset.saturating_sub(shift)
}

/// Inserts the ticks; an `Err` names a place and why the text is refused.
pub(super) fn insert<'a>(
    program: &'a Program<'a>,
    text: &str,
    first: u32,
) -> Result<Inserted<'a>, (u32, String)> {
    let mut ticks = Ticks { next: first, found: Vec::new(), pieces: Vec::new(), refused: None };
    ticks.visit_program(program);
    if let Some(refused) = ticks.refused {
        return Err(refused);
    }
    let Decisions { begins, ends } = decisions::of(program, text);
    // Stable: of two insertions at one place the one met first comes first. What a decision ends
    // with stands within the tick's bracket, and so does what it begins with.
    let mut pieces = ends;
    pieces.append(&mut ticks.pieces);
    pieces.extend(begins);
    pieces.sort_by_key(|(at, _)| *at);
    let mut out = String::with_capacity(text.len() + pieces.len() * 24);
    let mut from = 0usize;
    for (at, piece) in &pieces {
        out.push_str(&text[from..*at as usize]);
        out.push_str(piece);
        from = *at as usize;
    }
    out.push_str(&text[from..]);
    let lengths = pieces.iter().map(|(at, piece)| (*at, piece.len() as u32)).collect();
    // The visitor hands out references that do not outlive a call, so the nodes are looked up
    // again below, by identity.
    let functions = ticks.found;
    Ok(Inserted { text: out, functions: resolve(program, functions), pieces: lengths })
}

struct Ticks {
    next: u32,
    found: Vec<(u32, u32)>,
    pieces: Vec<(u32, String)>,
    refused: Option<(u32, String)>,
}

impl Ticks {
    fn number(&mut self, span: Span) -> u32 {
        let tick = self.next;
        self.next += 1;
        self.found.push((tick, span.start));
        tick
    }

    fn enter_body(&mut self, body: &FunctionBody<'_>, tick: u32) {
        let at = body.directives.last().map_or(body.span.start + 1, |d| d.span.end);
        self.pieces.push((at, format!(";{TICK}({tick});")));
    }

    fn loop_body(&mut self, body: &Statement<'_>) -> Option<u32> {
        if let Statement::BlockStatement(block) = body {
            self.pieces.push((block.span.start + 1, format!("{TICK}();")));
            None
        } else {
            self.pieces.push((body.span().start, format!("{{{TICK}();")));
            Some(body.span().end)
        }
    }

    fn close(&mut self, end: Option<u32>) {
        if let Some(end) = end {
            self.pieces.push((end, "}".to_owned()));
        }
    }
}

impl<'a> Visit<'a> for Ticks {
    fn visit_function(&mut self, it: &Function<'a>, flags: ScopeFlags) {
        if let Some(body) = &it.body {
            let tick = self.number(it.span);
            self.enter_body(body, tick);
        }
        walk::walk_function(self, it, flags);
    }

    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        let tick = self.number(it.span);
        let end = match &it.body {
            ArrowFunctionBody::FunctionBody(body) => {
                self.enter_body(body, tick);
                None
            }
            body => {
                let span = body.span();
                self.pieces.push((span.start, format!("({TICK}({tick}),")));
                Some(span.end)
            }
        };
        walk::walk_arrow_function_expression(self, it);
        if let Some(end) = end {
            self.pieces.push((end, ")".to_owned()));
        }
    }

    fn visit_import_expression(&mut self, it: &ImportExpression<'a>) {
        let message = "import() is not available in a config; use a static import".to_owned();
        self.refused.get_or_insert((it.span.start, message));
    }

    fn visit_for_statement(&mut self, it: &oxc_ast::ast::ForStatement<'a>) {
        let end = self.loop_body(&it.body);
        walk::walk_for_statement(self, it);
        self.close(end);
    }

    fn visit_for_in_statement(&mut self, it: &oxc_ast::ast::ForInStatement<'a>) {
        let end = self.loop_body(&it.body);
        walk::walk_for_in_statement(self, it);
        self.close(end);
    }

    fn visit_for_of_statement(&mut self, it: &oxc_ast::ast::ForOfStatement<'a>) {
        let end = self.loop_body(&it.body);
        walk::walk_for_of_statement(self, it);
        self.close(end);
    }

    fn visit_while_statement(&mut self, it: &oxc_ast::ast::WhileStatement<'a>) {
        let end = self.loop_body(&it.body);
        walk::walk_while_statement(self, it);
        self.close(end);
    }

    fn visit_do_while_statement(&mut self, it: &oxc_ast::ast::DoWhileStatement<'a>) {
        let end = self.loop_body(&it.body);
        walk::walk_do_while_statement(self, it);
        self.close(end);
    }
}

/// Finds the nodes of the numbered functions in the program.
fn resolve<'a>(program: &'a Program<'a>, found: Vec<(u32, u32)>) -> Vec<Found<'a>> {
    struct Nodes<'a> {
        nodes: Vec<(Span, Node<'a>)>,
    }
    impl<'a> Visit<'a> for Nodes<'a> {
        fn enter_node(&mut self, kind: AstKind<'a>) {
            match kind {
                AstKind::Function(f) if f.body.is_some() => {
                    self.nodes.push((f.span, Node::Function(f)));
                }
                AstKind::ArrowFunctionExpression(f) => self.nodes.push((f.span, Node::Arrow(f))),
                _ => {}
            }
        }
    }
    let mut nodes = Nodes { nodes: Vec::new() };
    nodes.visit_program(program);
    // Both walks meet the functions in the same order.
    found
        .into_iter()
        .zip(nodes.nodes)
        .filter(|((_, offset), (span, _))| span.start == *offset)
        .map(|((tick, _), (_, node))| Found { tick, node })
        .collect()
}

/// The first place nested deeper than `limit`.
pub(super) fn too_deep(program: &Program<'_>, limit: usize) -> Option<u32> {
    struct Depth {
        depth: usize,
        limit: usize,
        found: Option<u32>,
    }
    impl<'a> Visit<'a> for Depth {
        fn enter_node(&mut self, kind: AstKind<'a>) {
            self.depth += 1;
            if self.depth > self.limit && self.found.is_none() {
                self.found = Some(kind.span().start);
            }
        }
        fn leave_node(&mut self, _: AstKind<'a>) {
            self.depth -= 1;
        }
    }
    let mut depth = Depth { depth: 0, limit, found: None };
    depth.visit_program(program);
    depth.found
}

/// The number in the tick with which the outermost function of an expression begins.
pub(super) fn outermost(expression: &Expression<'_>) -> Option<u32> {
    match expression.get_inner_expression() {
        Expression::FunctionExpression(f) => first_tick(f.body.as_deref()?),
        Expression::ArrowFunctionExpression(f) => match &f.body {
            ArrowFunctionBody::FunctionBody(body) => first_tick(body),
            body => match body.as_expression()?.get_inner_expression() {
                Expression::SequenceExpression(s) => number_of(s.expressions.first()?),
                _ => None,
            },
        },
        Expression::ObjectExpression(object) => match object.properties.as_slice() {
            [ObjectPropertyKind::ObjectProperty(property)] => outermost(&property.value),
            _ => None,
        },
        _ => None,
    }
}

fn first_tick(body: &FunctionBody<'_>) -> Option<u32> {
    body.statements.iter().find_map(|statement| match statement {
        Statement::EmptyStatement(_) => None,
        Statement::ExpressionStatement(s) => Some(number_of(&s.expression)),
        _ => Some(None),
    })?
}

fn number_of(call: &Expression<'_>) -> Option<u32> {
    let Expression::CallExpression(call) = call else { return None };
    if call.callee_name() != Some(TICK) {
        return None;
    }
    match call.arguments.first()?.as_expression()? {
        Expression::NumericLiteral(n) => Some(n.value as u32),
        _ => None,
    }
}
