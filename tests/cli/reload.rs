//! Does an edit of the config take effect while `edgebase dev` runs, and only when it is sound?

use edgebase_tests::{Answer, Client, Product, fixture};
use serde_json::json;
use std::future::Future;
use std::time::{Duration, Instant};

const POSTS: &str = "/api/db/app/tables/posts";

/// Asks until the answer is as wanted.
async fn until<F: Future<Output = Answer>>(
    what: &str,
    ask: impl Fn() -> F,
    wanted: impl Fn(&Answer) -> bool,
) -> Answer {
    let begun = Instant::now();
    loop {
        let answer = ask().await;
        if wanted(&answer) {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}: still {}", answer.text);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn logged(product: &Product, text: &str) {
    let begun = Instant::now();
    while !product.log().contains(text) {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{text:?} is not in:\n{}",
            product.log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Replaces `from` by `to` in the config that the product watches.
fn edit(product: &Product, from: &str, to: &str) {
    let text = std::fs::read_to_string(&product.config).unwrap();
    assert!(text.contains(from), "{from} is not in the config");
    std::fs::write(&product.config, text.replace(from, to)).unwrap();
}

fn author(product: &Product) -> Client {
    product.user("author")
}

#[tokio::test]
async fn a_sound_edit_takes_effect_and_a_broken_one_does_not() {
    let product = Product::start(&fixture("reload.ts"));
    let client = author(&product);
    let made = client.post(POSTS, &json!({"title": "x", "extra": "dropped"})).await.expect(201);
    assert!(made.get("extra").is_none());

    // A new field, with the rows that are there already.
    edit(&product, "title: 'string'", "title: 'string', extra: 'number'");
    let list = until("a new field", || client.get(POSTS), |a| a.text.contains("extra")).await;
    assert_eq!(list.items()[0]["extra"], json!(null));
    let second = client.post(POSTS, &json!({"title": "y", "extra": 5})).await.expect(201);
    assert_eq!(second["extra"], 5);

    // A rule.
    edit(&product, "/* read */", "read(auth) { return auth !== null },");
    let nobody = product.anonymous();
    until("a new rule", || nobody.get(POSTS), |a| a.status == 403).await;
    client.get(POSTS).await.expect(200);

    // A new table and a new block.
    edit(&product, "/* tables */", "comments: { schema: { text: 'string' } },");
    let comments = "/api/db/app/tables/comments";
    until("a new table", || client.get(comments), |a| a.status == 200).await;
    client.post(comments, &json!({"text": "hi"})).await.expect(201);
    edit(
        &product,
        "/* blocks */",
        "room: { instance: true, access: { canCreate: () => true }, tables: { m: { schema: { t: 'string' } } } },",
    );
    let room = "/api/db/room/r/tables/m";
    until("a new block", || client.get(room), |a| a.status == 200).await;
    client.post(room, &json!({"t": "x"})).await.expect(201);

    // Broken: a syntax error, an unknown type, a step that would lose data.
    for (from, to, complaint) in [
        ("databases: {", "databases: {{", "edgebase.config.ts"),
        ("extra: 'number'", "extra: 'numbr'", "numbr"),
        ("extra: 'number'", "extra: 'boolean'", "extra"),
    ] {
        let before = product.log().len();
        edit(&product, from, to);
        logged(&product, "the config was not reloaded").await;
        let begun = Instant::now();
        while !product.log()[before..].contains("the last good one stays in use") {
            assert!(begun.elapsed() < Duration::from_secs(20), "{}", product.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let told = product.log()[before..].to_owned();
        assert!(told.contains(complaint) || told.contains("reload.ts"), "{told}");
        let kept = client.get(POSTS).await;
        assert_eq!(kept.items().len(), 2, "the old config serves: {}", kept.text);
        assert_eq!(kept.items()[1]["extra"], 5);
        nobody.get(POSTS).await.expect(403);
        edit(&product, to, from);
    }

    // And it still follows.
    edit(&product, "text: 'string'", "text: 'string', likes: 'number'");
    until("an edit after broken ones", || client.get(comments), |a| a.text.contains("likes")).await;
}

#[tokio::test]
async fn an_edit_reaches_instances_that_exist_already() {
    let product = Product::start(&fixture("reload.ts"));
    let client = author(&product);
    edit(
        &product,
        "/* blocks */",
        "room: { instance: true, access: { canCreate: () => true }, tables: { m: { schema: { t: 'string' } } } },",
    );
    let rooms: Vec<_> = (0..5).map(|n| format!("/api/db/room/r{n}/tables/m")).collect();
    until("the block", || client.get(&rooms[0]), |a| a.status == 200).await;
    for room in &rooms {
        client.post(room, &json!({"t": "old"})).await.expect(201);
    }
    edit(&product, "t: 'string'", "t: 'string', n: { type: 'number', default: 7 }");
    for room in &rooms {
        until("a field in an old instance", || client.get(room), |a| a.text.contains("\"n\""))
            .await;
        let made = client.post(room, &json!({"t": "new"})).await.expect(201);
        assert_eq!(made["n"], 7);
        assert_eq!(client.get(room).await.items().len(), 2);
    }
}

#[tokio::test]
async fn requests_under_way_do_not_notice_a_reload() {
    let product = Product::start(&fixture("reload.ts"));
    let client = author(&product);
    client.post(POSTS, &json!({"title": "x"})).await.expect(201);
    let mut reloads = 0;
    for n in 0..200 {
        if n % 40 == 0 {
            let text = std::fs::read_to_string(&product.config).unwrap();
            std::fs::write(&product.config, format!("{text}\n// {n}\n")).unwrap();
            reloads += 1;
        }
        client.post(POSTS, &json!({"title": "x"})).await.expect(201);
        client.get(&format!("{POSTS}?limit=1")).await.expect(200);
    }
    logged(&product, "config reloaded").await;
    assert_eq!(reloads, 5);
}
