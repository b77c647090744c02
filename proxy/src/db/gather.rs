//! How do gets of one instance that come together share a round trip?
//!
//! A get by id takes the server less time than being woken for it does, and the proxy likewise. So
//! only a few gets of an instance are under way at a time, one for every two processors; what comes
//! meanwhile waits for one of them to end, and then leaves together: in one write, answered in one
//! read. Whoever waits longest leads, and nobody waits when there is nothing to wait for.
//!
//! They share a connection and a transaction, and nothing else: each is a statement of its own,
//! which the extension checks as if it came alone, all are of one instance, and whether somebody
//! may see the row is asked before and after for each. When one of them fails, each runs alone and
//! gets its own answer; so it does when the leader is given up half-way.

use super::statement::Sql;
use super::turns::{HALF, QUEUE, WAIT, busy};
use super::{Build, Database, Mode, Outcome, Row};
use crate::error::Result;
use edgebase_blocks::{InstanceKey, Table};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot::{self, Receiver, Sender};

/// Gets that leave together.
const TOGETHER: usize = 16;

/// The gets of one instance.
#[derive(Debug, Default)]
pub struct Gathering(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    under_way: usize,
    waiting: VecDeque<Waiting>,
}

/// A get that waits for others to end.
#[derive(Debug)]
struct Waiting {
    call: Sql,
    answer: Sender<Word>,
}

/// What a get is told that has waited.
#[derive(Debug)]
enum Word {
    /// It was taken along.
    Done(Outcome<Option<Row>>),
    /// It was taken along, and one of those that left together failed.
    Alone,
    /// It is its turn.
    Lead(Lead),
}

/// Where a get stands that has come.
enum Place {
    First(Lead),
    Waiting(Receiver<Word>),
    /// Too many wait already.
    Nowhere,
}

/// The right to have one round trip under way. It goes to whoever waits longest when dropped.
#[derive(Debug)]
struct Lead(Option<Arc<Gathering>>);

impl Gathering {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(self: &Arc<Self>, call: &Sql) -> Place {
        let mut state = self.state();
        if state.under_way < *HALF as usize {
            state.under_way += 1;
            return Place::First(Lead(Some(Arc::clone(self))));
        }
        if state.waiting.len() >= QUEUE {
            return Place::Nowhere;
        }
        let (answer, word) = oneshot::channel();
        state.waiting.push_back(Waiting { call: call.clone(), answer });
        Place::Waiting(word)
    }
}

impl Lead {
    /// Those that come along; who has gone meanwhile stays behind.
    fn followers(&self) -> Vec<Waiting> {
        let Some(gathering) = &self.0 else { return Vec::new() };
        let waiting = &mut gathering.state().waiting;
        let mut all = Vec::new();
        while all.len() + 1 < TOGETHER
            && let Some(next) = waiting.pop_front()
        {
            if !next.answer.is_closed() {
                all.push(next);
            }
        }
        all
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let Some(mut gathering) = self.0.take() else { return };
        loop {
            let next = {
                let mut state = gathering.state();
                let next = state.waiting.pop_front();
                state.under_way -= usize::from(next.is_none());
                next
            };
            let Some(next) = next else { return };
            // Whoever is told and goes before hearing it drops the lead, and so passes it on.
            match next.answer.send(Word::Lead(Lead(Some(gathering)))) {
                Err(Word::Lead(mut lead)) => match lead.0.take() {
                    Some(back) => gathering = back,
                    None => return,
                },
                _ => return,
            }
        }
    }
}

impl Database {
    /// The one row of a call of `edgebase.read_record`, unless it begins with null. Where the
    /// extension does not read the table, because somebody has changed it by hand, a statement does.
    ///
    /// # Errors
    /// As for `run`, and 503 when too many gets of the instance wait, or for too long.
    pub async fn record(
        &self,
        key: &InstanceKey,
        table: &Table,
        call: &Sql,
        statement: Build<'_>,
    ) -> Result<Outcome<Option<Row>>> {
        let lead = match self.known(key).gets.join(call) {
            Place::First(lead) => lead,
            Place::Nowhere => return Err(busy(format!("{QUEUE} gets wait for '{key}' already"))),
            Place::Waiting(word) => match tokio::time::timeout(WAIT, word).await {
                Ok(Ok(Word::Done(outcome))) => return Ok(outcome),
                Ok(Ok(Word::Lead(lead))) => lead,
                Ok(Ok(Word::Alone) | Err(_)) => {
                    return self.alone(key, table, call, statement).await;
                }
                Err(_) => return Err(busy(format!("no turn for a get of '{key}' in time"))),
            },
        };
        let followers = lead.followers();
        if followers.is_empty() {
            return self.alone(key, table, call, statement).await;
        }
        let calls = |_: &str| {
            std::iter::once(call).chain(followers.iter().map(|f| &f.call)).cloned().collect()
        };
        let told = match self.at_once(key, table, &calls, Mode::Call).await {
            Ok(Outcome::Done(rows)) => {
                let mut rows = rows.into_iter().map(|of_one| Outcome::Done(record(of_one)));
                let own = rows.next();
                for (follower, outcome) in followers.into_iter().zip(rows) {
                    // Nobody is told who has gone meanwhile.
                    let _ = follower.answer.send(Word::Done(outcome));
                }
                own
            }
            Ok(Outcome::Absent) => {
                for follower in followers {
                    let _ = follower.answer.send(Word::Done(Outcome::Absent));
                }
                Some(Outcome::Absent)
            }
            Ok(Outcome::NoTable) | Err(_) => {
                for follower in followers {
                    let _ = follower.answer.send(Word::Alone);
                }
                None
            }
        };
        drop(lead);
        match told {
            Some(outcome) => Ok(outcome),
            None => self.alone(key, table, call, statement).await,
        }
    }

