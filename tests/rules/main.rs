//! Do rules and hooks decide over HTTP as they are written, deny whatever goes wrong, and tell
//! the person who develops them why?

mod denials;
mod ends;
mod explain;
mod hooks;
mod metrics;
mod reload;
mod revocation;
mod trace;

use edgebase_tests::Product;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

const FIXTURE: &str = "rules.ts";

fn product() -> Arc<Product> {
    Product::shared(FIXTURE)
}

/// The path of a table of the block with one instance.
fn app(table: &str) -> String {
    format!("/api/db/app/tables/{table}")
}

/// Waits until something holds.
async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
