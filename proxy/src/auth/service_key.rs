//! Is a service key valid for what is asked?
//!
//! Contract section 5: root keys are any text, scoped keys have the form `jb_{kid}_{rest}` and
//! must match as a whole; every constraint must hold, and one that cannot be evaluated does not.
//! Keys are compared in constant time.

use edgebase_blocks::service_key::{Constraints, SecretSource, ServiceKey, Tier};
use jiff::Timestamp;
use std::collections::HashMap;
use std::net::IpAddr;
use subtle::ConstantTimeEq;

/// The variable a key is read from when the config declares none.
pub const DEFAULT_VARIABLE: &str = "SERVICE_KEY";

/// A key as it came with the request.
pub enum Presented<'a> {
    /// In its own header.
    Header(&'a [u8]),
    /// As a bearer value.
    Bearer(&'a [u8]),
}

/// What a presented key amounts to.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may do what is asked.
    Valid,
    /// It is wrong, or may not.
    Invalid,
    /// It counts as no key at all (contract 5.5).
    Missing,
}

struct Entry {
    kid: String,
    tier: Tier,
    scopes: Vec<String>,
    constraints: Constraints,
    secret: String,
}

/// The keys of one config, secrets resolved.
pub struct KeyRing {
    entries: Vec<Entry>,
    environment: Option<String>,
}

impl KeyRing {
    /// Resolves every key; one whose secret is missing or empty is left out.
    #[must_use]
    pub fn new(
        declared: Option<&[ServiceKey]>,
        environment: &HashMap<String, String>,
        development_key: Option<&str>,
    ) -> Self {
        let secret = |name: &String| environment.get(name).filter(|s| !s.is_empty()).cloned();
        let root = |kid: &str, secret: String| Entry {
            kid: kid.to_owned(),
            tier: Tier::Root,
            scopes: Vec::new(),
            constraints: Constraints::default(),
            secret,
        };
        let mut entries: Vec<Entry> = match declared {
            None => secret(&DEFAULT_VARIABLE.to_owned())
                .map(|s| root("default", s))
                .into_iter()
                .collect(),
            Some(keys) => keys
                .iter()
                .filter_map(|k| {
                    let secret = match &k.secret {
                        SecretSource::Variable(name) => secret(name)?,
                        SecretSource::Inline(text) if text.is_empty() => return None,
                        SecretSource::Inline(text) => text.clone(),
                    };
                    Some(Entry {
                        kid: k.kid.clone(),
                        tier: k.tier,
                        scopes: k.scopes.clone(),
                        constraints: k.constraints.clone(),
                        secret,
                    })
                })
                .collect(),
        };
        if let Some(key) = development_key
            && !entries.iter().any(|e| e.secret == key)
        {
            entries.push(root("development", key.to_owned()));
        }
        Self { entries, environment: environment.get("ENVIRONMENT").cloned() }
    }

    /// Whether `text` is one of the secrets; says nothing of what it may do.
    #[must_use]
    pub fn is_key(&self, text: &str) -> bool {
        self.entries
            .iter()
            .fold(false, |found, e| found | same(e.secret.as_bytes(), text.as_bytes()))
    }

    /// Judges a key for a scope.
    #[must_use]
    pub fn judge(
        &self,
        presented: &Presented,
        scope: &str,
        tenant: Option<&str>,
        ip: IpAddr,
    ) -> Verdict {
        let (Presented::Header(text) | Presented::Bearer(text)) = presented;
        if self.entries.is_empty() {
            return Verdict::Missing;
        }
        let kid = text
            .strip_prefix(b"jb_")
            .map(|rest| rest.split(|b| *b == b'_').next().unwrap_or_default());
        if kid.is_none() && !text.is_empty() && !self.entries.iter().any(|e| e.tier == Tier::Root) {
            return Verdict::Missing;
        }
        let valid = self.entries.iter().fold(false, |found, entry| {
            let named = match entry.tier {
                Tier::Root => true,
                Tier::Scoped => kid == Some(entry.kid.as_bytes()),
            };
            let equal = same(entry.secret.as_bytes(), text);
            found
                | (named
                    && equal
                    && entry.allows(scope)
                    && self.holds(&entry.constraints, tenant, ip))
        });
        if valid { Verdict::Valid } else { Verdict::Invalid }
    }

    /// Whether a key is genuine and its constraints hold, the tenant's aside.
    #[must_use]
    pub fn is_usable(&self, text: &[u8], ip: IpAddr) -> bool {
        self.entries.iter().fold(false, |found, entry| {
            let constraints = Constraints { tenant: None, ..entry.constraints.clone() };
            found | (same(entry.secret.as_bytes(), text) && self.holds(&constraints, None, ip))
        })
    }

