//! What does the parser make of a statement?
//!
//! Reads trees of nodes into what safe code decides by. Every node begins with its tag, and the tag
//! says which structure it is.

use super::fdw::node::pointers;
use crate::error::Error;
use crate::guard::Statement;
use pgrx::is_a;
use pgrx::pg_sys::{self, Node, NodeTag};
use std::ffi::{CStr, CString, c_char, c_int};

/// The number of SQL statements in a text; a syntax error is PostgreSQL's own.
pub fn count(sql: &str) -> Result<usize, Error> {
    let text = CString::new(sql).map_err(|_| Error::NotOneStatement(sql.to_owned()))?;
    // SAFETY: the parser takes any text and copies what it keeps; a null list is an empty one.
    unsafe {
        let list = pg_sys::raw_parser(text.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_DEFAULT);
        Ok(if list.is_null() { 0 } else { (*list).length as usize })
    }
}

/// What a statement is called in messages, such as `CREATE TABLE`.
///
/// # Safety
/// `node` is a valid utility statement.
pub unsafe fn name(node: *mut Node) -> String {
    // SAFETY: as above; the name is a constant string of PostgreSQL's.
    unsafe { text(pg_sys::GetCommandTagName(pg_sys::CreateCommandTag(node))) }
}

/// A statement, as far as a sealed transaction needs it.
///
/// # Safety
/// `node` is a valid utility statement.
pub unsafe fn read<'a>(node: *mut Node) -> Statement<'a> {
    // SAFETY: the tag says which structure the node is.
    unsafe {
        match (*node).type_ {
            NodeTag::T_TransactionStmt => {
                use pg_sys::TransactionStmtKind::*;
                let t = &*node.cast::<pg_sys::TransactionStmt>();
                let two_phase =
                    [TRANS_STMT_PREPARE, TRANS_STMT_COMMIT_PREPARED, TRANS_STMT_ROLLBACK_PREPARED]
                        .contains(&t.kind);
                Statement::Transaction { two_phase, chain: t.chain }
            }
            NodeTag::T_VariableSetStmt => {
                use pg_sys::VariableSetKind::*;
                let s = &*node.cast::<pg_sys::VariableSetStmt>();
                let name = if s.name.is_null() { c"" } else { CStr::from_ptr(s.name) };
                let resets = [VAR_RESET, VAR_RESET_ALL].contains(&s.kind);
                Statement::Set {
                    local: s.is_local && !resets,
                    all: s.kind == VAR_RESET_ALL,
                    name: name.to_str().unwrap_or_default(),
                }
            }
            NodeTag::T_DeclareCursorStmt => {
                let d = &*node.cast::<pg_sys::DeclareCursorStmt>();
                Statement::Cursor { hold: d.options & pg_sys::CURSOR_OPT_HOLD as c_int != 0 }
            }
            NodeTag::T_CopyStmt => {
                let c = &*node.cast::<pg_sys::CopyStmt>();
                Statement::Copy { on_server: c.is_program || !c.filename.is_null() }
            }
            NodeTag::T_ExplainStmt => {
                // EXPLAIN ANALYZE runs what it explains, CREATE TABLE AS included.
                let query = (*node.cast::<pg_sys::ExplainStmt>()).query;
                if !is_a(query, NodeTag::T_Query) {
                    return Statement::Other;
                }
                let inner = (*query.cast::<pg_sys::Query>()).utilityStmt;
                if inner.is_null() { Statement::Harmless } else { read(inner) }
            }
            NodeTag::T_CallStmt
            | NodeTag::T_VariableShowStmt
            | NodeTag::T_FetchStmt
            | NodeTag::T_ClosePortalStmt
            | NodeTag::T_LockStmt
            | NodeTag::T_ConstraintsSetStmt => Statement::Harmless,
            _ => Statement::Other,
        }
    }
}

/// The names in the `DROP EXTENSION` that an event trigger is called for; none when the context of
/// a call is anything else.
///
/// # Safety
/// `context` is null or a valid node.
pub unsafe fn dropped_extensions(context: *mut Node) -> Vec<String> {
    // SAFETY: the tags say what the nodes are; DROP EXTENSION lists its objects as strings.
    unsafe {
        if !is_a(context, NodeTag::T_EventTriggerData) {
            return Vec::new();
        }
        let statement = (*context.cast::<pg_sys::EventTriggerData>()).parsetree;
        if !is_a(statement, NodeTag::T_DropStmt) {
            return Vec::new();
        }
        let drop = &*statement.cast::<pg_sys::DropStmt>();
        if drop.removeType != pg_sys::ObjectType::OBJECT_EXTENSION {
            return Vec::new();
        }
        pointers::<pg_sys::String>(drop.objects).map(|name| text((*name).sval)).collect()
    }
}

/// # Safety
/// `c` is a NUL-terminated text.
unsafe fn text(c: *const c_char) -> String {
    // SAFETY: as above.
    unsafe { CStr::from_ptr(c) }.to_string_lossy().into_owned()
}
