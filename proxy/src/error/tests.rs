//! Does every error have what the contract and the documents give it?

use super::*;
use axum::response::IntoResponse as _;

/// Values of every variant: one that has none here does not compile.
macro_rules! values_of_every {
    ($($variant:pat => [$($value:expr),+];)*) => {{
        let all = vec![$($($value),+),*];
        for error in &all {
            match error {
                $($variant => {})*
            }
        }
        all
    }};
}

/// One of every variant.
pub(crate) fn every_variant() -> Vec<Error> {
    let text = || "x".to_owned();
    values_of_every! {
        Error::MalformedJson => [Error::MalformedJson];
        Error::NotARecord(_) => [Error::NotARecord("array")];
        Error::UnsupportedMediaType => [Error::UnsupportedMediaType];
        Error::UnsupportedEncoding(_) => [Error::UnsupportedEncoding(text())];
        Error::BodyTooLarge(_) => [Error::BodyTooLarge(1)];
        Error::AnswerTooLarge(_) => [Error::AnswerTooLarge(String::new())];
        Error::TooManyValues(_) => [Error::TooManyValues(1)];
        Error::BodyTooSlow => [Error::BodyTooSlow];
        Error::UriTooLong(_) => [Error::UriTooLong(1)];
        Error::HeadersTooLarge(_) => [Error::HeadersTooLarge(1)];
        Error::BadRequest(_) => [Error::BadRequest(text())];
        Error::TooManyRows(_) => [Error::TooManyRows(text())];
        Error::Validation { .. } => [Error::Validation { headline: text(), fields: Vec::new() }];
        Error::ForeignKey(_) => [Error::ForeignKey(None)];
        Error::Constraint(_) => [Error::Constraint(None)];
        Error::Check { .. } => [Error::Check { field: text(), reason: text() }];
        Error::BadValue(_) => [Error::BadValue(text())];
        Error::TokenExpired => [Error::TokenExpired];
        Error::TokenInvalid => [Error::TokenInvalid];
        Error::AuthNotConfigured => [Error::AuthNotConfigured];
        Error::ServiceKeyInvalid(_) => [Error::ServiceKeyInvalid(text())];
        Error::ServiceKeyRequired(_) => [Error::ServiceKeyRequired(text())];
        Error::SchemaAuthRequired => [Error::SchemaAuthRequired];
        Error::Denied(_) => [Error::Denied(text())];
        Error::RowDenied(_) => [Error::RowDenied(text())];
        Error::CannotCreate => [Error::CannotCreate];
        Error::By { .. } => [Error::CannotCreate.by(Denial { rule: text(), cause: text() })];
        Error::Hook { .. } => [Error::Hook {
            status: StatusCode::BAD_REQUEST,
            message: text(),
            slug: Some("hook-rejected".into()),
            data: None,
        }];
        Error::RecordNotFound { .. } => [Error::RecordNotFound { id: text(), table: text() }];
        Error::NotFound(_) => [Error::NotFound(text())];
        Error::NoRoute(_) => [Error::NoRoute(text())];
        Error::HeadNotAllowed(_) => [Error::HeadNotAllowed("GET")];
        Error::Duplicate(_) => [Error::Duplicate(None)];
        Error::Conflict => [Error::Conflict];
        Error::RateLimited { .. } => [Error::RateLimited { group: "db", retry_after: 1 }];
        Error::RuleNotCompleted { .. } => [Error::rule_not_completed("y"), Error::hook_not_completed("y")];
        Error::Unavailable { .. } => [Error::unavailable("x", "y")];
        Error::TimedOut => [Error::TimedOut];
        Error::Internal { .. } => [Error::internal("x")];
    }
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
