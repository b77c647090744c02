//! Which rows may a statement touch?
//!
//! What the rules have left to a caller, as the condition of a statement.

use crate::db::statement::Sql;
use crate::error::denial::Reason;
use crate::query::row_filter::{Compiled, RowFilter};

/// The rows that a rule leaves to a caller.
#[derive(Clone, Debug, PartialEq)]
pub enum RowScope {
    /// All of them.
    All,
    /// None, and the request is refused for this reason.
    None(Reason),
    /// None, because of what the rule says of rows: as in an empty table.
    Empty,
    /// Those for which a condition holds.
    Sql(RowFilter),
    /// Each row has to be asked about.
    PerRow,
}

impl RowScope {
    /// Appends the condition on the rows of `t` with a leading ` AND `, where there is one.
    pub fn write(&self, sql: &mut Sql) {
        match self {
            Self::All | Self::PerRow => {}
            Self::Sql(filter) => filter.write(sql),
            Self::Empty | Self::None(_) => {
                sql.push(" AND FALSE");
            }
        }
    }
}

impl From<Compiled> for RowScope {
    fn from(compiled: Compiled) -> Self {
        match compiled {
            Compiled::All => Self::All,
            Compiled::None => Self::Empty,
            Compiled::When(filter) => Self::Sql(filter),
            Compiled::Opaque(_) => Self::PerRow,
        }
    }
}
