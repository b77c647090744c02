//! Does a config that `check` accepts apply, and take a record of its defaults?
//!
//! Tables are drawn by chance, with awkward names and every option; in every other config mistakes
//! are drawn too. What `check` refuses is left out; the rest is applied to a cluster of
//! its own, and every table gets a record with its required fields only, and then one with all.
//! The first is stored, unless it refers to a record that is not there; nothing is ever a 5xx.
//!
//! `EDGEBASE_TESTS_CONFIGS` says how many are drawn, `EDGEBASE_TESTS_SEED` from which seed.

use edgebase_blocks::{Field, FieldType, Table};
use edgebase_proxy::config::AppConfig;
use edgebase_proxy::pattern::Budget;
use edgebase_proxy::query::fit;
use edgebase_tests::{Client, Product, encode, unique};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Configs that one product serves together.
const TOGETHER: usize = 100;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// SplitMix64: the same numbers for the same seed.
struct Draw {
    state: u64,
    /// Whether mistakes are drawn too.
    errs: bool,
}

impl Draw {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// Whether a mistake is made where one in so many is.
    fn errs(&mut self, times: usize) -> bool {
        self.errs && self.one_in(times)
    }

    /// One of those that are right, or perhaps of those that are not.
    fn pick_of<T: Clone>(&mut self, right: &[T], wrong: &[T]) -> T {
        if self.errs(6) { self.pick(wrong) } else { self.pick(right) }
    }

    fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// A text that does not compress.
    fn noise(&mut self, length: usize) -> String {
        (0..length)
            .map(|_| char::from(b"0123456789abcdefghijklmnopqrstuvwxyz"[self.below(36)]))
            .collect()
    }
}

const KINDS: [&str; 6] = ["string", "text", "number", "boolean", "datetime", "json"];

fn field_name(draw: &mut Draw, number: usize) -> String {
    let awkward = [
        "Mixed Case",
        "sp\"ecial",
        "😀",
        "it's",
        "select",
        "a.b",
        "null",
        " lead",
        "instance_id",
        "%s",
        "$1",
        "a\\b",
        "Ünïcode",
        "oid",
        "_",
        "?",
        "-- x",
        "/*",
        "row",
        "t",
    ];
    let mistaken = ["ctid", "xmin", "tableoid", "_doc", "", "a\u{7f}"];
    if draw.errs(100) {
        return draw.pick(&mistaken).to_owned();
    }
    match draw.below(200) {
        0 => "é".repeat(draw.pick_of(&[31], &[32])),
        1..=60 => format!("{}{number}", draw.pick(&awkward)),
        61..=80 => draw.pick(&awkward).to_owned(),
        _ => format!("f{number}"),
    }
}

fn default(draw: &mut Draw, kind: &str) -> Value {
    let kind = if draw.errs(20) { draw.pick(&KINDS) } else { kind };
    match kind {
        "number" => draw.pick(&[
            json!(0),
            json!(-1.5),
            json!(7),
            json!(1e300),
            json!(5e-324),
            json!(-0.0),
            json!(9_007_199_254_740_993_u64),
            json!(u64::MAX),
            json!(i64::MIN),
        ]),
        "boolean" => json!(draw.one_in(2)),
        "datetime" => json!(draw.pick_of(
            &[
                "2024-05-06T07:08:09.010Z",
                "2024",
                "0001-01-01",
                "9999-12-31T23:59:59.999Z",
                "Mon Nov 23 2026 10:00:00 GMT+0100 (Any Time)",
                "2024-02-29 24:00",
                "2024-06-30T10:00:00+02:00",
                "12 December 2026",
            ],
            &["now", "soon", "2024-02-30", "0000-01-01", "+010000-01-01"]
        )),
        "json" => draw.pick_of(
            &[
                json!({}),
                json!([1, null, {"a'b\\": "x"}]),
                json!("it's"),
                json!(3),
                json!(false),
                json!("long text ".repeat(400)),
            ],
            &[json!({"k": "a\u{0}"}), json!(["\u{0}"])],
        ),
        _ => match draw.below(24) {
            0 => json!(draw.noise(3_000)),
            1 => json!("a".repeat(3_000)),
            2 => json!("a".repeat(100_000)),
            _ => json!(draw.pick_of(
                &["a", "", "ab", "it's", "\\", "😀", "E'x", "$$", "'); --", "längér"],
                &["a\u{0}"]
            )),
        },
    }
}

