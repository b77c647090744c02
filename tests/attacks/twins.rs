//! Two instances that differ only in rows which an attacker may not see.
//!
//! What is asked of one is asked of the other, and the answers have to be the same to the last
//! byte: status, headers and body. Only the instance's own id, the server's times and the request's
//! id may differ.

use edgebase_tests::{Answer, Client, Product, encode, unique};
use serde_json::{Value, json};
use std::sync::Arc;

/// The config whose tables have a `read` rule of each kind.
pub fn product() -> Arc<Product> {
    Product::shared("oracle.ts")
}

/// The attacker's name.
pub const ATTACKER: &str = "attacker";
/// The owner of what is hidden.
pub const VICTIM: &str = "victim";
/// What is hidden: a number between 1 and 9,999 and a word.
pub const PIN: i64 = 4711;
pub const WORD: &str = "xylophone";

/// A request to a table.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: &'static str,
    /// What follows the table's path.
    pub suffix: String,
    pub body: Option<Value>,
}

impl Ask {
    /// A GET with query parameters.
    pub fn get(suffix: &str, query: &[(&str, &str)]) -> Self {
        let pairs: Vec<_> = query.iter().map(|(k, v)| format!("{k}={}", encode(v))).collect();
        let suffix = format!("{suffix}?{}", pairs.join("&"));
        Self { method: "GET", suffix, body: None }
    }

    /// A request with a body.
    pub fn send(method: &'static str, suffix: impl Into<String>, body: Value) -> Self {
        Self { method, suffix: suffix.into(), body: Some(body) }
    }
}

/// The text without the server's timestamps, which a table without a schema always has.
fn untimed(text: &str) -> String {
    let mut parts = text.split("edAt\":\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "edAt" + part.get(24..).unwrap_or(part))
}

/// The two instances.
pub struct Twins {
    /// With hidden rows, and without.
    ids: [String; 2],
    table: &'static str,
}

impl Twins {
    /// New ones. The attacker owns rows in both; the victim's are in one of them.
    pub async fn new(product: &Product, table: &'static str) -> Self {
        let name = unique("twin");
        let twins = Self { ids: [format!("{name}-a"), format!("{name}-b")], table };
        let own = |n: usize| {
            json!({"id": format!("m{n}"), "ownerId": ATTACKER, "pin": 0, "word": "visible words",
                   "slug": format!("s{n}"), "flag": n.is_multiple_of(2), "meta": [n],
                   "at": format!("2026-01-0{}T00:00:00Z", n + 1)})
        };
        let hidden = |id: &str, pin: Value, word: &str| {
            json!({"id": id, "ownerId": VICTIM, "pin": pin, "word": word, "slug": format!("h-{id}"),
                   "flag": true, "meta": {"pin": pin}, "at": "2026-01-03T12:00:00Z"})
        };
        let hidden = [
            hidden("a1", json!(PIN), WORD),
            hidden("m1x", json!(1), "visible words"),
            hidden("m2x", json!(0), "visible"),
            hidden("z9", Value::Null, &format!("visible words {WORD} words")),
        ];
        for (id, others) in twins.ids.iter().zip([&hidden[..], &[]]) {
            let rows: Vec<Value> = (0..4).map(own).chain(others.iter().cloned()).collect();
            let path = format!("{}/batch", twins.path(id));
            product.service().post(&path, &json!({"inserts": rows})).await.expect(200);
        }
        twins
    }

    fn path(&self, id: &str) -> String {
        format!("/api/db/space/{id}/tables/{}", self.table)
    }

    /// What the instance with hidden rows answers.
    pub async fn answer(&self, client: &Client, ask: &Ask) -> Answer {
        self.one(client, ask, &self.ids[0]).await
    }

    /// What both answer, which has to be the same.
    ///
    /// # Panics
    /// When it is not.
    pub async fn same(&self, client: &Client, ask: &Ask) -> Answer {
        let full = self.one(client, ask, &self.ids[0]).await;
        let bare = self.one(client, ask, &self.ids[1]).await;
        let seen = |answer: &Answer, id: &str| {
            let mut headers = answer.headers.clone();
            headers.retain(|name, _| name != "date" && name != "x-request-id");
            (answer.status, headers, untimed(&answer.text.replace(id, "instance")))
        };
        assert_eq!(
            seen(&full, &self.ids[0]),
            seen(&bare, &self.ids[1]),
            "{}: {ask:?} tells of hidden rows",
            self.table
        );
        full
    }

    async fn one(&self, client: &Client, ask: &Ask, id: &str) -> Answer {
        let path = format!("{}{}", self.path(id), ask.suffix);
        // A busy engine says so; nothing has been done then.
        for _ in 0..100 {
            let body = ask.body.as_ref();
            let body = body.map(|b| ("application/json", b.to_string().into_bytes()));
            let answer = client.send(ask.method, &path, body).await;
            if answer.status != 503 {
                return answer;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{}: {ask:?} is not answered", self.table);
    }
}
