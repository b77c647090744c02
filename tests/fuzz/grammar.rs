//! Which requests does the server's own document describe?
//!
//! Operations, parameters and shapes of bodies come from `/openapi.json`. What the document
//! leaves open, because the config decides it, is known here: names of places and of fields, and
//! values that fit these, so that most requests reach the database.

use crate::odd;
use crate::request::Request;
use crate::sql;
use edgebase_tests::encode;
use fastrand::Rng;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;

/// Tables of `fuzz.ts`; the first come up more often.
pub const TABLES: &[&str] = &[
    "open",
    "open",
    "open",
    "native",
    "engine",
    "engine_written",
    "loose",
    "loose",
    "loose_engine",
    "hooked",
    "throwing",
    "signed",
    "closed",
    "keyless",
    "keyless",
    "bare",
    "child",
    "odd \"name\"/ä%2F'😀",
];

/// Its instances: one for everybody, one under a rule that reads, one that cannot be.
pub const INSTANCES: &[&str] = &["a", "a", "ä b/%2F😀", "members", "forbidden"];

/// Ids of records that requests agree on.
pub const IDS: &[&str] =
    &["r0", "r0", "r1", "r1", "r2", "r2", "r3", "A-b_c.d:e@f", "user-1", "a/b"];

/// Fields of the tables, with values that fit them.
pub const FIELDS: &[(&str, &[&str])] = &[
    ("id", &["\"r0\"", "\"r1\"", "\"r2\"", "null"]),
    ("title", &["\"title\"", "\"no\"", "\"Ünï 😀\"", "\"a\""]),
    ("body", &["\"some words\"", "\"\"", "null", "\"title title\""]),
    ("n", &["0", "1", "2", "-1000000", "0.5", "13"]),
    ("rate", &["0", "1e300", "-0.1", "null"]),
    ("flag", &["true", "false", "null"]),
    ("at", &["\"2026-11-30T10:00:00.123Z\"", "\"2026\"", "\"Nov 23, 2026 10:00\"", "null"]),
    ("meta", &["{\"a\":[1,{\"b\":null}]}", "[1,\"x\"]", "\"text\"", "0", "null"]),
    ("kind", &["\"a\"", "\"b\"", "\"ä\""]),
    ("code", &["\"abc\"", "\"z\""]),
    ("looked", &["\"aaa\"", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\""]),
    ("slug", &["\"s0\"", "\"s1\"", "\"s2\"", "\"s3\"", "null"]),
    ("owner", &["\"user-1\"", "\"user-2\"", "null"]),
    ("checked", &["12", "13", "null"]),
    ("parent", &["\"r0\"", "\"s0\"", "\"nowhere\"", "null"]),
    ("createdAt", &["\"2026-11-30T10:00:00.123Z\""]),
    ("updatedAt", &["\"2026-11-30T10:00:00.123Z\""]),
    ("a b", &["\"x\""]),
    ("fi\"eld", &["1.5"]),
    ("select", &["\"words\""]),
    ("o'clock", &["true"]),
    ("😀", &["[]"]),
    ("UPPER", &["\"2026\""]),
    ("upper", &["\"x\""]),
    ("$1?", &["\"x\""]),
];

/// What a request is about: what its names are taken from.
struct Place<'a> {
    seen: &'a Seen,
    is_dynamic: bool,
    table: &'static str,
}

/// What former answers had that later requests may name.
#[derive(Debug, Default)]
pub struct Seen {
    ids: VecDeque<String>,
    cursors: VecDeque<String>,
}

impl Seen {
    /// Takes up ids and cursors.
    pub fn learn(&mut self, body: &Value) {
        let items = body["items"].as_array().into_iter().flatten().take(3);
        for id in items.chain([body]).filter_map(|item| item["id"].as_str()) {
            keep(&mut self.ids, id);
        }
        if let Some(cursor) = body["cursor"].as_str() {
            keep(&mut self.cursors, cursor);
        }
    }
}

fn keep(words: &mut VecDeque<String>, word: &str) {
    if word.len() < 8_000 {
        words.push_back(word.to_owned());
        if words.len() > 32 {
            words.pop_front();
        }
    }
}

/// An operation of the document.
#[derive(Debug)]
pub struct Operation {
    /// Its `operationId`.
    pub id: String,
    method: String,
    path: String,
    query: Vec<(String, Value)>,
    body: Option<Value>,
    weight: usize,
}

/// The document.
#[derive(Debug)]
pub struct Grammar {
    /// Its operations.
    pub operations: Vec<Operation>,
    document: Value,
}

