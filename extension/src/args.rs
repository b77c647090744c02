//! What was a SQL function called with?
//!
//! Each of these takes an argument for what the SQL files declare it as.

use crate::error::Error;
pub use crate::fence::boundary::Args;
use pgrx::pg_sys::Oid;
use serde_json::Value;

impl Args {
    /// A `text` argument that may not be null.
    pub fn text(&self, n: usize, name: &'static str) -> Result<String, Error> {
        self.text_or_null(n).ok_or(Error::NullArgument(name))
    }

    /// A `text` argument.
    pub fn text_or_null(&self, n: usize) -> Option<String> {
        self.get(n)
    }

    /// A `text[]` argument without nulls.
    pub fn texts(&self, n: usize, name: &'static str) -> Result<Vec<String>, Error> {
        self.texts_or_null(n, name)?.ok_or(Error::NullArgument(name))
    }

    /// A `text[]` argument, null as a whole or without any null in it.
    pub fn texts_or_null(
        &self,
        n: usize,
        name: &'static str,
    ) -> Result<Option<Vec<String>>, Error> {
        let texts = self.get::<Vec<Option<String>>>(n);
        let texts = texts.map(|all| all.into_iter().collect::<Option<_>>());
        texts.map(|all| all.ok_or(Error::NullArgument(name))).transpose()
    }

    /// A `boolean` argument; null counts as false.
    pub fn flag(&self, n: usize) -> bool {
        self.get(n).unwrap_or(false)
    }

    /// An `oid` argument of a STRICT function.
    pub fn oid(&self, n: usize) -> Oid {
        self.get(n).unwrap_or(Oid::INVALID)
    }

    /// A `bigint` argument; null counts as 0.
    pub fn bigint(&self, n: usize) -> i64 {
        self.get(n).unwrap_or(0)
    }

    /// An `integer` argument; null counts as 0.
    pub fn int(&self, n: usize) -> i32 {
        self.get(n).unwrap_or(0)
    }

    /// A config: a `jsonb` argument that may not be null. PostgreSQL's JSON may nest deeper and its
    /// numbers be larger than what is read here.
    pub fn config(&self, n: usize) -> Result<Value, Error> {
        let text = self.jsonb_text(n).ok_or(Error::NullArgument("config"))?;
        serde_json::from_str(&text).map_err(|e| Error::InvalidConfig(e.to_string()))
    }
}
