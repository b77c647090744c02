//! Do both forms agree through the public door, reads and rows included, and is every call
//! answered whatever the rule?

mod common;
use common::{AMPLE, Folder, Records, json_arg, rules, text};
use edgebase_rules::{Arg, Cause, Decision, Engine, Form, FunctionId, Limits};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rules that read; all have a native form.
const READING: [(&str, &str); 14] = [
    (
        "get",
        "async (auth, id, ctx) => { const row = await ctx.db.get('m', `${auth.id}:${id}`); return row?.active === true }",
    ),
    ("not_null", "async (auth, id, ctx) => (await ctx.db.get('m', `${auth?.id}:${id}`)) !== null"),
    ("returned", "(auth, id, ctx) => ctx.db.get('m', id)"),
    ("exists", "async (auth, id, ctx) => ctx.db.exists('m', { user: auth?.id, space: id })"),
    (
        "exists_undefined",
        "async (auth, id, ctx) => await ctx.db.exists('m', { user: auth?.missing })",
    ),
    ("list", "async (auth, id, ctx) => (await ctx.db.list('m')).length === 2"),
    (
        "list_some",
        "async (auth, id, ctx) => { const all = await ctx.db.list('m', { limit: 5 }); return all.some(m => m.user === auth?.id && m.space === id) }",
    ),
    (
        "guarded",
        "async (auth, id, ctx) => auth !== null && (await ctx.db.get('m', `${auth.id}:${id}`))?.active",
    ),
    (
        "twice",
        "async (auth, id, ctx) => { const a = await ctx.db.get('m', 'u1:a'); if (!a) return false; const b = await ctx.db.get('m', `${a.user}:${id}`); return b && b.active }",
    ),
    (
        "broken",
        "async (auth, id, ctx) => { const a = await ctx.db.get('broken', 'x'); return true }",
    ),
    (
        "unread",
        "async (auth, id, ctx) => { if (id === 'a') return true; return await ctx.db.get('broken', 'x') }",
    ),
    ("bad_id", "async (auth, id, ctx) => await ctx.db.get('m', auth)"),
    ("number_id", "async (auth, id, ctx) => await ctx.db.get('m', 7)"),
    ("bad_filter", "async (auth, id, ctx) => await ctx.db.exists('m', id)"),
];

