//! How many files may the process open?
//!
//! Every connection is one. A process is started with few, often 1,024, and may raise that by
//! itself up to what its administrator allows.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What the server needs besides connections of clients: those to the database, logs, watched
/// files, and those that were closed a moment ago.
const OTHERS: usize = 512;

/// Raises the limit as far as that many connections need it, and says how many there may be.
#[must_use]
pub fn room_for(connections: usize) -> usize {
    let wanted = connections.saturating_add(OTHERS) as u64;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return connections };
    let mut limit = soft;
    let raised = wanted.min(hard);
    if soft < raised {
        match setrlimit(Resource::RLIMIT_NOFILE, raised, hard) {
            Ok(()) => limit = raised,
            Err(e) => tracing::warn!("the limit of open files stays at {soft}: {e}"),
        }
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let room = limit.saturating_sub(OTHERS).max(limit / 2).max(1);
    if room < connections {
        tracing::warn!(
            "this process may open {limit} files, so it serves {room} connections at a time and \
             not {connections}"
        );
    }
    room.min(connections)
}
