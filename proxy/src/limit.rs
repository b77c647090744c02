//! Has this caller asked too often?
//!
//! Contract 19: per caller and group, the group `db` for table routes and `global` for
//! everything. The limiter is a token bucket (GCRA) of the `governor` crate whose capacity and
//! refill are the configured requests per window, so a caller can never exceed the limit in any
//! window by more than a burst of one window's worth. A valid service key is not limited.

use crate::error::{Error, Result};
use edgebase_blocks::Config;
use edgebase_blocks::config::RateLimit;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use serde_json::Value;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

/// Callers remembered before old ones are forgotten.
const REMEMBERED: usize = 100_000;

enum Limiter {
    Blocked,
    Keyed(DefaultKeyedRateLimiter<IpAddr>),
}

/// The limits of one config.
pub struct Limits {
    db: Limiter,
    global: Limiter,
}

impl Limits {
    /// Reads the limits; what is not stated has the contract's default.
    ///
    /// # Errors
    /// When a window cannot be read.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let db = if config.release { 100 } else { 5_000 };
        Ok(Self {
            db: limiter(config.rate_limiting.get("db"), db)?,
            global: limiter(config.rate_limiting.get("global"), 10_000_000)?,
        })
    }

    /// Counts one request.
    ///
    /// # Errors
    /// 429 with the group whose limit is reached.
    pub fn check(&self, ip: IpAddr, is_db: bool) -> Result<()> {
        if is_db {
            self.db.check(ip, "db")?;
        }
        self.global.check(ip, "global")
    }
}

impl Limiter {
    fn check(&self, ip: IpAddr, group: &'static str) -> Result<()> {
        let limiter = match self {
            Self::Blocked => return Err(Error::RateLimited { group, retry_after: 60 }),
            Self::Keyed(limiter) => limiter,
        };
        if limiter.len() > REMEMBERED {
            limiter.retain_recent();
        }
        limiter.check_key(&ip).map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            Error::RateLimited { group, retry_after: wait.as_secs() + 1 }
        })
    }
}

fn limiter(stated: Option<&RateLimit>, default: u32) -> anyhow::Result<Limiter> {
    let (requests, window) = match stated {
        None => (i64::from(default), Duration::from_secs(60)),
        Some(limit) => (limit.requests, window(&limit.window)?),
    };
    let Some(burst) = u32::try_from(requests).ok().and_then(NonZeroU32::new) else {
        anyhow::ensure!(
            requests <= 0,
            "rateLimiting: {requests} requests are more than can be counted"
        );
        return Ok(Limiter::Blocked);
    };
    let period = (window / burst.get()).max(Duration::from_nanos(1));
    let quota = Quota::with_period(period).map(|q| q.allow_burst(burst));
    quota
        .map(|q| Limiter::Keyed(RateLimiter::keyed(q)))
        .ok_or_else(|| anyhow::anyhow!("rateLimiting: the window must be longer than zero"))
}

/// `'60s'`, `'5m'`, `'1h'` or a number of seconds.
fn window(value: &Value) -> anyhow::Result<Duration> {
    match value {
        Value::Number(n) => Ok(Duration::try_from_secs_f64(n.as_f64().unwrap_or(-1.0))?),
        Value::String(text) => Ok(humantime::parse_duration(text)?),
        _ => anyhow::bail!("rateLimiting: the window is a text like '60s' or a number of seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn limits(config: &Value) -> Limits {
        Limits::new(&Config::from_json(config).unwrap()).unwrap()
    }

    #[test]
    fn each_caller_has_its_own_window() {
        let limits = limits(&json!({"rateLimiting": {"db": {"requests": 2, "window": "1h"}}}));
        let (a, b) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        assert!(limits.check(a, true).is_ok() && limits.check(a, true).is_ok());
        let error = limits.check(a, true).unwrap_err();
        assert!(
            matches!(error, Error::RateLimited { group: "db", retry_after } if retry_after > 1_700)
        );
        assert!(limits.check(b, true).is_ok() && limits.check(a, false).is_ok());
    }

    #[test]
    fn zero_requests_block_everything() {
        let limits = limits(&json!({"rateLimiting": {"global": {"requests": 0, "window": 60}}}));
        assert!(limits.check("10.0.0.1".parse().unwrap(), false).is_err());
    }
}
