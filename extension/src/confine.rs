//! What may the SQL of a config do?
//!
//! Migrations, checks, defaults and the triggers and functions that migrations make are SQL of the
//! config's author. They run as `edgebase_owner`, inside a call by another role: an administrator,
//! a proxy, a superuser. So they may only do what ends with the statement or stays in tables and
//! other objects of `edgebase_owner`. Allowed statements are a list, functions are judged as under
//! the seal (see [`guard`]). Not on the list is what
//!
//! * changes the session or the transaction of the caller: `SET`, `RESET`, `SET CONSTRAINTS`, role
//!   changes, `LISTEN`, `NOTIFY`, `PREPARE`, cursors, `LOCK`, savepoints;
//! * makes something run later with more rights than whoever runs it has: `SECURITY DEFINER`,
//!   rules, casts, operators, default privileges, `GRANT`;
//! * is evaluated where nothing of ours is loaded: indexes and statistics over functions;
//! * is no part of an instance: schemas, roles, databases, extensions, foreign servers, event
//!   triggers, publications, settings of roles.
//!
//! Nor may it name what is in the schema of another instance, or create or alter anything outside
//! its own: a migration of one does not read, write, alter or drop what belongs to others. The same
//! binds what runs as `edgebase_owner` under a seal, such as a trigger that a cascade fires.
//!
//! What binds is the identity, not where the statement comes from: whatever runs as
//! `edgebase_owner` inside a function or an operation of ours is bound, also in dynamic SQL, in
//! `DO`, in `edgebase.export_instance` and in the functions of an index while it is built. The
//! extension's own grants in that place are let through one at a time by [`exempt`].
//!
//! This is the first of three safeguards. `crate::spi` undoes every setting after each statement,
//! and gives each privileged statement a `search_path` of its own.

use crate::error::Error;
use crate::fence::session::Identity;
use crate::fence::{catalog, plain};
use crate::guard::{Statement, is_local_setting};
use crate::lock::schema_oid;
use crate::seal;
use crate::spi;
use pgrx::pg_sys::{self, NodeTag, ObjectType, Oid, VariableSetKind};
use std::cell::{Cell, RefCell};

/// The schema `pg_catalog`.
const CATALOG: Oid = Oid::from_u32(pg_sys::PG_CATALOG_NAMESPACE);
/// The schema of TOAST tables, which have their table's rights.
const TOAST: Oid = Oid::from_u32(pg_sys::PG_TOAST_NAMESPACE);

thread_local! {
    /// Whether the next utility statement is the extension's own.
    static EXEMPT: Cell<bool> = const { Cell::new(false) };
    /// The schema of the instance that is being worked on.
    static HOME: Cell<Option<Oid>> = const { Cell::new(None) };
    /// Catalog and oid of what the statement that runs has created.
    static CREATED: RefCell<Vec<(Oid, Oid)>> = const { RefCell::new(Vec::new()) };
}

/// While it lives, a config's SQL finds no other instance's schema.
pub struct Home {
    outer: Option<Oid>,
}

impl Home {
    /// Of all instances' schemas this one alone may be named; none where it does not exist.
    pub fn only(schema: &str) -> Self {
        Self { outer: HOME.replace(Some(schema_oid(schema).unwrap_or(Oid::INVALID))) }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        HOME.set(self.outer);
    }
}

/// The schema of the instance that is being worked on, or that the transaction is sealed into.
fn home() -> Option<Oid> {
    HOME.get().or_else(seal::home)
}

/// Whether an instance is being worked on, or entered.
pub fn is_at_home() -> bool {
    home().is_some()
}

/// Whether what runs now may look names up in a schema.
pub fn may_search(schema: Oid) -> bool {
    schema == CATALOG
        || home().is_none_or(|home| {
            let now = Identity::current();
            schema == home || !binds() || catalog::schema(schema).map(|s| s.owner) != Some(now.user)
        })
}

/// Refuses to look a name up in the schema of another instance.
pub fn check_search(schema: Oid) -> Result<(), Error> {
    if may_search(schema) {
        return Ok(());
    }
    let name = plain::get_namespace_name(schema).unwrap_or_default();
    Err(Error::Confined(format!("schema \"{name}\" of another instance")))
}

