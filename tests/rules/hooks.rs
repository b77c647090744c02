//! Hooks around writes and reads: what they add, what they refuse, in which words, and when.

use crate::{app, product, until};
use edgebase_tests::{Product, sql, unique};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;

fn id(record: &Value) -> &str {
    record["id"].as_str().unwrap()
}

fn hooked() -> (Arc<Product>, String) {
    (product(), app("hooked"))
}

#[tokio::test]
async fn a_hook_sets_fields_of_the_schema_and_nothing_else() {
    let (product, path) = hooked();
    let user = unique("u");
    let client = product.user(&user);
    let made =
        client.post(&path, &json!({"title": "a", "stamp": "mine", "n": 1})).await.expect(201);
    assert_eq!(made["stamp"], format!("inserted by {user}"), "the hook has the last word");
    assert!(made.get("unknown").is_none());
    let record = format!("{path}/{}", id(&made));
    let changed = client.patch(&record, &json!({"n": 2})).await.expect(200);
    assert_eq!(changed["stamp"], "updated over 1");
    product.until_logged(&format!("after insert {} inserted by {user}", id(&made))).await;
    product.until_logged(&format!("after update {} 1 2", id(&made))).await;
    client.delete(&record).await.expect(200);
    product.until_logged(&format!("after delete {} a", id(&made))).await;
    // A service key is nobody to hooks.
    let made = product.service().post(&path, &json!({"title": "a"})).await.expect(201);
    assert_eq!(made["stamp"], "inserted by nobody");
}

#[tokio::test]
async fn a_rejection_has_the_status_that_its_words_suggest() {
    let (product, path) = hooked();
    let client = product.user("u");
    for (words, status) in [
        ("auth required", 401),
        ("Authentication required", 401),
        ("Unauthorized", 401),
        ("forbidden", 403),
        ("Permission denied", 403),
        ("blocked", 403),
        ("not allowed here", 403),
        ("Only admins can do this", 403),
        ("You are not the owner", 403),
        ("Parent not found", 404),
        ("Unknown parent", 404),
        ("It already exists", 409),
        ("already registered", 409),
        ("duplicate", 409),
        ("edit conflict", 409),
        ("too many", 429),
        ("rate limit", 429),
        ("throttled", 429),
        ("Title is silly", 400),
    ] {
        for title in ["says", "says text"] {
            let answer = client.post(&path, &json!({"title": title, "note": words})).await;
            answer.refused(status, words);
            assert_eq!(answer.body["slug"], "hook-rejected", "{words}");
        }
    }
    let silent = client.post(&path, &json!({"title": "says", "note": ""})).await;
    silent.refused(400, "Insert rejected by beforeInsert hook.");
    let typed = client.post(&path, &json!({"title": "typed"})).await;
    typed.refused(418, "I am a teapot");
    assert_eq!(typed.body["slug"], "teapot");
    assert_eq!(typed.body["data"], json!({"title": {"code": "invalid", "message": "tea"}}));
    for title in ["hangs", "loops"] {
        let answer = client.post(&path, &json!({"title": title})).await;
        assert_eq!(answer.status, 503, "{title}: {}", answer.text);
    }
    let writes = client.post(&path, &json!({"title": "writes"})).await;
    assert_eq!(writes.status, 400, "ctx.db has nothing that writes: {}", writes.text);
    for title in ["says", "says text", "typed", "hangs", "loops", "writes"] {
        let filter = json!([["title", "==", title]]).to_string();
        let count = client.query(&format!("{path}/count"), &[("filter", &filter)]).await;
        assert_eq!(count.expect(200)["total"], 0, "{title} is not stored");
    }
}

#[tokio::test]
async fn a_refused_change_leaves_the_row_as_it_was() {
    let (product, path) = hooked();
    let client = product.user("u");
    let frozen = client.post(&path, &json!({"title": "frozen", "n": 1})).await.expect(201);
    let kept = client.post(&path, &json!({"title": "kept", "n": 1})).await.expect(201);
    let free = client.post(&path, &json!({"title": unique("free"), "n": 1})).await.expect(201);
    let record = |row: &Value| format!("{path}/{}", id(row));
    client.patch(&record(&frozen), &json!({"n": 2})).await.refused(403, "This is not allowed");
    client.delete(&record(&kept)).await.refused(403, "Forbidden to delete");
    let mut upsert = json!({"title": "frozen", "n": 3});
    upsert["id"] = frozen["id"].clone();
    let answer = client.post(&format!("{path}?upsert=true"), &upsert).await;
    answer.refused(403, "This is not allowed");
    // In a batch one refusal undoes everything that came before it.
    let batch = json!({
        "inserts": [{"title": "rolled back"}],
        "updates": [{"id": free["id"], "data": {"n": 9}}, {"id": frozen["id"], "data": {"n": 9}}],
    });
    client.post(&format!("{path}/batch"), &batch).await.refused(403, "This is not allowed");
    let batch = json!({"inserts": [{"title": "rolled back"}], "deletes": [free["id"], kept["id"]]});
    client.post(&format!("{path}/batch"), &batch).await.refused(403, "Forbidden to delete");
    let bulk = json!({"action": "delete", "filter": [["id", "in", [free["id"], kept["id"]]]]});
    client
        .post(&format!("{path}/batch-by-filter"), &bulk)
        .await
        .refused(403, "Forbidden to delete");
    let bulk = json!({"action": "update", "filter": [["id", "in", [free["id"], frozen["id"]]]], "update": {"n": 9}});
    client
        .post(&format!("{path}/batch-by-filter"), &bulk)
        .await
        .refused(403, "This is not allowed");
    let admin = sql::connect(&product.admin_url).await;
    for row in [&frozen, &kept, &free] {
        let n = format!("SELECT n FROM app.hooked WHERE id = {}", sql::literal(id(row)));
        assert_eq!(sql::texts(&admin, &n).await.unwrap(), ["1"]);
    }
    let none = "SELECT count(*) FROM app.hooked WHERE title = 'rolled back'";
    assert_eq!(sql::texts(&admin, none).await.unwrap(), ["0"]);
    let log = product.log();
    assert!(!log.contains(&format!("after delete {}", id(&free))), "nothing was committed");
}

