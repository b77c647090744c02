//! Who bears what the evaluation of rules and hooks costs?
//!
//! A user by its id, anybody without a token by address, all holders of service keys together;
//! each apart for every instance. The engine keeps queues and suspensions by this, so whoever
//! overloads or stalls it does so at their own expense.

use crate::auth::Principal;
use crate::http::head::RequestHead;
use crate::http::rate_limit::network;
use crate::snapshot::Snapshot;
use edgebase_rules::Caller;

/// The caller of a request about this instance of a block.
#[must_use]
pub fn of(
    snapshot: &Snapshot,
    head: &RequestHead,
    principal: &Principal,
    namespace: &str,
    instance: Option<&str>,
) -> Caller {
    let instance = (namespace, instance);
    match principal {
        Principal::Service => Caller::of(&"service", &instance),
        Principal::User(auth) => Caller::of(&("user", auth.get("id")), &instance),
        Principal::Anonymous => {
            let address = snapshot.auth.client_ip(&head.headers, head.peer).map(network);
            Caller::of(&("address", address), &instance)
        }
    }
}
