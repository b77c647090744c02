//! Where do logs go, in which form, and how does a mistake read?
//!
//! To standard error, one line each, as text (coloured only for a terminal) or as JSON; so that
//! scripts can read standard output. A server writes them from a thread of its own: when whatever
//! reads standard error stalls, lines are dropped and requests are not held up.
//!
//! Invariant: of libraries nothing below a warning is ever logged, whatever the filter says. At
//! `debug` and `trace` they print statements with their values, headers with tokens, and
//! connection strings; the events of this product name none of these.

use clap::ValueEnum;
use std::io::{IsTerminal, Write};
use std::str::FromStr;
use tracing::{Level, Metadata};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, LevelFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, fmt, registry};

/// What is logged when nothing is asked for.
const DEFAULT: &str = "info";
/// Where events of this product come from: its crates, and what it calls their parts.
const OWN: [&str; 4] = ["edgebase", "edgebase_blocks", "edgebase_proxy", "edgebase_rules"];

/// What every command takes about its log.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Global options")]
pub struct Arguments {
    /// What to log: off, error, warn, info, debug, trace, or a filter like
    /// `info,edgebase_proxy=debug,edgebase::access=off`.
    #[arg(long, global = true, env = "EDGEBASE_LOG", value_name = "FILTER", default_value = DEFAULT)]
    log: Filter,

    /// The form of each line.
    #[arg(
        long,
        global = true,
        env = "EDGEBASE_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    log_format: Format,
}

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// An object per line, for tools.
    Json,
}

/// A filter that is understood.
#[derive(Clone, Debug)]
struct Filter(String);

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A filter of spans may have commas of its own.
        let parts: Vec<&str> = match text {
            spans if spans.contains('[') => vec![spans.trim()],
            text => text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect(),
        };
        if parts.is_empty() || parts == [""] {
            return Ok(Self(DEFAULT.to_owned()));
        }
        let text = parts.join(",");
        let known = "Write off, error, warn, info, debug, trace, or a filter like \
                     `info,edgebase_proxy=debug,edgebase::access=off`.";
        EnvFilter::try_new(&text).map_err(|e| format!("{e}. {known}"))?;
        for part in parts.into_iter().filter(|part| !part.contains('[')) {
            let (target, level) = part.split_once('=').unwrap_or((part, "trace"));
            if !part.contains('=') && part.parse::<LevelFilter>().is_ok() || is_own(target) {
                continue;
            }
            // A word that is neither would select a target that nothing has.
            if !part.contains('=') || target.starts_with("edgebase") {
                return Err(format!("'{part}' is no level and no part of EdgeBase. {known}"));
            }
            if level.parse::<LevelFilter>().is_ok_and(|level| level > LevelFilter::WARN) {
                return Err(format!(
                    "'{part}' is about a library. What libraries say below a warning can hold \
                     passwords, tokens and values, so it is never logged: write `{target}=warn` or \
                     leave it out."
                ));
            }
        }
        Ok(Self(text))
    }
}

/// Whether events of this target are the product's own.
fn is_own(target: &str) -> bool {
    OWN.contains(&target.split("::").next().unwrap_or_default())
}

/// Whether the invariant lets an event or a span pass.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::WARN || is_own(metadata.target())
}

/// Keeps the log going; what is still to be written is when it is dropped.
#[must_use]
pub struct Log {
    _writer: Option<WorkerGuard>,
}

/// Starts logging. A server `is_serving` requests, which must not wait for what reads the log.
pub fn start(arguments: &Arguments, is_serving: bool) -> Log {
    if is_serving {
        let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
        init(arguments, writer);
        return Log { _writer: Some(guard) };
    }
    init(arguments, std::io::stderr);
    Log { _writer: None }
}

fn init(arguments: &Arguments, writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static) {
    let lines = lines(arguments.log_format, std::io::stderr().is_terminal(), writer);
    registry().with(lines.with_filter(arguments.log.to_filter())).init();
}

