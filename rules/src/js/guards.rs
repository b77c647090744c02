//! What may one built-in function be asked for?
//!
//! JavaScript is interrupted at its ticks; a built-in function has none, so whatever it is asked
//! for costs the thread once it takes longer than a slice, and for good once it takes more memory
//! than a stretch may. Those that a small value can make expensive look at their arguments first,
//! and throw a `RangeError`. No honest call is near the bounds: within a slice no built-in function
//! gets that far.
//!
//! Invariant: the original is called with the values that were looked at, wherever looking at them
//! converts them. A `length` that says something else each time is not defended against: rules are
//! the operator's, only values are hostile.

use super::unsettled;
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::object::builtins::JsFunction;
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::{
    Context, JsArgs as _, JsNativeError, JsObject, JsResult, JsString, JsSymbol, JsValue,
    NativeFunction, Source, js_string,
};

/// Elements that a function looks at: as many as a loop may have iterations.
const ELEMENTS: f64 = 1_000_000.0;
/// Elements that a function makes of what has fewer, such as the pieces of a text.
const PIECES: usize = 250_000;
/// UTF-16 units of a text that a function makes: as much as is given to rules.
const TEXT: f64 = (4 << 20) as f64;
/// UTF-16 units of a text that a regular expression is matched against: each can leave a way to
/// come back to.
const MATCHED: usize = 512 << 10;
/// Comparisons that looking for one text in another may take at worst.
const COMPARISONS: f64 = 4e9;

/// The receiver and arguments to go on with.
type Checked = JsResult<(JsValue, Vec<JsValue>)>;
/// Looks at a call.
type Guard = fn(&JsValue, &[JsValue], &mut Context) -> Checked;

/// Methods of lists that decide by what a function says of each element.
const PREDICATES: &str = "every filter find findIndex findLast findLastIndex some";

/// Holder, names, guard.
const GUARDS: &[(&str, &str, Guard)] = &[
    (
        "Array.prototype",
        "copyWithin entries fill flat flatMap forEach includes indexOf keys lastIndexOf map reduce reduceRight reverse \
         shift slice sort splice toLocaleString toReversed toSorted toSpliced \
         toString unshift values with",
        elements_of_receiver,
    ),
    ("Array.prototype", PREDICATES, predicate_of_elements),
    ("Object.getPrototypeOf(Int8Array.prototype)", PREDICATES, predicate),
    ("Array.prototype", "concat", elements_of_all),
    ("Array.prototype", "join", join),
    ("Array", "from", elements_of::<0>),
    ("Function.prototype", "apply", elements_of::<1>),
    ("Reflect", "apply", elements_of::<2>),
    ("Reflect", "construct", elements_of::<1>),
    (
        "Object",
        "keys values entries assign getOwnPropertyNames getOwnPropertyDescriptors \
         getOwnPropertySymbols create defineProperties",
        elements_of_arguments,
    ),
    ("Reflect", "ownKeys", elements_of_arguments),
    ("String", "raw", raw),
    ("String.prototype", "repeat", repeat),
    ("String.prototype", "padStart padEnd", pad),
    ("String.prototype", "split", split),
    ("String.prototype", "replace", replace_first),
    ("String.prototype", "replaceAll", replace_all),
    ("String.prototype", "includes indexOf lastIndexOf", search),
    ("String.prototype", "normalize", grows),
    ("globalThis", "encodeURI encodeURIComponent escape", grows_first),
    ("RegExp.prototype", "exec", matched),
    ("JSON", "parse", parse),
    ("BigInt", "asIntN asUintN", bits),
];

/// Puts the guards in front of the functions of a fresh context.
pub(crate) fn install(context: &mut Context) -> JsResult<()> {
    for (holder, names, guard) in GUARDS {
        let Some(holder) = context.eval(Source::from_bytes(holder))?.as_object() else { continue };
        for name in names.split_whitespace() {
            replace_with(&holder, JsString::from(name).into(), *guard, context)?;
        }
    }
    let iterator = |holder: &str, context: &mut Context| {
        Ok::<_, boa_engine::JsError>(context.eval(Source::from_bytes(holder))?.as_object())
    };
    // What `[...text]` and `[...list]` go through.
    if let Some(text) = iterator("String.prototype", context)? {
        replace_with(&text, JsSymbol::iterator().into(), pieces_of_receiver, context)?;
    }
    if let Some(list) = iterator("Array.prototype", context)? {
        let values = list.get(js_string!("values"), context)?;
        define(&list, JsSymbol::iterator().into(), values, context)?;
    }
    Ok(())
}

fn replace_with(
    holder: &JsObject,
    key: PropertyKey,
    guard: Guard,
    context: &mut Context,
) -> JsResult<()> {
    let Some(original) = holder.get(key.clone(), context)?.as_function() else { return Ok(()) };
    let name = original.get(js_string!("name"), context)?.to_string(context)?;
    let length = original.get(js_string!("length"), context)?.to_length(context)?;
    let guarded = NativeFunction::from_copy_closure_with_captures(
        move |this, args, original: &JsFunction, context| {
            let (this, args) = guard(this, args, context)?;
            original.call(&this, &args, context)
        },
        original,
    );
    let function = FunctionObjectBuilder::new(context.realm(), guarded)
        .name(name)
        .length(usize::try_from(length).unwrap_or(0))
        .build();
    define(holder, key, function.into(), context)
}

