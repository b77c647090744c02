//! Which keys does an issuer use at present?
//!
//! The last key set that could be read from an address or a file, and when to read it again:
//!
//! - a set older than [`FRESH`] is still used while it is read again in the background, so no
//!   request waits for the issuer and a withdrawn key is gone soon after;
//! - a token with a key that is not in the set makes it be read at once, and the request wait;
//! - it is read at most once per [`PAUSE`], by one reader at a time, whoever asks and whatever
//!   came of it, so tokens with invented key ids cannot be turned against the issuer;
//! - a reading that fails changes nothing: the last good set stays, until it is older than
//!   [`OLDEST`]; then nothing verifies until a reading succeeds.

use super::jwks::{Key, KeySet};
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use futures::future::BoxFuture;
use jsonwebtoken::Algorithm;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// Age from which a set is read again in the background.
pub const FRESH: Duration = Duration::from_secs(5 * 60);
/// Age from which a set is no longer used.
pub const OLDEST: Duration = Duration::from_secs(24 * 60 * 60);
/// The shortest time between two readings.
pub const PAUSE: Duration = Duration::from_secs(5);
/// The longest a reading may take.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The largest key set read; real ones have a few kB.
pub const MAX_BYTES: usize = 256 << 10;

/// Time since some moment; tests have one of their own.
type Clock = Box<dyn Fn() -> Duration + Send + Sync>;

/// How a key set is read.
pub type Read = Box<dyn Fn() -> BoxFuture<'static, Result<Bytes, String>> + Send + Sync>;

/// The keys of one issuer, kept up to date.
pub struct KeySource {
    place: String,
    read: Read,
    clock: Clock,
    patience: Duration,
    held: ArcSwapOption<Held>,
    /// When the last reading ended; locked during one.
    asked: Mutex<Option<Duration>>,
    failing: AtomicBool,
}

struct Held {
    keys: KeySet,
    text: Bytes,
    at: Duration,
    generation: u64,
}

/// What is known of the key that a token names.
pub enum Lookup {
    /// The key, and the generation of its set.
    Found(Arc<Key>, u64),
    /// The issuer has no such key.
    Unknown,
    /// The issuer's keys are not at hand, so nothing can be said.
    Unavailable,
}

impl KeySource {
    /// A source that has read nothing yet; `place` names it in the log.
    #[must_use]
    pub fn new(place: String, read: Read) -> Self {
        let begun = Instant::now();
        Self::with(place, read, Box::new(move || begun.elapsed()), PATIENCE)
    }

    /// The same with a set that has been read already.
    ///
    /// # Errors
    /// When the text is no key set.
    pub fn holding(self, text: Bytes) -> Result<Self, String> {
        let held = Held { keys: KeySet::parse(&text)?, text, at: (self.clock)(), generation: 0 };
        self.held.store(Some(Arc::new(held)));
        Ok(self)
    }

    fn with(place: String, read: Read, clock: Clock, patience: Duration) -> Self {
        Self {
            place,
            read,
            clock,
            patience,
            held: ArcSwapOption::empty(),
            asked: Mutex::new(None),
            failing: AtomicBool::new(false),
        }
    }

    /// Where the keys come from.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The key for a token of `algorithm` that names the key `id`.
    pub async fn key(self: &Arc<Self>, id: Option<&str>, algorithm: Algorithm) -> Lookup {
        if let Some(found) = self.find(id, algorithm) {
            return found;
        }
        // On a task of its own: a request that is broken off must not break off the reading
        // that others wait for.
        let _ = tokio::spawn(Arc::clone(self).refresh()).await;
        match self.find(id, algorithm) {
            Some(found) => found,
            None if self.failing.load(Ordering::Relaxed) || self.usable().is_none() => {
                Lookup::Unavailable
            }
            None => Lookup::Unknown,
        }
    }

    /// The generation of the set in use, which changes with its content; `None` when there is
    /// none. What was verified with a key of another generation has to be verified again.
    #[must_use]
    pub fn generation(self: &Arc<Self>) -> Option<u64> {
        self.usable().map(|held| held.generation)
    }

