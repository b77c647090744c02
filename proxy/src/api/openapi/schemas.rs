//! Which shapes do requests and answers have?
//!
//! The named schemas of the OpenAPI document. Those of answers and records are open (further keys
//! are allowed), because a record's fields are the config's. Those of bodies with keys of their own
//! come from the tables by which bodies are read, and are closed.

use crate::http::parameters::{self, Kind, Member, Shape};
use crate::query::filter::OPERATORS;
use serde_json::{Value, json};
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr, Schema};

/// A string.
pub(super) fn text() -> RefOr<Schema> {
    plain(Type::String)
}

/// A segment of a path.
pub(super) fn segment() -> RefOr<Schema> {
    RefOr::T(Schema::Object(
        ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).build(),
    ))
}

/// The value of a query parameter.
pub(super) fn query(kind: &Kind) -> RefOr<Schema> {
    match kind {
        Kind::Integer { least, .. } => at_least(*least),
        Kind::Boolean { .. } => plain(Type::Boolean),
        Kind::Text { may_be_empty: true } => text(),
        Kind::Names { most } => names(*most),
        Kind::Conditions | Kind::Text { .. } => segment(),
    }
}

/// So many names at most, separated by commas.
fn names(most: usize) -> RefOr<Schema> {
    let name = r"\s*[^,\s][^,]*";
    let pattern = format!("^{name}(,{name}){{0,{}}}$", most - 1);
    let names = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    let names = names.pattern(Some(pattern));
    RefOr::T(Schema::Object(names.build()))
}

/// The body with these keys.
fn body(members: &[Member]) -> RefOr<Schema> {
    let none = AdditionalProperties::FreeForm(false);
    let mut object =
        ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(none));
    for member in members {
        object = object.property(member.name, value(&member.shape));
        if member.required {
            object = object.required(member.name);
        }
    }
    RefOr::T(Schema::Object(object.build()))
}

/// The value of a key of a body.
fn value(shape: &Shape) -> RefOr<Schema> {
    match shape {
        Shape::Text => text(),
        Shape::Id => segment(),
        Shape::Choice(words) => RefOr::T(choice(words)),
        Shape::Limit => {
            let kinds = SchemaType::Array(vec![Type::Integer, Type::Null]);
            let number = ObjectBuilder::new().schema_type(kinds).minimum(Some(0));
            RefOr::T(Schema::Object(number.build()))
        }
        Shape::Record => RefOr::Ref(Ref::from_schema_name("Record")),
        Shape::Object(members) => body(members),
        Shape::Conditions { least, most } => conditions(*least, *most),
        Shape::List { of, most } => RefOr::T(Schema::Array(
            ArrayBuilder::new().items(value(of)).max_items(Some(*most)).build(),
        )),
        Shape::Any => RefOr::T(anything()),
    }
}

fn at_least(least: i64) -> RefOr<Schema> {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least));
    RefOr::T(Schema::Object(number.build()))
}

fn choice(words: &[&str]) -> Schema {
    let words = words.iter().copied();
    Schema::Object(ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build())
}

/// `[field, operator, value]`.
fn condition() -> RefOr<Schema> {
    let field = Schema::Object(ObjectBuilder::new().schema_type(Type::String).build());
    let parts = [field, choice(&OPERATORS), anything()];
    RefOr::T(Schema::Array(
        ArrayBuilder::new().prefix_items(parts).min_items(Some(2)).max_items(Some(3)).build(),
    ))
}

fn conditions(least: usize, most: usize) -> RefOr<Schema> {
    RefOr::T(Schema::Array(
        ArrayBuilder::new().items(condition()).min_items(Some(least)).max_items(Some(most)).build(),
    ))
}

fn anything() -> Schema {
    Schema::Object(ObjectBuilder::new().schema_type(SchemaType::AnyValue).build())
}

fn plain(kind: Type) -> RefOr<Schema> {
    RefOr::T(Schema::Object(ObjectBuilder::new().schema_type(kind).build()))
}

