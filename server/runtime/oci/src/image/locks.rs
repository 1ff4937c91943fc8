//! Who works on what: leases keep content from being collected, keyed locks keep work from being done twice.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::OwnedMutexGuard;

use super::digest::Digest;

/// Content in use that no image refers to yet.
#[derive(Default)]
pub(crate) struct Leases {
    held: Mutex<HashMap<Digest, usize>>,
}

/// Keeps its digests from being collected until it is dropped.
pub(crate) struct Lease {
    leases: Arc<Leases>,
    digests: Vec<Digest>,
}

impl Leases {
    pub(crate) fn lease(self: &Arc<Self>) -> Lease {
        Lease {
            leases: Arc::clone(self),
            digests: Vec::new(),
        }
    }

    /// Freezes the set: while the guard lives nothing can be leased that is about to be collected.
    pub(crate) fn freeze(&self) -> MutexGuard<'_, HashMap<Digest, usize>> {
        self.held.lock()
    }
}

impl Lease {
    /// Must come before looking whether the content is there.
    pub(crate) fn add<'a>(&mut self, digests: impl IntoIterator<Item = &'a Digest>) {
        let mut held = self.leases.held.lock();
        for digest in digests {
            *held.entry(digest.clone()).or_default() += 1;
            self.digests.push(digest.clone());
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut held = self.leases.held.lock();
        for digest in &self.digests {
            if let Some(count) = held.get_mut(digest) {
                *count -= 1;
                if *count == 0 {
                    held.remove(digest);
                }
            }
        }
    }
}

/// One lock per digest, existing only while somebody wants it.
#[derive(Default)]
pub(crate) struct KeyedLocks {
    locks: Mutex<HashMap<Digest, Weak<tokio::sync::Mutex<()>>>>,
}

impl KeyedLocks {
    pub(crate) async fn lock(&self, key: &Digest) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock();
            locks.retain(|_, lock| lock.strong_count() > 0);
            let existing = locks.get(key).and_then(Weak::upgrade);
            existing.unwrap_or_else(|| {
                let fresh = Arc::default();
                locks.insert(key.clone(), Arc::downgrade(&fresh));
                fresh
            })
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_held_until_its_last_lease_is_dropped() {
        let leases = Arc::new(Leases::default());
        let digest = Digest::of(b"x");
        let (mut first, mut second) = (leases.lease(), leases.lease());
        first.add([&digest]);
        second.add([&digest]);
        drop(first);
        assert!(leases.freeze().contains_key(&digest));
        drop(second);
        assert!(leases.freeze().is_empty());
    }

    #[tokio::test]
    async fn the_same_key_waits_and_another_does_not() {
        let locks = KeyedLocks::default();
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let held = locks.lock(&a).await;
        let other = locks.lock(&b).await;
        let waiting = locks.lock(&a);
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        drop((held, other));
        assert!(futures::poll!(&mut waiting).is_ready());
    }
}
