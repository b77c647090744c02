//! What do analysts see of a block?
//!
//! Of a dynamic block, for each table one [`Relation`] over all its instances: the instance's id,
//! then the table's columns under their own names. Of a single-instance block, the tables
//! themselves. Neither has what the config hides with `analytics: false`. Pure: which statements
//! make relations of what is there is decided here, and run elsewhere.
//!
//! A relation's columns carry as options what a scan must know of them, so that it reads no
//! config: `field`, where the table's column has another name, and `missing`, the text of the
//! value that rows show when their instance has not got the column yet.

use crate::ddl::DOC_COLUMN;
use crate::field::{Field, FieldType};
use crate::quote::{ident, literal, qualified};
use crate::storage::StoredBlock;
use crate::table::{AUTO_FIELDS, Table};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The foreign server that relations belong to.
pub const SERVER: &str = "edgebase_instances";
/// The relation's first column: the id of the instance that a row comes from.
pub const INSTANCE_COLUMN: &str = "instance_id";
/// Option of a column: its name in the instances' tables, where that differs.
pub const OPTION_FIELD: &str = "field";
/// Option of a column: the text of its value where an instance has not got it.
pub const OPTION_MISSING: &str = "missing";

/// A relation over the same table of all instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// The table's name, which is also the relation's.
    pub name: String,
    /// Without the instance's id.
    pub columns: Vec<Column>,
}

/// A column of a relation, as wanted or as the catalog has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Column {
    /// The name that analysts see.
    pub name: String,
    /// As `format_type` spells it, collation included.
    #[serde(rename = "type")]
    pub sql_type: String,
    /// `name=value`, as the catalog keeps options.
    pub options: Vec<String>,
}

/// The relations of a dynamic block; those of a single-instance block are none.
#[must_use]
pub fn relations(block: &StoredBlock) -> Vec<Relation> {
    if block.hidden || block.kind == crate::BlockKind::Single {
        return Vec::new();
    }
    block.tables.iter().filter(|t| !t.hidden).map(relation).collect()
}

fn relation(table: &Table) -> Relation {
    let mut columns: Vec<Column> =
        visible(table).map(|c| column(c.name, c.kind, c.field)).collect();
    // A field called like the relation's own column gets a `:`, as a taken schema name does.
    let taken: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
    for column in columns.iter_mut().filter(|c| c.name == INSTANCE_COLUMN) {
        column.options.push(format!("{OPTION_FIELD}={INSTANCE_COLUMN}"));
        while column.name == INSTANCE_COLUMN || taken.contains(&column.name) {
            column.name.push(':');
        }
        column.options.sort();
    }
    Relation { name: table.name.clone(), columns }
}

/// A column of a table that analysts may see.
struct Visible<'t> {
    name: &'t str,
    kind: FieldType,
    field: Option<&'t Field>,
}

fn visible(table: &Table) -> impl Iterator<Item = Visible<'_>> {
    let auto = AUTO_FIELDS
        .iter()
        .filter_map(|name| Some(Visible { name, kind: table.column_type(name)?, field: None }));
    let doc = table.is_schemaless().then_some(Visible {
        name: DOC_COLUMN,
        kind: FieldType::Json,
        field: None,
    });
    let own = table.fields.iter().flatten().filter(|f| !f.hidden);
    auto.chain(doc).chain(own.map(|f| Visible { name: &f.name, kind: f.kind, field: Some(f) }))
}

fn column(name: &str, kind: FieldType, field: Option<&Field>) -> Column {
    let missing = field.and_then(Field::stored_default).map(|value| match value {
        Value::String(text) if kind != FieldType::Json => text,
        other => other.to_string(),
    });
    Column {
        name: name.to_owned(),
        sql_type: catalog_type(kind),
        options: missing.map(|text| format!("{OPTION_MISSING}={text}")).into_iter().collect(),
    }
}

/// The type as `format_type` gives it back.
fn catalog_type(kind: FieldType) -> String {
    kind.sql().replace("timestamptz(3)", "timestamp(3) with time zone")
}

