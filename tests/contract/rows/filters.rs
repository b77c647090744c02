//! Contract 11: every operator against every type of column, with null and odd operands.

use super::{Row, both, hold, prepare, product};
use serde_json::{Value, json};

/// Six rows f1 to f6; f6 has nothing but what it must have.
async fn fill(t: &str) {
    let row = |n: i64, title: &str, body: &str, meta: Value| {
        json!({"id": format!("f{n}"), "title": title, "body": body, "views": n * 10, "rating": n,
               "published": n % 2 == 1, "at": format!("2026-11-0{n}T10:00:00.000Z"), "meta": meta,
               "kind": if n < 3 { "a" } else { "b" }})
    };
    prepare(
        &product(),
        t,
        &[
            row(1, "apple", "100% sure", json!(["a", 1, true])),
            row(2, "Apple", "under_score", json!(["b", "a"])),
            row(3, "apples", "back\\slash", json!({"k": "a"})),
            row(4, "10", "It's \"quoted\"", json!("a")),
            row(5, "99", "", json!(5)),
            json!({"id": "f6", "title": "zz", "views": null, "published": null}),
        ],
    )
    .await;
}

#[tokio::test]
async fn every_operator_finds_what_the_contract_says() {
    for t in both() {
        let t = format!("{t}/filters");
        fill(&t).await;
        let mut rows = Vec::new();
        for (condition, wanted) in conditions() {
            let filter = json!([condition]).to_string();
            let ids = wanted.iter().map(|n| json!(format!("f{n}"))).collect();
            rows.push(Row::query("11", &t, &[("filter", &filter)], 200).items("id", ids));
            let count = Row::query("11", &format!("{t}/count"), &[("filter", &filter)], 200);
            rows.push(count.is(json!({"total": wanted.len()})));
            // The same as the only condition of the OR group.
            rows.push(Row::query("11", &t, &[("orFilter", &filter)], 200).count(wanted.len()));
        }
        rows.extend(groups(&t));
        rows.extend(refusals(&t));
        hold(&product(), rows).await;
    }
}

