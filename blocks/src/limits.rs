//! For what has a table of PostgreSQL no room?
//!
//! Columns, fields of an index, bytes of an index entry and of a row are bounded. What a config
//! fixes of a record, its defaults and required fields, is measured here, so that no table is made
//! whose first insert fails. What clients send is measured by PostgreSQL.

use crate::config::{ConfigError, Problems};
use crate::field::{Field, FieldType};
use crate::table::Table;
use serde_json::Value;

/// The columns that every table of PostgreSQL has already.
pub(crate) const SYSTEM_COLUMNS: [&str; 6] = ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"];
/// Most columns of a table (`MaxHeapAttributeNumber`).
pub(crate) const MAX_COLUMNS: usize = 1_600;
/// Most fields of an index (`INDEX_MAX_KEYS`).
const MAX_INDEX_FIELDS: usize = 32;
/// Most bytes of an entry of a B-tree (`BTMaxItemSize`).
const MAX_INDEX_ENTRY: usize = 2_704;
/// Most bytes of a row (`MaxHeapTupleSize`), long values counted as pointers.
const MAX_ROW: usize = 8_160;
/// Bytes of a pointer to a value that is stored outside of its row.
const POINTER: usize = 18;
/// Longest text that stays in its row, however wide that is.
const INLINE: usize = 20;
/// Bytes of the id of a record that brings none.
const ID: usize = 36;

/// Refuses a table that PostgreSQL cannot make, or that no record of defaults fits into.
pub(crate) fn check(table: &Table, problems: &Problems) -> Result<(), ConfigError> {
    let columns = crate::ddl::columns(table).len();
    if columns > MAX_COLUMNS {
        let message = format!(
            "the table would have {columns} columns, id and timestamps included; PostgreSQL allows {MAX_COLUMNS}. Keep some of the fields together in one of type json"
        );
        return Err(problems.at(&["schema"], message));
    }
    for (i, index) in table.indexes.iter().enumerate() {
        let here = ["indexes", &i.to_string()];
        let fields: Vec<&Field> = index.fields.iter().filter_map(|f| table.field(f)).collect();
        if index.fields.len() > MAX_INDEX_FIELDS {
            let count = index.fields.len();
            let message =
                format!("the index has {count} fields; PostgreSQL allows {MAX_INDEX_FIELDS}");
            return Err(problems.at(&here, message));
        }
        if let Some(message) = oversized_entry(&fields) {
            return Err(problems.at(&here, message));
        }
    }
    for field in table.fields.iter().flatten().filter(|f| f.unique) {
        if let Some(message) = oversized_entry(&[field]) {
            return Err(problems.at(&["schema", &field.name], message));
        }
    }
    let bytes = row(table, |field| field.default.is_some() || field.required);
    if bytes > MAX_ROW {
        let message = format!(
            "a record of nothing but defaults and required fields takes at least {bytes} bytes, with long texts stored apart; PostgreSQL allows {MAX_ROW} in a row. Keep some of the fields together in one of type json"
        );
        return Err(problems.at(&["schema"], message));
    }
    Ok(())
}

/// What is to be said of a table that has room for some of its fields only.
pub(crate) fn remark(table: &Table) -> Option<String> {
    let bytes = row(table, |_| true);
    (bytes > MAX_ROW).then(|| {
        format!(
            "a record with a value in every field takes at least {bytes} bytes, and PostgreSQL allows {MAX_ROW} in a row: such records are refused"
        )
    })
}

fn oversized_entry(fields: &[&Field]) -> Option<String> {
    let bytes: usize = fields
        .iter()
        .filter_map(|field| field.default.as_ref().map(|value| (field.kind, value)))
        .map(|(kind, value)| 4 + size_of(kind, value))
        .sum();
    // The entry's header and the bits of its nulls.
    let bytes = bytes + 16;
    (bytes > MAX_INDEX_ENTRY).then(|| {
        format!(
            "an index entry of the default takes {bytes} bytes; PostgreSQL allows {MAX_INDEX_ENTRY}. Shorten the default, or do without the index"
        )
    })
}

/// Bytes of a value without its header.
fn size_of(kind: FieldType, value: &Value) -> usize {
    match (kind, value) {
        (FieldType::Boolean, _) => 1,
        (FieldType::Number | FieldType::Datetime, _) => 8,
        (FieldType::Json, value) => 8 + json_size(value),
        (FieldType::String | FieldType::Text, value) => value.as_str().map_or(0, str::len),
    }
}

/// Bytes of a value within a `jsonb`, rounded up.
fn json_size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 0,
        Value::Number(n) => 16 + n.to_string().len() / 2,
        Value::String(text) => text.len(),
        Value::Array(items) => 4 + items.iter().map(|i| 4 + json_size(i)).sum::<usize>(),
        Value::Object(map) => {
            4 + map.iter().map(|(key, v)| 8 + key.len() + json_size(v)).sum::<usize>()
        }
    }
}

