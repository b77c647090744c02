//! What may a hook do besides reading?
//!
//! `ctx.waitUntil`, `ctx.databaseLive.broadcast` and `ctx.push.send`, which the original offers
//! to hooks. What `waitUntil` is given goes on beside the hook and as long as it; should it
//! fail, that is logged. Live subscriptions and push are not served: calls are accepted, their
//! promises are fulfilled, and the log says once that nobody was told.

use super::convert;
use crate::budget;
use boa_engine::object::builtins::JsPromise;
use boa_engine::object::{JsObject, ObjectInitializer};
use boa_engine::{Context, JsArgs, JsError, JsResult, JsValue, NativeFunction, js_string};
use std::sync::atomic::{AtomicBool, Ordering};

/// Adds them to a `ctx`.
pub(super) fn furnish(ctx: &JsObject, context: &mut Context) {
    let wait_until = NativeFunction::from_fn_ptr(wait_until).to_js_function(context.realm());
    let live = ObjectInitializer::new(context)
        .function(NativeFunction::from_fn_ptr(broadcast), js_string!("broadcast"), 3)
        .build();
    let push = ObjectInitializer::new(context)
        .function(NativeFunction::from_fn_ptr(send), js_string!("send"), 2)
        .build();
    convert::put(ctx, js_string!("waitUntil"), wait_until.into());
    convert::put(ctx, js_string!("databaseLive"), live.into());
    convert::put(ctx, js_string!("push"), push.into());
}

fn wait_until(_: &JsValue, args: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let promise = JsPromise::resolve(args.get_or_undefined(0).clone(), context)?;
    let log = NativeFunction::from_fn_ptr(log_failure).to_js_function(context.realm());
    promise.catch(log, context)?;
    Ok(JsValue::undefined())
}

fn log_failure(_: &JsValue, args: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let reason = JsError::from_opaque(args.get_or_undefined(0).clone());
    let message = convert::message_of(&reason, context);
    budget::exempt(|| {
        tracing::error!(target: "edgebase::config", "what a hook gave to waitUntil failed: {message}");
    });
    Ok(JsValue::undefined())
}

fn broadcast(_: &JsValue, _: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    static SAID: AtomicBool = AtomicBool::new(false);
    unserved("databaseLive.broadcast", &SAID, context)
}

fn send(_: &JsValue, _: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    static SAID: AtomicBool = AtomicBool::new(false);
    unserved("push.send", &SAID, context)
}

fn unserved(what: &str, said: &AtomicBool, context: &mut Context) -> JsResult<JsValue> {
    if !said.swap(true, Ordering::Relaxed) {
        budget::exempt(|| {
            tracing::warn!(
                target: "edgebase::config",
                "a hook called ctx.{what}, which this server does not serve: nobody was told"
            );
        });
    }
    Ok(JsPromise::resolve(JsValue::undefined(), context)?.into())
}
