//! What of a config can only the server tell?
//!
//! What takes the engines of patterns and rules, and settings that the database does not know. A
//! mistake is what would fail at the start, or at every request of a kind.

use super::{condition, migration};
use crate::http::{cors, rate_limit};
use crate::pattern::{Budget, Pattern};
use crate::query::fit;
use edgebase_blocks::{Config, ConfigError, Field, FunctionId, Rule};
use edgebase_rules::{LoadError, Loaded};

/// Refuses what the server could not run on.
///
/// # Errors
/// The first mistake, with its place in the config.
pub(super) fn verify(config: &Config) -> Result<(), ConfigError> {
    rate_limit::Limits::new(config)?;
    config.cors.as_ref().map_or(Ok(()), cors::validate)?;
    for (ns, block) in &config.databases {
        for (name, table) in &block.tables {
            let at = ["databases", ns, "tables", name];
            let mistake =
                |more: &[&str], message| Err(ConfigError::new(&[&at[..], more].concat(), message));
            for field in table.table.fields.iter().flatten() {
                if let Some(message) = mistaken_pattern(field) {
                    return mistake(&["schema", &field.name], message);
                }
                let check = field.check.as_ref();
                if let Some(reason) = check.and_then(|sql| condition::mistake(sql, &table.table)) {
                    let message = format!("the check cannot be used: {reason}");
                    return mistake(&["schema", &field.name, "check"], message);
                }
            }
            for (i, entry) in table.table.migrations.iter().enumerate() {
                if let Some(reason) = migration::mistake(entry.sql()) {
                    let message = format!("version {} cannot be run: {reason}", entry.version);
                    return mistake(&["migrations", &i.to_string()], message);
                }
            }
        }
    }
    Ok(())
}

fn mistaken_pattern(field: &Field) -> Option<String> {
    let pattern = field.pattern.as_ref()?;
    if let Err(e) = Pattern::get(pattern) {
        return Some(format!("the pattern cannot be used: {e}"));
    }
    let refused = |value: &_| fit::reason_against(field, value, &Budget::default());
    if let Some(reason) = field.default.as_ref().and_then(refused) {
        return Some(format!("the default does not fit its field: {reason}"));
    }
    let choices = field.choices.as_ref()?;
    let is_lost = choices.iter().all(|choice| refused(&choice.as_str().into()).is_some());
    is_lost.then(|| "no value of enum can be stored: none matches the pattern".into())
}

/// Refuses functions that cannot decide anything.
///
/// # Errors
/// The first of them, with its place in the files.
pub(super) fn functions(config: &Config, loaded: &Loaded) -> Result<(), LoadError> {
    for (place, id, _) in asked(config) {
        if let Some(mistake) = loaded.function_mistake(id) {
            return Err(mistake.clone().of_part(&place));
        }
    }
    Ok(())
}

/// What works and probably means something else.
pub(super) fn remarks(config: &Config, loaded: &Loaded) -> Vec<String> {
    let mut all: Vec<String> = config.cors.iter().flat_map(cors::remarks).collect();
    for (place, id, given) in asked(config) {
        let used = loaded.parameters_used(id);
        if used > given {
            all.push(format!(
                "{place} looks at an argument number {used} and is given {given}: the others are undefined"
            ));
        }
    }
    all
}

/// The rules and hooks that are functions, each with its place and the number of arguments that
/// it is given.
fn asked(config: &Config) -> Vec<(String, FunctionId, usize)> {
    let mut all = Vec::new();
    let mut add = |place: String, function: Option<FunctionId>, given: usize| {
        all.extend(function.map(|id| (place, id, given)));
    };
    for (ns, block) in &config.databases {
        let (block_access, place) = (&block.access, format!("databases.{ns}"));
        for (name, rule, given) in [
            ("canCreate", &block_access.can_create, 2),
            ("access", &block_access.access, 3),
            ("delete", &block_access.delete, 2),
        ] {
            add(format!("{place}.access.{name}"), function(rule.as_ref()), given);
        }
        for (name, table) in &block.tables {
            let place = format!("{place}.tables.{name}");
            if let Some(access) = &table.access {
                for (name, rule, given) in [
                    ("read", &access.read, 2),
                    ("insert", &access.insert, 1),
                    ("update", &access.update, 2),
                    ("delete", &access.delete, 2),
                ] {
                    add(format!("{place}.access.{name}"), function(rule.as_ref()), given);
                }
            }
            let hooks = &table.hooks;
            for (name, hook, given) in [
                ("beforeInsert", hooks.before_insert, 3),
                ("afterInsert", hooks.after_insert, 2),
                ("beforeUpdate", hooks.before_update, 4),
                ("afterUpdate", hooks.after_update, 3),
                ("beforeDelete", hooks.before_delete, 3),
                ("afterDelete", hooks.after_delete, 2),
                ("onEnrich", hooks.on_enrich, 3),
            ] {
                add(format!("{place}.handlers.hooks.{name}"), hook.map(|h| h.id()), given);
            }
        }
    }
    add("auth.handlers.hooks.enrich".into(), config.enrich.map(|h| h.id()), 2);
    all
}

