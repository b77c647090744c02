//! What does a rule say of a caller, and of a row?
//!
//! Whatever goes wrong in a rule lets nothing pass; whether it is a no, or no answer at all, the
//! [`Reason`] tells. A rule is asked as late and as seldom as it allows: one
//! that is decided by the config is not asked at all, one that does not look at rows is asked once
//! for all of them. A service key passes over row rules.

use super::{Access, TABLE_BUDGET};
use crate::auth::Principal;
use crate::error::Result;
use crate::error::denial::Reason;
use crate::query::row_filter::RowFilter;
use crate::query::row_json::{self, Record};
use crate::query::row_scope::RowScope;
use edgebase_blocks::{Rule, Table};
use edgebase_rules::{Arg, Cause, Decision};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Whether a rule lets pass, and if not, why.
pub type Verdict = std::result::Result<(), Reason>;

/// How far a rule is decided without looking at a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Every row passes.
    Open,
    /// No row passes.
    Closed,
    /// The rule has to be asked once there is a row, but does not look at it: what it says of
    /// one row holds for all.
    PerRequest,
    /// Each row has to be asked about.
    PerRow,
}

/// A row that its rule does not let pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which of the rows given.
    pub index: usize,
    /// Why.
    pub reason: Reason,
}

impl Access<'_> {
    /// Who asks, as rules see them.
    pub(super) fn auth(&self) -> Arg {
        match self.principal {
            Principal::User(auth) => Arg::Json(Arc::clone(auth)),
            Principal::Service | Principal::Anonymous => Arg::Null,
        }
    }

    fn user(&self) -> Option<&Value> {
        match self.principal {
            Principal::User(auth) => Some(auth),
            Principal::Service | Principal::Anonymous => None,
        }
    }

    /// What can be said of a row rule before any row is seen.
    #[must_use]
    pub fn standing(&self, rule: Option<&Rule>) -> Standing {
        match rule {
            _ if self.principal.is_service() => Standing::Open,
            None if self.snapshot.config.release => Standing::Closed,
            None | Some(Rule::Always(true)) => Standing::Open,
            Some(Rule::Always(false)) => Standing::Closed,
            Some(Rule::SignedIn | Rule::SignedOut) => Standing::PerRequest,
            Some(Rule::Function(f)) if !self.snapshot.engine.sees_row(*f) => Standing::PerRequest,
            Some(Rule::Function(_) | Rule::Owner(_)) => Standing::PerRow,
        }
    }

    /// The verdict of a rule that does not look at rows, for all of them.
    ///
    /// # Errors
    /// Why it lets none pass.
    pub async fn any_row(&self, rule: Option<&Rule>) -> Verdict {
        self.ask(rule.ok_or(Reason::Absent)?, vec![self.auth()], TABLE_BUDGET).await
    }

    /// The rule on each row; the first row that it refuses.
    pub async fn first_refused(
        &self,
        rule: Option<&Rule>,
        rows: &Arc<Vec<Value>>,
    ) -> Option<Refused> {
        let refused = |index| Refused { index, reason: Reason::of(rule) };
        let first = (!rows.is_empty()).then(|| refused(0));
        match self.standing(rule) {
            Standing::Open => None,
            Standing::Closed => first,
            Standing::PerRequest if first.is_none() => None,
            Standing::PerRequest => {
                self.any_row(rule).await.err().map(|reason| Refused { index: 0, reason })
            }
            Standing::PerRow => match rule {
                Some(Rule::Function(f)) => self
                    .engine
                    .allows_rows(*f, self.auth(), Arc::clone(rows), TABLE_BUDGET)
                    .await
                    .err()
                    .map(|denied| Refused {
                        index: denied.index,
                        reason: Reason::Evaluated(denied.cause),
                    }),
                Some(rule) => rows.iter().position(|r| !self.literal(rule, Some(r))).map(refused),
                None => first,
            },
        }
    }

    /// What a rule about rows leaves to the caller, as far as the database can evaluate it.
    pub fn compiled(&self, rule: Option<&Rule>, table: &Table) -> RowScope {
        let auth = match self.principal {
            Principal::User(auth) => Some(auth),
            Principal::Service | Principal::Anonymous => None,
        };
        rule.map_or(RowScope::Empty, |rule| {
            RowFilter::compile(rule, &self.snapshot.loaded, auth, table).into()
        })
    }

    /// The indices of the rows that a rule about rows refuses.
    ///
    /// # Errors
    /// Why it could not be asked about all of them.
    pub(super) async fn refused_rows(
        &self,
        rule: &Rule,
        rows: &Arc<Vec<Value>>,
    ) -> std::result::Result<Vec<usize>, Cause> {
        match rule {
            Rule::Function(f) => {
                self.engine.refused_rows(*f, self.auth(), Arc::clone(rows), TABLE_BUDGET).await
            }
            literal => {
                Ok((0..rows.len()).filter(|at| !self.literal(literal, rows.get(*at))).collect())
            }
        }
    }

    /// A record as far as the rule looks at it: decoding the rest of many rows would cost more
    /// than the rule.
    ///
    /// # Errors
    /// As [`row_json::decode`].
    pub fn seen(&self, rule: Option<&Rule>, record: &Record) -> Result<Value> {
        match rule {
            Some(Rule::Owner(field)) => row_json::decode_fields(record, &[field]),
            Some(Rule::Function(f)) => match self.snapshot.engine.row_fields(*f) {
                Some(fields) => row_json::decode_fields(record, fields),
                None => row_json::decode(record),
            },
            _ => row_json::decode(record),
        }
    }

    /// The rule on one row.
    ///
    /// # Errors
    /// Why it does not let pass.
    pub async fn row(&self, rule: Option<&Rule>, row: Value) -> Verdict {
        match self.first_refused(rule, &Arc::new(vec![row])).await {
            None => Ok(()),
            Some(refused) => Err(refused.reason),
        }
    }

    pub(super) async fn ask(&self, rule: &Rule, args: Vec<Arg>, budget: Duration) -> Verdict {
        match rule {
            Rule::Function(f) => match self.engine.allows(*f, args, budget).await {
                Decision::Allow => Ok(()),
                Decision::Deny(cause) => Err(Reason::Evaluated(cause)),
            },
            literal if self.literal(literal, None) => Ok(()),
            literal => Err(Reason::of(Some(literal))),
        }
    }

    /// The rules that are no functions (contract 8.3).
    fn literal(&self, rule: &Rule, row: Option<&Value>) -> bool {
        match rule {
            Rule::Always(verdict) => *verdict,
            Rule::SignedIn => self.user().is_some(),
            Rule::SignedOut => self.user().is_none(),
            Rule::Owner(field) => {
                match (self.user().and_then(|u| u.get("id")), row.and_then(|r| r.get(field))) {
                    (Some(id), Some(owner)) => id == owner,
                    _ => false,
                }
            }
            Rule::Function(_) => false,
        }
    }
}
