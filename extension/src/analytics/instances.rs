//! Which instances does a query read, and in which order?
//!
//! All of a block, page by page, or those that conditions name; by id in either case, as the
//! query's snapshot has the registry.

use crate::fence::rows::Snapshot;
use crate::registry::{self, Place};
use std::vec;

/// Instances whose places are read from the registry at once.
const PAGE: usize = 256;
/// The same for counting them.
const COUNTED: usize = 1000;

/// Where the next instance comes from.
pub enum Instances {
    /// All of them, page by page.
    All { page: vec::IntoIter<Place>, after: Option<String> },
    /// Those of these ids.
    Named(vec::IntoIter<String>),
}

impl Instances {
    /// Those of these ids, or all of the block.
    pub fn new(namespace: &str, ids: Option<Vec<String>>, snapshot: Snapshot) -> Self {
        match ids {
            Some(ids) => Self::Named(ids.into_iter()),
            None => {
                let (page, after) = registry::places(namespace, None, PAGE, snapshot);
                Self::All { page: page.into_iter(), after }
            }
        }
    }

    pub fn next(&mut self, namespace: &str, snapshot: Snapshot) -> Option<Place> {
        loop {
            match self {
                Self::Named(ids) => {
                    let place = registry::place(namespace, &ids.next()?, snapshot);
                    if place.is_some() {
                        return place;
                    }
                }
                Self::All { page, after } => {
                    if let Some(place) = page.next() {
                        return Some(place);
                    }
                    let last = after.take()?;
                    let (more, next) = registry::places(namespace, Some(&last), PAGE, snapshot);
                    (*page, *after) = (more.into_iter(), next);
                }
            }
        }
    }
}

/// The ids that one more condition leaves of those that others named, in order.
pub fn common(others: Option<Vec<String>>, mut ids: Vec<String>) -> Vec<String> {
    ids.sort_unstable();
    ids.dedup();
    if let Some(others) = others {
        ids.retain(|id| others.binary_search(id).is_ok());
    }
    ids
}

/// How many instances [`Instances`] would give.
pub fn count(namespace: &str, ids: Option<Vec<String>>, snapshot: Snapshot) -> u64 {
    if let Some(ids) = ids {
        let there = |id: &&String| registry::place(namespace, id, snapshot).is_some();
        return ids.iter().filter(there).count() as u64;
    }
    let (mut count, mut after) = (0, None);
    loop {
        pgrx::check_for_interrupts!();
        let (page, more) = registry::places(namespace, after.as_deref(), COUNTED, snapshot);
        count += page.len() as u64;
        after = more;
        if after.is_none() {
            return count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::common;

    #[test]
    fn conditions_leave_the_ids_that_all_of_them_name_once_and_in_order() {
        let ids = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        assert_eq!(common(None, ids("cabac")), ids("abc"));
        assert_eq!(common(Some(ids("bcd")), ids("cabac")), ids("bc"));
        assert_eq!(common(Some(ids("")), ids("a")), ids(""));
    }
}
