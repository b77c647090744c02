//! Does the server keep the contract, row by row?
//!
//! Every table and list of the contract that is about table operations stands here as rows: the
//! section, a request, and what has to come back. Where the contract describes backends that
//! disagree, or a hole, `choice` names what this server does instead and why. A test runs all
//! rows of its section, on both kinds of block where the section is about tables, and reports
//! every row that does not hold.

mod access;
mod batches;
mod bodies;
mod document;
mod exact;
mod examples;
mod filters;
mod keyless;
mod odd;
mod order;
mod pages;
mod parameters;
mod routes;
mod searches;
mod sql;
mod types;
mod values;
mod writes;

use edgebase_tests::{Answer, Client, Product, unique};
use serde_json::Value;
use std::sync::Arc;

/// The development config made for these rows.
fn product() -> Arc<Product> {
    Product::shared("rows.ts")
}

/// The prefix of table routes, `…/tables`, of the single-instance block and of a new instance.
fn both() -> [String; 2] {
    ["/api/db/app/tables".into(), format!("/api/db/space/{}/tables", unique("row"))]
}

/// Who sends a request.
#[derive(Clone, Debug)]
enum Who {
    Nobody,
    User(&'static str),
    Service,
}

/// One line of the contract.
#[derive(Clone, Debug)]
struct Row {
    section: &'static str,
    method: &'static str,
    path: String,
    body: Option<(String, Vec<u8>)>,
    headers: Vec<(&'static str, String)>,
    who: Who,
    status: u16,
    checks: Vec<Check>,
    choice: Option<&'static str>,
}

#[derive(Clone, Debug)]
enum Check {
    /// The whole body is this.
    Is(Value),
    /// The body has at least this; objects inside are looked into, anything else is equal.
    Has(Value),
    /// The body's keys are these, in this order.
    Keys(Vec<&'static str>),
    /// The body has none of these keys.
    Lacks(Vec<&'static str>),
    /// The list's items are these, told apart by one field.
    Items(&'static str, Vec<Value>),
    /// The list has so many items.
    Count(usize),
    /// The message begins like this.
    Begins(String),
    /// The answer has no body at all.
    Empty,
}

impl Row {
    fn new(
        section: &'static str,
        method: &'static str,
        path: impl Into<String>,
        status: u16,
    ) -> Self {
        Self {
            section,
            method,
            path: path.into(),
            body: None,
            headers: Vec::new(),
            who: Who::User("reader"),
            status,
            checks: Vec::new(),
            choice: None,
        }
    }

    fn get(section: &'static str, path: impl Into<String>, status: u16) -> Self {
        Self::new(section, "GET", path, status)
    }

    /// A GET of a path with query parameters, their values encoded here.
    fn query(section: &'static str, path: &str, query: &[(&str, &str)], status: u16) -> Self {
        let pairs: Vec<_> =
            query.iter().map(|(k, v)| format!("{k}={}", edgebase_tests::encode(v))).collect();
        Self::get(section, format!("{path}?{}", pairs.join("&")), status)
    }

    #[allow(clippy::needless_pass_by_value)] // rows are written with literals
    fn post(section: &'static str, path: impl Into<String>, body: Value, status: u16) -> Self {
        Self::new(section, "POST", path, status).sends("application/json", body.to_string())
    }

    #[allow(clippy::needless_pass_by_value)] // rows are written with literals
    fn patch(section: &'static str, path: impl Into<String>, body: Value, status: u16) -> Self {
        Self::new(section, "PATCH", path, status).sends("application/json", body.to_string())
    }

    fn delete(section: &'static str, path: impl Into<String>, status: u16) -> Self {
        Self::new(section, "DELETE", path, status)
    }

    /// A body as it is; an empty content type sends none.
    fn sends(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some((content_type.to_owned(), body.into()));
        self
    }

    fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }

    fn by(mut self, who: Who) -> Self {
        self.who = who;
        self
    }

    fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    fn is(self, body: Value) -> Self {
        self.check(Check::Is(body))
    }

    fn has(self, part: Value) -> Self {
        self.check(Check::Has(part))
    }

    fn keys(self, keys: &[&'static str]) -> Self {
        self.check(Check::Keys(keys.to_vec()))
    }

    fn lacks(self, keys: &[&'static str]) -> Self {
        self.check(Check::Lacks(keys.to_vec()))
    }

    fn items(self, field: &'static str, values: Vec<Value>) -> Self {
        self.check(Check::Items(field, values))
    }

    fn count(self, items: usize) -> Self {
        self.check(Check::Count(items))
    }

    fn says(self, message: impl Into<String>) -> Self {
        let message: String = message.into();
        self.has(serde_json::json!({ "message": message }))
    }

    fn begins(self, message: impl Into<String>) -> Self {
        let message: String = message.into();
        self.check(Check::Begins(message))
    }

    fn empty(self) -> Self {
        self.check(Check::Empty)
    }

    /// What this server does instead of what the contract's backends do.
    fn choice(mut self, choice: &'static str) -> Self {
        self.choice = Some(choice);
        self
    }

    /// Sends the request; what is not as it should be.
    async fn run(&self, product: &Product) -> Option<String> {
        let mut client = match self.who {
            Who::Nobody => product.anonymous(),
            Who::User(id) => product.user(id),
            Who::Service => product.service(),
        };
        for (name, value) in &self.headers {
            client = client.with(name, value);
        }
        let answer = self.send(&client).await;
        let wrong = self.wrong(&answer)?;
        let choice = self.choice.map(|c| format!("\n  our choice: {c}")).unwrap_or_default();
        Some(format!(
            "contract {}: {} {}{}\n  {wrong}\n  answer: {} {}{choice}",
            self.section,
            self.method,
            self.path,
            self.body
                .as_ref()
                .map(|(_, b)| format!(" {}", String::from_utf8_lossy(b)))
                .unwrap_or_default(),
            answer.status,
            answer.text
        ))
    }

    async fn send(&self, client: &Client) -> Answer {
        let body = self.body.as_ref().map(|(kind, bytes)| (kind.as_str(), bytes.clone()));
        client.send(self.method, &self.path, body).await
    }

    fn wrong(&self, answer: &Answer) -> Option<String> {
        if answer.status != self.status {
            return Some(format!("the status is not {}", self.status));
        }
        if answer.headers.get("x-content-type-options").map(String::as_str) != Some("nosniff") {
            return Some("the nosniff header is missing".into());
        }
        // Contract 2: `code` is the status and `message` is always there.
        if answer.status >= 400
            && !answer.text.is_empty()
            && (answer.body["code"] != answer.status || !answer.body["message"].is_string())
        {
            return Some("the envelope has no code and message".into());
        }
        self.checks.iter().find_map(|check| check.wrong(answer))
    }
}

impl Check {
    fn wrong(&self, answer: &Answer) -> Option<String> {
        let keys = || -> Vec<&str> {
            answer.body.as_object().into_iter().flatten().map(|(k, _)| k.as_str()).collect()
        };
        let (holds, wanted) = match self {
            Self::Is(body) => (answer.body == *body, format!("the body is not {body}")),
            Self::Has(part) => (has(&answer.body, part), format!("the body has not {part}")),
            Self::Keys(wanted) => (keys() == *wanted, format!("the keys are not {wanted:?}")),
            Self::Lacks(unwanted) => (
                !keys().iter().any(|k| unwanted.contains(k)),
                format!("it has one of {unwanted:?}"),
            ),
            Self::Items(field, values) => {
                let found: Vec<_> = answer.items().iter().map(|i| i[*field].clone()).collect();
                (found == *values, format!("'{field}' of the items is not {values:?}"))
            }
            Self::Count(items) => {
                (answer.items().len() == *items, format!("there are not {items} items"))
            }
            Self::Begins(text) => {
                (answer.message().starts_with(text), format!("the message does not begin {text:?}"))
            }
            Self::Empty => (answer.text.is_empty(), "the body is not empty".to_owned()),
        };
        (!holds).then_some(wanted)
    }
}

fn has(body: &Value, part: &Value) -> bool {
    match (body, part) {
        (Value::Object(body), Value::Object(part)) => {
            part.iter().all(|(k, wanted)| body.get(k).is_some_and(|found| has(found, wanted)))
        }
        _ => body == part,
    }
}

/// Runs rows in order.
///
/// # Panics
/// With every row that does not hold.
async fn hold(product: &Product, rows: Vec<Row>) {
    let mut broken = Vec::new();
    for row in &rows {
        broken.extend(row.run(product).await);
    }
    assert!(
        broken.is_empty(),
        "{} of {} rows do not hold:\n{}",
        broken.len(),
        rows.len(),
        broken.join("\n")
    );
}

/// Sends what rows are about; every request must succeed.
async fn prepare(product: &Product, path: &str, records: &[Value]) {
    let body = serde_json::json!({ "inserts": records });
    product.service().post(&format!("{path}/batch"), &body).await.expect(200);
}
