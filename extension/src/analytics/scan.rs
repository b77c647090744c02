//! How does a query over all instances get its rows?
//!
//! One instance after the other: its table is locked while it is read and no longer. Which
//! instances, is `instances`; which column is which, `columns`; which index serves, `fit`.
//!
//! The lock is waited for, as by any query: skipping an instance that is being migrated would make
//! sums wrong. An instance that is gone once the lock is there is skipped, and so is one that has not
//! made the table yet. What was written anew or put in the table's place since the query's snapshot,
//! what a change by hand made unreadable, and what a migration to come renames fails the query: rows
//! are never left out. Tables that inherit from an instance's, partitions among them, are read after it.
//!
//! The relation cache grows with the instances read, as a backend never evicts from it. It is
//! emptied every `edgebase.analytics_cache` instances.

use crate::analytics::columns::{Column, Found, locate};
use crate::analytics::condition::{INSTANCE, search};
use crate::analytics::expr::{Comparison, Expr, comparison, is_constant, is_outer_parameter};
use crate::analytics::fit::{Search, best};
use crate::analytics::instances::{Instances, common};
use crate::analytics::known::{self, Known};
use crate::analytics::plan::Told;
use crate::error::Error;
use crate::fence::fdw::checks::Checks;
use crate::fence::fdw::executor::{Executing, Prepared};
use crate::fence::fdw::reading::{Reader, Request, Source};
use crate::fence::history::{self, Since};
use crate::fence::open::{Lock, Relation};
use crate::fence::plain;
use crate::fence::rows::Snapshot;
use crate::fence::session::Scope;
use crate::fence::value::Value;
use crate::guc;
use crate::lock;
use crate::registry::{self, Place};
use crate::relation;
use crate::shape::Shape;
use crate::tables;
use edgebase_blocks::diff::{Lasting, Past, past};
use edgebase_blocks::quote::qualified;
use edgebase_blocks::settings;
use edgebase_blocks::sparse::Names;
use pgrx::pg_sys::Oid;
use std::collections::HashMap;
use std::ffi::CString;
use std::rc::Rc;

/// Tables of at most so many pages are read through: opening an index costs more.
const SMALL: u32 = 4;

/// A condition whose value is evaluated once a scan.
struct Compared {
    comparison: Comparison<'static>,
    value: Prepared,
}

/// A column that the query needs.
struct Wanted {
    /// Where it is among the relation's columns, counted from 0.
    place: usize,
    /// Where it was in the table of the last instance.
    last: usize,
    /// Its value where an instance has not got it, once there was one.
    missing: Option<Option<Value<'static>>>,
}

/// A scan between begin and end.
pub struct Scan {
    /// What the relation is over.
    pub known: Rc<Known>,
    /// Whether the query needs the instance's id.
    shows_instance: bool,
    wanted: Vec<Wanted>,
    keys: Vec<Compared>,
    filter: Option<Prepared>,
    columns: Vec<Compared>,
    checks: Checks,
    /// The column of each check, by its place among the relation's.
    checked: Vec<usize>,
    /// Where the next instance comes from, once that is decided.
    source: Option<Instances>,
    /// Tables that inherit from that of the instance that is read now, and are still to be read.
    heirs: Vec<(Place, Oid)>,
    /// Reads the instance that is read now.
    pub reader: Reader,
    /// The block's present version.
    version: String,
    /// What the table of an instance of another version has in common with the present one.
    lasting: HashMap<String, Past>,
    /// Since the scan began, restarts included.
    pub read: u64,
    pub by_index: u64,
}

impl Scan {
    /// Prepares a scan and reads nothing yet.
    pub fn begin(node: Executing) -> Result<Self, Error> {
        let relation = node.relation();
        let known = known::to_run(relation.oid())?;
        let plan = node.plan().ok_or_else(|| Error::Internal("a scan without plan".to_owned()))?;
        let Told { pushed: [keys, filters, columns], mut needed } = Told::of(plan, node.numbers());
        if needed.contains(&0) {
            needed = (1..=known.columns.len() as i16).collect();
        }
        let (keys, columns) = (compared(node, keys), compared(node, columns));
        // A condition that is pushed down needs its column, whether the query shows it or not.
        needed.extend(columns.iter().map(|c| c.comparison.column.attribute));
        needed.sort_unstable();
        needed.dedup();
        let shape = Shape::of(&relation);
        let wanted = needed.iter().filter(|number| **number > INSTANCE);
        let wanted = wanted.map(|number| *number as usize - 1);
        let wanted = wanted.filter(|place| shape.column(*place).is_some());
        let version = registry::block(&known.namespace).map(|block| block.version);
        Ok(Self {
            known,
            version: version.unwrap_or_default(),
            lasting: HashMap::new(),
            shows_instance: needed.contains(&INSTANCE),
            wanted: wanted.map(|place| Wanted { place, last: 0, missing: None }).collect(),
            keys,
            filter: node.prepare_filter(filters),
            columns,
            checks: Checks::default(),
            checked: Vec::new(),
            source: None,
            heirs: Vec::new(),
            reader: Reader::new(node),
            read: 0,
            by_index: 0,
        })
    }

