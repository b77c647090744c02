//! List, search and count.
//!
//! A read is all or nothing: one row of the page that the `read` rule refuses makes the whole
//! answer a 403 naming it. A number of rows tells something about each of them, so under a rule
//! that looks at rows a count, and the `total` of a list that does not show all there is, ask the
//! rule about every matched row, up to [`COUNT_BOUND`]. Where it refuses one, or there are more,
//! a count is refused and a `total` is null, because neither the number of unreadable rows nor
//! an unbounded evaluation may slip through.

use super::Target;
use crate::access::{Refused, Standing, no_rule, refused_request, unreadable_row};
use crate::app::Head;
use crate::db::{Bound, Row};
use crate::denial::Reason;
use crate::error::{Error, Result};
use crate::hooks;
use crate::query::filter::Filter;
use crate::query::page::Page;
use crate::query::read;
use crate::query::search::Search;
use crate::respond::{self, List, Record};
use axum::http::StatusCode;
use axum::response::Response;
use edgebase_blocks::block::TableConfig;
use edgebase_blocks::{Rule, Table};
use serde_json::{Value, json};
use std::sync::Arc;

/// Rows that a row rule is asked about for one count.
pub const COUNT_BOUND: i64 = 10_000;

/// A checked list or search.
#[derive(Debug)]
pub struct ListRequest {
    filter: Filter,
    page: Page,
    fields: Option<Vec<String>>,
    search: Option<Search>,
    is_search: bool,
    counted: bool,
}

/// A checked count.
#[derive(Debug)]
pub struct CountRequest {
    filter: Filter,
}

impl ListRequest {
    pub(super) fn parse(table: &Table, head: &Head, is_search: bool) -> Result<Self> {
        let term = head.param("search").or_else(|| head.param("q"));
        Ok(Self {
            filter: filters(table, head)?,
            page: Page::parse(table, &head.query)?,
            fields: fields(table, head)?,
            search: Search::parse(term, head.param("highlightPre"), head.param("highlightPost"))?,
            is_search,
            counted: !matches!(head.param("includeTotal"), Some("0" | "false")),
        })
    }
}

impl CountRequest {
    pub(super) fn parse(table: &Table, head: &Head) -> Result<Self> {
        Ok(Self { filter: filters(table, head)? })
    }
}

/// `filter` and `orFilter` of the query string.
fn filters(table: &Table, head: &Head) -> Result<Filter> {
    let json = |name: &str| match head.param(name).filter(|t| !t.is_empty()) {
        None => Ok(None),
        Some(text) => serde_json::from_str::<Value>(text).map(Some).map_err(|_| {
            Error::BadRequest(format!(
                "{name} is not valid JSON: send an array of [field, operator, value] conditions."
            ))
        }),
    };
    Filter::parse(table, json("filter")?.as_ref(), json("orFilter")?.as_ref())
}

/// `fields` of the query string.
pub(super) fn fields(table: &Table, head: &Head) -> Result<Option<Vec<String>>> {
    let Some(text) = head.param("fields").filter(|t| !t.trim().is_empty()) else {
        return Ok(None);
    };
    let fields: Vec<String> =
        text.split(',').map(str::trim).filter(|f| !f.is_empty()).map(str::to_owned).collect();
    match fields.iter().find(|f| table.column_type(f).is_none() && !table.is_schemaless()) {
        Some(bad) => Err(Error::BadRequest(format!(
            "fields: unknown field '{bad}' in table '{}'.",
            table.name
        ))),
        None => Ok(Some(fields)),
    }
}

