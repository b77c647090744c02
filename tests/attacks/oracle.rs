//! The attacker wants to know what is in rows that a `read` rule refuses: nobody, or a signed-in
//! user with rows of its own. Everything that an answer depends on is tried as a measure: a binary
//! search over a number, a prefix search over a text.

use super::twins::{ATTACKER, Ask, PIN, Twins, VICTIM, WORD, product};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edgebase_tests::{Client, unique};
use serde_json::json;

/// Tables, and whether nobody and a user are the callers to whom rows are hidden.
const TABLES: [(&str, bool, bool); 10] = [
    ("constant", true, true),
    ("members", true, false),
    ("owned", true, true),
    ("native", true, true),
    ("engine", true, true),
    ("throwing", true, true),
    ("native_written", true, true),
    ("engine_written", true, true),
    ("loose", true, true),
    ("loose_engine", true, true),
];

type Measure = (&'static str, fn(i64) -> Ask);

/// Requests whose answer would depend on how a hidden number compares with `n`.
const MEASURES: &[Measure] = &[
    ("list", |n| Ask::get("", &[("filter", &above(n))])),
    ("orFilter", |n| Ask::get("", &[("filter", POSITIVE), ("orFilter", &above(n))])),
    ("count", |n| Ask::get("/count", &[("filter", &above(n))])),
    ("limit=0", |n| Ask::get("", &[("filter", &above(n)), ("limit", "0")])),
    ("offset", |n| Ask::get("", &[("filter", &above(n)), ("offset", "1")])),
    ("includeTotal", |n| Ask::get("", &[("filter", &above(n)), ("includeTotal", "0")])),
    ("fields", |n| Ask::get("", &[("filter", &above(n)), ("fields", "word")])),
    ("in", |n| Ask::get("", &[("filter", &json!([["pin", "in", [n, n + 1]]]).to_string())])),
    ("equal", |n| Ask::get("/count", &[("filter", &json!([["pin", "==", n]]).to_string())])),
    ("owner", |n| {
        let filter = json!([["ownerId", "!=", ATTACKER], ["pin", ">", n]]).to_string();
        Ask::get("", &[("filter", &filter)])
    }),
    ("search", |n| Ask::get("/search", &[("search", WORD), ("filter", &above(n))])),
    ("cursor", |n| {
        let cursor = URL_SAFE_NO_PAD.encode(json!([["+pin"], n, ""]).to_string());
        Ask::get("", &[("sort", "pin"), ("filter", POSITIVE), ("after", &cursor)])
    }),
    ("cursor back", |n| {
        let cursor = URL_SAFE_NO_PAD.encode(json!([["+pin"], n, ""]).to_string());
        Ask::get("", &[("sort", "pin"), ("filter", POSITIVE), ("before", &cursor), ("limit", "1")])
    }),
    ("update by filter", |n| {
        let filter = json!([["pin", ">", n]]);
        let body = json!({"action": "update", "filter": filter, "update": {"flag": true}});
        Ask::send("POST", "/batch-by-filter", body)
    }),
    ("one by filter", |n| {
        let filter = json!([["pin", ">", n]]);
        let body =
            json!({"action": "update", "filter": filter, "update": {"flag": true}, "limit": 1});
        Ask::send("POST", "/batch-by-filter", body)
    }),
    ("delete by filter", |n| {
        Ask::send(
            "POST",
            "/batch-by-filter",
            json!({"action": "delete", "filter": [["pin", ">", n]]}),
        )
    }),
];

const POSITIVE: &str = r#"[["pin",">",0]]"#;

fn above(n: i64) -> String {
    json!([["pin", ">", n]]).to_string()
}

/// Prefixes of a text that would be found letter by letter.
fn searches(text: &str) -> Vec<Ask> {
    let contains = json!([["word", "contains", text], ["pin", "!=", 0]]).to_string();
    vec![
        Ask::get("/search", &[("search", text)]),
        Ask::get("", &[("search", text), ("limit", "0")]),
        Ask::get("/count", &[("filter", &contains)]),
        Ask::get("", &[("filter", &contains)]),
    ]
}

/// The callers to whom the rows of a table are hidden.
fn attackers(nobody: bool, user: bool) -> Vec<(&'static str, Client)> {
    let product = product();
    let all = [("nobody", product.anonymous(), nobody), (ATTACKER, product.user(ATTACKER), user)];
    all.into_iter().filter(|(_, _, hidden)| *hidden).map(|(name, c, _)| (name, c)).collect()
}

/// What the answers say, apart from the number that was sent.
async fn answers(twins: &Twins, client: &Client, measure: fn(i64) -> Ask) -> Vec<(u16, String)> {
    let mut all = Vec::new();
    // A binary search for the hidden number asks these, among others.
    for n in [1, 2_000, PIN - 1, PIN, PIN + 1, 9_000] {
        let answer = twins.answer(client, &measure(n)).await;
        all.push((answer.status, answer.text));
    }
    all
}

#[tokio::test]
async fn no_answer_depends_on_how_a_hidden_number_compares() {
    let product = product();
    for (table, nobody, user) in TABLES {
        let twins = Twins::new(&product, table).await;
        for (caller, client) in attackers(nobody, user) {
            for (name, measure) in MEASURES {
                let said = answers(&twins, &client, *measure).await;
                let first = &said[0];
                assert!(said.iter().all(|a| a == first), "{table}, {caller}, {name}: {said:?}");
                twins.same(&client, &measure(PIN - 1)).await;
            }
        }
    }
}

#[tokio::test]
async fn no_answer_depends_on_a_word_in_a_hidden_row() {
    let product = product();
    for (table, nobody, user) in TABLES {
        let twins = Twins::new(&product, table).await;
        for (caller, client) in attackers(nobody, user) {
            for length in 1..WORD.len() {
                let right = searches(&WORD[..length]);
                let wrong = searches(&format!("{}q", &WORD[..length - 1]));
                for (right, wrong) in right.iter().zip(&wrong) {
                    let (right, wrong) =
                        (twins.same(&client, right).await, twins.same(&client, wrong).await);
                    assert_eq!(right.text, wrong.text, "{table}, {caller}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_place_of_a_row_of_ones_own_tells_nothing() {
    let product = product();
    for (table, nobody, user) in TABLES {
        let twins = Twins::new(&product, table).await;
        for (_, client) in attackers(nobody, user) {
            for n in [1, PIN - 1, PIN + 1] {
                let id = format!("mine{n}");
                let row = json!({"id": id, "ownerId": ATTACKER, "pin": n, "word": WORD});
                twins.same(&client, &Ask::send("POST", "?upsert=true", row)).await;
                for sort in ["pin", "pin:desc", "word,pin", "id:desc"] {
                    for (limit, offset) in [("1", "0"), ("1", "4"), ("2", "3"), ("100", "5")] {
                        let query = [("sort", sort), ("limit", limit), ("offset", offset)];
                        let page = twins.same(&client, &Ask::get("", &query)).await;
                        if let Some(cursor) = page.body["cursor"].as_str() {
                            for way in ["after", "before"] {
                                let next = [("sort", sort), ("limit", "2"), (way, cursor)];
                                twins.same(&client, &Ask::get("", &next)).await;
                            }
                        }
                    }
                }
                // Rank, highlight and order of hits.
                for term in [WORD, "words", "visible words"] {
                    twins.same(&client, &Ask::get("/search", &[("search", term)])).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_collision_with_a_hidden_row_names_nothing_but_the_field() {
    let product = product();
    let user = product.user(ATTACKER);
    for table in ["owned", "native", "engine", "throwing"] {
        let twins = Twins::new(&product, table).await;
        let row = json!({"id": "new", "slug": "h-a1", "ownerId": ATTACKER});
        let insert = twins.answer(&user, &Ask::send("POST", "", row.clone())).await;
        assert_eq!(insert.status, 409, "{}", insert.text);
        let upsert = "?upsert=true&conflictTarget=slug";
        let upsert = twins.answer(&user, &Ask::send("POST", upsert, row.clone())).await;
        assert_eq!((upsert.status, &upsert.text), (409, &insert.text));
        let batch = json!({"inserts": [row]});
        let batch = Ask::send("POST", "/batch?upsert=true&conflictTarget=slug", batch);
        let batch = twins.answer(&user, &batch).await;
        assert_eq!((batch.status, &batch.text), (409, &insert.text));
        assert!(!insert.text.contains("a1") && !insert.text.contains("4711"), "{}", insert.text);
    }
    // Whoever may change the row learns that it is there, and not which one it is.
    for table in ["native_written", "engine_written"] {
        let twins = Twins::new(&product, table).await;
        let ask = Ask::send("POST", "?upsert=true&conflictTarget=slug", json!({"slug": "h-a1"}));
        let answer = twins.answer(&user, &ask).await;
        assert_eq!(answer.expect(200), json!({"slug": "h-a1", "action": "updated"}));
        let changed = twins.answer(&user, &Ask::send("PATCH", "/a1", json!({}))).await;
        assert_eq!(changed.expect(200), json!({"id": "a1"}));
    }
}

/// More hidden rows than one request examines, under a rule that only the engine can evaluate.
#[tokio::test]
async fn a_page_that_ends_among_hidden_rows_goes_on_without_naming_one() {
    let product = product();
    let id = unique("many");
    let path = format!("/api/db/space/{id}/tables/engine");
    let own =
        |id: &str, pin: i64| json!({"id": id, "ownerId": ATTACKER, "pin": pin, "word": "own"});
    let inserts = json!({"inserts": [own("a", 0), own("z", 99_999)]});
    product.service().post(&format!("{path}/batch"), &inserts).await.expect(200);
    let sql = "INSERT INTO engine (id, \"ownerId\", pin, word) SELECT 'hidden' || n, 'victim', n, 'own' FROM pg_catalog.generate_series(10001, 20500) n";
    let body = json!({"namespace": "space", "id": id, "sql": sql});
    product.service().post("/api/sql", &body).await.expect(200);
    let user = product.user(ATTACKER);
    for sort in ["", "pin", "word,pin"] {
        let sorted = || (!sort.is_empty()).then_some(("sort", sort)).into_iter();
        let first = user.query(&path, &sorted().collect::<Vec<_>>()).await;
        assert_eq!((first.status, first.ids()), (200, vec!["a"]), "{}", first.text);
        assert_eq!([&first.body["total"], &first.body["hasMore"]], [&json!(null), &json!(true)]);
        let cursor = first.body["cursor"].as_str().expect("a cursor");
        let bytes = URL_SAFE_NO_PAD.decode(cursor.strip_prefix('~').expect("a sealed one"));
        let text = String::from_utf8_lossy(&bytes.unwrap()).into_owned();
        assert!(!text.contains("hidden") && !text.contains("2000"), "{text}");
        let behind = sorted().chain([("after", cursor)]).collect::<Vec<_>>();
        let next = user.query(&path, &behind).await;
        assert_eq!((next.status, next.ids()), (200, vec!["z"]), "{}", next.text);
        assert_eq!(next.body["hasMore"], false);
        // For nobody else, and in no other query.
        let other = product.user("other").query(&path, &behind).await;
        assert_eq!(other.status, 400, "{}", other.text);
        let filter = [behind.as_slice(), &[("filter", POSITIVE)]].concat();
        user.query(&path, &filter).await.expect(400);
        user.query(&path, &[("sort", "flag"), ("after", cursor)]).await.expect(400);
    }
    let found = user.query(&format!("{path}/search"), &[("search", "own")]).await;
    assert_eq!((found.status, found.ids()), (200, vec!["a"]), "{}", found.text);
    assert_eq!([&found.body["total"], &found.body["hasMore"]], [&json!(null), &json!(true)]);
    let bulk = json!({"action": "delete", "filter": [["pin", ">", 0]]});
    for answer in [
        user.get(&format!("{path}/count")).await,
        user.post(&format!("{path}/batch-by-filter"), &bulk).await,
    ] {
        assert_eq!((answer.status, &answer.body["slug"]), (400, &json!("too-many-rows")));
    }
    let narrow = json!([["pin", ">", 20_400]]).to_string();
    let count = user.query(&format!("{path}/count"), &[("filter", &narrow)]).await;
    assert_eq!(count.expect(200), json!({"total": 1}));
}

/// Otherwise the tests above would pass on a server that answers nothing.
#[tokio::test]
async fn the_owner_of_a_row_finds_it_by_each_of_these_requests() {
    let product = product();
    let victim = product.user(VICTIM);
    for (table, _, _) in TABLES.iter().filter(|(table, ..)| *table != "constant") {
        for (name, measure) in MEASURES {
            let twins = Twins::new(&product, table).await;
            let said = answers(&twins, &victim, *measure).await;
            // In a table that members read, an offset of 1 leaves nothing of one row.
            let differs = said.iter().any(|a| *a != said[0]);
            assert!(differs || *name == "offset", "{table}, {name}: {said:?}");
        }
        let twins = Twins::new(&product, table).await;
        let found = twins.answer(&victim, &Ask::get("/search", &[("search", WORD)])).await;
        assert_eq!(found.items().len(), 2, "{table}: {}", found.text);
    }
}
