//! Which configs, and which rows in them?
//!
//! Two configs are drawn independently from few names, so that they overlap: a table or field of
//! the one is there in the other, or is not, or has another type or other options. Most fields
//! have the type that goes with their name, or there would be nothing but retypings. Names are the
//! ones that break what does not quote.

use edgebase_tests::sql::ident;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

pub const TABLES: [&str; 3] = ["t", "Mixed Case", "sp\"ecial"];
/// Each with the type it mostly has.
pub const FIELDS: [(&str, &str); 6] = [
    ("a", "string"),
    ("n", "number"),
    ("c d", "datetime"),
    ("e\"f", "text"),
    ("it's", "boolean"),
    ("😀", "json"),
];
const TYPES: [&str; 6] = ["string", "text", "number", "boolean", "datetime", "json"];

/// Tables by name, as the config spells them.
pub type Tables = Map<String, Value>;
/// For each table its rows, for each row a number per field that chooses its value.
pub type Rows = Vec<Vec<[u8; FIELDS.len()]>>;

/// Some value of the type.
pub fn value(kind: &str, choice: u8) -> Value {
    let choice = usize::from(choice);
    let texts = ["x", "7", "true", "2024-05-06T07:08:09.010Z", "it's", "längér \\ \"q\"", ""];
    match kind {
        "number" => [json!(0), json!(1.5), json!(-3), json!(1e15), json!(7)][choice % 5].clone(),
        "boolean" => json!(choice.is_multiple_of(2)),
        "datetime" => json!(
            ["2024-05-06T07:08:09.010Z", "1969-12-31T23:59:59.999Z", "2030-01-01T00:00:00.000Z"]
                [choice % 3]
        ),
        "json" => [json!({"k": [1, null]}), json!("7"), json!(3), json!([true]), json!(false)]
            [choice % 5]
            .clone(),
        _ => json!(texts[choice % texts.len()]),
    }
}

fn often(chance: f64) -> impl Strategy<Value = bool> {
    prop::bool::weighted(chance)
}

fn field(name: &'static str, home: &'static str) -> impl Strategy<Value = Value> {
    let kind = prop_oneof![5 => Just(home), 1 => prop::sample::select(&TYPES[..])];
    let flags = (often(0.2), often(0.15), often(0.3), often(0.15), often(0.15), often(0.15));
    let more = (often(0.15), often(0.3), any::<u8>(), prop::sample::select(&TABLES[..]));
    (kind, flags, more).prop_map(move |(kind, flags, more)| {
        let (required, unique, default, min, max, choices) = flags;
        let (check, refers, choice, table) = more;
        let mut field = json!({"type": kind});
        let text = matches!(kind, "string" | "text");
        let measured = text || kind == "number";
        let mut set = |on: bool, key: &str, value: Value| {
            if on {
                field[key] = value;
            }
        };
        set(required, "required", json!(true));
        set(unique, "unique", json!(true));
        set(default, "default", value(kind, choice));
        set(min && measured, "min", json!(i32::from(choice % 2) - 3));
        set(max && measured, "max", json!(8 + choice % 2));
        set(choices && text, "enum", json!(["x", "7", "it's", "r1", "true"]));
        let column = ident(name);
        set(
            check,
            "check",
            match kind {
                "number" => json!(format!("{column} > -100 -- not that low")),
                "string" | "text" => json!(format!("{column} <> 'zzz'")),
                _ => json!(format!("{column} IS NULL OR length({column}::text) < 200")),
            },
        );
        let column = if choice % 3 == 0 { "a" } else { "id" };
        let action = ["CASCADE", "SET NULL", "RESTRICT", "NO ACTION"][usize::from(choice) % 4];
        set(
            refers && text,
            "references",
            json!({"table": table, "column": column, "onDelete": action}),
        );
        with_fitting_default(field)
    })
}

