//! What is counted, and where it can be read.

use crate::{FIXTURE, app, until};
use edgebase_tests::Settings;
use edgebase_tests::{Client, Product, fixture, unique};
use serde_json::json;

async fn scraped(product: &Product) -> String {
    let url = product.metrics_url.strip_suffix("/metrics").expect("metrics are served");
    let answer = Client::anonymous(url).get("/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.headers["content-type"].starts_with("application/openmetrics-text"));
    answer.text
}

/// The value of a sample, 0 when there is none.
fn value(text: &str, sample: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.map_or(0.0, |v| v.parse().unwrap_or_else(|_| panic!("{sample} {v}")))
}

#[tokio::test]
async fn rules_hooks_and_requests_are_counted_and_a_stopping_server_finishes_its_hooks() {
    let settings = Settings {
        arguments: vec!["--metrics-listen".into(), "127.0.0.1:0".into()],
        ..Settings::default()
    };
    let product = Product::start_with(&fixture(FIXTURE), settings);
    let before = scraped(&product).await;
    assert!(before.ends_with("# EOF\n"), "{before}");
    let (service, nobody, user) = (product.service(), product.anonymous(), product.user("u"));
    let owned = app("owned");
    let made = service.post(&owned, &json!({"ownerId": "u"})).await.expect(201);
    let record = format!("{owned}/{}", made["id"].as_str().unwrap());
    for _ in 0..3 {
        user.get(&record).await.expect(200);
        nobody.get(&record).await.expect(403);
    }
    nobody.get(&app("deny_throw_text")).await.expect(403);
    service.post(&app("deny_throw_text"), &json!({})).await.expect(201);
    nobody.get(&app("deny_throw_text")).await.expect(403);
    user.post(&app("hooked"), &json!({"title": "after throws"})).await.expect(201);
    let tenants: Vec<_> = (0..5).map(|_| unique("tenant")).collect();
    for tenant in &tenants {
        user.get(&format!("/api/db/workspace/{tenant}/tables/docs")).await.expect(403);
    }
    until("the after-hook is counted", || async {
        value(&scraped(&product).await, "edgebase_after_hook_failures_total") == 1.0
    })
    .await;
    let text = scraped(&product).await;
    let rule = |metric: &str, rule: &str, more: &str| {
        value(&text, &format!("edgebase_rule_{metric}_total{{rule=\"databases.{rule}\"{more}}}"))
    };
    let read = "app.tables.owned.access.read";
    assert_eq!(rule("evaluations", read, ",form=\"native\""), 6.0, "{text}");
    assert_eq!(rule("denials", read, ""), 3.0);
    assert_eq!(rule("errors", read, ""), 0.0);
    assert!(rule("time_seconds", read, "") > 0.0);
    let throws = "app.tables.deny_throw_text.access.read";
    assert_eq!((rule("denials", throws, ""), rule("errors", throws, "")), (2.0, 2.0));
    assert_eq!(rule("errors", "app.tables.hooked.handlers.hooks.afterInsert", ""), 1.0);
    assert_eq!(rule("denials", "workspace.access.access", ""), 5.0);
    assert!(value(&text, "edgebase_requests_total{status=\"2xx\"}") >= 5.0);
    assert!(value(&text, "edgebase_requests_total{status=\"4xx\"}") >= 9.0);
    assert!(value(&text, "edgebase_request_duration_seconds_count") >= 14.0);
    for tenant in &tenants {
        assert!(!text.contains(tenant.as_str()), "labels do not grow with tenants");
    }
    // Nothing of it on the address that clients use.
    for path in ["/metrics", "/api/metrics"] {
        service.get(path).await.expect(404);
    }

    // What a request has started is finished before the server ends.
    user.post(&app("slowly"), &json!({"title": "the last one"})).await.expect(201);
    let pid = i32::try_from(product.pid()).unwrap();
    // SAFETY: a signal to a child of this process, which has not been waited for.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
    product.until_logged("slowly after the last one").await;
}
