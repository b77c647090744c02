//! What do operators read of a running server?
//!
//! `/metrics` in the OpenMetrics text format: requests by status, after-hooks that failed,
//! connections, and for each function of the config how often it was evaluated, denied, failed, and
//! how long that took. Labels come from the config and from this file, never from requests, so
//! their number does not grow with tenants.
//!
//! The listener has an address of its own, because it tells strangers how rules are named and how
//! busy the server is.

use crate::connections::Connections;
use crate::db::pool_set::PoolSet;
use crate::snapshot::Snapshot;
use crate::state::App;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use edgebase_rules::{Cause, RuleMetrics};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Label = [(&'static str, String); 1];
type Labels = [(&'static str, String); 2];

/// The listener's routes.
pub fn router(app: Arc<App>) -> Router {
    Router::new().route("/metrics", get(show)).with_state(app)
}

async fn show(State(app): State<Arc<App>>) -> Response {
    match text(&app) {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(e) => {
            tracing::error!("metrics cannot be written: {e}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Everything that is counted, as text. What others keep is read here and now, so that counting
/// costs a request nothing more.
fn text(app: &App) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("edgebase");
    app.metrics.register(&mut registry);
    let snapshot = app.current.load();
    pools(&app.pools, &snapshot, &mut registry);
    clients(&app.connections, &mut registry);
    let engine = snapshot.engine.clone();
    rules(&engine.metrics(), &mut registry);
    let (lost, running) = engine.lost_threads();
    let losses = Counter::<u64>::default();
    losses.inc_by(lost);
    registry.register("rule_threads_lost", "Threads given up because a rule was stuck", losses);
    let gauge = Gauge::<i64>::default();
    gauge.set(i64::try_from(running).unwrap_or(i64::MAX));
    registry.register("rule_threads_stuck", "Threads given up that still run", gauge);
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn pools(own: &PoolSet, snapshot: &Snapshot, registry: &mut Registry) {
    let connections = Family::<[(&'static str, String); 3], Gauge>::default();
    let sets = std::iter::once(("default", own)).chain(snapshot.remote.named());
    for (database, (pool, db)) in sets.flat_map(|(name, set)| set.named().map(|pool| (name, pool)))
    {
        let status = db.connections();
        let idle = status.available.min(status.size);
        for (state, count) in [
            ("idle", idle),
            ("busy", status.size - idle),
            ("waited_for", status.waiting),
            ("allowed", status.max_size),
        ] {
            let labels = [
                ("database", database.to_owned()),
                ("pool", pool.to_owned()),
                ("state", state.to_owned()),
            ];
            connections.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
    registry.register(
        "connections",
        "Connections to a database, by the variable that names it and by pool",
        connections,
    );
}

fn clients(connections: &Connections, registry: &mut Registry) {
    let open = Gauge::<i64>::default();
    open.set(i64::try_from(connections.open()).unwrap_or(i64::MAX));
    registry.register("client_connections", "Connections of clients", open);
    let closed = Family::<Label, Counter>::default();
    let counts = &connections.counts;
    for (why, counter) in [
        ("refused", &counts.refused),
        ("evicted", &counts.evicted),
        ("expired", &counts.expired),
        ("stalled", &counts.stalled),
    ] {
        let labels = [("why", why.to_owned())];
        closed.get_or_create(&labels).inc_by(counter.get());
    }
    registry.register(
        "client_connections_closed",
        "Connections of clients that the server closed, and why",
        closed,
    );
}

fn rules(functions: &[RuleMetrics], registry: &mut Registry) {
    let evaluations = Family::<Labels, Counter>::default();
    let denials = Family::<Label, Counter>::default();
    let errors = Family::<Label, Counter>::default();
    let not_completed = Family::<Labels, Counter>::default();
    let seconds = Family::<Label, Counter<f64, AtomicU64>>::default();
    for function in functions {
        let rule = [("rule", function.path.clone())];
        let engine = function.evaluations.saturating_sub(function.fast_evaluations);
        for (form, count) in [("native", function.fast_evaluations), ("engine", engine)] {
            let labels = [("rule", function.path.clone()), ("form", form.to_owned())];
            evaluations.get_or_create(&labels).inc_by(count);
        }
        denials.get_or_create(&rule).inc_by(function.denials);
        errors.get_or_create(&rule).inc_by(function.errors);
        for (cause, count) in Cause::INCOMPLETE.iter().zip(function.incomplete) {
            let labels = [("rule", function.path.clone()), ("cause", (*cause).to_owned())];
            not_completed.get_or_create(&labels).inc_by(count);
        }
        seconds.get_or_create(&rule).inc_by(function.time.as_secs_f64());
    }
    registry.register("rule_evaluations", "Evaluations of a rule or hook", evaluations);
    registry.register("rule_denials", "Evaluations that did not allow", denials);
    registry.register("rule_errors", "Evaluations that threw or could not be completed", errors);
    registry.register(
        "rule_not_completed",
        "Evaluations that ended without a verdict, by cause",
        not_completed,
    );
    registry.register_with_unit(
        "rule_time",
        "Time between asking a rule and its answer",
        Unit::Seconds,
        seconds,
    );
}
