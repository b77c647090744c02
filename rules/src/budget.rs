//! How much memory may one stretch of JavaScript take?
//!
//! The engine has no limit on memory, and doubling a string a few dozen times takes the whole
//! machine. [`Budgeted`] counts the allocations of threads that evaluate rules. JavaScript over
//! half of its budget is interrupted like a loop that lasts too long ([`is_spent`]). A built-in
//! function cannot be interrupted: at the whole budget its thread is stopped for ever inside its
//! allocation, and a replacement is started. The allocator never unwinds and never returns null,
//! so no code ever sees a failed allocation. Memory counts only where the program installs the
//! allocator:
//!
//! ```ignore
//! #[global_allocator]
//! static ALLOCATOR: edgebase_rules::Budgeted = edgebase_rules::Budgeted;
//! ```
//!
//! Invariant: a thread is stopped only between [`begin`] and [`end`] and outside [`exempt`],
//! that is, only while it runs JavaScript and holds no lock that another thread waits for.
//!
//! The one module of this crate with unsafe code.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[derive(Clone, Copy)]
struct Account {
    /// Whether this thread is counted at all.
    counted: bool,
    /// Whether it may be stopped now.
    active: bool,
    /// Bytes allocated less bytes freed here since counting began.
    held: i64,
    /// What JavaScript may hold, and what a built-in function may.
    soft: i64,
    hard: i64,
    /// Where it is noted that the thread has been stopped.
    stopped: Option<&'static AtomicBool>,
}

thread_local! {
    // Constant and without destructors, as an allocator needs them.
    static ACCOUNT: Cell<Account> = const {
        Cell::new(Account {
            counted: false,
            active: false,
            held: 0,
            soft: i64::MAX,
            hard: i64::MAX,
            stopped: None,
        })
    };
}

/// The system's allocator with a budget for threads that evaluate rules.
pub struct Budgeted;

// SAFETY: every method passes its arguments on to `System` unchanged and returns what it
// returns; `charge` touches only a thread-local without a destructor and does not allocate.
unsafe impl GlobalAlloc for Budgeted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        charge(layout.size() as i64);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        charge(layout.size() as i64);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        charge(-(layout.size() as i64));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        charge(size as i64 - layout.size() as i64);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[inline]
fn charge(bytes: i64) {
    let mut account = ACCOUNT.get();
    if !account.counted {
        return;
    }
    account.held += bytes;
    ACCOUNT.set(account);
    if account.active && bytes > 0 && account.held > account.hard {
        stop(account);
    }
}

#[cold]
fn stop(account: Account) -> ! {
    if let Some(stopped) = account.stopped {
        stopped.store(true, Ordering::Release);
    }
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// Begins to count this thread.
pub(crate) fn count(stopped: &'static AtomicBool) {
    ACCOUNT.set(Account { counted: true, stopped: Some(stopped), ..ACCOUNT.get() });
}

/// From here on this thread may take `bytes` more.
pub(crate) fn begin(bytes: usize) {
    let account = ACCOUNT.get();
    let of = |bytes| account.held.saturating_add(i64::try_from(bytes).unwrap_or(i64::MAX));
    ACCOUNT.set(Account { active: true, soft: of(bytes / 2), hard: of(bytes), ..account });
}

/// Whether JavaScript has used up its part of the budget.
pub(crate) fn is_spent() -> bool {
    let account = ACCOUNT.get();
    account.active && account.held > account.soft
}

/// From here on it may take what it needs.
pub(crate) fn end() {
    ACCOUNT.set(Account { active: false, ..ACCOUNT.get() });
}

/// Does something on the host's account, during which the thread is not stopped.
pub(crate) fn exempt<T>(f: impl FnOnce() -> T) -> T {
    let active = ACCOUNT.get().active;
    ACCOUNT.set(Account { active: false, ..ACCOUNT.get() });
    let result = f();
    ACCOUNT.set(Account { active, ..ACCOUNT.get() });
    result
}

/// Bytes this thread holds.
pub(crate) fn held() -> usize {
    usize::try_from(ACCOUNT.get().held).unwrap_or(0)
}
