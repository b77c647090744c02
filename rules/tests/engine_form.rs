//! Does JavaScript on the workers decide as it should, and do hooks give values?

mod common;
use common::{AMPLE, Records, TABLE, at, engine, json_arg, loaded, rules, text};
use edgebase_rules::{Arg, Cause, Decision, Engine, Failure, FunctionId, Limits, RowDenied};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_awaited_and_fail_closed() {
    let loaded = rules(&[
        (
            "get",
            "async (auth, id, ctx) => { new Map(); const r = await ctx.db.get('m', `${auth.id}:${id}`); return r?.active === true }",
        ),
        (
            "exists",
            "async (auth, id, { db }) => { new Map(); return db.exists('m', { user: auth.id, ['s' + 'pace']: id }) }",
        ),
        (
            "list",
            "async (auth, id, ctx) => { new Map(); return (await ctx.db.list('m')).length === 1 }",
        ),
        (
            "both",
            "async (auth, id, ctx) => { const [a, b] = await Promise.all([ctx.db.get('m', 'u1:a'), ctx.db.exists('m', {})]); return a.active && b }",
        ),
        (
            "broken",
            "async (auth, id, ctx) => { new Map(); return await ctx.db.get('broken', 'x') }",
        ),
        (
            "caught",
            "async (auth, id, ctx) => { try { await ctx.db.get('broken', 'x') } catch (e) { return e.message === 'no such table' } }",
        ),
        ("bad_id", "async (auth, id, ctx) => { new Map(); return await ctx.db.get('m', {}) }"),
        (
            "greedy",
            "async (auth, id, ctx) => { for (let i = 0; i < 100; i++) await ctx.db.get('m', 'x'); return true }",
        ),
    ]);
    let engine = engine(&loaded);
    let database = Records::slow(
        &[("m", "u1:a", json!({"active": true, "user": "u1", "space": "a"}))],
        Duration::from_millis(2),
    );
    let ask = async |name: &str, id: &str| {
        let args = vec![json_arg(json!({"id": "u1"})), text(id), database.clone()];
        engine.allows(at(&loaded, name), args, AMPLE).await
    };
    assert_eq!(ask("get", "a").await, Decision::Allow);
    assert_eq!(ask("get", "b").await, Decision::Deny(Cause::Falsy));
    assert_eq!(ask("exists", "a").await, Decision::Allow);
    assert_eq!(ask("exists", "b").await, Decision::Deny(Cause::Falsy));
    assert_eq!(ask("list", "a").await, Decision::Allow);
    assert_eq!(ask("both", "a").await, Decision::Allow);
    assert_eq!(ask("broken", "a").await, Decision::Deny(Cause::Threw("no such table".into())));
    assert_eq!(ask("caught", "a").await, Decision::Allow);
    assert!(matches!(ask("bad_id", "a").await, Decision::Deny(Cause::Threw(_))));
    assert_eq!(
        ask("greedy", "a").await,
        Decision::Deny(Cause::Threw("too many reads in one evaluation".into()))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_evaluations_wait_at_once_on_one_worker() {
    let loaded = rules(&[(
        "get",
        "async (auth, id, ctx) => { new Map(); return await ctx.db.get('m', id) }",
    )]);
    let limits = Limits { workers: 1, ..Limits::default() };
    let engine = Engine::start(&loaded, limits).expect("starts");
    let database = Records::slow(&[("m", "yes", json!(true))], Duration::from_millis(100));
    let started = Instant::now();
    let all = (0..200).map(|i| {
        let id = if i % 2 == 0 { "yes" } else { "no" };
        let args = vec![Arg::Null, text(id), database.clone()];
        let call = engine.allows(FunctionId(0), args, AMPLE);
        async move { (i, call.await) }
    });
    for (i, decision) in futures::future::join_all(all).await {
        assert_eq!(decision.is_allowed(), i % 2 == 0);
    }
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "they must wait together: {:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_outlives_the_budget_denies_in_time() {
    let loaded = rules(&[(
        "get",
        "async (auth, id, ctx) => { new Map(); return await ctx.db.get('m', id) }",
    )]);
    let engine = engine(&loaded);
    let database = Records::slow(&[("m", "yes", json!(true))], Duration::from_secs(30));
    let started = Instant::now();
    let decision =
        engine.allows(FunctionId(0), vec![Arg::Null, text("yes"), database], TABLE).await;
    assert_eq!(decision, Decision::Deny(Cause::Timeout));
    assert!(started.elapsed() < TABLE + Duration::from_millis(300));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_promise_does_not_lend_one_call_the_context_of_another() {
    let loaded = loaded(
        "let shared;
         export default { f: async (auth, id, ctx) => {
           shared ??= ctx.db.get('m', 'first');
           await shared;
           return (await ctx.db.get('m', 'mine')).owner === id;
         } };",
    );
    let limits = Limits { workers: 1, ..Limits::default() };
    let engine = Engine::start(&loaded, limits).expect("starts");
    let ask = |id: &'static str| {
        let database =
            Records::slow(&[("m", "mine", json!({"owner": id}))], Duration::from_millis(30));
        engine.allows(FunctionId(0), vec![Arg::Null, text(id), database], AMPLE)
    };
    let (a, b) = futures::join!(ask("a"), ask("b"));
    assert_eq!((a, b), (Decision::Allow, Decision::Allow));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_stop_at_the_first_that_is_denied() {
    let loaded = rules(&[
        ("sync", "(auth, row) => new Map() && row.owner === auth.id"),
        ("later", "async (auth, row) => { new Map(); await null; return row.owner === auth.id }"),
        (
            "throws",
            "(auth, row) => { new Map(); if (row.n > 1) throw new Error('n'); return true }",
        ),
        ("whole", "(auth, row) => Object.keys(row).join() === 'n,owner'"),
    ]);
    let engine = engine(&loaded);
    let rows: Vec<_> =
        (0..50).map(|n| json!({"n": n, "owner": if n == 40 { "u2" } else { "u1" }})).collect();
    let auth = || json_arg(json!({"id": "u1"}));
    let ask = |name: &str, rows: Vec<_>| {
        engine.allows_rows(at(&loaded, name), auth(), Arc::new(rows), AMPLE)
    };
    for name in ["sync", "later"] {
        assert_eq!(ask(name, rows[..40].to_vec()).await, Ok(()), "{name}");
        let denied = RowDenied { index: 40, cause: Cause::Falsy };
        assert_eq!(ask(name, rows.clone()).await, Err(denied), "{name}");
        assert_eq!(ask(name, vec![]).await, Ok(()), "{name}");
    }
    let denied = RowDenied { index: 2, cause: Cause::Threw("n".into()) };
    assert_eq!(ask("throws", rows.clone()).await, Err(denied));
    assert_eq!(ask("whole", rows).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refused_row_is_listed_and_what_is_no_refusal_is_an_error() {
    let loaded = rules(&[
        ("native", "(auth, row) => row.owner === auth.id"),
        ("sync", "(auth, row) => new Map() && row.owner === auth.id"),
        ("later", "async (auth, row) => { new Map(); await null; return row.owner === auth.id }"),
        ("throws", "(auth, row) => { new Map(); if (row.owner !== 'u1') throw 1; return true }"),
        ("rejects", "(auth, row) => row.owner === 'u1' || Promise.reject(new Map())"),
        ("hangs", "(auth, row) => row.owner === 'u1' || new Promise(() => {})"),
    ]);
    let engine = engine(&loaded);
    let owner = |n: usize| if n.is_multiple_of(3) || n > 45 { "u2" } else { "u1" };
    let rows: Arc<Vec<_>> = Arc::new((0..50).map(|n| json!({"n": n, "owner": owner(n)})).collect());
    let refused: Vec<usize> = (0..50).filter(|n| owner(*n) == "u2").collect();
    let auth = || json_arg(json!({"id": "u1"}));
    let ask = |name: &str, rows: &Arc<Vec<_>>, budget| {
        engine.refused_rows(at(&loaded, name), auth(), Arc::clone(rows), budget)
    };
    for name in ["native", "sync", "later", "throws", "rejects"] {
        assert_eq!(ask(name, &rows, AMPLE).await, Ok(refused.clone()), "{name}");
        assert_eq!(ask(name, &Arc::default(), AMPLE).await, Ok(vec![]), "{name}");
    }
    assert_eq!(ask("hangs", &rows, Duration::from_millis(50)).await, Err(Cause::Timeout));
    let unknown = FunctionId(99);
    assert_eq!(engine.refused_rows(unknown, auth(), rows, AMPLE).await, Err(Cause::Unknown));
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_give_values_and_typed_errors() {
    let loaded = loaded(
        "import { defineConfig, EdgeBaseError } from '@edge-base/shared';
         export default defineConfig({
           merge: (auth, data) => ({ ...data, by: auth.id, at: new Date(0) }),
           none: () => {},
           later: async (auth, data, ctx) => ({ n: (await ctx.db.list('m')).length, text: 'ü\\u{1F600}' }),
           plain: () => { throw new Error('not allowed') },
           typed: () => { throw new EdgeBaseError(409, 'taken', { field: 'x' }, 'already-exists') },
           circle: () => { const o: any = {}; o.o = o; return o },
           big: () => 10n,
         });",
    );
    let engine = engine(&loaded);
    let database = Records::of(&[("m", "1", json!(1)), ("m", "2", json!(2))]);
    let ask = async |name: &str| {
        let args = vec![
            json_arg(json!({"id": "u1"})),
            json_arg(json!({"a": [1, 2.5, null]})),
            database.clone(),
        ];
        engine.value(at(&loaded, name), args, AMPLE).await
    };
    assert_eq!(
        ask("merge").await,
        Ok(Some(json!({"a": [1, 2.5, null], "by": "u1", "at": "1970-01-01T00:00:00.000Z"})))
    );
    assert_eq!(ask("none").await, Ok(None));
    assert_eq!(ask("later").await, Ok(Some(json!({"n": 2, "text": "ü😀"}))));
    let Err(Failure::Threw { message, typed }) = ask("plain").await else { panic!("must throw") };
    assert_eq!((message.as_str(), typed.code), ("not allowed", None));
    let Err(Failure::Threw { message, typed }) = ask("typed").await else { panic!("must throw") };
    assert_eq!(
        (message.as_str(), typed.code, typed.slug.as_deref()),
        ("taken", Some(409), Some("already-exists"))
    );
    assert_eq!(typed.data, Some(json!({"field": "x"})));
    assert!(matches!(ask("circle").await, Err(Failure::Threw { .. })));
    assert!(matches!(ask("big").await, Err(Failure::Threw { .. })));
}

/// Its checks would not have run, and what it returned would have said that there are none.
#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_returns_a_function_or_a_generator_has_failed() {
    let loaded = rules(&[
        ("called", "(auth) => ({ n: 1 })"),
        ("uncalled", "(auth) => () => { throw new Error('no') }"),
        ("later", "async (auth) => class {}"),
        ("generator", "function* (auth) { throw new Error('no') }"),
        ("generator_later", "async function* (auth) { throw new Error('no') }"),
    ]);
    let engine = engine(&loaded);
    let value = async |n: u32| engine.value(FunctionId(n), vec![Arg::Null], AMPLE).await;
    assert_eq!(value(0).await, Ok(Some(json!({"n": 1}))));
    for (n, word) in [(1, "a function"), (2, "a function"), (3, "a generator"), (4, "a generator")]
    {
        let failure = value(n).await.expect_err("no result");
        assert!(matches!(failure, Failure::Ended(Cause::NoVerdict(_))), "{failure:?}");
        assert!(failure.to_string().contains(word), "{failure}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn evaluations_are_counted() {
    let loaded =
        rules(&[("fast", "(auth) => auth !== null"), ("slow", "(auth) => new Map() && auth.x")]);
    let engine = engine(&loaded);
    for auth in [Arg::Null, json_arg(json!({"x": 1})), json_arg(json!({}))] {
        engine.allows(FunctionId(0), vec![auth.clone()], AMPLE).await;
        engine.allows(FunctionId(1), vec![auth], AMPLE).await;
    }
    let metrics = engine.metrics();
    assert_eq!((metrics[0].path.as_str(), metrics[0].fast), ("fast", true));
    assert_eq!(
        (
            metrics[0].evaluations,
            metrics[0].fast_evaluations,
            metrics[0].denials,
            metrics[0].errors
        ),
        (3, 3, 1, 0)
    );
    assert_eq!(
        (
            metrics[1].evaluations,
            metrics[1].fast_evaluations,
            metrics[1].denials,
            metrics[1].errors
        ),
        (3, 0, 2, 1)
    );
}
