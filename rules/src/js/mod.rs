//! How is JavaScript run here?
//!
//! Everything that touches the engine: a realm with the config's modules in it, conversions,
//! the clock that interrupts, and the threads. Nothing of it leaves its thread.

pub(crate) mod convert;
mod effects;
mod guards;
pub(crate) mod host;
pub(crate) mod jobs;
mod print;
pub(crate) mod queue;
pub(crate) mod reads;
pub(crate) mod realm;
pub(crate) mod seat;
pub(crate) mod slice;
pub(crate) mod thread;
mod unsettled;
mod verdict;
pub(crate) mod walk;
pub(crate) mod worker;
