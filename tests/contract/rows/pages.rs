//! Contract 10.1 to 10.5: one record, lists, their parameters, orders, cursors and counts.

use super::{Row, Who, both, hold, prepare, product};
use serde_json::{Value, json};

const SIX: [&str; 6] = ["items", "total", "hasMore", "cursor", "page", "perPage"];

fn ids(numbers: &[i64]) -> Vec<Value> {
    numbers.iter().map(|n| json!(format!("p{n}"))).collect()
}

/// Five rows p1 to p5; views fall from 5 to 1, p2 and p4 have no rating.
async fn fill(t: &str) {
    let rating = |n: i64| if n % 2 == 0 { Value::Null } else { json!(n) };
    let rows: Vec<_> = (1..=5)
        .map(|n| {
            let title = ["bb", "BB", "aa", "ää", "AA"][usize::try_from(n).unwrap() - 1];
            json!({"id": format!("p{n}"), "title": title, "views": 6 - n, "rating": rating(n),
                   "published": n > 3, "kind": "a", "at": format!("2026-01-0{n}T00:00:00.00{n}Z")})
        })
        .collect();
    prepare(&product(), t, &rows).await;
}

#[tokio::test]
async fn records_and_lists_are_read_as_the_contract_says() {
    for t in both() {
        let t = format!("{t}/pages");
        fill(&t).await;
        let mut rows = one_record(&t);
        rows.extend(parameters(&t));
        rows.extend(orders(&t));
        rows.extend(cursors(&t));
        rows.extend(counts(&t));
        hold(&product(), rows).await;
    }
}

fn one_record(t: &str) -> Vec<Row> {
    vec![
        Row::get("10.1", format!("{t}/p1"), 200).has(json!({"id": "p1", "title": "bb", "views": 5})),
        Row::get("10.1", format!("{t}/p1?fields=views,title"), 200).is(json!({"title": "bb", "views": 5})),
        Row::get("10.1", format!("{t}/p1?fields=id,%20views"), 200).is(json!({"id": "p1", "views": 5})),
        Row::get("10.1", format!("{t}/p1?fields=nope"), 400)
            .says("fields: unknown field 'nope' in table 'pages'.")
            .choice("unknown names are refused; in the original they are undefined"),
        Row::get("10.1", format!("{t}/p9"), 404).is(
            json!({"code": 404, "message": "Record 'p9' not found in 'pages'.", "slug": "not-found"}),
        ),
        Row::get("10.1", format!("{t}/%27%20OR%201"), 404).says("Record '' OR 1' not found in 'pages'."),
    ]
}

