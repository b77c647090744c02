//! Does a rule that forgets to await, or to run, what it decides by allow any caller?
//!
//! Every way of deciding by a promise of a function, wherever it is defined, and the same
//! with `await`, which decides as it is written.

mod common;
use common::{AMPLE, Folder, Records, at, engine, json_arg};
use edgebase_rules::{Cause, Decision, FunctionId};
use serde_json::json;

const IMPORTED: &str = "
export const isMember = async (auth: any) => auth?.id === 'member';
export async function find(auth: any) { return auth?.id === 'member' ? { banned: false, role: 'admin', open: true } : null }
export const level = async (auth: any) => auth?.id === 'member' ? 5 : 0;
export const whose = (auth: any) => isMember(auth);
export class Roles { static has(auth: any) { return isMember(auth) } is = isMember }
export function* steps(auth: any) { yield auth?.id === 'member' }
export async function* waits(auth: any) { yield auth?.id === 'member' }
export default { isMember, nested: { isMember } };
";

/// `#` stands for what is awaited, or not.
const RULES: [&str; 46] = [
    "async (auth, row) => # isMember(auth) ? true : false",
    "async (auth) => (# isMember(auth)) && true",
    "async (auth) => !!(# isMember(auth))",
    "async (auth) => { if (# isMember(auth)) return true; return false }",
    "async (auth) => { if (!(# isMember(auth))) return false; return true }",
    "async (auth) => { const is = # isMember(auth); return is ? true : false }",
    "async (auth) => { let is: any; is = # isMember(auth); while (is) return true; return false }",
    "async (auth) => { const is = (# isMember(auth)) || false; return is && true }",
    "async (auth) => { for (const is = # isMember(auth); is; ) return true; return false }",
    "async (auth) => { let n = 0; do { if (n++) return true } while (# isMember(auth)); return false }",
    "async (auth) => ((# isMember(auth)) as any)! ? 1 : 0",
    "async (auth) => ((# isMember(auth)) && auth !== null) ? true : false",
    "async (auth) => ((# isMember(auth)) ?? false) ? true : false",
    "async (auth) => (auth === null ? false : # isMember(auth)) ? true : false",
    "async (auth) => (0, # isMember(auth)) ? true : false",
    "async (auth) => { let is: any; return (is = # isMember(auth)) ? true : false }",
    "async (auth) => { let is: any = # isMember(auth); is &&= true; return [is].every((x) => x === true) }",
    "async (auth) => { const o: any = {}; o.is = # isMember(auth); o.is &&= true; return o.is }",
    "async (auth) => (# isMember(auth)) !== false",
    "async (auth) => (# isMember(auth)) != false",
    "async (auth) => false !== (# isMember(auth))",
    "async (auth) => (# find(auth)) !== null",
    "async (auth) => !((# find(auth)) === null)",
    "async (auth) => { switch (# level(auth)) { case 0: return false; default: return true } }",
    "async (auth) => !((# level(auth)) < 3)",
    "async (auth) => !(((# level(auth)) as any) == 0)",
    "async (auth) => `${# level(auth)}` !== '0'",
    "async (auth) => String(# level(auth)) !== '0'",
    "async (auth) => (# level(auth)) + 1 !== 1",
    "async (auth) => JSON.stringify(# find(auth)) !== 'null'",
    "async (auth) => !(({ banned: true, ...(# find(auth)) } as any).banned)",
    "async (auth) => Object.keys((# find(auth)) ?? { a: 1 }).length !== 1",
    "async (auth) => { const found: any = # find(auth); return found === null ? false : !found.banned }",
    "async (auth) => { const found: any = # find(auth); return !(found?.banned ?? true) }",
    "async (auth) => { const { banned }: any = (# find(auth)) ?? { banned: true }; return !banned }",
    "async (auth) => Boolean(# isMember(auth))",
    "async (auth) => [# isMember(auth)].filter(Boolean).length === 1",
    "async (auth) => [# isMember(auth)].some((x) => x)",
    "async (auth) => (# whose(auth)) ? true : false",
    "async (auth) => (# Roles.has(auth)) ? true : false",
    "async (auth) => (# new Roles().is(auth)) ? true : false",
    "async (auth) => (# all.nested.isMember(auth)) ? true : false",
    "async (auth) => (# x.isMember(auth)) ? true : false",
    "async (auth) => { const ask = async (f: any) => (# f(auth)) ? true : false; return ask(isMember) }",
    "async (auth) => (# Promise.resolve(auth?.id === 'member')) ? true : false",
    "async (auth, row, ctx) => (# ctx.db.get('members', auth?.id ?? '')) !== null",
];

