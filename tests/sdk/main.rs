//! Do the official SDKs work against us, unchanged?
//!
//! The Rust crate is a dependency of these tests; the Python package is driven by pytest, which
//! one test here starts against the same product.

mod python;
mod rust;
