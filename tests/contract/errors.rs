//! Is every mistake of a caller told in the contract's status and words, and never a 5xx?

use super::{both, product};
use edgebase_tests::token::{now, sign};
use edgebase_tests::{encode, raw, unique};
use jsonwebtoken::Algorithm;
use serde_json::json;

const JSON: &str = "application/json";

#[tokio::test]
async fn bodies_that_are_no_json_object_are_refused_by_what_they_are() {
    let product = product();
    let client = product.user("careless");
    for place in both("posts") {
        let made = client.post(&place.path, &json!({"title": "x"})).await.expect(201);
        let record = place.record(made["id"].as_str().unwrap());
        let paths = [
            ("POST", place.path.clone()),
            ("POST", place.at("?upsert=true")),
            ("POST", place.at("/batch")),
            ("POST", place.at("/batch-by-filter")),
            ("PATCH", record),
        ];
        for (method, path) in &paths {
            for (content_type, body, status, message) in [
                (JSON, "{\"title\":", 400, "Malformed JSON in request body"),
                (JSON, "", 400, "Malformed JSON in request body"),
                (JSON, "{\"title\":\"x\"} trailing", 400, "Malformed JSON in request body"),
                (JSON, "\u{feff}{}", 400, "Malformed JSON in request body"),
                (JSON, "[]", 400, "Invalid input: expected record, received array"),
                (JSON, "\"x\"", 400, "Invalid input: expected record, received string"),
                (JSON, "null", 400, "Invalid input: expected record, received null"),
                ("text/plain", "{\"title\":\"x\"}", 415, "Unsupported Media Type"),
                ("", "{\"title\":\"x\"}", 415, "Unsupported Media Type"),
                ("multipart/form-data; boundary=x", "--x--", 415, "Unsupported Media Type"),
            ] {
                let answer =
                    client.send(method, path, Some((content_type, body.as_bytes().to_vec()))).await;
                assert_eq!(
                    (answer.status, answer.message()),
                    (status, message),
                    "{method} {path} {content_type} {body}"
                );
            }
            let invalid = client.send(method, path, Some((JSON, vec![b'"', 0xff, b'"']))).await;
            assert_eq!(invalid.status, 400, "{}", invalid.text);
        }
        client.send("POST", &place.path, None).await.refused(
            400,
            "Invalid JSON body for inserting into table 'posts'. Send application/json with the expected fields.",
        );
    }
}

