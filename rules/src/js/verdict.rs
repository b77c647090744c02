//! Does a rule's result allow, deny, or say nothing at all?
//!
//! Every object is truthy in JavaScript, and so are the objects that a mistake in a rule returns:
//! a function that nobody called, a generator that nobody ran, an error that nobody threw.
//!
//! Invariant: only a primitive, a plain object or an array is a verdict; anything else denies.
//! Looking at a value runs none of its code.

use super::unsettled;
use crate::api::Cause;
use boa_engine::builtins::error::Error;
use boa_engine::object::JsObject;
use boa_engine::{Context, JsValue};

/// Whether an awaited result allows.
pub(super) fn of(value: &JsValue, context: &Context) -> Result<(), Cause> {
    if let Some(what) = not_a_verdict(value, context) {
        return Err(Cause::NoVerdict(what));
    }
    if value.to_boolean() { Ok(()) } else { Err(Cause::Falsy) }
}

/// What a result is, when it is a function or a generator: its code, the checks of a hook
/// included, has not run.
pub(super) fn not_run(value: &JsValue) -> Option<&'static str> {
    let object = value.as_object()?;
    if object.is_callable() {
        Some("a function: call it")
    } else if unsettled::is_generator(&object) {
        Some("a generator, which has not run: write it as a function without '*'")
    } else {
        None
    }
}

fn not_a_verdict(value: &JsValue, context: &Context) -> Option<&'static str> {
    if value.is_symbol() {
        return Some("a symbol");
    }
    let object = value.as_object()?;
    let what = not_run(value);
    if what.is_some() || is_plain(&object, context) {
        return what;
    }
    Some(if object.is::<Error>() {
        "an error: throw it"
    } else if value.is_regexp() {
        "a regular expression: test something against it"
    } else {
        "an object that is neither plain nor an array"
    })
}

/// Whether an object is what a literal makes: `{...}` or `[...]`.
fn is_plain(object: &JsObject, context: &Context) -> bool {
    let prototypes = context.intrinsics().constructors();
    object.is_array()
        || object.is_ordinary()
            && object
                .prototype()
                .is_none_or(|parent| JsObject::equals(&parent, &prototypes.object().prototype()))
}
