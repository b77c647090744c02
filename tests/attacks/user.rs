//! The attacker has signed in: a valid token of an ordinary user, who may use an instance of its own.