fn conditions() -> Vec<(Value, Vec<i64>)> {
    let all = || vec![1, 2, 3, 4, 5, 6];
    vec![
        // Text.
        (json!(["title", "==", "apple"]), vec![1]),
        (json!(["title", "==", 10]), vec![4]),
        (json!(["title", "==", "apple' OR '1'='1"]), vec![]),
        (json!(["title", "!=", "apple"]), vec![2, 3, 4, 5, 6]),
        (json!(["title", ">", "apple"]), vec![3, 6]),
        (json!(["title", "<", "Apple"]), vec![4, 5]),
        (json!(["title", ">=", "apple"]), vec![1, 3, 6]),
        (json!(["title", "<=", "99"]), vec![4, 5]),
        (json!(["title", "in", ["apple", "99", "nope"]]), vec![1, 5]),
        (json!(["title", "not in", ["apple", "99"]]), vec![2, 3, 4, 6]),
        (json!(["title", "contains", "pple"]), vec![1, 2, 3]),
        (json!(["title", "contains", "a"]), vec![1, 3]),
        (json!(["title", "contains", ""]), all()),
        // Literal and case-sensitive.
        (json!(["body", "contains", "%"]), vec![1]),
        (json!(["body", "contains", "_"]), vec![2]),
        (json!(["body", "contains", "\\"]), vec![3]),
        (json!(["body", "contains", "'"]), vec![4]),
        (json!(["body", "contains", "\""]), vec![4]),
        (json!(["body", "contains", "SURE"]), vec![]),
        (json!(["body", "contains", ""]), vec![1, 2, 3, 4, 5]),
        (json!(["body", "==", ""]), vec![5]),
        // Null matches nothing but the test for it.
        (json!(["body", "==", null]), vec![]),
        (json!(["body", "!=", null]), vec![]),
        (json!(["body", "!=", "x"]), vec![1, 2, 3, 4, 5]),
        (json!(["body", "is null"]), vec![6]),
        (json!(["body", "is null", null]), vec![6]),
        (json!(["body", "is null", true]), vec![6]),
        (json!(["body", "is not null"]), vec![1, 2, 3, 4, 5]),
        (json!(["title", "is null"]), vec![]),
        // Numbers.
        (json!(["views", "==", 40]), vec![4]),
        (json!(["views", "==", "40"]), vec![4]),
        (json!(["views", "==", " 40 "]), vec![4]),
        (json!(["views", "==", 40.0]), vec![4]),
        (json!(["views", "!=", 40]), vec![1, 2, 3, 5]),
        (json!(["views", ">", "35.5"]), vec![4, 5]),
        (json!(["views", "<", 20]), vec![1]),
        (json!(["views", ">=", 40]), vec![4, 5]),
        (json!(["views", "<=", -1]), vec![]),
        (json!(["views", "<", 1e308]), vec![1, 2, 3, 4, 5]),
        (json!(["views", "in", [10, "20", 99]]), vec![1, 2]),
        (json!(["views", "in", []]), vec![]),
        (json!(["views", "in", [null]]), vec![]),
        (json!(["views", "not in", []]), all()),
        (json!(["views", "not-in", [10, 20, 30]]), vec![4, 5]),
        (json!(["views", "not in", [10, null]]), vec![2, 3, 4, 5]),
        (json!(["views", "not in", [null]]), vec![1, 2, 3, 4, 5]),
        (json!(["views", "contains", "0"]), vec![1, 2, 3, 4, 5]),
        (json!(["views", "is null"]), vec![6]),
        // Booleans.
        (json!(["published", "==", true]), vec![1, 3, 5]),
        (json!(["published", "==", false]), vec![2, 4]),
        (json!(["published", "==", 1]), vec![1, 3, 5]),
        (json!(["published", "==", 0]), vec![2, 4]),
        (json!(["published", "==", "true"]), vec![1, 3, 5]),
        (json!(["published", "!=", true]), vec![2, 4]),
        (json!(["published", "in", [true, false]]), vec![1, 2, 3, 4, 5]),
        (json!(["published", "is null"]), vec![6]),
        // Datetimes.
        (json!(["at", "==", "2026-11-02T10:00:00.000Z"]), vec![2]),
        (json!(["at", "==", "2026-11-02T12:00:00+02:00"]), vec![2]),
        (json!(["at", ">", "2026-11-04"]), vec![4, 5]),
        (json!(["at", "<=", "2026-11-01T10:00:00Z"]), vec![1]),
        (json!(["at", "in", ["2026-11-01T10:00:00Z", "2026-11-05T10:00:00Z"]]), vec![1, 5]),
        (json!(["at", "contains", "-03T10:00"]), vec![3]),
        (json!(["createdAt", ">", "2020-01-01"]), all()),
        (json!(["updatedAt", "<", "2020-01-01"]), vec![]),
        (json!(["id", "in", ["f2", "f4"]]), vec![2, 4]),
        // JSON.
        (json!(["meta", "contains-any", ["a"]]), vec![1, 2]),
        (json!(["meta", "contains-any", ["x", 1]]), vec![1]),
        (json!(["meta", "contains-any", ["1"]]), vec![]),
        (json!(["meta", "contains-any", [true]]), vec![1]),
        (json!(["meta", "contains-any", []]), vec![]),
        (json!(["meta", "contains-any", "a"]), vec![]),
        (json!(["meta", "contains-any", null]), vec![]),
        (json!(["meta", "contains", "\"k\""]), vec![3]),
        (json!(["meta", "contains", "a"]), vec![1, 2, 3, 4]),
        (json!(["meta", "==", "a"]), vec![4]),
        (json!(["meta", "==", {"k": "a"}]), vec![3]),
        (json!(["meta", "==", ["b", "a"]]), vec![2]),
        (json!(["meta", "!=", "a"]), vec![1, 2, 3, 5]),
        (json!(["meta", ">", 4]), vec![5]),
        (json!(["meta", "<", "b"]), vec![4]),
        (json!(["meta", "in", ["a", 5]]), vec![4, 5]),
        (json!(["meta", "not in", ["a", 5]]), vec![1, 2, 3]),
        (json!(["meta", "is null"]), vec![6]),
        (json!(["meta", "is not null"]), vec![1, 2, 3, 4, 5]),
    ]
}

fn groups(t: &str) -> Vec<Row> {
    let row = |filter: Value, or_filter: Value, status| {
        let (filter, or_filter) = (filter.to_string(), or_filter.to_string());
        Row::query("11", t, &[("filter", &filter), ("orFilter", &or_filter)], status)
    };
    let five: Vec<_> = (1..=5).map(|n| json!(["views", "==", n * 10])).collect();
    let six: Vec<_> = (1..=6).map(|n| json!(["views", "==", n * 10])).collect();
    let ids = |numbers: &[i64]| numbers.iter().map(|n| json!(format!("f{n}"))).collect::<Vec<_>>();
    vec![
        row(json!([["kind", "==", "a"], ["published", "==", true]]), json!([]), 200).items("id", ids(&[1])),
        row(json!([]), json!([["views", "==", 10], ["title", "==", "99"]]), 200).items("id", ids(&[1, 5])),
        row(json!([["published", "==", true]]), json!([["views", "<", 20], ["views", ">", 40]]), 200)
            .items("id", ids(&[1, 5])),
        row(json!([["views", ">", 20]]), json!(five), 200).items("id", ids(&[3, 4, 5])),
        row(json!([]), json!(six), 400)
            .is(json!({"code": 400, "message": "OR_FILTER_LIMIT_EXCEEDED: maximum 5 conditions in OR group"}))
            .choice("a sixth condition is refused in a query too, where the original drops the group"),
        row(json!([]), json!([]), 200).count(6),
    ]
}

