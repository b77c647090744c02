//! What do requests answer when somebody changes a tenant's schema, or the database's settings, by
//! hand?
//!
//! Whoever may do that is an operator, and nothing stops him. But a record reads as a list shows it,
//! nothing that is read lacks rows without saying so, and no value is written otherwise than before.

use super::state::one;
use super::{instance, notes, product};
use edgebase_tests::sql::{connect, ident, literal};
use edgebase_tests::{Answer, Client, Product, unique};
use serde_json::{Value, json};
use std::time::Duration;

/// A new instance with two notes, and its schema as SQL names it.
async fn room(service: &Client, what: &str) -> (String, String) {
    let id = unique(what);
    for (name, n) in [("a", 1.5), ("b", 1e-7)] {
        let row = json!({"id": name, "title": format!("of {name}"), "n": n, "data": {"k": [n]}});
        service.post(&notes(&id), &row).await.expect(201);
    }
    let schema = ident(&format!("room:{id}"));
    (id, schema)
}

/// The role of an instance.
async fn role(admin: &tokio_postgres::Client, id: &str) -> String {
    let of = format!("WHERE namespace = 'room' AND id = {}", literal(id));
    one(admin, &format!("SELECT role FROM edgebase.instances {of}")).await
}

/// The records of an export, in the order of their ids.
fn exported(answer: Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let record = |line: &str| serde_json::from_str::<Value>(line).unwrap()["record"].take();
    answer.text.lines().map(record).collect()
}

#[tokio::test]
async fn a_record_reads_as_a_list_shows_it_whatever_was_changed() {
    let product = product();
    let (service, admin) = (product.service(), connect(&product.admin_url).await);
    for (what, change, ids) in [
        (
            "heir",
            "CREATE TABLE S.old () INHERITS (S.notes); INSERT INTO S.old (id, title) VALUES ('c', 'old')",
            &["a", "b", "c"][..],
        ),
        (
            "parts",
            "ALTER TABLE S.notes RENAME TO notes_1;
             CREATE TABLE S.notes (LIKE S.notes_1 INCLUDING DEFAULTS) PARTITION BY LIST (id);
             ALTER TABLE S.notes ATTACH PARTITION S.notes_1 DEFAULT;
             GRANT SELECT ON S.notes TO R",
            &["a", "b"],
        ),
        (
            "view",
            "ALTER TABLE S.notes RENAME TO notes_1; CREATE VIEW S.notes AS SELECT * FROM S.notes_1;
             GRANT SELECT ON S.notes TO R; ALTER TABLE S.notes_1 OWNER TO postgres",
            &["a", "b"],
        ),
        (
            "policy",
            "ALTER TABLE S.notes ENABLE ROW LEVEL SECURITY;
             CREATE POLICY one ON S.notes USING (id = 'a')",
            &["a"],
        ),
        (
            "domain",
            "CREATE DOMAIN S.amount AS double precision; ALTER TABLE S.notes ALTER n TYPE S.amount",
            &["a", "b"],
        ),
        ("longer", "ALTER TABLE S.notes ALTER id TYPE varchar(80)", &["a", "b"]),
        ("number", "ALTER TABLE S.notes ALTER n TYPE numeric", &["a", "b"]),
        (
            "computed",
            "ALTER TABLE S.notes DROP COLUMN title, ADD COLUMN title text GENERATED ALWAYS AS (id || '!') KIND",
            &["a", "b"],
        ),
    ] {
        let (id, schema) = room(&service, what).await;
        let role = role(&admin, &id).await;
        let version = one(&admin, "SHOW server_version_num").await.parse::<u32>().unwrap();
        let kind = if version >= 180_000 { "VIRTUAL" } else { "STORED" };
        let change =
            change.replace("S.", &format!("{schema}.")).replace("TO R", &format!("TO {role}"));
        admin.batch_execute(&change.replace("KIND", kind)).await.unwrap();
        let listed = service.get(&format!("{}?sort=id", notes(&id))).await;
        assert_eq!(listed.ids(), ids, "{what}: {}", listed.text);
        for record in listed.items() {
            let path = format!("{}/{}", notes(&id), record["id"].as_str().unwrap());
            assert_eq!(&service.get(&path).await.expect(200), record, "{what}");
            let one = service.get(&format!("{path}?fields=title")).await.expect(200);
            assert_eq!(one["title"], record["title"], "{what}");
        }
        for hidden in ["a", "b", "c", "d"].iter().filter(|id| !ids.contains(id)) {
            assert_eq!(
                service.get(&format!("{}/{hidden}", notes(&id))).await.status,
                404,
                "{what}"
            );
        }
        let export = service.get(&format!("{}/export", instance(&id))).await;
        if what == "policy" {
            assert_eq!(export.status, 503, "{}", export.text);
            assert!(export.headers.contains_key("retry-after"));
        } else {
            assert_eq!(exported(export), listed.items(), "{what}");
        }
    }
}