    fn holds(&self, constraints: &Constraints, tenant: Option<&str>, ip: IpAddr) -> bool {
        let expired = constraints
            .expires_at
            .as_deref()
            .and_then(|t| t.parse::<Timestamp>().ok())
            .is_some_and(|t| t <= Timestamp::now());
        let environment = constraints
            .env
            .as_ref()
            .is_none_or(|list| self.environment.as_ref().is_some_and(|e| list.contains(e)));
        let network = constraints.ip_cidr.as_ref().is_none_or(|list| {
            list.iter().any(|cidr| {
                cidr.parse::<ipnet::IpNet>().map(|n| n.contains(&ip)).unwrap_or(false)
                    || cidr.parse::<IpAddr>().is_ok_and(|a| a == ip)
            })
        });
        let tenant = constraints.tenant.as_deref().is_none_or(|t| tenant == Some(t));
        !expired && environment && network && tenant
    }
}

impl Entry {
    /// Segment by segment; `*` matches one segment, a lone `*` everything (contract 5.3).
    fn allows(&self, scope: &str) -> bool {
        self.tier == Tier::Root
            || self.scopes.iter().any(|pattern| {
                pattern == "*" || {
                    let (mut p, mut s) = (pattern.split(':'), scope.split(':'));
                    loop {
                        match (p.next(), s.next()) {
                            (None, None) => break true,
                            (Some(a), Some(b)) if a == "*" || a == b => {}
                            _ => break false,
                        }
                    }
                }
            })
    }
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgebase_blocks::Config;
    use serde_json::json;

    fn ring() -> KeyRing {
        let config = Config::from_json(&json!({"serviceKeys": {"keys": [
            {"kid": "root", "tier": "root", "secretSource": "dashboard", "secretRef": "ROOT"},
            {"kid": "read", "tier": "scoped", "scopes": ["db:table:*:read"], "secretSource": "inline", "inlineSecret": "jb_read_1"},
            {"kid": "plain", "tier": "scoped", "scopes": ["*"], "secretSource": "inline", "inlineSecret": "plain"},
            {"kid": "acme", "tier": "scoped", "scopes": ["*"], "secretSource": "inline", "inlineSecret": "jb_acme_1",
             "constraints": {"tenant": "acme", "ipCidr": ["10.0.0.0/8"], "env": ["test"], "expiresAt": "2999-01-01T00:00:00Z"}},
            {"kid": "old", "tier": "root", "secretSource": "inline", "inlineSecret": "old", "constraints": {"expiresAt": "2001-01-01T00:00:00Z"}},
            {"kid": "off", "tier": "root", "secretSource": "inline", "inlineSecret": "off", "enabled": false}
        ]}})).unwrap();
        let env =
            HashMap::from([("ROOT".into(), "r00t".into()), ("ENVIRONMENT".into(), "test".into())]);
        KeyRing::new(config.service_keys.as_deref(), &env, None)
    }

    fn judge(key: &str, scope: &str, tenant: Option<&str>, ip: &str) -> Verdict {
        ring().judge(&Presented::Header(key.as_bytes()), scope, tenant, ip.parse().unwrap())
    }

    #[test]
    fn a_key_is_valid_only_with_its_text_scope_and_constraints() {
        let (read, write) = ("db:table:posts:read", "db:table:posts:write");
        assert_eq!(judge("r00t", write, None, "1.1.1.1"), Verdict::Valid);
        assert_eq!(judge("jb_read_1", read, None, "1.1.1.1"), Verdict::Valid);
        assert_eq!(judge("jb_read_1", write, None, "1.1.1.1"), Verdict::Invalid);
        assert_eq!(judge("jb_read_2", read, None, "1.1.1.1"), Verdict::Invalid);
        assert_eq!(judge("plain", read, None, "1.1.1.1"), Verdict::Invalid);
        assert_eq!(judge("jb_acme_1", read, Some("acme"), "10.1.2.3"), Verdict::Valid);
        assert_eq!(judge("jb_acme_1", read, Some("other"), "10.1.2.3"), Verdict::Invalid);
        assert_eq!(judge("jb_acme_1", read, None, "10.1.2.3"), Verdict::Invalid);
        assert_eq!(judge("jb_acme_1", read, Some("acme"), "11.1.2.3"), Verdict::Invalid);
        for bad in ["old", "off", "", "nope"] {
            assert_eq!(judge(bad, read, None, "1.1.1.1"), Verdict::Invalid, "{bad}");
        }
    }

    #[test]
    fn without_keys_a_presented_key_counts_as_missing() {
        let ring = KeyRing::new(None, &HashMap::new(), None);
        let ip = "1.1.1.1".parse().unwrap();
        assert_eq!(ring.judge(&Presented::Header(b"x"), "a", None, ip), Verdict::Missing);
    }
}
