//! Where does a rule about rows run, and what serves it there?
//!
//! A rule that leaves a condition about its row is evaluated by the database, which an index may
//! serve; what it leaves depends on the caller, so it is worked out for nobody and for a user.

use edgebase_blocks::{Rule, Table};
use edgebase_proxy::query::row_filter::{Compiled, RowFilter};
use edgebase_rules::Loaded;
use serde_json::{Value, json};
use std::sync::Arc;

/// Where a row rule runs, in words; `None` when it is decided without looking at a row.
///
/// # Errors
/// Why it is not evaluated by the database.
pub(super) fn of(rule: &Rule, loaded: &Loaded, table: &Table) -> Result<Option<String>, String> {
    let user = json!({
        "id": "u", "email": "u@example.com", "role": "user", "isAnonymous": false,
        "custom": {}, "memberships": [], "meta": {}
    });
    let user: Arc<Value> = Arc::new(user);
    let mut words = None;
    for auth in [None, Some(&user)] {
        match RowFilter::compile(rule, loaded, auth, table) {
            Compiled::All | Compiled::None => {}
            // What a user sees is said last, and stays.
            Compiled::When(filter) => words = Some(served(&filter, table)),
            Compiled::Opaque(reason) => return Err(reason),
        }
    }
    Ok(words)
}

fn served(filter: &RowFilter, table: &Table) -> String {
    let mut words: Vec<String> = Vec::new();
    for fields in filter.fixed_fields() {
        let said = match (fields.iter().find(|field| is_indexed(table, field)), fields.first()) {
            (Some(field), _) => format!("index on {field}"),
            (None, Some(field)) => format!("no index on {field}"),
            (None, None) => "no index can serve it".to_owned(),
        };
        if !words.contains(&said) {
            words.push(said);
        }
    }
    format!("database: {}", words.join(", "))
}

/// Whether the key, a unique field or an index begins with the field.
fn is_indexed(table: &Table, field: &str) -> bool {
    field == "id"
        || table.field(field).is_some_and(|f| f.unique)
        || table.indexes.iter().any(|index| index.fields.first().is_some_and(|f| f == field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn place(rule: &str) -> Result<Option<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.ts");
        std::fs::write(&file, format!("export default {{ rule: {rule} }}")).unwrap();
        let loaded = edgebase_rules::load(&file, &HashMap::new()).unwrap();
        let config = json!({"databases": {"app": {"tables": {"t": {
            "schema": {
                "owner": "string", "slug": {"type": "string", "unique": true}, "status": "string",
                "n": "number"
            },
            "indexes": [{"fields": ["owner", "n"]}]
        }}}}});
        let mut blocks = edgebase_blocks::StoredBlock::all_from_json(&config).unwrap();
        let table = blocks.remove(0).tables.remove(0);
        of(&Rule::Function(edgebase_rules::FunctionId(0)), &loaded, &table)
    }

    #[test]
    fn an_index_serves_what_a_row_must_be_equal_to() {
        for (rule, words) in [
            ("(auth, row) => auth?.id === row.owner", "database: index on owner"),
            (
                "(auth, row) => row.status === 'a' || row.slug === auth?.id",
                "database: no index on status, index on slug",
            ),
            ("(auth, row) => row.status === 'a' && row.id === 'x'", "database: index on id"),
            ("(auth, row) => row.n > 3", "database: no index can serve it"),
            ("(auth, row) => row.owner !== 'a'", "database: no index can serve it"),
        ] {
            assert_eq!(place(rule).unwrap().as_deref(), Some(words), "{rule}");
        }
        assert_eq!(place("(auth) => auth?.role === 'admin'"), Ok(None));
        assert!(place("(auth, row) => row.n + 1 > 3").unwrap_err().contains("calculates"));
    }
}