#[tokio::test]
async fn an_export_that_waits_for_a_table_to_be_rewritten_does_not_find_it_empty() {
    let product = product();
    let (service, admin) = (product.service(), connect(&product.admin_url).await);
    for rewrite in [
        "ALTER TABLE S.notes ALTER n TYPE double precision USING n + 1",
        "TRUNCATE S.notes",
        "LOCK TABLE S.notes; INSERT INTO S.part SELECT * FROM S.notes WHERE id = 'b';
         ALTER TABLE S.notes RENAME TO gone; ALTER TABLE S.part RENAME TO notes;
         GRANT SELECT ON S.notes TO R",
    ] {
        let (id, schema) = room(&service, "rewritten").await;
        let role = role(&admin, &id).await;
        let here = |sql: &str| {
            sql.replace("S.", &format!("{schema}.")).replace("TO R", &format!("TO {role}"))
        };
        let part = "CREATE TABLE S.part (LIKE S.notes INCLUDING ALL);
                    INSERT INTO S.part SELECT * FROM S.notes WHERE id = 'a'";
        admin.batch_execute(&here(part)).await.unwrap();
        admin.batch_execute(&format!("BEGIN; {}", here(rewrite))).await.unwrap();
        let path = format!("{}/export", instance(&id));
        let (answer, ()) = tokio::join!(service.get(&path), async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let back = format!("INSERT INTO {schema}.notes (id, n) VALUES ('later', 3); COMMIT");
            admin.batch_execute(&back).await.unwrap();
        });
        answer.refused(503, "This database's tables are being changed. Try again.");
        assert!(answer.headers.contains_key("retry-after"));
        let rows = if rewrite.starts_with("TRUNCATE") { 1 } else { 3 };
        assert_eq!(exported(service.get(&path).await).len(), rows);
    }
}

#[tokio::test]
async fn a_table_that_was_moved_away_is_not_taken_for_an_empty_one() {
    let product = product();
    let (service, admin) = (product.service(), connect(&product.admin_url).await);
    let (id, schema) = room(&service, "moved").await;
    let away = ident(&unique("away"));
    admin
        .batch_execute(&format!(
            "CREATE SCHEMA {away}; ALTER TABLE {schema}.notes SET SCHEMA {away}"
        ))
        .await
        .unwrap();
    for answer in [
        service.get(&notes(&id)).await,
        service.get(&format!("{}/count", notes(&id))).await,
        service.get(&format!("{}/a", notes(&id))).await,
        service.get(&format!("{}/export", instance(&id))).await,
        service.post(&notes(&id), &json!({"id": "c"})).await,
        service.delete(&instance(&id)).await,
    ] {
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(answer.headers.contains_key("retry-after"));
    }
    admin
        .batch_execute(&format!("ALTER TABLE {away}.notes SET SCHEMA {schema}; DROP SCHEMA {away}"))
        .await
        .unwrap();
    assert_eq!(service.get(&format!("{}?sort=id", notes(&id))).await.ids(), ["a", "b"]);
}

