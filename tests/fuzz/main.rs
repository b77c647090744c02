//! Does every request get an answer that is none of the server's own failures, and in time?
//!
//! Requests made from the server's OpenAPI document, and changed ones, from several clients at
//! once. A 5xx is a failure unless it is a 503 with `Retry-After` that is gone when the request is
//! sent again, alone; so is an answer that takes longer than [`TIME`], again alone, or has not the
//! shape of one, more memory than [`MEMORY`], and a panic in a log. `FUZZ_SECONDS` says for how
//! long (`make fuzz`: an hour), `SEED` repeats the choices of a run.

mod grammar;
mod mutation;
mod odd;
mod request;
mod sql;

use edgebase_tests::sql::{connect, texts};
use edgebase_tests::{Product, fixture, token};
use fastrand::Rng;
use grammar::{Grammar, Seen};
use request::{Answer, Connection, Request};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::RwLock;

/// How long an answer may take that nothing else delays.
const TIME: Duration = Duration::from_secs(5);
/// How long the least of requests takes on a machine that has nothing else to do, generously.
const IDLE: Duration = Duration::from_millis(30);
/// What the server may hold: docs/performance.md, "Sizing".
const MEMORY: usize = 768 << 20;
/// Clients that send at the same time.
const CLIENTS: u64 = 6;
/// Seconds of a run unless the environment says otherwise.
const SHORT: u64 = 30;
/// How often the tables are emptied, so that a long run is not about size.
const EMPTIED: Duration = Duration::from_secs(60);

/// Kinds of failures that are told apart at most.
const MOST: usize = 100;

/// A kind of failure, with the first request that showed it.
type Findings = BTreeMap<String, (u64, String)>;

/// What all clients share.
struct Run {
    product: Product,
    grammar: Grammar,
    /// Held for writing by who has to be alone.
    alone: RwLock<()>,
    findings: Mutex<Findings>,
    /// Answers by operation and status.
    answers: Mutex<BTreeMap<String, BTreeMap<u16, u64>>>,
    ends: Instant,
}

