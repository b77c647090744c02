//! Is an instance that is behind brought up by the request that meets it, once, and alone?

use super::room::{beside, deeds, edgebase, fill, json_of, notes, registry, reload, run, start};
use super::shape::shape;
use edgebase_tests::sql::connect;
use edgebase_tests::unique;
use serde_json::json;

const FIELD: (&str, &str) = ("n: 'number'", "n: 'number', extra: { type: 'string', default: 'x' }");
const UNIQUE: (&str, &str) = ("{ type: 'string' }", "{ type: 'string', unique: true }");

#[tokio::test]
async fn many_requests_at_a_time_migrate_an_instance_once_and_all_are_served() {
    let product = start();
    let (user, admin) = (product.user("u"), connect(&product.admin_url).await);
    let id = unique("lazy");
    fill(&user, &id, &["a", "b"]).await;
    reload(&product, &[FIELD, ("'number', extra", "'number', more: 'json', extra")]).await;
    let asks = (0..24).map(|i| {
        let (user, id) = (user.clone(), id.clone());
        tokio::spawn(async move {
            match i % 3 {
                0 => user.post(&notes(&id), &json!({"title": i.to_string()})).await,
                _ => user.get(&notes(&id)).await,
            }
        })
    });
    for ask in asks.collect::<Vec<_>>() {
        let answer = ask.await.unwrap();
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
    }
    let list = user.get(&notes(&id)).await;
    assert_eq!(list.items().len(), 10);
    let old = list.items().iter().find(|i| i["title"] == "a").unwrap();
    assert_eq!((&old["extra"], &old["more"]), (&json!("x"), &json!(null)));
    assert_eq!(deeds(&admin, &id, "migrate").await, 1);
}

#[tokio::test]
async fn a_tenant_whose_rows_stand_in_the_way_is_alone_with_it_and_as_it_was() {
    let product = start();
    let (user, admin) = (product.user("u"), connect(&product.admin_url).await);
    let (bad, good) = (unique("bad"), unique("good"));
    fill(&user, &bad, &["same", "same"]).await;
    fill(&user, &good, &["one", "two"]).await;
    let (key, schema) = (format!("room:{bad}"), format!("room:{bad}"));
    let before = shape(&admin, &schema).await;
    reload(&product, &[UNIQUE, FIELD]).await;

    assert_eq!(registry(&admin, &key, "state").await.as_deref(), Some("behind"));
    for _ in 0..3 {
        let refused = user.get(&notes(&bad)).await;
        refused.refused(
            503,
            "This database could not be brought up to date with the config. Its data is unchanged; try again later.",
        );
        assert!(refused.headers.contains_key("retry-after"));
        user.get(&notes(&good)).await.expect(200);
    }
    assert_eq!(shape(&admin, &schema).await, before);
    assert_eq!(registry(&admin, &key, "state").await.as_deref(), Some("failed"));
    assert_eq!(registry(&admin, &key, "current").await.as_deref(), Some("false"));
    let listed = product.service().get("/api/db/room").await.expect(200);
    let listed: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|i| (&i["id"], &i["state"])).collect();
    assert!(listed.contains(&(&json!(bad), &json!("failed"))), "{listed:?}");
    assert!(listed.contains(&(&json!(good), &json!("active"))), "{listed:?}");
    let failure = registry(&admin, &key, "failure").await.unwrap();
    assert!(failure.contains("23505") && failure.contains("notes.title.key"), "{failure}");
    assert!(!failure.contains("same"), "a tenant's value is in the registry: {failure}");
    product.until_logged("23505").await;
    // Three requests, one try: the others were told what is known.
    assert_eq!(deeds(&admin, &bad, "migrate_failed").await, 1);
    let first = registry(&admin, &key, "failed_at").await;
    user.get(&notes(&bad))
        .await
        .refused(503, user.get(&notes(&bad)).await.body["message"].as_str().unwrap_or_default());
    assert_eq!(registry(&admin, &key, "failed_at").await, first);

    // The raising form says so too, and leaves the instance as it was.
    let raised = admin.query("SELECT edgebase.migrate('room', $1)", &[&bad]).await.unwrap_err();
    assert_eq!(raised.code().unwrap().code(), "23505");

    // The operator mends the rows and tries again at once.
    admin
        .batch_execute(&format!(
            "DELETE FROM \"{schema}\".notes WHERE id = (SELECT min(id) FROM \"{schema}\".notes)"
        ))
        .await
        .unwrap();
    let output = run(edgebase(&product, &["migrate", &key, "--json"])).await;
    let (done, answer) = json_of(&output);
    assert!(done && answer["migrated"] == true, "{answer}");
    assert_eq!(user.get(&notes(&bad)).await.items().len(), 1);
    assert_eq!(registry(&admin, &key, "state").await.as_deref(), Some("active"));
    assert_eq!(registry(&admin, &key, "failure").await, None);
}

#[tokio::test]
async fn another_config_is_tried_at_once_and_a_stage_that_failed_is_passed() {
    let product = start();
    let (user, admin) = (product.user("u"), connect(&product.admin_url).await);
    let id = unique("again");
    fill(&user, &id, &["same", "same"]).await;
    reload(&product, &[UNIQUE]).await;
    assert_eq!(user.get(&notes(&id)).await.status, 503);
    reload(&product, &[FIELD]).await;
    assert_eq!(user.get(&notes(&id)).await.expect(200)["items"].as_array().unwrap().len(), 2);
    assert_eq!(deeds(&admin, &id, "migrate").await, 1);
}

