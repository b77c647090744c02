//! How does a sealed transaction get stopped from doing what it may not?
//!
//! Two hooks, both silent outside a sealed transaction: one sees every utility statement before
//! it runs, wherever it comes from (dynamic SQL of functions included), one every function before it is first
//! called in a query. What is allowed is decided in [`crate::guard`].

use super::boundary::guarded;
use super::identity::{Identity, LOCAL_CHANGE, database_oid};
use super::raise::raise;
use super::seal;
use crate::error::Error;
use crate::guard::{self, Statement};
use pgrx::datum::FromDatum;
use pgrx::pg_sys::{self, NodeTag, Oid};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};

unsafe extern "C-unwind" {
    /// PostgreSQL's own, declared here because pgrx's wrapper would catch an error on its way
    /// through and lose what it does not know of it.
    #[link_name = "standard_ProcessUtility"]
    fn standard_process_utility(
        statement: *mut pg_sys::PlannedStmt,
        text: *const c_char,
        read_only_tree: bool,
        context: pg_sys::ProcessUtilityContext::Type,
        params: pg_sys::ParamListInfo,
        environment: *mut pg_sys::QueryEnvironment,
        destination: *mut pg_sys::DestReceiver,
        completion: *mut pg_sys::QueryCompletion,
    );
}

/// Fixed in every PostgreSQL (pg_language.dat).
const INTERNAL_LANGUAGE: Oid = Oid::from_u32(12);
/// Likewise.
const C_LANGUAGE: Oid = Oid::from_u32(13);

thread_local! {
    static NEXT_UTILITY: Cell<pg_sys::ProcessUtility_hook_type> = const { Cell::new(None) };
    static NEXT_ACCESS: Cell<pg_sys::object_access_hook_type> = const { Cell::new(None) };
    /// Functions seen, and the name to refuse them by.
    static VERDICTS: RefCell<HashMap<u32, Option<String>>> = RefCell::new(HashMap::new());
}

/// Puts the hooks in front of those of other extensions; once per backend.
pub fn install() {
    // SAFETY: hook variables are set while the library loads; the callback lives as long as it.
    unsafe {
        NEXT_UTILITY.set(pg_sys::ProcessUtility_hook);
        pg_sys::ProcessUtility_hook = Some(on_utility);
        NEXT_ACCESS.set(pg_sys::object_access_hook);
        pg_sys::object_access_hook = Some(on_access);
        pg_sys::CacheRegisterSyscacheCallback(
            pg_sys::SysCacheIdentifier::PROCOID as c_int,
            Some(forget_functions),
            pg_sys::Datum::null(),
        );
    }
}

unsafe extern "C-unwind" fn on_utility(
    statement: *mut pg_sys::PlannedStmt,
    text: *const c_char,
    read_only_tree: bool,
    context: pg_sys::ProcessUtilityContext::Type,
    params: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
    destination: *mut pg_sys::DestReceiver,
    completion: *mut pg_sys::QueryCompletion,
) {
    if seal::is_sealed()
        && let Err(plain) = guarded(|| check_statement(statement))
    {
        // SAFETY: nothing here has a destructor, and PostgreSQL called this function.
        unsafe { raise(plain) }
    }
    let next = NEXT_UTILITY.get();
    // SAFETY: the arguments are passed on as they came; an error jumps over this frame, which
    // holds nothing with a destructor.
    unsafe {
        match next {
            Some(next) => next(
                statement,
                text,
                read_only_tree,
                context,
                params,
                environment,
                destination,
                completion,
            ),
            None => standard_process_utility(
                statement,
                text,
                read_only_tree,
                context,
                params,
                environment,
                destination,
                completion,
            ),
        }
    }
}

fn check_statement(statement: *mut pg_sys::PlannedStmt) -> Result<(), Error> {
    // SAFETY: PostgreSQL passes a valid statement whose utilityStmt is set for utilities.
    let node = unsafe { (*statement).utilityStmt };
    // SAFETY: as above; every node begins with its tag.
    if guard::allows(&unsafe { read_statement(node) }) {
        return Ok(());
    }
    // SAFETY: the tag's name is a constant string of PostgreSQL's.
    let name = unsafe { CStr::from_ptr(pg_sys::GetCommandTagName(pg_sys::CreateCommandTag(node))) };
    Err(Error::Sealed(name.to_string_lossy().into_owned()))
}

