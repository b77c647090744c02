//! Is the document that describes the API true, and does the server keep to it?
//!
//! `openapi-spec-validator` reads `/openapi.json`, and schemathesis sends what the document
//! allows and much that it does not, to a server of its own, as nobody and with a service key.
//! No answer may be a 5xx, or have a status, a shape or a content type that is not documented.
//! That places and records exist to be found, and that every operation succeeded at least once,
//! is checked as well: a run of 404s proves nothing.

use edgebase_tests::{Product, encode, fixture, python, workspace};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

const CHECKS: &str = "not_a_server_error,status_code_conformance,response_schema_conformance,content_type_conformance";
/// Seconds for one run.
const TIME: &str = "60";
/// Requests of an operation, in each phase that makes them up.
const EXAMPLES: &str = "25";

/// What schemathesis is told to look for (tests/openapi/schemathesis.toml).
async fn furnish(product: &Product) {
    let client = product.service();
    let ids = ["kept", "one", "two", "three"];
    let rows = json!({"inserts": ids.map(|id| json!({"id": id, "title": "title"})).to_vec()});
    let bare = json!({"inserts": ids.map(|id| json!({"id": id})).to_vec()});
    for block in ["app", "space/here", "space/there", "space/doomed"] {
        for table in ["writes", "loose", "unsearched", "odd name/ä", "unstamped"] {
            let path = format!("/api/db/{block}/tables/{}/batch?upsert=true", encode(table));
            let rows = if table == "unstamped" { &bare } else { &rows };
            client.post(&path, rows).await.expect(200);
        }
    }
}

/// Runs schemathesis; the statuses that each operation answered.
fn schemathesis(
    product: &Product,
    as_service: bool,
    report: &Path,
) -> BTreeMap<String, BTreeSet<u64>> {
    let mut command = Command::new(python().with_file_name("st"));
    command
        .args(["--no-color", "--config-file"])
        .arg(workspace().join("tests/openapi/schemathesis.toml"))
        .args(["run", &format!("{}/openapi.json", product.url)])
        .args(["--checks", CHECKS, "--max-examples", EXAMPLES, "--max-time", TIME])
        .args(["--request-timeout", "30", "--warnings", "off", "--report-ndjson-path"])
        .arg(report)
        .current_dir(report.parent().expect("a report is in a folder"));
    if as_service {
        command.args(["--header", &format!("X-EdgeBase-Service-Key: {}", product.service_key)]);
    }
    let output = command.output().expect("schemathesis starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let mut statuses: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for line in std::fs::read_to_string(report).expect("there is a report").lines() {
        let event: Value = serde_json::from_str(line).expect("the report is JSON lines");
        let recorder = &event["ScenarioFinished"]["recorder"];
        let (Some(label), Some(all)) =
            (recorder["label"].as_str(), recorder["interactions"].as_object())
        else {
            continue;
        };
        let found = statuses.entry(label.to_owned()).or_default();
        found.extend(all.values().filter_map(|i| i["response"]["status_code"].as_u64()));
    }
    statuses
}

#[tokio::test]
async fn the_document_is_valid_and_every_answer_is_one_that_it_describes() {
    let product = Product::start(&fixture("rows.ts"));
    let folder = product.data_dir().with_file_name("openapi");
    std::fs::create_dir(&folder).unwrap();
    let document = product.anonymous().get("/openapi.json").await;
    std::fs::write(folder.join("openapi.json"), &document.text).unwrap();
    let valid = Command::new(python())
        .args(["-m", "openapi_spec_validator", "--schema", "3.1"])
        .arg(folder.join("openapi.json"))
        .output()
        .expect("the validator starts");
    assert!(valid.status.success(), "{}", String::from_utf8_lossy(&valid.stdout));

    let operations: BTreeSet<String> = document.body["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(|m| format!("{} {path}", m.to_uppercase())).collect::<Vec<_>>()
        })
        .collect();
    let mut statuses: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for as_service in [false, true] {
        furnish(&product).await;
        let report = folder.join(format!("{as_service}.ndjson"));
        for (operation, found) in schemathesis(&product, as_service, &report) {
            statuses.entry(operation).or_default().extend(found);
        }
    }
    for operation in &operations {
        let found = statuses.get(operation).cloned().unwrap_or_default();
        assert!(
            found.contains(&200) || found.contains(&201),
            "{operation} never succeeded: {found:?}"
        );
    }
}