/// As built-in functions are: writable and not enumerable.
fn define(
    holder: &JsObject,
    key: PropertyKey,
    value: JsValue,
    context: &mut Context,
) -> JsResult<()> {
    let descriptor = PropertyDescriptor::builder()
        .value(value)
        .writable(true)
        .enumerable(false)
        .configurable(true)
        .build();
    holder.define_property_or_throw(key, descriptor, context).map(drop)
}

fn too_much<T>() -> JsResult<T> {
    Err(JsNativeError::range().with_message("too much for one call of a built-in function").into())
}

/// The call as it came.
fn unchanged(this: &JsValue, args: &[JsValue]) -> (JsValue, Vec<JsValue>) {
    (this.clone(), args.to_vec())
}

/// How many elements a value has: the units of a text, the `length` of an object.
fn length(value: &JsValue, context: &mut Context) -> JsResult<f64> {
    if let Some(text) = value.as_string() {
        return Ok(text.len() as f64);
    }
    match value.as_object() {
        Some(object) => object.get(js_string!("length"), context)?.to_number(context),
        None => Ok(0.0),
    }
}

fn is_array(value: &JsValue) -> bool {
    value.as_object().is_some_and(|object| object.is_array())
}

fn few(value: &JsValue, context: &mut Context) -> JsResult<()> {
    // Each unit of a text becomes a text of its own.
    let most = if value.is_string() { PIECES as f64 } else { ELEMENTS };
    if length(value, context)? > most { too_much() } else { Ok(()) }
}

fn elements_of_receiver(this: &JsValue, args: &[JsValue], context: &mut Context) -> Checked {
    few(this, context)?;
    Ok(unchanged(this, args))
}

fn predicate_of_elements(this: &JsValue, args: &[JsValue], context: &mut Context) -> Checked {
    few(this, context)?;
    predicate(this, args, context)
}

fn predicate(this: &JsValue, args: &[JsValue], context: &mut Context) -> Checked {
    Ok((this.clone(), unsettled::with_predicate(args, context)))
}

/// Of the argument at that place.
fn elements_of<const N: usize>(this: &JsValue, args: &[JsValue], context: &mut Context) -> Checked {
    few(args.get_or_undefined(N), context)?;
    Ok(unchanged(this, args))
}

fn elements_of_arguments(this: &JsValue, args: &[JsValue], context: &mut Context) -> Checked {
    unsettled::all_decide(args)?;
    // A `length` of an object that is no array is a property like any other.
    let texts_and_arrays = args.iter().filter(|arg| arg.is_string() || is_array(arg));
    for arg in texts_and_arrays {
        few(arg, context)?;
    }
    Ok(unchanged(this, args))
}

fn elements_of_all(this: &JsValue, args: &[JsValue], context: &mut Context) -> Checked {
    let mut all = 0.0;
    for value in std::iter::once(this).chain(args).filter(|value| is_array(value)) {
        all += length(value, context)?;
    }
    if all > ELEMENTS { too_much() } else { Ok(unchanged(this, args)) }
}

fn pieces_of_receiver(this: &JsValue, args: &[JsValue], _: &mut Context) -> Checked {
    let many = this.as_string().is_some_and(|text| text.len() > PIECES);
    if many { too_much() } else { Ok(unchanged(this, args)) }
}

fn join(this: &JsValue, args: &[JsValue], context: &mut Context) -> Checked {
    let separator = match args.get_or_undefined(0) {
        nothing if nothing.is_undefined() => js_string!(","),
        given => given.to_string(context)?,
    };
    let elements = length(this, context)?;
    if elements > ELEMENTS || elements * separator.len() as f64 > TEXT {
        return too_much();
    }
    Ok((this.clone(), vec![separator.into()]))
}

fn raw(this: &JsValue, args: &[JsValue], context: &mut Context) -> Checked {
    if let Some(template) = args.get_or_undefined(0).as_object() {
        let raw = template.get(js_string!("raw"), context)?;
        few(&raw, context)?;
    }
    Ok(unchanged(this, args))
}

/// The receiver as text; what has none is left to the original.
fn text_of(this: &JsValue, context: &mut Context) -> JsResult<Option<JsString>> {
    if this.is_null_or_undefined() { Ok(None) } else { this.to_string(context).map(Some) }
}

fn repeat(this: &JsValue, args: &[JsValue], context: &mut Context) -> Checked {
    let Some(text) = text_of(this, context)? else { return Ok(unchanged(this, args)) };
    let count = args.get_or_undefined(0).to_number(context)?;
    // Each time takes more than the text itself: the engine makes a list of them first.
    if count > PIECES as f64 || text.len() as f64 * count > TEXT {
        return too_much();
    }
    Ok((text.into(), vec![count.into()]))
}

