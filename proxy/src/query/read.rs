//! Which statements read rows?
//!
//! Each returns two columns: the whole row as JSON text made by Postgres, so that a row no rule
//! or hook looks at passes through the proxy unparsed, and the row's id.

use crate::db::Bound;
use crate::db::statement::{Bind, Sql};
use crate::query::column::{DOCUMENT, write_record, write_shown};
use crate::query::filter::Filter;
use crate::query::page::Page;
use crate::query::row_scope::RowScope;
use crate::query::search::Search;
use edgebase_blocks::{InstanceKey, Table};

/// The rank's column; no field can have this name, since it is a control character.
const RANK: &str = "\u{1}";

/// Which rows of a table a statement is about.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// What the request asks for.
    pub filter: &'a Filter,
    /// What it searches.
    pub search: Option<&'a Search>,
    /// What rules leave to the caller.
    pub scopes: &'a [RowScope],
}

impl<'a> Selection<'a> {
    /// The rows that match a filter.
    #[must_use]
    pub fn of(filter: &'a Filter) -> Self {
        Self { filter, search: None, scopes: &[] }
    }

    fn write(&self, sql: &mut Sql, table: &Table) {
        self.filter.write(sql, table);
        if let Some(search) = self.search {
            search.write_condition(sql, table);
        }
        for scope in self.scopes {
            scope.write(sql);
        }
    }
}

/// `SELECT record, id FROM (SELECT … FROM table t`, to be continued with conditions. One level of
/// nesting and no more: each costs the planner as much as running the statement does.
fn rows(schema: &str, table: &Table) -> Sql {
    rows_of(schema, table, None)
}

/// The same with some fields of each row, of which `id` is one. A record that does not show its key
/// is read whole.
fn rows_of(schema: &str, table: &Table, fields: Option<&[String]>) -> Sql {
    let mut sql = if table.auto.id {
        let mut sql = Sql::new("SELECT pg_catalog.row_to_json(r.*)::text, r.\"id\" FROM (SELECT ");
        write_shown(&mut sql, table, fields);
        sql
    } else {
        // A key that is not shown has to stand beside the record.
        let mut sql = Sql::new("SELECT r.record, r.\"id\" FROM (SELECT ");
        write_record(&mut sql, table);
        sql.push(" AS record, t.\"id\"");
        sql
    };
    sql.push(" FROM ").table(schema, &table.name).push(" t");
    sql
}

/// The record of that id, with some of its fields if they are named, or null in its place. One text
/// for all tables of all instances, so every connection keeps it prepared.
#[must_use]
pub fn get(key: &InstanceKey, table: &Table, id: &str, fields: Option<&[String]>) -> Sql {
    let document = table.is_schemaless().then_some(DOCUMENT);
    let is_shown = |name: &str| {
        name == "id" || fields.is_none_or(|fields| fields.iter().any(|field| field == name))
    };
    let columns = table.columns().map(|(name, _)| name).filter(|n| is_shown(n)).chain(document);
    let mut sql = Sql::new("SELECT edgebase.read_record(");
    sql.bind(Bind::text(key.namespace()))
        .push(", ")
        .bind(Bind::Text(key.id().map(str::to_owned)))
        .push(", ")
        .bind(Bind::text(&table.name))
        .push(", ")
        .bind(Bind::Texts(columns.map(str::to_owned).collect()))
        .push(", ")
        .bind(Bind::text(id))
        .push("), $5");
    sql.within(Bound::Record);
    sql
}

/// The same read by a statement inside the instance, of a table that was changed by hand.
#[must_use]
pub fn get_inside(schema: &str, table: &Table, id: &str, fields: Option<&[String]>) -> Sql {
    let fields = fields.map(|fields| {
        let key = (!fields.iter().any(|field| field == "id")).then(|| "id".to_owned());
        fields.iter().cloned().chain(key).collect::<Vec<_>>()
    });
    let mut sql = rows_of(schema, table, fields.as_deref());
    sql.push(" WHERE t.\"id\" = ").bind(Bind::text(id)).push(") r");
    sql.within(Bound::Record);
    sql
}

/// The records of those ids, locked for a write that a rule decides about.
#[must_use]
pub fn lock(schema: &str, table: &Table, ids: &[String]) -> Sql {
    let mut sql = rows(schema, table);
    sql.push(" WHERE t.\"id\" = ANY (")
        .bind(Bind::Texts(ids.to_vec()))
        .push(") ORDER BY t.\"id\" FOR UPDATE");
    sql.push(") r");
    sql
}

/// The record with that value in a unique field, locked.
#[must_use]
pub fn lock_by(schema: &str, table: &Table, filter: &Filter) -> Sql {
    let mut sql = rows(schema, table);
    sql.push(" WHERE TRUE");
    filter.write(&mut sql, table);
    sql.push(" FOR UPDATE");
    sql.push(") r");
    sql
}

/// At most `limit` records of the selection, locked, in id order; with `ids`, none but those.
#[must_use]
pub fn lock_matching(
    schema: &str,
    table: &Table,
    selection: &Selection<'_>,
    ids: Option<&[String]>,
    limit: i64,
) -> Sql {
    let mut sql = rows(schema, table);
    sql.push(" WHERE TRUE");
    selection.write(&mut sql, table);
    if let Some(ids) = ids {
        sql.push(" AND t.\"id\" = ANY (").bind(Bind::Texts(ids.to_vec())).push(")");
    }
    sql.push(" ORDER BY t.\"id\" LIMIT ").bind(Bind::Int(limit)).push(" FOR UPDATE");
    sql.push(") r");
    sql
}

