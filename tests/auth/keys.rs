//! Does a service key open what it should and nothing more? Row by row, contract section 5.
//!
//! Two rows need `edgebase serve`, because `edgebase dev` always adds a root key: that a key counts
//! as missing where none is configured, and a text without `jb_` where no root key is. Where we
//! differ from the contract the row says "choice".

use super::{direct, trusting};
use edgebase_tests::{Answer, Client, Product, Serving, fixture, unique};
use serde_json::{Value, json};

const OPEN: &str = "/api/db/app/tables/open";
const CLOSED: &str = "/api/db/app/tables/closed";

fn key(text: &str) -> Client {
    direct().anonymous().with("x-edgebase-service-key", text)
}

fn bearer(text: &str) -> Client {
    direct().anonymous().bearer(text)
}

/// Which scope was refused, if that is what was.
fn invalid(scope: &str) -> String {
    format!("Invalid X-EdgeBase-Service-Key for scope '{scope}'.")
}

#[track_caller]
fn check(row: &str, answer: &Answer, expected: &Result<u16, (u16, String)>) {
    match expected {
        Ok(status) => assert_eq!(answer.status, *status, "{row}: {}", answer.text),
        Err((status, message)) => {
            assert_eq!((answer.status, answer.message()), (*status, message.as_str()), "{row}");
            assert_eq!(answer.body["code"], *status, "{row}");
        }
    }
}

#[tokio::test]
async fn a_keys_text_tier_and_source_decide_whether_it_is_one() {
    let no = || Err((401, invalid("db:table:closed:read")));
    for (row, text, expected) in [
        ("dashboard: from the variable that it names", "dashboard secret", Ok(200)),
        ("inline", "inline secret", Ok(200)),
        ("only `secret` is read as inline", "bare secret", Ok(200)),
        ("a root key may have any text, even a scoped one's form", "jb_looks_scoped", Ok(200)),
        ("scoped, the whole text and form", "jb_any_secret", Ok(200)),
        ("the wrong text", "dashboard secre", no()),
        ("a longer text", "dashboard secrets", no()),
        ("another case", "Dashboard secret", no()),
        ("empty header", "", no()),
        ("the name of the variable", "DASHBOARD_KEY", no()),
        ("unknown kid", "jb_nobody_secret", no()),
        ("another's rest", "jb_any_other", no()),
        ("no rest", "jb_any_", no()),
        ("a scoped entry with a plain secret never matches", "plain secret", no()),
        ("a scoped entry without a rest never matches", "jb_restless", no()),
        ("choice: an entry without a tier is scoped", "tierless secret", no()),
        ("enabled: false", "off secret", no()),
        ("kid instead of text", "inline", no()),
    ] {
        check(row, &key(text).get(CLOSED).await, &expected);
    }
}

#[tokio::test]
async fn a_scope_is_compared_segment_by_segment() {
    let body = json!({"title": "x"});
    let no = |scope: &str| Err((401, invalid(scope)));
    let (open_read, open_write) = ("db:table:open:read", "db:table:open:write");
    for (row, kid, read, write) in [
        ("read only", "reader", Ok(200), no(open_write)),
        ("write only", "writer", no(open_read), Ok(201)),
        ("* for the table", "both", Ok(200), Ok(201)),
        ("a lone *", "any", Ok(200), Ok(201)),
        ("* for each segment", "segments", Ok(200), Ok(201)),
        ("fewer segments", "short", no(open_read), no(open_write)),
        ("no scopes", "none", no(open_read), no(open_write)),
        ("another domain", "sql", no(open_read), no(open_write)),
    ] {
        let client = key(&format!("jb_{kid}_secret"));
        for path in ["", "/count", "/search?search=x"] {
            check(row, &client.get(&format!("{OPEN}{path}")).await, &read);
        }
        check(row, &client.post(OPEN, &body).await, &write);
        for path in ["/batch", "/batch-by-filter"] {
            let answer = client.post(&format!("{OPEN}{path}"), &json!({})).await;
            assert_eq!(answer.status == 401, write.is_err(), "{row} {path}: {}", answer.text);
        }
        for answer in [
            client.patch(&format!("{OPEN}/nope"), &body).await,
            client.delete(&format!("{OPEN}/nope")).await,
        ] {
            check(row, &answer, &write.clone().map(|_| 404));
        }
    }
    key("jb_reader_secret").get(CLOSED).await.refused(401, &invalid("db:table:closed:read"));
    // Scope has the table as it is decoded, and neither block nor instance.
    key("jb_reader_secret").get("/api/db/app/tables/%6Fpen").await.expect(200);
}

