//! What does EXPLAIN say of a scan over all instances?
//!
//! How many instances will be read, as the registry is now and before conditions that are
//! evaluated for each, unless that depends on values that come with the other rows of a join;
//! which conditions were pushed down; and with ANALYZE how many instances were read, and how many
//! of them by an index. It shows nothing that is not the query's own text or a number.

use crate::analytics::instances;
use crate::analytics::plan::Told;
use crate::analytics::scan::Scan;
use crate::fence::fdw::executor::Executing;
use crate::fence::fdw::explain::Explaining;

/// Adds what is to be said of the node.
pub fn explain(node: Executing, scan: &Scan, to: Explaining) {
    if scan.is_named_before(node.has_parameters()) {
        let ids = scan.named(node);
        let count = instances::count(&scan.known.namespace, ids, node.snapshot());
        to.number(c"Instances", count);
    }
    let pushed = node.plan().map(|plan| Told::of(plan, node.numbers()).pushed.concat());
    let pushed = pushed.unwrap_or_default();
    if !pushed.is_empty()
        && let Some(text) = to.deparse(node, &pushed)
    {
        to.text(c"Pushed Down", &text);
    }
    if to.is_of_a_run() {
        to.number(c"Instances Read", scan.read);
        to.number(c"Instances Read by Index", scan.by_index);
    }
}
