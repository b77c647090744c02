//! Can any rule stop the others, or the process?
//!
//! Every known way of running away: each must be denied within its budget plus 100 ms (more is
//! allowed here for crowded machines, and printed), while an honest rule on the same engine
//! goes on being answered, and the process survives.

mod common;
use common::{TABLE, at, loaded};
use edgebase_rules::{Arg, Budgeted, Caller, Cause, Decision, Engine, Limits};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: Budgeted = Budgeted;

/// Rules that must be denied, and whether JavaScript's own limits must do it, without losing
/// the thread.
const RUNAWAYS: [(&str, &str, bool); 47] = [
    ("while_true", "() => { while (true) {} }", true),
    (
        "nested_loops",
        "() => { for (let i = 0; i < 1e9; i++) for (let j = 0; j < 1e9; j++) {} }",
        true,
    ),
    ("finally", "() => { try { while (true) {} } finally { while (true) {} } }", true),
    ("catching", "() => { for (;;) { try { while (true) {} } catch {} } }", true),
    (
        "loop_of_calls",
        "() => { const f = () => { for (let i = 0; i < 90000; i++); }; for (let i = 0; i < 90000; i++) f() }",
        true,
    ),
    ("do_while", "() => { do ; while (1) }", true),
    ("labelled", "() => { a: for (;;) { b: for (;;) { continue a } } }", true),
    ("recursion", "() => { const f = () => f() + 1; return f() }", true),
    ("recursion_foreach", "() => { const f = () => [1].forEach(f); f() }", true),
    ("recursion_getter", "() => { const o = { get x() { return o.x } }; return o.x }", true),
    ("exponential", "() => { const f = n => n ? f(n - 1) + f(n - 1) : 1; return f(40) }", true),
    (
        "exponential_default",
        "() => { const f = (n, x = n ? f(n - 1) + f(n - 1) : 1) => x; return f(40) }",
        true,
    ),
    ("generator", "() => { function* g() { for (;;) yield 1 } for (const x of g()); }", true),
    (
        "microtasks",
        "async () => { const again = () => Promise.resolve().then(again); await again() }",
        true,
    ),
    ("async_loop", "async () => { for (;;) await null }", true),
    ("thenable", "() => { const t = { then(r) { r(t) } }; return t }", true),
    ("proxy", "() => { const p = new Proxy({}, { get: (t, k, r) => r[k] }); return p.x }", true),
    ("to_json", "() => JSON.stringify({ toJSON() { for (;;); } })", true),
    ("replacer", "() => JSON.stringify([1], function () { return [1, [1]] })", true),
    (
        "sort_slow",
        "() => Array.from({ length: 20000 }, (_, i) => i).sort((a, b) => { for (let i = 0; i < 1000; i++); return b - a })",
        false,
    ),
    ("repeat", "() => 'a'.repeat(1e9).length", true),
    ("repeat_of_text", "() => 'a'.repeat('1e9').length", true),
    ("regex", "() => /^(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!')", false),
    ("regex_alternation", "() => /^(a|a)*$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!')", false),
    ("fill", "() => Array(1e8).fill(0).length", true),
    ("includes_length", "() => Array.prototype.includes.call({ length: 2 ** 40 }, 1)", true),
    ("array_of_length", "() => Array.from({ length: 1e9 }).length", true),
    ("spread_of_holes", "() => [...Array(1e9)].length", true),
    ("apply", "() => Math.max.apply(null, { length: 1e9 })", true),
    ("join", "() => Array(20000).fill('a').join(LONG).length", true),
    ("split", "() => LONG.split('').length", true),
    ("spread_of_text", "() => [...LONG].length", true),
    ("keys_of_text", "() => Object.keys(LONG).length", true),
    ("replace_all", "() => LONG.replaceAll('a', 'b'.repeat(1000)).length", true),
    ("replace_by_what_precedes", "() => LONG.replaceAll('a', '$`').length", true),
    ("search", "() => LONG.includes(LONG.slice(1) + 'b')", true),
    ("regex_of_long_text", "() => /(.|a)*?b/.test(LONG)", true),
    ("encode", "() => encodeURIComponent(LONG).length", true),
    ("parse", "() => JSON.parse('[' + COMMAS + '0]').length", true),
    (
        "deep_stringify",
        "() => { let o = {}; for (let i = 0; i < 90000; i++) o = { o }; return JSON.stringify(o).length }",
        false,
    ),
    (
        "deep_flat",
        "() => { let a = []; for (let i = 0; i < 90000; i++) a = [a]; return a.flat(Infinity).length > 0 && (() => { for (;;); })() }",
        false,
    ),
    (
        "proxy_chain",
        "() => { let p = {}; for (let i = 0; i < 90000; i++) p = new Proxy(p, {}); p.x; for (;;); }",
        false,
    ),
    ("pad", "() => ''.padEnd(1e9, 'ab').length", true),
    (
        "doubling",
        "() => { let s = 'ab'; for (let i = 0; i < 60; i++) s += s; return s.length }",
        false,
    ),
    ("pushing", "() => { const a = []; for (;;) a.push([1, 2, 3, 4]) }", false),
    ("buffer", "() => new ArrayBuffer(1e9).byteLength", true),
    ("code", "() => eval('1') || new Function('return 1')()", true),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_runaway_is_denied_in_time_while_others_are_answered() {
    let mut text = String::from(
        "let LONG = 'a', COMMAS = '0,';
         for (let i = 0; i < 22; i++) LONG += LONG;
         for (let i = 0; i < 20; i++) COMMAS += COMMAS;
         export default { honest: (n) => new Map() && n === 7,\n",
    );
    for (name, rule, _) in RUNAWAYS {
        text.push_str(&format!("{name}: {rule},\n"));
    }
    text.push('}');
    let loaded = loaded(&text);
    let limits = Limits { lost: 64, ..Limits::default() };
    let engine = Engine::start(&loaded, limits).expect("starts");
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let honest = {
        let (engine, stop, answered) = (engine.clone(), Arc::clone(&stop), Arc::clone(&answered));
        let id = at(&loaded, "honest");
        tokio::spawn(async move {
            let mut slowest = Duration::ZERO;
            let mut denied = 0;
            while !stop.load(Ordering::Relaxed) {
                let started = Instant::now();
                let seven = Arg::Json(Arc::new(serde_json::json!(7)));
                let decision = engine.allows(id, vec![seven], Duration::from_secs(5)).await;
                // A worker may fail under it; that denies, but must stay rare.
                if decision == Decision::Allow {
                    answered.fetch_add(1, Ordering::Relaxed);
                } else {
                    denied += 1;
                }
                slowest = slowest.max(started.elapsed());
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            (slowest, denied)
        })
    };
    let mut report = Vec::new();
    for (name, _, in_javascript) in RUNAWAYS {
        let (lost_before, _) = engine.lost_threads();
        let answered_before = answered.load(Ordering::Relaxed);
        let started = Instant::now();
        // Whose rules run away is not whose rule is honest.
        let culprit = engine.for_caller(Caller::of(&name, &""));
        let decision = culprit.allows(at(&loaded, name), vec![], TABLE).await;
        let took = started.elapsed();
        assert!(matches!(decision, Decision::Deny(_)), "{name} must be denied");
        assert!(took < TABLE + Duration::from_millis(400), "{name} took {took:?}");
        // The next honest answer must come, whatever happened to the thread.
        let patience = Instant::now();
        while answered.load(Ordering::Relaxed) < answered_before + 2 {
            assert!(patience.elapsed() < Duration::from_secs(5), "nobody is answered after {name}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
        let (lost, _) = engine.lost_threads();
        report.push(format!("{name:20} {took:>12.1?}  {decision:?}  lost {}", lost - lost_before));
        if in_javascript {
            assert_eq!(lost, lost_before, "{name} must not cost a thread");
        }
    }
    stop.store(true, Ordering::Relaxed);
    let (slowest, denied) = honest.await.expect("the honest caller ends");
    println!(
        "{}\nhonest: {} answered, {denied} denied, slowest {slowest:?}",
        report.join("\n"),
        answered.load(Ordering::Relaxed)
    );
    assert!(slowest < Duration::from_secs(1), "an honest rule waited {slowest:?}");
    assert_eq!(denied, 0, "an honest rule was denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_honest_rules_ask_of_texts_and_arrays_is_answered() {
    const HONEST: [&str; 16] = [
        r"'ab '.repeat(3000).replace(/(\w+) (\w+)/g, '$2 $1').length === 9000",
        "'aXbX'.replaceAll('X', '-$&-') === 'a-X-b-X-'",
        "'e'.repeat(20000).replace('e', 'x'.repeat(1000)).length === 20999",
        "'a,b,c'.split(',').length === 3 && 'abc'.split('').join('-') === 'a-b-c'",
        "'7'.padStart(3, '0') === '007' && '7'.padEnd(2) === '7 '",
        "[...'h\u{e9}llo'].length === 5 && Array.from('abc').length === 3",
        "Array.from({ length: 3 }, (_, i) => i).join() === '0,1,2'",
        "Array(1000).fill(1).map(x => x + 1).reduce((a, b) => a + b) === 2000",
        "[1, [2, [3]]].flat(Infinity).concat([4], 5).includes(5)",
        "Object.keys({ length: 5e9 }).length === 1",
        "Object.entries(Object.assign({}, { a: 1 }, 'b')).length === 2",
        "Math.max.apply(null, [1, 2]) === 2 && Reflect.apply(Math.max, null, [3]) === 3",
        "JSON.parse(JSON.stringify({ list: Array(100).fill({ a: 'b' }) })).list.length === 100",
        "/^[a-z]+$/.test('abc') && 'abc'.match(/./g).length === 3",
        "encodeURIComponent('a b').normalize('NFC') === 'a%20b'",
        "'a'.repeat.name === 'repeat' && ''.padStart.length === 1
             && Array.prototype.values === Array.prototype[Symbol.iterator]
             && !Object.keys(Array.prototype).length",
    ];
    let rules: String = HONEST
        .iter()
        .enumerate()
        .map(|(n, rule)| format!("r{n}: () => new Map() && {rule},\n"))
        .collect();
    let loaded = loaded(&format!("export default {{ {rules} }}"));
    let engine = Engine::start(&loaded, Limits::default()).expect("starts");
    for (n, rule) in HONEST.iter().enumerate() {
        let id = at(&loaded, &format!("r{n}"));
        let decision = engine.allows(id, vec![], Duration::from_secs(5)).await;
        assert_eq!(decision, Decision::Allow, "{rule}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_keeps_costing_threads_is_suspended_for_its_caller() {
    let loaded = loaded(
        "export default { bad: () => /^(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'), good: () => new Map() && true }",
    );
    let engine = Engine::start(&loaded, Limits::default()).expect("starts");
    let bad = at(&loaded, "bad");
    for _ in 0..2 {
        let decision = engine.allows(bad, vec![], TABLE).await;
        assert!(
            matches!(decision, Decision::Deny(Cause::Exceeded | Cause::Timeout)),
            "{decision:?}"
        );
        // The caller may be denied first, and the thread given up a moment later.
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let started = Instant::now();
    assert_eq!(engine.allows(bad, vec![], TABLE).await, Decision::Deny(Cause::Suspended));
    assert!(started.elapsed() < Duration::from_millis(30), "it is not evaluated");
    assert_eq!(
        engine.allows(at(&loaded, "good"), vec![], Duration::from_secs(5)).await,
        Decision::Allow
    );
    assert_eq!(engine.lost_threads().0, 2);
    // Nobody else is suspended.
    let other = engine.for_caller(Caller::of(&"other", &"elsewhere"));
    let decision = other.allows(bad, vec![], TABLE).await;
    assert!(matches!(decision, Decision::Deny(Cause::Exceeded | Cause::Timeout)), "{decision:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_stalls_costs_its_readers_two_threads_and_the_others_are_read_on() {
    let loaded = loaded("export default { slow: (auth, row) => !/^(a+)+$/.test(row.text) }");
    let engine = Engine::start(&loaded, Limits::default()).expect("starts");
    let slow = at(&loaded, "slow");
    let trap = format!("{}!", "a".repeat(60));
    let rows =
        Arc::new(["fine", &trap, "fine"].map(|text| serde_json::json!({"text": text})).to_vec());
    for reader in 0..5 {
        let engine = engine.for_caller(Caller::of(&reader, &"instance"));
        let read = || engine.refused_rows(slow, Arg::Null, Arc::clone(&rows), TABLE);
        if reader < 2 {
            // Nobody knew. What the evaluation came to is no verdict about the other rows.
            assert!(read().await.is_err(), "{reader}");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        let patience = Instant::now();
        loop {
            match read().await {
                Ok(refused) => break assert_eq!(refused, [1], "{reader}"),
                // The machine may be busy.
                Err(cause) => assert!(patience.elapsed() < Duration::from_secs(5), "{cause}"),
            }
        }
    }
    assert_eq!(engine.lost_threads().0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_value_occupies_no_thread_and_one_that_is_not_looked_at_costs_nothing() {
    let loaded = loaded(
        "export default { whole: (auth, row) => Object.keys(row).length > 0,
           field: (auth, row) => new Map() && row.id === 1 }",
    );
    let engine = Engine::start(&loaded, Limits::default()).expect("starts");
    let large = serde_json::json!({"id": 1, "blob": vec![serde_json::json!({}); 420_000]});
    let rows = Arc::new(vec![serde_json::json!({"id": 1}), large, serde_json::json!({"id": 1})]);
    let ask =
        |rule, budget| engine.refused_rows(at(&loaded, rule), Arg::Null, Arc::clone(&rows), budget);
    assert_eq!(ask("whole", Duration::from_secs(5)).await, Ok(vec![1]));
    assert_eq!(ask("field", Duration::from_secs(5)).await, Ok(vec![]));
    // What is within the bounds is within the limits of a stretch.
    let most = serde_json::json!({"blob": vec![serde_json::json!({}); 19_000]});
    let rows = Arc::new(vec![most; 20]);
    let rule = at(&loaded, "whole");
    let refused = engine.refused_rows(rule, Arg::Null, rows, Duration::from_secs(20)).await;
    assert_eq!(refused, Ok(vec![]));
    assert_eq!(engine.lost_threads(), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_keeps_the_engine_busy_does_not_keep_others_from_it() {
    let loaded = loaded(
        "export default { busy: (auth, row) => { for (let i = 0; i < 900000; i++); return true },
           quick: () => new Map() && true }",
    );
    let limits = Limits { workers: 1, ..Limits::default() };
    let engine = Engine::start(&loaded, limits).expect("starts");
    let stop = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = (0..64)
        .map(|_| {
            let engine = engine.for_caller(Caller::of(&"busy", &""));
            let (stop, rule) = (Arc::clone(&stop), at(&loaded, "busy"));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    engine.allows(rule, vec![], Duration::from_secs(10)).await;
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let other = engine.for_caller(Caller::of(&"other", &""));
    // Behind all the others it would wait for 64 times as long as one of them takes.
    for _ in 0..20 {
        let started = Instant::now();
        let decision = other.allows(at(&loaded, "quick"), vec![], Duration::from_secs(10)).await;
        assert_eq!(decision, Decision::Allow);
        assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    for task in busy {
        task.await.expect("it ends");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_caller_cannot_fill_the_queue() {
    let loaded = loaded(
        "export default { wait: async () => { new Map(); return new Promise(() => {}) },
           quick: () => new Map() && true }",
    );
    let limits = Limits { workers: 1, queue: 8, share: 4, ..Limits::default() };
    let engine = Engine::start(&loaded, limits).expect("starts");
    let greedy = engine.for_caller(Caller::of(&"greedy", &""));
    let waiting =
        (0..8).map(|_| greedy.allows(at(&loaded, "wait"), vec![], Duration::from_millis(500)));
    let quick = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        engine.allows(at(&loaded, "quick"), vec![], Duration::from_secs(5)).await
    };
    let (waited, quick) = futures::join!(futures::future::join_all(waiting), quick);
    let refused = waited.iter().filter(|d| **d == Decision::Deny(Cause::Overload)).count();
    assert_eq!((refused, quick), (4, Decision::Allow));
    // What ended has made room.
    let patience = Instant::now();
    while greedy.allows(at(&loaded, "quick"), vec![], Duration::from_secs(5)).await
        != Decision::Allow
    {
        assert!(patience.elapsed() < Duration::from_secs(5), "there is no room again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_than_the_queue_holds_are_refused() {
    let loaded = loaded(
        "export default { wait: async (ctx) => { new Map(); return new Promise(() => {}) } }",
    );
    let limits = Limits { workers: 1, queue: 4, ..Limits::default() };
    let engine = Engine::start(&loaded, limits).expect("starts");
    let calls =
        (0..10).map(|_| engine.allows(at(&loaded, "wait"), vec![], Duration::from_millis(200)));
    let decisions = futures::future::join_all(calls).await;
    let refused = decisions.iter().filter(|d| **d == Decision::Deny(Cause::Overload)).count();
    assert_eq!(refused, 6);
    assert!(decisions.iter().all(|d| !d.is_allowed()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_threads_of_a_dropped_engine_end() {
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
        tasks
            .filter_map(|t| std::fs::read_to_string(t.ok()?.path().join("comm")).ok())
            .filter(|name| name.starts_with("rules-quiet"))
            .count()
    };
    let loaded = loaded("export default { a: () => new Map() && true }");
    let limits = Limits { workers: 3, name: "rules-quiet", ..Limits::default() };
    let engine = Engine::start(&loaded, limits).expect("starts");
    assert_eq!(
        engine.allows(at(&loaded, "a"), vec![], Duration::from_secs(5)).await,
        Decision::Allow
    );
    // A thread takes its name a moment after it has begun.
    let patience = Instant::now();
    while threads() != 4 {
        assert!(patience.elapsed() < Duration::from_secs(5), "three workers and one that watches");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let other = engine.clone();
    drop(engine);
    assert_eq!(
        other.allows(at(&loaded, "a"), vec![], Duration::from_secs(5)).await,
        Decision::Allow
    );
    drop(other);
    let patience = Instant::now();
    while threads() > 0 {
        assert!(patience.elapsed() < Duration::from_secs(5), "{} threads are left", threads());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
