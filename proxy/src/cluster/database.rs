//! What does a cluster contain when it is ready?
//!
//! A superuser with a password, the database `edgebase` with the extension in its newest
//! installed version, and the proxy's login role, which is a member of `edgebase_proxy` and
//! nothing else. Every step can be repeated, so a start that was interrupted is completed by
//! the next one.

use super::Cluster;
use super::account::Account;
use super::binaries::Binaries;
use super::layout::Layout;
use super::secrets::{Secrets, write_private};
use anyhow::{Context, Result, bail};
use std::fs;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio_postgres::{Client, Config, NoTls};

/// The database that holds the product.
pub const DATABASE: &str = "edgebase";

/// The login role that the proxy connects as.
pub const PROXY_ROLE: &str = "edgebase_dev_proxy";

/// Creates the server's data directory. It is made under another name and renamed when
/// complete, so a half-made one is never mistaken for a cluster.
pub async fn initialise(
    binaries: &Binaries,
    account: &Account,
    layout: &Layout,
    secrets: &Secrets,
    sync: bool,
) -> Result<()> {
    let draft = layout.pgdata.with_extension("new");
    let password = layout.pgdata.with_extension("password");
    match fs::remove_dir_all(&draft) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(e).with_context(|| format!("removing {}", draft.display()));
        }
        _ => {}
    }
    fs::create_dir(&draft).with_context(|| format!("creating {}", draft.display()))?;
    account.own(&draft)?;
    write_private(&password, secrets.superuser_password.as_bytes())?;
    account.own(&password)?;

    let mut command = account.command(binaries.program("initdb"));
    command
        .args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8"])
        .args(["--locale=C.UTF-8", "--data-checksums", "--no-instructions"])
        .arg("-D")
        .arg(&draft)
        .arg("--pwfile")
        .arg(&password);
    if !sync {
        command.arg("--no-sync");
    }
    let output = tokio::process::Command::from(command).kill_on_drop(true).output().await;
    fs::remove_file(&password).ok();
    let output = output.context("running initdb")?;
    if !output.status.success() {
        bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    fs::rename(&draft, &layout.pgdata).with_context(|| format!("renaming {}", draft.display()))
}

/// Gives the superuser the password of `secrets` without knowing the old one, by the server's
/// single-user mode.
pub async fn reset_password(
    binaries: &Binaries,
    account: &Account,
    layout: &Layout,
    secrets: &Secrets,
) -> Result<()> {
    let mut command = account.command(binaries.program("postgres"));
    command
        .arg("--single")
        .arg("-D")
        .arg(&layout.pgdata)
        .arg("postgres")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(layout.open_log()?);
    let mut child = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .spawn()
        .context("running postgres --single")?;
    if let Some(mut stdin) = child.stdin.take() {
        let statement = set_password("postgres", &secrets.superuser_password)?;
        stdin.write_all(format!("{statement}\n").as_bytes()).await?;
    }
    let status = child.wait().await.context("running postgres --single")?;
    if !status.success() {
        bail!("Setting a new superuser password failed:\n{}", layout.log_tail());
    }
    Ok(())
}

/// Whether the server answers.
pub async fn probe(layout: &Layout, secrets: &Secrets, port: u16) -> Result<()> {
    let mut config = Config::new();
    config
        .host_path(&layout.socket_dir)
        .port(port)
        .user("postgres")
        .password(&secrets.superuser_password)
        .dbname("postgres")
        .connect_timeout(Duration::from_secs(5));
    connect(&config).await.map(|_| ())
}

/// Brings database, extension and login role to where they should be.
pub async fn prepare(cluster: &Cluster, extension: bool) -> Result<()> {
    let mut config: Config = cluster.admin_url().parse()?;
    let client = connect(config.dbname("postgres")).await.context("connecting as superuser")?;
    let exists = client
        .query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&DATABASE])
        .await?
        .is_some();
    if !exists {
        client
            .batch_execute(&format!("CREATE DATABASE {DATABASE}"))
            .await
            .context("creating the database")?;
    }
    if !extension {
        return Ok(());
    }
    let client = connect(config.dbname(DATABASE)).await.context("connecting as superuser")?;
    client
        .batch_execute(
            "SET client_min_messages = warning;
             CREATE EXTENSION IF NOT EXISTS edgebase;
             ALTER EXTENSION edgebase UPDATE",
        )
        .await
        .map_err(crate::admin::explain)
        .context("installing the extension into the database")?;
    let role =
        client.query_opt("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&PROXY_ROLE]).await?;
    if role.is_none() {
        client.batch_execute(&format!("CREATE ROLE {PROXY_ROLE}")).await?;
    }
    // INHERIT: the right to call the data-path functions comes with the membership. That
    // gives no tenant table away, since edgebase_proxy has no right on any.
    let password = set_password(PROXY_ROLE, &cluster.secrets().proxy_password)?;
    client
        .batch_execute(&format!(
            "ALTER ROLE {PROXY_ROLE} LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE
                 NOREPLICATION NOBYPASSRLS;
             {password};
             GRANT edgebase_proxy TO {PROXY_ROLE}"
        ))
        .await
        .map_err(crate::admin::explain)
        .context("creating the proxy's login role")
}

fn set_password(role: &str, password: &str) -> Result<String> {
    if !password.bytes().all(|b| b.is_ascii_alphanumeric()) {
        bail!("A password in secrets.json has other characters than letters and digits.");
    }
    Ok(format!("ALTER ROLE {role} PASSWORD '{password}'"))
}

async fn connect(config: &Config) -> Result<Client> {
    let (client, connection) = config.connect(NoTls).await.map_err(crate::admin::explain)?;
    tokio::spawn(async move {
        if let Err(e) = connection.await {
            tracing::debug!("connection to the embedded cluster ended: {e}");
        }
    });
    Ok(client)
}
