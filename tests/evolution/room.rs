//! What do tests do with the block `room` of the config `evolve.ts`?

use edgebase_tests::{Client, Product, binary, encode, fixture};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tokio_postgres::Client as Sql;

/// A product of one's own.
pub fn start() -> Product {
    Product::start(&fixture("evolve.ts"))
}

/// The path of an instance's notes.
pub fn notes(id: &str) -> String {
    format!("/api/db/room/{}/tables/notes", encode(id))
}

/// The config with each place replaced.
pub fn edited(edits: &[(&str, &str)]) -> String {
    let text = std::fs::read_to_string(fixture("evolve.ts")).unwrap();
    edits.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from} is not in the config");
        text.replace(from, to)
    })
}

/// Gives the running product another config and waits until it is in force.
pub async fn reload(product: &Product, edits: &[(&str, &str)]) {
    let before = product.log().matches("config reloaded").count();
    std::fs::write(&product.config, edited(edits)).unwrap();
    let begun = Instant::now();
    while product.log().matches("config reloaded").count() == before {
        assert!(begun.elapsed() < Duration::from_secs(60), "not reloaded:\n{}", product.log());
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// Writes a config near the product's own, but out of the directory whose files it watches.
pub fn beside(product: &Product, name: &str, edits: &[(&str, &str)]) -> PathBuf {
    let folder = product.config.with_file_name("others");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, edited(edits)).unwrap();
    path
}

/// Makes the instance with one note of each title.
pub async fn fill(client: &Client, id: &str, titles: &[&str]) {
    for title in titles {
        client.post(&notes(id), &json!({"title": title})).await.expect(201);
    }
}

/// Makes many instances at once, each with one note, without a request for each.
pub async fn make(admin: &Sql, prefix: &str, count: usize) {
    // Ten to a transaction: more flush the caches of everybody else.
    for first in (0..count).step_by(10) {
        let last = (first + 10).min(count) - 1;
        let sql = format!(
            "SELECT edgebase.create_instance('room', '{prefix}' || i) FROM generate_series({first}, {last}) i"
        );
        admin.batch_execute(&sql).await.unwrap();
    }
    let rows = format!(
        "DO $$ DECLARE s text; BEGIN
            FOR s IN SELECT schema FROM edgebase.instances WHERE key LIKE 'room:{prefix}%' LOOP
                EXECUTE format('INSERT INTO %I.notes (id, title, n) VALUES (''first'', %L, 1)', s, s);
            END LOOP;
        END $$"
    );
    admin.batch_execute(&rows).await.unwrap();
}

/// One value of one row of what the registry says of an instance, as text.
pub async fn registry(admin: &Sql, key: &str, column: &str) -> Option<String> {
    let sql = format!("SELECT ({column})::text FROM edgebase.instances WHERE key = $1");
    admin.query_one(&sql, &[&key]).await.unwrap().get(0)
}

/// How many rows the audit has for an instance and a deed.
pub async fn deeds(admin: &Sql, id: &str, action: &str) -> i64 {
    let sql = "SELECT count(*) FROM edgebase.audit WHERE id = $1 AND action = $2";
    admin.query_one(sql, &[&id, &action]).await.unwrap().get(0)
}

/// The command `edgebase`, as an operator of the product's database.
pub fn edgebase(product: &Product, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).env("EDGEBASE_ADMIN_URL", &product.admin_url);
    command.env_remove("EDGEBASE_LOG");
    command
}

/// Runs it to its end without holding up the runtime.
pub async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().expect("the command runs")).await.unwrap()
}

/// Registers a config in the product's database.
pub async fn apply(product: &Product, config: &Path) {
    let output = run(edgebase(product, &["apply", "--config", config.to_str().unwrap()])).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The JSON that the command printed, and whether it succeeded.
pub fn json_of(output: &Output) -> (bool, Value) {
    let text = String::from_utf8_lossy(&output.stdout);
    let json = serde_json::from_str(&text)
        .unwrap_or_else(|e| panic!("{e}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.success(), json)
}
