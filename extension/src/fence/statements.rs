//! What does the parser make of a statement?
//!
//! Reads trees of nodes into what safe code decides by. Every node begins with its tag, and the tag
//! says which structure it is.

use super::lists::pointers;
use super::plain::{self, text};
use crate::error::Error;
use crate::guard::Statement;
use crate::seal;
use pgrx::is_a;
use pgrx::pg_sys::{self, Node, NodeTag};
use std::ffi::{CStr, CString, c_int};

/// The number of SQL statements in a text; a syntax error is PostgreSQL's own.
pub fn count(sql: &str) -> Result<usize, Error> {
    let text = CString::new(sql).map_err(|_| Error::NotOneStatement(sql.to_owned()))?;
    // SAFETY: the parser takes any text, copies what it keeps and gives a list of statements.
    unsafe {
        let list = pg_sys::raw_parser(text.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_DEFAULT);
        Ok(pointers::<pg_sys::RawStmt>(list).count())
    }
}

/// What a statement is called in messages, such as `CREATE TABLE`.
///
/// # Safety
/// `node` is a valid utility statement.
pub unsafe fn name(node: *mut Node) -> String {
    // SAFETY: as above; the name is a constant string of PostgreSQL's.
    unsafe { text(pg_sys::GetCommandTagName(pg_sys::CreateCommandTag(node))) }.unwrap_or_default()
}

/// A statement, as far as the decision whether it may run needs it.
///
/// # Safety
/// `node` is a valid utility statement.
pub unsafe fn read<'a>(node: *mut Node) -> Statement<'a> {
    // SAFETY: the tag says which structure the node is; a name is null or NUL-terminated.
    unsafe {
        match (*node).type_ {
            NodeTag::T_TransactionStmt => {
                let t = &*node.cast::<pg_sys::TransactionStmt>();
                Statement::Transaction { kind: t.kind, chain: t.chain }
            }
            NodeTag::T_VariableSetStmt => {
                let s = &*node.cast::<pg_sys::VariableSetStmt>();
                let name = if s.name.is_null() { c"" } else { CStr::from_ptr(s.name) };
                let name = name.to_str().unwrap_or_default();
                Statement::Set { kind: s.kind, local: s.is_local, name }
            }
            NodeTag::T_CallStmt => Statement::Call { atomic: plain::IsTransactionBlock() },
            NodeTag::T_DeclareCursorStmt => {
                let d = &*node.cast::<pg_sys::DeclareCursorStmt>();
                Statement::Cursor { hold: d.options & pg_sys::CURSOR_OPT_HOLD as c_int != 0 }
            }
            NodeTag::T_CopyStmt => {
                let c = &*node.cast::<pg_sys::CopyStmt>();
                Statement::Copy { on_server: c.is_program || !c.filename.is_null() }
            }
            NodeTag::T_LockStmt => {
                let l = &*node.cast::<pg_sys::LockStmt>();
                Statement::Lock { own: pointers(l.relations).all(|r| is_own(r)) }
            }
            NodeTag::T_CreateFunctionStmt => {
                let f = &*node.cast::<pg_sys::CreateFunctionStmt>();
                Statement::Function { definer: is_definer(f.options) }
            }
            NodeTag::T_AlterFunctionStmt => {
                let f = &*node.cast::<pg_sys::AlterFunctionStmt>();
                Statement::Function { definer: is_definer(f.actions) }
            }
            verb @ NodeTag::T_DropStmt => {
                let kind = (*node.cast::<pg_sys::DropStmt>()).removeType;
                Statement::Object { verb, kind }
            }
            verb @ NodeTag::T_RenameStmt => {
                let kind = (*node.cast::<pg_sys::RenameStmt>()).renameType;
                Statement::Object { verb, kind }
            }
            verb @ NodeTag::T_CommentStmt => {
                let kind = (*node.cast::<pg_sys::CommentStmt>()).objtype;
                Statement::Object { verb, kind }
            }
            NodeTag::T_ExplainStmt => {
                let explained = (*node.cast::<pg_sys::ExplainStmt>()).query;
                match as_a::<pg_sys::Query>(explained, NodeTag::T_Query) {
                    None => Statement::Other(NodeTag::T_ExplainStmt),
                    Some(query) if query.utilityStmt.is_null() => Statement::ExplainQuery,
                    // EXPLAIN ANALYZE runs what it explains, CREATE TABLE AS included.
                    Some(query) => read(query.utilityStmt),
                }
            }
            tag => Statement::Other(tag),
        }
    }
}

