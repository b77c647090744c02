//! How is any pattern matched in a bounded number of steps?
//!
//! By backtracking, as ECMAScript defines it: the pattern becomes a program whose branches are
//! kept on a stack of its own. Every step is counted, and when the count ends there is no answer.
//! The stack holds at most a few entries for each step.

use super::tree::{Node, Set, word};

/// Instructions of a program.
const MAX_PROGRAM: usize = 100_000;
/// Entries of the stack.
const MAX_STACK: usize = 1_000_000;
/// A register without a value.
const UNSET: usize = usize::MAX;

/// A pattern as instructions.
#[derive(Debug)]
pub(super) struct Program {
    code: Vec<Step>,
    /// Two for each group, then one for each loop.
    registers: usize,
}

#[derive(Debug)]
enum Step {
    /// Takes one unit, before the position when `back`.
    Take {
        set: Set,
        back: bool,
    },
    Goto(usize),
    /// Goes to the first, and on failure to the second.
    Branch(usize, usize),
    /// Notes the position.
    Note(usize),
    /// Forgets what registers hold.
    Clear(usize, usize),
    /// Fails where nothing was taken since the register was set.
    Progress(usize),
    Start,
    End,
    Word {
        negative: bool,
    },
    /// Looks for what follows up to `Found`, then goes on at `after`.
    Look {
        negative: bool,
        after: usize,
    },
    /// Takes what one of the groups holds.
    Repeat {
        groups: Vec<usize>,
        back: bool,
    },
    Found,
}

impl Program {
    pub(super) fn compile(tree: &Node) -> Result<Self, String> {
        let mut writer = Writer { code: Vec::new(), registers: 2 * groups(tree) };
        writer.write(tree, false)?;
        writer.push(Step::Found)?;
        Ok(Self { code: writer.code, registers: writer.registers })
    }

    /// Whether it is found anywhere; `None` when the steps do not suffice.
    pub(super) fn search(&self, text: &[u32], steps: &mut u64) -> Option<bool> {
        let anchored = matches!(self.code.first(), Some(Step::Start));
        for from in 0..=(if anchored { 0 } else { text.len() }) {
            let registers = vec![UNSET; self.registers];
            let mut run = Run { code: &self.code, text, registers, stack: Vec::new(), steps };
            if run.run(0, from)?.is_some() {
                return Some(true);
            }
        }
        Some(false)
    }
}

fn groups(node: &Node) -> usize {
    match node {
        Node::Concat(nodes) | Node::Either(nodes) => nodes.iter().map(groups).max().unwrap_or(0),
        Node::Repeat { body, .. } | Node::Look { body, .. } => groups(body),
        Node::Group(number, body) => groups(body).max(number + 1),
        Node::Reference(list) => list.iter().map(|group| group + 1).max().unwrap_or(0),
        Node::Set(_) | Node::Start | Node::End | Node::Word { .. } => 0,
    }
}

struct Writer {
    code: Vec<Step>,
    registers: usize,
}

impl Writer {
    fn push(&mut self, step: Step) -> Result<usize, String> {
        if self.code.len() >= MAX_PROGRAM {
            return Err("it repeats too much: use smaller numbers in {}".into());
        }
        self.code.push(step);
        Ok(self.code.len() - 1)
    }

    /// Writes a node; `back` inside a lookbehind, where matching goes to the left.
    fn write(&mut self, node: &Node, back: bool) -> Result<(), String> {
        match node {
            Node::Set(set) => drop(self.push(Step::Take { set: set.clone(), back })?),
            Node::Concat(nodes) if back => {
                nodes.iter().rev().try_for_each(|node| self.write(node, back))?;
            }
            Node::Concat(nodes) => nodes.iter().try_for_each(|node| self.write(node, back))?,
            Node::Either(nodes) => self.either(nodes, back)?,
            Node::Repeat { min, max, greedy, body, groups } => {
                for _ in 0..*min {
                    let before = self.code.len();
                    self.clear(groups)?;
                    self.write(body, back)?;
                    if self.code.len() == before {
                        break;
                    }
                }
                let more = max.map(|max| max.saturating_sub(*min));
                self.optional(more, *greedy, body, groups, back)?;
            }
            Node::Group(number, body) => {
                let (first, last) = (2 * number, 2 * number + 1);
                self.push(Step::Note(if back { last } else { first }))?;
                self.write(body, back)?;
                self.push(Step::Note(if back { first } else { last }))?;
            }
            Node::Start => drop(self.push(Step::Start)?),
            Node::End => drop(self.push(Step::End)?),
            Node::Word { negative } => drop(self.push(Step::Word { negative: *negative })?),
            Node::Look { ahead, negative, body } => {
                let look = self.push(Step::Found)?;
                self.write(body, !ahead)?;
                let after = self.push(Step::Found)? + 1;
                self.code[look] = Step::Look { negative: *negative, after };
            }
            Node::Reference(groups) => {
                self.push(Step::Repeat { groups: groups.clone(), back })?;
            }
        }
        Ok(())
    }

    fn either(&mut self, nodes: &[Node], back: bool) -> Result<(), String> {
        let mut ends = Vec::new();
        for (i, node) in nodes.iter().enumerate() {
            if i + 1 == nodes.len() {
                self.write(node, back)?;
                break;
            }
            let branch = self.push(Step::Found)?;
            self.write(node, back)?;
            ends.push(self.push(Step::Found)?);
            self.code[branch] = Step::Branch(branch + 1, self.code.len());
        }
        let end = self.code.len();
        for place in ends {
            self.code[place] = Step::Goto(end);
        }
        Ok(())
    }

