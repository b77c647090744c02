//! Is anything allowed by accident?
//!
//! Every way in which an evaluation can end, in both forms and for rows, with the decision that
//! belongs to it. The one that allows is a completed evaluation with a truthy primitive, a plain
//! object or an array.

use crate::api::{Arg, Cause, Context, DbRead, Decision, Form, Limits, ReadError, RowDenied};
use crate::caller::Caller;
use crate::engine::Engine;
use crate::load::Loaded;
use edgebase_blocks::FunctionId;
use futures::future::{BoxFuture, pending, ready};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

const BUDGET: Duration = Duration::from_millis(300);
const AMPLE: Duration = Duration::from_secs(10);

/// What is expected of a rule.
#[derive(Clone, Copy)]
enum Expected {
    Allow,
    Falsy,
    Nothing,
    Throw,
    Exceed,
    Timeout,
    Lack,
}
use Expected::{Allow, Exceed, Falsy, Lack, Nothing, Throw, Timeout};

/// Ends that both forms know: the bare rule is evaluated natively, and with `new Map()` in front
/// of its result by the engine.
const VALUES: [(&str, Expected); 20] = [
    ("true", Allow),
    ("'no'", Allow),
    ("1", Allow),
    ("-1", Allow),
    ("[]", Allow),
    ("'0'", Allow),
    ("' '", Allow),
    ("auth === null", Allow),
    ("false", Falsy),
    ("undefined", Falsy),
    ("null", Falsy),
    ("0", Falsy),
    ("-0", Falsy),
    ("NaN", Falsy),
    ("''", Falsy),
    ("auth?.id", Falsy),
    ("auth && auth.id", Falsy),
    ("auth.id", Throw),
    ("auth.id === undefined", Throw),
    ("auth.custom.plan", Throw),
];

/// Ends that only the engine can reach.
const OTHERS: [(&str, Expected); 50] = [
    ("() => 1n", Allow),
    ("() => ({})", Allow),
    ("() => Object.create(null)", Allow),
    ("() => JSON.parse('{}')", Allow),
    ("() => Object.fromEntries([])", Allow),
    ("() => 'a'.match(/a/)", Allow),
    ("() => 'a'.match(/(?<a>.)/).groups", Allow),
    ("() => [].concat(1)", Allow),
    ("() => new Map()", Nothing),
    ("() => new Set([1])", Nothing),
    ("() => Symbol('no')", Nothing),
    ("() => () => false", Nothing),
    ("() => async () => false", Nothing),
    ("() => function () { return false }", Nothing),
    ("() => (() => false).bind(null)", Nothing),
    ("() => new Proxy(() => false, {})", Nothing),
    ("() => new Proxy({}, {})", Nothing),
    ("() => class {}", Nothing),
    ("() => new (class { allowed() { return false } })()", Nothing),
    ("() => Array.isArray", Nothing),
    ("(auth, row) => Boolean", Nothing),
    ("async () => () => false", Nothing),
    ("() => Promise.resolve(() => false)", Nothing),
    ("function* () { return false }", Nothing),
    ("async function* () { return false }", Nothing),
    ("async () => (function* () {})()", Nothing),
    ("() => [1].values()", Nothing),
    ("() => 'a'.matchAll(/b/g)", Nothing),
    ("() => new Error('no')", Nothing),
    ("() => /^admin$/", Nothing),
    ("() => new Boolean(false)", Nothing),
    ("() => new Date(0)", Nothing),
    ("() => Object.create({ admin: true })", Nothing),
    ("async () => new Map() && true", Allow),
    ("() => ({ then(done) { new Map(); done('yes') } })", Allow),
    ("() => { new Map() }", Falsy),
    ("() => 0n", Falsy),
    ("async () => { new Map() }", Falsy),
    ("async () => new Map() && null", Falsy),
    ("() => ({ then(done) { new Map(); done(false) } })", Falsy),
    ("() => { new Map(); throw new Error('oh') }", Throw),
    ("() => { new Map(); throw true }", Throw),
    ("() => { new Map(); throw undefined }", Throw),
    ("async () => { new Map(); throw new Error('later') }", Throw),
    ("() => Promise.reject(true)", Throw),
    ("() => ({ then() { throw new Error('then') } })", Throw),
    ("() => new Promise(() => {})", Timeout),
    ("() => ({ then() {} })", Timeout),
    ("() => { while (true) {} }", Exceed),
    ("() => { const f = () => f(); return f() }", Exceed),
];

fn load(rules: &[String]) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("edgebase.config.js");
    let mut text = String::from("export default {\n");
    for (number, rule) in rules.iter().enumerate() {
        text.push_str(&format!("r{number}: {rule},\n"));
    }
    text.push('}');
    std::fs::write(&file, text).unwrap();
    crate::load(&file, &HashMap::new()).unwrap_or_else(|e| panic!("{e}"))
}

