//! What goes with an instance, and what keeps it from going?
//!
//! Everything in its schema goes, whoever put it there, and the receipt names every table with the
//! rows that it had. They are counted as the extension's owner, a superuser, because an operator's
//! table may belong to anybody and have row security, and a receipt that leaves rows out would be
//! wrong. Counting runs nothing of a config's: tables, and no views, are read, and no column of them.
//!
//! What stands elsewhere and depends on the schema, such as a view for a report or a table that
//! inherits, is an operator's. It is not taken along: the deletion is refused and names it.

use crate::error::Error;
use crate::registry::InstanceRow;
use crate::spi;
use edgebase_blocks::InstanceKey;
use edgebase_blocks::quote::qualified;
use pgrx::pg_sys::Oid;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Dependants that an error names.
const NAMED: i64 = 10;

/// Refuses a change of the instance while anything outside its schema depends on what is in it.
pub fn refuse_dependants(
    key: &InstanceKey,
    schema: Oid,
    change: &'static str,
) -> Result<(), Error> {
    match dependants(schema)? {
        None => Ok(()),
        Some(names) => Err(Error::Dependants { instance: key.to_string(), change, names }),
    }
}

/// What stands outside a schema and depends on what is in it, described. Parts of what is inside, such
/// as indexes, defaults and triggers, are inside; a partition elsewhere is a table of its own.
pub fn dependants(schema: Oid) -> Result<Option<String>, Error> {
    spi::one::<String>(
        "WITH RECURSIVE inside AS (
             SELECT classid, objid FROM pg_depend
             WHERE refclassid = 'pg_namespace'::regclass AND refobjid = $1 AND deptype = 'n'
             UNION
             SELECT d.classid, d.objid
             FROM inside i JOIN pg_depend d ON d.refclassid = i.classid AND d.refobjid = i.objid
             WHERE d.deptype <> 'n'
               AND NOT (d.classid = 'pg_class'::regclass AND EXISTS (
                   SELECT FROM pg_class c WHERE c.oid = d.objid AND c.relnamespace <> $1
                      AND c.relkind IN ('r', 'p', 'f')))
         ), outside AS (
             SELECT DISTINCT d.classid, d.objid
             FROM inside i JOIN pg_depend d ON d.refclassid = i.classid AND d.refobjid = i.objid
             WHERE NOT EXISTS (SELECT FROM inside o WHERE o.classid = d.classid AND o.objid = d.objid)
         ), named AS (
             SELECT DISTINCT coalesce(
                 (SELECT pg_describe_object('pg_class'::regclass, r.ev_class, 0) FROM pg_rewrite r
                  WHERE o.classid = 'pg_rewrite'::regclass AND r.oid = o.objid),
                 pg_describe_object(o.classid, o.objid, 0)) AS name
             FROM outside o ORDER BY name LIMIT $2
         )
         SELECT string_agg(name, ', ' ORDER BY name) FROM named",
        &[schema.into(), NAMED.into()],
    )
}

/// What is about to be deleted: tables, rows, bytes, when, by whom, and a SHA-256 over all of it. A
/// partitioned table has the rows of its partitions, which are not named besides; a partition of a
/// table elsewhere is.
pub fn receipt(key: &InstanceKey, row: &InstanceRow, caller: Option<&str>) -> Result<Value, Error> {
    let found = spi::json(
        "SELECT coalesce(jsonb_agg(jsonb_build_array(c.relname, c.relkind, stored.bytes)
                    ORDER BY c.relname), '[]')
         FROM pg_namespace n
         JOIN pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid
          AND d.classid = 'pg_class'::regclass AND d.deptype = 'n'
         JOIN pg_class c ON c.oid = d.objid
         CROSS JOIN LATERAL (
             SELECT sum(pg_total_relation_size(part))::bigint AS bytes
             FROM (SELECT relid FROM pg_partition_tree(c.oid) WHERE c.relkind = 'p'
                   UNION ALL SELECT c.oid WHERE c.relkind <> 'p') AS parts (part)) AS stored
         WHERE n.nspname = $1
           AND c.relkind IN ('r', 'p', 'm')
           AND NOT EXISTS (
               SELECT FROM pg_partition_ancestors(c.oid) AS above (oid)
               JOIN pg_class p ON p.oid = above.oid
               WHERE c.relispartition AND p.oid <> c.oid AND p.relnamespace = n.oid)",
        &[row.schema.as_str().into()],
    )?;
    let mut tables = Vec::new();
    let (mut all_rows, mut all_bytes) = (0, 0);
    for table in found.as_array().into_iter().flatten() {
        let name = table[0].as_str().unwrap_or_default();
        // Tables that inherit are named themselves.
        let only = if table[1] == "p" { "" } else { "ONLY " };
        let sql = format!("SELECT count(*) FROM {only}{}", qualified(&row.schema, name));
        let rows = spi::one::<i64>(&sql, &[])?.unwrap_or(0);
        let bytes = table[2].as_i64().unwrap_or(0);
        all_rows += rows;
        all_bytes += bytes;
        tables.push(json!({ "name": name, "rows": rows, "bytes": bytes }));
    }
    let about = spi::json(
        "SELECT jsonb_build_object(
             'at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),
             'by', session_user)",
        &[],
    )?;
    let mut receipt = json!({
        "namespace": key.namespace(),
        "id": key.id(),
        "schema": row.schema,
        "tables": tables,
        "rows": all_rows,
        "bytes": all_bytes,
        "dropped_at": about["at"],
        "dropped_by": caller.map_or_else(|| about["by"].clone(), Value::from),
    });
    receipt["digest"] = json!(digest(&receipt));
    Ok(receipt)
}

/// SHA-256 over the receipt's other members in the order in which they are listed in the docs.
fn digest(receipt: &Value) -> String {
    let members =
        ["namespace", "id", "schema", "tables", "rows", "bytes", "dropped_at", "dropped_by"];
    let mut hash = Sha256::new();
    for member in members {
        hash.update(receipt[member].to_string().as_bytes());
        hash.update(b"\n");
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}
