//! How does `console` show a value?
//!
//! Text as it is, anything else as JSON, on one line of bounded length. Looking at a value runs
//! none of its code: a getter, a proxy and a function are named and not asked, so printing can
//! neither fail, change anything, nor go on for ever.

use boa_engine::builtins::error::Error;
use boa_engine::builtins::proxy::Proxy;
use boa_engine::object::JsObject;
use boa_engine::property::PropertyKey;
use boa_engine::{Context, JsString, JsValue, JsVariant, js_string};

/// Longest line that `console` passes on, in bytes.
const LONGEST_LINE: usize = 2_000;
/// What a line ends with that was longer.
const CUT: &str = "...";
/// Objects inside of objects that are shown.
const DEEPEST: usize = 8;

/// The arguments of a call of `console` as one line.
pub(super) fn line(args: &[JsValue], context: &mut Context) -> String {
    let mut print = Print { line: String::new(), above: Vec::new(), context };
    for (i, arg) in args.iter().enumerate() {
        if i > 0 {
            print.push(" ");
        }
        match arg.as_string() {
            Some(text) => print.text(&text),
            None => print.value(arg),
        }
        if print.is_full() {
            break;
        }
    }
    print.finish()
}

struct Print<'c> {
    line: String,
    /// The objects that the present one is in.
    above: Vec<JsObject>,
    context: &'c mut Context,
}

impl Print<'_> {
    fn is_full(&self) -> bool {
        self.line.len() > LONGEST_LINE
    }

    fn push(&mut self, text: &str) {
        if !self.is_full() {
            self.line.push_str(text);
        }
    }

    fn finish(mut self) -> String {
        if self.is_full() {
            let mut end = LONGEST_LINE - CUT.len();
            while !self.line.is_char_boundary(end) {
                end -= 1;
            }
            self.line.truncate(end);
            self.line.push_str(CUT);
        }
        self.line
    }

    /// The characters that there is room for.
    fn beginning(&self, text: &JsString) -> String {
        text.code_points()
            .take(LONGEST_LINE)
            .map(|c| c.as_char().unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    }

    /// Text as it is, except that it cannot end the line or begin another.
    fn text(&mut self, text: &JsString) {
        let mut shown = String::new();
        for c in self.beginning(text).chars() {
            if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
        }
        self.push(&shown);
    }

    fn quoted(&mut self, text: &JsString) {
        let json = serde_json::Value::from(self.beginning(text)).to_string();
        self.push(&json);
    }

    fn value(&mut self, value: &JsValue) {
        match value.variant() {
            JsVariant::String(text) => self.quoted(&text),
            JsVariant::Object(object) => self.object(&object),
            _ => {
                let text = value.display().to_string();
                self.push(&text);
            }
        }
    }

    fn object(&mut self, object: &JsObject) {
        if object.is_callable() {
            return self.push("[function]");
        }
        if object.is::<Proxy>() {
            return self.push("[proxy]");
        }
        if object.is::<Error>() {
            return self.error(object);
        }
        if self.above.iter().any(|above| JsObject::equals(above, object)) {
            return self.push("[circular]");
        }
        if self.above.len() >= DEEPEST {
            return self.push("[object]");
        }
        self.above.push(object.clone());
        if object.is_array() {
            self.array(object);
        } else {
            self.properties(object);
        }
        self.above.pop();
    }

    /// Kind and message, without the trace.
    fn error(&mut self, object: &JsObject) {
        let name = self.inherited(object, &PropertyKey::from(js_string!("name")));
        let message = own(object, &PropertyKey::from(js_string!("message")));
        let text = |value: Option<JsValue>| value.and_then(|value| value.as_string());
        self.text(&text(name).unwrap_or(js_string!("Error")));
        if let Some(message) = text(message).filter(|message| !message.is_empty()) {
            self.push(": ");
            self.text(&message);
        }
    }

    /// A value of an object or of what it inherits from.
    fn inherited(&self, object: &JsObject, key: &PropertyKey) -> Option<JsValue> {
        let mut object = object.clone();
        for _ in 0..DEEPEST {
            if let Some(value) = own(&object, key) {
                return Some(value);
            }
            object = object.prototype()?;
        }
        None
    }

    fn array(&mut self, array: &JsObject) {
        let length = own(array, &PropertyKey::from(js_string!("length")));
        let length = length.and_then(|n| n.as_number()).unwrap_or(0.0) as u32;
        self.push("[");
        for i in 0..length {
            if i > 0 {
                self.push(",");
            }
            self.property(array, &PropertyKey::from(i));
            if self.is_full() {
                return;
            }
        }
        self.push("]");
    }

    fn properties(&mut self, object: &JsObject) {
        // Of what is no proxy this runs no code, and so it does not fail.
        let keys = object.own_property_keys(self.context).unwrap_or_default();
        self.push("{");
        let mut is_first = true;
        for key in keys {
            let name = match &key {
                PropertyKey::Symbol(_) => continue,
                PropertyKey::Index(i) => js_string!(i.get().to_string()),
                PropertyKey::String(name) => name.clone(),
            };
            let is_shown = {
                let object = object.borrow();
                let found = object.properties().get(&key);
                found.is_some_and(|p| {
                    p.enumerable() == Some(true) && !p.value().is_some_and(JsValue::is_undefined)
                })
            };
            if !is_shown {
                continue;
            }
            if !std::mem::take(&mut is_first) {
                self.push(",");
            }
            self.quoted(&name);
            self.push(":");
            self.property(object, &key);
            if self.is_full() {
                return;
            }
        }
        self.push("}");
    }

    fn property(&mut self, object: &JsObject, key: &PropertyKey) {
        let found = object.borrow().properties().get(key);
        match found {
            None => self.push("null"),
            Some(property) => match property.value() {
                Some(value) => self.value(value),
                None => self.push("[getter]"),
            },
        }
    }
}

