//! What does a method and a path ask for?
//!
//! The route table of contract 1.1. Segments are split before they are percent-decoded, so an
//! encoded slash stays inside its segment, and every later stage sees the decoded names only.
//! Single-instance routes are tried before dynamic ones; what matches nothing is a 404, never a
//! 405, except that HEAD on a table is one. HEAD on what the server says about itself is a GET
//! without its body, for those who only ask whether it lives.

use crate::error::{Error, Result};
use crate::http::parameters::{self, Parameter};
use axum::http::Method;
use percent_encoding::percent_decode_str;

/// What to do with a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// GET of the collection.
    List,
    /// GET `/count`.
    Count,
    /// GET `/search`.
    Search,
    /// GET of one record.
    Get(String),
    /// POST of one record; upsert when the query says so.
    Insert,
    /// POST `/batch`.
    Batch,
    /// POST `/batch-by-filter`.
    BatchByFilter,
    /// PATCH of one record.
    Update(String),
    /// DELETE of one record.
    Delete(String),
}

impl Action {
    /// Whether the service-key scope asked for is `read`.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self, Self::List | Self::Count | Self::Search | Self::Get(_))
    }

    /// The parameters of its query string.
    #[must_use]
    pub fn parameters(&self) -> &'static [Parameter] {
        match self {
            Self::List => parameters::LIST,
            Self::Search => parameters::SEARCH,
            Self::Count => parameters::COUNT,
            Self::Get(_) => parameters::GET,
            Self::Insert | Self::Batch => parameters::INSERT,
            Self::BatchByFilter | Self::Update(_) | Self::Delete(_) => &[],
        }
    }

    /// Whether it carries a JSON body.
    #[must_use]
    pub fn has_body(&self) -> bool {
        matches!(self, Self::Insert | Self::Batch | Self::BatchByFilter | Self::Update(_))
    }
}

/// A table as the path names it; nothing is checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TablePath {
    /// The block.
    pub namespace: String,
    /// The instance, on dynamic routes.
    pub instance: Option<String>,
    /// The table.
    pub table: String,
}

/// A route of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// One of the nine table operations.
    Table(TablePath, Action),
    /// DELETE of a whole instance.
    DropInstance {
        /// The block.
        namespace: String,
        /// The instance.
        instance: String,
    },
    /// GET of the instances of a block.
    ListInstances {
        /// The block.
        namespace: String,
    },
    /// GET of everything an instance holds.
    Export {
        /// The block.
        namespace: String,
        /// The instance.
        instance: String,
    },
    /// POST `/api/sql`.
    Sql,
    /// GET `/api/health`.
    Health,
    /// GET `/api/ready`.
    Ready,
    /// GET `/api/schema`.
    Schema,
    /// GET `/api/config`.
    Config,
    /// GET `/openapi.json`.
    OpenApi,
    /// GET `/`.
    Root,
    /// Anything under `/internal/`.
    Internal,
    /// What EdgeBase has and this server does not: live subscriptions.
    Live,
}

impl Route {
    /// The parameters of its query string.
    #[must_use]
    pub fn parameters(&self) -> &'static [Parameter] {
        match self {
            Self::Table(_, action) => action.parameters(),
            Self::ListInstances { .. } => parameters::INSTANCES,
            _ => &[],
        }
    }
}

impl Route {
    /// Its path with placeholders, which names a kind of request and nothing of a single one.
    #[must_use]
    pub fn template(&self) -> &'static str {
        match self {
            Self::Table(path, action) => table_template(action, path.instance.is_some()),
            Self::DropInstance { .. } => "/api/db/{block}/{instance}",
            Self::ListInstances { .. } => "/api/db/{block}",
            Self::Export { .. } => "/api/db/{block}/{instance}/export",
            Self::Sql => "/api/sql",
            Self::Health => "/api/health",
            Self::Ready => "/api/ready",
            Self::Schema => "/api/schema",
            Self::Config => "/api/config",
            Self::OpenApi => "/openapi.json",
            Self::Root => "/",
            Self::Internal => "/internal",
            Self::Live => "/api/db/{live}",
        }
    }

    /// The block, the instance and the table that its path names.
    #[must_use]
    pub fn names(&self) -> (Option<&str>, Option<&str>, Option<&str>) {
        match self {
            Self::Table(path, _) => {
                (Some(&path.namespace), path.instance.as_deref(), Some(&path.table))
            }
            Self::DropInstance { namespace, instance } | Self::Export { namespace, instance } => {
                (Some(namespace), Some(instance), None)
            }
            Self::ListInstances { namespace } => (Some(namespace), None, None),
            _ => (None, None, None),
        }
    }
}

