//! How do analysts get at the tables of a block?
//!
//! For each table of a dynamic block there is a foreign table over all instances, in a schema
//! named after the block; the registry keeps that schema's name, as it does those of instances.
//! The tables of a single-instance block are granted as they are. What the config hides is not
//! there, and is remembered beside the block rather than in its version, so that hiding a field
//! migrates no instance.
//!
//! Schemas and relations belong to the superuser who owns the extension, not to `edgebase_owner`:
//! what a config's migrations run as cannot show what is hidden.
//!
//! How a relation is read is in the modules below; the wrapper that PostgreSQL calls is
//! `crate::fence::fdw`.

pub mod columns;
pub mod condition;
pub mod explain;
pub mod expr;
pub mod fit;
pub mod instances;
pub mod known;
pub mod plan;
pub mod scan;

use crate::error::Error;
use crate::fence::plain;
use crate::instance;
use crate::integrity::Finding;
use crate::lock;
use crate::registry;
use crate::relation;
use crate::spi;
use edgebase_blocks::analytics::{Column, Reach, SERVER, reach, relations, statements};
use edgebase_blocks::block::BlockKind;
use edgebase_blocks::name::InstanceKey;
use edgebase_blocks::quote::{ident, qualified};
use edgebase_blocks::{StoredBlock, StoredTable};
use pgrx::pg_sys;
use serde_json::Value;
use std::collections::BTreeMap;

/// Who reads relations and the tables of single-instance blocks.
pub const ANALYST: &str = "edgebase_analyst";
/// Who else reads relations: who may export every instance anyway.
const ADMIN: &str = "edgebase_admin";

/// Notes what analysts see of a block; whether that is something else than before.
pub fn remember(block: &StoredBlock) -> Result<bool, Error> {
    let definition = serde_json::to_string(block).map_err(|e| Error::Internal(e.to_string()))?;
    let changed = spi::one::<bool>(
        "INSERT INTO edgebase.analytics AS a (namespace, definition) VALUES ($1, $2::json)
         ON CONFLICT (namespace) DO UPDATE SET definition = excluded.definition
         WHERE a.definition::text <> excluded.definition::text
         RETURNING true",
        &[block.namespace.as_str().into(), definition.as_str().into()],
    )?;
    Ok(changed.is_some())
}

/// Makes the relations of a block what its config says. Views of somebody's that need a relation
/// or column which has to go make this fail, as they would for any table.
pub fn keep_in_step(block: &StoredBlock) -> Result<(), Error> {
    let wanted = relations(block);
    let known = schema_of(&block.namespace)?;
    let schema = match known {
        Some(schema) => schema,
        None if wanted.is_empty() => return Ok(()),
        None => make_schema(&block.namespace)?,
    };
    let anew = lock::schema_oid(&schema).is_none();
    if anew {
        create_schema(&schema)?;
    }
    let steps = statements(&schema, &existing(&schema)?, &wanted);
    for statement in &steps {
        spi::ddl(statement)?;
    }
    // What is new has the default privileges of whoever made it.
    if anew || !steps.is_empty() {
        close(&schema)?;
        grant_relations(&schema, wanted.iter().map(|r| r.name.as_str()))?;
    }
    if block.kind == BlockKind::Single {
        // The block was dynamic; its one instance takes the name.
        spi::run(&format!("DROP SCHEMA {}", ident(&schema)), &[])?;
        set_schema(&block.namespace, None)?;
    }
    Ok(())
}

/// Waits for whoever reads the relations of a block, if [`keep_in_step`] will change any. Nobody but
/// analysts can queue behind this.
pub fn lock_relations(block: &StoredBlock) -> Result<(), Error> {
    let Some(schema) = schema_of(&block.namespace)? else { return Ok(()) };
    let there = existing(&schema)?;
    if !statements(&schema, &there, &relations(block)).is_empty() {
        let alone = pg_sys::AccessExclusiveLock as pg_sys::LOCKMODE;
        let oids = there.keys().filter_map(|name| relation::oid(&schema, name));
        oids.for_each(|oid| plain::LockRelationOid(oid, alone));
    }
    Ok(())
}

fn schema_of(namespace: &str) -> Result<Option<String>, Error> {
    let sql = "SELECT schema_name FROM edgebase.analytics WHERE namespace = $1";
    spi::one::<String>(sql, &[namespace.into()])
}

fn set_schema(namespace: &str, schema: Option<&str>) -> Result<(), Error> {
    let sql = "UPDATE edgebase.analytics SET schema_name = $2 WHERE namespace = $1";
    spi::run(sql, &[namespace.into(), schema.into()])
}

/// The schema gets the name that the instance of a single-instance block would get: the block's
/// own, or one with a `:` where that is somebody else's.
fn make_schema(namespace: &str) -> Result<String, Error> {
    let key = InstanceKey::new(namespace, None)
        .map_err(|cause| Error::InvalidName { part: "namespace", cause })?;
    let schema = instance::free_schema(&key)?;
    create_schema(&schema)?;
    set_schema(namespace, Some(&schema))?;
    Ok(schema)
}

