//! What is in the log: one line for every request, no secret and no tenant's id, whatever is
//! asked for?

use edgebase_tests::{Client, Product, Serving, Settings, binary, fixture, sql};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};

const CONFIG: &str = "contract.ts";
const PATH: &str = "/api/db/space/tenant-of-anna/tables/posts";

/// Waits until a log has as many of these as wanted.
async fn wait(what: &str, wanted: usize, log: impl Fn() -> String) -> String {
    let begun = Instant::now();
    loop {
        let log = log();
        if log.matches(what).count() >= wanted {
            return log;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{wanted} of {what:?}:\n{log}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A server in front of a product's database, whose login role has a password.
async fn serve(product: &Product, variables: &[(&str, &str)]) -> Serving {
    let admin = sql::connect(&product.admin_url).await;
    let role = "CREATE ROLE logged LOGIN PASSWORD 'login-role-secret' IN ROLE edgebase_proxy";
    // Made already by another of the same product.
    let _ = admin.batch_execute(role).await;
    let (_, place) = product.proxy_url.split_once('@').unwrap();
    let address = format!("postgres://logged:login-role-secret@{place}");
    let mut all = vec![
        ("EDGEBASE_DATABASE_URL", address.as_str()),
        ("JWT_USER_SECRET", &product.jwt_secret),
        ("SERVICE_KEY", "service-key-secret"),
    ];
    all.extend(variables);
    Serving::try_start(&fixture(CONFIG), &all).unwrap()
}

/// The lines of the access log.
fn access(log: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["target"] == "edgebase::access").collect()
}

#[test]
fn a_filter_that_is_not_understood_stops_the_start_with_a_sentence() {
    let config = fixture(CONFIG);
    let run = |argument: Option<&str>, variable: Option<&str>| {
        let mut command = Command::new(binary());
        command.args(["check", "--config"]).arg(&config);
        command.args(argument.map(|filter| ["--log", filter]).into_iter().flatten());
        command.env_remove("EDGEBASE_LOG").envs(variable.map(|filter| ("EDGEBASE_LOG", filter)));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (argument, variable) in [
        (Some("debgu"), None),
        (None, Some("debgu")),
        (Some("info,edgebase_porxy=debug"), None),
        (Some("edgebase_proxy=loud"), None),
        (Some("tokio_postgres=debug"), None),
    ] {
        let (code, said) = run(argument, variable);
        assert_eq!(code, Some(2), "{argument:?} {variable:?}: {said}");
        assert!(said.contains("--log <FILTER>"), "{said}");
        assert!(said.contains("edgebase_proxy=debug") || said.contains("=warn"), "{said}");
    }
    for good in [None, Some(""), Some("warn"), Some("info,edgebase_rules=debug")] {
        assert_eq!(run(None, good).0, Some(0), "{good:?}");
    }
}

#[tokio::test]
async fn every_request_has_one_line_with_its_id_route_caller_and_hashed_instance() {
    let product = Product::start(&fixture(CONFIG));
    let admin = sql::connect(&product.admin_url).await;
    let serving = serve(&product, &[("EDGEBASE_LOG_FORMAT", "json")]).await;
    let anonymous = Client::anonymous(&serving.url);
    let service = anonymous.with("x-edgebase-service-key", "service-key-secret");
    let path = format!("{PATH}?mine=secret-in-a-query");
    let made = service.with("x-request-id", "first").post(PATH, &json!({"title": "x"})).await;
    let record = format!("{PATH}/{}", made.expect(201)["id"].as_str().unwrap());
    service.with("x-request-id", "second").get(&record).await.expect(200);
    anonymous.with("x-request-id", "third").get(&path).await;
    anonymous.with("x-request-id", "fourth").get("/api/db/nothing-of-ours/tables/x").await;
    anonymous.with("x-request-id", "fifth").send("PURGE-anna", "/anna@example.com", None).await;
    let log = wait("edgebase::access", 5, || serving.log()).await;
    let lines = access(&log);
    let line = |id: &str| {
        let mut of_it = lines.iter().filter(|line| line["id"] == id);
        let line = of_it.next().unwrap_or_else(|| panic!("{id} has no line:\n{log}"));
        assert!(of_it.next().is_none(), "{id} has two lines:\n{log}");
        line
    };
    let first = line("first");
    assert_eq!(first["method"], "POST");
    assert_eq!(first["route"], "/api/db/{block}/{instance}/tables/{table}");
    assert_eq!(first["status"], 201);
    assert_eq!(first["caller"], "service");
    assert_eq!((&first["block"], &first["table"]), (&json!("space"), &json!("posts")));
    assert!(first["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{first}");
    assert_eq!(line("second")["route"], "/api/db/{block}/{instance}/tables/{table}/{id}");
    assert_eq!(line("third")["caller"], "nobody");
    assert_eq!(line("fourth").get("block"), None);
    assert_eq!(
        (&line("fifth")["method"], &line("fifth")["route"]),
        (&json!("other"), &json!("none"))
    );
    // As docs/operations.md says, the hash finds the instance.
    let hash = first["instance"].as_str().unwrap();
    let find = format!(
        "SELECT key FROM edgebase.instances \
         WHERE left(encode(sha256(convert_to(key, 'UTF8')), 'hex'), 16) = {}",
        sql::literal(hash)
    );
    assert_eq!(sql::texts(&admin, &find).await.unwrap(), ["space:tenant-of-anna"]);
    for secret in ["anna", "secret-in-a-query", "nothing-of-ours", "service-key-secret"] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}

#[tokio::test]
async fn at_trace_the_log_has_statements_and_neither_secrets_nor_values() {
    let settings = Settings {
        environment: vec![("EDGEBASE_LOG".into(), "trace".into())],
        ..Settings::default()
    };
    let product = Product::start_with(&fixture(CONFIG), settings);
    let serving = serve(&product, &[("EDGEBASE_LOG", "trace")]).await;
    let user = edgebase_tests::token::user(&product.jwt_secret, "u", &json!({"email": "e-value"}));
    let signature = user.rsplit('.').next().unwrap().to_owned();
    for (url, key) in [(&product.url, &*product.service_key), (&serving.url, "service-key-secret")]
    {
        let anonymous = Client::anonymous(url);
        let service = anonymous.with("x-edgebase-service-key", key);
        let made = service.post(PATH, &json!({"title": "a-written-value"})).await.expect(201);
        let record = format!("{PATH}/{}", made["id"].as_str().unwrap());
        service.get(&record).await.expect(200);
        service.patch(&record, &json!({"title": "a-changed-value"})).await.expect(200);
        let filter = json!([["title", "==", "a-sought-value"]]).to_string();
        service.query(PATH, &[("filter", &filter)]).await.expect(200);
        let sql = json!({"namespace": "space", "id": "tenant-of-anna",
            "sql": "SELECT 'a-literal-value', title FROM posts WHERE title = ?",
            "params": ["a-bound-value"]});
        service.post("/api/sql", &sql).await;
        anonymous.bearer(&user).get(PATH).await;
        service.delete("/api/db/space/tenant-of-anna").await.expect(200);
    }
    // Passwords of the logins that `dev` makes, without which nothing was looked for.
    let password = |url: &str| {
        let (login, _) = url.split_once("://").unwrap().1.rsplit_once('@').unwrap();
        login.split_once(':').map(|(_, password)| password.to_owned())
    };
    let passwords = [password(&product.admin_url), password(&product.proxy_url)];
    assert!(passwords.iter().any(Option::is_some), "{}", product.proxy_url);
    let mut secrets: Vec<String> = passwords.into_iter().flatten().collect();
    secrets.extend([&*product.service_key, &*product.jwt_secret, &*signature].map(str::to_owned));
    secrets.extend(["login-role-secret", "service-key-secret", "e-value"].map(str::to_owned));
    secrets.extend(
        ["written", "changed", "sought", "literal", "bound"].map(|what| format!("a-{what}-value")),
    );
    let route = "/api/db/{block}/{instance}";
    let dev = wait(&format!("route=\"{route}\""), 1, || product.log()).await;
    let served = wait(&format!("route=\"{route}\""), 1, || serving.log()).await;
    for (log, which) in [(&dev, "dev"), (&served, "serve")] {
        assert!(log.contains("DEBUG"), "{which} logs little:\n{log}");
        assert!(log.contains("INSERT INTO instance."), "{which}: no statement:\n{log}");
        for secret in &secrets {
            let line = log.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{which} logs {secret}");
        }
    }
    assert!(!served.contains("tenant-of-anna"), "a tenant's id is logged:\n{served}");
}
