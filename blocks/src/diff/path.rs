//! Which way does an instance go that missed some of its block's shapes?
//!
//! A migration is written for the way from the shape before it to the one that it came with: it may
//! fill a column that a later one drops, or convert one that the instance has not got yet. So an
//! instance stops at both, for every migration that it still has to run, and goes straight past
//! all others. The same holds where a table gained or lost its schema. At a stop it
//! takes on only what migrations can see, tables and columns. Constraints and indexes of a stop
//! are left out unless they are there already: rows that once stood in the way of one must not
//! stop an instance when the present config no longer has it.

use super::new_migrations;
use crate::field::Field;
use crate::storage::StoredBlock;
use crate::table::{Migration, Table};

/// The shapes from `old`, which comes first, to `new`, which comes last. `between` are those that
/// the block has had since, oldest first.
#[must_use]
pub fn path(old: &StoredBlock, between: &[StoredBlock], new: &StoredBlock) -> Vec<StoredBlock> {
    let mut shapes = vec![old.clone()];
    // The last shape that was passed without a stop.
    let mut passed: Option<&StoredBlock> = None;
    for shape in between {
        let now = &shapes[shapes.len() - 1];
        if !brings(now, &stop(now, shape, new)) {
            passed = Some(shape);
            continue;
        }
        let before = passed.take().map_or_else(|| now.clone(), |before| stop(now, before, new));
        let here = stop(&before, shape, new);
        if before != *now {
            shapes.push(before);
        }
        shapes.push(here);
    }
    let now = &shapes[shapes.len() - 1];
    if let Some(before) = passed.filter(|_| brings(now, new)) {
        let before = stop(now, before, new);
        if before != *now {
            shapes.push(before);
        }
    }
    shapes.push(new.clone());
    shapes
}

/// Whether the way to `shape` from `now` depends on where it begins: by migrations, or by values
/// that move into a table's document or out of it, where a field may come back as another type.
fn brings(now: &StoredBlock, shape: &StoredBlock) -> bool {
    shape.tables.iter().any(|t| {
        let before = super::predecessor(now, shape, t);
        let moves = before.is_some_and(|b| b.is_schemaless() != t.is_schemaless());
        moves || !new_migrations(before, t).is_empty()
    })
}

/// `shape` with no more constraints than `now` has already. Its migrations are those that `new`
/// still has, in `new`'s words: a migration that turned out wrong is corrected or taken out there.
fn stop(now: &StoredBlock, shape: &StoredBlock, new: &StoredBlock) -> StoredBlock {
    let tables = shape.tables.iter().map(|table| {
        let (before, after) = (now.table(&table.name), new.table(&table.name));
        let fields = table.fields.as_ref().map(|fields| {
            let relaxed = |f: &Field| relax(f, before.and_then(|b| b.field(&f.name)));
            fields.iter().map(relaxed).collect()
        });
        let migrations = table.migrations.iter().filter_map(|m| match after {
            None => Some(m.clone()),
            Some(after) => after.migrations.iter().find(|n| n.version == m.version).cloned(),
        });
        let kept = |i: &&crate::table::Index| before.is_some_and(|b| b.indexes.contains(i));
        Table {
            name: table.name.clone(),
            hidden: table.hidden,
            auto: table.auto,
            fields,
            indexes: table.indexes.iter().filter(kept).cloned().collect(),
            fts: before.map(|b| b.fts.clone()).filter(|fts| *fts == table.fts).unwrap_or_default(),
            migrations: migrations.collect::<Vec<Migration>>(),
        }
    });
    StoredBlock {
        namespace: shape.namespace.clone(),
        kind: shape.kind,
        hidden: shape.hidden,
        tables: tables.collect(),
    }
}

fn relax(field: &Field, now: Option<&Field>) -> Field {
    let now = now.filter(|n| n.kind == field.kind);
    let same = |equal: fn(&Field, &Field) -> bool| now.is_some_and(|n| equal(n, field));
    Field {
        required: field.required && same(|a, b| a.required == b.required),
        unique: field.unique && same(|a, b| a.unique == b.unique),
        min: field.min.filter(|_| same(|a, b| a.min == b.min)),
        max: field.max.filter(|_| same(|a, b| a.max == b.max)),
        choices: field.choices.clone().filter(|_| same(|a, b| a.choices == b.choices)),
        references: field.references.clone().filter(|_| same(|a, b| a.references == b.references)),
        check: field.check.clone().filter(|_| same(|a, b| a.check == b.check)),
        ..field.clone()
    }
}