#[tokio::test]
async fn hooks_run_for_every_row_of_batches_and_bulk_writes() {
    let (product, path) = hooked();
    let client = product.user("u");
    let mark = unique("batch");
    let inserts = json!({"inserts": [{"title": mark, "n": 1}, {"title": mark, "n": 2}]});
    let made =
        client.post(&format!("{path}/batch"), &inserts).await.expect(200)["inserted"].clone();
    for row in made.as_array().unwrap() {
        assert_eq!(row["stamp"], "inserted by u");
        product.until_logged(&format!("after insert {}", id(row))).await;
    }
    let update = json!({"updates": [{"id": made[0]["id"], "data": {"n": 10}}]});
    let updated = client.post(&format!("{path}/batch"), &update).await.expect(200);
    assert_eq!(updated["updated"][0]["stamp"], "updated over 1");
    product.until_logged(&format!("after update {} 1 10", id(&made[0]))).await;
    let bulk = json!({"action": "update", "filter": [["title", "==", mark]], "update": {"n": 20}});
    let done = client.post(&format!("{path}/batch-by-filter"), &bulk).await.expect(200);
    assert_eq!(done["succeeded"], 2);
    product.until_logged(&format!("after update {} 10 20", id(&made[0]))).await;
    product.until_logged(&format!("after update {} 2 20", id(&made[1]))).await;
    let filter = json!([["title", "==", mark]]).to_string();
    let list = client.query(&path, &[("filter", &filter)]).await;
    let mut stamps: Vec<_> = list.items().iter().map(|r| r["stamp"].as_str().unwrap()).collect();
    stamps.sort_unstable();
    assert_eq!(stamps, ["updated over 10", "updated over 2"]);
    client.post(&format!("{path}/batch"), &json!({"deletes": [made[0]["id"]]})).await.expect(200);
    product.until_logged(&format!("after delete {} {mark}", id(&made[0]))).await;
    let bulk = json!({"action": "delete", "filter": [["title", "==", mark]]});
    client.post(&format!("{path}/batch-by-filter"), &bulk).await.expect(200);
    product.until_logged(&format!("after delete {} {mark}", id(&made[1]))).await;
}

#[tokio::test]
async fn an_upsert_runs_the_hooks_of_what_it_turns_out_to_be() {
    let (product, path) = hooked();
    let client = product.user("u");
    let (path, id) = (format!("{path}?upsert=true"), unique("upsert"));
    let made = client.post(&path, &json!({"id": id, "title": "a", "n": 1})).await.expect(201);
    assert_eq!((&made["action"], &made["stamp"]), (&json!("inserted"), &json!("inserted by u")));
    product.until_logged(&format!("after insert {id} inserted by u")).await;
    // beforeInsert is asked first, as in the original, and beforeUpdate sees what it added.
    let made = client.post(&path, &json!({"id": id, "n": 2})).await.expect(200);
    let stamp = json!("inserted by u over 1");
    assert_eq!(
        (&made["action"], &made["stamp"], &made["title"]),
        (&json!("updated"), &stamp, &json!("a"))
    );
    product.until_logged(&format!("after update {id} 1 2")).await;
}

#[tokio::test]
async fn what_is_read_is_enriched_and_what_is_stored_is_not() {
    let (product, path) = hooked();
    let mark = unique("rich");
    let client = product.user("reader");
    let made = client.post(&path, &json!({"title": mark, "n": 1})).await.expect(201);
    assert!(made.get("shown").is_none(), "a write's answer is the record");
    let dull = client.post(&path, &json!({"title": "dull", "note": mark})).await.expect(201);
    let got = client.get(&format!("{path}/{}", id(&made))).await.expect(200);
    assert_eq!((&got["shown"], &got["to"]), (&json!(format!("{mark}!")), &json!("reader")));
    let filter = json!([["title", "==", mark]]).to_string();
    let list = client.query(&path, &[("filter", &filter), ("fields", "title")]).await;
    assert_eq!(list.items(), [json!({"title": mark, "shown": format!("{mark}!"), "to": "reader"})]);
    let got = client.get(&format!("{path}/{}", id(&dull))).await.expect(200);
    assert_eq!(got, dull, "a hook that fails shows the record as it is");
}

