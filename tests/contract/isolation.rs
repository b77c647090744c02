//! Is isolation a property of the database, not of the server's good behaviour?
//!
//! Everything here is done as the proxy's own login role, with its password, as an attacker
//! would who has taken over the proxy's connections: nothing without `enter`, one instance
//! after it, and no way out before the transaction ends.

use super::product;
use edgebase_tests::sql::{connect, ident, literal, refusal, texts, try_connect};
use edgebase_tests::{Product, encode, unique};
use serde_json::json;
use tokio_postgres::Client;

/// Two instances of the block `space` with a row each; their ids.
async fn two_instances(product: &Product) -> [String; 2] {
    let ids = [unique("mine"), unique("other\"'s")];
    for id in &ids {
        let path = format!("/api/db/space/{}/tables/posts", encode(id));
        let row = json!({"id": "secret", "title": format!("of {id}")});
        product.service().post(&path, &row).await.expect(201);
    }
    ids
}

fn enter(id: &str) -> String {
    format!("SELECT edgebase.enter('space', {})", literal(id))
}

async fn one(client: &Client, statement: &str) -> String {
    texts(client, statement).await.unwrap().swap_remove(0)
}

#[tokio::test]
async fn the_login_role_is_no_superuser_and_owns_nothing() {
    let product = product();
    let proxy = connect(&product.proxy_url).await;
    let powers = "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication
                  FROM pg_roles WHERE rolname = current_user";
    assert_eq!(one(&proxy, powers).await, "f");
    let memberships = "SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
                       JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = current_user";
    assert_eq!(texts(&proxy, memberships).await.unwrap(), ["edgebase_proxy"]);
    let owned = "SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) = current_user";
    assert!(texts(&proxy, owned).await.unwrap().is_empty());
}