fn is(cause: Option<&Cause>, expected: Expected) -> bool {
    match expected {
        Allow => cause.is_none(),
        Falsy => matches!(cause, Some(Cause::Falsy)),
        Nothing => matches!(cause, Some(Cause::NoVerdict(_))),
        Throw => matches!(cause, Some(Cause::Threw(_))),
        Exceed => matches!(cause, Some(Cause::Exceeded)),
        Timeout => matches!(cause, Some(Cause::Timeout)),
        Lack => matches!(cause, Some(Cause::ReadFailed(_))),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_completed_truthy_evaluation_allows() {
    let mut rules = Vec::new();
    let mut expected = Vec::new();
    for (value, end) in VALUES {
        rules.push(format!("(auth, row) => {value}"));
        rules.push(format!("(auth, row) => {{ new Map(); return {value} }}"));
        rules.push(format!("async (auth, row) => {{ new Map(); await null; return {value} }}"));
        expected.extend([end; 3]);
    }
    for (rule, end) in OTHERS {
        rules.push(rule.to_owned());
        expected.push(end);
    }
    let loaded = load(&rules);
    let engine = Engine::start(&loaded, Limits::default()).unwrap();
    let mut native = 0;
    for (number, (rule, end)) in rules.iter().zip(expected).enumerate() {
        let id = FunctionId(number as u32);
        native += usize::from(loaded.form(id) == Form::Fast);
        let decision = engine.allows(id, vec![Arg::Null, Arg::Undefined], BUDGET).await;
        let cause = match &decision {
            Decision::Allow => None,
            Decision::Deny(cause) => Some(cause),
        };
        assert!(is(cause, end), "{rule}: {decision:?}");
        let rows: Arc<Vec<Value>> = Arc::new(vec![json!({}), json!({})]);
        let rows = engine.allows_rows(id, Arg::Null, rows, BUDGET).await;
        assert!(is(rows.as_ref().err().map(|d| &d.cause), end), "{rule}, rows: {rows:?}");
    }
    assert!(native >= VALUES.len() - 2, "only {native} were evaluated natively");
}

/// The ends that lie outside of the rule.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_around_an_evaluation_denies() {
    let rules = [
        "() => new Map() && true",
        "() => panicOnPurpose()",
        "() => /^(a+)+$/.test('a'.repeat(40) + '!')",
        "(auth, row) => auth === null",
        "(auth, row) => auth !== null",
        "(auth, row) => Object.keys(auth ?? row ?? {}).length < 99",
    ];
    let loaded = load(&rules.map(str::to_owned));
    let (good, panics, stuck) = (FunctionId(0), FunctionId(1), FunctionId(2));
    let start = |limits: Limits| Engine::start(&loaded, limits).unwrap();
    let rows = || Arc::new(vec![json!({})]);
    let mut seen = Vec::new();

    let engine = start(Limits::default());
    assert_eq!(engine.allows(good, vec![], AMPLE).await, Decision::Allow);
    for (function, budget) in [
        (FunctionId(99), AMPLE),
        (panics, AMPLE),
        (stuck, Duration::from_millis(50)),
        (good, Duration::ZERO),
    ] {
        // What one costs the engine must not suspend the next.
        let engine = engine.for_caller(Caller::of(&function, &"somewhere"));
        let Decision::Deny(cause) = engine.allows(function, vec![], budget).await else {
            panic!("{function:?} must be denied")
        };
        seen.push(cause);
        let denied = engine.allows_rows(function, Arg::Null, rows(), budget).await;
        assert!(denied.is_err(), "{function:?}");
    }

    // A rule that is suspended, for one caller.
    let stalling = engine.for_caller(Caller::of(&"somebody", &"somewhere"));
    for _ in 0..2 {
        stalling.suspect(good);
    }
    assert_eq!(stalling.allows(good, vec![], AMPLE).await, Decision::Deny(Cause::Suspended));
    let suspended = Err(RowDenied { index: 0, cause: Cause::Suspended });
    assert_eq!(stalling.allows_rows(good, Arg::Null, rows(), AMPLE).await, suspended);
    seen.push(Cause::Suspended);
    let another = engine.for_caller(Caller::of(&"another", &"somewhere"));
    assert_eq!(another.allows(good, vec![], AMPLE).await, Decision::Allow);

    // More than is converted for JavaScript.
    let small = start(Limits { values: 2, ..Limits::default() });
    let large = Arg::Json(Arc::new(json!([1, 2, 3])));
    let looks = FunctionId(5);
    let decision = small.allows(looks, vec![large.clone()], AMPLE).await;
    assert_eq!(decision, Decision::Deny(Cause::TooLarge));
    let too_large = |index| Err(RowDenied { index, cause: Cause::TooLarge });
    assert_eq!(small.allows_rows(looks, large, rows(), AMPLE).await, too_large(0));
    let mixed = Arc::new(vec![json!([]), json!([1]), json!([1, 2, 3])]);
    assert_eq!(small.allows_rows(looks, Arg::Null, mixed, AMPLE).await, too_large(2));
    seen.push(Cause::TooLarge);

    // A queue without room.
    let full = start(Limits { queue: 0, ..Limits::default() });
    assert_eq!(full.allows(good, vec![], AMPLE).await, Decision::Deny(Cause::Overload));
    let overload = Err(RowDenied { index: 0, cause: Cause::Overload });
    assert_eq!(full.allows_rows(good, Arg::Null, rows(), AMPLE).await, overload);
    seen.push(Cause::Overload);
    // What is evaluated natively needs no worker, and decides by its value as ever.
    for (function, decision) in
        [(FunctionId(3), Decision::Allow), (FunctionId(4), Decision::Deny(Cause::Falsy))]
    {
        assert_eq!(loaded.form(function), Form::Fast);
        assert_eq!(full.allows(function, vec![Arg::Null, Arg::Null], AMPLE).await, decision);
        let rows = full.allows_rows(function, Arg::Null, rows(), AMPLE).await;
        assert_eq!(rows.is_ok(), decision == Decision::Allow, "{rows:?}");
    }
    seen.extend([
        Cause::Falsy,
        Cause::NoVerdict(""),
        Cause::Threw(String::new()),
        Cause::ReadFailed(String::new()),
    ]);

    // A new cause has to find its place in this file.
    let names: BTreeSet<&str> = seen
        .iter()
        .map(|cause| match cause {
            Cause::Falsy => "falsy",
            Cause::NoVerdict(_) => "no verdict",
            Cause::Threw(_) => "threw",
            Cause::Timeout => "timeout",
            Cause::Overload => "overload",
            Cause::WorkerLost => "worker lost",
            Cause::Unknown => "unknown",
            Cause::Exceeded => "exceeded",
            Cause::TooLarge => "too large",
            Cause::Suspended => "suspended",
            Cause::ReadFailed(_) => "read failed",
        })
        .collect();
    // On a crowded machine what exceeds its own time, or prints a panic's trace, may count as late.
    let either = ["exceeded", "worker lost"];
    let all = [
        "exceeded",
        "falsy",
        "no verdict",
        "overload",
        "read failed",
        "suspended",
        "threw",
        "timeout",
        "too large",
        "unknown",
        "worker lost",
    ];
    assert!(all.iter().all(|n| names.contains(n) || either.contains(n)), "{names:?}");
}

/// A read of `ctx.db` that finds a row or nothing, fails, or never comes back.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reading {
    Row,
    Nothing,
    Fails,
    Lacks,
    Never,
}

