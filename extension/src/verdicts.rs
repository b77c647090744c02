//! May the function run that PostgreSQL is about to call for the first time in a query?
//!
//! Under a seal, and where the SQL of a config runs, each function is judged once by what it runs,
//! and the verdict kept until PostgreSQL tells that functions have changed.

use crate::confine;
use crate::error::Error;
use crate::fence::{catalog, plain};
use crate::guard::{self, Code};
use crate::lock;
use crate::seal;
use pgrx::pg_sys::Oid;
use std::cell::RefCell;
use std::collections::HashMap;

thread_local! {
    /// Functions seen, and the name to refuse them by.
    static VERDICTS: RefCell<HashMap<Oid, Option<String>>> = RefCell::new(HashMap::new());
}

/// Refuses the function if a seal is in force, or a config's SQL runs, that may not call it.
pub fn check(function: Oid) -> Result<(), Error> {
    let refusal = if seal::binds() {
        Error::Sealed
    } else if confine::binds() {
        Error::Confined
    } else {
        return Ok(());
    };
    let known = VERDICTS.with_borrow(|v| v.get(&function).cloned());
    let verdict = match known {
        Some(verdict) => verdict,
        None => {
            let verdict = judge(function);
            VERDICTS.with_borrow_mut(|v| v.insert(function, verdict.clone()));
            verdict
        }
    };
    verdict.map_or(Ok(()), |name| Err(refusal(format!("function {name}"))))
}

/// The name to refuse the function by, or nothing when it is allowed.
fn judge(function: Oid) -> Option<String> {
    match catalog::code(function) {
        Some(code) if guard::allows_call(&code) && !reaches_all(function, &code) => None,
        _ => Some(plain::get_func_name(function).unwrap_or_else(|| function.to_u32().to_string())),
    }
}

/// Whether a function is one of the extension's that are written in SQL. They reach every instance,
/// as `edgebase.export_instance` does, which a trigger that runs as `edgebase_owner` might call.
fn reaches_all(function: Oid, code: &Code) -> bool {
    let home = plain::get_func_namespace(function);
    *code == Code::Interpreted && lock::schema_oid("edgebase") == Some(home)
}

/// Called by PostgreSQL when functions have changed.
pub fn forget() {
    // An invalidation can arrive while the table is borrowed; the entry being made then is of
    // the newest catalog state anyway.
    VERDICTS.with(|v| {
        if let Ok(mut verdicts) = v.try_borrow_mut() {
            verdicts.clear();
        }
    });
}
