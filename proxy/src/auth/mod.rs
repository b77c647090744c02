//! Who is calling?
//!
//! Turns headers into a [`Principal`]: a service key, a user or nobody. The order is the
//! contract's (sections 3, 4.1, 5): a service-key header, even an empty one, keeps the bearer
//! token from being read; a bad user token is 401 in release mode and anonymous otherwise; a bad
//! service key is always 401. Nothing here grants anything to a user: that is the rules' part.

pub mod claims;
mod fetch;
pub mod jwks;
pub mod key_source;
#[cfg(test)]
mod samples;
pub mod service_key;
pub mod token;

use crate::error::{Error, Result};
use crate::http::head::RequestHead;
use crate::trace::CallerKind;
use axum::http::HeaderMap;
use edgebase_blocks::Config;
use serde_json::Value;
use service_key::KeyRing;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
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

    /// A user's id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::User(auth) => auth.get("id")?.as_str(),
            Self::Service | Self::Anonymous => None,
        }
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
    tokens: TokenVerifier,
    keys: KeyRing,
    release: bool,
    trust_proxy: bool,
}

impl Auth {
    /// Resolves the secrets and keys that the config names. Key files are looked for in
    /// `folder`; keys of issuers that `former` has read already are taken over.
    ///
    /// # Errors
    /// When keys of an issuer cannot be used.
    pub fn new(
        config: &Config,
        environment: &HashMap<String, String>,
        development_key: Option<&str>,
        folder: &Path,
        former: Option<&Self>,
    ) -> anyhow::Result<Self> {
        let former = former.map(|former| &former.tokens);
        Ok(Self {
            tokens: TokenVerifier::new(&config.issuers, environment, folder, former)?,
            keys: KeyRing::new(config.service_keys.as_deref(), environment, development_key),
            release: config.release,
            trust_proxy: config.trust_self_hosted_proxy,
        })
    }

    /// Reads the issuers' keys, as far as that has not been done.
    pub async fn prepare(&self) {
        self.tokens.prepare().await;
    }

    /// The user of the request, if any, and what came of the token.
    ///
    /// # Errors
    /// In release mode, when a token came that is not valid; in any, when it cannot be verified for
    /// want of the issuer's keys: who is taken for nobody then would be told that it is.
    pub async fn user(&self, headers: &HeaderMap) -> Result<(Principal, CallerKind)> {
        let anonymous = |kind| Ok((Principal::Anonymous, kind));
        if headers.contains_key(SERVICE_KEY_HEADER) {
            return anonymous(CallerKind::Anonymous);
        }
        let Some(bearer) = bearer(headers).filter(|bearer| !self.keys.is_key(bearer)) else {
            return anonymous(CallerKind::Anonymous);
        };
        match self.tokens.verify(bearer).await {
            Ok(auth) => Ok((Principal::User(auth), CallerKind::User)),
            Err(error @ (Error::AuthNotConfigured | Error::Unavailable { .. })) => Err(error),
            Err(error) if self.release => Err(error),
            Err(Error::TokenExpired) => anonymous(CallerKind::TokenExpired),
            Err(_) => anonymous(CallerKind::TokenInvalid),
        }
    }

    /// Whether the request carries a service key that is valid for `scope`.
    ///
    /// # Errors
    /// 401 when it carries one that is not.
    pub fn service(&self, head: &RequestHead, scope: &Scope) -> Result<bool> {
        let Some(text) = self.presented(&head.headers, scope) else { return Ok(false) };
        let ip = self.client_ip(&head.headers, head.peer);
        match self.keys.judge(text, &scope.text, scope.tenant, ip) {
            service_key::Verdict::Valid => {
                head.trace.has_service_key();
                Ok(true)
            }
            service_key::Verdict::Missing => Ok(false),
            service_key::Verdict::Invalid => Err(Error::ServiceKeyInvalid(scope.purpose.clone())),
        }
    }

    /// What the service key of the request is called, if it is valid for `scope`.
    #[must_use]
    pub fn service_name(&self, headers: &HeaderMap, peer: IpAddr, scope: &Scope) -> Option<&str> {
        let text = self.presented(headers, scope)?;
        self.keys.name(text, &scope.text, scope.tenant, self.client_ip(headers, peer))
    }

