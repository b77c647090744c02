//! What may a config see of the world outside of it?
//!
//! The engine's hooks, `console`, the allowed part of `process.env`, and nothing else: no
//! files, no network, no timers, no code made from strings.

use super::{guards, print, slice, unsettled};
use crate::syntax::{SETTLED, TICK};
use boa_engine::context::HostHooks;
use boa_engine::object::ObjectInitializer;
use boa_engine::object::builtins::JsFunction;
use boa_engine::property::Attribute;
use boa_engine::realm::Realm;
use boa_engine::{
    Context, JsNativeError, JsResult, JsString, JsValue, NativeFunction, Source, js_string,
};
use std::collections::BTreeMap;

/// Variables whose names start with this are readable through `process.env`.
pub(crate) const ENVIRONMENT_PREFIX: &str = "EDGEBASE_PUBLIC_";

pub(crate) struct Hooks;

impl HostHooks for Hooks {
    fn ensure_can_compile_strings(
        &self,
        _: Realm,
        _: &[JsString],
        _: &JsString,
        _: bool,
        _: &mut Context,
    ) -> JsResult<()> {
        Err(JsNativeError::eval().with_message("code from strings is not available here").into())
    }

    fn max_buffer_size(&self, _: &mut Context) -> u64 {
        1 << 20
    }
}

/// What keeps a config from changing what every rule relies on. Freezing all of the intrinsics
/// would break honest idioms (`o.toString = ...`), so only what the native form of rules takes
/// for granted is fixed.
const FIX: &str = "
    Object.preventExtensions(Object.prototype);
    Object.preventExtensions(Number.prototype);
    Object.preventExtensions(Boolean.prototype);
    Object.freeze(Array.prototype);
    Object.freeze(String.prototype);
";

/// Configs as EdgeBase's documentation prints them use `defineConfig` without importing it.
const PRELUDE: &str = "
    for (const name of ['defineConfig', 'defineFunction']) {
        Object.defineProperty(globalThis, name, { value: (definition) => definition });
    }
";

/// Puts the host's part into a fresh context.
pub(crate) fn furnish(
    context: &mut Context,
    environment: &BTreeMap<String, String>,
) -> JsResult<()> {
    let tick = NativeFunction::from_fn_ptr(slice::tick).to_js_function(context.realm());
    context.register_global_property(JsString::from(TICK), tick, Attribute::empty())?;
    let settled = NativeFunction::from_fn_ptr(unsettled::settled).to_js_function(context.realm());
    context.register_global_property(JsString::from(SETTLED), settled, Attribute::empty())?;
    let mut env = ObjectInitializer::new(context);
    for (name, value) in environment {
        env.property(
            JsString::from(name.as_str()),
            JsString::from(value.as_str()),
            Attribute::ENUMERABLE,
        );
    }
    let env = env.build();
    let process = ObjectInitializer::new(context)
        .property(js_string!("env"), env, Attribute::ENUMERABLE)
        .build();
    context.register_global_property(js_string!("process"), process, Attribute::empty())?;
    let console = ObjectInitializer::new(context)
        .function(NativeFunction::from_fn_ptr(debug), js_string!("log"), 0)
        .function(NativeFunction::from_fn_ptr(debug), js_string!("info"), 0)
        .function(NativeFunction::from_fn_ptr(debug), js_string!("debug"), 0)
        .function(NativeFunction::from_fn_ptr(warn), js_string!("warn"), 0)
        .function(NativeFunction::from_fn_ptr(error), js_string!("error"), 0)
        .build();
    context.register_global_property(js_string!("console"), console, Attribute::empty())?;
    guards::install(context)?;
    unsettled::install(context)?;
    context.eval(Source::from_bytes(PRELUDE))?;
    context.eval(Source::from_bytes(FIX))?;
    #[cfg(test)]
    context.register_global_builtin_callable(
        js_string!("panicOnPurpose"),
        0,
        NativeFunction::from_fn_ptr(|_, _, _| panic!("on purpose")),
    )?;
    Ok(())
}

/// Built-in functions as they were before the config ran.
pub(crate) struct Originals {
    /// `JSON.stringify`.
    pub stringify: JsFunction,
    /// `Function.prototype.toString`.
    pub source: JsFunction,
}

/// Takes the originals, from a context in which no config has run.
pub(crate) fn originals(context: &mut Context) -> JsResult<Originals> {
    let mut function = |path: &str| -> JsResult<JsFunction> {
        context.eval(Source::from_bytes(path))?.as_function().ok_or_else(|| {
            JsNativeError::typ().with_message(format!("the engine has no {path}")).into()
        })
    };
    Ok(Originals {
        stringify: function("JSON.stringify")?,
        source: function("Function.prototype.toString")?,
    })
}

fn debug(_: &JsValue, args: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let line = print::line(args, context);
    crate::budget::exempt(|| tracing::info!(target: "edgebase::config", "{line}"));
    Ok(JsValue::undefined())
}

fn warn(_: &JsValue, args: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let line = print::line(args, context);
    crate::budget::exempt(|| tracing::warn!(target: "edgebase::config", "{line}"));
    Ok(JsValue::undefined())
}

fn error(_: &JsValue, args: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let line = print::line(args, context);
    crate::budget::exempt(|| tracing::error!(target: "edgebase::config", "{line}"));
    Ok(JsValue::undefined())
}
