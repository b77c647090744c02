//! Four sessions take turns at random; the outcome of each step is known before it is taken.
//!
//! Sessions never wait for each other: where one would, it gives up after some milliseconds with
//! 55P03, and that is the outcome that the model expects. Only a drop waits, and then closes the
//! connections of the transactions that are open in its instance.

use super::super::state::{code, one, orphans, why};
use super::model::{Dice, Instance, Model, Row, Transaction};
use super::{call, configure, parse, rows, seed, text};
use edgebase_tests::sql::{connect, literal};
use edgebase_tests::{Product, fixture};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio_postgres::{Client, Error};

const STEPS: usize = 5000;
const SESSIONS: usize = 4;
const IDS: usize = 5;
const MOST_COLUMNS: usize = 14;
/// Milliseconds that migrating waits for transactions, which never end meanwhile.
const MIGRATE_WAITS: usize = 15;
/// Those of a drop, which gets its way after half of them.
const DROP_WAITS: usize = 400;
/// Longest time; a slow machine takes fewer steps.
const LIMIT: Duration = Duration::from_secs(60);

struct Walk {
    admin: Client,
    /// Where sessions connect.
    url: String,
    sessions: Vec<Client>,
    model: Model,
    dice: Dice,
    rows_made: usize,
    taken: BTreeMap<&'static str, usize>,
}

/// A session, whose statements wait for no lock.
async fn session(url: &str) -> Client {
    let session = connect(url).await;
    session.batch_execute("SET lock_timeout = 15").await.unwrap();
    session
}

fn id(n: usize) -> String {
    ["plain", "o'dd \"id\"", "UPPER", "upper", "😀"][n].to_owned()
}

/// Checks an outcome against the SQLSTATE that it should have; true when it is a success.
fn outcome<T>(result: &Result<T, Error>, expected: &str) -> bool {
    let got = result
        .as_ref()
        .map_or_else(|e| (code(e).to_owned(), why(e)), |_| (String::new(), String::new()));
    assert_eq!(got.0, expected, "{}", got.1);
    expected.is_empty()
}

