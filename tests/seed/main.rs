//! Does the product keep the promise of the page that it is modelled on?
//!
//! The configs are those printed there, letter for letter; the calls are those of its clients.

mod first;
mod rest;