fn table() -> impl Strategy<Value = Value> {
    let fields: Vec<_> =
        FIELDS.iter().map(|(name, home)| prop::option::weighted(0.65, field(name, home))).collect();
    let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).chain(["createdAt"]).collect();
    let index = (prop::sample::subsequence(names.clone(), 1..3), often(0.3));
    let auto = (often(0.1), often(0.15), often(0.15));
    let parts =
        (fields, auto, prop::collection::vec(index, 0..3), prop::sample::subsequence(names, 0..3));
    let with_schema = parts.prop_map(|(fields, (id, created, updated), indexes, fts)| {
        let mut schema = Map::new();
        for ((name, _), field) in FIELDS.iter().zip(fields) {
            schema.extend(field.map(|f| ((*name).to_owned(), f)));
        }
        let auto = [("id", id), ("createdAt", created), ("updatedAt", updated)];
        let off: Vec<&str> = auto.iter().filter(|(_, off)| *off).map(|(name, _)| *name).collect();
        let there = |f: &&str| schema.contains_key(*f) || (*f == "createdAt" && !created);
        let indexes: Vec<Value> = indexes
            .iter()
            .map(|(fields, unique)| {
                (fields.iter().filter(|f| there(f)).collect::<Vec<_>>(), unique)
            })
            .filter(|(fields, _)| !fields.is_empty())
            .map(|(fields, unique)| json!({"fields": fields, "unique": unique}))
            .collect();
        let fts: Vec<&&str> = fts.iter().filter(|f| there(f)).collect();
        let (indexes, fts) = (json!(indexes), json!(fts));
        schema.extend(off.iter().map(|name| ((*name).to_owned(), json!(false))));
        json!({"schema": schema, "indexes": indexes, "fts": fts})
    });
    prop_oneof![5 => with_schema, 1 => Just(json!({}))]
}

/// Takes away a default that the field's own options refuse, as a config with it would be.
fn with_fitting_default(mut field: Value) -> Value {
    let mut alone = field.clone();
    alone.as_object_mut().expect("an object").remove("references");
    let config = json!({"databases": {"b": {"tables": {"t": {"schema": {"f": alone}}}}}});
    if edgebase_blocks::Config::from_json(&config).is_err() {
        field.as_object_mut().expect("an object").remove("default");
    }
    field
}

/// Takes away references that lead nowhere in these tables.
fn without_dangling(mut tables: Tables) -> Tables {
    let all = tables.clone();
    for table in tables.values_mut() {
        let Some(schema) = table.get_mut("schema").and_then(Value::as_object_mut) else { continue };
        for field in schema.values_mut() {
            let Some(reference) = field.get("references") else { continue };
            let target = reference["table"].as_str().and_then(|t| all.get(t));
            let column = target.map(|t| &t["schema"]["a"]);
            let kept = match reference["column"].as_str() {
                Some("id") => target.is_some(),
                _ => column.is_some_and(|c| {
                    c["unique"] == true && matches!(c["type"].as_str(), Some("string" | "text"))
                }),
            };
            if !kept && let Some(field) = field.as_object_mut() {
                field.remove("references");
            }
        }
    }
    tables
}

/// The tables of a block.
pub fn tables() -> impl Strategy<Value = Tables> {
    let each: Vec<_> = TABLES.iter().map(|_| prop::option::weighted(0.7, table())).collect();
    each.prop_map(|each| {
        let named = TABLES.iter().zip(each);
        without_dangling(named.filter_map(|(n, t)| Some(((*n).to_owned(), t?))).collect())
    })
}

/// Rows for any block.
pub fn rows() -> impl Strategy<Value = Rows> {
    let row = any::<[u8; FIELDS.len()]>();
    prop::collection::vec(prop::collection::vec(row, 0..5), TABLES.len())
}

/// The record with that number in a table, for its columns.
pub fn record(table: &Value, number: usize, choices: &[u8; FIELDS.len()]) -> Value {
    let mut record = json!({"id": format!("r{number}")});
    let schema = &table["schema"];
    for auto in ["createdAt", "updatedAt"] {
        if schema[auto] != false {
            record[auto] = json!("2020-01-01T00:00:00Z");
        }
    }
    let mut fields = Map::new();
    for ((name, home), choice) in FIELDS.iter().zip(choices) {
        let field = &schema[*name];
        let absent = choice % 4 == 3 && field["required"] != true;
        if absent || (schema.is_object() && field.is_null()) {
            continue;
        }
        let kind = field["type"].as_str().unwrap_or(if *choice == 0 { "json" } else { home });
        let value = match field.get("references") {
            Some(_) => json!(format!("r{}", choice % 3)),
            None => value(kind, *choice),
        };
        fields.insert((*name).to_owned(), value);
    }
    match schema.is_object() {
        true => record.as_object_mut().expect("an object").extend(fields),
        false => record["_doc"] = Value::Object(fields),
    }
    record
}