/// A field that the others allow, unless mistakes are drawn: then the first is taken as it is.
fn field(draw: &mut Draw, name: &str, others: &[String], tables: &[String]) -> Value {
    for _ in 0..20 {
        let field = any_field(draw, name, others, tables);
        let mut alone = field.clone();
        if let Some(alone) = alone.as_object_mut() {
            alone.remove("references");
        }
        let config = json!({"databases": {"b": {"tables": {"t": {"schema": {name: alone}}}}}});
        if draw.errs || edgebase_blocks::Config::from_json(&config).is_ok() {
            return field;
        }
    }
    json!("string")
}

fn any_field(draw: &mut Draw, name: &str, others: &[String], tables: &[String]) -> Value {
    let kind = draw.pick(&KINDS);
    if draw.one_in(6) {
        return json!(kind);
    }
    let mut field = json!({"type": kind});
    let text = matches!(kind, "string" | "text");
    if draw.one_in(2) {
        field["default"] = default(draw, kind);
    }
    if draw.one_in(5) {
        field["required"] = json!(true);
    }
    if draw.one_in(8) {
        field["unique"] = json!(true);
    }
    for bound in ["min", "max"] {
        if draw.one_in(12) {
            field[bound] = draw.pick(&[
                json!(-1),
                json!(0),
                json!(1),
                json!(2.5),
                json!(40),
                json!(1e9),
                json!(-1e300),
            ]);
        }
    }
    if draw.one_in(if text { 8 } else { 100 }) {
        field["enum"] = draw.pick(&[
            json!([]),
            json!(["a", "ab"]),
            json!(["it's", "\\", "😀", ""]),
            json!(["longer than that"]),
        ]);
    }
    let fits = |field: &Value| field.get("default").is_none_or(|v| *v == "a" || *v == "ab");
    if draw.one_in(if text { 10 } else { 100 }) && (draw.errs || fits(&field)) {
        let right = ["^a", "^[a-z]*$", "(?=a)", ""];
        field["pattern"] = json!(draw.pick_of(&right, &["[", "😀"]));
    }
    if draw.one_in(if kind == "datetime" { 4 } else { 100 }) {
        field["onUpdate"] = json!("now");
    }
    if draw.errs(8) || (text && draw.one_in(8)) {
        field["references"] = match draw.below(if draw.errs { 5 } else { 3 }) {
            0 => json!("users"),
            1 => {
                let action = draw.pick(&["CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT"]);
                json!({"table": draw.pick(tables), "onDelete": action})
            }
            2 => json!(draw.pick(tables)),
            _ => json!({"table": draw.pick(tables), "column": draw.pick(others)}),
        };
    }
    if draw.one_in(10) {
        field["check"] = json!(condition(draw, name));
    }
    field
}

/// A condition that every value meets, or that is none.
fn condition(draw: &mut Draw, name: &str) -> String {
    let column = edgebase_tests::sql::ident(name);
    let good = [
        "{} IS NULL OR {} IS NOT DISTINCT FROM {}",
        "length({}::text) >= 0 -- any",
        "true",
        "coalesce({}::text, '') || 'x' <> ''",
        "NOT ({} IS NULL AND {} IS NOT NULL)",
        "CASE WHEN {} IS NULL THEN true ELSE {} = {} END",
        "(({}::text) ~ '.*') IS NOT FALSE",
        "{}::text IN ('a', $$b$$, E'\\'') OR true /* \" */",
        "pg_column_size({}) < 1e9 OR {} IS NULL",
    ];
    let bad = [
        "{} >",
        "nosuch_column > 1",
        "count({}) > 0",
        "EXISTS (SELECT 1)",
        "$1",
        "1 + 2",
        "true)",
        "true; SELECT 1",
        "'",
        "{} IS NULL AND",
        "a b",
        "",
        "{}, true",
        "((true)",
        "row_number() OVER () > 0",
    ];
    draw.pick_of(&good, &bad).replace("{}", &column)
}

