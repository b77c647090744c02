//! What can go wrong, and what does the caller learn of it?
//!
//! One variant per cause, with total functions for SQLSTATE, message and hint. The codes of class
//! `EB` come from the table that the proxy matches on. Errors of PostgreSQL itself are not wrapped
//! here: they unwind to the function's boundary and leave it as they were raised.

use crate::shape::Obstacle;
use edgebase_blocks::name::NameError;
use edgebase_blocks::quote::ident;
use edgebase_blocks::sqlstate::{self, Condition};
use pgrx::spi::{SpiError, SpiErrorCodes};

/// An error of the extension's own.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The namespace is in no applied config.
    #[error("no block \"{0}\" is configured")]
    UnknownBlock(String),
    /// The instance does not exist.
    #[error("instance \"{0}\" does not exist")]
    UnknownInstance(String),
    /// The instance is older than its block.
    #[error("instance \"{0}\" is behind the configuration of its block")]
    Behind(String),
    /// What the instance has of a table depends on a migration that is still to run.
    #[error("instance \"{key}\" has still to run a migration that renames table \"{table}\"")]
    Renamed {
        /// The instance.
        key: String,
        /// The table.
        table: String,
    },
    /// A namespace or id is no legal name.
    #[error("{part} {cause}")]
    InvalidName {
        /// `namespace` or `id`.
        part: &'static str,
        /// What is wrong with it.
        cause: NameError,
    },
    /// The block has no table of that name.
    #[error("block \"{block}\" has no table \"{table}\"")]
    UnknownTable {
        /// The block.
        block: String,
        /// The table.
        table: String,
    },
    /// An id is missing, or given where none may be.
    #[error("{0}")]
    InvalidKey(String),
    /// `enter` was called where it must not be.
    #[error("edgebase.enter refused: {0}")]
    EnterRefused(&'static str),
    /// The config is malformed.
    #[error("invalid config: {0}")]
    InvalidConfig(String),
    /// Steps would lose data and no migration covers them.
    #[error("the config would lose data in block \"{block}\": {steps}")]
    Destructive {
        /// The block.
        block: String,
        /// Every uncovered step, named.
        steps: String,
        /// The migrations to write, for people.
        guide: String,
    },
    /// Somebody reads tables that are to be changed.
    #[error("tables of the instance are being read, by an analyst or a backup")]
    Read,
    /// Rows that the step of a migration cannot take over.
    #[error("{0}")]
    Misfit(String),
    /// A statement or function that a sealed transaction may not run.
    #[error("{0} is not allowed inside edgebase.enter")]
    Sealed(String),
    /// A statement or function that the SQL of a config may not run.
    #[error("{0} is not allowed in the SQL of a config")]
    Confined(String),
    /// Another session changed the catalog entries of the instance at the same time.
    #[error("another session is changing instance \"{0}\"")]
    Interfered(String),
    /// A configured single-instance block's instance was to be dropped.
    #[error("block \"{0}\" is single-instance and configured: its instance cannot be dropped")]
    Configured(String),
    /// What an operator made outside the schema of an instance depends on what is in it.
    #[error("instance \"{instance}\" cannot be {change}: {names} depend on it")]
    Dependants {
        /// The instance.
        instance: String,
        /// What was to be done to it.
        change: &'static str,
        /// Some of them, described.
        names: String,
    },
    /// A transaction that keeps its snapshot was to change an instance as a whole.
    #[error("the transaction's snapshot is from before the instance was locked")]
    Isolation,
    /// The instance role is missing, as after a restore.
    #[error("the role of instance \"{0}\" does not exist in this database")]
    RoleMissing(String),
    /// The instance's schema is missing although the registry knows it.
    #[error("the schema of instance \"{key}\" does not exist: {}", ident(.schema))]
    SchemaMissing {
        /// The instance.
        key: String,
        /// What it is called.
        schema: String,
    },
    /// The instance's schema is there under another name.
    #[error(
        "the schema of instance \"{key}\" was renamed: ALTER SCHEMA {now} RENAME TO {schema} gives it its name back"
    )]
    SchemaRenamed {
        /// The instance.
        key: String,
        /// What it is called now, quoted.
        now: String,
        /// What it is to be called, quoted.
        schema: String,
    },
    /// A table of the instance is there in another schema.
    #[error(
        "table {now} was moved out of its instance: ALTER TABLE {now} SET SCHEMA {} puts it back",
        ident(.schema)
    )]
    TableMoved {
        /// Where it is, quoted.
        now: String,
        /// The schema that it belongs to.
        schema: String,
    },
    /// Every name that the schema could have is taken by others.
    #[error("cannot name a schema for instance \"{0}\": every name it could have is taken")]
    SchemaTaken(String),
    /// `edgebase_owner` has default privileges, so new tables would not be sealed.
    #[error("default privileges are set for edgebase_owner: new tables would not be sealed")]
    DefaultPrivileges,
    /// What was to be one statement is none or several.
    #[error("expected exactly one SQL statement: {0}")]
    NotOneStatement(String),
    /// An argument that must not be null is null.
    #[error("argument \"{0}\" must not be null")]
    NullArgument(&'static str),
    /// Nobody, or a name of no bounded length, is to have dropped an instance.
    #[error("the caller must be a text of 1 to 65536 bytes")]
    Caller,
    /// An import whose rows do not fit the instance.
    #[error("cannot import: {0}")]
    Import(String),
    /// A foreign table on our server that is no relation of a block.
    #[error("foreign table {0} is no relation of a block")]
    NotARelation(String),
    /// An instance has no such table.
    #[error("table \"{0}\" does not exist")]
    TableMissing(String),
    /// A table has no such column.
    #[error("column \"{0}\" does not exist")]
    ColumnMissing(String),
    /// The instance role has not the rights it ought to have.
    #[error("permission denied for table \"{0}\"")]
    PermissionDenied(String),
    /// A table that was changed into one whose rows are not stored as the config has them.
    #[error("cannot read table {table} as it is stored: {obstacle}")]
    Unreadable {
        /// The table.
        table: String,
        /// What keeps it from being read.
        obstacle: Obstacle,
    },
    /// What is to be read was rewritten after the snapshot that is to read it was taken.
    #[error("{0} was rewritten after the snapshot was taken")]
    Rewritten(String),
    /// The extension's functions belong to a role that is no superuser, as after `REASSIGN OWNED`.
    #[error("the extension belongs to a role that is no superuser")]
    OwnerNotSuperuser,
    /// A schema is there that by its name is the instance's, and that the registry does not know.
    #[error("schema \"{0}\" is there already and not in the registry")]
    Stray(String),
    /// A schema that by its name and tables is the instance's, and belongs to another role.
    #[error("schema \"{schema}\" is there already and belongs to {owner}, not to edgebase_owner")]
    ForeignStray {
        /// The schema.
        schema: String,
        /// Whose it is.
        owner: String,
    },
    /// A standby, or a transaction that may not write.
    #[error("the server is a standby or the transaction read-only: nothing can be changed")]
    ReadOnly,
    /// Library and SQL objects are of different versions.
    #[error("the extension's objects are of version {0} and its library is of version {version}", version = crate::VERSION)]
    Versions(String),
    /// A command that would drop the extension or every tenant without naming either.
    #[error("dropping {0} would take edgebase or the instances along")]
    WouldTakeAlong(&'static str),
    /// More to repair than the locks of one transaction allow.
    #[error("{0} instances are too many to repair in one transaction")]
    TooManyAtOnce(usize),
    /// A broken invariant: a defect of the extension or a registry changed by hand.
    #[error("edgebase internal error: {0}")]
    Internal(String),
}

impl Error {
    /// The EB condition this is, if it is one.
    fn condition(&self) -> Option<Condition> {
        match self {
            Self::UnknownBlock(_) => Some(sqlstate::UNKNOWN_BLOCK),
            Self::UnknownInstance(_) => Some(sqlstate::UNKNOWN_INSTANCE),
            Self::Behind(_) | Self::Renamed { .. } => Some(sqlstate::INSTANCE_BEHIND),
            Self::InvalidName { .. } | Self::InvalidKey(_) => Some(sqlstate::INVALID_KEY),
            Self::EnterRefused(_) => Some(sqlstate::ENTER_REFUSED),
            Self::InvalidConfig(_) => Some(sqlstate::INVALID_CONFIG),
            Self::Destructive { .. } => Some(sqlstate::DESTRUCTIVE_CHANGE),
            Self::Sealed(_) => Some(sqlstate::SEALED),
            Self::Confined(_) => Some(sqlstate::CONFINED),
            Self::Rewritten(_) => Some(sqlstate::TABLE_REWRITTEN),
            _ => None,
        }
    }

    /// Five characters.
    pub fn sqlstate(&self) -> &'static str {
        if let Some(condition) = self.condition() {
            return condition.code;
        }
        match self {
            Self::UnknownTable { .. } => "42P01",
            Self::Misfit(_) => "22000",
            Self::Read => "55P03",
            Self::Configured(_) => "55006",
            Self::Interfered(_) => "55P03",
            Self::Dependants { .. } => "2BP01",
            Self::Isolation => "25000",
            Self::RoleMissing(_)
            | Self::SchemaMissing { .. }
            | Self::SchemaRenamed { .. }
            | Self::TableMoved { .. }
            | Self::DefaultPrivileges => "55000",
            Self::OwnerNotSuperuser => "42501",
            Self::TooManyAtOnce(_) => "54000",
            Self::WouldTakeAlong(_) => "2BP01",
            Self::Stray(_) | Self::ForeignStray { .. } | Self::Versions(_) => "55000",
            Self::ReadOnly => "25006",
            Self::SchemaTaken(_) => "42P06",
            Self::NotOneStatement(_) => "42601",
            Self::NullArgument(_) => "22004",
            Self::Import(_) | Self::Caller => "22023",
            Self::NotARelation(_) | Self::Unreadable { .. } => "42809",
            Self::TableMissing(_) => "42P01",
            Self::ColumnMissing(_) => "42703",
            Self::PermissionDenied(_) => "42501",
            _ => "XX000",
        }
    }

    /// What else there is to say.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Destructive { guide, .. } if !guide.is_empty() => Some(guide),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        if let Some(condition) = self.condition() {
            return Some(condition.hint);
        }
        match self {
            Self::Misfit(_) => Some(
                "Change the rows in a migration of the same table, or the schema so that they fit.",
            ),
            Self::Read => Some("Try again when the reader's transaction has ended."),
            Self::UnknownTable { .. } => Some("Apply a config whose block declares it."),
            Self::Configured(_) => Some("Remove the block from the config and apply it first."),
            Self::Interfered(_) => Some("Try again."),
            Self::Dependants { .. } => Some("Drop them first, or take them off the instance."),
            Self::Isolation => Some(
                "Call it in a READ COMMITTED transaction: what was committed while it waited has to be seen.",
            ),
            Self::RoleMissing(_) => Some(
                "After restoring a dump, run SELECT edgebase.repair() as a superuser or edgebase_admin.",
            ),
            Self::SchemaMissing { .. } => Some(
                "If it was renamed, ALTER SCHEMA ... RENAME TO gives it the name in edgebase.instances back. Else restore it from a backup, or remove what is left with edgebase.drop_instance.",
            ),
            Self::OwnerNotSuperuser => Some("Run SELECT edgebase.repair() as a superuser."),
            Self::Stray(_) => Some(
                "Run SELECT * FROM edgebase.adopt() as a superuser or edgebase_admin, or rename the \
                 schema.",
            ),
            Self::ForeignStray { .. } => Some(
                "If it is the instance's, as after a restore: ALTER SCHEMA ... OWNER TO edgebase_owner, \
                 then SELECT * FROM edgebase.adopt(). Otherwise rename it.",
            ),
            Self::ReadOnly => Some("Call it on the primary, in a transaction that may write."),
            Self::Versions(_) => Some(
                "Run ALTER EXTENSION edgebase UPDATE in this database, and then call this from a new session.",
            ),
            Self::WouldTakeAlong(_) => Some(
                "REASSIGN OWNED BY first, or DROP EXTENSION edgebase if it is to go; ALTER EVENT \
                 TRIGGER edgebase_warn_of_drop DISABLE lets the command through.",
            ),
            Self::TooManyAtOnce(_) => Some(
                "Run CALL edgebase.repair_all() or the command edgebase repair, which take a \
                 transaction for each batch of them.",
            ),
            Self::SchemaRenamed { .. } | Self::TableMoved { .. } => {
                Some("Run that statement, and try again.")
            }
            Self::SchemaTaken(_) => Some("Rename the schema that stands in the way."),
            Self::NotARelation(_) => {
                Some("Only edgebase.apply_config makes relations over all instances of a block.")
            }
            Self::PermissionDenied(_) => {
                Some("Run SELECT edgebase.repair() as a superuser or edgebase_admin.")
            }
            Self::Unreadable { .. } => Some(
                "Undo what was changed in the instance by hand, or read it by statements inside edgebase.enter.",
            ),
            Self::DefaultPrivileges => Some(
                "Find them in pg_default_acl and remove them with ALTER DEFAULT PRIVILEGES FOR ROLE edgebase_owner.",
            ),
            _ => None,
        }
    }
}

/// What SPI refuses by itself, before the hook of utility statements is called, can only come from a
/// config: the extension's own statements begin and end no transaction and copy nothing.
impl From<SpiError> for Error {
    fn from(error: SpiError) -> Self {
        match error {
            SpiError::SpiError(SpiErrorCodes::Transaction) => {
                Self::Confined("a statement that begins or ends a transaction".into())
            }
            SpiError::SpiError(SpiErrorCodes::Copy) => {
                Self::Confined("COPY to or from the client".into())
            }
            other => Self::Internal(other.to_string()),
        }
    }
}
