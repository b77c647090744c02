//! Is a migrated instance the same as one that was made new, with its rows?
//!
//! Configs are drawn by chance and applied one after the other, an instance holding rows made for
//! the first, and beside it one that has some of the tables only. Where a step would lose data the config gets the migration that the guide suggests,
//! word for word. Then either the instance has the shape of a new one and what the difference
//! called additive is still there; or its rows stood in the way, and it is exactly as it was.
//!
//! Everything happens in one transaction that is rolled back, so that many pairs cost little.
//! `EDGEBASE_PAIRS` says how many; the default is for CI.

use super::configs::{FIELDS, Rows, TABLES, Tables, record, rows, tables};
use super::shape::shape;
use edgebase_tests::Product;
use edgebase_tests::sql::{connect, ident};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::{Client, Error};

/// What a tenant's rows may object with; any other error is a defect of the steps.
const OBJECTIONS: [&str; 9] =
    ["22000", "22003", "22007", "22008", "22P02", "23502", "23503", "23505", "23514"];

type Outcome<T> = Result<T, TestCaseError>;
/// The rows of every table: table, id, record.
type Contents = BTreeMap<String, BTreeMap<String, Value>>;

fn fail<T>(why: String) -> Outcome<T> {
    Err(TestCaseError::fail(why))
}

fn text(error: &Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), |e| format!("{} {}", e.code().code(), e.message()))
}

/// A change that `apply_config` reports.
struct Change {
    table: String,
    refused: bool,
    guide: Value,
}

async fn apply(client: &Client, tables: &Tables, dry_run: bool) -> Result<Vec<Change>, Error> {
    let config = json!({"databases": {"pair": {"instance": true, "tables": tables}}});
    let rows = client
        .query(
            "SELECT coalesce(table_name, ''), destructive AND NOT covered, coalesce(guide, 'null')
             FROM edgebase.apply_config($1, $2) WHERE namespace = 'pair'",
            &[&config, &dry_run],
        )
        .await?;
    let change =
        |r: &tokio_postgres::Row| Change { table: r.get(0), refused: r.get(1), guide: r.get(2) };
    Ok(rows.iter().map(change).collect())
}

/// The same in a savepoint, of which nothing is left when it is refused.
async fn applied(client: &Client, tables: &Tables) -> Result<(), Error> {
    client.batch_execute("SAVEPOINT applying").await?;
    match apply(client, tables, false).await {
        Ok(_) => client.batch_execute("RELEASE applying").await,
        Err(e) => client.batch_execute("ROLLBACK TO applying").await.and(Err(e)),
    }
}

/// The rows of every table of a schema.
async fn contents(client: &Client, schema: &str) -> Contents {
    let names = client
        .query("SELECT tablename FROM pg_tables WHERE schemaname = $1", &[&schema])
        .await
        .expect("tables can be listed");
    let mut all = BTreeMap::new();
    for name in names.iter().map(|r| r.get::<_, String>(0)) {
        let sql = format!("SELECT id, to_jsonb(t) FROM {}.{} t", ident(schema), ident(&name));
        let rows = client.query(&sql, &[]).await.expect("a table can be read");
        all.insert(name, rows.iter().map(|r| (r.get(0), r.get(1))).collect());
    }
    all
}

/// Fills those of the tables that the instance has.
async fn fill(client: &Client, schema: &str, tables: &Tables, rows: &Rows) {
    let there = contents(client, schema).await;
    for (name, choices) in TABLES.iter().zip(rows) {
        let Some(table) = tables.get(*name).filter(|_| there.contains_key(*name)) else { continue };
        for (number, choices) in choices.iter().enumerate() {
            let record = record(table, number, choices);
            let place = format!("{}.{}", ident(schema), ident(name));
            let columns: Vec<String> =
                record.as_object().expect("an object").keys().map(|k| ident(k)).collect();
            let columns = columns.join(", ");
            let sql = format!(
                "INSERT INTO {place} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{place}, $1)"
            );
            client.batch_execute("SAVEPOINT filling").await.expect("a savepoint");
            // A row that breaks a rule of the first config is none of it.
            let end = match client.execute(&sql, &[&record]).await {
                Ok(_) => "RELEASE filling",
                Err(_) => "ROLLBACK TO filling",
            };
            client.batch_execute(end).await.expect("a savepoint ends");
        }
    }
}

