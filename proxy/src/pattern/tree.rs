//! What does a JavaScript regular expression say?
//!
//! Parsed by oxc and reduced to what matching needs. Without the flag `u` a pattern is about
//! UTF-16 units and not about characters, so a letter beyond U+FFFF is two of them. A pattern that
//! is none without the flag is read with it.

use oxc_allocator::Allocator;
use oxc_regular_expression::ast::{
    BoundaryAssertionKind, CharacterClass, CharacterClassContents, CharacterClassContentsKind,
    CharacterClassEscapeKind, Disjunction, LookAroundAssertionKind, Term, UnicodePropertyEscape,
};
use oxc_regular_expression::{LiteralParser, Options};
use regex_syntax::hir::{Class, HirKind};
use std::ops::Range;

/// Ranges of units, sorted and apart from each other.
pub(super) type Set = Vec<(u32, u32)>;

/// What a pattern's letters are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Units {
    /// UTF-16 units.
    Utf16,
    /// Code points (flag `u`).
    CodePoints,
}

impl Units {
    fn last(self) -> u32 {
        match self {
            Self::Utf16 => 0xFFFF,
            Self::CodePoints => 0x10_FFFF,
        }
    }

    /// The units of a text.
    pub(super) fn of(self, text: &str) -> Vec<u32> {
        match self {
            Self::Utf16 => text.encode_utf16().map(u32::from).collect(),
            Self::CodePoints => text.chars().map(u32::from).collect(),
        }
    }
}

/// A part of a pattern. Groups are counted from 0.
#[derive(Debug)]
pub(super) enum Node {
    Set(Set),
    Concat(Vec<Node>),
    Either(Vec<Node>),
    Repeat {
        min: u32,
        max: Option<u32>,
        greedy: bool,
        body: Box<Node>,
        groups: Range<usize>,
    },
    Group(usize, Box<Node>),
    Start,
    End,
    Word {
        negative: bool,
    },
    Look {
        ahead: bool,
        negative: bool,
        body: Box<Node>,
    },
    /// What one of these groups matched, else nothing.
    Reference(Vec<usize>),
}

/// Reads a pattern.
pub(super) fn parse(text: &str) -> Result<(Units, Node), String> {
    let read = |units: Units| {
        let allocator = Allocator::default();
        let flags = (units == Units::CodePoints).then_some("u");
        let pattern = LiteralParser::new(&allocator, text, flags, Options::default())
            .parse()
            .map_err(|e| e.to_string())?;
        let mut names = Vec::new();
        group_names(&pattern.body, &mut names);
        Reader { units, names, groups: 0 }.disjunction(&pattern.body).map(|node| (units, node))
    };
    read(Units::Utf16).or_else(|error| read(Units::CodePoints).map_err(|_| error))
}

/// The names of all groups, in their order.
fn group_names(disjunction: &Disjunction<'_>, names: &mut Vec<Option<String>>) {
    for term in disjunction.body.iter().flat_map(|a| a.body.iter()) {
        group_names_in(term, names);
    }
}

fn group_names_in(term: &Term<'_>, names: &mut Vec<Option<String>>) {
    match term {
        Term::CapturingGroup(group) => {
            names.push(group.name.as_ref().map(|n| n.as_str().to_owned()));
            group_names(&group.body, names);
        }
        Term::IgnoreGroup(group) => group_names(&group.body, names),
        Term::LookAroundAssertion(look) => group_names(&look.body, names),
        Term::Quantifier(quantifier) => group_names_in(&quantifier.body, names),
        _ => {}
    }
}

struct Reader {
    units: Units,
    names: Vec<Option<String>>,
    /// Groups met so far.
    groups: usize,
}

impl Reader {
    fn disjunction(&mut self, disjunction: &Disjunction<'_>) -> Result<Node, String> {
        let mut either = Vec::new();
        for alternative in &disjunction.body {
            let terms = alternative.body.iter().map(|term| self.term(term));
            either.push(Node::Concat(terms.collect::<Result<_, _>>()?));
        }
        Ok(if either.len() == 1 { either.remove(0) } else { Node::Either(either) })
    }

