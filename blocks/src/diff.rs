//! Which steps lead from one shape of a block to another?
//!
//! Pure: the difference of two stored blocks, in an order in which each step can run. Steps that
//! only add are safe to repeat. A step that can lose data is `destructive`; it is `covered` when
//! the new shape brings a migration that mentions what is lost by name, which is the author's
//! word that the data has been seen to.
//!
//! Order: migrations up to the last one that renames something, then constraints and indexes that
//! go, then everything that is added or altered, then the other migrations, then constraints,
//! indexes and foreign keys that come, then what is dropped. So a migration may fill a column
//! that the same config adds, and a rename is not mistaken for a drop beside an addition.
//!
//! A new `required` field without a default is added nullable to a table that may have rows:
//! there is no value that could stand in them. HTTP writes demand it from then on.

use crate::ddl::{self, Column, Constraint};
use crate::quote::{ident, qualified};
use crate::storage::StoredBlock;
use crate::table::{Migration, Table};

/// Stands for the schema in a step's statements. No name and no SQL text can hold a NUL.
const SCHEMA: &str = "\u{0}";

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A table appears.
    CreateTable,
    /// A table goes with its rows.
    DropTable,
    /// A column appears.
    AddColumn,
    /// A column goes with its values.
    DropColumn,
    /// A column's type changes.
    ChangeType,
    /// A column may no longer be null.
    SetNotNull,
    /// A column may be null.
    DropNotNull,
    /// A column's default appears, changes or goes.
    SetDefault,
    /// A constraint appears.
    AddConstraint,
    /// A constraint goes.
    DropConstraint,
    /// An index appears.
    CreateIndex,
    /// An index goes.
    DropIndex,
    /// A hand-written migration.
    Migrate,
}

impl Change {
    /// The word in `apply_config`'s answer.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateTable => "create_table",
            Self::DropTable => "drop_table",
            Self::AddColumn => "add_column",
            Self::DropColumn => "drop_column",
            Self::ChangeType => "change_type",
            Self::SetNotNull => "set_not_null",
            Self::DropNotNull => "drop_not_null",
            Self::SetDefault => "set_default",
            Self::AddConstraint => "add_constraint",
            Self::DropConstraint => "drop_constraint",
            Self::CreateIndex => "create_index",
            Self::DropIndex => "drop_index",
            Self::Migrate => "migrate",
        }
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The table it is about.
    pub table: String,
    /// What it does.
    pub change: Change,
    /// The column, constraint, index or migration it is about.
    pub subject: Option<String>,
    /// Whether data can be lost.
    pub destructive: bool,
    /// Whether a new migration answers for the loss; true for steps that lose nothing.
    pub covered: bool,
    templates: Vec<String>,
}

impl Step {
    fn new(table: &str, change: Change, subject: Option<&str>, templates: Vec<String>) -> Self {
        Self {
            table: table.to_owned(),
            change,
            subject: subject.map(str::to_owned),
            destructive: false,
            covered: true,
            templates,
        }
    }

    fn losing(mut self, covered: bool) -> Self {
        self.destructive = true;
        self.covered = covered;
        self
    }

    /// The statements, in order, for the instance in `schema`.
    #[must_use]
    pub fn statements(&self, schema: &str) -> Vec<String> {
        let (from, to) = (ident(SCHEMA), ident(schema));
        self.templates.iter().map(|t| t.replace(&from, &to)).collect()
    }

    /// What the step is, for people: `drop_column posts.title`.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.subject {
            Some(subject) => format!("{} {}.{subject}", self.change.as_str(), self.table),
            None => format!("{} {}", self.change.as_str(), self.table),
        }
    }
}

