//! Which operations does the API have?
//!
//! One table, which a test walks through the router: it cannot name a route that does not exist, or
//! leave one out.

use crate::http::parameters::{self, Parameter};
use utoipa::openapi::path::HttpMethod;

/// One operation of the API.
pub(super) struct Entry {
    pub(super) method: HttpMethod,
    /// `{db}` stands for both prefixes of table routes.
    pub(super) path: &'static str,
    /// Operation ids under the single-instance and the dynamic prefix; one where there is one.
    pub(super) ids: (&'static str, &'static str),
    pub(super) summary: &'static str,
    pub(super) query: &'static [Parameter],
    pub(super) body: Option<&'static str>,
    pub(super) success: &'static [(&'static str, &'static str)],
}

const SINGLE: &str = "/api/db/{namespace}/tables/{table}";
const DYNAMIC: &str = "/api/db/{namespace}/{instanceId}/tables/{table}";
const fn table(
    method: HttpMethod,
    path: &'static str,
    ids: (&'static str, &'static str),
    summary: &'static str,
) -> Entry {
    Entry { method, path, ids, summary, query: &[], body: None, success: &[("200", "Record")] }
}

/// Every operation, in the order of contract 1.1.
pub(super) fn entries() -> Vec<Entry> {
    use HttpMethod::{Delete, Get, Patch, Post};
    vec![
        Entry {
            query: parameters::LIST,
            success: &[("200", "List")],
            ..table(Get, "{db}", ("dbSingleListRecords", "dbListRecords"), "List records")
        },
        Entry {
            query: parameters::COUNT,
            success: &[("200", "Count")],
            ..table(Get, "{db}/count", ("dbSingleCountRecords", "dbCountRecords"), "Count records")
        },
        Entry {
            query: parameters::SEARCH,
            success: &[("200", "SearchResult")],
            ..table(
                Get,
                "{db}/search",
                ("dbSingleSearchRecords", "dbSearchRecords"),
                "Search records",
            )
        },
        Entry {
            query: parameters::GET,
            ..table(Get, "{db}/{id}", ("dbSingleGetRecord", "dbGetRecord"), "Get one record")
        },
        Entry {
            query: parameters::INSERT,
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
            query: parameters::INSERT,
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
            query: parameters::INSTANCES,
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
            success: &[("200", "Ready")],
            ..table(Get, "/api/ready", ("", "getReady"), "Whether the database answers")
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

/// The paths of an entry with their operation ids.
pub(super) fn places(entry: &Entry) -> Vec<(String, &'static str)> {
    match entry.path.strip_prefix("{db}") {
        Some(suffix) => vec![
            (format!("{SINGLE}{suffix}"), entry.ids.0),
            (format!("{DYNAMIC}{suffix}"), entry.ids.1),
        ],
        None => vec![(entry.path.to_owned(), entry.ids.1)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::route::{self, Route};
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
            | Route::Ready
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
                assert_eq!(route.parameters(), entry.query, "{id}");
                kinds.insert(kind(&route).expect("a documented route is public"));
            }
        }
        // Nine table operations under two prefixes, and eight others.
        assert_eq!((ids.len(), kinds.len()), (26, 26));
    }
}
