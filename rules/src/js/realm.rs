//! How does a config come to life in an engine?
//!
//! A fresh context with limits and hooks, the config's modules taken from memory, evaluated
//! once. The loader does it to learn what the config says, each worker to have its functions.

use super::host::{self, Hooks, Originals};
use super::jobs::Jobs;
use super::{convert, slice, walk};
use crate::api::Limits;
use crate::load::Program;
use boa_engine::builtins::promise::PromiseState;
use boa_engine::context::ContextBuilder;
use boa_engine::module::{Module, ModuleLoader, ModuleRequest, Referrer};
use boa_engine::object::builtins::JsFunction;
use boa_engine::{Context, JsNativeError, JsResult, JsString, JsValue, Source, js_string};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Wall time the evaluation of a config may take.
const WALL: Duration = Duration::from_secs(15);

/// A config that does not evaluate.
pub(crate) struct Broken {
    /// Key path in the default export, when the mistake has one.
    pub path: Option<Vec<String>>,
    pub message: String,
}

/// An evaluated config.
pub(crate) struct Evaluated {
    pub context: Context,
    pub json: Value,
    pub functions: Vec<(Vec<String>, JsFunction)>,
    pub originals: Originals,
}

/// Evaluates a config in a context of its own.
pub(crate) fn evaluate(program: &Arc<Program>, limits: &Limits) -> Result<Evaluated, Broken> {
    let loader = Rc::new(Modules { program: Arc::clone(program), parsed: RefCell::default() });
    let mut context = ContextBuilder::new()
        .host_hooks(Rc::new(Hooks))
        .job_executor(Rc::new(Jobs::default()))
        .module_loader(Rc::clone(&loader))
        .build()
        .map_err(|e| Broken { path: None, message: format!("the engine does not start: {e}") })?;
    let runtime = context.runtime_limits_mut();
    runtime.set_loop_iteration_limit(limits.loop_iterations);
    runtime.set_recursion_limit(limits.recursion);
    runtime.set_backtrace_limit(4);
    slice::begin(crate::load::EVALUATION, Instant::now() + WALL);
    let evaluated = inside(&loader, &mut context, program);
    slice::end();
    let (json, functions, originals) = evaluated?;
    Ok(Evaluated { context, json, functions, originals })
}

type Parts = (Value, Vec<(Vec<String>, JsFunction)>, Originals);

fn inside(loader: &Rc<Modules>, context: &mut Context, program: &Program) -> Result<Parts, Broken> {
    let broken = |e: &boa_engine::JsError, context: &mut Context| Broken {
        path: None,
        message: match e.as_engine() {
            Some(_) => {
                format!("the config takes too long to evaluate or recurses too deeply ({e})")
            }
            None => convert::message_of(e, context),
        },
    };
    host::furnish(context, &program.environment).map_err(|e| broken(&e, context))?;
    let originals = host::originals(context).map_err(|e| broken(&e, context))?;
    let module = loader.module(0, context).map_err(|e| broken(&e, context))?;
    let promise = module.load_link_evaluate(context);
    context.run_jobs().map_err(|e| broken(&e, context))?;
    match promise.state() {
        PromiseState::Fulfilled(_) => {}
        PromiseState::Rejected(reason) => {
            let e = boa_engine::JsError::from_opaque(reason);
            return Err(broken(&e, context));
        }
        PromiseState::Pending => {
            let message = "the config awaits something that never comes".to_owned();
            return Err(Broken { path: None, message });
        }
    }
    let default = match module.get_value(js_string!("default"), context) {
        Ok(value) if !value.is_undefined() => value,
        _ => {
            let message =
                "the config has no default export; write `export default defineConfig({ ... })`";
            return Err(Broken { path: None, message: message.into() });
        }
    };
    let (json, walked) = walk::walk(&default, context)
        .map_err(|m| Broken { path: Some(m.path), message: m.message })?;
    Ok((json, walked.functions, originals))
}

impl Evaluated {
    /// The text of a function of the config.
    pub fn source_of(&mut self, index: usize) -> Option<String> {
        let (_, function) = self.functions.get(index)?;
        let this = JsValue::from(function.clone());
        let text = self.originals.source.call(&this, &[], &mut self.context).ok()?;
        text.as_string()?.to_std_string().ok()
    }
}

/// Gives the engine the config's modules, from memory.
struct Modules {
    program: Arc<Program>,
    parsed: RefCell<HashMap<usize, Module>>,
}

impl Modules {
    fn module(&self, index: usize, context: &mut Context) -> JsResult<Module> {
        if let Some(module) = self.parsed.borrow().get(&index) {
            return Ok(module.clone());
        }
        let unknown = || JsNativeError::typ().with_message("no such module");
        let source = self.program.modules.get(index).ok_or_else(unknown)?;
        let module = if source.json {
            Module::parse_json(JsString::from(source.text.as_str()), context)?
        } else {
            let text = Source::from_bytes(source.text.as_bytes()).with_path(&source.name);
            Module::parse(text, None, context)?
        };
        self.parsed.borrow_mut().insert(index, module.clone());
        Ok(module)
    }

    fn index_of(&self, name: &Path) -> Option<usize> {
        self.program.modules.iter().position(|m| m.name == name)
    }
}

impl ModuleLoader for Modules {
    async fn load_imported_module(
        self: Rc<Self>,
        referrer: Referrer,
        request: ModuleRequest,
        context: &RefCell<&mut Context>,
    ) -> JsResult<Module> {
        let specifier = request.specifier().to_std_string_lossy();
        let target = referrer
            .path()
            .and_then(|path| self.index_of(path))
            .and_then(|from| self.program.modules[from].edges.get(&specifier).copied());
        let target = target.ok_or_else(|| {
            JsNativeError::typ().with_message(format!("cannot import '{specifier}'"))
        })?;
        self.module(target, &mut context.borrow_mut())
    }
}
