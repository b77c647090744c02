//! How is a restored database made whole?
//!
//! Roles are cluster-wide and not in a dump, and an instance role's name holds the database's
//! oid. So after a restore the roles are missing or are another database's. `repair()` makes the
//! role of every instance and sets the privileges on its schema and tables to exactly what they
//! should be: missing ones are granted, all others revoked, whoever gave them. Schemas and tables
//! belong to `edgebase_owner` again, and analysts have their relations.
//!
//! It does so instance by instance and changes nothing where nothing is wrong. Each instance's row
//! is locked to the end, as migrating, dropping and making tables lock it first: two sessions that
//! change the same privileges at a time would fail each other. Entering goes on.

use crate::analytics::{self, ANALYST};
use crate::answer::Answer;
use crate::args::Args;
use crate::audit;
use crate::error::Error;
use crate::identity::role_oid;
use crate::instance::{self, as_owner};
use crate::lifecycle::bounded_waits;
use crate::lock;
use crate::registry::{self, role_name};
use crate::spi;
use edgebase_blocks::block::BlockKind;
use edgebase_blocks::quote::{ident, literal};
use serde_json::{Value, json};

/// `edgebase.repair()`
pub fn repair(_: &Args) -> Result<Answer, Error> {
    let (mut roles, mut revoked, mut missing) = (0, 0, Vec::new());
    let _bounded = bounded_waits()?;
    // No config is applied meanwhile, which also changes privileges.
    spi::run("LOCK TABLE edgebase.block IN SHARE ROW EXCLUSIVE MODE", &[])?;
    for number in all_instances()? {
        let row = lock_row(number)?;
        if row.is_null() {
            continue;
        }
        let text = |member: &str| row[member].as_str().unwrap_or_default();
        let schema = text("schema_name");
        if role_oid(&role_name(number)).is_none() {
            instance::create_role(number)?;
            roles += 1;
        }
        if lock::schema_oid(schema).is_none() {
            missing.push(schema.to_owned());
            continue;
        }
        restore_owner(schema)?;
        let block = registry::definition(text("version"))?;
        revoked += revoke_strangers(schema, number, block.kind)?;
        let there = block.part(&instance::tables(schema, &block));
        as_owner(schema, || {
            instance::grant_schema(schema, number, block.kind)?;
            instance::grant_tables(schema, number, &there)
        })?;
    }
    spi::run(
        "SELECT pg_catalog.setval('edgebase.instance_number', max(number))
         FROM edgebase.instance HAVING max(number) > (SELECT last_value FROM edgebase.instance_number)",
        &[],
    )?;
    revoked += analytics::repair()?;
    close_database()?;
    let report =
        json!({ "roles_created": roles, "grants_revoked": revoked, "schemas_missing": missing });
    audit::record_block("repair", "*", report.clone())?;
    Ok(Answer::Json(report))
}

fn all_instances() -> Result<Vec<i64>, Error> {
    let sql = "SELECT coalesce(array_agg(number ORDER BY number), '{}') FROM edgebase.instance";
    Ok(spi::one::<Vec<i64>>(sql, &[])?.unwrap_or_default())
}

/// Locks an instance's row and gives it as it is once locked; null when it is gone.
fn lock_row(number: i64) -> Result<Value, Error> {
    spi::json(
        "SELECT to_jsonb(i) FROM (SELECT schema_name, version FROM edgebase.instance
                                  WHERE number = $1 FOR UPDATE) AS i",
        &[number.into()],
    )
}

/// A dump makes schemas before it makes the extension, and with it the role that owns them.
fn restore_owner(schema: &str) -> Result<(), Error> {
    let statements = spi::json(
        "SELECT coalesce(jsonb_agg(statement), '[]') FROM (
             SELECT format('ALTER SCHEMA %I OWNER TO edgebase_owner', nspname) AS statement
             FROM pg_namespace WHERE nspname = $1 AND nspowner <> 'edgebase_owner'::regrole
             UNION ALL
             SELECT format('ALTER TABLE %I.%I OWNER TO edgebase_owner', nspname, relname)
             FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
             WHERE nspname = $1 AND relkind IN ('r', 'p', 'v', 'm') AND relowner <> 'edgebase_owner'::regrole
         ) AS wrong",
        &[schema.into()],
    )?;
    for statement in statements.as_array().into_iter().flatten().filter_map(Value::as_str) {
        spi::ddl(statement)?;
    }
    Ok(())
}

/// Revokes what anybody but owner, instance role and, on a single-instance block, analyst has on
/// the schema or a table in it, and what those have too much. Grants that stay are made again.
fn revoke_strangers(schema: &str, number: i64, kind: BlockKind) -> Result<usize, Error> {
    let role = role_name(number);
    let reader = if kind == BlockKind::Single { ANALYST } else { role.as_str() };
    let statements = spi::json(
        &format!(
            "WITH home AS (SELECT oid, nspname, nspacl, nspowner FROM pg_namespace WHERE nspname = {schema}),
                  allowed (role, kind, privilege) AS (
                      VALUES ({role}, 'SCHEMA', 'USAGE'), ({role}, 'TABLE', 'SELECT'), ({role}, 'TABLE', 'INSERT'),
                             ({role}, 'TABLE', 'UPDATE'), ({role}, 'TABLE', 'DELETE'),
                             ({reader}, 'SCHEMA', 'USAGE'), ({reader}, 'TABLE', 'SELECT')),
                  granted AS (
                      SELECT 'SCHEMA' AS kind, format('%I', nspname) AS object, nspowner AS owner, acl.*
                      FROM home, aclexplode(nspacl) AS acl
                      UNION ALL
                      SELECT 'TABLE', format('%I.%I', nspname, relname), relowner, acl.*
                      FROM home JOIN pg_class c ON c.relnamespace = home.oid AND relkind IN ('r', 'p', 'v', 'm', 'f'),
                           aclexplode(relacl) AS acl)
             SELECT coalesce(jsonb_agg(DISTINCT format('REVOKE ALL ON %s %s FROM %s CASCADE', kind, object,
                        CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(grantee)) END)), '[]')
             FROM granted
             WHERE grantee <> owner
               AND (is_grantable OR NOT EXISTS (
                   SELECT FROM allowed a WHERE a.kind = granted.kind AND a.privilege = privilege_type
                      AND a.role = CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee)::text END))",
            schema = literal(schema),
            role = literal(&role),
            reader = literal(reader),
        ),
        &[],
    )?;
    let statements = statements.as_array().cloned().unwrap_or_default();
    for statement in statements.iter().filter_map(Value::as_str) {
        as_owner(schema, || spi::own(statement))?;
    }
    Ok(statements.len())
}

/// What `CREATE EXTENSION` did to the database as a whole, which a dump does not carry either.
fn close_database() -> Result<(), Error> {
    let name = spi::one::<String>("SELECT current_database()::text", &[])?.unwrap_or_default();
    spi::run(&format!("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC", ident(&name)), &[])?;
    if lock::schema_oid("public").is_some() {
        spi::run("REVOKE CREATE ON SCHEMA public FROM PUBLIC", &[])?;
    }
    Ok(())
}
