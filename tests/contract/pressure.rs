//! Does the contract hold while the server is busy: with every connection taken, and while rows
//! come and go under somebody who turns pages?

use super::product;
use edgebase_tests::sql::{connect, ident};
use edgebase_tests::{Answer, Client, Product, encode, fixture, unique};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// Well under the time that a request waits for a connection.
const AT_ONCE: Duration = Duration::from_secs(3);

async fn at_once(what: &str, answer: impl Future<Output = Answer>) -> Answer {
    timeout(AT_ONCE, answer).await.unwrap_or_else(|_| panic!("{what} waited for a connection"))
}

#[tokio::test]
async fn a_malformed_request_gets_its_4xx_at_once_while_every_connection_is_taken() {
    let product = Product::start(&fixture("contract.ts"));
    let client = product.user("patient");
    let instances: Vec<String> = (0..16).map(|n| format!("busy-{n}")).collect();
    let table = |id: &str| format!("/api/db/space/{id}/tables/posts");
    for id in instances.iter().map(String::as_str).chain(["idle"]) {
        client.post(&table(id), &json!({"title": "x"})).await.expect(201);
    }
    let admin = connect(&product.admin_url).await;
    admin.batch_execute("BEGIN").await.unwrap();
    for id in &instances {
        let schema = ident(&format!("space:{id}"));
        let lock = format!("LOCK TABLE {schema}.posts IN ACCESS EXCLUSIVE MODE");
        admin.batch_execute(&lock).await.unwrap();
    }
    let waiting: Vec<_> = (0..10)
        .flat_map(|_| &instances)
        .map(|id| {
            let (client, path) = (client.clone(), table(id));
            tokio::spawn(async move { client.get(&path).await.status })
        })
        .collect();
    // Taken is what even an instance that nobody has locked cannot get.
    let mut taken = false;
    for _ in 0..20 {
        let path = table("idle");
        taken = timeout(Duration::from_millis(500), client.get(&path)).await.is_err();
        if taken {
            break;
        }
    }
    assert!(taken, "the connections could not be exhausted");
    for id in ["idle", "busy-0", "never-made"] {
        let t = table(id);
        for (query, status) in [
            ("?limit=x", 400),
            ("?page=0", 400),
            ("?filter={", 400),
            ("?sort=nope", 400),
            ("?fields=nope", 400),
            ("?after=x&page=1", 400),
            ("/count?filter=[[1]]", 400),
            ("/search?search=x&limit=-1", 400),
        ] {
            let path = format!("{t}{query}");
            assert_eq!(at_once(&path, client.get(&path)).await.status, status, "{path}");
        }
        for (suffix, body) in [
            ("", json!({})),
            ("", json!([])),
            ("", json!({"title": 5})),
            ("?upsert=true&conflictTarget=nope", json!({"title": "x"})),
            ("/batch", json!({"updates": [{}]})),
            ("/batch", json!({"inserts": [{}]})),
            ("/batch-by-filter", json!({"action": "drop"})),
            ("/batch-by-filter", json!({"action": "delete", "filter": [["nope", "==", 1]]})),
        ] {
            let path = format!("{t}{suffix}");
            let answer = at_once(&path, client.post(&path, &body)).await;
            assert_eq!(answer.status, 400, "{path} {body}: {}", answer.text);
        }
        let record = format!("{t}/x");
        assert_eq!(at_once(&record, client.patch(&record, &json!({"title": 5}))).await.status, 400);
    }
    for (path, status) in [
        ("/api/db/nope/tables/posts", 404),
        ("/api/db/app/tables/nope", 404),
        ("/api/db/space/tables/posts", 400),
        ("/api/db/space/a:b/tables/posts", 400),
        ("/api/db/app/tables/posts/x/y", 404),
        // That this one does not exist is found out by connections that no instance holds.
        ("/api/db/space/forbidden-x/tables/posts?limit=x", 403),
    ] {
        assert_eq!(at_once(path, client.get(path)).await.status, status, "{path}");
    }
    let stranger = product.anonymous().with("x-edgebase-service-key", "bad");
    assert_eq!(at_once("bad key", stranger.get(&table("idle"))).await.status, 401);
    admin.batch_execute("ROLLBACK").await.unwrap();
    for request in waiting {
        let status = request.await.unwrap();
        assert!(status == 200 || status == 503, "{status}");
    }
    client.get(&table("idle")).await.expect(200);
}

/// Inserts rows with values all over the sort and deletes them again, until told to stop.
async fn churn(client: Client, path: String, stop: Arc<AtomicBool>) {
    let mut round: i64 = 0;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        let rows: Vec<_> = (0..20)
            .map(|n| {
                json!({"id": format!("come-{round}-{n}"), "title": "go", "views": (round + n) % 7,
                       "rank": (n > 9).then_some(n % 10 + 1), "at": moment((round * n) % 5),
                       "published": n % 3 == 0})
            })
            .collect();
        let ids: Vec<_> = rows.iter().map(|r| r["id"].clone()).collect();
        client.post(&format!("{path}/batch"), &json!({"inserts": rows})).await.expect(200);
        client.post(&format!("{path}/batch"), &json!({"deletes": ids})).await.expect(200);
    }
}

