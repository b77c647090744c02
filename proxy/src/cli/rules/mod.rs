//! What does a rule decide, and why?
//!
//! Asks one rule of a config exactly as the server asks it (the same engine behind the same
//! [`Access`]), for a caller and rows given here. Nothing is served and nothing is written.

mod answer;
mod fixture;
mod sql;

use super::{ConfigArgument, environment, print};
use answer::{Answer, form};
use anyhow::{Context as _, Result, bail};
use edgebase_blocks::block::TableConfig;
use edgebase_blocks::{Block, BlockKind, InstanceKey, Rule};
use edgebase_proxy::access::{Access, Standing};
use edgebase_proxy::auth::Principal;
use edgebase_proxy::config::AppConfig;
use edgebase_proxy::connections::Bounds;
use edgebase_proxy::db::source::Source;
use edgebase_proxy::error::Error;
use edgebase_proxy::error::denial::Denial;
use edgebase_proxy::resolve;
use edgebase_proxy::rule_db::{PoolKind, RuleDb};
use edgebase_proxy::snapshot::Snapshot;
use edgebase_proxy::state::App;
use edgebase_rules::{Caller, Context};
use fixture::Fixture;
use serde_json::{Value, json};
use sql::Condition;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// Ask the access rules of a config.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Test(Test),
}

/// Ask one rule for a caller and a row, and print its decision and why.
///
/// The rule is evaluated as the server would evaluate it, with the same limits. A request passes
/// several: in a dynamic block first `access`, then the table's rule for the operation.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  edgebase rules test --as '{\"id\":\"u1\"}' --op read --db app --table posts --row post.json
  edgebase rules test --op update --db workspace:acme --table docs --row '{\"authorId\":\"u1\"}'
  edgebase rules test --as '{\"id\":\"u1\"}' --op access --db workspace:acme --data members.json
  edgebase rules test --as '{\"id\":\"u1\"}' --op read --db app --table posts --sql

Exit status: 0 the rule allows, 1 it denies, 2 it could not be asked.")]
struct Test {
    #[command(flatten)]
    config: ConfigArgument,

    /// The caller as rules see it, e.g. {"id": "u1", "custom": {"plan": "pro"}}: JSON, a file, or
    /// `-` for standard input. `role`, `isAnonymous` and `meta` default as for a user token.
    /// Without it, or `null`: nobody.
    #[arg(long = "as", value_name = "AUTH", default_value = "null")]
    auth: String,

    /// What the caller wants to do. Without --table: something with the whole instance.
    #[arg(long, value_name = "OPERATION")]
    op: Operation,

    /// The database: a block's name, or `block:id` for a block with an instance per id.
    #[arg(long, value_name = "BLOCK[:ID]")]
    db: String,

    /// The table, for `read`, `insert`, `update`, and the `delete` of a record.
    #[arg(long, value_name = "NAME")]
    table: Option<String>,

    /// The stored row, or an array of rows, for `read`, `update` and `delete`: JSON, a file, or -
    /// for standard input.
    #[arg(long, value_name = "ROW")]
    row: Option<String>,

    /// What `ctx.db` finds, as {"table": {"id": {...}}}: JSON, a file, or - for standard input.
    #[arg(long, value_name = "DATA", conflicts_with = "database_url")]
    data: Option<String>,

    /// The database in which `ctx.db` reads, as the server's login role.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,

    /// Ask nothing, but print the SQL condition that a `read`, `update` or `delete` rule comes to
    /// for this caller, and the values bound in it.
    #[arg(long, conflicts_with_all = ["row", "data", "database_url"])]
    sql: bool,

    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Operation {
    Read,
    Insert,
    Update,
    Delete,
    #[value(name = "canCreate")]
    CanCreate,
    Access,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::CanCreate => "canCreate",
            Self::Access => "access",
        }
    }
}

pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    let Command::Test(test) = arguments.command;
    if test.sql {
        let condition = test.condition()?;
        print(if test.json { condition.json().to_string() } else { condition.text() })?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer = Box::pin(test.ask()).await?;
    print(if test.json { answer.json().to_string() } else { answer.text() })?;
    Ok(if answer.denial.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A rule of the config, found.
struct Found<'a> {
    /// Its place in the config.
    path: String,
    rule: Option<&'a Rule>,
    subject: Subject<'a>,
}

/// What the rule is about.
enum Subject<'a> {
    Instance(String),
    Table(&'a TableConfig),
}

impl Test {
    async fn ask(&self) -> Result<Answer> {
        let path = self.config.resolve()?;
        let environment = environment();
        let app = AppConfig::load(&path, &environment)?;
        let principal = principal(&input("--as", &self.auth)?)?;
        let rows = self.rows()?;
        let data = self.data.as_ref().map(|data| input("--data", data)).transpose()?;
        let snapshot = Arc::new(Snapshot::new(app, &environment, None, None)?);
        let (block, key) = self.block(&snapshot)?;
        let caller = Caller::default();
        let access = Access::new(&snapshot, &principal, &block.namespace, caller);
        let found = self.find(block, &key, &access)?;
        if let Subject::Table(_) = found.subject
            && access.standing(found.rule) == Standing::PerRow
            && self.op != Operation::Insert
            && rows.is_none()
        {
            bail!("The rule looks at the stored row. Give one with --row.");
        }
        let reads = self.reads(&snapshot, &key, data)?;
        let rows = Arc::new(rows.unwrap_or_else(|| vec![Value::Null]));
        let begun = Instant::now();
        let (denial, row) = self.judge(&access, block, &found, &rows, reads).await?;
        let took = begun.elapsed();
        let (form, why, place) = form(&snapshot, found.rule, self.op);
        Ok(Answer { rule: found.path, form, why, place, denial, row, took })
    }

    /// What the rule comes to in SQL.
    fn condition(&self) -> Result<Condition> {
        let environment = environment();
        let app = AppConfig::load(&self.config.resolve()?, &environment)?;
        let principal = principal(&input("--as", &self.auth)?)?;
        let snapshot = Snapshot::new(app, &environment, None, None)?;
        let (block, key) = self.block(&snapshot)?;
        let access = Access::new(&snapshot, &principal, &block.namespace, Caller::default());
        let found = self.find(block, &key, &access)?;
        let Subject::Table(table) = found.subject else {
            bail!("--sql is about the rows of a table. Name it with --table.");
        };
        if self.op == Operation::Insert {
            bail!("An insert rule sees no row, so there is nothing to ask a database.");
        }
        let release = snapshot.config.release;
        let (loaded, table) = (&snapshot.loaded, &table.table);
        Ok(Condition::of(found.path, found.rule, release, loaded, &principal, table))
    }

    /// The database that is meant.
    fn block<'s>(&self, snapshot: &'s Snapshot) -> Result<(&'s Block, InstanceKey)> {
        let (namespace, id) = match self.db.split_once(':') {
            Some((namespace, id)) => (namespace, Some(id)),
            None => (self.db.as_str(), None),
        };
        let block = snapshot.config.databases.get(namespace).with_context(|| {
            let known: Vec<_> = snapshot.config.databases.keys().map(String::as_str).collect();
            format!("The config has no block '{namespace}'. It has: {}.", known.join(", "))
        })?;
        let key = resolve::instance_key(block, id)?;
        Ok((block, key))
    }

    /// The rule that the operation answers to.
    fn find<'b>(
        &self,
        block: &'b Block,
        key: &InstanceKey,
        access: &Access<'_>,
    ) -> Result<Found<'b>> {
        let name = self.op.name();
        let Some(table) = &self.table else {
            let rule = match self.op {
                Operation::CanCreate => block.access.can_create.as_ref(),
                Operation::Access => block.access.access.as_ref(),
                Operation::Delete => block.access.delete.as_ref(),
                _ => bail!("Which table? Name it with --table."),
            };
            let Some(id) = key.id().filter(|_| block.kind == BlockKind::Dynamic) else {
                bail!("'{name}' without --table is about instances, and '{key}' has only one.");
            };
            let path = access.instance_rule(name);
            return Ok(Found { path, rule, subject: Subject::Instance(id.to_owned()) });
        };
        let config = block.tables.get(table).with_context(|| {
            let known: Vec<_> = block.tables.keys().map(String::as_str).collect();
            format!("'{}' has no table '{table}'. It has: {}.", block.namespace, known.join(", "))
        })?;
        let rules = config.access.as_ref();
        let rule = match self.op {
            Operation::Read => rules.and_then(|r| r.read.as_ref()),
            Operation::Insert => rules.and_then(|r| r.insert.as_ref()),
            Operation::Update => rules.and_then(|r| r.update.as_ref()),
            Operation::Delete => rules.and_then(|r| r.delete.as_ref()),
            Operation::CanCreate | Operation::Access => {
                bail!("'{name}' is about a whole instance: leave --table away.");
            }
        };
        let path = access.table_rule(table, name);
        Ok(Found { path, rule, subject: Subject::Table(config) })
    }

    async fn judge(
        &self,
        access: &Access<'_>,
        block: &Block,
        found: &Found<'_>,
        rows: &Arc<Vec<Value>>,
        reads: Arc<dyn Context>,
    ) -> Result<(Option<Denial>, Option<(usize, Value)>)> {
        let verdict = match (&found.subject, self.op) {
            (Subject::Instance(id), Operation::CanCreate) => access.can_create(block, id).await,
            (Subject::Instance(id), Operation::Delete) => access.can_drop(block, id).await,
            (Subject::Instance(id), _) => access.instance(block, id, reads).await,
            (Subject::Table(table), Operation::Insert) => access.insert(table, "insert").await,
            (Subject::Table(_), _) => {
                return Ok(match access.first_refused(found.rule, rows).await {
                    None => (None, None),
                    Some(refused) => {
                        let row = self.row.as_ref().and_then(|_| rows.get(refused.index));
                        let row = row.map(|r| (refused.index, r["id"].clone()));
                        let cause = refused.reason.to_string();
                        (Some(Denial { rule: found.path.clone(), cause }), row)
                    }
                });
            }
        };
        match verdict {
            Ok(()) => Ok((None, None)),
            Err(Error::By { denial, .. }) => Ok((Some(*denial), None)),
            Err(error) => Err(error.into()),
        }
    }

    fn rows(&self) -> Result<Option<Vec<Value>>> {
        let Some(row) = &self.row else { return Ok(None) };
        let rows = match input("--row", row)? {
            Value::Array(rows) => rows,
            row => vec![row],
        };
        if rows.is_empty() || !rows.iter().all(Value::is_object) {
            bail!("--row must be a record, or an array of records.");
        }
        Ok(Some(rows))
    }

    fn reads(
        &self,
        snapshot: &Arc<Snapshot>,
        key: &InstanceKey,
        data: Option<Value>,
    ) -> Result<Arc<dyn Context>> {
        let (snapshot, key) = (Arc::clone(snapshot), key.clone());
        Ok(match &self.database_url {
            Some(url) => {
                let database = Arc::new(Source::fixed(url)?);
                Arc::new(RuleDb {
                    app: Arc::new(App::new(&database, Arc::clone(&snapshot), Bounds::default())?),
                    snapshot,
                    namespace: key.namespace().to_owned(),
                    key: Some(key),
                    pool: PoolKind::Requests,
                })
            }
            None => Arc::new(Fixture::new(snapshot, key, data)?),
        })
    }
}

