//! How do entering, migrating and dropping an instance keep out of each other's way?
//!
//! Both kinds lock the instance's schema as PostgreSQL itself does for DDL: entering shares it to
//! the end of the transaction, migrating and dropping exclude everyone. An instance that is to be
//! migrated cannot be entered anyway, and one that has no requests inside cannot deadlock with
//! them over its tables.
//!
//! Whoever excludes everyone takes the tables along and never waits for one while requests wait for
//! the schema: who reads tables without having entered (an analyst, a backup) may take hours. Such
//! a reader is waited for without a lock, so requests come and go meanwhile.

use crate::attempt::attempt;
use crate::error::Error;
use crate::fence::plain;
use crate::fence::session::{Scope, subtransaction};
use crate::guc;
use crate::spi;
use pgrx::pg_sys::{self, LOCKMODE, Oid};
use std::ffi::CString;
use std::panic::resume_unwind;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The schema of that name.
pub fn schema_oid(name: &str) -> Option<Oid> {
    let name = CString::new(name).ok()?;
    let oid = plain::get_namespace_oid(&name, true);
    (oid != Oid::INVALID).then_some(oid)
}

/// How much a lock on an instance excludes.
#[derive(Clone, Copy)]
pub enum Mode {
    /// Other users of the instance may come and go.
    Use,
    /// Nobody else.
    Alone,
}

const SHARED: LOCKMODE = pg_sys::AccessShareLock as LOCKMODE;
const EXCLUSIVE: LOCKMODE = pg_sys::AccessExclusiveLock as LOCKMODE;
/// How often readers of tables are looked for.
const PAUSE: Duration = Duration::from_millis(20);
/// Milliseconds that requests have to end before a deletion that may wait for ever ends them.
const EVICTION: i32 = 2_500;
/// The catalog that schemas are in.
const SCHEMAS: Oid = pg_sys::NamespaceRelationId;

/// Shares a schema to the end of the transaction. `bound` limits the waiting while its guard
/// lives, and is called only where there is something to wait for.
pub fn share_schema<G>(oid: Oid, bound: impl FnOnce() -> Result<G, Error>) -> Result<(), Error> {
    if !plain::ConditionalLockDatabaseObject(SCHEMAS, oid, 0, SHARED) {
        let _bounded = bound()?;
        plain::LockDatabaseObject(SCHEMAS, oid, 0, SHARED);
    }
    Ok(())
}

/// Shares a table likewise. It may be gone, which opening it notices.
pub fn share_table<G>(oid: Oid, bound: impl FnOnce() -> Result<G, Error>) -> Result<(), Error> {
    if !plain::ConditionalLockRelationOid(oid, SHARED) {
        let _bounded = bound()?;
        plain::LockRelationOid(oid, SHARED);
    }
    Ok(())
}

/// Locks a schema to the end of the transaction, waiting at most `lock_timeout`. It may be gone,
/// which callers check afterwards, since waiting made the caches current.
pub fn schema(oid: Oid, mode: Mode) -> Result<(), Error> {
    match mode {
        Mode::Use => plain::LockDatabaseObject(SCHEMAS, oid, 0, SHARED),
        Mode::Alone => alone(&[oid])?,
    }
    Ok(())
}

/// Whether all statements of the transaction see what the first one saw.
pub fn keeps_snapshot() -> bool {
    plain::XactIsoLevel() >= pg_sys::XACT_REPEATABLE_READ as i32
}

/// Refuses a transaction that keeps its snapshot: it would not see what others committed while they
/// were waited for, and so change or count some of the rows only.
fn refuse_old_snapshot() -> Result<(), Error> {
    if keeps_snapshot() { Err(Error::Isolation) } else { Ok(()) }
}

/// Excludes everyone from these schemas and their tables to the end of the transaction: from all
/// at once, or after [`guc::DDL_LOCK_TIMEOUT`] from none.
pub fn alone(schemas: &[Oid]) -> Result<(), Error> {
    refuse_old_snapshot()?;
    let bound = Bound::from_now();
    loop {
        let have_all = subtransaction(|| take(schemas), |all| matches!(all, Ok(true)));
        if have_all.unwrap_or_else(|payload| resume_unwind(payload))? {
            return Ok(());
        }
        if bound.is_over() {
            return Err(Error::Read);
        }
        pgrx::check_for_interrupts!();
        sleep(PAUSE);
    }
}

/// Whether everything was locked. Requests that are inside are waited for.
fn take(schemas: &[Oid]) -> Result<bool, Error> {
    for schema in schemas {
        plain::LockDatabaseObject(SCHEMAS, *schema, 0, EXCLUSIVE);
    }
    for schema in schemas {
        for table in tables(*schema)? {
            if plain::ConditionalLockRelationOid(table, EXCLUSIVE) {
                continue;
            }
            if !only_vacuum_holds(table)? {
                return Ok(false);
            }
            // PostgreSQL ends an automatic VACUUM that somebody waits for.
            plain::LockRelationOid(table, EXCLUSIVE);
        }
    }
    Ok(true)
}

