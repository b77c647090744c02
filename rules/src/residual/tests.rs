//! Is what is left of a rule what its author meant, and nothing where there is no exact form?

use super::{ColumnType, Columns, Kinds, Order, Place, Predicate, Root, RowPredicate, Scalar};
use crate::api::Arg;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

fn columns() -> Columns {
    let typed = [
        ("id", ColumnType::Text),
        ("owner", ColumnType::Text),
        ("status", ColumnType::Text),
        ("n", ColumnType::Number),
        ("on", ColumnType::Boolean),
        ("meta", ColumnType::Json),
    ];
    Columns { typed: typed.iter().map(|(n, t)| ((*n).into(), *t)).collect(), document: false }
}

fn left(rule: &str, auth: Value) -> RowPredicate {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.ts");
    let helpers = "const isOwner = (a, r) => a?.id === r.owner; const ROLES = ['admin', 'editor'];";
    std::fs::write(&file, format!("{helpers}\nexport default {{ rule: {rule} }}")).unwrap();
    let loaded = crate::load(&file, &HashMap::new()).unwrap();
    let program = match &loaded.facts()[0].fast {
        Ok(program) => program.clone(),
        Err(reason) => panic!("{rule} has no native form: {reason}"),
    };
    let auth = if auth.is_null() { Arg::Null } else { Arg::Json(Arc::new(auth)) };
    super::row_predicate(&program, &auth, &columns())
}

fn column(name: &str, kind: ColumnType) -> Place {
    Place { root: Root::Column(name.into(), kind), path: Vec::new() }
}

fn text(name: &str, value: &str) -> Predicate {
    Predicate::Equal(column(name, ColumnType::Text), Scalar::Text(value.into()))
}

#[test]
fn what_is_known_of_the_caller_is_gone_and_the_rest_stays_as_it_is_written() {
    let rule = "(auth, row) => row.status === 'published' || isOwner(auth, row)";
    assert_eq!(
        left(rule, json!({"id": "u1"})),
        RowPredicate::When(Predicate::Any(vec![text("status", "published"), text("owner", "u1")]))
    );
    // undefined is equal to no text and to no null.
    assert_eq!(left(rule, Value::Null), RowPredicate::When(text("status", "published")));
    let rule = "(auth, row) => { if (!auth) return false; if (auth.role === 'admin') return true;
        return row.owner === auth.id && row.n >= 3 }";
    assert_eq!(left(rule, Value::Null), RowPredicate::None);
    assert_eq!(left(rule, json!({"role": "admin"})), RowPredicate::All);
    let n = column("n", ColumnType::Number);
    assert_eq!(
        left(rule, json!({"id": "u1"})),
        RowPredicate::When(Predicate::All(vec![
            text("owner", "u1"),
            Predicate::Order(n, Order::GreaterEqual, Scalar::Number(3.0))
        ]))
    );
}

#[test]
fn null_orders_as_zero_and_a_value_without_a_row_is_undefined() {
    let n = column("n", ColumnType::Number);
    assert_eq!(
        left("(auth, row) => row.n < 3", Value::Null),
        RowPredicate::When(Predicate::Any(vec![
            Predicate::Kind(n.clone(), Kinds::NULL),
            Predicate::Order(n, Order::Less, Scalar::Number(3.0))
        ]))
    );
    assert_eq!(left("(auth, row) => row.nothing === undefined", Value::Null), RowPredicate::All);
    assert_eq!(left("(auth, row) => row.nothing.more", Value::Null), RowPredicate::None);
}

#[test]
fn operands_keep_their_sides() {
    assert_eq!(left("(auth, row) => 0 / (row.n === 1)", Value::Null), RowPredicate::None);
    assert_eq!(
        left("(auth, row) => 'a' + (row.n === 1) === 'atrue'", Value::Null),
        left("(auth, row) => row.n === 1", Value::Null)
    );
}

#[test]
fn a_throw_denies_its_row_even_under_a_negation() {
    let meta = column("meta", ColumnType::Json);
    let owner = Place { path: vec!["owner".into()], ..meta.clone() };
    let equal = Predicate::Equal(owner, Scalar::Text("u1".into()));
    assert_eq!(
        left("(auth, row) => row.meta.owner === auth.id", json!({"id": "u1"})),
        RowPredicate::When(equal.clone())
    );
    let present = Predicate::Kind(meta, Kinds::ALL.without(Kinds::NULLISH));
    assert_eq!(
        left("(auth, row) => !(row.meta.owner === auth.id)", json!({"id": "u1"})),
        RowPredicate::When(Predicate::All(vec![present, Predicate::Not(Box::new(equal))]))
    );
}

