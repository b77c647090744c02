//! Contract 10.6: what a search finds, and in which form.

use super::{Row, both, hold, prepare, product};
use serde_json::json;

async fn fill(t: &str) {
    let row = |id: &str, title: &str, body: &str| json!({"id": id, "title": title, "body": body, "views": body.len()});
    prepare(
        &product(),
        t,
        &[
            row("s1", "Fox", "The quick brown fox"),
            row("s2", "Firefox", "A browser, quickly"),
            row("s3", "Dog", "The lazy dog sleeps 100%"),
            row("s4", "Äpfel", "Obst_korb \\ it's"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_search_finds_and_answers_as_the_contract_says() {
    for prefix in both() {
        let t = format!("{prefix}/searches");
        fill(&t).await;
        let found = |term: &str, ids: &[&str]| {
            let ids: Vec<_> = ids.iter().map(|id| json!(id)).collect();
            Row::query("10.6", &format!("{t}/search"), &[("search", term), ("sort", "id")], 200)
                .items("id", ids.clone())
                .has(json!({"total": ids.len()}))
        };
        let search = |query: &[(&str, &str)], status| {
            Row::query("10.6", &format!("{t}/search"), query, status)
        };
        let mut rows = vec![
            // Every word, anywhere in the fields, in any case.
            found("fox", &["s1", "s2"]),
            found("FOX", &["s1", "s2"]),
            found("fox quick", &["s1", "s2"]),
            found("quick  fox brown", &["s1"]),
            found("lazy fox", &[]),
            found("bro", &["s1", "s2"]),
            found("og", &["s3"]),
            found("äpf", &["s4"]),
            found("ÄPF", &["s4"]),
            // Literal.
            found("%", &["s3"]),
            found("_", &["s4"]),
            found("\\", &["s4"]),
            found("'", &["s4"]),
            found("zzzz", &[]),
            found("title:fox", &[]),
            found("fox OR dog", &[]),
            found("\"fox\"", &[]),
            found("fox*", &[]),
            search(&[("search", "zzzz")], 200).is(json!(
                {"items": [], "total": 0, "hasMore": false, "cursor": null, "page": null, "perPage": 100}
            )),
            search(&[("search", "fox"), ("limit", "1")], 200)
                .keys(&["items", "total", "hasMore", "cursor", "page", "perPage"])
                .has(json!({"total": 2, "hasMore": true, "cursor": null, "page": null, "perPage": 1})),
            search(&[("search", "fox"), ("limit", "1"), ("offset", "1")], 200)
                .count(1)
                .has(json!({"hasMore": false})),
            // The best hit comes first: the word itself before a part of another.
            search(&[("search", "fox")], 200).items("id", vec![json!("s1"), json!("s2")]),
            search(&[("search", "fox"), ("sort", "id:desc")], 200).items("id", vec![json!("s2"), json!("s1")]),
            search(&[("search", "the"), ("filter", r#"[["id","==","s3"]]"#)], 200).items("id", vec![json!("s3")]),
            search(&[("search", "the"), ("orFilter", r#"[["id","==","s1"],["id","==","s9"]]"#)], 200).count(1),
            search(&[("search", "fox"), ("sort", "id")], 200)
                .items("title_highlighted", vec![json!("<mark>Fox</mark>"), json!("Fire<mark>fox</mark>")])
                .items(
                    "body_highlighted",
                    vec![json!("The quick brown <mark>fox</mark>"), json!("A browser, quickly")],
                ),
            search(&[("search", "dog"), ("highlightPre", "["), ("highlightPost", "]")], 200)
                .items("title_highlighted", vec![json!("[Dog]")]),
            search(&[("q", "dog")], 200)
                .items("id", vec![json!("s3")])
                .choice("q is understood as the documentation says, besides search"),
            search(&[("search", "")], 200).is(json!({"items": []})),
            search(&[("search", "   ")], 200).is(json!({"items": []})),
            search(&[], 200).is(json!({"items": []})),
            search(&[("search", "x"), ("limit", "-1")], 400)
                .says("Invalid limit parameter: must be non-negative"),
            search(&[("search", "x"), ("filter", "{")], 400),
            // On the list route a search narrows the list.
            Row::query("10.6", &t, &[("search", "fox")], 200)
                .items("id", vec![json!("s1"), json!("s2")])
                .has(json!({"total": 2, "page": 1})),
            Row::query("10.6", &t, &[("search", "")], 200).count(4),
            Row::query("10.6", &t, &[("search", "fox"), ("limit", "1")], 200)
                .has(json!({"hasMore": true, "cursor": "s1"})),
            Row::query("10.6", &t, &[("search", "fox"), ("after", "s1")], 200).items("id", vec![json!("s2")]),
        ];
        // Without `fts` every text field is searched.
        let plain = format!("{prefix}/unsearched");
        let run = edgebase_tests::unique("plain");
        rows.push(Row::post(
            "10.6",
            &plain,
            json!({"id": run, "title": "T", "note": format!("in {run}")}),
            201,
        ));
        rows.push(
            Row::query("10.6", &format!("{plain}/search"), &[("search", &run)], 200)
                .items("id", vec![json!(run)])
                .choice("a table without fts searches its text fields, as D1 does"),
        );
        rows.push(
            Row::query("10.6", &format!("{plain}/search"), &[("search", &run)], 200)
                .items("note_highlighted", vec![json!(format!("in <mark>{run}</mark>"))]),
        );
        hold(&product(), rows).await;
    }
}

#[tokio::test]
async fn every_hit_has_a_negative_rank_and_the_best_is_first() {
    let product = product();
    let t = format!("{}/searches", both()[1]);
    fill(&t).await;
    let found = product.user("reader").get(&format!("{t}/search?search=fox")).await;
    let ranks: Vec<f64> = found.items().iter().map(|i| i["rank"].as_f64().unwrap()).collect();
    assert!(ranks.iter().all(|r| *r < 0.0) && ranks.is_sorted() && ranks.len() == 2, "{ranks:?}");
}
