//! Which rows does a filter mean?
//!
//! Reads the JSON triples of `filter` and `orFilter` (contract 11) and writes them as SQL with
//! every operand bound. Where the original ignores or crashes on a malformed filter, it is a 400
//! here: a filter that is silently dropped would return every row.

use crate::db::statement::{Bind, Sql};
use crate::error::{Error, Result};
use crate::http::parameters::{MAX_AND, MAX_OR};
use crate::query::column::{Column, KEY};
use crate::query::search::literal;
use crate::query::value;
use edgebase_blocks::{FieldType, Table};
use serde_json::Value;

/// Elements of an `in` list.
const MAX_LIST: usize = 1_000;

/// Bytes of a text that others may contain.
const MAX_TEXT: usize = 1_000;

/// Every operator (contract 11).
pub const OPERATORS: [&str; 13] = [
    "==",
    "!=",
    ">",
    "<",
    ">=",
    "<=",
    "contains",
    "contains-any",
    "in",
    "not in",
    "not-in",
    "is null",
    "is not null",
];

/// A checked filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    all: Vec<Condition>,
    any: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq)]
struct Condition {
    field: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    /// Nothing can match, or everything does.
    Constant(bool),
    Compare(&'static str, Bind),
    Contains(String),
    ContainsAny(Value),
    In {
        negated: bool,
        list: Bind,
    },
    IsNull(bool),
}

impl Filter {
    /// Reads the two lists as they stand in a body or, decoded, in a query string.
    ///
    /// # Errors
    /// 400 naming the condition that is wrong.
    pub fn parse(table: &Table, filter: Option<&Value>, or_filter: Option<&Value>) -> Result<Self> {
        let all = conditions(table, filter, "filter")?;
        if all.len() > MAX_AND {
            return Err(Error::BadRequest(format!(
                "filter: at most {MAX_AND} conditions are allowed."
            )));
        }
        let any = conditions(table, or_filter, "orFilter")?;
        if any.len() > MAX_OR {
            return Err(Error::BadRequest(format!(
                "OR_FILTER_LIMIT_EXCEEDED: maximum {MAX_OR} conditions in OR group"
            )));
        }
        Ok(Self { all, any })
    }

    /// Whether it lets every row through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && self.any.is_empty()
    }

    /// Adds an equality of a field, as `ctx.db.exists` and lookups need it.
    ///
    /// # Errors
    /// 400 when there is no such field or the value cannot be compared with it.
    pub fn equal(table: &Table, field: &str, operand: &Value) -> Result<Self> {
        let triple = serde_json::json!([[field, "==", operand]]);
        Self::parse(table, Some(&triple), None)
    }

    /// The row of that id, also where records do not show it.
    #[must_use]
    pub fn key(id: &str) -> Self {
        let test = Test::Compare("=", Bind::text(id));
        Self { all: vec![Condition { field: KEY.to_owned(), test }], any: Vec::new() }
    }

    /// Appends the conditions, each with a leading ` AND `.
    pub fn write(&self, sql: &mut Sql, table: &Table) {
        for condition in &self.all {
            sql.push(" AND ");
            condition.write(sql, table);
        }
        for (i, condition) in self.any.iter().enumerate() {
            sql.push(if i == 0 { " AND (" } else { " OR " });
            condition.write(sql, table);
        }
        if !self.any.is_empty() {
            sql.push(")");
        }
    }
}

fn conditions(table: &Table, list: Option<&Value>, name: &str) -> Result<Vec<Condition>> {
    match list {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => {
            items.iter().map(|item| Condition::parse(table, item, name)).collect()
        }
        Some(_) => Err(Error::BadRequest(format!(
            "{name} must be an array of [field, operator, value] conditions."
        ))),
    }
}

