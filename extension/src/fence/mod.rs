//! Everything `unsafe`, and what makes it sound.
//!
//! The rest of the crate may not write `unsafe` at all, and decides everything: here are only the
//! ways between it and PostgreSQL. They come in two parts. What isolation rests on is beside this
//! file, and is read in this order:
//!
//! | file | question |
//! |---|---|
//! | [`exports`], [`hooks`] | where does PostgreSQL call us |
//! | [`boundary`], [`raise`] | how do such calls come back, and errors leave |
//! | [`statements`], [`catalog`] | what does it show of a statement, a function, a type |
//! | [`session`] | what is switched for a while: user, settings, subtransactions |
//! | [`plain`] | what else of PostgreSQL may safe code call, a table |
//! | [`open`], [`rows`], [`value`], [`lists`] | how are relations, rows and values read |
//! | [`history`], [`then`] | does a snapshot still see the rows of a table, what had the catalogs then |
//!
//! What queries over all instances need besides is in [`fdw`]; no request of a tenant comes there.
//!
//! Five invariants carry all of it:
//!
//! 1. A backend is one thread, and everything here runs on it (pgrx checks at each call).
//! 2. Calls into PostgreSQL go through pgrx's guard, which turns an ERROR into an unwinding panic,
//!    so Rust destructors run. The few calls that do not (raising at the very end of a function,
//!    passing a statement or a plan on in a hook, and reading one row after the other for a scan)
//!    are made from frames that hold nothing with a destructor, since the jump skips them.
//! 3. No panic leaves a function that PostgreSQL calls: [`boundary`] catches every one, and what
//!    runs outside of it (a line or two of a callback, and [`fdw::reading::Reader::next`]) cannot panic.
//! 4. What is switched for a while (user, settings) is switched back by a guard on the ordinary
//!    way out; on the way out of an ERROR the abort of the (sub)transaction restores it, as
//!    PostgreSQL saved it at the start, so the guards leave it alone then.
//! 5. The bodies of SQL functions take each argument as what the SQL files declare it, and only
//!    within a transaction does safe code look anything up: PostgreSQL calls it for a statement.

#![deny(clippy::undocumented_unsafe_blocks)]

pub mod boundary;
pub mod catalog;
pub mod exports;
pub mod fdw;
pub mod history;
pub mod hooks;
pub mod lists;
pub mod open;
pub mod plain;
pub mod raise;
pub mod rows;
pub mod session;
pub mod statements;
mod then;
pub mod value;
