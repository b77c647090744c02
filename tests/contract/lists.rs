//! Do filters, sorts, pages, counts and searches find exactly what they should?

use super::{Place, both, product};
use edgebase_tests::Client;
use serde_json::{Value, json};

/// Ten rows with views 0 to 9, titles that sort by code unit, and every third one without a body.
async fn fill(client: &Client, place: &Place) {
    let titles = ["b", "B", "ä", "a", "A", "z", "Z", "é", "10", "9"];
    let rows: Vec<_> = titles
        .iter()
        .enumerate()
        .map(|(n, title)| {
            json!({
                "id": format!("{}-{n}", place.mark), "mark": place.mark, "title": title, "views": n,
                "published": n % 2 == 0, "at": format!("2026-01-0{}T00:00:00Z", n + 1 - n / 9),
                "body": if n % 3 == 0 { Value::Null } else { json!(format!("100% body_{n}")) },
                "meta": [n, "tag"], "status": if n < 5 { "draft" } else { "published" }
            })
        })
        .collect();
    client.post(&place.at("/batch"), &json!({"inserts": rows})).await.expect(200);
}

/// Filter of the rows of this test, and the conditions given.
fn mine(place: &Place, conditions: &Value) -> String {
    let mut all = vec![json!(["mark", "==", place.mark])];
    all.extend(conditions.as_array().cloned().unwrap_or_default());
    Value::Array(all).to_string()
}

