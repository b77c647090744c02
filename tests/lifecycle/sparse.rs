//! Has an instance the tables that were written to, and does nobody notice those that it has not?
//!
//! Invariant of every test: what is read of a table that is not there is what an empty one would
//! give, and makes nothing; a first write makes its table and those that it refers to.

use super::state::{one, orphans, until_it_waits};
use edgebase_tests::sql::{connect, ident, literal};
use edgebase_tests::{Client, Product, unique};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

fn product() -> Arc<Product> {
    Product::shared("sparse.ts")
}

fn at(id: &str, table: &str) -> String {
    format!("/api/db/shop/{id}/tables/{table}")
}

/// The instance's tables by name; empty also where there is no instance.
async fn tables(admin: &tokio_postgres::Client, id: &str) -> String {
    let sql = "SELECT coalesce(string_agg(tablename, ' ' ORDER BY tablename COLLATE \"C\"), '')
               FROM pg_tables WHERE schemaname = 'shop:' || ";
    one(admin, &format!("{sql}{}", literal(id))).await
}

async fn read_everything(user: &Client, service: &Client, id: &str) {
    for table in ["orders", "lines", "loose", "mine", "banned", "watched"] {
        let path = at(id, table);
        let filter = [("filter", r#"[["id","==","x"]]"#), ("sort", "createdAt:desc")];
        for list in [user.get(&path).await, user.query(&path, &filter).await] {
            let list = list.expect(200);
            assert_eq!((&list["items"], &list["total"]), (&json!([]), &json!(0)), "{table}");
            assert_eq!((&list["hasMore"], &list["cursor"]), (&json!(false), &json!(null)));
        }
        assert_eq!(user.get(&format!("{path}/count")).await.expect(200), json!({"total": 0}));
        let search = user.query(&format!("{path}/search"), &[("search", "x")]).await.expect(200);
        assert_eq!(search["items"], json!([]), "{table}");
        let record = format!("{path}/x");
        assert_eq!(user.get(&record).await.status, 404, "{table}");
        assert_eq!(user.patch(&record, &json!({"id": "x"})).await.status, 404, "{table}");
        assert_eq!(user.delete(&record).await.status, 404, "{table}");
        let batch = json!({"updates": [{"id": "x", "data": {}}], "deletes": ["x"]});
        let batch = user.post(&format!("{path}/batch"), &batch).await.expect(200);
        assert_eq!(batch, json!({"updated": [{"id": "x"}], "deleted": 1}), "{table}");
        let bulk = json!({"action": "delete", "filter": [["id", "==", "x"]]});
        let bulk = user.post(&format!("{path}/batch-by-filter"), &bulk).await.expect(200);
        assert_eq!(bulk, json!({"processed": 0, "succeeded": 0}), "{table}");
    }
    let export = service.get(&format!("/api/db/shop/{id}/export")).await;
    assert_eq!((export.status, export.text.lines().count()), (200, 1), "{}", export.text);
    let list = service.query("/api/db/shop", &[("limit", "1000")]).await.expect(200);
    let known = list["items"].as_array().unwrap().iter().any(|i| i["id"] == id);
    assert!(known, "{list}");
}

#[tokio::test]
async fn every_read_of_a_table_that_is_not_there_is_empty_and_makes_nothing() {
    // A server of its own, whose log is this test's.
    let product = Product::start(&edgebase_tests::fixture("sparse.ts"));
    let admin = connect(&product.admin_url).await;
    let (user, service, id) = (product.user("u"), product.service(), unique("reads"));
    user.post(&at(&id, "items"), &json!({"id": "i", "name": "only"})).await.expect(201);
    read_everything(&user, &service, &id).await;
    assert_eq!(tables(&admin, &id).await, "items");
    let log = product.database_log();
    assert!(!log.contains("does not exist"), "no statement fails of it: {log}");
    // What is made behind the server's back is there at once.
    let sql = format!(
        "SELECT edgebase.ensure_tables('shop', {}, ARRAY['loose']); INSERT INTO {}.loose (id) VALUES ('x')",
        literal(&id),
        ident(&format!("shop:{id}"))
    );
    admin.batch_execute(&sql).await.unwrap();
    assert_eq!(user.get(&at(&id, "loose")).await.ids(), ["x"]);
    assert_eq!(user.get(&format!("{}/x", at(&id, "loose"))).await.status, 200);
}

#[tokio::test]
async fn each_kind_of_first_write_makes_its_table_and_what_that_refers_to() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    let user = product.user("u");
    let insert = json!({"id": "x"});
    let batch = json!({"inserts": [{"id": "x"}]});
    for (table, path, body, made) in [
        ("lines", "", &insert, "items lines orders"),
        ("orders", "?upsert=true", &insert, "items orders"),
        ("orders", "?upsert=true&conflictTarget=code", &json!({"code": "c"}), "items orders"),
        ("mine", "/batch", &json!({"inserts": [{"owner": "u"}]}), "mine"),
        ("loose", "/batch?upsert=true", &batch, "loose"),
        ("watched", "", &insert, "watched"),
        ("watched", "/batch", &batch, "watched"),
    ] {
        for first in ["", "banned"] {
            let id = unique("first");
            if !first.is_empty() {
                user.post(&at(&id, first), &json!({"who": "nobody"})).await.expect(201);
            }
            let answer = user.post(&format!("{}{path}", at(&id, table)), body).await;
            assert!(matches!(answer.status, 200 | 201), "{table}{path}: {}", answer.text);
            let mut all: Vec<&str> = made.split(' ').chain([first]).collect();
            all.sort_unstable();
            assert_eq!(tables(&admin, &id).await, all.join(" ").trim(), "{table}{path}");
            let list = user.get(&at(&id, table)).await.expect(200);
            assert_eq!(list["total"], 1, "{table}{path}: {list}");
        }
    }
}

#[tokio::test]
async fn rules_and_hooks_find_nothing_in_a_table_that_is_not_there_and_what_is_once_it_is() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    let (user, id) = (product.user("u"), unique("hooks"));
    let made = user.post(&at(&id, "watched"), &json!({})).await.expect(201);
    assert_eq!(made["seen"], "0 true false");
    assert_eq!(tables(&admin, &id).await, "watched");
    user.post(&at(&id, "orders"), &json!({"id": "x"})).await.expect(201);
    user.post(&at(&id, "lines"), &json!({"order": "x"})).await.expect(201);
    let made = user.post(&at(&id, "watched"), &json!({})).await.expect(201);
    assert_eq!(made["seen"], "1 false true");
    user.post(&at(&id, "banned"), &json!({"who": "u"})).await.expect(201);
    assert_eq!(user.get(&at(&id, "orders")).await.status, 403);
}

