//! Where does a function test or return what is always truthy?
//!
//! A function that nobody called, a promise that nobody awaits and a generator that nobody runs are
//! all truthy, so a rule that tests one of them allows everybody. What is found here is certain: a
//! name counts only where nothing can give it another value. What an imported name stands for, the
//! file tells that exports it ([`super::exports`]).

use super::exports::Exports;
use super::values::{ASYNC_PREDICATE, Function, Imported, Kind, Mistake, Position, Search, Value};
use oxc_ast::AstKind;
use oxc_semantic::Semantic;
use oxc_span::{GetSpan, Span};
use oxc_syntax::node::NodeId;

/// How a place uses an imported function.
#[derive(Clone, Copy, Debug)]
enum Use {
    /// In some way that decides nothing by itself.
    Mentioned,
    /// It is tested as it is.
    Tested,
    /// What a call of it gives is tested.
    CallTested,
    /// A method of arrays decides by it, or by what a call of it gives.
    Predicate,
}

/// What a file's functions do wrong; all lists are in the order of their places.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    tested: Vec<Mistake>,
    /// By the place where the function begins that returns it.
    returned: Vec<(u32, Mistake)>,
    /// Places that name a function of the file, and that function.
    uses: Vec<(u32, Span)>,
    /// Places that name an imported one.
    foreign: Vec<(u32, Imported, Use)>,
    /// What others can import.
    pub exports: Exports,
}

impl Mistakes {
    pub fn of(semantic: &Semantic<'_>) -> Self {
        let search = Search { semantic };
        let mut found = Self { exports: Exports::of(&search), ..Self::default() };
        for node in semantic.nodes().iter() {
            found.look_at(&search, node.id(), node.kind());
        }
        found.tested.sort_unstable();
        found.uses.sort_unstable_by_key(|(at, span)| (*at, span.start));
        found.foreign.sort_by_key(|(at, ..)| *at);
        found
    }

    fn look_at(&mut self, search: &Search<'_, '_>, node: NodeId, kind: AstKind<'_>) {
        let at = kind.span().start;
        let value = match kind {
            AstKind::IdentifierReference(id) => {
                let Some(symbol) = search.symbol(id) else { return };
                let function = search.function(symbol);
                if let Some(function) = &function {
                    self.uses.push((at, function.span));
                }
                if search.is_predicate(node) {
                    match (function, search.value_of(symbol, 0)) {
                        (Some(function), _) => self.tested.extend(function.predicate(at)),
                        (None, Some(Value::Imported(from))) => {
                            self.foreign.push((at, from, Use::Predicate));
                        }
                        _ => {}
                    }
                }
                search.value_of(symbol, 0)
            }
            AstKind::StaticMemberExpression(_) => {
                let Some(from) = search.imported(node) else { return };
                if search.is_predicate(node) {
                    self.foreign.push((at, from.clone(), Use::Predicate));
                }
                Some(Value::Imported(from))
            }
            AstKind::CallExpression(call) => search.called(call),
            AstKind::ArrowFunctionExpression(f) => {
                let function = Function::arrow(f);
                if search.is_predicate(node) {
                    self.tested.extend(function.predicate(at));
                }
                Some(Value::Of(Kind::Function))
            }
            AstKind::Function(f) if f.is_expression() => {
                if search.is_predicate(node) {
                    self.tested.extend(Function::declared(f).predicate(at));
                }
                Some(Value::Of(Kind::Function))
            }
            AstKind::Class(_) => Some(Value::Of(Kind::Function)),
            _ => return,
        };
        let Some(value) = value else { return };
        // Of an imported function, whatever can be: what it is decides.
        let kind = match value {
            Value::Of(kind) => kind,
            Value::Imported(_) => Kind::Function,
            Value::CallOf(_) => Kind::Promise,
        };
        let position = search.position(node, kind);
        let is_tested = match position {
            Some(Position::Tested(span)) => !search.is_called_within(node, span),
            Some(Position::Returned(owner)) => kind == Kind::Promise && search.is_predicate(owner),
            None => false,
        };
        match (value, position) {
            (Value::Of(Kind::Promise), Some(Position::Returned(_))) if is_tested => {
                self.tested.push((at, ASYNC_PREDICATE));
            }
            (Value::Of(kind), _) if is_tested => self.tested.push((at, kind.tested())),
            (Value::Of(kind), Some(Position::Returned(owner))) if kind != Kind::Promise => {
                let message = match kind {
                    Kind::Function => "this returns a function, which decides nothing: call it",
                    _ => "this returns a generator, which has not run and decides nothing",
                };
                let owner = search.semantic.nodes().kind(owner).span().start;
                self.returned.push((owner, (at, message)));
            }
            (Value::Imported(from), _) => {
                let how = if is_tested { Use::Tested } else { Use::Mentioned };
                self.foreign.push((at, from, how));
            }
            (Value::CallOf(from), position) if is_tested => {
                let is_given = matches!(position, Some(Position::Returned(_)));
                let how = if is_given { Use::Predicate } else { Use::CallTested };
                self.foreign.push((at, from, how));
            }
            _ => {}
        }
    }

    /// The first mistake that a function makes itself, but for what it imports. One that is asked
    /// as a rule, and not only used by one, must not return such an object either.
    pub fn own(&self, function: Span, is_asked: bool) -> Option<Mistake> {
        let returned = self.returned.iter().find(|(owner, _)| is_asked && *owner == function.start);
        returned
            .map(|(_, mistake)| *mistake)
            .or_else(|| within(&self.tested, function, |(at, _)| *at).first().copied())
    }

    /// The functions of the file that a function names.
    pub fn used(&self, function: Span) -> impl Iterator<Item = Span> {
        within(&self.uses, function, |(at, _)| *at).iter().map(|(_, span)| *span)
    }

    /// What a function imports, and the mistake that it makes where that is what `resolve` says.
    pub fn imports<'m, F>(
        &'m self,
        function: Span,
        resolve: impl Fn(&Imported) -> Option<(F, Function)> + 'm,
    ) -> impl Iterator<Item = (F, Span, Option<Mistake>)> + 'm {
        within(&self.foreign, function, |(at, ..)| *at).iter().filter_map(move |(at, from, how)| {
            let (file, exported) = resolve(from)?;
            let given = match (exported.is_generator, exported.is_async) {
                (true, _) => Some(Kind::Generator),
                (false, true) => Some(Kind::Promise),
                (false, false) => None,
            };
            let message = match how {
                Use::Mentioned => None,
                Use::Tested => Some(Kind::Function.tested()),
                Use::CallTested => given.map(Kind::tested),
                Use::Predicate => exported.predicate(*at).map(|(_, message)| message),
            };
            Some((file, exported.span, message.map(|message| (*at, message))))
        })
    }
}

/// The part of a sorted list that stands in a function.
fn within<T>(list: &[T], function: Span, at: impl Fn(&T) -> u32) -> &[T] {
    let from = list.partition_point(|item| at(item) < function.start);
    let until = list.partition_point(|item| at(item) < function.end);
    &list[from..until.max(from)]
}
