//! Which thread evaluates, and what if it does not come back?
//!
//! Calls go to the least loaded worker. A watching thread looks at every worker while work is
//! under way: one that has been in a single stretch of JavaScript for longer than its slice
//! allows, or was stopped for memory, or failed, is given up: its callers are answered, its
//! unbegun calls go to others, its thread is made as unimportant as the system allows, and a
//! replacement is started.

use crate::api::{Failure, Limits};
use crate::js::seat::{Call, Outcome, Remains, Seat, Work};
use crate::js::thread::{self, Parts};
use crate::load::GIVE_UP;
use crate::rule::Record;
use edgebase_blocks::FunctionId;
use rustix::process::{Pid, setpriority_process};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A worker may be this late beyond its slice before it is suspected.
const GRACE: Duration = Duration::from_millis(30);
/// A suspect that uses this much more CPU time, or lasts this much longer, is lost.
const PROOF: Duration = Duration::from_millis(8);
const PATIENCE: Duration = Duration::from_millis(500);
/// How often the watching thread looks, and how long it does so without work.
const LOOK: Duration = Duration::from_millis(5);
const QUIET_LOOKS: u32 = 40;

/// The workers of an engine.
pub(crate) struct Pool {
    parts: Arc<Parts>,
    seats: RwLock<Vec<Arc<Seat>>>,
    pub records: Vec<Record>,
    next_call: AtomicU64,
    in_flight: AtomicUsize,
    watcher: OnceLock<std::thread::Thread>,
    watching: AtomicBool,
    /// Threads lost since the start.
    pub losses: AtomicU64,
}

impl Pool {
    /// Starts the workers and waits until the config has evaluated on each.
    pub fn start(parts: Parts) -> Result<Arc<Self>, String> {
        let parts = Arc::new(parts);
        let records = parts.functions.iter().map(|_| Record::default()).collect();
        let pool = Arc::new(Self {
            seats: RwLock::new(Vec::new()),
            records,
            next_call: AtomicU64::new(1),
            in_flight: AtomicUsize::new(0),
            watcher: OnceLock::new(),
            watching: AtomicBool::new(true),
            losses: AtomicU64::new(0),
            parts,
        });
        let (send, receive) = std::sync::mpsc::channel();
        let workers = pool.parts.limits.workers.max(1);
        for _ in 0..workers {
            let send = send.clone();
            pool.hire(move |ready| {
                // Nobody listens any more once one worker has failed.
                let _ = send.send(ready);
            })?;
        }
        for _ in 0..workers {
            // One that takes too much memory at once has been stopped and says nothing.
            receive.recv_timeout(GIVE_UP).map_err(|_| "a worker does not start".to_owned())??;
        }
        let weak = Arc::downgrade(&pool);
        let watch = std::thread::Builder::new()
            .name(pool.parts.limits.name.to_owned())
            .spawn(move || watch(&weak))
            .map_err(|e| format!("no thread: {e}"))?;
        // Set once, here.
        let _ = pool.watcher.set(watch.thread().clone());
        Ok(pool)
    }

    pub fn limits(&self) -> &Limits {
        &self.parts.limits
    }

    fn hire(&self, ready: impl FnOnce(Result<(), String>) + Send + 'static) -> Result<(), String> {
        let seat = Seat::new();
        thread::spawn(Arc::clone(&self.parts), Arc::clone(&seat), ready)
            .map_err(|e| format!("no thread: {e}"))?;
        self.seats.write().unwrap_or_else(PoisonError::into_inner).push(seat);
        Ok(())
    }

