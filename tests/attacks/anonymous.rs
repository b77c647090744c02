//! The attacker has the server's address and nothing else: no token, no key.