/// The ids of the rows that [`lock_matching`] would give.
#[must_use]
pub fn lock_keys(schema: &str, table: &Table, selection: &Selection<'_>, limit: i64) -> Sql {
    let mut sql = Sql::new("SELECT t.\"id\" FROM ");
    sql.table(schema, &table.name).push(" t WHERE TRUE");
    selection.write(&mut sql, table);
    sql.push(" ORDER BY t.\"id\" LIMIT ").bind(Bind::Int(limit)).push(" FOR UPDATE");
    sql
}

/// A row that a search without a sort has come to: its rank and its id.
pub type Hit = (f64, String);

/// One page of a search, and one row more. Without a sort of its own the best hits come first, and
/// `behind` is the hit that the page begins behind. The columns behind record and id are the rank
/// and, where the page is sorted, the sort values.
#[must_use]
pub fn search(
    schema: &str,
    table: &Table,
    selection: &Selection<'_>,
    search: &Search,
    page: &Page,
    behind: Option<&Hit>,
    fields: Option<&[String]>,
) -> Sql {
    let mut sql = Sql::new(RECORD_OF_ROW);
    sql.push(", t.").ident(RANK);
    let mut inner = |sql: &mut Sql| {
        sql.push(", ");
        search.write_rank(sql, table);
        sql.push(" AS ").ident(RANK);
    };
    write_rows(&mut sql, schema, table, page, &mut inner);
    selection.write(&mut sql, table);
    page.write_start(&mut sql, table);
    if let Some((rank, id)) = behind {
        sql.push(" AND (");
        search.write_rank(&mut sql, table);
        sql.push(" > ").bind(Bind::Number(Some(*rank))).push(" OR (");
        search.write_rank(&mut sql, table);
        sql.push(" = ").bind(Bind::Number(Some(*rank)));
        sql.push(if page.is_backwards() { " AND t.\"id\" < " } else { " AND t.\"id\" > " });
        sql.bind(Bind::text(id.as_str())).push("))");
    }
    page.write_order(&mut sql, table, (!page.is_sorted()).then_some(RANK));
    write_records(&mut sql, table, fields);
    sql
}

/// The record and the id of a row of `t`, the fields of which `r` has.
const RECORD_OF_ROW: &str = "SELECT pg_catalog.row_to_json(r.*)::text, t.\"id\"";

/// Appends the sort values of a sorted page, and its rows as `t` with further columns, to be
/// continued with conditions.
fn write_rows(
    sql: &mut Sql,
    schema: &str,
    table: &Table,
    page: &Page,
    columns: &mut dyn FnMut(&mut Sql),
) {
    if page.is_sorted() {
        sql.push(", ");
        page.write_position(sql, table);
    }
    sql.push(" FROM (SELECT t.*");
    columns(sql);
    sql.push(" FROM ").table(schema, &table.name).push(" t WHERE TRUE");
}

/// Ends what [`write_rows`] has begun.
fn write_records(sql: &mut Sql, table: &Table, fields: Option<&[String]>) {
    sql.push(") t CROSS JOIN LATERAL (SELECT ");
    write_shown(sql, table, fields);
    sql.push(") r");
}

/// One page, and one row more to see whether it is the last; with `fields`, among which is `id`,
/// no others of each row. A third column has the sort values of a sorted page.
#[must_use]
pub fn list(
    schema: &str,
    table: &Table,
    selection: &Selection<'_>,
    page: &Page,
    fields: Option<&[String]>,
) -> Sql {
    let is_sorted = page.is_sorted();
    let mut sql = if is_sorted {
        let mut sql = Sql::new(RECORD_OF_ROW);
        write_rows(&mut sql, schema, table, page, &mut |_| {});
        sql
    } else {
        let mut sql = rows_of(schema, table, fields);
        sql.push(" WHERE TRUE");
        sql
    };
    selection.write(&mut sql, table);
    page.write_start(&mut sql, table);
    page.write_order(&mut sql, table, None);
    if is_sorted {
        write_records(&mut sql, table, fields);
    } else {
        sql.push(") r");
    }
    sql
}

/// No record; fails where the table is not there.
#[must_use]
pub fn none(schema: &str, table: &Table) -> Sql {
    let mut sql = Sql::new("SELECT FROM ");
    sql.table(schema, &table.name).push(" LIMIT 0");
    sql
}

/// The names of the tables that the transaction sees.
#[must_use]
pub fn tables(schema: &str) -> Sql {
    let mut sql = Sql::new(
        "SELECT c.relname::text FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND n.nspname = ",
    );
    sql.bind(Bind::text(schema));
    sql
}

/// Every record, in id order.
#[must_use]
pub fn all(schema: &str, table: &Table) -> Sql {
    let mut sql = rows(schema, table);
    sql.push(" ORDER BY t.\"id\"");
    sql.push(") r");
    sql
}

/// At most `limit` records of the selection, in id order, behind the id given.
#[must_use]
pub fn matching(
    schema: &str,
    table: &Table,
    selection: &Selection<'_>,
    behind: Option<&str>,
    limit: i64,
) -> Sql {
    let mut sql = rows(schema, table);
    sql.push(" WHERE TRUE");
    selection.write(&mut sql, table);
    if let Some(id) = behind {
        sql.push(" AND t.\"id\" > ").bind(Bind::text(id));
    }
    sql.push(" ORDER BY t.\"id\" LIMIT ").bind(Bind::Int(limit));
    sql.push(") r");
    sql
}

/// How many rows there are in the selection.
#[must_use]
pub fn count(schema: &str, table: &Table, selection: &Selection<'_>) -> Sql {
    let mut sql = Sql::new("SELECT pg_catalog.count(*) FROM ");
    sql.table(schema, &table.name).push(" t WHERE TRUE");
    selection.write(&mut sql, table);
    sql
}
