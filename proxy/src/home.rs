//! Which database is a block in?
//!
//! In the server's own, except for a single-instance block with `connectionString`: that names a
//! variable, or one with `_FILE` behind it, with the address of another database, where the extension is too and the login role
//! is one of its proxies. Everything about such a block happens there; rules, hooks and `ctx.db`
//! do not notice. In development a variable that is not set leaves the block at home.

use crate::db::source::{self, Source};
use crate::db::{Database, Reuse};
use crate::deploy;
use anyhow::{Context, Result, bail};
use edgebase_blocks::{Block, Config};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Connections to one database, apart by what may hold them.
pub struct Home {
    /// For requests.
    pub db: Database,
    /// For reads of hooks, whose requests hold one of the others.
    pub hook_db: Database,
    /// For raw SQL, reset before each use.
    pub sql_db: Database,
}

/// The blocks of a config by the database that they are in.
pub struct Places<'c> {
    /// Those in the server's own.
    pub here: Vec<&'c Block>,
    /// The others, by the variable that holds the address.
    pub elsewhere: BTreeMap<String, Vec<&'c Block>>,
}

/// For whom an address is: operators' variables end in `_ADMIN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// The login role of a proxy.
    Proxy,
    /// A member of `edgebase_admin`.
    Admin,
}

impl<'c> Places<'c> {
    /// Sorts the blocks. With `development` those whose variable is not set are here.
    ///
    /// # Errors
    /// Names a variable that is not set.
    pub fn of(
        config: &'c Config,
        environment: &HashMap<String, String>,
        login: Login,
        development: bool,
    ) -> Result<Self> {
        let mut places = Self { here: Vec::new(), elsewhere: BTreeMap::new() };
        for block in config.databases.values() {
            let Some(variable) = block.connection_string.as_deref() else {
                places.here.push(block);
                continue;
            };
            let variable = match login {
                Login::Proxy => variable.to_owned(),
                Login::Admin => format!("{variable}_ADMIN"),
            };
            if source::is_named(environment, &variable) {
                places.elsewhere.entry(variable).or_default().push(block);
            } else if development {
                places.here.push(block);
            } else {
                bail!(
                    "block '{}' is in the database that {variable} names, and neither {variable} is set nor \
                     {variable}_FILE",
                    block.namespace
                );
            }
        }
        Ok(places)
    }
}

/// Connections for every block that is elsewhere, by its name.
///
/// # Errors
/// When an address cannot be understood.
pub fn open(
    places: &Places<'_>,
    environment: &HashMap<String, String>,
    connections: [usize; 3],
) -> Result<HashMap<String, Home>> {
    let mut homes = HashMap::new();
    for (variable, blocks) in &places.elsewhere {
        let Some(source) = Source::named(environment, variable)? else { continue };
        let source = Arc::new(source);
        for block in blocks {
            let [requests, hooks, sql] = connections;
            let home = Home {
                db: Database::new(&source, requests, Reuse::AsIs)?,
                hook_db: Database::new(&source, hooks, Reuse::AsIs)?,
                sql_db: Database::new(&source, sql, Reuse::Reset)?,
            };
            homes.insert(block.namespace.clone(), home);
        }
    }
    Ok(homes)
}

/// Fails unless every database knows the blocks that are in it.
///
/// # Errors
/// Names the first block that is not applied, or the database that does not answer.
pub async fn check(
    here: &Database,
    places: &Places<'_>,
    homes: &HashMap<String, Home>,
) -> Result<()> {
    deploy::check(here, &places.here).await?;
    for (variable, blocks) in &places.elsewhere {
        let place = || format!("in the database that {variable} names");
        if let Some(home) = blocks.first().and_then(|block| homes.get(&block.namespace)) {
            home.db.probe().await.with_context(place)?;
        }
        for block in blocks {
            let Some(home) = homes.get(&block.namespace) else { continue };
            deploy::check(&home.db, &[*block]).await.with_context(place)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
        let refused = Places::of(&config, &none, Login::Proxy, false).err().unwrap().to_string();
        assert!(refused.contains("FAR_URL is set"), "{refused}");
        let refused = Places::of(&config, &none, Login::Admin, false).err().unwrap().to_string();
        assert!(refused.contains("FAR_URL_ADMIN is set"), "{refused}");
        assert_eq!(
            names(&Places::of(&config, &none, Login::Admin, true).unwrap().here),
            ["app", "far"]
        );
        let set = HashMap::from([("FAR_URL".to_owned(), "postgres://far/db".to_owned())]);
        let places = Places::of(&config, &set, Login::Proxy, false).unwrap();
        assert_eq!(names(&places.here), ["app"]);
        assert_eq!(names(&places.elsewhere["FAR_URL"]), ["far"]);
    }
}
