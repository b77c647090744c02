//! Does the document that describes the parameters describe those that the server reads?

use super::product;
use edgebase_tests::{Client, unique};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// An operation of the document, at a place that exists.
struct Operation {
    method: String,
    path: String,
    /// Names and schemas of the query.
    query: Vec<(String, Value)>,
    /// The body's schema, and a body that it allows.
    body: Option<(Value, Value)>,
}

impl Operation {
    async fn send(&self, client: &Client, query: &str, body: Option<&Value>) -> (u16, String) {
        let body = body.or(self.body.as_ref().map(|(_, sample)| sample));
        let bytes = body.map(|body| ("application/json", body.to_string().into_bytes()));
        let answer = client.send(&self.method, &format!("{}?{query}", self.path), bytes).await;
        (answer.status, answer.message().to_owned())
    }
}

/// Every operation of `/openapi.json` that takes parameters in its query or body.
fn operations(document: &Value) -> Vec<Operation> {
    let instance = unique("document");
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let namespace = if path.contains("{instanceId}") { "space" } else { "app" };
        let place = path
            .replace("{namespace}", namespace)
            .replace("{instanceId}", &instance)
            .replace("{table}", "loose")
            .replace("{id}", "none");
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let query = parameters.iter().filter(|p| p["in"] == "query");
            let query = query.map(|p| (p["name"].as_str().unwrap().into(), p["schema"].clone()));
            let content = &operation["requestBody"]["content"]["application/json"];
            let body = content["schema"]["$ref"].as_str().map(|name| {
                let name = name.rsplit('/').next().unwrap();
                let sample = content["example"].as_object().cloned().unwrap_or_default();
                (document["components"]["schemas"][name].clone(), Value::Object(sample))
            });
            let (method, path) = (method.to_uppercase(), place.clone());
            all.push(Operation { method, path, query: query.collect(), body });
        }
    }
    all
}

#[tokio::test]
async fn the_server_knows_the_parameters_of_its_document_and_no_others() {
    let product = product();
    let client = product.service();
    let document = product.anonymous().get("/openapi.json").await.expect(200);
    let operations = operations(&document);
    let names: BTreeSet<&str> =
        operations.iter().flat_map(|o| &o.query).map(|(name, _)| name.as_str()).collect();
    assert!(names.len() > 15, "{names:?}");
    let mut bodies = 0;
    for operation in &operations {
        let place = format!("{} {}", operation.method, operation.path);
        for (name, schema) in &operation.query {
            let kind = schema["type"].as_str().unwrap();
            let may_be_empty = kind == "string" && schema["minLength"].is_null();
            let (good, bad) = match (kind, name.as_str()) {
                ("integer", _) => ("1", "x"),
                ("boolean", _) => ("true", "perhaps"),
                ("string", "filter" | "orFilter") => ("[]", ""),
                ("string", "sort" | "fields" | "conflictTarget") => ("id", ""),
                ("string", _) if may_be_empty => ("a", "%FF"),
                other => panic!("{place}: what is {name}, {other:?}?"),
            };
            let with = if name == "conflictTarget" { "upsert=true&" } else { "" };
            let ask = async |query: String| {
                operation.send(&client, &format!("{with}{query}"), None).await
            };
            let taken = ask(format!("{name}={good}")).await;
            assert_ne!(taken.0, 400, "{place} {name}: {}", taken.1);
            let empty = ask(format!("{name}=")).await;
            assert_eq!(empty.0 == 400, !may_be_empty, "{place} {name}: {}", empty.1);
            for query in [format!("{name}={good}&{name}={good}"), format!("{name}={bad}")] {
                let (status, message) = ask(query).await;
                assert_eq!(status, 400, "{place} {name}: {message}");
                assert!(message.contains(name.as_str()), "{place} {name}: {message}");
            }
        }
        for name in &names {
            if !operation.query.iter().any(|(known, _)| known == name) {
                let (status, message) =
                    operation.send(&client, &format!("{name}=%FF&{name}="), None).await;
                assert_ne!(status, 400, "{place} {name}: {message}");
            }
        }
        let Some((schema, sample)) = &operation.body else { continue };
        if schema["additionalProperties"] != false {
            continue;
        }
        bodies += 1;
        let mut cases = vec![("nowhere".to_owned(), json!(1))];
        for (name, property) in schema["properties"].as_object().unwrap() {
            let wrong = match property["type"].as_str() {
                Some("string") => json!(5),
                Some("array") => json!(null),
                // An integer or null; or a record, by reference.
                _ => json!("wrong"),
            };
            cases.push((name.clone(), wrong));
        }
        for (name, value) in cases {
            let mut body = sample.clone();
            body[&name] = value;
            let (status, message) = operation.send(&client, "", Some(&body)).await;
            assert_eq!(status, 400, "{place} {body}: {message}");
            assert!(message.contains(&name), "{place} {name}: {message}");
        }
    }
    assert_eq!(bodies, 5, "batch and batch-by-filter under both prefixes, and raw SQL");
}
