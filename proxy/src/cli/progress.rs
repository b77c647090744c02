//! How does a long run show how far it is?
//!
//! A bar with rate and remaining time for a terminal; a plain line now and then for a log. Both go
//! to standard error, so that standard output is the result alone.

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often a log gets a line.
const EVERY: Duration = Duration::from_secs(5);

/// How far a run is.
pub struct Progress {
    bar: ProgressBar,
    /// When the last line was written; absent on a terminal.
    line: Option<Mutex<Instant>>,
}

impl Progress {
    /// Begins, with so many to do.
    pub fn begin(total: u64) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target =
            if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        // The template is a constant; the default style stands in should it ever not parse.
        let style = ProgressStyle::with_template(
            "{bar:30} {human_pos} of {human_len}, {per_sec}, {eta} left{msg}",
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, line: (!terminal).then(|| Mutex::new(Instant::now())) }
    }

    /// So many more are done; `failed` so far.
    pub fn advance(&self, done: u64, failed: u64) {
        // Instances that came to be behind meanwhile are more than there were to do.
        let position = self.bar.position() + done;
        self.bar.set_length(self.bar.length().unwrap_or(0).max(position));
        if failed > 0 {
            self.bar.set_message(format!(", {failed} failed"));
        }
        self.bar.inc(done);
        let Some(line) = &self.line else { return };
        let mut last = line.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.elapsed() >= EVERY {
            *last = Instant::now();
            // A log that cannot be written stops nothing.
            let _ = writeln!(std::io::stderr(), "{}", self.text());
        }
    }

    fn text(&self) -> String {
        let bar = &self.bar;
        format!(
            "{} of {}, {:.0} a second, {} left{}",
            bar.position(),
            bar.length().unwrap_or(0),
            bar.per_sec(),
            HumanDuration(bar.eta()),
            bar.message()
        )
    }

    /// Ends, and takes the bar away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_counts_those_that_came_later_and_those_that_failed() {
        let progress = Progress::begin(1);
        progress.advance(1, 0);
        progress.advance(1, 1);
        let text = progress.text();
        assert!(text.starts_with("2 of 2, ") && text.ends_with(" left, 1 failed"), "{text}");
    }
}
