//! Which shapes do requests and answers have?
//!
//! The named schemas of the OpenAPI document. They are open (further keys are allowed), because a
//! record's fields are the config's.

use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr, Schema};

/// A string.
pub(super) fn text() -> RefOr<Schema> {
    plain(Type::String)
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
                    ("updates", rows()),
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
                    ("action", text()),
                    ("filter", list_of(list_of(RefOr::T(Schema::default())))),
                    ("limit", number()),
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
                    ("params", list_of(RefOr::T(Schema::default()))),
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
            "Error",
            object(
                vec![
                    ("code", number()),
                    ("message", text()),
                    ("slug", text()),
                    ("data", plain(Type::Object)),
                    ("error", text()),
                ],
                &["code", "message"],
            ),
        ),
    ]
}