#[tokio::test]
async fn a_foreign_key_holds_in_a_table_that_came_later() {
    let (product, id) = (product(), unique("keys"));
    let user = product.user("u");
    user.post(&at(&id, "items"), &json!({"id": "i"})).await.expect(201);
    let none = user.post(&at(&id, "orders"), &json!({"item": "none"})).await;
    assert!((400..500).contains(&none.status), "{}", none.text);
    user.post(&at(&id, "orders"), &json!({"id": "o", "item": "i"})).await.expect(201);
    user.delete(&format!("{}/i", at(&id, "items"))).await.expect(200);
    let order = user.get(&format!("{}/o", at(&id, "orders"))).await.expect(200);
    assert_eq!(order["item"], json!(null));
}

#[tokio::test]
async fn raw_sql_sees_every_table_of_the_block_and_no_other() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    let (service, id) = (product.service(), unique("raw"));
    product.user("u").post(&at(&id, "items"), &json!({"id": "i"})).await.expect(201);
    let sql = |text: &str| json!({"namespace": "shop", "id": id, "sql": text});
    let run = async |text: &str| service.post("/api/sql", &sql(text)).await;
    run("SELECT FROM items").await.expect(200);
    assert_eq!(tables(&admin, &id).await, "items", "nothing is missing");
    let insert = "INSERT INTO lines (id) SELECT id FROM items RETURNING id";
    assert_eq!(run(insert).await.expect(200)["rows"], json!([{"id": "i"}]));
    assert_eq!(tables(&admin, &id).await, "banned items lines loose mine orders watched");
    let unknown = run("SELECT FROM nothing").await;
    unknown.refused(400, "relation \"nothing\" does not exist (SQLSTATE 42P01)");
}

