//! Does anything that a caller can send make the server fail or execute?
//!
//! A list of hostile strings goes into every slot there is: path segments, query parameters, each
//! position of a JSON body, headers. The claims are about the status, which stays below 500, about
//! the database's log, which shows no statement that a string has broken, and about the database,
//! which stays as it was. The product is their own: other tests break statements on purpose.

use edgebase_tests::{Answer, Client, Product, encode, sql, unique};
use serde_json::{Value, json};
use std::sync::Arc;

fn product() -> Arc<Product> {
    Product::shared_for("contract.ts", "hostile")
}

/// What PostgreSQL says of a statement that is not what its author meant.
const BROKEN: [&str; 9] = [
    "syntax error",
    "invalid input syntax",
    "unterminated",
    "zero-length",
    "invalid byte sequence",
    "could not determine data type",
    "ERROR:  column",
    "ERROR:  relation",
    "ERROR:  operator does not exist",
];

/// Nothing sent so far has broken a statement.
#[track_caller]
fn no_statement_was_broken() {
    let log = product().database_log();
    assert!(log.contains("database system is ready"), "this is the log");
    let broken: Vec<_> =
        log.lines().filter(|line| BROKEN.iter().any(|words| line.contains(words))).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

const HOSTILE: &[&str] = &[
    "'",
    "\"",
    "`",
    "\\",
    ";",
    "--",
    "/*",
    "\u{0}",
    "a\u{0}b",
    "\u{1}\u{7f}",
    "\r\n",
    "\t",
    "' OR '1'='1",
    "\" OR 1=1 --",
    "'; DROP TABLE posts; --",
    "\"; DROP SCHEMA app CASCADE; --",
    "\"\"; SELECT pg_sleep(9); --",
    "$1",
    "$$",
    "${7*7}",
    "{{7*7}}",
    "%",
    "%s%s%n",
    "%00",
    "%2e%2e%2f",
    "../../etc/passwd",
    "/",
    "//",
    ".",
    "..",
    "?",
    "#",
    "&",
    "=",
    ":",
    ",",
    "a,b",
    "[",
    "]",
    "{",
    "}",
    "null",
    "true",
    "NaN",
    "Infinity",
    "-0",
    "1e999",
    "-1e999",
    "9223372036854775808",
    "0x10",
    "1_000",
    "constructor",
    "__proto__",
    "toString",
    "hasOwnProperty",
    "prototype",
    "public",
    "pg_catalog",
    "information_schema",
    "edgebase",
    "pg_temp",
    "current_user",
    "😀",
    "e\u{301}",
    "\u{202e}abc",
    "\u{feff}",
    "\u{fffd}",
    "ﬃ",
    "İ",
    "ß",
    "SELECT",
    "id",
    "ctid",
    "xmin",
    "tableoid",
    "t.*",
    "t",
    "\"id\"",
    "2026-13-45T99:99:99Z",
    "0000-00-00",
    "+275760-09-13T00:00:00.000Z",
    "-infinity",
    "epoch",
    "now",
];

/// Strings too long for one slot or another.
fn all() -> Vec<String> {
    let mut all: Vec<String> = HOSTILE.iter().map(|s| (*s).to_owned()).collect();
    all.push("x".repeat(64));
    all.push("ä".repeat(300));
    all.push("(".repeat(2_000));
    all.push("[".repeat(1_000));
    all
}

fn check(answer: &Answer, what: &str) {
    assert!(answer.status < 500, "{what}: {} {}", answer.status, answer.text);
    if answer.status >= 400 && answer.status != 405 {
        assert_eq!(answer.body["code"], answer.status, "{what}: {}", answer.text);
    }
}

fn callers() -> [Client; 2] {
    [product().user("mallory"), product().service()]
}

#[tokio::test]
async fn hostile_path_segments_are_names_and_nothing_else() {
    for client in callers() {
        for text in all() {
            let it = encode(&text);
            for path in [
                format!("/api/db/{it}/tables/posts"),
                format!("/api/db/app/tables/{it}"),
                format!("/api/db/app/tables/posts/{it}"),
                format!("/api/db/space/{it}/tables/posts"),
                format!("/api/db/space/{it}/tables/posts/{it}"),
                format!("/api/db/{it}/{it}/tables/{it}/{it}"),
                format!("/{it}"),
                format!("/api/{it}"),
                format!("/api/db/{it}"),
                format!("/api/db/space/{it}/export"),
                format!("/api/db/{it}/{it}/export"),
            ] {
                check(&client.get(&path).await, &path);
            }
            for path in [
                format!("/api/db/app/tables/posts/{it}"),
                format!("/api/db/space/{it}/tables/posts/{it}"),
            ] {
                check(&client.patch(&path, &json!({"title": "x"})).await, &path);
                check(&client.delete(&path).await, &path);
            }
            for path in [format!("/api/db/space/{it}"), format!("/api/db/{it}/{it}")] {
                check(&client.delete(&path).await, &path);
            }
        }
    }
    no_statement_was_broken();
}

#[tokio::test]
async fn hostile_query_parameters_are_data_and_nothing_else() {
    let client = product().user("mallory");
    let space = format!("/api/db/space/{}/tables", unique("hostile"));
    client.post(&format!("{space}/posts"), &json!({"title": "x"})).await.expect(201);
    for text in all() {
        for table in
            ["/api/db/app/tables/posts", &format!("{space}/posts"), &format!("{space}/loose")]
        {
            for name in [
                "limit",
                "offset",
                "page",
                "perPage",
                "after",
                "before",
                "sort",
                "filter",
                "orFilter",
                "fields",
                "search",
                "q",
                "includeTotal",
                "expand",
            ] {
                let answer = client.query(table, &[(name, &text)]).await;
                check(&answer, &format!("{table} {name}={text:?}"));
            }
            for (sort, cursor) in [("title", "after"), ("views:desc", "before")] {
                let answer = client.query(table, &[("sort", sort), (cursor, &text)]).await;
                check(&answer, &format!("{table} {sort} {cursor}={text:?}"));
            }
            let it = encode(&text);
            check(&client.get(&format!("{table}?{it}={it}")).await, &text);
            check(&client.get(&format!("{table}/search?search={it}")).await, &text);
            check(&client.get(&format!("{table}/count?search={it}")).await, &text);
            let upsert = format!("{table}?upsert=true&conflictTarget={it}");
            check(&client.post(&upsert, &json!({"title": "x"})).await, &upsert);
        }
    }
    no_statement_was_broken();
}

#[tokio::test]
async fn hostile_filters_compare_and_never_execute() {
    let client = product().user("mallory");
    let table = format!("/api/db/space/{}/tables", unique("hostile"));
    client.post(&format!("{table}/posts"), &json!({"title": "x", "meta": [1]})).await.expect(201);
    let operators =
        ["==", "!=", ">", "<", ">=", "<=", "contains", "contains-any", "in", "not in", "is null"];
    let odd = [
        json!(null),
        json!(true),
        json!(1e308),
        json!(-1e308),
        json!(9_007_199_254_740_993_u64),
        json!([]),
        json!({}),
        json!([[[]]]),
        json!([null, {}, "a", 1]),
        json!({"a": {"$op": "increment"}}),
    ];
    for name in ["posts", "loose"] {
        let path = format!("{table}/{name}");
        for field in ["id", "createdAt", "title", "views", "published", "at", "meta", "nope"] {
            for operator in operators {
                for operand in &odd {
                    let filter = json!([[field, operator, operand]]).to_string();
                    let answer = client.query(&path, &[("filter", &filter)]).await;
                    check(&answer, &format!("{path} {filter}"));
                }
            }
        }
        for text in all() {
            for triple in [
                json!([text, "==", "x"]),
                json!(["title", text, "x"]),
                json!(["title", "==", text]),
                json!(["title", "contains", text]),
                json!(["views", ">", text]),
                json!(["at", "<", text]),
                json!(["id", ">=", text]),
                json!(["meta", "contains-any", [text]]),
                json!(["title", "in", [text]]),
                json!(["views", "not in", [text]]),
                json!([text]),
                json!(text),
            ] {
                let filter = json!([triple]).to_string();
                let answer = client.query(&path, &[("filter", &filter)]).await;
                check(&answer, &format!("{path} {filter}"));
                let body =
                    json!({"action": "update", "filter": [triple], "update": {"body": text}});
                let answer = client.post(&format!("{path}/batch-by-filter"), &body).await;
                check(&answer, &body.to_string());
            }
        }
    }
    no_statement_was_broken();
}

#[tokio::test]
async fn hostile_values_are_stored_as_they_are_or_refused() {
    let client = product().user("mallory");
    let table = format!("/api/db/space/{}/tables", unique("hostile"));
    let posts = format!("{table}/posts");
    let nested = |depth: usize| (0..depth).fold(Value::Null, |inner, _| json!([inner]));
    let mut values: Vec<Value> = all().into_iter().map(Value::from).collect();
    values.extend([
        json!(1e308),
        json!(-0.0),
        json!(u64::MAX),
        json!([]),
        json!({}),
        json!({"$op": "increment"}),
        json!({"$op": "increment", "value": "x"}),
        json!({"$op": "increment", "value": 1e308}),
        json!({"$op": 5}),
        json!({"$op": "deleteField"}),
        nested(100),
    ]);
    for value in &values {
        for field in ["id", "title", "body", "views", "published", "at", "meta", "status", "mark"] {
            let mut body = json!({"title": "x"});
            body[field] = value.clone();
            let answer = client.post(&posts, &body).await;
            check(&answer, &body.to_string());
            if answer.status == 201
                && matches!(field, "title" | "body" | "meta")
                && !value.is_null()
            {
                assert_eq!(&answer.body[field], value, "stored unchanged");
            }
            let Some(id) = answer.body["id"].as_str() else { continue };
            let change = json!({field: value});
            check(
                &client.patch(&format!("{posts}/{}", encode(id)), &change).await,
                &change.to_string(),
            );
        }
    }
    for text in all() {
        for (path, body) in [
            ("loose", json!({text.as_str(): text})),
            ("posts", json!({"title": "x", text.as_str(): text})),
            ("posts/batch", json!({text.as_str(): [text]})),
            ("posts/batch", json!({"inserts": [{"title": text, "id": text}]})),
            ("posts/batch", json!({"updates": [{"id": text, "data": {text.as_str(): text}}]})),
            ("posts/batch", json!({"deletes": [text]})),
            ("posts/batch?upsert=true", json!({"inserts": [{"id": text, "title": text}]})),
            ("posts/batch-by-filter", json!({"action": text, "filter": [["id", "==", text]]})),
            (
                "posts/batch-by-filter",
                json!({"action": "delete", "filter": [[text, "==", text]], "limit": text}),
            ),
        ] {
            let answer = client.post(&format!("{table}/{path}"), &body).await;
            check(&answer, &format!("{path} {body}"));
        }
    }
    let deep =
        format!("{{\"title\":\"x\",\"meta\":{}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
    let answer = client.send("POST", &posts, Some(("application/json", deep.into_bytes()))).await;
    check(&answer, "deeply nested");
    no_statement_was_broken();
}

#[tokio::test]
async fn hostile_parts_of_a_raw_statements_request_are_data() {
    let client = product().service();
    for text in all() {
        for body in [
            json!({"namespace": text, "sql": "SELECT 1"}),
            json!({"namespace": "space", "id": text, "sql": "SELECT 1"}),
            json!({"namespace": "app", "sql": "SELECT ?::text AS it", "params": [text]}),
            json!({"namespace": "app", "sql": "SELECT ?::jsonb AS it", "params": [[text]]}),
            json!({"namespace": "app", "sql": "SELECT 1", text.as_str(): text}),
        ] {
            let answer = client.post("/api/sql", &body).await;
            check(&answer, &body.to_string());
            if body["params"][0].is_string() && answer.status == 200 {
                assert_eq!(answer.body["rows"], json!([{"it": text}]));
            }
        }
    }
    no_statement_was_broken();
}

#[tokio::test]
async fn extreme_numbers_are_kept_or_refused_and_never_spoil_a_row() {
    let client = product().user("mallory");
    let table = format!("/api/db/space/{}/tables", unique("numbers"));
    for number in [
        "1.7976931348623157e308",
        "-1.7976931348623157e308",
        "1.7976931348623155e308",
        "5e-324",
        "2.2250738585072014e-308",
        "0.30000000000000004",
        "0.1234567890123456789",
        "12345678901234567890123456789012345678901234567890",
        "9007199254740993",
        "18446744073709551615",
        "-0",
        "1e-400",
        "1e400",
    ] {
        for (path, field) in [("posts", "views"), ("posts", "meta"), ("loose", "n")] {
            let path = format!("{table}/{path}");
            let body = format!("{{\"title\":\"x\",\"{field}\":{number}}}");
            let answer =
                client.send("POST", &path, Some(("application/json", body.into_bytes()))).await;
            check(&answer, &format!("{field} {number}"));
            if answer.status == 201 {
                let sent: f64 = number.parse().unwrap();
                assert_eq!(answer.body[field].as_f64(), Some(sent), "{field} {number}");
            }
            check(&client.get(&path).await, &format!("list with {number}"));
        }
    }
    no_statement_was_broken();
}

#[tokio::test]
async fn hostile_headers_are_no_credentials() {
    let nobody = product().anonymous();
    for text in all() {
        // What cannot stand in a header at all is sent raw elsewhere.
        if text.chars().any(|c| c.is_control() || !c.is_ascii()) {
            continue;
        }
        for (name, value) in [
            ("authorization", text.clone()),
            ("authorization", format!("Bearer {text}")),
            ("authorization", format!("bearer {text}")),
            ("x-edgebase-service-key", text.clone()),
            ("content-type", text.clone()),
            ("accept", text.clone()),
            ("origin", text.clone()),
            ("x-forwarded-for", text.clone()),
            ("x-request-id", text.clone()),
            ("cookie", text.clone()),
        ] {
            let answer = nobody.with(name, &value).get("/api/db/app/tables/posts?limit=1").await;
            check(&answer, &format!("{name}: {value}"));
            if name == "x-edgebase-service-key" {
                assert_eq!(answer.status, 401, "{value}");
            }
        }
    }
    no_statement_was_broken();
}

#[tokio::test]
async fn after_all_that_the_database_is_as_it_was() {
    let product = product();
    let admin = sql::connect(&product.admin_url).await;
    let tables = sql::texts(
        &admin,
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'app' AND tablename IN ('posts', 'people')",
    );
    assert_eq!(tables.await.unwrap(), ["2"]);
    assert_eq!(product.anonymous().get("/api/health").await.expect(200)["status"], "ok");
}
