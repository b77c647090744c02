//! Do single records and batches come and go as the contract says, in both kinds of block?

use super::{both, product};
use serde_json::json;

#[tokio::test]
async fn an_inserted_record_comes_back_whole_and_is_read_the_same() {
    let product = product();
    let client = product.user("writer");
    for place in both("posts") {
        let sent = json!({
            "mark": place.mark, "title": "Häuser 😀", "views": 40, "published": true,
            "at": "2026-11-23T10:00:00.120+01:00", "meta": {"b": [1, null, "x"], "a": 1.5},
            "status": "draft", "nope": "is dropped", "createdAt": "1999-01-01T00:00:00.000Z"
        });
        let made = client.post(&place.path, &sent).await.expect(201);
        let id = made["id"].as_str().unwrap().to_owned();
        assert_eq!(id.len(), 36);
        assert_eq!(&id[14..15], "7", "a UUID of version 7");
        let created = made["createdAt"].as_str().unwrap();
        assert!(created.ends_with('Z') && created.len() == 24 && created > "2026", "{created}");
        assert_eq!(made["createdAt"], made["updatedAt"]);
        let keys: Vec<_> = made.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "id",
                "createdAt",
                "updatedAt",
                "mark",
                "title",
                "body",
                "views",
                "published",
                "at",
                "meta",
                "status",
                "code",
                "rank"
            ]
        );
        assert_eq!(made["title"], "Häuser 😀");
        assert_eq!(made["at"], "2026-11-23T09:00:00.120Z");
        assert_eq!(made["meta"], json!({"b": [1, null, "x"], "a": 1.5}));
        assert_eq!((&made["body"], &made["code"]), (&json!(null), &json!(null)));
        let answer = client.get(&place.record(&id)).await;
        assert!(
            answer.text.contains("\"views\":40,"),
            "an integer has no fraction: {}",
            answer.text
        );
        assert_eq!(answer.expect(200), made);
    }
}

#[tokio::test]
async fn defaults_fill_what_is_absent_and_the_client_may_choose_the_id() {
    let product = product();
    let client = product.user("writer");
    for place in both("posts") {
        let id = format!("own.{}:@-_", place.mark);
        let sent = json!({"id": id, "mark": place.mark, "title": "x", "status": null});
        let made = client.post(&place.path, &sent).await.expect(201);
        assert_eq!((&made["id"], &made["views"]), (&json!(id), &json!(0)));
        assert_eq!(made["published"], false);
        assert_eq!(client.get(&place.record(&id)).await.expect(200), made);
        client
            .post(&place.path, &sent)
            .await
            .refused(409, "Record already exists (duplicate value in column: 'id').");
    }
}

#[tokio::test]
async fn an_update_changes_what_was_sent_and_nothing_else() {
    let product = product();
    let client = product.user("writer");
    for place in both("posts") {
        let sent = json!({"mark": place.mark, "title": "old", "views": 5, "meta": {"a": 1}});
        let made = client.post(&place.path, &sent).await.expect(201);
        let record = place.record(made["id"].as_str().unwrap());
        let change =
            json!({"title": "new", "id": "other", "createdAt": "1999-01-01T00:00:00.000Z"});
        let changed = client.patch(&record, &change).await.expect(200);
        for key in ["id", "createdAt", "views", "meta", "mark"] {
            assert_eq!(changed[key], made[key], "{key}");
        }
        assert_eq!(changed["title"], "new");
        assert!(changed["updatedAt"].as_str() >= made["updatedAt"].as_str());
        let operators = json!({
            "views": {"$op": "increment", "value": -1.5}, "meta": {"$op": "deleteField"}
        });
        let changed = client.patch(&record, &operators).await.expect(200);
        assert_eq!((&changed["views"], &changed["meta"]), (&json!(3.5), &json!(null)));
        client.patch(&record, &json!({})).await.expect(200);
    }
}

#[tokio::test]
async fn a_deleted_record_is_gone_and_deleting_it_again_is_404() {
    let product = product();
    let client = product.user("writer");
    for place in both("posts") {
        let made = client.post(&place.path, &json!({"title": "x"})).await.expect(201);
        let id = made["id"].as_str().unwrap();
        let record = place.record(id);
        assert_eq!(client.delete(&record).await.expect(200), json!({"deleted": true}));
        let missing = format!("Record '{id}' not found in 'posts'.");
        client.get(&record).await.refused(404, &missing);
        client.delete(&record).await.refused(404, &missing);
        client.patch(&record, &json!({"title": "y"})).await.refused(404, &missing);
    }
}

