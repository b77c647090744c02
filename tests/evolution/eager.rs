//! Does `edgebase migrate --all` bring every instance up, however it is run and whatever else goes on?
//!
//! `EDGEBASE_INSTANCES` says how many instances the run under load has; the default is for CI.

use super::room::{
    apply, beside, deeds, edgebase, json_of, make, notes, registry, reload, run, start,
};
use edgebase_tests::Product;
use edgebase_tests::sql::connect;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const NEXT: (&str, &str) = ("n: 'number'", "n: 'number', extra: 'string'");

async fn behind(product: &Product) -> i64 {
    let admin = connect(&product.admin_url).await;
    let sql = "SELECT count(*) FROM edgebase.instances WHERE NOT current";
    admin.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_run_migrates_all_but_those_whose_rows_object_and_lists_them() {
    let product = start();
    let admin = connect(&product.admin_url).await;
    make(&admin, "e", 40).await;
    for bad in ["e7", "e31"] {
        let sql =
            format!("INSERT INTO \"room:{bad}\".notes (id, title) VALUES ('x', 'room:{bad}')");
        admin.batch_execute(&sql).await.unwrap();
    }
    let config = beside(
        &product,
        "next.ts",
        &[NEXT, ("{ type: 'string' }", "{ type: 'string', unique: true }")],
    );
    apply(&product, &config).await;
    assert_eq!(behind(&product).await, 40);

    let other = run(edgebase(&product, &["migrate", "--all", "--block", "app", "--json"])).await;
    assert_eq!(
        json_of(&other),
        (
            true,
            json!({"migrated": 0, "left": 0, "failed": [], "seconds": json_of(&other).1["seconds"]})
        )
    );

    let output =
        run(edgebase(&product, &["migrate", "--all", "--jobs", "3", "--rate", "1000"])).await;
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    assert!(out.contains("38 instances migrated in "), "{out}");
    for bad in ["e31", "e7"] {
        let line = format!(
            "failed: room:{bad}: could not create unique index \"notes.title.key\" (SQLSTATE 23505)"
        );
        assert!(out.contains(&line), "{out}");
        assert_eq!(
            registry(&admin, &format!("room:{bad}"), "state").await.as_deref(),
            Some("failed")
        );
    }
    assert!(err.contains("2 instances could not be migrated"), "{err}");
    assert!(!out.contains('\u{1b}') && !err.contains('\u{1b}'), "no colours where nobody looks");

    // Again: nothing is tried that has failed, and it is still said.
    let again = json_of(&run(edgebase(&product, &["migrate", "--all", "--json"])).await);
    assert!(
        !again.0 && again.1["migrated"] == 0 && again.1["failed"].as_array().unwrap().len() == 2,
        "{again:?}"
    );
    admin.batch_execute("DELETE FROM \"room:e7\".notes WHERE id = 'x'; DELETE FROM \"room:e31\".notes WHERE id = 'x'").await.unwrap();
    let last =
        json_of(&run(edgebase(&product, &["migrate", "--all", "--json", "--retry-failed"])).await);
    assert!(last.0 && last.1["migrated"] == 2, "{last:?}");
    assert_eq!(behind(&product).await, 0);
}

#[tokio::test]
async fn verify_looks_at_the_tables_and_not_at_what_the_registry_says() {
    let product = start();
    let admin = connect(&product.admin_url).await;
    make(&admin, "v", 3).await;
    let config = beside(&product, "next.ts", &[NEXT]);
    apply(&product, &config).await;
    // As after a restore of schemas from a dump of before.
    let sql = "UPDATE edgebase.instance i SET version = b.version
               FROM edgebase.block b WHERE b.namespace = i.namespace";
    admin.batch_execute(sql).await.unwrap();
    let output = run(edgebase(&product, &["migrate", "--all"])).await;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(out.contains("0 instances migrated in "), "{out}");

    let output = run(edgebase(&product, &["migrate", "--all", "--verify"])).await;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{out}");
    assert!(out.contains("3 instances migrated in "), "{out}");
    assert!(out.contains("room:v1 is at version "), "{out}");
    let sql = "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
               WHERE attname = 'extra' AND relkind = 'r' AND relnamespace::regnamespace::text LIKE '%room:v%'";
    assert_eq!(admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 3);

    admin.batch_execute("ALTER TABLE \"room:v2\".notes DROP COLUMN title").await.unwrap();
    let output = run(edgebase(&product, &["migrate", "--all", "--verify"])).await;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.contains("room:v2 has the tables of no version of its block: "), "{out}");
    assert!(out.contains("lacks column notes.title"), "{out}");
}

