//! How does an instance come, where is it, and how does it go?
//!
//! Each of these is one transaction, so a crash at any point leaves either all of it or nothing.
//! The registry row is the lock of creation: of several creators of one key all but one wait on
//! its primary key and then find the instance made.

use crate::answer::Answer;
use crate::args::Args;
use crate::attempt::attempt;
use crate::audit;
use crate::deletion;
use crate::error::Error;
use crate::fence::session::Scope;
use crate::guc;
use crate::identity::role_oid;
use crate::instance;
use crate::lock;
use crate::registry::{self, BlockRow, InstanceRow};
use crate::spi;
use crate::stray;
use crate::tables;
use edgebase_blocks::InstanceKey;
use edgebase_blocks::block::BlockKind;
use edgebase_blocks::quote::ident;
use pgrx::pg_sys::Oid;
use serde_json::{Value, json};

/// Bytes of a caller's name: those of a token's claims are in a header.
const MAX_CALLER: usize = 64 << 10;

fn key_of(args: &Args) -> Result<(InstanceKey, BlockRow), Error> {
    let (namespace, id) = (args.text(0, "namespace")?, args.text_or_null(1));
    registry::resolve(&namespace, id.as_deref())
}

/// `edgebase.locate(namespace text, id text)`: the schema, or null where there is none.
pub fn locate(args: &Args) -> Result<Answer, Error> {
    let (key, _) = key_of(args)?;
    Ok(registry::instance(&key).map_or(Answer::Null, |i| Answer::Text(i.schema)))
}

/// `edgebase.create_instance(namespace text, id text)`
pub fn create_instance(args: &Args) -> Result<Answer, Error> {
    answer_creation(args, None)
}

/// `edgebase.create_instance(namespace text, id text, tables text[])`: with those tables only, and
/// those that they refer to.
pub fn create_instance_with(args: &Args) -> Result<Answer, Error> {
    answer_creation(args, args.texts_or_null(2, "tables")?.as_deref())
}

fn answer_creation(args: &Args, names: Option<&[String]>) -> Result<Answer, Error> {
    let (key, block) = key_of(args)?;
    let (row, created) = create(&key, &block, names)?;
    Ok(Answer::Json(json!({
        "namespace": key.namespace(),
        "id": key.id(),
        "schema": row.schema,
        "version": row.version,
        "created": created,
    })))
}

/// Creates the instance unless it is there, with all tables of its block or some. The instance of
/// a single-instance block always has all.
pub fn create(
    key: &InstanceKey,
    block: &BlockRow,
    names: Option<&[String]>,
) -> Result<(InstanceRow, bool), Error> {
    if let Some(row) = registry::instance(key) {
        schema_of(key, &row)?;
        return Ok((row, false));
    }
    instance::refuse_default_privileges()?;
    stray::refuse(key)?;
    let Some((number, schema)) = reserve(key, block)? else {
        let row = registry::instance(key).ok_or_else(|| Error::UnknownInstance(key.to_string()))?;
        return Ok((row, false));
    };
    let definition = registry::definition(&block.version)?;
    let names = names.filter(|_| block.kind == BlockKind::Dynamic);
    instance::build(key, &schema, number, &tables::wanted(definition, names)?)?;
    audit::record("create", key, json!({ "schema": schema, "version": block.version }))?;
    Ok((InstanceRow { number, schema, version: block.version.clone() }, true))
}

/// Writes the registry row; `None` when another creator of the key has written it.
///
/// No conflict target is named: of two creators of one key either unique index, the key's or the
/// schema name's, may be the one that notices. When it was another key's schema name, the next
/// round sees that name as taken and chooses the second one.
fn reserve(key: &InstanceKey, block: &BlockRow) -> Result<Option<(i64, String)>, Error> {
    for _ in 0..3 {
        let schema = instance::free_schema(key)?;
        let number = spi::one::<i64>(
            "INSERT INTO edgebase.instance (namespace, id, schema_name, version)
             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING number",
            &[
                key.namespace().into(),
                key.id().unwrap_or_default().into(),
                schema.as_str().into(),
                block.version.as_str().into(),
            ],
        )?;
        match number {
            Some(number) => return Ok(Some((number, schema))),
            None if registry::instance(key).is_some() => return Ok(None),
            None => {}
        }
    }
    Ok(None)
}

/// Locks an instance against migrating, dropping and new tables, and alone also against entering,
/// waiting a bounded time, and gives its row as it is once the locks are held. The row is locked
/// before the schema, by everyone, since whoever looks for instances to migrate begins with rows.
pub fn lock_instance(key: &InstanceKey, mode: lock::Mode) -> Result<InstanceRow, Error> {
    lock_row(key, |schema| lock::schema(schema, mode))
}

/// Excludes everyone from an instance, as for a deletion, and gives its row.
pub fn evict_instance(key: &InstanceKey) -> Result<InstanceRow, Error> {
    lock_row(key, lock::evict)
}