#[tokio::test]
async fn a_changed_type_of_the_key_fails_no_statement_that_the_server_keeps() {
    let product = product();
    let (service, admin) = (product.service(), connect(&product.admin_url).await);
    let (id, schema) = room(&service, "retyped").await;
    let work = async |round: usize| {
        for n in 0..4 {
            let listed = service.get(&format!("{}?sort=id&limit=1", notes(&id))).await;
            assert_eq!(listed.ids(), ["a"], "{}", listed.text);
            let change = json!({"title": format!("{round}.{n}")});
            service.patch(&format!("{}/a", notes(&id)), &change).await.expect(200);
            let rows = json!({"inserts": [{"id": format!("x{round}.{n}")}], "updates": [{"id": "b", "data": {"n": n}}]});
            service.post(&format!("{}/batch", notes(&id)), &rows).await.expect(200);
            service.get(&format!("{}/b", notes(&id))).await.expect(200);
        }
    };
    for (round, kind) in ["varchar(80)", "text", "varchar(90)"].into_iter().enumerate() {
        work(round).await;
        admin
            .batch_execute(&format!("ALTER TABLE {schema}.notes ALTER id TYPE {kind}"))
            .await
            .unwrap();
    }
    work(3).await;
}

#[tokio::test]
async fn an_operators_settings_change_no_value_and_hide_no_row() {
    let product = Product::shared_for("lifecycle.ts", "settings");
    let (service, admin) = (product.service(), connect(&product.admin_url).await);
    let number = 0.1 + 0.2;
    let row = json!({"id": "a", "title": "back\\slash", "n": number, "at": "2026-03-02T01:00:00.000Z", "data": [1e-7]});
    let path = format!("{}/a", notes("kept"));
    let first = service.post(&notes("kept"), &row).await.expect(201);
    let sql = json!({"namespace": "room", "id": "kept", "sql":
        "SELECT n, n::text AS t, at::text AS at, interval '1 day 2 hours' AS i, '\\x00ff'::bytea AS b, E'\\\\' = '\\' AS s, '{NULL}'::text[] AS a FROM notes"});
    let asked = service.post("/api/sql", &sql).await.expect(200);
    let before = exported(service.get(&format!("{}/export", instance("kept"))).await);
    for (name, value) in [
        ("extra_float_digits", "-10"),
        ("datestyle", "SQL, DMY"),
        ("intervalstyle", "iso_8601"),
        ("bytea_output", "escape"),
        ("timezone", "Asia/Kathmandu"),
        ("standard_conforming_strings", "off"),
        ("array_nulls", "off"),
        ("transform_null_equals", "on"),
        ("quote_all_identifiers", "on"),
        ("gin_fuzzy_search_limit", "1"),
        ("default_transaction_isolation", "serializable"),
        ("search_path", "public"),
        ("xmlbinary", "hex"),
    ] {
        for of in ["DATABASE edgebase", "ROLE edgebase_dev_proxy IN DATABASE edgebase"] {
            let set = format!("ALTER {of} SET {name} = {}", literal(value));
            admin.batch_execute(&set).await.unwrap();
        }
    }
    admin
        .batch_execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE usename = 'edgebase_dev_proxy' AND pid <> pg_backend_pid()",
        )
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(service.get(&path).await.expect(200), first);
    assert_eq!(service.get(&notes("kept")).await.items(), std::slice::from_ref(&first));
    // Connections of raw SQL are reset after each use.
    for _ in 0..3 {
        assert_eq!(service.post("/api/sql", &sql).await.expect(200), asked);
    }
    assert_eq!(exported(service.get(&format!("{}/export", instance("kept"))).await), before);
    let changed = service.patch(&path, &json!({"flag": true})).await.expect(200);
    assert_eq!(changed["n"], json!(number));
    let stored = format!("SELECT n = {number:?} FROM \"room:kept\".notes");
    assert_eq!(one(&admin, &stored).await, "t", "a change stores the number as it was");
    let fresh = connect(&product.admin_url).await;
    assert_eq!(one(&fresh, "SHOW extra_float_digits").await, "-10", "the settings are in force");
}

#[tokio::test]
async fn a_deletion_takes_an_operators_table_along_and_waits_for_what_depends_on_it() {
    let product = product();
    let (service, admin) = (product.service(), connect(&product.admin_url).await);
    let (id, schema) = room(&service, "backed-up").await;
    let view = ident(&unique("report"));
    let change = format!(
        "CREATE TABLE {schema}.notes_backup AS SELECT * FROM {schema}.notes;
         CREATE VIEW public.{view} AS SELECT id FROM {schema}.notes"
    );
    admin.batch_execute(&change).await.unwrap();
    let refused = service.delete(&instance(&id)).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    product.until_logged("cannot be dropped: view").await;
    assert_eq!(service.get(&notes(&id)).await.ids().len(), 2, "nothing has gone");
    admin.batch_execute(&format!("DROP VIEW public.{view}")).await.unwrap();
    let export = exported(service.get(&format!("{}/export", instance(&id))).await);
    assert_eq!(export.len(), 2, "the backup is the operator's");
    let receipt = service.delete(&instance(&id)).await.expect(200);
    let names: Vec<&Value> =
        receipt["tables"].as_array().unwrap().iter().map(|t| &t["name"]).collect();
    assert_eq!(names, ["notes", "notes_backup"]);
    assert_eq!(receipt["rows"], 4);
}

