//! Which index of a tenant's table serves the conditions best?
//!
//! Equality on leading columns counts most; a range counts where it has two ends, since one end
//! alone says little of how many rows there are.

use pgrx::pg_sys::{self, Oid};

/// The number that B-trees give equality; what comes before it is an upper end, what comes after
/// it a lower one.
pub const EQUAL: u16 = pg_sys::BTEqualStrategyNumber as u16;

/// How a B-tree is searched for what meets a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    pub family: Oid,
    pub strategy: u16,
    pub collation: Oid,
}

/// A column of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// Which column of the table it is, counted from 1; 0 for an expression.
    pub column: i16,
    pub family: Oid,
    pub collation: Oid,
}

/// How an index serves.
#[derive(Debug, PartialEq, Eq)]
pub struct Fit {
    score: usize,
    /// Which index it is.
    pub index: usize,
    /// Columns of the index and the conditions that they serve, both counted from 0.
    pub keys: Vec<(usize, usize)>,
}

/// How the index serves that serves best, if one does: the first of those. Conditions come with
/// their column of the table.
pub fn best<'i>(
    indexes: impl Iterator<Item = &'i [Indexed]>,
    conditions: &[(i16, Search)],
) -> Option<Fit> {
    let fits = indexes.enumerate().filter_map(|(n, columns)| fit(n, columns, conditions));
    fits.reduce(|best, next| if next.score > best.score { next } else { best })
}

fn fit(index: usize, columns: &[Indexed], conditions: &[(i16, Search)]) -> Option<Fit> {
    let (mut score, mut keys) = (0, Vec::new());
    for (place, indexed) in columns.iter().enumerate() {
        let serves = |(column, search): &(i16, Search)| {
            *column == indexed.column
                && search.family == indexed.family
                && search.collation == indexed.collation
        };
        let here: Vec<usize> = (0..conditions.len()).filter(|i| serves(&conditions[*i])).collect();
        let any = |is: fn(u16) -> bool| here.iter().any(|i| is(conditions[*i].1.strategy));
        let equality = any(|s| s == EQUAL);
        let both_ends = any(|s| s < EQUAL) && any(|s| s > EQUAL);
        if equality {
            score += 2;
        } else if both_ends || !keys.is_empty() && !here.is_empty() {
            score += 1;
        } else {
            break;
        }
        keys.extend(here.into_iter().map(|i| (place, i)));
        if !equality {
            break;
        }
    }
    (score > 0).then_some(Fit { score, index, keys })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LESS: u16 = EQUAL - 1;
    const GREATER: u16 = EQUAL + 1;

    fn search(strategy: u16) -> Search {
        Search { family: Oid::from_u32(1), strategy, collation: Oid::INVALID }
    }

    fn index(columns: &[i16]) -> Vec<Indexed> {
        let of = |column| Indexed { column, family: Oid::from_u32(1), collation: Oid::INVALID };
        columns.iter().copied().map(of).collect()
    }

    #[test]
    fn equality_and_ranges_with_two_ends_are_served_and_one_end_alone_is_not() {
        let on_two = index(&[2, 3]);
        let keys = |conditions: &[(i16, Search)]| fit(0, &on_two, conditions).map(|f| f.keys);
        assert_eq!(keys(&[(2, search(EQUAL))]), Some(vec![(0, 0)]));
        assert_eq!(keys(&[(3, search(EQUAL))]), None);
        assert_eq!(keys(&[(2, search(LESS))]), None);
        assert_eq!(keys(&[(2, search(LESS)), (2, search(GREATER))]), Some(vec![(0, 0), (0, 1)]));
        assert_eq!(keys(&[(3, search(LESS)), (2, search(EQUAL))]), Some(vec![(0, 1), (1, 0)]));
    }

    #[test]
    fn an_index_serves_only_what_compares_as_it_sorts() {
        let other = Search { family: Oid::from_u32(2), ..search(EQUAL) };
        assert_eq!(fit(0, &index(&[2]), &[(2, other)]), None);
        let other = Search { collation: Oid::from_u32(2), ..search(EQUAL) };
        assert_eq!(fit(0, &index(&[2]), &[(2, other)]), None);
    }

    #[test]
    fn the_index_with_more_equalities_is_the_best() {
        let conditions = [(2, search(EQUAL)), (3, search(EQUAL))];
        let indexes = [index(&[2]), index(&[3, 2]), index(&[2, 3])];
        let found = best(indexes.iter().map(Vec::as_slice), &conditions);
        assert_eq!(found.map(|fit| fit.index), Some(1));
    }
}
