//! What would a careful reader of the config ask about?
//!
//! What works and probably means something else, or refuses some requests for ever, is remarked on
//! and stops nothing. What cannot work is a mistake and refused elsewhere.

use crate::block::{Block, BlockKind, TableConfig};
use crate::config::RateLimit;
use crate::field::{Field, FieldType, ReferenceAction, shown};
use crate::limits;
use crate::rule::Rule;
use crate::service_key::{SecretSource, ServiceKey, Tier};
use indexmap::IndexMap;
use serde_json::Value;

/// Fields that are required and say `default: null`, which is no default.
pub(crate) fn null_defaults(json: &Value, remarks: &mut Vec<String>) {
    let map = |value: Option<&'_ Value>| value.and_then(Value::as_object).cloned();
    for (block, spec) in map(json.get("databases")).into_iter().flatten() {
        for (table, spec) in map(spec.get("tables")).into_iter().flatten() {
            for (field, spec) in map(spec.get("schema")).into_iter().flatten() {
                if spec.get("default") == Some(&Value::Null) && spec["required"] == true {
                    remarks.push(format!(
                        "field '{block}.{table}.{field}' is required, and null is no default: every insert has to bring a value"
                    ));
                }
            }
        }
    }
}

pub(crate) fn of_block(block: &Block, release: bool, remarks: &mut Vec<String>) {
    let ns = &block.namespace;
    if block.kind == BlockKind::Dynamic {
        if block.access.can_create.is_none() {
            remarks.push(format!(
                "block '{ns}' has no canCreate rule: only a service key can create its instances"
            ));
        }
        if block.access.access.is_none() {
            remarks.push(format!(
                "block '{ns}' has no access rule: who may use an instance is left to its tables' rules"
            ));
        }
    }
    for (name, table) in &block.tables {
        if release && table.access.is_none() {
            remarks.push(format!(
                "table '{ns}.{name}' has no access rules: in release mode only a service key can use it"
            ));
        }
        of_table(block, name, table, remarks);
    }
}

fn of_table(block: &Block, name: &str, config: &TableConfig, remarks: &mut Vec<String>) {
    let (ns, table) = (&block.namespace, &config.table);
    if matches!(name, "." | "..") {
        remarks.push(format!("table '{ns}.{name}' cannot be addressed: URLs leave its name out"));
    }
    if let Some(remark) = limits::remark(table) {
        remarks.push(format!("table '{ns}.{name}': {remark}"));
    }
    for field in &table.fts {
        if table.column_type(field) == Some(FieldType::Datetime) {
            remarks.push(format!("table '{ns}.{name}': fts does not search '{field}', a datetime"));
        }
    }
    let access = config.access.iter();
    for rule in access.flat_map(|a| [&a.read, &a.update, &a.delete]).flatten() {
        if let Rule::Owner(field) = rule
            && table
                .column_type(field)
                .is_some_and(|kind| !kind.is_text() && kind != FieldType::Json)
        {
            remarks.push(format!(
                "table '{ns}.{name}': {} compares a text with a field that holds none",
                rule.describe()
            ));
        }
    }
    for field in table.fields.iter().flatten() {
        let mut all = Vec::new();
        of_field(block, field, &mut all);
        remarks.extend(
            all.into_iter().map(|remark| format!("field '{ns}.{name}.{}' {remark}", field.name)),
        );
    }
}