    /// Opens the next instance's table; false when there is none.
    pub fn go_on(&mut self, node: Executing) -> Result<bool, Error> {
        self.reader.close(node);
        if self.source.is_none() {
            self.start(node);
        }
        while !self.reader.is_open() {
            pgrx::check_for_interrupts!();
            if let Some((place, heir)) = self.heirs.pop() {
                if let Some(table) = Relation::open(heir, Lock::WhileOpen) {
                    self.read(node, place, table)?;
                }
                continue;
            }
            let source = self.source.as_mut();
            let next = source.and_then(|s| s.next(&self.known.namespace, node.snapshot()));
            let Some(place) = next else { return Ok(false) };
            self.open(node, place)?;
        }
        Ok(true)
    }

    /// Ends what was begun and starts again at the next call, with the values that conditions have
    /// then.
    pub fn restart(&mut self, node: Executing) {
        self.reader.close(node);
        self.heirs.clear();
        self.source = None;
    }

    /// Evaluates the conditions and decides where instances come from.
    fn start(&mut self, node: Executing) {
        self.checks.clear();
        self.checked.clear();
        let mut ids = None;
        for Compared { comparison, value } in &self.columns {
            let Some(search) = search(comparison) else { continue };
            let Comparison { operator, array, .. } = *comparison;
            match node.evaluate(value) {
                Some(value) => {
                    if self.checks.add(node, (operator, array), search, value) {
                        self.checked.push(comparison.column.attribute as usize - 1);
                    }
                }
                // A comparison with null holds for no row.
                None => ids = Some(Vec::new()),
            }
        }
        let ids = ids.or_else(|| self.named(node));
        self.source = Some(Instances::new(&self.known.namespace, ids, node.snapshot()));
    }

    /// The ids that conditions name, in order; `None` when none names any.
    pub fn named(&self, node: Executing) -> Option<Vec<String>> {
        let ids = |key: &Compared| match node.evaluate(&key.value) {
            None => Vec::new(),
            Some(ids) if key.comparison.array => {
                ids.texts().into_iter().flatten().flatten().collect()
            }
            Some(id) => id.text().map(str::to_owned).into_iter().collect(),
        };
        self.keys.iter().fold(None, |all, key| Some(common(all, ids(key))))
    }

    /// Whether the ids that conditions name are there before the query runs, given whether it has
    /// its parameters.
    pub fn is_named_before(&self, has_parameters: bool) -> bool {
        let there = |e: Expr| is_constant(e) || has_parameters && is_outer_parameter(e);
        self.keys.iter().all(|key| there(key.comparison.value))
    }

    /// Opens an instance's table, unless a condition excludes the instance or it is gone.
    fn open(&mut self, node: Executing, place: Place) -> Result<(), Error> {
        if let Some(filter) = &self.filter
            && !self.reader.admits(node, filter, &place.id)
        {
            return Ok(());
        }
        self.read += 1;
        self.forget_caches();
        let table = relation::open(&place.schema, &self.known.table, Lock::WhileOpen);
        let Some(table) = table else { return self.check_absent(node, &place) };
        let heirs = table.heirs().into_iter().map(|heir| (place.clone(), heir));
        self.heirs.extend(heirs);
        self.read(node, place, table)
    }

    /// Refuses to leave out an instance without such a table, unless it is gone or has not made the
    /// table yet.
    fn check_absent(&mut self, node: Executing, place: &Place) -> Result<(), Error> {
        let has_schema = lock::schema_oid(&place.schema).is_some();
        // Afterwards: schema and row of an instance go at the same time.
        let Some(version) = self.present(&place.id) else { return Ok(()) };
        if !has_schema {
            let key = format!("{}:{}", self.known.namespace, place.id);
            return Err(Error::SchemaMissing { key, schema: place.schema.clone() });
        }
        history::check_absent(node.snapshot(), &place.schema, &self.known.table)?;
        if version != self.version {
            self.lasting(&version, place)?;
        }
        let table = Names::from([self.known.table.clone()]);
        tables::refuse_moved(place.number, &place.schema, &table)
    }