fn lock_row(
    key: &InstanceKey,
    lock: impl FnOnce(Oid) -> Result<(), Error>,
) -> Result<InstanceRow, Error> {
    let unknown = || Error::UnknownInstance(key.to_string());
    let found = registry::instance(key).ok_or_else(unknown)?;
    spi::run("SELECT FROM edgebase.instance WHERE number = $1 FOR UPDATE", &[found.number.into()])?;
    let row = registry::instance(key).filter(|again| again.number == found.number);
    let row = row.ok_or_else(unknown)?;
    if let Some(schema) = lock::schema_oid(&row.schema) {
        lock(schema)?;
    }
    Ok(row)
}

/// Locks the instances of these single-instance blocks as [`lock_instance`] does, alone in all at
/// once.
pub fn lock_singles(namespaces: &[String]) -> Result<(), Error> {
    let found = spi::json(
        "SELECT coalesce(jsonb_agg(schema_name), '[]') FROM (
             SELECT schema_name FROM edgebase.instance
             WHERE namespace OPERATOR(pg_catalog.=) ANY ($1) AND id OPERATOR(pg_catalog.=) ''
             ORDER BY number FOR UPDATE) AS locked",
        &[namespaces.to_vec().into()],
    )?;
    let schemas = found.as_array().into_iter().flatten().filter_map(Value::as_str);
    lock::alone(&schemas.filter_map(lock::schema_oid).collect::<Vec<_>>())
}

/// While it lives, lock waits are bounded as DDL's are.
pub fn bounded_waits() -> Result<Scope, Error> {
    let scope = Scope::open();
    scope.set("lock_timeout", &guc::DDL_LOCK_TIMEOUT.get().to_string())?;
    Ok(scope)
}

/// `edgebase.drop_instance(namespace text, id text)`
pub fn drop_instance(args: &Args) -> Result<Answer, Error> {
    drop_by(args, None)
}

/// `edgebase.drop_instance(namespace text, id text, caller text)`: for somebody whom the login role
/// answers for.
pub fn drop_instance_for(args: &Args) -> Result<Answer, Error> {
    let caller = args.text(2, "caller")?;
    if caller.is_empty() || caller.len() > MAX_CALLER {
        return Err(Error::Caller);
    }
    drop_by(args, Some(&caller))
}

fn drop_by(args: &Args, caller: Option<&str>) -> Result<Answer, Error> {
    let (key, block) = key_of(args)?;
    if block.kind == BlockKind::Single && is_configured(key.namespace())? {
        return Err(Error::Configured(key.namespace().to_owned()));
    }
    let _bounded = bounded_waits()?;
    let row = evict_instance(&key)?;
    let schema = lock::schema_oid(&row.schema);
    match schema {
        Some(schema) => {
            deletion::refuse_dependants(&key, schema, "dropped")?;
            let block = registry::definition(&row.version)?;
            let lacking = &block.names() - &instance::tables(&row.schema, &block);
            tables::refuse_moved(row.number, &row.schema, &lacking)?;
        }
        // What is deleted would stay.
        None => renamed(&key, &row)?.map_or(Ok(()), Err)?,
    }
    let receipt = deletion::receipt(&key, &row, caller)?;
    if schema.is_some() {
        instance::as_owner(&row.schema, || {
            spi::own(&format!("DROP SCHEMA {} CASCADE", ident(&row.schema)))
        })?;
    }
    drop_role(&row.role())?;
    spi::run("DELETE FROM edgebase.instance WHERE number = $1", &[row.number.into()])?;
    audit::record("drop", &key, receipt.clone())?;
    Ok(Answer::Json(receipt))
}

/// Drops an instance role. One that something else still names, in a copy of this database or by a
/// grant of somebody's, stays: nobody can be it any more, `verify` tells of it, and `repair` drops it.
fn drop_role(role: &str) -> Result<(), Error> {
    let drop = || spi::run(&format!("DROP ROLE IF EXISTS {}", ident(role)), &[]);
    // dependent_objects_still_exist
    let _ = attempt(drop, |failure| failure.sqlstate() != "2BP01");
    Ok(())
}

/// The schema of an instance, or what became of it by hand.
pub fn schema_of(key: &InstanceKey, row: &InstanceRow) -> Result<Oid, Error> {
    if let Some(schema) = lock::schema_oid(&row.schema) {
        return Ok(schema);
    }
    let missing = || Error::SchemaMissing { key: key.to_string(), schema: row.schema.clone() };
    Err(renamed(key, row)?.unwrap_or_else(missing))
}

/// The refusal, where a schema that is not there is there under another name: its role may use it.
fn renamed(key: &InstanceKey, row: &InstanceRow) -> Result<Option<Error>, Error> {
    let Some(role) = role_oid(&row.role()) else { return Ok(None) };
    let found = spi::one::<String>(
        "SELECT n.nspname::text FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) AS acl
         WHERE acl.grantee OPERATOR(pg_catalog.=) $1 LIMIT 1",
        &[role.into()],
    )?;
    Ok(found.map(|now| Error::SchemaRenamed {
        key: key.to_string(),
        now: ident(&now),
        schema: ident(&row.schema),
    }))
}

fn is_configured(namespace: &str) -> Result<bool, Error> {
    let sql = "SELECT configured FROM edgebase.block WHERE namespace = $1";
    Ok(spi::one::<bool>(sql, &[namespace.into()])?.unwrap_or(false))
}
