//! Can any config take the process down, or leave a question unanswered?
//!
//! Configs are generated, taken apart and put together wrongly, nested to the limit and blown up,
//! or are no text at all. Each has to load or be refused; of what loads every function is asked,
//! and every question is answered in time. The process that asks is the one that would die.
//!
//! `EDGEBASE_FUZZ_CASES` sets the number of cases of each kind.

mod common;
use common::Folder;
use edgebase_rules::{Arg, Budgeted, Engine, FunctionId, Limits};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: Budgeted = Budgeted;

const BUDGET: Duration = Duration::from_millis(50);
/// Beyond the budget, on a machine that builds other things meanwhile.
const LATE: Duration = Duration::from_secs(2);

fn cases(default: u32) -> ProptestConfig {
    let cases = std::env::var("EDGEBASE_FUZZ_CASES").ok().and_then(|v| v.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(default),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Loads the text and asks every function that it holds.
fn survives(name: &str, bytes: &[u8]) {
    let folder = Folder::with(&[]);
    std::fs::write(folder.path().join(name), bytes).expect("a file");
    let Ok(loaded) = folder.load(name) else { return };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let limits = Limits { workers: 1, lost: 64, ..Limits::default() };
        // A config that is another each time it is evaluated is refused here.
        let Ok(engine) = Engine::start(&loaded, limits) else { return };
        let auth =
            Arg::Json(Arc::new(json!({"id": "u1", "role": "admin", "custom": {"plan": "pro"}})));
        for number in 0..loaded.functions().len().min(20) {
            let id = FunctionId(number as u32);
            let begun = Instant::now();
            for auth in [Arg::Null, auth.clone()] {
                let args = vec![auth.clone(), Arg::Text("acme".into()), Arg::Undefined];
                let _ = engine.allows(id, args, BUDGET).await;
                let rows = Arc::new(vec![json!({"id": "1", "authorId": "u1", "n": 1e300})]);
                let _ = engine.allows_rows(id, auth.clone(), rows, BUDGET).await;
                let _ = engine.value(id, vec![auth], BUDGET).await;
            }
            let took = begun.elapsed();
            assert!(took < 6 * (BUDGET + LATE), "function {number} was answered after {took:?}");
        }
    });
}

/// A config that uses most of what the loader and both forms know.
const SEEDS: [&str; 4] = [
    "import { defineConfig } from '@edge-base/shared';
const ROLES = ['admin', 'editor'] as const;
enum State { Draft = 'draft', Published = 'published' }
const isOwner = (auth: any, row: any): boolean => auth?.id === row.authorId;
export default defineConfig({
  release: true,
  databases: {
    app: { tables: { posts: {
      schema: { title: { type: 'string', required: true, max: 200 }, n: 'number' },
      access: {
        read(auth, row) { return row.status === State.Published || isOwner(auth, row) },
        insert: (auth) => auth !== null && ROLES.includes(auth.role),
        update(auth, row) { const own = isOwner(auth, row); if (own && row.n < 10) { return true } else return `${row.n}` === '1e+300' },
        delete: false,
      },
      handlers: { hooks: {
        beforeInsert(auth, data, ctx) { if (!data) throw new Error('no'); return { ...data, slug: String(data.title).toLowerCase().replace(/[^a-z]+/g, '-') } },
        onEnrich: async (auth, row) => ({ age: Date.now() - 0, all: [...Object.keys(row ?? {})] }),
      } },
    } } },
    'workspace:{id}': { access: {
      canCreate(auth) { return auth?.custom?.plan === 'pro' },
      async access(auth, id, ctx) { const row = await ctx.db.get('members', `${auth.id}:${id}`); return row?.active === true },
    }, tables: { docs: {} } },
  },
})",
    "class A<T> { #x = 1; static { this.y = 2 } constructor(private n: T) {} get x() { return this.#x } static y: number }
function* gen() { for (let i = 0; i < 3; i++) yield i }
const { a = 1, ...rest } = { b: 2, c: [3] };
label: for (const k of gen()) { if (k) continue label; else break }
export default { f: (x) => { try { return new A(x).x + a } catch (e) { return e.message } finally { rest.d = 4 } },
  g: async () => { for await (const x of [Promise.resolve(1)]) if (x) return x; }, h: () => /(?<y>\\d+)-\\k<y>/u.test('12-12'),
  i: (auth, id) => ((((auth ?? {}).id ?? '').length * 3) % 7) ** 2 > 1 ? !!id : void 0, j: 10 ** 3, k: `a${1}b`, l: [, 1], m: -0 }",
    "{\"databases\": {\"app\": {\"tables\": {\"posts\": {\"schema\": {\"title\": \"string\"}, \"access\": {\"read\": \"true\", \"insert\": \"auth != null\"}}}}}}",
    "export default { a: (auth, row) => { let s = ''; for (const k in row) s += k + JSON.stringify(row[k]); return s.padEnd(50, auth?.id).split('').sort().reverse().join('') },
  b: (auth) => [1, 2, 3].map(n => n * 2).filter(Boolean).reduce((x, y) => x + y) === 12 && new Set(auth ? Object.entries(auth) : []).size >= 0 }",
];

