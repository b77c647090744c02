//! Can the password, the login role and the certificates of the database be exchanged while a server
//! runs, and does it say when it cannot reach it?

use edgebase_tests::{Answer, Client, Product, Serving, fixture, sql};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const POSTS: &str = "/api/db/space/there/tables/posts";

struct World {
    product: Product,
    admin: tokio_postgres::Client,
    folder: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl World {
    async fn new(roles: &[&str]) -> Self {
        let product = Product::start(&fixture("contract.ts"));
        let admin = sql::connect(&product.admin_url).await;
        for role in roles {
            let made = format!("CREATE ROLE {role} LOGIN PASSWORD 'first' IN ROLE edgebase_proxy");
            admin.batch_execute(&made).await.unwrap();
        }
        let folder = std::env::temp_dir()
            .join(edgebase_tests::unique(&format!("edgebase-credentials-{}", std::process::id())));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        Self { product, admin, folder }
    }

    fn address(&self, login: &str) -> String {
        let (_, place) = self.product.proxy_url.split_once('@').unwrap();
        format!("postgres://{login}@{place}")
    }

    fn serve(&self, file: &Path) -> Result<Serving, String> {
        let file = file.to_str().unwrap();
        let variables = [("EDGEBASE_DATABASE_URL_FILE", file), ("SERVICE_KEY", "key")];
        Serving::try_start(&fixture("contract.ts"), &variables)
    }

    async fn end(&self, role: &str) {
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {}",
            sql::literal(role)
        );
        self.admin.batch_execute(&sql).await.unwrap();
    }
}

fn client(serving: &Serving) -> Client {
    Client::anonymous(&serving.url).with("x-edgebase-service-key", "key")
}

async fn until<T: PartialEq + std::fmt::Debug>(wanted: T, ask: impl AsyncFn() -> T) {
    let begun = Instant::now();
    loop {
        let found = ask().await;
        if found == wanted {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{found:?} and not {wanted:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn write(client: &Client) -> Answer {
    client.post(POSTS, &json!({"title": "x"})).await
}

#[tokio::test]
async fn a_new_password_is_found_in_the_file_when_the_old_one_is_refused() {
    let world = World::new(&["rotated"]).await;
    let file = world.folder.join("url");
    std::fs::write(&file, world.address("rotated:first") + "\n").unwrap();
    let serving = world.serve(&file).unwrap();
    let client = client(&serving);
    write(&client).await.expect(201);
    let ready = Client::anonymous(&serving.url);
    assert_eq!(ready.get("/api/ready").await.expect(200), json!({"status": "ready"}));

    // The database has the new one, the server does not.
    world.admin.batch_execute("ALTER ROLE rotated PASSWORD 'second'").await.unwrap();
    world.end("rotated").await;
    until(503, async || write(&client).await.status).await;
    until(503, async || ready.get("/api/ready").await.status).await;
    let refused = ready.get("/api/ready").await;
    refused.refused(503, "The database does not answer.");
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(ready.send("HEAD", "/api/ready", None).await.status, 503);
    ready.get("/api/health").await.expect(200);
    serving.until_logged("28P01").await;

    // A file that is being written, or is wrong, changes nothing.
    std::fs::write(&file, "postgres://").unwrap();
    assert_eq!(write(&client).await.status, 503);
    std::fs::write(&file, world.address("rotated:second")).unwrap();
    until(201, async || write(&client).await.status).await;
    until(200, async || ready.get("/api/ready").await.status).await;
    assert!(!serving.log().contains("second"), "{}", serving.log());
}

#[tokio::test]
async fn hanging_up_makes_a_server_use_the_new_address() {
    let world = World::new(&["before", "\"after wards\""]).await;
    let file = world.folder.join("url");
    std::fs::write(&file, world.address("before:first")).unwrap();
    let serving = world.serve(&file).unwrap();
    let client = client(&serving);
    write(&client).await.expect(201);
    std::fs::write(&file, world.address("after%20wards:first")).unwrap();
    let sql =
        json!({"namespace": "space", "id": "there", "sql": "SELECT session_user::text AS who"});
    let who = async || client.post("/api/sql", &sql).await.expect(200)["rows"][0]["who"].clone();
    assert_eq!(who().await, "before");
    let pid = serving.pid().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    until(json!("after wards"), async || who().await).await;
    // The connections of before are closed as they come up for use.
    for _ in 0..60 {
        write(&client).await.expect(201);
    }
    serving.until_logged("have changed").await;
    assert!(!serving.log().contains("first"), "{}", serving.log());

    // A broken one is said, and the one in use stays.
    std::fs::write(&file, "postgres://u@h/d?sslrootcert=/no/such/file").unwrap();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    serving.until_logged("was not reloaded").await;
    write(&client).await.expect(201);
}

#[tokio::test]
async fn an_address_in_two_places_or_in_none_is_refused() {
    let start = |variables: &[(&str, &str)]| {
        Serving::try_start(&fixture("contract.ts"), variables).expect_err("it does not start")
    };
    let none = start(&[("EDGEBASE_DATABASE_URL", "")]);
    assert!(none.contains("EDGEBASE_DATABASE_URL_FILE names a file"), "{none}");
    let both = start(&[
        ("EDGEBASE_DATABASE_URL", "postgres://u@h/d"),
        ("EDGEBASE_DATABASE_URL_FILE", "/etc/hostname"),
    ]);
    assert!(both.contains("both set"), "{both}");
    let missing = start(&[("EDGEBASE_DATABASE_URL_FILE", "/no/such/file")]);
    assert!(missing.contains("/no/such/file"), "{missing}");
}
