//! What does a new config change?
//!
//! `edgebase.apply_config(config, dry_run)` registers the blocks of a config and brings the
//! instances of single-instance blocks up to date; those of dynamic blocks follow when they are
//! next used. Every table is first built in a scratch schema that is rolled back, so a config
//! whose `check` or reference PostgreSQL refuses, or whose `check` no write could meet or evaluate,
//! is refused here and not at some tenant's first write. A block that the config no longer has is
//! kept, with its instances.

use crate::adopt;
use crate::analytics;
use crate::answer::Answer;
use crate::args::Args;
use crate::attempt::trial;
use crate::audit;
use crate::error::Error;
use crate::instance;
use crate::lifecycle;
use crate::lock::Mode;
use crate::migrate::bring_up;
use crate::registry::{self, BlockRow};
use crate::spi;
use edgebase_blocks::StoredBlock;
use edgebase_blocks::block::BlockKind;
use edgebase_blocks::diff::{Step, diff};
use edgebase_blocks::quote::ident;
use serde_json::{Value, json};

/// What applying a block means.
struct Plan {
    block: StoredBlock,
    version: String,
    old: Option<BlockRow>,
    steps: Vec<Step>,
    changed: bool,
}

/// The C function behind `edgebase.apply_config`: gives the rows as a `jsonb` array.
pub fn apply_config(args: &Args) -> Result<Answer, Error> {
    registry::check_version()?;
    let config = args.config(0)?;
    let dry_run = args.flag(1);
    let blocks = StoredBlock::all_from_json(&config)
        .map_err(|mistake| Error::InvalidConfig(mistake.to_string()))?;
    // One config at a time. Creating, entering and migrating go on: they only read blocks.
    spi::run("LOCK TABLE edgebase.block IN SHARE ROW EXCLUSIVE MODE", &[])?;
    let mut plans = blocks.into_iter().map(plan).collect::<Result<Vec<_>, _>>()?;
    if !dry_run {
        wait_for_readers(&plans)?;
    }
    for plan in plans.iter_mut().filter(|p| p.changed) {
        approve(plan, dry_run)?;
        if !dry_run {
            refuse_losses(&plan.block.namespace, &plan.steps)?;
        }
        trial(|| try_out(&plan.block))?;
    }
    let mut rows = Vec::new();
    for plan in &plans {
        report(plan, &mut rows);
        if !dry_run {
            carry_out(plan)?;
        }
    }
    if !dry_run {
        close_new_database()?;
    }
    let names: Vec<&str> = plans.iter().map(|p| p.block.namespace.as_str()).collect();
    keep_others(&names, dry_run, &mut rows)?;
    Ok(Answer::Json(Value::Array(rows)))
}

/// A database that was made from a template has the template's extension, but not the privileges
/// that `CREATE EXTENSION` gave the template. Those that somebody has set since are kept.
fn close_new_database() -> Result<(), Error> {
    let new = spi::one::<String>(
        "SELECT datname::pg_catalog.text FROM pg_catalog.pg_database
         WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database() AND datacl IS NULL",
        &[],
    )?;
    new.map_or(Ok(()), |name| {
        spi::run(&format!("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC", ident(&name)), &[])
    })
}

/// Takes every lock that an analyst's transaction may hold up, before any that a tenant's would
/// wait for.
fn wait_for_readers(plans: &[Plan]) -> Result<(), Error> {
    let _bounded = lifecycle::bounded_waits()?;
    for plan in plans {
        analytics::lock_relations(&plan.block)?;
    }
    let behind = plans.iter().filter(|p| p.changed && p.block.kind == BlockKind::Single);
    let names: Vec<String> = behind.map(|p| p.block.namespace.clone()).collect();
    lifecycle::lock_singles(&names)
}

fn plan(block: StoredBlock) -> Result<Plan, Error> {
    let version = block.version();
    let old = registry::block(&block.namespace);
    let changed = old.as_ref().is_none_or(|o| o.version != version);
    let mut steps = Vec::new();
    if let Some(old) = old.as_ref().filter(|_| changed) {
        let before = registry::definition(&old.version)?;
        if before.kind != block.kind && has_instances(&block.namespace)? {
            return Err(Error::Destructive {
                block: block.namespace.clone(),
                guide: String::new(),
                steps: format!(
                    "turn it from {:?} into {:?} while it has instances",
                    before.kind, block.kind
                )
                .to_lowercase(),
            });
        }
        steps = diff(&before, &block);
    }
    Ok(Plan { block, version, old, steps, changed })
}

