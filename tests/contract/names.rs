//! Are names only names: instances, tables and fields with quotes, spaces, emoji, keywords?

use super::{both, product};
use edgebase_tests::{encode, sql, unique};
use serde_json::json;

#[tokio::test]
async fn every_legal_instance_id_is_an_instance_of_its_own() {
    let product = product();
    let client = product.user("namer");
    let run = unique("run");
    let odd = [
        "public",
        "pg_x",
        "pg_catalog",
        "information_schema",
        "edgebase",
        "select",
        "SELECT",
        "Select",
        "UPPER",
        "upper",
        "sp\"ecial",
        "it's",
        "two  spaces",
        " leading",
        "trailing ",
        "a.b",
        "a/b",
        "a%2Fb",
        "100%",
        "tables",
        "count",
        "search",
        "batch",
        "...",
        "null",
        "0",
        "-1",
        "'; DROP SCHEMA app; --",
        "😀👩‍👩‍👧",
        "ß",
        "İstanbul",
        "e\u{301}",
        "é",
        "\u{a0}x",
        "日本語",
        "$1",
        "\\",
        "~",
        "*",
        "{id}",
    ];
    let long = [
        "x".repeat(1_024),
        format!("{}y", "x".repeat(1_023)),
        format!("{}x", "ä".repeat(511)),
        "x".repeat(57),
        "x".repeat(58),
        "😀".repeat(63),
    ];
    let ids: Vec<&str> = odd.into_iter().chain(long.iter().map(String::as_str)).collect();
    for id in &ids {
        // An instance called `tables` cannot be addressed (contract 1.1).
        let path = format!("/api/db/space/{}/tables/posts", encode(id));
        if *id == "tables" {
            assert_eq!(client.get(&path).await.status, 400);
            continue;
        }
        let made = client.post(&path, &json!({"id": run, "title": "x"})).await;
        assert_eq!(made.status, 201, "{id:?}: {}", made.text);
        let list = client.get(&path).await;
        assert_eq!(list.ids(), [run.as_str()], "{id:?} is alone in its place: {}", list.text);
    }
    let admin = sql::connect(&product.admin_url).await;
    for id in ids.iter().filter(|id| **id != "tables") {
        let row = admin.query_one("SELECT edgebase.schema_of('space', $1)", &[id]).await.unwrap();
        let schema: &str = row.get(0);
        assert!(schema.len() <= 63, "{schema}");
        if id.len() < 58 {
            assert_eq!(schema, format!("space:{id}"));
        }
        let path = format!("/api/db/space/{}/tables/posts/{run}", encode(id));
        client.get(&path).await.expect(200);
        client.delete(&path).await.expect(200);
    }
}

#[tokio::test]
async fn tables_and_fields_keep_their_awkward_names() {
    let product = product();
    let client = product.user("namer");
    for place in both("we\"ird täble 😀") {
        let sent = json!({
            "a b": "x", "fi\"eld": 1.5, "select": place.mark, "o'clock": true, "😀": {"k": [1]},
            "UPPER": "U", "upper": "u"
        });
        let made = client.post(&place.path, &sent).await.expect(201);
        for (key, value) in sent.as_object().unwrap() {
            assert_eq!(&made[key], value, "{key}");
        }
        let record = place.record(made["id"].as_str().unwrap());
        let change = json!({"fi\"eld": {"$op": "increment", "value": 1}, "a b": "y", "UPPER": "V"});
        let changed = client.patch(&record, &change).await.expect(200);
        assert_eq!((&changed["fi\"eld"], &changed["a b"]), (&json!(2.5), &json!("y")));
        assert_eq!((&changed["UPPER"], &changed["upper"]), (&json!("V"), &json!("u")));
        let filter = json!([
            ["select", "==", place.mark],
            ["fi\"eld", ">", 2],
            ["o'clock", "==", true],
            ["a b", "contains", "y"]
        ]);
        for sort in ["fi\"eld:desc", "a b", "select:asc,UPPER:desc", "o'clock"] {
            let query = [("filter", &*filter.to_string()), ("sort", sort), ("fields", "a b,😀")];
            let list = client.query(&place.path, &query).await;
            assert_eq!(list.items(), [json!({"a b": "y", "😀": {"k": [1]}})], "{}", list.text);
        }
        client.delete(&record).await.expect(200);
    }
    for place in both("select") {
        let made = client
            .post(&place.path, &json!({"from": place.mark, "where": 1, "order": "by"}))
            .await
            .expect(201);
        let filter = json!([["from", "==", place.mark], ["where", "==", 1]]).to_string();
        let list = client.query(&place.path, &[("filter", &filter), ("sort", "order:desc")]).await;
        assert_eq!(list.items(), [made]);
    }
}

#[tokio::test]
async fn blocks_keep_their_awkward_names() {
    let product = product();
    let client = product.user("namer");
    let id = unique("i");
    for path in [
        format!("/api/db/{}/{id}/tables/notes", encode("Odd \"block\" 😀")),
        "/api/db/SELECT/tables/notes".to_owned(),
    ] {
        client.post(&path, &json!({"title": id})).await.expect(201);
        assert_eq!(client.get(&path).await.items()[0]["title"], id);
    }
    client.get("/api/db/select/tables/notes").await.expect(404);
    let encoded = "/api/db/%53ELECT/tables/%6Eotes";
    assert_eq!(client.get(encoded).await.expect(200)["total"], 1);
}

#[tokio::test]
async fn the_config_does_not_leak_names_between_blocks() {
    let product = product();
    let client = product.user("namer");
    // `space:x` is the name of an instance's schema, not of a block.
    let id = unique("x");
    client
        .post(&format!("/api/db/space/{id}/tables/posts"), &json!({"title": "x"}))
        .await
        .expect(201);
    for path in [
        format!("/api/db/{}/tables/posts", encode(&format!("space:{id}"))),
        "/api/db/edgebase/tables/instance".into(),
        "/api/db/public/tables/posts".into(),
        "/api/db/pg_catalog/tables/pg_authid".into(),
        "/api/db/app/tables/pg_authid".into(),
        format!("/api/db/app/tables/{}", encode("pg_catalog.pg_authid")),
        format!("/api/db/app/tables/{}", encode("posts\"; SELECT 1; --")),
    ] {
        assert_eq!(client.get(&path).await.status, 404, "{path}");
        assert_eq!(product.service().get(&path).await.status, 404, "{path}");
    }
}
