//! What does one version of the config need at run time?
//!
//! A [`Snapshot`] joins model, keys and rules engine of one loaded config. It never changes; a
//! reload makes a new one and swaps it in, and a request keeps the one it began with to its end.

use crate::auth::Auth;
use crate::auth::token::SECRET_VARIABLE;
use crate::config::AppConfig;
use crate::http::rate_limit;
use crate::placement::{BlockPlacement, Login, RemotePools};
use crate::query::cursor::CursorKey;
use edgebase_blocks::Config;
use edgebase_rules::{Engine, Limits, Loaded};
use std::collections::HashMap;

/// One version of the config, ready to serve.
pub struct Snapshot {
    /// The model.
    pub config: Config,
    /// Files and functions behind it.
    pub loaded: Loaded,
    /// Secrets and keys.
    pub auth: Auth,
    /// The rules.
    pub engine: Engine,
    /// What cursors behind rows that were not shown are sealed with.
    pub cursors: CursorKey,
    /// How often callers may ask.
    pub limits: rate_limit::Limits,
    /// Whether this is `edgebase dev`, which explains refusals, whatever the config says.
    pub development: bool,
    /// Connections to the databases of the blocks that are not in the server's own.
    pub remote: RemotePools,
}

impl Snapshot {
    /// Starts the rules engine for a config; `former` is the one that it replaces.
    ///
    /// # Errors
    /// When it cannot evaluate the config, or a part of it cannot be used.
    pub fn new(
        app: AppConfig,
        environment: &HashMap<String, String>,
        development_key: Option<&str>,
        former: Option<&Self>,
    ) -> anyhow::Result<Self> {
        let limits = Limits { development: !app.config.release, ..Limits::default() };
        let engine = Engine::start(&app.loaded, limits).map_err(|e| anyhow::anyhow!("{e}"))?;
        let development = development_key.is_some();
        let placement = BlockPlacement::of(&app.config, environment, Login::Proxy, development)?;
        // Servers with the same secret open each other's cursors.
        let cursors = match (environment.get(SECRET_VARIABLE), former) {
            (Some(secret), _) => CursorKey::derive(secret.as_bytes()),
            (None, Some(former)) => Ok(former.cursors.clone()),
            (None, None) => CursorKey::random(),
        };
        let cursors = cursors.map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
        Ok(Self {
            development,
            cursors,
            remote: RemotePools::open(
                &placement,
                environment,
                former.map(|former| &former.remote),
            )?,
            limits: rate_limit::Limits::new(&app.config)?,
            auth: Auth::new(
                &app.config,
                environment,
                development_key,
                &app.folder,
                former.map(|former| &former.auth),
            )?,
            config: app.config,
            loaded: app.loaded,
            engine,
        })
    }
}