fn has_instances(namespace: &str) -> Result<bool, Error> {
    let sql = "SELECT true FROM edgebase.instance WHERE namespace = $1 LIMIT 1";
    Ok(spi::one::<bool>(sql, &[namespace.into()])?.is_some())
}

/// Lets every step pass where no instance is, and none can come before this transaction ends: with
/// the shape of before it could come to hold what the steps then drop.
fn approve(plan: &mut Plan, dry_run: bool) -> Result<(), Error> {
    if plan.steps.iter().all(|s| s.covered) {
        return Ok(());
    }
    if !dry_run {
        spi::run("LOCK TABLE edgebase.instance IN SHARE MODE", &[])?;
    }
    if !has_instances(&plan.block.namespace)? {
        for step in &mut plan.steps {
            (step.covered, step.guide) = (true, None);
        }
    }
    Ok(())
}

/// Refuses steps that lose data and that no migration answers for.
fn refuse_losses(block: &str, steps: &[Step]) -> Result<(), Error> {
    let losses: Vec<&Step> = steps.iter().filter(|s| s.destructive && !s.covered).collect();
    if losses.is_empty() {
        return Ok(());
    }
    let list = |texts: Vec<String>, by: &str| texts.join(by);
    let guides = losses.iter().filter_map(|s| s.guide.as_ref().map(ToString::to_string)).collect();
    Err(Error::Destructive {
        block: block.to_owned(),
        steps: list(losses.iter().map(|s| s.describe()).collect(), ", "),
        guide: list(guides, "\n"),
    })
}

/// Builds the block's tables in a schema of their own, whose name no key can take; the caller rolls
/// it back.
fn try_out(block: &StoredBlock) -> Result<(), Error> {
    let schema = ":trial:";
    spi::run(&format!("CREATE SCHEMA {} AUTHORIZATION edgebase_owner", ident(schema)), &[])?;
    instance::as_owner(schema, || {
        edgebase_blocks::ddl::create_block(schema, block).iter().try_for_each(|s| spi::ddl(s))?;
        try_checks(schema)
    })
}

/// Evaluates every check of the tables in a schema, over no row: what a check calls is looked at
/// before the first row comes, so one that no insert could evaluate is refused. A check of one
/// field is also evaluated for that field's default.
fn try_checks(schema: &str) -> Result<(), Error> {
    let checks = spi::json(
        "SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                'any', pg_catalog.format('SELECT %s FROM %I.%I', e.expr, $1, r.relname),
                'default', CASE WHEN d.oid IS NOT NULL THEN pg_catalog.format('SELECT (%s) IS NOT FALSE FROM (SELECT (%s)::%s AS %I) AS %I',
                    e.expr, pg_catalog.pg_get_expr(d.adbin, d.adrelid),
                    pg_catalog.format_type(a.atttypid, a.atttypmod), a.attname, r.relname) END,
                'table', r.relname, 'field', a.attname))
         FROM pg_catalog.pg_constraint c
         JOIN pg_catalog.pg_class r ON r.oid OPERATOR(pg_catalog.=) c.conrelid
         CROSS JOIN LATERAL (SELECT pg_catalog.pg_get_expr(c.conbin, c.conrelid) AS expr) e
         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.conrelid
              AND a.attnum OPERATOR(pg_catalog.=) c.conkey[1]
              AND pg_catalog.cardinality(c.conkey) OPERATOR(pg_catalog.=) 1
         LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid OPERATOR(pg_catalog.=) a.attrelid
              AND d.adnum OPERATOR(pg_catalog.=) a.attnum
         WHERE c.contype OPERATOR(pg_catalog.=) 'c' AND r.relnamespace OPERATOR(pg_catalog.=)
              (SELECT n.oid FROM pg_catalog.pg_namespace n
               WHERE n.nspname OPERATOR(pg_catalog.=) $1::pg_catalog.name)",
        &[schema.into()],
    )?;
    for check in checks.as_array().into_iter().flatten() {
        let text = |key: &str| check[key].as_str();
        spi::run(text("any").unwrap_or_default(), &[])?;
        if let Some(sql) = text("default")
            && spi::one::<bool>(sql, &[])? == Some(false)
        {
            let (table, field) = (&check["table"], &check["field"]);
            return Err(Error::InvalidConfig(format!(
                "the default of field {field} in table {table} does not meet its check"
            )));
        }
    }
    Ok(())
}

