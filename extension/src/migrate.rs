//! How is an instance brought to the shape of its block?
//!
//! Alone in the instance, whose running requests end first, the steps between the instance's
//! version and the block's run in one transaction: all or none. Whoever has to wait, waits a
//! bounded time.
//!
//! A migration that fails leaves the instance as it was. [`try_migrate`] then notes the failure in
//! the registry instead of raising it, and does not try again before a while has passed or another
//! version is there: requests of a tenant whose rows stand in the way must not run its migration
//! over and over. What says nothing about the instance (a cancellation, a lock not had in time) is
//! raised and not noted, nor is it when another session changes the same catalog entries.

use crate::answer::Answer;
use crate::args::Args;
use crate::attempt::attempt;
use crate::audit;
use crate::error::Error;
use crate::failure::Failure;
use crate::guc;
use crate::instance;
use crate::lifecycle::{bounded_waits, lock_instance, schema_of};
use crate::lock::Mode;
use crate::registry::{self, BlockRow, InstanceRow};
use crate::spi;
use crate::tables;
use edgebase_blocks::diff::{Statement, Step, diff, kept, path};
use edgebase_blocks::quote::{ident, qualified};
use edgebase_blocks::{InstanceKey, StoredBlock, ddl};
use serde_json::{Value, json};

/// Most of a failure's message that the registry keeps, in characters.
const MESSAGE: usize = 500;

/// `edgebase.migrate(namespace text, id text)`: a failure is raised.
pub fn migrate(args: &Args) -> Result<Answer, Error> {
    let key = key_of(args)?;
    let migrated = bring_up(&key)?;
    Ok(Answer::Json(json!({ "migrated": migrated, "version": block_of(&key)?.version })))
}

/// `edgebase.try_migrate(namespace text, id text, retry boolean)`: a failure is noted and told.
pub fn try_migrate(args: &Args) -> Result<Answer, Error> {
    let key = key_of(args)?;
    Ok(Answer::Json(try_key(&key, args.flag(2))?))
}

/// `edgebase.migrate_behind(namespace text, retry boolean, after bigint)`: the next instance that
/// is behind and that nobody else is busy with; null when there is none.
pub fn migrate_behind(args: &Args) -> Result<Answer, Error> {
    let (namespace, retry, after) = (args.text_or_null(0), args.flag(1), args.bigint(2));
    let found = spi::json(
        "SELECT jsonb_build_array(i.number, i.namespace, nullif(i.id, ''))
         FROM edgebase.instance i JOIN edgebase.block b USING (namespace)
         WHERE i.number > $1 AND ($2 IS NULL OR i.namespace = $2) AND i.version <> b.version
           AND ($3 OR i.failed_version IS DISTINCT FROM b.version)
         ORDER BY i.number LIMIT 1 FOR UPDATE OF i SKIP LOCKED",
        &[after.into(), namespace.into(), retry.into()],
    )?;
    let Some(namespace) = found[1].as_str() else { return Ok(Answer::Null) };
    let (key, _) = registry::resolve(namespace, found[2].as_str())?;
    let unavoidable = |failure: &Failure| says_nothing(failure) && !is_busy(failure);
    let mut answer = match attempt(|| try_key(&key, true), unavoidable) {
        Ok(answer) => answer,
        // Its requests did not end in time. The others need not wait for it.
        Err(busy) if is_busy(&busy) => json!({ "migrated": false, "busy": true }),
        Err(failure) => return Err(Error::Internal(failure.message)),
    };
    answer["number"] = found[0].clone();
    answer["namespace"] = found[1].clone();
    answer["id"] = found[2].clone();
    Ok(Answer::Json(answer))
}

fn key_of(args: &Args) -> Result<InstanceKey, Error> {
    let (namespace, id) = (args.text(0, "namespace")?, args.text_or_null(1));
    registry::resolve(&namespace, id.as_deref()).map(|(key, _)| key)
}

fn block_of(key: &InstanceKey) -> Result<BlockRow, Error> {
    registry::block(key.namespace()).ok_or_else(|| Error::UnknownBlock(key.namespace().to_owned()))
}

