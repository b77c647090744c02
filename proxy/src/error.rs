//! Which errors can a client see, and in which words?
//!
//! One variant per cause; total functions give status, slug and word, so no error lacks one that
//! the contract gives it (contract 2 and 4.3). What went wrong inside travels in `detail`, is
//! logged with the request id and never reaches the client.

pub mod denial;
mod response;

use crate::error::denial::Denial;
use axum::http::StatusCode;
use serde_json::Value;

/// Everything a request can fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is no JSON.
    #[error("Malformed JSON in request body")]
    MalformedJson,
    /// The body is JSON, but no object.
    #[error("Invalid input: expected record, received {0}")]
    NotARecord(&'static str),
    /// A content type other than JSON.
    #[error("Unsupported Media Type")]
    UnsupportedMediaType,
    /// A body that is encoded as named.
    #[error(
        "The request body has the Content-Encoding '{0}', which is not supported. Send it without."
    )]
    UnsupportedEncoding(String),
    /// The body is larger than the server takes.
    #[error("Request body is too large: the limit is {0} bytes.")]
    BodyTooLarge(usize),
    /// The body has more values than the server makes of one.
    #[error("Request body has too many values: the limit is {0}.")]
    TooManyValues(usize),
    /// The body came too slowly.
    #[error("The request body did not arrive in time.")]
    BodyTooSlow,
    /// Path and query are longer than the server takes.
    #[error("The path and query are too long: the limit is {0} bytes.")]
    UriTooLong(usize),
    /// The headers are larger than the server takes.
    #[error("The request headers are too large: the limit is {0} bytes.")]
    HeadersTooLarge(usize),
    /// A malformed request, in words of its own.
    #[error("{0}")]
    BadRequest(String),
    /// A rule would have to be asked about more rows than one request may examine.
    #[error("{0}")]
    TooManyRows(String),
    /// Fields that failed validation.
    #[error("{headline}")]
    Validation {
        /// The message as a whole.
        headline: String,
        /// Field and reason, in field order.
        fields: Vec<(String, String)>,
    },
    /// A foreign key points nowhere, or is still pointed at; the field, where it is known.
    #[error("{}", orphan(.0.as_deref()))]
    ForeignKey(Option<String>),
    /// NOT NULL, or a CHECK of which no more is known; the field, where it is known.
    #[error("{}", violated(.0.as_deref()))]
    Constraint(Option<String>),
    /// A CHECK: what the field's value would have to be.
    #[error("Database constraint violated (column: '{field}'). {reason}")]
    Check {
        /// The field.
        field: String,
        /// What is wrong with its value.
        reason: String,
    },
    /// A value the database could not take, e.g. out of range.
    #[error("{0}")]
    BadValue(String),
    /// The token's time is over.
    #[error("Token expired.")]
    TokenExpired,
    /// The token is no token of ours.
    #[error("Invalid token.")]
    TokenInvalid,
    /// A token came, but the server has no secret.
    #[error("Authentication service not configured.")]
    AuthNotConfigured,
    /// A service key came and is not valid for this; the text names the scope.
    #[error("Invalid X-EdgeBase-Service-Key for {0}.")]
    ServiceKeyInvalid(String),
    /// A route for service keys only, called without one.
    #[error("X-EdgeBase-Service-Key is required to {0}.")]
    ServiceKeyRequired(String),
    /// The schema endpoint wants a caller it knows.
    #[error("Authentication required to read the schema endpoint.")]
    SchemaAuthRequired,
    /// Refused before any row was looked at.
    #[error("{0}")]
    Denied(String),
    /// Refused because of a row.
    #[error("{0}")]
    RowDenied(String),
    /// A refusal that names its rule.
    #[error("{error}")]
    By {
        /// The refusal.
        error: Box<Error>,
        /// The rule.
        denial: Box<Denial>,
    },
    /// `canCreate` said no, or is absent.
    #[error("DB creation not allowed.")]
    CannotCreate,
    /// A before-hook said no.
    #[error("{message}")]
    Hook {
        /// As the hook's error says or suggests.
        status: StatusCode,
        /// Its words.
        message: String,
        /// `hook-rejected`, or what a typed error carries.
        slug: Option<String>,
        /// What a typed error says about fields.
        data: Option<Value>,
    },
    /// No such record.
    #[error("Record '{id}' not found in '{table}'.")]
    RecordNotFound {
        /// The id asked for.
        id: String,
        /// The table it is not in.
        table: String,
    },
    /// No such block, table or instance.
    #[error("{0}")]
    NotFound(String),
    /// No such route.
    #[error("Path '{0}' was not found on this EdgeBase server.")]
    NoRoute(String),
    /// HEAD on a table, which has these methods at that path.
    #[error("")]
    HeadNotAllowed(&'static str),
    /// A unique constraint.
    #[error("{}", duplicate(.0.as_deref()))]
    Duplicate(Option<String>),
    /// Lost against a concurrent transaction; trying again may succeed.
    #[error("The request conflicted with another one. Try again.")]
    Conflict,
    /// Too many requests.
    #[error("Too many requests. Please try again later.")]
    RateLimited {
        /// The group whose limit was reached.
        group: &'static str,
        /// Seconds until it may succeed.
        retry_after: u64,
    },
    /// What was asked for is larger than an answer may be.
    #[error("{0}")]
    AnswerTooLarge(String),
    /// A rule or hook could not be evaluated to its end for lack of time, threads, reads or
    /// budget: nothing was decided.
    #[error("{message}")]
    RuleNotCompleted {
        /// What the client is told.
        message: &'static str,
        /// What the log is told.
        detail: String,
    },
    /// The database or one instance cannot serve now.
    #[error("{message}")]
    Unavailable {
        /// What the client is told.
        message: String,
        /// What the log is told.
        detail: String,
    },
    /// A statement ran longer than allowed.
    #[error("The request took too long and was stopped.")]
    TimedOut,
    /// A defect. The log has the detail.
    #[error(
        "Internal server error while handling '{path}'. Check the worker logs for the original exception."
    )]
    Internal {
        /// The path of the request.
        path: String,
        /// What the log is told.
        detail: String,
    },
}

