//! Which database is each block in?
//!
//! In the server's own, except for a single-instance block with `connectionString`: that names a
//! variable, or one with `_FILE` behind it, which holds the address of another database, where the
//! extension is installed too and the login role is one of its proxies. Everything about such a
//! block happens there; rules, hooks and `ctx.db` do not notice. In development a variable that is
//! not set leaves the block in the server's own database.
//!
//! Each remote database has one [`PoolSet`], whatever number of blocks is in it, and keeps it when
//! the config is replaced.

use crate::config::applied;
use crate::db::Database;
use crate::db::pool_set::{PoolSet, PoolSizes};
use crate::db::source::{self, Source};
use anyhow::{Context, Result, bail};
use edgebase_blocks::{Block, Config};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The blocks of a config by the database that they are in.
pub struct BlockPlacement<'c> {
    /// Those in the server's own.
    pub own: Vec<&'c Block>,
    /// The others, by the variable that holds the address.
    pub remote: BTreeMap<String, Vec<&'c Block>>,
}

/// For whom an address is: operators' variables end in `_ADMIN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// The login role of a proxy.
    Proxy,
    /// A member of `edgebase_admin`.
    Admin,
}

impl<'c> BlockPlacement<'c> {
    /// Sorts the blocks. With `development` those whose variable is not set are in the own database.
    ///
    /// # Errors
    /// Names a variable that is not set.
    pub fn of(
        config: &'c Config,
        environment: &HashMap<String, String>,
        login: Login,
        development: bool,
    ) -> Result<Self> {
        let mut placement = Self { own: Vec::new(), remote: BTreeMap::new() };
        for block in config.databases.values() {
            let Some(variable) = block.connection_string.as_deref() else {
                placement.own.push(block);
                continue;
            };
            let variable = match login {
                Login::Proxy => variable.to_owned(),
                Login::Admin => format!("{variable}_ADMIN"),
            };
            if source::is_named(environment, &variable) {
                placement.remote.entry(variable).or_default().push(block);
            } else if development {
                placement.own.push(block);
            } else {
                bail!(
                    "block '{}' needs the address of its database in {variable} or a file that holds it in \
                     {variable}_FILE, and neither {variable} is set nor {variable}_FILE",
                    block.namespace
                );
            }
        }
        Ok(placement)
    }
}

/// Connections to the databases of remote blocks.
#[derive(Default)]
pub struct RemotePools {
    /// By the variable that holds the address.
    sets: BTreeMap<String, Arc<PoolSet>>,
    /// By the block's name.
    of_block: HashMap<String, Arc<PoolSet>>,
}

impl RemotePools {
    /// Pools for the remote blocks of a placement; each connects on first use. A database that
    /// `former` has pools for keeps them, and variables with one address share theirs.
    ///
    /// # Errors
    /// When an address cannot be understood.
    pub fn open(
        placement: &BlockPlacement<'_>,
        environment: &HashMap<String, String>,
        former: Option<&Self>,
    ) -> Result<Self> {
        let mut pools = Self::default();
        for (variable, blocks) in &placement.remote {
            let Some(set) = pools.set(variable, environment, former)? else { continue };
            for block in blocks {
                pools.of_block.insert(block.namespace.clone(), Arc::clone(&set));
            }
            pools.sets.insert(variable.clone(), set);
        }
        Ok(pools)
    }

    fn set(
        &self,
        variable: &str,
        environment: &HashMap<String, String>,
        former: Option<&Self>,
    ) -> Result<Option<Arc<PoolSet>>> {
        if let Some(set) = former.and_then(|former| former.sets.get(variable)) {
            return Ok(Some(Arc::clone(set)));
        }
        let Some(source) = Source::named(environment, variable)? else { return Ok(None) };
        if let Some(set) = self.sets.values().find(|set| set.source.is_same_address(&source)) {
            return Ok(Some(Arc::clone(set)));
        }
        Ok(Some(Arc::new(PoolSet::new(&Arc::new(source), PoolSizes::REMOTE)?)))
    }

    /// Connections to the database of a block, unless that is the server's own.
    #[must_use]
    pub fn of_block(&self, namespace: &str) -> Option<&PoolSet> {
        self.of_block.get(namespace).map(AsRef::as_ref)
    }