/// Things put where they do not belong.
const INSERTS: [&str; 46] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "`",
    "${",
    "'",
    "\"",
    "/",
    "*/",
    "/*",
    "//",
    "\\",
    "\0",
    "\u{feff}",
    "\u{2028}",
    "\u{1F600}",
    "while(1);",
    "for(;;){}",
    "=>",
    "async ",
    "await ",
    "yield ",
    "...",
    "?.",
    "??=",
    "**",
    "import('x')",
    "eval('1')",
    "new Proxy({}, {})",
    "throw 1;",
    "this",
    "super()",
    "__proto__",
    "constructor",
    "process.env",
    "delete ",
    "1e999",
    "0x7fffffffffffffff",
    "10n**99n",
    "/(?:(?:a{1000}){1000}){1000}/",
    "'x'.repeat(1e9)",
    "Array(1e8).fill(0)",
    "export default ",
];

#[derive(Clone, Debug)]
enum Change {
    Insert(Index, &'static str),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    Swap(Index, Index, usize),
    Byte(Index, u8),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any::<Index>(), select(&INSERTS[..])).prop_map(|(at, text)| Change::Insert(at, text)),
        3 => (any::<Index>(), 1..40usize).prop_map(|(at, length)| Change::Remove(at, length)),
        1 => (any::<Index>(), 1..60usize, 2..400usize).prop_map(|(at, length, n)| Change::Repeat(at, length, n)),
        2 => (any::<Index>(), any::<Index>(), 1..30usize).prop_map(|(a, b, length)| Change::Swap(a, b, length)),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let piece =
        |bytes: &[u8], at: usize, length: usize| bytes[at..bytes.len().min(at + length)].to_vec();
    if bytes.is_empty() {
        return;
    }
    match change {
        Change::Insert(at, text) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, text.bytes());
        }
        Change::Remove(at, length) => {
            let at = at.index(bytes.len());
            bytes.drain(at..bytes.len().min(at + length));
        }
        Change::Repeat(at, length, times) => {
            let at = at.index(bytes.len());
            let piece = piece(bytes, at, *length).repeat(*times);
            bytes.splice(at..at, piece);
        }
        Change::Swap(from, to, length) => {
            let piece = piece(bytes, from.index(bytes.len()), *length);
            let to = to.index(bytes.len());
            bytes.splice(to..bytes.len().min(to + length), piece);
        }
        Change::Byte(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
    }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn a_config_with_changes_loads_or_is_refused_and_answers(
        seed in select(&SEEDS[..]), changes in proptest::collection::vec(change(), 1..5), json in proptest::bool::weighted(0.1)
    ) {
        let mut bytes = seed.as_bytes().to_vec();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        survives(if json { "c.json" } else { "c.ts" }, &bytes);
    }

    #[test]
    fn bytes_load_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400), name in select(vec!["c.ts", "c.mjs", "c.json"])) {
        survives(name, &bytes);
    }
}