fn create_schema(schema: &str) -> Result<(), Error> {
    spi::run(&format!("CREATE SCHEMA {}", ident(schema)), &[])
}

/// The relations in a schema, with their columns but the first.
fn existing(schema: &str) -> Result<BTreeMap<String, Vec<Column>>, Error> {
    let found = spi::json(
        "SELECT jsonb_object_agg(c.relname, (
             SELECT coalesce(jsonb_agg(jsonb_build_object(
                 'name', a.attname,
                 'type', format_type(a.atttypid, a.atttypmod)
                     || CASE WHEN o.collname = 'C' THEN ' COLLATE \"C\"' ELSE '' END,
                 'options', coalesce(to_jsonb(a.attfdwoptions), '[]')) ORDER BY a.attnum), '[]')
             FROM pg_attribute a LEFT JOIN pg_collation o ON o.oid = a.attcollation
             WHERE a.attrelid = c.oid AND a.attnum > 1 AND NOT a.attisdropped))
         FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_foreign_table f ON f.ftrelid = c.oid
         JOIN pg_foreign_server s ON s.oid = f.ftserver
         WHERE n.nspname = $1 AND s.srvname = $2",
        &[schema.into(), SERVER.into()],
    )?;
    if found.is_null() {
        return Ok(BTreeMap::new());
    }
    serde_json::from_value(found).map_err(|e| Error::Internal(e.to_string()))
}

/// Takes the schema and its relations from whoever does not own them or read them as analysts do.
fn close(schema: &str) -> Result<usize, Error> {
    run_all(&strangers(schema)?)
}

/// The statements that do.
fn strangers(schema: &str) -> Result<Value, Error> {
    spi::json(
        "WITH home AS (SELECT oid, nspname, nspacl, nspowner FROM pg_namespace WHERE nspname = $1),
              relation AS (SELECT c.oid, format('TABLE %I.%I', nspname, relname) AS object, relowner, relacl
                           FROM home JOIN pg_class c ON c.relnamespace = home.oid AND c.relkind = 'f'),
              granted AS (
                  SELECT format('SCHEMA %I', nspname) AS object, nspowner AS owner, acl.*
                  FROM home, aclexplode(nspacl) AS acl
                  UNION ALL
                  SELECT object, relowner, acl.* FROM relation, aclexplode(relacl) AS acl
                  UNION ALL
                  SELECT object, relowner, acl.* FROM relation
                  JOIN pg_attribute a ON a.attrelid = relation.oid, aclexplode(a.attacl) AS acl)
         SELECT coalesce(jsonb_agg(DISTINCT format('REVOKE ALL ON %s FROM %s CASCADE', object,
                    CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(grantee)) END)), '[]')
         FROM granted
         WHERE grantee <> owner AND (is_grantable OR privilege_type NOT IN ('USAGE', 'SELECT')
               OR grantee = 0 OR pg_get_userbyid(grantee) NOT IN ($2, $3))",
        &[schema.into(), ANALYST.into(), ADMIN.into()],
    )
}

fn run_all(statements: &Value) -> Result<usize, Error> {
    let statements: Vec<&str> =
        statements.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    statements.iter().try_for_each(|s| spi::ddl(s))?;
    Ok(statements.len())
}

fn grant_relations<'a>(schema: &str, names: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let readers = format!("{ANALYST}, {ADMIN}");
    spi::run(&format!("GRANT USAGE ON SCHEMA {} TO {readers}", ident(schema)), &[])?;
    for name in names {
        spi::run(&format!("GRANT SELECT ON {} TO {readers}", qualified(schema, name)), &[])?;
    }
    Ok(())
}

/// What analysts may read of each table that a single-instance block's instance has.
pub fn readable(schema: &str, block: &StoredBlock) -> Result<Vec<(String, Reach)>, Error> {
    let seen = registry::analytics(&block.namespace)?;
    let seen = seen.as_ref().unwrap_or(block);
    let readable = block.tables.iter().map(|table| {
        let shown: &StoredTable = seen.table(&table.name).unwrap_or(table);
        // A view would run what a migration has put there as the analyst who reads it.
        let reach = if relation::is_table(schema, &table.name) {
            reach(seen, shown)
        } else {
            Reach::Nothing
        };
        (table.name.clone(), reach)
    });
    Ok(readable.collect())
}