    /// The sets, each with the variable that holds the address. Sets that variables share are
    /// named once, by the first.
    pub fn named(&self) -> impl Iterator<Item = (&str, &PoolSet)> {
        self.sets.iter().enumerate().filter_map(|(i, (variable, set))| {
            let is_first = !self.sets.values().take(i).any(|earlier| Arc::ptr_eq(earlier, set));
            is_first.then_some((variable.as_str(), set.as_ref()))
        })
    }
}

/// Fails unless every database knows the blocks that are in it.
///
/// # Errors
/// Names the first block that is not applied, or the database that does not answer.
pub async fn ensure_applied(
    own: &Database,
    placement: &BlockPlacement<'_>,
    pools: &RemotePools,
) -> Result<()> {
    applied::check(own, &placement.own).await?;
    for (variable, blocks) in &placement.remote {
        let place = || format!("in the database that {variable} names");
        let Some(set) = pools.sets.get(variable) else { continue };
        set.requests.probe().await.with_context(place)?;
        applied::check(&set.requests, blocks).await.with_context(place)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_block_is_where_its_variable_says_and_at_home_without_one_only_in_development() {
        let config = Config::from_json(&json!({"databases": {
            "app": {"tables": {}},
            "far": {"provider": "postgres", "connectionString": "FAR_URL", "tables": {}}
        }}))
        .unwrap();
        let names =
            |blocks: &[&Block]| blocks.iter().map(|b| b.namespace.clone()).collect::<Vec<_>>();
        let none = HashMap::new();
        let refused =
            BlockPlacement::of(&config, &none, Login::Proxy, false).err().unwrap().to_string();
        assert!(refused.contains("FAR_URL or a file"), "{refused}");
        let refused =
            BlockPlacement::of(&config, &none, Login::Admin, false).err().unwrap().to_string();
        assert!(refused.contains("FAR_URL_ADMIN or a file"), "{refused}");
        assert_eq!(
            names(&BlockPlacement::of(&config, &none, Login::Admin, true).unwrap().own),
            ["app", "far"]
        );
        let set = HashMap::from([("FAR_URL".to_owned(), "postgres://far/db".to_owned())]);
        let placement = BlockPlacement::of(&config, &set, Login::Proxy, false).unwrap();
        assert_eq!(names(&placement.own), ["app"]);
        assert_eq!(names(&placement.remote["FAR_URL"]), ["far"]);
    }

    #[tokio::test]
    async fn blocks_in_one_database_share_connections_and_keep_them_when_the_config_changes() {
        let remote = |variable: &str| json!({"provider": "postgres", "connectionString": variable});
        let load = |databases: Value| Config::from_json(&json!({"databases": databases})).unwrap();
        let environment: HashMap<String, String> = [
            ("A_URL", "postgres://far/db"),
            ("B_URL", "postgres://far/db"),
            ("C_URL", "postgres://far/other"),
        ]
        .map(|(name, url)| (name.to_owned(), url.to_owned()))
        .into();
        let open = |config: &Config, former: Option<&RemotePools>| {
            let placement = BlockPlacement::of(config, &environment, Login::Proxy, false).unwrap();
            RemotePools::open(&placement, &environment, former).unwrap()
        };
        let of =
            |pools: &RemotePools, block: &str| std::ptr::from_ref(pools.of_block(block).unwrap());
        let config = load(
            json!({"a": remote("A_URL"), "also": remote("A_URL"), "b": remote("B_URL"), "c": remote("C_URL")}),
        );
        let first = open(&config, None);
        assert_eq!(of(&first, "a"), of(&first, "also"));
        assert_eq!(of(&first, "a"), of(&first, "b"));
        assert_ne!(of(&first, "a"), of(&first, "c"));
        assert_eq!(
            first.named().map(|(variable, _)| variable).collect::<Vec<_>>(),
            ["A_URL", "C_URL"]
        );
        assert!(first.of_block("app").is_none());
        let second = open(&load(json!({"new": remote("C_URL")})), Some(&first));
        assert_eq!(of(&second, "new"), of(&first, "c"));
    }
}
