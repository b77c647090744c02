//! Is an exported instance complete, and imported elsewhere the same, row for row?

use super::state::one;
use super::{notes, product};
use edgebase_tests::sql::{connect, ident, literal, refusal, texts};
use edgebase_tests::{Product, encode, fixture, unique};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Texts that get lost where somebody quotes, trims, normalises or re-encodes.
const AWKWARD: [&str; 12] = [
    "",
    " leading and trailing ",
    "it's \"quoted\" \\ back\\slash",
    "line\nbreak\r\n\ttab",
    "😀👩‍👩‍👧 ß İ é e\u{301}",
    "null",
    "\\N",
    "{\"not\": \"json\"}",
    "a,b;c",
    "$1 $$ ? %s",
    "\u{feff}\u{200b}\u{a0}",
    "\u{1}\u{7f}",
];

/// Fills an instance with every type, awkward texts, nulls and references in a circle.
async fn fill(product: &Product, id: &str) {
    let service = product.service();
    let at = |table: &str| format!("/api/db/room/{}/tables/{}", encode(id), encode(table));
    for (n, text) in AWKWARD.iter().enumerate() {
        let data = json!({"text": text, "list": [null, true, 1e300, -0.5, {"": []}], "big": 9007199254740991_i64});
        let row = json!({"id": format!("r{n}"), "title": text, "body": text.repeat(3), "n": n as f64 / 3.0,
            "flag": n % 2 == 0, "at": format!("2024-02-29T12:34:56.{:03}Z", n * 7), "data": data});
        service.post(&at("notes"), &row).await.expect(201);
        let odd = json!({"id": format!("o{n}"), "fi\"eld": text, "select": -1.5e-7, "😀": [text]});
        service.post(&at("we\"ird täble 😀"), &odd).await.expect(201);
        service
            .post(
                &at("loose"),
                &json!({"id": format!("l{n}"), "any": text, "n": n, "deep": {"x": [text]}}),
            )
            .await
            .expect(201);
    }
    service.post(&at("notes"), &json!({"id": "empty"})).await.expect(201);
    for value in [json!(null), json!("text"), json!(0), json!(false), json!([]), json!({})] {
        service.post(&at("notes"), &json!({"data": value})).await.expect(201);
    }
    service.post(&at("links"), &json!({"id": "a", "note": "r1"})).await.expect(201);
    service.post(&at("links"), &json!({"id": "b", "note": "r2", "up": "a"})).await.expect(201);
    service.patch(&format!("{}/a", at("links")), &json!({"up": "b"})).await.expect(200);
}