#[tokio::test]
async fn every_constraint_has_to_hold() {
    let acme = "/api/db/room/acme/tables/messages";
    direct().service().post(acme, &json!({"text": "x"})).await.expect(201);
    let no = |table: &str| Err((401, invalid(&format!("db:table:{table}:read"))));
    let (closed, messages) = (CLOSED, acme);
    let other = "/api/db/room/other/tables/messages";
    for (row, text, path, expected) in [
        ("expiresAt to come", "future secret", closed, Ok(200)),
        ("expiresAt past", "past secret", closed, no("closed")),
        ("expiresAt as a day, past", "past-day secret", closed, no("closed")),
        ("env listed", "staging secret", closed, Ok(200)),
        ("env not listed", "production secret", closed, no("closed")),
        ("ipCidr of the connection", "loopback secret", closed, Ok(200)),
        ("ipCidr elsewhere", "office secret", closed, no("closed")),
        ("ipCidr that names no network", "nowhere secret", closed, no("closed")),
        ("tenant of the path", "acme secret", messages, Ok(200)),
        (
            "tenant of the path, percent-encoded",
            "acme secret",
            "/api/db/room/%61cme/tables/messages",
            Ok(200),
        ),
        ("another tenant", "acme secret", other, no("messages")),
        (
            "tenant in another case",
            "acme secret",
            "/api/db/room/Acme/tables/messages",
            no("messages"),
        ),
        ("tenant on a single-instance block", "acme secret", closed, no("closed")),
        ("all of them", "jb_narrow_secret", messages, Ok(200)),
        ("all but the tenant", "jb_narrow_secret", other, no("messages")),
    ] {
        check(row, &key(text).get(path).await, &expected);
    }
}

