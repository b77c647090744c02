//! What is the matter with a database that refuses what no request is to blame for?
//!
//! The part of the SQLSTATE table that is answered with 503: conditions of the server, and what
//! an operator does to a database or leaves undone. The client, who can only try again, is told little; the
//! log tells the operator what to do. `docs/errors.md` has the same list.

use super::failure::Refusal;
use crate::error::Error;
use edgebase_blocks::sqlstate;

/// Conditions that are met in the same way.
struct Outage {
    /// SQLSTATEs, or classes: their first two characters.
    codes: &'static [&'static str],
    /// For the client.
    message: &'static str,
    /// For the operator.
    advice: &'static str,
}

const CANNOT_SERVE: &str = "The database cannot serve now. Try again.";
const CANNOT_DO: &str = "This database cannot do that now. Try again later.";
const NOT_REACHABLE: &str = "The database is not reachable. Try again.";
const BEING_CHANGED: &str = "This database's schema is being changed. Try again.";

/// The first whose code it is counts, so codes stand before their class.
const OUTAGES: &[Outage] = &[
    Outage {
        codes: &["25006"],
        message: "The database is read-only at present. Try again.",
        advice: "the session is read-only: the server is a standby, or default_transaction_read_only \
                 is on. Address the primary, or all servers with target_session_attrs=read-write",
    },
    Outage {
        codes: &["25P03"],
        message: CANNOT_SERVE,
        advice: "the server ended a transaction that waited for a rule or a hook: raise \
                 idle_in_transaction_session_timeout for the login role, or set it to 0 there",
    },
    Outage {
        codes: &["55P03"],
        message: "The database is busy with a change. Try again.",
        advice: "another transaction holds a lock: a migration, a deletion, or a session that \
                 pg_locks names",
    },
    Outage {
        codes: &["2BP01"],
        message: CANNOT_DO,
        advice: "objects or privileges outside of the instance depend on what is to be changed: drop \
                 or revoke what the detail names",
    },
    Outage {
        codes: &["55"],
        message: CANNOT_SERVE,
        advice: "the database is not in a state that allows this: do what the hint says, or end \
                 what the message names",
    },
    Outage {
        codes: &["26000", "42P05", "08P01"],
        message: CANNOT_SERVE,
        advice: "a connection pooler gives one session's statements to another, or refuses what a \
                 session needs: use session pooling (pgbouncer: pool_mode = session, \
                 ignore_startup_parameters = options), see 'Connection poolers' in \
                 docs/operations.md",
    },
    Outage {
        codes: &["08"],
        message: NOT_REACHABLE,
        advice: "the connection to the database failed: see the server's log",
    },
    Outage {
        codes: &["28"],
        message: NOT_REACHABLE,
        advice: "the server refuses the login role: check its password, LOGIN, VALID UNTIL and \
                 pg_hba.conf",
    },
    Outage {
        codes: &["3D"],
        message: NOT_REACHABLE,
        advice: "the server has no database of that name: check the address",
    },
    Outage {
        codes: &["42501"],
        message: CANNOT_DO,
        advice: "a privilege is missing. The login role has to be a member of edgebase_proxy and \
                 may need CONNECT on the database; SELECT edgebase.repair() gives instance roles theirs",
    },
    Outage {
        codes: &[sqlstate::ENTER_REFUSED.code],
        message: CANNOT_SERVE,
        advice: "connect as a login role that is a member of edgebase_proxy and no superuser",
    },
    Outage {
        codes: &[sqlstate::UNKNOWN_BLOCK.code],
        message: "This database is not set up yet. Apply the config to the server's database.",
        advice: "run edgebase apply",
    },
    Outage {
        codes: &[sqlstate::INSTANCE_BEHIND.code],
        message: "This database is being migrated and cannot serve yet. Try again.",
        advice: "another server applied a newer config meanwhile, or the migration failed: see \
                 edgebase.instances",
    },
    Outage {
        codes: &[sqlstate::TABLE_REWRITTEN.code],
        message: "This database's tables are being changed. Try again.",
        advice: "a table was rewritten meanwhile, by a migration or by hand: this passes",
    },
    Outage {
        codes: &[
            "3F", "42703", "42P01", "42704", "42883", "42804", "42846", "42809", "42P10", "42701",
            "42710", "42P06", "42P07",
        ],
        message: BEING_CHANGED,
        advice: "the database is not as the config says. While a config is rolled out that passes; \
                 else an object was changed by hand, or the extension is older than this server: \
                 ALTER EXTENSION edgebase UPDATE",
    },
    Outage {
        codes: &["0A000"],
        message: CANNOT_DO,
        advice: "a table does not take such a statement: it has a rule, or something else was put in its \
                 place. Look at its rules and at what it is",
    },
    Outage {
        codes: &["53100"],
        message: CANNOT_SERVE,
        advice: "the database server's disk is full",
    },
    Outage {
        codes: &["53200"],
        message: CANNOT_SERVE,
        advice: "the database server has no memory left, or its lock table is full: see \
                 max_locks_per_transaction",
    },
    Outage {
        codes: &["53300"],
        message: "The database has no connection left. Try again.",
        advice: "raise max_connections, or the CONNECTION LIMIT of the login role or the database: a server uses up \
                 to 41 connections",
    },
    Outage {
        codes: &["53"],
        message: CANNOT_SERVE,
        advice: "the database server has too little of what the message names",
    },
    Outage {
        codes: &["57P03"],
        message: NOT_REACHABLE,
        advice: "the server starts, stops or recovers. If it is a standby that does not accept connections, address the \
                 primary",
    },
    Outage {
        codes: &["57"],
        message: CANNOT_SERVE,
        advice: "an operator, or a restart after a crash, ended the session",
    },
    Outage {
        codes: &["58", "F0"],
        message: CANNOT_SERVE,
        advice: "the database server cannot use its files: the disk, its configuration or the extension's \
                 library is at fault",
    },
    Outage {
        codes: &["XX001", "XX002"],
        message: CANNOT_SERVE,
        advice: "data on the database server's disk is damaged: restore it from a backup",
    },
];

/// The answer to a refusal that is an outage.
pub fn unavailable(refusal: &Refusal) -> Option<Error> {
    let outage = find(&refusal.code)?;
    Some(Error::unavailable(outage.message, format!("{refusal}. {}", outage.advice)))
}

fn find(code: &str) -> Option<&'static Outage> {
    OUTAGES.iter().find(|outage| outage.codes.iter().any(|known| code.starts_with(known)))
}

/// The answer to a refusal of a change that the extension makes to tables and roles. What refuses
/// it that has no other meaning is an operator's, such as an event trigger for a time of
/// maintenance.
pub fn frozen(refusal: &Refusal) -> Error {
    let advice = "the database does not allow what making, changing or deleting an instance needs: an event trigger, or \
                  another rule of an operator's";
    Error::unavailable(
        "This database cannot be changed at present. Try again.",
        format!("{refusal}. {advice}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_page_names_every_code_of_an_outage() {
        let page = include_str!("../../../docs/errors.md");
        for code in OUTAGES.iter().flat_map(|outage| outage.codes) {
            assert!(page.contains(&format!("`{code}`")), "{code} is not in docs/errors.md");
        }
    }

    #[test]
    fn a_code_is_found_before_its_class_and_none_is_hidden_by_another() {
        for (n, outage) in OUTAGES.iter().enumerate() {
            for code in outage.codes {
                let found = find(code).map(|o| o.advice);
                assert_eq!(found, Some(outage.advice), "{code}, number {n}");
            }
        }
        assert!(find("42601").is_none() && find("XX000").is_none() && find("23505").is_none());
    }
}
