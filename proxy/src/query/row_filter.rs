//! Which rows does a rule let its caller see, in SQL?
//!
//! A rule that leaves a [`Predicate`] about its row becomes a condition on the table's columns,
//! every value bound. A rule that leaves none has to be asked about each row.

mod condition;
mod value;

use crate::db::statement::Sql;
use condition::Writer;
use edgebase_blocks::{FieldType, Rule, Table};
use edgebase_rules::{
    Arg, ColumnType, Columns, FunctionId, Loaded, Place, Predicate, Root, RowPredicate, Scalar,
    not_finite,
};
use serde_json::Value;
use std::sync::Arc;

/// A condition on the rows of one table.
#[derive(Clone, Debug, PartialEq)]
pub struct RowFilter(Predicate);

/// What a rule comes to for one caller and table.
#[derive(Clone, Debug, PartialEq)]
pub enum Compiled {
    /// It allows every row.
    All,
    /// It allows none.
    None,
    /// It allows the rows that pass.
    When(RowFilter),
    /// It has to be asked about each row, for this reason.
    Opaque(String),
}

impl RowFilter {
    /// What a row rule comes to for this caller; `auth` is `None` for nobody.
    #[must_use]
    pub fn compile(
        rule: &Rule,
        loaded: &Loaded,
        auth: Option<&Arc<Value>>,
        table: &Table,
    ) -> Compiled {
        let constant = |allows| if allows { Compiled::All } else { Compiled::None };
        match rule {
            Rule::Always(allows) => constant(*allows),
            Rule::SignedIn => constant(auth.is_some()),
            Rule::SignedOut => constant(auth.is_none()),
            Rule::Owner(field) => Self::owner(table, field, auth.map(|a| &**a)),
            Rule::Function(f) => {
                let auth = auth.map_or(Arg::Null, |auth| Arg::Json(Arc::clone(auth)));
                Self::function(loaded, *f, &auth, table)
            }
        }
    }

    /// The rule `'auth.id == resource.FIELD'`.
    fn owner(table: &Table, field: &str, auth: Option<&Value>) -> Compiled {
        let place = match table.column_type(field) {
            Some(kind) => {
                Place { root: Root::Column(field.into(), column_type(kind)), path: Vec::new() }
            }
            None if table.is_schemaless() => {
                Place { root: Root::Document, path: vec![field.into()] }
            }
            None => return Compiled::None,
        };
        match auth.and_then(|a| a.get("id")) {
            None => Compiled::None,
            Some(Value::String(id)) if id.contains('\0') => Compiled::None,
            // A JSON number with so many digits is text to rules.
            Some(Value::String(id)) if id.len() < 300 || !place.is_json() => {
                if place.column_type() == Some(ColumnType::Number) && not_finite(id).is_none() {
                    return Compiled::None;
                }
                Compiled::When(Self(Predicate::Equal(place, Scalar::Text(id.as_str().into()))))
            }
            Some(_) => Compiled::Opaque("the caller's id is not a text, or a long one".into()),
        }
    }

    /// A rule that is a function of the config.
    fn function(loaded: &Loaded, f: FunctionId, auth: &Arg, table: &Table) -> Compiled {
        let columns = Columns {
            typed: table.columns().map(|(name, kind)| (name.into(), column_type(kind))).collect(),
            document: table.is_schemaless(),
        };
        match loaded.row_predicate(f, auth, &columns) {
            RowPredicate::All => Compiled::All,
            RowPredicate::None => Compiled::None,
            RowPredicate::When(predicate) => Compiled::When(Self(predicate)),
            RowPredicate::Opaque(reason) => Compiled::Opaque(reason),
        }
    }

    /// Appends the condition with a leading ` AND `; the table's alias is `t`.
    pub fn write(&self, sql: &mut Sql) {
        sql.push(" AND (");
        self.write_condition(sql);
        sql.push(")");
    }

    /// Appends the condition alone.
    pub fn write_condition(&self, sql: &mut Sql) {
        Writer { sql, depth: 0 }.condition(&self.0, true);
    }