fn variable(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_answered_in_time_and_none_is_a_server_error() {
    let seed = variable("SEED", fastrand::u64(..));
    let seconds = variable("FUZZ_SECONDS", SHORT);
    println!("SEED={seed} FUZZ_SECONDS={seconds}");
    let product = Product::start(&fixture("fuzz.ts"));
    let grammar = Grammar::new(product.anonymous().get("/openapi.json").await.expect(200));
    let run = Arc::new(Run {
        product,
        grammar,
        alone: RwLock::default(),
        findings: Mutex::default(),
        answers: Mutex::default(),
        ends: Instant::now() + Duration::from_secs(seconds),
    });
    let clients = (0..CLIENTS).map(|n| tokio::spawn(Arc::clone(&run).client(seed, n)));
    let clients: Vec<_> = clients.collect();
    let emptied = tokio::spawn(Arc::clone(&run).keep_small());
    for client in clients {
        client.await.expect("a client ends");
    }
    emptied.abort();
    run.verdict(seed).await;
}

impl Run {
    /// One client, which sends one request after the other.
    async fn client(self: Arc<Self>, seed: u64, n: u64) {
        let mut rng = Rng::with_seed(seed ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut connection = Connection::new(&self.product.url);
        let mut seen = Seen::default();
        for count in 0_u64.. {
            if Instant::now() > self.ends {
                break;
            }
            let (operation, mut request, body) = self.grammar.request(&mut rng, &seen);
            request.headers = self.caller(&mut rng, &operation.id);
            if request.body.is_some() {
                request.headers.push(("content-type".into(), b"application/json".to_vec()));
            }
            if rng.u8(..5) < 3 {
                mutation::apply(&mut rng, &mut request, body);
            }
            // After a header of that name, which may be odd, this one is not heard.
            request.headers.push(("x-request-id".into(), format!("fuzz-{n}-{count}").into_bytes()));
            let begun = Instant::now();
            let answer = {
                let _shared = self.alone.read().await;
                connection.send(&request).await
            };
            let Some(answer) = self.judge(&operation.id, &request, answer, begun.elapsed()).await
            else {
                continue;
            };
            if answer.status < 300 {
                seen.learn(&serde_json::from_slice(&answer.body).unwrap_or_default());
            }
            let mut answers = self.answers.lock().expect("no client panics");
            let statuses = answers.entry(operation.id.clone()).or_default();
            *statuses.entry(answer.status).or_default() += 1;
        }
    }

    /// Nobody, one of two users, an administrator, or a service key.
    fn caller(&self, rng: &mut Rng, operation: &str) -> Vec<(String, Vec<u8>)> {
        let user = |id: &str, claims: Value| {
            let token = token::user(&self.product.jwt_secret, id, &claims);
            vec![("authorization".to_owned(), format!("Bearer {token}").into_bytes())]
        };
        match rng.u8(..8) {
            // Nobody else gets further there.
            1..7 if operation == "executeSql" => self.key(),
            0 => Vec::new(),
            1 | 2 => user("user-1", json!({})),
            3 => user("user-2", json!({"custom": {"a": [1]}})),
            4 => user("root", json!({"role": "admin"})),
            _ => self.key(),
        }
    }

    fn key(&self) -> Vec<(String, Vec<u8>)> {
        vec![("x-edgebase-service-key".into(), self.product.service_key.clone().into_bytes())]
    }

    /// Takes down what is wrong with an answer; the answer, if there is one.
    async fn judge(
        &self,
        operation: &str,
        request: &Request,
        answer: std::io::Result<Answer>,
        took: Duration,
    ) -> Option<Answer> {
        let Some((mut kind, is_load)) = fault(request, &answer, took) else { return answer.ok() };
        if is_load {
            let _alone = self.alone.write().await;
            let mut connection = Connection::new(&self.product.url);
            for _ in 0..3 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let begun = Instant::now();
                let again = connection.send(request).await;
                match fault(request, &again, begun.elapsed()) {
                    None => return answer.ok(),
                    Some((again, _)) => kind = format!("{again}, also alone"),
                }
            }
            // Where even this takes long, the machine is too busy to tell.
            let begun = Instant::now();
            self.product.anonymous().get("/api/health").await.expect(200);
            if begun.elapsed() > IDLE && answer.as_ref().is_ok_and(|a| a.status < 500) {
                println!("a busy machine: {operation} {kind}");
                return answer.ok();
            }
        }
        let id = answer.as_ref().ok().and_then(|a| a.headers.get("x-request-id").cloned());
        let kind = format!("{operation}: {kind} {}", self.cause(id.as_deref().unwrap_or("none")));
        let mut findings = self.findings.lock().expect("no client panics");
        let found = findings.len();
        if found >= MOST && !findings.contains_key(&kind) {
            return answer.ok();
        }
        let (times, _) = findings.entry(kind.clone()).or_insert_with(|| {
            // The whole request, to be sent again: `nc HOST PORT < FILE`.
            let file =
                std::env::temp_dir().join(format!("edgebase-fuzz-{}-{found}", std::process::id()));
            let bytes = request.bytes("127.0.0.1");
            let _ = std::fs::write(&file, &bytes);
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(2_000)]).into_owned();
            println!("{kind}\n  all {} bytes are in {}\n{shown}\n", bytes.len(), file.display());
            (0, shown)
        });
        *times += 1;
        answer.ok()
    }

    /// Empties the single-instance block's tables and deletes instances from time to time.
    async fn keep_small(self: Arc<Self>) {
        let admin = connect(&self.product.admin_url).await;
        let schema =
            "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c
             JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind = 'r' AND n.nspname = 'app'";
        loop {
            tokio::time::sleep(EMPTIED).await;
            let _alone = self.alone.write().await;
            for table in texts(&admin, schema).await.unwrap_or_default() {
                let _ = admin.batch_execute(&format!("TRUNCATE {table} CASCADE")).await;
            }
            for id in grammar::INSTANCES {
                let path = format!("/api/db/space/{}", edgebase_tests::encode(id));
                self.product.service().delete(&path).await;
            }
        }
    }

    /// Prints what was answered, and fails when anything was found.
    async fn verdict(&self, seed: u64) {
        let mut total: BTreeMap<u16, u64> = BTreeMap::new();
        let answers = self.answers.lock().expect("no client panics").clone();
        for (operation, statuses) in &answers {
            println!("{operation:24} {statuses:?}");
            for (status, count) in statuses {
                *total.entry(*status).or_default() += count;
            }
        }
        let memory = self.product.peak_memory();
        let sent = total.values().sum::<u64>();
        println!("{sent} answers {total:?}, at most {} MiB", memory >> 20);
        let health = self.product.anonymous().get("/api/health").await;
        health.expect(200);
        let row = json!({"title": "after all"});
        self.product.service().post("/api/db/app/tables/open", &row).await.expect(201);
        for log in [self.product.log(), self.product.database_log()] {
            let is_crash = |line: &&str| {
                ["panicked", "PANIC:", "was terminated by signal", "TRAP:"]
                    .iter()
                    .any(|w| line.contains(w))
            };
            let crashes: Vec<_> = log.lines().filter(is_crash).take(10).collect();
            assert!(crashes.is_empty(), "SEED={seed}\n{}", crashes.join("\n"));
        }
        assert!(memory < MEMORY, "{} MiB", memory >> 20);
        let findings = self.findings.lock().expect("no client panics");
        let list: Vec<_> = findings
            .iter()
            .map(|(kind, (n, shown))| format!("{n} times: {kind}\n{shown}"))
            .collect();
        assert!(list.is_empty(), "SEED={seed}\n{}", list.join("\n\n"));
        for operation in &self.grammar.operations {
            let statuses = answers.get(&operation.id).cloned().unwrap_or_default();
            let is_met = statuses.contains_key(&200) || statuses.contains_key(&201);
            assert!(is_met, "{} never succeeded: {statuses:?}", operation.id);
        }
    }

    /// What the server's log says of the failure of a request.
    fn cause(&self, id: &str) -> String {
        let log = self.product.log();
        let line = log.lines().rev().find(|line| line.contains(&format!("{id}\"")));
        let detail = line.and_then(|line| line.split("detail=").nth(1));
        detail.unwrap_or_default().chars().take(160).collect()
    }
}

