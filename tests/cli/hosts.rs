//! Does a database of several servers serve while one of them is alive?

use edgebase_tests::{Client, Product, Serving, binary, fixture, sql, unique};
use serde_json::json;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

/// What an address of one server consists of.
struct Parts {
    login: String,
    port: String,
    database: String,
}

fn parts(url: &str) -> Parts {
    let (login, rest) = url.split_once('@').expect("an address has a user");
    let (place, database) = rest.split_once('/').expect("an address has a database");
    let port = place.rsplit(':').next().expect("an address has a port");
    let database = database.split('?').next().unwrap_or(database);
    Parts { login: login.into(), port: port.into(), database: database.into() }
}

/// The address with these servers of this machine.
fn with_ports(url: &str, ports: &[&str], query: &str) -> String {
    let Parts { login, database, .. } = parts(url);
    let hosts: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    format!("{login}@{}/{database}?{query}", hosts.join(","))
}

fn serve(url: &str) -> Result<Serving, String> {
    let variables = [("EDGEBASE_DATABASE_URL", url), ("SERVICE_KEY", "key")];
    Serving::try_start(&fixture("contract.ts"), &variables)
}

fn client(serving: &Serving) -> Client {
    Client::anonymous(&serving.url).with("x-edgebase-service-key", "key")
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_passed_over_by_every_command() {
    let product = Product::shared("contract.ts");
    // The kernel accepts for it; it says nothing, as a server that was stopped.
    let stopped = TcpListener::bind("127.0.0.1:0").unwrap();
    let stopped = stopped.local_addr().unwrap().port().to_string();
    // Nobody listens here any more.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let alive = parts(&product.proxy_url).port;
    for query in
        ["", "connect_timeout=1", "target_session_attrs=read-write", "load_balance_hosts=random"]
    {
        let ports = [stopped.as_str(), &gone, &alive];
        let serving = serve(&with_ports(&product.proxy_url, &ports, query)).expect(query);
        let id = unique("hosts");
        let path = format!("/api/db/space/{id}/tables/posts");
        client(&serving).post(&path, &json!({"title": "x"})).await.expect(201);
        let url = with_ports(&product.admin_url, &ports, query);
        let mut command = Command::new(binary());
        let output = command.args(["instances", "list", "--database-url", &url]).output().unwrap();
        assert!(output.status.success(), "{query}: {output:?}");
    }
    // Each server is named when none answers.
    let said = serve(&with_ports(&product.proxy_url, &[&stopped, &gone], "connect_timeout=1"))
        .expect_err("no server answers");
    for words in [format!("127.0.0.1:{stopped}: no answer"), format!("127.0.0.1:{gone}: ")] {
        assert!(said.contains(&words), "{said}");
    }
    // A password that one refuses is not tried at the others.
    let Parts { login, .. } = parts(&product.proxy_url);
    let wrong = product.proxy_url.replace(&login, "postgres://edgebase_dev_proxy:wrong");
    let said = serve(&with_ports(&wrong, &[&alive, &stopped], "connect_timeout=30"))
        .expect_err("the password is wrong");
    assert!(said.contains("28P01") && said.contains("check its password"), "{said}");
}

#[tokio::test]
async fn writes_follow_the_server_that_takes_them() {
    let (first, second) =
        (Product::start(&fixture("contract.ts")), Product::start(&fixture("contract.ts")));
    let admins = (sql::connect(&first.admin_url).await, sql::connect(&second.admin_url).await);
    // One password for both, as a standby has its primary's.
    let Parts { login, .. } = parts(&first.proxy_url);
    let password = login.rsplit(':').next().unwrap();
    let alter = format!("ALTER ROLE edgebase_dev_proxy PASSWORD {}", sql::literal(password));
    admins.1.batch_execute(&alter).await.unwrap();
    let read_only = async |admin: &tokio_postgres::Client, state: &str| {
        let alter = format!("ALTER SYSTEM SET default_transaction_read_only = {state}");
        admin.batch_execute(&alter).await.unwrap();
        admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        while sql::texts(admin, "SHOW default_transaction_read_only").await.unwrap() != [state] {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    read_only(&admins.0, "on").await;
    let ports = [parts(&first.proxy_url).port, parts(&second.proxy_url).port];
    let ports = [ports[0].as_str(), ports[1].as_str()];
    let url = with_ports(&first.proxy_url, &ports, "target_session_attrs=read-write");
    let serving = serve(&url).expect("one takes writes");
    let client = client(&serving);
    let path = "/api/db/space/follow/tables/posts";
    for n in 0..8 {
        client.post(path, &json!({"title": format!("second {n}")})).await.expect(201);
    }
    let count = "SELECT count(*) FROM \"space:follow\".posts";
    assert_eq!(sql::texts(&admins.1, count).await.unwrap(), ["8"]);

    // They change places, and every connection that is refused once is made anew.
    read_only(&admins.0, "off").await;
    read_only(&admins.1, "on").await;
    let mut written = 0;
    for n in 0..100 {
        let answer = client.post(path, &json!({"title": format!("first {n}")})).await;
        match answer.status {
            201 => written += 1,
            503 => assert!(answer.headers.contains_key("retry-after"), "{}", answer.text),
            _ => panic!("{}", answer.text),
        }
        if written == 10 {
            break;
        }
    }
    assert_eq!(written, 10, "{}", serving.log());
    assert_eq!(sql::texts(&admins.0, count).await.unwrap(), ["10"]);
    assert_eq!(sql::texts(&admins.1, count).await.unwrap(), ["8"]);
    serving.until_logged("target_session_attrs=read-write").await;
}
