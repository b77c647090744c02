//! Contract 16: raw SQL.

use super::{Row, Who, hold, product};
use edgebase_tests::unique;
use serde_json::{Value, json};

fn sql(statement: &str, params: Value, status: u16) -> Row {
    let body = json!({"namespace": "app", "sql": statement, "params": params});
    Row::post("16", "/api/sql", body, status).by(Who::Service)
}

#[tokio::test]
async fn requests_that_are_no_statement_are_named() {
    let post = |body, status| Row::post("16", "/api/sql", body, status).by(Who::Service);
    let missing = "Missing required field 'sql' for SQL execution.";
    let string = |name: &str, received: &str| {
        format!("{name}: Invalid input: expected string, received {received}")
    };
    let mut rows = vec![
        post(json!({}), 400).says(format!(
            "{}, {}",
            string("namespace", "undefined"),
            string("sql", "undefined")
        )),
        post(json!({"namespace": "app"}), 400)
            .is(json!({"code": 400, "message": string("sql", "undefined")})),
        post(json!({"sql": "SELECT 1"}), 400).says(string("namespace", "undefined")),
        post(json!({"namespace": "app", "sql": 5}), 400).says(string("sql", "number")),
        post(json!({"namespace": "space", "id": null, "sql": "SELECT 1"}), 400)
            .says(string("id", "null")),
        post(json!({"namespace": "space", "id": 5, "sql": "SELECT 1"}), 400)
            .says(string("id", "number")),
        post(json!({"namespace": "app", "sql": "SELECT 1", "params": "x"}), 400)
            .says("params: Invalid input: expected array, received string"),
        post(json!({"namespace": "app", "sql": ""}), 400)
            .is(json!({"code": 400, "message": missing})),
        post(json!({"namespace": "app", "sql": " \n"}), 400).says(missing),
    ];
    let body = json!({"namespace": "app", "sql": "SELECT 1"});
    // The key is looked at before the body, whose namespace is not known by then.
    let required = "X-EdgeBase-Service-Key is required to execute SQL.";
    let invalid = "Invalid X-EdgeBase-Service-Key for SQL execution.";
    for who in [Who::Nobody, Who::User("u")] {
        rows.push(
            Row::post("5.5", "/api/sql", body.clone(), 403)
                .by(who)
                .is(json!({"code": 403, "message": required})),
        );
    }
    for key in ["bad", "", "jb_no_key"] {
        rows.push(
            Row::post("5.5", "/api/sql", body.clone(), 401)
                .by(Who::Nobody)
                .with("x-edgebase-service-key", key)
                .is(json!({"code": 401, "message": invalid})),
        );
    }
    // The key counts in its own header only.
    let key = product().service_key.clone();
    rows.push(
        Row::post("5.1", "/api/sql", body, 403)
            .by(Who::Nobody)
            .with("authorization", format!("Bearer {key}"))
            .says(required),
    );
    hold(&product(), rows).await;
}

