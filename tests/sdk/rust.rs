//! Does the official Rust SDK work against us, every database method, on both kinds of block?
//!
//! Not here, because the server does not have it: `broadcast`. That no other is left out is
//! checked against the SDK's own source.

use edgebase_admin::{EdgeBase, Error};
use edgebase_core::field_ops::{delete_field, increment};
use edgebase_core::{BatchResult, ListResult, TableRef, UpsertResult};
use edgebase_tests::{Product, unique};
use serde_json::{Value, json};

/// The table in both kinds of block; the test's own rows carry the mark.
struct Place {
    table: TableRef,
    mark: String,
}

impl Place {
    fn mine(&self) -> TableRef {
        self.table.clone().where_("mark", "==", &self.mark)
    }
}

fn both(table: &str) -> [Place; 2] {
    let product = Product::shared("sdk.ts");
    let client = EdgeBase::server(&product.url, &product.service_key).unwrap();
    let instance = unique("ws 'é\" 😀");
    [client.db("shared", None).table(table), client.db("workspace", Some(&instance)).table(table)]
        .map(|table| Place { table, mark: unique("mark") })
}

fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().unwrap()
}

fn titles(list: &Value) -> Vec<&str> {
    items(list).iter().map(|i| i["title"].as_str().unwrap()).collect()
}

