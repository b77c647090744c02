//! Which shapes do requests and answers have?
//!
//! The named schemas of the OpenAPI document. They are open (further keys are allowed), because a
//! record's fields are the config's.

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
pub(super) fn query(name: &str) -> RefOr<Schema> {
    match name {
        "limit" | "perPage" | "offset" => at_least(0),
        "page" => at_least(1),
        "upsert" | "includeTotal" => plain(Type::Boolean),
        _ => text(),
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

/// The operators of a filter (contract 11).
const OPERATORS: [&str; 13] = [
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
        (
            "Batch",
            object(
                vec![
                    ("inserts", list_of(record())),
                    (
                        "updates",
                        list_of(object(
                            vec![("id", segment()), ("data", record())],
                            &["id", "data"],
                        )),
                    ),
                    ("deletes", list_of(text())),
                ],
                &[],
            ),
        ),
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
        (
            "BatchByFilter",
            object(
                vec![
                    ("action", RefOr::T(choice(&["update", "delete"]))),
                    ("filter", conditions(1, 100)),
                    ("orFilter", conditions(0, 5)),
                    ("update", record()),
                    ("limit", at_least(0)),
                ],
                &["action", "filter"],
            ),
        ),
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
        (
            "Sql",
            object(
                vec![
                    ("namespace", text()),
                    ("id", text()),
                    ("sql", text()),
                    ("params", list_of(RefOr::T(anything()))),
                ],
                &["namespace", "sql"],
            ),
        ),
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
