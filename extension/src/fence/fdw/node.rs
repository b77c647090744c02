//! How are the nodes of a query, their lists and sets read?
//!
//! A [`Ptr`] comes from PostgreSQL, by an argument of a function that it calls, or from a field of
//! something that such a pointer leads to. Such fields PostgreSQL keeps valid: what they lead to
//! is of the type that is declared for them, and there for as long as what leads to it. The fields
//! that may be followed are in the table below, with the types of nodes and their tags.

use crate::fence::lists::pointers;
use crate::fence::value::Value;
use pgrx::pg_sys::{self, Bitmapset, Const, Expr, List, Node, NodeTag, Oid, OpExpr};
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::{NonNull, null_mut};

/// Something of PostgreSQL's that is there for as long as `'p`.
pub struct Ptr<'p, T> {
    to: NonNull<T>,
    there: PhantomData<&'p T>,
}

impl<T> Clone for Ptr<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Ptr<'_, T> {}

impl<T> Deref for Ptr<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: it is there; the backend is one thread, and nothing is written while a field is
        // looked at.
        unsafe { self.to.as_ref() }
    }
}

impl<T> Ptr<'_, T> {
    /// # Safety
    /// The pointer is null, or what it leads to is there for as long as `'p`.
    pub(in crate::fence) unsafe fn new(to: *mut T) -> Option<Self> {
        NonNull::new(to).map(|to| Self { to, there: PhantomData })
    }

    pub(in crate::fence) fn raw(self) -> *mut T {
        self.to.as_ptr()
    }
}

/// What is told by its tag, with which every node begins.
///
/// # Safety
/// The tag belongs to the type.
pub unsafe trait Tagged {
    const TAG: NodeTag;
}

macro_rules! tags {
    ($($kind:ident $tag:ident;)*) => {$(
        // SAFETY: as PostgreSQL names them.
        unsafe impl Tagged for pg_sys::$kind { const TAG: NodeTag = NodeTag::$tag; }
    )*};
}

tags! {
    Const T_Const;
    OpExpr T_OpExpr;
    Param T_Param;
    RelabelType T_RelabelType;
    ScalarArrayOpExpr T_ScalarArrayOpExpr;
    Var T_Var;
}

macro_rules! fields {
    (@ $field:ident [$to:ident]) => {
        /// What is in the list of that name.
        pub fn $field(self) -> Vec<Ptr<'p, pg_sys::$to>> {
            // SAFETY: a list of such nodes.
            unsafe { pointers((*self).$field).filter_map(|to| Ptr::new(to)).collect() }
        }
    };
    (@ $field:ident $to:ident) => {
        /// Where the field of that name leads.
        pub fn $field(self) -> Option<Ptr<'p, pg_sys::$to>> {
            // SAFETY: null or such a node.
            unsafe { Ptr::new((*self).$field) }
        }
    };
    ($($of:ident { $($field:ident: $to:tt),* })*) => {$(
        impl<'p> Ptr<'p, pg_sys::$of> { $(fields!(@ $field $to);)* }
    )*};
}

fields! {
    OpExpr { args: [Expr] }
    ScalarArrayOpExpr { args: [Expr] }
    RelabelType { arg: Expr }
    RestrictInfo { clause: Expr }
    PlannerInfo { query_pathkeys: [PathKey] }
    PathKey { pk_eclass: EquivalenceClass }
    EquivalenceClass { ec_members: [EquivalenceMember] }
    EquivalenceMember { em_expr: Expr }
    RelOptInfo { baserestrictinfo: [RestrictInfo], joininfo: [RestrictInfo], reltarget: PathTarget }
    PathTarget { exprs: [Expr] }
    ForeignScan { fdw_exprs: [Expr] }
}

/// A list of nodes.
pub(in crate::fence) fn list<'p, T: 'p>(items: impl IntoIterator<Item = Ptr<'p, T>>) -> *mut List {
    let append = |all, item: Ptr<T>| {
        // SAFETY: a null list is an empty one; what is appended is not looked at.
        unsafe { pg_sys::lappend(all, item.raw().cast()) }
    };
    items.into_iter().fold(null_mut(), append)
}