/// The value of a property that an object has itself, unless code would have to compute it.
fn own(object: &JsObject, key: &PropertyKey) -> Option<JsValue> {
    object.borrow().properties().get(key)?.value().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use boa_engine::Source;

    fn printed(script: &str) -> String {
        let mut context = Context::default();
        let args = context.eval(Source::from_bytes(script)).unwrap();
        let args = args.as_object().unwrap();
        let length = args.get(js_string!("length"), &mut context).unwrap().as_number().unwrap();
        let args: Vec<JsValue> =
            (0..length as u32).map(|i| args.get(i, &mut context).unwrap()).collect();
        line(&args, &mut context)
    }

    #[test]
    fn objects_are_json_and_text_stays_text() {
        for (script, wanted) in [
            ("['a', 1, null, undefined, true]", "a 1 null undefined true"),
            ("[{a: 1, 'b c': [1, 'x\"', null], n: {}}]", r#"{"a":1,"b c":[1,"x\"",null],"n":{}}"#),
            ("[[1,,3], {u: undefined, 7: 'seven'}]", r#"[1,null,3] {"7":"seven"}"#),
            (
                "[new Error('no'), new TypeError(), {e: new RangeError('r')}]",
                r#"Error: no TypeError {"e":RangeError: r}"#,
            ),
            ("[() => 1, {f() {}}]", r#"[function] {"f":[function]}"#),
            ("['one\\nINFO two\\u001b[31m']", "one\\nINFO two\\u{1b}[31m"),
        ] {
            assert_eq!(printed(script), wanted, "{script}");
        }
    }

    #[test]
    fn printing_runs_no_code_and_ends() {
        for (script, wanted) in [
            (
                "[{get a() { throw 1 }, toJSON() { throw 2 }}]",
                r#"{"a":[getter],"toJSON":[function]}"#,
            ),
            ("[new Proxy({}, {ownKeys() { for (;;); }})]", "[proxy]"),
            ("let o = {}; o.o = [o]; [o]", r#"{"o":[[circular]]}"#),
        ] {
            assert_eq!(printed(script), wanted, "{script}");
        }
        let deep = printed("let d = 1; for (let i = 0; i < 100; i++) d = {d}; [d]");
        assert!(deep.contains("[object]") && deep.len() < 100, "{deep}");
        for long in [
            "['ü'.repeat(100000)]",
            "[{text: 'ü'.repeat(100000)}]",
            "[new Array(4000000000)]",
            "[Array.from({length: 100000}, (_, i) => ({i}))]",
            "[Object.fromEntries(Array.from({length: 100000}, (_, i) => ['k' + i, i]))]",
        ] {
            let line = printed(long);
            assert!(line.len() <= LONGEST_LINE && line.ends_with(CUT), "{long}: {}", line.len());
        }
    }
}