impl Context for Reading {
    fn read(&self, _: DbRead) -> BoxFuture<'static, Result<Value, ReadError>> {
        match self {
            Self::Row => Box::pin(ready(Ok(json!({"active": true})))),
            Self::Nothing => Box::pin(ready(Ok(Value::Null))),
            Self::Fails => Box::pin(ready(Err("no such table".to_owned().into()))),
            Self::Lacks => Box::pin(ready(Err(ReadError::Unavailable("not now".into())))),
            Self::Never => Box::pin(pending()),
        }
    }
}

/// What a rule awaits may reject or never settle, whichever form it is evaluated in.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_awaits_allows_only_by_what_it_was_given() {
    let rules = [
        "async (auth, id, ctx) => (await ctx.db.get('members', id)) !== null",
        "async (auth, id, ctx) => { const row = await ctx.db.get('members', id); return row?.active === true; }",
    ];
    let loaded = load(&rules.map(str::to_owned));
    for native in [true, false] {
        let engine = Engine::start(&loaded, Limits { native, ..Limits::default() }).unwrap();
        for (number, rule) in rules.iter().enumerate() {
            let id = FunctionId(number as u32);
            assert_eq!(loaded.form(id), Form::Fast, "{rule}");
            for (reading, end) in [
                (Reading::Row, Allow),
                (Reading::Nothing, Falsy),
                (Reading::Fails, Throw),
                (Reading::Lacks, Lack),
                (Reading::Never, Timeout),
            ] {
                let args = vec![Arg::Null, Arg::Text("m".into()), Arg::Context(Arc::new(reading))];
                let decision = engine.allows(id, args, BUDGET).await;
                let cause = match &decision {
                    Decision::Allow => None,
                    Decision::Deny(cause) => Some(cause),
                };
                assert!(is(cause, end), "{rule}, {reading:?}, native {native}: {decision:?}");
            }
        }
    }
}
