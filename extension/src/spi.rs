//! How does the extension run SQL?
//!
//! Statement by statement through SPI. Values are bound, never written into the text, except in
//! DDL, whose text comes from the `blocks` crate where names and literals are quoted. Every
//! statement runs in read-write mode, so each sees what the one before it did and what other
//! transactions committed meanwhile. Errors of PostgreSQL unwind; they are not results here.
//!
//! No statement depends on a setting that another one made. Each runs in a nesting level of
//! settings that is rolled back after it, so not even a plain `SET` in it lasts. What does not run
//! as the owner of instances runs as the extension's owner, a superuser, and gets a `search_path`
//! of the catalogs alone within that level, whatever the function's `SET` clause, a caller or an
//! earlier statement made of it: an operator or function that an attacker planted cannot be meant.
//! One place for all statements is what makes that complete; qualifying each name in each text
//! would have to be right everywhere. It costs a few microseconds for each statement, and
//! nothing for `enter` and `read_record`, which run none.

use crate::confine;
use crate::error::Error;
use crate::fence::plain;
use crate::fence::session::Scope;
use crate::fence::statements::count;
use edgebase_blocks::settings::Setting;
use pgrx::datum::{DatumWithOid, FromDatum, IntoDatum, JsonB};
use pgrx::spi::{Result as SpiResult, Spi, SpiClient, SpiTupleTable};
use serde_json::Value;

/// Where the names in a privileged statement are looked up.
const CATALOGS: &str = "pg_catalog, pg_temp";
/// What the catalogs call an object is compared with what we call it.
const PLAIN_NAMES: &[Setting] = &[("quote_all_identifiers", "off")];

/// Runs a statement.
pub fn run(sql: &str, args: &[DatumWithOid]) -> Result<(), Error> {
    alone(|| Spi::connect_mut(|client| execute(client, sql, args).map(|_| ())))
}

/// The single value a statement gives, if it gives a row.
pub fn one<T: FromDatum + IntoDatum>(sql: &str, args: &[DatumWithOid]) -> Result<Option<T>, Error> {
    alone(|| {
        Spi::connect_mut(|client| {
            let rows = execute(client, sql, args)?;
            if rows.is_empty() { Ok(None) } else { rows.first().get_one::<T>() }
        })
    })
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

/// Runs one statement of the extension's own as the owner of instances, which a config may not
/// contain.
pub fn own(sql: &str) -> Result<(), Error> {
    confine::exempt(|| ddl(sql))
}

/// In read-write mode a transaction gets a number, which a standby has none of. There what reads is
/// run as such; what changes the database has been refused at the function's boundary.
fn execute<'c>(
    client: &mut SpiClient<'c>,
    sql: &str,
    args: &[DatumWithOid],
) -> SpiResult<SpiTupleTable<'c>> {
    if plain::RecoveryInProgress() {
        client.select(sql, None, args)
    } else {
        client.update(sql, None, args)
    }
}

/// Does `work` without any setting that it makes lasting, and without any planted name in sight
/// unless it is confined.
fn alone<T>(work: impl FnOnce() -> SpiResult<T>) -> Result<T, Error> {
    let scope = Scope::open();
    if !confine::binds() {
        scope.set("search_path", CATALOGS)?;
        scope.pin(PLAIN_NAMES)?;
    }
    work().map_err(Error::from)
}