#[tokio::test]
async fn the_callers_address_is_the_proxys_word_only_where_a_proxy_is_trusted() {
    let office = [
        ("cf-connecting-ip", "203.0.113.9"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-for", "203.0.113.9, 10.0.0.1"),
        ("x-forwarded-for", " 203.0.113.9 "),
        ("x-forwarded-for", "2001:db8:1::5"),
        ("x-forwarded-for", "::ffff:203.0.113.9"),
        ("x-forwarded-for", "198.51.100.7"),
    ];
    let elsewhere = [
        ("cf-connecting-ip", "198.51.100.9"),
        ("x-forwarded-for", "203.0.114.9"),
        ("x-forwarded-for", "10.0.0.1, 203.0.113.9"),
        ("x-forwarded-for", "2001:db9::5"),
        ("x-forwarded-for", "198.51.100.8"),
        ("x-forwarded-for", "203.0.113"),
        ("x-forwarded-for", "unknown"),
        ("x-forwarded-for", ""),
        ("x-real-ip", "203.0.113.9"),
    ];
    let no = invalid("db:table:closed:read");
    let with_key = |base: &Client| base.with("x-edgebase-service-key", "office secret");
    for (name, value) in office {
        let client = with_key(&trusting().anonymous().with(name, value));
        assert_eq!(client.get(CLOSED).await.status, 200, "{name}: {value}");
        let client = with_key(&direct().anonymous().with(name, value));
        client.get(CLOSED).await.refused(401, &no);
    }
    for (name, value) in elsewhere {
        let client = with_key(&trusting().anonymous().with(name, value));
        client.get(CLOSED).await.refused(401, &no);
    }
    let both = trusting().anonymous().with("x-forwarded-for", "203.0.113.9");
    let both = both.with("cf-connecting-ip", "192.0.2.101");
    with_key(&both).get(CLOSED).await.refused(401, &no);
    // Choice: behind a trusted proxy the connection's own address stands for nobody.
    let loopback = trusting().anonymous().with("x-edgebase-service-key", "loopback secret");
    loopback.get(CLOSED).await.refused(401, &no);
}

#[tokio::test]
async fn a_bearer_value_is_a_key_on_the_routes_of_tables_and_instances_only() {
    for text in ["dashboard secret", "jb_any_secret"] {
        bearer(text).get(CLOSED).await.expect(200);
        let id = unique("bearer");
        let path = format!("/api/db/room/{id}/tables/messages");
        bearer(text).post(&path, &json!({"text": "x"})).await.expect(201);
        let sql = json!({"namespace": "app", "sql": "SELECT 1"});
        bearer(text)
            .post("/api/sql", &sql)
            .await
            .refused(403, "X-EdgeBase-Service-Key is required to execute SQL.");
        bearer(text)
            .get("/api/schema")
            .await
            .refused(401, "Authentication required to read the schema endpoint.");
    }
    bearer("jb_reader_secret")
        .post(OPEN, &json!({"title": "x"}))
        .await
        .refused(401, &invalid("db:table:open:write"));
    // What is no key is a token, and a bad one.
    for text in ["dashboard secre", "jb_any_other", "off secret", ""] {
        bearer(text).get(OPEN).await.refused(401, "Invalid token.");
    }
    // The header wins over the bearer value, even when it is empty.
    for (header, status) in [("", 401), ("wrong", 401), ("jb_reader_secret", 200)] {
        let both = bearer("dashboard secret").with("x-edgebase-service-key", header);
        assert_eq!(both.get(OPEN).await.status, status, "{header}");
        let user = direct().user("u").with("x-edgebase-service-key", header);
        assert_eq!(user.get(OPEN).await.status, status, "{header}");
    }
}

#[tokio::test]
async fn sql_asks_for_a_scope_of_its_own() {
    let run = async |client: &Client, target: Value| {
        let mut body = json!({"sql": "SELECT 1 AS one"});
        body.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
        client.post("/api/sql", &body).await
    };
    let app = json!({"namespace": "app"});
    let room = json!({"namespace": "room", "id": "acme"});
    direct()
        .service()
        .post("/api/db/room/acme/tables/messages", &json!({"text": "x"}))
        .await
        .expect(201);
    let no = Err((401, "Invalid X-EdgeBase-Service-Key for SQL execution.".to_owned()));
    for (row, text, target, expected) in [
        ("root", "dashboard secret", &app, Ok(200)),
        ("the scope of the block", "jb_sql_secret", &app, Ok(200)),
        ("of another block", "jb_sql_secret", &room, no.clone()),
        ("a lone *", "jb_any_secret", &room, Ok(200)),
        ("a table's scope", "jb_both_secret", &app, no.clone()),
        ("empty header", "", &app, no.clone()),
        ("wrong", "wrong", &app, no.clone()),
        ("a tenant where the block has none", "acme secret", &app, no.clone()),
        ("choice: a tenant is met where the request names it", "acme secret", &room, Ok(200)),
    ] {
        check(row, &run(&key(text), target.clone()).await, &expected);
    }
    let missing = Err((403, "X-EdgeBase-Service-Key is required to execute SQL.".into()));
    check("no key", &run(&direct().anonymous(), app.clone()).await, &missing);
    check("a user", &run(&direct().user("u"), app.clone()).await, &missing);
    // The target is looked at after the key, so only who may run SQL there learns that it is none.
    let nowhere = json!({"namespace": "nowhere"});
    let unknown = Err((404, "Namespace 'nowhere' not found in config".into()));
    check("no such target", &run(&key("dashboard secret"), nowhere.clone()).await, &unknown);
    check("no such target", &run(&key("jb_any_secret"), nowhere.clone()).await, &unknown);
    check("a key for another", &run(&key("jb_sql_secret"), nowhere.clone()).await, &no);
    check("a wrong key first", &run(&key("wrong"), nowhere.clone()).await, &no);
    check("no key first", &run(&direct().anonymous(), nowhere).await, &missing);
    let without = json!({"namespace": "room"});
    check("no key first", &run(&direct().anonymous(), without.clone()).await, &missing);
    let incomplete = Err((400, "id is required for dynamic namespace 'room'".into()));
    check("a target", &run(&key("dashboard secret"), without).await, &incomplete);
}

#[tokio::test]
async fn a_valid_key_passes_over_every_rule_and_no_key_over_none() {
    let path = format!("/api/db/room/{}/tables/messages", unique("rules"));
    let user = direct().user("u");
    for client in [direct().anonymous(), user] {
        assert_eq!(client.get(CLOSED).await.status, 403);
        assert_eq!(client.get(&path).await.status, 403);
        assert_eq!(client.post(OPEN, &json!({"title": "x"})).await.status, 403);
        client.get(OPEN).await.expect(200);
    }
    let root = key("dashboard secret");
    let made = root.post(&path, &json!({"text": "x"})).await.expect(201);
    let record = format!("{path}/{}", made["id"].as_str().unwrap());
    root.get(&record).await.expect(200);
    root.patch(&record, &json!({"text": "y"})).await.expect(200);
    root.delete(&record).await.expect(200);
    // Where it may know of everything, what is not there is 404 and not 403.
    root.get("/api/db/nope/tables/x").await.expect(404);
    root.get("/api/db/app/tables/nope").await.expect(404);
}

#[tokio::test]
async fn a_key_counts_as_missing_where_none_could_be_right() {
    let sql = json!({"namespace": "app", "sql": "SELECT 1"});
    let missing = "X-EdgeBase-Service-Key is required to execute SQL.";
    let wrong = "Invalid X-EdgeBase-Service-Key for SQL execution.";
    for (config, keys) in [
        // No keys at all.
        (
            "keyless.json",
            [("", Err(missing)), ("whatever", Err(missing)), ("jb_any_secret", Err(missing))],
        ),
        // No root key.
        (
            "rootless.json",
            [("whatever", Err(missing)), ("jb_any_secre", Err(wrong)), ("jb_any_secret", Ok(()))],
        ),
    ] {
        let product = Product::start(&fixture(config));
        let serving = Serving::start(&fixture(config), &product.proxy_url, &[]);
        let serving = serving.expect("it serves");
        for (text, expected) in keys {
            let row = format!("{config}, {text:?}");
            let client = Client::anonymous(&serving.url).with("x-edgebase-service-key", text);
            let (read, run) = (client.get(OPEN).await, client.post("/api/sql", &sql).await);
            let [on_table, on_sql] = match expected {
                Ok(()) => [Ok(200), Ok(200)],
                // A table's routes go on as if nobody had sent a key.
                Err(said) if said == missing => [Ok(200), Err((403, said.to_owned()))],
                Err(said) => [Err((401, invalid("db:table:open:read"))), Err((401, said.into()))],
            };
            check(&row, &read, &on_table);
            check(&row, &run, &on_sql);
        }
    }
}
