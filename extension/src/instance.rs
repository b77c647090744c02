//! What is an instance made of?
//!
//! A schema owned by `edgebase_owner`, its tables, and a role that nobody is granted and nobody can
//! log in as, with USAGE on that schema and SELECT, INSERT, UPDATE, DELETE on its tables. All DDL
//! of instances is here and in `migrate`, one statement at a time.
//!
//! Tables are made as `edgebase_owner` inside a security-restricted operation: the expressions of a
//! config (`check`, defaults, migrations) never run as a superuser, and what they may do is in
//! [`confine`](crate::confine). The extension's own grants are exempt from that, one by one.

use crate::analytics::{self, ANALYST};
use crate::answer::Answer;
use crate::args::Args;
use crate::confine::Home;
use crate::error::Error;
use crate::fence::session::Scope;
use crate::identity::RunAs;
use crate::lock;
use crate::registry::role_name;
use crate::relation;
use crate::spi;
use edgebase_blocks::block::BlockKind;
use edgebase_blocks::quote::{ident, literal, qualified};
use edgebase_blocks::sparse::Names;
use edgebase_blocks::{InstanceKey, StoredBlock, ddl, name, settings};
use serde_json::Value;

/// The attributes of an instance role, all that it could have taken away.
pub const ROLE_ATTRIBUTES: &str = "NOLOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE \
                                   NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 0";

/// What the comment on a schema begins with that says which instance it is.
pub const MARK: &str = "EdgeBase instance ";
/// What the comment on a schema begins with that a restored one has taken the place of.
pub const SET_ASIDE: &str = "EdgeBase set aside ";

/// Runs `work` as the owner of instances, unqualified names meaning the given schema. Whoever
/// calls, a text means the same value and a value is written as the same text, and no row is hidden.
pub fn as_owner<T>(schema: &str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let _home = Home::only(schema);
    let _owner = RunAs::owner()?;
    let scope = Scope::open();
    scope.set("search_path", &format!("{}, pg_temp", ident(schema)))?;
    scope.pin(settings::OUTPUT)?;
    scope.pin(settings::INPUT)?;
    // What row security would hide fails the statement.
    scope.pin(&[("row_security", "off")])?;
    work()
}

/// The first name for the key's schema that is neither reserved nor taken.
pub fn free_schema(key: &InstanceKey) -> Result<String, Error> {
    let free = |n: &String| !name::is_reserved_schema(n) && lock::schema_oid(n).is_none();
    key.schema_names().into_iter().find(free).ok_or_else(|| Error::SchemaTaken(key.to_string()))
}

/// Creates role, schema and tables.
pub fn build(
    key: &InstanceKey,
    schema: &str,
    number: i64,
    block: &StoredBlock,
) -> Result<(), Error> {
    create_role(number)?;
    spi::run(&format!("CREATE SCHEMA {} AUTHORIZATION edgebase_owner", ident(schema)), &[])?;
    if schema != key.to_string() {
        mark(key, schema)?;
    }
    as_owner(schema, || {
        grant_schema(schema, number, block.kind)?;
        make_tables(schema, number, block)
    })
}

/// Has a schema say which instance it is, where its name does not.
pub fn mark(key: &InstanceKey, schema: &str) -> Result<(), Error> {
    let key = key.to_string();
    let comment = if schema == key { "NULL".to_owned() } else { literal(&format!("{MARK}{key}")) };
    spi::ddl(&format!("COMMENT ON SCHEMA {} IS {comment}", ident(schema)))
}

/// Makes tables, as the owner; foreign keys may lead to others that are there.
pub fn make_tables(schema: &str, number: i64, tables: &StoredBlock) -> Result<(), Error> {
    ddl::create_block(schema, tables).iter().try_for_each(|statement| spi::ddl(statement))?;
    grant_tables(schema, number, tables)
}

