//! Do instances come, move and go as a whole: under load, across crashes, in dumps, by hostile SQL?
//!
//! Invariant of every test: there is a registry row exactly where there is a schema and a role, and
//! no request ever sees another instance's rows.

mod awkward;
mod backup;
mod by_hand;
mod concurrent;
mod crash;
mod deletion;
mod dump;
mod hostile;
mod portability;
mod raw_sql;
mod sparse;
mod state;
mod under_load;
mod walk;

use edgebase_tests::{Product, encode};
use std::sync::Arc;

/// The product that all tests share which leave its server alone.
fn product() -> Arc<Product> {
    Product::shared("lifecycle.ts")
}

/// The path of an instance's table `notes`.
fn notes(id: &str) -> String {
    format!("/api/db/room/{}/tables/notes", encode(id))
}

/// The path of an instance as a whole.
fn instance(id: &str) -> String {
    format!("/api/db/room/{}", encode(id))
}
