//! What is a field of a table?
//!
//! Its type and options (contract 7.1), in the config's two spellings and normalised. After
//! validation its name is a legal identifier and its options fit its type.

mod validate;

use crate::datetime::Moment;
use serde::{Deserialize, Serialize};
use serde_json::Value;
pub(crate) use validate::shown;

/// The six field types (contract 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    /// Short text.
    String,
    /// Long text; stored like `string`.
    Text,
    /// A double precision number.
    Number,
    /// True or false.
    Boolean,
    /// A point in time, kept to the millisecond.
    Datetime,
    /// Any JSON value.
    Json,
}

impl FieldType {
    /// The column type it is stored as (contract 7.3; text compares by code unit, hence `"C"`).
    #[must_use]
    pub fn sql(self) -> &'static str {
        match self {
            Self::String | Self::Text => "text COLLATE \"C\"",
            Self::Number => "double precision",
            Self::Boolean => "boolean",
            Self::Datetime => "timestamptz(3)",
            Self::Json => "jsonb",
        }
    }

    /// The type without collation, as a cast names it.
    #[must_use]
    pub fn sql_name(self) -> &'static str {
        match self {
            Self::String | Self::Text => "text",
            other => other.sql(),
        }
    }

    /// Its name in the config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Text => "text",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Datetime => "datetime",
            Self::Json => "json",
        }
    }

    /// Whether values are text.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::String | Self::Text)
    }
}

/// What a foreign key does when the row it points at goes or changes its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReferenceAction {
    /// The referring rows go too.
    #[serde(rename = "CASCADE", alias = "cascade", alias = "Cascade")]
    Cascade,
    /// The reference becomes null.
    #[serde(rename = "SET NULL", alias = "set null", alias = "setNull", alias = "SetNull")]
    SetNull,
    /// The reference becomes its default.
    #[serde(rename = "SET DEFAULT", alias = "set default", alias = "setDefault")]
    SetDefault,
    /// Refused at once.
    #[serde(rename = "RESTRICT", alias = "restrict")]
    Restrict,
    /// Refused at the end of the statement.
    #[serde(rename = "NO ACTION", alias = "no action", alias = "noAction")]
    NoAction,
}

impl ReferenceAction {
    /// The words of the DDL.
    #[must_use]
    pub fn sql(self) -> &'static str {
        match self {
            Self::Cascade => "CASCADE",
            Self::SetNull => "SET NULL",
            Self::SetDefault => "SET DEFAULT",
            Self::Restrict => "RESTRICT",
            Self::NoAction => "NO ACTION",
        }
    }
}

/// A foreign key into a table of the same block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reference {
    /// The table pointed at.
    pub table: String,
    /// Its column, `id` unless stated.
    #[serde(default = "id_column")]
    pub column: String,
    /// On deletion of the row pointed at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_delete: Option<ReferenceAction>,
    /// On change of its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_update: Option<ReferenceAction>,
}

fn id_column() -> String {
    "id".into()
}

impl Reference {
    /// Tables of the original's own auth: references to them are kept as notes, not enforced
    /// (contract 7.1).
    #[must_use]
    pub fn is_logical(&self) -> bool {
        matches!(self.table.as_str(), "users" | "_users" | "_users_public")
    }

