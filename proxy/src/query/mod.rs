//! What does a table request mean in SQL?
//!
//! Parsing and checking of parameters and bodies, and the statements they become. Nothing here
//! touches a connection: every 400 is known before one is taken.

pub mod column;
pub mod cursor;
pub mod filter;
pub mod fit;
pub mod page;
pub mod read;
pub mod record;
pub mod row_filter;
pub mod row_json;
pub mod row_scope;
pub mod search;
pub mod value;
pub mod write;