#[tokio::test]
async fn constraints_are_4xx_with_their_slugs() {
    let product = product();
    let client = product.user("writer");
    for place in both("people") {
        let email = format!("{}@example.com", place.mark);
        client.post(&place.path, &json!({"email": email})).await.expect(201);
        let again = client.post(&place.path, &json!({"email": email})).await;
        again.refused(409, "Record already exists (duplicate value in column: 'email').");
        assert_eq!(again.body["slug"], "record-already-exists");
        let orphan = json!({"email": format!("2{email}"), "boss": "nobody"});
        let answer = client.post(&place.path, &orphan).await;
        assert_eq!((answer.status, &answer.body["slug"]), (400, &json!("foreign-key-failed")));
        assert!(
            answer.message().starts_with("Referenced record does not exist"),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn an_upsert_says_what_it_did() {
    let product = product();
    let client = product.user("writer");
    for place in both("people") {
        let by_email = place.at("?upsert=true&conflictTarget=email");
        let email = format!("{}@example.com", place.mark);
        let first = client.post(&by_email, &json!({"email": email, "seen": 1})).await.expect(201);
        assert_eq!(first["action"], "inserted");
        let second = client.post(&by_email, &json!({"email": email, "seen": 2})).await.expect(200);
        assert_eq!((&second["action"], &second["seen"]), (&json!("updated"), &json!(2)));
        assert_eq!(second["id"], first["id"]);
        let id = format!("id-{}", place.mark);
        let by_id = place.at("?upsert=true");
        let body = json!({"id": id, "email": format!("3{email}")});
        assert_eq!(client.post(&by_id, &body).await.expect(201)["action"], "inserted");
        assert_eq!(client.post(&by_id, &body).await.expect(200)["action"], "updated");
        client.post(&place.at("?upsert=true&conflictTarget=seen"), &body).await.expect(400);
    }
}

#[tokio::test]
async fn a_batch_is_one_transaction() {
    let product = product();
    let client = product.user("writer");
    for place in both("posts") {
        let (a, b) = (format!("a-{}", place.mark), format!("b-{}", place.mark));
        let row = |id: &str| json!({"id": id, "mark": place.mark, "title": "t"});
        let answer = client
            .post(&place.at("/batch"), &json!({"inserts": [row(&a), row(&b)]}))
            .await
            .expect(200);
        assert_eq!(answer["inserted"].as_array().map(Vec::len), Some(2));
        assert_eq!(answer["inserted"][0]["views"], 0);
        assert_eq!(answer.as_object().unwrap().len(), 1);
        let mixed = json!({
            "inserts": [{"mark": place.mark, "title": "c"}],
            "updates": [{"id": a, "data": {"views": 7}}, {"id": "missing", "data": {"views": 1}}],
            "deletes": [b, "missing"]
        });
        let answer = client.post(&place.at("/batch"), &mixed).await.expect(200);
        assert_eq!(answer["updated"][0]["views"], 7);
        assert_eq!(answer["updated"][1], json!({"id": "missing", "views": 1}));
        assert_eq!(answer["deleted"], 2);
        // The second insert fails, so the first and the delete did not happen.
        let failing = json!({
            "inserts": [{"mark": place.mark, "title": "lost"}, row(&a)], "deletes": [a]
        });
        client.post(&place.at("/batch"), &failing).await.expect(409);
        let filter = format!("[[\"mark\",\"==\",\"{}\"]]", place.mark);
        let list = client.query(&place.path, &[("filter", &filter)]).await;
        let mut titles: Vec<_> =
            list.items().iter().map(|i| i["title"].as_str().unwrap()).collect();
        titles.sort_unstable();
        assert_eq!(titles, ["c", "t"]);
        for (empty, full) in [
            (json!({}), json!({})),
            (json!({"inserts": []}), json!({"inserted": []})),
            (json!({"deletes": []}), json!({"deleted": 0})),
        ] {
            assert_eq!(client.post(&place.at("/batch"), &empty).await.expect(200), full);
        }
    }
}

#[tokio::test]
async fn batch_by_filter_takes_the_matching_rows_and_no_others() {
    let product = product();
    let client = product.user("writer");
    for place in both("posts") {
        let rows: Vec<_> =
            (0..150).map(|n| json!({"mark": place.mark, "title": "t", "views": n})).collect();
        client.post(&place.at("/batch"), &json!({"inserts": rows})).await.expect(200);
        let mine = json!(["mark", "==", place.mark]);
        let update = json!({
            "action": "update", "filter": [mine, ["views", "<", 100]], "update": {"status": "archived"}
        });
        let path = place.at("/batch-by-filter");
        let answer = client.post(&path, &update).await.expect(200);
        assert_eq!(answer, json!({"processed": 100, "succeeded": 100}));
        let delete = json!({
            "action": "delete", "filter": [mine],
            "orFilter": [["status", "==", "archived"], ["views", "==", 149]], "limit": 500
        });
        assert_eq!(client.post(&path, &delete).await.expect(200)["succeeded"], 101);
        let filter = json!([mine]).to_string();
        let count = client.query(&place.at("/count"), &[("filter", &filter)]).await;
        assert_eq!(count.expect(200), json!({"total": 49}));
    }
}

#[tokio::test]
async fn a_table_without_a_schema_keeps_types() {
    let product = product();
    let client = product.user("writer");
    for place in both("loose") {
        let sent = json!({"mark": place.mark, "n": 1, "t": true, "o": {"a": [1]}, "nothing": null});
        let made = client.post(&place.path, &sent).await.expect(201);
        for (key, value) in sent.as_object().unwrap() {
            assert_eq!(made.get(key), Some(value), "{key}");
        }
        let record = place.record(made["id"].as_str().unwrap());
        let change = json!({"n": {"$op": "increment", "value": 2}, "t": {"$op": "deleteField"}});
        let changed = client.patch(&record, &change).await.expect(200);
        assert_eq!((&changed["n"], changed["t"].is_null()), (&json!(3), true));
        let filter = json!([["mark", "==", place.mark], ["n", "==", 3]]).to_string();
        let list = client.query(&place.path, &[("filter", &filter)]).await;
        assert_eq!(list.items(), [changed]);
    }
}
