//! Who writes without pause, and what were they promised?

use edgebase_tests::{Client, Product, token};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const WRITERS: usize = 4;

/// Path of a table, and the ids that were acknowledged there.
pub type Acknowledged = BTreeMap<String, BTreeSet<String>>;

/// Tasks that write until they are stopped.
pub struct Writers {
    acknowledged: Arc<Mutex<Acknowledged>>,
    count: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Writers {
    pub fn start(product: &Product) -> Self {
        let acknowledged = Arc::<Mutex<Acknowledged>>::default();
        let (count, stop) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let tasks = (0..WRITERS)
            .map(|writer| {
                let client = caller(product);
                let path = match writer % 2 {
                    0 => "/api/db/log/tables/entries".to_owned(),
                    _ => format!("/api/db/room/r{writer}/tables/entries"),
                };
                let (acknowledged, count, stop) =
                    (Arc::clone(&acknowledged), Arc::clone(&count), Arc::clone(&stop));
                tokio::spawn(async move {
                    for n in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        match write(&client, &path, writer, n).await {
                            Some(id) => {
                                let mut all = acknowledged.lock().unwrap();
                                all.entry(path.clone()).or_default().insert(id);
                                count.fetch_add(1, Ordering::Relaxed);
                            }
                            None => tokio::time::sleep(Duration::from_millis(20)).await,
                        }
                    }
                })
            })
            .collect();
        Self { acknowledged, count, stop, tasks }
    }

    /// Waits until `more` further writes were acknowledged; the number of all so far.
    pub async fn wait_for_more(&self, more: usize) -> usize {
        let (wanted, begun) = (self.count.load(Ordering::Relaxed) + more, Instant::now());
        loop {
            let count = self.count.load(Ordering::Relaxed);
            if count >= wanted {
                return count;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "no writes get through any more");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stops writing; what was acknowledged.
    pub async fn stop(self) -> Acknowledged {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        std::mem::take(&mut *self.acknowledged.lock().unwrap())
    }
}

fn caller(product: &Product) -> Client {
    product.anonymous().bearer(&token::user(&product.jwt_secret, "writer", &json!({})))
}

/// One insert; the id when it was acknowledged. While the database is away the answer is a 5xx
/// or none, never one that looks like the caller's fault.
async fn write(client: &Client, path: &str, writer: usize, n: usize) -> Option<String> {
    let body = json!({"writer": writer, "n": n}).to_string().into_bytes();
    let answer = client.try_send("POST", path, Some(("application/json", body))).await.ok()?;
    assert!(answer.status == 201 || answer.status >= 500, "{} {}", answer.status, answer.text);
    if answer.status >= 500 {
        assert!(matches!(answer.status, 503 | 504), "{} {}", answer.status, answer.text);
    }
    (answer.status == 201).then(|| answer.body["id"].as_str().unwrap().to_owned())
}

/// Reads everything back, page by page, and misses nothing.
pub async fn every_acknowledged_row_is_there(product: &Product, rows: &Acknowledged) {
    assert!(!rows.is_empty());
    let client = caller(product);
    for (path, ids) in rows {
        let (mut found, mut after) = (BTreeSet::new(), String::new());
        loop {
            let list =
                client.query(path, &[("limit", "1000"), ("after", &after)]).await.expect(200);
            let items = list["items"].as_array().unwrap();
            found.extend(items.iter().map(|i| i["id"].as_str().unwrap().to_owned()));
            match &list["cursor"] {
                Value::String(cursor) => after.clone_from(cursor),
                _ => break,
            }
        }
        let lost: Vec<_> = ids.difference(&found).collect();
        assert!(
            lost.is_empty(),
            "{path}: {} of {} acknowledged rows are lost",
            lost.len(),
            ids.len()
        );
    }
    // And it is open for writing again.
    for path in rows.keys() {
        assert!(write(&client, path, 99, 0).await.is_some(), "{path}");
    }
}
