//! How is a database made what the registry says, after a restore or somebody's mistake?
//!
//! Roles are cluster-wide and not in a dump, and an instance role's name holds the database's oid.
//! So after a restore the roles are missing or are another database's. Repairing runs what
//! [`integrity`](crate::integrity) finds to be due, and looks again, because a right owner or a new
//! role is what some findings wait for. It changes nothing where nothing is wrong.
//!
//! [`repair`] does everything in one transaction, as long as its locks suffice. [`repair_batch`] does
//! the next so many instances; whoever calls it again with what it answers, in a transaction for
//! each, is through after any number of them, and may stop and begin anew at any time.
//!
//! Each instance's row is locked to the end, as migrating, dropping and making tables lock it first:
//! two sessions that change the same privileges at a time would fail each other. Entering goes on.

use crate::analytics;
use crate::answer::Answer;
use crate::args::Args;
use crate::audit;
use crate::error::Error;
use crate::integrity::{self, Finding};
use crate::lifecycle::bounded_waits;
use crate::spi;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How often findings are looked for. Owners come before privileges, and those before roles that
/// nothing names any more.
const ROUNDS: usize = 5;
/// The most instances of a batch.
const MAX_BATCH: i32 = 10_000;
/// Locks that giving a table another owner takes: itself, its indexes, its TOAST table, its types.
const LOCKS_OF_AN_OWNER: usize = 8;

/// What was done.
#[derive(Default)]
struct Report {
    roles_created: usize,
    roles_dropped: usize,
    grants_revoked: usize,
    mended: usize,
    schemas_missing: BTreeSet<String>,
}

impl Report {
    fn value(&self) -> Value {
        json!({
            "roles_created": self.roles_created, "roles_dropped": self.roles_dropped,
            "grants_revoked": self.grants_revoked, "mended": self.mended,
            "schemas_missing": self.schemas_missing,
        })
    }

    /// Runs what is due, and whether there was anything.
    fn mend(&mut self, findings: &[Finding]) -> Result<bool, Error> {
        for finding in findings {
            if finding.what == "schema" {
                self.schemas_missing.insert(finding.object.clone());
            }
            for statement in &finding.statements {
                spi::ddl(statement)?;
                match statement.split_once(' ') {
                    Some(("REVOKE", _)) => self.grants_revoked += 1,
                    Some(("CREATE", rest)) if rest.starts_with("ROLE ") => self.roles_created += 1,
                    Some(("DROP", rest)) if rest.starts_with("ROLE ") => self.roles_dropped += 1,
                    _ => {}
                }
            }
            self.mended += usize::from(!finding.statements.is_empty());
        }
        Ok(findings.iter().any(|f| !f.statements.is_empty()))
    }

    /// Runs what `find` finds until it finds nothing.
    fn mend_all(&mut self, find: impl Fn() -> Result<Vec<Finding>, Error>) -> Result<(), Error> {
        for _ in 0..ROUNDS {
            if !self.mend(&find()?)? {
                return Ok(());
            }
        }
        Err(Error::Internal("what was repaired is found wrong again".into()))
    }

    /// The extension and what is no instance's; before the instances, since their privileges are
    /// granted to and by its roles.
    fn mend_extension(&mut self) -> Result<(), Error> {
        self.mend_all(|| integrity::cluster(0))?;
        self.mend_all(integrity::extension)?;
        let revoked = analytics::repair()?;
        self.grants_revoked += revoked;
        self.mended += revoked;
        Ok(())
    }
}

/// `edgebase.repair()`: all of it.
pub fn repair(_: &Args) -> Result<Answer, Error> {
    let (_superuser, _bounded) = (integrity::as_superuser()?, bounded_waits()?);
    let mut report = Report::default();
    lock_blocks()?;
    lock_rows(0, i64::MAX)?;
    report.mend_extension()?;
    let found = integrity::instances(0, i64::MAX)?;
    refuse_too_many(&found)?;
    if report.mend(&found)? {
        report.mend_all(|| integrity::instances(0, i64::MAX))?;
    }
    report.mend_all(|| integrity::cluster(MAX_BATCH))?;
    let report = report.value();
    audit::record_block("repair", "*", report.clone())?;
    Ok(Answer::Json(report))
}

