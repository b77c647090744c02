//! What does a source file say, and what of it is run?
//!
//! The one module that knows the parser. A file goes through it once: parsed, its functions
//! described, deadline ticks inserted by text position, types stripped, printed as plain
//! JavaScript. Text insertion keeps line numbers and survives changes of the parser's API.
//!
//! Invariant: every function body and every loop body of the printed text begins with a tick,
//! and a function's tick carries the number under which it is described here.

mod decisions;
mod exports;
mod lower;
mod mention;
mod mistakes;
mod nesting;
mod origins;
mod places;
mod repeated;
mod ticks;
mod values;

pub(crate) use decisions::SETTLED;
pub(crate) use mention::Mention;
pub(crate) use mistakes::Mistakes;
pub(crate) use origins::Origins;
pub(crate) use places::{Place, Places};
pub(crate) use ticks::TICK;
pub(crate) use values::{Function, Imported};

use crate::error::{LoadError, Location};
use crate::fast;
use oxc_allocator::Allocator;
use oxc_ast::ast::{Program, Statement};
use oxc_codegen::{Codegen, CodegenOptions};
use oxc_parser::{Parser, ParserReturn};
use oxc_semantic::SemanticBuilder;
use oxc_span::{SourceType, Span};
use oxc_transformer::{TransformOptions, Transformer};
use std::path::Path;
use std::sync::Arc;

/// What kind of text a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    TypeScript,
    JavaScript,
}

/// One function of a file, described.
#[derive(Debug)]
pub(crate) struct Described {
    /// The number in its tick.
    pub tick: u32,
    /// Where it stands.
    pub span: Span,
    pub is_generator: bool,
    /// What it uses of each parameter; parameters beyond the end are unused.
    pub mentions: Vec<Mention>,
    /// Its native form, or why it has none.
    pub fast: Result<Arc<fast::Program>, String>,
}

/// An import that survives the stripping of types.
#[derive(Debug)]
pub(crate) struct Import {
    pub specifier: String,
    /// Where it stands in the original text.
    pub offset: u32,
}

/// A file made ready to run.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub js: String,
    pub imports: Vec<Import>,
    pub functions: Vec<Described>,
    pub places: Places,
    pub mistakes: Mistakes,
    pub origins: Origins,
}

/// Nested syntax beyond this is refused.
const DEEPEST_SYNTAX: usize = 1_000;

/// Prepares one file; its functions are numbered from `first_tick`.
pub(crate) fn prepare(
    file: &Path,
    text: &str,
    kind: Kind,
    first_tick: u32,
) -> Result<Prepared, LoadError> {
    let source = match kind {
        Kind::TypeScript => SourceType::ts(),
        Kind::JavaScript => SourceType::mjs(),
    }
    .with_module(true);
    if let Some((offset, message)) = nesting::too_deep(text) {
        return Err(at(file, text, offset, message));
    }
    for name in [TICK, SETTLED] {
        if let Some(offset) = text.find(name) {
            let message = format!("the name {name} is reserved");
            return Err(at(file, text, offset as u32, message));
        }
    }
    let allocator = Allocator::default();
    let program = parse(&allocator, file, text, source)?;
    if let Some(offset) = ticks::too_deep(&program, DEEPEST_SYNTAX) {
        return Err(at(file, text, offset, "this is nested too deeply"));
    }
    if let Some((offset, name)) = repeated::in_module(&program) {
        return Err(at(file, text, offset, stands_twice(&name)));
    }
    let semantic =
        SemanticBuilder::new().with_build_nodes(true).with_check_syntax_error(true).build(&program);
    if let Some(e) = semantic.diagnostics.errors().next() {
        return Err(diagnostic(file, text, e, |o| o));
    }
    let semantic = semantic.semantic;
    let inserted = ticks::insert(&program, text, first_tick)
        .map_err(|(offset, message)| at(file, text, offset, message))?;
    let mistakes = Mistakes::of(&semantic);
    let functions = inserted
        .functions
        .iter()
        .map(|f| Described {
            tick: f.tick,
            span: f.node.span(),
            is_generator: matches!(f.node, ticks::Node::Function(g) if g.generator),
            mentions: mention::mentions(&semantic, f.node),
            fast: lower::lower(&semantic, f.node).map(Arc::new),
        })
        .collect();
    let places = places::places(&program);
    let Printed { js, imports, marks } = print(file, text, source, &inserted)?;
    let origins = Origins::new(marks, inserted.text, inserted.pieces);
    Ok(Prepared { js, imports, functions, places, mistakes, origins })
}

