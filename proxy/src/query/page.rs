//! Which page of a list is asked for, and where does the next one begin?
//!
//! Reads the paging parameters of contract 10.2. Pages are cut by key, not by offset, when a
//! cursor is given: it holds the sort, its values in the last row and that row's id, so that rows
//! inserted or deleted meanwhile neither repeat nor hide another row. Nulls come before every
//! value when ascending and behind when descending, as in the original.

use crate::db::statement::{Bind, Sql};
use crate::error::{Error, Result};
use crate::http::parameters::query::{Query, malformed};
use crate::http::parameters::{AFTER, BEFORE, LIMIT, OFFSET, PAGE, PER_PAGE, SORT};
use crate::query::column::Column;
use crate::query::cursor::{self, CursorKey, Position};
use edgebase_blocks::Table;
use serde_json::Value;

/// Rows of a page unless stated (contract 10.2).
pub const DEFAULT_LIMIT: i64 = 100;
/// Rows of a page at most.
pub const MAX_LIMIT: i64 = 1_000;

/// One field of a sort.
#[derive(Clone, Debug, PartialEq)]
pub struct SortKey {
    field: String,
    descending: bool,
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq)]
enum Start {
    Offset(i64),
    /// Rows after the position, or before it.
    Cursor {
        position: Position,
        backwards: bool,
    },
    /// A cursor that has not been opened yet.
    Sealed {
        text: String,
        backwards: bool,
    },
}

/// A checked page request.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Rows wanted.
    pub limit: i64,
    /// The page number to report.
    pub number: i64,
    sort: Vec<SortKey>,
    start: Start,
}

