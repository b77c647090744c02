//! Do `check`, `token` and `instances` answer a person at a prompt?

use edgebase_tests::sql::{connect, texts};
use edgebase_tests::{Product, binary, fixture, unique, workspace};
use serde_json::json;
use std::path::Path;
use std::process::{Command, Output};

fn edgebase(arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(arguments).env_remove("JWT_USER_SECRET").env_remove("EDGEBASE_LOG");
    command.output().expect("the command runs")
}

fn check(config: &Path) -> (Option<i32>, String, String) {
    let output = edgebase(&["check", "--config", config.to_str().unwrap()]);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn check_prints_blocks_tables_and_rules_of_a_good_config() {
    for name in ["seed_first.ts", "seed_rest.ts", "contract.ts", "release.ts", "sdk.ts"] {
        let (code, out, err) = check(&fixture(name));
        assert_eq!(code, Some(0), "{name}: {err}");
        assert!(out.contains("is valid"), "{name}: {out}");
    }
    let (_, out, _) = check(&fixture("seed_first.ts"));
    for part in
        ["block app", "table posts", "title, body, authorId", "block user", "canCreate", "notes"]
    {
        assert!(out.contains(part), "{part} is missing from:\n{out}");
    }
    // How each rule is evaluated and why, and which hooks there are.
    let (_, out, _) = check(&fixture("rules.ts"));
    for part in [
        "read     function at rules.ts:7 (database: no index on ownerId)",
        "(JavaScript engine: it creates an object with 'new')",
        "read     'auth != null'",
        "update   no rule: open",
        "beforeInsert hook at rules.ts:",
        "onEnrich     hook at rules.ts:",
    ] {
        assert!(out.contains(part), "{part} is missing from:\n{out}");
    }
}

#[test]
fn check_says_which_patterns_are_matched_by_backtracking() {
    let (code, out, err) = check(&fixture("answers.ts"));
    assert_eq!(code, Some(0), "{err}");
    let note = "note: the pattern of behind is matched by backtracking, since it has a lookahead";
    assert!(out.contains(note), "{out}");
    // The others take one look at each letter, however they are nested.
    assert_eq!(out.matches("backtracking").count(), 1, "{out}");
}

#[test]
fn the_examples_are_valid() {
    for name in ["notes", "saas"] {
        let (code, _, err) =
            check(&workspace().join("examples").join(name).join("edgebase.config.ts"));
        assert_eq!(code, Some(0), "{name}: {err}");
    }
}

#[test]
fn check_names_file_and_line_of_every_mistake() {
    let (_, _, err) = check(&fixture("broken_type.ts"));
    let shown = "\n          posts: { schema: { title: { type: 'strin' } } },\n";
    assert!(err.contains(shown) && err.trim_end().ends_with('^'), "{err}");
    for (name, place, word) in [
        ("broken_type.ts", "broken_type.ts:7:", "strin"),
        ("broken_syntax.ts", "broken_syntax.ts:4:", ""),
        ("broken_rule.ts", "broken_rule.ts:6:", "reed"),
        (
            "broken_call.ts",
            "broken_call.ts:9:",
            "databases.app.tables.posts.access.read: a function",
        ),
        (
            "broken_generator.ts",
            "broken_generator.ts:7:",
            "databases.app.access.canCreate: a generator",
        ),
        ("broken_import.ts", "broken_import.ts:1:", "databases"),
        ("broken.json", "broken.json:3:", "strin"),
    ] {
        let (code, out, err) = check(&fixture(name));
        assert_eq!(code, Some(1), "{name}: {out}");
        assert!(err.contains(place) && err.contains(word), "{name}: {err}");
        assert!(!err.contains("panicked"), "{name}: {err}");
    }
    let (code, _, err) = check(&fixture("none.ts"));
    assert_eq!(code, Some(1));
    assert!(err.contains("none.ts"), "{err}");
}

/// A config in a file of its own.
fn config(json: &serde_json::Value) -> std::path::PathBuf {
    let name = unique(&format!("edgebase-check-{}", std::process::id()));
    let file = std::env::temp_dir().join(format!("{name}.json"));
    std::fs::write(&file, json.to_string()).expect("the config can be written");
    file
}

#[test]
fn check_refuses_what_would_fail_later_and_apply_and_serve_refuse_it_in_the_same_words() {
    let schema = |schema| json!({"databases": {"app": {"tables": {"t": {"schema": schema}}}}});
    let migration = |version, up: &str| {
        let entry = json!({"version": version, "description": "d", "up": up});
        json!({"databases": {"app": {"tables": {"t": {"migrations": [entry]}}}}})
    };
    let key = |constraints| {
        let key = json!({"kid": "k", "tier": "root", "secret": "s", "constraints": constraints});
        json!({"serviceKeys": {"keys": [key]}})
    };
    let wide: serde_json::Map<_, _> =
        (0..1_598).map(|n| (format!("f{n}"), json!("string"))).collect();
    for (mistaken, words) in [
        (json!({"rateLimiting": {"db": {"requests": 5, "window": "x"}}}), "rateLimiting.db.window"),
        (schema(json!({"a": {"type": "datetime", "default": "soon"}})), "Invalid datetime format."),
        (schema(json!({"a": {"type": "datetime", "default": "now"}})), "Invalid datetime format."),
        (schema(json!({"a": {"type": "number", "default": 5, "max": 4}})), "Must be at most 4."),
        (schema(json!({"a": {"type": "number", "references": "t"}})), "a number cannot refer to"),
        (schema(json!({"ctid": "string"})), "of its own"),
        (schema(json!(wide)), "1601 columns"),
        (schema(json!({"a": {"type": "number", "check": "a >"}})), "an operand is missing"),
        (migration(1, "SELEC 1"), "no statement begins with 'selec'"),
        (migration(0, "SELECT 1"), "versions begin with 1"),
        (
            json!({"databases": {"app": {"tables": {"t": {
                "access": {"insert": "auth.id == resource.owner"}}}}}}),
            "the rule never allows",
        ),
        (key(json!({"expiresAt": "soon"})), "no point in time"),
        (key(json!({"ipCidr": ["10.0.0.0/33"]})), "is no network"),
    ] {
        let file = config(&mistaken);
        let (path, nowhere) = (file.to_str().unwrap(), "postgres://nobody@127.0.0.1:1/none");
        let said = |arguments: &[&str]| {
            let mut command = Command::new(binary());
            command.args(arguments).args(["--config", path]).env_remove("EDGEBASE_LOG");
            let output = command.env("EDGEBASE_DATABASE_URL", nowhere).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{arguments:?} {mistaken}");
            String::from_utf8(output.stderr).unwrap()
        };
        let checked = said(&["check"]);
        assert!(checked.contains(words), "{mistaken}: {checked}");
        assert_eq!(said(&["apply", "--database-url", nowhere]), checked);
        assert_eq!(said(&["serve", "--listen", "127.0.0.1:0"]), checked);
        let _ = std::fs::remove_file(&file);
    }
}

#[test]
fn check_remarks_on_what_probably_means_something_else_and_accepts_it() {
    let odd = json!({
        "cors": {"origin": "*", "credentials": true},
        "rateLimiting": {"db": {"requests": -5, "window": 60}},
        "databases": {
            "app": {"tables": {"t": {"schema": {
                "a": {"type": "string", "required": true, "default": null},
                "b": {"type": "string", "references": "t", "default": "general"}
            }}}},
            "far": {"provider": "postgres", "connectionString": "EDGEBASE_TEST_UNSET", "tables": {}}
        }
    });
    let file = config(&odd);
    let (code, out, err) = check(&file);
    let _ = std::fs::remove_file(&file);
    assert!(code == Some(0) && out.contains("is valid"), "{err}");
    for words in [
        "no effect with the origin '*'",
        "rateLimiting.db.requests is -5",
        "'app.t.a' is required, and null is no default",
        "'app.t.b' refers to 't.id' by default",
        "neither EDGEBASE_TEST_UNSET is set nor",
    ] {
        assert!(err.contains(words), "{words}: {err}");
    }
}

#[test]
fn help_explains_every_command_and_unknown_ones_are_refused() {
    let help = edgebase(&["--help"]);
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    for command in [
        "dev",
        "serve",
        "check",
        "rules",
        "token",
        "apply",
        "migrate",
        "instances",
        "verify",
        "repair",
    ] {
        assert!(text.contains(command), "{command} is missing from:\n{text}");
        assert!(edgebase(&[command, "--help"]).status.success());
    }
    assert_eq!(edgebase(&["nonsense"]).status.code(), Some(2));
    assert_eq!(edgebase(&["check", "--nonsense"]).status.code(), Some(2));
}

#[tokio::test]
async fn a_minted_token_is_accepted_and_carries_its_claims() {
    let product = Product::shared("release.ts");
    let data_dir = product.data_dir();
    let id = unique("minted");
    let claims = json!({"custom": {"plan": "pro"}}).to_string();
    let output = edgebase(&[
        "token",
        "--sub",
        &id,
        "--role",
        "admin",
        "--claims",
        &claims,
        "--expires",
        "5m",
        "--data-dir",
        data_dir.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let token = String::from_utf8(output.stdout).unwrap();
    let client = product.anonymous().bearer(token.trim());
    let row = json!({"title": "x", "ownerId": id});
    let made = client.post("/api/db/app/tables/open", &row).await.expect(201);
    let record = format!("/api/db/app/tables/open/{}", made["id"].as_str().unwrap());
    client.patch(&record, &json!({"title": "y"})).await.expect(200);

    let other = Command::new(binary())
        .args(["token", "--sub", "x"])
        .env("JWT_USER_SECRET", "another secret")
        .output()
        .unwrap();
    let token = String::from_utf8(other.stdout).unwrap();
    let client = product.anonymous().bearer(token.trim());
    client.get("/api/db/app/tables/open").await.refused(401, "Invalid token.");
}

#[test]
fn token_says_what_is_wrong_with_its_arguments() {
    let nowhere = std::env::temp_dir().join("edgebase-no-such-directory");
    let nowhere = nowhere.to_str().unwrap();
    for arguments in [
        vec!["token", "--sub", "a", "--data-dir", nowhere],
        vec!["token", "--sub", "", "--data-dir", nowhere],
        vec!["token", "--sub", "a", "--claims", "[1]", "--data-dir", nowhere],
        vec!["token", "--sub", "a", "--expires", "soon"],
        vec!["token"],
    ] {
        let output = edgebase(&arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[tokio::test]
async fn instances_are_created_listed_and_deleted_by_hand() {
    let product = Product::shared("release.ts");
    let data_dir = product.data_dir();
    let data_dir = data_dir.to_str().unwrap();
    let id = unique("by hand's \"");
    let run = |arguments: &[&str]| {
        let mut all = vec!["instances"];
        all.extend(arguments);
        all.extend(["--data-dir", data_dir]);
        let output = edgebase(&all);
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {err}");
        String::from_utf8(output.stdout).unwrap()
    };
    let key = format!("room:{id}");
    run(&["create", &key]);
    assert!(run(&["list"]).contains(&id));
    let path = format!("/api/db/room/{}/tables/messages", edgebase_tests::encode(&id));
    product.user("u").post(&path, &json!({"text": "x"})).await.expect(201);
    run(&["delete", &key, "--yes"]);
    assert!(!run(&["list"]).contains(&id));
    assert_eq!(product.user("u").get(&path).await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn what_somebody_opened_is_told_by_verify_and_taken_back_by_repair() {
    let product = Product::start(&fixture("release.ts"));
    let run = |command: &[&str]| {
        let output = Command::new(binary())
            .args(command)
            .args(["--database-url", &product.admin_url])
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let path = format!("/api/db/room/{}/tables/messages", edgebase_tests::encode("o'dd \""));
    product.user("u").post(&path, &json!({"text": "x"})).await.expect(201);
    assert_eq!(run(&["verify"]).0, Some(0), "{:?}", run(&["verify"]));
    let admin = connect(&product.admin_url).await;
    let role = texts(&admin, "SELECT role FROM edgebase.instances WHERE namespace = 'room'").await;
    let role = role.unwrap().remove(0);
    admin
        .batch_execute(&format!(
            "CREATE ROLE somebody;
             GRANT SELECT (text) ON \"room:o'dd \"\"\".messages TO somebody;
             GRANT {role} TO somebody; ALTER ROLE {role} LOGIN"
        ))
        .await
        .unwrap();
    let (code, out, err) = run(&["verify"]);
    assert_eq!(code, Some(1), "{out}{err}");
    for told in ["somebody has SELECT (text)", "granted to somebody", "must not have"] {
        assert!(out.contains(told), "{told} is missing from:\n{out}");
    }
    let (_, out, _) = run(&["verify", "--json"]);
    let finding: serde_json::Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!(finding["remedy"], "SELECT edgebase.repair()");
    let (code, out, err) = run(&["repair", "--batch", "1"]);
    assert_eq!((code, out.starts_with("3 things repaired")), (Some(0), true), "{out}{err}");
    assert_eq!(run(&["verify"]).0, Some(0), "{:?}", run(&["verify"]));
    assert_eq!(product.user("u").get(&path).await.expect(200)["items"][0]["text"], "x");
}

#[test]
fn a_second_product_on_the_same_data_is_refused() {
    let product = Product::shared("release.ts");
    let data_dir = product.data_dir();
    let output = edgebase(&[
        "dev",
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--config",
        product.config.to_str().unwrap(),
        "--data-dir",
        data_dir.to_str().unwrap(),
    ]);
    assert!(!output.status.success());
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("in use"), "{err}");
}

#[test]
fn a_broken_config_is_reported_before_anything_is_started() {
    let data_dir =
        std::env::temp_dir().join(unique(&format!("edgebase-none-{}", std::process::id())));
    let output = edgebase(&[
        "dev",
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--config",
        fixture("broken_type.ts").to_str().unwrap(),
        "--data-dir",
        data_dir.to_str().unwrap(),
    ]);
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    let started = data_dir.join("postgres").exists();
    let _ = std::fs::remove_dir_all(&data_dir);
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("broken_type.ts:7:"), "{err}");
    assert!(!started, "no cluster is made for a config that cannot be served");
}
