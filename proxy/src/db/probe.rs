//! Is this a database that can be served from?
//!
//! Asked once, before the first request, because it would otherwise show in some of them only:
//! whether its texts are in UTF-8, and whether a connection keeps its backend. Behind a pooler that
//! gives backends out by the transaction it does not, and statements that were prepared for one
//! connection are then missing on another. Such a pooler is found out by holding transactions open
//! while another connection is idle: one of them gets the idle one's backend, or the idle one gets
//! another when it comes back.

use super::address::Address;
use super::connect::connect;
use super::failure::Failure;
use super::sqlstate::explain;
use super::wire::{Step, Wire};
use anyhow::{Result, anyhow, bail};
use std::time::Duration;
use tokio::time::timeout;

/// Connections that hold a transaction open.
const HOLDERS: usize = 3;
/// How long one may take. A pooler whose connections are all in use lets it wait.
const WAIT: Duration = Duration::from_secs(3);

const WHO: &str =
    "SELECT pg_catalog.pg_backend_pid()::text, pg_catalog.getdatabaseencoding()::text";
const BEGIN: &str = "BEGIN READ ONLY";

const POOLING: &str = "between this server and its database is a connection pooler that does not keep a \
     backend for each connection. Use session pooling for this database (pgbouncer: pool_mode = session), or \
     connect to PostgreSQL directly; see 'Connection poolers' in docs/operations.md";

/// Fails for a database that cannot be served from.
///
/// # Errors
/// Says what to do about it.
pub async fn check(address: &Address) -> Result<()> {
    let silent = |failure: Failure| anyhow!("the database does not answer: {}", explain(&failure));
    let (mut idle, _) = connect(address).await.map_err(silent)?;
    let (backend, encoding) = who(&mut idle, None).await.map_err(silent)?;
    if encoding != "UTF8" {
        bail!(
            "the database is in {encoding}, and its encoding has to be UTF8. Restore a dump of it into \
             one made with CREATE DATABASE ... TEMPLATE template0 ENCODING 'UTF8'"
        );
    }
    let mut holders = Vec::new();
    for _ in 0..HOLDERS {
        match timeout(WAIT, hold(address)).await {
            Ok(Ok((_, other))) if other == backend => bail!(POOLING),
            Ok(Ok((holder, _))) => holders.push(holder),
            // Statement pooling knows no transactions.
            Ok(Err(failure)) if failure.code() == Some("08P01") => {
                bail!("{POOLING}. It says: {failure}")
            }
            // It has fewer connections than are held here, which proves nothing.
            Ok(Err(_)) | Err(_) => break,
        }
    }
    let (again, _) = who(&mut idle, None).await.map_err(silent)?;
    for holder in &mut holders {
        // Or PostgreSQL complains that a client has gone in the middle of one.
        let _ = timeout(WAIT, holder.batch(&[Step::bare("ROLLBACK")])).await;
    }
    if again != backend {
        bail!(POOLING);
    }
    Ok(())
}

async fn hold(address: &Address) -> Result<(Wire, String), Failure> {
    let (mut wire, _) = connect(address).await?;
    let (backend, _) = who(&mut wire, Some(BEGIN)).await?;
    Ok((wire, backend))
}

/// The backend of a connection, and the encoding of its database.
async fn who(wire: &mut Wire, begin: Option<&str>) -> Result<(String, String), Failure> {
    let step = |text| Step::foreign(text, Vec::new());
    let steps: Vec<Step<'_>> = begin.into_iter().chain([WHO]).map(step).collect();
    let replies = wire.batch(&steps).await?;
    let row = replies.last().and_then(|reply| reply.rows.first());
    let text = |n| row.and_then(|row| row.try_get::<String>(n).ok());
    text(0)
        .zip(text(1))
        .ok_or_else(|| Failure::Broken("it does not say which backend it is".into()))
}