/// Those of the block's tables that are there.
pub fn tables(schema: &str, block: &StoredBlock) -> Names {
    let there = |name: &String| relation::oid(schema, name).is_some();
    block.tables.iter().map(|t| t.name.clone()).filter(there).collect()
}

/// Creates the instance role, as the definer: `edgebase_owner` cannot create roles.
pub fn create_role(number: i64) -> Result<(), Error> {
    let role = ident(&role_name(number));
    spi::run(&format!("CREATE ROLE {role} {ROLE_ATTRIBUTES}"), &[])
}

/// Lets the instance role into its schema. Repeating it changes nothing.
pub fn grant_schema(schema: &str, number: i64, kind: BlockKind) -> Result<(), Error> {
    let role = ident(&role_name(number));
    let mut readers = vec![role.as_str()];
    if kind == BlockKind::Single {
        readers.push(ANALYST);
    }
    let readers = readers.join(", ");
    spi::own(&format!("GRANT USAGE ON SCHEMA {} TO {readers}", ident(schema)))
}

/// Grants the instance role what it may do, table by table. Repeating it changes nothing.
pub fn grant_tables(schema: &str, number: i64, block: &StoredBlock) -> Result<(), Error> {
    let role = ident(&role_name(number));
    let tables: Vec<String> = block.tables.iter().map(|t| qualified(schema, &t.name)).collect();
    let tables = tables.join(", ");
    if tables.is_empty() {
        return Ok(());
    }
    spi::own(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE {tables} TO {role}"))?;
    if block.kind == BlockKind::Single {
        analytics::grant_tables(schema, block)?;
    }
    Ok(())
}

/// Grants the instance role the sequences of columns that a migration made `serial`: an insert takes
/// its next number as whoever inserts.
pub fn grant_sequences(schema: &str, number: i64, block: &StoredBlock) -> Result<(), Error> {
    let tables: Vec<String> = block.tables.iter().map(|t| t.name.clone()).collect();
    let found = spi::json(
        "SELECT coalesce(pg_catalog.jsonb_agg(s.relname), '[]')
         FROM pg_catalog.pg_namespace n
         JOIN pg_catalog.pg_depend d ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
          AND d.refobjid OPERATOR(pg_catalog.=) n.oid
          AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
         JOIN pg_catalog.pg_class s ON s.oid OPERATOR(pg_catalog.=) d.objid AND s.relkind OPERATOR(pg_catalog.=) 'S'
         JOIN pg_catalog.pg_depend o ON o.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
          AND o.objid OPERATOR(pg_catalog.=) s.oid AND o.deptype OPERATOR(pg_catalog.=) 'a'
          AND o.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
         JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) o.refobjid
         WHERE n.nspname OPERATOR(pg_catalog.=) $1
           AND t.relname::pg_catalog.text OPERATOR(pg_catalog.=) ANY ($2)",
        &[schema.into(), tables.into()],
    )?;
    let found = found.as_array().into_iter().flatten().filter_map(Value::as_str);
    let list: Vec<String> = found.map(|name| qualified(schema, name)).collect();
    if list.is_empty() {
        return Ok(());
    }
    let role = ident(&role_name(number));
    spi::own(&format!("GRANT USAGE ON SEQUENCE {} TO {role}", list.join(", ")))
}

/// Refuses when tables made as `edgebase_owner` would be granted to somebody by default.
pub fn refuse_default_privileges() -> Result<(), Error> {
    let found = spi::one::<bool>(
        "SELECT true FROM pg_catalog.pg_default_acl
         WHERE defaclrole = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = 'edgebase_owner')
         LIMIT 1",
        &[],
    )?;
    if found.is_some() { Err(Error::DefaultPrivileges) } else { Ok(()) }
}

/// `edgebase.utf16_length(text)`: the length that JavaScript sees.
pub fn utf16_length(args: &Args) -> Result<Answer, Error> {
    let length = args.text(0, "text")?.encode_utf16().count();
    i32::try_from(length).map(Answer::Int).map_err(|e| Error::Internal(e.to_string()))
}
