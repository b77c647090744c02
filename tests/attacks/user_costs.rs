//! The attacker has signed in, may insert records as every user may, and makes them as costly for
//! rules as a record can be. Can it make rules fail for everybody else?

use edgebase_tests::{Answer, Client, Product, Settings, fixture};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Beyond this an answer counts as none, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(10);

fn path(table: &str) -> String {
    format!("/api/db/app/tables/{table}")
}

fn start() -> Product {
    let arguments = vec!["--metrics-listen".into(), "127.0.0.1:0".into()];
    Product::start_with(&fixture("costs.ts"), Settings { arguments, ..Settings::default() })
}

/// A value of the server's process as the system states it.
fn of_process(product: &Product, name: &str) -> u64 {
    let file = format!("/proc/{}/status", product.pid());
    let status = std::fs::read_to_string(file).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of it");
    let number = line.trim_start_matches(':').split_whitespace().next();
    number.and_then(|n| n.parse().ok()).expect("a number")
}

async fn sample(product: &Product, name: &str) -> f64 {
    let url = product.metrics_url.strip_suffix("/metrics").expect("metrics are served");
    let text = Client::anonymous(url).get("/metrics").await.text;
    let of_line = |line: &str| line.rsplit(' ').next().and_then(|n| n.parse::<f64>().ok());
    text.lines().filter(|line| line.starts_with(name)).filter_map(of_line).sum()
}

/// What a refusal for want of an evaluation must look like: it invites to try again.
#[track_caller]
fn assert_not_final(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.body["slug"], "rule-not-completed", "{}", answer.text);
    assert!(answer.headers.contains_key("retry-after"), "{:?}", answer.headers);
}

/// Another user's ordinary day: each of these has to succeed soon, some after a retry.
async fn goes_on(user: &Client, tables: &[&str]) {
    for table in tables {
        let begun = Instant::now();
        loop {
            let made = user.post(&path(table), &json!({"title": "mine"})).await;
            let id = made.body["id"].as_str().unwrap_or_default().to_owned();
            let record = format!("{}/{id}", path(table));
            let mut answers = vec![made];
            if answers[0].status == 201 {
                answers.push(user.get(&record).await);
                answers.push(user.patch(&record, &json!({"title": "mine still"})).await);
                answers.push(user.delete(&record).await);
            }
            let Some(failed) = answers.into_iter().find(|a| a.status >= 300) else { break };
            assert_not_final(&failed);
            assert!(begun.elapsed() < PATIENCE, "{table}: {}", failed.text);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

#[tokio::test]
async fn a_record_as_large_as_can_be_is_refused_to_its_owner_and_costs_others_nothing() {
    let product = start();
    let (attacker, other) = (product.user("attacker"), product.user("other"));
    goes_on(&other, &["first", "second"]).await;
    let (threads, memory) = (of_process(&product, "Threads"), of_process(&product, "VmRSS"));

    let blob: Vec<Value> = vec![json!({}); 120_000];
    for table in ["first", "second"] {
        attacker.post(&path(table), &json!({"id": "big", "blob": blob})).await.expect(201);
        let record = format!("{}/big", path(table));
        for _ in 0..3 {
            for answer in [
                attacker.get(&record).await,
                attacker.patch(&record, &json!({"title": "x"})).await,
                attacker.delete(&record).await,
            ] {
                assert_eq!(answer.status, 403, "{}", answer.text);
                let cause = &answer.headers["x-edgebase-denied-by"];
                assert!(cause.contains("larger"), "{cause}");
            }
        }
        // At the same time, from many connections.
        let storm = (0..12).map(|_| {
            let (attacker, record) = (attacker.clone(), record.clone());
            tokio::spawn(async move { attacker.get(&record).await.status })
        });
        let storm: Vec<_> = storm.collect();
        goes_on(&other, &["first", "second"]).await;
        for status in storm {
            let status = status.await.expect("the request ends");
            assert!(status == 403 || status == 503, "{status}");
        }
    }
    goes_on(&other, &["first", "second"]).await;
    assert_eq!(sample(&product, "edgebase_rule_threads_lost_total").await, 0.0);

    // What it took comes back.
    let begun = Instant::now();
    loop {
        let now = (of_process(&product, "Threads"), of_process(&product, "VmRSS"));
        if now.0 <= threads + 4 && now.1 <= memory + 400 * 1024 {
            break;
        }
        let before = (threads, memory);
        assert!(begun.elapsed() < 2 * PATIENCE, "threads, kB: {before:?} before, {now:?} after");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_record_that_stalls_a_rule_suspends_its_owner_and_nobody_else() {
    let product = start();
    let (attacker, other) = (product.user("attacker"), product.user("other"));
    let trap = "a".repeat(60) + "!";
    let fine = json!({"id": "fine", "title": "fine"});
    attacker.post(&path("slow"), &fine).await.expect(201);
    for n in 0..8 {
        let record = json!({"id": format!("trap-{n}"), "title": format!("{trap}{n}")});
        attacker.post(&path("slow"), &record).await.expect(201);
    }
    for _ in 0..2 {
        for n in 0..8 {
            let answer = attacker.get(&format!("{}/trap-{n}", path("slow"))).await;
            assert!(answer.status == 403 || answer.status == 503, "{}", answer.text);
        }
    }
    // A trap that has stalled is refused unevaluated; about anything else the attacker is told to
    // come again later, once what it cost has been noticed.
    let fine = format!("{}/fine", path("slow"));
    let begun = Instant::now();
    while attacker.get(&fine).await.status == 200 {
        assert!(begun.elapsed() < PATIENCE, "the attacker is not suspended");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_not_final(&attacker.get(&fine).await);
    let lost = sample(&product, "edgebase_rule_threads_lost_total").await;
    assert!((1.0..=4.0).contains(&lost), "one user cost {lost} threads");
    goes_on(&other, &["first", "slow"]).await;
    // That was counted, by cause.
    let not_completed = sample(&product, "edgebase_rule_not_completed_total").await;
    assert!(not_completed > 0.0);
}

#[tokio::test]
async fn a_crowd_is_told_to_try_again_and_never_that_it_may_not() {
    let product = start();
    let service = product.service();
    let rows: Vec<Value> = (0..500).map(|n| json!({"title": n.to_string()})).collect();
    for _ in 0..2 {
        let body = json!({"inserts": rows});
        service.post(&format!("{}/batch", path("many")), &body).await.expect(200);
    }
    let readers: Vec<_> = (0..16)
        .map(|n| {
            let reader = product.user(&format!("reader-{n}"));
            tokio::spawn(async move {
                let list = format!("{}?limit=1000", path("many"));
                let mut answers = Vec::new();
                for _ in 0..12 {
                    answers.push(reader.get(&list).await);
                }
                answers
            })
        })
        .collect();
    for reader in readers {
        for answer in reader.await.expect("the requests end") {
            if answer.status != 200 {
                assert_not_final(&answer);
            }
        }
    }
}
