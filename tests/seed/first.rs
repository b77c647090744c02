//! Does the page's first config load as it stands, and do its rules hold?

use edgebase_tests::{Client, Product, python, token, unique, workspace};
use serde_json::json;
use std::process::Command;
use std::sync::Arc;

fn product() -> Arc<Product> {
    Product::shared("seed_first.ts")
}

/// A user with an id of its own, and the path of its notes.
fn someone(product: &Product, name: &str) -> (Client, String, String) {
    let id = unique(name);
    let notes = format!("/api/db/user/{id}/tables/notes");
    (product.user(&id), id, notes)
}

#[tokio::test]
async fn a_user_creates_and_reads_notes_of_their_own() {
    let product = product();
    let (alice, _, notes) = someone(&product, "alice");
    let made = alice.post(&notes, &json!({"title": "Milk", "body": "2 litres"})).await.expect(201);
    assert_eq!((&made["title"], &made["body"]), (&json!("Milk"), &json!("2 litres")));
    let list = alice.get(&notes).await.expect(200);
    assert_eq!(list["items"], json!([made]));
    assert_eq!(list["total"], 1);
}

#[tokio::test]
async fn another_user_and_nobody_are_refused_and_learn_nothing() {
    let product = product();
    let (alice, id, notes) = someone(&product, "alice");
    let (bob, _, _) = someone(&product, "bob");
    let made = alice.post(&notes, &json!({"title": "private"})).await.expect(201);
    let record = format!("{notes}/{}", made["id"].as_str().unwrap());
    let message = format!("Access denied. You do not have access to user:{id}.");
    for stranger in [&bob, &product.anonymous()] {
        stranger.get(&notes).await.refused(403, &message);
        stranger.get(&record).await.refused(403, &message);
        stranger.get(&format!("{notes}/count")).await.refused(403, &message);
        stranger.get(&format!("{notes}/search?search=private")).await.refused(403, &message);
        stranger.post(&notes, &json!({"title": "mine"})).await.refused(403, &message);
        stranger.patch(&record, &json!({"title": "mine"})).await.refused(403, &message);
        stranger.delete(&record).await.refused(403, &message);
        stranger
            .post(&format!("{notes}/batch"), &json!({"deletes": [made["id"]]}))
            .await
            .refused(403, &message);
        let everything = json!({"action": "delete", "filter": [["title", "!=", ""]]});
        stranger
            .post(&format!("{notes}/batch-by-filter"), &everything)
            .await
            .refused(403, &message);
    }
    assert_eq!(alice.get(&record).await.expect(200), made);
}

#[tokio::test]
async fn reading_an_instance_that_does_not_exist_yet_creates_nothing() {
    let product = product();
    let (alice, id, notes) = someone(&product, "reader");
    let list = alice.get(&notes).await.expect(200);
    assert_eq!((&list["items"], &list["total"]), (&json!([]), &json!(0)));
    alice.get(&format!("{notes}/nope")).await.refused(404, "Record 'nope' not found in 'notes'.");
    let admin = edgebase_tests::sql::connect(&product.admin_url).await;
    let schema = format!("user:{id}");
    let found = admin.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[&schema]).await;
    assert!(found.unwrap().is_empty());
    alice.post(&notes, &json!({"title": "now"})).await.expect(201);
    let found = admin.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[&schema]).await;
    assert_eq!(found.unwrap().len(), 1);
}

