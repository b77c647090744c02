//! Where does PostgreSQL call us besides the functions that SQL knows?
//!
//! Before and after every utility statement, wherever it comes from (dynamic SQL of functions
//! included), before a plan is run, before a function is first called in a query, before a name is
//! looked up in a schema, when an object is created or altered, when functions have changed, and
//! when transactions end. What to do then is decided in [`guard`], [`confine`], [`verdicts`] and
//! [`seal`], and of plans in [`history`].

#![allow(clippy::unit_arg)] // `Ok` of what gives nothing

use super::boundary::callback;
use super::{history, statements};
use crate::error::Error;
use crate::{confine, guard, seal, verdicts};
use pgrx::pg_sys::{self, Datum, Oid, SubTransactionId, SubXactEvent, XactEvent};
use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::ptr::null_mut;

unsafe extern "C-unwind" {
    /// PostgreSQL's own, declared here because pgrx's wrapper would catch an error on its way
    /// through and lose what it does not know of it.
    #[link_name = "standard_ProcessUtility"]
    fn standard_process_utility(
        statement: *mut pg_sys::PlannedStmt,
        text: *const c_char,
        read_only: bool,
        context: pg_sys::ProcessUtilityContext::Type,
        params: pg_sys::ParamListInfo,
        environment: *mut pg_sys::QueryEnvironment,
        destination: *mut pg_sys::DestReceiver,
        completion: *mut pg_sys::QueryCompletion,
    );

    /// Likewise.
    #[link_name = "standard_ExecutorStart"]
    fn standard_executor_start(query: *mut pg_sys::QueryDesc, flags: c_int);
}

thread_local! {
    static NEXT_START: Cell<pg_sys::ExecutorStart_hook_type> = const { Cell::new(None) };
    static NEXT_UTILITY: Cell<pg_sys::ProcessUtility_hook_type> = const { Cell::new(None) };
    static NEXT_ACCESS: Cell<pg_sys::object_access_hook_type> = const { Cell::new(None) };
}

/// Puts the hooks in front of those of other extensions, and registers the rest; once per backend.
pub fn install() {
    let functions = pg_sys::SysCacheIdentifier::PROCOID as c_int;
    // SAFETY: hook variables are set while the library loads; the callbacks live as long as it,
    // which is never unloaded.
    unsafe {
        pg_sys::RegisterXactCallback(Some(at_transaction), null_mut());
        pg_sys::RegisterSubXactCallback(Some(at_subtransaction), null_mut());
        NEXT_UTILITY.set(pg_sys::ProcessUtility_hook);
        pg_sys::ProcessUtility_hook = Some(on_utility);
        NEXT_START.set(pg_sys::ExecutorStart_hook);
        pg_sys::ExecutorStart_hook = Some(on_start);
        NEXT_ACCESS.set(pg_sys::object_access_hook);
        pg_sys::object_access_hook = Some(on_access);
        pg_sys::CacheRegisterSyscacheCallback(functions, Some(on_change), Datum::null());
    }
}

unsafe extern "C-unwind" fn on_utility(
    statement: *mut pg_sys::PlannedStmt,
    text: *const c_char,
    read_only: bool,
    context: pg_sys::ProcessUtilityContext::Type,
    params: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
    destination: *mut pg_sys::DestReceiver,
    completion: *mut pg_sys::QueryCompletion,
) {
    let next = NEXT_UTILITY.get().unwrap_or(standard_process_utility);
    // SAFETY: PostgreSQL calls this with a valid statement whose utilityStmt is set for utilities.
    // The arguments are passed on as they came; an error jumps over this frame, which holds
    // nothing with a destructor.
    unsafe {
        callback(|| check((*statement).utilityStmt));
        next(statement, text, read_only, context, params, environment, destination, completion);
        callback(confine::check_created);
    }
}

unsafe extern "C-unwind" fn on_start(query: *mut pg_sys::QueryDesc, flags: c_int) {
    let next = NEXT_START.get().unwrap_or(standard_executor_start);
    // SAFETY: PostgreSQL calls this with a query that is ready to start. The arguments are passed
    // on as they came; an error jumps over this frame, which holds nothing with a destructor.
    unsafe {
        if seal::is_sealed() || confine::binds() {
            callback(|| history::check_plan(query));
        }
        next(query, flags);
    }
}

/// # Safety
/// `node` is a valid utility statement.
unsafe fn check(node: *mut pg_sys::Node) -> Result<(), Error> {
    // SAFETY: as above.
    unsafe {
        if seal::is_sealed() {
            if !guard::allows(&statements::read(node)) {
                return Err(Error::Sealed(statements::name(node)));
            }
        } else if confine::binds() && !confine::allows(&statements::read(node)) {
            return Err(Error::Confined(statements::name(node)));
        }
        Ok(())
    }
}

unsafe extern "C-unwind" fn on_access(
    access: pg_sys::ObjectAccessType::Type,
    class: Oid,
    object: Oid,
    sub: c_int,
    arg: *mut c_void,
) {
    // SAFETY: PostgreSQL calls this, and nothing here has a destructor. The arguments are passed
    // on as they came.
    unsafe {
        match access {
            pg_sys::ObjectAccessType::OAT_FUNCTION_EXECUTE => callback(|| verdicts::check(object)),
            pg_sys::ObjectAccessType::OAT_NAMESPACE_SEARCH => {
                let search = arg.cast::<pg_sys::ObjectAccessNamespaceSearch>();
                if (*search).ereport_on_violation {
                    callback(|| confine::check_search(object));
                } else if !callback(|| Ok(confine::may_search(object))) {
                    // A schema of `search_path`, which is then passed over.
                    (*search).result = false;
                }
            }
            pg_sys::ObjectAccessType::OAT_POST_CREATE => {
                callback(|| Ok(confine::note_created(class, object)));
            }
            pg_sys::ObjectAccessType::OAT_POST_ALTER => {
                callback(|| confine::check_altered(class, object));
            }
            _ => {}
        }
        if let Some(next) = NEXT_ACCESS.get() {
            next(access, class, object, sub, arg);
        }
    }
}

unsafe extern "C-unwind" fn on_change(_: Datum, _: c_int, _: u32) {
    // SAFETY: PostgreSQL calls this, and nothing here has a destructor.
    unsafe { callback(|| Ok(verdicts::forget())) }
}

unsafe extern "C-unwind" fn at_transaction(event: XactEvent::Type, _: *mut c_void) {
    // SAFETY: as above.
    unsafe { callback(|| Ok(seal::at_transaction(event))) }
}

unsafe extern "C-unwind" fn at_subtransaction(
    event: SubXactEvent::Type,
    _: SubTransactionId,
    _: SubTransactionId,
    _: *mut c_void,
) {
    // SAFETY: as above.
    unsafe { callback(|| Ok(seal::at_subtransaction(event))) }
}
