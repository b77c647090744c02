//! What can a developer do whose config no longer fits the data that is there?
//!
//! Write the migration, which is shown, or give the data up, which in development is often the
//! right thing. Giving up is asked for in so many words: at the prompt, or with `--reset`.

use super::apply;
use anyhow::Result;
use edgebase_blocks::{Block, sqlstate};
use edgebase_proxy::admin;
use std::collections::BTreeSet;
use std::fmt;
use std::io::{BufRead, IsTerminal, Write};
use tokio_postgres::Client;

/// Whether the database refused a config because data would be lost.
pub fn is_loss(error: &anyhow::Error) -> bool {
    let code = error.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::code);
    code.is_some_and(|c| c.code() == sqlstate::DESTRUCTIVE_CHANGE.code)
}

/// A config that would lose data; as text, what to do about it.
#[derive(Debug)]
pub struct Loss {
    /// The blocks whose data is in the way.
    pub blocks: BTreeSet<String>,
    guide: String,
}

impl std::error::Error for Loss {}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "{}", self.guide)?;
        let blocks: Vec<&str> = self.blocks.iter().map(String::as_str).collect();
        match blocks[..] {
            [block] => write!(f, "Or start it with an empty block: edgebase dev --reset {block}"),
            _ => write!(f, "Or start it with all blocks empty: edgebase dev --reset"),
        }
    }
}

impl Loss {
    /// What the blocks would lose.
    pub async fn find(client: &Client, blocks: &[&Block]) -> Result<Self> {
        let changes = admin::apply_config(client, blocks, true).await?;
        let refused = changes.iter().filter(|c| c.destructive && !c.covered);
        Ok(Self {
            blocks: refused.map(|c| c.namespace.clone()).collect(),
            guide: apply::guide(&changes).unwrap_or_default(),
        })
    }

    /// Asks the person at the terminal, if there is one, whether the data may go.
    pub fn may_reset(&self) -> Result<bool> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() || !std::io::stderr().is_terminal() {
            return Ok(false);
        }
        let mut err = std::io::stderr();
        let blocks: Vec<&str> = self.blocks.iter().map(String::as_str).collect();
        writeln!(err, "{}\n", self.guide)?;
        write!(
            err,
            "Type reset to delete all data of {} and go on, anything else to stop: ",
            blocks.join(", ")
        )?;
        err.flush()?;
        let mut answer = String::new();
        stdin.lock().read_line(&mut answer)?;
        Ok(answer.trim() == "reset")
    }
}

/// Deletes every instance of the block, or of all blocks.
///
/// A configured single-instance block keeps its instance, so the block is taken out of what is
/// applied first; the caller applies a whole config again.
pub async fn reset(client: &Client, block: Option<&str>) -> Result<()> {
    admin::withdraw(client, block).await?;
    let instances = admin::keys(client, block).await?;
    for (namespace, id) in &instances {
        admin::drop_instance(client, namespace, id.as_deref()).await?;
    }
    let count = super::counted(instances.len(), "instance");
    tracing::warn!("{count} of {} deleted, as asked for", block.unwrap_or("all blocks"));
    Ok(())
}