impl Grammar {
    /// Reads `/openapi.json`.
    ///
    /// # Panics
    /// When it is no such document.
    pub fn new(document: Value) -> Self {
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().expect("the document has paths") {
            for (method, operation) in item.as_object().expect("a path has methods") {
                let parameters = operation["parameters"].as_array();
                let query = parameters.into_iter().flatten().filter(|p| p["in"] == "query");
                let named = |p: &Value| {
                    (p["name"].as_str().unwrap_or_default().to_owned(), p["schema"].clone())
                };
                let body = &operation["requestBody"]["content"]["application/json"]["schema"];
                let id = operation["operationId"].as_str().expect("an operation has an id");
                operations.push(Operation {
                    id: id.to_owned(),
                    method: method.to_uppercase(),
                    path: path.clone(),
                    query: query.map(named).collect(),
                    body: (!body.is_null()).then(|| body.clone()),
                    weight: match id {
                        "deleteInstance" => 1,
                        "executeSql" => 50,
                        _ if method == "delete" => 8,
                        _ if path.contains("{table}") => 30,
                        _ => 3,
                    },
                });
            }
        }
        assert!(operations.len() > 20, "the document has lost its operations");
        Self { operations, document }
    }

    /// A request that the document describes.
    pub fn request(&self, rng: &mut Rng, seen: &Seen) -> (&Operation, Request, Value) {
        let all: usize = self.operations.iter().map(|o| o.weight).sum();
        let mut rest = rng.usize(..all);
        let operation = self.operations.iter().find(|o| {
            let is_it = rest < o.weight;
            rest = rest.saturating_sub(o.weight);
            is_it
        });
        let operation = operation.expect("the weights add up");
        let is_dynamic = match operation.body.is_some() && !operation.path.contains('{') {
            true => rng.bool(),
            false => operation.path.contains("{instanceId}"),
        };
        let place = &Place { seen, is_dynamic, table: TABLES[rng.usize(..TABLES.len())] };
        let mut target = String::new();
        for (n, part) in operation.path.split(['{', '}']).enumerate() {
            match n % 2 {
                0 => target.push_str(part),
                _ => target.push_str(&encode(&segment(rng, place, part))),
            }
        }
        let mut separator = '?';
        for (name, schema) in &operation.query {
            if rng.usize(..operation.query.len() + 3) < 3 {
                let value = self.parameter(rng, place, name, schema);
                target.push_str(&format!("{separator}{}={}", encode(name), encode(&value)));
                separator = '&';
            }
        }
        let body = operation
            .body
            .as_ref()
            .map_or(Value::Null, |schema| self.value(rng, place, schema, ""));
        let request = Request {
            method: operation.method.clone(),
            target: target.into_bytes(),
            headers: Vec::new(),
            body: operation.body.as_ref().map(|_| odd::render(&body)),
        };
        (operation, request, body)
    }

    fn parameter(&self, rng: &mut Rng, place: &Place<'_>, name: &str, schema: &Value) -> String {
        match name {
            "filter" | "orFilter" => {
                let conditions = &self.document["components"]["schemas"]["BatchByFilter"];
                let conditions = &conditions["properties"][name];
                let value = self.value(rng, place, conditions, name);
                String::from_utf8(odd::render(&value)).unwrap_or_default()
            }
            "sort" => {
                let keys = (0..rng.usize(1..4))
                    .map(|_| field(rng, place) + ["", ":asc", ":desc", ":DESC"][rng.usize(..4)]);
                let keys: Vec<_> = keys.collect();
                keys.join(",")
            }
            "fields" => {
                (0..rng.usize(1..5)).map(|_| field(rng, place)).collect::<Vec<_>>().join(",")
            }
            "after" | "before" => match (rng.u8(..4), &place.seen.cursors, &place.seen.ids) {
                (0..2, cursors, _) if !cursors.is_empty() => {
                    cursors[rng.usize(..cursors.len())].clone()
                }
                (2, _, ids) if !ids.is_empty() => ids[rng.usize(..ids.len())].clone(),
                (3, ..) => odd::text(rng),
                _ => IDS[rng.usize(..IDS.len())].to_owned(),
            },
            "search" | "q" => ["title", "words", "some words", "ü", "%_", "a b c d e f g h i j k"]
                [rng.usize(..6)]
            .to_owned(),
            "conflictTarget" => ["slug", "id", "title", "nope"][rng.usize(..4)].to_owned(),
            _ => match self.value(rng, place, schema, name) {
                Value::String(text) => text,
                other => other.to_string(),
            },
        }
    }