impl Condition {
    fn parse(table: &Table, item: &Value, name: &str) -> Result<Self> {
        let parts = item.as_array().map(Vec::as_slice).unwrap_or_default();
        let (field, op, operand) = match parts {
            [Value::String(field), Value::String(op)] => (field, op, None),
            [Value::String(field), Value::String(op), operand] => (field, op, Some(operand)),
            _ => {
                return Err(Error::BadRequest(format!(
                    "{name}: each condition is [field, operator, value]."
                )));
            }
        };
        let Some(column) = Column::find(table, field) else {
            return Err(Error::BadRequest(format!(
                "{name}: unknown field '{field}' in table '{}'.",
                table.name
            )));
        };
        let test = Test::parse(&column, op, operand).map_err(|wanted| {
            Error::BadRequest(match wanted {
                Wanted::Operator => format!("Unsupported filter operator: {op}"),
                Wanted::Operand(what) => format!("{name}: '{field} {op}' needs {what}."),
            })
        })?;
        Ok(Self { field: field.clone(), test })
    }

    fn write(&self, sql: &mut Sql, table: &Table) {
        let column = match Column::find(table, &self.field) {
            Some(column) => column,
            None if self.field == KEY => Column::Typed(KEY, FieldType::String),
            // The field was found when the condition was read.
            None => {
                sql.push("FALSE");
                return;
            }
        };
        match &self.test {
            Test::Constant(truth) => {
                sql.push(if *truth { "TRUE" } else { "FALSE" });
            }
            Test::Compare(op, operand) => match (column.kind(), *op) {
                (FieldType::Json, ">" | "<" | ">=" | "<=") => {
                    write_json_order(sql, &column, op, operand);
                }
                _ => {
                    column.write(sql);
                    sql.push(" ").push(op).push(" ").bind(operand.clone());
                    push_cast(sql, column.kind(), "");
                }
            },
            Test::Contains(text) => {
                column.write_text(sql);
                sql.push(" ~ ").bind(Bind::text(literal(text)));
            }
            Test::ContainsAny(list) => {
                sql.push("EXISTS (SELECT 1 FROM pg_catalog.jsonb_array_elements(CASE WHEN pg_catalog.jsonb_typeof(");
                column.write(sql);
                sql.push(") = 'array' THEN ");
                column.write(sql);
                sql.push(" ELSE '[]' END) AS a(v) JOIN pg_catalog.jsonb_array_elements(")
                    .bind(Bind::Json(Some(list.clone())))
                    .push(") AS b(v) ON a.v = b.v)");
            }
            Test::In { negated, list } => {
                column.write(sql);
                sql.push(if *negated { " <> ALL (" } else { " = ANY (" }).bind(list.clone());
                push_cast(sql, column.kind(), "[]");
                sql.push(")");
            }
            Test::IsNull(yes) => {
                column.write(sql);
                sql.push(if *yes { " IS NULL" } else { " IS NOT NULL" });
            }
        }
    }
}

/// Datetimes are bound as text in ISO form and cast by Postgres.
fn push_cast(sql: &mut Sql, kind: FieldType, array: &str) {
    if kind == FieldType::Datetime {
        sql.push("::timestamptz").push(array);
    }
}

/// `jsonb` orders numbers, strings and booleans apart from each other; only values of the
/// operand's own type are compared.
fn write_json_order(sql: &mut Sql, column: &Column, op: &str, operand: &Bind) {
    sql.push("(pg_catalog.jsonb_typeof(");
    column.write(sql);
    sql.push(") = pg_catalog.jsonb_typeof(").bind(operand.clone()).push(") AND ");
    let text = matches!(operand, Bind::Json(Some(Value::String(_))));
    if text {
        // Strings by code unit, as everywhere.
        sql.push("(");
        column.write(sql);
        sql.push(" #>> '{}') COLLATE \"C\" ").push(op);
        sql.push(" (").bind(operand.clone()).push(" #>> '{}')");
    } else {
        column.write(sql);
        sql.push(" ").push(op).push(" ").bind(operand.clone());
    }
    sql.push(")");
}

