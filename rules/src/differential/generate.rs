//! Which rules and arguments could anybody write?
//!
//! A small grammar of the native subset and its borders, and JSON values that mix types on
//! purpose. Everything comes from one seed.

use serde_json::{Map, Value, json};

pub(super) struct Generator {
    state: u64,
}

/// Fields that arguments have and rules ask for.
const FIELDS: [&str; 8] = ["id", "role", "n", "list", "custom", "owner", "items", "status"];
/// Names with a meaning of their own, asked for now and then.
const ODD_FIELDS: [&str; 6] = ["length", "constructor", "toString", "__proto__", "0", "includes"];
const TEXTS: [&str; 18] = [
    "",
    "a",
    "admin",
    "editor",
    "0",
    "1",
    " 1 ",
    "1e3",
    "Infinity",
    "-5.",
    "0x10",
    "ü",
    "\u{1F600}",
    "\u{E000}",
    "\u{FFFD}z",
    "abc",
    "null",
    "\u{feff}7",
];
const NUMBERS: [&str; 12] =
    ["0", "1", "-1", "2", "1.5", "NaN", "Infinity", "9007199254740993", "1e21", "1e-7", "-0", "3"];

const PRELUDE: &str = "
const ROLES = ['admin', 'editor', 1, null, NAN_];
const LIMIT = 3;
const NAME: string = 'a';
const isOwner = (auth: any, row: any) => auth?.id === row.owner;
function present(x: any) { if (x === null || x === undefined) return false; return true }
const both = (a, b) => a && b;
function ranked(auth, row) { const { role, n } = auth; if (role === 'admin') return n; else { return isOwner(auth, row) || both(role, row.n) } }
function strict(x) { if (!x) throw new Error('refused'); return x }
const later = async (x) => { return strict(x) };
";