/// Notes what a confined statement creates. The catalogs show it only when the statement is over,
/// which is when [`check_created`] looks where it is.
pub fn note_created(catalog: Oid, object: Oid) {
    if has_schema(catalog) && home().is_some() && binds() {
        CREATED.with_borrow_mut(|created| created.push((catalog, object)));
    }
}

/// Refuses the statement that is over when it has created anything outside its instance's schema.
pub fn check_created() -> Result<(), Error> {
    let created = CREATED.take();
    if created.is_empty() {
        return Ok(());
    }
    plain::CommandCounterIncrement();
    created.into_iter().try_for_each(|(catalog, object)| {
        check_altered(catalog, object)?;
        if catalog == pg_sys::RelationRelationId { check_index(object) } else { Ok(()) }
    })
}

/// Refuses an index whose expressions call functions of the config, or cast to types of its own,
/// whose checks might. Autovacuum evaluates them as `edgebase_owner`, in a process that need not
/// have loaded this library, so nothing would confine them there.
fn check_index(relation: Oid) -> Result<(), Error> {
    if !matches!(plain::get_rel_relkind(relation) as u8, b'i' | b'I') {
        return Ok(());
    }
    let found = spi::one::<bool>(
        "SELECT true FROM pg_catalog.pg_depend
         WHERE classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
           AND objid OPERATOR(pg_catalog.=) $1
           AND (refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
                OR refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass)
         LIMIT 1",
        &[relation.into()],
    )?;
    match found {
        None => Ok(()),
        Some(_) => Err(Error::Confined("an index over functions or types of the config".into())),
    }
}

/// Refuses to alter what is outside the instance's schema.
pub fn check_altered(catalog: Oid, object: Oid) -> Result<(), Error> {
    let Some(home) = home().filter(|_| has_schema(catalog) && binds()) else { return Ok(()) };
    let schema = match catalog {
        pg_sys::RelationRelationId => plain::get_rel_namespace(object),
        pg_sys::ProcedureRelationId => plain::get_func_namespace(object),
        _ => catalog::type_schema(object).unwrap_or(Oid::INVALID),
    };
    // An object that is gone again, such as the copy that a rewrite works on, is nowhere.
    if [home, TOAST, Oid::INVALID].contains(&schema) {
        return Ok(());
    }
    let name = plain::get_namespace_name(schema).unwrap_or_default();
    Err(Error::Confined(format!("an object of schema \"{name}\", outside the instance")))
}

/// Whether the objects of a catalog are in schemas, and a config may create such.
fn has_schema(catalog: Oid) -> bool {
    [pg_sys::RelationRelationId, pg_sys::ProcedureRelationId, pg_sys::TypeRelationId]
        .contains(&catalog)
}

/// Whether what runs now is confined: as the owner of instances, but not because a superuser has
/// chosen that role for a session.
pub fn binds() -> bool {
    let now = Identity::current();
    now.context != 0 && plain::get_role_oid(c"edgebase_owner", true) == now.user
}

/// Runs `work`, whose first utility statement is text of the extension's own. Whatever that
/// statement causes to run is confined again.
pub fn exempt<T>(work: impl FnOnce() -> T) -> T {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            EXEMPT.set(false);
        }
    }
    let _reset = Reset;
    EXEMPT.set(true);
    work()
}

/// CREATE and ALTER of what an instance consists of, and statements without any trace.
const ALLOWED: &[NodeTag] = &[
    // Tables and what belongs to them.
    NodeTag::T_CreateStmt,
    NodeTag::T_CreateTableAsStmt,
    NodeTag::T_AlterTableStmt,
    NodeTag::T_TruncateStmt,
    NodeTag::T_IndexStmt,
    NodeTag::T_CreateTrigStmt,
    NodeTag::T_VacuumStmt,
    // Other objects in a schema.
    NodeTag::T_ViewStmt,
    NodeTag::T_RefreshMatViewStmt,
    NodeTag::T_CreateSeqStmt,
    NodeTag::T_AlterSeqStmt,
    NodeTag::T_CreateDomainStmt,
    NodeTag::T_AlterDomainStmt,
    NodeTag::T_CreateEnumStmt,
    NodeTag::T_AlterEnumStmt,
    NodeTag::T_CompositeTypeStmt,
    NodeTag::T_CreateRangeStmt,
    // Blocks and procedures: what they run comes here too.
    NodeTag::T_DoStmt,
    NodeTag::T_VariableShowStmt,
];

