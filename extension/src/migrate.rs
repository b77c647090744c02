//! How is an instance brought to the shape of its block?
//!
//! Under a lock that admits one migration at a time and lets running requests finish, the steps
//! between the instance's version and the block's run in one transaction: all or none.

use crate::answer::Answer;
use crate::audit;
use crate::error::Error;
use crate::fence::boundary::Args;
use crate::fence::lock::Mode;
use crate::instance;
use crate::lifecycle::{bounded_waits, lock_instance};
use crate::registry;
use crate::spi;
use edgebase_blocks::InstanceKey;
use edgebase_blocks::diff::{Change, Step, diff};
use serde_json::json;

/// `edgebase.migrate(namespace text, id text)`
pub fn migrate(args: &Args) -> Result<Answer, Error> {
    let (namespace, id) = (args.text(0, "namespace")?, args.text_or_null(1));
    let (key, block) = registry::resolve(&namespace, id.as_deref())?;
    let row = registry::instance(&key).ok_or_else(|| Error::UnknownInstance(key.to_string()))?;
    let migrated = row.version != block.version && bring_up(&key)?;
    let version = registry::block(&namespace).map_or(block.version, |b| b.version);
    Ok(Answer::Json(json!({ "migrated": migrated, "version": version })))
}

/// Migrates the instance; false when another transaction did so first.
pub fn bring_up(key: &InstanceKey) -> Result<bool, Error> {
    let _bounded = bounded_waits()?;
    let row = lock_instance(key, Mode::Migrate)?;
    let block = registry::block(key.namespace())
        .ok_or_else(|| Error::UnknownBlock(key.namespace().to_owned()))?;
    if row.version == block.version {
        return Ok(false);
    }
    instance::refuse_default_privileges()?;
    let new = registry::definition(&block.version)?;
    let steps = diff(&registry::definition(&row.version)?, &new);
    refuse_losses(key.namespace(), &steps)?;
    instance::as_owner(&row.schema, || {
        for step in &steps {
            run_step(step, &row.schema)?;
        }
        instance::grant(&row.schema, row.number, &new)
    })?;
    spi::run(
        "UPDATE edgebase.instance SET version = $1, migrated_at = now() WHERE number = $2",
        &[block.version.as_str().into(), row.number.into()],
    )?;
    let done: Vec<String> = steps.iter().map(Step::describe).collect();
    let details = json!({ "from": row.version, "to": block.version, "steps": done });
    audit::record("migrate", key, details)?;
    Ok(true)
}

fn run_step(step: &Step, schema: &str) -> Result<(), Error> {
    for statement in step.statements(schema) {
        match step.change {
            // A migration is the author's own text and may be several statements.
            Change::Migrate => spi::run(&statement, &[])?,
            _ => spi::ddl(&statement)?,
        }
    }
    Ok(())
}

/// Refuses steps that lose data and that no migration answers for.
pub fn refuse_losses(block: &str, steps: &[Step]) -> Result<(), Error> {
    let losses: Vec<String> =
        steps.iter().filter(|s| s.destructive && !s.covered).map(Step::describe).collect();
    if losses.is_empty() {
        return Ok(());
    }
    Err(Error::Destructive { block: block.to_owned(), steps: losses.join(", ") })
}