pub(super) async fn list(target: &Target<'_>, request: ListRequest) -> Result<Response> {
    let config = target.table()?;
    let table = &config.table;
    let rule = config.access.as_ref().and_then(|a| a.read.as_ref());
    let name = if request.is_search { "search" } else { "list" };
    refuse_closed(target, table, rule, name)?;
    if request.is_search && request.search.is_none() {
        return Ok(respond::json(StatusCode::OK, json!({"items": []}).to_string()));
    }
    let page = &request.page;
    let search = request.search.as_ref();
    let counted = request.counted && !page.has_cursor();
    let standing = target.access().standing(rule);
    let rows = target
        .look(table, search, &|schema| {
            let mut statements = Vec::with_capacity(2);
            if counted && standing != Standing::PerRow {
                statements.push(read::count(schema, table, &request.filter, search));
            }
            let mut list = match search.filter(|_| request.is_search) {
                Some(search) => read::search(schema, table, &request.filter, search, page),
                None => read::list(schema, table, &request.filter, search, page),
            };
            // Last, since nothing comes after a page that is cut.
            list.within(Bound::Page);
            statements.push(list);
            statements
        })
        .await?;
    let limit = usize::try_from(page.limit).unwrap_or_default();
    let is_there = rows.is_some();
    let mut results = rows.unwrap_or_default();
    let mut shown_rows = results.pop().unwrap_or_default();
    let has_more = cut(&mut shown_rows, limit);
    let mut total = match is_there {
        false => Some(0),
        true => results.first().map(|r| number(r)).transpose()?,
    };
    let hits = match search.filter(|_| request.is_search) {
        Some(search) => Some((search, ranks(&shown_rows)?)),
        None => None,
    };
    let records = respond::records(table, &shown_rows)?;
    drop(shown_rows);
    let shows_none_of_some = limit == 0 && has_more || records.is_empty() && total > Some(0);
    if standing == Standing::PerRequest && shows_none_of_some {
        all_or_none(target, table, rule, name).await?;
    }
    let values = read_all(target, table, rule, &records, page.is_sorted()).await?;
    if counted && standing == Standing::PerRow && is_there {
        total = if page.is_first() && !has_more {
            Some(length(&records))
        } else {
            let matched = matched(target, table, &request.filter, search).await?;
            total_of(target, rule, matched).await?
        };
    }
    let cursor = records.last().filter(|_| has_more && !request.is_search).map(|last| {
        page.cursor(values.as_ref().and_then(|v| v.last()).unwrap_or(&Value::Null), &last.id)
    });
    let items = shown(target, config, request.fields.as_deref(), records, values, hits).await?;
    Ok(List {
        items,
        total: total.filter(|_| counted),
        has_more,
        cursor,
        page: (!request.is_search).then_some(page.number),
        per_page: page.limit,
    }
    .respond())
}

