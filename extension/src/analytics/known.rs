//! Which block's table is a foreign table over, with which columns, and how large is it?
//!
//! Looked up in the registry once and kept by the backend: what a relation is over changes only
//! with the relation itself, which PostgreSQL tells. How large it is comes from a few instances,
//! not from all, and is looked up again after a while, so that planning takes the same short time
//! however many there are.

use crate::analytics::columns::{Column, is_relation};
use crate::error::Error;
use crate::fence::fdw::foreign;
use crate::fence::open::{Lock, Relation};
use crate::fence::rows::Snapshot;
use crate::registry;
use crate::relation;
use crate::shape::Shape;
use pgrx::pg_sys::Oid;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Instances counted one by one; more are taken from the registry's statistics.
const COUNTED: usize = 64;
/// Instances whose tables are looked at for their size.
const SAMPLED: usize = 8;
/// How long sizes are believed.
const FRESH: Duration = Duration::from_secs(10);

/// What a relation is over.
pub struct Known {
    pub namespace: String,
    /// The table's name in the schema of each instance.
    pub table: String,
    /// The relation's columns by number, the first at 0; nothing where one was dropped.
    pub columns: Vec<Option<Column>>,
    pub size: Size,
    since: Instant,
}

/// How much there is to read, roughly.
#[derive(Clone, Copy)]
pub struct Size {
    /// Instances of the block.
    pub instances: f64,
    /// Rows of the table in one of them.
    pub rows: f64,
    /// Its pages.
    pub pages: f64,
}

thread_local! {
    static KNOWN: RefCell<HashMap<Oid, Rc<Known>>> = RefCell::new(HashMap::new());
    static REGISTERED: Cell<bool> = const { Cell::new(false) };
}

/// What the foreign table of that oid is over, as planning needs it: with a size to be believed.
/// The caller has locked the foreign table, so that what is kept cannot have changed meanwhile.
pub fn to_plan(table: Oid) -> Result<Rc<Known>, Error> {
    kept(table).filter(|k| k.since.elapsed() < FRESH).map_or_else(|| look_up(table), Ok)
}

/// The same as running needs it: its size may be of any age.
pub fn to_run(table: Oid) -> Result<Rc<Known>, Error> {
    kept(table).map_or_else(|| look_up(table), Ok)
}

fn kept(table: Oid) -> Option<Rc<Known>> {
    KNOWN.with_borrow(|all| all.get(&table).cloned())
}

fn look_up(table: Oid) -> Result<Rc<Known>, Error> {
    if !REGISTERED.replace(true) {
        foreign::on_change(forget);
    }
    let (schema, name) =
        relation::name(table).ok_or_else(|| Error::NotARelation(table.to_u32().to_string()))?;
    let columns = columns(table);
    let namespace = registry::analytics_block(&schema)
        .filter(|_| is_relation(&columns))
        .ok_or_else(|| Error::NotARelation(format!("{schema}.{name}")))?;
    let size = size(&namespace, &name);
    let since = Instant::now();
    let known = Rc::new(Known { namespace, table: name, columns, size, since });
    KNOWN.with_borrow_mut(|all| all.insert(table, Rc::clone(&known)));
    Ok(known)
}

/// The columns of a foreign table by number, the first at 0; nothing where one was dropped.
fn columns(table: Oid) -> Vec<Option<Column>> {
    let Some(open) = Relation::open(table, Lock::WhileOpen) else { return Vec::new() };
    let shape = Shape::of(&open);
    let column = |place| {
        let (column, name) = (shape.column(place)?, shape.name(place)?);
        let options = foreign::column_options(table, column.attnum);
        Some(Column::new(name, column.atttypid, column.atttypmod, options))
    };
    (0..shape.len()).map(column).collect()
}

fn size(namespace: &str, table: &str) -> Size {
    let (places, more) = registry::places(namespace, None, COUNTED, Snapshot::NEWEST);
    let mut instances = places.len() as f64;
    if more.is_some() {
        instances = instances.max(relation::size("edgebase", "instance").map_or(0.0, |s| s.0));
    }
    let step = places.len().div_ceil(SAMPLED).max(1);
    let sizes: Vec<(f64, f64)> = places
        .iter()
        .step_by(step)
        .filter_map(|place| relation::size(&place.schema, table))
        .collect();
    let mean =
        |of: fn(&(f64, f64)) -> f64| sizes.iter().map(of).sum::<f64>() / sizes.len().max(1) as f64;
    Size { instances, rows: mean(|s| s.0), pages: mean(|s| s.1) }
}

/// Called when a relation has changed, or with `None` when any may have.
fn forget(relation: Option<Oid>) {
    // An invalidation can arrive while an entry is being made. That entry is right nevertheless:
    // its foreign table is locked, so the invalidation is not of it.
    KNOWN.with(|known| {
        if let Ok(mut all) = known.try_borrow_mut() {
            match relation {
                Some(oid) => drop(all.remove(&oid)),
                None => all.clear(),
            }
        }
    });
}