impl Walk {
    async fn step(&mut self) -> &'static str {
        let (session, target) = (self.dice.below(SESSIONS), self.dice.below(IDS));
        match self.dice.below(100) {
            0 => self.configure().await,
            1..=6 => self.create(target).await,
            7..=11 => self.migrate(target).await,
            12..=14 => self.drop(target).await,
            15..=18 => self.export(target).await,
            _ if self.model.sessions[session].is_none() => self.enter(session, target).await,
            19..=42 => self.read(session).await,
            43..=62 => self.insert(session).await,
            63..=76 => self.change(session, false).await,
            77..=82 => self.change(session, true).await,
            83..=94 => self.end(session, true).await,
            _ => self.end(session, false).await,
        }
    }

    async fn configure(&mut self) -> &'static str {
        if self.model.columns < MOST_COLUMNS {
            self.model.columns += 1;
            configure(&self.admin, self.model.columns).await.unwrap();
        }
        "configure"
    }

    async fn create(&mut self, target: usize) -> &'static str {
        let sql = format!("{} ->> 'created'", call("create_instance", &id(target)));
        let made = text(&self.admin, &sql).await.unwrap().unwrap();
        let is_new = !self.model.instances.contains_key(&target);
        assert_eq!(made, is_new.to_string());
        if is_new {
            let instance = Instance { columns: self.model.columns, rows: BTreeMap::new() };
            self.model.instances.insert(target, instance);
        }
        "create"
    }

    async fn migrate(&mut self, target: usize) -> &'static str {
        let sql = format!("{} ->> 'migrated'", call("migrate", &id(target)));
        let result = text(&self.admin, &sql).await;
        let in_use = !self.model.inside(target).is_empty();
        let behind = self.model.instances.get(&target).map(|i| i.columns < self.model.columns);
        match behind {
            None => _ = outcome(&result, "EB002"),
            Some(true) if in_use => _ = outcome(&result, "55P03"),
            Some(behind) => assert_eq!(result.unwrap().unwrap(), behind.to_string()),
        }
        if behind == Some(true) && !in_use {
            self.model.instances.get_mut(&target).unwrap().columns = self.model.columns;
        }
        "migrate"
    }

    async fn drop(&mut self, target: usize) -> &'static str {
        self.wait(DROP_WAITS).await;
        let sql = format!("{} ->> 'rows'", call("drop_instance", &id(target)));
        let result = text(&self.admin, &sql).await;
        self.wait(MIGRATE_WAITS).await;
        let Some(instance) = self.model.instances.remove(&target) else {
            outcome(&result, "EB002");
            return "drop";
        };
        assert!(outcome(&result, ""));
        assert_eq!(result.unwrap().unwrap(), instance.rows.len().to_string());
        let inside = self.model.inside(target);
        for n in &inside {
            let ended = self.sessions[*n].batch_execute("COMMIT").await;
            assert!(ended.is_err() && self.sessions[*n].is_closed(), "{ended:?}");
            self.sessions[*n] = session(&self.url).await;
            self.model.end(*n, false);
        }
        if inside.is_empty() { "drop" } else { "drop in use" }
    }

    /// Bounds how long the operator waits for transactions.
    async fn wait(&self, milliseconds: usize) {
        let sql = format!("SET edgebase.ddl_lock_timeout = {milliseconds}");
        self.admin.batch_execute(&sql).await.unwrap();
    }

    async fn export(&mut self, target: usize) -> &'static str {
        let sql = format!(
            "SELECT coalesce(jsonb_object_agg(record ->> 'id', jsonb_strip_nulls(record - 'id' - 'createdAt' - 'updatedAt')), '{{}}')
             FROM edgebase.export_instance('walk', {})",
            literal(&id(target))
        );
        let result = text(&self.admin, &sql).await;
        match self.model.instances.get(&target) {
            None => _ = outcome(&result, "EB002"),
            Some(instance) => {
                let all = serde_json::from_str(&result.unwrap().unwrap()).unwrap();
                assert_eq!(parse(&all), instance.rows);
            }
        }
        "export"
    }

    async fn enter(&mut self, session: usize, target: usize) -> &'static str {
        let sql = format!("BEGIN; {}", call("enter", &id(target)));
        let result = self.sessions[session].batch_execute(&sql).await;
        let expected = match self.model.instances.get(&target) {
            None => "EB002",
            Some(instance) if instance.columns < self.model.columns => "EB003",
            Some(_) => "",
        };
        if outcome(&result, expected) {
            let transaction = Transaction { id: target, writes: BTreeMap::new() };
            self.model.sessions[session] = Some(transaction);
        } else {
            self.sessions[session].batch_execute("ROLLBACK").await.unwrap();
        }
        "enter"
    }

    fn inside(&self, session: usize) -> usize {
        self.model.sessions[session].as_ref().unwrap().id
    }

    async fn read(&mut self, session: usize) -> &'static str {
        assert_eq!(rows(&self.sessions[session]).await.unwrap(), self.model.visible(session));
        "read"
    }

    /// Some fields with values, among those that the instance has.
    fn values(&mut self, target: usize) -> Row {
        let columns = self.model.instances[&target].columns;
        let mut row = Row::from([("v".to_owned(), i64::try_from(self.dice.below(1000)).unwrap())]);
        if columns > 0 {
            let column = format!("c{}", self.dice.below(columns));
            row.insert(column, i64::try_from(self.dice.below(1000)).unwrap());
        }
        row
    }

    fn write(&mut self, session: usize, row: String, values: Option<Row>) {
        self.model.sessions[session].as_mut().unwrap().writes.insert(row, values);
    }

    async fn insert(&mut self, session: usize) -> &'static str {
        let target = self.inside(session);
        let values = self.values(target);
        self.rows_made += 1;
        let row = format!("r{}", self.rows_made);
        let (names, numbers): (Vec<_>, Vec<_>) =
            values.iter().map(|(k, v)| (k.clone(), v.to_string())).unzip();
        let sql = format!(
            "INSERT INTO items (id, {}) VALUES ('{row}', {})",
            names.join(", "),
            numbers.join(", ")
        );
        self.sessions[session].batch_execute(&sql).await.unwrap();
        self.write(session, row, Some(values));
        "insert"
    }

    /// Updates or deletes a row that the transaction sees; another may hold it.
    async fn change(&mut self, session: usize, delete: bool) -> &'static str {
        let target = self.inside(session);
        let visible = self.model.visible(session);
        let name = if delete { "delete" } else { "update" };
        if visible.is_empty() {
            // Nothing to change, but the table is to be used as the model believes it is.
            self.sessions[session].batch_execute("SELECT FROM items").await.unwrap();
            return name;
        }
        let row = visible.keys().nth(self.dice.below(visible.len())).unwrap().clone();
        let values = self.values(target);
        let assignments: Vec<_> = values.iter().map(|(k, v)| format!("{k} = {v}")).collect();
        let sql = if delete {
            format!("DELETE FROM items WHERE id = '{row}'")
        } else {
            format!("UPDATE items SET {} WHERE id = '{row}'", assignments.join(", "))
        };
        let result = self.sessions[session].batch_execute(&sql).await;
        let expected = if self.model.locked(session, target).contains(&row) { "55P03" } else { "" };
        if outcome(&result, expected) {
            let mut changed = visible[&row].clone();
            changed.extend(values);
            self.write(session, row, (!delete).then_some(changed));
            return name;
        }
        self.end(session, false).await;
        "conflict"
    }

    async fn end(&mut self, session: usize, commit: bool) -> &'static str {
        let sql = if commit { "COMMIT" } else { "ROLLBACK" };
        self.sessions[session].batch_execute(sql).await.unwrap();
        self.model.end(session, commit);
        if commit { "commit" } else { "rollback" }
    }

    /// The registry is the model's, and nothing else is there.
    async fn audit(&self) {
        let sql = "SELECT coalesce(jsonb_agg(id ORDER BY id COLLATE \"C\"), '[]') FROM edgebase.instances WHERE namespace = 'walk'";
        let mut ids: Vec<String> = self.model.instances.keys().map(|n| id(*n)).collect();
        ids.sort();
        let there: Vec<String> = serde_json::from_str(&one(&self.admin, sql).await).unwrap();
        assert_eq!(there, ids);
        assert_eq!(orphans(&self.admin).await, [""; 0]);
    }
}