#[tokio::test]
async fn a_statement_answers_its_rows_three_times() {
    let rows = |rows: Value, columns: Value| {
        let count = rows.as_array().map_or(0, Vec::len);
        json!({"rows": rows, "items": rows, "results": rows, "columns": columns, "rowCount": count})
    };
    let mark = unique("sql");
    let insert = "INSERT INTO routes (id, title) VALUES (?, ?)";
    hold(
        &product(),
        vec![
            sql("SELECT 1 AS a, ? AS b", json!(["x"]), 200)
                .keys(&["rows", "items", "results", "columns", "rowCount"])
                .is(rows(json!([{"a": 1, "b": "x"}]), json!(["a", "b"]))),
            sql("SELECT 1 AS a WHERE false", json!([]), 200).is(rows(json!([]), json!(["a"]))),
            sql(insert, json!([mark, "sql"]), 200).is(json!(
                {"rows": [], "items": [], "results": [], "columns": [], "rowCount": 1}
            )),
            sql("SELECT id, views, published, score FROM routes WHERE id = ?", json!([mark]), 200).is(rows(
                json!([{"id": mark, "views": 0, "published": false, "score": 5}]),
                json!(["id", "views", "published", "score"]),
            )),
            sql("UPDATE routes SET views = ? WHERE id = ? RETURNING views", json!([2.5, mark]), 200)
                .is(rows(json!([{"views": 2.5}]), json!(["views"]))),
            sql("SELECT count(*) AS n FROM routes WHERE id = $1 OR id = $1", json!([mark]), 200)
                .is(rows(json!([{"n": 1}]), json!(["n"]))),
            sql("SELECT '?' AS q, \"title\" -- ?\n FROM routes /* ? */ WHERE id = ?", json!([mark]), 200)
                .has(json!({"rows": [{"q": "?", "title": "sql"}]})),
            sql("SELECT $$?$$ AS d, $t$ ? $1 $t$ AS e", json!([]), 200)
                .has(json!({"rows": [{"d": "?", "e": " ? $1 "}]})),
            sql("SELECT '{\"a\":1}'::jsonb ? 'a' AS has", json!([]), 200).has(json!({"rows": [{"has": true}]})),
            sql("SELECT '{\"a\":1}'::jsonb ? ? AS has", json!(["a"]), 200).has(json!({"rows": [{"has": true}]})),
            sql("SELECT '{\"a\":1}'::jsonb ? lower(?) AS has", json!(["a"]), 400)
                .choice("before anything but a text or a parameter a lone ? is a placeholder: the operator is written \\?"),
            sql("SELECT '{\"a\":1}'::jsonb \\? 'a' AS has", json!([]), 200).has(json!({"rows": [{"has": true}]})),
            sql("SELECT '{\"a\":1}'::jsonb ?| ARRAY['a'] AS has", json!([]), 200)
                .has(json!({"rows": [{"has": true}]})),
            sql("SELECT '{\"a\":1}'::jsonb ?& ARRAY['a','b'] AS has", json!([]), 200)
                .has(json!({"rows": [{"has": false}]})),
            sql("SELECT '{\"a\":1}'::jsonb @? '$.a' AS has", json!([]), 200).has(json!({"rows": [{"has": true}]})),
            // What the JavaScript SDK's tagged template sends.
            sql("SELECT __EDGEBASE_SQL_PARAM_0__::int + __EDGEBASE_SQL_PARAM_1__::int AS n", json!([1, 2]), 200)
                .has(json!({"rows": [{"n": 3}]})),
            sql("SELECT ? AS a, $1 AS b", json!(["x"]), 400)
                .says("Cannot mix ? placeholders with PostgreSQL-style $n placeholders."),
            sql("SELECT ? AS a", json!([]), 400)
                .begins("PostgreSQL raw SQL placeholders do not match params length"),
            sql("SELECT 1", json!(["x"]), 400)
                .begins("PostgreSQL raw SQL placeholders do not match params length"),
            sql("SELEC 1", json!([]), 400)
                .begins("syntax error at or near \"SELEC\"")
                .choice("a mistake in the statement is the caller's: 400, not 500"),
            sql("SELECT * FROM nope", json!([]), 400).begins("relation \"nope\" does not exist"),
            sql("SELECT 1; SELECT 2", json!([]), 400).choice("one statement a call"),
            sql("SELECT 1 AS a, 2 AS a", json!([]), 400)
                .says("column \"a\" stands more than once in the result, whose rows are objects: name each column with AS (SQLSTATE 42701)")
                .choice("the original keeps one of the columns and drops the others"),
            sql("SELECT 1, 2", json!([]), 400).begins("column \"?column?\" stands more than once"),
            sql("SELECT a.id, b.* FROM routes a, routes b", json!([]), 400),
            sql("INSERT INTO routes (id, title) VALUES (?, 'twice') RETURNING id, id", json!([unique("twice")]), 400),
            sql("SELECT count(*) AS n FROM routes WHERE title = 'twice'", json!([]), 200).is(rows(json!([{"n": 0}]), json!(["n"]))),
            sql("CREATE TABLE t (id int)", json!([]), 400).choice("the schema is the config's"),
            sql("SELECT NULL AS a, true AS b, '{\"k\": [1]}'::jsonb AS c, 1.5::numeric AS d, ARRAY[1,2] AS e", json!([]), 200)
                .has(json!({"rows": [{"a": null, "b": true, "c": {"k": [1]}, "d": 1.5, "e": [1, 2]}]})),
            sql("SELECT 9007199254740993 AS big, 7::bigint AS small", json!([]), 200)
                .has(json!({"rows": [{"big": "9007199254740993", "small": 7}]}))
                .choice("an integer is text only where JavaScript cannot hold it"),
            sql("SELECT ? AS a, ? AS b, ? AS c", json!([null, "", "x"]), 200)
                .has(json!({"rows": [{"a": null, "b": "", "c": "x"}]})),
            sql("WITH gone AS (DELETE FROM routes WHERE id = ? RETURNING id) SELECT id FROM gone", json!([mark]), 200)
                .has(json!({"rows": [{"id": mark}], "rowCount": 1})),
            sql("WITH gone AS (DELETE FROM routes WHERE id = ? RETURNING id) SELECT array_agg(id) AS ids FROM gone", json!([mark]), 400)
                .begins("A WITH that writes can answer columns of plain types only"),
        ],
    )
    .await;
}
