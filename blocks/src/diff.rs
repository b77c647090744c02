//! Which steps lead from one shape of a block to another?
//!
//! Pure: the difference of two stored blocks, in an order in which each step can run. Steps that
//! only add are safe to repeat. A step that can lose data is `destructive`; it is `covered` when
//! the new shape brings a migration that mentions what is lost by name, which is the author's
//! word that the data has been seen to. One that is not covered carries the migration to write.
//!
//! Order: constraints and indexes that go, then migrations up to the last one that renames
//! something, then everything that is added or altered, then the other migrations, then
//! constraints, indexes and foreign keys that come, then what is dropped. So a migration may fill a
//! column that the same config adds, none is held up by a constraint that the new shape has no
//! more, and a rename is not mistaken for a drop beside an addition.
//!
//! The outcome is the shape that a new instance would have, but for the order of columns (an added
//! one stands last) and for columns that should not be null and in some row are: a new `required`
//! field without a default is added nullable, since there is no value that could stand in the rows
//! that are there. Whoever runs the steps makes such columns NOT NULL where no row objects.

mod document;
mod guide;
mod lasting;
mod path;
mod sparse;
mod step;

pub use guide::Guide;
pub use lasting::{Lasting, Past, past};
pub use path::path;
pub use sparse::kept;
pub use step::{Change, Lock, Statement, Step, Work};

use crate::ddl::{self, Column, Constraint, DOC_COLUMN};
use crate::quote::{ident, qualified};
use crate::storage::StoredBlock;
use crate::table::{Migration, Table};
use std::collections::HashSet;
use step::SCHEMA;

/// The steps from `old` to `new`.
#[must_use]
pub fn diff(old: &StoredBlock, new: &StoredBlock) -> Vec<Step> {
    let pairs: Vec<(Option<&Table>, &Table)> =
        new.tables.iter().map(|t| (predecessor(old, new, t), t)).collect();
    let block_migrations: Vec<Migration> =
        pairs.iter().flat_map(|(before, table)| new_migrations(*before, table)).collect();
    let retyped = retyped(&pairs);
    let mut plan = Plan::default();
    for (before, table) in &pairs {
        match before {
            None => create(&mut plan, table),
            Some(before) => {
                let migrations = new_migrations(Some(before), table);
                let pair = Pair { old: before, new: table, migrations, retyped: &retyped };
                pair.alter(&mut plan);
            }
        }
    }
    let lives_on = |t: &Table| pairs.iter().any(|(b, _)| b.is_some_and(|b| b.name == t.name));
    for table in old.tables.iter().filter(|t| !lives_on(t)) {
        let sql = format!("DROP TABLE IF EXISTS {} CASCADE", qualified(SCHEMA, &table.name));
        plan.drop.push(
            Step::of(&table.name, Change::DropTable, None, vec![sql])
                .losing(mentions(&block_migrations, &table.name)),
        );
    }
    let mut steps = plan.in_order();
    guide::add(&mut steps, old, new);
    steps
}

/// The table that `table` was: the one of its name, or one that is gone and that a migration of
/// `table` renames to it.
fn predecessor<'o>(old: &'o StoredBlock, new: &StoredBlock, table: &Table) -> Option<&'o Table> {
    old.table(&table.name).or_else(|| {
        old.tables.iter().filter(|o| new.table(&o.name).is_none()).find(|o| {
            new_migrations(Some(o), table)
                .iter()
                .any(|m| renames(m) && has_word(m.sql(), &o.name) && has_word(m.sql(), &table.name))
        })
    })
}

/// The migrations of `new` that `old` does not have, ascending. A table that did not exist has
/// none to run: it is created in its final shape.
fn new_migrations(old: Option<&Table>, new: &Table) -> Vec<Migration> {
    let Some(old) = old else { return Vec::new() };
    let known = |m: &Migration| old.migrations.iter().any(|o| o.version == m.version);
    new.migrations.iter().filter(|m| !known(m)).cloned().collect()
}

fn mentions(migrations: &[Migration], name: &str) -> bool {
    migrations.iter().any(|m| has_word(m.sql(), name))
}

fn renames(migration: &Migration) -> bool {
    migration.sql().to_ascii_uppercase().contains("RENAME")
}

/// Whether `name` stands in `text` other than as part of a longer word, as itself or as it is
/// quoted.
fn has_word(text: &str, name: &str) -> bool {
    let part_of_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let stands = |name: &str| {
        text.match_indices(name).any(|(at, _)| {
            !part_of_word(text[..at].chars().next_back())
                && !part_of_word(text[at + name.len()..].chars().next())
        })
    };
    stands(name) || (name.contains('"') && text.contains(&ident(name)))
}

/// Every column, by table and name, whose type is another one.
fn retyped(pairs: &[(Option<&Table>, &Table)]) -> HashSet<(String, String)> {
    let mut all = HashSet::new();
    for (before, after) in pairs {
        let Some(before) = before else { continue };
        let before = ddl::columns(before);
        for column in ddl::columns(after) {
            if before.iter().any(|b| b.name == column.name && b.sql_type != column.sql_type) {
                all.insert((after.name.clone(), column.name));
            }
        }
    }
    all
}