    /// Reads the set unless that was done a moment ago.
    pub async fn refresh(self: Arc<Self>) {
        let mut asked = self.asked.lock().await;
        if !self.is_due(*asked) {
            return;
        }
        let read = match timeout(self.patience, (self.read)()).await {
            Ok(read) => read,
            Err(_) => Err(format!("there was no answer within {:?}", self.patience)),
        };
        let parsed = read.and_then(|text| Ok((KeySet::parse(&text)?, text)));
        *asked = Some((self.clock)());
        self.failing.store(parsed.is_err(), Ordering::Relaxed);
        let former = self.held.load_full();
        match parsed {
            Ok((keys, text)) => {
                let generation = match &former {
                    Some(former) if former.text == text => former.generation,
                    Some(former) => former.generation + 1,
                    None => 0,
                };
                if former.is_none_or(|former| former.generation != generation) {
                    tracing::info!(place = self.place, keys = keys.len(), "keys of user tokens");
                }
                let held = Held { keys, text, at: (self.clock)(), generation };
                self.held.store(Some(Arc::new(held)));
            }
            Err(reason) => {
                let instead = match former.map(|held| self.since(held.at)) {
                    Some(age) if age <= OLDEST => "the last good ones stay in use",
                    _ => "its tokens are refused",
                };
                tracing::warn!(place = self.place, "keys cannot be read, {instead}: {reason}");
            }
        }
    }

    fn find(self: &Arc<Self>, id: Option<&str>, algorithm: Algorithm) -> Option<Lookup> {
        let held = self.usable()?;
        let key = held.keys.find(id, algorithm)?;
        Some(Lookup::Found(Arc::clone(key), held.generation))
    }

    fn usable(self: &Arc<Self>) -> Option<Arc<Held>> {
        let held = self.held.load_full()?;
        let age = self.since(held.at);
        if age > FRESH && self.asked.try_lock().is_ok_and(|asked| self.is_due(*asked)) {
            tokio::spawn(Arc::clone(self).refresh());
        }
        (age <= OLDEST).then_some(held)
    }

    fn is_due(&self, asked: Option<Duration>) -> bool {
        asked.is_none_or(|at| self.since(at) >= PAUSE)
    }

    fn since(&self, at: Duration) -> Duration {
        (self.clock)().saturating_sub(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::samples::public;
    use serde_json::json;
    use std::sync::atomic::{AtomicU64, AtomicUsize};

    /// An issuer whose answer a test can change, how often it was asked, and what time it is.
    struct Issuer {
        answer: std::sync::Mutex<Result<String, String>>,
        silent: AtomicBool,
        asked: AtomicUsize,
        seconds: AtomicU64,
    }

    impl Issuer {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                answer: std::sync::Mutex::new(Err("no".into())),
                silent: AtomicBool::new(false),
                asked: AtomicUsize::new(0),
                seconds: AtomicU64::new(0),
            })
        }

        fn has(&self, ids: &[&str]) {
            let keys: Vec<_> = ids
                .iter()
                .map(|id| {
                    let mut key = public(Algorithm::ES256);
                    key["kid"] = json!(id);
                    key
                })
                .collect();
            *self.answer.lock().unwrap() = Ok(json!({"keys": keys}).to_string());
        }

