//! Do the engine, the native form and SQL agree about which rows a rule allows?
//!
//! Generated rules are compiled to SQL for generated callers, and the rows that the database
//! selects are compared with those that the native form allows, and a part of them with those
//! that the engine allows. A rule that has no SQL form is no difference; enough must have one.
//!
//! `EDGEBASE_DIFFERENTIAL_CASES` sets the number of (rule, caller, row) triples,
//! `EDGEBASE_DIFFERENTIAL_SEED` the seed; a failure prints everything that it takes to repeat it.

mod generate;
#[path = "../../rules/src/differential/generate.rs"]
mod rules_grammar;

use edgebase_blocks::{Rule, StoredBlock, Table, ddl};
use edgebase_proxy::db::statement::Sql;
use edgebase_proxy::query::read;
use edgebase_proxy::query::row_filter::{Compiled, RowFilter};
use edgebase_proxy::query::row_json;
use edgebase_rules::{Arg, Cause, Decision, Engine, FunctionId, Limits};
use edgebase_tests::sql::connect;
use edgebase_tests::{Product, unique};
use generate::Rows;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Client;

const RULES_PER_CONFIG: usize = 120;
const CALLERS_PER_RULE: usize = 2;
const ROWS_PER_TABLE: usize = 40;
/// Of so many native evaluations one is repeated in the engine.
const ENGINE_SHARE: u64 = 5;
/// No evaluation may fail for want of time.
const AMPLE: Duration = Duration::from_secs(60);

