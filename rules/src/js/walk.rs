//! What does the default export hold, as JSON and functions?
//!
//! The engine's objects become JSON with functions replaced by their numbers; a number is the
//! order in which the walk meets the function, so every thread that evaluates the same config
//! numbers alike.

use boa_engine::builtins::date::Date;
use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsFunction;
use boa_engine::property::PropertyKey;
use boa_engine::{Context, JsValue, JsVariant};
use edgebase_blocks::rule::FUNCTION_MARKER;
use serde_json::{Map, Value};

/// Keys from the top.
type Path = Vec<String>;

/// A mistake and the path of keys that leads to it.
pub(crate) struct Misplaced {
    pub path: Path,
    pub message: String,
}

/// The default export, taken apart.
#[derive(Default)]
pub(crate) struct Walked {
    pub functions: Vec<(Path, JsFunction)>,
}

const DEEPEST: usize = 100;

/// Walks a value.
pub(crate) fn walk(value: &JsValue, context: &mut Context) -> Result<(Value, Walked), Misplaced> {
    let mut walk = Walk { path: Vec::new(), above: Vec::new(), walked: Walked::default() };
    if value.is_callable() {
        return Err(walk.misplaced("the default export must be an object, not a function"));
    }
    match walk.value(value, context)? {
        Some(json @ Value::Object(_)) => Ok((json, walk.walked)),
        _ => Err(walk.misplaced("the default export must be an object")),
    }
}

struct Walk {
    path: Path,
    above: Vec<JsObject>,
    walked: Walked,
}

impl Walk {
    fn misplaced(&self, message: impl Into<String>) -> Misplaced {
        Misplaced { path: self.path.clone(), message: message.into() }
    }

    /// `None` for `undefined`, which counts as absent.
    fn value(&mut self, v: &JsValue, context: &mut Context) -> Result<Option<Value>, Misplaced> {
        Ok(Some(match v.variant() {
            JsVariant::Undefined => return Ok(None),
            JsVariant::Null => Value::Null,
            JsVariant::Boolean(b) => Value::Bool(b),
            JsVariant::Integer32(n) => Value::from(n),
            JsVariant::Float64(n) if n.is_finite() => crate::fast::number_to_json(n),
            JsVariant::Float64(n) => {
                return Err(self.misplaced(format!("{n} is not a JSON number")));
            }
            JsVariant::String(s) => match s.to_std_string() {
                Ok(text) => Value::String(text),
                Err(_) => return Err(self.misplaced("a string here holds half a character")),
            },
            JsVariant::BigInt(_) => return Err(self.misplaced("a BigInt cannot stand here")),
            JsVariant::Symbol(_) => return Err(self.misplaced("a symbol cannot stand here")),
            JsVariant::Object(object) => {
                if let Some(function) = JsFunction::from_object(object.clone()) {
                    let number = self.walked.functions.len();
                    self.walked.functions.push((self.path.clone(), function));
                    return Ok(Some(serde_json::json!({ FUNCTION_MARKER: number })));
                }
                self.object(&object, context)?
            }
        }))
    }

    fn object(&mut self, object: &JsObject, context: &mut Context) -> Result<Value, Misplaced> {
        if self.above.len() >= DEEPEST || self.above.iter().any(|o| JsObject::equals(o, object)) {
            return Err(self.misplaced("this is nested too deeply or contains itself"));
        }
        if JsValue::from(object.clone()).is_promise() {
            return Err(self.misplaced("a promise cannot stand here; await it at the top level"));
        }
        if object.is::<Date>() {
            return Err(self.misplaced("a Date cannot stand here; write it as a string"));
        }
        if JsValue::from(object.clone()).is_regexp() {
            return Err(self.misplaced("a regular expression cannot stand here"));
        }
        self.above.push(object.clone());
        let result = if object.is_array() {
            self.array(object, context)
        } else {
            self.properties(object, context)
        };
        self.above.pop();
        result
    }

    fn array(&mut self, array: &JsObject, context: &mut Context) -> Result<Value, Misplaced> {
        let length =
            self.property(array, PropertyKey::from(boa_engine::js_string!("length")), context)?;
        let length = length.as_number().unwrap_or(0.0) as u32;
        let mut items = Vec::new();
        for i in 0..length {
            if super::slice::is_over() {
                return Err(self.misplaced("the config takes too long to read"));
            }
            self.path.push(i.to_string());
            let item = self.property(array, PropertyKey::from(i), context)?;
            items.push(self.value(&item, context)?.unwrap_or_default());
            self.path.pop();
        }
        Ok(Value::Array(items))
    }

    fn properties(&mut self, object: &JsObject, context: &mut Context) -> Result<Value, Misplaced> {
        let keys = object
            .own_property_keys(context)
            .map_err(|e| self.misplaced(super::convert::message_of(&e, context)))?;
        let mut map = Map::new();
        for key in keys {
            let name = match &key {
                PropertyKey::Symbol(_) => continue,
                PropertyKey::Index(i) => i.get().to_string(),
                PropertyKey::String(s) => match s.to_std_string() {
                    Ok(name) => name,
                    Err(_) => return Err(self.misplaced("a name here holds half a character")),
                },
            };
            if name == FUNCTION_MARKER {
                return Err(self.misplaced(format!("the key '{FUNCTION_MARKER}' is reserved")));
            }
            self.path.push(name.clone());
            let value = self.property(object, key, context)?;
            if let Some(json) = self.value(&value, context)? {
                map.insert(name, json);
            }
            self.path.pop();
        }
        Ok(Value::Object(map))
    }

    fn property(
        &self,
        object: &JsObject,
        key: PropertyKey,
        context: &mut Context,
    ) -> Result<JsValue, Misplaced> {
        object
            .get(key, context)
            .map_err(|e| self.misplaced(super::convert::message_of(&e, context)))
    }
}
