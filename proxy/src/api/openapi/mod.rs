//! What does the API look like to a program?
//!
//! `GET /openapi.json` (contract 17): built from one table of operations, one of schemas, and the
//! tables of parameters by which requests are read. Tests hold it against the errors there are, and
//! its references against the schemas.

mod operations;
mod schemas;

use crate::api::info::API_VERSION;
use crate::http::head::RequestHead;
use crate::http::response;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use operations::{Entry, entries, places};
use schemas::{example, query, schemas, segment, text};
use utoipa::openapi::path::{
    Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ComponentsBuilder, Content, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, PathsBuilder, Ref,
    RefOr, Required, ResponseBuilder, Schema, ServerBuilder,
};

/// `GET /openapi.json`
#[must_use]
pub fn respond(head: &RequestHead, trusts_proxy: bool) -> Response {
    match document(&origin(head, trusts_proxy)).to_json() {
        Ok(text) => response::json(StatusCode::OK, text),
        Err(_) => response::json(StatusCode::INTERNAL_SERVER_ERROR, "{}".into()),
    }
}

/// The origin that the client used. The server itself speaks HTTP; that it is reached by HTTPS is
/// for a proxy in front to say.
fn origin(head: &RequestHead, trusts_proxy: bool) -> String {
    let header = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let secure = trusts_proxy && header("x-forwarded-proto") == Some("https");
    let is_host = |host: &&str| {
        !host.is_empty()
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b))
    };
    let host = header("host").filter(is_host).unwrap_or("localhost");
    format!("{}://{host}", if secure { "https" } else { "http" })
}

fn document(origin: &str) -> OpenApi {
    let mut paths = PathsBuilder::new();
    for entry in entries() {
        for (path, id) in places(&entry) {
            paths = paths.path(
                path.clone(),
                PathItem::new(entry.method.clone(), operation(&entry, &path, id)),
            );
        }
    }
    let key = ApiKey::Header(ApiKeyValue::new("X-EdgeBase-Service-Key"));
    let mut components = ComponentsBuilder::new()
        .security_scheme("userBearerAuth", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .security_scheme("adminBearerAuth", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .security_scheme("serviceKeyAuth", SecurityScheme::ApiKey(key));
    for (name, schema) in schemas() {
        components = components.schema(name, schema);
    }
    OpenApiBuilder::new()
        .info(InfoBuilder::new().title("EdgeBase API").version(API_VERSION).build())
        .servers(Some([ServerBuilder::new().url(origin).build()]))
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

fn operation(entry: &Entry, path: &str, id: &str) -> Operation {
    let mut operation = OperationBuilder::new().operation_id(Some(id)).summary(Some(entry.summary));
    for name in path.split(['{', '}']).skip(1).step_by(2) {
        operation = operation.parameter(parameter(name, ParameterIn::Path, segment()));
    }
    for known in entry.query {
        let schema = query(&known.kind);
        operation = operation.parameter(parameter(known.name, ParameterIn::Query, schema));
    }
    if let Some(schema) = entry.body {
        let body = RequestBodyBuilder::new()
            .content("application/json", sample(schema))
            .required(Some(Required::True));
        operation = operation.request_body(Some(body.build()));
    }
    for (status, schema) in entry.success {
        let response = ResponseBuilder::new().description("Success");
        let response = if schema.is_empty() {
            response.content("application/x-ndjson", Content::new(Some(text())))
        } else {
            response.content("application/json", reference(schema))
        };
        operation = operation.response(*status, response.build());
    }
    for (status, description) in FAILURES {
        let response = ResponseBuilder::new()
            .description(*description)
            .content("application/json", reference("Error"));
        operation = operation.response(*status, response.build());
    }
    let only_keys = ["executeSql", "exportInstance", "listInstances"].contains(&id);
    if !only_keys {
        // Nobody is a caller too; the rules decide what they may do.
        operation = operation.security(SecurityRequirement::default());
        let user = SecurityRequirement::new::<_, [&str; 0], &str>("userBearerAuth", []);
        operation = operation.security(user);
    }
    for scheme in ["adminBearerAuth", "serviceKeyAuth"] {
        operation = operation.security(SecurityRequirement::new::<_, [&str; 0], &str>(scheme, []));
    }
    operation.build()
}

/// What any operation may answer besides success.
const FAILURES: &[(&str, &str)] = &[
    ("400", "The request is malformed"),
    ("401", "The token or key is not valid"),
    ("403", "Refused by a rule"),
    ("404", "There is no such place or record"),
    ("408", "The body came too slowly"),
    ("409", "It exists already, or another request was faster"),
    ("413", "The body is too large"),
    ("414", "Path and query are too long"),
    ("415", "The body is not JSON"),
    ("429", "Too many requests"),
    ("431", "The headers are too large"),
    ("503", "Not now; try again"),
    ("504", "It took too long"),
];

fn parameter(name: &str, place: ParameterIn, schema: RefOr<Schema>) -> Parameter {
    let required =
        if matches!(place, ParameterIn::Path) { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .schema(Some(schema))
        .build()
}

/// A reference with an example of what it refers to.
fn sample(schema: &str) -> Content {
    let mut content = reference(schema);
    content.example = example(schema);
    content
}

fn reference(schema: &str) -> Content {
    Content::new(Some(RefOr::<Schema>::Ref(Ref::from_schema_name(schema))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_document_names_every_status_that_an_error_can_have() {
        for error in crate::error::tests::every_variant() {
            let status = error.status().as_u16().to_string();
            // HEAD is not documented, a 500 is a defect, and hooks choose among the others.
            if !["405", "500"].contains(&status.as_str()) {
                assert!(FAILURES.iter().any(|(s, _)| *s == status), "{status}: {error:?}");
            }
        }
    }

    #[test]
    fn the_document_is_openapi_3_1_and_its_references_resolve() {
        let text = document("http://localhost").to_json().unwrap();
        assert!(text.contains(r#""openapi":"3.1.0""#), "{}", &text[..80]);
        let names: HashSet<_> = schemas().into_iter().map(|(n, _)| n).collect();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap_or_default();
            assert!(names.contains(name), "{name}");
        }
    }
}
