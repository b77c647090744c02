//! Which rules about rows could anybody write, and which rows could there be?
//!
//! A grammar of comparisons, conditions and searches over the fields of three tables: two with a
//! schema, in which the fields have different types, and one without. Rows hold what each type
//! can hold at its limits. Everything comes from one seed.

use crate::rules_grammar::Generator;
use edgebase_tests::sql::{ident, literal};
use serde_json::{Value, json};

/// The fields that rules ask for, and their types in the tables with a schema.
const FIELDS: [(&str, &str, &str); 8] = [
    ("role", "string", "number"),
    ("owner", "text", "json"),
    ("status", "boolean", "string"),
    ("n", "number", "datetime"),
    ("list", "json", "json"),
    ("items", "json", "string"),
    ("custom", "json", "json"),
    ("at", "datetime", "boolean"),
];

const TEXTS: [&str; 16] = [
    "",
    "a",
    "b",
    "admin",
    "editor",
    "0",
    "1",
    " 1 ",
    "NaN",
    "Infinity",
    "-Infinity",
    "ü",
    "\u{1F600}",
    "\u{E000}",
    "\u{FFFD}z",
    "2026-01-01T00:00:00.123Z",
];
const NUMBERS: [&str; 13] = [
    "0",
    "-0",
    "1",
    "-1",
    "1.5",
    "3",
    "0.1",
    "9007199254740993",
    "1e300",
    "1e-7",
    "5e-324",
    "1.7976931348623157e308",
    "123456789012345678901234567890",
];
/// Numbers at and beyond the range of doubles: the large ones are text to rules.
const BEYOND: [&str; 3] = ["1e400", "1e-400", "-1e400"];
const TIMES: [&str; 6] = [
    "2026-01-01T00:00:00.123Z",
    "2026-01-01 00:00:00.123999+00",
    "infinity",
    "-infinity",
    "12026-01-01 00:00:00+00",
    "0044-03-15 00:00:00+00 BC",
];

