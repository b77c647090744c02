//! Is a block with `connectionString` in the other database, wholly, and otherwise like any block?

use super::room::{beside, edgebase, notes, run, start};
use super::served::serve;
use edgebase_tests::sql::{connect, refusal, texts};
use edgebase_tests::{Product, unique};
use serde_json::json;

/// The same server's database `far`, for the role of a URL.
fn far(url: &str) -> String {
    let (place, _) = url.rsplit_once('/').expect("a URL names a database");
    format!("{place}/far")
}

/// The config with a block in the other database, on whose rows access to rooms depends.
fn config(product: &Product, name: &str, fields: &str) -> std::path::PathBuf {
    let block = format!(
        "databases: {{
           far: {{ provider: 'postgres', connectionString: 'FAR_URL',
                  tables: {{ members: {{ schema: {{ {fields} }}, access: open }} }} }},"
    );
    let access =
        "access: async (auth, id, ctx) => (await ctx.db.get('members', auth.id))?.active === true";
    beside(product, name, &[("databases: {", &block), ("access: () => true", access)])
}

async fn apply(product: &Product, config: &std::path::Path) -> (bool, String) {
    let mut command = edgebase(product, &["apply", "--config", config.to_str().unwrap()]);
    command.env("FAR_URL_ADMIN", far(&product.admin_url));
    let output = run(command).await;
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test]
async fn a_block_in_another_database_is_served_ruled_migrated_and_read_by_rules_like_any_other() {
    const MEMBERS: &str = "/api/db/far/tables/members";
    let product = start();
    let admin = connect(&product.admin_url).await;
    admin.batch_execute("CREATE DATABASE far").await.unwrap();
    let there = connect(&far(&product.admin_url)).await;
    there.batch_execute("CREATE EXTENSION edgebase").await.unwrap();
    let url = far(&product.proxy_url);
    let environment = [("FAR_URL", url.as_str())];
    let first = config(&product, "first.ts", "active: 'boolean'");

    let unset = serve(&product, &first, &[]).err().expect("the variable is not set");
    assert!(unset.contains("neither FAR_URL is set nor"), "{unset}");
    let early = serve(&product, &first, &environment).err().expect("it is not applied");
    assert!(early.contains("edgebase apply"), "{early}");
    let unset = run(edgebase(&product, &["apply", "--config", first.to_str().unwrap()])).await;
    assert!(String::from_utf8_lossy(&unset.stderr).contains("neither FAR_URL_ADMIN is set nor"));
    let (applied, said) = apply(&product, &first).await;
    assert!(applied && said.contains("far.members: create_table"), "{said}");

    let server = serve(&product, &first, &environment).unwrap();
    let (user, service) = (server.user(&product), server.service(&product));
    let room = notes(&unique("room"));
    assert_eq!(user.get(&room).await.status, 403, "no member yet");
    user.post(MEMBERS, &json!({"id": "u", "active": true})).await.expect(201);
    user.post(&room, &json!({"title": "x"})).await.expect(201);
    user.patch(&format!("{MEMBERS}/u"), &json!({"active": false})).await.expect(200);
    assert_eq!(user.get(&room).await.status, 403, "a member no more");
    let sql = json!({"namespace": "far", "sql": "UPDATE members SET active = true RETURNING id"});
    assert_eq!(service.post("/api/sql", &sql).await.expect(200)["rows"][0]["id"], "u");
    user.get(&room).await.expect(200);

    // There it is, under the same roles, and here it is not.
    assert_eq!(texts(&there, "SELECT id FROM far.members").await.unwrap(), ["u"]);
    let here = "SELECT count(*) FROM pg_namespace WHERE nspname = 'far'";
    assert_eq!(texts(&admin, here).await.unwrap(), ["0"]);
    let proxy = connect(&url).await;
    assert!(proxy.simple_query("SELECT FROM far.members").await.is_err());

    // Analysts have the block where it is: its one instance is the relation.
    let analyst = connect(&far(&product.admin_url)).await;
    let reader =
        "CREATE ROLE reader LOGIN IN ROLE edgebase_analyst; SET SESSION AUTHORIZATION reader";
    analyst.batch_execute(reader).await.unwrap();
    let seen = "SELECT id || ' ' || active FROM far.members";
    assert_eq!(texts(&analyst, seen).await.unwrap(), ["u true"]);
    let stats = "SELECT key FROM edgebase.instance_stats";
    assert_eq!(texts(&analyst, stats).await.unwrap(), ["far"]);
    for refused in ["DELETE FROM far.members", "SELECT edgebase.enter('far')"] {
        assert_eq!(refusal(&analyst, refused).await.as_deref(), Some("42501"), "{refused}");
    }

    // Another shape of it, while the server of the first runs.
    let second = config(
        &product,
        "second.ts",
        "active: 'boolean', since: { type: 'string', default: 'ever' }, \
         secret: { type: 'string', analytics: false }",
    );
    let (applied, said) = apply(&product, &second).await;
    assert!(applied && said.contains("far.members: add_column"), "{said}");
    user.get(MEMBERS).await.expect(200);
    assert_eq!(texts(&analyst, "SELECT since FROM far.members").await.unwrap(), ["ever"]);
    let hidden = refusal(&analyst, "SELECT secret FROM far.members").await;
    assert_eq!(hidden.as_deref(), Some("42501"));
    let next = serve(&product, &second, &environment).unwrap();
    assert_eq!(next.user(&product).get(MEMBERS).await.items()[0]["since"], "ever");
    let list = ["instances", "list", "--json", "--database-url", &far(&product.admin_url)]
        .map(str::to_owned);
    let list = run(edgebase(&product, &list.each_ref().map(String::as_str))).await;
    assert!(String::from_utf8_lossy(&list.stdout).contains("\"key\":\"far\""));
}
