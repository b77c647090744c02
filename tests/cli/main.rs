//! Does the `edgebase` command do what its help says, does a running one follow its config, and how
//! does it reach its database, and what does it log?

mod accepted;
mod commands;
mod credentials;
mod hosts;
mod log;
mod outages;
mod pooler;
mod reload;
mod reset;
mod tls;