/// Everything that nests, as deep as a file can hold it: refused, or loaded, but the process
/// lives.
#[test]
fn the_deepest_nesting_that_fits_into_a_file_does_not_overflow_a_stack() {
    const FILE: usize = (1 << 20) - 4096;
    let nested = [
        ("let x = ", "!", "1", ""),
        ("let x = ", "-+", "1", ""),
        ("let x = ", "(", "1", ")"),
        ("let x = ", "[", "1", "]"),
        ("let x = ", "{a:", "1", "}"),
        ("let x = ", "a=>", "1", ""),
        ("let x = ", "x?1:", "1", ""),
        ("let x = ", "x??", "1", ""),
        ("let x = ", "1+", "1", ""),
        ("let x = ", "2**", "1", ""),
        ("let x = ", "a=", "1", ""),
        ("let x = ", "`${", "1", "}`"),
        ("let x = ", "f(", "1", ")"),
        ("let x = ", "typeof ", "1", ""),
        ("let x = ", "await ", "1", ""),
        ("let x = ", "new ", "X", ""),
        ("let x = ", "async x=>", "1", ""),
        ("let x = ", "<A>", "1", ""),
        ("let x = a", ".a", "", ""),
        ("let x = a", "?.a", "", ""),
        ("let x = a", "()", "", ""),
        ("let x = a", "``", "", ""),
        ("let x = a", "!", "", ""),
        ("let x = a", " as A", "", ""),
        ("let x: ", "A<", "1", ">"),
        ("let x: ", "A<1,", "1", ">"),
        ("let x: ", "A|", "1", ""),
        ("let x: ", "keyof ", "A", ""),
        ("let x: ", "(a:", "1", ")=>1"),
        ("let x: ", "A extends B?C:", "1", ""),
        ("let x: A", "[]", "", ""),
        ("", "if(1)", ";", ""),
        ("", "if(1);else ", ";", ""),
        ("", "for(;;)", ";", ""),
        ("", "while(1)", ";", ""),
        ("", "do ", ";", " while(1);"),
        ("", "l:", ";", ""),
        ("", "{", "", "}"),
        ("", "try{", "", "}finally{}"),
        ("", "switch(1){case 1:", "", "}"),
        ("", "function f(){", "", "}"),
        ("", "class A{static{", "", "}}"),
        ("", "class A extends ", "B{}", "{}"),
        ("let ", "[", "x", "]=1"),
        ("let ", "{a:", "x", "}=1"),
        ("", "namespace A{", "", "}"),
        ("", "namespace A.", "A{}", ""),
        ("", "@a ", "class A{}", ""),
        ("let x = /", "(", "a", ")/"),
        ("let x = /", "(?:a", "", ")*/"),
        ("let x = ", "'' + '", "", "'"),
    ];
    for (before, open, inner, close) in nested {
        let room = FILE - before.len() - inner.len();
        for depth in [room / (open.len() + close.len()), 90_000, 20_000, 900, 190] {
            let depth = depth.min(room / (open.len() + close.len()));
            let (open, close) = (open.repeat(depth), close.repeat(depth));
            let text = format!("{before}{open}{inner}{close}\nexport default {{}}");
            survives("c.ts", text.as_bytes());
        }
    }
    let json = format!("{{\"a\":{}1{}}}", "[".repeat(FILE / 2 - 8), "]".repeat(FILE / 2 - 8));
    survives("c.json", json.as_bytes());
    for literal in [
        "9".repeat(FILE),
        format!("{}n", "9".repeat(100_000)),
        format!("'{}'", "a".repeat(FILE)),
        format!("/{}/", "a?".repeat(20_000)),
        format!("0.{}1", "0".repeat(FILE)),
        format!("[{}]", "1,".repeat(FILE / 2)),
        format!("() => '{}'", "a".repeat(FILE)),
    ] {
        survives("c.ts", format!("export default {{ a: {literal} }}").as_bytes());
    }
}