impl Generator {
    pub fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.below(from.len())]
    }

    pub fn config(&mut self, rules: usize) -> String {
        let mut text = PRELUDE.replace("NAN_", "'x'");
        text.push_str("export default {\n");
        for number in 0..rules {
            text.push_str(&format!("r{number}: {},\n", self.rule()));
        }
        text.push_str("};\n");
        text
    }

    fn rule(&mut self) -> String {
        let mut scope = Scope { names: vec!["auth".into(), "row".into(), "id".into()], fresh: 0 };
        let is_async = self.below(8) == 0;
        let params = match self.below(6) {
            0 => {
                let (a, b) = (scope.declare(), scope.declare());
                scope.names.remove(0);
                format!("{{ id: {a}, role: {b} }}, row: any, id")
            }
            1 => {
                let a = scope.declare();
                scope.names.remove(1);
                format!("auth, {{ '{}': {a} }}, id?: string", self.pick(&FIELDS))
            }
            2 => {
                scope.names.truncate(2);
                "auth: any, row: any".to_owned()
            }
            _ => "auth: any, row: any, id: string".to_owned(),
        };
        let start = if is_async { "async " } else { "" };
        if self.below(3) > 0 {
            let e = self.expr(&mut scope, 4);
            let e = if is_async { format!("await later({e})") } else { e };
            return format!("{start}({params}) => ({e})");
        }
        let mut body = String::new();
        for _ in 0..self.below(4) {
            body.push_str(&self.statement(&mut scope));
        }
        let e = self.expr(&mut scope, 3);
        format!("{start}({params}) => {{ {body}return {e} }}")
    }

    fn statement(&mut self, scope: &mut Scope) -> String {
        match self.below(6) {
            0 | 1 => {
                let e = self.expr(scope, 3);
                format!("const {} = {e}; ", scope.declare())
            }
            2 => {
                let (field, from) = (self.pick(&FIELDS), self.name(scope));
                format!("const {{ {field}: {} }} = {from}; ", scope.declare())
            }
            3 => format!("if ({}) return {}; ", self.expr(scope, 2), self.expr(scope, 2)),
            4 => {
                let test = self.expr(scope, 2);
                let mut inner = scope.clone();
                let body = self.statement(&mut inner);
                scope.fresh = inner.fresh;
                format!(
                    "if ({test}) {{ {body}}} else {{ if ({}) return {}; }} ",
                    self.expr(scope, 1),
                    self.expr(scope, 2)
                )
            }
            _ => format!("if ({}) throw new Error('no'); ", self.expr(scope, 2)),
        }
    }

    fn name(&mut self, scope: &Scope) -> String {
        let at = self.below(scope.names.len());
        scope.names[at].clone()
    }

    fn field(&mut self) -> &'static str {
        if self.below(30) == 0 { self.pick(&ODD_FIELDS[..4]) } else { self.pick(&FIELDS) }
    }

    fn path(&mut self, scope: &Scope) -> String {
        let mut path = self.name(scope);
        for _ in 0..=self.below(2) {
            let field = self.field();
            match self.below(7) {
                0..=2 => path.push_str(&format!("?.{field}")),
                3 | 4 => path.push_str(&format!(".{field}")),
                5 => path.push_str(&format!("?.['{field}']")),
                _ => path = format!("({path}).{field}"),
            }
        }
        path
    }

    fn literal(&mut self) -> String {
        match self.below(7) {
            0 => "null".into(),
            1 => "undefined".into(),
            2 => "true".into(),
            3 => "false".into(),
            4 => self.pick(&NUMBERS).into(),
            _ => format!("'{}'", self.pick(&TEXTS)),
        }
    }

    fn expr(&mut self, scope: &mut Scope, depth: usize) -> String {
        if depth == 0 {
            return match self.below(8) {
                0 | 1 => self.literal(),
                2 => self.name(scope),
                3 => self.pick(&["LIMIT", "NAME", "ROLES.length"]).into(),
                _ => self.path(scope),
            };
        }
        let d = depth - 1;
        match self.below(26) {
            0..=3 => self.path(scope),
            4 => self.literal(),
            // What text and nothing are as numbers, NaN among them.
            24 => {
                let (a, e) = (self.literal(), self.path(scope));
                format!("[{a}, NaN].includes(+{e})")
            }
            25 => {
                let (text, n) = (self.pick(&TEXTS), self.pick(&NUMBERS));
                let operator = self.pick(&["==", "<", ">=", "-", "%"]);
                format!("({}?.id ?? '{text}') {operator} {n}", self.name(scope))
            }
            5 => format!("!{}", self.paren(scope, d)),
            6 => format!("{}{}", self.pick(&["-", "+", "typeof ", "void "]), self.paren(scope, d)),
            7..=10 => {
                let operator =
                    self.pick(&["===", "!==", "==", "!=", "<", "<=", ">", ">=", "===", "==="]);
                format!("{} {operator} {}", self.paren(scope, d), self.paren(scope, d))
            }
            11 => format!(
                "{} {} {}",
                self.paren(scope, d),
                self.pick(&["+", "-", "*", "/", "%"]),
                self.paren(scope, d)
            ),
            12..=14 => {
                let operator = self.pick(&["&&", "||", "&&", "||", "??"]);
                format!("{} {operator} {}", self.paren(scope, d), self.paren(scope, d))
            }
            15 => format!(
                "{} ? {} : {}",
                self.paren(scope, d),
                self.paren(scope, d),
                self.paren(scope, d)
            ),
            16 => format!(
                "`{}${{{}}}:${{{}}}`",
                self.pick(&["", "x", "a:"]),
                self.expr(scope, d),
                self.path(scope)
            ),
            17 => format!(
                "[{}, {}, 'admin'].includes({})",
                self.literal(),
                self.expr(scope, d),
                self.expr(scope, d)
            ),
            18 => format!("ROLES.includes({})", self.expr(scope, d)),
            19 => {
                let method = self.pick(&["includes", "startsWith", "endsWith"]);
                let mark = self.pick(&["?.", "."]);
                format!("{}{mark}{method}({})", self.path(scope), self.expr(scope, d))
            }
            20 | 21 => {
                let method = self.pick(&["some", "every", "find"]);
                let list = match self.below(5) {
                    0 if method != "find" => "ROLES".to_owned(),
                    1 => format!("{}?.custom?.list", self.name(scope)),
                    n => format!("{}?.{}", self.name(scope), ["list", "items"][n % 2]),
                };
                let mut inner = scope.clone();
                let (item, index) = (inner.declare(), inner.declare());
                let body = self.expr(&mut inner, d);
                scope.fresh = inner.fresh;
                format!(
                    "{list}{}{method}(({item}, {index}) => {body})",
                    if list == "ROLES" { "." } else { "?." }
                )
            }
            22 => {
                let (a, b) = (self.expr(scope, d), self.expr(scope, d));
                match self.below(5) {
                    0 => format!("present({a})"),
                    1 => format!("both({a}, {b})"),
                    2 => format!("isOwner({}, {})", self.name(scope), self.name(scope)),
                    3 => format!("ranked({}, {})", self.name(scope), self.name(scope)),
                    _ => format!("both({a})"),
                }
            }
            _ => format!("{}[{}]", self.path(scope), self.paren(scope, d.min(1))),
        }
    }

    fn paren(&mut self, scope: &mut Scope, depth: usize) -> String {
        format!("({})", self.expr(scope, depth))
    }

    pub fn arguments(&mut self) -> Vec<Value> {
        let auth = match self.below(6) {
            0 => Value::Null,
            _ => self.object(2),
        };
        let row = self.object(2);
        let id = self.pick(&TEXTS);
        vec![auth, row, json!(id)]
    }

    fn object(&mut self, depth: usize) -> Value {
        let mut map = Map::new();
        for field in FIELDS {
            if self.below(4) == 0 {
                continue;
            }
            let value = match field {
                "list" | "items" if self.below(5) > 0 => {
                    (0..self.below(4)).map(|_| self.value(depth.saturating_sub(1))).collect()
                }
                "custom" if depth > 0 => self.object(depth - 1),
                "id" | "owner" if self.below(3) > 0 => json!(self.pick(&["a", "b", "admin"])),
                "role" if self.below(2) > 0 => json!(self.pick(&["admin", "editor", "viewer"])),
                _ => self.value(depth.saturating_sub(1)),
            };
            map.insert(field.into(), value);
        }
        if self.below(20) == 0 {
            let (name, value) = (self.pick(&ODD_FIELDS), self.value(0));
            map.insert(name.into(), value);
        }
        Value::Object(map)
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => [
                json!(0),
                json!(1),
                json!(-1),
                json!(1.5),
                json!(3),
                json!(9_007_199_254_740_993_i64),
                json!(1e300),
                json!(u64::MAX),
            ][self.below(8)]
            .clone(),
            3..=5 => json!(self.pick(&TEXTS)),
            6 => self.object(depth - 1),
            _ => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
        }
    }
}

#[derive(Clone)]
struct Scope {
    names: Vec<String>,
    fresh: usize,
}

impl Scope {
    fn declare(&mut self) -> String {
        self.fresh += 1;
        let name = format!("v{}", self.fresh);
        self.names.push(name.clone());
        name
    }
}