/// `edgebase.close_extension()`, at the end of every script: its objects are whose and as closed as the
/// script says, whatever default privileges there were.
pub fn close_extension(_: &Args) -> Result<Answer, Error> {
    let _superuser = integrity::as_superuser()?;
    Report::default().mend_all(integrity::extension)?;
    Ok(Answer::Nothing)
}

/// `edgebase.repair_batch(after bigint, batch integer)`: the next instances, those with numbers
/// above `after`; with the first ones also the extension, and roles without an instance after the
/// last. The answer's `last` is where to go on, null where there is no more.
pub fn repair_batch(args: &Args) -> Result<Answer, Error> {
    let (_superuser, _bounded) = (integrity::as_superuser()?, bounded_waits()?);
    let (after, batch) = (args.bigint(0), args.int(1).clamp(1, MAX_BATCH));
    let mut report = Report::default();
    lock_blocks()?;
    if after <= 0 {
        report.mend_extension()?;
    }
    let found = spi::json(
        "SELECT jsonb_build_array(max(number), count(*)) FROM (
             SELECT number FROM edgebase.instance WHERE number > $1 ORDER BY number LIMIT $2) AS n",
        &[after.into(), batch.into()],
    )?;
    let mut last = found[0].as_i64();
    match last {
        Some(last) => {
            lock_rows(after, last)?;
            report.mend_all(|| integrity::instances(after, last))?;
        }
        None => {
            // Once more from here while there are such roles, of which one transaction drops a few.
            report.mend_all(|| integrity::cluster(0))?;
            report.mend(&integrity::cluster(batch)?)?;
            last = (report.roles_dropped > 0).then_some(after.max(1));
        }
    }
    let mut answer = report.value();
    if report.mended > 0 {
        audit::record_block("repair", "*", answer.clone())?;
    }
    answer["last"] = json!(last);
    answer["instances"] = found[1].clone();
    Ok(Answer::Json(answer))
}

/// Makes the role and privileges of one instance, whose row is locked or new.
pub fn mend_instance(number: i64) -> Result<(), Error> {
    Report::default().mend_all(|| integrity::instances(number - 1, number))
}

/// No config is applied meanwhile, which also changes privileges.
fn lock_blocks() -> Result<(), Error> {
    spi::run("LOCK TABLE edgebase.block IN SHARE ROW EXCLUSIVE MODE", &[])
}

fn lock_rows(after: i64, last: i64) -> Result<(), Error> {
    spi::run(
        "SELECT count(*) FROM (SELECT FROM edgebase.instance WHERE number > $1 AND number <= $2
                               ORDER BY number FOR UPDATE) AS locked",
        &[after.into(), last.into()],
    )
}

/// Each role that privileges are given to is locked to the end of the transaction, and so is each
/// table whose owner changes. Refuses before the server runs out of room for that.
fn refuse_too_many(findings: &[Finding]) -> Result<(), Error> {
    let instances: BTreeSet<i64> = findings.iter().map(|f| f.number).collect();
    let owners = findings.iter().filter(|f| f.what == "owner").count();
    let room = spi::one::<i64>(
        "SELECT current_setting('max_locks_per_transaction')::bigint
             * (current_setting('max_connections')::bigint
                + current_setting('max_prepared_transactions')::bigint) * 8 / 10",
        &[],
    )?;
    let wanted = instances.len() + owners * LOCKS_OF_AN_OWNER;
    if wanted > usize::try_from(room.unwrap_or(0)).unwrap_or(usize::MAX) {
        return Err(Error::TooManyAtOnce(instances.len()));
    }
    Ok(())
}
