//! Which statements does the server keep parsed and planned for a connection?
//!
//! Parsing and planning a statement costs more than running it by key, but what the server keeps
//! costs it some 25 kB each. So a statement is kept when it comes a second time within the
//! memory of a connection, and the least recently used goes when there are [`KEPT`]. With more
//! instances than that in even use nothing is kept, and nothing is lost by trying.
//!
//! A kept statement gives nobody anything: its text names schema and table, the server checks
//! privileges whenever it runs, against whoever the transaction then is, and plans it anew when
//! a table, its rights or the search path changed. SQL cannot name it inside an instance, where
//! PREPARE, EXECUTE and DEALLOCATE are refused.

use lru::LruCache;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;

/// Statements kept for a connection.
const KEPT: NonZeroUsize = NonZeroUsize::new(256).unwrap();
/// Statements remembered that have come once.
const SEEN: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// The longest text kept, in bytes: longer ones (a batch's inserts) hardly come again.
const MAX_TEXT: usize = 4096;

/// How a statement is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The server has it, under that number.
    Kept(u32),
    /// It is parsed under that number, and kept once the server says so.
    Keep(u32),
    /// It is parsed for this once.
    Once,
}

/// The statements of one connection.
#[derive(Debug)]
pub struct Prepared {
    /// Begins the name of every statement. No other connection has it: where a pooler gives one
    /// connection's backend to another, a name must not stand for the other's statement.
    prefix: u64,
    kept: LruCache<Box<str>, u32>,
    seen: LruCache<u64, ()>,
    hasher: RandomState,
    last: u32,
    /// Sent to be kept and not yet confirmed, in the order of the answers; `None` are those sent
    /// for once.
    unconfirmed: VecDeque<Option<(Box<str>, u32)>>,
    /// To be closed at the next occasion.
    surplus: Vec<u32>,
    /// Whether one that is kept has been asked for since the last start.
    used: bool,
}

impl Default for Prepared {
    fn default() -> Self {
        Self {
            prefix: rand::random(),
            kept: LruCache::new(KEPT),
            seen: LruCache::new(SEEN),
            hasher: RandomState::new(),
            last: 0,
            unconfirmed: VecDeque::new(),
            surplus: Vec::new(),
            used: false,
        }
    }
}

impl Prepared {
    /// How to send this text; one that is sent to be parsed must be confirmed, or not, by
    /// [`Self::confirm`] in the order of asking.
    pub fn plan(&mut self, text: &str) -> Plan {
        if let Some(number) = self.kept.get(text) {
            self.used = true;
            return Plan::Kept(*number);
        }
        let again =
            text.len() <= MAX_TEXT && self.seen.put(self.hasher.hash_one(text), ()).is_some();
        if !again {
            self.unconfirmed.push_back(None);
            return Plan::Once;
        }
        self.last = self.last.wrapping_add(1);
        self.unconfirmed.push_back(Some((text.into(), self.last)));
        Plan::Keep(self.last)
    }

    /// A text that is never kept.
    pub fn once(&mut self) -> Plan {
        self.unconfirmed.push_back(None);
        Plan::Once
    }

    /// The server has parsed the first statement that was not confirmed yet.
    pub fn confirm(&mut self) {
        if let Some(Some((text, number))) = self.unconfirmed.pop_front()
            && let Some((_, old)) = self.kept.push(text, number)
        {
            self.surplus.push(old);
        }
    }

    /// The name under which the server keeps a statement.
    pub fn name(&self, number: u32) -> String {
        format!("{:x}_{number}", self.prefix)
    }

    /// What is not confirmed by now never will be: the server skipped it after an error.
    pub fn settle(&mut self) {
        self.unconfirmed.clear();
    }

    /// Begins to note whether one that is kept is asked for.
    pub fn start(&mut self) {
        self.used = false;
    }

    /// Whether one was.
    pub fn was_used(&self) -> bool {
        self.used
    }

    /// What is kept is of no use any more: it is closed, and parsed anew when it comes again.
    pub fn outdate(&mut self) {
        while let Some((_, number)) = self.kept.pop_lru() {
            self.surplus.push(number);
        }
    }

    /// Statements to close; they are as good as closed with this call.
    pub fn surplus(&mut self) -> std::vec::Drain<'_, u32> {
        self.surplus.drain(..)
    }

    /// The server has forgotten all.
    pub fn forget(&mut self) {
        self.kept.clear();
        self.surplus.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_kept_when_it_comes_again() {
        let mut prepared = Prepared::default();
        assert_eq!(prepared.plan("a"), Plan::Once);
        prepared.confirm();
        assert_eq!(prepared.plan("a"), Plan::Keep(1));
        prepared.confirm();
        assert_eq!(prepared.plan("a"), Plan::Kept(1));
        prepared.forget();
        assert_eq!(prepared.plan("a"), Plan::Keep(2));
    }

    #[test]
    fn what_the_server_has_skipped_is_not_kept() {
        let mut prepared = Prepared::default();
        for _ in 0..2 {
            prepared.plan("a");
            prepared.plan("b");
            prepared.confirm();
            prepared.settle();
        }
        assert_eq!(prepared.plan("a"), Plan::Kept(1));
        assert_eq!(prepared.plan("b"), Plan::Keep(3));
    }

    #[test]
    fn the_least_recently_used_gives_way_and_is_closed() {
        let mut prepared = Prepared::default();
        for n in 0..=KEPT.get() {
            for _ in 0..2 {
                prepared.plan(&n.to_string());
                prepared.confirm();
            }
        }
        assert_eq!(prepared.surplus().collect::<Vec<_>>(), [1]);
        assert_eq!(prepared.surplus().count(), 0);
    }

    #[test]
    fn the_same_text_twice_in_one_batch_leaves_one() {
        let mut prepared = Prepared::default();
        for _ in 0..3 {
            prepared.plan("a");
        }
        for _ in 0..3 {
            prepared.confirm();
        }
        assert_eq!(prepared.surplus().collect::<Vec<_>>(), [1]);
        assert_eq!(prepared.plan("a"), Plan::Kept(2));
    }

    #[test]
    fn what_is_outdated_is_closed_and_parsed_anew() {
        let mut prepared = Prepared::default();
        for _ in 0..3 {
            prepared.start();
            prepared.plan("a");
            prepared.confirm();
        }
        assert!(prepared.was_used());
        prepared.outdate();
        assert_eq!(prepared.surplus().collect::<Vec<_>>(), [1]);
        prepared.start();
        assert_eq!(prepared.plan("a"), Plan::Keep(2));
        assert!(!prepared.was_used());
    }

    #[test]
    fn long_texts_are_never_kept() {
        let mut prepared = Prepared::default();
        let long = "x".repeat(MAX_TEXT + 1);
        for _ in 0..3 {
            assert_eq!(prepared.plan(&long), Plan::Once);
            prepared.confirm();
        }
    }
}
