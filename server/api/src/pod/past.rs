//! What memory and the journal remember.

use std::sync::Arc;

use lifepod_engine::{Snapshot, WatchEnd};
use lifepod_lifecycle::{
    Pod,
    id::{PodKey, Revision},
    port::{Record, StoreError},
};

use crate::{
    error::{ApiError, Result},
    shared::Shared,
};

/// The record of a revision, if it is kept.
///
/// # Errors
/// The journal cannot be read.
pub(super) async fn record_at(shared: &Shared, revision: Revision) -> Result<Option<Arc<Record>>> {
    let before = Revision(revision.0.saturating_sub(1));
    if let Some(recent) = shared.engine.recent(before) {
        return Ok(recent.into_iter().next());
    }
    let reader = shared.engine.reader();
    let read = tokio::task::spawn_blocking(move || reader.read_after(before, 1)).await;
    match read.map_err(|_| ApiError::Draining)? {
        Ok(page) => Ok(page.records.into_iter().next()),
        Err(StoreError::Compacted { .. }) => Ok(None),
        Err(error) => Err(ApiError::of_watch(WatchEnd::Store(error), before)),
    }
}

/// Checks that everything after a position can be read.
///
/// # Errors
/// `REVISION_IN_FUTURE`, `REVISION_EXPIRED`.
pub(super) fn check_position(shared: &Shared, position: Revision) -> Result<()> {
    let newest = shared.engine.revision();
    // A token may be a moment ahead of what the log has announced, never of the view.
    if position > newest && position > shared.engine.snapshot().revision {
        return Err(ApiError::RevisionInFuture {
            revision: position,
            newest,
        });
    }
    if position < shared.engine.oldest() {
        return Err(ApiError::RevisionExpired {
            revision: position,
            oldest: shared.oldest_revision(),
        });
    }
    Ok(())
}

/// All pods that clients saw, as of an earlier revision.
///
/// # Errors
/// `REVISION_IN_FUTURE`, `REVISION_EXPIRED`; the journal cannot be read.
pub(super) async fn snapshot_at(shared: &Shared, revision: Revision) -> Result<Arc<Snapshot>> {
    let present = shared.engine.snapshot();
    if revision == present.revision {
        return Ok(Arc::new(present));
    }
    if revision > present.revision {
        return Err(ApiError::RevisionInFuture {
            revision,
            newest: present.revision,
        });
    }
    // Each is a stretch of the journal read and held in memory, to its end even when nobody waits
    // for it any more.
    let turn = Arc::clone(&shared.past_reads).acquire_owned().await;
    let turn = turn.map_err(|_| ApiError::Draining)?;
    let reader = shared.engine.reader();
    let read = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        reader.state_at(revision)
    });
    let mut pods = match read.await.map_err(|_| ApiError::Draining)? {
        Ok(pods) => pods,
        Err(StoreError::Compacted { oldest }) => {
            return Err(ApiError::RevisionExpired { revision, oldest });
        }
        Err(error) => return Err(ApiError::of_watch(WatchEnd::Store(error), revision)),
    };
    pods.retain(|pod| pod.is_visible());
    pods.sort_unstable_by(|a, b| a.meta.key.cmp(&b.meta.key));
    share(&mut pods, &present.pods);
    Ok(Arc::new(Snapshot { revision, pods }))
}

/// Lets go of what is in memory already: pods that have not changed since. Both lists are sorted.
fn share(past: &mut [Arc<Pod>], present: &[Arc<Pod>]) {
    let mut present = present.iter().peekable();
    for pod in past {
        while present.next_if(|now| now.meta.key < pod.meta.key).is_some() {}
        let same = |now: &&Arc<Pod>| now.meta.uid == pod.meta.uid && now.revision == pod.revision;
        if let Some(now) = present.next_if(same) {
            *pod = Arc::clone(now);
        }
    }
}