        fn says(&self, answer: Result<&str, &str>) {
            *self.answer.lock().unwrap() = answer.map(Into::into).map_err(Into::into);
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::Relaxed)
        }

        fn later(&self, by: Duration) {
            self.seconds.fetch_add(by.as_secs() + 1, Ordering::Relaxed);
        }

        fn source(self: &Arc<Self>) -> Arc<KeySource> {
            let (issuer, watch) = (Arc::clone(self), Arc::clone(self));
            let read = move || -> BoxFuture<'static, Result<Bytes, String>> {
                let issuer = Arc::clone(&issuer);
                Box::pin(async move {
                    issuer.asked.fetch_add(1, Ordering::Relaxed);
                    if issuer.silent.load(Ordering::Relaxed) {
                        std::future::pending::<()>().await;
                    }
                    tokio::task::yield_now().await;
                    issuer.answer.lock().unwrap().clone().map(Bytes::from)
                })
            };
            let clock = move || Duration::from_secs(watch.seconds.load(Ordering::Relaxed));
            let patience = Duration::from_millis(50);
            Arc::new(KeySource::with("test".into(), Box::new(read), Box::new(clock), patience))
        }
    }

    async fn key(source: &Arc<KeySource>, id: &str) -> &'static str {
        match source.key(Some(id), Algorithm::ES256).await {
            Lookup::Found(..) => "found",
            Lookup::Unknown => "unknown",
            Lookup::Unavailable => "unavailable",
        }
    }

    /// Lets what runs in the background come to its end.
    async fn settle(source: &Arc<KeySource>) {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        drop(source.asked.lock().await);
    }

    #[tokio::test]
    async fn an_unknown_key_is_looked_for_once_a_pause() {
        let issuer = Issuer::new();
        issuer.has(&["a"]);
        let source = issuer.source();
        assert_eq!(key(&source, "a").await, "found");
        issuer.has(&["b"]);
        for _ in 0..50 {
            assert_eq!(key(&source, "b").await, "unknown");
            assert_eq!(key(&source, "a").await, "found");
        }
        assert_eq!(issuer.asked(), 1);
        issuer.later(PAUSE);
        assert_eq!(key(&source, "b").await, "found");
        assert_eq!(key(&source, "a").await, "unknown");
        assert_eq!((issuer.asked(), source.generation()), (2, Some(1)));
    }

    #[tokio::test]
    async fn those_who_ask_at_once_share_one_reading() {
        let issuer = Issuer::new();
        issuer.has(&["a"]);
        let source = issuer.source();
        let all = futures::future::join_all((0..100).map(|_| key(&source, "a"))).await;
        assert!(all.iter().all(|found| *found == "found"));
        assert_eq!(issuer.asked(), 1);
    }

    #[tokio::test]
    async fn an_old_set_is_used_while_it_is_read_again() {
        let issuer = Issuer::new();
        issuer.has(&["a"]);
        let source = issuer.source();
        key(&source, "a").await;
        issuer.later(FRESH);
        issuer.has(&["b"]);
        assert_eq!(key(&source, "a").await, "found");
        settle(&source).await;
        assert_eq!(key(&source, "a").await, "unknown");
        assert_eq!(key(&source, "b").await, "found");
        assert_eq!(issuer.asked(), 2);
        // The same text again is the same generation.
        issuer.later(FRESH);
        key(&source, "b").await;
        settle(&source).await;
        assert_eq!((issuer.asked(), source.generation()), (3, Some(1)));
    }

    #[tokio::test]
    async fn failures_leave_the_last_good_set_until_it_is_too_old() {
        let issuer = Issuer::new();
        let source = issuer.source();
        assert_eq!(key(&source, "a").await, "unavailable");
        assert_eq!((key(&source, "a").await, issuer.asked()), ("unavailable", 1));
        issuer.has(&["a"]);
        issuer.later(PAUSE);
        assert_eq!(key(&source, "a").await, "found");
        for bad in [Err("no"), Ok("<html>"), Ok("{}"), Ok("")] {
            issuer.says(bad);
            issuer.later(FRESH);
            assert_eq!(key(&source, "a").await, "found");
            settle(&source).await;
            assert_eq!(key(&source, "a").await, "found", "{bad:?}");
            issuer.later(PAUSE);
            assert_eq!(key(&source, "b").await, "unavailable", "{bad:?}");
        }
        issuer.later(OLDEST);
        assert_eq!(key(&source, "a").await, "unavailable");
        assert_eq!(source.generation(), None);
        issuer.has(&["a"]);
        settle(&source).await;
        issuer.later(PAUSE);
        assert_eq!(key(&source, "a").await, "found");
        // A set without keys is the issuer's word, not a failure.
        issuer.says(Ok("{\"keys\":[]}"));
        issuer.later(FRESH);
        key(&source, "a").await;
        settle(&source).await;
        assert_eq!(key(&source, "a").await, "unknown");
    }

    #[tokio::test]
    async fn a_reading_ends_in_time_and_survives_who_asked_for_it() {
        let issuer = Issuer::new();
        issuer.silent.store(true, Ordering::Relaxed);
        let source = issuer.source();
        assert_eq!(key(&source, "a").await, "unavailable");
        issuer.later(PAUSE);
        let impatient = timeout(Duration::from_millis(5), key(&source, "a")).await;
        assert!(impatient.is_err());
        // Whoever comes next waits for that reading and starts none.
        assert_eq!((key(&source, "a").await, issuer.asked()), ("unavailable", 2));
    }
}
