//! Does `POST /api/sql` answer as the contract says, one statement at a time?

use super::{notes, product};
use edgebase_tests::{Answer, Client, unique};
use serde_json::{Value, json};

async fn sql(client: &Client, id: &str, text: &str, params: Value) -> Answer {
    client
        .post("/api/sql", &json!({"namespace": "room", "id": id, "sql": text, "params": params}))
        .await
}

#[tokio::test]
async fn an_answer_has_all_five_keys() {
    let product = product();
    let service = product.service();
    let id = unique("keys");
    // The first statement makes the instance, as a first write does.
    let none = sql(&service, &id, "SELECT id, n FROM notes", json!([])).await.expect(200);
    let empty =
        json!({"rows": [], "items": [], "results": [], "columns": ["id", "n"], "rowCount": 0});
    assert_eq!(none, empty);
    let insert = "INSERT INTO notes (id, title, n, flag, data) VALUES (?, ?, ?, ?, ?), ('b', 'is it ?', 2, false, NULL)";
    let made = sql(&service, &id, insert, json!(["a", "it's", 1.5, true, {"k": [1, "?"]}]))
        .await
        .expect(200);
    assert_eq!(
        (&made["rowCount"], &made["rows"], &made["columns"]),
        (&json!(2), &json!([]), &json!([]))
    );
    let read =
        sql(&service, &id, "SELECT id, title, n, flag, data FROM notes ORDER BY id", json!([]))
            .await
            .expect(200);
    let rows = json!([
        {"id": "a", "title": "it's", "n": 1.5, "flag": true, "data": {"k": [1, "?"]}},
        {"id": "b", "title": "is it ?", "n": 2, "flag": false, "data": null},
    ]);
    for key in ["rows", "items", "results"] {
        assert_eq!(read[key], rows, "{key}");
    }
    assert_eq!(read["columns"], json!(["id", "title", "n", "flag", "data"]));
    assert_eq!(read["rowCount"], 2);
    let changed =
        sql(&service, &id, "UPDATE notes SET n = n + 1 RETURNING id, \"createdAt\"", json!([]))
            .await
            .expect(200);
    assert_eq!(changed["rowCount"], 2);
    assert!(changed["rows"][0]["createdAt"].is_string());
    let gone =
        sql(&service, &id, "DELETE FROM notes WHERE id = $1", json!(["a"])).await.expect(200);
    assert_eq!(gone["rowCount"], 1);
    assert_eq!(service.get(&notes(&id)).await.ids(), ["b"]);
}

#[tokio::test]
async fn placeholders_are_positional_and_only_where_sql_has_a_value() {
    let product = product();
    let service = product.service();
    let id = unique("marks");
    for (text, params, row) in [
        ("SELECT ?::int + ?::int AS x", json!([1, 2]), json!({"x": 3})),
        ("SELECT '?' AS a, ? AS b -- ?\n", json!(["v"]), json!({"a": "?", "b": "v"})),
        (
            "SELECT $$ ? $$ AS a, /* ? /* ? */ */ ?::text AS b",
            json!(["v"]),
            json!({"a": " ? ", "b": "v"}),
        ),
        ("SELECT '{\"k\":1}'::jsonb \\? 'k' AS x", json!([]), json!({"x": true})),
        ("SELECT '{\"k\":1}'::jsonb ?| ARRAY['k'] AS x", json!([]), json!({"x": true})),
        ("SELECT $2::text AS a, $1::text AS b", json!(["x", "y"]), json!({"a": "y", "b": "x"})),
        ("SELECT ?::text AS \"a?b\"", json!([null]), json!({"a?b": null})),
        ("SELECT E'\\'?' AS x", json!([]), json!({"x": "'?"})),
        (
            "SELECT ?::text AS x",
            json!(["'; DROP TABLE notes; --"]),
            json!({"x": "'; DROP TABLE notes; --"}),
        ),
        ("SELECT ?::jsonb AS x", json!([{"a": [1, null]}]), json!({"x": {"a": [1, null]}})),
        ("SELECT __EDGEBASE_SQL_PARAM_0__::int AS x", json!([7]), json!({"x": 7})),
    ] {
        let answer = sql(&service, &id, text, params).await;
        assert_eq!(answer.status, 200, "{text}: {}", answer.text);
        assert_eq!(answer.body["rows"], json!([row]), "{text}");
    }
    for (text, params) in [
        ("SELECT ?", json!([])),
        ("SELECT 1", json!([1])),
        ("SELECT ?, $1", json!([1, 2])),
        ("SELECT ?::int", json!(["not a number"])),
    ] {
        let answer = sql(&service, &id, text, params).await;
        assert_eq!(answer.status, 400, "{text}: {}", answer.text);
        assert!(!answer.message().is_empty());
    }
}