fn status(error: &Error) -> u16 {
    match error {
        Error::Api { status, .. } => *status,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn insert_get_update_delete() {
    for place in both("posts") {
        let record = json!({
            "mark": place.mark, "title": "Hello", "views": 3, "published": true,
            "publishedAt": "2026-11-23T10:00:00.000Z", "meta": {"tags": ["a", 1]}
        });
        let made = place.table.insert(&record).await.unwrap();
        for (key, value) in record.as_object().unwrap() {
            assert_eq!(&made[key], value, "{key}");
        }
        let id = made["id"].as_str().unwrap();
        assert_eq!(place.table.get_one(id).await.unwrap(), made);
        assert_eq!(place.table.doc(id).get().await.unwrap(), made);

        let changed = place.table.update(id, &json!({"title": "Bye"})).await.unwrap();
        assert_eq!((&changed["title"], &changed["views"]), (&json!("Bye"), &json!(3)));
        let operators = json!({"views": increment(2), "meta": delete_field()});
        let changed = place.table.doc(id).update(&operators).await.unwrap();
        assert_eq!((&changed["views"], &changed["meta"]), (&json!(5), &json!(null)));

        place.table.delete(id).await.unwrap();
        assert_eq!(status(&place.table.get_one(id).await.unwrap_err()), 404);
        assert_eq!(status(&place.table.doc(id).delete().await.unwrap_err()), 404);
    }
}

#[tokio::test]
async fn lists_with_filters_sorts_and_pages() {
    for place in both("posts") {
        let rows: Vec<_> = (0..12)
            .map(|n| {
                json!({
                    "mark": place.mark, "title": format!("post {n:02}"), "views": n,
                    "published": n % 2 == 0
                })
            })
            .collect();
        let made = place.table.insert_many(rows).await.unwrap();
        assert_eq!(made["inserted"].as_array().unwrap().len(), 12);

        assert_eq!(place.mine().count().await.unwrap(), 12);
        assert_eq!(place.mine().where_("published", "==", true).count().await.unwrap(), 6);
        let some = place.mine().where_("views", ">=", "10").order_by("views", "desc");
        assert_eq!(titles(&some.get_list().await.unwrap()), ["post 11", "post 10"]);
        let either = place
            .mine()
            .or_(|q| q.where_("views", "==", 1).where_("title", "contains", "07"))
            .order_by("views", "asc");
        assert_eq!(titles(&either.get_list().await.unwrap()), ["post 01", "post 07"]);
        let within = place.mine().where_("views", "in", [2, 4, 99]).order_by("views", "asc");
        assert_eq!(titles(&within.get_list().await.unwrap()), ["post 02", "post 04"]);
        assert_eq!(
            place.mine().where_("views", "==", 5).get_first().await.unwrap()["title"],
            "post 05"
        );
        assert!(place.mine().where_("views", "==", 500).get_first().await.unwrap().is_null());

        let sorted = place.mine().order_by("views", "asc");
        let page = sorted.clone().page(2).limit(5).get_list().await.unwrap();
        assert_eq!(items(&page)[0]["views"], 5);
        assert_eq!((&page["total"], &page["hasMore"]), (&json!(12), &json!(true)));
        let rest = sorted.clone().offset(10).limit(5).get_list().await.unwrap();
        assert_eq!(titles(&rest), ["post 10", "post 11"]);
        assert!(sorted.page(1).after("x").get_list().await.is_err(), "the SDK itself refuses");

        let (mut seen, mut next) = (0, Some(place.mine().limit(5).get_list().await.unwrap()));
        while let Some(page) = next {
            seen += items(&page).len();
            next = match page["cursor"].as_str() {
                Some(cursor) => Some(place.mine().limit(5).after(cursor).get_list().await.unwrap()),
                None => None,
            };
        }
        assert_eq!(seen, 12);
        let fifth = place.mine().order_by("id", "asc").offset(4).get_first().await.unwrap();
        let before = place.mine().before(fifth["id"].as_str().unwrap()).get_list().await.unwrap();
        assert_eq!(items(&before).len(), 4);
    }
}

#[tokio::test]
async fn search() {
    for place in both("posts") {
        for body in ["the quick brown fox", "the lazy dog"] {
            let row = json!({"mark": place.mark, "title": "x", "body": body});
            place.table.insert(&row).await.unwrap();
        }
        let found = place.mine().search("quick").get_list().await.unwrap();
        assert_eq!(items(&found).len(), 1);
        assert_eq!(items(&found)[0]["body"], "the quick brown fox");
    }
}

#[tokio::test]
async fn upserts() {
    for place in both("people") {
        let email = format!("{}@example.com", place.mark);
        let ada = json!({"mark": place.mark, "email": email, "name": "Ada"});
        let first = place.table.upsert(&ada, Some("email")).await.unwrap();
        assert_eq!(first["action"], "inserted");
        let renamed = json!({"email": email, "name": "Ada L."});
        let second = place.table.upsert(&renamed, Some("email")).await.unwrap();
        assert_eq!((&second["action"], &second["id"]), (&json!("updated"), &first["id"]));
        let by_id = json!({"id": first["id"], "email": email, "name": "A."});
        assert_eq!(place.table.upsert(&by_id, None).await.unwrap()["action"], "updated");
        let many = vec![
            json!({"mark": place.mark, "email": email, "name": "Ada"}),
            json!({"mark": place.mark, "email": format!("2{email}"), "name": "Bob"}),
        ];
        let all = place.table.upsert_many(many, Some("email")).await.unwrap();
        assert_eq!(all["inserted"].as_array().unwrap().len(), 2);
        assert_eq!(place.mine().count().await.unwrap(), 2);
        let twice = place.table.insert(&json!({"email": email})).await.unwrap_err();
        assert_eq!(status(&twice), 409);
    }
}

#[tokio::test]
async fn many_at_once() {
    for place in both("posts") {
        let rows: Vec<_> =
            (0..1_100).map(|n| json!({"mark": place.mark, "title": "x", "views": n})).collect();
        let made = place.table.insert_many(rows).await.unwrap();
        assert_eq!(made["inserted"].as_array().unwrap().len(), 1_100);
        let none = place.table.insert_many(vec![]).await.unwrap();
        assert_eq!(none["inserted"], json!([]));
        let few = place.mine().where_("views", "<", 300);
        let answer =
            few.update_many(&json!({"title": "y", "views": increment(0.5)})).await.unwrap();
        assert_eq!((&answer["processed"], &answer["succeeded"]), (&json!(300), &json!(300)));
        let changed = place.mine().where_("title", "==", "y");
        assert_eq!(changed.clone().count().await.unwrap(), 300);
        assert_eq!(changed.delete_many().await.unwrap()["succeeded"], 300);
        assert_eq!(place.mine().count().await.unwrap(), 800);
        assert!(place.table.delete_many().await.is_err(), "the SDK itself refuses");
    }
}

#[tokio::test]
async fn raw_sql() {
    for place in both("posts") {
        for views in [1, 2, 3] {
            let row = json!({"mark": place.mark, "title": "it's", "views": views});
            place.table.insert(&row).await.unwrap();
        }
        let query = "SELECT title, views FROM posts WHERE mark = ? AND views > ? ORDER BY views";
        let rows = place.table.sql(query, &[json!(place.mark), json!(1)]).await.unwrap();
        let found: Vec<_> = rows.iter().map(|r| (&r["title"], &r["views"])).collect();
        assert_eq!(found, [(&json!("it's"), &json!(2)), (&json!("it's"), &json!(3))]);
    }
    let product = Product::shared("sdk.ts");
    let client = EdgeBase::server(&product.url, &product.service_key).unwrap();
    let instance = unique("ws");
    for id in [None, Some(&*instance)] {
        let namespace = if id.is_none() { "shared" } else { "workspace" };
        let answer = client.sql(namespace, id, "SELECT 1 AS a, ? AS b", &["x"]).await.unwrap();
        assert_eq!(answer["rows"], json!([{"a": 1, "b": "x"}]));
        assert_eq!(answer["columns"], json!(["a", "b"]));
        let failed = client.sql::<Value>(namespace, id, "SELEC 1", &[]).await.unwrap_err();
        assert_eq!(status(&failed), 400);
    }
}

#[tokio::test]
async fn errors_reach_the_caller_with_status_and_message() {
    for place in both("posts") {
        match place.table.insert(&json!({"views": 1})).await.unwrap_err() {
            Error::Api { status, message } => {
                assert_eq!((status, &*message), (400, "Invalid 'title'. Field is required."));
            }
            other => panic!("{other}"),
        }
    }
    let product = Product::shared("sdk.ts");
    let stranger = EdgeBase::server(&product.url, "wrong").unwrap();
    let refused = stranger.db("shared", None).table("posts").get_list().await.unwrap_err();
    assert_eq!(status(&refused), 401);
    let client = EdgeBase::server(&product.url, &product.service_key).unwrap();
    let nowhere = client.db("shared", None).table("nope").get_list().await.unwrap_err();
    assert_eq!(status(&nowhere), 404);
}

/// Where cargo keeps the source of a dependency.
fn source(package: &str, file: &str) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = std::process::Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline"])
        .current_dir(edgebase_tests::workspace())
        .output()
        .expect("cargo starts");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo describes packages");
    let packages = metadata["packages"].as_array().expect("there are packages");
    let found = packages.iter().find(|p| p["name"] == package).expect("it is a dependency");
    let manifest = std::path::Path::new(found["manifest_path"].as_str().expect("a path"));
    std::fs::read_to_string(manifest.with_file_name("src").join(file)).expect("it has that file")
}

#[test]
fn no_database_method_of_the_sdk_is_left_out() {
    // Constructors that the client's own methods stand before, and what the server does not have.
    const ELSEWHERE: [&str; 3] = ["new", "with_db", "broadcast"];
    // The other services of the client.
    const OTHERS: [&str; 8] =
        ["admin_auth", "storage", "kv", "d1", "vector", "push", "functions", "analytics"];
    let here = include_str!("rust.rs");
    for (package, file) in [("edgebase-core", "table.rs"), ("edgebase-admin", "edgebase.rs")] {
        let source = source(package, file);
        let methods: Vec<_> = source
            .lines()
            .filter_map(|line| {
                let line = line.trim();
                let rest = line.strip_prefix("pub fn ").or(line.strip_prefix("pub async fn "))?;
                rest.split(['(', '<']).next()
            })
            .collect();
        assert!(methods.len() > 10, "{file} has methods: {methods:?}");
        for method in methods {
            let is_called = [".", "::"].iter().any(|by| {
                here.contains(&format!("{by}{method}("))
                    || here.contains(&format!("{by}{method}::<"))
            });
            let is_excused = ELSEWHERE.contains(&method) || OTHERS.contains(&method);
            assert!(is_called || is_excused, "{package}: no test here calls {method}");
        }
    }
}

#[tokio::test]
async fn answers_fit_the_types_of_the_sdk() {
    for place in both("people") {
        assert_eq!(place.table.name(), "people");
        let person = json!({"mark": place.mark, "email": format!("{}@example.com", place.mark)});
        let upserted = place.table.upsert(&person, Some("email")).await.unwrap();
        assert!(UpsertResult::from_value(upserted).inserted);
        let list = ListResult::from_value(place.mine().limit(1).get_list().await.unwrap());
        assert_eq!(
            (list.items.len(), list.total, list.page, list.per_page),
            (1, Some(1), Some(1), Some(1))
        );
        assert_eq!((list.has_more, list.cursor), (Some(false), None));
        let deleted = place.mine().delete_many().await.unwrap();
        assert!(BatchResult::from_value(deleted).errors.is_empty());
    }
}