#[tokio::test]
async fn two_runs_at_a_time_share_the_work() {
    let product = start();
    let admin = connect(&product.admin_url).await;
    make(&admin, "s", 60).await;
    apply(&product, &beside(&product, "next.ts", &[NEXT])).await;
    let one = run(edgebase(&product, &["migrate", "--all", "--json"]));
    let two = run(edgebase(&product, &["migrate", "--all", "--json", "--jobs", "1"]));
    let (one, two) = tokio::join!(one, two);
    let ((first, one), (second, two)) = (json_of(&one), json_of(&two));
    assert!(first && second, "{one} {two}");
    let count = |of: &serde_json::Value| of["migrated"].as_u64().unwrap();
    assert_eq!(count(&one) + count(&two), 60, "{one} {two}");
    for i in 0..60 {
        assert_eq!(deeds(&admin, &format!("s{i}"), "migrate").await, 1);
    }
}

#[tokio::test]
async fn an_instance_that_is_in_use_is_passed_and_the_others_are_not_held_up() {
    let product = start();
    let admin = connect(&product.admin_url).await;
    make(&admin, "u", 5).await;
    admin
        .batch_execute("ALTER ROLE CURRENT_USER SET edgebase.ddl_lock_timeout = '300ms'")
        .await
        .unwrap();
    let holder = connect(&product.proxy_url).await;
    holder.batch_execute("BEGIN; SELECT edgebase.enter('room', 'u0')").await.unwrap();
    apply(&product, &beside(&product, "next.ts", &[NEXT])).await;
    let (done, answer) = json_of(&run(edgebase(&product, &["migrate", "--all", "--json"])).await);
    assert!(!done && answer["migrated"] == 4 && answer["left"] == 1, "{answer}");
    holder.batch_execute("COMMIT").await.unwrap();
    let (done, answer) = json_of(&run(edgebase(&product, &["migrate", "--all", "--json"])).await);
    assert!(done && answer["migrated"] == 1, "{answer}");
}

#[tokio::test]
async fn every_instance_follows_while_requests_go_on_and_none_of_them_fails() {
    let count =
        std::env::var("EDGEBASE_INSTANCES").ok().and_then(|n| n.parse().ok()).unwrap_or(120);
    let product = Arc::new(start());
    let admin = connect(&product.admin_url).await;
    let begun = Instant::now();
    make(&admin, "l", count).await;
    println!("{count} instances made in {:?}", begun.elapsed());
    let stop = Arc::new(AtomicBool::new(false));
    let served = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let traffic = served.clone().into_iter().enumerate().map(|(writes, served)| {
        let (user, stop) = (product.user("u"), Arc::clone(&stop));
        tokio::spawn(async move {
            let (mut slowest, mut i) = (Duration::ZERO, 7919 * (writes + 1));
            while !stop.load(Ordering::Relaxed) {
                // A full cycle over the tenants in an order that is none of theirs: modulo a power
                // of two, by a multiplier of the form 4n + 1 and an odd increment.
                i = (i * 1_664_525 + 1_013_904_223) % count.next_power_of_two();
                let path = notes(&format!("l{}", i % count));
                let begun = Instant::now();
                let answer = match writes {
                    0 => user.get(&path).await,
                    _ => user.post(&path, &json!({"title": "new"})).await,
                };
                slowest = slowest.max(begun.elapsed());
                assert!(matches!(answer.status, 200 | 201), "{path}: {}", answer.text);
                served.fetch_add(1, Ordering::Relaxed);
            }
            slowest
        })
    });
    let traffic: Vec<_> = traffic.collect();
    reload(&product, &[
        ("n: 'number' }", "n: 'number', extra: { type: 'string', default: 'x' } }, indexes: [{ fields: ['n'] }]"),
        ("/* more tables */", "tags: { schema: { note: { type: 'string', references: 'notes' } }, access: open },"),
    ])
    .await;
    let before: Vec<usize> = served.iter().map(|s| s.load(Ordering::Relaxed)).collect();
    let begun = Instant::now();
    let output = run(edgebase(&product, &["migrate", "--all", "--json"])).await;
    let elapsed = begun.elapsed();
    let during: Vec<usize> =
        served.iter().zip(before).map(|(s, b)| s.load(Ordering::Relaxed) - b).collect();
    stop.store(true, Ordering::Relaxed);
    let (done, answer) = json_of(&output);
    assert!(done, "{answer}");
    for task in traffic {
        let slowest = task.await.expect("no request failed");
        println!("slowest request {slowest:?}");
    }
    println!("{answer} in {elapsed:?}; {} reads and {} writes meanwhile", during[0], during[1]);
    assert_eq!(behind(&product).await, 0);
    let sql = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname LIKE 'room:l%' AND relname IN ('tags', 'notes.n.idx')";
    assert_eq!(admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 2 * count as i64);
}