/// Whether an error says nothing about the work that met it, which may succeed a moment later.
fn says_nothing(failure: &Failure) -> bool {
    // connection_exception, transaction_rollback, insufficient_resources, operator_intervention,
    // system_error
    matches!(&failure.sqlstate()[..2], "08" | "40" | "53" | "57" | "58") || is_busy(failure)
}

/// lock_not_available, deadlock_detected
fn is_busy(failure: &Failure) -> bool {
    matches!(failure.sqlstate().as_str(), "55P03" | "40P01")
}

/// What PostgreSQL says of two sessions that change one entry of a catalog, such as the privileges
/// of a table: an internal error, whose text is never translated. Those of the extension lock the
/// instance against each other; a `GRANT` by hand does not.
fn is_interference(failure: &Failure) -> bool {
    failure.sqlstate() == "XX000"
        && matches!(
            failure.message.as_str(),
            "tuple concurrently updated" | "tuple concurrently deleted"
        )
}

/// The instance alone and its block, when they differ.
fn lock_behind(key: &InstanceKey) -> Result<Option<(InstanceRow, BlockRow)>, Error> {
    let row = registry::instance(key).ok_or_else(|| Error::UnknownInstance(key.to_string()))?;
    if row.version == block_of(key)?.version {
        schema_of(key, &row)?;
        return Ok(None);
    }
    let row = lock_instance(key, Mode::Alone)?;
    let block = block_of(key)?;
    Ok((row.version != block.version).then_some((row, block)))
}

/// Migrates the instance; false when there was nothing to do.
pub fn bring_up(key: &InstanceKey) -> Result<bool, Error> {
    let _bounded = bounded_waits()?;
    let Some((row, block)) = lock_behind(key)? else { return Ok(false) };
    take_steps(key, &row, &block)?;
    Ok(true)
}

fn try_key(key: &InstanceKey, retry: bool) -> Result<Value, Error> {
    let _bounded = bounded_waits()?;
    let Some((row, block)) = lock_behind(key)? else {
        return Ok(json!({ "migrated": false, "version": block_of(key)?.version }));
    };
    let version = &block.version;
    let recent = if retry { Value::Null } else { recent_failure(&row, &block)? };
    let failed = match recent {
        Value::Null => match attempt(|| take_steps(key, &row, &block), says_nothing) {
            Ok(()) => return Ok(json!({ "migrated": true, "version": version })),
            Err(failure) if is_interference(&failure) => {
                return Err(Error::Interfered(key.to_string()));
            }
            Err(failure) => note_failure(key, &row, &block, &failure)?,
        },
        known => known,
    };
    Ok(json!({ "migrated": false, "version": row.version, "failed": failed }))
}

/// What went wrong a moment ago on the way to this version of the block.
fn recent_failure(row: &InstanceRow, block: &BlockRow) -> Result<Value, Error> {
    spi::json(
        "SELECT failure FROM edgebase.instance
         WHERE number = $1 AND failed_version = $2
           AND failed_at > now() - $3 * interval '1 millisecond'",
        &[row.number.into(), block.version.as_str().into(), guc::RETRY_FAILED_AFTER.get().into()],
    )
}

fn note_failure(
    key: &InstanceKey,
    row: &InstanceRow,
    block: &BlockRow,
    failure: &Failure,
) -> Result<Value, Error> {
    let message: String = failure.message.chars().take(MESSAGE).collect();
    let failed = json!({ "sqlstate": failure.sqlstate(), "message": message });
    let before = spi::one::<String>(
        "SELECT coalesce(failed_version, '') FROM edgebase.instance WHERE number = $1",
        &[row.number.into()],
    )?;
    spi::run(
        "UPDATE edgebase.instance SET failed_version = $1, failed_at = clock_timestamp(), failure = $2
         WHERE number = $3",
        &[
            block.version.as_str().into(),
            pgrx::datum::JsonB(failed.clone()).into(),
            row.number.into(),
        ],
    )?;
    // Tries are many, the audit is for ever: only the first at a version is news.
    if before.as_deref() != Some(&block.version) {
        let details = json!({ "from": row.version, "to": block.version, "failed": failed });
        audit::record("migrate_failed", key, details)?;
    }
    Ok(failed)
}

