//! Whose message is next on a worker?
//!
//! Start-time fair queueing, weighed by the time that a principal's evaluations have used: the
//! next message is that of the waiting principal that has used least. However many messages one
//! principal has waiting, and however long each takes, the first message of another waits for
//! the stretch under way and no more. Messages of one principal keep their order.
//!
//! Invariant: `order` holds exactly the principals that have messages waiting.

use crate::caller::Principal;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

/// So many principals without messages are remembered while others wait.
const REMEMBERED: usize = 4_096;

struct Flow<T> {
    waiting: VecDeque<T>,
    /// The principal's virtual time: what it has used, in nanoseconds, since everybody was even.
    used: u64,
}

/// See the module.
pub(crate) struct FairQueue<T> {
    flows: HashMap<Principal, Flow<T>>,
    order: BTreeSet<(u64, Principal)>,
    /// The virtual time of whoever was served last: newcomers begin here.
    now: u64,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { flows: HashMap::new(), order: BTreeSet::new(), now: 0 }
    }
}

impl<T> FairQueue<T> {
    pub fn push(&mut self, principal: Principal, message: T) {
        let flow = Self::flow(&mut self.flows, principal, self.now);
        if flow.waiting.is_empty() {
            // Time that a principal did not use is not saved up.
            flow.used = flow.used.max(self.now);
            self.order.insert((flow.used, principal));
        }
        flow.waiting.push_back(message);
    }

    pub fn pop(&mut self) -> Option<T> {
        let Some((used, principal)) = self.order.first().copied() else {
            // Nobody waits, so nobody has waited for what another one used.
            self.flows.clear();
            return None;
        };
        self.now = used;
        let flow = self.flows.get_mut(&principal)?;
        let message = flow.waiting.pop_front();
        if flow.waiting.is_empty() {
            self.order.remove(&(used, principal));
        }
        if self.flows.len() > REMEMBERED + self.order.len() {
            self.flows.retain(|_, flow| !flow.waiting.is_empty());
        }
        message
    }

    /// Notes that a principal has used the worker for so long.
    pub fn charge(&mut self, principal: Principal, time: Duration) {
        let flow = Self::flow(&mut self.flows, principal, self.now);
        let before = flow.used;
        flow.used += u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 2).max(1);
        if self.order.remove(&(before, principal)) {
            self.order.insert((flow.used, principal));
        }
    }

    /// Everything that waits, in no particular order.
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        self.order.clear();
        std::mem::take(&mut self.flows).into_values().flat_map(|flow| flow.waiting)
    }

    fn flow(
        flows: &mut HashMap<Principal, Flow<T>>,
        principal: Principal,
        now: u64,
    ) -> &mut Flow<T> {
        flows.entry(principal).or_insert_with(|| Flow { waiting: VecDeque::new(), used: now })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Caller;

    fn principal(name: &str) -> Principal {
        Caller::of(&name, &"").principal
    }

    #[test]
    fn a_principal_with_many_slow_messages_does_not_make_another_wait() {
        let mut queue = FairQueue::default();
        let (busy, other) = (principal("busy"), principal("other"));
        for n in 0..100 {
            queue.push(busy, n);
        }
        for n in 0..10 {
            assert_eq!(queue.pop(), Some(n), "messages of one principal keep their order");
            queue.charge(busy, Duration::from_millis(20));
        }
        // Whoever comes now is next, and stays so while it uses little.
        for n in 1_000..1_100 {
            queue.push(other, n);
        }
        for n in 1_000..1_100 {
            queue.charge(other, Duration::from_micros(20));
            assert_eq!(queue.pop(), Some(n));
        }
        assert_eq!(queue.pop(), Some(10));
    }

    #[test]
    fn principals_that_use_alike_take_turns() {
        let mut queue = FairQueue::default();
        let callers = ["a", "b", "c"].map(principal);
        for caller in callers {
            for _ in 0..3 {
                queue.push(caller, caller);
            }
        }
        for _ in 0..3 {
            let mut round = BTreeSet::new();
            for _ in callers {
                let caller = queue.pop().unwrap();
                queue.charge(caller, Duration::from_millis(1));
                round.insert(caller);
            }
            assert_eq!(round.len(), callers.len(), "each is served once in a round");
        }
        assert!(queue.pop().is_none());
    }

    #[test]
    fn what_a_queue_remembers_is_bounded() {
        let mut queue = FairQueue::default();
        queue.push(principal("first"), 0);
        for n in 0..3 * REMEMBERED {
            let caller = principal(&n.to_string());
            queue.push(caller, n);
            queue.push(caller, n);
            while queue.order.len() > 1 {
                queue.pop();
                queue.charge(caller, Duration::from_millis(1));
            }
        }
        assert!(queue.flows.len() <= REMEMBERED + 2, "{}", queue.flows.len());
        while queue.pop().is_some() {}
        assert!(queue.flows.is_empty());
    }
}