/// The steps from `old` to `new`.
#[must_use]
pub fn diff(old: &StoredBlock, new: &StoredBlock) -> Vec<Step> {
    let pending = |table: &Table| new_migrations(old.table(&table.name), table);
    let block_migrations: Vec<Migration> = new.tables.iter().flat_map(pending).collect();
    let mut plan = Plan::default();
    for table in &new.tables {
        match old.table(&table.name) {
            None => create(&mut plan, table),
            Some(before) => alter(&mut plan, before, table),
        }
    }
    for table in old.tables.iter().filter(|t| new.table(&t.name).is_none()) {
        let sql = format!("DROP TABLE IF EXISTS {} CASCADE", qualified(SCHEMA, &table.name));
        plan.drop.push(
            Step::new(&table.name, Change::DropTable, None, vec![sql])
                .losing(mentions(&block_migrations, &table.name)),
        );
    }
    plan.in_order()
}

/// The migrations of `new` that `old` does not have, ascending. A table that did not exist has
/// none to run: it is created in its final shape.
fn new_migrations(old: Option<&Table>, new: &Table) -> Vec<Migration> {
    let Some(old) = old else { return Vec::new() };
    let known = |m: &Migration| old.migrations.iter().any(|o| o.version == m.version);
    new.migrations.iter().filter(|m| !known(m)).cloned().collect()
}

fn sql_of(migration: &Migration) -> &str {
    migration.up_pg.as_deref().unwrap_or(&migration.up)
}

fn mentions(migrations: &[Migration], name: &str) -> bool {
    migrations.iter().any(|m| has_word(sql_of(m), name))
}

/// Whether `name` stands in `text` other than as part of a longer word.
fn has_word(text: &str, name: &str) -> bool {
    let part_of_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(name).any(|(at, _)| {
        !part_of_word(text[..at].chars().next_back())
            && !part_of_word(text[at + name.len()..].chars().next())
    })
}

#[derive(Default)]
struct Plan {
    rename: Vec<Step>,
    release: Vec<Step>,
    add: Vec<Step>,
    migrate: Vec<Step>,
    constrain: Vec<Step>,
    refer: Vec<Step>,
    drop: Vec<Step>,
}

impl Plan {
    fn in_order(self) -> Vec<Step> {
        [self.rename, self.release, self.add, self.migrate, self.constrain, self.refer, self.drop]
            .concat()
    }
}

fn create(plan: &mut Plan, table: &Table) {
    let mut sql = vec![ddl::create_table(SCHEMA, table)];
    sql.extend(ddl::indexes(table).iter().map(|i| i.create(SCHEMA, &table.name)));
    plan.add.push(Step::new(&table.name, Change::CreateTable, None, sql));
    for c in ddl::references(SCHEMA, table) {
        let sql = vec![ddl::add_constraint(SCHEMA, &table.name, &c)];
        plan.refer.push(Step::new(&table.name, Change::AddConstraint, Some(&c.name), sql));
    }
}

fn alter(plan: &mut Plan, old: &Table, new: &Table) {
    let migrations = new_migrations(Some(old), new);
    add_migrations(plan, &new.name, &migrations);
    alter_columns(plan, old, new, &migrations);
    alter_constraints(plan, old, new);
    alter_indexes(plan, old, new);
}

fn add_migrations(plan: &mut Plan, table: &str, migrations: &[Migration]) {
    let renames = |m: &Migration| sql_of(m).to_ascii_uppercase().contains("RENAME");
    let first_after = migrations.iter().rposition(renames).map_or(0, |i| i + 1);
    for (i, migration) in migrations.iter().enumerate() {
        let label = format!("{} ({})", migration.version, migration.description);
        let step =
            Step::new(table, Change::Migrate, Some(&label), vec![sql_of(migration).to_owned()]);
        if i < first_after { plan.rename.push(step) } else { plan.migrate.push(step) }
    }
}