/// Whether a name stands for a table of the instance that the transaction is sealed into, or for
/// nothing.
///
/// # Safety
/// `name` is a valid node.
unsafe fn is_own(name: *mut pg_sys::RangeVar) -> bool {
    let (lock, missing) = (pg_sys::NoLock as pg_sys::LOCKMODE, pg_sys::RVROption::RVR_MISSING_OK);
    // SAFETY: as above; the name is looked up without a lock and without a callback. A schema that
    // may not be used raises an ERROR.
    let relation = unsafe {
        pg_sys::RangeVarGetRelidExtended(name, lock, missing, None, std::ptr::null_mut())
    };
    relation == pg_sys::Oid::INVALID || seal::owns(relation)
}

/// Whether the options of a function say SECURITY DEFINER.
///
/// # Safety
/// The list is that of a CREATE or ALTER FUNCTION.
unsafe fn is_definer(options: *mut pg_sys::List) -> bool {
    // SAFETY: as above; the list is one of options, whose names are NUL-terminated.
    unsafe {
        pointers::<pg_sys::DefElem>(options).any(|option| {
            CStr::from_ptr((*option).defname) == c"security" && pg_sys::defGetBoolean(option)
        })
    }
}

/// The names in the `DROP EXTENSION` that an event trigger is called for; none when the context of
/// a call is anything else.
///
/// # Safety
/// `context` is null or a valid node.
pub unsafe fn dropped_extensions(context: *mut Node) -> Option<Vec<String>> {
    // SAFETY: as above; DROP EXTENSION lists its objects as strings.
    unsafe {
        let trigger: &pg_sys::EventTriggerData = as_a(context, NodeTag::T_EventTriggerData)?;
        let drop: &pg_sys::DropStmt = as_a(trigger.parsetree, NodeTag::T_DropStmt)?;
        let names = pointers::<pg_sys::String>(drop.objects);
        (drop.removeType == pg_sys::ObjectType::OBJECT_EXTENSION)
            .then(|| names.filter_map(|name| text((*name).sval)).collect())
    }
}

/// The roles in the `DROP OWNED` that an event trigger is called for; none when the context of a
/// call is anything else.
///
/// # Safety
/// `context` is null or a valid node.
pub unsafe fn dropped_owners(context: *mut Node) -> Option<Vec<pg_sys::Oid>> {
    // SAFETY: as above; DROP OWNED lists roles, which are looked up. One that is not there is passed.
    unsafe {
        let trigger: &pg_sys::EventTriggerData = as_a(context, NodeTag::T_EventTriggerData)?;
        let drop: &pg_sys::DropOwnedStmt = as_a(trigger.parsetree, NodeTag::T_DropOwnedStmt)?;
        let roles = pointers::<pg_sys::RoleSpec>(drop.roles);
        Some(roles.map(|role| pg_sys::get_rolespec_oid(role, true)).collect())
    }
}

/// The node as the structure that has this tag, if it has.
///
/// # Safety
/// `node` is null or a valid node, and `T` is what the tag says.
unsafe fn as_a<'a, T>(node: *mut Node, tag: NodeTag) -> Option<&'a T> {
    // SAFETY: as above.
    unsafe { is_a(node, tag).then(|| &*node.cast::<T>()) }
}