fn table_template(action: &Action, in_instance: bool) -> &'static str {
    macro_rules! template {
        ($rest:literal) => {
            if in_instance {
                concat!("/api/db/{block}/{instance}/tables/{table}", $rest)
            } else {
                concat!("/api/db/{block}/tables/{table}", $rest)
            }
        };
    }
    match action {
        Action::List | Action::Insert => template!(""),
        Action::Count => template!("/count"),
        Action::Search => template!("/search"),
        Action::Batch => template!("/batch"),
        Action::BatchByFilter => template!("/batch-by-filter"),
        Action::Get(_) | Action::Update(_) | Action::Delete(_) => template!("/{id}"),
    }
}

/// Finds the route.
///
/// # Errors
/// 404, or 405 for HEAD on a table, or 400 when a segment is not UTF-8.
pub fn parse(method: &Method, path: &str) -> Result<Route> {
    let no_route = || Error::NoRoute(path.to_owned());
    let segments: Vec<&str> = path.strip_prefix('/').ok_or_else(no_route)?.split('/').collect();
    let get = method == Method::GET;
    let asked = get || method == Method::HEAD;
    match segments.as_slice() {
        [""] if asked => Ok(Route::Root),
        ["openapi.json"] if asked => Ok(Route::OpenApi),
        ["internal", ..] => Ok(Route::Internal),
        ["api", "sql"] if method == Method::POST => Ok(Route::Sql),
        ["api", "health"] if asked => Ok(Route::Health),
        ["api", "ready"] if asked => Ok(Route::Ready),
        ["api", "schema"] if asked => Ok(Route::Schema),
        ["api", "config"] if asked => Ok(Route::Config),
        ["api", "db", name] if is_live(name) => Ok(Route::Live),
        ["api", "db", namespace] if get && !namespace.is_empty() => {
            Ok(Route::ListInstances { namespace: decode(namespace)? })
        }
        ["api", "db", namespace, "tables", table, rest @ ..] => {
            self::table(method, path, namespace, None, table, rest)
        }
        ["api", "db", namespace, instance]
            if method == Method::DELETE && !namespace.is_empty() && !instance.is_empty() =>
        {
            Ok(Route::DropInstance { namespace: decode(namespace)?, instance: decode(instance)? })
        }
        ["api", "db", namespace, instance, "export"]
            if get && !namespace.is_empty() && !instance.is_empty() =>
        {
            Ok(Route::Export { namespace: decode(namespace)?, instance: decode(instance)? })
        }
        ["api", "db", namespace, instance, "tables", table, rest @ ..] => {
            self::table(method, path, namespace, Some(instance), table, rest)
        }
        _ => Err(no_route()),
    }
}

/// Whether a path below `/api/db/` is none of a table: it is counted and answered apart.
#[must_use]
pub fn is_live(name: &str) -> bool {
    matches!(name, "broadcast" | "subscribe" | "connect-check")
}

fn table(
    method: &Method,
    path: &str,
    namespace: &str,
    instance: Option<&str>,
    table: &str,
    rest: &[&str],
) -> Result<Route> {
    let no_route = || Error::NoRoute(path.to_owned());
    if namespace.is_empty()
        || table.is_empty()
        || instance == Some("")
        || rest.contains(&"")
        || rest.len() > 1
    {
        return Err(no_route());
    }
    let action = match (method.as_str(), rest) {
        ("HEAD", rest) => return Err(Error::HeadNotAllowed(methods(rest))),
        ("GET", []) => Action::List,
        ("GET", ["count"]) => Action::Count,
        ("GET", ["search"]) => Action::Search,
        ("GET", [id]) => Action::Get(decode(id)?),
        ("POST", []) => Action::Insert,
        ("POST", ["batch"]) => Action::Batch,
        ("POST", ["batch-by-filter"]) => Action::BatchByFilter,
        ("PATCH", [id]) => Action::Update(decode(id)?),
        ("DELETE", [id]) => Action::Delete(decode(id)?),
        _ => return Err(no_route()),
    };
    let path = TablePath {
        namespace: decode(namespace)?,
        instance: instance.map(decode).transpose()?,
        table: decode(table)?,
    };
    Ok(Route::Table(path, action))
}