/// Everything that makes the instance, which is ours alone, one of the block's present shape. What
/// the steps lose was approved when their versions were applied.
fn take_steps(key: &InstanceKey, row: &InstanceRow, block: &BlockRow) -> Result<(), Error> {
    schema_of(key, row)?;
    instance::refuse_default_privileges()?;
    let new = registry::definition(&block.version)?;
    let between = registry::between(key.namespace(), &row.version, &block.version)?;
    let old = registry::definition(&row.version)?;
    let there = instance::tables(&row.schema, &old);
    tables::refuse_moved(row.number, &row.schema, &(&old.names() - &there))?;
    let shapes = path(&old, &between, &new);
    let kept = kept(&shapes, &there);
    let lacking = old.part(&(&kept - &there));
    let shapes: Vec<StoredBlock> = shapes.iter().map(|shape| shape.part(&kept)).collect();
    let new = new.part(&kept);
    let steps: Vec<Step> = shapes.windows(2).flat_map(|w| diff(&w[0], &w[1])).collect();
    instance::as_owner(&row.schema, || {
        instance::make_tables(&row.schema, row.number, &lacking)?;
        for step in &steps {
            take(step, &row.schema)?;
        }
        forbid_nulls(&row.schema, &new)?;
        // PostgreSQL refuses to defer a trigger in here, so none runs later as another role. Those
        // that the caller has deferred are its own and run as the caller, at its commit.
        instance::grant_tables(&row.schema, row.number, &new)?;
        instance::grant_sequences(&row.schema, row.number, &new)
    })?;
    spi::run(
        "UPDATE edgebase.instance SET version = $1, migrated_at = now(),
             failed_version = NULL, failed_at = NULL, failure = NULL WHERE number = $2",
        &[block.version.as_str().into(), row.number.into()],
    )?;
    let done: Vec<String> = steps.iter().map(Step::describe).collect();
    let details = json!({ "from": row.version, "to": block.version, "steps": done });
    audit::record("migrate", key, details)
}

fn take(step: &Step, schema: &str) -> Result<(), Error> {
    for statement in step.statements(schema) {
        match statement {
            Statement::Run(sql) => spi::ddl(&sql)?,
            Statement::Script(sql) => spi::run(&sql, &[])?,
            Statement::Expect(sql) => {
                if let Some(objection) = spi::one::<String>(&sql, &[])? {
                    return Err(Error::Misfit(objection));
                }
            }
        }
    }
    Ok(())
}

/// Makes columns NOT NULL that a new instance would have so and that hold no null: those of new
/// required fields, which could not be while they were being added, and renamed ones.
fn forbid_nulls(schema: &str, block: &StoredBlock) -> Result<(), Error> {
    let nullable = spi::json(
        "SELECT coalesce(jsonb_agg(jsonb_build_array(c.relname, a.attname)), '[]')
         FROM pg_catalog.pg_namespace n
         JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_namespace'::regclass
          AND d.refobjid = n.oid AND d.classid = 'pg_catalog.pg_class'::regclass
         JOIN pg_catalog.pg_class c ON c.oid = d.objid
         JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
         WHERE n.nspname = $1 AND c.relkind = 'r' AND a.attnum > 0
           AND NOT a.attisdropped AND NOT a.attnotnull",
        &[schema.into()],
    )?;
    for table in &block.tables {
        let name = qualified(schema, &table.name);
        for column in ddl::columns(table).iter().filter(|c| c.not_null) {
            let pair = json!([table.name, column.name]);
            if !nullable.as_array().is_some_and(|all| all.contains(&pair)) {
                continue;
            }
            let column = ident(&column.name);
            let null = format!("SELECT true FROM {name} WHERE {column} IS NULL LIMIT 1");
            if spi::one::<bool>(&null, &[])?.is_none() {
                spi::ddl(&format!("ALTER TABLE {name} ALTER COLUMN {column} SET NOT NULL"))?;
            }
        }
    }
    Ok(())
}
