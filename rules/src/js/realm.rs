//! How does a config come to life in an engine?
//!
//! A fresh context with limits and hooks, the config's modules taken from memory, evaluated
//! once. The loader does it to learn what the config says, each worker to have its functions.

use super::host::{self, Hooks, Originals};
use super::jobs::Jobs;
use super::{convert, slice, walk};
use crate::api::Limits;
use crate::budget;
use crate::error::Location;
use crate::program::{EVALUATION, EVALUATION_MEMORY, PreparedModule, Program};
use boa_engine::builtins::function::OrdinaryFunction;
use boa_engine::builtins::promise::PromiseState;
use boa_engine::context::ContextBuilder;
use boa_engine::module::{Module, ModuleLoader, ModuleRequest, Referrer};
use boa_engine::object::builtins::JsFunction;
use boa_engine::property::PropertyKey;
use boa_engine::{Context, JsError, JsNativeError, JsResult, JsString, JsValue, Source, js_string};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Wall time the evaluation of a config may take.
const WALL: Duration = Duration::from_secs(15);
/// The longest text of an error with its trace in which a place is looked for, in bytes.
const LONGEST_TRACE: usize = 64 << 10;

/// A config that does not evaluate.
pub(crate) struct Broken {
    /// Key path in the default export, when the mistake has one.
    pub path: Option<Vec<String>>,
    /// Where it was thrown, when it was thrown.
    pub thrown_at: Option<ThrownAt>,
    pub message: String,
}

impl Broken {
    fn new(message: impl Into<String>) -> Self {
        Self { path: None, thrown_at: None, message: message.into() }
    }
}

/// A place in the text of a module as the engine runs it; line and column count from 1.
pub(crate) struct ThrownAt {
    pub module: PathBuf,
    pub line: u32,
    pub column: u32,
}

/// An error as the engine shows it, unless that is very long: thrown objects may be of any size.
struct Shown(String);

impl Write for Shown {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        if self.0.len() + text.len() > LONGEST_TRACE {
            return Err(std::fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

impl ThrownAt {
    /// The place in the files.
    pub fn place(&self, program: &Program) -> Option<Location> {
        program.place(&self.module, self.line, self.column)
    }

    /// The innermost place in a module of the program that an error's trace names. The engine
    /// shows its traces and offers no other way to them: `message`, then lines of the form
    /// `    at <function> (<module>:<line>:<column>)`.
    pub fn of(error: &JsError, program: &Program) -> Option<Self> {
        let mut shown = Shown(String::new());
        // What is longer has no place.
        write!(shown, "{error}").ok()?;
        shown.0.lines().find_map(|line| {
            let frame = line.trim_start().strip_prefix("at ")?.strip_suffix(')')?;
            let mut parts = frame.rsplitn(3, ':');
            let column = parts.next()?.parse().ok()?;
            let line = parts.next()?.parse().ok()?;
            let rest = parts.next()?;
            let named = |m: &&PreparedModule| {
                rest.strip_suffix(&*m.name.to_string_lossy()).is_some_and(|r| r.ends_with(" ("))
            };
            let module = program.modules.iter().find(named)?;
            Some(Self { module: module.name.clone(), line, column })
        })
    }
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
        .map_err(|e| Broken::new(format!("the engine does not start: {e}")))?;
    let runtime = context.runtime_limits_mut();
    runtime.set_loop_iteration_limit(limits.loop_iterations);
    runtime.set_recursion_limit(limits.recursion);
    runtime.set_backtrace_limit(4);
    slice::begin(EVALUATION, Instant::now() + WALL);
    budget::begin(EVALUATION_MEMORY);
    let evaluated = inside(&loader, &mut context, program);
    budget::end();
    slice::end();
    let (json, functions, originals) = evaluated?;
    Ok(Evaluated { context, json, functions, originals })
}

type Parts = (Value, Vec<(Vec<String>, JsFunction)>, Originals);

fn inside(loader: &Rc<Modules>, context: &mut Context, program: &Program) -> Result<Parts, Broken> {
    let broken = |e: &JsError, context: &mut Context| Broken {
        path: None,
        thrown_at: ThrownAt::of(e, program),
        message: match e.as_engine() {
            Some(engine) => {
                format!("the config takes too long to evaluate or recurses too deeply ({engine})")
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
            let e = JsError::from_opaque(reason);
            return Err(broken(&e, context));
        }
        PromiseState::Pending => {
            return Err(Broken::new("the config awaits something that never comes"));
        }
    }
    let default = match module.get_value(js_string!("default"), context) {
        Ok(value) if !value.is_undefined() => value,
        _ => {
            return Err(Broken::new(
                "the config has no default export; write `export default defineConfig({ ... })`",
            ));
        }
    };
    let (json, walked) = walk::walk(&default, context)
        .map_err(|m| Broken { path: Some(m.path), ..Broken::new(m.message) })?;
    Ok((json, walked.functions, originals))
}

impl Evaluated {
    /// Whether a function of the config is a class, which cannot be called.
    pub fn is_class(&self, index: usize) -> bool {
        let Some((_, function)) = self.functions.get(index) else { return false };
        let prototype = PropertyKey::from(js_string!("prototype"));
        // Of functions, only a class has one that cannot be replaced.
        function.is::<OrdinaryFunction>()
            && function
                .borrow()
                .properties()
                .get(&prototype)
                .is_some_and(|property| property.writable() == Some(false))
    }

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
