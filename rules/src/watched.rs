//! Did an evaluation lack a read?
//!
//! A rule that is told that a read failed throws, or goes on with less than it asked for. Where
//! the database could not serve the read, what comes of that is no verdict: it would refuse for
//! good what is allowed as soon as the database is back.

use crate::api::{Arg, Cause, Context, DbRead, Failure, ReadError};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::Value;
use std::sync::{Arc, OnceLock};

/// The reads of one evaluation.
pub(crate) struct Watched {
    database: Arc<dyn Context>,
    lack: Lack,
}

/// What the first read that could not be served was told.
#[derive(Clone, Default)]
pub(crate) struct Lack(Arc<OnceLock<String>>);

impl Watched {
    /// Watches the reads that arguments make possible.
    pub fn over(args: &mut [Arg]) -> Lack {
        let lack = Lack::default();
        for arg in args {
            if let Arg::Context(database) = arg {
                let watched = Self { database: Arc::clone(database), lack: lack.clone() };
                *arg = Arg::Context(Arc::new(watched));
            }
        }
        lack
    }
}

impl Context for Watched {
    fn read(&self, read: DbRead) -> BoxFuture<'static, Result<Value, ReadError>> {
        let lack = self.lack.clone();
        let answer = self.database.read(read);
        async move {
            let answer = answer.await;
            if let Err(ReadError::Unavailable(message)) = &answer {
                // The first one is enough.
                let _ = lack.0.set(message.clone());
            }
            answer
        }
        .boxed()
    }

    fn is_for_hooks(&self) -> bool {
        self.database.is_for_hooks()
    }
}

impl Lack {
    /// The cause for which an evaluation did not allow, given what it lacked.
    pub fn explain(&self, cause: Cause) -> Cause {
        match self.0.get() {
            Some(message) if cause.is_verdict() => Cause::ReadFailed(message.clone()),
            _ => cause,
        }
    }

    /// The failure of a hook, given what it lacked.
    pub fn explain_failure(&self, failure: Failure) -> Failure {
        match self.0.get() {
            Some(message) if Cause::from(failure.clone()).is_verdict() => {
                Cause::ReadFailed(message.clone()).into()
            }
            _ => failure,
        }
    }
}
