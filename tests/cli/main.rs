//! Does the `edgebase` command do what its help says, and does a running one follow its config?

mod commands;
mod reload;
mod reset;
