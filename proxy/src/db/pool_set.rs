//! Which connections does a server hold to one database?
//!
//! Three pools, apart by what their borrowers may wait for. A request holds a connection while its
//! hook reads, and raw SQL may hold one for as long as its statement runs; from one pool, either
//! could take the connections that the others wait for.

use super::source::Source;
use super::{Database, Reuse};
use std::sync::Arc;

/// How many connections each pool of a set may have.
#[derive(Clone, Copy, Debug)]
pub struct PoolSizes {
    /// For requests.
    pub requests: usize,
    /// For reads of hooks.
    pub hooks: usize,
    /// For raw SQL.
    pub sql: usize,
}

impl PoolSizes {
    /// For the server's own database.
    pub const OWN: Self = Self { requests: 32, hooks: 4, sql: 4 };
    /// For each database that a block's `connectionString` names.
    pub const REMOTE: Self = Self { requests: 8, hooks: 4, sql: 4 };
}

/// The pools of connections to one database.
pub struct PoolSet {
    /// Its address.
    pub source: Arc<Source>,
    /// For requests.
    pub requests: Database,
    /// For reads of hooks, whose requests hold a connection of the first pool.
    pub hooks: Database,
    /// For raw SQL; each connection is reset before it is used again.
    pub sql: Database,
}

impl PoolSet {
    /// Pools for a database; each connects on first use.
    ///
    /// # Errors
    /// When a size is zero.
    pub fn new(source: &Arc<Source>, sizes: PoolSizes) -> anyhow::Result<Self> {
        Ok(Self {
            source: Arc::clone(source),
            requests: Database::new(source, sizes.requests, Reuse::AsIs)?,
            hooks: Database::new(source, sizes.hooks, Reuse::AsIs)?,
            sql: Database::new(source, sizes.sql, Reuse::Reset)?,
        })
    }

    /// The pools with the names that metrics give them.
    pub fn named(&self) -> [(&'static str, &Database); 3] {
        [("requests", &self.requests), ("hooks", &self.hooks), ("sql", &self.sql)]
    }
}
