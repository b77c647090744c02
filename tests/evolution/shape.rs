//! What does an instance consist of, as text that can be compared with another's?
//!
//! One line per column, constraint, index, owner and privilege, with the names of the schema and
//! of its role replaced. Columns are lines and not a list: where a column stands in its table is
//! the one thing in which a migrated instance may differ from a new one.

use std::collections::BTreeSet;
use tokio_postgres::Client;

const LINES: &str = r"
WITH n AS (SELECT oid, nspname, nspacl, nspowner FROM pg_namespace WHERE nspname = $1),
     c AS (SELECT pg_class.oid, relname, relkind, relacl, relowner FROM pg_class JOIN n ON n.oid = relnamespace),
     acl AS (
        SELECT 'schema' AS object, a.* FROM n, aclexplode(nspacl) AS a
        UNION ALL SELECT 'table ' || relname, a.* FROM c, aclexplode(relacl) AS a WHERE relkind = 'r'),
     lines AS (
        SELECT concat_ws(' ', 'column', relname, attname, format_type(atttypid, atttypmod), collname,
                   'default', coalesce(pg_get_expr(adbin, adrelid), '-'), 'not null', attnotnull) AS line
        FROM c JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
            LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum
            LEFT JOIN pg_collation co ON co.oid = attcollation
        WHERE relkind = 'r'
        UNION ALL SELECT concat_ws(' ', 'constraint', relname, conname, pg_get_constraintdef(k.oid), convalidated)
        FROM c JOIN pg_constraint k ON conrelid = c.oid WHERE contype <> 'n'
        UNION ALL SELECT concat_ws(' ', 'index', pg_get_indexdef(indexrelid), indisvalid, indisreplident)
        FROM c JOIN pg_index ON indrelid = c.oid WHERE relkind = 'r'
        UNION ALL SELECT concat_ws(' ', 'owner', relname, relowner::regrole) FROM c
        UNION ALL SELECT concat_ws(' ', 'owner', 'schema', nspowner::regrole) FROM n
        UNION ALL SELECT concat_ws(' ', 'trigger', relname, pg_get_triggerdef(t.oid))
        FROM c JOIN pg_trigger t ON tgrelid = c.oid WHERE NOT tgisinternal
        UNION ALL SELECT concat_ws(' ', 'right', object, privilege_type, is_grantable,
            CASE WHEN pg_get_userbyid(grantee) LIKE 'eb\_%' THEN 'ROLE' ELSE pg_get_userbyid(grantee) END)
        FROM acl)
SELECT replace(line, quote_ident($1), 'S') FROM lines";

/// The lines of the instance in that schema.
pub async fn shape(client: &Client, schema: &str) -> BTreeSet<String> {
    let rows = client.query(LINES, &[&schema]).await.expect("the catalog can be read");
    rows.iter().map(|row| row.get(0)).collect()
}
