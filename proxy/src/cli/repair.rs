//! How is the database made whole after a restore, with any number of instances?
//!
//! Batch by batch, each a transaction of its own, so that neither the locks nor the time of one
//! grow with the number of instances. What is right is left alone, so a run that was stopped is
//! continued by running it again.

use super::progress::Progress;
use super::{DatabaseArgument, counted, print};
use anyhow::{Context, Result, bail};
use edgebase_proxy::admin;
use std::collections::BTreeSet;
use std::time::Instant;

/// Make roles, owners and privileges what they should be, after a restore or a mistake.
///
/// Leaves alone what is right, so it can be stopped and started again at any time, and run while
/// the instances are used.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  edgebase repair
  edgebase repair --batch 2000

Exits with 1 when something is left that needs a decision; `edgebase verify` lists it.")]
pub struct Arguments {
    /// Instances of a transaction.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    batch: i32,

    #[command(flatten)]
    database: DatabaseArgument,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    let client = arguments.database.connect().await?;
    let begun = Instant::now();
    let progress = Progress::begin(admin::count_instances(&client).await?);
    let (mut last, mut mended, mut missing) = (Some(0), 0, BTreeSet::new());
    while let Some(after) = last {
        let done = admin::repair_batch(&client, after, arguments.batch)
            .await
            .context("The run stopped. What was repaired stays so: run it again to go on")?;
        let number = |member: &str| done[member].as_u64().unwrap_or_default();
        mended += number("mended");
        let schemas = done["schemas_missing"].as_array().into_iter().flatten();
        missing.extend(schemas.filter_map(|s| s.as_str().map(str::to_owned)));
        progress.advance(number("instances"), missing.len() as u64);
        last = done["last"].as_i64();
    }
    progress.end();
    let mended = usize::try_from(mended).unwrap_or(usize::MAX);
    print(format!(
        "{} repaired in {:.1} s.",
        counted(mended, "thing"),
        begun.elapsed().as_secs_f64()
    ))?;
    for schema in &missing {
        print(format!("schema missing: {schema}"))?;
    }
    match missing.len() {
        0 => Ok(()),
        n => bail!("{} without a schema: see edgebase verify.", counted(n, "instance")),
    }
}
