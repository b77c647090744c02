//! How does a test get at a running EdgeBase?
//!
//! [`Product`] is the real `edgebase dev` on a cluster of its own, [`Client`] speaks JSON over
//! HTTP to it, [`token`] mints what a user would carry, [`sql`] looks at the database behind it.
//! Tests share one product per config and keep apart by the instance ids and markers that they
//! take from [`unique`]; whatever ends the test process ends every product that it started.

mod http;
mod issuer;
mod product;
mod serving;
pub mod sql;
pub mod token;

pub use http::{Answer, Client, encode, raw, raw_answer};
pub use issuer::{Issuer, Reply};
pub use product::{Product, Settings, binary, fixture, workspace};
pub use serving::Serving;

/// Waits until a log has these words; the server writes it on a thread of its own.
///
/// # Panics
/// When it has not got them after 20 seconds.
async fn until_logged(words: &str, log: impl Fn() -> String) {
    let begun = std::time::Instant::now();
    while !log().contains(words) {
        assert!(begun.elapsed().as_secs() < 20, "{words:?} is not in the log:\n{}", log());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// A Python that has the packages of `requirements.txt`: `EDGEBASE_PYTHON`, or the one that
/// `make test` sets up.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn python() -> std::path::PathBuf {
    let python = std::env::var_os("EDGEBASE_PYTHON")
        .map_or_else(|| workspace().join(".venv/bin/python"), std::path::PathBuf::from);
    assert!(
        python.is_file(),
        "{} is missing: run `make test`, or set EDGEBASE_PYTHON to a Python that has the packages \
         of tests/requirements.txt",
        python.display()
    );
    python
}

/// A word that no other test of this process uses, for instance ids and markers.
#[must_use]
pub fn unique(what: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{what}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