/// What analysts may read of a table of a single-instance block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All of it.
    Table,
    /// These columns.
    Columns(Vec<String>),
    /// None of it.
    Nothing,
}

/// What analysts may read of the table of that name.
#[must_use]
pub fn reach(block: &StoredBlock, table: &Table) -> Reach {
    if block.hidden || table.hidden {
        return Reach::Nothing;
    }
    if !table.fields.iter().flatten().any(|f| f.hidden) {
        return Reach::Table;
    }
    Reach::Columns(visible(table).map(|c| c.name.to_owned()).collect())
}

/// The statements that make of the relations that `schema` has those that are wanted. Columns
/// that come later stand behind those that were there.
#[must_use]
pub fn statements(
    schema: &str,
    existing: &BTreeMap<String, Vec<Column>>,
    wanted: &[Relation],
) -> Vec<String> {
    let mut all = Vec::new();
    for name in existing.keys().filter(|name| !wanted.iter().any(|r| r.name == **name)) {
        all.push(format!("DROP FOREIGN TABLE {}", qualified(schema, name)));
    }
    for relation in wanted {
        let name = qualified(schema, &relation.name);
        match existing.get(&relation.name) {
            None => all.push(create(&name, relation)),
            Some(columns) => all.extend(alter(&name, columns, &relation.columns)),
        }
    }
    all
}

fn create(name: &str, relation: &Relation) -> String {
    let mut lines = vec![format!("{} text COLLATE \"C\" NOT NULL", ident(INSTANCE_COLUMN))];
    lines.extend(relation.columns.iter().map(definition));
    format!("CREATE FOREIGN TABLE {name} (\n  {}\n) SERVER {SERVER}", lines.join(",\n  "))
}

/// `"n" double precision OPTIONS (missing '1')`. Nothing is NOT NULL: an instance that is behind
/// has rows without the column.
fn definition(column: &Column) -> String {
    let (mut kind, mut collation) = (column.sql_type.as_str(), "");
    if let Some(plain) = kind.strip_suffix(" COLLATE \"C\"") {
        (kind, collation) = (plain, " COLLATE \"C\"");
    }
    let options = match column.options.is_empty() {
        true => String::new(),
        false => {
            let list: Vec<String> = column.options.iter().map(|o| option("", o)).collect();
            format!(" OPTIONS ({})", list.join(", "))
        }
    };
    format!("{} {kind}{options}{collation}", ident(&column.name))
}

/// `name=value` as the grammar of OPTIONS takes it.
fn option(verb: &str, text: &str) -> String {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    format!("{verb}{} {}", ident(name), literal(value).trim_start())
}

