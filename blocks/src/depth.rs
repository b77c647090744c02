//! How deep may the JSON of a field nest?
//!
//! One bound for all who write, over HTTP and by an import, so that whatever was taken can be read
//! again: parsers of clients give up at 128, and an answer adds a few levels of its own.

/// Arrays and objects inside each other in one field.
pub const MAX_DEPTH: usize = 100;
