//! Every way for a rule to end, and the status that a client sees for it.

use crate::{FIXTURE, app, product};
use edgebase_tests::fixture;
use serde_json::json;
use std::time::{Duration, Instant};

/// The tables whose rules end in every way, by the names that the fixture gives them.
fn tables() -> Vec<String> {
    let text = std::fs::read_to_string(fixture(FIXTURE)).unwrap();
    text.lines()
        .filter_map(|line| line.trim().split_once(':').map(|(name, _)| name.to_owned()))
        .filter(|name| name.starts_with("allow_") || name.starts_with("deny_"))
        .collect()
}

#[tokio::test]
async fn every_way_an_evaluation_can_end_has_its_status() {
    let product = product();
    let (service, nobody) = (product.service(), product.anonymous());
    let tables = tables();
    assert!(tables.len() > 20, "{tables:?}");
    for table in tables {
        let path = app(&table);
        let made = service.post(&path, &json!({"title": "x"})).await.expect(201);
        let record = format!("{path}/{}", made["id"].as_str().unwrap());
        let (status, created) = if table.starts_with("allow_") { (200, 201) } else { (403, 403) };
        let begun = Instant::now();
        for (request, answer, wanted) in [
            ("get", nobody.get(&record).await, status),
            ("list", nobody.get(&path).await, status),
            ("count", nobody.get(&format!("{path}/count")).await, status),
            ("update", nobody.patch(&record, &json!({"n": 1})).await, status),
            ("insert", nobody.post(&path, &json!({"title": "y"})).await, created),
            ("batch", nobody.post(&format!("{path}/batch"), &json!({"deletes": [made["id"]]})).await, status),
            (
                "batch-by-filter",
                nobody.post(&format!("{path}/batch-by-filter"), &json!({"action": "update", "filter": [["title", "==", "y"]], "update": {"n": 2}})).await,
                status,
            ),
        ] {
            let by_filter = matches!(request, "list" | "count" | "batch-by-filter");
            match (table.as_str(), by_filter) {
                // A row that a rule about rows refuses does not exist.
                ("deny_undefined", true) => {
                    let none = ["items", "total", "processed"].map(|key| &answer.body[key]);
                    let none = none.iter().all(|v| v.is_null() || **v == 0 || **v == json!([]));
                    assert!(answer.status == 200 && none, "{table}, {request}: {}", answer.text);
                }
                // Where a rule gave no answer, there is none about rows either.
                (_, true) if wanted == 403 => {
                    let refused = matches!(answer.status, 403 | 503);
                    assert!(refused, "{table}, {request}: {}", answer.text);
                }
                _ => assert_eq!(answer.status, wanted, "{table}, {request}: {}", answer.text),
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{table} took {:?}", begun.elapsed());
        // A denied request has changed nothing.
        let stored = service.get(&record).await;
        if status == 403 {
            assert_eq!(stored.expect(200), made, "{table}");
        }
        // Others are answered meanwhile and afterwards.
        nobody.get(&app("many")).await.expect(200);
    }
    // A rule that keeps costing threads is not evaluated any more, and says so.
    let made = service.post(&app("deny_regex"), &json!({"title": "x"})).await.expect(201);
    let answer =
        nobody.get(&format!("{}/{}", app("deny_regex"), made["id"].as_str().unwrap())).await;
    let header = answer.headers.get("x-edgebase-denied-by").cloned().unwrap_or_default();
    assert!(header.contains("suspended") || header.contains("budget"), "{header}");
    answer.expect(403);
}