fn of_field(block: &Block, field: &Field, remarks: &mut Vec<String>) {
    let has_length = field.kind.is_text() || field.kind == FieldType::Number;
    if (field.min.is_some() || field.max.is_some()) && !has_length {
        remarks.push(format!("is a {}, which min and max say nothing about", field.kind.name()));
    }
    for choice in field.choices.iter().flatten() {
        if let Some(reason) = field.reason_against(&choice.as_str().into()) {
            remarks.push(format!("has '{choice}' in enum, which is refused: {reason}"));
        }
    }
    if let Some(default) = field.default.as_ref().filter(|_| field.unique) {
        remarks
            .push(format!("is unique, so only one record can have its default {}", shown(default)));
    }
    let Some(reference) = &field.references else { return };
    let target = format!("{}.{}", reference.table, reference.column);
    if reference.is_logical() {
        if block.tables.contains_key(&reference.table) {
            remarks.push(format!(
                "refers to '{}', which is a note only: references to a table of that name are not enforced",
                reference.table
            ));
        }
        return;
    }
    if let Some(default) = &field.default {
        remarks.push(format!(
            "refers to '{target}' by default: an insert without it is refused unless some record there has {}",
            shown(default)
        ));
    }
    let becomes_null = |action: &ReferenceAction| match action {
        ReferenceAction::SetNull => true,
        ReferenceAction::SetDefault => field.default.is_none(),
        _ => false,
    };
    if field.required && reference.on_delete.as_ref().is_some_and(becomes_null) {
        remarks.push(format!(
            "is required and becomes null when the record that it refers to is deleted: such deletions are refused. State onDelete: 'CASCADE' or 'RESTRICT' in references {{ table: '{}' }}",
            reference.table
        ));
    }
}

pub(crate) fn of_rate_limits(limits: &IndexMap<String, RateLimit>, remarks: &mut Vec<String>) {
    for (group, limit) in limits {
        if !matches!(group.as_str(), "db" | "global") {
            remarks.push(format!("rateLimiting.{group} limits nothing that is served here"));
        } else if limit.requests < 0 {
            remarks.push(format!(
                "rateLimiting.{group}.requests is {}, which refuses every request, as 0 does",
                limit.requests
            ));
        }
    }
}

pub(crate) fn of_service_key(key: &ServiceKey, remarks: &mut Vec<String>) {
    let kid = &key.kid;
    if key.tier == Tier::Root {
        return;
    }
    if key.scopes.is_empty() {
        remarks.push(format!("service key '{kid}' is scoped and has no scopes: it allows nothing"));
    }
    for scope in key.scopes.iter().filter(|scope| !reaches(scope)) {
        remarks.push(format!(
            "service key '{kid}': scope '{scope}' allows nothing that is served here"
        ));
    }
    if let SecretSource::Inline(text) = &key.secret
        && text.strip_prefix(&format!("jb_{kid}_")).is_none_or(str::is_empty)
    {
        remarks.push(format!(
            "service key '{kid}' is scoped and its text is not jb_{kid}_...: it is never accepted"
        ));
    }
}

/// Whether a scope is asked for by any request (contract 5.3).
fn reaches(scope: &str) -> bool {
    const ASKED: [[&str; 4]; 7] = [
        ["db", "table", "", "read"],
        ["db", "table", "", "write"],
        ["sql", "namespace", "", "exec"],
        ["schema", "endpoint", "*", "read"],
        ["db", "instance", "", "list"],
        ["db", "instance", "", "export"],
        ["db", "instance", "", "delete"],
    ];
    let segments: Vec<&str> = scope.split(':').collect();
    let covers = |asked: &[&str; 4]| {
        segments.len() == asked.len()
            && segments.iter().zip(asked).all(|(s, a)| *s == "*" || a.is_empty() || s == a)
    };
    scope == "*" || ASKED.iter().any(covers)
}

#[cfg(test)]
mod tests {
    use crate::Config;
    use serde_json::{Value, json};

    fn remarks(config: Value) -> Vec<String> {
        Config::from_json(&config).expect("it is valid").warnings
    }

    fn in_schema(schema: Value) -> Vec<String> {
        let more = json!({"schema": {"k": {"type": "string", "unique": true}}});
        remarks(
            json!({"databases": {"app": {"tables": {"t": {"schema": schema}, "o": more, "users": {}}}}}),
        )
    }

