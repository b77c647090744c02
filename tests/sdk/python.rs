//! Does the official Python SDK work against us?
//!
//! Runs the pytest suite in `python/` on the product of this process. The interpreter is
//! `EDGEBASE_PYTHON`, else the workspace's `.venv`.

use edgebase_tests::{Product, workspace};
use std::path::PathBuf;
use std::process::Command;

#[test]
fn every_database_method_of_the_python_sdk_works_on_both_kinds_of_block() {
    let product = Product::shared("sdk.ts");
    let python = std::env::var_os("EDGEBASE_PYTHON")
        .map_or_else(|| workspace().join(".venv/bin/python"), PathBuf::from);
    assert!(
        python.is_file(),
        "{} is missing: run `make test`, or set EDGEBASE_PYTHON to a Python that has the packages \
         of tests/requirements.txt",
        python.display()
    );
    let output = Command::new(python)
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
