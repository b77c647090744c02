//! What is left when an eager run is killed, or the database under it, or a server beside it?
//!
//! Ten times (or `EDGEBASE_KILLS`), at a moment drawn by chance, with SIGKILL: the command and the
//! database in turn, and a serving `edgebase` that is written to. Every instance is then wholly of
//! one version, the next run completes, and what was acknowledged is there.

use super::room::{apply, beside, edgebase, json_of, make, notes, run, start};
use super::served::serve;
use edgebase_tests::sql::{connect, texts, try_connect};
use edgebase_tests::{Client as Http, Product};
use serde_json::json;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio_postgres::Client;

const INSTANCES: usize = 150;

async fn connected(url: &str) -> Client {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Ok(client) = try_connect(url).await
            && client.simple_query("SELECT 1").await.is_ok()
        {
            return client;
        }
        assert!(Instant::now() < deadline, "the database does not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
}

fn kills() -> usize {
    std::env::var("EDGEBASE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(10)
}

/// Moments between 0 and 1, another one for each round. Any spread of them will do; a fraction of
/// the golden ratio never comes back soon.
fn moments() -> impl Iterator<Item = f64> {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    (0..kills()).map(move |round| (f64::from(nanos) / 1e9 + round as f64 * 0.618_034).fract())
}

async fn behind(admin: &Client) -> i64 {
    let sql = "SELECT count(*) FROM edgebase.instances WHERE NOT current";
    admin.query_one(sql, &[]).await.unwrap().get(0)
}

/// Instances that have some of the round's column, index and table and not all, or other than the
/// registry says. Those that a first write has made have their one table.
async fn torn(admin: &Client, round: usize) -> Vec<String> {
    let sql = format!(
        "WITH parts AS (
            SELECT i.key, i.current, (
                SELECT count(*) FROM pg_class c LEFT JOIN pg_attribute a ON attrelid = c.oid AND attname = 'c{round}'
                WHERE c.relnamespace = to_regnamespace(quote_ident(i.schema))
                  AND (attname IS NOT NULL AND relkind = 'r' OR relname IN ('notes.c{round}.idx', 't{round}'))) AS there
            FROM edgebase.instances i WHERE namespace = 'room')
         SELECT key || ' current ' || current || ' with ' || there FROM parts
         WHERE there <> CASE WHEN NOT current THEN 0 WHEN key LIKE 'room:w%' THEN 2 ELSE 3 END"
    );
    texts(admin, &sql).await.unwrap()
}

fn config(product: &Product, round: usize) -> std::path::PathBuf {
    let fields: String = (0..=round).map(|i| format!(", c{i}: 'string'")).collect();
    let indexes: Vec<String> = (0..=round).map(|i| format!("{{ fields: ['c{i}'] }}")).collect();
    let tables: String =
        (0..=round).map(|i| format!("t{i}: {{ schema: {{ a: 'string' }} }}, ")).collect();
    let notes = format!("n: 'number'{fields} }}, indexes: [{}]", indexes.join(", "));
    beside(product, "round.ts", &[("n: 'number' }", &notes), ("/* more tables */", &tables)])
}

/// An eager run, begun.
fn migrate(product: &Product) -> Child {
    edgebase(product, &["migrate", "--all", "--jobs", "2"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn a_run_that_is_killed_at_any_moment_tears_nothing_and_the_next_one_completes() {
    let product = start();
    let admin = connect(&product.admin_url).await;
    make(&admin, "k", INSTANCES).await;
    // How long a run takes, to kill within it.
    let mut length = Duration::from_millis(1500);
    let mut partial = 0;
    for (round, at) in moments().enumerate() {
        apply(&product, &config(&product, round)).await;
        let mut child = migrate(&product);
        tokio::time::sleep(length.mul_f64(at)).await;
        match round % 2 {
            0 => kill(child.id()),
            _ => kill(product.postmaster()),
        }
        let _ = tokio::task::spawn_blocking(move || child.wait()).await.unwrap();
        let admin = connected(&product.admin_url).await;
        assert_eq!(torn(&admin, round).await, [""; 0], "round {round}");
        let left = behind(&admin).await;
        partial += usize::from(left > 0 && left < INSTANCES as i64);
        let begun = Instant::now();
        let (done, answer) =
            json_of(&run(edgebase(&product, &["migrate", "--all", "--json"])).await);
        assert!(done && answer["failed"].as_array().unwrap().is_empty(), "round {round}: {answer}");
        if left > INSTANCES as i64 / 2 {
            length = begun.elapsed().mul_f64(INSTANCES as f64 / left as f64);
        }
        assert_eq!(behind(&admin).await, 0);
        assert_eq!(torn(&admin, round).await, [""; 0], "round {round}, afterwards");
    }
    println!("{partial} of {} runs were killed half-way", kills());
    assert!(partial > 0 || kills() < 10, "no run was ever killed half-way");
}

/// Writes through a server until it is gone; the paths of the notes that were acknowledged.
async fn write(client: Http, round: usize, writer: usize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for n in 0.. {
        // In turn an instance that may be behind, and one that the write makes.
        let id = match n % 2 {
            0 => format!("k{}", (writer * 37 + n * 11) % INSTANCES),
            _ => format!("w{round}-{writer}-{n}"),
        };
        let (path, note) = (notes(&id), format!("r{round}w{writer}n{n}"));
        let body = json!({"id": note, "title": "kept"}).to_string().into_bytes();
        let Ok(answer) = client.try_send("POST", &path, Some(("application/json", body))).await
        else {
            break;
        };
        assert!(matches!(answer.status, 201 | 503), "{path}: {}", answer.text);
        if answer.status == 201 {
            acknowledged.push(format!("{path}/{note}"));
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_beside_a_run_loses_no_acknowledged_write_and_tears_nothing() {
    let product = start();
    let admin = connect(&product.admin_url).await;
    make(&admin, "k", INSTANCES).await;
    let mut midway = 0;
    for (round, at) in moments().enumerate() {
        let config = config(&product, round);
        apply(&product, &config).await;
        let server = serve(&product, &config, &[]).unwrap();
        let writers: Vec<_> = (0..4)
            .map(|writer| tokio::spawn(write(server.user(&product), round, writer)))
            .collect();
        let mut child = migrate(&product);
        tokio::time::sleep(Duration::from_millis(200) + Duration::from_millis(1500).mul_f64(at))
            .await;
        midway += usize::from(behind(&admin).await > 0);
        // With SIGKILL.
        drop(server);
        let mut acknowledged = Vec::new();
        for writer in writers {
            acknowledged.extend(writer.await.unwrap());
        }
        assert!(!acknowledged.is_empty(), "round {round}");
        assert_eq!(torn(&admin, round).await, [""; 0], "round {round}");
        let status = tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "round {round}: the run goes on without it");
        assert_eq!(behind(&admin).await, 0, "round {round}");
        assert_eq!(torn(&admin, round).await, [""; 0], "round {round}, afterwards");
        let user = serve(&product, &config, &[]).map(|again| (again.user(&product), again));
        let (user, _again) = user.unwrap();
        for note in &acknowledged {
            let answer = user.get(note).await;
            assert_eq!((answer.status, &answer.body["title"]), (200, &json!("kept")), "{note}");
        }
    }
    println!("{midway} of {} servers were killed during a run", kills());
    assert!(midway > 0 || kills() < 10, "no server was ever killed during a run");
}
