//! What a scenario has seen so far: frames, and the times of its steps.

use super::driver::{Kind, Site};
use crate::world::{Observer, Timeline};
use anyhow::Result;
use lifepod_client::{Pods, Selector, WatchStart, proto::PodChange};
use std::{collections::BTreeMap, time::Duration};

/// A point in time, as time since the epoch.
pub(super) type Moment = Duration;

/// What a scenario has seen so far.
pub(super) struct Record {
    /// What is watched.
    pub(super) pods: Pods,
    pub(super) watch: Observer,
    /// Begins of steps, by their name.
    pub(super) marks: BTreeMap<String, Moment>,
    /// Watches that the steps opened.
    pub(super) watches: BTreeMap<String, Observer>,
    /// How many frames of each pod were examined by `until`.
    seen: BTreeMap<String, usize>,
}

impl Record {
    /// Begins to watch the scenario's pods.
    pub(super) async fn begin(site: &Site, namespace: &str) -> Result<Self> {
        let (pods, watch) = match site.kind() {
            // It has the server for itself, so that every revision must be told.
            Kind::Simulator => {
                let pods = site.client().all_pods();
                (pods.clone(), Observer::of_everything(pods))
            }
            Kind::Containers => {
                let pods = site.client().pods(namespace);
                let watch = Observer::of(pods.clone(), Selector::all(), WatchStart::Snapshot);
                (pods, watch)
            }
        };
        watch.reach(0).await?;
        Ok(Self {
            pods,
            watch,
            marks: BTreeMap::new(),
            watches: BTreeMap::new(),
            seen: BTreeMap::new(),
        })
    }

    /// Looks through the frames of a pod that were not looked at yet, for one that `wanted`
    /// accepts; it and those before are looked at then.
    pub(super) fn find(&mut self, pod: &str, wanted: impl Fn(&PodChange) -> bool) -> bool {
        let from = self.seen.entry(pod.to_owned()).or_default();
        let found = self
            .watch
            .look(|seen| frames(seen, pod).skip(*from).position(wanted));
        if let Some(index) = found {
            // What holds now may be waited for again.
            *from += index;
        }
        found.is_some()
    }
}

/// Every frame of the pods of one name.
pub(super) fn frames<'t>(
    timeline: &'t Timeline,
    pod: &'t str,
) -> impl Iterator<Item = &'t PodChange> {
    timeline.changes_of(pod)
}
