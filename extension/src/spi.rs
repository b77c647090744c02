//! How does the extension run SQL?
//!
//! Statement by statement through SPI. Values are bound, never written into the text, except in
//! DDL, whose text comes from the `blocks` crate where names and literals are quoted. Every
//! statement runs in read-write mode, so each sees what the one before it did and what other
//! transactions committed meanwhile. Errors of PostgreSQL unwind; they are not results here.

use crate::error::Error;
use crate::fence::statements::count;
use pgrx::datum::{DatumWithOid, FromDatum, IntoDatum, JsonB};
use pgrx::spi::Spi;
use serde_json::Value;

/// Runs a statement.
pub fn run(sql: &str, args: &[DatumWithOid]) -> Result<(), Error> {
    Spi::connect_mut(|client| client.update(sql, None, args).map(|_| ())).map_err(Error::from)
}

/// The single value a statement gives, if it gives a row.
pub fn one<T: FromDatum + IntoDatum>(sql: &str, args: &[DatumWithOid]) -> Result<Option<T>, Error> {
    Spi::connect_mut(|client| {
        let rows = client.update(sql, None, args)?;
        if rows.is_empty() { Ok(None) } else { rows.first().get_one::<T>() }
    })
    .map_err(Error::from)
}

/// The single `jsonb` a statement gives; null when it gives no row.
pub fn json(sql: &str, args: &[DatumWithOid]) -> Result<Value, Error> {
    Ok(one::<JsonB>(sql, args)?.map_or(Value::Null, |j| j.0))
}

/// Runs one statement of DDL; text that parses as none or several is refused, so a config's
/// expression cannot smuggle in another statement.
pub fn ddl(sql: &str) -> Result<(), Error> {
    if count(sql)? != 1 {
        return Err(Error::NotOneStatement(sql.to_owned()));
    }
    run(sql, &[])
}
