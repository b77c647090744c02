//! Is a write that was acknowledged still there after the worst has happened, and does everything
//! come back by itself?
//!
//! Writers insert over HTTP without pause and note every id that was answered with 201, while
//! something is killed with -9. Afterwards each of those ids must be found; what was not
//! acknowledged may or may not be there.

mod writers;

use edgebase_tests::{Product, fixture};
use std::process::Command;
use std::time::Duration;
use writers::{Writers, every_acknowledged_row_is_there};

fn kill(signal: &str, pid: u32) {
    let status = Command::new("kill").args([signal, &pid.to_string()]).status();
    assert!(status.is_ok_and(|s| s.success()), "kill {signal} {pid}");
}

fn pause(milliseconds: u64) -> tokio::time::Sleep {
    tokio::time::sleep(Duration::from_millis(milliseconds))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_killed_while_writing_loses_nothing_and_comes_back() {
    let product = Product::start(&fixture("durable.ts"));
    let writers = Writers::start(&product);
    for round in 1..=3 {
        let before = writers.wait_for_more(50).await;
        let postmaster = product.postmaster();
        kill("-9", postmaster);
        // Nothing but waiting: the product starts its database again.
        writers.wait_for_more(50).await;
        assert_ne!(product.postmaster(), postmaster, "round {round}");
        eprintln!("round {round}: {before} writes before, and it goes on");
    }
    every_acknowledged_row_is_there(&product, &writers.stop().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_backend_killed_while_writing_loses_nothing() {
    let product = Product::start(&fixture("durable.ts"));
    let writers = Writers::start(&product);
    writers.wait_for_more(50).await;
    let admin = edgebase_tests::sql::connect(&product.admin_url).await;
    let backends = "SELECT pid FROM pg_stat_activity WHERE usename <> current_user
                    AND backend_type = 'client backend' LIMIT 1";
    let pid = edgebase_tests::sql::texts(&admin, backends).await.unwrap().swap_remove(0);
    // The postmaster answers with the end of all backends and a recovery.
    kill("-9", pid.parse().unwrap());
    writers.wait_for_more(50).await;
    every_acknowledged_row_is_there(&product, &writers.stop().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_product_killed_while_writing_loses_nothing_and_starts_again() {
    let mut product = Product::start(&fixture("durable.ts"));
    let (key, secret) = (product.service_key.clone(), product.jwt_secret.clone());
    for _ in 1..=2 {
        let writers = Writers::start(&product);
        writers.wait_for_more(50).await;
        kill("-9", product.pid());
        let rows = writers.stop().await;
        product.restart();
        assert_eq!((&product.service_key, &product.jwt_secret), (&key, &secret));
        every_acknowledged_row_is_there(&product, &rows).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn product_and_postgres_killed_together_start_again() {
    let mut product = Product::start(&fixture("durable.ts"));
    let writers = Writers::start(&product);
    writers.wait_for_more(50).await;
    // The product first, or it would start its database again.
    let postmaster = product.postmaster();
    kill("-9", product.pid());
    kill("-9", postmaster);
    let rows = writers.stop().await;
    product.restart();
    every_acknowledged_row_is_there(&product, &rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_stop_finishes_what_is_under_way_and_leaves_nothing_running() {
    let mut product = Product::start(&fixture("durable.ts"));
    let writers = Writers::start(&product);
    writers.wait_for_more(50).await;
    let postmaster = product.postmaster();
    kill("-TERM", product.pid());
    let rows = writers.stop().await;
    for _ in 0..200 {
        if !std::path::Path::new(&format!("/proc/{postmaster}")).exists() {
            break;
        }
        pause(50).await;
    }
    assert!(!std::path::Path::new(&format!("/proc/{postmaster}")).exists(), "Postgres still runs");
    product.restart();
    every_acknowledged_row_is_there(&product, &rows).await;
}