#[test]
fn an_array_of_constants_is_one_condition_and_one_of_the_row_a_search() {
    let status = column("status", ColumnType::Text);
    let roles = vec![Scalar::Text("admin".into()), Scalar::Text("editor".into())];
    assert_eq!(
        left("(auth, row) => ROLES.includes(row.status)", Value::Null),
        RowPredicate::When(Predicate::OneOf(status, roles))
    );
    let rule = "(auth, row) => row.meta?.members?.some(m => m?.id === auth.id)";
    let members = Place { path: vec!["members".into()], ..column("meta", ColumnType::Json) };
    let id = Place { root: Root::Item(0), path: vec!["id".into()] };
    assert_eq!(
        left(rule, json!({"id": "u1"})),
        RowPredicate::When(Predicate::First {
            list: members,
            stop: Box::new(Predicate::Equal(id, Scalar::Text("u1".into()))),
            holds: Box::new(Predicate::Always(true)),
        })
    );
}

#[test]
fn what_has_no_exact_form_has_none() {
    for rule in [
        "(auth, row) => row.meta > 3",
        "(auth, row) => row.n + 1 === 2",
        "(auth, row) => row.status == 3",
        "(auth, row) => row.status < '\u{E000}'",
        "(auth, row) => row.constructor",
        "(auth, row) => row.meta.length > 2",
        "(auth, row) => `${row.status}` === 'a'",
        "(auth, row) => row.meta.find(m => m) === 1",
        "(auth, row) => auth.custom[row.status]",
        "async (auth, row, ctx) => await ctx.db.exists('t', { id: row.owner })",
    ] {
        let left = left(rule, json!({"id": "u1", "custom": {}}));
        assert!(matches!(left, RowPredicate::Opaque(_)), "{rule}: {left:?}");
    }
}

#[test]
fn a_text_that_is_looked_for_is_bounded() {
    let ask = |length| {
        let rule = "(auth, row) => row.status.includes(auth.custom.part)";
        left(rule, json!({"custom": {"part": "a".repeat(length)}}))
    };
    assert!(matches!(ask(1_000), RowPredicate::When(Predicate::Text(..))), "{:?}", ask(1_000));
    assert!(matches!(ask(1_001), RowPredicate::Opaque(_)), "{:?}", ask(1_001));
}

#[test]
fn what_a_test_says_of_a_kind_holds_behind_it() {
    let level = Place { path: vec!["level".into()], ..column("meta", ColumnType::Json) };
    assert_eq!(
        left("(auth, row) => typeof row.meta?.level === 'number' && row.meta.level > 3", json!({})),
        RowPredicate::When(Predicate::All(vec![
            Predicate::Kind(level.clone(), Kinds::NUMBER),
            Predicate::Order(level, Order::Greater, Scalar::Number(3.0))
        ]))
    );
}

#[test]
fn a_predicate_stays_small_or_is_none() {
    let auth = json!({"list": (0..500).collect::<Vec<_>>()});
    let rule = "(auth, row) => auth.list.some(x => row.meta?.level?.[`k${x}`] === x)";
    assert!(matches!(left(rule, auth.clone()), RowPredicate::Opaque(_)));
    // Values of one place are one comparison.
    let rule = "(auth, row) => auth.list.some(x => row.n === x)";
    let RowPredicate::When(Predicate::OneOf(_, values)) = left(rule, auth) else {
        panic!("one list")
    };
    assert_eq!(values.len(), 500);
    // On the stack of a request's thread.
    let deep = [
        format!("(auth, row) => {}row.on", "!".repeat(900)),
        format!(
            "(auth, row) => {{ {} return row.on }}",
            "if (row.n === 1) return true;".repeat(500)
        ),
        format!("(auth, row) => {}row.on", "row.n === 1 ? true : ".repeat(400)),
    ];
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        for rule in deep {
            assert!(matches!(left(&rule, Value::Null), RowPredicate::Opaque(_)), "{rule}");
        }
    });
    thread.unwrap().join().unwrap();
}
