//! What is said of a rule's decision?
//!
//! The decision, what evaluated the rule and why, and where the rule is written, as text or JSON.

use super::Operation;
use edgebase_blocks::Rule;
use edgebase_proxy::error::denial::Denial;
use edgebase_proxy::snapshot::Snapshot;
use edgebase_rules::Form;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

/// What came of asking.
pub(super) struct Answer {
    pub rule: String,
    /// `absent`, `literal`, `native` or `engine`.
    pub form: &'static str,
    /// More about the form: the literal, or why it is not native.
    pub why: Option<String>,
    /// File and line of a function.
    pub place: Option<String>,
    pub denial: Option<Denial>,
    /// Index and id of the row denied.
    pub row: Option<(usize, Value)>,
    pub took: Duration,
}

/// How the rule was evaluated: form, why, and where it is written.
pub(super) fn form(
    snapshot: &Snapshot,
    rule: Option<&Rule>,
    op: Operation,
) -> (&'static str, Option<String>, Option<String>) {
    let id = match rule {
        None => {
            let meaning = match (op, snapshot.config.release) {
                (Operation::Access, _) => "the tables' rules decide",
                (Operation::CanCreate, _) => "denied",
                (_, true) => "denied in release mode",
                (_, false) => "open in development, denied in release mode",
            };
            return ("absent", Some(meaning.to_owned()), None);
        }
        Some(Rule::Function(id)) => *id,
        Some(literal) => return ("literal", Some(literal.describe()), None),
    };
    let place = snapshot.loaded.function(id).map(edgebase_rules::FunctionInfo::place);
    let natively = snapshot
        .engine
        .metrics()
        .get(id.0 as usize)
        .is_some_and(|m| m.evaluations == m.fast_evaluations);
    match snapshot.engine.form(id) {
        Form::Engine(why) => ("engine", Some(why), place),
        Form::Fast if natively => ("native", None, place),
        Form::Fast => ("engine", Some("the native form leaves this input to it".into()), place),
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        json!({
            "decision": if self.denial.is_none() { "allow" } else { "deny" },
            "rule": self.rule,
            "cause": self.denial.as_ref().map(|d| &d.cause),
            "row": self.row.as_ref().map(|(index, id)| json!({"index": index, "id": id})),
            "form": self.form,
            "why": self.why,
            "place": self.place,
            "microseconds": self.took.as_secs_f64() * 1e6,
        })
    }

    pub fn text(&self) -> String {
        let decision = if self.denial.is_none() { "ALLOW" } else { "DENY" };
        let mut text = format!("{decision}  {}", self.rule);
        let mut line = |name: &str, value: &str| {
            // Writing into a String cannot fail.
            let _ = write!(text, "\n  {name:<6} {value}");
        };
        if let Some(denial) = &self.denial {
            line("cause", &denial.cause);
        }
        if let Some((index, id)) = &self.row {
            line("row", &format!("number {} (id {id})", index + 1));
        }
        if let Some(place) = &self.place {
            line("at", place);
        }
        let form = match (self.form, &self.why) {
            ("engine", Some(why)) => format!("JavaScript engine: {why}"),
            (form, Some(why)) => format!("{form}: {why}"),
            (form, None) => form.to_owned(),
        };
        line("form", &form);
        line("time", &format!("{:?}", self.took));
        text
    }
}