#[derive(Default, Debug)]
struct Tally {
    /// Triples compared with the database.
    cases: u64,
    /// Those in which the rule allowed.
    allowed: u64,
    /// Those repeated in the engine.
    engine: u64,
    /// Rules, once for each caller and table.
    compiled: u64,
    /// Those left to the proxy, by reason.
    opaque: BTreeMap<String, u64>,
    statements: u64,
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_native_form_and_sql_agree_on_generated_rules_and_rows() {
    let cases = setting("EDGEBASE_DIFFERENTIAL_CASES", 150_000);
    let seed = setting("EDGEBASE_DIFFERENTIAL_SEED", 0x5eed);
    let product = Product::shared("rules.ts");
    let database = connect(&product.admin_url).await;
    let blocks = StoredBlock::all_from_json(&generate::tables()).unwrap();
    let mut tally = Tally::default();
    let mut round = 0;
    while tally.cases < cases {
        // Every other round takes the rules of the native form's own test.
        let own = round % 2 == 0;
        one_config(&database, &blocks[0].tables, seed.wrapping_add(round), own, &mut tally).await;
        round += 1;
    }
    println!("{tally:#?}");
    let opaque: u64 = tally.opaque.values().sum();
    assert!(tally.compiled > opaque / 2, "enough generated rules must have an SQL form");
    assert!(tally.statements * 2 > tally.compiled / 3, "enough of them must look at the row");
    assert!(tally.allowed * 10 > tally.cases, "enough rows must be allowed");
}

/// A row as rules see it, by its id.
type Seen = Vec<(String, Arc<Value>)>;

async fn one_config(database: &Client, tables: &[Table], seed: u64, own: bool, tally: &mut Tally) {
    let mut rows = Rows::new(seed);
    let schema = unique("residual");
    database.batch_execute(&format!("CREATE SCHEMA \"{schema}\"")).await.unwrap();
    let mut seen = Vec::new();
    for table in tables {
        database.batch_execute(&ddl::create_table(&schema, table)).await.unwrap();
        let inserts: Vec<String> =
            (0..ROWS_PER_TABLE).map(|id| rows.insert(&schema, &table.name, id)).collect();
        database.batch_execute(&inserts.join(";\n")).await.unwrap();
        seen.push(shown(database, &schema, table).await);
    }
    let (text, rules) = if own {
        rows.config(RULES_PER_CONFIG)
    } else {
        let text = rules_grammar::Generator::new(seed).config(RULES_PER_CONFIG);
        let rules = text.lines().filter(|l| l.starts_with('r')).map(str::to_owned).collect();
        (text, rules)
    };
    let folder = std::env::temp_dir().join(&schema);
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("edgebase.config.ts");
    std::fs::write(&file, &text).unwrap();
    let loaded = edgebase_rules::load(&file, &HashMap::new())
        .unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}"));
    let limits = Limits { slice: AMPLE, ..Limits::default() };
    let native = Engine::start(&loaded, limits.clone()).unwrap();
    let engine = Engine::start(&loaded, Limits { native: false, workers: 1, ..limits }).unwrap();
    let mut evaluations = 0;
    for (number, rule) in rules.iter().enumerate() {
        let f = FunctionId(number as u32);
        for _ in 0..CALLERS_PER_RULE {
            let caller = rows.auth();
            let auth = match &caller {
                Value::Null => None,
                caller => Some(Arc::new(caller.clone())),
            };
            let argument = auth.clone().map_or(Arg::Null, Arg::Json);
            for (table, seen) in tables.iter().zip(&seen) {
                let place = || {
                    format!(
                        "seed {seed}, rule {number}, table {}\n{rule}\nauth {caller}",
                        table.name
                    )
                };
                let compiled =
                    RowFilter::compile(&Rule::Function(f), &loaded, auth.as_ref(), table);
                let (selected, sql) = match compiled {
                    Compiled::Opaque(reason) => {
                        *tally.opaque.entry(reason).or_default() += 1;
                        continue;
                    }
                    Compiled::All => (None, "TRUE".to_owned()),
                    Compiled::None => (Some(BTreeSet::new()), "FALSE".to_owned()),
                    Compiled::When(filter) => {
                        tally.statements += 1;
                        let mut sql = Sql::new("SELECT t.\"id\" FROM ");
                        sql.table(&schema, &table.name).push(" t WHERE TRUE");
                        filter.write(&mut sql);
                        let ids = database.query_typed(sql.text(), &sql.params()).await;
                        let ids = ids.unwrap_or_else(|e| panic!("{}\n{sql:?}\n{e:?}", place()));
                        (Some(ids.iter().map(|row| row.get(0)).collect()), format!("{sql:?}"))
                    }
                };
                tally.compiled += 1;
                for (id, row) in seen {
                    tally.cases += 1;
                    evaluations += 1;
                    let selected =
                        selected.as_ref().is_none_or(|ids: &BTreeSet<String>| ids.contains(id));
                    let args = vec![argument.clone(), Arg::Json(Arc::clone(row))];
                    let allowed = decided(native.allows(f, args.clone(), AMPLE).await);
                    tally.allowed += u64::from(allowed);
                    assert_eq!(
                        selected,
                        allowed,
                        "SQL and native form: {}\nrow {row}\n{sql}",
                        place()
                    );
                    if evaluations % ENGINE_SHARE == 0 {
                        tally.engine += 1;
                        let allowed = decided(engine.allows(f, args, AMPLE).await);
                        assert_eq!(
                            selected,
                            allowed,
                            "SQL and engine: {}\nrow {row}\n{sql}",
                            place()
                        );
                    }
                }
            }
        }
    }
    database.batch_execute(&format!("DROP SCHEMA \"{schema}\" CASCADE")).await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Whether an evaluation that came to an end allowed.
fn decided(decision: Decision) -> bool {
    match decision {
        Decision::Allow => true,
        Decision::Deny(Cause::Falsy | Cause::Threw(_)) => false,
        Decision::Deny(cause) => panic!("the rule was not evaluated: {cause}"),
    }
}

/// The rows of a table as rules see them.
async fn shown(database: &Client, schema: &str, table: &Table) -> Seen {
    let sql = read::all(schema, table);
    let rows = database.query_typed(sql.text(), &sql.params()).await.unwrap();
    let decoded = rows.iter().map(|row| {
        let text = row_json::shown(table, row.get(0)).unwrap();
        (row.get(1), Arc::new(serde_json::from_str(&text).unwrap()))
    });
    decoded.collect()
}
