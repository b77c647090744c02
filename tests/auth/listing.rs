//! Who may learn which instances there are, and in which portions?

use super::direct;
use edgebase_tests::{Client, encode};
use serde_json::{Value, json};

fn key(text: &str) -> Client {
    direct().anonymous().with("x-edgebase-service-key", text)
}

#[tokio::test]
async fn a_blocks_instances_are_listed_for_service_keys_page_by_page() {
    let service = direct().service();
    let mut ids: Vec<String> = (0..5).map(|n| format!("list-{n}")).collect();
    ids.extend(["list-sp\"ecial Ünï 😀", "list-'; --", "list-Zz", "list-a/b"].map(String::from));
    for id in &ids {
        let path = format!("/api/db/room/{}/tables/messages", encode(id));
        service.post(&path, &json!({"text": "x"})).await.expect(201);
    }
    ids.sort();
    let mut seen: Vec<String> = Vec::new();
    let mut after = "list".to_owned();
    loop {
        let page =
            service.query("/api/db/room", &[("limit", "2"), ("after", &after)]).await.expect(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2 && page["perPage"] == 2 && page["total"].is_null());
        for item in items {
            assert_eq!((&item["state"], &item["current"]), (&json!("active"), &json!(true)));
            assert!(item["createdAt"].as_str().unwrap().ends_with('Z'), "{item}");
            seen.push(item["id"].as_str().unwrap().to_owned());
        }
        let last = items.last().filter(|_| page["hasMore"] == true);
        assert_eq!(page["cursor"], last.map_or(Value::Null, |item| item["id"].clone()));
        // Other tests make instances of this block too; theirs sort elsewhere.
        if !seen.last().is_some_and(|id| id.starts_with("list-")) || page["hasMore"] == false {
            break;
        }
        after = page["cursor"].as_str().unwrap().to_owned();
    }
    seen.retain(|id| id.starts_with("list-"));
    assert_eq!(seen, ids);

    let single = service.get("/api/db/app").await.expect(200);
    assert_eq!(single["items"].as_array().unwrap().len(), 1);
    assert_eq!((&single["items"][0]["id"], &single["hasMore"]), (&Value::Null, &json!(false)));
    let none = service.get("/api/db/room?limit=0").await.expect(200);
    assert_eq!((&none["items"], &none["hasMore"]), (&json!([]), &json!(true)));
    for limit in ["9999999", "99999999999999999999", "9223372036854775807"] {
        let page = service.get(&format!("/api/db/room?limit={limit}")).await.expect(200);
        assert_eq!(page["perPage"], 1000, "{limit}");
    }
    let past = service.query("/api/db/room", &[("after", "\u{10ffff}")]).await.expect(200);
    assert_eq!((&past["items"], &past["cursor"]), (&json!([]), &Value::Null));
    for query in ["limit=-1", "limit=x", "limit=", "limit=1e3", "after=%00", "limit=+"] {
        assert_eq!(service.get(&format!("/api/db/room?{query}")).await.status, 400, "{query}");
    }
    service.get("/api/db/nowhere").await.refused(404, "Database 'nowhere' not found in config");
}

#[tokio::test]
async fn nobody_else_learns_of_any_instance() {
    for client in [direct().anonymous(), direct().user("u")] {
        for block in ["room", "app", "nowhere"] {
            client.get(&format!("/api/db/{block}")).await.refused(
                403,
                &format!("X-EdgeBase-Service-Key is required to list the instances of '{block}'."),
            );
        }
    }
    key("jb_lister_secret").get("/api/db/room").await.expect(200);
    direct().anonymous().bearer("jb_lister_secret").get("/api/db/room").await.expect(200);
    for (text, block) in [
        ("jb_lister_secret", "app"),
        ("jb_both_secret", "room"),
        // Bound to one instance, and this is about all of them.
        ("acme secret", "room"),
        ("wrong", "room"),
        ("", "nowhere"),
    ] {
        key(text).get(&format!("/api/db/{block}")).await.refused(
            401,
            &format!("Invalid X-EdgeBase-Service-Key for scope 'db:instance:{block}:list'."),
        );
    }
}