impl Page {
    /// Reads the parameters.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn parse(table: &Table, query: &Query<'_>) -> Result<Self> {
        let limit = query.integer(&LIMIT).or(query.integer(&PER_PAGE));
        let limit = limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
        let (offset, page) = (query.integer(&OFFSET), query.integer(&PAGE));
        let sort = match query.names(&SORT) {
            None => Vec::new(),
            Some(parts) => sort_keys(table, parts)?,
        };
        let cursor = |parameter| query.text(parameter).filter(|text| !text.is_empty());
        let start = match (cursor(&AFTER), cursor(&BEFORE)) {
            (None, None) => Start::Offset(match (offset, page) {
                (Some(_), Some(_)) => {
                    return Err(malformed(OFFSET.name, "use either page or offset, not both"));
                }
                (Some(offset), None) => offset,
                (None, Some(page)) => (page - 1).saturating_mul(limit),
                (None, None) => 0,
            }),
            (Some(_), Some(_)) => {
                return Err(Error::BadRequest("Use either after or before, not both.".into()));
            }
            (after, before) => {
                if page.is_some() || offset.is_some() {
                    return Err(Error::BadRequest(
                        "Cannot use page or offset together with after or before. Choose one kind of paging.".into(),
                    ));
                }
                let text = after.or(before).unwrap_or_default();
                let backwards = before.is_some();
                if cursor::is_sealed(text) {
                    Start::Sealed { text: text.to_owned(), backwards }
                } else {
                    Start::Cursor { position: read_cursor(table, text, &sort)?, backwards }
                }
            }
        };
        Ok(Self { limit, number: page.unwrap_or(1), sort, start })
    }

    /// A page without rows, of rows in the order of their ids.
    #[must_use]
    pub fn of_nothing() -> Self {
        Self { limit: 0, number: 1, sort: Vec::new(), start: Start::Offset(0) }
    }

    /// Whether a cursor says where to begin; then no total is counted.
    #[must_use]
    pub fn has_cursor(&self) -> bool {
        !matches!(self.start, Start::Offset(_))
    }

    /// Whether the rows come in the reverse of their order.
    #[must_use]
    pub fn is_backwards(&self) -> bool {
        matches!(
            self.start,
            Start::Cursor { backwards: true, .. } | Start::Sealed { backwards: true, .. }
        )
    }

    /// The same page with its cursor opened.
    ///
    /// # Errors
    /// 400 when the cursor was made for another caller or query, or by nobody.
    pub fn opened(mut self, key: &CursorKey, context: &str) -> Result<Self> {
        if let Start::Sealed { text, backwards } = self.start {
            let position = key.open(&text, context);
            let position = position
                .filter(|p| p.values.len() == self.sort.len())
                .ok_or_else(foreign_cursor)?;
            self.start = Start::Cursor { position, backwards };
        }
        Ok(self)
    }

    /// Rows that the caller sees and the page leaves out.
    #[must_use]
    pub fn skipped(&self) -> i64 {
        match &self.start {
            Start::Offset(offset) => *offset,
            Start::Cursor { position, .. } => position.skip,
            Start::Sealed { .. } => 0,
        }
    }

    /// The same rows from where they begin, as many as given, none left out.
    #[must_use]
    pub fn from_start(&self, limit: i64) -> Self {
        let start = match &self.start {
            Start::Cursor { position, backwards } => Start::Cursor {
                position: Position { skip: 0, ..position.clone() },
                backwards: *backwards,
            },
            _ => Start::Offset(0),
        };
        Self { limit, start, sort: self.sort.clone(), number: self.number }
    }

    /// The same rows from behind a position, as many as given.
    #[must_use]
    pub fn behind(&self, position: Position, limit: i64) -> Self {
        let start = Start::Cursor { position, backwards: self.is_backwards() };
        Self { limit, start, sort: self.sort.clone(), number: self.number }
    }

    /// Whether the caller asked for an order of its own.
    #[must_use]
    pub fn is_sorted(&self) -> bool {
        !self.sort.is_empty()
    }

    /// Appends the cursor's condition with a leading ` AND `, if there is a cursor.
    pub fn write_start(&self, sql: &mut Sql, table: &Table) {
        let Start::Cursor { position: Position { values, id, .. }, backwards } = &self.start else {
            return;
        };
        // (k1 after v1) OR (k1 = v1 AND (k2 after v2)) OR ... OR (k1 = v1 AND ... AND id after id)
        sql.push(" AND (");
        for i in 0..=self.sort.len() {
            if i > 0 {
                sql.push(" OR ");
            }
            sql.push("(");
            for (key, v) in self.sort.iter().zip(values).take(i) {
                key.write_equal(sql, table, v.as_deref());
                sql.push(" AND ");
            }
            match self.sort.get(i).zip(values.get(i)) {
                Some((key, v)) => key.write_after(sql, table, v.as_deref(), *backwards),
                None => {
                    sql.push(if *backwards { "t.\"id\" < " } else { "t.\"id\" > " })
                        .bind(Bind::text(id.clone()));
                }
            }
            sql.push(")");
        }
        sql.push(")");
    }

    /// Appends `ORDER BY … LIMIT … OFFSET …`; one row more than the page, to see whether it is
    /// the last.
    /// A column named by `first` comes before everything.
    pub fn write_order(&self, sql: &mut Sql, table: &Table, first: Option<&str>) {
        let backwards = self.is_backwards();
        sql.push(" ORDER BY ");
        if let Some(first) = first {
            sql.ident(first).push(", ");
        }
        for key in &self.sort {
            key.write_column(sql, table);
            sql.push(match (key.descending == backwards, key.nulls_first(table)) {
                (true, true) => " ASC NULLS FIRST, ",
                (false, true) => " DESC NULLS LAST, ",
                (true, false) => " ASC, ",
                (false, false) => " DESC, ",
            });
        }
        sql.push(if backwards { "t.\"id\" DESC LIMIT " } else { "t.\"id\" ASC LIMIT " });
        sql.bind(Bind::Int(self.limit + 1));
        // A statement is the same for every first page, and for every page behind a cursor.
        match &self.start {
            Start::Offset(offset) => {
                sql.push(" OFFSET ").bind(Bind::Int(*offset));
            }
            Start::Cursor { position, .. } if position.skip > 0 => {
                sql.push(" OFFSET ").bind(Bind::Int(position.skip));
            }
            Start::Cursor { .. } | Start::Sealed { .. } => {}
        }
    }

    /// Appends the sort values of a row, as [`Self::position`] reads them.
    pub fn write_position(&self, sql: &mut Sql, table: &Table) {
        sql.push("pg_catalog.array_to_json(ARRAY[");
        for (i, key) in self.sort.iter().enumerate() {
            sql.push(if i > 0 { ", " } else { "" });
            if let Some(column) = Column::find(table, &key.field) {
                column.write_exact(sql);
            }
        }
        sql.push("]::text[])::text");
    }

    /// The position of a row with that id and, where the page is sorted, those sort values.
    ///
    /// # Errors
    /// Never, unless a statement and this function disagree.
    pub fn position(&self, values: &str, id: &str) -> Result<Position> {
        let values = match self.is_sorted() {
            true => serde_json::from_str(values).map_err(Error::internal)?,
            false => Vec::new(),
        };
        Ok(Position { values, id: id.to_owned(), skip: 0 })
    }

    /// The cursor that continues behind a row that the caller sees.
    #[must_use]
    pub fn cursor(&self, position: &Position) -> String {
        cursor::plain(fingerprint(&self.sort).as_ref(), position)
    }
}

