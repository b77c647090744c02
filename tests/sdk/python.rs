//! Does the official Python SDK work against us?
//!
//! Runs the pytest suite in `python/` on the product of this process.

use edgebase_tests::{Product, python, workspace};
use std::process::Command;

#[test]
fn every_database_method_of_the_python_sdk_works_on_both_kinds_of_block() {
    let product = Product::shared("sdk.ts");
    let output = Command::new(python())
        .args(["-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no"])
        .arg(workspace().join("tests/python"))
        .env("EDGEBASE_URL", &product.url)
        .env("EDGEBASE_SERVICE_KEY", &product.service_key)
        .output()
        .expect("Python starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    println!("{text}");
}
