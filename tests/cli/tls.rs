//! Are connections to the database encrypted, and its certificate verified, as the address says?

use edgebase_tests::{Client, Product, Serving, binary, fixture, sql};
use serde_json::json;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Two authorities, and a certificate of the first for `localhost`.
const CERTIFICATES: &str = "set -e
for ca in ca other; do
  openssl req -x509 -newkey rsa:2048 -nodes -keyout $ca.key -out $ca.crt -subj /CN=$ca -days 2
done
openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=db
echo subjectAltName=DNS:localhost > server.ext
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 -extfile server.ext
openssl x509 -req -in server.csr -CA other.crt -CAkey other.key -CAcreateserial -out renewed.crt -days 2 -extfile server.ext
chmod 600 server.key";

/// The address with another host and further parameters.
fn at(url: &str, host: &str, query: &str) -> String {
    let (head, rest) = url.split_once('@').expect("an address has a user");
    let (place, rest) = rest.split_once('/').expect("an address has a database");
    let port = place.rsplit(':').next().expect("an address has a port");
    let name = rest.split('?').next().unwrap_or(rest);
    format!("{head}@{host}:{port}/{name}?{query}")
}

/// Whether `edgebase instances list` connects, and what it says.
fn list(url: &str) -> (bool, String) {
    let mut command = Command::new(binary());
    let output = command.args(["instances", "list", "--database-url", url]).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// `edgebase serve` in front of the database at that address, if it starts.
fn serve(url: &str) -> Option<Serving> {
    Serving::start(&fixture("contract.ts"), url, &[("SERVICE_KEY", "key")])
}

#[tokio::test]
async fn sslmode_and_sslrootcert_mean_what_they_mean_for_libpq() {
    let product = Product::start(&fixture("contract.ts"));
    let (ok, error) = list(&at(&product.admin_url, "127.0.0.1", "sslmode=require"));
    assert!(!ok && error.contains("TLS"), "the server has none yet: {error}");
    assert!(list(&at(&product.admin_url, "127.0.0.1", "sslmode=prefer")).0);

    let admin = sql::connect(&product.admin_url).await;
    let made = format!("COPY (SELECT 1) TO PROGRAM {}", sql::literal(CERTIFICATES));
    admin.batch_execute(&made).await.expect("openssl makes certificates");
    admin.batch_execute("ALTER SYSTEM SET ssl = on").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    while sql::texts(&admin, "SHOW ssl").await.unwrap() != ["on"] {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let folder = std::env::temp_dir().join(format!("edgebase-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut files: Vec<PathBuf> = Vec::new();
    for name in ["ca.crt", "other.crt"] {
        let read = format!("SELECT pg_read_file({})", sql::literal(name));
        files.push(folder.join(name));
        std::fs::write(&files[files.len() - 1], &sql::texts(&admin, &read).await.unwrap()[0])
            .unwrap();
    }
    let (ca, other) = (files[0].display(), files[1].display());

    for (host, query, expected) in [
        ("127.0.0.1", "sslmode=disable".to_owned(), Ok(())),
        ("127.0.0.1", "sslmode=prefer".to_owned(), Ok(())),
        ("127.0.0.1", "sslmode=require".to_owned(), Ok(())),
        ("127.0.0.1", "sslmode=require&channel_binding=require".to_owned(), Ok(())),
        ("localhost", format!("sslmode=verify-full&sslrootcert={ca}"), Ok(())),
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={ca}"), Err("not valid for name")),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={ca}"), Ok(())),
        ("127.0.0.1", format!("sslrootcert={ca}"), Ok(())),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={ca}"), Ok(())),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={other}"), Err("UnknownIssuer")),
        ("127.0.0.1", format!("sslrootcert={other}"), Err("UnknownIssuer")),
        ("localhost", format!("sslmode=verify-ca&sslrootcert={other}"), Err("UnknownIssuer")),
        ("localhost", format!("sslmode=verify-full&sslrootcert={other}"), Err("UnknownIssuer")),
        ("localhost", format!("sslmode=prefer&sslrootcert={ca}"), Err("sslmode=prefer")),
        (
            "localhost",
            "sslmode=verify-full&sslrootcert=/no/such/file".to_owned(),
            Err("/no/such/file"),
        ),
    ] {
        let (ok, error) = list(&at(&product.admin_url, host, &query));
        match expected {
            Ok(()) => assert!(ok, "{host} {query}: {error}"),
            Err(words) => assert!(!ok && error.contains(words), "{host} {query}: {error}"),
        }
    }

    // The server that answers requests connects in the same way.
    for (host, query, encrypted) in [
        ("localhost", format!("sslmode=verify-full&sslrootcert={ca}&channel_binding=require"), "t"),
        ("127.0.0.1", "sslmode=require".to_owned(), "t"),
        ("127.0.0.1", String::new(), "t"),
        ("127.0.0.1", "sslmode=disable".to_owned(), "f"),
    ] {
        let name = edgebase_tests::unique("tls");
        let query = format!("{query}&application_name={name}");
        let serving = serve(&at(&product.proxy_url, host, &query)).expect("it serves");
        let client = Client::anonymous(&serving.url);
        let client = client.with("x-edgebase-service-key", "key");
        let post = json!({"title": name});
        client.post("/api/db/space/tls/tables/posts", &post).await.expect(201);
        let statement = format!(
            "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = {}",
            sql::literal(&name)
        );
        assert_eq!(sql::texts(&admin, &statement).await.unwrap(), [encrypted], "{query}");
        // A statement is cancelled in the same way, and its connection serves on.
        let run = async |text: &str| {
            let body = json!({"namespace": "space", "id": "tls", "sql": text});
            client.post("/api/sql", &body).await
        };
        let backend = run("SELECT pg_backend_pid() AS pid").await.expect(200);
        let dropped = timeout(Duration::from_secs(1), run("SELECT pg_sleep(25)")).await;
        assert!(dropped.is_err(), "{query}");
        let statement = format!(
            "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND application_name = {}",
            sql::literal(&name)
        );
        let begun = Instant::now();
        while !sql::texts(&admin, &statement).await.unwrap().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(12), "it still runs: {query}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(run("SELECT pg_backend_pid() AS pid").await.expect(200), backend, "{query}");
    }
    for (host, query) in [
        ("localhost", format!("sslmode=verify-full&sslrootcert={other}")),
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={ca}")),
    ] {
        assert!(serve(&at(&product.proxy_url, host, &query)).is_none(), "{query}");
    }

    // The authority is exchanged while a server runs, and it need not be told.
    let roots = folder.join("roots.crt");
    std::fs::copy(&files[0], &roots).unwrap();
    let query = format!("sslmode=verify-full&sslrootcert={}", roots.display());
    let serving = serve(&at(&product.proxy_url, "localhost", &query)).expect("it serves");
    let client = Client::anonymous(&serving.url).with("x-edgebase-service-key", "key");
    let post = json!({"title": "x"});
    client.post("/api/db/space/tls/tables/posts", &post).await.expect(201);
    admin.batch_execute("ALTER SYSTEM SET ssl_cert_file = 'renewed.crt'").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
               WHERE ssl AND pid <> pg_backend_pid()";
    let until = async |done: &dyn Fn(u16) -> bool| {
        let begun = Instant::now();
        loop {
            admin.batch_execute(end).await.unwrap();
            let answer = client.post("/api/db/space/tls/tables/posts", &post).await;
            if done(answer.status) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{}", answer.text);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    until(&|status| status == 503 && serving.log().contains("UnknownIssuer")).await;
    std::fs::copy(&files[1], &roots).unwrap();
    until(&|status| status == 201).await;
    let _ = std::fs::remove_dir_all(&folder);
}
