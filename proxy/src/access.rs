//! May the caller do it, according to the config?
//!
//! The rules of contract section 8 with the choices of the design: in release mode a missing
//! rule denies every operation, a literal `false` denies everywhere, rules see whole stored
//! rows, and a read is all or nothing. Everything here answers with a refusal or lets pass;
//! whatever goes wrong in a rule is a refusal. A service key passes over all of it.

use crate::auth::Principal;
use crate::error::{Error, Result};
use crate::reads::RuleReads;
use crate::snapshot::Snapshot;
use edgebase_blocks::block::{Block, TableConfig};
use edgebase_blocks::{Rule, Table};
use edgebase_rules::{Arg, Decision};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// What a table rule may take (contract 8.3).
const TABLE_BUDGET: Duration = Duration::from_millis(50);
/// What a rule about an instance may take (contract 8.2).
const INSTANCE_BUDGET: Duration = Duration::from_millis(2_000);

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

/// The rules, and who is asking.
pub struct Access<'a> {
    /// The config in force.
    pub snapshot: &'a Snapshot,
    /// The caller.
    pub principal: &'a Principal,
}

impl Access<'_> {
    fn auth(&self) -> Arg {
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

    /// Release mode shows strangers nothing of what is not configured (contract 8.1).
    ///
    /// # Errors
    /// 403 in release mode for unknown or unruled blocks and tables.
    pub fn release_gate(&self, namespace: &str, table: &str) -> Result<()> {
        let config = &self.snapshot.config;
        if !config.release || self.principal.is_service() {
            return Ok(());
        }
        if config.databases.is_empty() {
            return Err(Error::Denied(
                "Access denied. No databases config is defined for this server. Add config.databases or set release: false while developing locally.".into(),
            ));
        }
        let Some(block) = config.databases.get(namespace) else {
            return Err(Error::Denied(format!(
                "Access denied. Namespace '{namespace}' is not configured. Check the API path or add this namespace to config.databases."
            )));
        };
        match block.tables.get(table) {
            None => Err(Error::Denied(format!(
                "Access denied. Table '{table}' is missing access rules. Add access.* rules or disable release mode for local-only development."
            ))),
            Some(TableConfig { access: None, .. }) => Err(Error::Denied(format!(
                "Access denied. No access rules are defined for table '{table}'. Add access.* rules or disable release mode for local-only development."
            ))),
            Some(_) => Ok(()),
        }
    }

    /// The block's `access` rule. The id is passed as it came; that it is a legal one is
    /// checked later, because a stranger learns nothing from it.
    ///
    /// # Errors
    /// 403 unless it allows.
    pub async fn instance(&self, block: &Block, id: &str, reads: RuleReads) -> Result<()> {
        if self.principal.is_service() {
            return Ok(());
        }
        let Some(rule) = &block.access.access else { return Ok(()) };
        let args = vec![self.auth(), Arg::Text(id.into()), Arg::Context(Arc::new(reads))];
        if self.ask(rule, args, INSTANCE_BUDGET).await {
            Ok(())
        } else {
            Err(Error::Denied(format!(
                "Access denied. You do not have access to {}:{id}.",
                block.namespace
            )))
        }
    }

    /// The block's `canCreate` rule; absent denies.
    pub async fn can_create(&self, block: &Block, id: &str) -> bool {
        self.about_instance(block.access.can_create.as_ref(), id).await
    }

    /// The block's `delete` rule; absent denies.
    pub async fn can_drop(&self, block: &Block, id: &str) -> bool {
        self.about_instance(block.access.delete.as_ref(), id).await
    }

    async fn about_instance(&self, rule: Option<&Rule>, id: &str) -> bool {
        if self.principal.is_service() {
            return true;
        }
        match rule {
            None => false,
            Some(rule) => {
                self.ask(rule, vec![self.auth(), Arg::Text(id.into())], INSTANCE_BUDGET).await
            }
        }
    }

    /// The `insert` rule.
    ///
    /// # Errors
    /// 403 unless it allows; `what` names the request (`insert`, `batch insert`).
    pub async fn insert(&self, table: &TableConfig, what: &str) -> Result<()> {
        let rule = table.access.as_ref().and_then(|a| a.insert.as_ref());
        if self.principal.is_service() {
            return Ok(());
        }
        let name = &table.table.name;
        match rule {
            None if self.snapshot.config.release => {
                Err(Error::Denied(format!("Access denied. No 'insert' rule defined for '{name}'.")))
            }
            None => Ok(()),
            Some(rule) if self.ask(rule, vec![self.auth()], TABLE_BUDGET).await => Ok(()),
            Some(_) => Err(Error::Denied(format!(
                "Access denied. The '{what}' access rule for table '{name}' rejected this request."
            ))),
        }
    }

    /// The first word on an upsert: somebody who may neither insert nor update any row is
    /// refused at once; which of the two it takes shows when the row is looked up.
    ///
    /// # Errors
    /// 403 when neither rule can allow.
    pub async fn upsert(&self, table: &TableConfig) -> Result<()> {
        let rules = table.access.as_ref();
        let (insert, update) =
            (rules.and_then(|a| a.insert.as_ref()), rules.and_then(|a| a.update.as_ref()));
        let name = &table.table.name;
        if insert.is_none() && update.is_none() && self.standing(None) == Standing::Closed {
            return Err(Error::Denied(format!(
                "Access denied. No insert or update rules for '{name}'."
            )));
        }
        if self.standing(update) != Standing::Closed || self.insert(table, "insert").await.is_ok() {
            return Ok(());
        }
        Err(refused_request(&table.table, "upsert"))
    }

    /// The first word on a batch: somebody who may neither insert nor change any row is refused
    /// before the body is read. Each operation answers to its own rule later.
    ///
    /// # Errors
    /// 403 when no operation can be allowed.
    pub async fn batch(&self, table: &TableConfig) -> Result<()> {
        let rules = table.access.as_ref();
        let closed = |rule: Option<&Rule>| self.standing(rule) == Standing::Closed;
        if closed(rules.and_then(|a| a.update.as_ref()))
            && closed(rules.and_then(|a| a.delete.as_ref()))
        {
            self.insert(table, "batch insert").await?;
        }
        Ok(())
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
    pub async fn any_row(&self, rule: Option<&Rule>) -> bool {
        match rule {
            Some(rule) => self.ask(rule, vec![self.auth()], TABLE_BUDGET).await,
            None => false,
        }
    }

    /// The rule on each row; the index of the first row that it refuses.
    pub async fn first_refused(
        &self,
        rule: Option<&Rule>,
        rows: &Arc<Vec<Value>>,
    ) -> Option<usize> {
        let first = (!rows.is_empty()).then_some(0);
        match self.standing(rule) {
            Standing::Open => None,
            Standing::Closed => first,
            Standing::PerRequest if first.is_none() || self.any_row(rule).await => None,
            Standing::PerRequest => first,
            Standing::PerRow => match rule {
                Some(Rule::Function(f)) => self
                    .snapshot
                    .engine
                    .allows_rows(*f, self.auth(), Arc::clone(rows), TABLE_BUDGET)
                    .await
                    .err()
                    .map(|denied| {
                        tracing::debug!(rule = ?f, cause = %denied.cause, "rule denied a row");
                        denied.index
                    }),
                Some(rule) => rows.iter().position(|row| !self.literal(rule, Some(row))),
                None => first,
            },
        }
    }

    /// The rule on one row.
    pub async fn row(&self, rule: Option<&Rule>, row: Value) -> bool {
        self.first_refused(rule, &Arc::new(vec![row])).await.is_none()
    }

    async fn ask(&self, rule: &Rule, args: Vec<Arg>, budget: Duration) -> bool {
        match rule {
            Rule::Function(f) => match self.snapshot.engine.allows(*f, args, budget).await {
                Decision::Allow => true,
                Decision::Deny(cause) => {
                    tracing::debug!(rule = ?f, %cause, "rule denied a request");
                    false
                }
            },
            literal => self.literal(literal, None),
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

/// The refusal of a list because of one row (contract 8.3, the all-or-nothing form).
#[must_use]
pub fn unreadable_row(table: &Table, id: &str) -> Error {
    Error::RowDenied(format!(
        "Access denied: 'read' rule blocked row \"{id}\" in table \"{}\".",
        table.name
    ))
}

/// The refusal of an operation on one record.
#[must_use]
pub fn refused_record(table: &Table, operation: &str, id: &str) -> Error {
    Error::RowDenied(format!(
        "Access denied: '{operation}' rule blocked record \"{id}\" in table \"{}\".",
        table.name
    ))
}

/// The refusal of a write by filter, whatever it matches.
#[must_use]
pub fn refused_bulk(table: &Table, operation: &str) -> Error {
    Error::RowDenied(format!(
        "Access denied: '{operation}' rule blocked batch-by-filter on table \"{}\".",
        table.name
    ))
}

/// The refusal of an operation as a whole.
#[must_use]
pub fn refused_request(table: &Table, operation: &str) -> Error {
    Error::Denied(format!(
        "Access denied. The '{operation}' access rule for table '{}' rejected this request.",
        table.name
    ))
}