#[tokio::test]
async fn without_enter_the_login_role_reads_and_writes_no_tenant_row() {
    let product = product();
    two_instances(&product).await;
    let admin = connect(&product.admin_url).await;
    let proxy = connect(&product.proxy_url).await;
    let tables = "SELECT format('%I.%I', n.nspname, c.relname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')
          AND (n.nspname IN (SELECT schema FROM edgebase.instances)
               OR n.nspname = 'edgebase' AND c.relname NOT IN ('blocks', 'versions'))";
    let tables = texts(&admin, tables).await.unwrap();
    assert!(tables.iter().any(|t| t.contains("space:") && t.ends_with(".posts")), "{tables:?}");
    assert!(tables.iter().any(|t| t == "app.posts"), "{tables:?}");
    // What blocks there are, and in which versions, is no tenant's: it may be read, not written.
    for view in ["edgebase.blocks", "edgebase.versions"] {
        let writes = format!(
            "SELECT has_table_privilege('{view}', 'INSERT, UPDATE, DELETE, TRUNCATE')::text"
        );
        assert_eq!(one(&proxy, &writes).await, "false", "{view}");
    }
    for table in &tables {
        for statement in [
            format!("SELECT * FROM {table}"),
            format!("SELECT count(*) FROM {table}"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
            format!("COPY {table} TO STDOUT"),
        ] {
            let state = refusal(&proxy, &statement).await;
            assert!(
                matches!(state.as_deref(), Some("42501" | "42809" | "0A000" | "55000")),
                "{statement}: {state:?}"
            );
        }
        assert_eq!(
            refusal(&proxy, &format!("SELECT * FROM {table}")).await.as_deref(),
            Some("42501")
        );
    }
}

#[tokio::test]
async fn after_enter_there_is_no_way_out_before_the_transaction_ends() {
    let product = product();
    let [mine, other] = two_instances(&product).await;
    let admin = connect(&product.admin_url).await;
    let proxy = connect(&product.proxy_url).await;
    let login = one(&proxy, "SELECT current_user").await;
    let role_of = |id: &str| {
        format!(
            "SELECT role FROM edgebase.instances WHERE key = {}",
            literal(&format!("space:{id}"))
        )
    };
    let (my_role, other_role) =
        (one(&admin, &role_of(&mine)).await, one(&admin, &role_of(&other)).await);
    let theirs = format!("{}.posts", ident(&format!("space:{other}")));

    proxy.batch_execute("BEGIN").await.unwrap();
    proxy.batch_execute(&enter(&mine)).await.unwrap();
    assert_eq!(one(&proxy, "SELECT current_user").await, my_role);
    assert_eq!(one(&proxy, "SELECT title FROM posts").await, format!("of {mine}"));
    for escape in [
        "RESET ROLE".to_owned(),
        "RESET ALL".into(),
        "RESET SESSION AUTHORIZATION".into(),
        "SET ROLE NONE".into(),
        "SET LOCAL ROLE NONE".into(),
        format!("SET ROLE {login}"),
        format!("SET ROLE {other_role}"),
        "SET ROLE postgres".into(),
        "SET ROLE edgebase_owner".into(),
        format!("SET SESSION AUTHORIZATION {login}"),
        "SET SESSION AUTHORIZATION DEFAULT".into(),
        "SELECT set_config('role', 'none', false)".into(),
        format!("SELECT set_config('role', '{other_role}', true)"),
        format!("SELECT set_config('session_authorization', '{login}', false)"),
        "DO $$ BEGIN EXECUTE 'RESET ROLE'; END $$".into(),
        "DO $$ BEGIN PERFORM set_config('role', 'none', true); END $$".into(),
        "DISCARD ALL".into(),
        enter(&other),
        enter(&mine),
        format!("SELECT edgebase.drop_instance('space', {})", literal(&other)),
        "SELECT edgebase.create_instance('space', 'planted')".into(),
        format!("SELECT * FROM {theirs}"),
        format!("INSERT INTO {theirs} (id, title) VALUES ('x', 'planted')"),
        format!("UPDATE {theirs} SET title = 'changed'"),
        format!("DELETE FROM {theirs}"),
        "SELECT * FROM app.posts".into(),
        "SELECT * FROM edgebase.instance".into(),
        "SELECT * FROM edgebase.instances".into(),
        "SELECT * FROM pg_authid".into(),
        "SELECT pg_read_file('/etc/passwd')".into(),
        "COPY posts TO PROGRAM 'cat'".into(),
        "CREATE TABLE public.planted (x int)".into(),
        "CREATE TABLE planted (x int)".into(),
        "CREATE TEMP TABLE planted (x int)".into(),
        "CREATE FUNCTION planted() RETURNS int LANGUAGE sql AS 'SELECT 1'".into(),
        "CREATE ROLE planted".into(),
        format!("GRANT {other_role} TO {my_role}"),
        format!("GRANT {my_role} TO {login}"),
        "ALTER TABLE posts ADD COLUMN planted int".into(),
        "DROP TABLE posts".into(),
    ] {
        proxy.batch_execute("SAVEPOINT before").await.unwrap();
        let state = refusal(&proxy, &escape).await;
        proxy.batch_execute("ROLLBACK TO SAVEPOINT before").await.unwrap();
        assert!(state.is_some(), "not refused: {escape}");
        assert_eq!(one(&proxy, "SELECT current_user").await, my_role, "after {escape}");
    }
    proxy.batch_execute("COMMIT").await.unwrap();
    assert_eq!(one(&proxy, "SELECT current_user").await, login);
    assert_eq!(refusal(&proxy, &format!("SELECT * FROM {theirs}")).await.as_deref(), Some("42501"));
    let title = one(&admin, &format!("SELECT title FROM {theirs}")).await;
    assert_eq!(title, format!("of {other}"), "the other instance is untouched");
}

#[tokio::test]
async fn every_end_of_a_transaction_gives_the_login_role_back() {
    let product = product();
    let [mine, _] = two_instances(&product).await;
    let proxy = connect(&product.proxy_url).await;
    let login = one(&proxy, "SELECT current_user").await;
    for end in ["COMMIT", "ROLLBACK", "SELECT 1/0; COMMIT", "COMMIT AND CHAIN; ROLLBACK"] {
        proxy.batch_execute("BEGIN").await.unwrap();
        proxy.batch_execute(&enter(&mine)).await.unwrap();
        if proxy.batch_execute(end).await.is_err() {
            proxy.batch_execute("ROLLBACK").await.unwrap();
        }
        assert_eq!(one(&proxy, "SELECT current_user").await, login, "{end}");
        assert!(!one(&proxy, "SHOW search_path").await.contains("space:"), "{end}");
        let read = refusal(&proxy, "SELECT * FROM posts").await;
        assert!(matches!(read.as_deref(), Some("42P01" | "42501")), "{end}: {read:?}");
    }
}

#[tokio::test]
async fn the_roles_of_instances_belong_to_nobody_and_cannot_log_in() {
    let product = product();
    let [mine, _] = two_instances(&product).await;
    let admin = connect(&product.admin_url).await;
    let members = "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid
                   WHERE r.rolname LIKE 'eb\\_%'";
    assert_eq!(one(&admin, members).await, "0");
    let powers = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'eb\\_%' AND
        (rolcanlogin OR rolsuper OR rolinherit AND false OR rolbypassrls OR rolcreaterole OR rolcreatedb)";
    assert_eq!(one(&admin, powers).await, "0");
    let key = literal(&format!("space:{mine}"));
    let role = one(&admin, &format!("SELECT role FROM edgebase.instances WHERE key = {key}")).await;
    let url = product.proxy_url.replacen(
        product.proxy_url.split("//").nth(1).and_then(|u| u.split(':').next()).unwrap(),
        &role,
        1,
    );
    assert!(try_connect(&url).await.is_err());
}

#[tokio::test]
async fn the_seal_can_only_be_set_by_a_proxy_on_an_instance_that_exists() {
    let product = product();
    let [mine, _] = two_instances(&product).await;
    let admin = connect(&product.admin_url).await;
    assert!(refusal(&admin, &enter(&mine)).await.is_some(), "a superuser cannot be sealed");
    let proxy = connect(&product.proxy_url).await;
    assert!(refusal(&proxy, &enter("does not exist")).await.is_some());
    assert!(refusal(&proxy, "SELECT edgebase.enter('nope', 'x')").await.is_some());
    assert!(refusal(&proxy, "SELECT edgebase.enter(NULL, NULL)").await.is_some());
    assert!(refusal(&proxy, "SELECT edgebase.apply_config('{}')").await.is_some());
    assert!(refusal(&proxy, "SELECT edgebase.export_instance('space', 'x')").await.is_some());
}

/// The proxy leaves statements of one instance prepared on a connection that serves others next.
#[tokio::test]
async fn a_statement_prepared_in_one_instance_opens_nothing_in_another() {
    let product = product();
    let [mine, theirs] = two_instances(&product).await;
    let admin = connect(&product.admin_url).await;
    let schema_of = format!("SELECT edgebase.schema_of('space', {})", literal(&theirs));
    let schema = ident(&one(&admin, &schema_of).await);
    let proxy = connect(&product.proxy_url).await;
    proxy.batch_execute(&format!("BEGIN; {}", enter(&theirs))).await.unwrap();
    let statements = [
        format!("SELECT title FROM {schema}.posts WHERE id = $1"),
        format!("UPDATE {schema}.posts SET title = 'taken' WHERE id = $1 RETURNING title"),
        format!("SELECT title FROM (SELECT * FROM {schema}.posts) p WHERE id = $1"),
    ];
    let mut prepared = Vec::new();
    for text in &statements {
        let statement = proxy.prepare(text).await.unwrap();
        // Often enough that the server uses one plan for every value.
        for _ in 0..8 {
            assert!(proxy.query(&statement, &[&"nobody"]).await.unwrap().is_empty());
        }
        prepared.push(statement);
    }
    assert_eq!(proxy.query(&prepared[0], &[&"secret"]).await.unwrap().len(), 1);
    proxy.batch_execute("COMMIT").await.unwrap();
    for statement in &prepared {
        let outside = proxy.query(statement, &[&"secret"]).await.unwrap_err();
        assert_eq!(outside.code().map(|c| c.code()), Some("42501"));
        proxy.batch_execute(&format!("BEGIN; {}", enter(&mine))).await.unwrap();
        let inside = proxy.query(statement, &[&"secret"]).await.unwrap_err();
        assert_eq!(inside.code().map(|c| c.code()), Some("42501"));
        proxy.batch_execute("ROLLBACK").await.unwrap();
    }
    let path = format!("/api/db/space/{}/tables/posts/secret", encode(&theirs));
    let row = product.service().get(&path).await.expect(200);
    assert_eq!(row["title"], format!("of {theirs}"));
}
