//! The attacker holds a service key whose scope is one tenant's raw SQL, and nothing else.