#[tokio::test]
async fn a_key_that_stands_twice_is_refused_and_nothing_is_done() {
    let product = product();
    let client = product.user("careless");
    for place in both("posts") {
        let made = client.post(&place.path, &json!({"title": "x"})).await.expect(201);
        let id = made["id"].as_str().unwrap();
        let record = place.record(id);
        for (method, path, body, key) in [
            ("POST", place.path.clone(), r#"{"title":"x","id":"a-1","id":"a-2"}"#, "id"),
            ("POST", place.at("?upsert=true"), r#"{"title":"x","\u0074itle":"y"}"#, "title"),
            ("PATCH", record.clone(), r#"{"title":"y","title":"z"}"#, "title"),
            (
                "PATCH",
                record.clone(),
                r#"{"views":{"$op":"increment","value":1,"value":1000}}"#,
                "value",
            ),
            ("POST", place.at("/batch"), r#"{"deletes":["none"],"deletes":["ID"]}"#, "deletes"),
            (
                "POST",
                place.at("/batch"),
                r#"{"updates":[{"id":"none","id":"ID","data":{"title":"y"}}]}"#,
                "id",
            ),
            (
                "POST",
                place.at("/batch"),
                r#"{"inserts":[{"title":"x","title":"y"}],"deletes":["ID"]}"#,
                "title",
            ),
            (
                "POST",
                place.at("/batch-by-filter"),
                r#"{"action":"delete","filter":[["id","==","none"]],"filter":[["id","==","ID"]]}"#,
                "filter",
            ),
            (
                "POST",
                place.at("/batch-by-filter"),
                r#"{"action":"delete","filter":[["id","==","ID"]],"limit":0,"limit":500}"#,
                "limit",
            ),
        ] {
            let body = body.replace("ID", id).into_bytes();
            let answer = client.send(method, &path, Some((JSON, body))).await;
            let message = format!("The request body has the key '{key}' twice in one object.");
            assert_eq!(answer.status, 400, "{path}: {}", answer.text);
            assert!(answer.message().starts_with(&message), "{path}: {}", answer.text);
        }
        let is_there = client.get(&record).await.expect(200);
        assert_eq!((&is_there["title"], &is_there["views"]), (&json!("x"), &json!(0)));
        // Inside of a field the last value counts, as for JSON.parse.
        let nested = br#"{"meta":{"a":1,"a":2}}"#.to_vec();
        let changed = client.send("PATCH", &record, Some((JSON, nested))).await.expect(200);
        assert_eq!(changed["meta"], json!({"a": 2}));
    }
    let sql = br#"{"namespace":"app","sql":"SELECT 1","sql":"SELECT 2"}"#.to_vec();
    let answer = product.service().send("POST", "/api/sql", Some((JSON, sql))).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.message().contains("the key 'sql' twice"), "{}", answer.text);
}

#[tokio::test]
async fn values_of_the_wrong_type_are_named_field_by_field() {
    let product = product();
    let client = product.user("careless");
    for place in both("posts") {
        let one = client.post(&place.path, &json!({})).await;
        one.refused(400, "Invalid 'title'. Field is required.");
        assert_eq!(
            one.body["data"],
            json!({"title": {"code": "invalid", "message": "Field is required."}})
        );
        let several = json!({
            "title": 1, "views": "3", "published": "yes", "at": "tomorrow", "status": "gone",
            "code": "A", "rank": 11, "body": ["x"]
        });
        let answer = client.post(&place.path, &several).await;
        answer.refused(
            400,
            "Request body failed validation. First issue: invalid 'title'. Must be a string.",
        );
        let reasons: Vec<_> = answer.body["data"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(field, reason)| (field.as_str(), reason["message"].as_str().unwrap()))
            .collect();
        assert_eq!(
            reasons,
            [
                ("title", "Must be a string."),
                ("body", "Must be a string."),
                ("views", "Must be a number."),
                ("published", "Must be a boolean."),
                ("at", "Invalid datetime format."),
                ("status", "Must be one of: draft, published, archived"),
                ("code", "Must match pattern: ^[a-z]+$"),
                ("rank", "Must be at most 10."),
            ]
        );
        for (body, message) in [
            (json!({"title": ""}), "Invalid 'title'. Must be at least 1 characters."),
            (json!({"title": "x".repeat(201)}), "Invalid 'title'. Must be at most 200 characters."),
            (json!({"title": "x", "rank": 0}), "Invalid 'rank'. Must be at least 1."),
            (json!({"title": "x", "at": 5}), "Invalid 'at'. Must be a datetime string."),
            (json!({"title": null}), "Invalid 'title'. Field is required."),
            (json!({"title": "x", "id": 5}), "Invalid record ID. Record ID must be a string."),
        ] {
            client.post(&place.path, &body).await.refused(400, message);
        }
        let bad_id = client.post(&place.path, &json!({"title": "x", "id": "a b"})).await;
        assert_eq!(bad_id.status, 400);
        assert!(bad_id.message().starts_with("Invalid record ID. "), "{}", bad_id.text);
        let made = client.post(&place.path, &json!({"title": "x"})).await.expect(201);
        let record = place.record(made["id"].as_str().unwrap());
        for (body, field, reason) in [
            (json!({"views": "3"}), "views", "Must be a number."),
            (json!({"title": null}), "title", "Field is required and cannot be null."),
            (
                json!({"title": {"$op": "deleteField"}}),
                "title",
                "Field is required and cannot be deleted.",
            ),
            (
                json!({"views": {"$op": "push"}}),
                "views",
                "Unknown field operator 'push'. Supported operators: increment, deleteField.",
            ),
        ] {
            let answer = client.patch(&record, &body).await;
            assert_eq!(answer.status, 400, "{}", answer.text);
            assert_eq!(answer.body["data"][field]["message"], reason);
        }
        assert_eq!(client.get(&record).await.expect(200), made);
    }
}

#[tokio::test]
async fn places_that_do_not_exist_are_404_and_ids_in_the_wrong_place_400() {
    let product = product();
    let client = product.user("lost");
    let long = "x".repeat(1_025);
    let app = |id: &str| format!("/api/db/app/{id}/tables/posts");
    let space = |id: &str| format!("/api/db/space/{id}/tables/posts");
    for (path, status, message) in [
        ("/api/db/nope/tables/posts".into(), 404, "Database 'nope' not found in config"),
        ("/api/db/nope/x/tables/posts".into(), 404, "Database 'nope' not found in config"),
        ("/api/db/app/tables/nope".into(), 404, "Table 'nope' not found in database 'app'."),
        ("/api/db/space/x/tables/nope".into(), 404, "Table 'nope' not found in database 'space'."),
        (
            "/api/db/space/tables/posts".into(),
            400,
            "instanceId is required for dynamic namespace 'space'",
        ),
        (app("x"), 400, "instanceId is not allowed for single-instance namespace 'app'"),
        (space("%20"), 400, "instanceId must not be empty"),
        (space("%20%20"), 400, "instanceId must not be empty"),
        (space("a:b"), 400, "instanceId must not contain ':'"),
        (space("a%3Ab"), 400, "instanceId must not contain ':'"),
        (space(&long), 400, "instanceId must be at most 1024 bytes long"),
        (space(&encode(&"ä".repeat(513))), 400, "instanceId must be at most 1024 bytes long"),
        (space("a%0Ab"), 400, "instanceId must not contain control characters"),
        (space("a%00b"), 400, "instanceId must not contain control characters"),
    ] {
        client.get(&path).await.refused(status, message);
        client.post(&path, &json!({"title": "x"})).await.refused(status, message);
    }
    client
        .get("/api/db/app/tables/posts/nope")
        .await
        .refused(404, "Record 'nope' not found in 'posts'.");
    let record = client.get(&format!("/api/db/app/tables/posts/{}", "x".repeat(3000))).await;
    assert_eq!(record.status, 404);
    for (method, path) in [
        ("PUT", "/api/db/app/tables/posts/x"),
        ("PATCH", "/api/db/app/tables/posts"),
        ("DELETE", "/api/db/app/tables/posts"),
        ("GET", "/api/db/app/tables/posts/"),
        ("GET", "/api/db/app/tables/posts/x/y"),
        ("GET", "/api/db/space//tables/posts"),
        ("GET", "/api/nope"),
    ] {
        let message = format!("Path '{path}' was not found on this EdgeBase server.");
        client.send(method, path, None).await.refused(404, &message);
    }
    assert_eq!(client.send("HEAD", "/api/db/app/tables/posts", None).await.status, 405);
    assert_eq!(client.get("/internal/x").await.status, 403);
}

#[tokio::test]
async fn an_instance_that_may_not_be_created_is_refused_before_the_request_is_read() {
    let product = product();
    let client = product.user("hopeful");
    let path = format!("/api/db/space/{}/tables/posts", unique("forbidden"));
    for answer in [
        client.get(&path).await,
        client.post(&path, &json!({"title": "x"})).await,
        client.post(&path, &json!({"title": 5})).await,
        client.get(&format!("{path}?limit=x")).await,
        client.patch(&format!("{path}/x"), &json!({"title": "y"})).await,
        client.delete(&format!("{path}/x")).await,
    ] {
        answer.refused(403, "DB creation not allowed.");
        assert_eq!(answer.body["error"], "CANNOT_CREATE_DB");
    }
}

#[tokio::test]
async fn queries_that_make_no_sense_are_400_and_never_everything() {
    let product = product();
    let client = product.user("careless");
    for place in both("posts") {
        for (name, value, message) in [
            ("limit", "x", "Invalid limit parameter: must be a number"),
            ("limit", "-1", "Invalid limit parameter: must be non-negative"),
            ("offset", "x", "Invalid offset parameter: must be a number"),
            ("perPage", "-3", "Invalid perPage parameter: must be non-negative"),
            ("page", "0", "Invalid page parameter: must be a positive number"),
            ("filter", r#"[["views","=",1]]"#, "Unsupported filter operator: ="),
            ("filter", r#"[["views","like","1"]]"#, "Unsupported filter operator: like"),
        ] {
            client.query(&place.path, &[(name, value)]).await.refused(400, message);
        }
        let six: Vec<_> = (0..6).map(|n| json!(["views", "==", n])).collect();
        client
            .query(&place.path, &[("orFilter", &json!(six).to_string())])
            .await
            .refused(400, "OR_FILTER_LIMIT_EXCEEDED: maximum 5 conditions in OR group");
        for (name, value) in [
            ("filter", "{"),
            ("filter", "{\"views\":1}"),
            ("filter", "[[\"nope\",\"==\",1]]"),
            ("filter", "[[\"views\",\"in\",5]]"),
            ("filter", "[[\"views\"]]"),
            ("filter", "[[1,2,3]]"),
            ("sort", "nope:asc"),
            ("fields", "nope"),
        ] {
            let answer = client.query(&place.path, &[(name, value)]).await;
            assert_eq!(answer.status, 400, "{name}={value}: {}", answer.text);
            assert!(!answer.message().is_empty());
        }
        client.query(&place.path, &[("page", "1"), ("after", "x")]).await.expect(400);
        let many: Vec<_> = (0..501).map(|_| json!({"title": "x"})).collect();
        client
            .post(&place.at("/batch"), &json!({"inserts": many}))
            .await
            .refused(400, "Batch limit exceeded: 501 operations (max 500).");
        for body in [
            json!({"action": "drop", "filter": [["views", "==", 1]]}),
            json!({"action": "delete"}),
            json!({"action": "delete", "filter": []}),
            json!({"action": "update", "filter": [["views", "==", 1]]}),
            json!({"action": "update", "filter": [["views", "==", 1]], "update": {"views": "x"}}),
        ] {
            client.post(&place.at("/batch-by-filter"), &body).await.expect(400);
        }
        for body in [
            json!({"inserts": {}}),
            json!({"inserts": [1]}),
            json!({"updates": [{"data": {}}]}),
            json!({"updates": [{"id": "x"}]}),
            json!({"deletes": [1]}),
        ] {
            client.post(&place.at("/batch"), &body).await.expect(400);
        }
    }
}

#[tokio::test]
async fn in_development_a_bad_token_is_nobody_but_a_bad_key_is_refused() {
    let product = product();
    let secret = &product.jwt_secret;
    let path = "/api/db/app/tables/posts?limit=1";
    let expired = json!({"sub": "u", "iss": "edgebase:user", "exp": now() - 10});
    for token in ["", "abc", &sign(secret, Algorithm::HS256, &expired)] {
        product.anonymous().bearer(token).get(path).await.expect(200);
    }
    let bad = product.anonymous().with("x-edgebase-service-key", "bad");
    bad.get(path)
        .await
        .refused(401, "Invalid X-EdgeBase-Service-Key for scope 'db:table:posts:read'.");
    bad.delete("/api/db/app/tables/posts/x")
        .await
        .refused(401, "Invalid X-EdgeBase-Service-Key for scope 'db:table:posts:write'.");
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_413_and_the_server_goes_on() {
    let product = product();
    let client = product.user("big");
    let body = format!("{{\"title\":\"{}\"}}", "x".repeat(11 << 20));
    let sent = client.try_send("POST", "/api/db/app/tables/posts", Some((JSON, body.into_bytes())));
    // The server may hang up before it has read everything.
    if let Ok(answer) = sent.await {
        assert_eq!(answer.status, 413, "{}", answer.text);
    }
    // On a connection of its own: the server may have closed the other one.
    product.anonymous().get("/api/health").await.expect(200);
}

#[tokio::test]
async fn bytes_that_are_no_http_do_not_bring_the_server_down() {
    let product = product();
    for request in [
        &b"GET /api/db/space/../tables/posts HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"[..],
        b"GET /api/db/space/%2e%2e/tables/posts HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /api/db/app/tables/posts/%FF HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /api/db/app/tables/posts?filter=%FF%FE HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /api/db/app/tables/posts?%zz=%1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /api/db/app/tables/%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /api/db/app/../../tables/posts HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /api/db/app/tables/posts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \xff\xfe\r\nconnection: close\r\n\r\n",
        b"GET /api/db/app/tables/posts HTTP/1.1\r\nhost: x\r\nx-edgebase-service-key: \xff\r\nconnection: close\r\n\r\n",
        b"POST /api/db/app/tables/posts HTTP/1.1\r\nhost: x\r\ncontent-type: \xff\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
        b"POST /api/db/app/tables/posts HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n{}",
        b"POST /api/db/app/tables/posts HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"nonsense\r\n\r\n",
    ] {
        let status = raw(&product.url, request).await;
        assert!(status < 500, "{status} for {}", String::from_utf8_lossy(request));
    }
    product.anonymous().get("/api/health").await.expect(200);
}
