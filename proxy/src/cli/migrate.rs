//! How are all instances brought to their block's shape before they are next used?
//!
//! Workers ask the database for one instance after the other. The registry is the only state: a
//! run that was stopped, however, is continued by the next, and any number may run at once, since
//! each instance is given to one worker only. What cannot be migrated stays as it was, is listed
//! at the end, and makes the command fail.

use super::instances::Key;
use super::progress::Progress;
use super::{DatabaseArgument, counted, print};
use anyhow::{Context, Result, bail};
use edgebase_proxy::admin::{self, Behind};
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often the instances that somebody else was busy with are tried again, and how long after.
const ROUNDS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);
/// Failures written out; the rest are counted.
const LISTED: usize = 20;

/// Bring instances to the shape that the applied config gives their block.
///
/// They follow by themselves when they are next used; this makes it happen now. It can be stopped
/// and started again at any time, and run more than once at a time. Each instance is migrated in
/// a transaction of its own, while the others are used.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  edgebase migrate --all
  edgebase migrate --all --block workspace --jobs 8 --rate 100
  edgebase migrate --all --retry-failed
  edgebase migrate workspace:acme
  edgebase migrate --all --verify

Exits with 1 when an instance could not be migrated; it then stays as it was. Without
--retry-failed those that failed before are not tried again until another config is applied.")]
pub struct Arguments {
    /// Only this instance, even if it has failed before.
    #[arg(value_name = "NAMESPACE[:ID]", required_unless_present = "all", conflicts_with = "all")]
    key: Option<Key>,

    /// Every instance that is behind.
    #[arg(long)]
    all: bool,

    /// Only this block's.
    #[arg(long, value_name = "NAMESPACE", requires = "all")]
    block: Option<String>,

    /// How many at a time.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,

    /// At most so many a second, so that the database keeps time for requests.
    #[arg(long, value_name = "N", requires = "all")]
    rate: Option<NonZeroU32>,

    /// Also those whose migration to this config has failed before.
    #[arg(long, requires = "all")]
    retry_failed: bool,

    /// First compare the tables of each instance with the version that the registry says it is at,
    /// as after a restore, and correct the registry. Lists what was corrected.
    #[arg(long, conflicts_with = "json")]
    verify: bool,

    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    database: DatabaseArgument,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    match &arguments.key {
        Some(key) => one(key, &arguments).await,
        None => all(&arguments).await,
    }
}

async fn one(key: &Key, arguments: &Arguments) -> Result<()> {
    let client = arguments.database.connect().await?;
    if arguments.verify {
        verify(&client, key).await?;
    }
    let done = admin::migrate(&client, &key.namespace, key.id.as_deref()).await?;
    if arguments.json {
        print(&done)?;
    }
    if let Some(why) = done.get("failed") {
        bail!("{key} could not be migrated and is as it was: {}", reason(why));
    }
    if !arguments.json {
        print(match done["migrated"].as_bool() {
            Some(true) => format!("{key} was migrated."),
            _ => format!("{key} was up to date already."),
        })?;
    }
    Ok(())
}

/// Corrects what the registry says of an instance, and says so; fails where its tables are those of
/// no version.
async fn verify(client: &tokio_postgres::Client, key: &Key) -> Result<()> {
    let done = admin::verify_version(client, &key.namespace, key.id.as_deref()).await?;
    let differences = done["differences"].as_array().into_iter().flatten();
    let differences: Vec<&str> = differences.filter_map(Value::as_str).collect();
    if !differences.is_empty() {
        bail!("{key} has the tables of no version of its block: {}", differences.join("; "));
    }
    if done["corrected"] == true {
        let version = done["version"].as_str().unwrap_or_default();
        print(format!("{key} is at version {version}, which the registry did not say."))?;
    }
    Ok(())
}

/// The same for every instance; those that fit no version are counted and listed, and stop the run
/// before anything is migrated.
async fn verify_all(client: &tokio_postgres::Client, block: Option<&str>) -> Result<()> {
    let instances = admin::keys(client, block).await?;
    let progress = Progress::begin(instances.len() as u64);
    let mut misfits = Vec::new();
    for (namespace, id) in instances {
        if let Err(e) = verify(client, &Key { namespace, id }).await {
            misfits.push(format!("{e:#}"));
        }
        progress.advance(1, misfits.len() as u64);
    }
    progress.end();
    for misfit in misfits.iter().take(LISTED) {
        print(misfit)?;
    }
    match misfits.len() {
        0 => Ok(()),
        n => bail!("{} could not be verified. Nothing was migrated.", counted(n, "instance")),
    }
}

/// What a run shares.
struct Work {
    block: Option<String>,
    /// Ticks when the next instance may be begun.
    rate: Option<Mutex<Interval>>,
    progress: Progress,
    migrated: AtomicU64,
    failed: AtomicU64,
}

