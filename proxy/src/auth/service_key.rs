//! Is a service key valid for what is asked?
//!
//! Contract section 5: root keys are any text, scoped keys have the form `jb_{kid}_{rest}` and
//! must match as a whole; every constraint must hold, and one that cannot be evaluated does not.
//! Keys are compared in constant time.

use edgebase_blocks::datetime::Moment;
use edgebase_blocks::service_key::{SecretSource, ServiceKey, Tier};
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::IpAddr;
use subtle::ConstantTimeEq;

/// The variable a key is read from when the config declares none.
pub const DEFAULT_VARIABLE: &str = "SERVICE_KEY";

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

/// The keys of one config, secrets resolved.
pub struct KeyRing {
    entries: Vec<Entry>,
}

struct Entry {
    kid: String,
    tier: Tier,
    scopes: Vec<String>,
    secret: String,
    conditions: Conditions,
}

/// Constraints in the form in which they are checked.
#[derive(Default)]
struct Conditions {
    expires: Option<Moment>,
    /// Whether the server's `ENVIRONMENT` is none of those listed.
    elsewhere: bool,
    networks: Option<Vec<IpNet>>,
    tenant: Option<String>,
}

impl KeyRing {
    /// Resolves every key; one whose secret is missing or empty is left out.
    #[must_use]
    pub fn new(
        declared: Option<&[ServiceKey]>,
        environment: &HashMap<String, String>,
        development_key: Option<&str>,
    ) -> Self {
        let secret = |name: &str| environment.get(name).filter(|s| !s.is_empty()).cloned();
        let root = |kid: &str, secret: String| Entry {
            kid: kid.to_owned(),
            tier: Tier::Root,
            scopes: Vec::new(),
            secret,
            conditions: Conditions::default(),
        };
        let mut entries: Vec<Entry> = match declared {
            None => secret(DEFAULT_VARIABLE).map(|s| root("default", s)).into_iter().collect(),
            Some(keys) => keys
                .iter()
                .filter_map(|key| {
                    let secret = match &key.secret {
                        SecretSource::Variable(name) => secret(name)?,
                        SecretSource::Inline(text) if text.is_empty() => return None,
                        SecretSource::Inline(text) => text.clone(),
                    };
                    Some(Entry::new(key, secret, environment.get("ENVIRONMENT")))
                })
                .collect(),
        };
        if let Some(key) = development_key
            && !entries.iter().any(|e| e.secret == key)
        {
            entries.push(root("development", key.to_owned()));
        }
        Self { entries }
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
        text: &[u8],
        scope: &str,
        tenant: Option<&str>,
        ip: Option<IpAddr>,
    ) -> Verdict {
        self.verdict(text, ip, |entry| entry.conditions.are_for(tenant) && entry.allows(scope))
    }

    /// Judges a key for SQL in whatever namespace and instance.
    #[must_use]
    pub fn judge_for_sql(&self, text: &[u8], ip: Option<IpAddr>) -> Verdict {
        self.verdict(text, ip, Entry::allows_some_sql)
    }

    /// Judges a key, of which `may` says whether it may do what is asked.
    fn verdict(&self, text: &[u8], ip: Option<IpAddr>, may: impl Fn(&Entry) -> bool) -> Verdict {
        if self.entries.is_empty() {
            return Verdict::Missing;
        }
        let is_scoped = text.starts_with(PREFIX) || text.is_empty();
        if !is_scoped && !self.entries.iter().any(|e| e.tier == Tier::Root) {
            return Verdict::Missing;
        }
        match self.find(text, ip, may) {
            Some(_) => Verdict::Valid,
            None => Verdict::Invalid,
        }
    }

    /// The name of the key that a text is, if it is valid for a scope.
    #[must_use]
    pub fn name(
        &self,
        text: &[u8],
        scope: &str,
        tenant: Option<&str>,
        ip: Option<IpAddr>,
    ) -> Option<&str> {
        let may = |entry: &Entry| entry.conditions.are_for(tenant) && entry.allows(scope);
        self.find(text, ip, may).map(|entry| entry.kid.as_str())
    }