#[tokio::test]
async fn a_write_that_is_taken_and_not_stored_is_a_503_that_the_log_explains() {
    let product = product();
    let (service, admin) = (product.service(), connect(&product.admin_url).await);
    for (what, change, undo) in [
        (
            "vetoed",
            "CREATE FUNCTION S.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
             CREATE TRIGGER veto BEFORE INSERT OR UPDATE OR DELETE ON S.notes
                 FOR EACH ROW EXECUTE FUNCTION S.nothing()",
            "DROP TRIGGER veto ON S.notes",
        ),
        (
            "ruled",
            "CREATE RULE veto AS ON INSERT TO S.notes DO INSTEAD NOTHING;
             CREATE RULE veto_update AS ON UPDATE TO S.notes DO INSTEAD NOTHING;
             CREATE RULE veto_delete AS ON DELETE TO S.notes DO INSTEAD NOTHING",
            "DROP RULE veto ON S.notes; DROP RULE veto_update ON S.notes; DROP RULE veto_delete ON S.notes",
        ),
    ] {
        let (id, schema) = room(&service, what).await;
        admin.batch_execute(&change.replace("S.", &format!("{schema}."))).await.unwrap();
        let (path, row) = (notes(&id), json!({"id": "c", "title": "c"}));
        let inserts = json!({"inserts": [{"id": "d"}, {"id": "e"}]});
        let bulk =
            json!({"action": "update", "filter": [["id", "==", "a"]], "update": {"title": "x"}});
        for answer in [
            service.post(&path, &row).await,
            service.post(&format!("{path}?upsert=true"), &json!({"id": "a", "n": 2})).await,
            service.post(&format!("{path}?upsert=true"), &json!({"title": "new"})).await,
            service.patch(&format!("{path}/a"), &json!({"title": "x"})).await,
            service.delete(&format!("{path}/a")).await,
            service.post(&format!("{path}/batch"), &inserts).await,
            service.post(&format!("{path}/batch-by-filter"), &bulk).await,
        ] {
            assert_eq!(answer.status, 503, "{what}: {}", answer.text);
            assert!(answer.headers.contains_key("retry-after"));
        }
        let logged = if what == "ruled" { "rule" } else { "takes writes without storing them" };
        product.until_logged(logged).await;
        if what == "vetoed" {
            let missing = service.patch(&format!("{path}/missing"), &json!({"title": "x"})).await;
            assert_eq!(missing.status, 404, "{}", missing.text);
        }
        assert_eq!(service.get(&path).await.ids().len(), 2, "{what}: nothing was stored");
        admin.batch_execute(&undo.replace("S.", &format!("{schema}."))).await.unwrap();
        service.post(&path, &row).await.expect(201);
        service.delete(&format!("{path}/c")).await.expect(200);
    }
}

#[tokio::test]
async fn a_serial_column_takes_inserts_once_the_instance_is_repaired() {
    let product = product();
    let (service, admin) = (product.service(), connect(&product.admin_url).await);
    let (id, schema) = room(&service, "serial").await;
    admin
        .batch_execute(&format!("ALTER TABLE {schema}.notes ADD COLUMN seq bigserial"))
        .await
        .unwrap();
    let row = json!({"title": "next"});
    assert_eq!(service.post(&notes(&id), &row).await.status, 503);
    product.until_logged("SELECT edgebase.repair()").await;
    let repair = format!(
        "SELECT edgebase.repair_batch(number - 1, 1) ->> 'grants_revoked' FROM edgebase.instance
         WHERE namespace = 'room' AND id = {}",
        literal(&id)
    );
    assert_eq!(one(&admin, &repair).await, "0");
    service.post(&notes(&id), &row).await.expect(201);
}
