//! Sessions run at once: each knows its own instances exactly, and shared ones by what they may hold.
//!
//! A row carries the instance that it was written into, so a row seen anywhere else is a leak.

use super::super::state::{code, orphans, why};
use super::model::Dice;
use super::{call, configure, seed, text};
use edgebase_tests::sql::{connect, texts};
use edgebase_tests::{Product, fixture};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_postgres::Client;

const WORKERS: usize = 6;
const STEPS: usize = 400;
const SHARED: usize = 3;
const LIMIT: Duration = Duration::from_secs(50);

struct Worker {
    client: Client,
    number: usize,
    /// The rows of its own instance, or nothing when there is no instance.
    own: Option<BTreeSet<String>>,
    dice: Dice,
    seen: BTreeSet<String>,
}

impl Worker {
    /// The SQLSTATE of a statement, migrating first as often as the config moves on meanwhile.
    async fn run(&mut self, id: &str, sql: &str) -> Result<Option<String>, String> {
        loop {
            let result = text(&self.client, sql).await;
            let Err(error) = result else { return Ok(result.unwrap()) };
            self.client.batch_execute("ROLLBACK").await.unwrap();
            self.seen.insert(code(&error).to_owned());
            match code(&error) {
                "EB003" => {
                    if let Err(e) = text(&self.client, &call("migrate", id)).await {
                        assert!(matches!(code(&e), "EB002" | "55P03"), "migrate {id}: {}", why(&e));
                    }
                }
                "EB002" | "55P03" => return Err(code(&error).to_owned()),
                _ => panic!("{sql}: {}", why(&error)),
            }
        }
    }

    fn inside(id: &str, work: &str) -> String {
        format!("BEGIN; {}; {work}; COMMIT", call("enter", id))
    }

    /// One step on the worker's own instance, whose outcome is known.
    async fn own_step(&mut self, n: usize) {
        let id = format!("own {}", self.number);
        let absent = self.own.is_none();
        match self.dice.below(10) {
            0..=1 => {
                let made =
                    self.run(&id, &format!("{} ->> 'created'", call("create_instance", &id))).await;
                assert_eq!(made.unwrap().unwrap(), absent.to_string());
                self.own.get_or_insert_default();
            }
            2..=5 => {
                let row = format!("{id} {n}");
                let result = self
                    .run(
                        &id,
                        &Self::inside(
                            &id,
                            &format!("INSERT INTO items (id, v) VALUES ('{row}', 1)"),
                        ),
                    )
                    .await;
                assert_eq!(result.err().as_deref(), absent.then_some("EB002"));
                if let Some(rows) = &mut self.own {
                    rows.insert(row);
                }
            }
            6..=8 => {
                let list = "SELECT coalesce(jsonb_agg(id), '[]') FROM items";
                let result = self.run(&id, &Self::inside(&id, list)).await;
                assert_eq!(result.clone().err().as_deref(), absent.then_some("EB002"));
                if let (Some(rows), Ok(Some(list))) = (&self.own, result) {
                    let there: BTreeSet<String> = serde_json::from_str(&list).unwrap();
                    assert_eq!(there, *rows);
                }
            }
            _ => {
                let result =
                    self.run(&id, &format!("{} ->> 'rows'", call("drop_instance", &id))).await;
                match self.own.take() {
                    None => assert_eq!(result.unwrap_err(), "EB002"),
                    Some(rows) => assert_eq!(result.unwrap().unwrap(), rows.len().to_string()),
                }
            }
        }
    }

    /// One step on an instance that the others work on at the same time.
    async fn shared_step(&mut self, n: usize) {
        let id = format!("shared {}", self.dice.below(SHARED));
        let sql = match self.dice.below(12) {
            0..=3 => call("create_instance", &id),
            4..=6 => Self::inside(
                &id,
                &format!("INSERT INTO items (id, v) VALUES ('{id} {} {n}', 1)", self.number),
            ),
            7..=9 => Self::inside(&id, "SELECT coalesce(jsonb_agg(id), '[]') FROM items"),
            10 => call("migrate", &id),
            _ => call("drop_instance", &id),
        };
        if let Ok(Some(list)) = self.run(&id, &sql).await
            && list.starts_with('[')
        {
            let there: Vec<String> = serde_json::from_str(&list).unwrap();
            assert!(there.iter().all(|row| row.starts_with(&id)), "{id}: {there:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_run_at_once_keep_their_instances_and_never_see_another() {
    let product = Product::start(&fixture("lifecycle.ts"));
    let seed = seed();
    eprintln!("EDGEBASE_WALK_SEED={seed}");
    let admin = connect(&product.admin_url).await;
    configure(&admin, 1).await.unwrap();
    let began = Instant::now();
    let mut workers = JoinSet::new();
    for number in 0..WORKERS {
        let dice = Dice(seed.wrapping_add(number as u64));
        let client = connect(&product.proxy_url).await;
        let mut worker = Worker { client, number, own: None, dice, seen: BTreeSet::new() };
        workers.spawn(async move {
            let mut steps = 0;
            while steps < STEPS && began.elapsed() < LIMIT {
                if worker.dice.below(2) == 0 {
                    worker.own_step(steps).await;
                } else {
                    worker.shared_step(steps).await;
                }
                steps += 1;
            }
            (steps, worker.seen)
        });
    }
    let configurer = tokio::spawn(async move {
        for columns in 2..12 {
            tokio::time::sleep(Duration::from_millis(400)).await;
            configure(&admin, columns).await.unwrap();
        }
    });
    let done = workers.join_all().await;
    configurer.await.unwrap();
    let steps: usize = done.iter().map(|(steps, _)| steps).sum();
    let seen: BTreeSet<_> = done.into_iter().flat_map(|(_, seen)| seen).collect();
    eprintln!("{steps} steps in {:?}, refusals {seen:?}", began.elapsed());
    assert!(seen.contains("EB002") && seen.contains("EB003"), "{seen:?}");
    assert!(steps >= WORKERS * 50, "only {steps} steps in time");

    let admin = connect(&product.admin_url).await;
    assert_eq!(orphans(&admin).await, [""; 0]);
    let dropped = "SELECT edgebase.drop_instance(namespace, id) FROM edgebase.instances WHERE namespace = 'walk'";
    texts(&admin, dropped).await.unwrap();
    assert_eq!(orphans(&admin).await, [""; 0]);
}