enum Wanted {
    Operator,
    Operand(&'static str),
}

impl Test {
    fn parse(
        column: &Column,
        op: &str,
        operand: Option<&Value>,
    ) -> std::result::Result<Self, Wanted> {
        let kind = column.kind();
        let operand = match operand {
            Some(operand) => operand,
            None if matches!(op, "is null" | "is not null") => &Value::Null,
            None if OPERATORS.contains(&op) => return Err(Wanted::Operand("a value")),
            None => return Err(Wanted::Operator),
        };
        let compare = |sql: &'static str| {
            value::operand(kind, operand).map(|b| Self::Compare(sql, b)).map_err(Wanted::Operand)
        };
        let equal = |sql| if operand.is_null() { Ok(Self::Constant(false)) } else { compare(sql) };
        let order = |sql| {
            // Whether null is meant to be less than a value, more, or neither, nobody can tell.
            if operand.is_null() {
                return Err(Wanted::Operand("a value that is not null"));
            }
            compare(sql)
        };
        match op {
            "==" => equal("="),
            "!=" => equal("<>"),
            ">" => order(">"),
            "<" => order("<"),
            ">=" => order(">="),
            "<=" => order("<="),
            "contains" => match operand {
                Value::String(s) if s.len() > MAX_TEXT => {
                    Err(Wanted::Operand("at most 1000 bytes"))
                }
                Value::String(s) if !s.contains('\0') => Ok(Self::Contains(s.clone())),
                _ => Err(Wanted::Operand("a string")),
            },
            "contains-any" => {
                if kind != FieldType::Json {
                    return Err(Wanted::Operand("a json field"));
                }
                match operand {
                    Value::Array(items) if items.len() > MAX_LIST => {
                        Err(Wanted::Operand("at most 1000 elements"))
                    }
                    Value::Array(_) if value::has_nul(operand) => {
                        Err(Wanted::Operand("values without NUL characters"))
                    }
                    Value::Array(_) => Ok(Self::ContainsAny(operand.clone())),
                    Value::Object(_) => Err(Wanted::Operand("a list")),
                    // No list has an element in common with a scalar (contract 11).
                    _ => Ok(Self::Constant(false)),
                }
            }
            "in" => list(kind, operand)
                .map(|l| l.map_or(Self::Constant(false), |list| Self::In { negated: false, list })),
            "not in" | "not-in" => list(kind, operand).map(|l| match (l, operand) {
                (Some(list), _) => Self::In { negated: true, list },
                // A list of nulls only still leaves out the rows without a value.
                (None, Value::Array(items)) if !items.is_empty() => Self::IsNull(false),
                (None, _) => Self::Constant(true),
            }),
            // A value that says no would read as the opposite of what is done.
            "is null" | "is not null" if !matches!(operand, Value::Null | Value::Bool(true)) => {
                Err(Wanted::Operand("no value"))
            }
            "is null" => Ok(Self::IsNull(true)),
            "is not null" => Ok(Self::IsNull(false)),
            _ => Err(Wanted::Operator),
        }
    }
}

