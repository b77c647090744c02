//! What does the log say of a statement?
//!
//! At `debug` every round trip is a span, and every statement of it an event: its text, how many
//! values it was given, how many rows came. Costs one comparison where that is not asked for.
//!
//! Invariant: no value is logged. Those of the server's own statements are bound and not in their
//! text; a client's own statement may have any in its text, which is left out. Neither is
//! the schema, which is called like its instance.

use super::failure::Failure;
use super::row::Reply;
use super::wire::{Step, Wire};
use std::time::Instant;
use tracing::{Instrument as _, Level};

impl Wire {
    /// Runs the statements in one round trip; a reply for each. Where the server refuses one that it
    /// keeps, because a table's columns are of other types by now, all that it keeps is forgotten,
    /// and what began with these statements begins again.
    ///
    /// # Errors
    /// The first refusal: nothing after it has run. Outside of a transaction held open nothing
    /// at all has been done then.
    pub async fn batch(&mut self, steps: &[Step<'_>]) -> Result<Vec<Reply>, Failure> {
        if !tracing::enabled!(Level::DEBUG) {
            return self.run(steps).await;
        }
        let traced = async {
            let begun = Instant::now();
            let outcome = self.run(steps).await;
            log(steps, outcome.as_deref(), begun);
            outcome
        };
        traced.instrument(tracing::debug_span!("round_trip", statements = steps.len())).await
    }
}

fn log(steps: &[Step<'_>], outcome: Result<&[Reply], &Failure>, begun: Instant) {
    let replies = outcome.unwrap_or_default();
    for (at, step) in steps.iter().enumerate() {
        let rows = replies.get(at).map(|reply| reply.rows.len());
        let (sql, values) = (text(step), step.values());
        tracing::debug!(sql, values, rows, "statement");
    }
    // The message of a refusal can have values in it.
    let refused = outcome.err().map(|failure| failure.code().unwrap_or("connection"));
    #[allow(clippy::cast_precision_loss)] // exact for some hundred years
    let ms = begun.elapsed().as_micros() as f64 / 1e3;
    tracing::debug!(ms, refused, "round trip");
}

fn text(step: &Step<'_>) -> String {
    if step.is_foreign() { "[SQL of a client]".to_owned() } else { without_schemas(step.text()) }
}

/// The statement with `instance` for every quoted name that qualifies another.
fn without_schemas(sql: &str) -> String {
    let mut shown = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(start) = rest.find(['"', '\'']) {
        let (before, quoted) = rest.split_at(start);
        shown.push_str(before);
        let quote = &quoted[..1];
        let mut end = 1;
        // A doubled quote stands for itself.
        loop {
            match quoted[end..].find(quote) {
                None => end = quoted.len(),
                Some(at) if quoted[end + at + 1..].starts_with(quote) => {
                    end += at + 2;
                    continue;
                }
                Some(at) => end += at + 1,
            }
            break;
        }
        let (name, after) = quoted.split_at(end);
        shown.push_str(if quote == "\"" && after.starts_with('.') { "instance" } else { name });
        rest = after;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgebase_blocks::quote;

    #[test]
    fn a_statement_is_shown_without_the_name_of_its_schema() {
        for schema in ["user:alice", "a\"b", "\".\"", "it's", "x.y", "'\""] {
            let table = quote::qualified(schema, "no\"tes");
            let sql = format!("SELECT t.\"a\", 'it''s \"x\".' FROM {table} t WHERE \"b\" = $1");
            assert_eq!(
                without_schemas(&sql),
                "SELECT t.\"a\", 'it''s \"x\".' FROM instance.\"no\"\"tes\" t WHERE \"b\" = $1"
            );
        }
        // What is not closed is nothing of ours, and not lost either.
        for odd in ["", "SELECT 1", "\"", "'", "\"a", "\"a\"\"", "''"] {
            assert_eq!(without_schemas(odd), odd);
        }
    }

    #[test]
    fn sql_of_a_client_is_not_shown() {
        let step = Step::foreign("SELECT 'a secret'", Vec::new());
        assert_eq!(text(&step), "[SQL of a client]");
        assert_eq!(text(&Step::bare("COMMIT")), "COMMIT");
    }
}
