//! Does a value say anything yet, or does it have to be awaited or run first?
//!
//! A promise that is not awaited and a generator that is not run are objects like any other: a test
//! of them comes out true, a comparison and a property that they do not have come out alike for
//! everybody. A rule that decides by one of them allows what it was written to refuse.
//!
//! Invariant: JavaScript of a config that tests, compares, spreads or selects by such a value, or
//! reads of a promise what no promise has, ends in a `TypeError`. The loader puts [`settled`]
//! around what decides; what the built-in functions decide by is looked at here.

use boa_engine::builtins::async_generator::AsyncGenerator;
use boa_engine::builtins::generator::Generator;
use boa_engine::builtins::promise::Promise;
use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::{Context, JsArgs as _, JsNativeError, JsResult, JsValue, NativeFunction, Source};

/// Reading a property that promises do not have, and making text or a number of a promise, which
/// reads `Symbol.toPrimitive`, comes to this object behind their prototype. `done` is let through:
/// the engine itself reads it in `for await`, of the promise that an iterator gives.
const BEHIND_PROMISES: &str = "
    Object.setPrototypeOf(Promise.prototype, new Proxy({}, {
        get(target, key, receiver) {
            if (key in target || key === 'done') return Reflect.get(target, key, receiver);
            const what = typeof key === 'symbol' ? 'a value' : `'${key}'`;
            throw new TypeError(`${what} is read of a promise: await it first`);
        },
    }));
";

/// Puts the object behind the prototype of promises.
pub(super) fn install(context: &mut Context) -> JsResult<()> {
    context.eval(Source::from_bytes(BEHIND_PROMISES)).map(drop)
}

/// Whether it is a generator, of either kind.
pub(super) fn is_generator(object: &JsObject) -> bool {
    object.is::<Generator>() || object.is::<AsyncGenerator>()
}

/// The value, which has to be one that decides something.
fn decides(value: &JsValue) -> JsResult<()> {
    let Some(object) = value.as_object() else { return Ok(()) };
    let message = if object.is::<Promise>() {
        "a promise decides nothing: await it"
    } else if is_generator(&object) {
        "a generator has not run and decides nothing"
    } else {
        return Ok(());
    };
    Err(JsNativeError::typ().with_message(message).into())
}

/// What the loader puts around each value that decides: gives it back.
pub(super) fn settled(_: &JsValue, args: &[JsValue], _: &mut Context) -> JsResult<JsValue> {
    let value = args.get_or_undefined(0);
    decides(value)?;
    Ok(value.clone())
}

/// Arguments of a built-in function that decides by what its first one, a function, says.
pub(super) fn with_predicate(args: &[JsValue], context: &mut Context) -> Vec<JsValue> {
    let mut args = args.to_vec();
    let Some(predicate) = args.first().and_then(JsValue::as_function) else { return args };
    let boolean = context.intrinsics().constructors().boolean().constructor();
    let is_boolean = JsObject::equals(&predicate, &boolean);
    let asked = NativeFunction::from_copy_closure_with_captures(
        move |this, args, predicate, context| {
            if is_boolean {
                decides(args.get_or_undefined(0))?;
            }
            let value = predicate.call(this, args, context)?;
            decides(&value)?;
            Ok(value)
        },
        predicate,
    );
    args[0] = FunctionObjectBuilder::new(context.realm(), asked).build().into();
    args
}

/// Refuses arguments of a built-in function that would find nothing in them.
pub(super) fn all_decide(args: &[JsValue]) -> JsResult<()> {
    args.iter().try_for_each(decides)
}