/// Takes from the rows what is no part of the page; whether there is more. A page ends after its
/// number of rows or of bytes, whichever comes first.
fn cut(rows: &mut Vec<Row>, limit: usize) -> bool {
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
    values: Option<Arc<Vec<Value>>>,
    hits: Option<(&Search, Vec<f64>)>,
) -> Result<Vec<String>> {
    if fields.is_none() && config.hooks.on_enrich.is_none() && hits.is_none() {
        return Ok(records.into_iter().map(|r| r.text).collect());
    }
    let mut items = Vec::with_capacity(records.len());
    let deadline = hooks::deadline();
    for (i, record) in records.iter().enumerate() {
        let mut value = match values.as_ref().and_then(|v| v.get(i)) {
            Some(value) => value.clone(),
            None => respond::decode(record)?,
        };
        if let Some(fields) = fields {
            value = respond::project(&value, fields);
        }
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
    let rule = config.access.as_ref().and_then(|a| a.read.as_ref());
    refuse_closed(target, table, rule, "count")?;
    let standing = target.access().standing(rule);
    let total = if standing == Standing::PerRow {
        let records = matched(target, table, &request.filter, None).await?.ok_or_else(|| {
            Error::Denied(format!(
                "Access denied. The 'read' rule of table '{}' looks at rows, and a count over more than {COUNT_BOUND} of them is refused. Narrow the filter.",
                table.name
            ))
        })?;
        read_all(target, table, rule, &records, false).await?;
        length(&records)
    } else {
        let rows =
            target.select(table, &|s| vec![read::count(s, table, &request.filter, None)]).await?;
        let total = rows.as_ref().and_then(|r| r.first()).map_or(Ok(0), |r| number(r))?;
        if standing == Standing::PerRequest && total > 0 {
            all_or_none(target, table, rule, "count").await?;
        }
        total
    };
    Ok(respond::json(StatusCode::OK, json!({"total": total}).to_string()))
}

/// Every row that matches; `None` beyond the bound.
async fn matched(
    target: &Target<'_>,
    table: &Table,
    filter: &Filter,
    search: Option<&Search>,
) -> Result<Option<Vec<Record>>> {
    let rows = target
        .look(table, search, &|s| vec![read::matching(s, table, filter, search, COUNT_BOUND + 1)])
        .await?
        .unwrap_or_default();
    let records = respond::records(table, rows.first().map_or(&[][..], Vec::as_slice))?;
    Ok(Some(records).filter(|records| length(records) <= COUNT_BOUND))
}

/// How many there are, when the rule allows every one of them.
async fn total_of(
    target: &Target<'_>,
    rule: Option<&Rule>,
    matched: Option<Vec<Record>>,
) -> Result<Option<i64>> {
    let Some(records) = matched else { return Ok(None) };
    let access = target.access();
    let seen = records.iter().map(|r| access.seen(rule, r)).collect::<Result<Vec<_>>>()?;
    let refused = access.first_refused(rule, &Arc::new(seen)).await;
    Ok(refused.is_none().then(|| length(&records)))
}

/// Asks a rule that does not look at rows about rows that are counted and not shown.
async fn all_or_none(
    target: &Target<'_>,
    table: &Table,
    rule: Option<&Rule>,
    operation: &str,
) -> Result<()> {
    let access = target.access();
    access
        .any_row(rule)
        .await
        .map_err(|reason| access.by(refused_request(table, operation), table, "read", &reason))
}

/// Refuses at once what no row could be allowed in.
fn refuse_closed(
    target: &Target<'_>,
    table: &Table,
    rule: Option<&Rule>,
    operation: &str,
) -> Result<()> {
    let access = target.access();
    if access.standing(rule) != Standing::Closed {
        return Ok(());
    }
    let error = match rule {
        None => no_rule(table, "read"),
        Some(_) => refused_request(table, operation),
    };
    Err(access.by(error, table, "read", &Reason::of(rule)))
}

/// Asks the rule about every record. The values come back when they were needed.
async fn read_all(
    target: &Target<'_>,
    table: &Table,
    rule: Option<&Rule>,
    records: &[Record],
    needed: bool,
) -> Result<Option<Arc<Vec<Value>>>> {
    let access = target.access();
    let unreadable = |Refused { index, reason }| {
        let error = unreadable_row(table, records.get(index).map_or("", |r| &r.id));
        Err(access.by(error, table, "read", &reason))
    };
    let standing = access.standing(rule);
    if standing == Standing::PerRequest
        && !records.is_empty()
        && let Err(reason) = access.any_row(rule).await
    {
        return unreadable(Refused { index: 0, reason });
    }
    if standing != Standing::PerRow && !needed {
        return Ok(None);
    }
    let decode = |record| if needed { respond::decode(record) } else { access.seen(rule, record) };
    let values = Arc::new(records.iter().map(decode).collect::<Result<Vec<_>>>()?);
    if standing == Standing::PerRow
        && let Some(refused) = access.first_refused(rule, &values).await
    {
        return unreadable(refused);
    }
    Ok(needed.then_some(values))
}

fn length(records: &[Record]) -> i64 {
    i64::try_from(records.len()).unwrap_or(i64::MAX)
}

fn ranks(rows: &[Row]) -> Result<Vec<f64>> {
    rows.iter().map(|row| row.try_get(2).map_err(Error::internal)).collect()
}

fn number(rows: &[Row]) -> Result<i64> {
    rows.first().map_or(Ok(0), |row| row.try_get(0).map_err(Error::internal))
}
