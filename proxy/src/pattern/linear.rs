//! How is a regular pattern matched in time linear in the text?
//!
//! By a deterministic automaton that is built whole, within a bound on its size, when the config is
//! loaded: there is no slower way left that a text could drive it into. It reads UTF-8. For
//! patterns about UTF-16 units each half of a surrogate pair is a character of its own, U+10D800 to
//! U+10DFFF: such a character can be nothing else there, for itself it would be a pair as well.

use super::tree::{Node, Set, Units};
use regex_automata::Input;
use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, Look, Repetition};
use std::borrow::Cow;

/// Bytes of the automaton's table, of the work that makes it, and of what it is made from.
const MAX_TABLE: usize = 4 << 20;
const MAX_BUILDING: usize = 16 << 20;
const MAX_SOURCE: usize = 1 << 20;
/// From the surrogate's number to the character that stands for it.
const SURROGATES: u32 = 0x10_0000;

/// A finite automaton.
#[derive(Debug)]
pub(super) struct Automaton(dense::DFA<Vec<u32>>);

impl Automaton {
    /// Builds it; fails with the reason why the pattern has none.
    pub(super) fn compile(tree: &Node, units: Units) -> Result<Self, String> {
        let hir = translate(tree, units)?;
        let large = || "its automaton would be too large".to_owned();
        let nfa = thompson::Compiler::new()
            .configure(
                thompson::Config::new()
                    .nfa_size_limit(Some(MAX_SOURCE))
                    .which_captures(thompson::WhichCaptures::None),
            )
            .build_from_hir(&hir)
            .map_err(|_| large())?;
        let config = dense::Config::new()
            .start_kind(StartKind::Unanchored)
            .dfa_size_limit(Some(MAX_TABLE))
            .determinize_size_limit(Some(MAX_BUILDING));
        let dfa = dense::Builder::new().configure(config).build_from_nfa(&nfa);
        dfa.map(Self).map_err(|_| large())
    }

    /// Whether it is found in the text.
    pub(super) fn matches(&self, text: &str, units: Units) -> bool {
        let text = match units {
            Units::Utf16 if text.chars().any(|c| c > '\u{ffff}') => Cow::Owned(split(text)),
            _ => Cow::Borrowed(text),
        };
        let input = Input::new(text.as_ref()).earliest(true);
        // It fails only for bytes at which it was told to give up, and there are none.
        matches!(self.0.try_search_fwd(&input), Ok(Some(_)))
    }
}

/// The text with surrogate pairs taken apart.
fn split(text: &str) -> String {
    let stand_in = |unit: u16| char::from_u32(u32::from(unit) + SURROGATES);
    text.encode_utf16()
        .filter_map(|unit| char::from_u32(unit.into()).or_else(|| stand_in(unit)))
        .collect()
}

fn translate(node: &Node, units: Units) -> Result<Hir, String> {
    let all =
        |nodes: &[Node]| nodes.iter().map(|n| translate(n, units)).collect::<Result<Vec<_>, _>>();
    Ok(match node {
        Node::Set(set) => Hir::class(Class::Unicode(class(set, units))),
        Node::Concat(nodes) => Hir::concat(all(nodes)?),
        Node::Either(nodes) => Hir::alternation(all(nodes)?),
        Node::Repeat { min, max, greedy, body, .. } => Hir::repetition(Repetition {
            min: *min,
            max: *max,
            greedy: *greedy,
            sub: Box::new(translate(body, units)?),
        }),
        Node::Group(_, body) => translate(body, units)?,
        Node::Start => Hir::look(Look::Start),
        Node::End => Hir::look(Look::End),
        Node::Word { negative: false } => Hir::look(Look::WordAscii),
        // Between two bytes of one character there is no word boundary either.
        Node::Word { negative: true } => return Err(r"it has \B".into()),
        Node::Look { .. } => return Err("it has a lookahead or lookbehind".into()),
        Node::Reference(_) => return Err("it has a backreference".into()),
    })
}

/// The characters that stand for these units.
fn class(set: &Set, units: Units) -> ClassUnicode {
    let parts = [
        (0, 0xD7FF, 0),
        (0xD800, 0xDFFF, if units == Units::Utf16 { SURROGATES } else { u32::MAX }),
        (0xE000, 0x10_FFFF, 0),
    ];
    let mut class = ClassUnicode::empty();
    for (low, high) in set {
        for (first, last, offset) in parts {
            let (low, high) = (first.max(*low), last.min(*high));
            let place = |unit: u32| unit.checked_add(offset).and_then(char::from_u32);
            if low <= high
                && let (Some(low), Some(high)) = (place(low), place(high))
            {
                class.push(ClassUnicodeRange::new(low, high));
            }
        }
    }
    class
}
