//! Which rows of a table does a rule leave to its caller?
//!
//! A rule about rows is a filter, which the database evaluates where the rule can be compiled: what
//! it refuses does not exist for the caller, in lists, searches, counts and writes by filter. A rule that does not look at rows is asked once, before anything
//! touches the table, so that its answer cannot depend on what is in it. A rule that could not be
//! asked is neither a yes nor a no, but an error.

use super::{Access, Standing, Verdict, no_rule, refused_request};
use crate::error::denial::Reason;
use crate::error::{Error, Result};
use crate::query::row_scope::RowScope;
use edgebase_blocks::{Rule, Table};
use serde_json::Value;
use std::sync::Arc;

impl Access<'_> {
    /// The rows that the rule called `name` leaves to the caller.
    ///
    /// # Errors
    /// 503 when the rule could not be asked.
    pub async fn row_scope(
        &self,
        rule: Option<&Rule>,
        table: &Table,
        name: &str,
    ) -> Result<RowScope> {
        Ok(match self.standing(rule) {
            Standing::Open => RowScope::All,
            Standing::Closed => RowScope::None(Reason::of(rule)),
            Standing::PerRequest => match self.answered(self.any_row(rule).await, table, name)? {
                Ok(()) => RowScope::All,
                Err(reason) => RowScope::None(reason),
            },
            Standing::PerRow => self.compiled(rule, table),
        })
    }

    /// The scope of the `read` rule, for a request called `operation`.
    ///
    /// # Errors
    /// 403 when it leaves no row, 503 when it could not be asked.
    pub async fn readable(
        &self,
        rule: Option<&Rule>,
        table: &Table,
        operation: &str,
    ) -> Result<RowScope> {
        match self.row_scope(rule, table, "read").await? {
            RowScope::None(reason) => {
                let error = match rule {
                    None => no_rule(table, "read"),
                    Some(_) => refused_request(table, operation),
                };
                Err(self.by(error, table, "read", &reason))
            }
            scope => Ok(scope),
        }
    }

    /// Which of these rows the rule called `name` lets pass. A row on which the rule throws does
    /// not pass.
    ///
    /// # Errors
    /// 503 when the rule could not be asked about all of them.
    pub async fn passing(
        &self,
        rule: Option<&Rule>,
        rows: &Arc<Vec<Value>>,
        table: &Table,
        name: &str,
    ) -> Result<Vec<bool>> {
        let mut passing = vec![true; rows.len()];
        match (self.standing(rule), rule) {
            (Standing::Open, _) => {}
            (Standing::PerRequest, _) => {
                passing.fill(self.answered(self.any_row(rule).await, table, name)?.is_ok());
            }
            (Standing::PerRow, Some(rule)) => {
                let refused = self.refused_rows(rule, rows).await;
                let refused = refused
                    .map_err(|cause| self.undecided(table, name, &Reason::Evaluated(cause)))?;
                for index in refused {
                    if let Some(passes) = passing.get_mut(index) {
                        *passes = false;
                    }
                }
            }
            (Standing::Closed, _) | (Standing::PerRow, None) => passing.fill(false),
        }
        Ok(passing)
    }

    /// A verdict as an answer: what was no answer is an error.
    fn answered(&self, verdict: Verdict, table: &Table, name: &str) -> Result<Verdict> {
        match verdict {
            Err(reason) if !reason.is_verdict() => Err(self.undecided(table, name, &reason)),
            verdict => Ok(verdict),
        }
    }

    /// The error of a rule that was not asked to its end, which is never a refusal.
    fn undecided(&self, table: &Table, name: &str, reason: &Reason) -> Error {
        self.by(Error::rule_not_completed(reason), table, name, reason)
    }
}
