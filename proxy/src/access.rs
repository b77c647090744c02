//! May the caller do it, according to the config?
//!
//! The rules of contract section 8: in release mode a missing
//! rule denies every operation, a literal `false` denies everywhere, rules see whole stored
//! rows, and a row that `read` refuses does not exist for its caller. Everything here answers with
//! a refusal or lets pass. A rule that says no, throws or runs beyond its own limits is a refusal
//! (403); one that could not be evaluated to its end for want of time, threads or reads lets
//! nothing pass either, and is answered with 503. A service key passes over all of it. What is said
//! of one row is a [`Verdict`] first, which the operations turn into their refusal; which rows a
//! request is about is a [`RowScope`](crate::query::row_scope::RowScope).

pub mod caller;
pub mod enrich;
mod refusal;
mod row_scope;
mod verdict;

use crate::auth::Principal;
use crate::error::denial::{Denial, Reason};
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;
use edgebase_blocks::block::{Block, TableConfig};
use edgebase_blocks::{Rule, Table};
use edgebase_rules::{Arg, Caller, Context, Engine};
pub use refusal::{no_rule, refused_bulk, refused_drop, refused_record, refused_request};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
pub use verdict::{Refused, Standing, Verdict};

/// What a table rule may take (contract 8.3).
const TABLE_BUDGET: Duration = Duration::from_millis(50);
/// What a rule about an instance may take (contract 8.2).
const INSTANCE_BUDGET: Duration = Duration::from_millis(2_000);

/// The rules of a block, and who is asking.
pub struct Access<'a> {
    snapshot: &'a Snapshot,
    principal: &'a Principal,
    namespace: &'a str,
    /// The rules, evaluated at the expense of who asks.
    engine: Engine,
}

impl<'a> Access<'a> {
    /// What `principal` may do in the block called `namespace`; `caller` bears what rules cost.
    /// Refusals name their rule; whether the caller is told is decided where they are answered.
    #[must_use]
    pub fn new(
        snapshot: &'a Snapshot,
        principal: &'a Principal,
        namespace: &'a str,
        caller: Caller,
    ) -> Self {
        let engine = snapshot.engine.for_caller(caller);
        Self { snapshot, principal, namespace, engine }
    }

    /// The place in the config of a rule about the block's instances.
    #[must_use]
    pub fn instance_rule(&self, name: &str) -> String {
        format!("databases.{}.access.{name}", self.block_key())
    }

    /// The place in the config of a rule about the rows of a table.
    #[must_use]
    pub fn table_rule(&self, table: &str, name: &str) -> String {
        format!("databases.{}.tables.{table}.access.{name}", self.block_key())
    }

    /// The block's key as the config has it, which may end in `:{id}`: the engine's metrics and
    /// its log name functions by that.
    fn block_key(&self) -> &str {
        let blocks = self.snapshot.loaded.json().get("databases").and_then(Value::as_object);
        let is_this =
            |key: &&String| key.strip_suffix(":{id}").unwrap_or(key.as_str()) == self.namespace;
        blocks.and_then(|blocks| blocks.keys().find(is_this)).map_or(self.namespace, |key| key)
    }

    /// The refusal, knowing which rule of a table made it and why; another error when the rule
    /// did not decide.
    #[must_use]
    pub fn by(&self, error: Error, table: &Table, name: &str, reason: &Reason) -> Error {
        self.because(error, || self.table_rule(&table.name, name), reason)
    }

    /// The one place where a reason becomes an error: only a verdict refuses.
    fn because(&self, refusal: Error, rule: impl FnOnce() -> String, reason: &Reason) -> Error {
        let error = if reason.is_verdict() { refusal } else { Error::rule_not_completed(reason) };
        error.by(Denial { rule: rule(), cause: reason.to_string() })
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
            return Err(refusal::no_databases());
        }
        let Some(block) = config.databases.get(namespace) else {
            return Err(refusal::unknown_namespace(namespace));
        };
        match block.tables.get(table) {
            None => Err(refusal::unknown_table(table)),
            Some(TableConfig { access: None, .. }) => {
                let rule = format!("databases.{}.tables.{table}.access", self.block_key());
                let cause = Reason::Absent.to_string();
                Err(refusal::unruled_table(table).by(Denial { rule, cause }))
            }
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
            let error = refusal::refused_instance(&block.namespace, id);
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
        if insert.is_none() && update.is_none() && self.standing(None) == Standing::Closed {
            let error = refusal::no_upsert_rules(&table.table);
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
}
