//! What does the API look like to a program?
//!
//! `GET /openapi.json` (contract 17): built from one table of operations. A test walks the table
//! through the router, so the document cannot name a route that does not exist or leave one out.

mod schemas;

use crate::app::Head;
use crate::endpoints::API_VERSION;
use crate::respond;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use schemas::{example, query, schemas, segment, text};
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ComponentsBuilder, Content, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, PathsBuilder, Ref,
    RefOr, Required, ResponseBuilder, Schema, ServerBuilder,
};

/// One operation of the API.
struct Entry {
    method: HttpMethod,
    /// `{db}` stands for both prefixes of table routes.
    path: &'static str,
    /// Operation ids under the single-instance and the dynamic prefix; one where there is one.
    ids: (&'static str, &'static str),
    summary: &'static str,
    query: &'static [&'static str],
    body: Option<&'static str>,
    success: &'static [(&'static str, &'static str)],
}

const SINGLE: &str = "/api/db/{namespace}/tables/{table}";
const DYNAMIC: &str = "/api/db/{namespace}/{instanceId}/tables/{table}";
const LIST: &[&str] = &[
    "filter",
    "orFilter",
    "sort",
    "fields",
    "limit",
    "offset",
    "page",
    "perPage",
    "after",
    "before",
    "search",
    "includeTotal",
];
const UPSERT: &[&str] = &["upsert", "conflictTarget"];

const fn table(
    method: HttpMethod,
    path: &'static str,
    ids: (&'static str, &'static str),
    summary: &'static str,
) -> Entry {
    Entry { method, path, ids, summary, query: &[], body: None, success: &[("200", "Record")] }
}

/// Every operation, in the order of contract 1.1.
fn entries() -> Vec<Entry> {
    use HttpMethod::{Delete, Get, Patch, Post};
    vec![
        Entry {
            query: LIST,
            success: &[("200", "List")],
            ..table(Get, "{db}", ("dbSingleListRecords", "dbListRecords"), "List records")
        },
        Entry {
            query: &["filter", "orFilter"],
            success: &[("200", "Count")],
            ..table(Get, "{db}/count", ("dbSingleCountRecords", "dbCountRecords"), "Count records")
        },
        Entry {
            query: &[
                "search",
                "q",
                "filter",
                "orFilter",
                "sort",
                "fields",
                "limit",
                "offset",
                "page",
                "perPage",
                "after",
                "before",
                "includeTotal",
                "highlightPre",
                "highlightPost",
            ],
            success: &[("200", "SearchResult")],
            ..table(
                Get,
                "{db}/search",
                ("dbSingleSearchRecords", "dbSearchRecords"),
                "Search records",
            )
        },
        Entry {
            query: &["fields"],
            ..table(Get, "{db}/{id}", ("dbSingleGetRecord", "dbGetRecord"), "Get one record")
        },
        Entry {
            query: UPSERT,
            body: Some("Record"),
            success: &[("201", "Record"), ("200", "Record")],
            ..table(
                Post,
                "{db}",
                ("dbSingleInsertRecord", "dbInsertRecord"),
                "Insert or upsert a record",
            )
        },
        Entry {
            query: UPSERT,
            body: Some("Batch"),
            success: &[("200", "BatchResult")],
            ..table(
                Post,
                "{db}/batch",
                ("dbSingleBatchRecords", "dbBatchRecords"),
                "Many writes in one transaction",
            )
        },
        Entry {
            body: Some("BatchByFilter"),
            success: &[("200", "BatchByFilterResult")],
            ..table(
                Post,
                "{db}/batch-by-filter",
                ("dbSingleBatchByFilter", "dbBatchByFilter"),
                "Update or delete by filter",
            )
        },
        Entry {
            body: Some("Record"),
            ..table(
                Patch,
                "{db}/{id}",
                ("dbSingleUpdateRecord", "dbUpdateRecord"),
                "Update a record",
            )
        },
        Entry {
            success: &[("200", "Deleted")],
            ..table(
                Delete,
                "{db}/{id}",
                ("dbSingleDeleteRecord", "dbDeleteRecord"),
                "Delete a record",
            )
        },
        Entry {
            query: &["limit", "after"],
            success: &[("200", "List")],
            ..table(
                Get,
                "/api/db/{namespace}",
                ("", "listInstances"),
                "List the instances of a block",
            )
        },
        Entry {
            success: &[("200", "Receipt")],
            ..table(
                Delete,
                "/api/db/{namespace}/{instanceId}",
                ("", "deleteInstance"),
                "Delete an instance",
            )
        },
        Entry {
            success: &[("200", "")],
            ..table(
                Get,
                "/api/db/{namespace}/{instanceId}/export",
                ("", "exportInstance"),
                "Export an instance as NDJSON",
            )
        },
        Entry {
            body: Some("Sql"),
            success: &[("200", "SqlResult")],
            ..table(Post, "/api/sql", ("", "executeSql"), "Run one SQL statement in an instance")
        },
        Entry {
            success: &[("200", "Health")],
            ..table(Get, "/api/health", ("", "getHealth"), "Health")
        },
        Entry {
            success: &[("200", "Tables")],
            ..table(Get, "/api/schema", ("", "getSchema"), "Tables")
        },
        Entry {
            success: &[("200", "Config")],
            ..table(Get, "/api/config", ("", "getConfig"), "Public configuration")
        },
    ]
}

