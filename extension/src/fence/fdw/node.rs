//! How are PostgreSQL's lists, sets and expressions read, and its memory used?
//!
//! [`Expr`] and [`Comparison`] can only be made here, of expressions of a query that is being
//! planned or run; what they are good for is decided in `crate::analytics`.

use pgrx::datum::FromDatum;
use pgrx::pg_sys::{self, MemoryContext, NodeTag, Oid};
use std::marker::PhantomData;
use std::ptr::null_mut;

/// The pointers in a list; a null list is an empty one.
///
/// # Safety
/// The list is one of pointers to `T`, and lives as long as the iterator.
pub unsafe fn pointers<T>(list: *mut pg_sys::List) -> impl Iterator<Item = *mut T> {
    // SAFETY: pointers are in `ptr_value`.
    unsafe { cells(list) }.map(|cell| unsafe { (*cell).ptr_value.cast::<T>() })
}

/// The numbers in a list.
///
/// # Safety
/// The list is one of integers, and lives as long as the iterator.
pub unsafe fn integers(list: *mut pg_sys::List) -> impl Iterator<Item = i32> {
    // SAFETY: integers are in `int_value`.
    unsafe { cells(list) }.map(|cell| unsafe { (*cell).int_value })
}

unsafe fn cells(list: *mut pg_sys::List) -> impl Iterator<Item = *mut pg_sys::ListCell> {
    // SAFETY: a list's cells are the first `length` of `elements`.
    let length = if list.is_null() { 0 } else { unsafe { (*list).length as usize } };
    (0..length).map(move |i| unsafe { (*list).elements.add(i) })
}

/// A list of pointers.
pub fn list<T>(items: impl IntoIterator<Item = *mut T>) -> *mut pg_sys::List {
    // SAFETY: a null list is an empty one; what is appended is not looked at.
    items.into_iter().fold(null_mut(), |all, item| unsafe { pg_sys::lappend(all, item.cast()) })
}

/// The value in memory of PostgreSQL's.
pub fn allocated<T: Copy>(value: T) -> *mut T {
    // SAFETY: palloc gives memory that is aligned for any type.
    unsafe {
        let memory = pg_sys::palloc(size_of::<T>()).cast::<T>();
        memory.write(value);
        memory
    }
}

/// While it lives, allocations go to another memory context.
pub struct Within(MemoryContext);

impl Within {
    /// # Safety
    /// The context lives longer than this.
    pub unsafe fn context(context: MemoryContext) -> Self {
        // SAFETY: as above; the context of now is one of a caller's.
        unsafe {
            let outer = Self(pg_sys::CurrentMemoryContext);
            pg_sys::CurrentMemoryContext = context;
            outer
        }
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        // SAFETY: the context was the current one when this was made, further up the stack.
        unsafe { pg_sys::CurrentMemoryContext = self.0 };
    }
}

/// The columns of a relation that an expression, or a list of them, mentions: 0 for all of them,
/// negative numbers for system columns.
///
/// # Safety
/// The node is valid.
pub unsafe fn attributes(node: *mut pg_sys::Node, relation: pg_sys::Index) -> Vec<i16> {
    let (mut set, mut member, mut all) = (null_mut(), -1, Vec::new());
    // SAFETY: makes a new set; the number after the last member is negative.
    unsafe {
        pg_sys::pull_varattnos(node, relation, &mut set);
        loop {
            member = pg_sys::bms_next_member(set, member);
            if member < 0 {
                return all;
            }
            all.push((member + pg_sys::FirstLowInvalidHeapAttributeNumber) as i16);
        }
    }
}

/// An expression of a query.
#[derive(Clone, Copy)]
pub struct Expr<'q> {
    node: *mut pg_sys::Expr,
    query: PhantomData<&'q ()>,
}

/// A column of a relation of the query.
#[derive(Clone, Copy)]
pub struct Variable {
    relation: i64,
    /// Counted from 1; what is not positive is no column of the table.
    pub attribute: i16,
    pub kind: Oid,
    pub collation: Oid,
}

/// `column operator value`, or `column operator ANY (value)`.
#[derive(Clone, Copy)]
pub struct Comparison<'q> {
    pub column: Variable,
    pub value: Expr<'q>,
    pub operator: Oid,
    pub collation: Oid,
    pub array: bool,
    pub(super) function: Oid,
}

impl Variable {
    /// Whether it is a column of that relation.
    pub fn is_of(&self, relation: pg_sys::Index) -> bool {
        self.relation == i64::from(relation)
    }
}

