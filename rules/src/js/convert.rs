//! How do values cross between Rust and JavaScript?
//!
//! Inwards only as far as the function mentions them; outwards by `JSON.stringify`, so that a
//! hook's result means what it would mean in a response. An engine error becomes a message or,
//! when it is a limit, the cause that the slice names.

use crate::api::{Cause, Failure, Thrown};
use crate::syntax::Mention;
use boa_engine::error::EngineError;
use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsArray;
use boa_engine::object::builtins::JsFunction;
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::{Context, JsError, JsResult, JsString, JsValue, js_string};
use serde_json::Value;

/// A whole value.
pub(crate) fn inward(json: &Value, context: &mut Context) -> JsValue {
    match json {
        Value::Null => JsValue::null(),
        Value::Bool(b) => JsValue::new(*b),
        Value::Number(n) => match n.as_i64().and_then(|n| i32::try_from(n).ok()) {
            Some(small) => JsValue::new(small),
            None => JsValue::new(n.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(s) => JsValue::from(JsString::from(s.as_str())),
        Value::Array(items) => {
            let items: Vec<JsValue> = items.iter().map(|i| inward(i, context)).collect();
            JsArray::from_iter(items, context).into()
        }
        Value::Object(map) => object(map.iter().map(|(k, v)| (k.as_str(), v)), context),
    }
}

/// What a function with this mention can see of a value.
pub(crate) fn mentioned(json: &Value, mention: &Mention, context: &mut Context) -> JsValue {
    match (json, mention) {
        (_, Mention::Unused) => JsValue::undefined(),
        (Value::Object(map), Mention::Fields(fields)) => {
            object(fields.iter().filter_map(|f| map.get(&**f).map(|v| (&**f, v))), context)
        }
        _ => inward(json, context),
    }
}

fn object<'v>(
    properties: impl Iterator<Item = (&'v str, &'v Value)>,
    context: &mut Context,
) -> JsValue {
    let object = JsObject::with_object_proto(context.intrinsics());
    for (key, value) in properties {
        let value = inward(value, context);
        put(&object, JsString::from(key), value);
    }
    object.into()
}

/// Makes an own property of an ordinary object, whatever its name.
pub(crate) fn put(object: &JsObject, key: JsString, value: JsValue) {
    let descriptor = PropertyDescriptor::builder()
        .value(value)
        .writable(true)
        .enumerable(true)
        .configurable(true)
        .build();
    object.insert_property(PropertyKey::from(key), descriptor);
}

/// A value as JSON; `None` for `undefined` and functions.
pub(crate) fn outward(
    value: &JsValue,
    stringify: &JsFunction,
    context: &mut Context,
) -> JsResult<Option<Value>> {
    if value.is_undefined() {
        return Ok(None);
    }
    if let Some(text) = value.as_string()
        && let Ok(text) = text.to_std_string()
    {
        return Ok(Some(Value::String(text)));
    }
    if let Some(b) = value.as_boolean() {
        return Ok(Some(Value::Bool(b)));
    }
    let text = stringify.call(&JsValue::undefined(), std::slice::from_ref(value), context)?;
    let Some(text) = text.as_string() else { return Ok(None) };
    serde_json::from_str(&text.to_std_string_lossy()).map(Some).map_err(|e| {
        boa_engine::JsNativeError::typ().with_message(format!("the result is not JSON: {e}")).into()
    })
}

/// The message of an error, without its stack.
pub(crate) fn message_of(error: &JsError, context: &mut Context) -> String {
    match failure(error, None, context) {
        Failure::Threw { message, .. } => message,
        other => other.to_string(),
    }
}

/// What a thrown error means for an evaluation.
pub(crate) fn failure(
    error: &JsError,
    stringify: Option<&JsFunction>,
    context: &mut Context,
) -> Failure {
    if let Some(engine) = error.as_engine() {
        return match engine {
            EngineError::Panic(e) => {
                tracing::error!("the JavaScript engine failed: {e}");
                Cause::WorkerLost.into()
            }
            _ => super::slice::cause().into(),
        };
    }
    if let Some(native) = error.as_native() {
        let message = native.message().to_owned();
        return Failure::Threw { message, typed: Box::default() };
    }
    match error.as_opaque() {
        Some(value) => thrown(value, stringify, context),
        None => Failure::Threw { message: "unknown error".into(), typed: Box::default() },
    }
}

/// What a thrown value says. Reading its properties may run getters; an error there only
/// shortens the message.
pub(crate) fn thrown(
    value: &JsValue,
    stringify: Option<&JsFunction>,
    context: &mut Context,
) -> Failure {
    let Some(object) = value.as_object() else {
        let message = match value.as_string() {
            Some(text) => text.to_std_string_lossy(),
            None => value.display().to_string(),
        };
        return Failure::Threw { message, typed: Box::default() };
    };
    let text = |key: JsString, context: &mut Context| -> Option<String> {
        object.get(key, context).ok()?.as_string().map(|s| s.to_std_string_lossy())
    };
    let message = text(js_string!("message"), context).unwrap_or_default();
    let code = object
        .get(js_string!("code"), context)
        .ok()
        .and_then(|c| c.as_number())
        .filter(|c| c.fract() == 0.0 && (400.0..600.0).contains(c))
        .map(|c| c as u16);
    let mut typed = Box::<Thrown>::default();
    if code.is_some() {
        let slug = text(js_string!("slug"), context);
        let data = object.get(js_string!("data"), context).ok().and_then(|d| match stringify {
            Some(stringify) => outward(&d, stringify, context).ok().flatten(),
            None => None,
        });
        *typed = Thrown { code, slug, data };
    }
    Failure::Threw { message, typed }
}
