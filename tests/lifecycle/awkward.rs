//! Do instances with any legal id live a whole life, by HTTP and by SQL?

use super::state::{one, orphans, state};
use super::{instance, notes, product};
use edgebase_tests::sql::{connect, ident, literal, refusal, texts};
use edgebase_tests::{encode, unique};
use serde_json::{Value, json};

/// Legal ids that somebody could take for something else.
fn ids() -> Vec<String> {
    let odd = [
        "public",
        "pg_x",
        "pg_catalog",
        "pg_temp",
        "information_schema",
        "edgebase",
        "select",
        "SELECT",
        "from",
        "UPPER",
        "upper",
        "Ünïcode",
        "dou\"ble",
        "sin'gle",
        "\"",
        "\"\"",
        "''",
        "back\\slash",
        "$$",
        "$1",
        "%s",
        "two  spaces",
        " leading",
        "trailing ",
        "a/b",
        "a%2Fb",
        "a.b",
        "..",
        ".",
        "?q=1",
        "#frag",
        "&",
        "+",
        "100%",
        "'; DROP SCHEMA app CASCADE; --",
        "😀👩‍👩‍👧",
        "e\u{301}",
        "é",
        "日本語",
        "~",
        "null",
        "0",
        "*",
        "{id}",
        "batch",
        "export",
    ];
    let long = [
        "x".repeat(1_024),
        "ä".repeat(512),
        "😀".repeat(63),
        format!("{}\"", "q".repeat(254)),
        "x".repeat(58),
    ];
    odd.into_iter().map(str::to_owned).chain(long).collect()
}

#[tokio::test]
async fn every_legal_id_lives_a_whole_life_over_http() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    let (user, service) = (product.user("owner"), product.service());
    // HTTP clients resolve these two away, however they are encoded.
    let ids: Vec<_> = ids().into_iter().filter(|id| id != "." && id != "..").collect();
    for id in &ids {
        let made = user.post(&notes(id), &json!({"id": "n", "title": id})).await;
        assert_eq!(made.status, 201, "{id:?}: {}", made.text);
    }
    for id in &ids {
        let path = notes(id);
        let read = user.get(&format!("{path}/n")).await.expect(200);
        assert_eq!(read["title"], *id);
        assert_eq!(user.get(&path).await.expect(200)["total"], 1, "{id:?}");
        let export = service.get(&format!("{}/export", instance(id))).await;
        let line: Value = serde_json::from_str(&export.text)
            .unwrap_or_else(|e| panic!("{id:?} {e}: {}", export.text));
        assert_eq!(line["record"], read, "{id:?}");
        let body = json!({"namespace": "room", "id": id, "sql": "SELECT title FROM notes"});
        assert_eq!(
            service.post("/api/sql", &body).await.expect(200)["rows"],
            json!([{"title": id}])
        );
    }
    for id in &ids {
        let receipt = user.delete(&instance(id)).await;
        assert_eq!(receipt.status, 200, "{id:?}: {}", receipt.text);
        assert_eq!((&receipt.body["id"], &receipt.body["rows"]), (&json!(id), &json!(1)));
        assert_eq!(state(&admin, "room", id).await, "nothing", "{id:?}");
        assert_eq!(user.delete(&instance(id)).await.status, 404, "{id:?}");
    }
    assert_eq!(orphans(&admin).await, [""; 0]);
    assert_eq!(user.get("/api/db/app/tables/notes").await.status, 200);
}

#[tokio::test]
async fn every_legal_id_lives_a_whole_life_by_sql() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    let proxy = connect(&product.proxy_url).await;
    let ids = ids();
    for id in &ids {
        let id = literal(id);
        assert_eq!(
            one(&proxy, &format!("SELECT edgebase.create_instance('vault', {id}) ->> 'created'"))
                .await,
            "true"
        );
        proxy.batch_execute(&format!("BEGIN; SELECT edgebase.enter('vault', {id})")).await.unwrap();
        proxy
            .batch_execute(&format!("INSERT INTO notes (id, title) VALUES ('n', {id}); COMMIT"))
            .await
            .unwrap();
    }
    for id in &ids {
        let text = literal(id);
        assert_eq!(state(&admin, "vault", id).await, "whole", "{id:?}");
        let schema = one(&admin, &format!("SELECT edgebase.schema_of('vault', {text})")).await;
        assert!(schema.len() <= 63, "{schema}");
        let direct = format!("SELECT title FROM {}.notes", ident(&schema));
        assert_eq!(texts(&admin, &direct).await.unwrap(), [id.as_str()]);
        let export =
            format!("SELECT record ->> 'title' FROM edgebase.export_instance('vault', {text})");
        assert_eq!(texts(&admin, &export).await.unwrap(), [id.as_str()]);
        let copy = literal(&unique("copy"));
        let import = format!(
            "SELECT edgebase.import_instance('vault', {copy}, (SELECT jsonb_agg(to_jsonb(e)) FROM edgebase.export_instance('vault', {text}) e)) ->> 'rows'"
        );
        assert_eq!(one(&admin, &import).await, "1", "{id:?}");
    }
    for id in &ids {
        let rows = format!("SELECT edgebase.drop_instance('vault', {}) ->> 'rows'", literal(id));
        assert_eq!(one(&proxy, &rows).await, "1", "{id:?}");
        assert_eq!(state(&admin, "vault", id).await, "nothing", "{id:?}");
    }
    assert_eq!(orphans(&admin).await, [""; 0]);
}

#[tokio::test]
async fn what_is_no_legal_id_is_refused_and_makes_nothing() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    let proxy = connect(&product.proxy_url).await;
    let service = product.service();
    for id in [
        "a:b",
        ":",
        "  ",
        "\u{a0}",
        "tab\t",
        "line\n",
        "\u{1}",
        "\u{7f}",
        "\u{85}",
        &"x".repeat(1_025),
        &"ä".repeat(513),
    ] {
        for function in ["create_instance", "enter", "drop_instance", "migrate", "locate"] {
            let state =
                refusal(&proxy, &format!("SELECT edgebase.{function}('room', {})", literal(id)))
                    .await;
            assert_eq!(state.as_deref(), Some("EB004"), "{function} {id:?}");
        }
        let made = service.post(&notes(id), &json!({"title": "x"})).await;
        assert_eq!(made.status, 400, "{id:?}: {}", made.text);
        assert_eq!(service.delete(&instance(id)).await.status, 400, "{id:?}");
        let export = service.get(&format!("/api/db/room/{}/export", encode(id))).await;
        assert_eq!(export.status, 400, "{id:?}");
    }
    assert_eq!(orphans(&admin).await, [""; 0]);
}
