//! Do the page's other blocks serve: membership looked up on every request, creation denied
//! unless allowed, any name for a block?

use edgebase_tests::{Client, Product, unique};
use serde_json::{Value, json};
use std::sync::Arc;

const MEMBERS: &str = "/api/db/shared/tables/workspace_members";

fn product() -> Arc<Product> {
    Product::shared("seed_rest.ts")
}

fn documents(workspace: &str) -> String {
    format!("/api/db/workspace/{workspace}/tables/documents")
}

/// Makes `user` a member of `workspace`.
async fn join(product: &Product, user: &str, workspace: &str) -> Value {
    let row = json!({"id": format!("{user}:{workspace}"), "active": true});
    product.service().post(MEMBERS, &row).await.expect(201)
}

fn pro(product: &Product, user: &str) -> Client {
    product.user_with(user, &json!({"custom": {"plan": "pro"}}))
}

#[tokio::test]
async fn a_member_works_in_the_workspace_until_the_membership_row_is_removed() {
    let product = product();
    let (user, workspace) = (unique("u"), unique("ws"));
    let (client, path) = (pro(&product, &user), documents(&workspace));
    let refusal = format!("Access denied. You do not have access to workspace:{workspace}.");
    client.get(&path).await.refused(403, &refusal);
    let row = join(&product, &user, &workspace).await;
    let made = client.post(&path, &json!({"title": "Plan", "authorId": user})).await.expect(201);
    assert_eq!(client.get(&path).await.expect(200)["items"], json!([made]));

    let membership = format!("{MEMBERS}/{}", row["id"].as_str().unwrap());
    product.service().delete(&membership).await.expect(200);
    client.get(&path).await.refused(403, &refusal);
    client.post(&path, &json!({"title": "again"})).await.refused(403, &refusal);

    join(&product, &user, &workspace).await;
    assert_eq!(client.get(&path).await.expect(200)["total"], 1);
    product.service().patch(&membership, &json!({"active": false})).await.expect(200);
    client.get(&path).await.refused(403, &refusal);
}

#[tokio::test]
async fn an_unknown_instance_that_can_create_denies_is_refused_as_such() {
    let product = product();
    let (user, workspace) = (unique("u"), unique("ws"));
    join(&product, &user, &workspace).await;
    let free = product.user(&user);
    for answer in [
        free.get(&documents(&workspace)).await,
        free.post(&documents(&workspace), &json!({"title": "x"})).await,
        free.get(&format!("{}/count", documents(&workspace))).await,
        free.get(&format!("{}/some-id", documents(&workspace))).await,
    ] {
        answer.refused(403, "DB creation not allowed.");
        assert_eq!(answer.body["error"], "CANNOT_CREATE_DB");
    }
    // Once it exists, the same user works in it.
    pro(&product, &user).post(&documents(&workspace), &json!({"title": "x"})).await.expect(201);
    free.post(&documents(&workspace), &json!({"title": "y"})).await.expect(201);
}

#[tokio::test]
async fn a_block_without_can_create_is_created_by_the_service_key_only() {
    let product = product();
    let (user, tenant) = (unique("u"), unique("t"));
    let crm = format!("/api/db/tenant/{tenant}/tables/crm");
    let row = json!({"id": format!("{user}:{tenant}"), "active": true});
    product.service().post("/api/db/shared/tables/tenant_members", &row).await.expect(201);
    let client = product.user(&user);
    client.post(&crm, &json!({"name": "x"})).await.refused(403, "DB creation not allowed.");
    product.service().post(&crm, &json!({"name": "Acme"})).await.expect(201);
    assert_eq!(client.get(&crm).await.items()[0]["name"], "Acme");
    product
        .anonymous()
        .get(&crm)
        .await
        .refused(403, &format!("Access denied. You do not have access to tenant:{tenant}."));
}

#[tokio::test]
async fn one_member_of_two_workspaces_sees_each_only_in_its_place() {
    let product = product();
    let user = unique("u");
    let client = pro(&product, &user);
    let places = [unique("ws"), unique("ws")];
    for workspace in &places {
        join(&product, &user, workspace).await;
        client.post(&documents(workspace), &json!({"title": workspace})).await.expect(201);
    }
    for workspace in &places {
        let list = client.get(&documents(workspace)).await;
        assert_eq!(list.items().len(), 1);
        assert_eq!(list.items()[0]["title"], *workspace);
    }
}

#[tokio::test]
async fn only_an_admin_deletes_a_workspace_and_then_all_of_it_is_gone() {
    let product = product();
    let (user, workspace) = (unique("u"), unique("ws"));
    join(&product, &user, &workspace).await;
    let client = pro(&product, &user);
    client.post(&documents(&workspace), &json!({"title": "x"})).await.expect(201);
    let place = format!("/api/db/workspace/{workspace}");
    assert_eq!(client.delete(&place).await.status, 403);
    let boss = product.user_with("boss", &json!({"role": "admin"}));
    let receipt = boss.delete(&place).await.expect(200);
    assert!(receipt.is_object(), "{receipt}");
    assert_eq!(client.get(&documents(&workspace)).await.expect(200)["items"], json!([]));
    let admin = edgebase_tests::sql::connect(&product.admin_url).await;
    let schema = format!("workspace:{workspace}");
    let found = admin.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[&schema]).await;
    assert!(found.unwrap().is_empty());
}

#[tokio::test]
async fn per_user_blocks_in_the_other_spelling_behave_alike() {
    let product = product();
    let id = unique("carol");
    let settings = format!("/api/db/user/{id}/tables/settings");
    let carol = product.user(&id);
    carol.post(&settings, &json!({"theme": "dark", "lang": "de"})).await.expect(201);
    assert_eq!(carol.get(&settings).await.items()[0]["theme"], "dark");
    product
        .user("mallory")
        .get(&settings)
        .await
        .refused(403, &format!("Access denied. You do not have access to user:{id}."));
}

#[tokio::test]
async fn blocks_of_any_name_serve_and_take_the_same_id_apart() {
    let product = product();
    let service = product.service();
    let id = unique("same");
    for (block, table, row) in [
        ("guild", "members", json!({"name": "g"})),
        ("guild", "events", json!({"what": "raid"})),
        ("device", "readings", json!({"value": 21.5})),
        ("device", "config", json!({"key": "k"})),
        ("classroom", "students", json!({"name": "s"})),
        ("classroom", "assignments", json!({"title": "a"})),
        ("store", "products", json!({"name": "p"})),
        ("store", "orders", json!({"total": 3})),
        ("workspace", "invoices", json!({"amount": 10, "status": "open"})),
        ("tenant", "invoices", json!({"amount": 20})),
    ] {
        let path = format!("/api/db/{block}/{id}/tables/{table}");
        let made = service.post(&path, &row).await.expect(201);
        for (key, value) in row.as_object().unwrap() {
            assert_eq!(&made[key], value, "{path}");
        }
        assert_eq!(service.get(&path).await.expect(200)["total"], 1, "{path}");
    }
    for (table, row) in [
        ("announcements", json!({"title": "Hello"})),
        ("leaderboard", json!({"player": "p", "score": 1})),
    ] {
        let path = format!("/api/db/app/tables/{table}");
        service.post(&path, &row).await.expect(201);
        assert_eq!(service.get(&path).await.expect(200)["total"], 1, "{path}");
    }
}
