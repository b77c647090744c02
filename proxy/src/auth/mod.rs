//! Who is calling?
//!
//! Turns headers into a [`Principal`]: a service key, a user or nobody. The order is the
//! contract's (sections 3, 4.1, 5): a service-key header, even an empty one, keeps the bearer
//! token from being read; a bad user token is 401 in release mode and anonymous otherwise; a bad
//! service key is always 401. Nothing here grants anything to a user: that is the rules' part.

pub mod service_key;
pub mod token;

use crate::error::{Error, Result};
use axum::http::HeaderMap;
use edgebase_blocks::Config;
use serde_json::Value;
use service_key::{KeyRing, Presented};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use token::TokenVerifier;

/// The header that carries a service key.
pub const SERVICE_KEY_HEADER: &str = "x-edgebase-service-key";

/// The caller.
#[derive(Clone, Debug)]
pub enum Principal {
    /// A valid service key: every rule is passed over.
    Service,
    /// A user, as rules see them (contract 4.2).
    User(Arc<Value>),
    /// Nobody.
    Anonymous,
}

impl Principal {
    /// Whether rules are passed over.
    #[must_use]
    pub fn is_service(&self) -> bool {
        matches!(self, Self::Service)
    }
}

/// What a service key would have to allow (contract 5.3).
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    /// The scope's text, e.g. `db:table:posts:read`.
    pub text: String,
    /// The instance id of the request, for the `tenant` constraint.
    pub tenant: Option<&'a str>,
    /// Whether a bearer value equal to a key counts as that key.
    pub bearer: bool,
    /// How the refusal names what was asked for.
    pub purpose: String,
}

/// The secrets and keys of one config.
pub struct Auth {
    tokens: Option<TokenVerifier>,
    keys: KeyRing,
    release: bool,
    trust_proxy: bool,
}

impl Auth {
    /// Resolves the secrets that the config names.
    #[must_use]
    pub fn new(
        config: &Config,
        environment: &HashMap<String, String>,
        development_key: Option<&str>,
    ) -> Self {
        Self {
            tokens: environment
                .get("JWT_USER_SECRET")
                .filter(|s| !s.is_empty())
                .map(|s| TokenVerifier::new(s)),
            keys: KeyRing::new(config.service_keys.as_deref(), environment, development_key),
            release: config.release,
            trust_proxy: config.trust_self_hosted_proxy,
        }
    }

    /// The user of the request, or nobody.
    ///
    /// # Errors
    /// In release mode, when a token came that is not valid.
    pub fn user(&self, headers: &HeaderMap) -> Result<Principal> {
        if headers.contains_key(SERVICE_KEY_HEADER) {
            return Ok(Principal::Anonymous);
        }
        let Some(bearer) = bearer(headers) else {
            return Ok(Principal::Anonymous);
        };
        if self.keys.is_key(bearer) {
            return Ok(Principal::Anonymous);
        }
        let verdict = match &self.tokens {
            Some(tokens) => tokens.verify(bearer),
            None => Err(Error::AuthNotConfigured),
        };
        match verdict {
            Ok(auth) => Ok(Principal::User(Arc::new(auth))),
            Err(error @ Error::AuthNotConfigured) => Err(error),
            Err(error) if self.release => Err(error),
            Err(_) => Ok(Principal::Anonymous),
        }
    }

    /// Whether the request carries a service key that is valid for `scope`.
    ///
    /// # Errors
    /// 401 when it carries one that is not.
    pub fn service(&self, headers: &HeaderMap, peer: IpAddr, scope: &Scope) -> Result<bool> {
        let presented = match headers.get(SERVICE_KEY_HEADER) {
            Some(value) => Presented::Header(value.as_bytes()),
            None => match bearer(headers).filter(|b| scope.bearer && self.keys.is_key(b)) {
                Some(text) => Presented::Bearer(text.as_bytes()),
                None => return Ok(false),
            },
        };
        let ip = self.client_ip(headers, peer);
        match self.keys.judge(&presented, &scope.text, scope.tenant, ip) {
            service_key::Verdict::Valid => Ok(true),
            service_key::Verdict::Missing => Ok(false),
            service_key::Verdict::Invalid => Err(Error::ServiceKeyInvalid(scope.purpose.clone())),
        }
    }

    /// Whether rate limits pass over the request: it carries a valid key, whatever its scope
    /// (contract 19).
    #[must_use]
    pub fn is_unlimited(&self, headers: &HeaderMap, peer: IpAddr) -> bool {
        let ip = self.client_ip(headers, peer);
        match headers.get(SERVICE_KEY_HEADER) {
            Some(value) => self.keys.is_usable(value.as_bytes(), ip),
            None => bearer(headers).is_some_and(|text| self.keys.is_usable(text.as_bytes(), ip)),
        }
    }

    /// The caller's address: the first `X-Forwarded-For` entry where the config trusts a proxy,
    /// else the peer of the connection.
    #[must_use]
    pub fn client_ip(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        if !self.trust_proxy {
            return peer;
        }
        headers
            .get("x-forwarded-for")
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.split(',').next())
            .and_then(|v| v.trim().parse().ok())
            .unwrap_or(peer)
    }
}

/// The bearer value: the scheme is compared letter for letter (contract 4.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")
}
