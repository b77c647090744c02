//! Has this caller asked too often?
//!
//! Contract 19: a fixed window per caller and group, the group `db` for table routes and
//! `global` for everything. A caller's window begins with its first request. Callers are
//! remembered in a bounded cache that forgets those seldom seen first, so that many addresses
//! cost neither memory nor the memory of who asks often. A valid service key is not limited.

use crate::error::{Error, Result};
use edgebase_blocks::config::RateLimit;
use edgebase_blocks::{Config, ConfigError};
use moka::sync::Cache;
use serde_json::Value;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Callers remembered per group; each takes some 200 bytes.
const REMEMBERED: u64 = 100_000;
/// The longest window: a caller must not be locked out by a slip of the pen.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Who is counted as one caller; `None` is everybody whose address is not known.
type Caller = Option<IpAddr>;

/// The limits of one config.
pub struct Limits {
    db: Limiter,
    global: Limiter,
}

struct Limiter {
    group: &'static str,
    requests: u64,
    window: Duration,
    callers: Cache<Caller, Arc<Window>>,
}

struct Window {
    begun: Instant,
    requests: AtomicU64,
}

impl Limits {
    /// Reads the limits; what is not stated has the contract's default.
    ///
    /// # Errors
    /// When a window cannot be read.
    pub fn new(config: &Config) -> std::result::Result<Self, ConfigError> {
        let db = if config.release { 100 } else { 5_000 };
        let limiter =
            |group, default| Limiter::new(group, config.rate_limiting.get(group), default);
        Ok(Self { db: limiter("db", db)?, global: limiter("global", 10_000_000)? })
    }

    /// Counts one request.
    ///
    /// # Errors
    /// 429 with the group whose limit is reached.
    pub fn check(&self, address: Option<IpAddr>, is_db: bool) -> Result<()> {
        let caller = address.map(network);
        if is_db {
            self.db.check(caller)?;
        }
        self.global.check(caller)
    }
}

impl Limiter {
    fn new(
        group: &'static str,
        stated: Option<&RateLimit>,
        default: i64,
    ) -> std::result::Result<Self, ConfigError> {
        let (requests, window) = match stated {
            None => (default, Duration::from_secs(60)),
            Some(limit) => {
                let misread =
                    |message| ConfigError::new(&["rateLimiting", group, "window"], message);
                (limit.requests, window(&limit.window).map_err(misread)?)
            }
        };
        let callers = Cache::builder().max_capacity(REMEMBERED).time_to_live(window).build();
        // Zero and less let nothing pass.
        Ok(Self { group, requests: u64::try_from(requests).unwrap_or(0), window, callers })
    }

    fn check(&self, caller: Caller) -> Result<()> {
        let window = self.callers.get(&caller).filter(|window| !self.is_over(window));
        let window = window.unwrap_or_else(|| {
            let new = || Arc::new(Window { begun: Instant::now(), requests: AtomicU64::new(0) });
            self.callers.entry(caller).or_insert_with_if(new, |old| self.is_over(old)).into_value()
        });
        if window.requests.fetch_add(1, Ordering::Relaxed) < self.requests {
            return Ok(());
        }
        let left = self.window.saturating_sub(window.begun.elapsed());
        Err(Error::RateLimited { group: self.group, retry_after: left.as_secs() + 1 })
    }

    fn is_over(&self, window: &Window) -> bool {
        window.begun.elapsed() >= self.window
    }
}

/// Whom an address stands for: one IPv6 subscriber has a whole /64.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// `'60s'`, `'5m'`, `'1h'` or a number of seconds.
fn window(value: &Value) -> std::result::Result<Duration, String> {
    let wanted = || {
        format!(
            "the window is {value}, but it is a text like '60s', '5m' or '1h' or a number of seconds, \
             longer than zero and at most 24 hours"
        )
    };
    let window = match value {
        Value::Number(n) => {
            n.as_f64().and_then(|n| Duration::try_from_secs_f64(n).ok()).ok_or_else(wanted)?
        }
        Value::String(text) => humantime::parse_duration(text).map_err(|_| wanted())?,
        _ => return Err(wanted()),
    };
    if window.is_zero() || window > LONGEST { Err(wanted()) } else { Ok(window) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn limits(config: &Value) -> std::result::Result<Limits, ConfigError> {
        Limits::new(&Config::from_json(config).unwrap())
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn each_caller_has_its_own_window_in_each_group() {
        let stated = json!({"rateLimiting": {"db": {"requests": 2, "window": "1h"}}});
        let limits = limits(&stated).unwrap();
        let (a, b) = (ip("10.0.0.1"), ip("10.0.0.2"));
        assert!(limits.check(a, true).is_ok() && limits.check(a, true).is_ok());
        for _ in 0..3 {
            let error = limits.check(a, true).unwrap_err();
            let Error::RateLimited { group, retry_after } = error else { panic!("{error}") };
            assert!(group == "db" && (3_500..=3_600).contains(&retry_after), "{retry_after}");
        }
        assert!(limits.check(b, true).is_ok() && limits.check(a, false).is_ok());
        // Those whose address is unknown share one.
        assert!(limits.check(None, true).is_ok() && limits.check(None, true).is_ok());
        assert!(limits.check(None, true).is_err());
    }

    #[test]
    fn a_window_ends_as_a_whole() {
        let stated = json!({"rateLimiting": {"db": {"requests": 2, "window": 0.2}}});
        let limits = limits(&stated).unwrap();
        let a = ip("10.0.0.1");
        for _ in 0..2 {
            let begun = Instant::now();
            let passed = (0..10).filter(|_| limits.check(a, true).is_ok()).count();
            assert!(passed == 2 || begun.elapsed() > Duration::from_millis(200), "{passed}");
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    #[test]
    fn an_ipv6_network_is_one_caller() {
        let stated = json!({"rateLimiting": {"db": {"requests": 1, "window": "1h"}}});
        let limits = limits(&stated).unwrap();
        assert!(limits.check(ip("2001:db8:0:1::1"), true).is_ok());
        assert!(limits.check(ip("2001:db8:0:1:ffff::2"), true).is_err());
        assert!(limits.check(ip("2001:db8:0:2::1"), true).is_ok());
    }

    #[test]
    fn zero_requests_block_everything_and_a_wrong_window_stops_the_start() {
        for requests in [0, -5] {
            let stated = json!({"rateLimiting": {"global": {"requests": requests, "window": 60}}});
            assert!(limits(&stated).unwrap().check(ip("10.0.0.1"), false).is_err());
        }
        for window in [json!("x"), json!(0), json!(-1), json!("0s"), json!(null), json!("2d")] {
            let stated = json!({"rateLimiting": {"db": {"requests": 1, "window": window}}});
            let error = limits(&stated).err().expect("refused").to_string();
            assert!(error.contains("rateLimiting.db.window"), "{error}");
        }
    }

    #[test]
    fn many_addresses_do_not_fill_the_memory() {
        let limits = limits(&json!({})).unwrap();
        for n in 0..300_000_u32 {
            let _ = limits.db.check(Some(IpAddr::V4(n.into())));
        }
        limits.db.callers.run_pending_tasks();
        assert!(limits.db.callers.entry_count() <= REMEMBERED);
    }
}