    /// The first key that the text is and that may do what is asked. Every key is compared.
    fn find(
        &self,
        text: &[u8],
        ip: Option<IpAddr>,
        may: impl Fn(&Entry) -> bool,
    ) -> Option<&Entry> {
        self.entries.iter().fold(None, |found, entry| {
            let met = entry.conditions.hold(ip) && may(entry);
            let valid = entry.is(text) && met;
            if valid { found.or(Some(entry)) } else { found }
        })
    }

    /// Whether a key is genuine and its constraints hold, the tenant's aside.
    #[must_use]
    pub fn is_usable(&self, text: &[u8], ip: Option<IpAddr>) -> bool {
        self.entries
            .iter()
            .fold(false, |found, entry| found | (entry.is(text) && entry.conditions.hold(ip)))
    }
}

/// What the text of every scoped key begins with.
const PREFIX: &[u8] = b"jb_";

impl Entry {
    fn new(key: &ServiceKey, secret: String, environment: Option<&String>) -> Self {
        let stated = &key.constraints;
        let listed = stated.env.as_ref();
        let conditions = Conditions {
            expires: stated.expires_at,
            elsewhere: listed.is_some_and(|list| environment.is_none_or(|e| !list.contains(e))),
            networks: stated.ip_cidr.clone(),
            tenant: stated.tenant.clone(),
        };
        Self {
            kid: key.kid.clone(),
            tier: key.tier,
            scopes: key.scopes.clone(),
            secret,
            conditions,
        }
    }

    /// Whether the text is this key's, and has the form that its tier asks for.
    fn is(&self, text: &[u8]) -> bool {
        let rest =
            || text.strip_prefix(PREFIX)?.strip_prefix(self.kid.as_bytes())?.strip_prefix(b"_");
        let formed = self.tier == Tier::Root || rest().is_some_and(|rest| !rest.is_empty());
        same(self.secret.as_bytes(), text) && formed
    }

    /// Whether there is a namespace whose SQL it allows.
    fn allows_some_sql(&self) -> bool {
        self.tier == Tier::Root
            || self.scopes.iter().any(|pattern| {
                let segments: Vec<_> = pattern.split(':').collect();
                let is = |n: usize, text: &str| segments[n] == "*" || segments[n] == text;
                pattern == "*"
                    || (segments.len() == 4 && is(0, "sql") && is(1, "namespace") && is(3, "exec"))
            })
    }

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

impl Conditions {
    /// Those that do not depend on what is asked for. An unknown address is in no network.
    fn hold(&self, ip: Option<IpAddr>) -> bool {
        let expired = self.expires.is_some_and(|time| time <= Moment::now());
        let inside = self
            .networks
            .as_ref()
            .is_none_or(|list| ip.is_some_and(|ip| list.iter().any(|net| net.contains(&ip))));
        !expired && !self.elsewhere && inside
    }

