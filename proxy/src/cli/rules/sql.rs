//! Which rows does a rule let a caller see, as the database is asked?
//!
//! The condition that a list, a count or a write adds to its statement, and the values that are
//! bound in it.

use edgebase_blocks::{Rule, Table};
use edgebase_proxy::auth::Principal;
use edgebase_proxy::db::statement::{Bind, Sql};
use edgebase_proxy::query::row_filter::{Compiled, RowFilter};
use edgebase_rules::Loaded;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What a rule comes to for a caller.
pub(super) struct Condition {
    rule: String,
    /// The condition, or why there is none.
    sql: Result<Sql, String>,
}

impl Condition {
    /// The condition of the rule at `path`.
    pub fn of(
        path: String,
        rule: Option<&Rule>,
        release: bool,
        loaded: &Loaded,
        principal: &Principal,
        table: &Table,
    ) -> Self {
        let auth = match principal {
            Principal::User(auth) => Some(auth),
            Principal::Anonymous | Principal::Service => None,
        };
        // A rule that is missing denies in release mode, and only there.
        let compiled = rule.map_or(if release { Compiled::None } else { Compiled::All }, |rule| {
            RowFilter::compile(rule, loaded, auth, table)
        });
        let sql = match compiled {
            Compiled::All => Ok(Sql::new("TRUE")),
            Compiled::None => Ok(Sql::new("FALSE")),
            Compiled::When(filter) => {
                let mut sql = Sql::default();
                filter.write_condition(&mut sql);
                Ok(sql)
            }
            Compiled::Opaque(reason) => Err(reason),
        };
        Self { rule: path, sql }
    }

    pub fn json(&self) -> Value {
        let values = self.sql.as_ref().map(|sql| sql.binds().iter().map(shown).collect::<Value>());
        json!({
            "rule": self.rule,
            "sql": self.sql.as_ref().ok().map(Sql::text),
            "values": values.ok(),
            "why": self.sql.as_ref().err(),
        })
    }

    pub fn text(&self) -> String {
        let mut text = format!("SQL  {}", self.rule);
        match &self.sql {
            // Writing into a String cannot fail.
            Ok(sql) => {
                let _ = write!(text, "\n  {}", sql.text());
                for (i, value) in sql.binds().iter().enumerate() {
                    let _ = write!(text, "\n  ${} = {}", i + 1, shown(value));
                }
            }
            Err(reason) => {
                let _ =
                    write!(text, "\n  none: the rule is asked about each row, because {reason}");
            }
        }
        text
    }
}

/// A bound value as JSON.
fn shown(bind: &Bind) -> Value {
    match bind {
        Bind::Text(v) => json!(v),
        Bind::Number(v) => json!(v),
        Bind::Bool(v) => json!(v),
        Bind::Json(v) => json!(v),
        Bind::Int(v) => json!(v),
        Bind::Texts(v) => json!(v),
        Bind::Numbers(v) => json!(v),
        Bind::Bools(v) => json!(v),
        Bind::Jsons(v) => json!(v),
    }
}