/// What can be done at a table's path, for those who try HEAD.
fn methods(rest: &[&str]) -> &'static str {
    match rest {
        [] => "GET, POST, OPTIONS",
        ["batch" | "batch-by-filter"] => "GET, POST, PATCH, DELETE, OPTIONS",
        _ => "GET, PATCH, DELETE, OPTIONS",
    }
}

fn decode(segment: &str) -> Result<String> {
    percent_decode_str(segment)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Error::BadRequest("The path is not valid UTF-8 once percent-decoded.".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &str, path: &str) -> Result<Route> {
        parse(&method.parse().unwrap(), path)
    }

    fn table(namespace: &str, instance: Option<&str>, table: &str, action: Action) -> Route {
        let path = TablePath {
            namespace: namespace.into(),
            instance: instance.map(Into::into),
            table: table.into(),
        };
        Route::Table(path, action)
    }

    #[test]
    fn paths_are_split_before_they_are_decoded() {
        assert_eq!(
            route("GET", "/api/db/app/tables/p%2Ft").unwrap(),
            table("app", None, "p/t", Action::List)
        );
        assert_eq!(
            route("PATCH", "/api/db/ws/a%3Ab%20%F0%9F%98%80/tables/t/u1:w").unwrap(),
            table("ws", Some("a:b 😀"), "t", Action::Update("u1:w".into()))
        );
        assert_eq!(
            route("GET", "/api/db/ws/tables/tables/t").unwrap(),
            table("ws", None, "tables", Action::Get("t".into()))
        );
        assert_eq!(
            route("GET", "/api/db/a/b/tables/t/count").unwrap(),
            table("a", Some("b"), "t", Action::Count)
        );
    }

    #[test]
    fn a_template_has_nothing_of_the_path_that_varies() {
        for (method, path, template) in [
            ("GET", "/api/db/app/tables/t/1", "/api/db/{block}/tables/{table}/{id}"),
            ("POST", "/api/db/ws/a/tables/t", "/api/db/{block}/{instance}/tables/{table}"),
            ("GET", "/api/db/ws/a/export", "/api/db/{block}/{instance}/export"),
            ("GET", "/internal/anything", "/internal"),
        ] {
            assert_eq!(route(method, path).unwrap().template(), template, "{path}");
        }
        let dropped = route("DELETE", "/api/db/ws/a").unwrap();
        assert_eq!(dropped.names(), (Some("ws"), Some("a"), None));
    }

    #[test]
    fn what_matches_nothing_is_404_and_head_is_405() {
        for (method, path) in [
            ("PUT", "/api/db/app/tables/t/1"),
            ("DELETE", "/api/db/app/tables/t"),
            ("GET", "/api/db/app/tables/t/"),
            ("GET", "/api/db/ws//tables/t"),
            ("GET", "/api/db/app/tables/t/1/2"),
            ("GET", "/nope"),
            ("POST", "/api/health"),
            ("GET", "/api/db/"),
            ("GET", "/api/db"),
            ("POST", "/api/db/app"),
            ("GET", "/api/db/app/"),
        ] {
            assert_eq!(route(method, path).unwrap_err().status(), 404, "{method} {path}");
        }
        assert_eq!(route("HEAD", "/api/db/app/tables/t").unwrap_err().status(), 405);
        assert_eq!(route("HEAD", "/api/health").unwrap(), Route::Health);
        assert_eq!(route("HEAD", "/api/ready").unwrap(), Route::Ready);
        assert_eq!(route("GET", "/api/db/app/tables/t/%FF").unwrap_err().status(), 400);
    }
}