async fn exported(product: &Product, id: &str) -> Vec<Value> {
    let answer = product.service().get(&format!("/api/db/room/{}/export", encode(id))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    assert!(answer.text.ends_with('\n'));
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn an_exported_instance_imported_under_another_id_is_equal_row_for_row() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    let (from, to) = (unique("from \"x\" 😀"), unique("to"));
    fill(&product, &from).await;
    let import = format!(
        "SELECT edgebase.import_instance('room', {}, (SELECT jsonb_agg(to_jsonb(e)) FROM edgebase.export_instance('room', {}) AS e)) ->> 'rows'",
        literal(&to),
        literal(&from)
    );
    let rows = (AWKWARD.len() * 3 + 7 + 2).to_string();
    assert_eq!(one(&admin, &import).await, rows);
    for table in ["notes", "links", "we\"ird täble 😀", "loose"] {
        let [a, b] =
            [&from, &to].map(|id| format!("{}.{}", ident(&format!("room:{id}")), ident(table)));
        // Row by row, and by their text so that nothing is equal only by its type's tolerance.
        for both in [
            format!("(TABLE {a} EXCEPT TABLE {b}) UNION ALL (TABLE {b} EXCEPT TABLE {a})"),
            format!("SELECT x::text FROM {a} x EXCEPT SELECT y::text FROM {b} y"),
        ] {
            assert_eq!(texts(&admin, &both).await.unwrap(), [""; 0], "{table}");
        }
        let counts = format!("SELECT (SELECT count(*) FROM {a}) = (SELECT count(*) FROM {b})");
        assert_eq!(one(&admin, &counts).await, "t");
    }
    assert_eq!(exported(&product, &from).await, exported(&product, &to).await);
    // The references came back: what they forbid is still forbidden.
    let bad = json!({"note": "no such note"});
    let answer = product.service().post(&format!("/api/db/room/{to}/tables/links"), &bad).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(
        refusal(&admin, &import).await.as_deref(),
        Some("22023"),
        "only into an empty instance"
    );
}

#[tokio::test]
async fn the_export_over_http_has_what_lists_have() {
    let product = product();
    let id = unique("listed");
    fill(&product, &id).await;
    let lines = exported(&product, &id).await;
    assert!(lines.iter().all(|l| l.as_object().unwrap().keys().eq(["table", "record"])));
    for table in ["notes", "links", "we\"ird täble 😀", "loose"] {
        let path = format!("/api/db/room/{id}/tables/{}", encode(table));
        let list = product.service().query(&path, &[("sort", "id:asc"), ("limit", "100")]).await;
        let records: Vec<&Value> =
            lines.iter().filter(|l| l["table"] == table).map(|l| &l["record"]).collect();
        assert_eq!(records, list.items().iter().collect::<Vec<_>>(), "{table}");
    }
}

#[tokio::test]
async fn only_a_service_key_may_export() {
    let product = product();
    let id = unique("private");
    product.service().post(&notes(&id), &json!({"id": "x"})).await.expect(201);
    let path = format!("/api/db/room/{id}/export");
    for caller in [product.anonymous(), product.user("owner")] {
        assert_eq!(caller.get(&path).await.status, 403);
    }
    let with = |key: &str| product.anonymous().with("x-edgebase-service-key", key);
    assert_eq!(with("wrong").get(&path).await.status, 401);
    assert_eq!(
        with("jb_alpha_5b0c1d").get(&path).await.status,
        401,
        "bound to another tenant and scope"
    );
    assert_eq!(product.service().get("/api/db/room/never-made/export").await.status, 404);
    assert_eq!(product.service().get("/api/db/nope/x/export").await.status, 404);
    assert_eq!(product.service().get("/api/db/app/x/export").await.status, 400);
}

/// Begins an export; its body has not been read.
async fn open_export(product: &Product, id: &str) -> reqwest::Response {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client
        .get(format!("{}/api/db/room/{id}/export", product.url))
        .header("x-edgebase-service-key", &product.service_key)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    response
}

#[tokio::test]
async fn a_large_export_waits_for_its_reader_and_is_complete() {
    const ROWS: usize = 20_000;
    let product = product();
    let admin = connect(&product.admin_url).await;
    let id = unique("large");
    product
        .service()
        .post(&notes(&id), &json!({"id": "00000", "title": "first"}))
        .await
        .expect(201);
    let schema = ident(&format!("room:{id}"));
    let fill = format!(
        "INSERT INTO {schema}.notes (id, n, body) SELECT to_char(g, 'FM00000'), g, repeat(md5(g::text), 64)
         FROM generate_series(1, {ROWS} - 1) AS g"
    );
    admin.batch_execute(&fill).await.unwrap();
    let mut response = open_export(&product, &id).await;
    let mut bytes = response.chunk().await.unwrap().unwrap().to_vec();
    // Some 45 MB: the server cannot have read it all while nobody takes it.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let open = format!(
        "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
         WHERE c.relnamespace = {}::regnamespace AND c.relname = 'notes' AND l.pid <> pg_backend_pid()",
        literal(&schema)
    );
    assert_eq!(one(&admin, &open).await, "1", "the export waits in its transaction");
    // What is written meanwhile is not part of it.
    product.service().post(&notes(&id), &json!({"id": "99999"})).await.expect(201);
    let mut chunks = 1;
    while let Some(chunk) = response.chunk().await.unwrap() {
        bytes.extend_from_slice(&chunk);
        chunks += 1;
    }
    assert!(chunks > 50, "{chunks}");
    let text = String::from_utf8(bytes).unwrap();
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["table"], "notes");
        let id = line["record"]["id"].as_str().unwrap().to_owned();
        assert!(seen.last() < Some(&id), "in id order");
        seen.insert(id);
    }
    assert_eq!(seen.len(), ROWS);
    assert_eq!(seen.last().unwrap(), &format!("{:05}", ROWS - 1));
    assert_eq!(one(&admin, &open).await, "0", "and lets go of the instance");
}

/// A figure of `/proc/<pid>/status`, in kB.
fn memory(pid: u32, what: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix(what)).unwrap();
    line.trim_start_matches(':').trim_end_matches("kB").trim().parse().unwrap()
}

#[tokio::test]
async fn the_memory_of_an_export_does_not_grow_with_the_instance() {
    // Its own, because requests of other tests would be counted too.
    let product = Product::start(&fixture("lifecycle.ts"));
    let admin = connect(&product.admin_url).await;
    for (id, rows) in [("small", 500), ("large", 25_000)] {
        product.service().post(&notes(id), &json!({"id": "first"})).await.expect(201);
        let fill = format!(
            "INSERT INTO \"room:{id}\".notes (id, body)
             SELECT g::text, repeat(md5(g::text), 320) FROM generate_series(1, {rows}) AS g"
        );
        admin.batch_execute(&fill).await.unwrap();
    }
    let mut sizes = Vec::new();
    for id in ["small", "large"] {
        // "5" makes the present size the new peak.
        std::fs::write(format!("/proc/{}/clear_refs", product.pid()), "5").unwrap();
        let mut response = open_export(&product, id).await;
        let mut bytes = 0;
        while let Some(chunk) = response.chunk().await.unwrap() {
            bytes += chunk.len();
        }
        sizes.push((bytes / 1024, memory(product.pid(), "VmHWM")));
    }
    let [(small, small_peak), (large, large_peak)] = sizes[..] else { unreachable!() };
    assert!(small > 4 * 1024 && large > 200 * 1024, "{sizes:?}");
    assert!(
        large_peak < small_peak + 48 * 1024,
        "exporting {large} kB took {large_peak} kB of memory, {small} kB took {small_peak} kB"
    );
}
