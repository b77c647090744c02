//! Does every error have what the contract and the documents give it?

use super::*;
use axum::response::IntoResponse as _;

/// One of every variant; the match makes the compiler ask for a new one here.
pub(crate) fn every_variant() -> Vec<Error> {
    let text = || "x".to_owned();
    let all = vec![
        Error::MalformedJson,
        Error::NotARecord("array"),
        Error::UnsupportedMediaType,
        Error::UnsupportedEncoding(text()),
        Error::BodyTooLarge(1),
        Error::AnswerTooLarge(String::new()),
        Error::TooManyValues(1),
        Error::BodyTooSlow,
        Error::UriTooLong(1),
        Error::HeadersTooLarge(1),
        Error::BadRequest(text()),
        Error::TooManyRows(text()),
        Error::Validation { headline: text(), fields: Vec::new() },
        Error::ForeignKey(None),
        Error::Constraint(None),
        Error::Check { field: text(), reason: text() },
        Error::BadValue(text()),
        Error::TokenExpired,
        Error::TokenInvalid,
        Error::AuthNotConfigured,
        Error::ServiceKeyInvalid(text()),
        Error::ServiceKeyRequired(text()),
        Error::SchemaAuthRequired,
        Error::Denied(text()),
        Error::RowDenied(text()),
        Error::CannotCreate,
        Error::CannotCreate.by(Denial { rule: text(), cause: text() }),
        Error::Hook {
            status: StatusCode::BAD_REQUEST,
            message: text(),
            slug: Some("hook-rejected".into()),
            data: None,
        },
        Error::RecordNotFound { id: text(), table: text() },
        Error::NotFound(text()),
        Error::NoRoute(text()),
        Error::HeadNotAllowed("GET"),
        Error::Duplicate(None),
        Error::Conflict,
        Error::RateLimited { group: "db", retry_after: 1 },
        Error::rule_not_completed("y"),
        Error::hook_not_completed("y"),
        Error::unavailable("x", "y"),
        Error::TimedOut,
        Error::internal("x"),
    ];
    for error in &all {
        match error {
            Error::MalformedJson
            | Error::NotARecord(_)
            | Error::UnsupportedMediaType
            | Error::UnsupportedEncoding(_)
            | Error::BodyTooLarge(_)
            | Error::AnswerTooLarge(_)
            | Error::TooManyValues(_)
            | Error::BodyTooSlow
            | Error::UriTooLong(_)
            | Error::HeadersTooLarge(_)
            | Error::BadRequest(_)
            | Error::TooManyRows(_)
            | Error::Validation { .. }
            | Error::ForeignKey(_)
            | Error::Constraint(_)
            | Error::Check { .. }
            | Error::BadValue(_)
            | Error::TokenExpired
            | Error::TokenInvalid
            | Error::AuthNotConfigured
            | Error::ServiceKeyInvalid(_)
            | Error::ServiceKeyRequired(_)
            | Error::SchemaAuthRequired
            | Error::Denied(_)
            | Error::RowDenied(_)
            | Error::CannotCreate
            | Error::By { .. }
            | Error::Hook { .. }
            | Error::RecordNotFound { .. }
            | Error::NotFound(_)
            | Error::NoRoute(_)
            | Error::HeadNotAllowed(_)
            | Error::Duplicate(_)
            | Error::Conflict
            | Error::RateLimited { .. }
            | Error::RuleNotCompleted { .. }
            | Error::Unavailable { .. }
            | Error::TimedOut
            | Error::Internal { .. } => {}
        }
    }
    all
}

#[test]
fn the_error_page_names_every_status_slug_and_word() {
    let page = include_str!("../../../docs/errors.md");
    for error in every_variant() {
        for name in [error.slug(), error.word()].into_iter().flatten() {
            assert!(page.contains(&format!("`{name}`")), "{name} is not in docs/errors.md");
        }
        assert!(
            page.contains(&format!("| {} |", error.status().as_u16()))
                || matches!(error, Error::Hook { .. }),
            "{error:?}"
        );
    }
}

#[test]
fn whoever_is_not_authenticated_is_told_how_to_be() {
    for error in every_variant() {
        let status = error.status();
        let challenge = error.into_response().headers().get("www-authenticate").cloned();
        assert_eq!(challenge.is_some(), status == 401, "{status} {challenge:?}");
    }
    let of = |error: Error| error.into_response().headers()["www-authenticate"].clone();
    assert_eq!(of(Error::TokenInvalid), r#"Bearer realm="edgebase", error="invalid_token""#);
    assert_eq!(of(Error::ServiceKeyInvalid("x".into())), r#"Bearer realm="edgebase""#);
}

#[test]
fn details_stay_out_of_the_body() {
    let error = Error::internal("secret detail").on("/api/x");
    assert!(
        !error.body().to_string().contains("secret") && error.detail() == Some("secret detail")
    );
    for error in
        [Error::unavailable("try again", "secret detail"), Error::rule_not_completed("secret")]
    {
        assert!(!error.body().to_string().contains("secret"));
        assert_eq!(error.into_response().headers()["retry-after"], "1");
    }
}
