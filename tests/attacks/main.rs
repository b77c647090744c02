//! What can an attacker over HTTP do? One file per attacker; its first lines say what that attacker
//! was given. The SQL attackers are in `extension/test/attacks`.

mod anonymous;
mod answers;
mod generated;
mod machine;
mod oracle;
mod service_key;
mod twins;
mod user;
mod user_costs;