/// The way of every function of the server that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn duplicate(column: Option<&str>) -> String {
    column.map_or_else(
        || "Record already exists. A unique constraint was violated.".to_owned(),
        |c| format!("Record already exists (duplicate value in column: '{c}')."),
    )
}

fn orphan(column: Option<&str>) -> String {
    column.map_or_else(
        || "Referenced record does not exist. Check that all foreign key references point to existing records.".to_owned(),
        |c| format!("Referenced record does not exist (column: '{c}')."),
    )
}

fn violated(column: Option<&str>) -> String {
    let column = column.map(|c| format!(" (column: '{c}')")).unwrap_or_default();
    format!("Database constraint violated{column}. Ensure all required fields are provided.")
}

impl Error {
    /// A defect; the path is filled in where the request is known.
    pub fn internal(detail: impl std::fmt::Display) -> Self {
        Self::Internal { path: String::new(), detail: detail.to_string() }
    }

    /// The service cannot answer now.
    pub fn unavailable(message: &str, detail: impl std::fmt::Display) -> Self {
        Self::Unavailable { message: message.to_owned(), detail: detail.to_string() }
    }

    /// A write that the database took and did not carry out.
    pub fn unwritten(table: &str) -> Self {
        Self::unavailable(
            "This database cannot do that now. Try again later.",
            format!(
                "table \"{table}\" takes writes without storing them: it has a BEFORE trigger that returns \
                 NULL, a rule DO INSTEAD or a policy. Look at its triggers, rules and policies"
            ),
        )
    }

