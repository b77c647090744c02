//! The `edgebase` command.
//!
//! Reads the command line, sets up logging and hands over to the subcommand. Standard output
//! carries only what was asked for, logs and mistakes go to standard error. Exit code 0 means
//! done, 1 that it could not be done, 2 that the command line was not understood.

#![forbid(unsafe_code)]

mod cli;

use clap::Parser;
use std::process::ExitCode;

/// Counts what each rule allocates, so that one of them cannot exhaust the machine's memory.
#[global_allocator]
static ALLOCATOR: edgebase_rules::Budgeted = edgebase_rules::Budgeted;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let log = cli::log::start(&cli.log, cli.command.is_serving());
    let outcome = cli::run(cli.command);
    // What was logged is written before what is said last.
    drop(log);
    match outcome {
        Ok(code) => code,
        Err(e) => {
            cli::log::report(&e);
            ExitCode::FAILURE
        }
    }
}