#[tokio::test]
async fn a_migration_waits_for_requests_inside_and_gives_up_in_time() {
    let product = start();
    let (user, admin) = (product.user("u"), connect(&product.admin_url).await);
    let (id, other) = (unique("held"), unique("free"));
    fill(&user, &id, &["a"]).await;
    fill(&user, &other, &["a"]).await;
    let holder = connect(&product.proxy_url).await;
    let enter =
        format!("BEGIN; SELECT edgebase.enter('room', '{id}'); UPDATE notes SET title = 'b'");
    holder.batch_execute(&enter).await.unwrap();
    reload(&product, &[FIELD]).await;
    let refused = user.get(&notes(&id)).await;
    refused.refused(503, "This database is being migrated and cannot serve yet. Try again.");
    user.get(&notes(&other)).await.expect(200);
    // That it was busy says nothing about its rows.
    assert_eq!(registry(&admin, &format!("room:{id}"), "state").await.as_deref(), Some("behind"));
    holder.batch_execute("COMMIT").await.unwrap();
    assert_eq!(user.get(&notes(&id)).await.items()[0]["title"], "b");
}

#[tokio::test]
async fn rows_without_a_schema_move_into_one_and_what_does_not_fit_stays_as_it_was() {
    let product = start();
    let (user, admin) = (product.user("u"), connect(&product.admin_url).await);
    let loose = ("/* more tables */", "loose: { access: open },");
    reload(&product, &[loose]).await;
    let path = |id: &str| format!("/api/db/room/{id}/tables/loose");
    let (fits, odd) = (unique("fits"), unique("odd"));
    let record = json!({"id": "1", "name": "x", "n": 1.5, "on": true, "tags": ["a", {"b": null}], "at": "2024-05-06T07:08:09.010Z", "none": null});
    user.post(&path(&fits), &record).await.expect(201);
    user.post(&path(&odd), &json!({"id": "1", "name": 7})).await.expect(201);
    user.post(&path(&odd), &json!({"id": "2", "name": "x", "secret-key": "tenant's own"}))
        .await
        .expect(201);
    let schema = "loose: { schema: { name: 'string', n: 'number', on: 'boolean', tags: 'json', at: 'datetime', none: 'string', more: { type: 'string', default: 'd' } }, access: open },";
    reload(&product, &[("/* more tables */", schema)]).await;
    let moved = user.get(&format!("{}/1", path(&fits))).await.expect(200);
    for (field, value) in record.as_object().unwrap() {
        assert_eq!(&moved[field], value, "{field}");
    }
    assert_eq!(moved["more"], "d");
    let refused = user.get(&path(&odd)).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    let failure = registry(&admin, &format!("room:{odd}"), "failure").await.unwrap();
    assert!(failure.contains("22000") && failure.contains("row '1' of table 'loose'"), "{failure}");
    let kept = format!("SELECT count(*) FROM \"room:{odd}\".loose WHERE _doc ? 'name'");
    assert_eq!(admin.query_one(&kept, &[]).await.unwrap().get::<_, i64>(0), 2);
    // And back, with nothing lost.
    reload(&product, &[loose]).await;
    let back = user.get(&format!("{}/1", path(&fits))).await.expect(200);
    for field in ["name", "n", "on", "tags", "at", "more"] {
        assert_eq!(back[field], moved[field], "{field}");
    }
    assert_eq!(user.get(&path(&odd)).await.items().len(), 2);
}

#[tokio::test]
async fn what_would_lose_data_is_refused_with_the_migration_to_write_which_is_then_enough() {
    let product = start();
    let (user, admin) = (product.user("u"), connect(&product.admin_url).await);
    let id = unique("loss");
    fill(&user, &id, &["kept"]).await;
    let shorter = ("title: { type: 'string' }, n: 'number'", "n: 'number', name: 'string'");
    let config = beside(&product, "shorter.ts", &[shorter]);
    let arguments = ["apply", "--config", config.to_str().unwrap()];
    let refused = run(edgebase(&product, &arguments)).await;
    let err = String::from_utf8_lossy(&refused.stderr).into_owned();
    let entry = r#"{ version: 1, description: "rename title to name", up: "ALTER TABLE \"notes\" RENAME COLUMN \"title\" TO \"name\"" }"#;
    assert!(!refused.status.success() && err.contains("EB007") && err.contains(entry), "{err}");

    let dry = run(edgebase(&product, &[&arguments[..], &["--dry-run"]].concat())).await;
    let out = String::from_utf8_lossy(&dry.stdout).into_owned();
    assert!(
        out.contains("X room.notes: drop_column [ACCESS EXCLUSIVE]") && out.contains(entry),
        "{out}"
    );
    let lines = run(edgebase(&product, &[&arguments[..], &["--dry-run", "--json"]].concat())).await;
    let lines = String::from_utf8_lossy(&lines.stdout).into_owned();
    let changes: Vec<serde_json::Value> =
        lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let lost = changes.iter().find(|c| c["change"] == "drop_column").unwrap();
    assert_eq!(
        lost["guide"]["rename"]["up"],
        "ALTER TABLE \"notes\" RENAME COLUMN \"title\" TO \"name\""
    );
    assert_eq!((&lost["covered"], &lost["lock"]), (&json!(false), &json!("ACCESS EXCLUSIVE")));

    let covered =
        format!("n: 'number', name: 'string' }}, migrations: [{entry}], access: open, // ");
    let covered = ("title: { type: 'string' }, n: 'number' }, access: open }", covered.as_str());
    reload(&product, &[(covered.0, &format!("{}\n }}", covered.1))]).await;
    assert_eq!(user.get(&notes(&id)).await.items()[0]["name"], "kept");
    assert_eq!(registry(&admin, &format!("room:{id}"), "state").await.as_deref(), Some("active"));
}