    /// Begins to read a table of an instance.
    fn read(&mut self, node: Executing, place: Place, table: Relation) -> Result<(), Error> {
        let name = qualified(&place.schema, &self.known.table);
        let unreadable = |obstacle| Error::Unreadable { table: name.clone(), obstacle };
        if let Some(obstacle) = table.obstacle() {
            return Err(unreadable(obstacle));
        }
        let version = match history::since(node.snapshot(), &table) {
            Since::Unchanged => place.version.clone(),
            Since::Rewritten => return Err(history::rewritten(table.oid())),
            // Migrated since, as the registry has it by now; or gone with its instance.
            Since::Changed => match self.present(&place.id) {
                Some(version) => version,
                None => return Ok(()),
            },
        };
        let lasting = match version == self.version {
            true => None,
            false => match self.lasting(&version, &place)? {
                Some(lasting) => Some(lasting),
                None => return Ok(()),
            },
        };
        let shape = Shape::of(&table);
        let mut columns = Vec::with_capacity(self.wanted.len());
        for wanted in &mut self.wanted {
            let Some(Some(column)) = self.known.columns.get(wanted.place) else { continue };
            let found = locate(column, &shape, wanted.last, lasting.as_deref());
            let found = found.map_err(unreadable)?;
            let source = wanted.source(node, column, found)?;
            columns.push((wanted.place, source));
        }
        // A check of a column that is not here, or not of this type, is left to the executor.
        let number = |place: &usize| match columns.iter().find(|(to, _)| to == place) {
            Some((_, Source::Column(n))) => Some(*n as i16 + 1),
            _ => None,
        };
        let checked: Vec<Option<i16>> = self.checked.iter().map(number).collect();
        let index = self.index(&table, &checked);
        drop(shape);
        let id = self.shows_instance.then_some(place.id.as_str());
        let request = Request { table, id, columns, checks: &self.checks, checked, index };
        self.by_index += u64::from(self.reader.open(node, request));
        Ok(())
    }

    /// The version that an instance has by now. The block may have another by now, too.
    fn present(&mut self, id: &str) -> Option<String> {
        let version = registry::place(&self.known.namespace, id, Snapshot::NEWEST)?.version;
        let block = registry::block(&self.known.namespace)?.version;
        if block != self.version {
            self.lasting.clear();
            self.version = block;
        }
        Some(version)
    }

    /// What the table of an instance of that version has in common with the present one; `None` if
    /// it is another table, and the present one empty.
    fn lasting(&mut self, version: &str, place: &Place) -> Result<Option<Rc<Lasting>>, Error> {
        if !self.lasting.contains_key(version) {
            let shapes = registry::shapes(&self.known.namespace, version, &self.version)?;
            self.lasting.insert(version.to_owned(), past(&shapes, &self.known.table));
        }
        match &self.lasting[version] {
            Past::Same(lasting) => Ok(Some(Rc::clone(lasting))),
            Past::Other => Ok(None),
            Past::Unknown => Err(Error::Renamed {
                key: format!("{}:{}", self.known.namespace, place.id),
                table: self.known.table.clone(),
            }),
        }
    }

    /// The index that serves the checks best, when the table is not small and one does.
    fn index(
        &self,
        table: &Relation,
        checked: &[Option<i16>],
    ) -> Option<(Oid, Vec<(usize, usize)>)> {
        if checked.iter().all(Option::is_none) || table.pages() <= SMALL {
            return None;
        }
        // 0 is no column.
        let searches = checked.iter().map(|number| number.unwrap_or_default());
        let searches: Vec<(i16, Search)> = searches.zip(self.checks.searches()).collect();
        let columns = |index| Relation::open(index, Lock::WhileOpen).map(|i| (index, i.indexed()));
        let indexes: Vec<_> = table.indexes().into_iter().filter_map(columns).collect();
        let fit = best(indexes.iter().map(|(_, columns)| columns.as_slice()), &searches)?;
        indexes.get(fit.index).map(|(index, _)| (*index, fit.keys))
    }

    /// Every so many instances the backend's caches are emptied, as an invalidation of everything
    /// would, and as PostgreSQL does at a lock whose invalidation messages overflowed: what is in
    /// use stays, and what is needed again is read again.
    fn forget_caches(&self) {
        let every = guc::ANALYTICS_CACHE.get() as u64;
        if every != 0 && self.read.is_multiple_of(every) {
            plain::InvalidateSystemCaches();
        }
    }
}

fn compared(node: Executing, conditions: Vec<Expr<'static>>) -> Vec<Compared> {
    let ready = |expr| {
        let comparison = comparison(expr)?;
        Some(Compared { comparison, value: node.prepare(comparison.value)? })
    };
    conditions.into_iter().filter_map(ready).collect()
}

impl Wanted {
    /// Where the column's values come from, found or not in an instance's table.
    fn source(&mut self, node: Executing, column: &Column, found: Found) -> Result<Source, Error> {
        Ok(match found {
            Found::Here(n) => {
                self.last = n;
                Source::Column(n)
            }
            Found::Missing => {
                if self.missing.is_none() {
                    // The text means what it would in a migration, however the session reads it.
                    let scope = Scope::open();
                    scope.pin(settings::OUTPUT)?;
                    scope.pin(settings::INPUT)?;
                    let parse = |text: &CString| node.parse(text, column.kind, column.modifier);
                    self.missing = Some(column.default.as_ref().map(parse));
                }
                Source::Value(self.missing.flatten())
            }
            Found::Unknown => Source::Value(None),
        })
    }
}