impl<'q> Expr<'q> {
    /// # Safety
    /// The node is a valid expression for as long as `'q`.
    pub unsafe fn new(node: *mut pg_sys::Expr) -> Self {
        Self { node, query: PhantomData }
    }

    pub fn node(self) -> *mut pg_sys::Expr {
        self.node
    }

    /// The node as what its tag says that it is.
    fn as_node<T>(self, tag: NodeTag) -> Option<&'q T> {
        // SAFETY: every node begins with its tag; callers name the type that belongs to theirs.
        unsafe { ((*self.node).type_ == tag).then(|| &*self.node.cast::<T>()) }
    }

    /// What it compares, if its left side is a column.
    pub fn comparison(self) -> Option<Comparison<'q>> {
        let (args, operator, function, collation, array) =
            if let Some(e) = self.as_node::<pg_sys::OpExpr>(NodeTag::T_OpExpr) {
                (e.args, e.opno, e.opfuncid, e.inputcollid, false)
            } else {
                let e = self.as_node::<pg_sys::ScalarArrayOpExpr>(NodeTag::T_ScalarArrayOpExpr)?;
                e.useOr.then_some((e.args, e.opno, e.opfuncid, e.inputcollid, true))?
            };
        // SAFETY: the arguments of an operator are a list of expressions.
        let mut sides = unsafe { pointers(args).map(|side| Self::new(side)) };
        let (column, value) = (sides.next()?.column()?, sides.next()?);
        Some(Comparison { column, value, operator, collation, array, function })
    }

    /// The column of this query that it is, below changes of type that change nothing.
    pub fn column(mut self) -> Option<Variable> {
        while let Some(e) = self.as_node::<pg_sys::RelabelType>(NodeTag::T_RelabelType) {
            // SAFETY: the argument of an expression is one.
            self = unsafe { Self::new(e.arg) };
        }
        let column = self.as_node::<pg_sys::Var>(NodeTag::T_Var)?;
        (column.varlevelsup == 0).then_some(Variable {
            relation: i64::from(column.varno),
            attribute: column.varattno,
            kind: column.vartype,
            collation: column.varcollid,
        })
    }

    /// The same operator the other way round.
    pub fn commuted(self) -> Option<Self> {
        let operator = self.as_node::<pg_sys::OpExpr>(NodeTag::T_OpExpr)?;
        // SAFETY: what is changed is a copy, an operator of two arguments that has a commutator.
        unsafe {
            let binary = pointers::<pg_sys::Expr>(operator.args).count() == 2;
            if !binary || pg_sys::get_commutator(operator.opno) == Oid::INVALID {
                return None;
            }
            let copy = pg_sys::copyObjectImpl(self.node.cast());
            pg_sys::CommuteOpExpr(copy.cast());
            Some(Self::new(copy.cast()))
        }
    }

    /// Whether evaluating it is noticed by nobody: no volatile function, no subquery.
    pub fn is_silent(self) -> bool {
        // SAFETY: the node is valid.
        unsafe {
            !pg_sys::contain_volatile_functions(self.node.cast())
                && !pg_sys::contain_subplans(self.node.cast())
        }
    }

    /// The columns of a relation that it mentions, as [`attributes`] has them.
    pub fn attributes(self, relation: pg_sys::Index) -> Vec<i16> {
        // SAFETY: the node is valid.
        unsafe { attributes(self.node.cast(), relation) }
    }

    /// Of a constant that is an array of text, how many there are.
    pub fn constant_texts(self) -> Option<usize> {
        let constant = self.as_node::<pg_sys::Const>(NodeTag::T_Const)?;
        if constant.consttype != pg_sys::TEXTARRAYOID {
            return None;
        }
        // SAFETY: the type was looked at.
        let texts =
            unsafe { Vec::<Option<String>>::from_datum(constant.constvalue, constant.constisnull) };
        Some(texts.map_or(0, |texts| texts.len()))
    }

    pub fn is_constant(self) -> bool {
        self.as_node::<pg_sys::Const>(NodeTag::T_Const).is_some()
    }

    /// Whether it is a parameter that the query was called with.
    pub fn is_outer_parameter(self) -> bool {
        self.as_node::<pg_sys::Param>(NodeTag::T_Param)
            .is_some_and(|p| p.paramkind == pg_sys::ParamKind::PARAM_EXTERN)
    }
}