    fn are_for(&self, tenant: Option<&str>) -> bool {
        self.tenant.as_deref().is_none_or(|only| tenant == Some(only))
    }
}

/// Takes as long whatever differs; only the length shows.
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
            {"kid": "short", "tier": "scoped", "scopes": ["*"], "secretSource": "inline", "inlineSecret": "jb_short"},
            {"kid": "day", "tier": "root", "secretSource": "inline", "inlineSecret": "day", "constraints": {"expiresAt": "2001-01-01"}},
            {"kid": "nowhere", "tier": "root", "secretSource": "inline", "inlineSecret": "nowhere", "constraints": {"ipCidr": []}},
            {"kid": "six", "tier": "root", "secretSource": "inline", "inlineSecret": "six", "constraints": {"ipCidr": ["2001:db8::/32", "::1"]}},
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
        ring().judge(key.as_bytes(), scope, tenant, ip.parse().ok())
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
        assert_eq!(judge("jb_acme_1", read, Some("acme"), "unknown"), Verdict::Invalid);
        assert_eq!(judge("six", read, None, "2001:db8::5"), Verdict::Valid);
        assert_eq!(judge("six", read, None, "::1"), Verdict::Valid);
        assert_eq!(judge("six", read, None, "2001:db9::5"), Verdict::Invalid);
        for bad in ["old", "day", "off", "", "nope", "nowhere", "jb_short", "jb_", "jb_read_"] {
            assert_eq!(judge(bad, read, None, "1.1.1.1"), Verdict::Invalid, "{bad}");
        }
    }

    #[test]
    fn without_keys_a_presented_key_counts_as_missing() {
        let ring = KeyRing::new(None, &HashMap::new(), None);
        for text in ["x", "", "jb_a_b"] {
            assert_eq!(ring.judge(text.as_bytes(), "a", None, None), Verdict::Missing);
        }
    }

    #[test]
    fn without_a_root_key_only_texts_of_scoped_keys_count_as_keys() {
        let config = Config::from_json(&json!({"serviceKeys": {"keys": [
            {"kid": "read", "tier": "scoped", "scopes": ["db:table:*:read"], "secret": "jb_read_1"}
        ]}}));
        let ring = KeyRing::new(config.unwrap().service_keys.as_deref(), &HashMap::new(), None);
        let judge = |text: &str| ring.judge(text.as_bytes(), "db:table:t:read", None, None);
        assert_eq!(judge("whatever"), Verdict::Missing);
        assert_eq!(judge(""), Verdict::Invalid);
        assert_eq!(judge("jb_read_2"), Verdict::Invalid);
        assert_eq!(judge("jb_read_1"), Verdict::Valid);
    }

    #[test]
    fn a_scope_is_matched_segment_by_segment() {
        let config = |scopes: &[&str]| {
            let keys =
                json!([{"kid": "k", "tier": "scoped", "scopes": scopes, "secret": "jb_k_1"}]);
            Config::from_json(&json!({"serviceKeys": {"keys": keys}})).unwrap()
        };
        for (pattern, scope, allowed) in [
            ("*", "db:table:posts:read", true),
            ("*", "sql:namespace:app:exec", true),
            ("db:table:posts:read", "db:table:posts:read", true),
            ("db:table:posts:read", "db:table:posts:write", false),
            ("db:table:posts:read", "db:table:post:read", false),
            ("db:table:*:read", "db:table:posts:read", true),
            ("db:*:*:*", "db:table:posts:write", true),
            ("*:*:*:*", "db:table:posts:write", true),
            ("*:*", "db:table:posts:write", false),
            ("db:*", "db:table:posts:write", false),
            ("db:table:*", "db:table:posts:write", false),
            ("db:table:posts:read:more", "db:table:posts:read", false),
            ("db:table:p*:read", "db:table:posts:read", false),
            ("DB:table:posts:read", "db:table:posts:read", false),
            // A table's name with a colon has a segment more.
            ("db:table:*:read", "db:table:a:b:read", false),
            ("", "db:table:posts:read", false),
        ] {
            let keys = config(&[pattern]).service_keys;
            let ring = KeyRing::new(keys.as_deref(), &HashMap::new(), None);
            let valid = ring.judge(b"jb_k_1", scope, None, None) == Verdict::Valid;
            assert_eq!(valid, allowed, "{pattern} for {scope}");
        }
        let none = config(&[]).service_keys;
        let ring = KeyRing::new(none.as_deref(), &HashMap::new(), None);
        assert_eq!(ring.judge(b"jb_k_1", "db:table:t:read", None, None), Verdict::Invalid);
    }

    #[test]
    fn limits_are_lifted_by_a_usable_key_whatever_its_scope() {
        let ring = ring();
        let inside = "10.1.2.3".parse().ok();
        for good in ["r00t", "jb_read_1", "jb_acme_1"] {
            assert!(ring.is_usable(good.as_bytes(), inside), "{good}");
        }
        for bad in ["old", "off", "", "plain", "jb_short", "nowhere", "six", "x"] {
            assert!(!ring.is_usable(bad.as_bytes(), inside), "{bad}");
        }
        assert!(!ring.is_usable(b"jb_acme_1", "11.1.2.3".parse().ok()));
    }
}