impl Filter {
    fn to_filter<S>(&self) -> impl tracing_subscriber::layer::Filter<S> + use<S> {
        EnvFilter::new(&self.0).and(filter_fn(is_harmless))
    }
}

/// What writes the lines.
fn lines<S>(
    format: Format,
    is_coloured: bool,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'s> LookupSpan<'s>,
{
    let lines = fmt::layer().with_writer(writer).with_ansi(is_coloured);
    match format {
        Format::Text => lines.with_target(false).boxed(),
        Format::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    }
}

/// Tells the person at the prompt what went wrong.
pub fn report(error: &anyhow::Error) {
    // Nothing can be done when standard error itself is gone.
    let _ = writeln!(std::io::stderr(), "error: {}", sentence(error));
}

/// An error with its causes, from the outside in, each said once.
pub fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let next = cause.to_string();
        // The driver's bare "db error: ..." repeats what was said better before it.
        if text.contains(&next) || next.starts_with("db error") {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&next);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written of the events of `f` under a filter.
    fn written(filter: &str, format: Format, f: impl FnOnce()) -> String {
        let written = Written::default();
        let filter: Filter = filter.parse().unwrap();
        let writer = written.clone();
        let lines = lines(format, false, move || writer.clone());
        let subscriber = registry().with(lines.with_filter(filter.to_filter()));
        tracing::subscriber::with_default(subscriber, f);
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_filter_that_selects_nothing_by_mistake_is_refused_with_what_to_write() {
        for good in [
            "",
            " ",
            "info",
            "WARN",
            "off",
            "trace",
            "info,edgebase_proxy=debug",
            "edgebase_rules",
            "info, edgebase::access=off",
            "debug,hyper=warn,rustls=off",
            "edgebase_proxy[request]=trace",
        ] {
            assert!(good.parse::<Filter>().is_ok(), "{good}");
        }
        for (bad, said) in [
            ("debgu", "'debgu' is no level"),
            ("info,debgu", "'debgu' is no level"),
            ("edgebase_porxy=debug", "no part of EdgeBase"),
            ("edgebaseproxy", "no part of EdgeBase"),
            ("hyper", "no level"),
            ("info,edgebase_proxy=debgu", "edgebase_proxy=debug"),
            ("tokio_postgres=debug", "`tokio_postgres=warn`"),
            ("info,h2=trace", "never logged"),
        ] {
            let error = bad.parse::<Filter>().expect_err(bad);
            assert!(error.contains(said), "{bad}: {error}");
        }
    }

    #[test]
    fn of_libraries_only_warnings_are_logged_at_any_level() {
        for format in [Format::Text, Format::Json] {
            let said = written("trace", format, || {
                tracing::debug!(target: "tokio_postgres::query", "parameters: [hunter2]");
                tracing::trace!(target: "h2::codec", "authorization: hunter2");
                tracing::info!(target: "edgebasex", "hunter2");
                tracing::warn!(target: "notify", "a warning");
                tracing::trace!(target: "edgebase_proxy::db", "our own");
                let span = tracing::trace_span!(target: "h2", "frame", secret = "hunter2");
                span.in_scope(|| tracing::info!("inside"));
            });
            assert!(!said.contains("hunter2"), "{said}");
            for wanted in ["a warning", "our own", "inside"] {
                assert!(said.contains(wanted), "{wanted}: {said}");
            }
        }
    }

    #[test]
    fn a_json_line_has_its_fields_beside_the_message_and_the_request_in_its_span() {
        let said = written("info", Format::Json, || {
            let span = tracing::info_span!("request", id = "r1");
            span.in_scope(|| tracing::warn!(rule = "a\n\"b\"", "refused"));
        });
        assert_eq!(said.lines().count(), 1, "{said}");
        let line: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(line["message"], "refused");
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["rule"], "a\n\"b\"");
        assert_eq!(line["span"]["id"], "r1");
    }
}
