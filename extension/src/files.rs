//! How large is a relation's file, and when was it last written?
//!
//! Asked of the file system by the relation's path, for `edgebase.instance_stats`: opening tens of
//! thousands of relations would lock them and fill the backend's caches. The server writes a
//! changed page at the next checkpoint at the latest, or when a table grows, so the time is that
//! of the last write or up to `checkpoint_timeout` later.

use crate::answer::Answer;
use crate::args::Args;
use crate::error::Error;
use crate::fence::catalog;
use pgrx::pg_sys;
use std::fs::{Metadata, metadata};
use std::time::{SystemTime, UNIX_EPOCH};

/// PostgreSQL counts time from the year 2000.
const EPOCH_SECONDS: u64 = 946_684_800;
/// Bytes of a segment that is followed by another.
const SEGMENT: u64 = pg_sys::RELSEG_SIZE as u64 * pg_sys::BLCKSZ as u64;

/// `edgebase.file_size(relation oid)`
pub fn file_size(args: &Args) -> Result<Answer, Error> {
    let bytes: u64 = segments(args).map(|m| m.len()).sum();
    Ok(Answer::Big(i64::try_from(bytes).unwrap_or(i64::MAX)))
}

/// `edgebase.file_written(relation oid)`
pub fn file_written(args: &Args) -> Result<Answer, Error> {
    let latest = segments(args).filter_map(|m| m.modified().ok()).max();
    Ok(latest.and_then(timestamp).map_or(Answer::Null, Answer::Big))
}

/// The segments that the relation's main file consists of, all of one size but the last.
fn segments(args: &Args) -> impl Iterator<Item = Metadata> {
    let path = catalog::file_path(args.oid(0));
    let mut next = path.is_some().then_some(0);
    std::iter::from_fn(move || {
        let (path, n) = (path.as_ref()?, next.take()?);
        // The server's working directory is the data directory, which paths are relative to.
        let found = if n == 0 { metadata(path) } else { metadata(format!("{path}.{n}")) }.ok()?;
        next = (found.len() >= SEGMENT).then_some(n + 1);
        Some(found)
    })
}

/// Microseconds since PostgreSQL's epoch, as a `timestamptz` has them.
fn timestamp(time: SystemTime) -> Option<i64> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    let micros = i64::try_from(since.as_micros()).ok()?;
    micros.checked_sub(i64::try_from(EPOCH_SECONDS).ok()? * 1_000_000)
}
