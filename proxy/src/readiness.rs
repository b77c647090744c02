//! Can this server serve requests at present?
//!
//! `/api/health` says that the process lives, and a failure of it means that it is to be started
//! again. `/api/ready` says whether its database answers, and a failure of it means that requests
//! had better go to another server. It asks over a connection of its own, so that an overload of the
//! others is not taken for a failure, and once for all who ask within a second, so that asking costs
//! the database nothing.

use crate::db::source::Source;
use crate::db::{Database, Reuse};
use crate::error::{Error, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long an answer counts.
const FRESH: Duration = Duration::from_secs(1);
/// How long the database may take.
const WAIT: Duration = Duration::from_secs(3);

/// Whether the database answers.
pub struct Readiness {
    db: Database,
    /// When it was asked last, and what it is short of in the log's words.
    last: Mutex<Option<(Instant, Option<String>)>>,
}

impl Readiness {
    /// Asks the database of that address.
    ///
    /// # Errors
    /// When there cannot be a connection.
    pub fn new(source: &Arc<Source>) -> anyhow::Result<Self> {
        Ok(Self { db: Database::new(source, 1, Reuse::AsIs)?, last: Mutex::default() })
    }

    /// Passes when the database answers.
    ///
    /// # Errors
    /// 503 when it does not.
    pub async fn check(&self) -> Result<()> {
        // Who comes meanwhile waits, and then has the answer.
        let mut last = self.last.lock().await;
        let trouble = match &*last {
            Some((at, trouble)) if at.elapsed() < FRESH => trouble.clone(),
            _ => {
                let trouble = self.ask().await;
                *last = Some((Instant::now(), trouble.clone()));
                trouble
            }
        };
        match trouble {
            None => Ok(()),
            Some(trouble) => Err(Error::unavailable("The database does not answer.", trouble)),
        }
    }

    async fn ask(&self) -> Option<String> {
        match timeout(WAIT, self.db.ping()).await {
            Ok(Ok(())) => None,
            Ok(Err(e)) => Some(e.detail().map_or_else(|| e.to_string(), str::to_owned)),
            Err(_) => Some(format!("no answer within {WAIT:?}")),
        }
    }
}