#[tokio::test]
async fn of_fifty_first_writes_to_different_tables_of_one_id_every_one_is_stored() {
    const TABLES: [&str; 5] = ["loose", "lines", "orders", "mine", "watched"];
    let product = product();
    let admin = connect(&product.admin_url).await;
    for round in 0..6 {
        let id = unique("rush");
        if round % 2 == 1 {
            product.user("u").post(&at(&id, "items"), &json!({})).await.expect(201);
        }
        let start = Arc::new(Barrier::new(50));
        let mut crowd = JoinSet::new();
        for n in 0..50 {
            let (start, path, user) =
                (Arc::clone(&start), at(&id, TABLES[n % TABLES.len()]), product.user("u"));
            crowd.spawn(async move {
                start.wait().await;
                let body = json!({"id": format!("n{n}"), "owner": "u"});
                let body = if n % 5 == 3 || n % 5 == 0 { body } else { json!({"id": body["id"]}) };
                user.post(&path, &body).await
            });
        }
        for answer in crowd.join_all().await {
            answer.expect(201);
        }
        for table in TABLES {
            let list = product.user("u").get(&format!("{}/count", at(&id, table))).await;
            assert_eq!(list.expect(200)["total"], 10, "{table}");
        }
        assert_eq!(tables(&admin, &id).await, "items lines loose mine orders watched");
        let created = format!("SELECT count(*) FROM edgebase.audit WHERE id = {}", literal(&id));
        assert_eq!(one(&admin, &created).await, "1");
    }
    assert_eq!(orphans(&admin).await, [""; 0]);
}

#[tokio::test]
async fn a_new_table_waits_for_writers_of_what_it_refers_to_and_for_nobody_else() {
    let product = product();
    let admin = connect(&product.admin_url).await;
    let (user, id) = (product.user("u"), unique("busy"));
    user.post(&at(&id, "items"), &json!({"id": "i"})).await.expect(201);
    let inside = connect(&product.proxy_url).await;
    let enter = format!("BEGIN; SELECT edgebase.enter('shop', {})", literal(&id));
    inside.batch_execute(&enter).await.unwrap();
    inside.batch_execute("INSERT INTO items (id) VALUES ('j')").await.unwrap();
    user.post(&at(&id, "loose"), &json!({"id": "l"})).await.expect(201);
    let (maker, theirs) = (connect(&product.proxy_url).await, literal(&id));
    let pid: i32 = one(&maker, "SELECT pg_backend_pid()").await.parse().unwrap();
    let making = tokio::spawn(async move {
        let sql = format!("SELECT edgebase.ensure_tables('shop', {theirs}, ARRAY['orders'])");
        maker.batch_execute(&sql).await
    });
    until_it_waits(&admin, pid).await;
    assert_eq!(user.get(&at(&id, "items")).await.ids(), ["i"], "readers go on");
    inside.batch_execute("COMMIT").await.unwrap();
    making.await.unwrap().unwrap();
    user.post(&at(&id, "orders"), &json!({"item": "j"})).await.expect(201);
}

#[tokio::test]
async fn what_is_not_there_is_in_no_receipt() {
    let (product, id) = (product(), unique("gone"));
    let user = product.user("u");
    user.post(&at(&id, "orders"), &json!({"id": "o"})).await.expect(201);
    let answer = user.delete(&format!("/api/db/shop/{id}")).await.expect(200);
    let tables = answer["tables"].as_array().unwrap();
    let names: Vec<&Value> = tables.iter().map(|t| &t["name"]).collect();
    assert_eq!(names, ["items", "orders"]);
}

#[tokio::test]
async fn a_table_of_a_single_instance_block_that_is_gone_is_a_fault_and_not_empty() {
    let product = super::product();
    let admin = connect(&product.admin_url).await;
    let (user, path) = (product.user("u"), "/api/db/app/tables/links");
    user.get(path).await.expect(200);
    admin.batch_execute("DROP TABLE app.links").await.unwrap();
    assert_eq!(user.get(path).await.status, 503);
    assert_eq!(user.post(path, &json!({})).await.status, 503);
    let made = "SELECT edgebase.ensure_tables('app') -> 'created'";
    assert_eq!(one(&admin, made).await, r#"["links"]"#);
    user.post(path, &json!({})).await.expect(201);
}
