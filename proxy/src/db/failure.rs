//! Why did statements come to nothing?
//!
//! Either the server refused one of them, and says why by SQLSTATE, or the connection broke and
//! nothing is known. Both are values here; what they mean for a request is `sqlstate`'s part.

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::ErrorResponseBody;
use std::{fmt, io};

/// Why statements did not run to their end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The server refused one; nothing after it has run.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The connection is of no use any more; in which state the server is, is not known.
    #[error("{0}")]
    Broken(String),
    /// A statement gave more than its bound allows.
    #[error("a statement gave more than {bytes} bytes")]
    TooMuch {
        /// The bound.
        bytes: usize,
        /// Whether what it wrote is committed all the same.
        committed: bool,
    },
    /// The process has no memory left for what a statement gives.
    #[error("the memory for answers is used up")]
    NoMemory,
}

/// The server's refusal, field by field (PostgreSQL manual, "Error and Notice Message Fields").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// SQLSTATE.
    pub code: String,
    /// The message.
    pub message: String,
    /// What it adds.
    pub detail: Option<String>,
    /// What it suggests.
    pub hint: Option<String>,
    /// The column at fault.
    pub column: Option<String>,
    /// The constraint at fault.
    pub constraint: Option<String>,
}

/// Everything the log should know.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        for (label, part) in
            [("detail", &self.detail), ("hint", &self.hint), ("constraint", &self.constraint)]
        {
            if let Some(part) = part {
                write!(f, " ({label}: {part})")?;
            }
        }
        Ok(())
    }
}

impl Failure {
    /// The SQLSTATE, when the server spoke.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => Some(&refusal.code),
            Self::Broken(_) | Self::TooMuch { .. } | Self::NoMemory => None,
        }
    }

    pub(super) fn refused(body: &ErrorResponseBody) -> Self {
        let mut refusal = Refusal::default();
        let mut fields = body.fields();
        while let Ok(Some(field)) = fields.next() {
            let text = || String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'C' => refusal.code = text(),
                b'M' => refusal.message = text(),
                b'D' => refusal.detail = Some(text()),
                b'H' => refusal.hint = Some(text()),
                b'c' => refusal.column = Some(text()),
                b'n' => refusal.constraint = Some(text()),
                _ => {}
            }
        }
        Self::Refused(Box::new(refusal))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<&tokio_postgres::Error> for Failure {
    fn from(error: &tokio_postgres::Error) -> Self {
        if let Some(db) = error.as_db_error() {
            let own = |text: Option<&str>| text.map(str::to_owned);
            return Self::Refused(Box::new(Refusal {
                code: db.code().code().to_owned(),
                message: db.message().to_owned(),
                detail: own(db.detail()),
                hint: own(db.hint()),
                column: own(db.column()),
                constraint: own(db.constraint()),
            }));
        }
        let mut text = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        Self::Broken(text)
    }
}