/// Grants analysts what they may read of the tables of a single-instance block, and nothing else
/// of them. Repeating it changes nothing.
pub fn grant_tables(schema: &str, block: &StoredBlock) -> Result<(), Error> {
    for (table, reach) in readable(schema, block)? {
        let name = qualified(schema, &table);
        let columns = match reach {
            Reach::Table => {
                spi::own(&format!("GRANT SELECT ON TABLE {name} TO {ANALYST}"))?;
                continue;
            }
            Reach::Columns(columns) => columns,
            Reach::Nothing => Vec::new(),
        };
        spi::own(&format!("REVOKE ALL ON TABLE {name} FROM {ANALYST}"))?;
        if !columns.is_empty() {
            let list: Vec<String> = columns.iter().map(|c| ident(c)).collect();
            let list = list.join(", ");
            spi::own(&format!("GRANT SELECT ({list}) ON TABLE {name} TO {ANALYST}"))?;
        }
    }
    Ok(())
}

/// What analysts see of every block.
fn all_blocks() -> Result<Vec<StoredBlock>, Error> {
    let blocks = spi::json(
        "SELECT coalesce(jsonb_agg(namespace ORDER BY namespace), '[]') FROM edgebase.block",
        &[],
    )?;
    let names = blocks.as_array().into_iter().flatten().filter_map(Value::as_str);
    let blocks = names.map(|namespace| match registry::analytics(namespace)? {
        Some(block) => Ok(block),
        None => {
            let row = registry::block(namespace)
                .ok_or_else(|| Error::UnknownBlock(namespace.to_owned()))?;
            registry::definition(&row.version)
        }
    });
    blocks.collect()
}

/// What is wrong with the relations of every block.
pub fn findings() -> Result<Vec<Finding>, Error> {
    let mut all = Vec::new();
    for block in all_blocks()? {
        let wanted = relations(&block);
        let Some(schema) = schema_of(&block.namespace)? else {
            if !wanted.is_empty() {
                let problem = "the block has no relations for analysts".to_owned();
                all.push(Finding::relations(&block.namespace, problem));
            }
            continue;
        };
        let mut steps = statements(&schema, &existing(&schema)?, &wanted);
        if lock::schema_oid(&schema).is_none() {
            steps.push(format!("CREATE SCHEMA {}", ident(&schema)));
        }
        let names = wanted.iter().map(|r| r.name.clone()).collect::<Vec<_>>();
        for more in [foreign_owners(&schema)?, strangers(&schema)?, lacking(&schema, names)?] {
            let more = more.as_array().into_iter().flatten().filter_map(Value::as_str);
            steps.extend(more.map(str::to_owned));
        }
        all.extend(
            steps.into_iter().map(|step| Finding::relations(&schema, format!("due: {step}"))),
        );
    }
    Ok(all)
}

/// The grants that readers of the relations have not got.
fn lacking(schema: &str, names: Vec<String>) -> Result<Value, Error> {
    spi::json(
        "SELECT coalesce(jsonb_agg(format('GRANT %s ON %s TO %s', privilege, object, reader)), '[]')
         FROM unnest(ARRAY[$2, $3]) AS reader,
              LATERAL (
                  SELECT 'USAGE' AS privilege, format('SCHEMA %I', nspname) AS object, nspacl AS acl
                  FROM pg_namespace WHERE nspname = $1
                  UNION ALL
                  SELECT 'SELECT', format('%I.%I', nspname, relname), relacl
                  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
                  WHERE nspname = $1 AND relname = ANY ($4)) AS o
         WHERE NOT EXISTS (SELECT FROM aclexplode(acl) AS a
                           WHERE a.grantee = to_regrole(reader) AND a.privilege_type = privilege)",
        &[schema.into(), ANALYST.into(), ADMIN.into(), names.into()],
    )
}

/// Makes the relations of every block whole: after a restore, and after an upgrade from a version
/// that had none. Gives the number of grants taken back.
pub fn repair() -> Result<usize, Error> {
    let mut revoked = 0;
    for block in all_blocks()? {
        remember(&block)?;
        if let Some(schema) = schema_of(&block.namespace)? {
            run_all(&foreign_owners(&schema)?)?;
        }
        keep_in_step(&block)?;
        if let Some(schema) = schema_of(&block.namespace)? {
            revoked += close(&schema)?;
            let names = relations(&block).into_iter().map(|r| r.name).collect();
            run_all(&lacking(&schema, names)?)?;
        }
    }
    Ok(revoked)
}

/// The statements by which the extension's owner gets what a dump made somebody else's, who restored
/// it.
fn foreign_owners(schema: &str) -> Result<Value, Error> {
    spi::json(
        "SELECT coalesce(jsonb_agg(statement), '[]') FROM (
             SELECT format('ALTER SCHEMA %I OWNER TO CURRENT_USER', nspname) AS statement
             FROM pg_namespace WHERE nspname = $1 AND nspowner <> current_user::regrole
             UNION ALL
             SELECT format('ALTER FOREIGN TABLE %I.%I OWNER TO CURRENT_USER', nspname, relname)
             FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
             WHERE nspname = $1 AND relkind = 'f' AND relowner <> current_user::regrole) AS wrong",
        &[schema.into()],
    )
}