fn nullable(kind: Type) -> RefOr<Schema> {
    RefOr::T(Schema::Object(
        ObjectBuilder::new().schema_type(SchemaType::Array(vec![kind, Type::Null])).build(),
    ))
}

fn list_of(schema: RefOr<Schema>) -> RefOr<Schema> {
    RefOr::T(Schema::Array(ArrayBuilder::new().items(schema).build()))
}

fn object(properties: Vec<(&str, RefOr<Schema>)>, required: &[&str]) -> RefOr<Schema> {
    let open = AdditionalProperties::FreeForm(true);
    let mut object =
        ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(open));
    for (name, schema) in properties {
        object = object.property(name, schema);
    }
    for name in required {
        object = object.required(*name);
    }
    RefOr::T(Schema::Object(object.build()))
}

/// A body of that shape, which tools show and try.
pub(super) fn example(schema: &str) -> Option<Value> {
    match schema {
        "Batch" => Some(json!({
            "inserts": [{"title": "new"}],
            "updates": [{"id": "one", "data": {"title": "changed"}}],
            "deletes": ["two"]
        })),
        "BatchByFilter" => Some(json!({
            "action": "update", "filter": [["id", "==", "one"]], "update": {"title": "changed"}
        })),
        "Sql" => Some(json!({"namespace": "app", "sql": "SELECT 1 AS a, ? AS b", "params": ["x"]})),
        _ => None,
    }
}

/// Every schema by name.
pub(super) fn schemas() -> Vec<(&'static str, RefOr<Schema>)> {
    let record = || RefOr::Ref(Ref::from_schema_name("Record"));
    let number = || plain(Type::Integer);
    let page = || {
        vec![
            ("items", list_of(record())),
            ("total", nullable(Type::Integer)),
            ("hasMore", plain(Type::Boolean)),
            ("cursor", nullable(Type::String)),
            ("page", nullable(Type::Integer)),
            ("perPage", number()),
        ]
    };
    let rows = || list_of(plain(Type::Object));
    vec![
        ("Record", object(vec![], &[])),
        ("List", object(page(), &["items", "total", "hasMore", "cursor", "page", "perPage"])),
        ("SearchResult", object(page(), &["items"])),
        ("Count", object(vec![("total", number())], &["total"])),
        ("Deleted", object(vec![("deleted", plain(Type::Boolean))], &["deleted"])),
        ("Batch", body(parameters::BATCH)),
        (
            "BatchResult",
            object(
                vec![
                    ("inserted", list_of(record())),
                    ("updated", list_of(record())),
                    ("deleted", number()),
                ],
                &[],
            ),
        ),
        ("BatchByFilter", body(parameters::BATCH_BY_FILTER)),
        (
            "BatchByFilterResult",
            object(
                vec![("processed", number()), ("succeeded", number())],
                &["processed", "succeeded"],
            ),
        ),
        (
            "Receipt",
            object(
                vec![("rows", number()), ("bytes", number()), ("digest", text())],
                &["rows", "bytes", "digest"],
            ),
        ),
        ("Sql", body(parameters::SQL)),
        (
            "SqlResult",
            object(
                vec![
                    ("rows", rows()),
                    ("items", rows()),
                    ("results", rows()),
                    ("columns", list_of(text())),
                    ("rowCount", number()),
                ],
                &["rows", "items", "results", "columns", "rowCount"],
            ),
        ),
        (
            "Health",
            object(
                vec![("status", text()), ("version", text()), ("timestamp", text())],
                &["status", "version", "timestamp"],
            ),
        ),
        ("Ready", object(vec![("status", text())], &["status"])),
        ("Tables", object(vec![("tables", plain(Type::Object))], &["tables"])),
        ("Config", object(vec![("captcha", nullable(Type::Object))], &["captcha"])),
        (
            "Error",
            object(
                vec![
                    ("code", number()),
                    ("message", text()),
                    ("slug", text()),
                    ("data", plain(Type::Object)),
                    ("error", text()),
                    ("group", text()),
                ],
                &["code", "message"],
            ),
        ),
    ]
}
