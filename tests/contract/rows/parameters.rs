//! Contract 10 to 13 and 16: what is malformed is refused by its name, in every query string and
//! every body.

use super::{Row, Who, both, hold, prepare, product};
use edgebase_tests::unique;
use serde_json::{Value, json};

const REPEATED: &str = "the parameter is repeated. Send it once.";
const EMPTY: &str = "the value is empty. Send one, or leave the parameter out.";
const NOT_UTF8: &str = "the value is not valid UTF-8 once percent-decoded.";
const NO_NAME: &str = "a name is empty. Separate names by single commas.";
const TRUTH: &str = "the value must be true or false.";
const BOTH_PAGES: &str = "offset: use either page or offset, not both.";
const BOTH_TERMS: &str = "q: use either search or q, not both.";
const CONDITIONS: &str = "must be an array of [field, operator, value] conditions.";

/// Queries that are malformed on the routes of lists and searches, and what is said of them.
fn pages() -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut add = |query: &str, said: String| all.push((query.to_owned(), said));
    for (name, value) in [
        ("filter", "[]"),
        ("orFilter", "[]"),
        ("sort", "id"),
        ("fields", "id"),
        ("limit", "1"),
        ("offset", "1"),
        ("page", "1"),
        ("perPage", "1"),
        ("after", "a"),
        ("before", "a"),
        ("search", "a"),
        ("q", "a"),
        ("includeTotal", "true"),
    ] {
        add(&format!("{name}={value}&{name}={value}"), format!("{name}: {REPEATED}"));
        add(&format!("{name}={value}&x=1&{name}="), format!("{name}: {REPEATED}"));
        add(&format!("{name}=%FF"), format!("{name}: {NOT_UTF8}"));
    }
    // The name itself may be encoded.
    add("limit=1&%6C%69mit=2", format!("limit: {REPEATED}"));
    for name in ["filter", "orFilter", "sort", "fields"] {
        for text in ["", "%20", "+"] {
            add(&format!("{name}={text}"), format!("{name}: {EMPTY}"));
        }
        add(name, format!("{name}: {EMPTY}"));
    }
    for name in ["filter", "orFilter"] {
        for json in ["null", "%22%22", "5", "true", "{}"] {
            add(&format!("{name}={json}"), format!("{name} {CONDITIONS}"));
        }
        for (conditions, said) in [
            (r#"["views","==",1]"#, "each condition is [field, operator, value]."),
            (r#"[null]"#, "each condition is [field, operator, value]."),
            (r#"[["views","==",1,2]]"#, "each condition is [field, operator, value]."),
            (r#"[["views","=="]]"#, "'views ==' needs a value."),
            (r#"[["views","in"]]"#, "'views in' needs a value."),
            (r#"[["body","contains"]]"#, "'body contains' needs a value."),
            (r#"[["views",">",null]]"#, "'views >' needs a value that is not null."),
            (r#"[["views","<=",null]]"#, "'views <=' needs a value that is not null."),
            (r#"[["meta","<",null]]"#, "'meta <' needs a value that is not null."),
            (r#"[["body","contains",5]]"#, "'body contains' needs a string."),
            (r#"[["body","contains",true]]"#, "'body contains' needs a string."),
            (r#"[["body","contains",null]]"#, "'body contains' needs a string."),
            (r#"[["meta","contains-any",{}]]"#, "'meta contains-any' needs a list."),
            (r#"[["views","is null",false]]"#, "'views is null' needs no value."),
        ] {
            add(
                &format!("{name}={}", edgebase_tests::encode(conditions)),
                format!("{name}: {said}"),
            );
        }
        let half = edgebase_tests::encode(r#"[["title","==","\ud800"]]"#);
        add(
            &format!("{name}={half}"),
            format!(
                "{name} has half of a surrogate pair in a string: escape both halves, or send the character: send an array of [field, operator, value] conditions."
            ),
        );
    }
    for name in ["sort", "fields"] {
        for text in [",", "id,", ",id", "id,,title", "id,%20,title"] {
            add(&format!("{name}={text}"), format!("{name}: {NO_NAME}"));
        }
    }
    for name in ["limit", "offset", "perPage"] {
        for text in ["", "x", "-", "%20"] {
            add(&format!("{name}={text}"), format!("Invalid {name} parameter: must be a number"));
        }
        add(&format!("{name}=-1"), format!("Invalid {name} parameter: must be non-negative"));
    }
    for text in ["", "0", "-1", "x"] {
        add(&format!("page={text}"), "Invalid page parameter: must be a positive number".into());
    }
    for text in ["", "no", "TRUE", "2", "yes"] {
        add(&format!("includeTotal={text}"), format!("includeTotal: {TRUTH}"));
    }
    add("page=1&offset=1", BOTH_PAGES.into());
    add("offset=0&page=1&perPage=5", BOTH_PAGES.into());
    for both in ["search=a&q=b", "search=&q=b", "search=a&q=", "search=&q="] {
        add(both, BOTH_TERMS.into());
    }
    for (sort, field) in [
        ("views,views", "views"),
        ("views:asc,views:desc", "views"),
        ("id,title:desc,%20id:desc", "id"),
    ] {
        let said = format!("sort: '{field}' stands twice, and only the first would count.");
        add(&format!("sort={sort}"), said);
    }
    add("after=a&before=b", "Use either after or before, not both.".into());
    add(
        "sort=views&after=zz",
        "The cursor does not belong to this sort or query. Use the cursor of the previous page."
            .into(),
    );
    all
}

#[tokio::test]
async fn a_malformed_query_of_a_read_is_refused_by_the_name_of_its_parameter() {
    for t in both() {
        let t = format!("{t}/pages");
        prepare(&product(), &t, &[json!({"id": unique("q"), "title": "there"})]).await;
        let mut rows = Vec::new();
        for (query, said) in pages() {
            rows.push(Row::get("10.2", format!("{t}?{query}"), 400).says(&said));
            rows.push(Row::get("10.6", format!("{t}/search?{query}"), 400).says(&said));
            if query.starts_with("filter") || query.starts_with("orFilter") {
                rows.push(Row::get("10.5", format!("{t}/count?{query}"), 400).says(&said));
            }
            if query.starts_with("fields") {
                rows.push(Row::get("10.1", format!("{t}/any?{query}"), 400).says(&said));
            }
        }
        for name in ["highlightPre", "highlightPost"] {
            for (query, said) in [
                (format!("{name}=a&{name}=b"), REPEATED),
                (format!("{name}=%C3"), NOT_UTF8),
                (format!("search=a&{name}={}", "a".repeat(101)), "at most 100 bytes are allowed."),
            ] {
                let path = format!("{t}/search?{query}");
                rows.push(Row::get("10.6", path, 400).says(format!("{name}: {said}")));
                rows.push(Row::get("10.2", format!("{t}?{query}"), 200));
            }
        }
        hold(&product(), rows).await;
    }
    let instances = |query: &str, said: String| {
        Row::get("1.1", format!("/api/db/space?{query}"), 400).by(Who::Service).says(said)
    };
    let number = "Invalid limit parameter: must be a number";
    hold(
        &product(),
        vec![
            instances("limit=1&limit=2", format!("limit: {REPEATED}")),
            instances("after=a&after=b", format!("after: {REPEATED}")),
            instances("after=%FF", format!("after: {NOT_UTF8}")),
            instances("limit=", number.into()),
            instances("limit=5abc", number.into()),
            instances("limit=-1", "Invalid limit parameter: must be non-negative".into()),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_malformed_query_of_a_write_is_refused_before_its_body_is_read() {
    for t in both() {
        let t = format!("{t}/upserts");
        let id = unique("w");
        prepare(&product(), &t, &[json!({"id": id, "title": "there"})]).await;
        let mut rows = Vec::new();
        let batch = json!({"inserts": [{"id": id, "title": "changed"}]});
        for (suffix, body) in [("", json!({"id": id, "title": "changed"})), ("/batch", batch)] {
            let mut refused = |query: &str, said: String| {
                let path = format!("{t}{suffix}?{query}");
                rows.push(Row::post("12.4", path, body.clone(), 400).says(said));
            };
            for value in ["TRUE", "True", "1", "0", "", "yes", "true%20", "null"] {
                refused(&format!("upsert={value}"), format!("upsert: {TRUTH}"));
            }
            refused("upsert", format!("upsert: {TRUTH}"));
            for (one, other) in [("true", "true"), ("true", "false"), ("false", "true")] {
                let query = format!("upsert={one}&upsert={other}");
                refused(&query, format!("upsert: {REPEATED}"));
            }
            let needs = "conflictTarget: the parameter needs upsert=true.";
            for query in ["conflictTarget=slug", "upsert=false&conflictTarget=nope"] {
                refused(query, needs.into());
            }
            let target = |query: &str| format!("upsert=true&conflictTarget={query}");
            refused(&target(""), format!("conflictTarget: {EMPTY}"));
            refused(&target("id&conflictTarget=slug"), format!("conflictTarget: {REPEATED}"));
            refused(&target("%FF"), format!("conflictTarget: {NOT_UTF8}"));
            refused(&target("nope"), "Field 'nope' does not exist in schema.".into());
            let unique = "Field 'title' is not unique. conflictTarget must be a unique field.";
            refused(&target("title"), unique.into());
            // Whatever the body is.
            let path = format!("{t}{suffix}?upsert=1");
            let unread = Row::new("12.4", "POST", path, 400).sends("application/json", "{");
            rows.push(unread.says(format!("upsert: {TRUTH}")));
        }
        rows.push(Row::get("12.4", format!("{t}/{id}"), 200).has(json!({"title": "there"})));
        hold(&product(), rows).await;
    }
}

#[tokio::test]
async fn a_malformed_body_is_refused_by_the_name_of_its_key() {
    let expected = |name: &str, expected: &str, received: &str| {
        format!("{name}: Invalid input: expected {expected}, received {received}")
    };
    for t in both() {
        let t = format!("{t}/bulk");
        let id = unique("k");
        prepare(&product(), &t, &[json!({"id": id, "title": "there"})]).await;
        let mut rows = Vec::new();
        let mut refused = |suffix: &str, body: Value, said: &str| {
            rows.push(Row::post("13", format!("{t}/{suffix}"), body, 400).says(said));
        };
        for name in ["inserts", "updates", "deletes"] {
            for (value, kind) in [
                (json!(null), "null"),
                (json!({}), "object"),
                (json!("x"), "string"),
                (json!(5), "number"),
            ] {
                refused("batch", json!({name: value}), &expected(name, "array", kind));
            }
        }
        let keys = "It takes inserts, updates, deletes.";
        for (name, value) in
            [("delete", json!([id])), ("items", json!([])), ("upsert", json!(true))]
        {
            refused(
                "batch",
                json!({name: value}),
                &format!("Batch does not take '{name}'. {keys}"),
            );
        }
        refused(
            "batch",
            json!({"updates": [{"id": id, "data": {}, "title": "lost"}]}),
            "Each batch update entry does not take 'title'. It takes id, data.",
        );
        let mine = json!([["id", "==", id]]);
        let bulk = |key: &str, value: Value| {
            let mut body = json!({"action": "delete", "filter": mine});
            body[key] = value;
            body
        };
        for (value, kind) in [(json!(null), "null"), (json!({}), "object"), (json!("x"), "string")]
        {
            let said = expected("orFilter", "array", kind);
            refused("batch-by-filter", bulk("orFilter", value), &said);
        }
        for (value, kind) in
            [(json!("5"), "string"), (json!([5]), "array"), (json!(true), "boolean")]
        {
            refused("batch-by-filter", bulk("limit", value), &expected("limit", "number", kind));
        }
        for value in [json!(-1), json!(1.5)] {
            let said = "limit must be a non-negative integer.";
            refused("batch-by-filter", bulk("limit", value), said);
        }
        for value in [json!({"title": "x"}), json!({})] {
            let said = "batch-by-filter with action 'delete' takes no 'update'.";
            refused("batch-by-filter", bulk("update", value), said);
        }
        refused(
            "batch-by-filter",
            bulk("update", json!(null)),
            &expected("update", "record", "null"),
        );
        refused(
            "batch-by-filter",
            bulk("orfilter", json!([])),
            "batch-by-filter does not take 'orfilter'. It takes action, filter, orFilter, update, limit.",
        );
        let action = "batch-by-filter requires 'action' to be 'delete' or 'update'.";
        for value in [json!("DELETE"), json!(null), json!(["delete"]), json!("")] {
            refused("batch-by-filter", bulk("action", value), action);
        }
        let filter = "batch-by-filter requires 'filter' to be a non-empty array.";
        for value in [json!(null), json!([]), json!("[]"), json!({"0": 1})] {
            refused("batch-by-filter", bulk("filter", value), filter);
        }
        for value in [json!([["views", "=="]]), json!([["views", "<", null]])] {
            rows.push(
                Row::post("13", format!("{t}/batch-by-filter"), bulk("filter", value), 400)
                    .begins("filter: 'views "),
            );
        }
        // Nothing of this has happened.
        rows.push(Row::get("13", format!("{t}/{id}"), 200).has(json!({"title": "there"})));
        hold(&product(), rows).await;
    }
    let sql = |key: &str, value: Value, said: String| {
        let mut body = json!({"namespace": "app", "sql": "SELECT 1 AS one"});
        body[key] = value;
        Row::post("16", "/api/sql", body, 400).by(Who::Service).says(said)
    };
    let keys = "It takes namespace, id, sql, params.";
    let unknown = |name: &str| format!("SQL execution does not take '{name}'. {keys}");
    hold(
        &product(),
        vec![
            sql("parms", json!([1]), unknown("parms")),
            sql("query", json!(null), unknown("query")),
            sql("params", json!(null), expected("params", "array", "null")),
            sql("params", json!({"a": 1}), expected("params", "array", "object")),
            sql("id", json!(null), expected("id", "string", "null")),
            sql("namespace", json!(["app"]), expected("namespace", "string", "array")),
            sql("sql", json!(["SELECT 1"]), expected("sql", "string", "array")),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_the_contract_reads_leniently_is_still_taken() {
    for t in both() {
        let t = format!("{t}/bulk");
        prepare(&product(), &t, &[json!({"id": unique("l"), "title": "there"})]).await;
        let mut rows = Vec::new();
        for query in [
            "",
            "&&=&",
            "expand=a&expand=b",
            "%FF=1",
            "limit=5abc",
            "limit=%205",
            "limit=5000",
            "perPage=1&limit=2",
            "page=2x",
            "sort=views:sideways,title:",
            "sort=views:DESC",
            "after=",
            "before=",
            "search=",
            "after=zz",
            "includeTotal=0",
            "includeTotal=1",
            "filter=[]&orFilter=[]",
            r#"filter=[["views","==",null],["meta","contains-any","x"],["views","==","5"]]"#,
        ] {
            rows.push(Row::get("10.2", format!("{t}?{query}"), 200));
            rows.push(Row::get(
                "10.6",
                format!("{t}/search?search=&{}", query.replace("search=", "x=")),
                200,
            ));
        }
        rows.push(Row::get("10.6", format!("{t}/search?search=there&highlightPre="), 200));
        let none = json!([["id", "==", "none"]]);
        for limit in [json!(null), json!(501), json!(10.0)] {
            let body = json!({"action": "delete", "filter": none, "limit": limit});
            rows.push(Row::post("13.2", format!("{t}/batch-by-filter"), body, 200));
        }
        // Of routes that do not know it, a parameter may be anything.
        rows.push(Row::patch("12.2", format!("{t}/none?upsert=1&upsert=2"), json!({}), 404));
        rows.push(Row::get("10.5", format!("{t}/count?limit=x&limit=y&sort="), 200));
        rows.push(Row::delete("12.3", format!("{t}/none?filter=null"), 404));
        hold(&product(), rows).await;
    }
}
