//! Does a key stand twice in an object of a body?
//!
//! JSON leaves open which of two values counts, and most readers take the last: who looks at the
//! first would let pass what is not done. So no key is repeated in an object whose keys mean
//! something here: the body itself, its entries, records, and the operators in their fields. What
//! a field of JSON holds is the client's; there the last value counts, as in JavaScript.

use super::Shape;
use crate::json::{self, Fault};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::fmt;

/// The value of a text, and the first key that is repeated where none may be.
///
/// # Errors
/// What is wrong with the text as JSON.
pub fn parse(text: &[u8], shape: &Shape) -> Result<(Value, Option<String>), Fault> {
    let repeated = RefCell::new(None);
    let value = json::parse_as(text, Reader { keys: Keys::of(shape), repeated: &repeated })?;
    Ok((value, repeated.into_inner()))
}

/// Which keys of a value mean something.
#[derive(Clone, Copy)]
enum Keys<'s> {
    /// Those of its objects, if it is one or a list of them.
    Shape(&'s Shape),
    /// Those of a field's value, if it is an operator.
    Field,
    /// None.
    None,
}

impl<'s> Keys<'s> {
    fn of(shape: &'s Shape) -> Self {
        match shape {
            Shape::Record | Shape::Object(_) | Shape::List { .. } => Self::Shape(shape),
            _ => Self::None,
        }
    }

    /// Of the elements of an array.
    fn of_element(self) -> Self {
        match self {
            Self::Shape(Shape::List { of, .. }) => Self::of(of),
            _ => Self::None,
        }
    }

    /// Of the value that a key has.
    fn under(self, key: &str) -> Self {
        match self {
            Self::Shape(Shape::Record) => Self::Field,
            Self::Shape(Shape::Object(members)) => members
                .iter()
                .find(|member| member.name == key)
                .map_or(Self::None, |member| Self::of(&member.shape)),
            _ => Self::None,
        }
    }

    /// Whether an object with these members may not repeat a key.
    fn count(self, object: &Map<String, Value>) -> bool {
        match self {
            Self::Shape(shape) => matches!(shape, Shape::Record | Shape::Object(_)),
            Self::Field => object.contains_key("$op"),
            Self::None => false,
        }
    }
}

struct Reader<'s> {
    keys: Keys<'s>,
    repeated: &'s RefCell<Option<String>>,
}

impl Reader<'_> {
    fn with<'s>(&'s self, keys: Keys<'s>) -> Reader<'s> {
        Reader { keys, repeated: self.repeated }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.with(self.keys.of_element()))? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        let mut twice = None;
        while let Some(key) = members.next_key::<String>()? {
            let value = members.next_value_seed(self.with(self.keys.under(&key)))?;
            if twice.is_none() && object.contains_key(&key) {
                twice = Some(key.clone());
            }
            object.insert(key, value);
        }
        if twice.is_some() && self.keys.count(&object) {
            self.repeated.borrow_mut().get_or_insert_with(|| twice.unwrap_or_default());
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BATCH, BATCH_BY_FILTER, SQL};
    use super::*;
    use serde_json::json;

    fn repeated(text: &str, shape: &Shape) -> Option<String> {
        let (value, repeated) = parse(text.as_bytes(), shape).unwrap();
        let plain: Value = serde_json::from_str(text).unwrap();
        assert_eq!(value.to_string(), plain.to_string(), "the value is that of any reader");
        repeated
    }

    #[test]
    fn a_key_that_means_something_is_not_repeated() {
        let batch = &Shape::Object(BATCH);
        for (shape, text, key) in [
            (&Shape::Object(BATCH_BY_FILTER), r#"{"limit":1,"filter":[],"limit":2}"#, "limit"),
            (&Shape::Object(BATCH_BY_FILTER), r#"{"update":{"a":1,"a":1}}"#, "a"),
            (&Shape::Object(SQL), r#"{"sql":"a","\u0073ql":"b"}"#, "sql"),
            (&Shape::Object(SQL), r#"{"other":1,"other":2}"#, "other"),
            (batch, r#"{"deletes":["a"],"deletes":["a"]}"#, "deletes"),
            (batch, r#"{"inserts":[{"a":1},{"a":1,"b":2,"a":3}]}"#, "a"),
            (batch, r#"{"updates":[{"id":"a","id":"b","data":{}}]}"#, "id"),
            (batch, r#"{"updates":[{"id":"a","data":{"":1,"":2}}]}"#, ""),
            (&Shape::Record, r#"{"id":"a","id":"b"}"#, "id"),
            (&Shape::Record, r#"{"n":{"$op":"increment","value":1,"value":9}}"#, "value"),
            (&Shape::Record, r#"{"a":1,"a":2,"b":1,"b":2}"#, "a"),
        ] {
            assert_eq!(repeated(text, shape).as_deref(), Some(key), "{text}");
        }
    }

    #[test]
    fn what_a_field_holds_is_the_clients() {
        for (shape, text) in [
            (&Shape::Record, r#"{"a":{"b":1,"b":2},"c":[{"d":1,"d":2}],"A":1}"#),
            (&Shape::Record, r#"{"a":{"b":{"$op":1,"$op":2}},"x":[-1,1.5,1e300,true,null,"t"]}"#),
            (&Shape::Object(SQL), r#"{"params":[{"a":1,"a":2}],"sql":""}"#),
            (&Shape::Object(BATCH), r#"{"inserts":[{"a":1},{"a":1}],"deletes":["a","a"]}"#),
        ] {
            assert_eq!(repeated(text, shape), None, "{text}");
        }
    }

    #[test]
    fn a_text_is_refused_as_by_any_reader() {
        for text in ["", "{", "{} x", "[1e400]", "\"\\ud800\"", &"[".repeat(1000)] {
            let read = parse(text.as_bytes(), &Shape::Record).map(|(value, _)| value);
            assert_eq!(read, json::parse(text.as_bytes()), "{text}");
        }
        assert_eq!(parse(b"[1]", &Shape::Record), Ok((json!([1]), None)));
    }
}
