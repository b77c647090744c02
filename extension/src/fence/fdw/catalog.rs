//! What do the catalogs say of types, operators and collations?

use pgrx::pg_sys::{self, Oid};

/// The operator family by which a B-tree sorts the type if nothing else is said.
pub fn btree_family(kind: Oid) -> Option<Oid> {
    // SAFETY: a catalog lookup; the cache entry stays.
    let family = unsafe {
        (*pg_sys::lookup_type_cache(kind, pg_sys::TYPECACHE_BTREE_OPFAMILY as _)).btree_opf
    };
    (family != Oid::INVALID).then_some(family)
}

/// What the operator is to a B-tree of that family.
pub fn strategy(operator: Oid, family: Oid) -> Option<u16> {
    // SAFETY: a catalog lookup that gives 0 where there is nothing.
    let strategy = unsafe { pg_sys::get_op_opfamily_strategy(operator, family) };
    u16::try_from(strategy).ok().filter(|s| *s != 0)
}

/// The types of the operator's two sides.
pub fn operands(operator: Oid) -> (Oid, Oid) {
    let (mut left, mut right) = (Oid::INVALID, Oid::INVALID);
    // SAFETY: a catalog lookup that writes two locals.
    unsafe { pg_sys::op_input_types(operator, &mut left, &mut right) };
    (left, right)
}

/// Whether equal texts are the same bytes.
pub fn is_deterministic(collation: Oid) -> bool {
    // SAFETY: a catalog lookup.
    collation != Oid::INVALID && unsafe { pg_sys::get_collation_isdeterministic(collation) }
}
