//! The attacker may read and write a table, and sends what is costly to match, to search or to
//! answer: the server's threads, the database and the memory are everybody's.

use edgebase_tests::{Answer, Client, Product, unique};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a bounded request takes on a machine that does other things as well.
const PROMPT: Duration = Duration::from_secs(20);

fn product() -> Arc<Product> {
    Product::shared("answers.ts")
}

fn table(name: &str) -> String {
    format!("/api/db/app/tables/{name}")
}

/// An answer that came promptly, while another caller was served.
async fn prompt(product: &Product, request: impl Future<Output = Answer>) -> Answer {
    let other = product.anonymous();
    let beside = async {
        let started = Instant::now();
        other.get("/api/health").await.expect(200);
        started.elapsed()
    };
    let started = Instant::now();
    let (answer, served) = tokio::join!(request, beside);
    assert!(started.elapsed() < PROMPT && served < PROMPT, "{:?}, {served:?}", started.elapsed());
    answer
}

async fn insert(client: &Client, into: &str, body: Value) -> Answer {
    client.post(&table(into), &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_makes_backtracking_explode_stops_nobody() {
    let product = product();
    let client = product.anonymous();
    for letters in [60, 1 << 20] {
        let value = json!({"email": "a".repeat(letters)});
        let answer = prompt(&product, insert(&client, "patterns", value)).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.message().contains("Must match pattern"), "{}", answer.text);
    }
    let value = json!({"email": "a.b-c@example.com", "loose": format!("{}@x", "a".repeat(20_000))});
    prompt(&product, insert(&client, "patterns", value)).await.expect(201);
    let value = json!({"loose": "a".repeat(1 << 20)});
    assert_eq!(prompt(&product, insert(&client, "patterns", value)).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_that_must_backtrack_has_a_budget_for_each_request() {
    let product = product();
    let client = product.anonymous();
    insert(&client, "patterns", json!({"behind": "aaa"})).await.expect(201);
    let explosive = json!({"behind": format!("{}!", "a".repeat(60))});
    let answer = prompt(&product, insert(&client, "patterns", explosive.clone())).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.message().contains("too many steps"), "{}", answer.text);
    let long = json!({"behind": "a".repeat(10_001)});
    let answer = prompt(&product, insert(&client, "patterns", long)).await;
    assert!(answer.message().contains("at most 10000 characters"), "{}", answer.text);
    // Many of them in one request cost no more than a few.
    let batch = json!({"inserts": vec![explosive; 500]});
    let path = format!("{}/batch", table("patterns"));
    assert_eq!(prompt(&product, client.post(&path, &batch)).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_costs_what_the_text_is_long_and_not_what_the_word_is() {
    let product = product();
    let client = product.anonymous();
    let title = unique("searched");
    let body = "a".repeat(5_000_000);
    insert(&client, "documents", json!({"title": title, "body": body})).await.expect(201);
    let word = "a".repeat(900);
    let path = format!("{}/search", table("documents"));
    let found = prompt(&product, client.query(&path, &[("search", &word), ("limit", "5")]))
        .await
        .expect(200);
    let highlighted = found["items"][0]["body_highlighted"].as_str().unwrap();
    assert!(highlighted.len() <= 70_000 && highlighted.ends_with('…'), "{}", highlighted.len());
    let none = word + "b";
    let found = prompt(&product, client.query(&path, &[("search", &none)])).await.expect(200);
    assert_eq!(found["items"], json!([]));
    let many = "x ".repeat(11);
    client
        .query(&path, &[("search", &many)])
        .await
        .refused(400, "search: at most 10 words in 1000 bytes without NUL characters are allowed.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_costs_what_the_text_is_long_and_not_what_the_operand_is() {
    let product = product();
    let client = product.anonymous();
    let title = unique("filtered");
    let body = "a".repeat(5_000_000);
    for n in 0..5 {
        let id = format!("{title}-{n}");
        let record = json!({"id": id, "title": format!("{title} .*\\"), "body": body});
        insert(&client, "documents", record).await.expect(201);
    }
    let count = |operand: String| {
        let filter =
            json!([["title", "contains", format!("{title} .*\\")], ["body", "contains", operand]]);
        let (client, path) = (client.clone(), format!("{}/count", table("documents")));
        async move { client.query(&path, &[("filter", &filter.to_string())]).await }
    };
    let hard = format!("b{}", "a".repeat(900));
    assert_eq!(prompt(&product, count(hard)).await.expect(200)["total"], 0);
    assert_eq!(prompt(&product, count("a".repeat(900))).await.expect(200)["total"], 5);
    assert_eq!(count("A".to_owned()).await.expect(200)["total"], 0, "case counts");
    assert_eq!(count(String::new()).await.expect(200)["total"], 5, "everything has nothing in it");
    assert_eq!(count("a".repeat(1_001)).await.status, 400);
    let fields = (0..201).map(|n| format!("f{n}")).collect::<Vec<_>>().join(",");
    client
        .query(&table("loose"), &[("fields", &fields)])
        .await
        .refused(400, "fields: at most 200 fields are allowed.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_looks_for_text_costs_what_the_text_is_long_and_not_what_is_looked_for() {
    let product = product();
    let title = unique("tagged");
    let special = r"(a+)+$ .* \d [ ***= 50%_";
    let body = format!("{}{special}", "a".repeat(5_000_000));
    for n in 0..5 {
        let id = format!("{title}-{n}");
        let record = json!({"id": id, "title": title, "body": body});
        insert(&product.anonymous(), "tagged", record).await.expect(201);
    }
    let read = async |part: &str| {
        let client = product.user_with("reader", &json!({"custom": {"part": part}}));
        let filter = json!([["title", "==", title]]).to_string();
        let path = format!("{}/count", table("tagged"));
        prompt(&product, client.query(&path, &[("filter", &filter)])).await.expect(200)["total"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(read(&format!("b{}", "a".repeat(900))).await, 0);
    assert_eq!(read(&"a".repeat(900)).await, 5);
    assert_eq!(read(special).await, 5, "it is no expression");
    assert_eq!(read("A").await, 0, "case counts");
    assert_eq!(read("").await, 5, "every text has nothing in it");
    // The database makes no automaton of a longer one; the rule is then asked about each row.
    assert_eq!(read(&format!("b{}", "a".repeat(1_100))).await, 0);
    assert_eq!(read(&"a".repeat(1_100)).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_is_a_text_and_no_expression() {
    let product = product();
    let client = product.anonymous();
    let (plain, special) = (unique("plain"), unique(r"(a+)+$ .* \d [ ***= 50%_"));
    for title in [&plain, &special] {
        insert(&client, "documents", json!({"title": title, "body": "ÄÖÜ"})).await.expect(201);
    }
    let path = format!("{}/search", table("documents"));
    for (term, expected) in [
        (special.as_str(), 1),
        (&plain.to_uppercase(), 1),
        (&format!("{plain} äöü"), 1),
        (&format!("{plain}.*"), 0),
    ] {
        let found = client.query(&path, &[("search", term)]).await.expect(200);
        assert_eq!(found["total"], expected, "{term}");
    }
}

/// Bytes of a record's text in the tests of large answers.
const LARGE: usize = 3 << 20;

/// Records of that size, together far more than one answer may hold.
async fn fill(client: &Client, prefix: &str, records: usize) {
    let body = "x".repeat(LARGE);
    for n in 0..records {
        let id = format!("{prefix}-{n:02}");
        insert(client, "documents", json!({"id": id, "title": prefix, "body": body}))
            .await
            .expect(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_ends_at_its_bytes_and_a_cursor_goes_on() {
    let product = product();
    let client = product.anonymous();
    let title = unique("pages");
    fill(&client, &title, 7).await;
    let filter = json!([["title", "==", title]]).to_string();
    let (mut ids, mut after) = (Vec::new(), String::new());
    for _ in 0..7 {
        let mut query = vec![("filter", filter.as_str()), ("limit", "1000")];
        if !after.is_empty() {
            query.push(("after", after.as_str()));
        }
        let answer = client.query(&table("documents"), &query).await;
        assert!(answer.text.len() <= (8 << 20) + 1_000, "{}", answer.text.len());
        ids.extend(answer.ids().iter().map(|id| (*id).to_owned()));
        if answer.body["hasMore"] == false {
            break;
        }
        if after.is_empty() {
            assert_eq!(answer.body["total"], 7);
        }
        after = answer.body["cursor"].as_str().expect("a cursor goes on").to_owned();
    }
    let expected: Vec<String> = (0..7).map(|n| format!("{title}-{n:02}")).collect();
    assert_eq!(ids, expected);
    // What is not asked for is not read.
    for (fields, sort) in [("id", "id:asc"), ("title", "createdAt:desc")] {
        let query = [("filter", filter.as_str()), ("fields", fields), ("sort", sort)];
        let answer = client.query(&table("documents"), &query).await;
        assert_eq!((answer.items().len(), &answer.body["hasMore"]), (7, &json!(false)));
        assert!(answer.items().iter().all(|item| item.as_object().unwrap().len() == 1));
    }
    let path = format!("{}/{title}-00?fields=title", table("documents"));
    assert_eq!(client.get(&path).await.expect(200), json!({"title": title}));
    // The connections that pages were cut on serve on.
    for _ in 0..20 {
        client.query(&table("documents"), &[("limit", "0")]).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_of_raw_sql_beyond_its_bound_is_refused_and_rolled_back() {
    let product = product();
    let service = product.service();
    let title = unique("rolled-back");
    let sql = |text: String| json!({"namespace": "app", "sql": text});
    for text in [
        "SELECT repeat('x', 1000000) FROM generate_series(1, 1000)".to_owned(),
        "SELECT n FROM generate_series(1, 1000000) n".to_owned(),
        "SELECT repeat('x', 300000000)".to_owned(),
        format!(
            "INSERT INTO documents (id, title) SELECT '{title}-' || n, '{title}' \
             FROM generate_series(1, 200000) n RETURNING *"
        ),
    ] {
        let answer = prompt(&product, service.post("/api/sql", &sql(text))).await;
        assert_eq!(answer.status, 413, "{}", answer.text);
        let message = answer.message();
        assert!(message.contains("rolled back") && message.contains("COPY"), "{message}");
    }
    let text = format!("SELECT count(*) AS n FROM documents WHERE title = '{title}'");
    let count = service.post("/api/sql", &sql(text)).await.expect(200);
    assert_eq!(count["rows"], json!([{"n": 0}]));
    assert_eq!(count["rows"], count["items"]);
    assert_eq!(count["rows"], count["results"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projection_of_documents_shows_the_keys_that_there_are() {
    let client = product().anonymous();
    let kind = unique("projected");
    for record in [
        json!({"id": format!("{kind}-1"), "kind": kind, "a": null, "b": {"c": [1]}, "large": "x"}),
        json!({"id": format!("{kind}-2"), "kind": kind}),
    ] {
        insert(&client, "loose", record).await.expect(201);
    }
    let filter = json!([["kind", "==", kind]]).to_string();
    let query = [("filter", filter.as_str()), ("fields", "a,b"), ("sort", "kind,id")];
    let answer = client.query(&table("loose"), &query).await.expect(200);
    assert_eq!(answer["items"], json!([{"a": null, "b": {"c": [1]}}, {}]));
    let path = format!("{}/{kind}-1?fields=", table("loose"));
    assert_eq!(client.get(&format!("{path}b,none")).await.expect(200), json!({"b": {"c": [1]}}));
    assert_eq!(client.get(&format!("{path}none")).await.expect(200), json!({}));
    let nothing = [("filter", filter.as_str()), ("fields", "none")];
    let answer = client.query(&table("loose"), &nothing).await.expect(200);
    assert_eq!(answer["items"], json!([{}, {}]));
    assert_eq!(client.get(&format!("{path}a%00")).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_a_projection_goes_on_behind_fields_that_are_not_shown() {
    let client = product().anonymous();
    let title = unique("behind");
    for n in 1..=3 {
        let record = json!({"title": title, "n": n, "a": format!("a{n}")});
        insert(&client, "loose", record).await.expect(201);
        let record = json!({"title": title, "body": format!("b{n}")});
        insert(&client, "documents", record).await.expect(201);
    }
    let filter = json!([["title", "==", title]]).to_string();
    for (name, sort, shown) in [("loose", "n:desc", "a"), ("documents", "body:desc", "title")] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        while seen.len() < 4 {
            let mut query = vec![("filter", filter.as_str()), ("sort", sort), ("fields", shown)];
            query.extend([("limit", "1"), ("after", cursor.as_str())]);
            let answer = client.query(&table(name), &query).await.expect(200);
            seen.push(answer["items"][0].clone());
            let Some(next) = answer["cursor"].as_str() else { break };
            cursor = next.to_owned();
        }
        let expected = match name {
            "loose" => json!([{"a": "a3"}, {"a": "a2"}, {"a": "a1"}]),
            _ => json!([{"title": title}, {"title": title}, {"title": title}]),
        };
        assert_eq!(json!(seen), expected, "{name}");
    }
}

#[tokio::test]
async fn records_that_a_rule_looks_at_one_by_one_do_not_fill_the_budget_of_answers() {
    let product = Product::start(&edgebase_tests::fixture("answers.ts"));
    let client = product.anonymous();
    let body = json!({"text": "x".repeat(9_800_000)});
    for _ in 0..12 {
        insert(&client, "weighed", body.clone()).await.expect(201);
    }
    let list = client.query(&table("weighed"), &[("limit", "1"), ("fields", "id")]).await;
    assert_eq!(list.expect(200)["items"], json!([]));
    let count = client.get(&format!("{}/count", table("weighed"))).await;
    assert_eq!(count.expect(200)["total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_clients_that_ask_for_the_largest_answers_do_not_exhaust_the_server() {
    let product = Product::start(&edgebase_tests::fixture("answers.ts"));
    let client = product.anonymous();
    fill(&client, "large", 6).await;
    let clients = (0..64).map(|n| {
        let (client, service) = (product.anonymous(), product.service());
        tokio::spawn(async move {
            let mut answers = Vec::new();
            for _ in 0..3 {
                answers.push(match n % 3 {
                    0 => client.query(&table("documents"), &[("limit", "1000")]).await,
                    1 => client.get(&format!("{}/large-00", table("documents"))).await,
                    _ => {
                        let text = "SELECT repeat('x', 1000000) FROM generate_series(1, 7)";
                        let body = json!({"namespace": "app", "sql": text});
                        service.post("/api/sql", &body).await
                    }
                });
            }
            answers.iter().map(|answer| answer.status).collect::<Vec<_>>()
        })
    });
    let mut statuses = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        statuses.extend(client.await.expect("a client ends"));
    }
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&200), "somebody is served");
    let peak = product.peak_memory();
    assert!(peak < 768 << 20, "the server took {} MB", peak >> 20);
    // What was held is free again.
    client.query(&table("documents"), &[("limit", "1000")]).await.expect(200);
}

#[tokio::test]
async fn a_change_by_filter_of_large_rows_is_made_whatever_they_weigh_together() {
    let product = product();
    let (client, service) = (product.anonymous(), product.service());
    for (name, field) in [("examined", "text"), ("documents", "body"), ("loose", "_doc")] {
        let value = match field {
            "_doc" => "jsonb_build_object('text', repeat('x', 3000000))",
            _ => "repeat('x', 3000000)",
        };
        let kind = unique("heavy");
        let fill = format!(
            "INSERT INTO {name} (id, {field}) SELECT '{kind}-' || n, {value} FROM generate_series(10, 39) n"
        );
        let body = json!({"namespace": "app", "sql": fill});
        service.post("/api/sql", &body).await.expect(200);
        let filter = json!([["id", ">", kind], ["id", "<", format!("{kind}.")]]);
        let change =
            json!({"action": "update", "filter": filter, "update": {"n": 1, "title": "t"}});
        let path = format!("{}/batch-by-filter", table(name));
        let all = json!({"processed": 30, "succeeded": 30});
        // A busy machine has no time for a rule now and then, and says so.
        let mut answer = client.post(&path, &change).await;
        for _ in 0..20 {
            if answer.body["slug"] != "rule-not-completed" {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            answer = client.post(&path, &change).await;
        }
        assert_eq!(answer.expect(200), all, "{name}");
        let delete = json!({"action": "delete", "filter": filter, "limit": 31});
        assert_eq!(client.post(&path, &delete).await.expect(200), all, "{name}");
        assert_eq!(client.post(&path, &delete).await.expect(200)["processed"], 0, "{name}");
    }
}
