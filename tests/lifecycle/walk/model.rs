//! What should be there after the steps so far?
//!
//! Committed rows by instance, and what each open transaction has added to them. Kept so plain
//! that it can be believed.

use std::collections::{BTreeMap, BTreeSet};

/// A row's fields; a field that is not there is null.
pub type Row = BTreeMap<String, i64>;

/// An instance: its fields and committed rows.
#[derive(Clone, Debug, Default)]
pub struct Instance {
    pub columns: usize,
    pub rows: BTreeMap<String, Row>,
}

/// What a session has done in its open transaction.
#[derive(Clone, Debug)]
pub struct Transaction {
    pub id: usize,
    /// Rows written; `None` for deleted.
    pub writes: BTreeMap<String, Option<Row>>,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Model {
    /// How many fields the config has now.
    pub columns: usize,
    pub instances: BTreeMap<usize, Instance>,
    pub sessions: Vec<Option<Transaction>>,
}

impl Model {
    /// What the session's transaction sees: committed rows, and its own over them.
    pub fn visible(&self, session: usize) -> BTreeMap<String, Row> {
        let Some(transaction) = &self.sessions[session] else { return BTreeMap::new() };
        let mut rows = self.instances[&transaction.id].rows.clone();
        for (id, row) in &transaction.writes {
            match row {
                Some(row) => rows.insert(id.clone(), row.clone()),
                None => rows.remove(id),
            };
        }
        rows
    }

    /// Rows of the instance that other sessions have written and not committed.
    pub fn locked(&self, session: usize, id: usize) -> BTreeSet<&String> {
        let others = self.sessions.iter().enumerate().filter(|(other, _)| *other != session);
        others
            .filter_map(|(_, t)| t.as_ref())
            .filter(|t| t.id == id)
            .flat_map(|t| t.writes.keys())
            .collect()
    }

    /// The sessions whose transactions are open in the instance.
    pub fn inside(&self, id: usize) -> Vec<usize> {
        let is_inside = |t: &Option<Transaction>| t.as_ref().is_some_and(|t| t.id == id);
        (0..self.sessions.len()).filter(|n| is_inside(&self.sessions[*n])).collect()
    }

    /// Ends the session's transaction.
    pub fn end(&mut self, session: usize, commit: bool) {
        let Some(transaction) = self.sessions[session].take() else { return };
        if commit && let Some(instance) = self.instances.get_mut(&transaction.id) {
            for (id, row) in transaction.writes {
                match row {
                    Some(row) => instance.rows.insert(id, row),
                    None => instance.rows.remove(&id),
                };
            }
        }
    }
}

/// Random numbers that a seed repeats (SplitMix64).
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) >> 33).unwrap() % n
    }
}