    async fn alone(
        &self,
        key: &InstanceKey,
        table: &Table,
        call: &Sql,
        statement: Build<'_>,
    ) -> Result<Outcome<Option<Row>>> {
        let build = |_: &str| vec![call.clone()];
        let done = self.at_once_or(key, table, &build, Mode::Call, Some(statement)).await?;
        Ok(match done {
            Outcome::Done(rows) => Outcome::Done(record(rows.into_iter().flatten().collect())),
            Outcome::Absent => Outcome::Absent,
            Outcome::NoTable => Outcome::NoTable,
        })
    }
}

/// The record that a call has given, if any.
fn record(rows: Vec<Row>) -> Option<Row> {
    rows.into_iter().next().filter(|row| row.cells().next().is_some_and(|cell| cell.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(n: usize) -> Sql {
        Sql::new(&format!("SELECT {n}"))
    }

    fn lead(place: Place) -> Lead {
        match place {
            Place::First(lead) => lead,
            _ => panic!("not the first"),
        }
    }

    fn waiting(place: Place) -> Receiver<Word> {
        match place {
            Place::Waiting(word) => word,
            _ => panic!("does not wait"),
        }
    }

    /// All lanes taken.
    fn full(gathering: &Arc<Gathering>) -> Vec<Lead> {
        (0..*HALF as usize).map(|n| lead(gathering.join(&call(n)))).collect()
    }

    #[test]
    fn a_get_waits_only_while_every_lane_is_taken() {
        let gathering = Arc::new(Gathering::default());
        let mut leads = full(&gathering);
        leads.pop();
        leads.push(lead(gathering.join(&call(1))));
        drop(waiting(gathering.join(&call(2))));
        drop(leads);
        assert_eq!(gathering.state().under_way, 0);
        assert!(gathering.state().waiting.is_empty());
    }

    #[test]
    fn whoever_waits_longest_leads_and_takes_the_others_along() {
        let gathering = Arc::new(Gathering::default());
        let mut leads = full(&gathering);
        let mut words: Vec<_> = (0..20).map(|n| waiting(gathering.join(&call(n)))).collect();
        leads.pop();
        let Ok(Word::Lead(lead)) = words[0].try_recv() else { panic!("the first does not lead") };
        let calls: Vec<_> = lead.followers().into_iter().map(|f| f.call).collect();
        assert_eq!(calls, (1..TOGETHER).map(call).collect::<Vec<_>>());
        drop(lead);
        assert!(matches!(words[TOGETHER].try_recv(), Ok(Word::Lead(_))));
    }

    #[test]
    fn who_has_gone_is_neither_taken_along_nor_made_the_leader() {
        let gathering = Arc::new(Gathering::default());
        let mut leads = full(&gathering);
        let gone = waiting(gathering.join(&call(1)));
        let mut first = waiting(gathering.join(&call(2)));
        drop(waiting(gathering.join(&call(3))));
        let _last = waiting(gathering.join(&call(4)));
        drop(gone);
        leads.pop();
        let Ok(Word::Lead(lead)) = first.try_recv() else { panic!("does not lead") };
        let calls: Vec<_> = lead.followers().into_iter().map(|f| f.call).collect();
        assert_eq!(calls, [call(4)]);
    }

    #[test]
    fn a_lead_that_nobody_hears_of_goes_on_to_the_next() {
        let gathering = Arc::new(Gathering::default());
        let mut leads = full(&gathering);
        let told = waiting(gathering.join(&call(1)));
        let mut next = waiting(gathering.join(&call(2)));
        leads.pop();
        drop(told);
        assert!(matches!(next.try_recv(), Ok(Word::Lead(_))));
        drop((leads, next));
        assert_eq!(gathering.state().under_way, 0);
    }

    #[test]
    fn those_whose_leader_is_given_up_learn_it() {
        let gathering = Arc::new(Gathering::default());
        let mut leads = full(&gathering);
        let mut words: Vec<_> = (0..2).map(|n| waiting(gathering.join(&call(n)))).collect();
        leads.pop();
        let Ok(Word::Lead(lead)) = words[0].try_recv() else { panic!("does not lead") };
        drop((lead.followers(), lead));
        assert!(matches!(words[1].try_recv(), Err(oneshot::error::TryRecvError::Closed)));
    }

    #[test]
    fn a_full_queue_has_no_place() {
        let gathering = Arc::new(Gathering::default());
        let _leads = full(&gathering);
        let _words: Vec<_> = (0..QUEUE).map(|n| waiting(gathering.join(&call(n)))).collect();
        assert!(matches!(gathering.join(&call(0)), Place::Nowhere));
    }
}