#[tokio::test]
async fn the_key_comes_before_the_target_and_the_target_before_the_statement() {
    let product = product();
    let caller = product.anonymous();
    let wrong = caller.with("x-edgebase-service-key", "wrong");
    let scoped = caller.with("x-edgebase-service-key", "jb_alpha_5b0c1d");
    let id = unique("keyless");
    for (body, status) in [
        (json!({}), 400),
        (json!({"namespace": "room", "id": null, "sql": "SELECT 1"}), 400),
        (json!({"namespace": "room", "id": "x"}), 400),
        (json!({"namespace": "room", "id": "x", "sql": ""}), 400),
        (json!({"namespace": "room", "id": "x", "sql": "SELECT 1", "params": {}}), 400),
        (json!({"namespace": "room", "sql": "SELECT 1"}), 400),
        (json!({"namespace": "app", "id": "x", "sql": "SELECT 1"}), 400),
        (json!({"namespace": "room", "id": "a:b", "sql": "SELECT 1"}), 400),
        (json!({"namespace": "nope", "sql": "SELECT 1"}), 404),
    ] {
        for (client, status) in [(&caller, 403), (&wrong, 401), (&product.service(), status)] {
            let answer = client.post("/api/sql", &body).await;
            assert_eq!(answer.status, status, "{body}: {}", answer.text);
        }
    }
    let missing = json!({"namespace": "room", "id": "x", "sql": ""});
    let missing = product.service().post("/api/sql", &missing).await;
    missing.refused(400, "Missing required field 'sql' for SQL execution.");
    let bodies = ["SELECT 1", "not even SQL", "SELECT ?"];
    for text in bodies {
        for (client, status) in
            [(&caller, 403), (&product.user("admin"), 403), (&wrong, 401), (&scoped, 401)]
        {
            let answer = sql(client, &id, text, json!([])).await;
            assert_eq!(answer.status, status, "{text}: {}", answer.text);
        }
        // Only in its own header.
        let bearer = sql(&caller.bearer(&product.service_key), &id, text, json!([])).await;
        assert!(matches!(bearer.status, 401 | 403), "{}", bearer.text);
    }
    let schema = "SELECT count(*) FROM edgebase.instances WHERE id = ";
    let admin = edgebase_tests::sql::connect(&product.admin_url).await;
    let count = super::state::one(&admin, &format!("{schema}'{id}'")).await;
    assert_eq!(count, "0", "a refused statement makes no instance");
}

#[tokio::test]
async fn mistakes_in_a_statement_are_the_callers_and_say_what_is_wrong() {
    let product = product();
    let service = product.service();
    let id = unique("mistakes");
    sql(&service, &id, "INSERT INTO notes (id) VALUES ('a')", json!([])).await.expect(200);
    for (text, part) in [
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM nowhere", "nowhere"),
        ("SELECT nothing FROM notes", "nothing"),
        ("SELECT 1/0", "division by zero"),
        ("INSERT INTO notes (id) VALUES ('a')", "duplicate key"),
        ("INSERT INTO links (id, note) VALUES ('l', 'none')", "foreign key"),
        ("SELECT 1; SELECT 2", "multiple commands"),
        ("SELECT 1; DELETE FROM notes", "multiple commands"),
        ("CREATE TABLE planted (x int)", "CREATE TABLE"),
        ("ALTER TABLE notes ADD COLUMN x int", "ALTER TABLE"),
        ("DROP TABLE notes", "DROP TABLE"),
        ("TRUNCATE notes", "TRUNCATE"),
        ("CREATE INDEX ON notes (n)", "CREATE INDEX"),
        ("VACUUM notes", "VACUUM"),
    ] {
        let answer = sql(&service, &id, text, json!([])).await;
        assert_eq!(answer.status, 400, "{text}: {}", answer.text);
        assert!(answer.message().contains(part), "{text}: {}", answer.text);
    }
    assert_eq!(service.get(&notes(&id)).await.ids(), ["a"]);
    let nul = sql(&service, &id, "SELECT '\0'", json!([])).await;
    assert_eq!(nul.status, 400, "{}", nul.text);
}

#[tokio::test]
async fn statements_that_read_what_they_change_work_with_every_column_type() {
    let product = product();
    let service = product.service();
    let id = unique("shapes");
    sql(&service, &id, "INSERT INTO notes (id, n) VALUES ('a', 1), ('b', 2)", json!([]))
        .await
        .expect(200);
    for (text, count) in [
        ("SELECT *, now() AS t, ARRAY[1] AS l, 1.5::numeric AS d FROM notes", 2),
        ("SELECT * FROM notes -- the end", 2),
        ("SELECT * FROM notes;", 2),
        ("SELECT * FROM notes FOR UPDATE", 2),
        ("WITH x AS (SELECT * FROM notes) SELECT * FROM x", 2),
        ("WITH x AS (UPDATE notes SET n = n + 1 RETURNING *) SELECT id, n FROM x", 2),
        ("VALUES (now()), (now())", 2),
        ("TABLE notes", 2),
        ("EXPLAIN SELECT 1", 1),
        ("SHOW search_path", 1),
    ] {
        let answer = sql(&service, &id, text, json!([])).await;
        assert_eq!(answer.status, 200, "{text}: {}", answer.text);
        assert_eq!(answer.body["rowCount"], count, "{text}: {}", answer.text);
    }
    let twice =
        sql(&service, &id, "SELECT n FROM notes WHERE id = 'a'", json!([])).await.expect(200);
    assert_eq!(twice["rows"][0]["n"], 2, "it ran once");
}

#[tokio::test]
async fn a_statement_that_changes_rows_in_its_with_clause_may_answer_columns_of_any_type() {
    let product = product();
    let service = product.service();
    let id = unique("with");
    sql(&service, &id, "INSERT INTO notes (id, n) VALUES ('a', 1)", json!([])).await.expect(200);
    let text = "WITH x AS (UPDATE notes SET n = n + 1 RETURNING *) SELECT n, \"updatedAt\" FROM x";
    let answer = sql(&service, &id, text, json!([])).await.expect(200);
    assert_eq!(answer["rows"][0]["n"], 2);
}