/// The pod of that name as of a revision, if there was one.
///
/// # Errors
/// As [`snapshot_at`].
pub(super) async fn pod_at(
    shared: &Shared,
    key: &PodKey,
    revision: Revision,
) -> Result<Option<Arc<Pod>>> {
    let known = match recall(shared, key, revision) {
        Recalled::Pod(pod) => return Ok(pod),
        Recalled::At(before) => record_at(shared, before).await?,
        Recalled::Nothing => None,
    };
    if let Some(record) = known {
        return Ok(Some(Arc::clone(&record.pod)));
    }
    let past = snapshot_at(shared, revision).await?;
    Ok(find(&past, key))
}

fn find(cut: &Snapshot, key: &PodKey) -> Option<Arc<Pod>> {
    let found = cut.pods.binary_search_by(|pod| pod.meta.key.cmp(key));
    found.ok().map(|index| Arc::clone(&cut.pods[index]))
}

/// What memory tells of a pod as of a revision.
enum Recalled {
    Pod(Option<Arc<Pod>>),
    /// It is in the record of that revision.
    At(Revision),
    /// Memory does not reach back that far, or what it has counts as forgotten.
    Nothing,
}

/// Looks at what became of a pod after a revision: its first change tells what was before.
fn recall(shared: &Shared, key: &PodKey, revision: Revision) -> Recalled {
    let (present, seen) = shared.pod_and_position(key);
    let unchanged = |pod: &Arc<Pod>| pod.revision <= revision && revision <= seen;
    if let Some(pod) = present.filter(unchanged) {
        return Recalled::Pod(Some(pod));
    }
    // All pods, for the revision they are of: the records must reach it.
    let present = shared.engine.snapshot();
    if revision > present.revision || revision < shared.engine.oldest() {
        return Recalled::Nothing;
    }
    let concerns = |record: &&Arc<Record>| record.is_visible() && record.pod.meta.key == *key;
    let mut after = revision;
    while after < present.revision {
        let recent = shared.engine.recent(after).unwrap_or_default();
        let Some(last) = recent.last() else {
            return Recalled::Nothing;
        };
        match recent.iter().find(concerns).map(|first| first.previous) {
            Some(Revision(0)) => return Recalled::Pod(None),
            Some(previous) => return Recalled::At(previous),
            None => after = last.revision,
        }
    }
    Recalled::Pod(find(&present, key))
}

#[cfg(test)]
pub(super) mod tests {
    use lifepod_proto::v1 as proto;

    use super::*;
    use crate::convert::{spec_in::admit, time::now};

    pub(in crate::pod) fn pod(name: &str, revision: u64) -> Arc<Pod> {
        let metadata = proto::ObjectMeta {
            name: name.to_owned(),
            ..proto::ObjectMeta::default()
        };
        let container = proto::Container {
            name: "c".to_owned(),
            image: "app:1".to_owned(),
            ..proto::Container::default()
        };
        let spec = proto::PodSpec {
            containers: vec![container],
            ..proto::PodSpec::default()
        };
        let given = proto::Pod {
            metadata: Some(metadata),
            spec: Some(spec),
            status: None,
        };
        let mut pod = Pod::create(admit(&given, &"node".into()).unwrap().pod, now());
        pod.revision = Revision(revision);
        Arc::new(pod)
    }

    #[test]
    fn the_past_shares_with_the_present_what_has_not_changed() {
        let present: Vec<_> = [("a", 1), ("b", 2), ("c", 3), ("e", 5)]
            .map(|(name, revision)| pod(name, revision))
            .into();
        let copy = |pod: &Arc<Pod>| Arc::new(Pod::clone(pod));
        let mut earlier = Pod::clone(&present[2]);
        earlier.revision = Revision(1);
        let mut past = [
            copy(&present[0]),
            pod("b", 2), // of another uid
            Arc::new(earlier),
            pod("d", 4),
            copy(&present[3]),
        ];
        share(&mut past, &present);
        let shared = |pod: &Arc<Pod>| present.iter().any(|now| Arc::ptr_eq(now, pod));
        let told: Vec<_> = past.iter().map(shared).collect();
        assert_eq!(told, [true, false, false, false, true]);
        assert_eq!(past[2].revision, Revision(1));
    }
}