/// `GET /openapi.json`
#[must_use]
pub fn respond(head: &Head, trusts_proxy: bool) -> Response {
    match document(&origin(head, trusts_proxy)).to_json() {
        Ok(text) => respond::json(StatusCode::OK, text),
        Err(_) => respond::json(StatusCode::INTERNAL_SERVER_ERROR, "{}".into()),
    }
}

/// The origin that the client used. The server itself speaks HTTP; that it is reached by HTTPS is
/// for a proxy in front to say.
fn origin(head: &Head, trusts_proxy: bool) -> String {
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

/// The paths of an entry with their operation ids.
fn places(entry: &Entry) -> Vec<(String, &'static str)> {
    match entry.path.strip_prefix("{db}") {
        Some(suffix) => vec![
            (format!("{SINGLE}{suffix}"), entry.ids.0),
            (format!("{DYNAMIC}{suffix}"), entry.ids.1),
        ],
        None => vec![(entry.path.to_owned(), entry.ids.1)],
    }
}

fn operation(entry: &Entry, path: &str, id: &str) -> Operation {
    let mut operation = OperationBuilder::new().operation_id(Some(id)).summary(Some(entry.summary));
    for name in path.split(['{', '}']).skip(1).step_by(2) {
        operation = operation.parameter(parameter(name, ParameterIn::Path, segment()));
    }
    for name in entry.query {
        operation = operation.parameter(parameter(name, ParameterIn::Query, query(name)));
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
    use crate::route::{self, Route};
    use std::collections::HashSet;

    fn method(entry: &Entry) -> axum::http::Method {
        match entry.method {
            HttpMethod::Get => axum::http::Method::GET,
            HttpMethod::Post => axum::http::Method::POST,
            HttpMethod::Patch => axum::http::Method::PATCH,
            HttpMethod::Delete => axum::http::Method::DELETE,
            _ => panic!("no such route"),
        }
    }

    /// Every variant but the document itself, the front page and what is refused anyway.
    fn kind(route: &Route) -> Option<String> {
        match route {
            Route::Table(path, action) => {
                let action = format!("{action:?}");
                let verb = action.split('(').next().unwrap_or_default().to_owned();
                Some(format!("{verb}{}", if path.instance.is_some() { "D" } else { "S" }))
            }
            Route::DropInstance { .. }
            | Route::ListInstances { .. }
            | Route::Export { .. }
            | Route::Sql
            | Route::Health
            | Route::Schema
            | Route::Config => {
                Some(format!("{route:?}").split(' ').next().unwrap_or_default().to_owned())
            }
            Route::OpenApi | Route::Root | Route::Internal | Route::Live => None,
        }
    }

    #[test]
    fn the_document_names_every_route_and_only_routes() {
        let mut ids = HashSet::new();
        let mut kinds = HashSet::new();
        for entry in entries() {
            for (path, id) in places(&entry) {
                let sample = path.replace(['{', '}'], "");
                let route =
                    route::parse(&method(&entry), &sample).expect("a documented path is a route");
                assert!(ids.insert(id) && !id.is_empty(), "{id} twice");
                kinds.insert(kind(&route).expect("a documented route is public"));
            }
        }
        // Nine table operations under two prefixes, and seven others.
        assert_eq!((ids.len(), kinds.len()), (25, 25));
    }

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