    fn clear(&mut self, groups: &std::ops::Range<usize>) -> Result<(), String> {
        if !groups.is_empty() {
            self.push(Step::Clear(2 * groups.start, 2 * groups.end))?;
        }
        Ok(())
    }

    /// The body up to so many times, or any number of times.
    fn optional(
        &mut self,
        times: Option<u32>,
        greedy: bool,
        body: &Node,
        groups: &std::ops::Range<usize>,
        back: bool,
    ) -> Result<(), String> {
        let register = self.registers;
        self.registers += 1;
        let mut branches = Vec::new();
        for _ in 0..times.unwrap_or(1) {
            branches.push(self.push(Step::Found)?);
            self.push(Step::Note(register))?;
            self.clear(groups)?;
            self.write(body, back)?;
            self.push(Step::Progress(register))?;
        }
        if let (None, Some(branch)) = (times, branches.first()) {
            self.push(Step::Goto(*branch))?;
        }
        let end = self.code.len();
        for place in branches {
            let (more, less) = (place + 1, end);
            self.code[place] =
                if greedy { Step::Branch(more, less) } else { Step::Branch(less, more) };
        }
        Ok(())
    }
}

enum Entry {
    /// Where to go on after a failure.
    Branch { at: usize, position: usize },
    /// What a register held.
    Register { register: usize, value: usize },
}

struct Run<'a> {
    code: &'a [Step],
    text: &'a [u32],
    registers: Vec<usize>,
    stack: Vec<Entry>,
    steps: &'a mut u64,
}

impl Run<'_> {
    /// Where a match ends; the outer `None` when steps or stack do not suffice.
    fn run(&mut self, mut at: usize, mut position: usize) -> Option<Option<usize>> {
        let base = self.stack.len();
        loop {
            *self.steps = self.steps.checked_sub(1)?;
            if self.stack.len() > MAX_STACK {
                return None;
            }
            let mut next = at + 1;
            let goes_on = match &self.code[at] {
                Step::Take { set, back } => {
                    let unit = self.unit(position, *back);
                    position = if *back { position.wrapping_sub(1) } else { position + 1 };
                    unit.is_some_and(|unit| contains(set, unit))
                }
                Step::Goto(to) => {
                    next = *to;
                    true
                }
                Step::Branch(first, second) => {
                    self.stack.push(Entry::Branch { at: *second, position });
                    next = *first;
                    true
                }
                Step::Note(register) => {
                    self.set(*register, position);
                    true
                }
                Step::Clear(from, to) => {
                    for register in *from..*to {
                        self.set(register, UNSET);
                    }
                    // Each register is a step's work.
                    *self.steps = self.steps.saturating_sub((to - from) as u64);
                    true
                }
                Step::Progress(register) => self.registers[*register] != position,
                Step::Start => position == 0,
                Step::End => position == self.text.len(),
                Step::Word { negative } => {
                    let is_word = |back| {
                        self.unit(position, back).is_some_and(|unit| contains(&word(), unit))
                    };
                    (is_word(true) != is_word(false)) != *negative
                }
                Step::Look { negative, after } => {
                    let mark = self.stack.len();
                    let found = self.run(at + 1, position)?.is_some();
                    if *negative && found {
                        self.undo(mark);
                    }
                    next = *after;
                    found != *negative
                }
                Step::Repeat { groups, back } => match self.repeated(groups, position, *back) {
                    Some(end) => {
                        *self.steps = self.steps.saturating_sub(end.abs_diff(position) as u64);
                        position = end;
                        true
                    }
                    None => false,
                },
                Step::Found => {
                    // Decided: no branch of this part is taken any more, but what it noted is
                    // forgotten when what comes before it fails.
                    let rest = self.stack.split_off(base);
                    let is_register = |entry: &Entry| matches!(entry, Entry::Register { .. });
                    self.stack.extend(rest.into_iter().filter(is_register));
                    return Some(Some(position));
                }
            };
            at = next;
            if !goes_on {
                let Some(branch) = self.fail(base) else { return Some(None) };
                (at, position) = branch;
            }
        }
    }

    fn unit(&self, position: usize, back: bool) -> Option<u32> {
        let at = if back { position.checked_sub(1)? } else { position };
        self.text.get(at).copied()
    }

    fn set(&mut self, register: usize, value: usize) {
        let before = std::mem::replace(&mut self.registers[register], value);
        if before != value {
            self.stack.push(Entry::Register { register, value: before });
        }
    }

    /// The last branch above `base`.
    fn fail(&mut self, base: usize) -> Option<(usize, usize)> {
        while self.stack.len() > base {
            match self.stack.pop()? {
                Entry::Branch { at, position } => return Some((at, position)),
                Entry::Register { register, value } => self.registers[register] = value,
            }
        }
        None
    }

    fn undo(&mut self, mark: usize) {
        while self.fail(mark).is_some() {}
    }

    /// The position beyond another copy of what a group holds; a group without a value holds "".
    fn repeated(&self, groups: &[usize], position: usize, back: bool) -> Option<usize> {
        let held = groups.iter().find_map(|group| {
            let (first, last) = (self.registers[2 * group], self.registers[2 * group + 1]);
            (first != UNSET && last != UNSET).then_some((first, last))
        });
        let Some((first, last)) = held else { return Some(position) };
        let copy = &self.text[first..last];
        let (from, to) = if back {
            (position.checked_sub(copy.len())?, position)
        } else {
            (position, position + copy.len())
        };
        (self.text.get(from..to)? == copy).then_some(if back { from } else { to })
    }
}

fn contains(set: &Set, unit: u32) -> bool {
    let after = set.partition_point(|(low, _)| *low <= unit);
    after > 0 && set[after - 1].1 >= unit
}