/// The rows that tell what the block's change is.
fn report(plan: &Plan, rows: &mut Vec<Value>) {
    let namespace = &plan.block.namespace;
    let schema = match plan.block.kind {
        BlockKind::Single => namespace.clone(),
        BlockKind::Dynamic => format!("{namespace}:{{id}}"),
    };
    match (&plan.old, plan.changed) {
        (_, false) => rows.push(row(namespace, "unchanged")),
        (None, true) => {
            rows.push(row(namespace, "create_block"));
            for table in &plan.block.tables {
                let mut row = row(namespace, "create_table");
                row["table_name"] = json!(table.name);
                row["statement"] = json!(edgebase_blocks::ddl::create_table(&schema, table));
                rows.push(row);
            }
        }
        (Some(_), true) => {
            rows.push(row(namespace, "update_block"));
            for step in &plan.steps {
                for statement in step.statements(&schema) {
                    rows.push(json!({
                        "namespace": namespace, "table_name": step.table,
                        "change": step.change.as_str(), "destructive": step.destructive,
                        "statement": statement.sql(), "covered": step.covered,
                        "lock": step.lock.as_str(), "work": step.work.as_str(),
                        "guide": step.guide,
                    }));
                }
            }
        }
    }
}

/// What is said of a block as a whole.
fn row(namespace: &str, change: &str) -> Value {
    json!({
        "namespace": namespace, "change": change, "destructive": false, "covered": true,
        "work": "none",
    })
}

fn carry_out(plan: &Plan) -> Result<(), Error> {
    let namespace = plan.block.namespace.as_str();
    let kind = match plan.block.kind {
        BlockKind::Single => "single",
        BlockKind::Dynamic => "dynamic",
    };
    if plan.changed {
        let definition = serde_json::to_string(&plan.block.shape())
            .map_err(|e| Error::Internal(e.to_string()))?;
        spi::run(
            "INSERT INTO edgebase.block_version (version, namespace, definition)
             VALUES ($1, $2, $3::json) ON CONFLICT (version) DO NOTHING",
            &[plan.version.as_str().into(), namespace.into(), definition.as_str().into()],
        )?;
        let details = json!({ "version": plan.version });
        audit::record_block("configure", namespace, details)?;
    }
    spi::run(
        "INSERT INTO edgebase.block (namespace, kind, version) VALUES ($1, $2, $3)
         ON CONFLICT (namespace) DO UPDATE SET kind = excluded.kind, version = excluded.version,
             configured = true, applied_at = now()
         WHERE (block.kind, block.version, block.configured)
             IS DISTINCT FROM (excluded.kind, excluded.version, true)",
        &[namespace.into(), kind.into(), plan.version.as_str().into()],
    )?;
    let shown = analytics::remember(&plan.block)?;
    analytics::keep_in_step(&plan.block)?;
    if plan.block.kind == BlockKind::Single {
        let (key, row) = registry::resolve(namespace, None)?;
        // The registry may be new, and the instance an old one.
        if registry::instance(&key).is_none() {
            adopt::adopt_key(&key)?;
        }
        let (instance, _) = lifecycle::create(&key, &row, None)?;
        if instance.version != row.version {
            bring_up(&key)?;
        } else if shown {
            let _bounded = lifecycle::bounded_waits()?;
            let instance = lifecycle::lock_instance(&key, Mode::Use)?;
            instance::as_owner(&instance.schema, || {
                analytics::grant_tables(&instance.schema, &plan.block)
            })?;
        }
    }
    Ok(())
}

/// Blocks that the config does not have stay as they are and say so.
fn keep_others(names: &[&str], dry_run: bool, rows: &mut Vec<Value>) -> Result<(), Error> {
    let all = spi::json(
        "SELECT coalesce(jsonb_agg(namespace ORDER BY namespace), '[]') FROM edgebase.block",
        &[],
    )?;
    for namespace in all.as_array().into_iter().flatten().filter_map(Value::as_str) {
        if names.contains(&namespace) {
            continue;
        }
        rows.push(row(namespace, "kept"));
        if !dry_run {
            spi::run(
                "UPDATE edgebase.block SET configured = false WHERE namespace = $1 AND configured",
                &[namespace.into()],
            )?;
        }
    }
    Ok(())
}