/// The places of a JSON file's keys; its value is parsed elsewhere.
pub(crate) fn json_places(file: &Path, text: &str) -> Result<Places, LoadError> {
    let allocator = Allocator::default();
    // JSON is a part of JavaScript, but for a repeated `__proto__`.
    let expression = Parser::new(&allocator, text, SourceType::mjs()).parse_expression().map_err(
        |all| match all.first() {
            Some(e) => diagnostic(file, text, e, |o| o),
            None => LoadError::in_file(file, "this cannot be parsed"),
        },
    )?;
    match repeated::in_json(&expression) {
        Some((offset, name)) => Err(at(file, text, offset, stands_twice(&name))),
        None => Ok(places::of_json(&expression)),
    }
}

fn stands_twice(name: &str) -> String {
    format!("'{name}' stands twice in this object, and the later value would win: leave one out")
}

/// The tick number of the function whose source text (as `toString` gives it) this is.
pub(crate) fn tick_of(function_text: &str) -> Option<u32> {
    if !function_text.contains(TICK) {
        return None;
    }
    let allocator = Allocator::default();
    // A method's text is an expression only inside an object literal, every other function's
    // only outside of one.
    [format!("({function_text})"), format!("({{{function_text}}})")].iter().find_map(|wrapped| {
        let allocator = &allocator;
        let text = allocator.alloc_str(wrapped);
        let expression = Parser::new(allocator, text, SourceType::mjs()).parse_expression().ok()?;
        ticks::outermost(&expression)
    })
}

fn parse<'a>(
    allocator: &'a Allocator,
    file: &Path,
    text: &'a str,
    source: SourceType,
) -> Result<Program<'a>, LoadError> {
    let ParserReturn { program, diagnostics, panicked, .. } =
        Parser::new(allocator, text, source).parse();
    if let Some(e) = diagnostics.errors().next() {
        return Err(diagnostic(file, text, e, |o| o));
    }
    if panicked {
        return Err(LoadError::in_file(file, "this cannot be parsed"));
    }
    Ok(program)
}

/// The instrumented text without its types.
struct Printed {
    js: String,
    imports: Vec<Import>,
    marks: Vec<origins::Mark>,
}

/// Strips the types of the instrumented text and prints it.
fn print(
    file: &Path,
    text: &str,
    source: SourceType,
    inserted: &ticks::Inserted<'_>,
) -> Result<Printed, LoadError> {
    let allocator = Allocator::default();
    let ParserReturn { mut program, diagnostics, panicked, .. } =
        Parser::new(&allocator, &inserted.text, source).parse();
    if panicked || diagnostics.has_errors() {
        let message = "this cannot be instrumented: the parser refuses its own text";
        return Err(LoadError::in_file(file, message));
    }
    let scoping = SemanticBuilder::new()
        .with_excess_capacity(2.0)
        .with_enum_eval(true)
        .build(&program)
        .semantic
        .into_scoping();
    let result = Transformer::new(&allocator, file, &TransformOptions::default())
        .build_with_scoping(scoping, &mut program);
    if let Some(e) = result.diagnostics.errors().next() {
        return Err(diagnostic(file, text, e, |o| inserted.original(o)));
    }
    let imports = program
        .body
        .iter()
        .filter_map(|statement| match statement {
            Statement::ImportDeclaration(i) => Some(&i.source),
            Statement::ExportAllDeclaration(e) => Some(&e.source),
            Statement::ExportFromDeclaration(e) => Some(&e.source),
            _ => None,
        })
        .map(|source| Import {
            specifier: source.value.to_string(),
            offset: inserted.original(source.span.start),
        })
        .collect();
    let options =
        CodegenOptions { source_map_path: Some(file.to_owned()), ..CodegenOptions::default() };
    let printed = Codegen::new().with_options(options).build(&program);
    let marks = printed.map.iter().flat_map(|map| map.get_tokens()).map(|token| origins::Mark {
        printed: (token.get_dst_line(), token.get_dst_col()),
        source: (token.get_src_line(), token.get_src_col()),
    });
    Ok(Printed { marks: marks.collect(), js: printed.code, imports })
}

fn at(file: &Path, text: &str, offset: u32, message: impl Into<String>) -> LoadError {
    LoadError::at(Location::of(file, text, offset), text, message)
}

fn diagnostic(
    file: &Path,
    text: &str,
    diagnostic: &oxc_diagnostics::OxcDiagnostic,
    original: impl Fn(u32) -> u32,
) -> LoadError {
    let mut message = diagnostic.message.to_string();
    if let Some(help) = &diagnostic.help {
        message = format!("{message} ({help})");
    }
    match diagnostic.labels.first() {
        Some(label) => at(file, text, original(label.offset()), message),
        None => LoadError::in_file(file, message),
    }
}
