//! Does the server speak the contract: operations, refusals, release mode, odd names, hostile
//! input, and isolation below HTTP?

mod errors;
mod hostile;
mod isolation;
mod lists;
mod names;
mod openapi;
mod pressure;
mod release;
mod rows;
mod writes;

use edgebase_tests::{Product, encode, unique};
use std::sync::Arc;

/// The open config with one block of each kind.
fn product() -> Arc<Product> {
    Product::shared("contract.ts")
}

/// A place where a test is alone: a table of a single-instance block, or of a new instance.
struct Place {
    path: String,
    /// What the test puts into `mark`, because other tests use the same table.
    mark: String,
}

impl Place {
    fn record(&self, id: &str) -> String {
        format!("{}/{}", self.path, encode(id))
    }

    fn at(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.path)
    }
}

/// The same table in both kinds of block.
fn both(table: &str) -> [Place; 2] {
    let name = encode(table);
    let single = format!("/api/db/app/tables/{name}");
    let dynamic = format!("/api/db/space/{}/tables/{name}", unique("i"));
    [single, dynamic].map(|path| Place { path, mark: unique("mark") })
}
