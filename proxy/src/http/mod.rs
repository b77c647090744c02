//! What is a request, and what an answer, before anything is known of databases?

pub mod body;
pub mod cors;
pub mod head;
pub mod parameters;
pub mod rate_limit;
pub mod response;
pub mod route;
