//! Starts take turns at the processors.
//!
//! A start keeps a processor busy for some milliseconds. A burst of them all at once is no faster
//! for it, and leaves whatever else happens waiting behind all of it: the end of another container,
//! a probe, an exec.

use std::{num::NonZero, thread::available_parallelism, time::Duration};

use tokio::{sync::Semaphore, time::timeout};

/// Starts at a time for each processor: while one waits for the kernel, others go on.
const PER_PROCESSOR: usize = 2;
/// After this long a start waits for something else than a processor, and gives its place away.
const LONG: Duration = Duration::from_millis(500);

/// Places for those that start something.
pub(super) struct Places(Semaphore);

impl Places {
    pub(super) fn new() -> Self {
        let processors = available_parallelism().map_or(1, NonZero::get);
        Self(Semaphore::new(PER_PROCESSOR * processors))
    }

    /// Does the work when there is a place for it.
    pub(super) async fn take<T>(&self, work: impl Future<Output = T>) -> T {
        // Never closed; if it were, work would go on without places.
        let place = self.0.acquire().await;
        tokio::pin!(work);
        if let Ok(done) = timeout(LONG, &mut work).await {
            return done;
        }
        drop(place);
        work.await
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, sync::Arc};

    use tokio::task::yield_now;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_does_not_keep_its_place() {
        let places = Arc::new(Places(Semaphore::new(1)));
        let hanging = Arc::clone(&places);
        let hang = tokio::spawn(async move { hanging.take(pending::<()>()).await });
        while places.0.available_permits() > 0 {
            yield_now().await;
        }
        assert_eq!(places.take(async { 7 }).await, 7);
        assert!(!hang.is_finished());
        hang.abort();
    }
}
