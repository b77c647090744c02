//! Has every value of every type that PostgreSQL comes with a JSON form in raw SQL?
//!
//! The types are those that the server's own catalog lists, so one that a later major adds is
//! asked for here.

use super::product;
use edgebase_tests::{Answer, sql};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Literals of every type, and the form of each where it is more than its text.
fn literals() -> HashMap<&'static str, Vec<(String, Option<Value>)>> {
    let text = |all: &[&str]| all.iter().map(|l| ((*l).to_owned(), None)).collect::<Vec<_>>();
    let shown = |all: &[(&str, Value)]| {
        all.iter().map(|(l, v)| ((*l).to_owned(), Some(v.clone()))).collect::<Vec<_>>()
    };
    let same =
        |all: &[&str]| all.iter().map(|l| ((*l).to_owned(), Some(json!(l)))).collect::<Vec<_>>();
    let huge = format!("1{}", "0".repeat(400));
    let deep = "[".repeat(2_000) + &"]".repeat(2_000);
    let json_values = |more: (String, Option<Value>)| {
        let mut all = shown(&[
            ("{\"a\": [1, null, 0.5, \"x\"]}", json!({"a": [1, null, 0.5, "x"]})),
            ("9007199254740993", json!("9007199254740993")),
            ("0.1234567890123456789", json!("0.1234567890123456789")),
        ]);
        all.push((huge.clone(), Some(json!(huge))));
        all.push((format!("[{{\"a\":-{huge}}}]"), Some(json!([{"a": format!("-{huge}")}]))));
        all.push((deep.clone(), None));
        all.push(more);
        all
    };
    let times = &[
        ("2026-11-23 10:00:00.123456+01", json!("2026-11-23T09:00:00.123Z")),
        ("12000-01-01 00:00:00+00", json!("+012000-01-01T00:00:00.000Z")),
        ("0044-03-15 00:00:00+00 BC", json!("-000043-03-15T00:00:00.000Z")),
        ("4713-01-01 00:00:00+00 BC", json!("-004712-01-01T00:00:00.000Z")),
        ("294276-12-31 23:59:59.999999+00", json!("+294276-12-31T23:59:59.999Z")),
        ("infinity", json!("infinity")),
        ("-infinity", json!("-infinity")),
    ];
    let dates = &[
        ("2026-11-23", json!("2026-11-23")),
        ("12000-01-01", json!("+012000-01-01")),
        ("0044-03-15 BC", json!("-000043-03-15")),
        ("4713-01-01 BC", json!("-004712-01-01")),
        ("5874897-12-31", json!("+5874897-12-31")),
        ("infinity", json!("infinity")),
        ("-infinity", json!("-infinity")),
    ];
    let numbers = &[
        ("0", json!(0)),
        ("-1.50", json!(-1.5)),
        ("9007199254740992", json!(9_007_199_254_740_992_i64)),
        ("9007199254740993", json!("9007199254740993")),
        ("0.12345678901234567890", json!("0.12345678901234567890")),
        ("NaN", json!("NaN")),
        ("Infinity", json!("Infinity")),
        ("-Infinity", json!("-Infinity")),
    ];
    let mut numeric = shown(numbers);
    numeric.push((huge.clone(), Some(json!(huge))));
    numeric.push((format!("-{huge}.5"), Some(json!(format!("-{huge}.5")))));
    let mut texts = json_values(("1e400".into(), Some(json!("1e400"))));
    texts.push((r#"{"a":["\ud83d"]}"#.into(), Some(json!({"a": ["\u{fffd}"]}))));
    let float = |more: &[(&str, Value)]| {
        let special = shown(&[
            ("0", json!(0)),
            ("-0", json!(0)),
            ("0.1", json!(0.1)),
            ("NaN", json!("NaN")),
            ("infinity", json!("Infinity")),
            ("-infinity", json!("-Infinity")),
        ]);
        special.into_iter().chain(shown(more)).collect::<Vec<_>>()
    };
    HashMap::from([
        ("bool", shown(&[("t", json!(true)), ("f", json!(false))])),
        ("int2", shown(&[("-32768", json!(-32_768))])),
        ("int4", shown(&[("2147483647", json!(2_147_483_647))])),
        (
            "int8",
            shown(&[
                ("9007199254740992", json!(9_007_199_254_740_992_i64)),
                ("-9007199254740993", json!("-9007199254740993")),
                ("9223372036854775807", json!("9223372036854775807")),
            ]),
        ),
        ("float4", float(&[("3.4e38", json!(3.4e38)), ("1e-45", json!(1e-45))])),
        (
            "float8",
            float(&[("1.7976931348623157e308", json!(f64::MAX)), ("5e-324", json!(5e-324))]),
        ),
        ("numeric", numeric),
        ("money", text(&["-1234.50"])),
        ("text", same(&["", "ä \" \\ \u{1}", "{"])),
        ("varchar", same(&["x"])),
        ("bpchar", same(&["x "])),
        ("char", text(&["x", "\\377", ""])),
        ("name", same(&["x"])),
        ("bytea", same(&["\\x", "\\x00ff"])),
        ("date", shown(dates)),
        ("timestamptz", shown(times)),
        (
            "timestamp",
            text(&["2026-11-23 10:00", "12000-01-01", "0044-03-15 BC", "infinity", "-infinity"]),
        ),
        ("time", text(&["10:00:00.5", "24:00:00"])),
        ("timetz", text(&["10:00:00+01"])),
        ("interval", text(&["1 year -2 days 03:04:05.6", "178000000 years"])),
        ("uuid", same(&["00000000-0000-0000-0000-000000000000"])),
        ("json", texts),
        ("jsonb", json_values(("null".into(), Some(Value::Null)))),
        ("jsonpath", text(&["$.a[*] ? (@ > 1)"])),
        ("xml", text(&["<a>x</a>"])),
        ("bit", text(&["1"])),
        ("varbit", text(&["101", ""])),
        ("inet", text(&["192.168.0.1/24", "::1"])),
        ("cidr", text(&["10.0.0.0/8"])),
        ("macaddr", text(&["08:00:2b:01:02:03"])),
        ("macaddr8", text(&["08:00:2b:01:02:03:04:05"])),
        ("point", text(&["(1,2)", "(NaN,Infinity)"])),
        ("line", text(&["{1,2,3}"])),
        ("lseg", text(&["[(1,2),(3,4)]"])),
        ("box", text(&["(3,4),(1,2)"])),
        ("path", text(&["((1,2),(3,4))"])),
        ("polygon", text(&["((1,2),(3,4))"])),
        ("circle", text(&["<(1,2),3>"])),
        ("tsvector", text(&["'a':1 'b':2A"])),
        ("tsquery", text(&["'a' & !'b'"])),
        ("oid", text(&["4294967295"])),
        ("tid", text(&["(0,1)"])),
        ("xid", text(&["4294967295"])),
        ("xid8", text(&["18446744073709551615"])),
        ("cid", text(&["0"])),
        ("pg_lsn", text(&["16/B374D848"])),
        ("pg_snapshot", text(&["10:20:10,14"])),
        ("txid_snapshot", text(&["10:20:10,14"])),
        ("refcursor", text(&["c"])),
        ("aclitem", text(&["=r/edgebase_owner"])),
        ("regclass", text(&["pg_class"])),
        ("regcollation", text(&["\"C\""])),
        ("regconfig", text(&["simple"])),
        ("regdictionary", text(&["simple"])),
        ("regnamespace", text(&["pg_catalog"])),
        ("regoper", text(&["^@"])),
        ("regoperator", text(&["+(integer,integer)"])),
        ("regproc", text(&["now"])),
        ("regprocedure", text(&["sum(int4)"])),
        ("regrole", text(&["edgebase_owner"])),
        ("regtype", text(&["int4"])),
        ("int4range", text(&["[1,5)", "empty", "(,)"])),
        ("int8range", text(&["[1,9223372036854775807)"])),
        ("numrange", text(&["[1.5,2)"])),
        ("daterange", text(&["[2026-01-01,infinity]"])),
        ("tsrange", text(&["[2026-01-01,)"])),
        ("tstzrange", text(&["[2026-01-01,infinity)"])),
        ("int4multirange", text(&["{[1,5),[7,9)}"])),
        ("int8multirange", text(&["{[1,5)}"])),
        ("nummultirange", text(&["{[1,5)}"])),
        ("datemultirange", text(&["{}"])),
        ("tsmultirange", text(&["{}"])),
        ("tstzmultirange", text(&["{[2026-01-01,)}"])),
        // Made by the server alone: no text is one of them.
        ("gtsvector", Vec::new()),
        ("pg_node_tree", Vec::new()),
        ("pg_ndistinct", Vec::new()),
        ("pg_dependencies", Vec::new()),
        ("pg_mcv_list", Vec::new()),
        ("pg_brin_bloom_summary", Vec::new()),
        ("pg_brin_minmax_multi_summary", Vec::new()),
    ])
}

async fn select(text: &str) -> Answer {
    let body = json!({"namespace": "app", "sql": text});
    product().service().post("/api/sql", &body).await
}

#[tokio::test]
async fn every_value_of_every_built_in_type_has_a_form() {
    let admin = sql::connect(&product().admin_url).await;
    let types = "SELECT typname::text FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace
                 AND typtype IN ('b', 'r', 'm') AND typcategory <> 'A' ORDER BY typname";
    let types = sql::texts(&admin, types).await.unwrap();
    let literals = literals();
    let mut broken = Vec::new();
    for name in &types {
        let Some(all) = literals.get(name.as_str()) else {
            broken.push(format!("{name} is not in the list"));
            continue;
        };
        for (literal, expected) in all {
            let value = format!("{}::\"{name}\"", sql::literal(literal));
            // On its own, where the proxy reads it, and shaped by the server inside others.
            for statement in [
                format!("SELECT {value} AS v"),
                format!(
                    "SELECT {value} AS v, ARRAY[{value}] AS many, ROW({value}) AS row, NULL::\"{name}\" AS nothing"
                ),
                format!("SELECT v, 1.5 AS c FROM (SELECT {value} AS v) q"),
            ] {
                let answer = select(&statement).await;
                let shown = &answer.body["rows"][0]["v"];
                let fits = match expected {
                    Some(expected) => shown == expected,
                    None => !shown.is_null(),
                };
                if answer.status != 200 || !fits || !answer.body["rows"][0]["nothing"].is_null() {
                    let cut = |text: &str| text.chars().take(300).collect::<String>();
                    broken.push(format!(
                        "{}\n  {} {}",
                        cut(&statement),
                        answer.status,
                        cut(&answer.text)
                    ));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{} do not hold:\n{}", broken.len(), broken.join("\n"));
}

#[tokio::test]
async fn what_a_double_cannot_hold_is_text() {
    for (expression, expected) in [
        ("factorial(20)", json!("2432902008176640000")),
        ("2::numeric ^ 52", json!(4_503_599_627_370_496.0)),
        ("ARRAY[9007199254740993, 1]", json!(["9007199254740993", 1])),
        ("ROW(1e309::numeric, 1.5)", json!({"f1": format!("1{}", "0".repeat(309)), "f2": 1.5})),
    ] {
        let answer = select(&format!("SELECT {expression} AS v")).await.expect(200);
        assert_eq!(answer["rows"][0]["v"], expected, "{expression}");
    }
    let factorial = select("SELECT factorial(200) AS v").await.expect(200);
    assert_eq!(factorial["rows"][0]["v"].as_str().unwrap().len(), 375);
}
