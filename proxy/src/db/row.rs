//! What does a statement give back?
//!
//! Rows as the server sent them: cells are read on demand, in binary form, from the one buffer
//! that they arrived in. Statements of the proxy know what they select, so nobody asks the
//! server to describe it.

use bytes::Bytes;
use postgres_protocol::message::backend::DataRowBody;
use postgres_types::{FromSql, Type};
use std::error::Error as StdError;

/// What one statement gave.
#[derive(Debug, Default)]
pub struct Reply {
    /// Its rows.
    pub rows: Vec<Row>,
    /// Rows returned, or changed by a statement that returns none.
    pub affected: u64,
    /// It was a COMMIT that rolled back, because the transaction had failed before.
    pub rolled_back: bool,
}

impl Reply {
    /// With the tag of its completion, e.g. `INSERT 0 5`.
    pub(super) fn new(rows: Vec<Row>, tag: &str) -> Self {
        let affected = tag.rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or_default();
        Self { rows, affected, rolled_back: tag == "ROLLBACK" }
    }
}

/// One row.
#[derive(Clone, Debug)]
pub struct Row(Bytes);

impl Row {
    pub(super) fn new(body: &DataRowBody) -> Self {
        Self(body.buffer_bytes().clone())
    }

    /// What stands for the rows beyond a page's bytes.
    pub(super) fn rest() -> Self {
        Self(Bytes::new())
    }

    /// Whether it stands for rows that were left.
    #[must_use]
    pub fn is_rest(&self) -> bool {
        self.0.is_empty()
    }

    /// The cells, in order; `None` is NULL.
    pub fn cells(&self) -> impl Iterator<Item = Option<&[u8]>> {
        // Each is a length, -1 for NULL, and as many bytes; what does not add up ends the row.
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk::<4>()?;
            match usize::try_from(i32::from_be_bytes(*length)) {
                Err(_) => {
                    rest = after;
                    Some(None)
                }
                Ok(length) => {
                    let (cell, after) = after.split_at_checked(length)?;
                    rest = after;
                    Some(Some(cell))
                }
            }
        })
    }

    /// The value of column `n`, counted from 0, whose type the caller knows.
    ///
    /// # Errors
    /// When there is no such column, or it does not hold a `T`.
    pub fn try_get<'a, T: FromSql<'a>>(
        &'a self,
        n: usize,
    ) -> Result<T, Box<dyn StdError + Sync + Send>> {
        let cell = self.cells().nth(n).ok_or("the row has no such column")?;
        T::from_sql_nullable(&Type::UNKNOWN, cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_in_order_and_null_is_none() {
        let row = Row(Bytes::from_static(b"\0\0\0\x02hi\xff\xff\xff\xff\0\0\0\x00"));
        assert_eq!(row.cells().collect::<Vec<_>>(), [Some(&b"hi"[..]), None, Some(&b""[..])]);
        assert_eq!(row.try_get::<&str>(0).unwrap(), "hi");
        assert_eq!(row.try_get::<Option<&str>>(1).unwrap(), None);
        assert!(row.try_get::<&str>(1).is_err() && row.try_get::<&str>(3).is_err());
    }

    #[test]
    fn a_row_that_ends_early_has_no_more_cells() {
        let row = Row(Bytes::from_static(b"\0\0\0\x05hi"));
        assert_eq!(row.cells().count(), 0);
    }

    #[test]
    fn a_tag_tells_how_many_rows_and_whether_a_commit_was_none() {
        assert_eq!(Reply::new(Vec::new(), "INSERT 0 5").affected, 5);
        assert_eq!(Reply::new(Vec::new(), "SELECT 12").affected, 12);
        assert!(Reply::new(Vec::new(), "ROLLBACK").rolled_back);
        assert!(!Reply::new(Vec::new(), "COMMIT").rolled_back);
    }
}