/// The least that a record takes in which these fields and no others have a value.
fn row(table: &Table, has_value: impl Fn(&Field) -> bool) -> usize {
    let columns = crate::ddl::columns(table).len();
    // The header ends with one bit for each column and is aligned.
    let mut end = (23 + columns.div_ceil(8)).next_multiple_of(8);
    let mut add = |kind: FieldType, bytes: usize| match kind {
        FieldType::Number | FieldType::Datetime => end = end.next_multiple_of(8) + 8,
        FieldType::Boolean => end += 1,
        _ => end += if bytes > INLINE { POINTER } else { 1 + bytes },
    };
    add(FieldType::String, ID);
    for _ in [table.auto.created_at, table.auto.updated_at].iter().filter(|kept| **kept) {
        add(FieldType::Datetime, 8);
    }
    for field in table.fields.iter().flatten().filter(|f| has_value(f)) {
        let bytes = match &field.default {
            Some(value) => size_of(field.kind, value),
            None => least(field),
        };
        add(field.kind, bytes);
    }
    end
}

/// Bytes of the shortest value that a field takes.
fn least(field: &Field) -> usize {
    match (field.kind, &field.choices) {
        (FieldType::Json, _) => 4,
        (_, Some(choices)) => choices.iter().map(String::len).min().unwrap_or(0),
        // More than these make no difference.
        (_, None) => (0..=INLINE).find(|n| field.min.is_none_or(|m| *n as f64 >= m)).unwrap_or(ID),
    }
}

#[cfg(test)]
mod tests {
    use crate::Config;
    use serde_json::{Map, Value, json};

    fn fields(count: usize, field: &Value) -> Value {
        (0..count).map(|n| (format!("f{n}"), field.clone())).collect::<Map<_, _>>().into()
    }

    fn of(block: Value) -> Result<Config, String> {
        Config::from_json(&json!({"databases": {"app": block}})).map_err(|e| e.to_string())
    }

    fn table(table: Value) -> Result<Config, String> {
        of(json!({"tables": {"t": table}}))
    }

    fn refused(table_: Value, words: &str) {
        let error = table(table_).expect_err(words);
        assert!(error.starts_with("databases.app") && error.contains(words), "{error}");
    }

    #[test]
    fn a_table_has_at_most_1600_columns_and_an_analysts_relation_one_more() {
        let with = |n| json!({"schema": fields(n, &json!("boolean"))});
        assert!(table(with(1_597)).is_ok());
        refused(with(1_598), "1601 columns");
        let dynamic = |n, analytics| {
            of(json!({"instance": true, "analytics": analytics, "tables": {"t": with(n)}}))
        };
        assert!(dynamic(1_596, true).is_ok() && dynamic(1_597, false).is_ok());
        let error = dynamic(1_597, true).unwrap_err();
        assert!(error.contains("instance_id") && error.contains("tables.t"), "{error}");
    }

    #[test]
    fn an_index_has_at_most_32_fields_and_room_for_its_defaults() {
        let names = |n: usize| (0..n).map(|n| format!("f{n}")).collect::<Vec<_>>();
        let with =
            |n| json!({"schema": fields(40, &json!("number")), "indexes": [{"fields": names(n)}]});
        assert!(table(with(32)).is_ok());
        refused(with(33), "33 fields");
        let long = |n| json!({"type": "text", "default": "x".repeat(n)});
        assert!(table(json!({"schema": {"a": long(20_000)}})).is_ok());
        let unique = |n| json!({"type": "text", "unique": true, "default": "x".repeat(n)});
        assert!(table(json!({"schema": {"a": unique(2_600)}})).is_ok());
        refused(json!({"schema": {"a": unique(2_700)}}), "2720 bytes");
        let two = json!({"schema": {"a": long(1_500), "b": long(1_500)},
            "indexes": [{"fields": ["a", "b"]}]});
        refused(two, "index entry");
    }

    #[test]
    fn a_record_of_defaults_has_room_in_a_row() {
        let default = json!({"type": "text", "default": "more than twenty letters"});
        assert!(table(json!({"schema": fields(400, &default)})).is_ok());
        refused(json!({"schema": fields(500, &default)}), "allows 8160");
        refused(
            json!({"schema": fields(1_100, &json!({"type": "number", "required": true}))}),
            "allows 8160",
        );
        // Nothing has to be in these, but not everything can.
        let config = table(json!({"schema": fields(1_100, &json!("number"))})).unwrap();
        assert!(config.warnings[0].contains("such records are refused"), "{:?}", config.warnings);
        let config = table(json!({"schema": fields(900, &json!("number"))})).unwrap();
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    }
}
