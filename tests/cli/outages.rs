//! Is what an operator does to a database a 503 that the log explains, and over when it is undone?

use edgebase_tests::{Answer, Client, Product, Serving, fixture, sql, unique};
use serde_json::json;
use std::time::{Duration, Instant};

struct World {
    admin: tokio_postgres::Client,
    serving: Serving,
    client: Client,
}

const POSTS: &str = "/api/db/space/there/tables/posts";

impl World {
    async fn new() -> (Product, Self) {
        let product = Product::start(&fixture("contract.ts"));
        let admin = sql::connect(&product.admin_url).await;
        let role = "CREATE ROLE \"Outage \"\"login\"\"\" LOGIN PASSWORD 'p' IN ROLE edgebase_proxy";
        admin.batch_execute(role).await.unwrap();
        let (_, place) = product.proxy_url.split_once('@').unwrap();
        let url = format!("postgres://Outage%20%22login%22:p@{place}");
        let variables = [("EDGEBASE_DATABASE_URL", url.as_str()), ("SERVICE_KEY", "key")];
        let serving = Serving::try_start(&fixture("contract.ts"), &variables).unwrap();
        let client = Client::anonymous(&serving.url).with("x-edgebase-service-key", "key");
        client.post(POSTS, &json!({"title": "x"})).await.expect(201);
        (product, Self { admin, serving, client })
    }

    async fn run(&self, statements: &str) {
        for statement in statements.split(";;") {
            self.admin
                .batch_execute(statement)
                .await
                .unwrap_or_else(|e| panic!("{statement}: {e}"));
        }
    }

    /// A row for an instance that is there.
    async fn write(&self) -> Answer {
        self.client.post(POSTS, &json!({"title": "x"})).await
    }

    /// A row for one that is to be made.
    async fn make(&self) -> Answer {
        let path = format!("/api/db/space/{}/tables/posts", unique("outage"));
        self.client.post(&path, &json!({"title": "x"})).await
    }

    /// Asks until the log has these words; what is answered meanwhile is 503 or as before.
    async fn until_logged(&self, from: usize, words: &[&str], ask: impl AsyncFn() -> Answer) {
        let begun = Instant::now();
        loop {
            let answer = ask().await;
            if answer.status == 503 {
                assert!(answer.headers.contains_key("retry-after"), "{}", answer.text);
                assert_eq!(answer.body["code"], 503, "{}", answer.text);
                for word in words {
                    assert!(!answer.text.contains(word), "{word}: {}", answer.text);
                }
            } else {
                assert!(answer.status < 300, "{}", answer.text);
            }
            let log = self.serving.log();
            if log[from..].lines().any(|line| words.iter().all(|word| line.contains(word))) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{words:?}:\n{}", &log[from..]);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn until_served(&self, ask: impl AsyncFn() -> Answer) {
        let begun = Instant::now();
        loop {
            let answer = ask().await;
            if answer.status < 300 {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{}", answer.text);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

const ENDED: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'Outage%'";

#[tokio::test]
async fn what_an_operator_does_is_a_503_that_the_log_explains() {
    let (_product, world) = World::new().await;
    let role = "\"Outage \"\"login\"\"\"";
    // What is done, how it is undone, what the log says.
    let outages = [
        (
            "ALTER SYSTEM SET default_transaction_read_only = on;;SELECT pg_reload_conf()"
                .to_owned(),
            "ALTER SYSTEM RESET default_transaction_read_only;;SELECT pg_reload_conf()".to_owned(),
            ["25006", "standby"],
        ),
        (
            format!("ALTER ROLE {role} NOLOGIN;;{ENDED}"),
            format!("ALTER ROLE {role} LOGIN"),
            ["28000", "the server refuses the login role"],
        ),
        (
            format!("ALTER ROLE {role} PASSWORD 'q';;{ENDED}"),
            format!("ALTER ROLE {role} PASSWORD 'p'"),
            ["28P01", "check its password"],
        ),
        (
            format!("ALTER ROLE {role} CONNECTION LIMIT 0;;{ENDED}"),
            format!("ALTER ROLE {role} CONNECTION LIMIT -1"),
            ["53300", "CONNECTION LIMIT"],
        ),
        (
            format!("REVOKE edgebase_proxy FROM {role}"),
            format!("GRANT edgebase_proxy TO {role}"),
            ["42501", "member of edgebase_proxy"],
        ),
        (
            format!("ALTER ROLE {role} SUPERUSER;;{ENDED}"),
            format!("ALTER ROLE {role} NOSUPERUSER;;{ENDED}"),
            ["EB005", "no superuser"],
        ),
    ];
    for (done, undone, words) in outages {
        let from = world.serving.log().len();
        world.run(&done).await;
        world.until_logged(from, &words, async || world.write().await).await;
        let health = Client::anonymous(&world.serving.url).get("/api/health").await;
        assert_eq!(health.status, 200, "it lives");
        world.run(&undone).await;
        world.until_served(async || world.write().await).await;
    }
}

#[tokio::test]
async fn instances_are_not_made_while_an_operator_forbids_it_and_the_others_are_served() {
    let (_product, world) = World::new().await;
    let outages = [
        (
            "CREATE FUNCTION public.frozen() RETURNS event_trigger LANGUAGE plpgsql AS
                 $$BEGIN RAISE EXCEPTION 'no DDL before Monday'; END$$;;\
             CREATE EVENT TRIGGER frozen ON ddl_command_start EXECUTE FUNCTION public.frozen()",
            "DROP EVENT TRIGGER frozen",
            ["P0001: no DDL before Monday", "event trigger"],
        ),
        (
            "ALTER DEFAULT PRIVILEGES FOR ROLE edgebase_owner GRANT SELECT ON TABLES TO PUBLIC",
            "ALTER DEFAULT PRIVILEGES FOR ROLE edgebase_owner REVOKE SELECT ON TABLES FROM PUBLIC",
            ["55000", "pg_default_acl"],
        ),
    ];
    for (done, undone, words) in outages {
        let from = world.serving.log().len();
        world.run(done).await;
        assert_eq!(world.make().await.status, 503);
        world.until_logged(from, &words, async || world.make().await).await;
        world.write().await.expect(201);
        world.client.get(POSTS).await.expect(200);
        world.run(undone).await;
        world.make().await.expect(201);
    }
    // Read-only, what is there is read, and what is not there is empty.
    world.run("ALTER SYSTEM SET default_transaction_read_only = on;;SELECT pg_reload_conf()").await;
    let from = world.serving.log().len();
    world.until_logged(from, &["25006"], async || world.write().await).await;
    assert_eq!(world.make().await.status, 503);
    let whole = world.client.delete("/api/db/space/there").await;
    assert_eq!(whole.status, 503, "{}", whole.text);
    assert!(!world.client.get(POSTS).await.items().is_empty());
    let list = world.client.get("/api/db/space/not-there/tables/posts").await.expect(200);
    assert_eq!(list["items"], json!([]));
}