impl SortKey {
    fn operand(&self, table: &Table, v: Option<&str>) -> Option<(Bind, &'static str)> {
        Column::find(table, &self.field)?.exact(v?)
    }

    fn write_column(&self, sql: &mut Sql, table: &Table) {
        if let Some(column) = Column::find(table, &self.field) {
            column.write(sql);
        }
    }

    fn write_equal(&self, sql: &mut Sql, table: &Table, v: Option<&str>) {
        self.write_column(sql, table);
        match self.operand(table, v) {
            Some((bind, cast)) => sql.push(" = ").bind(bind).push(cast),
            None => sql.push(" IS NULL"),
        };
    }

    fn nulls_first(&self, table: &Table) -> bool {
        table.sorts_nulls_first(&self.field)
    }

    /// Rows behind `v` in the direction of travel. Nulls are the least of all, so travelling up
    /// there is every value behind null and no null behind a value, and travelling down the
    /// reverse.
    fn write_after(&self, sql: &mut Sql, table: &Table, v: Option<&str>, backwards: bool) {
        let upwards = self.descending == backwards;
        match self.operand(table, v) {
            Some((bind, cast)) if upwards => {
                self.write_column(sql, table);
                sql.push(" > ").bind(bind).push(cast);
            }
            Some((bind, cast)) if self.nulls_first(table) => {
                sql.push("(");
                self.write_column(sql, table);
                sql.push(" < ").bind(bind).push(cast).push(" OR ");
                self.write_column(sql, table);
                sql.push(" IS NULL)");
            }
            Some((bind, cast)) => {
                self.write_column(sql, table);
                sql.push(" < ").bind(bind).push(cast);
            }
            None if upwards => {
                self.write_column(sql, table);
                sql.push(" IS NOT NULL");
            }
            None => {
                sql.push("FALSE");
            }
        }
    }
}

/// A sort as a cursor keeps it, so that a cursor continues no other; `None` without one.
fn fingerprint(sort: &[SortKey]) -> Option<Value> {
    let mark = |k: &SortKey| format!("{}{}", if k.descending { '-' } else { '+' }, k.field);
    (!sort.is_empty()).then(|| sort.iter().map(|k| Value::from(mark(k))).collect())
}

fn sort_keys<'a>(table: &Table, parts: impl Iterator<Item = &'a str>) -> Result<Vec<SortKey>> {
    let mut keys: Vec<SortKey> = Vec::new();
    for part in parts {
        // A field may itself contain a colon; only a known direction is split off.
        let (field, descending) = match part.rsplit_once(':') {
            Some((field, d)) if d.trim().eq_ignore_ascii_case("desc") => (field, true),
            Some((field, _)) if Column::find(table, part).is_none() || table.is_schemaless() => {
                (field, false)
            }
            _ => (part, false),
        };
        if Column::find(table, field).is_none() {
            return Err(Error::BadRequest(format!(
                "sort: unknown field '{field}' in table '{}'.",
                table.name
            )));
        }
        if keys.iter().any(|key| key.field == field) {
            let what = format!("'{field}' stands twice, and only the first would count");
            return Err(malformed(SORT.name, &what));
        }
        keys.push(SortKey { field: field.to_owned(), descending });
    }
    Ok(keys)
}

fn read_cursor(table: &Table, text: &str, sort: &[SortKey]) -> Result<Position> {
    if text.contains('\0') {
        return Err(Error::BadRequest("Invalid cursor.".into()));
    }
    let position = cursor::read_plain(text, fingerprint(sort).as_ref(), sort.len());
    let fits = |(key, v): (&SortKey, &Option<String>)| {
        v.is_none() || key.operand(table, v.as_deref()).is_some()
    };
    let position = position.filter(|p| sort.iter().zip(&p.values).all(fits));
    position.ok_or_else(foreign_cursor)
}