fn alter_columns(plan: &mut Plan, old: &Table, new: &Table, migrations: &[Migration]) {
    let name = qualified(SCHEMA, &new.name);
    let (before, after) = (ddl::columns(old), ddl::columns(new));
    let find = |columns: &[Column], name: &str| columns.iter().find(|c| c.name == name).cloned();
    for column in &after {
        let quoted = ident(&column.name);
        let mut step = |change, sql: String| {
            let sql = vec![format!("ALTER TABLE {name} {sql}")];
            plan.add.push(Step::new(&new.name, change, Some(&column.name), sql));
        };
        let Some(was) = find(&before, &column.name) else {
            let not_null = column.not_null && column.default.is_some();
            let definition = column.definition(not_null);
            step(Change::AddColumn, format!("ADD COLUMN IF NOT EXISTS {definition}"));
            continue;
        };
        let retyped = was.sql_type != column.sql_type;
        if retyped {
            let sql = vec![
                format!("ALTER TABLE {name} ALTER COLUMN {quoted} DROP DEFAULT"),
                format!("ALTER TABLE {name} ALTER COLUMN {quoted} TYPE {}", column.sql_type),
            ];
            plan.constrain.push(
                Step::new(&new.name, Change::ChangeType, Some(&column.name), sql)
                    .losing(mentions(migrations, &column.name)),
            );
        }
        if was.default != column.default || (retyped && column.default.is_some()) {
            let sql = match &column.default {
                Some(default) => format!("ALTER COLUMN {quoted} SET DEFAULT {default}"),
                None => format!("ALTER COLUMN {quoted} DROP DEFAULT"),
            };
            let sql = vec![format!("ALTER TABLE {name} {sql}")];
            let to = if retyped { &mut plan.constrain } else { &mut plan.add };
            to.push(Step::new(&new.name, Change::SetDefault, Some(&column.name), sql));
        }
        if was.not_null != column.not_null {
            let (change, verb) = if column.not_null {
                (Change::SetNotNull, "SET")
            } else {
                (Change::DropNotNull, "DROP")
            };
            let sql = vec![format!("ALTER TABLE {name} ALTER COLUMN {quoted} {verb} NOT NULL")];
            let to = if column.not_null { &mut plan.constrain } else { &mut plan.add };
            to.push(Step::new(&new.name, change, Some(&column.name), sql));
        }
    }
    for column in before.iter().filter(|c| find(&after, &c.name).is_none()) {
        let sql = format!("ALTER TABLE {name} DROP COLUMN IF EXISTS {}", ident(&column.name));
        plan.drop.push(
            Step::new(&new.name, Change::DropColumn, Some(&column.name), vec![sql])
                .losing(mentions(migrations, &column.name)),
        );
    }
}

fn alter_constraints(plan: &mut Plan, old: &Table, new: &Table) {
    let name = qualified(SCHEMA, &new.name);
    let drop =
        |c: &Constraint| format!("ALTER TABLE {name} DROP CONSTRAINT IF EXISTS {}", ident(&c.name));
    let before = [ddl::constraints(old), ddl::references(SCHEMA, old)].concat();
    let own = ddl::constraints(new);
    let foreign = ddl::references(SCHEMA, new);
    for c in before.iter().filter(|c| !own.contains(c) && !foreign.contains(c)) {
        // CASCADE: a unique constraint may carry another table's foreign key, which is dropped
        // by its own step if it goes and would otherwise be invalid.
        let sql = vec![drop(c) + " CASCADE"];
        plan.release.push(Step::new(&new.name, Change::DropConstraint, Some(&c.name), sql));
    }
    for (list, to) in [(&own, &mut plan.constrain), (&foreign, &mut plan.refer)] {
        for c in list.iter().filter(|c| !before.contains(c)) {
            let sql = vec![drop(c), ddl::add_constraint(SCHEMA, &new.name, c)];
            to.push(Step::new(&new.name, Change::AddConstraint, Some(&c.name), sql));
        }
    }
}

fn alter_indexes(plan: &mut Plan, old: &Table, new: &Table) {
    let (before, after) = (ddl::indexes(old), ddl::indexes(new));
    for index in before.iter().filter(|i| !after.contains(i)) {
        let sql = vec![format!("DROP INDEX IF EXISTS {}", qualified(SCHEMA, &index.name))];
        plan.release.push(Step::new(&new.name, Change::DropIndex, Some(&index.name), sql));
    }
    for index in after.iter().filter(|i| !before.contains(i)) {
        let sql = vec![index.create(SCHEMA, &new.name)];
        plan.constrain.push(Step::new(&new.name, Change::CreateIndex, Some(&index.name), sql));
    }
}

#[cfg(test)]
mod tests;
