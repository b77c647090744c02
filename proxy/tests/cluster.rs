//! Does the embedded cluster survive what happens to processes?
//!
//! Every test has a cluster of its own, without the extension: what is tested here is the
//! server's life, not what it holds.

#![allow(clippy::unwrap_used, reason = "all of this file is a test")]

use edgebase_proxy::admin;
use edgebase_proxy::cluster::{Cluster, Options};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A directory that the server's user can reach.
fn directory() -> TempDir {
    let dir = tempfile::Builder::new().prefix("edgebase-").tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn options(dir: &Path) -> Options {
    Options { extension: false, sync_creation: false, ..Options::new(dir.join("data")) }
}

async fn start(dir: &Path) -> Cluster {
    Cluster::start(options(dir)).await.unwrap()
}

async fn execute(cluster: &Cluster, sql: &str) {
    admin::connect(&cluster.admin_url()).await.unwrap().batch_execute(sql).await.unwrap();
}

async fn count(cluster: &Cluster) -> i64 {
    let client = admin::connect(&cluster.admin_url()).await.unwrap();
    client.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get(0)
}

fn pid(cluster: &Cluster) -> Pid {
    Pid::from_raw(cluster.postmaster_pid().unwrap().try_into().unwrap())
}

#[tokio::test]
async fn data_passwords_and_port_outlive_a_stop() {
    let dir = directory();
    let cluster = start(dir.path()).await;
    execute(&cluster, "CREATE TABLE t AS SELECT 1").await;
    let url = cluster.admin_url();
    cluster.stop().await.unwrap();
    let cluster = start(dir.path()).await;
    assert_eq!(cluster.admin_url(), url);
    assert_eq!(count(&cluster).await, 1);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_directory_belongs_to_one_running_cluster() {
    let dir = directory();
    let cluster = start(dir.path()).await;
    let refusal = Cluster::start(options(dir.path())).await.err().unwrap().to_string();
    assert!(refusal.contains("in use by another edgebase process"), "{refusal}");
    assert!(cluster.postmaster_pid().is_some());
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_server_is_started_again_with_what_was_committed() {
    let dir = directory();
    let cluster = start(dir.path()).await;
    execute(&cluster, "CREATE TABLE t AS SELECT 1").await;
    let before = pid(&cluster);
    kill(before, Signal::SIGKILL).unwrap();
    while cluster.postmaster_pid().is_none_or(|p| p == before.as_raw().unsigned_abs()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cluster.wait_ready(Duration::from_secs(60)).await.unwrap();
    assert_eq!(count(&cluster).await, 1);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_left_behind_is_replaced() {
    let dir = directory();
    let cluster = start(dir.path()).await;
    execute(&cluster, "CREATE TABLE t AS SELECT 1").await;
    let data = cluster.pgdata().to_owned();
    let bin = std::fs::read_link(format!("/proc/{}/exe", pid(&cluster))).unwrap();
    let owner = std::fs::metadata(&data).unwrap();
    cluster.stop().await.unwrap();

    // A server whose owner is gone, as after `kill -9` of both the command and its guardian.
    let mut orphan = {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(bin);
        command.arg("-D").arg(&data).current_dir("/").stderr(std::process::Stdio::null());
        if nix::unistd::geteuid().is_root() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        command.spawn().unwrap()
    };
    while !data.join("postmaster.pid").exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let cluster = start(dir.path()).await;
    assert_eq!(count(&cluster).await, 1);
    assert_ne!(cluster.postmaster_pid(), Some(orphan.id()));
    orphan.wait().unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_lock_file_with_the_number_of_a_stranger_does_not_matter() {
    let dir = directory();
    let cluster = start(dir.path()).await;
    let lock = cluster.pgdata().join("postmaster.pid");
    cluster.stop().await.unwrap();
    std::fs::write(&lock, format!("{}\n", std::process::id())).unwrap();
    start(dir.path()).await.stop().await.unwrap();
}

#[tokio::test]
async fn lost_secrets_are_made_anew_and_the_data_stays() {
    let dir = directory();
    let cluster = start(dir.path()).await;
    execute(&cluster, "CREATE TABLE t AS SELECT 1").await;
    let url = cluster.admin_url();
    cluster.stop().await.unwrap();
    std::fs::remove_file(dir.path().join("data/secrets.json")).unwrap();
    let cluster = start(dir.path()).await;
    assert_ne!(cluster.admin_url(), url);
    assert_eq!(count(&cluster).await, 1);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn the_server_is_not_root_and_the_secrets_are_ours_alone() {
    let dir = directory();
    let cluster = start(dir.path()).await;
    assert_ne!(std::fs::metadata(format!("/proc/{}", pid(&cluster))).unwrap().uid(), 0);
    let secrets = std::fs::metadata(dir.path().join("data/secrets.json")).unwrap();
    assert_eq!(secrets.permissions().mode() & 0o777, 0o600);
    let without = cluster.admin_url().replace(&cluster.secrets().superuser_password, "wrong");
    assert!(admin::connect(&without).await.is_err());
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_long_path_moves_the_socket_and_nothing_else() {
    let dir = directory();
    let deep = dir.path().join("d".repeat(120));
    std::fs::create_dir(&deep).unwrap();
    let cluster = start(&deep).await;
    assert!(cluster.socket_dir().as_os_str().len() < 100);
    assert!(cluster.pgdata().starts_with(&deep));
    let socket = cluster.socket_dir().to_owned();
    cluster.stop().await.unwrap();
    assert!(!socket.exists());
}

#[tokio::test]
async fn dropping_a_cluster_stops_its_server() {
    let dir = directory();
    let cluster = start(dir.path()).await;
    let pid = pid(&cluster);
    drop(cluster);
    assert!(kill(pid, None).is_err());
}
