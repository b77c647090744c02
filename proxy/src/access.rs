//! May the caller do it, according to the config?
//!
//! The rules of contract section 8 with the choices of the design: in release mode a missing
//! rule denies every operation, a literal `false` denies everywhere, rules see whole stored
//! rows, and a read is all or nothing. Everything here answers with a refusal or lets pass;
//! whatever goes wrong in a rule is a refusal. A service key passes over all of it.

use crate::auth::Principal;
use crate::denial::{Denial, Reason};
use crate::error::{Error, Result};
use crate::respond::{self, Record};
use crate::snapshot::Snapshot;
use edgebase_blocks::block::{Block, TableConfig};
use edgebase_blocks::{Rule, Table};
use edgebase_rules::{Arg, Context, Decision};
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

/// A row that its rule does not let pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which of the rows given.
    pub index: usize,
    /// Why.
    pub reason: Reason,
}

/// The rules of a block, and who is asking.
pub struct Access<'a> {
    snapshot: &'a Snapshot,
    principal: &'a Principal,
    namespace: &'a str,
    explains: bool,
}

impl<'a> Access<'a> {
    /// What `principal` may do in the block called `namespace`. Refusals name their rule unless
    /// the config is in release mode.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, principal: &'a Principal, namespace: &'a str) -> Self {
        Self { snapshot, principal, namespace, explains: !snapshot.config.release }
    }

    /// The same, naming rules in release mode as well: for whoever has the config in hand.
    #[must_use]
    pub fn explained(self) -> Self {
        Self { explains: true, ..self }
    }

    /// The place in the config of a rule about the block's instances.
    #[must_use]
    pub fn instance_rule(&self, name: &str) -> String {
        format!("databases.{}.access.{name}", self.namespace)
    }

    /// The place in the config of a rule about the rows of a table.
    #[must_use]
    pub fn table_rule(&self, table: &str, name: &str) -> String {
        format!("databases.{}.tables.{table}.access.{name}", self.namespace)
    }

    /// The refusal, knowing which rule of a table made it and why.
    #[must_use]
    pub fn by(&self, error: Error, table: &Table, name: &str, reason: &Reason) -> Error {
        self.because(error, || self.table_rule(&table.name, name), reason)
    }

    fn because(&self, error: Error, rule: impl FnOnce() -> String, reason: &Reason) -> Error {
        if !self.explains {
            return error;
        }
        error.by(Denial { rule: rule(), cause: reason.to_string() })
    }

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
    pub async fn instance(&self, block: &Block, id: &str, reads: Arc<dyn Context>) -> Result<()> {
        if self.principal.is_service() {
            return Ok(());
        }
        let Some(rule) = &block.access.access else { return Ok(()) };
        let args = vec![self.auth(), Arg::Text(id.into()), Arg::Context(reads)];
        self.ask(rule, args, INSTANCE_BUDGET).await.map_err(|reason| {
            let error = Error::Denied(format!(
                "Access denied. You do not have access to {}:{id}.",
                block.namespace
            ));
            self.because(error, || self.instance_rule("access"), &reason)
        })
    }

    /// The block's `canCreate` rule.
    ///
    /// # Errors
    /// 403 unless it allows; absent denies.
    pub async fn can_create(&self, block: &Block, id: &str) -> Result<()> {
        let rule = block.access.can_create.as_ref();
        self.about_instance(rule, id).await.map_err(|reason| {
            self.because(Error::CannotCreate, || self.instance_rule("canCreate"), &reason)
        })
    }

    /// The block's `delete` rule.
    ///
    /// # Errors
    /// 403 unless it allows; absent denies.
    pub async fn can_drop(&self, block: &Block, id: &str) -> Result<()> {
        let rule = block.access.delete.as_ref();
        self.about_instance(rule, id).await.map_err(|reason| {
            self.because(refused_drop(&block.namespace), || self.instance_rule("delete"), &reason)
        })
    }

    async fn about_instance(&self, rule: Option<&Rule>, id: &str) -> Verdict {
        if self.principal.is_service() {
            return Ok(());
        }
        let rule = rule.ok_or(Reason::Absent)?;
        self.ask(rule, vec![self.auth(), Arg::Text(id.into())], INSTANCE_BUDGET).await
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
        let table = &table.table;
        let (error, reason) = match rule {
            None if self.snapshot.config.release => (no_rule(table, "insert"), Reason::Absent),
            None => return Ok(()),
            Some(rule) => match self.ask(rule, vec![self.auth()], TABLE_BUDGET).await {
                Ok(()) => return Ok(()),
                Err(reason) => (refused_request(table, what), reason),
            },
        };
        Err(self.by(error, table, "insert", &reason))
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
            let error =
                Error::Denied(format!("Access denied. No insert or update rules for '{name}'."));
            return Err(self.by(error, &table.table, "insert", &Reason::Absent));
        }
        if self.standing(update) != Standing::Closed {
            return Ok(());
        }
        self.insert(table, "upsert").await.map_err(|error| match (insert, error) {
            // The contract words an upsert's refusal alike, whichever of the two rules it is.
            (None, Error::By { denial, .. }) => refused_request(&table.table, "upsert").by(*denial),
            (None, _) => refused_request(&table.table, "upsert"),
            (Some(_), error) => error,
        })
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
                    .snapshot
                    .engine
                    .allows_rows(*f, self.auth(), Arc::clone(rows), TABLE_BUDGET)
                    .await
                    .err()
                    .map(|denied| {
                        tracing::debug!(rule = ?f, cause = %denied.cause, "rule denied a row");
                        Refused { index: denied.index, reason: Reason::Evaluated(denied.cause) }
                    }),
                Some(rule) => rows.iter().position(|r| !self.literal(rule, Some(r))).map(refused),
                None => first,
            },
        }
    }

    /// A record as far as the rule looks at it: decoding the rest of many rows would cost more
    /// than the rule.
    ///
    /// # Errors
    /// As [`respond::decode`].
    pub fn seen(&self, rule: Option<&Rule>, record: &Record) -> Result<Value> {
        match rule {
            Some(Rule::Owner(field)) => respond::decode_fields(record, &[field]),
            Some(Rule::Function(f)) => match self.snapshot.engine.row_fields(*f) {
                Some(fields) => respond::decode_fields(record, fields),
                None => respond::decode(record),
            },
            _ => respond::decode(record),
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

    async fn ask(&self, rule: &Rule, args: Vec<Arg>, budget: Duration) -> Verdict {
        match rule {
            Rule::Function(f) => match self.snapshot.engine.allows(*f, args, budget).await {
                Decision::Allow => Ok(()),
                Decision::Deny(cause) => {
                    tracing::debug!(rule = ?f, %cause, "rule denied a request");
                    Err(Reason::Evaluated(cause))
                }
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

/// Whether a rule lets pass, and if not, why.
pub type Verdict = std::result::Result<(), Reason>;

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

/// The refusal of an operation that has no rule, where that denies.
#[must_use]
pub fn no_rule(table: &Table, operation: &str) -> Error {
    Error::Denied(format!("Access denied. No '{operation}' rule defined for '{}'.", table.name))
}

/// The refusal to delete an instance.
#[must_use]
pub fn refused_drop(namespace: &str) -> Error {
    Error::Denied(format!(
        "Access denied. The 'delete' rule of '{namespace}' rejected this request."
    ))
}