/// JSON written out, in a file, or from standard input.
fn input(option: &str, text: &str) -> Result<Value> {
    let trimmed = text.trim_start();
    let json = if text == "-" {
        let mut all = String::new();
        std::io::stdin().read_to_string(&mut all).context("reading standard input")?;
        all
    } else if trimmed.starts_with(['{', '[']) || trimmed == "null" {
        text.to_owned()
    } else {
        let path = PathBuf::from(text);
        std::fs::read_to_string(&path)
            .with_context(|| format!("{option}: '{text}' is no JSON object and no readable file"))?
    };
    serde_json::from_str(&json).with_context(|| format!("{option}: this is not JSON"))
}

/// The caller, with what a user token brings by itself (contract 4.2).
fn principal(auth: &Value) -> Result<Principal> {
    let mut auth = match auth {
        Value::Null => return Ok(Principal::Anonymous),
        Value::Object(auth) => auth.clone(),
        _ => bail!("--as must be an object like {{\"id\": \"u1\"}}, or null for nobody."),
    };
    if auth.get("id").and_then(Value::as_str).is_none_or(str::is_empty) {
        bail!("--as needs an `id`, e.g. {{\"id\": \"u1\"}}; nobody is null.");
    }
    for (name, value) in
        [("role", json!("user")), ("isAnonymous", json!(false)), ("meta", json!({}))]
    {
        auth.entry(name).or_insert(value);
    }
    Ok(Principal::User(Arc::new(Value::Object(auth))))
}