/// Gives `tables` the migrations that tables of the same name had before, and those that a guide
/// asks for.
async fn cover(
    client: &Client,
    before: &Tables,
    tables: &mut Tables,
    rename: bool,
) -> Outcome<Vec<(String, String, String)>> {
    for (name, table) in tables.iter_mut() {
        if let Some(migrations) = before.get(name).and_then(|t| t.get("migrations")) {
            table["migrations"] = migrations.clone();
        }
    }
    let Ok(changes) = apply(client, tables, true).await else {
        return Err(TestCaseError::reject("no config"));
    };
    let refused: Vec<&Change> = changes.iter().filter(|c| c.refused).collect();
    let refusal = applied(client, tables).await.err();
    let code = refusal.as_ref().and_then(Error::code).map_or("none", |c| c.code());
    if (code == "EB007") == refused.is_empty() {
        return fail(format!("{} refused changes, yet applying says {code}", refused.len()));
    }
    let (mut renamed, mut seen) = (Vec::new(), BTreeSet::new());
    for change in refused {
        // A change of several statements has one guide.
        if !seen.insert(change.guide.to_string()) {
            continue;
        }
        let Some(host) = change.guide["table"].as_str() else {
            return Err(TestCaseError::reject("a table that nothing covers"));
        };
        let mut entry = &change.guide["migration"];
        if rename && change.guide["rename"].is_object() {
            entry = &change.guide["rename"];
            let words = entry["description"].as_str().and_then(|d| d.strip_prefix("rename "));
            if let Some((from, to)) = words.and_then(|w| w.split_once(" to ")) {
                renamed.push((change.table.clone(), from.to_owned(), to.to_owned()));
            }
        }
        let migrations = &mut tables[host]["migrations"];
        match migrations.as_array_mut() {
            Some(list) => list.push(entry.clone()),
            None => *migrations = json!([entry]),
        }
    }
    Ok(renamed)
}

fn kind<'a>(tables: &'a Tables, table: &str, field: &str) -> &'a str {
    let name = tables.get(table).and_then(|t| t["schema"][field]["type"].as_str());
    name.map_or("", |kind| if kind == "string" { "text" } else { kind })
}

/// Equal, numbers by value and timestamps by being there.
fn same(before: &Value, after: &Value, kind: &str) -> bool {
    match (before.as_f64(), after.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ if kind == "datetime" => before.is_null() == after.is_null(),
        _ => before == after,
    }
}

/// What every config of the way keeps must be what it was.
fn kept(way: &[Tables], before: &Contents, after: &Contents) -> Outcome<usize> {
    let mut compared = 0;
    let (first, last) = (&way[0], &way[way.len() - 1]);
    for (table, rows) in before {
        if !way.iter().all(|tables| tables.contains_key(table)) {
            continue;
        }
        let ids = |c: &Contents| c[table].keys().cloned().collect::<Vec<_>>();
        if ids(before) != ids(after) {
            return fail(format!("rows of {table}: {:?} became {:?}", ids(before), ids(after)));
        }
        let loose = |tables: &Tables| !tables[table]["schema"].is_object();
        for (id, row) in rows {
            let now = &after[table][id];
            for (field, _) in FIELDS {
                let (was, is) = (kind(first, table, field), kind(last, table, field));
                let (old, new, kind) = match (loose(first), loose(last)) {
                    (false, false) if way.iter().all(|t| kind(t, table, field) == was) => {
                        (&row[field], &now[field], was)
                    }
                    (true, true) if way.iter().all(loose) => {
                        (&row["_doc"][field], &now["_doc"][field], "")
                    }
                    (true, false) if way.len() == 2 && row["_doc"].get(field).is_some() => {
                        (&row["_doc"][field], &now[field], is)
                    }
                    (false, true) if way.len() == 2 => (&row[field], &now["_doc"][field], was),
                    _ => continue,
                };
                compared += 1;
                if !same(old, new, kind) {
                    return fail(format!("{table}.{field} of {id} was {old} and is {new}"));
                }
            }
        }
    }
    Ok(compared)
}

