//! What is one step from one shape of a block to the next, and what does it cost?
//!
//! A step names the table and the part it is about, the statements that do it, the lock that the
//! strongest of them takes on a table with rows and how much of the table it has to look at. Locks
//! are PostgreSQL's own (manual, "Explicit Locking" and the notes of ALTER TABLE).

use super::guide::Guide;
use crate::quote::ident;

/// Stands for the schema in a step's statements. No name and no SQL text can hold a NUL.
pub(super) const SCHEMA: &str = "\u{0}";

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A table appears.
    CreateTable,
    /// A table's key takes the table's new name.
    RenameKey,
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
    /// Values move between a schemaless table's document and columns of their own.
    MoveValues,
    /// A hand-written migration.
    Migrate,
}

impl Change {
    /// The word in `apply_config`'s answer.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateTable => "create_table",
            Self::RenameKey => "rename_key",
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
            Self::MoveValues => "move_values",
            Self::Migrate => "migrate",
        }
    }

    fn lock(self) -> Lock {
        match self {
            Self::CreateTable => Lock::None,
            Self::CreateIndex => Lock::Share,
            Self::MoveValues => Lock::RowExclusive,
            Self::Migrate => Lock::Unknown,
            Self::RenameKey
            | Self::DropTable
            | Self::AddColumn
            | Self::DropColumn
            | Self::ChangeType
            | Self::SetNotNull
            | Self::DropNotNull
            | Self::SetDefault
            | Self::AddConstraint
            | Self::DropConstraint
            | Self::DropIndex => Lock::AccessExclusive,
        }
    }

    fn work(self) -> Work {
        match self {
            Self::ChangeType | Self::MoveValues => Work::Rewrite,
            Self::SetNotNull | Self::AddConstraint | Self::CreateIndex => Work::Scan,
            Self::Migrate => Work::Unknown,
            // A column's default is evaluated once and kept beside the table, not in its rows.
            Self::CreateTable
            | Self::RenameKey
            | Self::DropTable
            | Self::AddColumn
            | Self::DropColumn
            | Self::DropNotNull
            | Self::SetDefault
            | Self::DropConstraint
            | Self::DropIndex => Work::None,
        }
    }
}

/// The lock a step takes on tables that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// None.
    None,
    /// Nobody is kept from reading, nor from writing other rows.
    RowExclusive,
    /// Nobody writes.
    Share,
    /// Nobody writes, and one such step at a time.
    ShareRowExclusive,
    /// Nobody reads or writes.
    AccessExclusive,
    /// As the hand-written statements say.
    Unknown,
}

impl Lock {
    /// PostgreSQL's name for it; `None` where there is none.
    #[must_use]
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::RowExclusive => Some("ROW EXCLUSIVE"),
            Self::Share => Some("SHARE"),
            Self::ShareRowExclusive => Some("SHARE ROW EXCLUSIVE"),
            Self::AccessExclusive => Some("ACCESS EXCLUSIVE"),
            Self::Unknown => Some("UNKNOWN"),
        }
    }
}

/// How much of a table a step has to look at, which is what it takes time by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// None of it: the same time for any number of rows.
    None,
    /// Every row is read.
    Scan,
    /// Every row is written.
    Rewrite,
    /// As the hand-written statements say.
    Unknown,
}

impl Work {
    /// The word in `apply_config`'s answer.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Scan => "scan",
            Self::Rewrite => "rewrite",
            Self::Unknown => "unknown",
        }
    }
}

/// One statement of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// Exactly one statement.
    Run(String),
    /// The author's own text, possibly several statements.
    Script(String),
    /// A query that gives no row when all is well, or one row with a sentence saying what is not.
    Expect(String),
}

impl Statement {
    /// Its text.
    #[must_use]
    pub fn sql(&self) -> &str {
        match self {
            Self::Run(sql) | Self::Script(sql) | Self::Expect(sql) => sql,
        }
    }

    fn map(&self, f: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Run(sql) => Self::Run(f(sql)),
            Self::Script(sql) => Self::Script(f(sql)),
            Self::Expect(sql) => Self::Expect(f(sql)),
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
    /// The strongest lock it takes.
    pub lock: Lock,
    /// What it does to rows.
    pub work: Work,
    /// The migration to write, for a step that loses data and that none covers.
    pub guide: Option<Guide>,
    templates: Vec<Statement>,
}

impl Step {
    pub(super) fn new(
        table: &str,
        change: Change,
        subject: Option<&str>,
        templates: Vec<Statement>,
    ) -> Self {
        Self {
            table: table.to_owned(),
            change,
            subject: subject.map(str::to_owned),
            destructive: false,
            covered: true,
            lock: change.lock(),
            work: change.work(),
            guide: None,
            templates,
        }
    }

    /// A step of statements that are each exactly one.
    pub(super) fn of(table: &str, change: Change, subject: Option<&str>, sql: Vec<String>) -> Self {
        Self::new(table, change, subject, sql.into_iter().map(Statement::Run).collect())
    }

    /// The same with another statement before its own.
    pub(super) fn after(mut self, sql: String) -> Self {
        self.templates.insert(0, Statement::Run(sql));
        self
    }

    pub(super) fn losing(mut self, covered: bool) -> Self {
        self.destructive = true;
        self.covered = covered;
        self
    }

    pub(super) fn locking(mut self, lock: Lock) -> Self {
        self.lock = lock;
        self
    }

    pub(super) fn working(mut self, work: Work) -> Self {
        self.work = work;
        self
    }

    /// The statements, in order, for the instance in `schema`.
    #[must_use]
    pub fn statements(&self, schema: &str) -> Vec<Statement> {
        let (from, to) = (ident(SCHEMA), ident(schema));
        self.templates.iter().map(|t| t.map(|sql| sql.replace(&from, &to))).collect()
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