#[tokio::test(flavor = "multi_thread")]
async fn reading_rules_decide_alike_in_both_forms() {
    let loaded = rules(&READING);
    let native = Engine::start(&loaded, Limits::default()).expect("starts");
    let engine =
        Engine::start(&loaded, Limits { native: false, ..Limits::default() }).expect("starts");
    let database = Records::of(&[
        ("m", "u1:a", json!({"user": "u1", "space": "a", "active": true})),
        ("m", "u1:b", json!({"user": "u1", "space": "b", "active": false})),
        ("other", "7", json!({})),
    ]);
    let mut allowed = 0;
    for (number, (name, _)) in READING.iter().enumerate() {
        let id = FunctionId(number as u32);
        assert_eq!(loaded.form(id), Form::Fast, "{name}");
        for auth in
            [Value::Null, json!({"id": "u1"}), json!({"id": "u2"}), json!({}), json!({"id": 1})]
        {
            for space in ["a", "b", "c"] {
                for context in [database.clone(), Arg::Undefined, Arg::Null] {
                    let args = || vec![json_arg(auth.clone()), text(space), context.clone()];
                    let a = native.allows(id, args(), AMPLE).await;
                    let b = engine.allows(id, args(), AMPLE).await;
                    allowed += usize::from(a.is_allowed());
                    match (&a, &b) {
                        (Decision::Deny(Cause::Threw(_)), Decision::Deny(Cause::Threw(_))) => {}
                        _ => assert_eq!(a, b, "{name} for {auth} in {space}"),
                    }
                }
            }
        }
    }
    assert!(allowed > 20, "{allowed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_rules_decide_alike_in_both_forms() {
    let loaded = rules(&[
        ("read", "(auth, row) => row.status === 'published' || auth?.id === row.authorId"),
        ("taken_apart", "({ id }, { authorId: owner }) => id === owner"),
        ("whole", "(auth, row) => row"),
        ("bails", "(auth, row) => row.authorId + '' === 'u1' && `${row.tags}` !== 'x'"),
    ]);
    let native = Engine::start(&loaded, Limits::default()).expect("starts");
    let engine =
        Engine::start(&loaded, Limits { native: false, ..Limits::default() }).expect("starts");
    let rows: Vec<Value> = (0..40)
        .map(|n| {
            let status = ["published", "draft"][n % 2];
            let author = ["u1", "u1", "u2"][n % 3];
            let tags = if n % 5 == 4 { json!(["x"]) } else { json!("x") };
            json!({"id": n, "status": status, "authorId": author, "tags": tags})
        })
        .collect();
    for number in 0..4 {
        let id = FunctionId(number);
        assert_eq!(loaded.form(id), Form::Fast);
        for auth in [Value::Null, json!({"id": "u1"}), json!({"id": "u2"})] {
            for from in 0..rows.len() {
                let some = Arc::new(rows[from..].to_vec());
                let a = native.allows_rows(id, json_arg(auth.clone()), some.clone(), AMPLE).await;
                let b = engine.allows_rows(id, json_arg(auth.clone()), some, AMPLE).await;
                match (&a, &b) {
                    (Err(x), Err(y))
                        if matches!((&x.cause, &y.cause), (Cause::Threw(_), Cause::Threw(_))) =>
                    {
                        assert_eq!(x.index, y.index);
                    }
                    _ => assert_eq!(a, b, "rule {number} for {auth} from {from}"),
                }
            }
        }
    }
}

#[test]
fn what_has_no_native_form_says_why() {
    let folder = Folder::with(&[
        ("c.ts", "import { helper } from './h';
          const list = ['a']; list.push('b');
          export const shown = ['a'];
          let changing = 1; changing = 2;
          const twice = (n: number): boolean => twice(n - 1);
          const promise = async () => true;
          export default {
            loop: (auth: any) => { for (const x of auth.list) if (x) return true; return false },
            regex: (auth: any) => /x/.test(auth.email),
            global: (auth: any) => new Date(auth.at) < new Date(),
            imported: (auth: any) => helper(auth),
            mutable: (auth: any) => list.includes(auth.id),
            exported: (auth: any) => shown.includes(auth.id),
            changing: () => changing === 2,
            recursive: () => twice(1),
            unawaited: () => promise() && false,
            hidden: (auth: any, id: any, ctx: any) => [1].some(() => ctx.db.get('m', 'none')),
            unfinished: (auth: any, id: any, ctx: any) => { const p = ctx.db.get('m', 'none'); return p },
            early: () => { const a = b; const b = 1; return a },
            dynamic: (auth: any) => auth?.(),
            bound: function (auth: any) { return this }.bind(1),
          };"),
        ("h.ts", "export const helper = (auth: any) => true"),
    ]);
    let loaded = folder.load("c.ts").unwrap_or_else(|e| panic!("{e}"));
    let reasons = [
        ("loop", "it has a loop"),
        ("regex", "it calls '.test()'"),
        ("global", "it creates an object with 'new'"),
        ("imported", "it calls 'helper', which is not a helper of its module"),
        ("mutable", "it uses 'list', which may be changed or exported"),
        ("exported", "it uses 'shown', which may be changed or exported"),
        ("changing", "it uses 'changing', which is not a constant of its module"),
        ("recursive", "calls itself"),
        ("unawaited", "it calls the async 'promise' without awaiting it"),
        ("hidden", "it calls '.get()'"),
        ("unfinished", "it calls '.get()'"),
        ("early", "it uses 'b', which is not a constant of its module"),
        ("dynamic", "it uses '?.('"),
        ("bound", "its source is not in the config's files"),
    ];
    for (number, (name, reason)) in reasons.iter().enumerate() {
        let id = FunctionId(number as u32);
        assert_eq!(loaded.function(id).map(|f| f.path.as_str()), Some(*name));
        let Form::Engine(said) = loaded.form(id) else {
            panic!("{name} must not have a native form")
        };
        assert!(said.contains(reason), "{name}: {said}");
    }
}

fn pieces() -> impl Strategy<Value = String> {
    let words = vec![
        "auth",
        "row",
        "id",
        "ctx",
        ".db.get('m', id)",
        "await ",
        "?.",
        ".",
        "list",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        " === ",
        " && ",
        " || ",
        "!",
        "typeof ",
        "null",
        "1",
        "'a'",
        "`${id}`",
        ".some(",
        "x => ",
        ".includes(",
        ",",
        ";",
        "return ",
        "if (",
        "while (true) ",
        "for (;;) ",
        "throw ",
        "new Map()",
        "Promise.resolve(",
        "Array(9).fill(",
        ".repeat(99)",
        "this",
        "arguments",
        "async ",
        "() => ",
        "function () { ",
        "const y = ",
        "y",
        " ? ",
        " : ",
        "...",
    ];
    proptest::collection::vec(proptest::sample::select(words), 1..14).prop_map(|w| w.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_global_rejects: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Sixty configs of the bodies that parse among fifty generated ones.
    #[test]
    fn every_generated_rule_is_answered_in_time_and_alike(bodies in proptest::collection::vec(pieces(), 50)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let good: Vec<String> = bodies.into_iter().enumerate().filter_map(|(n, body)| {
            let rule = if n % 2 == 0 { format!("async (auth, row, id, ctx) => ({body})") } else { format!("(auth, row, id, ctx) => {{ {body} }}") };
            let folder = Folder::with(&[("c.ts", &format!("export default {{ f: {rule} }}"))]);
            folder.load("c.ts").is_ok().then_some(rule)
        }).collect();
        let list: Vec<(String, &str)> = good.iter().enumerate().map(|(n, r)| (format!("f{n}"), r.as_str())).collect();
        let list: Vec<(&str, &str)> = list.iter().map(|(n, r)| (n.as_str(), *r)).collect();
        let loaded = rules(&list);
        runtime.block_on(async {
            let native = Engine::start(&loaded, Limits::default()).expect("starts");
            let engine = Engine::start(&loaded, Limits { native: false, ..Limits::default() }).expect("starts");
            for (n, (_, rule)) in list.iter().enumerate() {
                let args = || vec![json_arg(json!({"list": ["a", 1]})), json_arg(json!({"list": []})), text("a"), Records::of(&[("m", "a", json!(true))])];
                let started = Instant::now();
                let a = native.allows(FunctionId(n as u32), args(), Duration::from_millis(100)).await;
                let b = engine.allows(FunctionId(n as u32), args(), Duration::from_millis(100)).await;
                assert!(started.elapsed() < Duration::from_secs(2), "{rule}");
                if loaded.form(FunctionId(n as u32)) == Form::Fast {
                    assert_eq!(a.is_allowed(), b.is_allowed(), "{rule}: {a:?} {b:?}");
                }
            }
        });
    }
}
