//! Which rule said no: told in development, never in release mode.

use crate::{FIXTURE, app, product};
use edgebase_tests::Settings;
use edgebase_tests::{Answer, Product, fixture, unique};
use serde_json::json;

const HEADER: &str = "x-edgebase-denied-by";

/// Requests that are denied, each with the header that a development server answers.
async fn denied(product: &Product) -> Vec<(Answer, String)> {
    let (service, nobody, user) =
        (product.service(), product.anonymous(), product.user(&unique("u")));
    let mark = unique("m");
    let (owned, texts, id) = (app("owned"), app("texts"), unique("w"));
    let made = service.post(&owned, &json!({"title": mark, "ownerId": "somebody"})).await;
    let record = format!("{owned}/{}", made.expect(201)["id"].as_str().unwrap());
    let text = service.post(&texts, &json!({"title": mark, "ownerId": "somebody"})).await;
    let text = format!("{texts}/{}", text.expect(201)["id"].as_str().unwrap());
    let falsy = |rule: &str| format!("{rule}; cause=\"the rule returned a falsy value\"");
    let access = |rule: &str| format!("databases.app.tables.{rule}");
    let filter = json!([["title", "==", mark]]);
    let bulk = json!({"action": "delete", "filter": filter});
    let inside = |block: &str| format!("/api/db/{block}/{id}/tables/docs");
    let batch = json!({"updates": [{"id": record.rsplit('/').next(), "data": {"n": 1}}]});
    vec![
        (user.get(&inside("workspace")).await, falsy("databases.workspace.access.access")),
        (user.get(&inside("studio")).await, falsy("databases.studio.access.access")),
        (
            nobody.get(&inside("workspace")).await,
            "databases.workspace.access.access; cause=\"the rule threw: cannot read property 'id' of null or undefined\"".into(),
        ),
        (
            user.post(&inside("sealed"), &json!({"title": "x"})).await,
            "databases.sealed.access.canCreate; cause=\"there is no such rule\"".into(),
        ),
        (
            user.delete(&format!("/api/db/sealed/{id}")).await,
            "databases.sealed.access.delete; cause=\"there is no such rule\"".into(),
        ),
        (
            user.delete(&format!("/api/db/workspace/{id}")).await,
            falsy("databases.workspace.access.delete"),
        ),
        (nobody.post(&owned, &json!({"title": "x"})).await, falsy(&access("owned.access.insert"))),
        (user.get(&record).await, falsy(&access("owned.access.read"))),
        (
            nobody.query(&texts, &[("filter", &filter.to_string())]).await,
            format!("{}; cause=\"the rule is 'auth != null'\"", access("texts.access.read")),
        ),
        (
            nobody.query(&format!("{texts}/count"), &[("filter", &filter.to_string())]).await,
            format!("{}; cause=\"the rule is 'auth != null'\"", access("texts.access.read")),
        ),
        (user.patch(&record, &json!({"n": 1})).await, falsy(&access("owned.access.update"))),
        (user.delete(&record).await, falsy(&access("owned.access.delete"))),
        (user.post(&format!("{owned}/batch"), &batch).await, falsy(&access("owned.access.update"))),
        (
            user.post(&format!("{texts}/batch-by-filter"), &bulk).await,
            format!("{}; cause=\"the rule is false\"", access("texts.access.delete")),
        ),
        (
            nobody.get(&text).await,
            format!("{}; cause=\"the rule is 'auth != null'\"", access("texts.access.read")),
        ),
        (
            user.patch(&text, &json!({"n": 1})).await,
            format!(
                "{}; cause=\"the rule is 'auth.id == resource.ownerId'\"",
                access("texts.access.update")
            ),
        ),
        (
            user.delete(&text).await,
            format!("{}; cause=\"the rule is false\"", access("texts.access.delete")),
        ),
        (
            user.post(&texts, &json!({"title": "x"})).await,
            format!("{}; cause=\"the rule is 'auth == null'\"", access("texts.access.insert")),
        ),
        (
            nobody.get("/api/db/shared/tables/members").await,
            "databases.shared.tables.members.access.read; cause=\"the rule is false\"".into(),
        ),
    ]
}

#[tokio::test]
async fn in_development_a_refusal_names_its_rule() {
    let product = product();
    for (answer, wanted) in denied(&product).await {
        assert_eq!(answer.status, 403, "{wanted}: {}", answer.text);
        assert_eq!(answer.headers.get(HEADER), Some(&wanted), "{}", answer.text);
    }
    // What is allowed, missing or malformed names nothing.
    let user = product.user("u");
    for (answer, status) in [
        (user.get(&app("many")).await, 200),
        (user.get(&app("nothing")).await, 404),
        (user.query(&app("many"), &[("limit", "x")]).await, 400),
        (user.post(&app("hooked"), &json!({"title": "says", "note": "forbidden"})).await, 403),
    ] {
        assert_eq!((answer.status, answer.headers.get(HEADER)), (status, None), "{}", answer.text);
    }
}

#[tokio::test]
async fn in_release_mode_no_refusal_names_a_rule() {
    let settings = Settings {
        environment: vec![("EDGEBASE_PUBLIC_RELEASE".into(), "yes".into())],
        ..Settings::default()
    };
    let product = Product::start_with(&fixture(FIXTURE), settings);
    let mut denied = denied(&product).await;
    let user = product.user("u");
    // In release mode a missing rule denies.
    let partly = app("partly");
    let made = product.service().post(&partly, &json!({"title": "x"})).await.expect(201);
    let record = format!("{partly}/{}", made["id"].as_str().unwrap());
    let everything =
        json!({"action": "update", "filter": [["title", "!=", ""]], "update": {"n": 1}});
    for answer in [
        user.post(&partly, &json!({"title": "x"})).await,
        user.post(&format!("{partly}?upsert=true"), &json!({"title": "x"})).await,
        user.patch(&record, &json!({"n": 1})).await,
        user.delete(&record).await,
        user.post(&format!("{partly}/batch"), &json!({"deletes": [made["id"]]})).await,
        user.post(&format!("{partly}/batch-by-filter"), &everything).await,
        user.get("/api/db/app/tables/nothing").await,
        user.get("/api/db/nothing/tables/x").await,
    ] {
        denied.push((answer, String::new()));
    }
    for (answer, rule) in denied {
        assert_eq!(answer.status, 403, "{rule}: {}", answer.text);
        assert_eq!(answer.headers.get(HEADER), None, "{rule}");
        assert!(!answer.text.contains("falsy"), "{}", answer.text);
    }
    assert_eq!(user.get(&record).await.expect(200), made);
}
