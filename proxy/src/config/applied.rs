//! Does the database know the config that is about to be served?
//!
//! A deploy applies the config to the database first and then replaces the servers, some of which
//! run on the config of before for a while. Both are shapes that the database has been given. One
//! that it has never been given was not applied: its statements would name what is not there, so
//! it is not served.

use crate::db::Database;
use crate::db::statement::{Bind, Sql};
use anyhow::{Result, anyhow, bail};
use edgebase_blocks::Block;

/// Fails unless every block has, or has had, the shape that the config gives it.
///
/// # Errors
/// Names the first block that the database does not know so, or says why it cannot tell.
pub async fn check(db: &Database, blocks: &[&Block]) -> Result<()> {
    for block in blocks {
        let mut sql = Sql::new("SELECT version FROM edgebase.versions WHERE namespace = ");
        sql.bind(Bind::text(&*block.namespace))
            .push(" AND version = ")
            .bind(Bind::text(block.storage().version()));
        let found = db.plain(&sql).await.map_err(|e| {
            anyhow!(
                "cannot see which configs the database knows: {}",
                e.detail().unwrap_or(&e.to_string())
            )
        })?;
        if found.is_empty() {
            bail!(
                "block '{}' of this config is not applied to the database. Run `edgebase apply` \
                 before serving it.",
                block.namespace
            );
        }
    }
    Ok(())
}
