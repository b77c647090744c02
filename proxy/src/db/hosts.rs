//! Which of an address's servers is connected to, and how long may one take to answer?
//!
//! As for libpq, servers are tried in the order of the address (in a random one with
//! `load_balance_hosts=random`), and each address of a name apart. The next one is tried after a
//! server that cannot be reached, that cannot accept connections now or whose session is not what
//! `target_session_attrs` asks for. What a server refuses otherwise, such as a password, the others
//! would refuse as well.
//!
//! One that swallows packets or was stopped costs a bounded time, from the connection to the end of
//! the authentication. It is then tried after all others for a while, so that not every new
//! connection pays that time.

use super::address::Address;
use super::connect::Server;
use super::failure::Failure;
use futures::future::BoxFuture;
use rand::seq::SliceRandom as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::lookup_host;
use tokio::time::timeout;
use tokio_postgres::config::{Host, LoadBalanceHosts};

/// What a server may take where the address has others and no `connect_timeout`.
const ONE_OF_SEVERAL: Duration = Duration::from_secs(2);
/// What the only server may take without `connect_timeout`.
const THE_ONLY_ONE: Duration = Duration::from_secs(5);
/// How long a server that did not answer is tried last.
const DEFERRED: Duration = Duration::from_secs(30);
/// Addresses tried of one name.
const ADDRESSES: usize = 8;

/// Connects to one server.
pub type Attempt<T> = for<'a> fn(&'a Address, &'a Server) -> BoxFuture<'a, Result<T, Failure>>;

/// When servers last failed to answer, by their place in the address.
#[derive(Debug, Default)]
pub struct Unanswered(Mutex<Vec<(usize, Instant)>>);

impl Unanswered {
    fn note(&self, host: usize) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(other, at)| *other != host && at.elapsed() < DEFERRED);
        all.push((host, Instant::now()));
    }

    fn has(&self, host: usize) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().any(|(other, at)| *other == host && at.elapsed() < DEFERRED)
    }
}

/// What came of the first server that accepts a connection.
///
/// # Errors
/// A refusal that concerns all servers, or why each of them failed.
pub async fn first<T>(address: &Address, attempt: Attempt<T>) -> Result<T, Failure> {
    let bound = bound(address);
    let mut failures = Vec::new();
    for host in order(address) {
        let servers = match timeout(bound, servers(address, host)).await {
            Ok(Ok(servers)) => servers,
            Ok(Err(e)) => {
                failures.push((name(address, host), e));
                continue;
            }
            Err(_) => {
                let e = format!("its name was not resolved within {bound:?}");
                failures.push((name(address, host), Failure::Broken(e)));
                continue;
            }
        };
        for server in servers {
            let failure = match timeout(bound, attempt(address, &server)).await {
                Ok(Ok(connected)) => return Ok(connected),
                Ok(Err(failure)) => failure,
                Err(_) => {
                    address.unanswered.note(host);
                    Failure::Broken(format!("no answer within {bound:?}"))
                }
            };
            if failure.code().is_some_and(|code| !is_for_the_next(code)) {
                return Err(failure);
            }
            failures.push((server.to_string(), failure));
        }
    }
    Err(join(failures))
}

/// Whether another server may accept what this one refused with that SQLSTATE: it starts, stops or
/// recovers (`cannot_connect_now`).
fn is_for_the_next(code: &str) -> bool {
    code == "57P03"
}

/// A refusal of the only server stays one, since its SQLSTATE tells more than its text.
fn join(mut failures: Vec<(String, Failure)>) -> Failure {
    if failures.len() == 1
        && let Some((_, refusal)) = failures.pop_if(|(_, failure)| failure.code().is_some())
    {
        return refusal;
    }
    let texts: Vec<_> = failures.iter().map(|(name, e)| format!("{name}: {e}")).collect();
    Failure::Broken(match texts.is_empty() {
        true => "the address names no server".into(),
        false => texts.join("; "),
    })
}

/// What a server may take, from the connection to the end of the authentication.
fn bound(address: &Address) -> Duration {
    let stated = address.config.get_connect_timeout().copied();
    let default = if count(address) > 1 { ONE_OF_SEVERAL } else { THE_ONLY_ONE };
    stated.unwrap_or(default)
}

fn count(address: &Address) -> usize {
    address.config.get_hosts().len().max(address.config.get_hostaddrs().len())
}

/// The places of the servers in the address, in the order in which they are tried.
fn order(address: &Address) -> Vec<usize> {
    let mut all: Vec<usize> = (0..count(address)).collect();
    if address.config.get_load_balance_hosts() == LoadBalanceHosts::Random {
        all.shuffle(&mut rand::rng());
    }
    all.sort_by_key(|host| address.unanswered.has(*host));
    all
}