/// Whether the lines differ by nothing but a column that may be null because some row's is.
async fn only_nulls(
    client: &Client,
    schema: &str,
    fresh: &BTreeSet<String>,
    migrated: &BTreeSet<String>,
    tables: &Tables,
) -> bool {
    let lacking: BTreeSet<String> = fresh
        .difference(migrated)
        .map(|line| {
            line.strip_suffix("not null t")
                .map_or_else(|| line.clone(), |l| format!("{l}not null f"))
        })
        .collect();
    let beyond: BTreeSet<String> = migrated.difference(fresh).cloned().collect();
    if lacking != beyond {
        return false;
    }
    for line in beyond {
        let mut excused = false;
        for (table, field) in TABLES.iter().flat_map(|t| FIELDS.iter().map(move |(f, _)| (*t, *f)))
        {
            if line.starts_with(&format!("column {table} {field} ")) && tables.contains_key(table) {
                let sql = format!(
                    "SELECT FROM {}.{} WHERE {} IS NULL LIMIT 1",
                    ident(schema),
                    ident(table),
                    ident(field)
                );
                let null = client.query(&sql, &[]).await.expect("a table can be read");
                excused = tables[table]["schema"][field]["required"] == true && !null.is_empty();
            }
        }
        if !excused {
            return false;
        }
    }
    true
}

/// An instance at the beginning of the way.
struct Start {
    id: &'static str,
    shape: BTreeSet<String>,
    contents: Contents,
}

impl Start {
    /// Makes the instance, with some of the tables or all, and fills it.
    async fn make(
        client: &Client,
        id: &'static str,
        some: Option<Vec<String>>,
        tables: &Tables,
        rows: &Rows,
    ) -> Outcome<Self> {
        let create = "SELECT edgebase.create_instance('pair', $1, $2)";
        let made = client.query_one(create, &[&id, &some]).await;
        made.map_err(|e| TestCaseError::fail(text(&e)))?;
        let schema = format!("pair:{id}");
        fill(client, &schema, tables, rows).await;
        let (shape, contents) = (shape(client, &schema).await, contents(client, &schema).await);
        Ok(Self { id, shape, contents })
    }

    /// Migrates it, makes what is then lacking, and looks at the outcome; how it ended and how
    /// many values were compared.
    async fn follow(
        &self,
        client: &Client,
        way: &[Tables],
        renamed: &[(String, String, String)],
    ) -> Outcome<(String, usize)> {
        let (id, before, schema) = (self.id, &self.contents, format!("pair:{}", self.id));
        let tables = &way[way.len() - 1];
        let answer = client.query_one("SELECT edgebase.try_migrate('pair', $1)", &[&id]).await;
        let answer: Value = match answer {
            Ok(row) => row.get(0),
            Err(e) => return fail(format!("migrating {id} raises {}\n{}", text(&e), json!(way))),
        };
        if let Some(why) = answer.get("failed") {
            let (shape, after) = (shape(client, &schema).await, contents(client, &schema).await);
            let code = why["sqlstate"].as_str().unwrap_or_default().to_owned();
            let defect = !OBJECTIONS.contains(&code.as_str());
            if defect || shape != self.shape || after != *before {
                let as_it_was = !defect;
                return fail(format!(
                    "{id} failed with {why}; as it was: {as_it_was}\n{}",
                    json!(way)
                ));
            }
            let state =
                "SELECT state, failure FROM edgebase.instances WHERE key = 'pair:' || $1::text";
            let row = client.query_one(state, &[&id]).await;
            let row = row.map_err(|e| TestCaseError::fail(text(&e)))?;
            if row.get::<_, &str>(0) != "failed" || row.get::<_, Value>(1) != *why {
                return fail(format!("the registry does not say {why}"));
            }
            return Ok((code, 0));
        }
        let lacking = client.query_one("SELECT edgebase.ensure_tables('pair', $1)", &[&id]).await;
        let lacking: Value = match lacking {
            Ok(row) => row.get(0),
            Err(e) => return fail(format!("making the rest raises {}\n{}", text(&e), json!(way))),
        };
        if self.is_whole(&way[0]) && lacking["created"] != json!([]) {
            return fail(format!("{id} had all tables and lacks {lacking}\n{}", json!(way)));
        }
        let (shape_after, after) = (shape(client, &schema).await, contents(client, &schema).await);
        let fresh = "SELECT edgebase.create_instance('pair', 'fresh')";
        client.batch_execute(fresh).await.map_err(|e| TestCaseError::fail(text(&e)))?;
        let fresh = shape(client, "pair:fresh").await;
        if fresh != shape_after && !only_nulls(client, &schema, &fresh, &shape_after, tables).await
        {
            let lacks: Vec<_> = fresh.difference(&shape_after).collect();
            let beyond: Vec<_> = shape_after.difference(&fresh).collect();
            return fail(format!("{id} lacks {lacks:#?}\nhas {beyond:#?}\n{}", json!(way)));
        }
        let mut compared = kept(way, before, &after)?;
        for (table, from, to) in renamed.iter().filter(|_| way.len() == 2) {
            for (row_id, row) in before.get(table).into_iter().flatten() {
                compared += 1;
                let (old, new) = (&row[from], &after[table][row_id][to]);
                if !same(old, new, kind(tables, table, to)) {
                    return fail(format!(
                        "{table}.{from} of {row_id} was {old}, renamed {to} is {new}\n{}",
                        json!(way)
                    ));
                }
            }
        }
        Ok(("migrated".to_owned(), compared))
    }