    /// A rule that was not evaluated to its end.
    pub fn rule_not_completed(cause: impl std::fmt::Display) -> Self {
        let message = "An access rule could not be evaluated now. Try again.";
        Self::RuleNotCompleted { message, detail: cause.to_string() }
    }

    /// A hook that was not evaluated to its end.
    pub fn hook_not_completed(cause: impl std::fmt::Display) -> Self {
        let message = "A hook of this table did not finish. Try again.";
        Self::RuleNotCompleted { message, detail: cause.to_string() }
    }

    /// The same refusal, naming the rule that made it.
    #[must_use]
    pub fn by(self, denial: Denial) -> Self {
        Self::By { error: Box::new(self), denial: Box::new(denial) }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::MalformedJson
            | Self::NotARecord(_)
            | Self::BadRequest(_)
            | Self::TooManyRows(_)
            | Self::Validation { .. }
            | Self::ForeignKey(_)
            | Self::Constraint(_)
            | Self::Check { .. }
            | Self::BadValue(_) => StatusCode::BAD_REQUEST,
            Self::UnsupportedMediaType | Self::UnsupportedEncoding(_) => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::BodyTooLarge(_) | Self::TooManyValues(_) | Self::AnswerTooLarge(_) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::UriTooLong(_) => StatusCode::URI_TOO_LONG,
            Self::HeadersTooLarge(_) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TokenExpired
            | Self::TokenInvalid
            | Self::AuthNotConfigured
            | Self::ServiceKeyInvalid(_)
            | Self::SchemaAuthRequired => StatusCode::UNAUTHORIZED,
            Self::ServiceKeyRequired(_)
            | Self::Denied(_)
            | Self::RowDenied(_)
            | Self::CannotCreate => StatusCode::FORBIDDEN,
            Self::RecordNotFound { .. } | Self::NotFound(_) | Self::NoRoute(_) => {
                StatusCode::NOT_FOUND
            }
            Self::By { error, .. } => error.status(),
            Self::Hook { status, .. } => *status,
            Self::HeadNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Duplicate(_) | Self::Conflict => StatusCode::CONFLICT,
            Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::RuleNotCompleted { .. } | Self::Unavailable { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable kebab-case name, where the contract gives one.
    #[must_use]
    pub fn slug(&self) -> Option<&str> {
        match self {
            Self::By { error, .. } => error.slug(),
            Self::Hook { slug, .. } => slug.as_deref(),
            Self::Validation { .. } => Some("validation-failed"),
            Self::TooManyRows(_) => Some("too-many-rows"),
            Self::ForeignKey(_) => Some("foreign-key-failed"),
            Self::Constraint(_) | Self::Check { .. } => Some("constraint-failed"),
            Self::RowDenied(_) => Some("forbidden"),
            Self::RecordNotFound { .. } | Self::NotFound(_) => Some("not-found"),
            Self::Duplicate(_) => Some("record-already-exists"),
            Self::RuleNotCompleted { .. } => Some("rule-not-completed"),
            _ => None,
        }
    }

    /// The upper-case `error` word, where the contract gives one.
    #[must_use]
    pub fn word(&self) -> Option<&'static str> {
        match self {
            Self::By { error, .. } => error.word(),
            Self::TokenExpired => Some("TOKEN_EXPIRED"),
            Self::TokenInvalid => Some("TOKEN_INVALID"),
            Self::AuthNotConfigured => Some("AUTH_NOT_CONFIGURED"),
            Self::CannotCreate => Some("CANNOT_CREATE_DB"),
            _ => None,
        }
    }

    /// What only the log may hold.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Internal { detail, .. }
            | Self::Unavailable { detail, .. }
            | Self::RuleNotCompleted { detail, .. } => Some(detail),
            Self::By { error, .. } => error.detail(),
            _ => None,
        }
    }

    /// The same error, knowing which path it happened on.
    #[must_use]
    pub fn on(self, at: &str) -> Self {
        match self {
            Self::Internal { detail, .. } => Self::Internal { path: at.to_owned(), detail },
            other => other,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