fn table(draw: &mut Draw, tables: &[String]) -> Value {
    if draw.one_in(15) {
        return json!({});
    }
    let count = match draw.below(60) {
        0 => draw.pick_of(&[1_595, 1_596], &[1_597, 1_598]),
        1..=3 => 40 + draw.below(500),
        _ => 1 + draw.below(7),
    };
    let names: Vec<String> = (0..count).map(|n| field_name(draw, n)).collect();
    // Many fields with options of their own would hardly ever fit into a row.
    let wide = (count > 30).then(|| match draw.below(3) {
        0 => json!("string"),
        1 => json!({"type": "number", "default": 1}),
        _ => json!({"type": "text", "default": "a text of more than twenty letters"}),
    });
    let mut schema = Map::new();
    for name in &names {
        let spec = wide.clone().unwrap_or_else(|| field(draw, name, &names, tables));
        schema.insert(name.clone(), spec);
    }
    for auto in ["id", "createdAt", "updatedAt"] {
        if draw.one_in(10) {
            schema.insert(auto.into(), json!(false));
        }
    }
    let mut table = json!({"schema": schema});
    let all =
        if draw.errs { [names, vec!["id".into(), "createdAt".into()]].concat() } else { names };
    let some = |draw: &mut Draw, most: usize| -> Vec<String> {
        (0..1 + draw.below(most)).map(|_| draw.pick(&all)).collect()
    };
    if draw.one_in(3) {
        let most = if draw.errs(5) { 40 } else { 3 };
        table["indexes"] = json!([{"fields": some(draw, most), "unique": draw.one_in(3)}]);
    }
    if draw.one_in(5) {
        table["fts"] = json!(some(draw, 4));
    }
    if draw.one_in(8) {
        let right = [
            "SELECT 1",
            "UPDATE x SET a = 1; DO $$ BEGIN NULL; END $$",
            "-- nothing\n",
            "ALTER TABLE x ADD y int;",
        ];
        let up = draw.pick_of(&right, &["SELEC 1", "GRANT SELECT ON x TO PUBLIC", "'"]);
        let version = draw.pick_of(&[1, 2], &[0]);
        table["migrations"] = json!([{"version": version, "description": "d", "up": up}]);
    }
    table
}

/// The tables of a config: one or two, of which fields may refer to either.
fn tables(draw: &mut Draw, number: usize) -> Map<String, Value> {
    let first = draw.pick(&["t", "Mixed Case ", "sp\"ecial", "😀", "it's", "a.b"]);
    let first = format!("{first}{number}");
    let second = if draw.errs(6) { format!("{first}.pkey") } else { format!("o{number}") };
    let names = [first, second];
    let there = &names[..1 + draw.below(2)];
    let targets = if draw.errs { &names[..] } else { there };
    there.iter().map(|name| (name.clone(), table(draw, targets))).collect()
}

fn write(folder: &Path, config: &Value) -> PathBuf {
    let file = folder.join("edgebase.config.json");
    std::fs::write(&file, config.to_string()).expect("the config can be written");
    file
}

/// A record that brings what the field needs, if one of these values is it.
fn value(field: &Field) -> Option<Value> {
    let length = field.min.unwrap_or(0.0).clamp(0.0, 10_000.0).ceil() as usize;
    let candidates = match field.kind {
        FieldType::String | FieldType::Text => {
            let choices = field.choices.iter().flatten().map(|choice| json!(choice));
            choices.chain([json!("a".repeat(length.max(1))), json!(""), json!("😀")]).collect()
        }
        FieldType::Number => vec![json!(1), json!(field.min), json!(field.max)],
        FieldType::Boolean => vec![json!(true)],
        FieldType::Datetime => vec![json!("2020-02-29T00:00:00Z")],
        FieldType::Json => vec![json!({"a": [1]})],
    };
    let fits =
        |v: &Value| !v.is_null() && fit::reason_against(field, v, &Budget::default()).is_none();
    candidates.into_iter().find(fits)
}

/// A record with a value in the fields that are to have one; `None` where none is found for some.
fn record(table: &Table, has_value: impl Fn(&Field) -> bool) -> Option<Value> {
    let fields = table.fields.iter().flatten().filter(|f| has_value(f));
    fields
        .map(|f| Some((f.name.clone(), value(f)?)))
        .collect::<Option<Map<_, _>>>()
        .map(Value::Object)
}

