//! List, search and count.
//!
//! A row that the `read` rule refuses does not exist here: it is in no page, no number and no
//! cursor. A rule that does not look at rows is asked before anything touches the table.

use super::Target;
use super::answer::read_rule;
use super::scan::{BOUND, Found, Scan, rank};
use crate::auth::Principal;
use crate::db::{Bound, Row};
use crate::error::{Error, Result};
use crate::http::parameters::query::{Query, malformed};
use crate::http::parameters::{
    FIELDS, FILTER, HIGHLIGHT_POST, HIGHLIGHT_PRE, INCLUDE_TOTAL, OR_FILTER, Parameter, Q,
    SEARCH_TERM, SORT,
};
use crate::http::response::{self, List};
use crate::ops::hooks;
use crate::query::column::Column;
use crate::query::filter::Filter;
use crate::query::page::Page;
use crate::query::read::{self, Selection};
use crate::query::row_json::{self, Record};
use crate::query::row_scope::RowScope;
use crate::query::search::Search;
use axum::http::StatusCode;
use axum::response::Response;
use edgebase_blocks::Table;
use edgebase_blocks::block::TableConfig;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A checked list or search.
#[derive(Debug)]
pub struct ListRequest {
    filter: Filter,
    page: Page,
    fields: Option<Vec<String>>,
    search: Option<Search>,
    is_search: bool,
    counted: bool,
    /// What a sealed cursor is bound to of the query.
    query: Vec<Option<String>>,
}

/// A checked count.
#[derive(Debug)]
pub struct CountRequest {
    filter: Filter,
    page: Page,
}

impl ListRequest {
    pub(super) fn parse(table: &Table, query: &Query<'_>, is_search: bool) -> Result<Self> {
        let term = match (query.text(&SEARCH_TERM), query.text(&Q)) {
            (Some(_), Some(_)) => {
                return Err(malformed(Q.name, "use either search or q, not both"));
            }
            (term, other) => term.or(other),
        };
        let bound = [query.text(&FILTER), query.text(&OR_FILTER), query.text(&SORT), term];
        let marks = (query.text(&HIGHLIGHT_PRE), query.text(&HIGHLIGHT_POST));
        Ok(Self {
            query: bound.map(|text| text.map(str::to_owned)).to_vec(),
            filter: filters(table, query)?,
            page: Page::parse(table, query)?,
            fields: fields(table, query)?,
            search: Search::parse(term, marks.0, marks.1)?,
            is_search,
            counted: query.boolean(&INCLUDE_TOTAL) != Some(false),
        })
    }
}

impl CountRequest {
    pub(super) fn parse(table: &Table, query: &Query<'_>) -> Result<Self> {
        Ok(Self { filter: filters(table, query)?, page: Page::of_nothing() })
    }
}

/// `filter` and `orFilter` of the query string.
fn filters(table: &Table, query: &Query<'_>) -> Result<Filter> {
    let json = |parameter: &Parameter| match query.text(parameter) {
        None => Ok(None),
        Some(text) => crate::json::parse(text.as_bytes()).map(Some).map_err(|fault| {
            Error::BadRequest(format!(
                "{} {fault}: send an array of [field, operator, value] conditions.",
                parameter.name
            ))
        }),
    };
    Filter::parse(table, json(&FILTER)?.as_ref(), json(&OR_FILTER)?.as_ref())
}

/// `fields` of the query string.
pub(super) fn fields(table: &Table, query: &Query<'_>) -> Result<Option<Vec<String>>> {
    let Some(names) = query.names(&FIELDS) else { return Ok(None) };
    let named: BTreeSet<&str> = names.collect();
    match named.iter().find(|name| Column::find(table, name).is_none()) {
        Some(bad) => Err(Error::BadRequest(format!(
            "fields: unknown field '{bad}' in table '{}'.",
            table.name
        ))),
        None => Ok(Some(named.into_iter().map(str::to_owned).collect())),
    }
}

pub(super) async fn list(target: &Target<'_>, request: ListRequest) -> Result<Response> {
    let config = target.table()?;
    let table = &config.table;
    let rule = read_rule(config);
    let name = if request.is_search { "search" } else { "list" };
    let scopes = [target.access().readable(rule, table, name).await?];
    if request.is_search && request.search.is_none() {
        return Ok(response::json(StatusCode::OK, json!({"items": []}).to_string()));
    }
    let context = cursor_context(target, &request.query);
    let cursors = &target.snapshot.cursors;
    let page = request.page.opened(cursors, &context)?;
    let (filter, search) = (&request.filter, request.search.as_ref());
    let selection = Selection { filter, search, scopes: &scopes };
    let (ranked, counted) = (request.is_search, request.counted && !page.has_cursor());
    let Found { records, ranks, has_more, total, last, resume } = match scopes {
        [RowScope::PerRow] => {
            let page = &page;
            Scan { target, table, rule, selection, ranked, page, counted }.run().await?
        }
        _ => {
            let fields = only(config, request.fields.as_deref());
            let fields = fields.map(needed);
            let fields = fields.as_deref();
            whole_page(target, table, selection, ranked, &page, counted, fields).await?
        }
    };
    let cursor = match (&resume, &last) {
        (Some(position), _) => Some(cursors.seal(position, &context).map_err(Error::internal)?),
        (None, Some(last)) => Some(page.cursor(last)),
        _ => None,
    };
    let hits = request.search.as_ref().filter(|_| ranked).map(|search| (search, ranks));
    let items = shown(target, config, request.fields.as_deref(), records, hits).await?;
    Ok(List {
        items,
        total,
        has_more,
        cursor,
        page: (!request.is_search).then_some(page.number),
        per_page: page.limit,
    }
    .respond())
}

