//! A clock that stands still until it is moved.
//!
//! Moving it wakes one deadline at a time. What the woken tasks then do must be over before the
//! next deadline: they are tasks of the same single thread, so to yield to them often enough is
//! to wait for them.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    task::{Poll, Waker},
    time::Duration,
};

use lifepod_lifecycle::time::Timestamp;
use parking_lot::Mutex;

/// How often every other task may run between two deadlines. The longest chain of messages
/// between runtime and engine that one deadline sets off is far shorter.
const ROUNDS: usize = 256;

/// When, and who came first.
type Place = (Timestamp, u64);

#[derive(Debug)]
struct State {
    now: Timestamp,
    next: u64,
    sleepers: BTreeMap<Place, Waker>,
}

#[derive(Debug)]
pub(super) struct Steps(Mutex<State>);

/// Takes a sleeper that was dropped off the list.
struct Bed<'s> {
    steps: &'s Steps,
    place: Option<Place>,
}

impl Drop for Bed<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.steps.0.lock().sleepers.remove(&place);
        }
    }
}

impl Steps {
    pub(super) fn new(origin: Timestamp) -> Self {
        Self(Mutex::new(State {
            now: origin,
            next: 0,
            sleepers: BTreeMap::new(),
        }))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.lock().now
    }

    pub(super) async fn sleep_until(&self, deadline: Timestamp) {
        let mut bed = Bed {
            steps: self,
            place: None,
        };
        poll_fn(|context| {
            let mut state = self.0.lock();
            if state.now >= deadline {
                return Poll::Ready(());
            }
            let place = *bed.place.get_or_insert_with(|| {
                state.next += 1;
                (deadline, state.next)
            });
            state.sleepers.insert(place, context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    pub(super) async fn advance(&self, by: Duration, mut stop: impl FnMut() -> bool) {
        settle().await;
        let end = self.now() + by;
        while !stop() {
            let next = self.0.lock().sleepers.keys().next().copied();
            let Some((deadline, _)) = next.filter(|(deadline, _)| *deadline <= end) else {
                self.set(end);
                settle().await;
                return;
            };
            self.set(deadline);
            settle().await;
        }
    }

    /// Makes `now` present and wakes who waited for it, in the order of their coming.
    fn set(&self, now: Timestamp) {
        let due: Vec<_> = {
            let mut state = self.0.lock();
            let now = state.now.max(now);
            state.now = now;
            let later = state.sleepers.split_off(&(now, u64::MAX));
            std::mem::replace(&mut state.sleepers, later)
                .into_values()
                .collect()
        };
        due.into_iter().for_each(Waker::wake);
    }
}

async fn settle() {
    for _ in 0..ROUNDS {
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use tokio::task::{LocalSet, spawn_local};

    use super::*;
    use crate::clock::{Pace, SimClock};

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    /// Who woke when.
    type Notes = Rc<RefCell<Vec<(&'static str, Timestamp)>>>;

    fn sleeper(clock: &SimClock, notes: &Notes, name: &'static str, naps: &'static [i64]) {
        let (clock, notes) = (clock.clone(), Rc::clone(notes));
        spawn_local(async move {
            for until in naps {
                clock.sleep_until(at(*until)).await;
                notes.borrow_mut().push((name, clock.now()));
            }
        });
    }

    #[tokio::test]
    async fn everybody_wakes_at_the_right_time_and_in_order() {
        let (clock, notes) = (SimClock::stepped(at(0)), Notes::default());
        let test = async {
            sleeper(&clock, &notes, "a", &[5, 6, 30]);
            sleeper(&clock, &notes, "b", &[5, 7]);
            clock.advance(Duration::from_secs(20), || false).await;
        };
        LocalSet::new().run_until(test).await;
        let expected = [("a", at(5)), ("b", at(5)), ("a", at(6)), ("b", at(7))];
        assert_eq!(*notes.borrow(), expected);
        assert_eq!(clock.now(), at(20));
    }

    #[tokio::test]
    async fn it_stops_where_it_is_told_to() {
        let (clock, notes) = (SimClock::stepped(at(0)), Notes::default());
        let test = async {
            sleeper(&clock, &notes, "a", &[5, 6]);
            let seen = || !notes.borrow().is_empty();
            clock.advance(Duration::from_secs(20), seen).await;
        };
        LocalSet::new().run_until(test).await;
        assert_eq!(clock.now(), at(5));
    }

    #[tokio::test]
    async fn a_sleeper_that_gave_up_is_forgotten() {
        let clock = SimClock::stepped(at(0));
        let SimClock(Pace::Stepped(steps)) = &clock else {
            panic!("not stepped");
        };
        let nap = clock.sleep_until(at(5));
        let gave_up = tokio::time::timeout(Duration::from_millis(5), nap).await;
        assert!(gave_up.is_err());
        assert!(steps.0.lock().sleepers.is_empty());
    }
}