fn alter(name: &str, existing: &[Column], wanted: &[Column]) -> Vec<String> {
    let mut clauses = Vec::new();
    for column in existing.iter().filter(|c| !wanted.iter().any(|w| w.name == c.name)) {
        clauses.push(format!("DROP COLUMN {}", ident(&column.name)));
    }
    for column in wanted {
        let quoted = ident(&column.name);
        let Some(was) = existing.iter().find(|c| c.name == column.name) else {
            clauses.push(format!("ADD COLUMN {}", definition(column)));
            continue;
        };
        if was.sql_type != column.sql_type {
            clauses.push(format!("ALTER COLUMN {quoted} TYPE {}", column.sql_type));
        }
        if was.options != column.options {
            let drop = was.options.iter().map(|o| {
                let name = o.split('=').next().unwrap_or_default();
                format!("DROP {}", ident(name))
            });
            let add = column.options.iter().map(|o| option("ADD ", o));
            let (drop, add): (Vec<_>, Vec<_>) = (drop.collect(), add.collect());
            for list in [drop, add].iter().filter(|l| !l.is_empty()) {
                clauses.push(format!("ALTER COLUMN {quoted} OPTIONS ({})", list.join(", ")));
            }
        }
    }
    clauses.into_iter().map(|clause| format!("ALTER FOREIGN TABLE {name} {clause}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn block(tables: Value) -> StoredBlock {
        let config = json!({"databases": {"w": {"instance": true, "tables": tables}}});
        StoredBlock::all_from_json(&config).unwrap().remove(0)
    }

    fn names(relation: &Relation) -> Vec<&str> {
        relation.columns.iter().map(|c| c.name.as_str()).collect()
    }

    fn made(block: &StoredBlock) -> BTreeMap<String, Vec<Column>> {
        relations(block).into_iter().map(|r| (r.name, r.columns)).collect()
    }

    #[test]
    fn a_relation_shows_the_fields_that_records_show_and_nothing_hidden() {
        let block = block(json!({
            "t": {"schema": {"id": false, "updatedAt": false, "a": "string",
                "secret": {"type": "string", "analytics": false}}},
            "free": {},
            "gone": {"analytics": false, "schema": {"a": "string"}},
        }));
        let relations = relations(&block);
        assert_eq!(relations.len(), 2);
        assert_eq!(names(&relations[0]), ["createdAt", "a"]);
        assert_eq!(names(&relations[1]), ["id", "createdAt", "updatedAt", "_doc"]);
        let hidden = StoredBlock { hidden: true, ..block };
        assert_eq!(super::relations(&hidden), []);
    }

    #[test]
    fn a_field_called_like_the_relations_own_column_gets_a_colon() {
        let block = block(json!({"t": {"schema": {
            "instance_id": {"type": "string", "default": "x"}, "instance_id:": "number"}}}));
        let relation = &relations(&block)[0];
        assert_eq!(names(relation)[3..], ["instance_id::", "instance_id:"]);
        assert_eq!(relation.columns[3].options, ["field=instance_id", "missing=x"]);
    }

    #[test]
    fn statements_make_alter_and_drop_and_are_none_when_all_is_there() {
        let old = block(json!({"t": {"schema": {
            "a": {"type": "string", "default": "it's \\ = 1"}, "b": "number"}}, "q\"": {}}));
        let sql = statements("w", &BTreeMap::new(), &relations(&old));
        assert_eq!(sql.len(), 2);
        assert!(sql[0].starts_with("CREATE FOREIGN TABLE \"w\".\"t\" (\n  \"instance_id\" text"));
        assert!(sql[0].contains(r#""a" text OPTIONS ("missing" E'it''s \\ = 1') COLLATE "C""#));
        assert_eq!(statements("w", &made(&old), &relations(&old)), Vec::<String>::new());
        let new = block(json!({"t": {"schema": {
            "a": {"type": "string", "default": "y"}, "b": "datetime", "c": "json"}}}));
        assert_eq!(
            statements("w", &made(&old), &relations(&new)),
            [
                r#"DROP FOREIGN TABLE "w"."q""""#,
                r#"ALTER FOREIGN TABLE "w"."t" ALTER COLUMN "a" OPTIONS (DROP "missing")"#,
                r#"ALTER FOREIGN TABLE "w"."t" ALTER COLUMN "a" OPTIONS (ADD "missing" 'y')"#,
                r#"ALTER FOREIGN TABLE "w"."t" ALTER COLUMN "b" TYPE timestamp(3) with time zone"#,
                r#"ALTER FOREIGN TABLE "w"."t" ADD COLUMN "c" jsonb"#,
            ]
        );
    }

    #[test]
    fn of_a_single_instance_block_columns_tables_or_all_can_be_out_of_reach() {
        let config = json!({"databases": {"app": {"tables": {
            "open": {"schema": {"a": "string"}},
            "part": {"schema": {"a": "string", "b": {"type": "string", "analytics": false}}},
            "shut": {"analytics": false},
        }}}});
        let block = StoredBlock::all_from_json(&config).unwrap().remove(0);
        let reaches: Vec<Reach> = block.tables.iter().map(|t| reach(&block, t)).collect();
        let columns = ["id", "createdAt", "updatedAt", "a"].map(str::to_owned).to_vec();
        assert_eq!(reaches, [Reach::Table, Reach::Columns(columns), Reach::Nothing]);
        assert_eq!(relations(&block), []);
    }
}
