//! What may a sealed transaction do?
//!
//! Grants decide what a tenant can reach; this decides what it can leave behind. Allowed is only
//! what ends with the transaction and stays inside the tenant: statements by a list of what is
//! permitted, built-in functions by a list of what is not, since PostgreSQL has thousands and
//! nearly all of them only compute.
//!
//! Pure: the fence reads PostgreSQL's structures and asks here.

/// A utility statement, as far as the decision needs it. Plain SELECT, INSERT, UPDATE, DELETE and
/// MERGE are not utility statements and never come here.
#[derive(Debug, PartialEq, Eq)]
pub enum Statement<'a> {
    /// BEGIN, COMMIT, ROLLBACK, SAVEPOINT, RELEASE, ROLLBACK TO.
    Transaction {
        /// PREPARE TRANSACTION and its two ends.
        two_phase: bool,
        /// AND CHAIN.
        chain: bool,
    },
    /// SET and RESET.
    Set {
        /// SET LOCAL.
        local: bool,
        /// RESET ALL.
        all: bool,
        /// The setting, or what stands in its place (`TRANSACTION`).
        name: &'a str,
    },
    /// DECLARE CURSOR.
    Cursor {
        /// WITH HOLD.
        hold: bool,
    },
    /// COPY.
    Copy {
        /// To or from a file or program of the server.
        on_server: bool,
    },
    /// CALL, EXPLAIN, SHOW, FETCH, MOVE, CLOSE, LOCK, SET CONSTRAINTS.
    Harmless,
    /// Everything else; DO among it, whose block could catch the cancellation that ends a query at
    /// its time limit, and go on.
    Other,
}

/// What a function runs.
#[derive(Debug, PartialEq, Eq)]
pub enum Code {
    /// `LANGUAGE internal`: a part of the server.
    Builtin {
        /// What implements it.
        symbol: String,
    },
    /// `LANGUAGE c`: a part of a library.
    Library {
        /// The library's file.
        path: String,
        /// What implements it.
        symbol: String,
    },
    /// Any other language.
    Interpreted,
}

/// Settings that a tenant may change for the rest of its transaction: how values read and how
/// queries are planned. Not among them: timeouts, memory, `search_path`, anything of ours.
const LOCAL_SETTINGS: &[&str] = &[
    "bytea_output",
    "cursor_tuple_fraction",
    "datestyle",
    "default_text_search_config",
    "enable_bitmapscan",
    "enable_hashagg",
    "enable_hashjoin",
    "enable_indexonlyscan",
    "enable_indexscan",
    "enable_mergejoin",
    "enable_nestloop",
    "enable_seqscan",
    "enable_sort",
    "extra_float_digits",
    "intervalstyle",
    "plan_cache_mode",
    "random_page_cost",
    "timezone",
    "transaction_deferrable",
    "transaction_isolation",
    "transaction_read_only",
];

/// Whether a sealed transaction may run the statement.
pub fn allows(statement: &Statement) -> bool {
    match statement {
        Statement::Transaction { two_phase, chain } => !two_phase && !chain,
        Statement::Set { name: "TRANSACTION", all: false, .. } => true,
        Statement::Set { local, all, name } => {
            *local && !all && LOCAL_SETTINGS.contains(&name.to_ascii_lowercase().as_str())
        }
        Statement::Cursor { hold } => !hold,
        Statement::Copy { on_server } => !on_server,
        Statement::Harmless => true,
        Statement::Other => false,
    }
}

/// Built-in functions, by the symbol that implements them so that no alias escapes, whose effect
/// outlives the transaction or shows other sessions.
const DENIED_SYMBOLS: &[&str] = &[
    "set_config_by_name",
    "setseed",
    "pg_notify",
    "pg_listening_channels",
    "pg_export_snapshot",
    "pg_cancel_backend",
    "pg_terminate_backend",
    "pg_lock_status",
    "pg_blocking_pids",
    "pg_safe_snapshot_blocking_pids",
    "pg_prepared_statement",
    "pg_prepared_xact",
    "pg_cursor",
    "pg_reload_conf",
    "pg_import_system_collations",
    "pg_isolation_test_session_is_blocked",
    "brin_summarize_new_values",
    "gin_clean_pending_list",
];

/// The same, by how the symbol begins.
const DENIED_PREFIXES: &[&str] = &[
    "be_lo",
    "pg_advisory_",
    "pg_try_advisory_",
    "pg_logical_",
    "pg_stat_get_",
    "pg_stat_reset",
    "pg_copy_",
    "pg_create_",
    "pg_drop_",
    "pg_replication_",
    "pg_log_",
    "pg_read_",
    "pg_stat_file",
    "pg_ls_",
];

/// Libraries whose functions open connections of their own, out of the seal.
const DENIED_LIBRARIES: &[&str] = &["dblink", "pg_background", "pg_cron", "plproxy"];

/// Functions of other libraries that change the session: `pg_trgm` keeps a threshold in a setting.
const DENIED_LIBRARY_SYMBOLS: &[&str] = &["set_limit"];

/// Whether a sealed transaction may call a function. What an interpreted one does comes here too,
/// statement by statement and call by call.
pub fn allows_call(code: &Code) -> bool {
    match code {
        Code::Builtin { symbol } => allows_builtin(symbol),
        Code::Library { path, symbol } => allows_library(path, symbol),
        Code::Interpreted => true,
    }
}

fn allows_builtin(symbol: &str) -> bool {
    !DENIED_SYMBOLS.contains(&symbol) && !DENIED_PREFIXES.iter().any(|p| symbol.starts_with(p))
}

fn allows_library(path: &str, symbol: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    let name = file.strip_suffix(".so").unwrap_or(file);
    !DENIED_LIBRARIES.contains(&name) && !DENIED_LIBRARY_SYMBOLS.contains(&symbol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_outlives_the_transaction_is_refused() {
        assert!(!allows(&Statement::Other));
        assert!(!allows(&Statement::Set { local: false, all: false, name: "timezone" }));
        assert!(!allows(&Statement::Set { local: false, all: true, name: "" }));
        assert!(!allows(&Statement::Set { local: true, all: false, name: "statement_timeout" }));
        assert!(allows(&Statement::Set { local: true, all: false, name: "TimeZone" }));
        assert!(allows(&Statement::Set { local: false, all: false, name: "TRANSACTION" }));
        assert!(!allows(&Statement::Transaction { two_phase: true, chain: false }));
        assert!(!allows(&Statement::Cursor { hold: true }));
        assert!(!allows(&Statement::Copy { on_server: true }));
    }

    #[test]
    fn functions_are_known_by_symbol_and_library() {
        assert!(!allows_builtin("set_config_by_name"));
        assert!(!allows_builtin("be_loread"));
        assert!(!allows_builtin("pg_try_advisory_xact_lock_int4"));
        assert!(allows_builtin("textlen"));
        assert!(!allows_library("$libdir/dblink", "dblink_record"));
        assert!(!allows_library("$libdir/pg_trgm", "set_limit"));
        assert!(allows_library("$libdir/pgcrypto", "pg_random_bytes"));
    }
}
