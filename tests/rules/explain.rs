//! `edgebase rules test`: what a rule decides, and why, at a prompt.

use crate::{FIXTURE, product};
use edgebase_tests::{binary, fixture, unique};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};

fn test_with(
    input: &str,
    environment: &[(&str, &str)],
    arguments: &[&str],
) -> (i32, String, String) {
    let mut child = Command::new(binary())
        .args(["rules", "test", "--config", fixture(FIXTURE).to_str().unwrap()])
        .args(arguments)
        .envs(environment.iter().copied())
        .env_remove("EDGEBASE_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn test(arguments: &[&str]) -> (i32, String, String) {
    test_with("", &[], arguments)
}

/// The same as JSON, with the exit status that belongs to its decision.
fn json_of(arguments: &[&str]) -> Value {
    let (code, out, err) = test(&[arguments, &["--json"]].concat());
    let value: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{err}"));
    assert_eq!(code, i32::from(value["decision"] != "allow"), "{value}");
    value
}

const READ: [&str; 6] = ["--op", "read", "--db", "app", "--table", "owned"];

#[test]
fn a_decision_is_shown_with_rule_cause_form_and_place() {
    let row = r#"{"id": "r1", "ownerId": "u1"}"#;
    let (code, out, _) = test(&[&READ[..], &["--row", row]].concat());
    assert_eq!(code, 1);
    for part in [
        "DENY  databases.app.tables.owned.access.read",
        "the rule returned a falsy value",
        "(id \"r1\")",
        "rules.ts:",
        "native",
    ] {
        assert!(out.contains(part), "{part} is missing from\n{out}");
    }
    let (code, out, _) = test(&[&READ[..], &["--row", row, "--as", r#"{"id": "u1"}"#]].concat());
    assert_eq!(code, 0, "{out}");
    assert!(out.starts_with("ALLOW  databases.app.tables.owned.access.read"), "{out}");
}

#[test]
fn rows_come_from_the_line_a_file_or_standard_input() {
    let rows = json!([{"id": "a", "ownerId": "u1"}, {"id": "b", "ownerId": "u2"}]).to_string();
    let file = std::env::temp_dir().join(unique(&format!("edgebase-rows-{}", std::process::id())));
    std::fs::write(&file, &rows).unwrap();
    for (input, row) in [("", rows.as_str()), ("", file.to_str().unwrap()), (&rows, "-")] {
        let (code, out, err) = {
            let arguments = ["--as", r#"{"id":"u1"}"#, "--row", row, "--json"];
            test_with(input, &[], &[&READ[..], &arguments].concat())
        };
        let answer: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {err}"));
        assert_eq!((code, &answer["row"]), (1, &json!({"index": 1, "id": "b"})), "{answer}");
    }
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn every_kind_of_rule_and_absence_is_told_apart() {
    for (arguments, decision, form, cause) in [
        (
            &["--op", "read", "--db", "app", "--table", "deny_never", "--row", "{}"][..],
            "deny",
            "engine",
            "not done in time",
        ),
        (
            &["--op", "read", "--db", "app", "--table", "deny_reject", "--row", "{}"],
            "deny",
            "native",
            "later",
        ),
        (
            &["--op", "read", "--db", "app", "--table", "deny_throw_text", "--row", "{}"],
            "deny",
            "engine",
            "no",
        ),
        (
            &["--op", "read", "--db", "app", "--table", "allow_text", "--row", "{}"],
            "allow",
            "native",
            "",
        ),
        (&["--op", "insert", "--db", "app", "--table", "owned"], "deny", "native", "falsy"),
        (
            &["--op", "insert", "--db", "app", "--table", "owned", "--as", r#"{"id":"u"}"#],
            "allow",
            "native",
            "",
        ),
        (&["--op", "delete", "--db", "app", "--table", "texts"], "deny", "literal", "false"),
        (
            &[
                "--op",
                "update",
                "--db",
                "app",
                "--table",
                "texts",
                "--row",
                r#"{"ownerId":"u"}"#,
                "--as",
                r#"{"id":"u"}"#,
            ],
            "allow",
            "literal",
            "",
        ),
        (&["--op", "update", "--db", "app", "--table", "partly"], "allow", "absent", ""),
        (&["--op", "canCreate", "--db", "sealed:x"], "deny", "absent", "no such rule"),
        (&["--op", "delete", "--db", "sealed:x"], "deny", "absent", "no such rule"),
        (&["--op", "access", "--db", "sealed:x"], "allow", "absent", ""),
        (
            &["--op", "canCreate", "--db", "workspace:x", "--as", r#"{"id":"u"}"#],
            "allow",
            "native",
            "",
        ),
        (
            &["--op", "delete", "--db", "workspace:x", "--as", r#"{"id":"u","role":"admin"}"#],
            "allow",
            "native",
            "",
        ),
        (
            &["--op", "access", "--db", "workspace:x", "--as", r#"{"id":"u"}"#],
            "deny",
            "native",
            "nothing to read",
        ),
        (&["--op", "access", "--db", "workspace:x"], "deny", "native", "threw"),
        (
            &[
                "--op",
                "read",
                "--db",
                "app",
                "--table",
                "vips",
                "--row",
                "{}",
                "--as",
                r#"{"id":"u","meta":{"vip":true,"path":"/api/db/app/x"}}"#,
            ],
            "allow",
            "native",
            "",
        ),
    ] {
        let answer = json_of(arguments);
        assert_eq!(
            (&answer["decision"], &answer["form"]),
            (&json!(decision), &json!(form)),
            "{arguments:?}: {answer}"
        );
        let told = answer["cause"].as_str().unwrap_or_default();
        assert!(
            told.contains(cause) && told.is_empty() == (decision == "allow"),
            "{arguments:?}: {answer}"
        );
    }
    // Release mode is the config's, and so is what an absent rule means.
    let partly = ["--op", "update", "--db", "app", "--table", "partly"];
    let (code, out, _) = test_with("", &[("EDGEBASE_PUBLIC_RELEASE", "yes")], &partly);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("denied in release mode"), "{out}");
}

#[test]
fn reads_are_answered_from_records_given_on_the_line() {
    let data =
        json!({"members": {"u:x": {"active": true}, "u:old": {"active": false}}}).to_string();
    for (block, form) in [("workspace", "native"), ("studio", "engine")] {
        for (id, decision) in [("x", "allow"), ("old", "deny"), ("none", "deny")] {
            let db = format!("{block}:{id}");
            let answer =
                json_of(&["--op", "access", "--db", &db, "--as", r#"{"id":"u"}"#, "--data", &data]);
            assert_eq!(
                (&answer["decision"], &answer["form"]),
                (&json!(decision), &json!(form)),
                "{answer}"
            );
        }
    }
    let people =
        json!({"people": {"1": {"user": "u"}, "2": {"user": "v", "barred": true}}}).to_string();
    for (user, decision) in [("u", "allow"), ("v", "deny"), ("w", "deny")] {
        let auth = json!({"id": user}).to_string();
        let answer =
            json_of(&["--op", "access", "--db", "club:c", "--as", &auth, "--data", &people]);
        assert_eq!(answer["decision"], decision, "{answer}");
    }
}

#[tokio::test]
async fn reads_are_answered_from_a_database() {
    let product = product();
    let (user, room) = (unique("u"), unique("room"));
    let member = json!({"id": format!("{user}:{room}"), "active": true});
    product.service().post("/api/db/shared/tables/members", &member).await.expect(201);
    let auth = json!({"id": user}).to_string();
    for block in ["workspace", "studio"] {
        for (id, decision) in [(room.as_str(), "allow"), ("none", "deny")] {
            let db = format!("{block}:{id}");
            let url = product.proxy_url.as_str();
            let answer =
                json_of(&["--op", "access", "--db", &db, "--as", &auth, "--database-url", url]);
            assert_eq!(answer["decision"], decision, "{answer}");
        }
    }
}

#[test]
fn what_cannot_be_asked_is_a_mistake_and_no_decision() {
    for (arguments, word) in [
        (&["--op", "read", "--db", "nothing", "--table", "x"][..], "workspace"),
        (&["--op", "read", "--db", "app", "--table", "nothing"], "owned"),
        (&["--op", "read", "--db", "app"], "--table"),
        (&["--op", "read", "--db", "app", "--table", "owned"], "--row"),
        (&["--op", "access", "--db", "app"], "only one"),
        (&["--op", "access", "--db", "workspace"], "instanceId is required"),
        (&["--op", "canCreate", "--db", "workspace:x", "--table", "docs"], "--table"),
        (&["--op", "read", "--db", "app", "--table", "owned", "--row", "[]"], "record"),
        (&["--op", "read", "--db", "app", "--table", "owned", "--row", "{"], "JSON"),
        (
            &["--op", "read", "--db", "app", "--table", "owned", "--row", "no-such-file"],
            "no-such-file",
        ),
        (&["--op", "read", "--db", "app", "--table", "owned", "--as", "{}", "--row", "{}"], "id"),
        (&["--op", "access", "--db", "workspace:x", "--data", r#"{"members": []}"#], "members"),
        (&["--op", "sing", "--db", "app"], "canCreate"),
    ] {
        let (code, out, err) = test(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {err}");
        assert!(err.contains(word), "{arguments:?}: {err}");
    }
}

#[test]
fn the_condition_that_a_rule_comes_to_is_shown_with_its_values() {
    let sql = |arguments: &[&str]| {
        let (code, out, err) = test(&[arguments, &["--sql"]].concat());
        assert_eq!(code, 0, "{err}");
        out
    };
    let user = ["--as", r#"{"id": "u'1"}"#];
    assert_eq!(
        sql(&[&READ[..], &user].concat()).trim_end(),
        "SQL  databases.app.tables.owned.access.read\n  t.\"ownerId\" = $1\n  $1 = \"u'1\""
    );
    assert!(sql(&READ).contains("\n  FALSE"), "nobody owns nothing");
    let engine = ["--op", "read", "--db", "app", "--table", "allow_promise"];
    let answer: Value = serde_json::from_str(&sql(&[&engine[..], &["--json"]].concat())).unwrap();
    assert_eq!(answer["sql"], Value::Null);
    assert!(answer["why"].as_str().unwrap().contains("'new'"), "{answer}");
    let insert = ["--op", "insert", "--db", "app", "--table", "owned", "--sql"];
    assert_eq!(test(&insert).0, 2);
}
