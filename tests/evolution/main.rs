//! Does a schema change reach every instance, whole or not at all, while it is used?
//!
//! Invariant of every test: an instance has the shape of the version that the registry says it is
//! at, and rows that a change is said to keep are kept.

mod configs;
mod deploy;
mod eager;
mod elsewhere;
mod killed;
mod lazy;
mod pairs;
mod room;
mod served;
mod shape;
