//! What does the `enrich` hook add to a caller?
//!
//! The hook runs for users only (contract 4.2); one that fails or takes too long adds nothing.

use super::caller;
use crate::auth::Principal;
use crate::http::head::RequestHead;
use crate::snapshot::Snapshot;
use edgebase_rules::{Arg, Cause};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// What the hook may take (contract 4.2).
const BUDGET: Duration = Duration::from_millis(50);

/// The caller with what the hook returns as its `meta`.
pub async fn enriched(snapshot: &Snapshot, head: &RequestHead, user: Principal) -> Principal {
    let (Principal::User(auth), Some(hook)) = (&user, snapshot.config.enrich) else {
        return user;
    };
    let request = json!({"method": head.method, "path": head.path});
    let args = vec![Arg::Json(Arc::clone(auth)), Arg::Json(Arc::new(request))];
    let caller = caller::of(snapshot, head, &user, "", None);
    match snapshot.engine.for_caller(caller).value(hook.id(), args, BUDGET).await {
        Ok(Some(meta @ Value::Object(_))) => {
            let mut auth = (**auth).clone();
            auth["meta"] = meta;
            Principal::User(Arc::new(auth))
        }
        Ok(_) => user,
        Err(failure) => {
            let info = snapshot.loaded.function(hook.id());
            let cause = Cause::from(failure).describe("hook");
            tracing::warn!(rule = info.map(|i| &*i.path), cause, "the enrich hook failed");
            user
        }
    }
}
