//! How does a transaction become a tenant's?
//!
//! `edgebase.enter(namespace, id)`: check who calls, look the instance up, share its schema's lock
//! to the end of the transaction, set the transaction's limits, seal. Nothing of it is undone
//! when the function returns: it is neither SECURITY DEFINER nor has it a SET clause.
//!
//! Order: `drop_instance` takes the same lock exclusively and removes schema and registry row in
//! one transaction. So once the lock is held and the schema is still the one the registry named,
//! the instance stays until the end of this transaction.

use crate::answer::Answer;
use crate::args::Args;
use crate::error::Error;
use crate::fence::plain;
use crate::fence::session::{Identity, Scope, set_local};
use crate::guc;
use crate::identity::role_oid;
use crate::lock;
use crate::record;
use crate::registry::{self, BlockRow, InstanceRow};
use crate::seal;
use crate::tables;
use edgebase_blocks::block::BlockKind;
use edgebase_blocks::quote::ident;
use edgebase_blocks::sparse::Names;
use pgrx::guc::GucSetting;
use pgrx::pg_sys::Oid;

/// `edgebase.enter(namespace text, id text)`
pub fn enter(args: &Args) -> Result<Answer, Error> {
    check_caller()?;
    for limit in [STATEMENT_TIME, LOCK_WAIT, MEMORY] {
        if let Some(most) = limit.to_impose() {
            set_local(limit.name, &most)?;
        }
    }
    let instance = hold(&args.text(0, "namespace")?, args.text_or_null(1).as_deref())?;
    // Names mean the tenant's schema, `pg_temp` last and by name.
    set_local("search_path", &format!("{}, pg_temp", ident(&instance.schema)))?;
    seal::seal(instance.role, instance.schema_oid);
    Ok(Answer::Nothing)
}

/// `edgebase.enter_read_only(namespace text, id text)`
pub fn enter_read_only(args: &Args) -> Result<Answer, Error> {
    let answer = enter(args)?;
    // As `SET TRANSACTION READ ONLY`, to which core knows no way back: a query has run.
    set_local("transaction_read_only", "on")?;
    Ok(answer)
}

/// `edgebase.read_record(namespace text, id text, table_name text, columns text[], key text)`:
/// what a statement inside would read, without one. The transaction stays the caller's.
pub fn read_record(args: &Args) -> Result<Answer, Error> {
    check_caller()?;
    let (table, columns) = (args.text(2, "table_name")?, args.texts(3, "columns")?);
    let key = args.text(4, "key")?;
    let instance = hold(&args.text(0, "namespace")?, args.text_or_null(1).as_deref())?;
    let bound = || LOCK_WAIT.for_a_while();
    let (schema, role, block) = (instance.schema_oid, instance.role, instance.block);
    let Some(open) = record::open(schema, role, &table, bound)? else {
        tables::wanted(registry::definition(&block.version)?, Some(std::slice::from_ref(&table)))?;
        return match block.kind {
            // Not made yet, so empty.
            BlockKind::Dynamic => {
                tables::refuse_moved(instance.number, &instance.schema, &Names::from([table]))?;
                Ok(Answer::Null)
            }
            BlockKind::Single => Err(Error::TableMissing(table)),
        };
    };
    let found = record::read(&open, &columns, &key)?;
    Ok(found.map_or(Answer::Null, Answer::Text))
}

/// An instance whose schema this transaction shares to its end.
struct Held {
    number: i64,
    schema: String,
    schema_oid: Oid,
    role: Oid,
    block: BlockRow,
}

/// Looks an instance up and locks it against being migrated or dropped.
fn hold(namespace: &str, id: Option<&str>) -> Result<Held, Error> {
    let (key, block) = registry::resolve(namespace, id)?;
    // Twice, because an instance may be dropped and made anew between lookup and lock.
    for _ in 0..2 {
        let instance =
            registry::instance(&key).ok_or_else(|| Error::UnknownInstance(key.to_string()))?;
        let Some(schema_oid) = lock::schema_oid(&instance.schema) else {
            if registry::instance(&key).is_some_and(|again| again == instance) {
                return Err(Error::SchemaMissing { key: key.to_string(), schema: instance.schema });
            }
            continue;
        };
        lock::share_schema(schema_oid, || LOCK_WAIT.for_a_while())?;
        if lock::schema_oid(&instance.schema) != Some(schema_oid) {
            continue;
        }
        if instance.version != block.version {
            return Err(Error::Behind(key.to_string()));
        }
        let Some(role) = role_oid(&instance.role()) else {
            if registry::instance(&key).is_some_and(|again| again == instance) {
                return Err(Error::RoleMissing(key.to_string()));
            }
            continue;
        };
        if plain::superuser_arg(role) || plain::has_bypassrls_privilege(role) {
            return Err(Error::EnterRefused(
                "the instance role has been given rights it must not have",
            ));
        }
        let InstanceRow { number, schema, .. } = instance;
        return Ok(Held { number, schema, schema_oid, role, block });
    }
    Err(Error::UnknownInstance(key.to_string()))
}

/// Only the session of a proxy, at the outermost level, once per transaction.
fn check_caller() -> Result<(), Error> {
    let refuse = |reason| Err(Error::EnterRefused(reason));
    if seal::is_sealed() {
        return refuse("the transaction has entered an instance already");
    }
    if Identity::current().context != 0 {
        return refuse("called inside a security-definer function or restricted operation");
    }
    if inside_function_scope() {
        return refuse("called inside a function that has a SET clause");
    }
    let session = plain::GetSessionUserId();
    if plain::superuser_arg(session) {
        return refuse("the session belongs to a superuser");
    }
    match role_oid("edgebase_proxy") {
        Some(proxy) if plain::is_member_of_role(session, proxy) => Ok(()),
        _ => refuse("the session's role is not a member of edgebase_proxy"),
    }
}

/// Whether a function with a `SET` clause is running: what is set now would end with it and not
/// with the transaction.
fn inside_function_scope() -> bool {
    // Outside of such functions each (sub)transaction opens exactly one level.
    Scope::open().level() != plain::GetCurrentTransactionNestLevel() + 1
}

/// A setting that bounds what the session may use, and the most that it may be.
struct Limit {
    name: &'static str,
    now: fn() -> i32,
    ceiling: &'static GucSetting<i32>,
}

const STATEMENT_TIME: Limit = Limit {
    name: "statement_timeout",
    now: plain::StatementTimeout,
    ceiling: &guc::STATEMENT_TIMEOUT,
};
const LOCK_WAIT: Limit =
    Limit { name: "lock_timeout", now: plain::LockTimeout, ceiling: &guc::LOCK_TIMEOUT };
const MEMORY: Limit = Limit { name: "work_mem", now: plain::work_mem, ceiling: &guc::WORK_MEM };

impl Limit {
    /// The ceiling, unless there is none or a stricter limit stands.
    fn to_impose(&self) -> Option<String> {
        let (now, ceiling) = ((self.now)(), self.ceiling.get());
        let is_stricter = now != 0 && now <= ceiling;
        (ceiling != 0 && !is_stricter).then(|| ceiling.to_string())
    }

    /// Imposes it until the scope that it gives is dropped.
    fn for_a_while(&self) -> Result<Scope, Error> {
        let scope = Scope::open();
        if let Some(most) = self.to_impose() {
            scope.set(self.name, &most)?;
        }
        Ok(scope)
    }
}
