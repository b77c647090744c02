//! Which statements go to raw SQL?
//!
//! Values of every type, reads of every table, writes that store what HTTP would not let through,
//! and statements that have to be refused. None of them is long on purpose: what a statement costs
//! is bounded by other means and tested elsewhere.

use crate::grammar::{FIELDS, IDS, TABLES};
use crate::odd;
use edgebase_tests::sql::{ident, literal};
use fastrand::Rng;
use serde_json::{Value, json};

const VALUES: &[&str] = &[
    "NULL",
    "true",
    "1",
    "9007199254740993",
    "1e400::numeric",
    "'NaN'::numeric",
    "factorial(200)",
    "'NaN'::float8",
    "'-Infinity'::float4",
    "1e-320::float8",
    "'x'",
    "''",
    "U&'\\+01F600'",
    "repeat('x', 100000)",
    "'infinity'::timestamptz",
    "'-infinity'::date",
    "'infinity'::timestamp",
    "'0044-03-15 BC'::date",
    "'4713-01-01 BC'::timestamptz",
    "'294276-12-31'::timestamptz",
    "'5874897-12-31'::date",
    "'12000-01-01'::timestamp",
    "'24:00'::time",
    "'12:00+14'::timetz",
    "interval '1 month -3 days 4 us'",
    "'{\"k\": 1e400}'::jsonb",
    "'1e400'::jsonb",
    "'null'::jsonb",
    "'{\"a\":1,\"a\":2}'::json",
    "'\"\\ud83d\"'::json",
    "'\"\\u0000\"'::json",
    "(repeat('[', 120) || repeat(']', 120))::jsonb",
    "(repeat('[', 3000) || repeat(']', 3000))::json",
    "'\\x00ff'::bytea",
    "B'101'",
    "ROW(1, 'a', NULL)",
    "ARRAY[1, NULL]",
    "ARRAY[[1],[2]]",
    "'{}'::text[]",
    "'[1,3)'::int4range",
    "'empty'::daterange",
    "'{[1,2)}'::int4multirange",
    "point(1, 'NaN')",
    "'1.5'::money",
    "'::1/64'::inet",
    "'a:1 b'::tsvector",
    "'a & b'::tsquery",
    "gen_random_uuid()",
    "'$.a'::jsonpath",
    "current_user",
    "now()",
    "'t'::\"char\"",
    "1::oid",
    "'app'::name",
    "'1/2'::pg_lsn",
    "'<a/>'::xml",
    "ROW(ARRAY['infinity'::timestamptz])",
    "?",
    "?::text",
    "?::jsonb",
    "?::timestamptz",
    "?::numeric",
    "$1",
    "pg_typeof(1)",
    "'int'::regtype",
];

/// Statements that are refused, or have nothing to do.
const OTHERS: &[&str] = &[
    "",
    ";",
    "SELECT",
    "SELECT 1; SELECT 2",
    "SELECT 1;",
    "-- nothing",
    "/* open",
    "SELECT 'open",
    "SELECT $$?$$, ?",
    "SELECT $a$ $$ $a$",
    "SELECT E'\\'?', ?",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT a",
    "RESET ROLE",
    "SET ROLE postgres",
    "SET search_path = 'public'",
    "SHOW ALL",
    "SET LOCAL statement_timeout = 0",
    "CREATE TABLE x (a int)",
    "DROP TABLE open",
    "DO $$BEGIN END$$",
    "COPY open TO STDOUT",
    "COPY open FROM PROGRAM 'true'",
    "LISTEN a",
    "NOTIFY a",
    "VACUUM",
    "EXPLAIN SELECT 1",
    "TABLE nowhere",
    "VALUES (1, 'a'), (2, NULL)",
    "PREPARE a AS SELECT 1",
    "DECLARE c CURSOR FOR SELECT 1",
    "SELECT 1/0",
    "SELECT pg_backend_pid()",
    "LOCK TABLE open",
    "SELECT * FROM pg_authid",
    "SELECT pg_read_file('/etc/passwd')",
    "TRUNCATE open",
    "ANALYZE",
    "SELECT set_config('role', 'postgres', true)",
    "SELECT 1 AS \"\u{1f600}\", 2 AS \"\u{1f600}\"",
    "SELECT FROM open",
    "SELECT pg_notify('a', 'b')",
    "SELECT lo_create(0)",
    "CALL nothing()",
    "WITH RECURSIVE r AS (SELECT 1 a UNION ALL SELECT a + 1 FROM r WHERE a < 50) SELECT * FROM r",
    "SELECT ?::int + ?::int",
    "SELECT ? = ANY (?::text[])",
    "SELECT '{\"a\":1}'::jsonb ? 'a'",
    "SELECT json_agg(t) FROM open t",
    "SELECT t FROM open t LIMIT 3",
    "SELECT (t).* FROM open t LIMIT 3",
];

/// A statement.
pub fn statement(rng: &mut Rng) -> String {
    let value = VALUES[rng.usize(..VALUES.len())];
    let table = ident(TABLES[rng.usize(..TABLES.len())]);
    let field = match rng.u8(..4) {
        0 => "_doc".to_owned(),
        _ => ident(FIELDS[rng.usize(..FIELDS.len())].0),
    };
    let id = match rng.u8(..6) {
        0 => literal(&odd::text(rng).replace('\0', "")),
        _ => literal(IDS[rng.usize(..IDS.len())]),
    };
    let text = match rng.u8(..16) {
        0..3 => format!("SELECT {value} AS a"),
        3 => format!("SELECT {value} AS a, {value} AS \"a b\", 1 AS one"),
        4 => format!("SELECT ARRAY[{value}] AS a, ROW({value}, {value})"),
        5 => format!("SELECT * FROM {table} LIMIT 20"),
        6 => format!("SELECT {field}, count(*) FROM {table} GROUP BY 1 LIMIT 20"),
        7..10 => format!("UPDATE {table} SET {field} = {value} WHERE id = {id}"),
        10 => format!("UPDATE {table} SET {field} = {value} RETURNING *"),
        11..13 => format!("INSERT INTO {table} (id, {field}) VALUES ({id}, {value})"),
        13 => format!("DELETE FROM {table} WHERE id = {id}"),
        _ => OTHERS[rng.usize(..OTHERS.len())].to_owned(),
    };
    if rng.u8(..12) == 0 { spliced(rng, text) } else { text }
}

/// Some characters out of place.
fn spliced(rng: &mut Rng, text: String) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..rng.usize(1..4) {
        let at = rng.usize(..=characters.len());
        match rng.u8(..3) {
            0 if at < characters.len() => drop(characters.remove(at)),
            1 => characters.truncate(at),
            _ => drop(characters.splice(at..at, odd::text(rng).chars()).count()),
        }
    }
    characters.into_iter().collect()
}

/// As many parameters as the statement seems to want, most of the time.
pub fn params(rng: &mut Rng, statement: &str) -> Value {
    let count = statement.matches('?').count() + usize::from(rng.u8(..12) == 0);
    (0..count).map(|_| if rng.bool() { odd::any(rng) } else { json!(rng.i32(-3..9)) }).collect()
}