fn refusals(t: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for operator in ["=", "like", "starts-with", "array-contains", "===", "IN", "", "is", "exists"]
    {
        let filter = json!([["title", operator, "x"]]).to_string();
        rows.push(Row::query("11", t, &[("filter", &filter)], 400).is(
            json!({"code": 400, "message": format!("Unsupported filter operator: {operator}")}),
        ));
    }
    for (filter, said) in [
        ("{", "filter is not valid JSON: send an array of [field, operator, value] conditions."),
        ("{\"title\":\"x\"}", "filter must be an array of [field, operator, value] conditions."),
        ("\"title\"", "filter must be an array of [field, operator, value] conditions."),
        ("[\"title\",\"==\",\"x\"]", "filter: each condition is [field, operator, value]."),
        ("[[\"title\"]]", "filter: each condition is [field, operator, value]."),
        ("[[1,\"==\",1]]", "filter: each condition is [field, operator, value]."),
    ] {
        rows.push(Row::query("11", t, &[("filter", filter)], 400).says(said).choice(
            "a malformed filter is refused; the original ignores it and answers everything",
        ));
    }
    for (condition, said) in [
        (json!(["nope", "==", 1]), "filter: unknown field 'nope' in table 'filters'."),
        (json!(["meta.k", "==", 1]), "filter: unknown field 'meta.k' in table 'filters'."),
        (json!(["title", "in", 5]), "filter: 'title in' needs a list."),
        (json!(["title", "in", "abc"]), "filter: 'title in' needs a list."),
        (json!(["title", "in", null]), "filter: 'title in' needs a list."),
        (json!(["title", "not in", {}]), "filter: 'title not in' needs a list."),
        (json!(["views", "==", "x"]), "filter: 'views ==' needs a number."),
        (json!(["views", ">", true]), "filter: 'views >' needs a number."),
        (json!(["published", "==", "yes"]), "filter: 'published ==' needs true or false."),
        (json!(["at", "<", "soon"]), "filter: 'at <' needs a datetime string."),
        (json!(["title", "==", []]), "filter: 'title ==' needs a string."),
        (json!(["title", "contains", []]), "filter: 'title contains' needs a string."),
        (
            json!(["title", "contains-any", ["a"]]),
            "filter: 'title contains-any' needs a json field.",
        ),
    ] {
        let filter = json!([condition]).to_string();
        rows.push(
            Row::query("11", t, &[("filter", &filter)], 400)
                .says(said)
                .choice("an unknown field or an operand of the wrong kind is refused; the original fails or finds nothing"),
        );
    }
    rows
}

#[tokio::test]
async fn keys_of_schemaless_tables_compare_by_their_own_types() {
    for t in both() {
        let t = format!("{t}/loose");
        let mark = edgebase_tests::unique("m");
        let row = |n: i64, k: Value| json!({"id": format!("{mark}-{n}"), "mark": mark, "k": k});
        prepare(
            &product(),
            &t,
            &[
                row(1, json!("b")),
                row(2, json!(7)),
                row(3, json!(true)),
                row(4, json!(["a", 1])),
                row(5, Value::Null),
                json!({"id": format!("{mark}-6"), "mark": mark}),
            ],
        )
        .await;
        let mut rows = Vec::new();
        for (condition, wanted) in [
            (json!(["k", "==", "b"]), vec![1]),
            (json!(["k", "==", 7]), vec![2]),
            (json!(["k", "==", true]), vec![3]),
            (json!(["k", "!=", "b"]), vec![2, 3, 4]),
            (json!(["k", ">", 6]), vec![2]),
            (json!(["k", "<", "c"]), vec![1]),
            (json!(["k", "in", ["b", 7]]), vec![1, 2]),
            (json!(["k", "not in", ["b"]]), vec![2, 3, 4]),
            (json!(["k", "contains", "b"]), vec![1]),
            (json!(["k", "contains-any", ["a"]]), vec![4]),
            (json!(["k", "is null"]), vec![5, 6]),
            (json!(["k", "is not null"]), vec![1, 2, 3, 4]),
        ] {
            let filter = json!([["mark", "==", mark], condition]).to_string();
            let ids = wanted.iter().map(|n| json!(format!("{mark}-{n}"))).collect();
            rows.push(Row::query("11", &t, &[("filter", &filter)], 200).items("id", ids));
        }
        hold(&product(), rows).await;
    }
}