#[tokio::test]
async fn overlapping_transactions_of_four_sessions_do_exactly_what_the_model_says() {
    let product = Product::start(&fixture("lifecycle.ts"));
    let seed = seed();
    let admin = connect(&product.admin_url).await;
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS {
        sessions.push(session(&product.proxy_url).await);
    }
    let model = Model { columns: 1, sessions: vec![None; SESSIONS], ..Model::default() };
    configure(&admin, 1).await.unwrap();
    let mut walk = Walk {
        admin,
        url: product.proxy_url.clone(),
        sessions,
        model,
        dice: Dice(seed),
        rows_made: 0,
        taken: BTreeMap::new(),
    };
    walk.wait(MIGRATE_WAITS).await;
    let began = Instant::now();
    let mut steps = 0;
    eprintln!("EDGEBASE_WALK_SEED={seed}");
    while steps < STEPS && began.elapsed() < LIMIT {
        let taken = walk.step().await;
        *walk.taken.entry(taken).or_default() += 1;
        steps += 1;
        if steps % 250 == 0 {
            walk.audit().await;
        }
    }
    for session in 0..SESSIONS {
        walk.end(session, true).await;
    }
    for target in 0..IDS {
        walk.drop(target).await;
    }
    walk.audit().await;
    eprintln!("{steps} steps in {:?}: {:?}", began.elapsed(), walk.taken);
    assert!(steps >= 1000, "only {steps} steps in time");
    assert_eq!(walk.taken.len(), 14, "every kind of step was taken: {:?}", walk.taken);
}