/// What decides by a promise or a generator that `await` does not help.
const NEVER: [&str; 12] = [
    "(auth) => [1].some(async () => isMember(auth))",
    "(auth) => [1].every((_) => isMember(auth))",
    "(auth) => [1].filter(async () => isMember(auth)).length === 1",
    "(auth) => [1].find(async () => isMember(auth)) === 1",
    "(auth) => [1].findIndex(async () => isMember(auth)) !== -1",
    "(auth) => [1].findLast(async () => isMember(auth)) === 1",
    "(auth) => [1].findLastIndex(async () => isMember(auth)) !== -1",
    "(auth) => Int8Array.of(1).some((_) => isMember(auth))",
    "(auth) => Array.prototype.some.call([1], isMember)",
    "(auth) => steps(auth) ? true : false",
    "(auth) => waits(auth) ? true : false",
    "(auth) => steps(auth) !== null",
];

fn config(rules: &[String]) -> Folder {
    let mut text = String::from(
        "import all, { isMember, find, level, whose, Roles, steps, waits } from './x';
import * as x from './x';
export default {\n",
    );
    for (number, rule) in rules.iter().enumerate() {
        text.push_str(&format!("  r{number}: {rule},\n"));
    }
    text.push_str("};\n");
    Folder::with(&[("c.ts", &text), ("x.ts", IMPORTED)])
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_decided_by_a_promise_that_is_not_awaited() {
    let forgetful: Vec<String> = RULES.iter().map(|r| r.replace("# ", "")).collect();
    let awaiting: Vec<String> = RULES.iter().map(|r| r.replace('#', "await")).collect();
    let never = NEVER.map(str::to_owned);
    let all: Vec<String> = [&forgetful[..], &awaiting, &never].concat();
    let loaded = config(&all).load("c.ts").unwrap_or_else(|e| panic!("{e}"));
    let engine = engine(&loaded);
    let database = Records::slow(
        &[("members", "member", json!({"active": true}))],
        std::time::Duration::from_millis(1),
    );
    for (number, rule) in all.iter().enumerate() {
        let awaits = (RULES.len()..2 * RULES.len()).contains(&number);
        for (who, is_member) in [("member", true), ("other", false)] {
            let args = vec![json_arg(json!({"id": who})), json_arg(json!({})), database.clone()];
            let decision = engine.allows(at(&loaded, &format!("r{number}")), args, AMPLE).await;
            match &decision {
                Decision::Allow => assert!(awaits && is_member, "{rule} allows {who}"),
                Decision::Deny(Cause::Falsy) => {
                    assert!(awaits && !is_member, "{rule} refuses {who} silently");
                }
                Decision::Deny(Cause::Threw(message)) => {
                    let is_said = message.contains("await") || message.contains("has not run");
                    assert!(!awaits && is_said, "{rule}, {who}: {message}");
                }
                other => panic!("{rule}, {who}: {other:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn promises_that_are_passed_on_stay_what_they_are() {
    let rules = [
        "async (auth) => (await Promise.all([isMember(auth), level(auth)])).every(Boolean)",
        "(auth) => isMember(auth).then((is) => is === true).catch(() => false).finally(() => {})",
        "(auth) => auth !== null && isMember(auth)",
        "(auth) => { const p: any = isMember(auth); return p instanceof Promise && p instanceof Object && p }",
        "async (auth) => { const p: any = isMember(auth); return typeof p.then === 'function' && 'then' in p && !('x' in p) && await p }",
        "async (auth) => { const p: any = isMember(auth); p.note = 1; return p.note === 1 && await p }",
        "async (auth) => { for await (const is of [isMember(auth)]) { if (is) return true } return false }",
        "async (auth) => { class P extends Promise<any> {} return (await P.resolve(isMember(auth))) && await Promise.race([isMember(auth)]) }",
        "async (auth) => { for await (const is of waits(auth)) { if (is) return true } return false }",
        "async (auth) => (await Promise.allSettled([isMember(auth)]))[0].value === true",
        "async (auth) => [...steps(auth)].every((is) => is) && [1, 2].some(function (this: any, n) { return this.n === n }.bind({ n: 2 }))",
        "async (auth) => [3].every(function (this: any, n, i, list) { return this.n === n && i === 0 && list.length === 1 }, { n: 3 }) && await isMember(auth)",
        "async (auth) => Object.prototype.toString.call(isMember(auth)) === '[object Promise]' && await isMember(auth)",
        "async (auth) => { const pending: any = null; const p = pending || isMember(auth); return await (p ?? true) }",
    ];
    let loaded = config(&rules.map(str::to_owned)).load("c.ts").unwrap_or_else(|e| panic!("{e}"));
    let engine = engine(&loaded);
    for (number, rule) in rules.iter().enumerate() {
        for (who, expected) in
            [("member", Decision::Allow), ("other", Decision::Deny(Cause::Falsy))]
        {
            let args = vec![json_arg(json!({"id": who}))];
            let decision = engine.allows(at(&loaded, &format!("r{number}")), args, AMPLE).await;
            assert_eq!(decision, expected, "{rule}, {who}");
        }
    }
}

#[test]
fn what_is_certain_is_refused_with_its_place_through_imports() {
    let (wait, call, no_await, run) =
        ("await it", "call it", "no method of arrays awaits", "has not run");
    let far = "import { isMember, steps } from './x';
export { isMember, find as search } from './x';
export * from './more';
export const canRead = (auth: any) => isMember(auth) ? true : false;
export const calm = async (auth: any) => (await isMember(auth)) ? true : false;
export default isMember;
export function outer(auth: any) { return inner(auth) }
const inner = (auth: any) => [1].some(isMember);
";
    let more = "const late = async () => true;
export { late as early };
export class Role {}
export const plain = () => true, truth = true;
export let changing: any = async () => true;
changing = () => true;
export * from './far';
";
    let config = |rule: &str| {
        let text = format!(
            "import isIn, {{ isMember, search, canRead, calm, outer, early, Role, plain, truth, changing }} from './far';
import {{ steps, waits }} from './x';
import * as far from './far';
import type {{ isMember as Type }} from './x';
const alias = isMember;
export default {{ r: {rule} }}"
        );
        let folder = Folder::with(&[
            ("c.ts", &text),
            ("far.ts", far),
            ("more.ts", more),
            ("x.ts", IMPORTED),
        ]);
        let loaded = folder.load("c.ts").unwrap_or_else(|e| panic!("{rule}: {e}"));
        let root = format!("{}/", folder.path().canonicalize().expect("a folder").display());
        loaded.function_mistake(FunctionId(0)).map(|e| e.to_string().replace(&root, ""))
    };
    for (rule, place, words) in [
        ("(auth) => isMember(auth) ? true : false", "c.ts:6:", wait),
        ("(auth) => alias(auth) && true", "c.ts:6:", wait),
        ("(auth) => !isIn(auth)", "c.ts:6:", wait),
        ("async (auth) => search(auth) !== null", "c.ts:6:", wait),
        ("(auth) => far.isMember(auth) ? true : false", "c.ts:6:", wait),
        ("(auth) => far.early() && true", "c.ts:6:", wait),
        ("(auth) => early() && true", "c.ts:6:", wait),
        (
            "(auth) => { const is = isMember(auth); while (is) return true; return false }",
            "c.ts:6:",
            wait,
        ),
        (
            "(auth) => { const is = isMember(auth); for (; is; ) return true; return false }",
            "c.ts:6:",
            wait,
        ),
        ("(auth) => { switch (early()) { case true: return false } return true }", "c.ts:6:", wait),
        ("(auth) => canRead(auth)", "far.ts:4:39", wait),
        ("(auth) => far.canRead(auth)", "far.ts:4:39", wait),
        ("(auth) => outer(auth)", "far.ts:8:39", no_await),
        ("(auth) => [1].some(async () => isMember(auth))", "c.ts:6:", no_await),
        ("(auth) => [1].every((_) => isMember(auth))", "c.ts:6:", no_await),
        ("(auth) => [1].filter(isMember).length > 0", "c.ts:6:", no_await),
        ("(auth) => [1].find(far.isMember) === 1", "c.ts:6:", no_await),
        ("(auth) => [1].findIndex(async function () { return true }) === 0", "c.ts:6:", no_await),
        ("(auth) => [1].some(steps)", "c.ts:6:", run),
        ("(auth) => steps(auth) ? true : false", "c.ts:6:", run),
        ("(auth) => waits(auth) ? true : false", "c.ts:6:", run),
        ("(auth) => isMember ? true : false", "c.ts:6:", call),
        ("(auth) => far.isMember && auth !== null", "c.ts:6:", call),
        ("(auth) => Role ? true : false", "c.ts:6:", call),
        ("plain && class {}", "c.ts:6:", "a class cannot stand here"),
        ("Role", "c.ts:6:", "a class cannot stand here"),
    ] {
        let found = config(rule).unwrap_or_else(|| panic!("{rule} is accepted"));
        assert!(found.contains(place) && found.contains(words), "{rule}: {found}");
    }
    for rule in [
        "isMember",
        "calm",
        "(auth) => calm(auth)",
        "(auth) => isMember(auth)",
        "async (auth) => (await isMember(auth)) ? true : false",
        "async (auth) => (await Promise.all([1].map(async () => isMember(auth)))).every(Boolean)",
        "(auth) => isMember && isMember(auth)",
        "(auth) => far.isMember && far.isMember(auth)",
        "(auth) => plain() ? truth : !truth",
        "(auth) => changing() ? true : false",
        "(auth) => [1].some(() => plain())",
        "(auth) => far.missing?.() ? true : false",
        "{ class(auth) { return auth !== null } }.class",
    ] {
        assert_eq!(config(rule), None, "{rule}");
    }
}