    /// Asks a worker; the answer comes at the deadline and a little at the latest.
    pub async fn ask(&self, function: FunctionId, work: Work, deadline: Instant) -> Outcome {
        if self.records.get(function.0 as usize).is_none_or(Record::is_tripped) {
            return Err(Failure::Tripped);
        }
        let _flight = Flight::begin(self);
        let (reply, answer) = oneshot::channel();
        let id = self.next_call.fetch_add(1, Ordering::Relaxed);
        if self.dispatch(Call { id, function, work, deadline }, reply).is_err() {
            return Err(Failure::Overload);
        }
        match tokio::time::timeout_at((deadline + GRACE).into(), answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Failure::WorkerLost),
            Err(_) => Err(Failure::Timeout),
        }
    }

    /// Gives a call to the least loaded worker; refused when that one is full.
    fn dispatch(&self, call: Call, reply: oneshot::Sender<Outcome>) -> Result<(), ()> {
        let mut call = call;
        let mut reply = reply;
        // A worker may be given up between being chosen and being asked.
        for _ in 0..4 {
            let seats = self.seats.read().unwrap_or_else(PoisonError::into_inner);
            let least = seats
                .iter()
                .filter(|s| !s.gone.load(Ordering::Relaxed))
                .min_by_key(|s| s.load.load(Ordering::Relaxed));
            let Some(seat) = least.cloned() else { return Err(()) };
            drop(seats);
            if seat.load.load(Ordering::Relaxed) >= self.parts.limits.queue {
                return Err(());
            }
            match seat.post(call, reply) {
                Ok(()) => return Ok(()),
                Err((c, r)) => (call, reply) = (c, r),
            }
        }
        Err(())
    }

    /// Gives a worker up; what it was evaluating is blamed only where that is known to be at
    /// fault, and not the machine.
    fn lose(&self, seat: &Arc<Seat>, at_fault: bool) {
        self.seats
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|s| !Arc::ptr_eq(s, seat));
        let retired = seat.retired.load(Ordering::Acquire);
        if !retired {
            self.parts.lost.fetch_add(1, Ordering::AcqRel);
            self.losses.fetch_add(1, Ordering::Relaxed);
        }
        seat.lost.store(true, Ordering::Release);
        let running = seat.stretch().map(|_| seat.running_call.load(Ordering::Relaxed));
        let function = seat.running_function.load(Ordering::Relaxed);
        let Remains { unbegun, begun } = seat.close();
        let late = !seat.gone.load(Ordering::Acquire);
        if !retired {
            demote(seat.thread.load(Ordering::Relaxed));
            self.blame(running.map(|_| function), at_fault);
        }
        // Before anyone is answered: whoever asks again at once must find a worker.
        self.top_up();
        for (id, reply) in begun {
            let own = Some(id) == running && late;
            // Whoever has gone meanwhile needs no answer.
            let _ = reply.send(Err(if own { Failure::Timeout } else { Failure::WorkerLost }));
        }
        for (call, reply) in unbegun {
            // Refused means dropped, and a dropped reply is an answer: worker lost.
            let _ = self.dispatch(call, reply);
        }
    }

    fn blame(&self, function: Option<u32>, at_fault: bool) {
        let Some(index) = function.map(|f| f as usize) else {
            tracing::error!("a thread that evaluates rules failed and is replaced");
            return;
        };
        let path = self.parts.functions.get(index).map_or("?", |f| f.path.as_str());
        tracing::error!(rule = path, "a rule did not stop in time; its thread is given up");
        if at_fault && self.records.get(index).is_some_and(Record::stall) {
            tracing::error!(
                rule = path,
                "the rule stalled repeatedly and is suspended for a minute"
            );
        }
    }

    /// Starts replacements, as long as not too many threads are lost.
    fn top_up(&self) {
        let limits = &self.parts.limits;
        loop {
            let seats = self.seats.read().unwrap_or_else(PoisonError::into_inner).len();
            if seats >= limits.workers.max(1) {
                return;
            }
            if self.parts.lost.load(Ordering::Acquire) > limits.lost {
                tracing::error!("too many threads are lost; no replacement is started");
                return;
            }
            if let Err(e) = self.hire(|ready| {
                if let Err(message) = ready {
                    tracing::error!("a replacement does not start: {message}");
                }
            }) {
                tracing::error!("{e}");
                return;
            }
        }
    }

    /// Threads given up that have not ended.
    pub fn lost_now(&self) -> usize {
        self.parts.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for seat in self.seats.get_mut().unwrap_or_else(PoisonError::into_inner) {
            seat.close();
        }
        if let Some(watcher) = self.watcher.get() {
            watcher.unpark();
        }
    }
}