    /// `'posts'` sets null on delete, `'posts(col)'` cascades (contract 7.1).
    fn from_text(text: &str) -> Self {
        match text.strip_suffix(')').and_then(|t| t.split_once('(')) {
            Some((table, column)) => Self {
                table: table.trim().to_owned(),
                column: column.trim().to_owned(),
                on_delete: Some(ReferenceAction::Cascade),
                on_update: None,
            },
            None => Self {
                table: text.trim().to_owned(),
                column: id_column(),
                on_delete: Some(ReferenceAction::SetNull),
                on_update: None,
            },
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum ReferenceSpelling {
    Short(String),
    Long(Reference),
}

/// One field of a table, normalised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// The column's name, letter for letter.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// Present and not null on insert; never null.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// Used on insert when the key is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Unique within the table.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unique: bool,
    /// Least length in UTF-16 units, or least value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Greatest length or value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// A JavaScript regular expression the text must match; checked over HTTP only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The texts allowed.
    #[serde(default, rename = "enum", skip_serializing_if = "Option::is_none")]
    pub choices: Option<Vec<String>>,
    /// `onUpdate: 'now'`: set by the server at every update.
    #[serde(default, skip_serializing_if = "is_false")]
    pub touched_on_update: bool,
    /// Foreign key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub references: Option<Reference>,
    /// An SQL condition on the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// `analytics: false`: analysts do not see it. Has no consequence for instances.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hidden: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
pub(crate) fn is_false(b: &bool) -> bool {
    !b
}

/// A field as the config spells it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FieldSpec {
    #[serde(rename = "type")]
    kind: FieldType,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    default: Option<Value>,
    #[serde(default)]
    unique: bool,
    #[serde(default)]
    min: Option<f64>,
    #[serde(default)]
    max: Option<f64>,
    #[serde(default)]
    pattern: Option<String>,
    #[serde(default, rename = "enum")]
    choices: Option<Vec<String>>,
    #[serde(default)]
    on_update: Option<OnUpdate>,
    #[serde(default)]
    references: Option<ReferenceSpelling>,
    #[serde(default)]
    check: Option<String>,
    #[serde(default, rename = "primaryKey")]
    _primary_key: bool,
    #[serde(default = "yes")]
    analytics: bool,
}

/// What `analytics` is when the config does not say.
pub(crate) fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum OnUpdate {
    #[serde(rename = "now")]
    Now,
}

/// `{type: ...}`, `'string'`, or `false` for an auto field.
#[derive(Clone, Debug)]
pub(crate) enum FieldSpelling {
    Long(Box<FieldSpec>),
    Short(FieldType),
    Off,
}

impl<'de> Deserialize<'de> for FieldSpelling {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::{Error, MapAccess, Visitor, value};
        struct SpellingVisitor;
        impl<'de> Visitor<'de> for SpellingVisitor {
            type Value = FieldSpelling;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a field: {type: 'string', ...}, or a type's name, or false to switch an auto field off")
            }

            fn visit_bool<E: Error>(self, on: bool) -> Result<FieldSpelling, E> {
                if on {
                    Err(E::invalid_value(serde::de::Unexpected::Bool(on), &self))
                } else {
                    Ok(FieldSpelling::Off)
                }
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<FieldSpelling, E> {
                FieldType::deserialize(value::StrDeserializer::new(text)).map(FieldSpelling::Short)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FieldSpelling, A::Error> {
                FieldSpec::deserialize(value::MapAccessDeserializer::new(map))
                    .map(|spec| FieldSpelling::Long(Box::new(spec)))
            }
        }
        deserializer.deserialize_any(SpellingVisitor)
    }
}

impl FieldSpelling {
    pub(crate) fn into_field(self, name: String) -> Option<Field> {
        let plain = |kind| Field {
            name: String::new(),
            kind,
            required: false,
            default: None,
            unique: false,
            min: None,
            max: None,
            pattern: None,
            choices: None,
            touched_on_update: false,
            references: None,
            check: None,
            hidden: false,
        };
        match self {
            Self::Off => None,
            Self::Short(kind) => Some(Field { name, ..plain(kind) }),
            Self::Long(spec) => Some(Field {
                name,
                kind: spec.kind,
                required: spec.required,
                // `default: null` says what an absent key means anyway.
                default: spec.default.filter(|v| !v.is_null()),
                unique: spec.unique,
                min: spec.min,
                max: spec.max,
                pattern: spec.pattern,
                choices: spec.choices,
                touched_on_update: spec.on_update.is_some(),
                references: spec.references.map(|r| match r {
                    ReferenceSpelling::Short(text) => Reference::from_text(&text),
                    ReferenceSpelling::Long(reference) => reference,
                }),
                check: spec.check,
                hidden: !spec.analytics,
            }),
        }
    }
}

impl Field {
    /// The default as the database keeps it: a point in time is written in one way.
    #[must_use]
    pub fn stored_default(&self) -> Option<Value> {
        let value = self.default.clone()?;
        let moment = match self.kind {
            FieldType::Datetime => value.as_str().and_then(Moment::parse),
            _ => None,
        };
        Some(moment.map_or(value, |moment| moment.to_string().into()))
    }
}