/// The config of the three tables.
pub fn tables() -> Value {
    let schema = |second: bool| -> Value {
        FIELDS
            .iter()
            .map(|(name, a, b)| ((*name).to_owned(), json!(if second { b } else { a })))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    json!({"databases": {"app": {"tables": {
        "first": {"schema": schema(false)}, "second": {"schema": schema(true)}, "free": {}
    }}}})
}

pub struct Rows {
    rules: Generator,
    state: u64,
}

impl Rows {
    pub fn new(seed: u64) -> Self {
        Self { rules: Generator::new(seed), state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    fn below(&mut self, n: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        ((self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % n as u64) as usize
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.below(from.len())]
    }

    /// A caller.
    pub fn auth(&mut self) -> Value {
        self.rules.arguments().swap_remove(0)
    }

    /// The statement that inserts one row into a table.
    pub fn insert(&mut self, schema: &str, table: &str, id: usize) -> String {
        let target = format!("{}.{}", ident(schema), ident(table));
        if table == "free" {
            let document = self.document();
            return format!(
                "INSERT INTO {target} (\"id\", \"_doc\") VALUES ('r{id}', {}::jsonb)",
                literal(&document)
            );
        }
        let (mut names, mut values) = (vec!["\"id\"".to_owned()], vec![format!("'r{id}'")]);
        for (name, first, second) in FIELDS {
            names.push(ident(name));
            values.push(self.cell(if table == "first" { first } else { second }));
        }
        format!("INSERT INTO {target} ({}) VALUES ({})", names.join(", "), values.join(", "))
    }

    fn cell(&mut self, kind: &str) -> String {
        if self.below(5) == 0 {
            return "NULL".into();
        }
        match kind {
            "number" => match self.below(6) {
                0 => format!("'{}'::float8", self.pick(&["NaN", "Infinity", "-Infinity"])),
                _ => format!("'{}'::float8", self.pick(&NUMBERS)),
            },
            "boolean" => self.pick(&["TRUE", "FALSE"]).into(),
            "datetime" => format!("{}::timestamptz", literal(self.pick(&TIMES))),
            "json" => format!("{}::jsonb", literal(&self.json(2))),
            _ => literal(self.pick(&TEXTS)),
        }
    }

    fn document(&mut self) -> String {
        let mut keys = Vec::new();
        for (name, ..) in FIELDS {
            if self.below(4) > 0 {
                keys.push(format!("{}: {}", json!(name), self.json(2)));
            }
        }
        if self.below(15) == 0 {
            keys.push(format!("{}: 1", json!(self.pick(&["id", "_doc", "constructor", "length"]))));
        }
        format!("{{{}}}", keys.join(", "))
    }

    /// JSON as text, since numbers may be beyond what a value of this process holds.
    fn json(&mut self, depth: usize) -> String {
        match self.below(if depth == 0 { 10 } else { 16 }) {
            0 => "null".into(),
            1 => self.pick(&["true", "false"]).into(),
            2 if self.below(40) == 0 => self.pick(&BEYOND).into(),
            2..=4 => self.pick(&NUMBERS).into(),
            5..=9 => json!(self.pick(&TEXTS)).to_string(),
            10..=12 => {
                let items: Vec<String> = (0..self.below(4)).map(|_| self.json(depth - 1)).collect();
                format!("[{}]", items.join(", "))
            }
            _ => {
                let mut keys = Vec::new();
                for name in ["id", "role", "n", "list", "ok"] {
                    if self.below(2) == 0 {
                        keys.push(format!("\"{name}\": {}", self.json(depth - 1)));
                    }
                }
                format!("{{{}}}", keys.join(", "))
            }
        }
    }

    /// A config whose functions are rules about rows, and each function's text.
    pub fn config(&mut self, rules: usize) -> (String, Vec<String>) {
        let texts: Vec<String> = (0..rules).map(|_| self.rule()).collect();
        let mut config = "
const ROLES = ['admin', 'editor', 1, null, true, 'NaN', '2026-01-01T00:00:00.123Z'];
const isOwner = (auth, row) => auth?.id === row.owner;
function present(x) { if (x === null || x === undefined) return false; return true }
function strict(x) { if (!x) throw new Error('refused'); return x }
export default {\n"
            .to_owned();
        for (number, rule) in texts.iter().enumerate() {
            config.push_str(&format!("r{number}: {rule},\n"));
        }
        config.push_str("};\n");
        (config, texts)
    }

    fn rule(&mut self) -> String {
        if self.below(2) == 0 {
            return format!("(auth, row) => {}", self.test(3, &[]));
        }
        let mut body = String::new();
        let mut names: Vec<String> = Vec::new();
        for i in 0..self.below(4) {
            match self.below(5) {
                0 | 1 => {
                    let value =
                        if self.below(2) == 0 { self.place(&names) } else { self.test(2, &names) };
                    body.push_str(&format!("const v{i} = {value}; "));
                    names.push(format!("v{i}"));
                }
                2 => {
                    let (test, value) = (self.test(1, &names), self.test(1, &names));
                    body.push_str(&format!("if ({test}) return {value}; "));
                }
                3 => {
                    let (test, a) = (self.test(1, &names), self.test(1, &names));
                    let b = self.test(1, &names);
                    body.push_str(&format!("if ({test}) {{ if ({a}) return {b}; }} "));
                }
                _ => {
                    body.push_str(&format!("if ({}) throw new Error('no'); ", self.test(1, &names)))
                }
            }
        }
        format!("(auth, row) => {{ {body}return {} }}", self.test(2, &names))
    }

    fn test(&mut self, depth: usize, names: &[String]) -> String {
        if depth == 0 {
            return match self.below(8) {
                0 => self.place(names),
                1 => format!("!{}", self.place(names)),
                _ => self.comparison(names),
            };
        }
        let d = depth - 1;
        match self.below(18) {
            0..=5 => self.comparison(names),
            6..=8 => format!("({} && {})", self.test(d, names), self.test(d, names)),
            9..=11 => format!("({} || {})", self.test(d, names), self.test(d, names)),
            12 | 13 => format!("!({})", self.test(d, names)),
            14 => format!(
                "({} ? {} : {})",
                self.test(d, names),
                self.test(d, names),
                self.test(d, names)
            ),
            15 => format!("({} ?? {})", self.place(names), self.test(d, names)),
            16 => {
                let list = self.list();
                let method = self.pick(&["some", "every"]);
                let name = format!("x{depth}");
                let mut inner = names.to_vec();
                inner.extend([name.clone(), name.clone(), name.clone()]);
                let body = self.test(d.min(1), &inner);
                format!("{list}{method}({name} => {body})")
            }
            _ => match self.below(3) {
                0 => "isOwner(auth, row)".into(),
                1 => format!("present({})", self.place(names)),
                _ => format!("strict({})", self.test(d, names)),
            },
        }
    }

    fn comparison(&mut self, names: &[String]) -> String {
        let operator =
            self.pick(&["===", "!==", "===", "!==", "===", "==", "!=", "<", "<=", ">", ">="]);
        match self.below(14) {
            0..=6 => format!("{} {operator} {}", self.place(names), self.known()),
            7 => format!("{} {operator} {}", self.known(), self.place(names)),
            8 => format!(
                "{} {} {}",
                self.place(names),
                self.pick(&["===", "!==", "=="]),
                self.place(names)
            ),
            9 => format!(
                "typeof {} {} '{}'",
                self.place(names),
                self.pick(&["===", "!=="]),
                self.pick(&["string", "number", "boolean", "object", "undefined"])
            ),
            10 => {
                let kind = self.pick(&["number", "string"]);
                let place = self.place(names);
                let order = self.pick(&["<", "<=", ">", ">="]);
                let bound = match kind {
                    "number" => self.pick(&NUMBERS).to_owned(),
                    _ => format!("'{}'", self.pick(&TEXTS)),
                };
                format!("(typeof {place} === '{kind}' && {place} {order} {bound})")
            }
            11 => {
                let method = self.pick(&["includes", "startsWith", "endsWith", "includes"]);
                let mark = self.pick(&["?.", "."]);
                format!("{}{mark}{method}({})", self.place(names), self.known())
            }
            12 => format!(
                "{}.includes({})",
                self.pick(&["ROLES", "['a', 'b', 'admin']", "[1, 0, 3]", "[true, null]"]),
                self.place(names)
            ),
            _ => format!("auth?.list?.includes({})", self.place(names)),
        }
    }

    fn list(&mut self) -> &'static str {
        self.pick(&[
            "row.list?.",
            "row.list.",
            "row.items?.",
            "row.custom?.list?.",
            "row.owner?.list?.",
            "auth?.list?.",
            "ROLES.",
        ])
    }

    fn place(&mut self, names: &[String]) -> String {
        let mut place = if !names.is_empty() && self.below(2) == 0 {
            names[self.below(names.len())].clone()
        } else {
            let fields = FIELDS.map(|(name, ..)| name);
            match self.below(30) {
                0 => "row.id".into(),
                1 => "row.missing".into(),
                2 => "row".to_owned(),
                _ => format!("row.{}", self.pick(&fields)),
            }
        };
        if self.below(4) == 0 {
            let mark = self.pick(&["?.", "?.", "."]);
            place.push_str(&format!("{mark}{}", self.pick(&["id", "role", "n", "ok"])));
        }
        place
    }

    fn known(&mut self) -> String {
        match self.below(10) {
            0 => "null".into(),
            1 => "undefined".into(),
            2 => self.pick(&["true", "false"]).into(),
            3 | 4 => self.pick(&NUMBERS).into(),
            5 => self.pick(&["NaN", "Infinity", "-Infinity"]).into(),
            6 => self
                .pick(&["auth?.id", "auth.role", "auth?.n", "auth?.custom?.n", "auth?.status"])
                .into(),
            _ => format!("'{}'", self.pick(&TEXTS)),
        }
    }
}