    /// For each alternative under which a row passes, the fields that then have one certain
    /// value, or one of several: an index that begins with one of them serves the alternative.
    #[must_use]
    pub fn fixed_fields(&self) -> Vec<Vec<&str>> {
        let alternatives = match &self.0 {
            Predicate::Any(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        alternatives.iter().map(fixed).collect()
    }
}

fn fixed(predicate: &Predicate) -> Vec<&str> {
    match predicate {
        Predicate::Equal(place, _) | Predicate::OneOf(place, _) => match &place.root {
            Root::Column(name, ColumnType::Text | ColumnType::Number) => vec![name],
            _ => Vec::new(),
        },
        Predicate::All(parts) => parts.iter().flat_map(fixed).collect(),
        _ => Vec::new(),
    }
}

fn column_type(kind: FieldType) -> ColumnType {
    match kind {
        FieldType::String | FieldType::Text => ColumnType::Text,
        FieldType::Number => ColumnType::Number,
        FieldType::Boolean => ColumnType::Boolean,
        FieldType::Datetime => ColumnType::Datetime,
        FieldType::Json => ColumnType::Json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table(schema: Value) -> Table {
        let config = json!({"databases": {"app": {"tables": {"t": schema}}}});
        let mut blocks = edgebase_blocks::StoredBlock::all_from_json(&config).unwrap();
        blocks.remove(0).tables.remove(0)
    }

    fn written(compiled: &Compiled) -> String {
        let Compiled::When(filter) = compiled else { return format!("{compiled:?}") };
        let mut sql = Sql::new("");
        filter.write(&mut sql);
        sql.text().to_owned()
    }

    #[test]
    fn an_owner_rule_is_one_plain_comparison() {
        let typed = table(json!({"schema": {"owner": "string", "n": "number", "meta": "json"}}));
        let auth = json!({"id": "u1"});
        let owner = |table: &Table, field: &str, auth: Option<&Value>| {
            written(&RowFilter::owner(table, field, auth))
        };
        assert_eq!(owner(&typed, "owner", Some(&auth)), r#" AND (t."owner" = $1)"#);
        assert_eq!(owner(&typed, "meta", Some(&auth)), r#" AND (t."meta" = $1)"#);
        let free = table(json!({}));
        assert_eq!(owner(&free, "owner", Some(&auth)), r#" AND ((t."_doc" -> $1) = $2)"#);
        for (field, auth) in [
            ("owner", None),
            ("n", Some(&auth)),
            ("none", Some(&auth)),
            ("owner", Some(&json!({"id": "u\u{0}"}))),
            ("owner", Some(&json!({}))),
        ] {
            assert_eq!(RowFilter::owner(&typed, field, auth), Compiled::None, "{field}");
        }
        let number = json!({"id": 1});
        assert!(matches!(RowFilter::owner(&typed, "n", Some(&number)), Compiled::Opaque(_)));
    }

    #[test]
    fn a_text_is_looked_for_by_an_automaton() {
        let body = Place { root: Root::Column("body".into(), ColumnType::Text), path: Vec::new() };
        let includes = Predicate::Text(edgebase_rules::TextTest::Includes, body, "a.b".into());
        assert_eq!(written(&Compiled::When(RowFilter(includes))), r#" AND (t."body" ~ $1)"#);
    }

    #[test]
    fn a_denied_comparison_is_never_null() {
        let place =
            |name: &str, kind| Place { root: Root::Column(name.into(), kind), path: Vec::new() };
        let owner = place("owner", ColumnType::Text);
        let equal = Predicate::Equal(owner.clone(), Scalar::Text("u1".into()));
        let listed = Predicate::OneOf(owner, vec![Scalar::Text("u1".into())]);
        let on = Predicate::Equal(place("on", ColumnType::Boolean), Scalar::Bool(true));
        let not = Predicate::Not(Box::new(Predicate::Any(vec![equal, listed, on])));
        assert_eq!(
            written(&Compiled::When(RowFilter(not))),
            r#" AND ((t."owner" IS DISTINCT FROM $1 AND (t."owner" = ANY ($2)) IS NOT TRUE AND t."on" IS NOT TRUE))"#
        );
    }
}
