//! What happens behind a connection pooler? With session pooling what happens without one; anything
//! else is found out at the start and refused, and never answers wrongly.

use edgebase_tests::{Client, Product, Serving, fixture, unique, workspace};
use serde_json::json;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running pgbouncer in front of a product's database.
struct Pooler {
    process: Child,
    folder: PathBuf,
    place: String,
    port: u16,
    /// The login role's address, through it.
    url: String,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The binary; `None`, said aloud, where there is none.
fn binary() -> Option<PathBuf> {
    let found = Command::new("sh").arg(workspace().join("scripts/pgbouncer")).output().unwrap();
    let path = String::from_utf8(found.stdout).unwrap();
    if path.trim().is_empty() {
        eprintln!("SKIPPED: there is no pgbouncer (scripts/pgbouncer fetch)");
        return None;
    }
    Some(path.trim().into())
}

impl Pooler {
    /// Starts one with those lines of its configuration.
    fn start(product: &Product, lines: &str) -> Option<Self> {
        let binary = binary()?;
        let (login, rest) = product.proxy_url.split_once("://").unwrap().1.split_once('@').unwrap();
        let (user, password) = login.split_once(':').unwrap();
        let (place, database) = rest.split_once('/').unwrap();
        let folder =
            std::env::temp_dir().join(unique(&format!("edgebase-pooler-{}", std::process::id())));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::DirBuilder::new().mode(0o755).create(&folder).unwrap();
        let users = format!("\"{user}\" \"{password}\"\n");
        std::fs::write(folder.join("users"), users).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let configuration = folder.join("pgbouncer.ini");
        write(&configuration, place, &folder, port, lines);
        let mut command = Command::new(binary);
        // It refuses to run as root.
        if std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0) {
            command.args(["-u", "nobody"]);
        }
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let process = command
            .arg(&configuration)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("pgbouncer can be run");
        let url = format!("postgres://{user}:{password}@127.0.0.1:{port}/{database}");
        let place = place.to_owned();
        let pooler = Self { process, folder, place, port, url };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{}", pooler.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(pooler)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Gives it another configuration while it runs.
    fn change(&self, lines: &str) {
        write(&self.folder.join("pgbouncer.ini"), &self.place, &self.folder, self.port, lines);
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    }
}

fn write(file: &Path, place: &str, folder: &Path, port: u16, lines: &str) {
    let (host, server_port) = place.split_once(':').unwrap();
    let mut out = std::fs::File::create(file).unwrap();
    let folder = folder.display();
    write!(
        out,
        "[databases]\n* = host={host} port={server_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {folder}/users\n\
         default_pool_size = 50\nmax_client_conn = 500\n{lines}\n"
    )
    .unwrap();
    for name in ["users", "pgbouncer.ini"] {
        let mode = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(format!("{folder}/{name}"), mode).unwrap();
    }
}

fn serve(url: &str) -> Result<Serving, String> {
    let variables = [("EDGEBASE_DATABASE_URL", url), ("SERVICE_KEY", "key")];
    Serving::try_start(&fixture("contract.ts"), &variables)
}

fn client(serving: &Serving) -> Client {
    Client::anonymous(&serving.url).with("x-edgebase-service-key", "key")
}

const SESSION: &str = "pool_mode = session\nignore_startup_parameters = options";

#[tokio::test]
async fn session_pooling_serves_as_the_database_itself() {
    let product = Product::shared("contract.ts");
    let Some(pooler) = Pooler::start(&product, SESSION) else { return };
    let serving = serve(&pooler.url).expect("it serves");
    let client = client(&serving);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..12 {
        let (client, id) = (client.clone(), unique("pooled"));
        tasks.spawn(async move {
            let path = format!("/api/db/space/{id}/tables/posts");
            for k in 0..10 {
                let row = json!({"id": format!("p{k}"), "title": format!("{n} {k}")});
                client.post(&path, &row).await.expect(201);
                let got = client.get(&format!("{path}/p{k}")).await.expect(200);
                assert_eq!(got["title"], format!("{n} {k}"));
            }
            assert_eq!(client.get(&path).await.items().len(), 10);
            let sql = json!({"namespace": "space", "id": id, "sql": "SELECT count(*)::int AS n FROM posts"});
            assert_eq!(client.post("/api/sql", &sql).await.expect(200)["rows"][0]["n"], 10);
            let receipt = client.delete(&format!("/api/db/space/{id}")).await.expect(200);
            assert_eq!(receipt["rows"], 10);
            client.get(&format!("{path}/p0")).await.expect(404);
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn any_other_pooling_is_refused_at_the_start_with_what_to_do() {
    let product = Product::shared("contract.ts");
    for (lines, words) in [
        ("pool_mode = session", "ignore_startup_parameters"),
        ("pool_mode = transaction", "ignore_startup_parameters"),
        ("pool_mode = transaction\nignore_startup_parameters = options", "pool_mode = session"),
        (
            "pool_mode = transaction\nignore_startup_parameters = options\nserver_round_robin = 1",
            "pool_mode = session",
        ),
        ("pool_mode = statement\nignore_startup_parameters = options", "pool_mode = session"),
    ] {
        let Some(pooler) = Pooler::start(&product, lines) else { return };
        let said = serve(&pooler.url).expect_err(lines);
        assert!(said.contains(words), "{lines}: {said}\n{}", pooler.log());
        assert!(said.contains("docs/operations.md"), "{lines}: {said}");
    }
}

#[tokio::test]
async fn a_pooler_that_is_changed_while_the_server_runs_makes_no_wrong_answer() {
    let product = Product::shared("contract.ts");
    let Some(pooler) = Pooler::start(&product, SESSION) else { return };
    let serving = serve(&pooler.url).expect("it serves");
    let writer = product.service();
    let mut paths = Vec::new();
    for _ in 0..6 {
        let path = format!("/api/db/space/{}/tables/posts", unique("changed"));
        writer.post(&path, &json!({"id": "p", "title": path})).await.expect(201);
        paths.push(path);
    }
    pooler.change(
        "pool_mode = transaction\nignore_startup_parameters = options\nserver_round_robin = 1",
    );
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..12 {
        let (client, paths) = (client(&serving), paths.clone());
        tasks.spawn(async move {
            let mut refused = 0;
            for k in 0..60 {
                let path = &paths[(n + k) % paths.len()];
                let answer = match k % 3 {
                    0 => client.get(&format!("{path}/p")).await,
                    1 => client.get(path).await,
                    _ => client.patch(&format!("{path}/p"), &json!({"views": k})).await,
                };
                match answer.status {
                    200 if k % 3 == 1 => {
                        assert_eq!(answer.items().len(), 1, "{}", answer.text);
                        assert_eq!(answer.items()[0]["title"], path.as_str());
                    }
                    200 => assert_eq!(answer.body["title"], path.as_str()),
                    503 => refused += 1,
                    _ => panic!("{path}: {} {}", answer.status, answer.text),
                }
            }
            refused
        });
    }
    let mut refused = 0;
    while let Some(ended) = tasks.join_next().await {
        refused += ended.unwrap();
    }
    let log = serving.log();
    assert!(refused == 0 || log.contains("session pooling"), "{refused} refused: {log}");
}