/// The value in memory of PostgreSQL's.
pub(in crate::fence) fn allocated<T: Copy>(value: T) -> *mut T {
    // SAFETY: palloc gives memory that is aligned for any type.
    unsafe {
        let memory = pg_sys::palloc(size_of::<T>()).cast::<T>();
        memory.write(value);
        memory
    }
}

impl<'p> Ptr<'p, Expr> {
    fn node(self) -> *mut Node {
        self.raw().cast()
    }

    /// The expression as the node that it is.
    pub fn read<T: Tagged>(self) -> Option<Ptr<'p, T>> {
        // SAFETY: the tag was looked at.
        (self.type_ == T::TAG).then(|| unsafe { Ptr::new(self.raw().cast()) }).flatten()
    }

    /// Its type.
    pub fn kind(self) -> Oid {
        // SAFETY: an expression of a query.
        unsafe { pg_sys::exprType(self.node()) }
    }

    /// Whether evaluating it is noticed by nobody: no volatile function, no subquery.
    pub fn is_silent(self) -> bool {
        // SAFETY: an expression of a query.
        unsafe {
            !pg_sys::contain_volatile_functions(self.node())
                && !pg_sys::contain_subplans(self.node())
        }
    }

    /// The columns of a relation of the query that it mentions: 0 for all of them, negative
    /// numbers for system columns.
    pub fn attributes(self, relation: pg_sys::Index) -> Vec<i16> {
        let mut set = null_mut();
        // SAFETY: an expression of a query; makes a new set.
        let set = unsafe {
            pg_sys::pull_varattnos(self.node(), relation, &mut set);
            Set::new(set)
        };
        let first = pg_sys::FirstLowInvalidHeapAttributeNumber;
        set.members().into_iter().map(|member| (member + first) as i16).collect()
    }

    /// The relations of the query that it mentions.
    pub fn relations(self, root: Ptr<'p, pg_sys::PlannerInfo>) -> Set<'p> {
        // SAFETY: an expression of the query that is being planned; makes a new set.
        unsafe { Set::new(pg_sys::pull_varnos(root.raw(), self.node())) }
    }
}

impl<'p> Ptr<'p, OpExpr> {
    /// The same operator the other way round; the caller has seen that there is such a one.
    pub fn commuted(self) -> Option<Ptr<'p, Expr>> {
        // SAFETY: what is changed is a copy; an ERROR where it has no other way round.
        unsafe {
            let copy = pg_sys::copyObjectImpl(self.raw().cast()).cast();
            pg_sys::CommuteOpExpr(copy);
            Ptr::new(copy.cast())
        }
    }
}

impl<'p> Ptr<'p, Const> {
    /// The constant, unless it is null.
    pub fn value(self) -> Option<Value<'p>> {
        // SAFETY: a constant is of the type that it says.
        (!self.constisnull).then(|| unsafe { Value::new(self.constvalue, self.consttype) })
    }
}

/// A set of numbers, which nobody changes any more.
#[derive(Clone, Copy)]
pub struct Set<'p> {
    set: *mut Bitmapset,
    there: PhantomData<&'p ()>,
}

impl PartialEq for Set<'_> {
    fn eq(&self, other: &Self) -> bool {
        // SAFETY: both are sets; a null one is empty.
        unsafe { pg_sys::bms_equal(self.set, other.set) }
    }
}

impl Set<'_> {
    /// # Safety
    /// A set or null, there for as long as `'p`.
    pub(in crate::fence) unsafe fn new(set: *mut Bitmapset) -> Self {
        Self { set, there: PhantomData }
    }

    pub(in crate::fence) fn raw(self) -> *mut Bitmapset {
        self.set
    }

    pub fn is_empty(self) -> bool {
        self.members().is_empty()
    }

    /// What is in it, in order.
    pub fn members(self) -> Vec<i32> {
        // SAFETY: a set; the number after the last member is negative.
        let next = |member: &i32| unsafe { pg_sys::bms_next_member(self.set, *member) };
        std::iter::successors(Some(next(&-1)), |m| Some(next(m))).take_while(|m| *m >= 0).collect()
    }

    /// What is in either, but for one number.
    pub fn union_without(self, other: Self, number: i32) -> Self {
        // SAFETY: both are sets; what is changed is a new one.
        unsafe { Self::new(pg_sys::bms_del_member(pg_sys::bms_union(self.set, other.set), number)) }
    }
}