/// # Safety
/// `node` is a valid utility statement.
unsafe fn read_statement<'a>(node: *mut pg_sys::Node) -> Statement<'a> {
    // SAFETY: the tag says which structure the node is.
    unsafe {
        match (*node).type_ {
            NodeTag::T_TransactionStmt => {
                use pg_sys::TransactionStmtKind::*;
                let t = &*node.cast::<pg_sys::TransactionStmt>();
                let two_phase =
                    [TRANS_STMT_PREPARE, TRANS_STMT_COMMIT_PREPARED, TRANS_STMT_ROLLBACK_PREPARED]
                        .contains(&t.kind);
                Statement::Transaction { two_phase, chain: t.chain }
            }
            NodeTag::T_VariableSetStmt => {
                use pg_sys::VariableSetKind::*;
                let s = &*node.cast::<pg_sys::VariableSetStmt>();
                let name = if s.name.is_null() { c"" } else { CStr::from_ptr(s.name) };
                let resets = [VAR_RESET, VAR_RESET_ALL].contains(&s.kind);
                Statement::Set {
                    local: s.is_local && !resets,
                    all: s.kind == VAR_RESET_ALL,
                    name: name.to_str().unwrap_or_default(),
                }
            }
            NodeTag::T_DeclareCursorStmt => {
                let d = &*node.cast::<pg_sys::DeclareCursorStmt>();
                Statement::Cursor { hold: d.options & pg_sys::CURSOR_OPT_HOLD as c_int != 0 }
            }
            NodeTag::T_CopyStmt => {
                let c = &*node.cast::<pg_sys::CopyStmt>();
                Statement::Copy { on_server: c.is_program || !c.filename.is_null() }
            }
            NodeTag::T_ExplainStmt => {
                // EXPLAIN ANALYZE runs what it explains, CREATE TABLE AS included.
                let query = (*node.cast::<pg_sys::ExplainStmt>()).query;
                if query.is_null() || (*query).type_ != NodeTag::T_Query {
                    return Statement::Other;
                }
                let inner = (*query.cast::<pg_sys::Query>()).utilityStmt;
                if inner.is_null() { Statement::Harmless } else { read_statement(inner) }
            }
            NodeTag::T_CallStmt
            | NodeTag::T_VariableShowStmt
            | NodeTag::T_FetchStmt
            | NodeTag::T_ClosePortalStmt
            | NodeTag::T_LockStmt
            | NodeTag::T_ConstraintsSetStmt => Statement::Harmless,
            _ => Statement::Other,
        }
    }
}

unsafe extern "C-unwind" fn on_access(
    access: pg_sys::ObjectAccessType::Type,
    class: Oid,
    object: Oid,
    sub: c_int,
    arg: *mut c_void,
) {
    if access == pg_sys::ObjectAccessType::OAT_FUNCTION_EXECUTE
        && (seal::is_sealed() || in_sealed_worker())
        && let Err(plain) = guarded(|| check_function(object))
    {
        // SAFETY: nothing here has a destructor, and PostgreSQL called this function.
        unsafe { raise(plain) }
    }
    if let Some(next) = NEXT_ACCESS.get() {
        // SAFETY: the arguments are passed on as they came.
        unsafe { next(access, class, object, sub, arg) }
    }
}

/// A parallel worker has the leader's identity but not its memory: there the seal is known by
/// the role.
fn in_sealed_worker() -> bool {
    // SAFETY: reads a variable.
    if unsafe { pg_sys::ParallelWorkerNumber } < 0 {
        return false;
    }
    let now = Identity::current();
    if now.context & LOCAL_CHANGE == 0 {
        return false;
    }
    // SAFETY: gives null for a role that is gone; the name is copied.
    let name = unsafe {
        let name = pg_sys::GetUserNameFromId(now.user, true);
        if name.is_null() {
            return true;
        }
        CStr::from_ptr(name).to_string_lossy().into_owned()
    };
    name.starts_with(&format!("eb_{}_", database_oid()))
}

fn check_function(function: Oid) -> Result<(), Error> {
    let known = VERDICTS.with_borrow(|v| v.get(&function.to_u32()).cloned());
    let verdict = match known {
        Some(verdict) => verdict,
        None => {
            let verdict = judge(function);
            VERDICTS.with_borrow_mut(|v| v.insert(function.to_u32(), verdict.clone()));
            verdict
        }
    };
    verdict.map_or(Ok(()), |name| Err(Error::Sealed(format!("function {name}"))))
}

/// The name to refuse the function by, or nothing when it is allowed.
fn judge(function: Oid) -> Option<String> {
    let cache = pg_sys::SysCacheIdentifier::PROCOID as c_int;
    // SAFETY: the tuple is released before returning; Form_pg_proc is its fixed part; the
    // attributes read are texts.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(cache as _, function.into());
        if tuple.is_null() {
            return Some(function.to_u32().to_string());
        }
        let text = |attribute: u32| {
            let mut null = false;
            let datum = pg_sys::SysCacheGetAttr(cache as _, tuple, attribute as i16, &mut null);
            String::from_datum(datum, null).unwrap_or_default()
        };
        let form = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_proc>();
        let language = form.prolang;
        let allowed = if language == INTERNAL_LANGUAGE {
            guard::allows_builtin(&text(pg_sys::Anum_pg_proc_prosrc))
        } else if language == C_LANGUAGE {
            guard::allows_library(
                &text(pg_sys::Anum_pg_proc_probin),
                &text(pg_sys::Anum_pg_proc_prosrc),
            )
        } else {
            true
        };
        let name = CStr::from_ptr(form.proname.data.as_ptr()).to_string_lossy().into_owned();
        pg_sys::ReleaseSysCache(tuple);
        (!allowed).then_some(name)
    }
}

unsafe extern "C-unwind" fn forget_functions(_: pg_sys::Datum, _: c_int, _: u32) {
    // An invalidation can arrive while the table is borrowed; the entry being made then is of
    // the newest catalog state anyway.
    VERDICTS.with(|v| {
        if let Ok(mut verdicts) = v.try_borrow_mut() {
            verdicts.clear();
        }
    });
}