/// The list of `in`, as one array to bind; `None` when it is empty. Nulls in it match nothing.
fn list(kind: FieldType, operand: &Value) -> std::result::Result<Option<Bind>, Wanted> {
    let Value::Array(items) = operand else {
        return Err(Wanted::Operand("a list"));
    };
    if items.len() > MAX_LIST {
        return Err(Wanted::Operand("a list of at most 1000 values"));
    }
    let binds: Vec<Bind> = items
        .iter()
        .filter(|v| !v.is_null())
        .map(|v| value::operand(kind, v).map_err(Wanted::Operand))
        .collect::<std::result::Result<_, _>>()?;
    let mut array = match kind {
        FieldType::Number => Bind::Numbers(Vec::new()),
        FieldType::Boolean => Bind::Bools(Vec::new()),
        FieldType::Json => Bind::Jsons(Vec::new()),
        FieldType::String | FieldType::Text | FieldType::Datetime => Bind::Texts(Vec::new()),
    };
    let empty = binds.is_empty();
    for bind in binds {
        match (&mut array, bind) {
            (Bind::Numbers(list), Bind::Number(Some(v))) => list.push(v),
            (Bind::Bools(list), Bind::Bool(Some(v))) => list.push(v),
            (Bind::Jsons(list), Bind::Json(Some(v))) => list.push(v),
            (Bind::Texts(list), Bind::Text(Some(v))) => list.push(v),
            _ => return Err(Wanted::Operand("a list of values of the field's type")),
        }
    }
    Ok(Some(array).filter(|_| !empty))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table() -> Table {
        edgebase_blocks::StoredBlock::all_from_json(
            &json!({"databases": {"app": {"tables": {"t": {"schema": {
                "s": "string", "n": "number", "b": "boolean", "d": "datetime", "j": "json"
            }}}}}}),
        )
        .unwrap()
        .remove(0)
        .tables
        .remove(0)
    }

    fn sql(filter: Value) -> String {
        let table = table();
        let mut sql = Sql::default();
        Filter::parse(&table, Some(&filter), None).unwrap().write(&mut sql, &table);
        sql.text().to_owned()
    }

    #[test]
    fn a_test_for_null_takes_no_value_that_says_the_opposite() {
        let table = table();
        for filter in [json!([["n", "is null", false]]), json!([["n", "is not null", "x"]])] {
            assert!(Filter::parse(&table, Some(&filter), None).is_err(), "{filter}");
        }
    }

    #[test]
    fn operators_become_sql_with_bound_operands() {
        assert_eq!(
            sql(json!([["s", "==", "x"], ["n", ">", "40"]])),
            r#" AND t."s" = $1 AND t."n" > $2"#
        );
        assert_eq!(sql(json!([["d", ">=", "2026-01-01"]])), r#" AND t."d" >= $1::timestamptz"#);
        assert_eq!(sql(json!([["s", "in", []], ["s", "not in", []]])), " AND FALSE AND TRUE");
        assert_eq!(sql(json!([["n", "in", [1, "2", null]]])), r#" AND t."n" = ANY ($1)"#);
        assert_eq!(sql(json!([["s", "is null"]])), r#" AND t."s" IS NULL"#);
        assert_eq!(sql(json!([["s", "not in", [null]]])), r#" AND t."s" IS NOT NULL"#);
        assert_eq!(sql(json!([["j", "is null"]])), r#" AND NULLIF(t."j", 'null') IS NULL"#);
        assert_eq!(sql(json!([["s", "==", null]])), " AND FALSE");
        assert_eq!(sql(json!([["s", "contains", "x"]])), r#" AND t."s" ~ $1"#);
    }

    #[test]
    fn bad_filters_are_400_and_say_why() {
        let table = table();
        for (bad, message) in [
            (json!([["s", "like", "x"]]), "Unsupported filter operator: like"),
            (json!([["nope", "==", 1]]), "unknown field"),
            (json!([["n", "==", "x"]]), "needs a number"),
            (json!([["s", "in", 5]]), "needs a list"),
            (json!([["s"]]), "each condition is"),
            (json!({"s": 1}), "must be an array"),
            (json!([["s", "==", "a\u{0}"]]), "NUL"),
            (json!([["s", "contains", "a".repeat(1_001)]]), "at most 1000 bytes"),
            (json!([["s", "contains", 5]]), "needs a string"),
            (json!([["s", "contains", null]]), "needs a string"),
            (json!([["j", "contains-any", {}]]), "needs a list"),
            (json!([["n", "=="]]), "filter: 'n ==' needs a value."),
            (json!([["n", "like"]]), "Unsupported filter operator: like"),
            (json!([["n", ">", null]]), "filter: 'n >' needs a value that is not null."),
            (json!(null), "must be an array"),
        ] {
            let error = Filter::parse(&table, Some(&bad), None).unwrap_err();
            assert!(error.status() == 400 && error.to_string().contains(message), "{bad}: {error}");
        }
        let six = json!([
            ["n", "==", 1],
            ["n", "==", 1],
            ["n", "==", 1],
            ["n", "==", 1],
            ["n", "==", 1],
            ["n", "==", 1]
        ]);
        assert!(
            Filter::parse(&table, None, Some(&six))
                .unwrap_err()
                .to_string()
                .starts_with("OR_FILTER_LIMIT_EXCEEDED")
        );
    }
}
