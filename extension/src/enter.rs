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
use crate::error::Error;
use crate::fence::boundary::Args;
use crate::fence::identity::{
    Identity, bypasses_rls, is_member, is_superuser, role_oid, session_user,
};
use crate::fence::{lock, seal, settings};
use crate::guc;
use crate::registry;
use edgebase_blocks::quote::ident;

/// `edgebase.enter(namespace text, id text)`
pub fn enter(args: &Args) -> Result<Answer, Error> {
    check_caller()?;
    let (namespace, id) = (args.text(0, "namespace")?, args.text_or_null(1));
    let (key, block) = registry::resolve(&namespace, id.as_deref())?;
    // Twice, because an instance may be dropped and made anew between lookup and lock.
    for _ in 0..2 {
        let instance =
            registry::instance(&key).ok_or_else(|| Error::UnknownInstance(key.to_string()))?;
        let Some(schema) = lock::schema_oid(&instance.schema) else {
            if registry::instance(&key).is_some_and(|again| again == instance) {
                return Err(Error::SchemaMissing(key.to_string()));
            }
            continue;
        };
        // Before the lock, so that waiting for a migration is bounded too.
        set_limits(&instance.schema)?;
        lock::schema(schema, lock::Mode::Use);
        if lock::schema_oid(&instance.schema) != Some(schema) {
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
        if is_superuser(role) || bypasses_rls(role) {
            return Err(Error::EnterRefused(
                "the instance role has been given rights it must not have",
            ));
        }
        seal::seal(role);
        return Ok(Answer::Nothing);
    }
    Err(Error::UnknownInstance(key.to_string()))
}

/// `edgebase.enter_read_only(namespace text, id text)`
pub fn enter_read_only(args: &Args) -> Result<Answer, Error> {
    let answer = enter(args)?;
    // As `SET TRANSACTION READ ONLY`, to which core knows no way back: a query has run.
    settings::set_local("transaction_read_only", "on")?;
    Ok(answer)
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
    if settings::inside_function_scope() {
        return refuse("called inside a function that has a SET clause");
    }
    let session = session_user();
    if is_superuser(session) {
        return refuse("the session belongs to a superuser");
    }
    match role_oid("edgebase_proxy") {
        Some(proxy) if is_member(session, proxy) => Ok(()),
        _ => refuse("the session's role is not a member of edgebase_proxy"),
    }
}

/// Names mean the tenant's schema, `pg_temp` last and by name, and nothing runs or waits for
/// longer, or takes more memory, than the settings allow. A stricter limit stands.
fn set_limits(schema: &str) -> Result<(), Error> {
    settings::set_local("search_path", &format!("{}, pg_temp", ident(schema)))?;
    let stricter = |now: i32, ceiling: i32| now != 0 && now <= ceiling;
    for (name, now, ceiling) in [
        ("statement_timeout", settings::statement_timeout(), guc::STATEMENT_TIMEOUT.get()),
        ("lock_timeout", settings::lock_timeout(), guc::LOCK_TIMEOUT.get()),
        ("work_mem", settings::work_mem(), guc::WORK_MEM.get()),
    ] {
        if ceiling != 0 && !stricter(now, ceiling) {
            settings::set_local(name, &ceiling.to_string())?;
        }
    }
    Ok(())
}
