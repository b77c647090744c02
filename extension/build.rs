//! How is the library linked?
//!
//! What describes its SQL stands in sections that nothing refers to and that the linker must not
//! drop. cargo-pgrx sees to that by a flag for every crate it compiles, which would have them all
//! compiled once more for the unit tests; and those link only when it does drop what they do not
//! reach, since what calls into a server finds none there. So the flag is given here, to the
//! library alone, and `scripts/extension` tells cargo-pgrx to leave it out.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // As in cargo-pgrx: other linkers do not know it.
    let is = |name, value| std::env::var(name).is_ok_and(|v| v == value);
    if is("CARGO_CFG_TARGET_FAMILY", "unix") && !is("CARGO_CFG_TARGET_OS", "macos") {
        println!("cargo::rustc-link-arg-cdylib=-Wl,--no-gc-sections");
    }
}