fn function(rule: Option<&Rule>) -> Option<FunctionId> {
    match rule {
        Some(Rule::Function(id)) => Some(*id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::AppConfig;
    use std::collections::HashMap;

    fn load(text: &str) -> Result<AppConfig, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.ts");
        std::fs::write(&file, format!("export default {{ {text} }}")).unwrap();
        AppConfig::load(&file, &HashMap::new()).map_err(|e| e.to_string())
    }

    fn in_table(text: &str) -> Result<AppConfig, String> {
        load(&format!("databases: {{ app: {{ tables: {{ t: {{ {text} }} }} }} }}"))
    }

    #[test]
    fn what_would_stop_the_server_or_every_insert_is_refused_with_its_place() {
        for window in ["'x'", "-1", "'0s'", "'2d'", "null", "0", "[]"] {
            let limit = format!("rateLimiting: {{ db: {{ requests: 5, window: {window} }} }}");
            let error = load(&limit).expect_err(window);
            assert!(
                error.contains("rateLimiting.db.window") && error.contains("c.ts:1:"),
                "{error}"
            );
        }
        let error = load("cors: { methods: ['GE T'] }").unwrap_err();
        assert!(error.contains("cors.methods.0"), "{error}");
        for (field, words) in [
            ("{ type: 'string', pattern: '^a', default: 'b' }", "Must match pattern: ^a"),
            ("{ type: 'string', pattern: '(?=a)a$', default: 'ab' }", "Must match pattern"),
            ("{ type: 'string', pattern: '^a', enum: ['b', 'c'] }", "none matches the pattern"),
            ("{ type: 'string', pattern: '[' }", "the pattern cannot be used"),
            ("{ type: 'number', check: 'a >' }", "schema.a.check: the check cannot be used"),
            ("{ type: 'number', check: 'a + 1' }", "neither true nor false"),
            ("{ type: 'string', default: 'a\\ud800' }", "half a character"),
        ] {
            let error = in_table(&format!("schema: {{ a: {field} }}")).expect_err(field);
            assert!(
                error.contains("databases.app.tables.t.schema.a") && error.contains(words),
                "{error}"
            );
        }
        let error = in_table("schema: { 'a\\ud800': 'string' }").unwrap_err();
        assert!(error.contains("half a character"), "{error}");
        let migration = |up: &str, more: &str| {
            in_table(&format!(
                "migrations: [{{ version: 3, description: 'd', up: \"{up}\" {more} }}]"
            ))
        };
        for (up, words) in [("SELEC 1", "'selec'"), ("GRANT ALL ON t TO x", "GRANT is refused")] {
            let error = migration(up, "").expect_err(up);
            assert!(
                error.contains("t.migrations.0: version 3 cannot be run") && error.contains(words)
            );
        }
        assert!(migration("PRAGMA x", ", upPg: 'SELECT 1'").is_ok(), "upPg is used instead");
        assert!(migration("SELECT 1", ", upPg: 'PRAGMA x'").is_err());
        assert!(
            in_table(
                "schema: { a: { type: 'string', pattern: '^a', default: 'ab', check: 'a <> id' } }"
            )
            .is_ok()
        );
    }

    #[test]
    fn a_function_that_looks_at_an_argument_that_it_is_not_given_is_remarked_on() {
        let said = |text: &str| in_table(text).unwrap().config.warnings.join("\n");
        for (text, words) in [
            (
                "access: { insert: (auth, row) => auth?.id === row.owner }",
                "t.access.insert looks at an argument number 2 and is given 1",
            ),
            (
                "access: { read: (auth, row, ctx) => ctx.db.get('t', row.id) }",
                "t.access.read looks at an argument number 3",
            ),
            (
                "handlers: { hooks: { afterInsert: (auth, row, ctx) => { ctx.x } } }",
                "hooks.afterInsert",
            ),
        ] {
            assert!(said(text).contains(words), "{text}: {}", said(text));
        }
        for quiet in [
            "access: { insert: (auth, row) => auth !== null, update: (auth, row) => row.a === auth.id }",
            "access: { insert: (...all) => all.length > 0, read: function () { return arguments[5] } }",
            "handlers: { hooks: { beforeUpdate: (auth, row, data, ctx) => { ctx.waitUntil(1) } } }",
        ] {
            assert_eq!(said(quiet), "", "{quiet}");
        }
        let block = load(
            "databases: { w: { access: { canCreate: (auth, id, ctx) => ctx, access: (a, i, ctx) => ctx } } }",
        );
        let warnings = block.unwrap().config.warnings;
        assert!(warnings.len() == 1 && warnings[0].contains("w.access.canCreate"), "{warnings:?}");
    }

    const HELPERS: &str = "const isAdmin = (auth) => auth?.role === 'admin';
const slow = async (auth) => auth?.role === 'admin';
function* steps(auth) { yield auth }
const alias = isAdmin;
const hasAny = (auth) => isAdmin || auth !== null;
";

    fn with_helpers(text: &str) -> Result<AppConfig, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.ts");
        let table = format!("{{ tables: {{ t: {{ {text} }} }} }}");
        std::fs::write(
            &file,
            format!("{HELPERS}export default {{ databases: {{ app: {table} }} }}"),
        )
        .unwrap();
        AppConfig::load(&file, &HashMap::new()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_rule_that_tests_or_returns_what_is_always_truthy_is_refused_with_its_place() {
        let (call, wait, run) = ("call it", "await it", "has not run");
        for (rule, words) in [
            ("() => isAdmin", call),
            ("(auth) => { if (auth) return isAdmin; return false }", call),
            ("async (auth) => await alias", call),
            ("(auth) => auth !== null && isAdmin", call),
            ("(auth) => () => false", call),
            ("(auth) => class {}", call),
            ("(auth) => isAdmin && auth.id === 'a'", call),
            ("(auth) => !!alias", call),
            ("(auth) => { if (isAdmin) return true; return false }", call),
            ("(auth) => isAdmin ? true : false", call),
            ("(auth) => slow(auth) && true", wait),
            ("(auth) => !!slow(auth)", wait),
            ("(auth) => (slow(auth) as any) ? true : false", wait),
            ("(auth) => { const yes = slow(auth); if (!yes) return false; return true }", wait),
            ("(auth) => slow(auth) !== false", wait),
            ("(auth, row, ctx) => ctx.db.get('t', 'a') !== null", wait),
            ("(auth, row, ctx) => ctx.db.exists('t', {}) && true", wait),
            ("(auth) => steps(auth)", run),
            ("(auth) => !!steps(auth)", run),
            ("function* () { return false }", "a generator cannot stand here"),
            ("async function* () { return false }", "a generator cannot stand here"),
        ] {
            let error = with_helpers(&format!("access: {{ read: {rule} }}")).expect_err(rule);
            let place =
                error.contains("c.ts:6:") && error.contains("databases.app.tables.t.access.read");
            assert!(place && error.contains(words), "{rule}: {error}");
        }
        let error = with_helpers("access: { *read() { return false } }").unwrap_err();
        assert!(error.contains("c.ts:6:") && error.contains("a generator"), "{error}");
        let error = with_helpers("access: { read: (auth) => hasAny(auth) }").unwrap_err();
        assert!(error.contains("c.ts:5:26:") && error.contains(call), "{error}");
        let hook = "handlers: { hooks: { *beforeInsert() { throw new Error('no') } } }";
        let error = with_helpers(hook).unwrap_err();
        assert!(error.contains("hooks.beforeInsert: a generator"), "{error}");
    }

    #[test]
    fn a_rule_that_calls_and_awaits_what_it_tests_is_accepted() {
        for rule in [
            "isAdmin",
            "slow",
            "(auth) => isAdmin(auth) && alias(auth)",
            "(auth) => isAdmin && isAdmin(auth)",
            "async (auth) => (await slow(auth)) && true",
            "async (auth) => { const yes = slow(auth); return !(await yes) }",
            "(auth) => auth === null || slow(auth)",
            "(auth) => slow(auth).then((yes) => !yes)",
            "(auth) => typeof isAdmin === 'function' && auth !== null",
            "(auth) => [1].some(() => isAdmin(auth))",
            "(auth) => [...steps(auth)].length > 0",
            "(auth) => { const not = (f: any) => (a: any) => !f(a); return not(isAdmin)(auth) }",
            "(auth) => { let f: any = isAdmin; f = false; return f || auth !== null }",
            "async (auth, row, ctx) => (await ctx.db.get('t', 'a')) !== null",
            "(auth, row, ctx) => ctx.db.exists('t', {})",
            "function (auth) { return class_(auth); function class_(a: any) { return a !== null } }",
        ] {
            let loaded = with_helpers(&format!("access: {{ read: {rule} }}"));
            assert!(loaded.is_ok(), "{rule}: {}", loaded.err().unwrap_or_default());
        }
    }
}