    #[test]
    fn fields_that_probably_mean_something_else_are_remarked_on() {
        for (field, words) in [
            (json!({"type": "string", "required": true, "default": null}), "null is no default"),
            (json!({"type": "datetime", "min": 3}), "say nothing about"),
            (json!({"type": "string", "max": 3, "enum": ["abc", "abcd"]}), "'abcd' in enum"),
            (json!({"type": "string", "unique": true, "default": "x"}), "only one record"),
            (json!({"type": "string", "references": "users"}), "not enforced"),
            (json!({"type": "string", "references": "o", "default": "x"}), "'o.id' by default"),
            (
                json!({"type": "string", "references": "o", "required": true}),
                "deletions are refused",
            ),
            (
                json!({"type": "string", "required": true,
                    "references": {"table": "o", "onDelete": "SET DEFAULT"}}),
                "deletions are refused",
            ),
        ] {
            let found = in_schema(json!({"a": field}));
            assert_eq!(found.len(), 1, "{field}: {found:?}");
            let about = found[0].starts_with("field 'app.t.a' ");
            assert!(about && found[0].contains(words), "{field}: {found:?}");
        }
        for quiet in [
            json!({"type": "string", "default": null}),
            json!({"type": "string", "references": "o(k)", "required": true}),
            json!({"type": "string", "references": "o"}),
            json!({"type": "number", "min": 1, "max": 2, "default": 1}),
        ] {
            assert!(in_schema(json!({"a": quiet})).is_empty(), "{quiet}");
        }
    }

    #[test]
    fn rules_that_compare_with_no_row_are_refused_and_those_with_no_text_remarked_on() {
        let table = |access: Value| {
            Config::from_json(&json!({"databases": {"app": {"tables": {"t": {
                "schema": {"owner": "string", "n": "number"}, "access": access}}}}}))
        };
        let owner = |field: &str| format!("auth.id == resource.{field}");
        for (access, place) in [
            (json!({"insert": owner("owner")}), "access.insert: the rule never allows"),
            (json!({"read": owner("ovner")}), "access.read: the rule never allows"),
            (json!({"delete": owner("x")}), "no field 'x'"),
        ] {
            let error = table(access.clone()).expect_err(&access.to_string()).to_string();
            assert!(error.starts_with("databases.app.tables.t.access.") && error.contains(place));
        }
        assert!(
            table(json!({"update": owner("owner"), "read": owner("id")}))
                .unwrap()
                .warnings
                .is_empty()
        );
        let found = table(json!({"update": owner("n")})).unwrap().warnings;
        assert!(found[0].contains("a field that holds none"), "{found:?}");
        for rule in ["canCreate", "access", "delete"] {
            let block = json!({"databases": {"app": {"access": {rule: owner("owner")}}}});
            let error = Config::from_json(&block).unwrap_err().to_string();
            assert!(error.contains(&format!("databases.app.access.{rule}: ")), "{error}");
        }
        let loose =
            json!({"databases": {"app": {"tables": {"t": {"access": {"read": owner("any")}}}}}});
        assert!(Config::from_json(&loose).is_ok(), "a schemaless table may have every field");
    }

    #[test]
    fn limits_and_scopes_that_do_nothing_are_remarked_on() {
        let found = remarks(json!({"rateLimiting": {
            "db": {"requests": -5, "window": 1}, "auth": {"requests": 5, "window": 1},
            "global": {"requests": 0, "window": 1}}}));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("db.requests is -5") && found[1].contains("rateLimiting.auth"));
        let key = |scopes: &[&str], text: &str| {
            let keys = json!([{"kid": "k", "tier": "scoped", "scopes": scopes, "secret": text}]);
            remarks(json!({"serviceKeys": {"keys": keys}}))
        };
        let good = [
            "*",
            "*:*:*:*",
            "db:table:*:read",
            "db:table:posts:write",
            "sql:*:app:exec",
            "schema:endpoint:*:read",
            "db:instance:w:export",
        ];
        assert!(key(&good, "jb_k_1").is_empty());
        for bad in ["db:table:posts:reed", "db:table:*", "sql:table:*:exec", "", "db:tables:*:read"]
        {
            let found = key(&[bad], "jb_k_1");
            assert!(found.len() == 1 && found[0].contains("allows nothing"), "{bad}: {found:?}");
        }
        assert!(key(&[], "jb_k_1")[0].contains("no scopes"));
        assert!(key(&["*"], "plain")[0].contains("never accepted"));
    }
}
