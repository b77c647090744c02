//! What may a sealed transaction do?
//!
//! Grants decide what a tenant can reach; this decides what it can leave behind. Allowed is only
//! what ends with the transaction and stays inside the tenant: statements by a list of what is
//! permitted, built-in functions by a list of what is not, since PostgreSQL has thousands and
//! nearly all of them only compute.
//!
//! Pure: the fence reads PostgreSQL's structures and asks here.

use pgrx::pg_sys::{NodeTag, ObjectType, TransactionStmtKind, VariableSetKind};

/// A utility statement, as far as the decision needs it. Plain SELECT, INSERT, UPDATE, DELETE and
/// MERGE are not utility statements and never come here.
#[derive(Debug, PartialEq, Eq)]
pub enum Statement<'a> {
    /// BEGIN, COMMIT, ROLLBACK, SAVEPOINT, RELEASE, ROLLBACK TO, and those of two-phase commit.
    Transaction {
        /// Which of them.
        kind: TransactionStmtKind::Type,
        /// AND CHAIN.
        chain: bool,
    },
    /// SET and RESET.
    Set {
        /// Which of them.
        kind: VariableSetKind::Type,
        /// SET LOCAL.
        local: bool,
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
    /// LOCK.
    Lock {
        /// Nothing but tables of the instance.
        own: bool,
    },
    /// CREATE and ALTER of a function or procedure.
    Function {
        /// SECURITY DEFINER.
        definer: bool,
    },
    /// DROP, ALTER ... RENAME and COMMENT.
    Object {
        /// Which of them.
        verb: NodeTag,
        /// The kind of what it names.
        kind: ObjectType::Type,
    },
    /// CALL.
    Call {
        /// In a transaction block, in which the procedure can neither commit nor roll back.
        atomic: bool,
    },
    /// EXPLAIN of what is no utility statement; one that explains a utility statement counts as
    /// that statement.
    ExplainQuery,
    /// Everything else.
    Other(NodeTag),
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

/// PREPARE TRANSACTION and its two ends.
const TWO_PHASE: &[TransactionStmtKind::Type] = &[
    TransactionStmtKind::TRANS_STMT_PREPARE,
    TransactionStmtKind::TRANS_STMT_COMMIT_PREPARED,
    TransactionStmtKind::TRANS_STMT_ROLLBACK_PREPARED,
];

/// SHOW, FETCH and MOVE, CLOSE, SET CONSTRAINTS. Not among them: DO, whose block could catch the
/// cancellation that ends a query at its time limit, and go on.
const HARMLESS: &[NodeTag] = &[
    NodeTag::T_VariableShowStmt,
    NodeTag::T_FetchStmt,
    NodeTag::T_ClosePortalStmt,
    NodeTag::T_ConstraintsSetStmt,
];

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

/// Whether a setting is one of those that only say how values read and how queries are planned.
pub fn is_local_setting(name: &str) -> bool {
    LOCAL_SETTINGS.contains(&name.to_ascii_lowercase().as_str())
}

/// Whether a sealed transaction may run the statement.
pub fn allows(statement: &Statement) -> bool {
    match statement {
        Statement::Transaction { kind, chain } => !TWO_PHASE.contains(kind) && !chain,
        Statement::Set { kind: VariableSetKind::VAR_RESET_ALL, .. } => false,
        Statement::Set { name: "TRANSACTION", .. } => true,
        Statement::Set { kind: VariableSetKind::VAR_RESET, .. } => false,
        Statement::Set { local, name, .. } => *local && is_local_setting(name),
        Statement::Cursor { hold } => !hold,
        Statement::Copy { on_server } => !on_server,
        // Who may write to a catalog's view may lock it, and whoever reads it would wait.
        Statement::Lock { own } => *own,
        Statement::ExplainQuery => true,
        Statement::Function { .. } | Statement::Object { .. } => false,
        // Elsewhere a procedure could commit, which ends the seal, and go on.
        Statement::Call { atomic } => *atomic,
        Statement::Other(tag) => HARMLESS.contains(tag),
    }
}

/// Built-in functions, by the symbol that implements them so that no alias escapes, whose effect
/// outlives the transaction, shows other sessions, or holds up other tenants.
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
    // These lock what they describe to the end of the transaction and ask for no right to it, so that
    // its migration or deletion would have to wait. `extension/test/locks.py` looks for more of them.
    "fmgr_sql_validator",
    "pg_get_function_sqlbody",
    "pg_get_functiondef",
    "pg_get_object_address",
    "pg_get_partition_constraintdef",
    "pg_partition_tree",
    "pg_sequence_last_value",
    "table_to_xmlschema",
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
    // As the functions that lock what they describe; `pg_views` and its like call them.
    "pg_get_ruledef",
    "pg_get_viewdef",
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
        use TransactionStmtKind::*;
        use VariableSetKind::*;
        let set = |kind, local, name| allows(&Statement::Set { kind, local, name });
        let end = |kind, chain| allows(&Statement::Transaction { kind, chain });
        assert!(!allows(&Statement::Other(NodeTag::T_CreateStmt)));
        assert!(!allows(&Statement::Other(NodeTag::T_DoStmt)));
        assert!(!set(VAR_SET_VALUE, false, "timezone"));
        assert!(!set(VAR_RESET, true, "timezone"));
        assert!(!set(VAR_RESET_ALL, true, ""));
        assert!(!set(VAR_SET_VALUE, true, "statement_timeout"));
        assert!(set(VAR_SET_VALUE, true, "TimeZone"));
        assert!(set(VAR_SET_MULTI, false, "TRANSACTION"));
        assert!(!end(TRANS_STMT_PREPARE, false));
        assert!(!end(TRANS_STMT_COMMIT, true));
        assert!(end(TRANS_STMT_COMMIT, false));
        assert!(!allows(&Statement::Cursor { hold: true }));
        assert!(!allows(&Statement::Call { atomic: false }));
        assert!(allows(&Statement::Call { atomic: true }));
        assert!(!allows(&Statement::Copy { on_server: true }));
        assert!(!allows(&Statement::Lock { own: false }));
        assert!(allows(&Statement::Lock { own: true }));
    }

    #[test]
    fn functions_are_known_by_symbol_and_library() {
        assert!(!allows_builtin("set_config_by_name"));
        assert!(!allows_builtin("be_loread"));
        assert!(!allows_builtin("pg_get_viewdef_ext"));
        assert!(!allows_builtin("pg_try_advisory_xact_lock_int4"));
        assert!(allows_builtin("textlen"));
        assert!(!allows_library("$libdir/dblink", "dblink_record"));
        assert!(!allows_library("$libdir/pg_trgm", "set_limit"));
        assert!(allows_library("$libdir/pgcrypto", "pg_random_bytes"));
    }
}