/// Steps by the phase in which they run.
#[derive(Default)]
struct Plan {
    release: Vec<Step>,
    rename: Vec<Step>,
    add: Vec<Step>,
    migrate: Vec<Step>,
    settle: Vec<Step>,
    constrain: Vec<Step>,
    refer: Vec<Step>,
    drop: Vec<Step>,
}

impl Plan {
    fn in_order(self) -> Vec<Step> {
        [
            self.release,
            self.rename,
            self.add,
            self.migrate,
            self.settle,
            self.constrain,
            self.refer,
            self.drop,
        ]
        .concat()
    }
}

fn create(plan: &mut Plan, table: &Table) {
    let mut sql = vec![ddl::create_table(SCHEMA, table)];
    sql.extend(ddl::indexes(table).iter().map(|i| i.create(SCHEMA, &table.name)));
    plan.add.push(Step::of(&table.name, Change::CreateTable, None, sql));
    for c in ddl::references(SCHEMA, table) {
        let sql = vec![ddl::add_constraint(SCHEMA, &table.name, &c)];
        plan.refer.push(
            Step::of(&table.name, Change::AddConstraint, Some(&c.name), sql)
                .locking(Lock::ShareRowExclusive)
                .working(Work::None),
        );
    }
}

/// A table before and after.
struct Pair<'a> {
    old: &'a Table,
    new: &'a Table,
    /// Those to run, ascending.
    migrations: Vec<Migration>,
    /// Of the whole block: a foreign key depends on another table's column.
    retyped: &'a HashSet<(String, String)>,
}