fn parameters(t: &str) -> Vec<Row> {
    let list = |query: &str, status| Row::get("10.2", format!("{t}?{query}"), status);
    let mut rows = vec![
        list("", 200).keys(&SIX).items("id", ids(&[1, 2, 3, 4, 5])).has(json!(
            {"total": 5, "hasMore": false, "cursor": null, "page": 1, "perPage": 100}
        )),
        list("limit=2", 200).items("id", ids(&[1, 2])).keys(&SIX).has(json!(
            {"total": 5, "hasMore": true, "cursor": "p2", "page": 1, "perPage": 2}
        )),
        list("limit=5abc", 200).has(json!({"perPage": 5})),
        list("limit=%203", 200).has(json!({"perPage": 3})),
        list("limit=2.9", 200).has(json!({"perPage": 2})),
        list("limit=1e3", 200).has(json!({"perPage": 1})),
        list("limit=1000", 200).has(json!({"perPage": 1000})),
        list("limit=1001", 200).has(json!({"perPage": 1000})),
        list("limit=99999999999999999999", 200).has(json!({"perPage": 1000})),
        list("perPage=5000", 200).has(json!({"perPage": 1000})),
        list("limit=0", 200).is(
            json!({"items": [], "total": 5, "hasMore": true, "cursor": null, "page": 1, "perPage": 0}),
        ),
        list("limit=5", 200)
            .has(json!({"hasMore": false, "cursor": null}))
            .choice("hasMore looks one row ahead, so a page that is full and the last says so"),
        list("perPage=2", 200).items("id", ids(&[1, 2])).has(json!({"perPage": 2})),
        list("perPage=2&limit=3", 200).items("id", ids(&[1, 2, 3])).has(json!({"perPage": 3})),
        list("page=2&perPage=2", 200).items("id", ids(&[3, 4])).has(json!({"page": 2, "hasMore": true})),
        list("page=3&limit=2", 200).items("id", ids(&[5])).has(json!({"page": 3, "hasMore": false})),
        list("page=9&limit=2", 200).is(
            json!({"items": [], "total": 5, "hasMore": false, "cursor": null, "page": 9, "perPage": 2}),
        ),
        list("page=2x&limit=2", 200).items("id", ids(&[3, 4])),
        list("page=99999999999999999999&limit=1000", 200).count(0),
        list("offset=3", 200).items("id", ids(&[4, 5])).has(json!({"page": 1, "total": 5})),
        list("offset=3abc&limit=1", 200).items("id", ids(&[4])).has(json!({"hasMore": true})),
        list("offset=5", 200).count(0).has(json!({"total": 5})),
        list("includeTotal=0", 200).has(json!({"total": null})).count(5),
        list("includeTotal=false", 200).has(json!({"total": null})),
        list("includeTotal=true", 200).has(json!({"total": 5})),
        list("fields=id,views&limit=1", 200).is(json!({"items": [{"id": "p1", "views": 5}], "total": 5,
            "hasMore": true, "cursor": "p1", "page": 1, "perPage": 1})),
        list("fields=nope", 400).choice("unknown names are refused; in the original they are undefined"),
    ];
    for name in ["limit", "offset", "perPage"] {
        for bad in ["x", "x5", "-", "%2B", "%00"] {
            rows.push(
                list(&format!("{name}={bad}"), 400)
                    .is(json!({"code": 400, "message": format!("Invalid {name} parameter: must be a number")})),
            );
        }
        for bad in ["-1", "-5abc"] {
            rows.push(
                list(&format!("{name}={bad}"), 400)
                    .says(format!("Invalid {name} parameter: must be non-negative")),
            );
        }
    }
    for bad in ["0", "-1", "x", "0.5"] {
        rows.push(
            list(&format!("page={bad}"), 400)
                .says("Invalid page parameter: must be a positive number"),
        );
    }
    rows
}

fn orders(t: &str) -> Vec<Row> {
    let sorted = |sort: &str, status| Row::query("10.2", t, &[("sort", sort)], status);
    vec![
        sorted("views:asc", 200).items("id", ids(&[5, 4, 3, 2, 1])),
        sorted("views", 200).items("id", ids(&[5, 4, 3, 2, 1])),
        sorted("views:DESC", 200).items("id", ids(&[1, 2, 3, 4, 5])),
        sorted("views:sideways", 200).items("id", ids(&[5, 4, 3, 2, 1])),
        sorted("views:", 200).items("id", ids(&[5, 4, 3, 2, 1])),
        sorted("id:desc", 200).items("id", ids(&[5, 4, 3, 2, 1])),
        // Text by code unit.
        sorted("title", 200)
            .items("title", vec![json!("AA"), json!("BB"), json!("aa"), json!("bb"), json!("ää")]),
        // Ties by id.
        sorted("kind", 200).items("id", ids(&[1, 2, 3, 4, 5])),
        sorted("kind:desc", 200).items("id", ids(&[1, 2, 3, 4, 5])),
        sorted("published:desc,views", 200).items("id", ids(&[5, 4, 3, 2, 1])),
        sorted("published:desc, views:desc", 200).items("id", ids(&[4, 5, 1, 2, 3])),
        sorted("rating", 200)
            .items("id", ids(&[2, 4, 1, 3, 5]))
            .choice("nulls are the least of all, as on SQLite"),
        sorted("rating:desc", 200).items("id", ids(&[5, 3, 1, 2, 4])),
        sorted("nope", 400)
            .says("sort: unknown field 'nope' in table 'pages'.")
            .choice("an unknown field is refused; the original ignores it or fails"),
        sorted("views:asc,nope:desc", 400),
    ]
}

