//! EdgeBase's HTTP API over PostgreSQL.
//!
//! A request is authenticated, judged by the config's rules, and run in its instance over a
//! role-switched connection; `request.rs` holds that path. The library exists so that the
//! `edgebase` command and the tests start the very same server.
//!
//! Modules use what stands below them in this list, and nothing above:
//! `server`, `request`, `api`, `ops`, `rule_db`, `resolve`, `state`, `access`, `snapshot`,
//! `placement`, `config`, `auth`, `query`, `http`, `db`, `error`, and the rest, which use nothing.

#![forbid(unsafe_code)]

pub mod access;
pub mod admin;
mod after_hooks;
mod api;
pub mod auth;
pub mod cluster;
pub mod config;
pub mod connections;
pub mod db;
pub mod error;
pub mod http;
pub mod json;
mod memory;
mod metrics;
mod ops;
pub mod pattern;
pub mod placement;
pub mod query;
mod readiness;
mod request;
pub mod resolve;
pub mod rule_db;
pub mod server;
pub mod snapshot;
pub mod state;
pub mod tls;
pub mod trace;
