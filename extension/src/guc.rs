//! Which settings are there, and who may change them?
//!
//! All bound what a tenant or an analyst may consume, so none may be changed by a tenant or by a proxy: they are
//! `SUSET` (superusers and roles given `GRANT SET ON PARAMETER`), and none can be changed inside a
//! security-restricted operation. Set them in `postgresql.conf`, or with `ALTER DATABASE ... SET`
//! or `ALTER ROLE <proxy login> SET`.

use crate::fence::plain;
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};

/// Ceiling of `statement_timeout` in a sealed transaction. A tenant's query must end.
pub static STATEMENT_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(30_000);
/// Ceiling of `lock_timeout` in a sealed transaction. A request must not queue behind DDL forever.
pub static LOCK_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(10_000);
/// Ceiling of `work_mem` in a sealed transaction. Many tenants share the memory of one server.
pub static WORK_MEM: GucSetting<i32> = GucSetting::<i32>::new(0);
/// How long migrating or dropping an instance waits for its running transactions.
pub static DDL_LOCK_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(10_000);
/// After how many instances a scan over all of them empties the backend's caches, which hold 5 to
/// 20 kB of each. More keeps more of them warm for the next query.
pub static ANALYTICS_CACHE: GucSetting<i32> = GucSetting::<i32>::new(20_000);

/// How long a failed migration is not tried again by requests. It would fail again, and hold up
/// the database each time.
pub static RETRY_FAILED_AFTER: GucSetting<i32> = GucSetting::<i32>::new(30_000);

/// Registers the settings; once per backend.
pub fn define() {
    let flags = GucFlags::NOT_WHILE_SEC_REST | GucFlags::UNIT_MS;
    GucRegistry::define_int_guc(
        c"edgebase.statement_timeout",
        c"Longest statement_timeout inside edgebase.enter; 0 for no limit.",
        c"A stricter statement_timeout of the session stands.",
        &STATEMENT_TIMEOUT,
        0,
        i32::MAX,
        GucContext::Suset,
        flags,
    );
    GucRegistry::define_int_guc(
        c"edgebase.lock_timeout",
        c"Longest lock_timeout inside edgebase.enter; 0 for no limit.",
        c"A stricter lock_timeout of the session stands.",
        &LOCK_TIMEOUT,
        0,
        i32::MAX,
        GucContext::Suset,
        flags,
    );
    GucRegistry::define_int_guc(
        c"edgebase.work_mem",
        c"Largest work_mem inside edgebase.enter; 0 leaves it as it is.",
        c"A smaller work_mem of the session stands.",
        &WORK_MEM,
        0,
        i32::MAX / 1024,
        GucContext::Suset,
        GucFlags::NOT_WHILE_SEC_REST | GucFlags::UNIT_KB,
    );
    GucRegistry::define_int_guc(
        c"edgebase.ddl_lock_timeout",
        c"How long migrating or dropping an instance waits for running transactions; 0 for ever.",
        c"When it passes, the call fails with SQLSTATE 55P03 and nothing has changed.",
        &DDL_LOCK_TIMEOUT,
        0,
        i32::MAX,
        GucContext::Suset,
        flags,
    );
    GucRegistry::define_int_guc(
        c"edgebase.analytics_cache",
        c"Instances after which a scan over all of them empties its caches; 0 for never.",
        c"A backend keeps 5 to 20 kB of each instance's table that it has read.",
        &ANALYTICS_CACHE,
        0,
        i32::MAX,
        GucContext::Suset,
        GucFlags::NOT_WHILE_SEC_REST,
    );
    GucRegistry::define_int_guc(
        c"edgebase.retry_failed_after",
        c"How long requests do not try a failed migration of an instance again.",
        c"A new config and edgebase.try_migrate(..., retry => true) try at once.",
        &RETRY_FAILED_AFTER,
        0,
        i32::MAX,
        GucContext::Suset,
        flags,
    );
}

/// Refuses settings `edgebase.*` that are not ours: a misspelt limit would be no limit. Called once
/// ours are defined.
pub fn reserve_prefix() {
    plain::MarkGUCPrefixReserved(c"edgebase");
}