    fn is_whole(&self, first: &Tables) -> bool {
        first.keys().all(|table| self.contents.contains_key(table))
    }
}

/// One way through two or three configs; how each instance ended and how many values were compared.
async fn walk(
    client: &Client,
    configs: &[Tables],
    rows: &Rows,
    rename: bool,
    some: &[bool],
) -> Outcome<Vec<(String, usize)>> {
    let mut way = vec![configs[0].clone()];
    if applied(client, &way[0]).await.is_err() {
        return Err(TestCaseError::reject("no config"));
    }
    let some = TABLES.iter().zip(some).filter(|(name, some)| **some && way[0].contains_key(**name));
    let some = some.map(|(name, _)| (*name).to_owned()).collect();
    let starts = [
        Start::make(client, "whole", None, &way[0], rows).await?,
        Start::make(client, "sparse", Some(some), &way[0], rows).await?,
    ];
    let mut renamed = Vec::new();
    for config in &configs[1..] {
        // Each version is recorded at a moment of its own.
        let earlier =
            "UPDATE edgebase.block_version SET recorded_at = recorded_at - interval '1 minute'";
        client.batch_execute(earlier).await.map_err(|e| TestCaseError::fail(text(&e)))?;
        let mut tables = config.clone();
        renamed = cover(client, &way[way.len() - 1], &mut tables, rename).await?;
        if let Err(e) = applied(client, &tables).await {
            return fail(format!("the guide's config is refused: {}\n{}", text(&e), json!(tables)));
        }
        let again =
            apply(client, &tables, true).await.map_err(|e| TestCaseError::fail(text(&e)))?;
        if again.len() != 1 {
            return fail("the same config again changes something".to_owned());
        }
        way.push(tables);
    }
    let mut ends = Vec::new();
    for start in starts {
        let (end, compared) = start.follow(client, &way, &renamed).await?;
        let whole = start.is_whole(&way[0]);
        ends.push((format!("{} {end}", if whole { "whole" } else { "sparse" }), compared));
    }
    Ok(ends)
}

#[test]
fn any_config_after_any_other_leaves_a_new_instances_shape_with_the_old_rows_or_nothing_changed() {
    let pairs = std::env::var("EDGEBASE_PAIRS").ok().and_then(|n| n.parse().ok()).unwrap_or(160);
    let product = Product::shared("lifecycle.ts");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = runtime.block_on(connect(&product.admin_url));
    let config = Config {
        cases: pairs,
        failure_persistence: None,
        max_global_rejects: 10 * pairs + 1024,
        max_shrink_iters: 400,
        ..Config::default()
    };
    let ends: RefCell<BTreeMap<String, usize>> = RefCell::default();
    let compared = RefCell::new(0);
    let some = prop::collection::vec(any::<bool>(), TABLES.len());
    let ways = (prop::collection::vec(tables(), 2..4), rows(), any::<bool>(), some);
    let outcome = TestRunner::new(config).run(&ways, |(configs, rows, rename, some)| {
        runtime.block_on(async {
            client.batch_execute("BEGIN; SET LOCAL timezone = 'UTC'").await.unwrap();
            let walked = walk(&client, &configs, &rows, rename, &some).await;
            client.batch_execute("ROLLBACK").await.unwrap();
            for (end, values) in walked? {
                *ends.borrow_mut().entry(end).or_default() += 1;
                *compared.borrow_mut() += values;
            }
            Ok(())
        })
    });
    let (ends, compared) = (ends.borrow(), *compared.borrow());
    println!("{ends:?}, {compared} values compared");
    outcome.unwrap_or_else(|e| panic!("{e}"));
    // A test that migrates nothing shows nothing.
    let count = |end: &str| ends.get(end).copied().unwrap_or(0);
    let (whole, sparse) = (count("whole migrated"), count("sparse migrated"));
    let enough = whole * 3 > pairs as usize && sparse * 4 > pairs as usize;
    assert!(enough && compared > pairs as usize, "{ends:?}, {compared}");
}