impl Pair<'_> {
    fn alter(&self, plan: &mut Plan) {
        self.add_migrations(plan);
        self.rename_key(plan);
        self.alter_columns(plan);
        self.alter_constraints(plan);
        self.alter_indexes(plan);
    }

    fn step(&self, change: Change, subject: &str, sql: Vec<String>) -> Step {
        Step::of(&self.new.name, change, Some(subject), sql)
    }

    fn alter_table(&self, action: &str) -> String {
        format!("ALTER TABLE {} {action}", qualified(SCHEMA, &self.new.name))
    }

    fn add_migrations(&self, plan: &mut Plan) {
        let first_after = self.migrations.iter().rposition(renames).map_or(0, |i| i + 1);
        for (i, migration) in self.migrations.iter().enumerate() {
            let label = format!("{} ({})", migration.version, migration.description);
            let script = vec![Statement::Script(migration.sql().to_owned())];
            let step = Step::new(&self.new.name, Change::Migrate, Some(&label), script);
            if i < first_after { plan.rename.push(step) } else { plan.migrate.push(step) }
        }
    }

    fn rename_key(&self, plan: &mut Plan) {
        let (from, to) =
            (ddl::primary_key_name(&self.old.name), ddl::primary_key_name(&self.new.name));
        if from != to {
            let from = qualified(SCHEMA, &from);
            let sql = format!("ALTER INDEX IF EXISTS {from} RENAME TO {}", ident(&to));
            plan.add.push(self.step(Change::RenameKey, &to, vec![sql]));
        }
    }

    fn alter_columns(&self, plan: &mut Plan) {
        let (before, after) = (ddl::columns(self.old), ddl::columns(self.new));
        let find =
            |columns: &[Column], name: &str| columns.iter().find(|c| c.name == name).cloned();
        for column in &after {
            match find(&before, &column.name) {
                None => plan.add.push(self.add_column(column)),
                Some(was) => self.alter_column(plan, &was, column),
            }
        }
        let moves = document::moves(self.old, self.new);
        for column in before.iter().filter(|c| find(&after, &c.name).is_none()) {
            let sql = self.alter_table(&format!("DROP COLUMN IF EXISTS {}", ident(&column.name)));
            let step = self.step(Change::DropColumn, &column.name, vec![sql]);
            let moved = moves.is_some()
                && (column.name == DOC_COLUMN || self.old.field(&column.name).is_some());
            plan.drop.push(match moved {
                true => step,
                false => step.losing(mentions(&self.migrations, &column.name)),
            });
        }
        if let Some(statements) = moves.filter(|m| !m.is_empty()) {
            let step = Step::new(&self.new.name, Change::MoveValues, Some(DOC_COLUMN), statements);
            plan.settle.push(step);
        }
    }

    /// A column that appears, or that a migration's rename has made to appear: that one has the
    /// type, the default and the null-ness of the column it was.
    fn add_column(&self, column: &Column) -> Step {
        let not_null = column.not_null && column.default.is_some();
        let definition = column.definition(not_null);
        let mut sql = vec![self.alter_table(&format!("ADD COLUMN IF NOT EXISTS {definition}"))];
        let renamed = |m: &Migration| renames(m) && has_word(m.sql(), &column.name);
        if self.migrations.iter().any(renamed) {
            sql.extend(self.retype(column));
            sql.push(self.set_default(column));
            if !column.not_null {
                let action = format!("ALTER COLUMN {} DROP NOT NULL", ident(&column.name));
                sql.push(self.alter_table(&action));
            }
        }
        let step = self.step(Change::AddColumn, &column.name, sql);
        if column.not_null && !not_null { step.working(Work::Scan) } else { step }
    }

    fn alter_column(&self, plan: &mut Plan, was: &Column, column: &Column) {
        let (name, quoted) = (&column.name, ident(&column.name));
        let retyped = was.sql_type != column.sql_type;
        if retyped {
            plan.constrain.push(
                self.step(Change::ChangeType, name, self.retype(column))
                    .losing(mentions(&self.migrations, name)),
            );
        }
        if was.default != column.default || (retyped && column.default.is_some()) {
            let step = self.step(Change::SetDefault, name, vec![self.set_default(column)]);
            if retyped { plan.constrain.push(step) } else { plan.add.push(step) }
        }
        if was.not_null != column.not_null {
            let (change, verb, phase) = if column.not_null {
                (Change::SetNotNull, "SET", &mut plan.constrain)
            } else {
                (Change::DropNotNull, "DROP", &mut plan.add)
            };
            let sql = self.alter_table(&format!("ALTER COLUMN {quoted} {verb} NOT NULL"));
            phase.push(self.step(change, name, vec![sql]));
        }
    }

    /// Does nothing to a column that has the type already.
    fn retype(&self, column: &Column) -> Vec<String> {
        let quoted = ident(&column.name);
        vec![
            self.alter_table(&format!("ALTER COLUMN {quoted} DROP DEFAULT")),
            self.alter_table(&format!("ALTER COLUMN {quoted} TYPE {}", column.sql_type)),
        ]
    }

    fn set_default(&self, column: &Column) -> String {
        let quoted = ident(&column.name);
        self.alter_table(&match &column.default {
            Some(default) => format!("ALTER COLUMN {quoted} SET DEFAULT {default}"),
            None => format!("ALTER COLUMN {quoted} DROP DEFAULT"),
        })
    }

    fn is_retyped(&self, table: &str, column: &str) -> bool {
        self.retyped.contains(&(table.to_owned(), column.to_owned()))
    }

    fn any_retyped(&self) -> bool {
        self.retyped.iter().any(|(table, _)| *table == self.new.name)
    }

    /// Whether the constraint has to be made anew although its text is the same: it was made for
    /// the type that a column had. A `check` may speak of any column of its table.
    fn is_touched(&self, c: &Constraint) -> bool {
        let target = self.new.field(&c.field).and_then(|f| f.references.as_ref());
        self.is_retyped(&self.new.name, &c.field)
            || target.is_some_and(|r| self.is_retyped(&r.table, &r.column))
            || (c.name == ddl::check_name(&self.new.name, &c.field, "check") && self.any_retyped())
    }

    fn alter_constraints(&self, plan: &mut Plan) {
        let drop = |c: &Constraint| {
            self.alter_table(&format!("DROP CONSTRAINT IF EXISTS {}", ident(&c.name)))
        };
        let before = [ddl::constraints(self.old), ddl::references(SCHEMA, self.old)].concat();
        let own = ddl::constraints(self.new);
        let foreign = ddl::references(SCHEMA, self.new);
        let stays = |c: &Constraint| {
            before.contains(c) && (own.contains(c) || foreign.contains(c)) && !self.is_touched(c)
        };
        for c in before.iter().filter(|c| !stays(c)) {
            // CASCADE: a unique constraint may carry another table's foreign key, which is dropped
            // by its own step if it goes and would otherwise be invalid.
            let table = qualified(SCHEMA, &self.old.name);
            let name = ident(&c.name);
            let sql = vec![format!("ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name} CASCADE")];
            plan.release.push(self.step(Change::DropConstraint, &c.name, sql));
        }
        for (list, to, lock) in [
            (&own, &mut plan.constrain, Lock::AccessExclusive),
            (&foreign, &mut plan.refer, Lock::ShareRowExclusive),
        ] {
            for c in list.iter().filter(|c| !stays(c)) {
                let sql = vec![ddl::add_constraint(SCHEMA, &self.new.name, c)];
                let step = self.step(Change::AddConstraint, &c.name, sql).locking(lock);
                to.push(match self.migrations.is_empty() {
                    true => step,
                    // A migration that renamed things may have seen to this one too.
                    false => step.after(drop(c)).locking(Lock::AccessExclusive),
                });
            }
        }
    }

    fn alter_indexes(&self, plan: &mut Plan) {
        let (before, after) = (ddl::indexes(self.old), ddl::indexes(self.new));
        for index in before.iter().filter(|i| !after.contains(i)) {
            let sql = vec![format!("DROP INDEX IF EXISTS {}", qualified(SCHEMA, &index.name))];
            plan.release.push(self.step(Change::DropIndex, &index.name, sql));
        }
        for index in after.iter().filter(|i| !before.contains(i)) {
            let sql = vec![index.create(SCHEMA, &self.new.name)];
            plan.constrain.push(self.step(Change::CreateIndex, &index.name, sql));
        }
    }
}

#[cfg(test)]
mod tests;
