//! How is work tried that may fail?

use crate::error::Error;
use crate::failure::Failure;
use crate::fence::session::subtransaction;
use std::panic::resume_unwind;

/// Runs `work` in a subtransaction that is rolled back whatever happens, then gives its result
/// or goes on unwinding with its error.
pub fn trial<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    subtransaction(work, |_| false).unwrap_or_else(|payload| resume_unwind(payload))
}

/// Runs `work` in a subtransaction that is kept when it succeeds. When it fails, nothing of it is
/// left and the failure is the result, unless it is one to pass on: then it goes on
/// unwinding.
pub fn attempt<T>(
    work: impl FnOnce() -> Result<T, Error>,
    passes: impl FnOnce(&Failure) -> bool,
) -> Result<T, Failure> {
    match subtransaction(work, Result::is_ok) {
        Ok(done) => done.map_err(Failure::from),
        Err(payload) => {
            let failure = Failure::from_panic(&*payload);
            if passes(&failure) {
                resume_unwind(payload);
            }
            Err(failure)
        }
    }
}