/// What a sealed cursor opens for: this caller, table and query.
fn cursor_context(target: &Target<'_>, query: &[Option<String>]) -> String {
    let caller = match target.principal {
        Principal::User(auth) => auth.get("id").cloned().unwrap_or_default(),
        Principal::Service | Principal::Anonymous => Value::Null,
    };
    json!([target.key.to_string(), target.path.table, caller, query]).to_string()
}

/// One page of rows that the database chooses, in one round trip.
async fn whole_page(
    target: &Target<'_>,
    table: &Table,
    selection: Selection<'_>,
    ranked: bool,
    page: &Page,
    counted: bool,
    fields: Option<&[String]>,
) -> Result<Found> {
    let results = target
        .look(table, selection.search, &|schema| {
            let mut statements = Vec::with_capacity(2);
            if counted {
                statements.push(read::count(schema, table, &selection));
            }
            let mut list = match selection.search.filter(|_| ranked) {
                Some(search) => read::search(schema, table, &selection, search, page, None, fields),
                None => read::list(schema, table, &selection, page, fields),
            };
            // Last, since nothing comes after a page that is cut.
            list.within(Bound::Page);
            statements.push(list);
            statements
        })
        .await?;
    let Some(mut results) = results else {
        return Ok(Found { total: counted.then_some(0), ..Found::default() });
    };
    let mut rows = results.pop().unwrap_or_default();
    let has_more = cut(&mut rows, usize::try_from(page.limit).unwrap_or_default());
    let last = rows.last().filter(|_| has_more && !ranked);
    Ok(Found {
        records: row_json::records(table, &rows)?,
        ranks: if ranked { rows.iter().map(rank).collect::<Result<_>>()? } else { Vec::new() },
        has_more,
        total: results.first().map(|rows| number(rows)).transpose()?,
        last: last.map(|row| row_json::position(page, row, 2)).transpose()?,
        resume: None,
    })
}

/// The fields that a read of rows at which no rule looks may be confined to. A hook may look at
/// every field, and a record that does not show its key is read whole.
pub(super) fn only<'f>(config: &TableConfig, fields: Option<&'f [String]>) -> Option<&'f [String]> {
    fields.filter(|_| config.hooks.on_enrich.is_none() && config.table.auto.id)
}

/// What is read of each row: what is shown, and its key.
fn needed(fields: &[String]) -> Vec<String> {
    let all: BTreeSet<String> = fields.iter().cloned().chain(["id".to_owned()]).collect();
    all.into_iter().collect()
}

/// Takes from the rows what is no part of the page; whether there is more. A page ends after its
/// number of rows or of bytes, whichever comes first.
pub(super) fn cut(rows: &mut Vec<Row>, limit: usize) -> bool {
    let was_cut = rows.pop_if(|row| row.is_rest()).is_some();
    let has_more = was_cut || rows.len() > limit;
    rows.truncate(limit);
    has_more
}

/// The records as they are shown: projected, then enriched (contract 14.1).
async fn shown(
    target: &Target<'_>,
    config: &TableConfig,
    fields: Option<&[String]>,
    records: Vec<Record>,
    hits: Option<(&Search, Vec<f64>)>,
) -> Result<Vec<String>> {
    if fields.is_none() && config.hooks.on_enrich.is_none() && hits.is_none() {
        return Ok(records.into_iter().map(|r| r.text).collect());
    }
    let mut items = Vec::with_capacity(records.len());
    let deadline = hooks::deadline();
    for (i, record) in records.iter().enumerate() {
        let mut value = match fields {
            Some(fields) => row_json::decode_fields(record, fields)?,
            None => row_json::decode(record)?,
        };
        if let Some((search, ranks)) = &hits {
            search.decorate(&config.table, &mut value, ranks.get(i).copied().unwrap_or_default());
        }
        if let Some(hook) = config.hooks.on_enrich {
            value = target.enrich(hook, value, deadline).await;
        }
        items.push(value.to_string());
    }
    Ok(items)
}

pub(super) async fn count(target: &Target<'_>, request: CountRequest) -> Result<Response> {
    let config = target.table()?;
    let table = &config.table;
    let rule = read_rule(config);
    let scopes = [target.access().readable(rule, table, "count").await?];
    let selection = Selection { filter: &request.filter, search: None, scopes: &scopes };
    let total = match scopes {
        [RowScope::PerRow] => {
            let (page, ranked, counted) = (&request.page, false, true);
            let found =
                Scan { target, table, rule, selection, ranked, page, counted }.run().await?;
            found.total.ok_or_else(|| too_many(table, "read", "count"))?
        }
        _ => {
            let rows = target.select(table, &|s| vec![read::count(s, table, &selection)]).await?;
            rows.as_ref().and_then(|results| results.first()).map_or(Ok(0), |rows| number(rows))?
        }
    };
    Ok(response::json(StatusCode::OK, json!({"total": total}).to_string()))
}

/// The refusal to ask a rule about more rows than one request may examine.
pub(super) fn too_many(table: &Table, rule: &str, request: &str) -> Error {
    Error::TooManyRows(format!(
        "The '{rule}' rule of table '{}' has to be evaluated for each row, and a {request} examines at most {BOUND} of them. Narrow the filter.",
        table.name
    ))
}

fn number(rows: &[Row]) -> Result<i64> {
    rows.first().map_or(Ok(0), |row| row.try_get(0).map_err(Error::internal))
}