/// Whether a record that has no more than it needs refers to another.
fn refers(table: &Table) -> bool {
    table.fields.iter().flatten().any(|field| {
        let enforced = field.references.as_ref().is_some_and(|r| !r.is_logical());
        enforced && (field.required || field.default.is_some())
    })
}

/// How many records were stored; complaints about answers that must not be.
async fn insert(service: &Client, base: &str, table: &Table, problems: &mut Vec<String>) -> usize {
    let Some(least) = record(table, |f| f.required && f.default.is_none()) else { return 0 };
    let path = format!("{base}/tables/{}", encode(&table.name));
    let first = service.post(&path, &least).await;
    let expected: &[u16] = if refers(table) { &[201, 400] } else { &[201] };
    let mut complain = |what: &str, answer: &edgebase_tests::Answer| {
        problems
            .push(format!("{what} {}: {} {}\n  {table:?}", table.name, answer.status, answer.text));
    };
    if !expected.contains(&first.status) {
        complain("insert of defaults into", &first);
    }
    let mut more = vec![("second insert into", service.post(&path, &least).await)];
    if let Some(all) = record(table, |_| true) {
        more.push(("insert of all fields into", service.post(&path, &all).await));
    }
    more.push(("list of", service.get(&path).await));
    if let Some(id) = first.body["id"].as_str() {
        more.push(("update in", service.patch(&format!("{path}/{id}"), &json!({})).await));
    }
    for (what, answer) in more.iter().filter(|(_, answer)| answer.status >= 500) {
        complain(what, answer);
    }
    usize::from(first.status == 201)
}

#[tokio::test]
async fn a_config_that_check_accepts_applies_and_takes_a_record_of_its_defaults() {
    let count = setting("EDGEBASE_TESTS_CONFIGS", 80) as usize;
    let seed = setting("EDGEBASE_TESTS_SEED", 1);
    let folder =
        std::env::temp_dir().join(unique(&format!("edgebase-accepted-{}", std::process::id())));
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    let none = HashMap::new();
    let mut draw = Draw { state: seed, errs: false };
    let (mut accepted, mut refused, mut stored) = (0, 0, 0);
    let mut reasons: HashMap<String, usize> = HashMap::new();
    let mut problems = Vec::new();
    for from in (0..count).step_by(TOGETHER) {
        let mut blocks = [Map::new(), Map::new()];
        for number in from..count.min(from + TOGETHER) {
            draw.errs = number % 2 == 0;
            let tables = tables(&mut draw, number);
            let dynamic = draw.one_in(2);
            let alone = json!({"databases": {"b": {"instance": dynamic, "tables": tables}}});
            match AppConfig::load(&write(&folder, &alone), &none) {
                Ok(_) => blocks[usize::from(dynamic)].extend(tables),
                Err(error) => {
                    refused += 1;
                    let line = error.to_string().lines().next().unwrap_or_default().to_owned();
                    let words = line.rsplit(": ").next().unwrap_or_default();
                    let words: String =
                        words.chars().filter(|c| !c.is_ascii_digit()).take(60).collect();
                    *reasons.entry(words).or_default() += 1;
                    continue;
                }
            }
            accepted += 1;
        }
        let [single, dynamic] = blocks;
        let config = json!({"databases": {
            "single": {"tables": single}, "dynamic": {"instance": true, "tables": dynamic}}});
        let file = write(&folder, &config);
        let app = AppConfig::load(&file, &none).expect("all of them together are accepted");
        // It does not get ready when it cannot apply the config.
        let product = Product::start(&file);
        let service = product.service();
        for (block, base) in [("single", "/api/db/single"), ("dynamic", "/api/db/dynamic/i")] {
            for table in app.config.databases[block].tables.values() {
                stored += insert(&service, base, &table.table, &mut problems).await;
            }
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    println!(
        "of {count} configs {accepted} were accepted, {refused} refused; {stored} records of defaults were stored"
    );
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    println!("refused for {reasons:#?}");
    assert!(problems.is_empty(), "{} of seed {seed}:\n{}", problems.len(), problems.join("\n"));
    assert!(accepted > count / 3 && refused > count / 10, "{accepted} accepted, {refused} refused");
    assert!(stored > accepted / 2, "{stored} records stored");
}