async fn all(arguments: &Arguments) -> Result<()> {
    let block = arguments.block.as_deref();
    let client = arguments.database.connect().await?;
    if arguments.verify {
        verify_all(&client, block).await?;
    }
    let before = admin::behind(&client, block).await?;
    let total = before.waiting + if arguments.retry_failed { before.failed } else { 0 };
    let begun = Instant::now();
    let work = Arc::new(Work {
        block: arguments.block.clone(),
        rate: arguments.rate.map(|n| Mutex::new(pace(n))),
        progress: Progress::begin(total),
        migrated: AtomicU64::new(0),
        failed: AtomicU64::new(0),
    });
    let outcome = rounds(arguments, &client, &work).await;
    work.progress.end();
    let migrated = work.migrated.load(Ordering::Relaxed);
    let left = outcome.with_context(|| {
        format!(
            "The run stopped after {} migrated. Nothing is half done: run it again to go on",
            counted_instances(migrated)
        )
    })?;
    let failures = admin::failures(&client, block).await?;
    let seconds = begun.elapsed().as_secs_f64();
    if arguments.json {
        print(json!({
            "migrated": migrated, "left": left.waiting, "failed": failures, "seconds": seconds,
        }))?;
    } else {
        let rate = migrated as f64 / seconds.max(0.001);
        print(format!(
            "{} migrated in {seconds:.1} s ({rate:.0} a second).",
            counted_instances(migrated)
        ))?;
        list(&failures)?;
    }
    match (failures.len(), left.waiting) {
        (0, 0) => Ok(()),
        (0, n) => bail!("{} still in use elsewhere: run it again.", counted_instances(n)),
        (n, _) => bail!(
            "{} could not be migrated and stay as they were. Change the rows or the config, then \
             run it again with --retry-failed.",
            counted_instances(n as u64)
        ),
    }
}

/// So many ticks a second; a late one is not made up for by a burst.
fn pace(rate: NonZeroU32) -> Interval {
    let mut ticks = interval(Duration::from_secs(1) / rate.get());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn counted_instances(number: u64) -> String {
    counted(usize::try_from(number).unwrap_or(usize::MAX), "instance")
}

/// Goes through all instances, and again through those that somebody was busy with.
async fn rounds(
    arguments: &Arguments,
    client: &tokio_postgres::Client,
    work: &Arc<Work>,
) -> Result<Behind> {
    for round in 0..ROUNDS {
        let retry = round == 0 && arguments.retry_failed;
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..arguments.jobs {
            let client = arguments.database.connect().await?;
            let work = Arc::clone(work);
            workers.spawn(async move { work.through(&client, retry).await });
        }
        // The first error drops the set, which stops the others after what they are at.
        while let Some(ended) = workers.join_next().await {
            ended.context("a worker ended")??;
        }
        let left = admin::behind(client, arguments.block.as_deref()).await?;
        if left.waiting == 0 || round + 1 == ROUNDS {
            return Ok(left);
        }
        tokio::time::sleep(PAUSE).await;
    }
    admin::behind(client, arguments.block.as_deref()).await
}

impl Work {
    /// One worker's way through the instances, by ascending number.
    async fn through(&self, client: &tokio_postgres::Client, retry: bool) -> Result<()> {
        let mut after = 0;
        loop {
            if let Some(rate) = &self.rate {
                rate.lock().await.tick().await;
            }
            let next = admin::migrate_next(client, self.block.as_deref(), retry, after).await?;
            let Some(done) = next else { return Ok(()) };
            after = done["number"].as_i64().context("the database named no instance")?;
            if done.get("failed").is_some() {
                self.failed.fetch_add(1, Ordering::Relaxed);
            } else if done["migrated"] == true {
                self.migrated.fetch_add(1, Ordering::Relaxed);
            } else {
                // Somebody else did it first, or is inside.
                continue;
            }
            self.progress.advance(1, self.failed.load(Ordering::Relaxed));
        }
    }
}

fn list(failures: &[Value]) -> Result<()> {
    for failure in failures.iter().take(LISTED) {
        let key = failure["key"].as_str().unwrap_or_default();
        print(format!("failed: {key}: {}", reason(failure)))?;
    }
    if failures.len() > LISTED {
        print(format!(
            "and {} more: edgebase migrate --all --json, or the view edgebase.instances",
            failures.len() - LISTED
        ))?;
    }
    Ok(())
}

/// What PostgreSQL said.
fn reason(failure: &Value) -> String {
    let text = |member: &str| failure[member].as_str().unwrap_or_default().to_owned();
    format!("{} (SQLSTATE {})", text("message"), text("sqlstate"))
}
