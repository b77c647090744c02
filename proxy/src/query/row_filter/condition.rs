//! How is a predicate written in SQL?
//!
//! Invariant: a condition is never null where that would matter. Negations are pushed down to
//! the atoms; one that holds stays plain, so that an index serves it, and counts null as false,
//! as `WHERE` does; one that is denied is written so that null is not equal.

use crate::db::statement::{Bind, Sql};
use crate::query::search::literal;
use edgebase_rules::{ColumnType, Kinds, Order, Place, Predicate, Scalar, TextTest, not_finite};
use serde_json::Value;

/// Writes one condition.
pub(super) struct Writer<'s> {
    pub(super) sql: &'s mut Sql,
    /// How many loops are around.
    pub(super) depth: usize,
}

impl Writer<'_> {
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.sql.push(text);
        self
    }

    pub(super) fn bind(&mut self, value: Bind) -> &mut Self {
        self.sql.bind(value);
        self
    }

    /// The predicate, or its opposite.
    pub(super) fn condition(&mut self, predicate: &Predicate, holds: bool) {
        match predicate {
            Predicate::Always(b) => {
                self.push(if *b == holds { "TRUE" } else { "FALSE" });
            }
            Predicate::Not(inner) => self.condition(inner, !holds),
            Predicate::All(parts) => {
                self.joined(parts, if holds { " AND " } else { " OR " }, holds)
            }
            Predicate::Any(parts) => {
                self.joined(parts, if holds { " OR " } else { " AND " }, holds)
            }
            Predicate::Kind(place, kinds) if holds => self.kind(place, *kinds),
            Predicate::Kind(place, kinds) => self.kind(place, place.kinds().without(*kinds)),
            Predicate::Equal(place, value) => self.equal(place, value, holds),
            Predicate::First { list, stop, holds: wanted } => {
                if !holds {
                    self.push("NOT ");
                }
                self.first(list, stop, wanted);
            }
            atom if holds => self.atom(atom),
            atom => {
                self.push("(");
                self.atom(atom);
                self.push(") IS NOT TRUE");
            }
        }
    }

    fn joined(&mut self, parts: &[Predicate], operator: &str, holds: bool) {
        for (i, part) in parts.iter().enumerate() {
            self.push(if i == 0 { "(" } else { operator });
            self.condition(part, holds);
        }
        self.push(")");
    }

    /// An atom that may be null where it is false.
    fn atom(&mut self, atom: &Predicate) {
        match atom {
            Predicate::OneOf(place, values) => self.one_of(place, values),
            Predicate::Order(place, order, bound) => self.order(place, *order, bound),
            Predicate::Same(a, b) => self.same(a, b),
            Predicate::Text(test, place, part) => self.text_test(*test, place, part),
            Predicate::Has(place, value) => {
                self.push("(pg_catalog.jsonb_typeof(");
                self.json(place);
                self.push(") = 'array' AND ");
                self.json(place);
                self.push(" @> ").bind(Bind::Json(Some(Value::Array(vec![json_of(value)]))));
                self.push(")");
            }
            // Written by `condition`.
            other => self.condition(other, true),
        }
    }

    fn kind(&mut self, place: &Place, kinds: Kinds) {
        let possible = place.kinds();
        if kinds.common(possible).is_empty() || kinds.contains(possible) {
            self.push(if kinds.contains(possible) { "TRUE" } else { "FALSE" });
            return;
        }
        match place.column_type() {
            Some(ColumnType::Number) => {
                let mut parts = Vec::new();
                if kinds.meets(Kinds::NULL) {
                    parts.push(" IS NULL");
                }
                if kinds.contains(Kinds::NUMBER | Kinds::STRING) {
                    parts.push(" IS NOT NULL");
                } else if kinds.meets(Kinds::NUMBER) {
                    parts.push(" NOT IN ('NaN', 'Infinity', '-Infinity')");
                } else if kinds.meets(Kinds::STRING) {
                    parts.push(" IN ('NaN', 'Infinity', '-Infinity')");
                }
                for (i, part) in parts.iter().enumerate() {
                    self.push(if i == 0 { "(" } else { " OR " });
                    self.value(place).push(part);
                }
                self.push(")");
            }
            Some(_) => {
                self.value(place);
                self.push(if kinds.meets(Kinds::NULL) { " IS NULL" } else { " IS NOT NULL" });
            }
            None => self.json_kind(place, kinds),
        }
    }

    fn json_kind(&mut self, place: &Place, kinds: Kinds) {
        // A column without a value shows null; a key without one is not there.
        let absent = if place.kinds().meets(Kinds::ABSENT) { "absent" } else { "null" };
        let (numbers, texts) = (kinds.meets(Kinds::NUMBER), kinds.meets(Kinds::STRING));
        // A number beyond every double is one to the database and text to rules.
        let named = if numbers && !texts { kinds.without(Kinds::NUMBER) } else { kinds };
        let names: Vec<String> = [
            (Kinds::ABSENT, "absent"),
            (Kinds::NULL, "null"),
            (Kinds::BOOL, "boolean"),
            (Kinds::NUMBER, "number"),
            (Kinds::STRING, "string"),
            (Kinds::ARRAY, "array"),
            (Kinds::OBJECT, "object"),
        ]
        .iter()
        .filter(|(kind, _)| named.meets(*kind))
        .map(|(_, name)| format!("'{name}'"))
        .collect();
        self.push("(");
        if !names.is_empty() {
            self.push("COALESCE(pg_catalog.jsonb_typeof(");
            self.json(place);
            self.push(&format!("), '{absent}') IN ({})", names.join(", ")));
        }
        if numbers != texts {
            self.push(if names.is_empty() { "" } else { " OR " });
            if numbers {
                self.number(place);
                self.push(" IS NOT NULL");
            } else {
                self.beyond(place);
            }
        }
        self.push(")");
    }

    fn equal(&mut self, place: &Place, value: &Scalar, holds: bool) {
        match (place.column_type(), value) {
            (Some(ColumnType::Boolean), Scalar::Bool(b)) => {
                self.value(place);
                self.push(match (b, holds) {
                    (true, true) => "",
                    (false, true) => " = FALSE",
                    (true, false) => " IS NOT TRUE",
                    (false, false) => " IS NOT FALSE",
                });
                return;
            }
            (None, Scalar::Number(_)) => self.number(place),
            (None, _) => self.json(place),
            _ => {
                self.value(place);
            }
        }
        self.push(if holds { " = " } else { " IS DISTINCT FROM " });
        self.operand(place, value);
    }

    /// A value as what it is compared with at a place.
    fn operand(&mut self, place: &Place, value: &Scalar) {
        self.bind(match (place.column_type(), value) {
            (_, Scalar::Number(n)) => Bind::Number(Some(*n)),
            (Some(ColumnType::Number), Scalar::Text(t)) => Bind::Number(not_finite(t)),
            (Some(_), Scalar::Text(t)) => Bind::text(t.as_ref()),
            (Some(_), Scalar::Bool(b)) => Bind::Bool(Some(*b)),
            (None, value) => Bind::Json(Some(json_of(value))),
        });
    }

    fn one_of(&mut self, place: &Place, values: &[Scalar]) {
        let number = |value: &Scalar| match value {
            Scalar::Number(n) => Some(*n),
            Scalar::Text(t) => not_finite(t),
            Scalar::Bool(_) => None,
        };
        let text = |value: &Scalar| match value {
            Scalar::Text(t) => Some(t.to_string()),
            _ => None,
        };
        let numbers = matches!(values.first(), Some(Scalar::Number(_)));
        let list = match place.column_type() {
            None if numbers => {
                self.number(place);
                Bind::Numbers(values.iter().filter_map(number).collect())
            }
            None => {
                self.json(place);
                Bind::Jsons(values.iter().map(json_of).collect())
            }
            Some(ColumnType::Number) => {
                self.value(place);
                Bind::Numbers(values.iter().filter_map(number).collect())
            }
            Some(_) => {
                self.value(place);
                Bind::Texts(values.iter().filter_map(text).collect())
            }
        };
        self.push(" = ANY (").bind(list).push(")");
    }

    fn order(&mut self, place: &Place, order: Order, bound: &Scalar) {
        let operator = match order {
            Order::Less => " < ",
            Order::LessEqual => " <= ",
            Order::Greater => " > ",
            Order::GreaterEqual => " >= ",
        };
        match bound {
            Scalar::Number(n) => {
                self.push("(");
                self.number(place);
                self.push(operator).bind(Bind::Number(Some(*n)));
                // To the database NaN is greater than every number.
                if place.column_type().is_some()
                    && matches!(order, Order::Greater | Order::GreaterEqual)
                {
                    self.push(" AND ");
                    self.number(place);
                    self.push(" <= 'Infinity'");
                }
                self.push(")");
            }
            other => {
                self.text(place);
                self.push(" COLLATE \"C\"").push(operator).bind(Bind::text(text_of(other)));
            }
        }
    }

    fn same(&mut self, a: &Place, b: &Place) {
        let both = a.kinds().common(b.kinds());
        let mut separator = "(";
        if both.meets(Kinds::STRING) {
            self.push(separator);
            separator = " OR ";
            self.text(a);
            self.push(" = ");
            self.text(b);
        }
        if both.meets(Kinds::NUMBER) {
            self.push(separator);
            separator = " OR ";
            self.finite(a);
            self.push(" = ");
            self.finite(b);
        }
        if both.meets(Kinds::BOOL) {
            self.push(separator);
            separator = " OR ";
            self.boolean(a);
            self.push(" = ");
            self.boolean(b);
        }
        self.push(if separator == "(" { "FALSE" } else { ")" });
    }

    fn text_test(&mut self, test: TextTest, place: &Place, part: &str) {
        match test {
            TextTest::Includes => {
                self.text(place);
                self.push(" ~ ").bind(Bind::text(literal(part)));
            }
            TextTest::StartsWith => {
                self.push("pg_catalog.starts_with(");
                self.text(place);
                self.push(", ").bind(Bind::text(part)).push(")");
            }
            TextTest::EndsWith => {
                self.push("pg_catalog.right(");
                self.text(place);
                self.push(", pg_catalog.char_length(").bind(Bind::text(part)).push(")) = ");
                self.bind(Bind::text(part));
            }
        }
    }

    fn first(&mut self, list: &Place, stop: &Predicate, wanted: &Predicate) {
        let any = *wanted == Predicate::Always(true);
        let item = format!("e{}", self.depth);
        self.push(if any { "EXISTS (SELECT 1" } else { "COALESCE((SELECT " });
        self.depth += 1;
        if !any {
            self.condition(wanted, true);
        }
        self.depth -= 1;
        self.push(" FROM pg_catalog.jsonb_array_elements(CASE WHEN pg_catalog.jsonb_typeof(");
        self.json(list);
        self.push(") = 'array' THEN ");
        self.json(list);
        self.push(&format!(" ELSE '[]' END) WITH ORDINALITY AS {item}(v, n) WHERE "));
        self.depth += 1;
        self.condition(stop, true);
        self.depth -= 1;
        self.push(&if any {
            ")".to_owned()
        } else {
            format!(" ORDER BY {item}.n LIMIT 1), FALSE)")
        });
    }
}

fn json_of(value: &Scalar) -> Value {
    match value {
        Scalar::Text(t) => Value::from(t.as_ref()),
        Scalar::Number(n) => Value::from(*n),
        Scalar::Bool(b) => Value::from(*b),
    }
}

fn text_of(value: &Scalar) -> String {
    match value {
        Scalar::Text(t) => t.to_string(),
        Scalar::Number(n) => n.to_string(),
        Scalar::Bool(b) => b.to_string(),
    }
}