fn foreign_cursor() -> Error {
    Error::BadRequest(
        "The cursor does not belong to this sort or query. Use the cursor of the previous page."
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table() -> Table {
        edgebase_blocks::StoredBlock::all_from_json(
            &json!({"databases": {"app": {"tables": {"t": {"schema": {
                "s": "string", "n": "number"
            }}}}}}),
        )
        .unwrap()
        .remove(0)
        .tables
        .remove(0)
    }

    fn page(query: &[(&str, &str)]) -> Result<Page> {
        let encode =
            |v| percent_encoding::utf8_percent_encode(v, percent_encoding::NON_ALPHANUMERIC);
        let pairs: Vec<_> = query.iter().map(|(k, v)| format!("{k}={}", encode(v))).collect();
        Page::parse(&table(), &Query::read(crate::http::parameters::LIST, &pairs.join("&"))?)
    }

    #[test]
    fn parameters_are_read_as_the_contract_says() {
        assert_eq!(page(&[]).unwrap().limit, 100);
        assert_eq!(page(&[("limit", "5abc")]).unwrap().limit, 5);
        assert_eq!(page(&[("limit", "5000")]).unwrap().limit, 1000);
        assert_eq!(page(&[("limit", "3"), ("perPage", "7")]).unwrap().limit, 3);
        let message = |q: &[(&str, &str)]| page(q).unwrap_err().to_string();
        assert_eq!(message(&[("limit", "x")]), "Invalid limit parameter: must be a number");
        assert_eq!(message(&[("offset", "-1")]), "Invalid offset parameter: must be non-negative");
        assert_eq!(message(&[("page", "0")]), "Invalid page parameter: must be a positive number");
        assert!(message(&[("page", "1"), ("after", "x")]).contains("Choose one"));
        assert!(message(&[("sort", "nope:asc")]).contains("unknown field"));
        assert!(message(&[("sort", "n"), ("after", "plain-id")]).contains("does not belong"));
        let sealed = page(&[("after", "~AAAA")]).unwrap();
        let key = CursorKey::random().unwrap();
        assert!(sealed.opened(&key, "").unwrap_err().to_string().contains("does not belong"));
    }

    #[test]
    fn a_cursor_continues_behind_its_row_on_every_sort_key() {
        let first = page(&[("sort", "n:desc,s")]).unwrap();
        let cursor = first.cursor(&first.position(r#"["2",null]"#, "x1").unwrap());
        let next = page(&[("sort", "n:desc,s"), ("after", &cursor)]).unwrap();
        let mut sql = Sql::default();
        next.write_start(&mut sql, &table());
        assert_eq!(
            sql.text(),
            r#" AND (((t."n" < $1 OR t."n" IS NULL)) OR (t."n" = $2 AND t."s" IS NOT NULL) OR (t."n" = $3 AND t."s" IS NULL AND t."id" > $4))"#
        );
        let other = page(&[("sort", "n,s"), ("after", &cursor)]).unwrap_err();
        assert!(other.to_string().contains("does not belong"), "{other}");
    }

    #[test]
    fn a_cursor_continues_behind_what_is_no_number_of_json() {
        for name in ["Infinity", "-Infinity", "NaN"] {
            let first = page(&[("sort", "n")]).unwrap();
            let cursor = first.cursor(&first.position(&json!([name]).to_string(), "x1").unwrap());
            let mut sql = Sql::default();
            let next = page(&[("sort", "n"), ("after", &cursor)]).unwrap();
            next.write_start(&mut sql, &table());
            assert_eq!(sql.text(), r#" AND ((t."n" > $1) OR (t."n" = $2 AND t."id" > $3))"#);
        }
    }

    #[test]
    fn nulls_are_the_least_in_either_direction() {
        let order = |query: &[(&str, &str)]| {
            let mut sql = Sql::default();
            page(query).unwrap().write_order(&mut sql, &table(), None);
            sql.text().to_owned()
        };
        assert_eq!(
            order(&[("sort", "n,createdAt:desc")]),
            r#" ORDER BY t."n" ASC NULLS FIRST, t."createdAt" DESC, t."id" ASC LIMIT $1 OFFSET $2"#
        );
        assert!(order(&[("sort", "n:desc")]).contains(r#"t."n" DESC NULLS LAST"#));
    }
}
