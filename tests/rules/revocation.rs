//! A membership that is gone denies the very next request, whoever removed it, while other
//! requests are under way.

use crate::product;
use edgebase_tests::sql::{self, connect};
use edgebase_tests::{Client, Product, encode, unique};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const MEMBERS: &str = "/api/db/shared/tables/members";

/// Requests of one user that never stop, each with the time at which it began and its status.
struct Traffic {
    stop: Arc<AtomicBool>,
    callers: JoinSet<Vec<(Instant, u16)>>,
}

impl Traffic {
    fn of(client: &Client, path: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut callers = JoinSet::new();
        for _ in 0..4 {
            let (stop, client, path) = (Arc::clone(&stop), client.clone(), path.to_owned());
            callers.spawn(async move {
                let mut seen = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    seen.push((begun, client.get(&path).await.status));
                }
                seen
            });
        }
        Self { stop, callers }
    }

    async fn ended(self) -> Vec<(Instant, u16)> {
        self.stop.store(true, Ordering::Relaxed);
        self.callers.join_all().await.concat()
    }
}

/// Lets traffic flow, revokes, and checks that nothing begun after that was answered.
async fn denies_the_next<F: Future<Output = ()>>(
    what: &str,
    client: &Client,
    path: &str,
    revoke: impl FnOnce() -> F,
) {
    client.get(path).await.expect(200);
    let traffic = Traffic::of(client, path);
    tokio::time::sleep(Duration::from_millis(200)).await;
    revoke().await;
    let revoked = Instant::now();
    let next = client.get(path).await;
    assert_eq!(next.status, 403, "{what}: the next request: {}", next.text);
    tokio::time::sleep(Duration::from_millis(150)).await;
    let seen = traffic.ended().await;
    let before = seen.iter().filter(|(begun, status)| *begun < revoked && *status == 200).count();
    assert!(before > 0, "{what}: nothing was answered before");
    let after: Vec<_> = seen.iter().filter(|(begun, _)| *begun > revoked).collect();
    assert!(!after.is_empty(), "{what}: nothing was asked after");
    for (begun, status) in after {
        assert_eq!(*status, 403, "{what}: begun {:?} after the revocation", *begun - revoked);
    }
}

/// Statements of the login role inside the instance `shared`, as any program may send them.
async fn as_proxy(product: &Product, statement: &str) {
    let client = connect(&product.proxy_url).await;
    let all = format!("BEGIN; SELECT edgebase.enter('shared', NULL); {statement}; COMMIT");
    client.simple_query(&all).await.expect("the login role may do that");
}

#[tokio::test]
async fn a_membership_removed_in_any_way_denies_the_very_next_request() {
    let product = product();
    let service = product.service();
    let admin = connect(&product.admin_url).await;
    for block in ["workspace", "studio"] {
        for way in
            ["HTTP", "HTTP update", "raw SQL", "the extension", "direct SQL", "direct update"]
        {
            let what = format!("{block} by {way}");
            let (user, room) = (unique("u"), unique("room"));
            let key = format!("{user}:{room}");
            let path = format!("/api/db/{block}/{room}/tables/docs");
            service.post(MEMBERS, &json!({"id": key, "active": true})).await.expect(201);
            service.post(&path, &json!({"title": "x"})).await.expect(201);
            let record = format!("{MEMBERS}/{}", encode(&key));
            let row = sql::literal(&key);
            denies_the_next(&what, &product.user(&user), &path, || async {
                match way {
                    "HTTP" => drop(service.delete(&record).await.expect(200)),
                    "HTTP update" => {
                        service.patch(&record, &json!({"active": false})).await.expect(200);
                    }
                    "raw SQL" => {
                        let body = json!({"namespace": "shared", "sql": "DELETE FROM members WHERE id = ?", "params": [key]});
                        service.post("/api/sql", &body).await.expect(200);
                    }
                    "the extension" => {
                        as_proxy(&product, &format!("DELETE FROM members WHERE id = {row}")).await;
                    }
                    "direct SQL" => {
                        let delete = format!("DELETE FROM shared.members WHERE id = {row}");
                        admin.simple_query(&delete).await.unwrap();
                    }
                    _ => {
                        let update =
                            format!("UPDATE shared.members SET active = false WHERE id = {row}");
                        admin.simple_query(&update).await.unwrap();
                    }
                }
            })
            .await;
            // And given back it opens the very next one.
            let grant = json!({"id": key, "active": true});
            service.post(&format!("{MEMBERS}?upsert=true"), &grant).await;
            product.user(&user).get(&path).await.expect(200);
        }
    }
}

#[tokio::test]
async fn membership_that_lives_in_the_instance_goes_with_it() {
    let product = product();
    let service = product.service();
    for way in ["HTTP", "the extension", "barred"] {
        let (user, club) = (unique("u"), unique("club"));
        let people = format!("/api/db/club/{club}/tables/people");
        let docs = format!("/api/db/club/{club}/tables/docs");
        let client = product.user(&user);
        client.get(&docs).await.expect(403);
        let made = service.post(&people, &json!({"user": user})).await.expect(201);
        denies_the_next(way, &client, &docs, || async {
            match way {
                "HTTP" => drop(service.delete(&format!("/api/db/club/{club}")).await.expect(200)),
                "barred" => {
                    let record = format!("{people}/{}", made["id"].as_str().unwrap());
                    client.patch(&record, &json!({"barred": true})).await.expect(200);
                }
                _ => {
                    let proxy = connect(&product.proxy_url).await;
                    let drop =
                        format!("SELECT edgebase.drop_instance('club', {})", sql::literal(&club));
                    proxy.simple_query(&drop).await.expect("the proxy may drop an instance");
                }
            }
        })
        .await;
    }
}