fn port(address: &Address, host: usize) -> u16 {
    let ports = address.config.get_ports();
    ports.get(host).or(ports.first()).copied().unwrap_or(5432)
}

fn name(address: &Address, host: usize) -> String {
    let port = port(address, host);
    match address.config.get_hosts().get(host) {
        Some(Host::Tcp(name)) => format!("{name}:{port}"),
        _ => format!("server {}", host + 1),
    }
}

/// The servers that one place of the address stands for. Certificates name hosts, not where they
/// are at the moment.
async fn servers(address: &Address, host: usize) -> Result<Vec<Server>, Failure> {
    let port = port(address, host);
    let named = address.config.get_hosts().get(host);
    if let Some(at) = address.config.get_hostaddrs().get(host) {
        let name = match named {
            Some(Host::Tcp(name)) => name.clone(),
            _ => at.to_string(),
        };
        return Ok(vec![Server::Tcp { peer: (*at, port).into(), name }]);
    }
    match named {
        Some(Host::Tcp(name)) => {
            let found = lookup_host((name.as_str(), port)).await?;
            let server = |peer| Server::Tcp { peer, name: name.clone() };
            Ok(found.take(ADDRESSES).map(server).collect())
        }
        Some(Host::Unix(folder)) => Ok(vec![Server::Unix(socket(folder, port))]),
        None => Ok(Vec::new()),
    }
}

fn socket(folder: &Path, port: u16) -> std::path::PathBuf {
    folder.join(format!(".s.PGSQL.{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::failure::Refusal;

    fn address(url: &str) -> Address {
        url.parse().unwrap()
    }

    /// Says which server it was, except that one refuses.
    fn tried<'a>(_: &'a Address, server: &'a Server) -> BoxFuture<'a, Result<u16, Failure>> {
        let Server::Tcp { peer, .. } = server else { panic!("a socket") };
        let port = peer.port();
        Box::pin(async move {
            let refused = |code: &str| {
                let refusal = Refusal { code: code.into(), ..Refusal::default() };
                Err(Failure::Refused(Box::new(refusal)))
            };
            match port {
                1 => std::future::pending().await,
                2 => Err(Failure::Broken("connection refused".into())),
                3 => refused("57P03"),
                4 => refused("28P01"),
                _ => Ok(port),
            }
        })
    }

    async fn first_of(hosts: &str) -> Result<u16, Failure> {
        first(&address(&format!("postgres://u@{hosts}/d?connect_timeout=1")), tried).await
    }

    #[tokio::test]
    async fn a_server_that_cannot_serve_is_followed_by_the_next_one() {
        for hosts in ["127.0.0.1:1,127.0.0.1:9", "127.0.0.1:2,127.0.0.1:3,127.0.0.1:9"] {
            assert_eq!(first_of(hosts).await.unwrap(), 9, "{hosts}");
        }
        // The others have the same passwords.
        assert_eq!(first_of("127.0.0.1:4,127.0.0.1:9").await.unwrap_err().code(), Some("28P01"));
        assert_eq!(first_of("127.0.0.1:3").await.unwrap_err().code(), Some("57P03"));
        let all = first_of("127.0.0.1:1,127.0.0.1:2").await.unwrap_err().to_string();
        assert_eq!(all, "127.0.0.1:1: no answer within 1s; 127.0.0.1:2: connection refused");
    }

    #[tokio::test]
    async fn a_server_that_did_not_answer_is_tried_last_for_a_while() {
        let address = address("postgres://u@127.0.0.1:1,127.0.0.1:9/d?connect_timeout=1");
        assert_eq!(order(&address), [0, 1]);
        assert_eq!(first(&address, tried).await.unwrap(), 9);
        assert_eq!(order(&address), [1, 0]);
        assert_eq!(first(&address, tried).await.unwrap(), 9);
    }

    #[test]
    fn a_server_has_the_time_that_the_address_states() {
        for (url, seconds) in [
            ("postgres://u@a/d", 5),
            ("postgres://u@a,b/d", 2),
            ("postgres://u@a/d?connect_timeout=9", 9),
            ("postgres://u@a,b/d?connect_timeout=9", 9),
        ] {
            assert_eq!(bound(&address(url)).as_secs(), seconds, "{url}");
        }
    }

    #[tokio::test]
    async fn servers_are_where_hostaddr_says_and_are_called_as_host_says() {
        let named = address("host=db.test hostaddr=127.0.0.1 port=7 user=u");
        let of_name = servers(&named, 0).await.unwrap();
        assert!(matches!(&of_name[..], [Server::Tcp { peer, name }]
            if name == "db.test" && peer.to_string() == "127.0.0.1:7"));
        let sockets = servers(&address("host=/run/x port=7 user=u"), 0).await.unwrap();
        assert_eq!(sockets[0].to_string(), "/run/x/.s.PGSQL.7");
    }
}
