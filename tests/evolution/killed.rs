//! What is left when an eager run is killed, or the database under it?
//!
//! Ten times (or `EDGEBASE_KILLS`), at a moment drawn by chance, with SIGKILL: the command and the
//! server in turn. Every instance is then wholly of one version, and the next run completes.

use super::room::{apply, beside, edgebase, json_of, make, run, start};
use edgebase_tests::Product;
use edgebase_tests::sql::{connect, texts, try_connect};
use std::process::{Command, Stdio};
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

/// Instances that have some of the round's column, index and table and not all, or other than the
/// registry says.
async fn torn(admin: &Client, round: usize) -> Vec<String> {
    let sql = format!(
        "WITH parts AS (
            SELECT i.key, i.current, (
                SELECT count(*) FROM pg_class c LEFT JOIN pg_attribute a ON attrelid = c.oid AND attname = 'c{round}'
                WHERE c.relnamespace = to_regnamespace(quote_ident(i.schema))
                  AND (attname IS NOT NULL AND relkind = 'r' OR relname IN ('notes.c{round}.idx', 't{round}'))) AS there
            FROM edgebase.instances i WHERE namespace = 'room')
         SELECT key || ' current ' || current || ' with ' || there FROM parts
         WHERE there <> CASE WHEN current THEN 3 ELSE 0 END"
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

#[tokio::test]
async fn a_run_that_is_killed_at_any_moment_tears_nothing_and_the_next_one_completes() {
    let kills = std::env::var("EDGEBASE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(10);
    let product = start();
    let admin = connect(&product.admin_url).await;
    make(&admin, "k", INSTANCES).await;
    // How long a run takes, to kill within it.
    let mut length = Duration::from_millis(1500);
    let (mut partial, nanos) =
        (0, SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos());
    for round in 0..kills {
        apply(&product, &config(&product, round)).await;
        let mut child = edgebase(&product, &["migrate", "--all", "--jobs", "2"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Any spread of moments will do; a fraction of the golden ratio never comes back soon.
        let at = (f64::from(nanos) / 1e9 + round as f64 * 0.618_034).fract();
        tokio::time::sleep(length.mul_f64(at)).await;
        match round % 2 {
            0 => kill(child.id()),
            _ => kill(product.postmaster()),
        }
        let _ = tokio::task::spawn_blocking(move || child.wait()).await.unwrap();
        let admin = connected(&product.admin_url).await;
        assert_eq!(torn(&admin, round).await, [""; 0], "round {round}");
        let left: i64 = admin
            .query_one("SELECT count(*) FROM edgebase.instances WHERE NOT current", &[])
            .await
            .unwrap()
            .get(0);
        partial += usize::from(left > 0 && left < INSTANCES as i64);
        let begun = Instant::now();
        let (done, answer) =
            json_of(&run(edgebase(&product, &["migrate", "--all", "--json"])).await);
        assert!(done && answer["failed"].as_array().unwrap().is_empty(), "round {round}: {answer}");
        if left > INSTANCES as i64 / 2 {
            length = begun.elapsed().mul_f64(INSTANCES as f64 / left as f64);
        }
        let state = "SELECT count(*) FROM edgebase.instances WHERE NOT current";
        assert_eq!(admin.query_one(state, &[]).await.unwrap().get::<_, i64>(0), 0);
        assert_eq!(torn(&admin, round).await, [""; 0], "round {round}, afterwards");
    }
    println!("{partial} of {kills} runs were killed half-way");
    assert!(partial > 0 || kills < 10, "no run was ever killed half-way");
}
