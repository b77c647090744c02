//! Every way for a rule to end, and the status that a client sees for it.

use crate::{FIXTURE, app, product};
use edgebase_tests::{Answer, Client, fixture};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The tables whose rules end in every way, by the names that the fixture gives them.
fn tables() -> Vec<String> {
    let text = std::fs::read_to_string(fixture(FIXTURE)).unwrap();
    text.lines()
        .filter_map(|line| line.trim().split_once(':').map(|(name, _)| name.to_owned()))
        .filter(|name| name.starts_with("allow_") || name.starts_with("deny_"))
        .collect()
}

fn allows(table: &str) -> bool {
    table.starts_with("allow_")
}

/// Whether a table's rule ends without a verdict however often it is asked.
fn waits(table: &str) -> bool {
    matches!(table, "deny_never" | "deny_regex")
}

/// Whether it uses up what it may, for which a crowded machine may not give it the time.
fn exceeds(table: &str) -> bool {
    matches!(table, "deny_loop" | "deny_microtasks" | "deny_memory")
}

/// The answer to a request. A machine that is busy may need several tries before it completes a
/// rule; each failed one has to name the rule and to say that it may be repeated.
async fn settled(
    client: &Client,
    method: &str,
    path: &str,
    body: Option<&Value>,
    once: bool,
) -> Answer {
    let begun = Instant::now();
    loop {
        let bytes = body.map(|body| ("application/json", body.to_string().into_bytes()));
        let answer = client.send(method, path, bytes).await;
        if answer.status != 503 {
            return answer;
        }
        assert_eq!(answer.body["slug"], "rule-not-completed", "{}", answer.text);
        assert!(answer.headers.contains_key("retry-after"));
        let rule = answer.headers.get("x-edgebase-denied-by").map_or("", String::as_str);
        assert!(rule.starts_with("databases.app.tables."), "{method} {path}: {rule}");
        if once || begun.elapsed() > Duration::from_secs(1) {
            return answer;
        }
    }
}

#[tokio::test]
async fn every_way_an_evaluation_can_end_has_its_status() {
    let product = product();
    let (service, nobody) = (product.service(), product.anonymous());
    let staller = product.user("staller");
    let tables = tables();
    assert!(tables.len() > 20, "{tables:?}");
    for table in tables {
        let path = app(&table);
        let made = service.post(&path, &json!({"title": "x"})).await.expect(201);
        let record = format!("{path}/{}", made["id"].as_str().unwrap());
        let begun = Instant::now();
        let requests = [
            ("get", "GET", record.clone(), None),
            ("list", "GET", path.clone(), None),
            ("count", "GET", format!("{path}/count"), None),
            ("update", "PATCH", record.clone(), Some(json!({"n": 1}))),
            ("insert", "POST", path.clone(), Some(json!({"title": "y"}))),
            ("batch", "POST", format!("{path}/batch"), Some(json!({"deletes": [made["id"]]}))),
            (
                "batch-by-filter",
                "POST",
                format!("{path}/batch-by-filter"),
                Some(
                    json!({"action": "update", "filter": [["title", "==", "y"]], "update": {"n": 2}}),
                ),
            ),
        ];
        for (request, method, at, body) in requests {
            // What a rule costs its caller must not reach the other tests.
            let caller = if table == "deny_regex" { &staller } else { &nobody };
            let answer = settled(caller, method, &at, body.as_ref(), waits(&table)).await;
            // A row that a rule about rows refuses does not exist.
            let by_filter = matches!(request, "list" | "count" | "batch-by-filter");
            if table == "deny_undefined" && by_filter {
                let none = ["items", "total", "processed"].map(|key| &answer.body[key]);
                let none = none.iter().all(|v| v.is_null() || **v == 0 || **v == json!([]));
                assert!(answer.status == 200 && none, "{table}, {request}: {}", answer.text);
                continue;
            }
            let wanted: &[u16] = match table.as_str() {
                _ if allows(&table) && request == "insert" => &[201],
                _ if allows(&table) => &[200],
                // It is not decided, however often it is asked.
                "deny_never" => &[503],
                // It is refused as long as its caller is evaluated at all.
                "deny_regex" => &[403, 503],
                table if exceeds(table) => &[403, 503],
                _ => &[403],
            };
            assert!(wanted.contains(&answer.status), "{table}, {request}: {}", answer.text);
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{table} took {:?}", begun.elapsed());
        // A denied request has changed nothing.
        let stored = service.get(&record).await;
        if !allows(&table) {
            assert_eq!(stored.expect(200), made, "{table}");
        }
        // Others are answered meanwhile and afterwards.
        nobody.get(&app("many")).await.expect(200);
    }
    // A rule that keeps costing threads is not evaluated any more for its caller, and says so.
    let answer = staller.get(&app("deny_regex")).await;
    let header = answer.headers.get("x-edgebase-denied-by").cloned().unwrap_or_default();
    assert!(header.contains("suspended"), "{header}");
    assert_eq!(answer.body["slug"], "rule-not-completed");
    answer.expect(503);
}
