//! How is the embedded server configured?
//!
//! All of it is in `edgebase.conf`, rewritten at every start and included last but for
//! `ALTER SYSTEM`, so a developer can still change anything by SQL and keep it.

use super::account::Account;
use super::layout::Layout;
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::fs;

const INCLUDE: &str = "include = 'edgebase.conf'";

/// Settings that do not depend on where the cluster is.
const FIXED: [(&str, &str); 17] = [
    ("listen_addresses", "127.0.0.1"),
    ("max_connections", "200"),
    ("password_encryption", "scram-sha-256"),
    ("shared_buffers", "128MB"),
    // Never off: an acknowledged write survives a crash.
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("synchronous_commit", "on"),
    // Recovery otherwise syncs file by file: minutes at 100,000 instances instead of seconds.
    ("recovery_init_sync_method", "syncfs"),
    // One statement may create or drop many relations.
    ("max_locks_per_transaction", "256"),
    // With very many relations each launch costs over a CPU second even when idle.
    ("autovacuum_naptime", "5min"),
    // Tenant statements are short; compiling them costs more than running them.
    ("jit", "off"),
    // A statement whose client has gone, as when the proxy was killed, ends soon.
    ("client_connection_check_interval", "5s"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("lc_messages", "C"),
    ("log_line_prefix", "%m [%p] %u@%d "),
    ("cluster_name", "edgebase"),
];

/// Writes the configuration for a start on `port`.
pub fn write(
    layout: &Layout,
    account: &Account,
    port: u16,
    extra: &[(String, String)],
) -> Result<()> {
    let port = port.to_string();
    let sockets = layout.socket_dir.to_string_lossy();
    let mut text =
        "# Written by edgebase at every start; use ALTER SYSTEM for changes of your own.\n"
            .to_owned();
    let placed = [("port", port.as_str()), ("unix_socket_directories", &sockets)];
    let extra = extra.iter().map(|(k, v)| (k.as_str(), v.as_str()));
    for (name, value) in FIXED.into_iter().chain(placed).chain(extra) {
        writeln!(text, "{name} = '{}'", value.replace('\'', "''"))?;
    }
    let dir = &layout.pgdata;
    let write = |name: &str, content: &str| -> Result<()> {
        let path = dir.join(name);
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
        account.own(&path)
    };
    write("edgebase.conf", &text)?;
    write(
        "pg_hba.conf",
        "# Written by edgebase at every start.\n\
         local all all scram-sha-256\n\
         host all all 127.0.0.1/32 scram-sha-256\n",
    )?;
    let main =
        fs::read_to_string(dir.join("postgresql.conf")).context("reading postgresql.conf")?;
    if !main.lines().any(|l| l == INCLUDE) {
        write("postgresql.conf", &format!("{main}\n{INCLUDE}\n"))?;
    }
    Ok(())
}