#[tokio::test]
async fn ctx_reads_other_tables_within_its_limits_and_offers_the_rest_of_the_original() {
    let (product, path) = hooked();
    let (client, service) = (product.user("u"), product.service());
    let (member, mark) = (unique("m"), unique("many"));
    let members = "/api/db/shared/tables/members";
    service.post(members, &json!({"id": member, "active": true})).await.expect(201);
    let reads = |note: &str| json!({"title": "reads", "note": note});
    let made = client.post(&path, &reads(&member)).await.expect(201);
    let read: Value = serde_json::from_str(made["note"].as_str().unwrap()).unwrap();
    assert_eq!((&read["id"], &read["active"]), (&json!(member), &json!(true)));
    let made = client.post(&path, &reads(&unique("none"))).await.expect(201);
    assert_eq!(made["note"], "null");

    let rows: Vec<_> = (0..130).map(|n| json!({"title": mark, "note": mark, "n": n})).collect();
    client.post(&format!("{}/batch", app("many")), &json!({"inserts": rows})).await.expect(200);
    for (limit, wanted) in
        [(json!(null), 100), (json!(7), 7), (json!(120), 120), (json!(5000), 130), (json!(-1), 0)]
    {
        let body = json!({"title": "lists", "note": mark, "n": limit});
        assert_eq!(client.post(&path, &body).await.expect(201)["n"], wanted, "{limit}");
    }
    for (note, wanted) in [(mark.as_str(), "true"), ("no such title", "false")] {
        let made = client.post(&path, &json!({"title": "exists", "note": note})).await;
        assert_eq!(made.expect(201)["note"], wanted);
    }
    let made = client.post(&path, &json!({"title": "effects"})).await.expect(201);
    assert_eq!(made["note"], "told");
    product.until_logged("waited for in vain").await;
    product.until_logged("ctx.databaseLive.broadcast").await;
    product.until_logged("ctx.push.send").await;
}

#[tokio::test]
async fn an_after_hook_that_fails_changes_no_answer_and_is_logged() {
    let (product, path) = hooked();
    let made = product.user("u").post(&path, &json!({"title": "after throws"})).await.expect(201);
    product.until_logged("the afterInsert hook failed").await;
    product.until_logged("after oh").await;
    product.user("u").get(&format!("{path}/{}", id(&made))).await.expect(200);
}

#[tokio::test]
async fn a_client_that_goes_away_cannot_keep_an_after_hook_from_running() {
    let product = product();
    let admin = sql::connect(&product.admin_url).await;
    let title = unique("gone");
    let held = "BEGIN; LOCK TABLE app.slowly IN SHARE MODE";
    admin.simple_query(held).await.unwrap();
    let address = product.url.strip_prefix("http://").unwrap();
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let body = json!({"title": title}).to_string();
    let request = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        app("slowly"),
        body.len(),
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let watcher = sql::connect(&product.admin_url).await;
    until("the insert waits for the table", || async {
        let waiting =
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'app.slowly'::regclass";
        sql::texts(&watcher, waiting).await.unwrap() == ["1"]
    })
    .await;
    drop(connection);
    // Long enough for the server to notice.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    admin.simple_query("COMMIT").await.unwrap();
    product.until_logged(&format!("slowly after {title}")).await;
}

#[tokio::test]
async fn the_enrich_hook_adds_meta_within_its_time_or_adds_nothing() {
    let product = product();
    let path = app("vips");
    let made = product.service().post(&path, &json!({"title": "x"})).await.expect(201);
    let record = format!("{path}/{}", id(&made));
    let custom = |custom: Value| product.user_with("u", &json!({"custom": custom}));
    custom(json!({"vip": true})).get(&record).await.expect(200);
    custom(json!({"vip": false})).get(&record).await.expect(403);
    product.anonymous().get(&record).await.expect(403);
    for trouble in ["slow", "never", "broken"] {
        let client = custom(json!({"vip": true, trouble: true}));
        let begun = std::time::Instant::now();
        client.get(&record).await.expect(403);
        assert!(begun.elapsed().as_secs() < 2, "{trouble}: {:?}", begun.elapsed());
    }
    // A request that carries no user token is not enriched.
    product.service().get(&record).await.expect(200);
}

#[tokio::test]
async fn rules_see_the_memberships_of_a_token() {
    let product = product();
    let path = app("belongs");
    let made = product.service().post(&path, &json!({"title": "x"})).await.expect(201);
    let record = format!("{path}/{}", id(&made));
    let with = |memberships: Value| product.user_with("u", &json!({"memberships": memberships}));
    with(json!([{"org": "other"}, {"org": "acme"}])).get(&record).await.expect(200);
    for none in [json!([]), json!([{"org": "other"}]), json!("acme"), json!(null)] {
        with(none).get(&record).await.expect(403);
    }
    product.user("u").get(&record).await.expect(403);
}