/// Kinds of objects that DROP, ALTER ... RENAME and COMMENT may name.
const OBJECTS: &[ObjectType::Type] = &[
    ObjectType::OBJECT_ATTRIBUTE,
    ObjectType::OBJECT_COLUMN,
    ObjectType::OBJECT_DOMAIN,
    ObjectType::OBJECT_DOMCONSTRAINT,
    ObjectType::OBJECT_FUNCTION,
    ObjectType::OBJECT_INDEX,
    ObjectType::OBJECT_MATVIEW,
    ObjectType::OBJECT_PROCEDURE,
    ObjectType::OBJECT_ROUTINE,
    ObjectType::OBJECT_SEQUENCE,
    ObjectType::OBJECT_STATISTIC_EXT,
    ObjectType::OBJECT_TABCONSTRAINT,
    ObjectType::OBJECT_TABLE,
    ObjectType::OBJECT_TRIGGER,
    ObjectType::OBJECT_TYPE,
    ObjectType::OBJECT_VIEW,
];

/// Whether a confined utility statement may run.
pub fn allows(statement: &Statement) -> bool {
    EXEMPT.take() || is_allowed(statement)
}

fn is_allowed(statement: &Statement) -> bool {
    match statement {
        Statement::Set { kind, local, name } => {
            let is_value = *kind == VariableSetKind::VAR_SET_VALUE;
            is_value && *local && is_local_setting(name)
        }
        Statement::Function { definer } => !definer,
        Statement::Object { kind, .. } => OBJECTS.contains(kind),
        Statement::ExplainQuery | Statement::Call { .. } => true,
        Statement::Other(tag) => ALLOWED.contains(tag),
        Statement::Transaction { .. }
        | Statement::Cursor { .. }
        | Statement::Copy { .. }
        | Statement::Lock { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_outlives_the_statement_or_lends_rights_is_refused() {
        use ObjectType::*;
        use VariableSetKind::*;
        let set = |kind, local, name| is_allowed(&Statement::Set { kind, local, name });
        let object = |kind| is_allowed(&Statement::Object { verb: NodeTag::T_DropStmt, kind });
        let other = |tag| is_allowed(&Statement::Other(tag));
        assert!(!set(VAR_SET_VALUE, false, "timezone"));
        assert!(!set(VAR_SET_VALUE, true, "search_path"));
        assert!(!set(VAR_SET_MULTI, false, "TRANSACTION"));
        assert!(!set(VAR_RESET_ALL, false, ""));
        assert!(set(VAR_SET_VALUE, true, "TimeZone"));
        assert!(!is_allowed(&Statement::Function { definer: true }));
        assert!(is_allowed(&Statement::Function { definer: false }));
        assert!(!object(OBJECT_SCHEMA) && !object(OBJECT_EVENT_TRIGGER) && !object(OBJECT_ROLE));
        assert!(object(OBJECT_TABLE) && object(OBJECT_COLUMN));
        assert!(!other(NodeTag::T_GrantStmt) && !other(NodeTag::T_NotifyStmt));
        assert!(!other(NodeTag::T_DefineStmt) && !other(NodeTag::T_RuleStmt));
        assert!(other(NodeTag::T_AlterTableStmt) && other(NodeTag::T_DoStmt));
    }

    #[test]
    fn an_exemption_is_for_one_statement() {
        let grant = Statement::Other(NodeTag::T_GrantStmt);
        assert_eq!(exempt(|| (allows(&grant), allows(&grant))), (true, false));
        exempt(|| ());
        assert!(!allows(&grant));
    }
}
