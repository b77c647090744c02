//! Who may ask, how often, how much at a time, and what does the server say of itself?

mod endpoints;
mod envelope;
mod https;
mod keys;
mod limits;
mod listing;
mod tokens;

use edgebase_tests::{Product, Settings, fixture};
use std::sync::LazyLock;

fn edge(trust: &str) -> Product {
    let environment = [
        ("EDGEBASE_PUBLIC_TRUST", trust),
        ("DASHBOARD_KEY", "dashboard secret"),
        ("ENVIRONMENT", "staging"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Product::start_with(
        &fixture("edge.ts"),
        Settings { environment: environment.into(), ..Settings::default() },
    )
}

/// Behind a proxy that says who calls; with CORS and an open schema.
fn trusting() -> &'static Product {
    static PRODUCT: LazyLock<Product> = LazyLock::new(|| edge("yes"));
    &PRODUCT
}

/// The same with limits, which callers without an address of their own share.
fn limited() -> &'static Product {
    static PRODUCT: LazyLock<Product> = LazyLock::new(|| edge("few"));
    &PRODUCT
}

/// The same reached directly.
fn direct() -> &'static Product {
    static PRODUCT: LazyLock<Product> = LazyLock::new(|| edge("no"));
    &PRODUCT
}