/// A call under way, for as long as its future lives.
struct Flight<'p>(&'p Pool);

impl<'p> Flight<'p> {
    fn begin(pool: &'p Pool) -> Self {
        pool.in_flight.fetch_add(1, Ordering::AcqRel);
        if !pool.watching.swap(true, Ordering::AcqRel)
            && let Some(watcher) = pool.watcher.get()
        {
            watcher.unpark();
        }
        Self(pool)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A stretch that lasts too long, and the CPU time its thread had used when that was noticed.
struct Suspect {
    seat: Weak<Seat>,
    since: u64,
    cpu: Option<Duration>,
}

fn watch(pool: &Weak<Pool>) {
    let mut suspects: Vec<Suspect> = Vec::new();
    let mut quiet = 0;
    loop {
        let Some(alive) = pool.upgrade() else { return };
        let busy = look(&alive, &mut suspects) || alive.in_flight.load(Ordering::Acquire) > 0;
        quiet = if busy { 0 } else { quiet + 1 };
        if quiet < QUIET_LOOKS {
            drop(alive);
            std::thread::sleep(LOOK);
            continue;
        }
        alive.watching.store(false, Ordering::Release);
        // A call that came meanwhile has either seen `watching` false or is seen here.
        let asleep = alive.in_flight.load(Ordering::Acquire) == 0;
        drop(alive);
        if asleep {
            std::thread::park();
        }
        quiet = 0;
    }
}

/// One look at every worker; true when any is at work.
fn look(pool: &Pool, suspects: &mut Vec<Suspect>) -> bool {
    let seats: Vec<Arc<Seat>> = pool.seats.read().unwrap_or_else(PoisonError::into_inner).clone();
    let mut busy = false;
    let allowed = pool.parts.limits.slice + GRACE;
    for seat in &seats {
        if seat.gone.load(Ordering::Acquire) || seat.over_memory.load(Ordering::Acquire) {
            pool.lose(seat, true);
            busy = true;
            continue;
        }
        let Some((since, lasted)) = seat.stretch() else { continue };
        busy = true;
        if lasted <= allowed {
            continue;
        }
        let cpu = cpu_of(seat.thread.load(Ordering::Relaxed));
        let known = suspects
            .iter()
            .find(|s| s.since == since && s.seat.upgrade().is_some_and(|s| Arc::ptr_eq(&s, seat)));
        let Some(suspect) = known else {
            suspects.push(Suspect { seat: Arc::downgrade(seat), since, cpu });
            continue;
        };
        // On a crowded machine the thread may merely have had no turn.
        let worked = match (cpu, suspect.cpu) {
            (Some(now), Some(then)) => now.saturating_sub(then) >= PROOF,
            _ => true,
        };
        if worked || lasted > allowed + PATIENCE {
            pool.lose(seat, worked);
        }
    }
    suspects.retain(|s| {
        s.seat
            .upgrade()
            .is_some_and(|seat| seat.stretch().is_some_and(|(since, _)| since == s.since))
    });
    pool.top_up_if_short(seats.len());
    busy
}

impl Pool {
    /// Threads once lost may have ended, which makes room for replacements.
    fn top_up_if_short(&self, seats: usize) {
        let limits = &self.parts.limits;
        if seats < limits.workers.max(1) && self.lost_now() <= limits.lost {
            self.top_up();
        }
    }
}

/// CPU time that a thread has used, where the system tells.
fn cpu_of(thread: i32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// Makes a thread as unimportant as can be done without privileges.
fn demote(thread: i32) {
    if let Some(pid) = Pid::from_raw(thread) {
        // On Linux this concerns the one thread. Failing changes nothing but speed.
        let _ = setpriority_process(Some(pid), 19);
    }
}