async fn views(client: &Client, place: &Place, query: &[(&str, &str)]) -> Vec<i64> {
    let answer = client.query(&place.path, query).await;
    assert_eq!(answer.status, 200, "{query:?}: {}", answer.text);
    answer.items().iter().map(|i| i["views"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn every_operator_selects_its_rows() {
    let product = product();
    let client = product.user("reader");
    for place in both("posts") {
        fill(&client, &place).await;
        for (condition, wanted) in [
            (json!(["views", "==", 3]), vec![3]),
            (json!(["views", "==", "3"]), vec![3]),
            (json!(["views", "!=", 3]), vec![0, 1, 2, 4, 5, 6, 7, 8, 9]),
            (json!(["views", ">", 7]), vec![8, 9]),
            (json!(["views", ">=", 8]), vec![8, 9]),
            (json!(["views", "<", 1]), vec![0]),
            (json!(["views", "<=", 1]), vec![0, 1]),
            (json!(["views", "in", [1, 4, 77]]), vec![1, 4]),
            (json!(["views", "in", []]), vec![]),
            (json!(["views", "not in", [0, 1, 2, 3, 4, 5, 6]]), vec![7, 8, 9]),
            (json!(["views", "not-in", [0, 1, 2, 3, 4, 5, 6, 7]]), vec![8, 9]),
            (json!(["title", "==", "B"]), vec![1]),
            (json!(["title", "contains", "0"]), vec![8]),
            (json!(["body", "contains", "100% body_1"]), vec![1]),
            (json!(["body", "contains", "BODY"]), vec![]),
            (json!(["body", "!=", "x"]), vec![1, 2, 4, 5, 7, 8]),
            (json!(["body", "==", null]), vec![]),
            (json!(["body", "is null"]), vec![0, 3, 6, 9]),
            (json!(["body", "is not null"]), vec![1, 2, 4, 5, 7, 8]),
            (json!(["published", "==", true]), vec![0, 2, 4, 6, 8]),
            (json!(["at", "<", "2026-01-03T00:00:00.000Z"]), vec![0, 1]),
            (json!(["meta", "contains-any", [2, 5, "none"]]), vec![2, 5]),
            (json!(["title", "in", ["a", "A"]]), vec![3, 4]),
        ] {
            let filter = mine(&place, &json!([condition]));
            let found = views(&client, &place, &[("filter", &filter), ("sort", "views")]).await;
            assert_eq!(found, wanted, "{condition}");
            let count = client.query(&place.at("/count"), &[("filter", &filter)]).await;
            assert_eq!(count.expect(200), json!({"total": wanted.len()}), "{condition}");
        }
        let any = json!([["views", "==", 1], ["title", "==", "9"]]).to_string();
        let all = mine(&place, &json!([["views", ">", 0]]));
        let query = [("filter", &*all), ("orFilter", &any), ("sort", "views:desc")];
        assert_eq!(views(&client, &place, &query).await, [9, 1]);
    }
}

#[tokio::test]
async fn text_is_ordered_by_code_unit_and_ties_by_id() {
    let product = product();
    let client = product.user("reader");
    for place in both("posts") {
        fill(&client, &place).await;
        let filter = mine(&place, &json!([]));
        let list = client.query(&place.path, &[("filter", &filter), ("sort", "title:asc")]).await;
        let titles: Vec<_> = list.items().iter().map(|i| i["title"].as_str().unwrap()).collect();
        assert_eq!(titles, ["10", "9", "A", "B", "Z", "a", "b", "z", "ä", "é"]);
        let query = [("filter", &*filter), ("sort", "status:DESC,views:desc")];
        assert_eq!(views(&client, &place, &query).await, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
        let query = [("filter", &*filter), ("sort", "status")];
        assert_eq!(views(&client, &place, &query).await, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
}

#[tokio::test]
async fn pages_by_number_offset_and_cursor_cover_everything_once() {
    let product = product();
    let client = product.user("reader");
    for place in both("posts") {
        fill(&client, &place).await;
        let filter = mine(&place, &json!([]));
        let page = |query: Vec<(&'static str, String)>| {
            let (client, path, filter) = (&client, &place.path, &filter);
            async move {
                let mut all = vec![("filter", filter.as_str())];
                all.extend(query.iter().map(|(k, v)| (*k, v.as_str())));
                client.query(path, &all).await.expect(200)
            }
        };
        let second = page(vec![("page", "2".into()), ("perPage", "4".into())]).await;
        assert_eq!(second["items"][0]["views"], 4);
        assert_eq!(
            [&second["total"], &second["page"], &second["perPage"], &second["hasMore"]],
            [&json!(10), &json!(2), &json!(4), &json!(true)]
        );
        let last = page(vec![("limit", "4".into()), ("offset", "8".into())]).await;
        assert_eq!((last["items"].as_array().unwrap().len(), &last["hasMore"]), (2, &json!(false)));
        // Exactly full, and still the last.
        let exact = page(vec![("limit", "5".into()), ("page", "2".into())]).await;
        assert_eq!((&exact["hasMore"], &exact["cursor"]), (&json!(false), &json!(null)));
        let none = page(vec![("limit", "0".into())]).await;
        assert_eq!((&none["items"], &none["total"]), (&json!([]), &json!(10)));
        for sort in ["", "title:desc", "body:asc,views:desc", "published"] {
            let (mut seen, mut cursor) = (Vec::new(), None::<String>);
            loop {
                let mut query = vec![("limit", "3".to_owned())];
                query.extend((!sort.is_empty()).then(|| ("sort", sort.to_owned())));
                query.extend(cursor.clone().map(|c| ("after", c)));
                let got = page(query).await;
                for key in ["items", "total", "hasMore", "cursor", "page", "perPage"] {
                    assert!(got.get(key).is_some(), "{key} is missing");
                }
                seen.extend(
                    got["items"].as_array().unwrap().iter().map(|i| i["views"].as_i64().unwrap()),
                );
                cursor = got["cursor"].as_str().map(str::to_owned);
                assert_eq!(got["hasMore"], cursor.is_some());
                if cursor.is_none() {
                    break;
                }
                assert!(seen.len() < 30, "{sort}: pages repeat");
            }
            seen.sort_unstable();
            assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "sort {sort:?}");
        }
        let before =
            page(vec![("before", format!("{}-5", place.mark)), ("limit", "2".into())]).await;
        let ids: Vec<_> = before["items"].as_array().unwrap().iter().map(|i| &i["views"]).collect();
        assert_eq!(ids, [&json!(4), &json!(3)]);
    }
}

#[tokio::test]
async fn a_projection_answers_the_named_fields_only() {
    let product = product();
    let client = product.user("reader");
    for place in both("posts") {
        fill(&client, &place).await;
        let filter = mine(&place, &json!([["views", "==", 1]]));
        let query = [("filter", &*filter), ("fields", "title,views")];
        let list = client.query(&place.path, &query).await;
        assert_eq!(list.items(), [json!({"title": "B", "views": 1})]);
        let one = place.record(&format!("{}-1", place.mark));
        assert_eq!(
            client.get(&format!("{one}?fields=views")).await.expect(200),
            json!({"views": 1})
        );
        client.get(&format!("{one}?fields=nope")).await.expect(400);
    }
}

#[tokio::test]
async fn a_search_finds_words_and_says_how_many() {
    let product = product();
    let client = product.user("reader");
    for place in both("posts") {
        fill(&client, &place).await;
        let filter = mine(&place, &json!([]));
        for path in [place.at("/search"), place.path.clone()] {
            let query = [("filter", &*filter), ("search", "body_4")];
            let found = client.query(&path, &query).await;
            assert_eq!(
                (found.items().len(), &found.body["total"]),
                (1, &json!(1)),
                "{}",
                found.text
            );
            assert_eq!(found.items()[0]["views"], 4);
        }
        let query = [("filter", &*filter), ("search", "zzzz")];
        let none = client.query(&place.at("/search"), &query).await.expect(200);
        assert_eq!((&none["items"], &none["hasMore"]), (&json!([]), &json!(false)));
    }
}
