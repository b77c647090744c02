//! Which rows does the caller see, where only the proxy can evaluate the rule?
//!
//! The rows are fetched in the page's order, a chunk at a time, and the rule is asked about each.
//! A row that it refuses, or on which it throws, or that cannot be decoded, is passed over. At
//! most [`BOUND`] rows are examined; a page that ends there has a sealed cursor behind the last of
//! them, which may be a hidden one.

use super::Target;
use super::list::cut;
use crate::db::{Bound, PAGE, Row};
use crate::error::{Error, Result};
use crate::memory;
use crate::query::cursor::Position;
use crate::query::page::Page;
use crate::query::read::{self, Hit, Selection};
use crate::query::row_json::{self, Record};
use edgebase_blocks::{Rule, Table};
use std::sync::Arc;

/// Rows that a rule is asked about for one answer.
pub(super) const BOUND: usize = 10_000;
/// Rows fetched at a time: the rule has one budget for all of them.
pub(super) const CHUNK: usize = 500;

/// What is looked for, and under which rule.
pub(super) struct Scan<'a> {
    pub target: &'a Target<'a>,
    pub table: &'a Table,
    pub rule: Option<&'a Rule>,
    pub selection: Selection<'a>,
    /// Whether the best hits of the search come first.
    pub ranked: bool,
    pub page: &'a Page,
    /// Whether all rows are to be counted.
    pub counted: bool,
}

/// One page of rows that the caller sees.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The records.
    pub records: Vec<Record>,
    /// The rank of each, where it was asked for.
    pub ranks: Vec<f64>,
    /// Whether there are more.
    pub has_more: bool,
    /// How many there are, when they were counted.
    pub total: Option<i64>,
    /// Where the last record stands, when there are more and a cursor may follow.
    pub last: Option<Position>,
    /// Where the next page begins, when this one ended at a row that was not shown.
    pub resume: Option<Position>,
}

/// Where the next chunk begins.
enum Place {
    Start,
    Row(Position),
    Hit(Hit),
}

impl Scan<'_> {
    /// Fills the page.
    ///
    /// # Errors
    /// 503 when the rule could not be asked.
    pub(super) async fn run(&self) -> Result<Found> {
        let limit = usize::try_from(self.page.limit).unwrap_or_default();
        let skip = self.page.skipped();
        let mut found = Found::default();
        let (mut seen, mut examined, mut bytes) = (0_i64, 0, 0);
        let mut place = Place::Start;
        let mut last_shown = None;
        let mut size = if self.counted {
            CHUNK
        } else {
            limit.saturating_add(usize::try_from(skip).unwrap_or(CHUNK)).clamp(20, CHUNK)
        };
        loop {
            size = size.min(BOUND - examined);
            let Some(mut rows) = self.chunk(&place, size).await? else {
                found.total = self.counted.then_some(seen);
                break;
            };
            let ends = !cut(&mut rows, size);
            examined += rows.len();
            for (row, record, rank) in self.visible(&rows).await? {
                seen = seen.saturating_add(1);
                let fits = found.records.is_empty() || bytes + record.text.len() <= PAGE;
                if seen <= skip {
                    continue;
                }
                if found.has_more || found.records.len() == limit || !fits {
                    found.has_more = true;
                } else {
                    bytes += record.text.len();
                    found.records.push(record);
                    last_shown = Some(row.clone());
                    found.ranks.extend(rank);
                }
            }
            if ends || found.has_more && !self.counted {
                found.total = self.counted.then_some(seen);
                break;
            }
            let Some(last) = rows.last() else { break };
            if examined >= BOUND {
                if !found.has_more && !self.ranked {
                    let skip = skip.saturating_sub(seen).max(0);
                    found.resume = Some(Position { skip, ..self.position(last)? });
                }
                found.has_more = true;
                break;
            }
            place = self.behind(last)?;
            size = CHUNK;
            drop(rows);
            memory::keep(bytes);
        }
        if found.has_more && !self.ranked {
            found.last = last_shown.map(|row| self.position(&row)).transpose()?;
        }
        Ok(found)
    }

    /// The rows of a chunk, and one more, as far as a page's bytes go; `None` when there is no such instance or table.
    async fn chunk(&self, place: &Place, size: usize) -> Result<Option<Vec<Row>>> {
        let limit = i64::try_from(size).unwrap_or(i64::MAX);
        let (page, hit) = match place {
            Place::Start => (self.page.from_start(limit), None),
            Place::Row(position) => (self.page.behind(position.clone(), limit), None),
            Place::Hit(hit) => (self.page.from_start(limit), Some(hit)),
        };
        let (table, selection) = (self.table, &self.selection);
        let rows = self
            .target
            .look(table, selection.search, &|schema| {
                let mut list = match selection.search.filter(|_| self.ranked) {
                    Some(search) => {
                        read::search(schema, table, selection, search, &page, hit, None)
                    }
                    None => read::list(schema, table, selection, &page, None),
                };
                list.within(Bound::Page);
                vec![list]
            })
            .await?;
        Ok(rows.map(|results| results.into_iter().next().unwrap_or_default()))
    }

    /// The records that the rule lets pass, with their ranks.
    async fn visible<'r>(&self, rows: &'r [Row]) -> Result<Vec<(&'r Row, Record, Option<f64>)>> {
        let access = self.target.access();
        let mut candidates = Vec::with_capacity(rows.len());
        let mut values = Vec::with_capacity(rows.len());
        for row in rows {
            if let Ok(record) = row_json::record(self.table, row)
                && let Ok(value) = access.seen(self.rule, &record)
            {
                let rank = if self.ranked { Some(rank(row)?) } else { None };
                candidates.push((row, record, rank));
                values.push(value);
            }
        }
        let passing = access.passing(self.rule, &Arc::new(values), self.table, "read").await?;
        Ok(candidates
            .into_iter()
            .zip(passing)
            .filter_map(|(c, passes)| passes.then_some(c))
            .collect())
    }

    fn behind(&self, row: &Row) -> Result<Place> {
        if self.ranked && !self.page.is_sorted() {
            let id: String = row.try_get(1).map_err(Error::internal)?;
            return Ok(Place::Hit((rank(row)?, id)));
        }
        self.position(row).map(Place::Row)
    }

    fn position(&self, row: &Row) -> Result<Position> {
        row_json::position(self.page, row, if self.ranked { 3 } else { 2 })
    }
}

/// The rank in a row of a search.
pub(super) fn rank(row: &Row) -> Result<f64> {
    row.try_get(2).map_err(Error::internal)
}
