//! What the log says of a refusal, and of what rules and hooks throw and print.

use crate::{app, until};
use edgebase_tests::{Client, Product, Settings, fixture};
use serde_json::{Value, json};

const FIXTURE: &str = "trace.ts";

/// A product that logs as JSON.
struct Traced(Product);

impl Traced {
    fn start() -> Self {
        let environment = vec![("EDGEBASE_LOG_FORMAT".into(), "json".into())];
        let arguments = vec!["--metrics-listen".into(), "127.0.0.1:0".into()];
        Self(Product::start_with(&fixture(FIXTURE), Settings { environment, arguments }))
    }

    /// A caller whose requests have this id.
    fn named(client: &Client, id: &str) -> Client {
        client.with("x-request-id", id)
    }

    /// What was logged of a request: in it, and its line of the access log.
    async fn lines(&self, id: &str) -> (Vec<Value>, Value) {
        let find = || {
            let log = self.0.log();
            let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let of_it = |line: &Value| line["id"] == id || line["span"]["id"] == id;
            lines.filter(of_it).collect::<Vec<_>>()
        };
        let is_access = |line: &Value| line["target"] == "edgebase::access";
        until(&format!("{id} has an access line"), || async { find().iter().any(is_access) }).await;
        let (access, inside): (Vec<_>, Vec<_>) = find().into_iter().partition(is_access);
        assert_eq!(access.len(), 1, "{access:?}");
        (inside, access[0].clone())
    }

    /// The one exception that was logged of a request.
    async fn thrown(&self, id: &str) -> Value {
        let (inside, _) = self.lines(id).await;
        let is_one = |line: &&Value| line["message"] == "a function of the config threw";
        let thrown: Vec<_> = inside.iter().filter(is_one).collect();
        assert_eq!(thrown.len(), 1, "{id}: {inside:?}");
        thrown[0].clone()
    }
}

/// `<the copy of the config>:<line>` of the line that ends with this remark.
fn place(product: &Product, remark: &str) -> String {
    let text = std::fs::read_to_string(fixture(FIXTURE)).unwrap();
    let line = text.lines().position(|line| line.ends_with(&format!("// {remark}")));
    let file = product.config.canonicalize().unwrap();
    format!("{}:{}", file.display(), line.expect(remark) + 1)
}

#[tokio::test]
async fn a_refusal_has_one_name_in_the_log_the_header_and_the_metrics() {
    let traced = Traced::start();
    let product = &traced.0;
    let path = "/api/db/team/of-anna/tables/notes";
    let answer = Traced::named(&product.user("u"), "refused").get(path).await;
    let rule = "databases.team:{id}.access.access";
    let cause = "the rule returned a falsy value";
    assert_eq!(answer.headers["x-edgebase-denied-by"], format!("{rule}; cause=\"{cause}\""));
    let (_, access) = traced.lines("refused").await;
    assert_eq!((&access["rule"], &access["cause"]), (&json!(rule), &json!(cause)), "{access}");
    assert_eq!((&access["status"], &access["caller"]), (&json!(403), &json!("user")), "{access}");
    // In development the path is logged as it came.
    assert_eq!(access["path"], path);
    let metrics = Client::anonymous(&product.metrics_url).get("").await.text;
    assert!(
        metrics.contains(&format!("edgebase_rule_denials_total{{rule=\"{rule}\"}} 1")),
        "{metrics}"
    );
    assert!(!product.log().contains("FunctionId"), "{}", product.log());
}

#[tokio::test]
async fn what_rules_and_hooks_throw_is_logged_with_its_place_in_the_request() {
    let traced = Traced::start();
    let product = &traced.0;
    let (anonymous, user) = (product.anonymous(), product.user("u"));
    let table = |name: &str| format!("databases.app.tables.{name}");
    product.service().post(&app("native"), &json!({"id": "one", "title": "x"})).await.expect(201);
    for n in 0..5 {
        product.service().post(&app("helped"), &json!({"n": n})).await.expect(201);
    }
    Traced::named(&anonymous, "native").get(&app("native/one")).await.expect(403);
    Traced::named(&user, "helped").post(&app("helped"), &json!({})).await.expect(403);
    // A rule that throws on every row is logged once.
    Traced::named(&user, "rows").get(&app("helped")).await.expect(200);
    Traced::named(&user, "later").post(&app("later"), &json!({})).await.expect(403);
    let bad = json!({"title": "bad"});
    Traced::named(&user, "hook").post(&app("hooked"), &bad).await.expect(400);
    let after = json!({"title": "after"});
    Traced::named(&user, "after").post(&app("hooked"), &after).await.expect(201);
    for (id, rule, remark, exception) in [
        ("native", "native.access.read", "native throws", "cannot read property 'id'"),
        ("helped", "helped.access.insert", "a function of the file throws", "TypeError: "),
        ("rows", "helped.access.read", "a function of the file throws", "TypeError: "),
        ("later", "later.access.insert", "a promise is rejected", "RangeError: much later\\nINFO"),
        ("hook", "hooked.handlers.hooks.beforeInsert", "a hook throws", "Error: Bad title"),
    ] {
        let thrown = traced.thrown(id).await;
        assert_eq!(thrown["rule"], table(rule), "{thrown}");
        let at = thrown["at"].as_str().unwrap();
        let place = place(product, remark);
        assert!(at == place || at.starts_with(&format!("{place}:")), "{id}: {at}, not {place}");
        assert!(thrown["exception"].as_str().unwrap().starts_with(exception), "{thrown}");
        assert_eq!(thrown["level"], "WARN");
        assert_eq!(thrown["span"]["id"], id);
    }
    let (_, access) = traced.lines("hook").await;
    assert_eq!(access["rule"], table("hooked.handlers.hooks.beforeInsert"));
    assert_eq!(access["cause"], "the hook threw: Bad title");
    // After the answer, and still in the request.
    let hook = table("hooked.handlers.hooks.afterInsert");
    let place = place(product, "an after-hook throws");
    until("the after-hook is logged", || async {
        let (inside, _) = traced.lines("after").await;
        let is_it = |line: &Value| {
            line["rule"] == hook && line["at"].as_str().is_some_and(|at| at.starts_with(&place))
        };
        inside.iter().any(is_it) && inside.iter().any(|line| line["level"] == "ERROR")
    })
    .await;
    // A typed error is the config's own word for the client, and nothing that went wrong.
    let typed = json!({"title": "typed"});
    Traced::named(&user, "typed").post(&app("hooked"), &typed).await.expect(409);
    let (inside, access) = traced.lines("typed").await;
    assert!(inside.iter().all(|line| line["level"] == "INFO"), "{inside:?}");
    assert_eq!(access["cause"], "the hook threw: Taken");
}

#[tokio::test]
async fn console_prints_objects_as_json_in_the_request() {
    let traced = Traced::start();
    let user = traced.0.user("u");
    let data = json!({"id": "one", "title": "a\nb", "n": 1.5});
    Traced::named(&user, "printed").post(&app("hooked"), &data).await.expect(201);
    let (inside, _) = traced.lines("printed").await;
    let printed = inside.iter().find(|line| line["target"] == "edgebase::config");
    let message = printed.unwrap_or_else(|| panic!("{inside:?}"))["message"].as_str().unwrap();
    for part in [
        "before a\\nb {\"data\":{",
        "\"title\":\"a\\nb\"",
        "\"n\":1.5",
        "},\"list\":[1,\"two\",null]} {\"id\":\"u\"",
    ] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    assert!(!message.contains("undefined") && !message.contains("[object]"), "{message}");
}