fn pad(this: &JsValue, args: &[JsValue], context: &mut Context) -> Checked {
    let Some(text) = text_of(this, context)? else { return Ok(unchanged(this, args)) };
    let length = args.get_or_undefined(0).to_number(context)?;
    if length > PIECES as f64 {
        return too_much();
    }
    let rest = args.iter().skip(1).cloned();
    Ok((text.into(), std::iter::once(length.into()).chain(rest).collect()))
}

fn split(this: &JsValue, args: &[JsValue], context: &mut Context) -> Checked {
    let Some(text) = text_of(this, context)? else { return Ok(unchanged(this, args)) };
    if let Some(separator) = args.get_or_undefined(0).as_string() {
        if text.len() > PIECES && occurrences(&text, &separator) > PIECES {
            return too_much();
        }
        compare(&text, &separator)?;
    }
    Ok((text.into(), args.to_vec()))
}

/// How often a text stands in another at most: as often as its first unit.
fn occurrences(text: &JsString, part: &JsString) -> usize {
    match part.iter().next() {
        Some(first) => text.iter().filter(|unit| *unit == first).count(),
        None => text.len() + 1,
    }
}

fn compare(text: &JsString, part: &JsString) -> JsResult<()> {
    if text.len() as f64 * part.len() as f64 > COMPARISONS { too_much() } else { Ok(()) }
}

fn search(this: &JsValue, args: &[JsValue], _: &mut Context) -> Checked {
    let (Some(text), Some(part)) = (this.as_string(), args.get_or_undefined(0).as_string()) else {
        return Ok(unchanged(this, args));
    };
    compare(&text, &part)?;
    Ok(unchanged(this, args))
}

fn replace_first(this: &JsValue, args: &[JsValue], context: &mut Context) -> Checked {
    replace(this, args, 1, context)
}

fn replace_all(this: &JsValue, args: &[JsValue], context: &mut Context) -> Checked {
    replace(this, args, usize::MAX, context)
}

/// A text is replaced so many times at most, a regular expression as often as its flags say.
fn replace(this: &JsValue, args: &[JsValue], most: usize, context: &mut Context) -> Checked {
    let Some(text) = text_of(this, context)? else { return Ok(unchanged(this, args)) };
    let pattern = args.get_or_undefined(0).clone();
    let replacement = args.get_or_undefined(1);
    // What a function gives is JavaScript's.
    if replacement.is_callable() {
        return Ok((text.into(), args.to_vec()));
    }
    let replacement = replacement.to_string(context)?;
    let (times, pattern) = match pattern.as_object() {
        // A regular expression, which matches at most once at each place.
        Some(_) => (text.len() + 1, pattern),
        None => {
            let part = pattern.to_string(context)?;
            compare(&text, &part)?;
            (occurrences(&text, &part).min(most), part.into())
        }
    };
    // What a match or its groups stand for is no more than the text, all times together; what precedes
    // or follows a match may be nearly the text each time.
    let units: Vec<u16> = replacement.iter().collect();
    let begins = |pair: &&[u16]| pair[0] == u16::from(b'$');
    let sides = [u16::from(b'`'), u16::from(b'\'')];
    let whole = units.windows(2).filter(begins).count() as f64;
    let each =
        units.windows(2).filter(begins).filter(|pair| sides.contains(&pair[1])).count() as f64;
    let (times, length) = (times as f64, text.len() as f64);
    if times * (units.len() as f64 + each * length) + whole * length > 2.0 * TEXT {
        return too_much();
    }
    Ok((text.into(), vec![pattern, replacement.into()]))
}

fn grows(this: &JsValue, args: &[JsValue], _: &mut Context) -> Checked {
    let long = this.as_string().is_some_and(|text| text.len() > MATCHED);
    if long { too_much() } else { Ok(unchanged(this, args)) }
}

fn grows_first(this: &JsValue, args: &[JsValue], context: &mut Context) -> Checked {
    grows(args.get_or_undefined(0), args, context)?;
    Ok(unchanged(this, args))
}

fn matched(this: &JsValue, args: &[JsValue], context: &mut Context) -> Checked {
    let text = args.get_or_undefined(0).to_string(context)?;
    if text.len() > MATCHED { too_much() } else { Ok((this.clone(), vec![text.into()])) }
}

/// Every value of JSON but the first follows one of these.
fn parse(this: &JsValue, args: &[JsValue], context: &mut Context) -> Checked {
    let text = args.get_or_undefined(0).to_string(context)?;
    let begins = |unit: u16| matches!(u8::try_from(unit), Ok(b',' | b'[' | b'{' | b':'));
    if text.iter().filter(|unit| begins(*unit)).count() > PIECES / 4 {
        return too_much();
    }
    let rest = args.iter().skip(1).cloned();
    Ok((this.clone(), std::iter::once(text.into()).chain(rest).collect()))
}

fn bits(this: &JsValue, args: &[JsValue], context: &mut Context) -> Checked {
    let bits = args.get_or_undefined(0).to_number(context)?;
    if bits > ELEMENTS {
        return too_much();
    }
    let rest = args.iter().skip(1).cloned();
    Ok((this.clone(), std::iter::once(bits.into()).chain(rest).collect()))
}
