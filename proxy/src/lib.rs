//! EdgeBase's HTTP API over PostgreSQL.
//!
//! A request is authenticated, judged by the config's rules, and run in its instance over a
//! role-switched connection; [`app`] holds that path in one function. The library exists so
//! that the `edgebase` command and the tests start the very same server.

#![forbid(unsafe_code)]

pub mod access;
pub mod admin;
pub mod app;
pub mod auth;
pub mod body;
pub mod cluster;
pub mod config;
pub mod connections;
pub mod cors;
pub mod db;
pub mod denial;
pub mod deploy;
pub mod descriptors;
pub mod endpoints;
pub mod envelope;
pub mod error;
pub mod export;
pub mod home;
pub mod hooks;
pub mod instances;
pub mod json;
pub mod limit;
mod linger;
mod listener;
mod memory;
pub mod metrics;
pub mod openapi;
pub mod ops;
pub mod parameters;
pub mod pattern;
pub mod query;
pub mod reads;
mod ready;
pub mod respond;
pub mod route;
pub mod server;
pub mod snapshot;
pub mod sql;
pub mod tls;