    /// What came as a service key.
    fn presented<'h>(&self, headers: &'h HeaderMap, scope: &Scope) -> Option<&'h [u8]> {
        match headers.get(SERVICE_KEY_HEADER) {
            Some(value) => Some(value.as_bytes()),
            None => {
                let bearer = bearer(headers).filter(|b| scope.bearer && self.keys.is_key(b));
                bearer.map(str::as_bytes)
            }
        }
    }

    /// Whether the request carries a service key that may execute SQL in some namespace; asked
    /// before the body says in which.
    ///
    /// # Errors
    /// 401 when it carries one that may not in any.
    pub fn may_execute_sql(&self, headers: &HeaderMap, peer: IpAddr) -> Result<bool> {
        let Some(value) = headers.get(SERVICE_KEY_HEADER) else { return Ok(false) };
        match self.keys.judge_for_sql(value.as_bytes(), self.client_ip(headers, peer)) {
            service_key::Verdict::Valid => Ok(true),
            service_key::Verdict::Missing => Ok(false),
            service_key::Verdict::Invalid => Err(Error::ServiceKeyInvalid("SQL execution".into())),
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

    /// The caller's address: the connection's other end or, where the config trusts a proxy,
    /// what that proxy says: `CF-Connecting-IP`, else the first of `X-Forwarded-For`. `None`
    /// when the proxy names none; its own address would stand for everybody.
    #[must_use]
    pub fn client_ip(&self, headers: &HeaderMap, peer: IpAddr) -> Option<IpAddr> {
        if !self.trust_proxy {
            return Some(peer.to_canonical());
        }
        let stated = match headers.get("cf-connecting-ip") {
            Some(value) => value.to_str().ok()?,
            None => headers.get("x-forwarded-for")?.to_str().ok()?.split(',').next()?,
        };
        let stated = stated.trim();
        let address = stated.parse().ok();
        let address = address.or_else(|| Some(stated.parse::<SocketAddr>().ok()?.ip()));
        address.map(|ip| ip.to_canonical())
    }

    /// Whether headers of a proxy in front are believed.
    #[must_use]
    pub fn trusts_proxy(&self) -> bool {
        self.trust_proxy
    }
}

/// The bearer value. The scheme is compared in any case, and any number of spaces follow it
/// (RFC 9110, 11.1 and 11.4); HTTP takes the space from an empty value. A tab is no space: it ends
/// the scheme and stays in the value, which is then no token, for who sends one is not nobody. What
/// is no text is as little a token as an empty one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get("authorization")?.as_bytes();
    let end = value.iter().position(|byte| b" \t".contains(byte)).unwrap_or(value.len());
    let (scheme, bearer) = value.split_at(end);
    let text = || std::str::from_utf8(bearer).unwrap_or_default().trim_start_matches(' ');
    scheme.eq_ignore_ascii_case(b"Bearer").then(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ip(trust: bool, headers: &[(&'static str, &str)]) -> Option<String> {
        let config = Config::from_json(&json!({"trustSelfHostedProxy": trust})).unwrap();
        let auth = Auth::new(&config, &HashMap::new(), None, Path::new("."), None).unwrap();
        let headers = headers.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()));
        let peer = "::ffff:192.0.2.1".parse().unwrap();
        auth.client_ip(&headers.collect(), peer).map(|ip| ip.to_string())
    }

    #[test]
    fn headers_name_the_caller_only_where_a_proxy_is_trusted() {
        let (cloudflare, forwarded) = ("cf-connecting-ip", "x-forwarded-for");
        let both = [(cloudflare, "198.51.100.1"), (forwarded, "203.0.113.1, 10.0.0.1")];
        assert_eq!(ip(false, &both).as_deref(), Some("192.0.2.1"));
        assert_eq!(ip(true, &both).as_deref(), Some("198.51.100.1"));
        assert_eq!(ip(true, &both[1..]).as_deref(), Some("203.0.113.1"));
        for (text, expected) in [
            ("2001:db8::1", Some("2001:db8::1")),
            ("::ffff:10.1.2.3", Some("10.1.2.3")),
            ("10.1.2.3:4567", Some("10.1.2.3")),
            ("[2001:db8::1]:80", Some("2001:db8::1")),
            ("unknown", None),
            ("", None),
            (", 10.0.0.1", None),
        ] {
            assert_eq!(ip(true, &[(forwarded, text)]).as_deref(), expected, "{text}");
        }
        assert_eq!(ip(true, &[]), None);
    }
}
