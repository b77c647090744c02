//! Do both forms of a rule say the same?
//!
//! Generated rules are evaluated natively and by the engine on generated arguments; results
//! are compared by kind and content, down to the sign of zero. A native bail is no answer and
//! therefore no difference. The engine gets its arguments both whole and reduced to what the
//! rule mentions, so the mention analysis is tested along the way.
//!
//! `EDGEBASE_DIFFERENTIAL_CASES` sets the number of cases, `EDGEBASE_DIFFERENTIAL_SEED` the
//! seed; a failure prints the rule, the arguments and the seed.

mod generate;

use crate::api::{Arg, Limits};
use crate::fast::{self, Stop, canonical};
use crate::js::{convert, realm};
use crate::syntax::Mention;
use boa_engine::builtins::promise::PromiseState;
use boa_engine::object::builtins::JsFunction;
use boa_engine::{Context, JsValue, JsVariant};
use generate::Generator;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

const RULES_PER_CONFIG: usize = 250;
const INPUTS_PER_RULE: usize = 25;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

#[derive(Default, Debug)]
struct Tally {
    cases: u64,
    compiled: u64,
    rules: u64,
    bails: u64,
    throws: u64,
    truthy: u64,
    refusals: HashMap<String, u64>,
}

#[test]
fn native_and_engine_forms_agree_on_generated_rules() {
    let cases = setting("EDGEBASE_DIFFERENTIAL_CASES", 120_000);
    let seed = setting("EDGEBASE_DIFFERENTIAL_SEED", 0x5eed);
    let run = move || {
        let mut tally = Tally::default();
        let mut round = 0;
        while tally.cases < cases {
            one_config(seed.wrapping_add(round), &mut tally);
            round += 1;
        }
        tally
    };
    let thread = std::thread::Builder::new().stack_size(256 << 20).spawn(run).unwrap();
    let tally = thread.join().unwrap();
    println!("{tally:#?}");
    assert!(tally.compiled * 10 > tally.rules * 8, "most generated rules must have a native form");
    assert!(tally.truthy * 20 > tally.cases, "enough rules must allow");
    assert!(tally.bails * 10 < tally.cases * 7, "most evaluations must have an answer");
}

fn one_config(seed: u64, tally: &mut Tally) {
    let mut generator = Generator::new(seed);
    let text = generator.config(RULES_PER_CONFIG);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("edgebase.config.ts");
    std::fs::write(&file, &text).unwrap();
    let loaded = crate::load(&file, &HashMap::new()).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    let mut evaluated = realm::evaluate(loaded.program(), &Limits::default())
        .unwrap_or_else(|e| panic!("seed {seed}: {}", e.message));
    let functions = std::mem::take(&mut evaluated.functions);
    assert_eq!(functions.len(), RULES_PER_CONFIG);
    for (number, (_, function)) in functions.iter().enumerate() {
        tally.rules += 1;
        let facts = &loaded.facts()[number];
        let program = match &facts.fast {
            Ok(program) => program,
            Err(reason) => {
                *tally.refusals.entry(reason.clone()).or_default() += 1;
                continue;
            }
        };
        tally.compiled += 1;
        for input in 0..INPUTS_PER_RULE {
            tally.cases += 1;
            let args: Vec<Value> = generator.arguments();
            let native_args: Vec<Arg> = args.iter().map(argument).collect();
            let native = match fast::evaluate(program, &native_args, None, &[]) {
                Ok(verdict) => {
                    tally.truthy += u64::from(verdict.truthy);
                    Some(verdict.shown)
                }
                Err(Stop::Throw(_)) => {
                    tally.throws += 1;
                    None
                }
                Err(_) => {
                    tally.bails += 1;
                    continue;
                }
            };
            let whole = input % 2 == 0;
            let mentions = &facts.mentions;
            let engine = engine(
                function,
                &args,
                mentions,
                whole,
                &mut evaluated.context,
                &evaluated.originals.stringify,
            );
            assert_eq!(
                native,
                engine.as_ref().ok().cloned(),
                "seed {seed}, rule {number}, whole arguments: {whole}\n{}\nargs {}\nengine {engine:?}",
                text.lines().find(|l| l.starts_with(&format!("r{number}:"))).unwrap_or_default(),
                Value::from(args.clone()),
            );
        }
    }
}

fn argument(json: &Value) -> Arg {
    match json {
        Value::Null => Arg::Null,
        Value::String(s) => Arg::Text(s.as_str().into()),
        other => Arg::Json(Arc::new(other.clone())),
    }
}

/// What the engine says: the value, shown, or what was thrown.
fn engine(
    function: &JsFunction,
    args: &[Value],
    mentions: &[Mention],
    whole: bool,
    context: &mut Context,
    stringify: &JsFunction,
) -> Result<String, String> {
    let mut values = Vec::new();
    for (i, arg) in args.iter().enumerate() {
        values.push(if whole {
            convert::inward(arg, context)
        } else {
            convert::mentioned(arg, mentions.get(i).unwrap_or(&Mention::Unused), context)
        });
    }
    let value = function
        .call(&JsValue::undefined(), &values, context)
        .map_err(|e| convert::message_of(&e, context))?;
    let value = match value.as_promise() {
        None => value,
        Some(promise) => {
            context.run_jobs().map_err(|e| e.to_string())?;
            match promise.state() {
                PromiseState::Fulfilled(value) => value,
                PromiseState::Rejected(reason) => return Err(reason.display().to_string()),
                PromiseState::Pending => return Err("pending".into()),
            }
        }
    };
    Ok(match value.variant() {
        JsVariant::Undefined => "undefined".into(),
        JsVariant::Null => "null".into(),
        JsVariant::Boolean(b) => format!("boolean {b}"),
        JsVariant::Integer32(n) => shown_number(f64::from(n)),
        JsVariant::Float64(n) => shown_number(n),
        JsVariant::String(s) => format!("text {}", s.to_std_string().map_err(|e| e.to_string())?),
        _ => {
            let json = convert::outward(&value, stringify, context).map_err(|e| e.to_string())?;
            format!("object {}", json.map(|j| canonical(&j)).unwrap_or_default())
        }
    })
}

/// A number with everything that can be seen of it.
pub(crate) fn shown_number(n: f64) -> String {
    if n == 0.0 && n.is_sign_negative() { "number -0".into() } else { format!("number {n:?}") }
}
