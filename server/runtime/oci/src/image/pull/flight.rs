//! One pull for all who want the same thing at the same time.
//!
//! A pull is a shared future: whoever waits drives it, and it is dropped with the last who waits. Pulls with
//! different credentials are not the same, since a registry may answer them differently.

use std::collections::HashMap;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};
use parking_lot::Mutex;

use super::progress::{Fanout, Listening, ProgressSink};
use crate::image::error::ImageError;
use crate::image::reference::Reference;
use crate::image::registry::Credentials;
use crate::image::store::Image;

type PullFuture = BoxFuture<'static, Result<Image, ImageError>>;

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct FlightKey {
    pub(super) reference: Reference,
    pub(super) credentials: Option<Credentials>,
}

#[derive(Default)]
pub(crate) struct Flights {
    flights: Mutex<HashMap<FlightKey, Flight>>,
}

struct Flight {
    pull: WeakShared<PullFuture>,
    progress: Arc<Fanout>,
}

impl Flights {
    /// Joins the pull of `key` under way, or starts it.
    pub(super) fn join(
        &self,
        key: FlightKey,
        sink: Option<ProgressSink>,
        start: impl FnOnce(Arc<Fanout>) -> PullFuture,
    ) -> (Shared<PullFuture>, Option<Listening>) {
        let mut flights = self.flights.lock();
        flights.retain(|_, flight| flight.pull.upgrade().is_some());
        let under_way = flights.get(&key).and_then(|flight| {
            let pull = flight.pull.upgrade()?;
            // One that has its answer is over: the next pull asks the registry again.
            let fresh = pull.peek().is_none();
            fresh.then(|| (pull, Arc::clone(&flight.progress)))
        });
        let (pull, progress) = under_way.unwrap_or_else(|| {
            let progress = Arc::new(Fanout::default());
            let pull = start(Arc::clone(&progress)).shared();
            if let Some(weak) = pull.downgrade() {
                let flight = Flight {
                    pull: weak,
                    progress: Arc::clone(&progress),
                };
                flights.insert(key, flight);
            }
            (pull, progress)
        });
        let listening = sink.map(|sink| progress.listen(sink));
        (pull, listening)
    }
}