/// pg_depend has an index by schema, and pg_class none.
fn tables(schema: Oid) -> Result<Vec<Oid>, Error> {
    let found = spi::one::<Vec<Oid>>(
        "SELECT array_agg(c.oid ORDER BY c.oid)
         FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) d.objid
         WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
           AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
           AND d.refobjid OPERATOR(pg_catalog.=) $1
           AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::pg_catalog.\"char\"[])",
        &[schema.into()],
    )?;
    Ok(found.unwrap_or_default())
}

fn only_vacuum_holds(table: Oid) -> Result<bool, Error> {
    let found = spi::one::<bool>(
        "SELECT pg_catalog.bool_and(
             coalesce(a.backend_type OPERATOR(pg_catalog.=) 'autovacuum worker', false))
         FROM pg_catalog.pg_locks l
         LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) l.pid
         WHERE l.granted AND l.relation OPERATOR(pg_catalog.=) $1
           AND l.database OPERATOR(pg_catalog.=) $2
           AND l.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()",
        &[table.into(), plain::MyDatabaseId().into()],
    )?;
    Ok(found.unwrap_or(true))
}

/// Excludes everyone from an instance that is to go. Requests that are inside have a quarter of
/// the time to end; then what they run is cancelled, and after another quarter their connection is
/// closed. None can begin: they queue behind this, and then find the instance gone.
pub fn evict(schema: Oid) -> Result<(), Error> {
    refuse_old_snapshot()?;
    let bound = Bound::from_now();
    let quarter = match guc::DDL_LOCK_TIMEOUT.get() {
        0 => EVICTION,
        whole => (whole / 4).max(1),
    };
    let mut ends = ["pg_cancel_backend", "pg_terminate_backend"].into_iter();
    let mut end = "";
    loop {
        let mut read = false;
        let taking = || {
            let scope = Scope::open();
            scope.set("lock_timeout", &quarter.to_string())?;
            read = !take(&[schema])?;
            if read { Err(Error::Read) } else { Ok(()) }
        };
        let outcome = attempt(taking, |failure| failure.sqlstate() != "55P03");
        match outcome {
            Ok(()) => return Ok(()),
            Err(_) if bound.is_over() => return Err(Error::Read),
            Err(_) if read => sleep(PAUSE),
            Err(_) => {
                end = ends.next().unwrap_or(end);
                end_holders(schema, end)?;
            }
        }
        pgrx::check_for_interrupts!();
    }
}

/// Ends what those sessions run, or the sessions, that keep a schema from being locked. Whether the
/// transaction found still holds the lock is looked at again right before its session is signalled:
/// a pooled connection may serve another tenant by then.
fn end_holders(schema: Oid, end: &str) -> Result<(), Error> {
    let holders = |columns: &str, of: &str| {
        format!(
            "SELECT {columns} FROM pg_catalog.pg_locks l
             WHERE l.granted AND l.locktype OPERATOR(pg_catalog.=) 'object'
               AND l.database OPERATOR(pg_catalog.=) $1
               AND l.classid OPERATOR(pg_catalog.=) $2
               AND l.objid OPERATOR(pg_catalog.=) $3 AND {of}"
        )
    };
    let found = spi::one::<Vec<String>>(
        &holders(
            "pg_catalog.array_agg(DISTINCT l.virtualtransaction)",
            "l.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()",
        ),
        &[plain::MyDatabaseId().into(), SCHEMAS.into(), schema.into()],
    )?;
    let signal = holders(
        &format!("pg_catalog.{end}(l.pid)"),
        "l.virtualtransaction OPERATOR(pg_catalog.=) $4 LIMIT 1",
    );
    for transaction in found.unwrap_or_default() {
        let transaction = transaction.as_str();
        spi::run(
            &signal,
            &[plain::MyDatabaseId().into(), SCHEMAS.into(), schema.into(), transaction.into()],
        )?;
    }
    Ok(())
}

/// A time that waiting must not exceed.
struct Bound(Option<Instant>);

impl Bound {
    /// 0 is for ever, as for PostgreSQL's own timeouts.
    fn from_now() -> Self {
        let time = guc::DDL_LOCK_TIMEOUT.get().unsigned_abs().into();
        Self((time > 0).then(|| Instant::now() + Duration::from_millis(time)))
    }

    fn is_over(&self) -> bool {
        self.0.is_some_and(|end| Instant::now() >= end)
    }
}