    /// A value of a schema; `name` is what it is called where it stands.
    fn value(&self, rng: &mut Rng, place: &Place<'_>, schema: &Value, name: &str) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            let reference = reference.rsplit('/').next().unwrap_or_default();
            if reference == "Record" {
                return record(rng, place);
            }
            return self.value(
                rng,
                place,
                &self.document["components"]["schemas"][reference],
                name,
            );
        }
        if let Some(words) = schema["enum"].as_array() {
            return words[rng.usize(..words.len())].clone();
        }
        if let Some(parts) = schema["prefixItems"].as_array() {
            return condition(rng, place, parts);
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds[rng.usize(..kinds.len())].as_str(),
            kind => kind.as_str(),
        };
        match kind {
            Some("object") => {
                let mut object = Map::new();
                let required = schema["required"].as_array();
                let properties = schema["properties"].as_object();
                for (key, schema) in properties.into_iter().flatten() {
                    let is_required = required.is_some_and(|r| r.contains(&json!(key)));
                    if is_required || rng.u8(..3) > 0 {
                        object.insert(key.clone(), self.value(rng, place, schema, key));
                    }
                }
                if let Some(statement) = object.get("sql").and_then(Value::as_str) {
                    let params = sql::params(rng, statement);
                    object.insert("params".into(), params);
                    if place.is_dynamic {
                        object.insert("id".into(), json!(segment(rng, place, "instanceId")));
                    } else if rng.u8(..9) > 0 {
                        object.remove("id");
                    }
                }
                if object.get("action") == Some(&json!("delete")) {
                    object.remove("update");
                }
                Value::Object(object)
            }
            Some("array") => {
                let least = schema["minItems"].as_u64().unwrap_or_default();
                let most = schema["maxItems"].as_u64().unwrap_or(4).clamp(least, least + 4);
                (0..rng.u64(least..=most))
                    .map(|_| self.value(rng, place, &schema["items"], name))
                    .collect()
            }
            Some("integer" | "number") => {
                #[allow(clippy::cast_possible_truncation)] // a small bound
                let least = schema["minimum"].as_f64().unwrap_or(-5.0) as i64;
                json!(least + rng.i64(0..12))
            }
            Some("boolean") => json!(rng.bool()),
            Some("null") => Value::Null,
            Some("string") => match name {
                "sql" => json!(sql::statement(rng)),
                "namespace" => json!(segment(rng, place, name)),
                "id" | "deletes" => json!(segment(rng, place, "id")),
                _ => json!(odd::text(rng)),
            },
            _ => odd::any(rng),
        }
    }
}

/// A segment of a path: a name that exists most of the time.
fn segment(rng: &mut Rng, place: &Place<'_>, name: &str) -> String {
    let seen = place.seen;
    if rng.u8(..40) == 0 {
        return format!("x{}", odd::text(rng));
    }
    match name {
        "namespace" if rng.u8(..20) == 0 => "Odd \"block\"/%😀".to_owned(),
        "namespace" => (if place.is_dynamic { "space" } else { "app" }).to_owned(),
        "instanceId" => INSTANCES[rng.usize(..INSTANCES.len())].to_owned(),
        "table" => place.table.to_owned(),
        _ if rng.u8(..5) == 0 && !seen.ids.is_empty() => {
            seen.ids[rng.usize(..seen.ids.len())].clone()
        }
        _ => IDS[rng.usize(..IDS.len())].to_owned(),
    }
}

fn field(rng: &mut Rng, place: &Place<'_>) -> String {
    let all = match place.table {
        _ if rng.u8(..40) == 0 => return odd::text(rng),
        "keyless" => &["n", "title", "slug", "meta", "at"][..],
        "bare" => &["n"],
        "child" => &["id", "title", "parent", "createdAt"],
        table if table.starts_with("odd") => {
            &["id", "a b", "fi\"eld", "select", "o'clock", "😀", "UPPER", "upper", "$1?"]
        }
        _ => &[
            "id",
            "title",
            "body",
            "n",
            "rate",
            "flag",
            "at",
            "meta",
            "kind",
            "code",
            "looked",
            "slug",
            "owner",
            "checked",
            "createdAt",
            "updatedAt",
        ],
    };
    all[rng.usize(..all.len())].to_owned()
}

fn fitting(rng: &mut Rng, name: &str) -> Value {
    let fit = FIELDS.iter().find(|(field, _)| *field == name);
    match fit.filter(|_| rng.u8(..12) > 0) {
        Some((_, values)) => serde_json::from_str(values[rng.usize(..values.len())]).expect("JSON"),
        None => odd::any(rng),
    }
}

/// A record of any table: what a table does not know is dropped, or kept where there is no schema.
fn record(rng: &mut Rng, place: &Place<'_>) -> Value {
    let mut record = Map::new();
    record.insert("title".into(), fitting(rng, "title"));
    if rng.u8(..4) > 0 {
        record.insert("id".into(), json!(segment(rng, place, "id")));
    }
    for _ in 0..rng.usize(..6) {
        let name = field(rng, place);
        let value = match rng.u8(..15) {
            0 => json!({"$op": "increment", "value": rng.i32(-2..3)}),
            1 => json!({"$op": "deleteField"}),
            _ => fitting(rng, &name),
        };
        record.insert(name, value);
    }
    Value::Object(record)
}

fn condition(rng: &mut Rng, place: &Place<'_>, parts: &[Value]) -> Value {
    let name = field(rng, place);
    let operators = parts.get(1).and_then(|p| p["enum"].as_array());
    let operator = operators.map_or_else(|| json!("=="), |all| all[rng.usize(..all.len())].clone());
    let operand = match operator.as_str() {
        Some("in" | "not in" | "not-in" | "contains-any") => {
            (0..rng.usize(..4)).map(|_| fitting(rng, &name)).collect()
        }
        Some("contains") => match fitting(rng, &name) {
            Value::String(text) => json!(text),
            other => json!(other.to_string()),
        },
        Some("is null" | "is not null") if rng.bool() => return json!([name, operator]),
        _ => fitting(rng, &name),
    };
    json!([name, operator, operand])
}
