//! What does the server count about the requests that it answers?
//!
//! Counters that the stages of a request add to. Labels come from this file and never from
//! requests, so that their number does not grow with tenants.

use axum::http::StatusCode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

/// Bounds of the request times, in seconds.
const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];

type Label = [(&'static str, String); 1];

/// What is counted where it happens.
#[derive(Debug)]
pub struct Metrics {
    /// By class of status: 1xx to 5xx.
    answers: [Counter; 5],
    seconds: Histogram,
    /// After-hooks that threw or did not finish.
    pub after_hook_failures: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            answers: Default::default(),
            seconds: Histogram::new(BUCKETS),
            after_hook_failures: Counter::default(),
        }
    }
}

impl Metrics {
    /// Counts an answer that took so long.
    pub fn answered(&self, status: StatusCode, took: Duration) {
        if let Some(counter) = self.answers.get(usize::from(status.as_u16() / 100).wrapping_sub(1))
        {
            counter.inc();
        }
        self.seconds.observe(took.as_secs_f64());
    }

    /// Adds the counters to a registry.
    pub fn register(&self, registry: &mut Registry) {
        let requests = Family::<Label, Counter>::default();
        for (class, counter) in (1..).zip(&self.answers) {
            let labels = [("status", format!("{class}xx"))];
            requests.get_or_create(&labels).inc_by(counter.get());
        }
        registry.register("requests", "Requests answered, by class of status", requests);
        registry.register_with_unit(
            "request_duration",
            "Time to answer a request",
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register(
            "after_hook_failures",
            "After-hooks that threw or did not finish",
            self.after_hook_failures.clone(),
        );
    }
}