fn moment(n: i64) -> Value {
    if n == 0 { Value::Null } else { json!(format!("2026-01-01T00:00:00.00{n}Z")) }
}

#[tokio::test]
async fn pages_repeat_and_skip_no_row_that_stays_while_others_come_and_go() {
    let product = product();
    let client = product.user("reader");
    let path = format!("/api/db/space/{}/tables/posts", unique("churn"));
    // Rows that stay, with few values in every sorted column, nulls among them.
    let staying: Vec<_> = (0..200_i64)
        .map(|n| {
            let tenth = (n % 10) as f64 / 10.0;
            json!({"id": format!("stay-{n:03}"), "title": "stay", "views": (n % 4) as f64 + tenth,
                   "rank": (n % 5 > 1).then_some(n % 10 + 1), "at": moment(n % 5), "meta": n % 3,
                   "published": n % 2 == 0})
        })
        .collect();
    client.post(&format!("{path}/batch"), &json!({"inserts": staying})).await.expect(200);
    let stop = Arc::new(AtomicBool::new(false));
    let churning = tokio::spawn(churn(product.user("writer"), path.clone(), Arc::clone(&stop)));
    for sort in [
        "",
        "views",
        "views:desc",
        "rank",
        "rank:desc",
        "at",
        "at:desc",
        "published,at:desc",
        "meta,rank",
    ] {
        let mut seen: HashMap<String, u32> = HashMap::new();
        let mut after: Option<String> = None;
        loop {
            let mut query = vec![("limit", "17")];
            query.extend((!sort.is_empty()).then_some(("sort", sort)));
            query.extend(after.as_deref().map(|cursor| ("after", cursor)));
            let page = client.query(&path, &query).await;
            assert_eq!(page.status, 200, "{sort}: {}", page.text);
            for id in page.ids() {
                *seen.entry(id.to_owned()).or_default() += 1;
            }
            match page.body["cursor"].as_str() {
                Some(cursor) => after = Some(cursor.to_owned()),
                None => break,
            }
        }
        let repeated: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
        assert!(repeated.is_empty(), "{sort}: repeated {repeated:?}");
        let missing: Vec<_> =
            (0..200).map(|n| format!("stay-{n:03}")).filter(|id| !seen.contains_key(id)).collect();
        assert!(missing.is_empty(), "{sort}: skipped {missing:?}");
    }
    stop.store(true, Ordering::Relaxed);
    churning.await.unwrap();
}

#[tokio::test]
async fn gets_that_leave_together_get_their_own_answers() {
    let product = product();
    let client = product.user("crowd");
    let id = unique("crowd \"😀");
    let at = |table: &str| format!("/api/db/space/{}/tables/{}", encode(&id), encode(table));
    let rows: Vec<_> = (0..40).map(|n| json!({"id": format!("r{n}"), "title": "x"})).collect();
    client.post(&format!("{}/batch", at("posts")), &json!({"inserts": rows})).await.expect(200);
    client.post(&at("people"), &json!({"id": "p", "email": "p@x"})).await.expect(201);
    // Of those that leave together one may fail, which is no matter of the others.
    let people = format!("{}.people", ident(&format!("space:{id}")));
    let admin = connect(&product.admin_url).await;
    admin
        .batch_execute(&format!("ALTER TABLE {people} RENAME COLUMN email TO moved"))
        .await
        .unwrap();
    let paths: Vec<String> = (0..40)
        .flat_map(|n| [format!("{}/r{n}", at("posts")), format!("{}/none{n}", at("posts"))])
        .chain([format!("{}/p", at("people")), format!("{}/x", at("loose"))])
        .collect();
    let mut alone = HashMap::new();
    for path in &paths {
        let answer = client.get(path).await;
        alone.insert(path.clone(), (answer.status, answer.text));
    }
    let statuses: Vec<u16> = paths.iter().map(|path| alone[path].0).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 40, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 404).count(), 41, "{statuses:?}");
    assert!(statuses[80] >= 400 && statuses[80] != 404, "{statuses:?}");
    for _ in 0..5 {
        let mut crowd = tokio::task::JoinSet::new();
        let get = |path: &String| {
            let (client, path) = (client.clone(), path.clone());
            crowd.spawn(async move {
                let answer = client.get(&path).await;
                (path, answer.status, answer.text)
            })
        };
        let gets: Vec<_> = paths.iter().map(get).collect();
        tokio::time::sleep(Duration::from_millis(2)).await;
        // Some go before they are answered.
        gets.iter().step_by(7).for_each(tokio::task::AbortHandle::abort);
        while let Some(answer) = crowd.join_next().await {
            let Ok((path, status, text)) = answer else { continue };
            assert_eq!((status, text), alone[&path], "{path}");
        }
    }
}