#[tokio::test]
async fn a_draft_is_hidden_from_strangers_and_changed_by_its_author_only() {
    let product = product();
    let posts = "/api/db/app/tables/posts";
    let (author, id, _) = someone(&product, "author");
    let (stranger, _, _) = someone(&product, "stranger");
    let admin = product.user_with("boss", &json!({"role": "admin"}));
    let draft = json!({"title": "Draft", "body": "…", "authorId": id});
    product.anonymous().post(posts, &draft).await.refused(
        403,
        "Access denied. The 'insert' access rule for table 'posts' rejected this request.",
    );
    let made = author.post(posts, &draft).await.expect(201);
    let name = made["id"].as_str().unwrap();
    let record = format!("{posts}/{name}");
    let no = |what: &str| {
        format!("Access denied: '{what}' rule blocked record \"{name}\" in table \"posts\".")
    };
    assert_eq!(author.get(&record).await.expect(200), made);
    stranger.get(&record).await.refused(403, &no("read"));
    product.anonymous().get(&record).await.refused(403, &no("read"));
    for (client, found) in [(&author, 1), (&stranger, 0), (&product.anonymous(), 0)] {
        let filter = json!([["id", "==", name]]).to_string();
        let list = client.query(posts, &[("filter", &filter)]).await;
        assert_eq!((list.status, list.items().len()), (200, found), "{}", list.text);
    }
    stranger.patch(&record, &json!({"title": "Mine"})).await.refused(403, &no("update"));
    author.delete(&record).await.refused(403, &no("delete"));
    let changed = author.patch(&record, &json!({"title": "Better"})).await.expect(200);
    assert_eq!(changed["title"], "Better");
    assert_eq!(admin.delete(&record).await.expect(200), json!({"deleted": true}));
    author.get(&record).await.refused(404, &format!("Record '{name}' not found in 'posts'."));
}

/// The page's own line, `client.db('app').table('posts').getList()`, with drafts in the table.
#[tokio::test]
async fn anybody_lists_the_posts_that_they_may_see() {
    let product = product();
    let posts = "/api/db/app/tables/posts";
    let (u1, u2, other) = (unique("u1"), unique("u2"), unique("other"));
    let mut drafts = Vec::new();
    for (author, title) in [
        (&other, "Draft of somebody"),
        (&u1, "Draft of u1"),
        (&u2, "Draft of u2"),
        (&u1, "Another Draft"),
        (&other, "Draft of somebody"),
    ] {
        let draft = json!({"title": title, "body": "…", "authorId": author});
        let made = product.user(author).post(posts, &draft).await.expect(201);
        drafts.push((author.clone(), made["id"].as_str().unwrap().to_owned()));
    }
    for user in [Some(&u1), Some(&u2), None] {
        let client = user.map_or_else(|| product.anonymous(), |id| product.user(id));
        let own = drafts.iter().filter(|(author, _)| Some(author) == user);
        let own: Vec<&str> = own.map(|(_, id)| id.as_str()).collect();
        let list = client.get(posts).await;
        assert_eq!((list.status, list.ids()), (200, own.clone()), "{}", list.text);
        let count = client.get(&format!("{posts}/count")).await.expect(200);
        assert_eq!([&list.body["total"], &count["total"]], [own.len(), own.len()]);
        let found = client.get(&format!("{posts}/search?search=Draft")).await;
        assert_eq!((found.status, found.ids().len()), (200, own.len()), "{}", found.text);

        let token = user.map(|id| token::user(&product.jwt_secret, id, &json!({})));
        let output = Command::new(python())
            .args(["-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no"])
            .arg(workspace().join("tests/python_user"))
            .env("EDGEBASE_URL", &product.url)
            .env("EDGEBASE_TOKEN", token.unwrap_or_default())
            .env("EDGEBASE_POSTS", own.join(","))
            .output()
            .expect("Python starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{user:?}: {text}");
    }
}

#[tokio::test]
async fn every_tenant_has_a_schema_of_its_own_in_postgres() {
    let product = product();
    let (alice, a, alices) = someone(&product, "tenant");
    let (bob, b, bobs) = someone(&product, "tenant");
    alice.post(&alices, &json!({"title": "of alice"})).await.expect(201);
    bob.post(&bobs, &json!({"title": "of bob"})).await.expect(201);
    let admin = edgebase_tests::sql::connect(&product.admin_url).await;
    for (id, title) in [(a, "of alice"), (b, "of bob")] {
        let rows = format!("SELECT title FROM \"user:{id}\".notes");
        assert_eq!(edgebase_tests::sql::texts(&admin, &rows).await.unwrap(), [title]);
    }
}
