//! Do the configs of the documentation load, and do their rules decide as they read?

mod common;
use common::{AMPLE, Records, at, engine, json_arg, loaded, text};
use edgebase_blocks::{BlockKind, Config};
use edgebase_rules::{Arg, Cause, Decision, Form, RowDenied};
use serde_json::json;
use std::sync::Arc;

const SEED: &str = r"
import { defineConfig } from '@edge-base/shared'

export default defineConfig({
  databases: {
    app: {
      tables: {
        posts: {
          schema: { title: 'string', body: 'text', authorId: 'string' },
          access: {
            read(auth, row) { return row.status === 'published' || auth?.id === row.authorId },
            insert(auth) { return auth !== null },
            update(auth, row) { return auth?.id === row.authorId },
            delete(auth, row) { return auth?.role === 'admin' },
          },
        },
      },
    },
    user: {
      instance: true,
      access: {
        canCreate(auth, id) { return auth?.id === id },
        access(auth, id) { return auth?.id === id },
      },
      tables: {
        notes: { schema: { title: 'string', body: 'text' } },
        settings: { schema: { theme: 'string', lang: 'string' } },
      },
    },
    'workspace:{id}': {
      access: {
        canCreate(auth) { return auth?.custom?.plan === 'pro' },
        async access(auth, id, ctx) {
          const row = await ctx.db.get('workspace_members', `${auth.id}:${id}`);
          return row?.active === true;
        },
        delete(auth, id) { return auth?.role === 'admin' },
      },
      tables: {
        documents: { schema: { title: 'string', authorId: 'string' } },
        invoices: { schema: { amount: 'number', status: 'string' } },
      },
    },
    'tenant:{id}': {
      access: {
        async access(auth, id, ctx) {
          const member = await ctx.db.get('tenant_members', `${auth.id}:${id}`);
          return member?.active === true;
        },
      },
      tables: {
        crm: { schema: { name: 'string' } },
        invoices: { schema: { amount: 'number' } },
      },
    },
    'guild:{id}': { tables: { members: { schema: { name: 'string' } } } },
  },
})
";

#[test]
fn the_documented_configs_load_and_are_valid() {
    let loaded = loaded(SEED);
    let config = Config::from_json(loaded.json()).expect("a valid config");
    let names: Vec<&str> = config.databases.keys().map(String::as_str).collect();
    assert_eq!(names, ["app", "user", "workspace", "tenant", "guild"], "in their order");
    assert_eq!(config.databases["workspace"].kind, BlockKind::Dynamic);
    let read = at(&loaded, "databases.app.tables.posts.access.read");
    let info = loaded.function(read).expect("a function");
    assert_eq!(info.path, "databases.app.tables.posts.access.read");
    assert_eq!(info.line, 11);
    assert_eq!(loaded.files().len(), 1);
    for (id, function) in loaded.functions().iter().enumerate() {
        let form = loaded.form(edgebase_rules::FunctionId(id as u32));
        assert_eq!(form, Form::Fast, "{}", function.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documented_rules_decide_as_they_read() {
    let loaded = loaded(SEED);
    let engine = engine(&loaded);
    let u1 = json_arg(json!({"id": "u1", "custom": {"plan": "pro"}}));
    let falsy = Decision::Deny(Cause::Falsy);

    let can_create = at(&loaded, "databases.user.access.canCreate");
    let ask = |auth: Arg, id: &str| engine.allows(can_create, vec![auth, text(id)], AMPLE);
    assert_eq!(ask(u1.clone(), "u1").await, Decision::Allow);
    assert_eq!(ask(u1.clone(), "u2").await, falsy);
    assert_eq!(ask(Arg::Null, "u1").await, falsy);

    let access = at(&loaded, "databases.workspace:{id}.access.access");
    let members = Records::of(&[
        ("workspace_members", "u1:acme", json!({"active": true})),
        ("workspace_members", "u1:old", json!({"active": false})),
    ]);
    let ask =
        |auth: Arg, id: &str| engine.allows(access, vec![auth, text(id), members.clone()], AMPLE);
    assert_eq!(ask(u1.clone(), "acme").await, Decision::Allow);
    assert_eq!(ask(u1.clone(), "old").await, falsy);
    assert_eq!(ask(u1.clone(), "none").await, falsy);
    assert!(matches!(ask(Arg::Null, "acme").await, Decision::Deny(Cause::Threw(_))));

    let read = at(&loaded, "databases.app.tables.posts.access.read");
    let rows = Arc::new(vec![
        json!({"id": "1", "status": "published", "authorId": "u2"}),
        json!({"id": "2", "status": "draft", "authorId": "u1"}),
        json!({"id": "3", "status": "draft", "authorId": "u2"}),
    ]);
    let own = Arc::new(rows[..2].to_vec());
    assert_eq!(engine.allows_rows(read, u1.clone(), own, AMPLE).await, Ok(()));
    let denied = RowDenied { index: 2, cause: Cause::Falsy };
    assert_eq!(engine.allows_rows(read, u1, rows.clone(), AMPLE).await, Err(denied));
    let denied = RowDenied { index: 1, cause: Cause::Falsy };
    assert_eq!(engine.allows_rows(read, Arg::Null, rows, AMPLE).await, Err(denied));
}
