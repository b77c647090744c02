//! In which order do promises go on?
//!
//! A first-in-first-out queue of promise jobs that looks at the clock between jobs, so that a
//! chain of microtasks without end is interrupted like any loop.

use super::slice;
use boa_engine::error::RuntimeLimitError;
use boa_engine::job::{GenericJob, Job, JobExecutor, NativeAsyncJob, PromiseJob};
use boa_engine::{Context, JsResult};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

enum Queued {
    Promise(PromiseJob),
    Generic(GenericJob),
    /// Only module loading makes these, and they never wait.
    Loading(NativeAsyncJob),
}

/// The queue.
#[derive(Default)]
pub(crate) struct Jobs {
    queue: RefCell<VecDeque<Queued>>,
}

impl JobExecutor for Jobs {
    fn enqueue_job(self: Rc<Self>, job: Job, _: &mut Context) {
        let queued = match job {
            Job::PromiseJob(job) => Queued::Promise(job),
            Job::GenericJob(job) => Queued::Generic(job),
            Job::AsyncJob(job) => Queued::Loading(job),
            // There are no timers, and finalization callbacks are never run.
            _ => return,
        };
        self.queue.borrow_mut().push_back(queued);
    }

    fn run_jobs(self: Rc<Self>, context: &mut Context) -> JsResult<()> {
        loop {
            let Some(job) = self.queue.borrow_mut().pop_front() else { return Ok(()) };
            let result = match job {
                Queued::Promise(job) => job.call(context).map(|_| ()),
                Queued::Generic(job) => job.call(context).map(|_| ()),
                Queued::Loading(job) => {
                    let context = RefCell::new(&mut *context);
                    futures::executor::block_on(job.call(&context)).map(|_| ())
                }
            };
            let result = match result {
                Ok(()) if slice::is_over() => Err(RuntimeLimitError::LoopIteration.into()),
                other => other,
            };
            if let Err(e) = result {
                self.queue.borrow_mut().clear();
                return Err(e);
            }
        }
    }
}
