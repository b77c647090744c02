//! How is a value of a row written in SQL, as rules see it?
//!
//! Rules see a row as JSON: a timestamp is its text, and a JSON number is the double nearest to
//! it. Nothing written here can fail: no cast meets a value that it cannot convert.

use super::condition::Writer;
use crate::db::statement::Bind;
use crate::query::column::{DOCUMENT, write_iso};
use edgebase_rules::{ColumnType, Place, Root};

/// Half a step above the largest double: from here on a number is beyond every double, and text
/// to rules.
const BEYOND: &str = "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880177904174497792";
/// Below this a number is the double zero.
const SMALLEST: &str = "2.4703282292062328e-324";

impl Writer<'_> {
    /// A column of a type as rules see it; a number column stays one.
    pub(super) fn value(&mut self, place: &Place) -> &mut Self {
        match &place.root {
            Root::Column(name, ColumnType::Datetime) => write_iso(self.sql, name),
            Root::Column(name, _) => {
                self.sql.push("t.").ident(name);
            }
            // Everything else is JSON, which `json` writes.
            Root::Document | Root::Item(_) => self.json(place),
        }
        self
    }

    /// The JSON at a place; null where there is none.
    pub(super) fn json(&mut self, place: &Place) {
        self.push(if place.path.is_empty() { "" } else { "(" });
        match &place.root {
            Root::Column(name, _) => {
                self.sql.push("t.").ident(name);
            }
            Root::Document => {
                self.sql.push("t.").ident(DOCUMENT);
            }
            Root::Item(depth) => {
                self.push(&format!("e{depth}.v"));
            }
        }
        for key in &place.path {
            self.push(" -> ").bind(Bind::text(key.as_ref()));
        }
        self.push(if place.path.is_empty() { "" } else { ")" });
    }

    fn of_type(&mut self, place: &Place, kind: &str) {
        self.push("CASE WHEN pg_catalog.jsonb_typeof(");
        self.json(place);
        self.push(&format!(") = '{kind}' THEN "));
    }

    /// The text at a place; null where there is none.
    pub(super) fn text(&mut self, place: &Place) {
        match place.column_type() {
            Some(ColumnType::Text | ColumnType::Datetime) => {
                self.value(place);
            }
            Some(ColumnType::Number) => {
                self.push("CASE WHEN ");
                self.value(place).push(" IN ('NaN', 'Infinity', '-Infinity') THEN ");
                self.value(place).push("::text END");
            }
            Some(_) => {
                self.push("NULL::text");
            }
            None => {
                self.push("(");
                self.push("CASE WHEN pg_catalog.jsonb_typeof(");
                self.json(place);
                self.push(") = 'string' OR ");
                self.beyond(place);
                self.push(" THEN ");
                self.json(place);
                self.push(" #>> '{}' END)");
            }
        }
    }

    /// The number at a place; null where there is none.
    pub(super) fn number(&mut self, place: &Place) {
        if place.column_type().is_some() {
            self.value(place);
            return;
        }
        self.push("(");
        self.of_type(place, "number");
        self.push("CASE WHEN pg_catalog.abs(");
        self.json(place);
        self.push(&format!("::numeric) < {SMALLEST} THEN 0 WHEN pg_catalog.abs("));
        self.json(place);
        self.push(&format!("::numeric) < {BEYOND} THEN "));
        self.json(place);
        self.push("::float8 END END)");
    }

    /// Whether the JSON at a place is a number beyond every double.
    pub(super) fn beyond(&mut self, place: &Place) {
        self.push("(pg_catalog.jsonb_typeof(");
        self.json(place);
        self.push(") = 'number' AND ");
        self.number(place);
        self.push(" IS NULL)");
    }

    /// The number at a place that JSON can hold.
    pub(super) fn finite(&mut self, place: &Place) {
        if place.column_type().is_none() {
            return self.number(place);
        }
        self.push("CASE WHEN ");
        self.value(place).push(" NOT IN ('NaN', 'Infinity', '-Infinity') THEN ");
        self.value(place).push(" END");
    }

    /// The boolean at a place; null where there is none.
    pub(super) fn boolean(&mut self, place: &Place) {
        if place.column_type().is_some() {
            self.value(place);
            return;
        }
        self.push("(");
        self.of_type(place, "boolean");
        self.json(place);
        self.push(" = 'true' END)");
    }
}