    fn term(&mut self, term: &Term<'_>) -> Result<Node, String> {
        Ok(match term {
            Term::BoundaryAssertion(boundary) => match boundary.kind {
                BoundaryAssertionKind::Start => Node::Start,
                BoundaryAssertionKind::End => Node::End,
                BoundaryAssertionKind::Boundary => Node::Word { negative: false },
                BoundaryAssertionKind::NegativeBoundary => Node::Word { negative: true },
            },
            Term::LookAroundAssertion(look) => {
                use LookAroundAssertionKind::{Lookahead, NegativeLookahead, NegativeLookbehind};
                Node::Look {
                    ahead: matches!(look.kind, Lookahead | NegativeLookahead),
                    negative: matches!(look.kind, NegativeLookahead | NegativeLookbehind),
                    body: Box::new(self.disjunction(&look.body)?),
                }
            }
            Term::Quantifier(quantifier) => {
                let before = self.groups;
                let body = Box::new(self.term(&quantifier.body)?);
                let bound = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
                Node::Repeat {
                    min: bound(quantifier.min),
                    max: quantifier.max.map(bound),
                    greedy: quantifier.greedy,
                    body,
                    groups: before..self.groups,
                }
            }
            Term::Character(character) => Node::Set(vec![(character.value, character.value)]),
            Term::Dot(_) => {
                let breaks =
                    vec![('\n'.into(), '\n'.into()), ('\r'.into(), '\r'.into()), (0x2028, 0x2029)];
                Node::Set(self.without(breaks))
            }
            Term::CharacterClassEscape(escape) => Node::Set(self.escape(escape.kind)),
            Term::UnicodePropertyEscape(escape) => Node::Set(self.property(escape)?),
            Term::CharacterClass(class) => Node::Set(self.class(class)?),
            Term::CapturingGroup(group) => {
                let number = self.groups;
                self.groups += 1;
                Node::Group(number, Box::new(self.disjunction(&group.body)?))
            }
            Term::IgnoreGroup(group) => {
                if group.modifiers.is_some() {
                    return Err(
                        "flags inside a pattern, such as (?i:...), are not supported".into()
                    );
                }
                self.disjunction(&group.body)?
            }
            Term::IndexedReference(reference) => {
                let index = usize::try_from(reference.index).unwrap_or(usize::MAX);
                if index == 0 || index > self.names.len() {
                    return Err(format!("there is no group {index}"));
                }
                Node::Reference(vec![index - 1])
            }
            Term::NamedReference(reference) => {
                let named =
                    |name: &Option<String>| name.as_deref() == Some(reference.name.as_str());
                let groups: Vec<usize> =
                    (0..self.names.len()).filter(|i| named(&self.names[*i])).collect();
                if groups.is_empty() {
                    return Err(format!("there is no group '{}'", reference.name));
                }
                Node::Reference(groups)
            }
        })
    }

    /// All units but these.
    fn without(&self, set: Set) -> Set {
        let mut rest = Vec::new();
        let mut from = 0;
        for (low, high) in normal(set) {
            if low > from {
                rest.push((from, low - 1));
            }
            from = high + 1;
        }
        if from <= self.units.last() {
            rest.push((from, self.units.last()));
        }
        rest
    }

    fn escape(&self, kind: CharacterClassEscapeKind) -> Set {
        use CharacterClassEscapeKind as Kind;
        match kind {
            Kind::D => digits(),
            Kind::NegativeD => self.without(digits()),
            Kind::S => white_space(),
            Kind::NegativeS => self.without(white_space()),
            Kind::W => word(),
            Kind::NegativeW => self.without(word()),
        }
    }

    fn property(&self, escape: &UnicodePropertyEscape<'_>) -> Result<Set, String> {
        let name = match &escape.value {
            Some(value) => format!("{}={value}", escape.name),
            None => escape.name.to_string(),
        };
        let unknown = || format!("the property '{name}' is not supported");
        let parsed = regex_syntax::parse(&format!(r"\p{{{name}}}")).map_err(|_| unknown())?;
        let HirKind::Class(Class::Unicode(class)) = parsed.kind() else { return Err(unknown()) };
        let set = class.ranges().iter().map(|r| (r.start().into(), r.end().into())).collect();
        Ok(if escape.negative { self.without(set) } else { set })
    }

    fn class(&self, class: &CharacterClass<'_>) -> Result<Set, String> {
        let unsupported = || "classes of the flag 'v' are not supported".to_owned();
        if class.kind != CharacterClassContentsKind::Union {
            return Err(unsupported());
        }
        let mut set = Vec::new();
        for part in &class.body {
            match part {
                CharacterClassContents::CharacterClassRange(range) => {
                    set.push((range.min.value, range.max.value));
                }
                CharacterClassContents::CharacterClassEscape(escape) => {
                    set.extend(self.escape(escape.kind));
                }
                CharacterClassContents::UnicodePropertyEscape(escape) => {
                    set.extend(self.property(escape)?);
                }
                CharacterClassContents::Character(c) => set.push((c.value, c.value)),
                CharacterClassContents::NestedCharacterClass(_)
                | CharacterClassContents::ClassStringDisjunction(_) => return Err(unsupported()),
            }
        }
        Ok(if class.negative { self.without(set) } else { normal(set) })
    }
}

fn normal(mut set: Set) -> Set {
    set.sort_unstable();
    let mut merged: Set = Vec::with_capacity(set.len());
    for (low, high) in set {
        match merged.last_mut() {
            Some((_, last)) if low <= last.saturating_add(1) => *last = high.max(*last),
            _ => merged.push((low, high)),
        }
    }
    merged
}

fn ranges(list: &[(char, char)]) -> Set {
    list.iter().map(|(low, high)| (u32::from(*low), u32::from(*high))).collect()
}

fn digits() -> Set {
    ranges(&[('0', '9')])
}

pub(super) fn word() -> Set {
    ranges(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')])
}

/// `WhiteSpace` and `LineTerminator` of ECMAScript.
fn white_space() -> Set {
    ranges(&[
        ('\t', '\r'),
        (' ', ' '),
        ('\u{a0}', '\u{a0}'),
        ('\u{1680}', '\u{1680}'),
        ('\u{2000}', '\u{200a}'),
        ('\u{2028}', '\u{2029}'),
        ('\u{202f}', '\u{202f}'),
        ('\u{205f}', '\u{205f}'),
        ('\u{3000}', '\u{3000}'),
        ('\u{feff}', '\u{feff}'),
    ])
}