/// What is wrong with an answer, and whether load may be the cause.
fn fault(
    request: &Request,
    answer: &std::io::Result<Answer>,
    took: Duration,
) -> Option<(String, bool)> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Some((format!("no answer, {error}"), true)),
    };
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let status = answer.status;
    if status >= 500 {
        let is_503 = status == 503 && answer.headers.contains_key("retry-after");
        return Some((format!("{status}"), is_503 || status == 504));
    }
    // An export takes as long as there are rows.
    if took > TIME && !request.target.ends_with(b"/export") {
        return Some((format!("{status} after more than {TIME:?}"), true));
    }
    let kind = answer.headers.get("content-type").map(String::as_str).unwrap_or_default();
    let is_well_formed = match (status, kind) {
        // What the HTTP library answers itself has neither body nor type.
        (200 | 201, "application/json") if answer.body.is_empty() => request.method == "HEAD",
        _ if answer.body.is_empty() => true,
        (200, "application/x-ndjson") => {
            let mut lines = answer.body.split(|b| *b == b'\n').filter(|line| !line.is_empty());
            lines.all(|line| serde_json::from_slice::<Value>(line).is_ok())
        }
        (400.., _) => body.is_some_and(|b| b["code"] == status && b["message"].is_string()),
        _ => body.is_some() && kind.starts_with("application/json"),
    };
    (!is_well_formed).then(|| (format!("{status} is malformed"), false))
}
