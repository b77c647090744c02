//! What does a running server hold?
//!
//! [`App`] is shared by all requests and outlives every config. What a config decides is in a
//! [`Snapshot`], which a request loads once and keeps to its end.

use crate::after_hooks::AfterHooks;
use crate::connections::{Bounds, Connections};
use crate::db::pool_set::{PoolSet, PoolSizes};
use crate::db::source::Source;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::snapshot::Snapshot;
use arc_swap::ArcSwap;
use edgebase_blocks::InstanceKey;
use std::sync::Arc;

/// The server's state.
pub struct App {
    /// Connections to the server's own database.
    pub pools: PoolSet,
    /// Whether the database answers.
    pub readiness: Readiness,
    /// The config in force.
    pub current: ArcSwap<Snapshot>,
    /// After-hooks under way.
    pub after_hooks: AfterHooks,
    /// The connections of clients.
    pub connections: Arc<Connections>,
    /// What is counted.
    pub metrics: Metrics,
}

impl App {
    /// A server's state on a database; connects on first use.
    ///
    /// # Errors
    /// When there are to be no connections.
    pub fn new(
        database: &Arc<Source>,
        snapshot: Arc<Snapshot>,
        bounds: Bounds,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            pools: PoolSet::new(database, PoolSizes::OWN)?,
            readiness: Readiness::new(database)?,
            current: ArcSwap::new(snapshot),
            after_hooks: AfterHooks::default(),
            connections: Arc::new(Connections::new(bounds)),
            metrics: Metrics::default(),
        })
    }

    /// Connections to the database that holds an instance.
    #[must_use]
    pub fn pools_of<'a>(&'a self, snapshot: &'a Snapshot, key: &InstanceKey) -> &'a PoolSet {
        self.pools_of_block(snapshot, key.namespace())
    }

    /// Connections to the database that holds all instances of a block.
    #[must_use]
    pub fn pools_of_block<'a>(&'a self, snapshot: &'a Snapshot, namespace: &str) -> &'a PoolSet {
        snapshot.remote.of_block(namespace).unwrap_or(&self.pools)
    }
}
