//! Do configs load as written, and is every mistake an error that names its place?

mod common;
use common::{Folder, loaded};
use edgebase_rules::{FunctionId, load};
use proptest::prelude::*;
use serde_json::json;
use std::collections::HashMap;

fn error(files: &[(&str, &str)]) -> String {
    let folder = Folder::with(files);
    let prefix = format!("{}/", folder.path().canonicalize().expect("a folder").display());
    match folder.load(files[0].0) {
        Ok(loaded) => panic!("must be refused, but is {}", loaded.json()),
        Err(e) => e.to_string().replace(&prefix, ""),
    }
}

#[test]
fn typescript_loads_with_all_its_syntax() {
    let loaded = loaded(
        "import { defineConfig, type DbBlock } from '@edge-base/shared';
         import type { Nothing } from './does-not-exist';
         enum Role { Admin = 'admin', Editor = 'editor' }
         interface Auth { id: string; role?: Role }
         type Rule<T> = (auth: Auth | null, row: T) => boolean;
         abstract class Base { constructor(protected readonly n: number, private x?: string) {} #p = 1; get p() { return this.#p + this.n } }
         class Derived extends Base {}
         const owner = <T extends { owner: string }>(auth: Auth | null, row: T): boolean => auth?.id === row.owner;
         function assertNever(x: never): never { throw new Error('never' as string) }
         namespace Names { export const table = 'posts' as const }
         export const extra = { n: new Derived(41).p, role: Role.Editor } satisfies Record<string, unknown>;
         export default defineConfig({
           extra,
           databases: { app: { tables: { [Names.table]: { access: { read: owner as Rule<any>, insert: (a: Auth) => a!.role === Role.Admin } } } } },
         } as const);",
    );
    assert_eq!(
        *loaded.json(),
        json!({"extra": {"n": 42, "role": "editor"}, "databases": {"app": {"tables": {"posts": {"access":
            {"read": {"$function": 0}, "insert": {"$function": 1}}}}}}})
    );
    assert_eq!(loaded.function(FunctionId(0)).map(|f| f.line), Some(8), "where it is written");
    assert_eq!(loaded.function(FunctionId(2)), None);
}

#[test]
fn imports_are_followed_inside_the_folder() {
    let folder = Folder::with(&[
        ("edgebase.config.ts", "import posts from './tables/posts'; import { isAdmin } from './lib/roles.js'; import data from './data.json'; import * as edgebase from 'edgebase';
          export default edgebase.defineConfig({ databases: { app: { tables: { posts } } }, data, list: [isAdmin] })"),
        ("tables/posts.ts", "import { isAdmin } from '../lib/roles';\nexport default {\n  schema: { title: 'string' },\n  access: {\n    read: isAdmin,\n    insert(auth: any) { return true },\n  },\n} as const"),
        ("lib/roles/index.ts", "export const isAdmin = (auth: any) => auth?.role === 'admin'"),
        ("data.json", "{\"a\": [1, {\"b\": null}]}"),
    ]);
    let error = folder.load("edgebase.config.ts").err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.contains("'./lib/roles.js'") && error.contains("no such file"), "{error}");
    std::fs::write(
        folder.path().join("lib/roles.ts"),
        "export const isAdmin = (auth: any) => auth?.role === 'admin'",
    )
    .expect("a file");
    let loaded = folder.load("edgebase.config.ts").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(loaded.json()["data"], json!({"a": [1, {"b": null}]}));
    assert_eq!(
        loaded.json()["databases"]["app"]["tables"]["posts"]["access"]["insert"],
        json!({"$function": 1})
    );
    assert_eq!(loaded.files().len(), 4);
    let keys = |path: &str| path.split('.').map(str::to_owned).collect::<Vec<_>>();
    let place = |path: &str| {
        let l = loaded.locate(&keys(path)).expect("a place");
        (
            l.file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
            l.line,
            l.column,
        )
    };
    assert_eq!(place("databases.app.tables.posts.access.insert"), ("posts.ts".into(), 6, 5));
    assert_eq!(place("databases.app.tables.posts.access.nothing.here"), ("posts.ts".into(), 4, 3));
    assert_eq!(place("data.a.1.b"), ("data.json".into(), 1, 12));
    assert_eq!(place("list.0").0, "edgebase.config.ts");
}

#[test]
fn keys_of_a_config_are_located_through_constants_and_spreads() {
    let loaded = loaded(
        "import { defineConfig } from '@edge-base/shared'
const base = { schema: { title: 'string' }, access: { read: () => true } };
const databases = {
  app: { tables: { posts: { ...base, fts: ['title'] } } },
};
const config = { release: true, databases } as const;
export default defineConfig(config)",
    );
    let keys = |path: &str| path.split('.').map(str::to_owned).collect::<Vec<_>>();
    let place = |path: &str| loaded.locate(&keys(path)).map(|l| (l.line, l.column));
    assert_eq!(place("databases.app.tables.posts"), Some((4, 20)));
    assert_eq!(place("databases.app.tables.posts.schema.title"), Some((2, 26)));
    assert_eq!(place("databases.app.tables.posts.fts.0"), Some((4, 44)));
    assert_eq!(place("release"), Some((6, 18)));
    assert_eq!(place("nothing"), Some((7, 1)), "the nearest ancestor: the export itself");
}

#[test]
fn mistakes_are_shown_with_their_place() {
    assert_eq!(
        error(&[("c.ts", "export default {\n  a: 1,\n  b: = 2,\n}")]),
        "c.ts:3:6: Unexpected token\n    b: = 2,\n       ^"
    );
    let e = error(&[("c.ts", "import x from 'lodash'\nexport default { x }")]);
    assert!(e.starts_with("c.ts:1:15: cannot import 'lodash'"), "{e}");
    let e = error(&[("c.ts", "import x from './no'\nexport default { x }")]);
    assert!(e.starts_with("c.ts:1:15: cannot import './no': there is no such file"), "{e}");
    let e = error(&[("c.json", "{\"a\": 1,\n \"b\": tru }")]);
    assert!(e.starts_with("c.json:2:10: expected ident\n   \"b\": tru }\n           ^"), "{e}");
    let e = error(&[("c.json", "{\"access\": {\"$function\": 0}}")]);
    assert!(e.starts_with("c.json:1:14: the key '$function' is reserved"), "{e}");
    let e = error(&[("c.ts", "export default { a: {\n b: { $function: 0 } } }")]);
    assert!(e.starts_with("c.ts:2:2: a.b: the key '$function' is reserved"), "{e}");
    let e = error(&[("c.ts", "export default {\n  when: new Date(0) }")]);
    assert!(e.starts_with("c.ts:2:3: when: a Date cannot stand here"), "{e}");
    // What is thrown while the config is evaluated is found through types, ticks and printing.
    for (text, place) in [
        (
            "enum Role { Admin }\ninterface A { id: string }\nfunction check(id: string) {\n  if (!id) throw new Error('no id')\n}\ncheck('')\nexport default {}",
            "c.ts:4:",
        ),
        ("export default {\n  a: 1,\n  b: missing.of,\n}", "c.ts:3:"),
        ("const f = (n: number): number => f(n + 1)\nexport default { a: f(1) }", "c.ts:1:"),
        ("const o: any = null; const ü = '😀';   o.x = ü\nexport default {}", "c.ts:1:"),
    ] {
        let e = error(&[("c.ts", text)]);
        assert!(e.starts_with(place), "{text}: {e}");
        assert!(e.lines().last().is_some_and(|l| l.trim() == "^"), "{text}: {e}");
    }
    let e = error(&[
        ("c.ts", "import { x } from './lib/x'\nexport default { x }"),
        ("lib/x.ts", "type T = string\n\nexport const x: T = undefined!.length"),
    ]);
    assert!(e.starts_with("lib/x.ts:3:") && e.ends_with('^'), "{e}");
    for (text, wanted) in [
        ("export const x = 1", "no default export"),
        ("export default 5", "must be an object"),
        ("export default () => ({})", "must be an object"),
        ("throw new Error('my own message')", "my own message"),
        ("export default { a: missing }", "missing"),
        ("const a = {}; a.a = a; export default a", "contains itself"),
        ("export default { a: NaN }", "NaN"),
        ("export default { a: 10n }", "BigInt"),
        ("export default { a: Promise.resolve(1) }", "promise"),
        ("while (true) {} export default {}", "too long"),
        ("const f = () => f(); f(); export default {}", "recurses too deeply"),
        ("await new Promise(() => {}); export default {}", "never comes"),
        ("import('./x'); export default {}", "import() is not available"),
        ("eval('1'); export default {}", "code from strings"),
        ("new Function('return 1')(); export default {}", "code from strings"),
        ("import { nothing } from '@edge-base/shared'; export default { nothing }", "nothing"),
        ("const __edgebase_tick = 1; export default {}", "reserved"),
        ("export default { get a() { throw new Error('from a getter') } }", "from a getter"),
        ("fetch('x'); export default {}", "fetch"),
    ] {
        let e = error(&[("c.ts", text)]);
        assert!(e.starts_with("c.ts") && e.contains(wanted), "{text}: {e}");
    }
    let e = load("/nowhere/c.ts".as_ref(), &HashMap::new()).err().map(|e| e.to_string());
    assert!(e.is_some_and(|e| e.contains("cannot be read")));
    assert!(error(&[("c.txt", "x")]).contains("is not a .ts"));
    assert!(error(&[("c.ts", &"/*".repeat(1 << 20))]).contains("too large"));
}

#[test]
fn a_key_that_stands_twice_in_an_object_is_refused_with_its_place() {
    for (file, text, place, name) in [
        ("c.json", "{\"access\": {\n \"read\": \"false\",\n \"read\": \"true\"}}", "3:2", "read"),
        ("c.json", "{\"databases\": {},\n\"d\\u0061tabases\": {}}", "2:1", "databases"),
        ("c.json", "[{\"a\": [{\"\": 1, \"\": 1}]}]", "1:17", ""),
        ("c.ts", "export default {\n a: 1,\n 'a': 2 }", "3:2", "a"),
        ("c.ts", "export default { 1: 1, '1': 2 }", "1:24", "1"),
        ("c.mjs", "export default { a() {}, ...{}, ['a']: 2 }", "1:34", "a"),
        ("c.ts", "const t = { read: () => ({ b: 1, b: 2 }) };\nexport default {}", "1:34", "b"),
        ("c.ts", "export default { get a() { return 1 }, a: 2 }", "1:40", "a"),
    ] {
        let error = error(&[(file, text)]);
        assert!(error.starts_with(&format!("{file}:{place}: ")), "{text}: {error}");
        assert!(
            error.contains(&format!("'{name}' stands twice in this object")),
            "{text}: {error}"
        );
    }
    let imported = error(&[
        ("c.ts", "import data from './d.json'; export default { data }"),
        ("d.json", "{\"x\": 1,\n  \"x\": 2}"),
    ]);
    assert!(imported.starts_with("d.json:2:3: 'x' stands twice"), "{imported}");
    let proto = error(&[("c.json", "{\"__proto__\": 1,\n\"__proto__\": 2}")]);
    assert!(proto.starts_with("c.json:"), "{proto}");
    // Neither the halves of one property nor objects beside one another repeat anything.
    let honest = loaded(
        "const k = 'a'; const o = { get x() { return 1 }, set x(v) {} };
         export default { a: 1, [k]: 2, ...{ a: 3 }, list: [{ b: 1 }, { b: 2 }], x: o.x }",
    );
    assert_eq!(*honest.json(), json!({"a": 3, "list": [{"b": 1}, {"b": 2}], "x": 1}));
}

#[test]
fn nothing_outside_the_folder_can_be_imported() {
    let folder = Folder::with(&[
        ("inner/c.ts", "import x from '../secret'; export default { x }"),
        ("inner/d.ts", "import x from './link'; export default { x }"),
        ("secret.ts", "export default 'secret'"),
    ]);
    std::os::unix::fs::symlink(
        folder.path().join("secret.ts"),
        folder.path().join("inner/link.ts"),
    )
    .expect("a link");
    for config in ["inner/c.ts", "inner/d.ts"] {
        let e = folder.load(config).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(e.contains("outside the config's folder"), "{config}: {e}");
    }
}

#[test]
fn only_variables_with_the_public_prefix_can_be_read() {
    let folder = Folder::with(&[(
        "c.ts",
        "export default { a: process.env.EDGEBASE_PUBLIC_X, b: process.env.SERVICE_KEY ?? 'none', n: Object.keys(process.env).length }",
    )]);
    let environment = HashMap::from([
        ("EDGEBASE_PUBLIC_X".to_owned(), "x".to_owned()),
        ("SERVICE_KEY".to_owned(), "secret".to_owned()),
    ]);
    let loaded = load(&folder.path().join("c.ts"), &environment).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(*loaded.json(), json!({"a": "x", "b": "none", "n": 1}));
}

#[test]
fn hostile_texts_are_errors_not_crashes() {
    let deep = |open: &str, close: &str, n: usize| {
        format!("export default {}1{}", open.repeat(n), close.repeat(n))
    };
    for text in [
        deep("[", "]", 100_000),
        deep("(", ")", 100_000),
        deep("{a:", "}", 50_000),
        deep("!", "", 200_000),
        deep("- ", "", 100_000),
        deep("1+", "", 100_000),
        deep("a=>", "", 50_000),
        deep("x?1:", "", 50_000),
        deep("x??", "", 50_000),
        deep("new ", "", 50_000),
        deep("await ", "", 50_000),
        deep("`${", "}`", 50_000),
        deep("a.", "", 0) + &".a".repeat(100_000),
        deep("typeof ", "", 50_000),
        deep("f(", ")", 50_000),
        format!("{} x", "if (1) ".repeat(50_000)),
        format!("{} x", "for (;;) ".repeat(50_000)),
        format!("{} x", "l: ".repeat(50_000)),
        format!("let a: {} number", "x | ".repeat(50_000)),
        format!("let a: {}1{}", "A<".repeat(50_000), ">".repeat(50_000)),
        "export default { a: '\u{0}' + \"\\ud800\" }".to_owned(),
        "#!/bin/sh\nexport default".to_owned(),
        "\u{feff}\u{2028}export default {".to_owned(),
        "export default {...Array(1e5).fill(0)".to_owned(),
    ] {
        let e = error(&[("c.ts", &text)]);
        assert!(e.starts_with("c.ts"), "{}: {e}", &text[..40.min(text.len())]);
    }
    let deep_json = format!("{{\"a\": {}1{}}}", "[".repeat(500), "]".repeat(500));
    assert!(error(&[("c.json", &deep_json)]).contains("recursion"));
}

#[test]
fn numbers_and_strange_keys_survive() {
    let loaded = loaded(
        "export default { 1: 'one', b: 0.1, big: 9007199254740993, e: 1e21, '': 0, ü: [ , 2], u: undefined }",
    );
    assert_eq!(
        loaded.json().to_string(),
        r#"{"1":"one","b":0.1,"big":9007199254740992.0,"e":1e+21,"":0,"ü":[null,2]}"#
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_loads_or_is_an_error(text in "\\PC{0,200}", ts in any::<bool>()) {
        let name = if ts { "c.ts" } else { "c.json" };
        let folder = Folder::with(&[(name, &text)]);
        let _ = folder.load(name);
    }

    #[test]
    fn any_mixture_of_syntax_loads_or_is_an_error(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "export default ", "{", "}", "(", ")", "[", "]", "=>", "auth", "a", ":", ",", ";", "async ", "await ", "function ", "f",
        "return ", "if ", "for ", "while ", "`", "${", "'", "\"", "/", "*", "//", "\n", "class ", "#p", "...", "?.", "??", "=", "==",
        "const ", "let ", "import ", "from ", "'./x'", "enum ", "type ", "<", ">", "|", "as ", "yield ", "new ", "this", "super", ".", "1", "\\", "@d ",
    ]), 0..60)) {
        let folder = Folder::with(&[("c.ts", &pieces.concat())]);
        let _ = folder.load("c.ts");
    }
}