fn cursors(t: &str) -> Vec<Row> {
    let list = |query: &str, status| Row::get("10.3", format!("{t}?{query}"), status);
    vec![
        list("after=p2", 200).items("id", ids(&[3, 4, 5])).keys(&SIX).has(json!(
            {"total": null, "hasMore": false, "cursor": null, "page": 1, "perPage": 100}
        )),
        list("after=p2&limit=2", 200)
            .items("id", ids(&[3, 4]))
            .has(json!({"hasMore": true, "cursor": "p4"})),
        list("before=p4", 200).items("id", ids(&[3, 2, 1])).has(json!({"total": null})),
        list("before=p4&limit=2", 200)
            .items("id", ids(&[3, 2]))
            .has(json!({"hasMore": true, "cursor": "p2"})),
        list("after=p5", 200).count(0).has(json!({"hasMore": false, "cursor": null})),
        list("after=p2x", 200).items("id", ids(&[3, 4, 5])),
        list("after=&limit=1", 200).items("id", ids(&[1])),
        list("after=p1&before=p4", 400).choice("one or the other"),
        list("page=1&after=p1", 400)
            .choice("page and cursor are not mixed, as the documentation and the SDKs say"),
        list("offset=0&before=p1", 400),
        list("sort=views&after=p2", 400)
            .choice("with a sort the cursor is the one of the previous page, which makes it exact"),
    ]
}

fn counts(t: &str) -> Vec<Row> {
    let filter = json!([["views", ">", 3]]).to_string();
    let either = json!([["views", "==", 1], ["views", "==", 2]]).to_string();
    let count = format!("{t}/count");
    vec![
        Row::get("10.5", &count, 200).is(json!({"total": 5})),
        Row::query("10.5", &count, &[("filter", &filter)], 200).is(json!({"total": 2})),
        Row::query("10.5", &count, &[("orFilter", &either)], 200).is(json!({"total": 2})),
        Row::query("10.5", &count, &[("search", "zzzz")], 200).is(json!({"total": 5})),
        Row::query("10.5", &count, &[("limit", "x")], 200).is(json!({"total": 5})),
        Row::get("10.5", &count, 200).is(json!({"total": 5})).by(Who::Service),
    ]
}

#[tokio::test]
async fn a_cursor_of_a_sort_continues_that_sort_only() {
    let product = product();
    let client = product.user("reader");
    let t = format!("{}/pages", both()[1]);
    fill(&t).await;
    for (sort, order) in [
        ("rating", [2, 4, 1, 3, 5]),
        ("rating:desc", [5, 3, 1, 2, 4]),
        ("kind,rating:desc", [5, 3, 1, 2, 4]),
        ("at:desc", [5, 4, 3, 2, 1]),
        ("published,title:desc", [1, 3, 2, 4, 5]),
        ("meta", [1, 2, 3, 4, 5]),
    ] {
        let (mut seen, mut after) = (Vec::new(), None::<String>);
        loop {
            let mut query = vec![("sort", sort), ("limit", "2")];
            query.extend(after.as_deref().map(|a| ("after", a)));
            let page = client.query(&t, &query).await;
            seen.extend(page.ids().iter().map(|id| json!(id)));
            after = page.expect(200)["cursor"].as_str().map(str::to_owned);
            match &after {
                None => break,
                Some(cursor) => {
                    let other = [("sort", "views"), ("after", cursor.as_str())];
                    client.query(&t, &other).await.expect(400);
                }
            }
        }
        assert_eq!(seen, ids(&order), "{sort}");
        // Backwards from the last row.
        let query = [("sort", sort), ("limit", "4")];
        let cursor = client.query(&t, &query).await.expect(200)["cursor"].clone();
        let query = [("sort", sort), ("before", cursor.as_str().unwrap())];
        let back = client.query(&t, &query).await;
        assert_eq!(back.ids(), [order[2], order[1], order[0]].map(|n| format!("p{n}")), "{sort}");
    }
}
