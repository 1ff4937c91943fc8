//! The pod: identity, specification, machine state, and the only way to change it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    Settings, derive,
    effect::{Effect, PodRef},
    event::Event,
    id::{OpId, PodKey, PodUid, Revision},
    input::Input,
    spec::{PodSpec, RestartPolicy},
    state::{Class, Container, State},
    status::PodStatus,
    step,
    time::Timestamp,
    transition::{Cause, Transition},
};

/// A deletion that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// `metadata.deletionTimestamp`: when the grace period ends.
    pub deadline: Timestamp,
    /// `metadata.deletionGracePeriodSeconds`.
    pub grace: u32,
}

/// Identity and bookkeeping of a pod.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// Namespace and name.
    pub key: PodKey,
    /// Identity.
    pub uid: PodUid,
    /// Labels.
    #[serde(default)]
    pub labels: Arc<BTreeMap<String, String>>,
    /// Annotations.
    #[serde(default)]
    pub annotations: Arc<BTreeMap<String, String>>,
    /// Counts changes of the specification, from 1.
    pub generation: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// Set when deletion was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion: Option<Deletion>,
    /// Name of the node.
    pub node: Arc<str>,
    /// Who must agree before the object goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
}

/// A pod.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pod {
    /// Identity.
    pub meta: Meta,
    /// Specification.
    pub spec: Arc<PodSpec>,
    /// Revision of the last change.
    #[serde(default)]
    pub revision: Revision,
    /// Machine state.
    pub(crate) state: State,
}

/// Why a command was denied.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Denied {
    /// The pod is being deleted and cannot be changed in this way.
    #[error("pod `{key}` is being deleted")]
    Deleting {
        /// Pod.
        key: PodKey,
    },
}

/// What a step did.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Something observable or durable changed: the pod must be stored.
    pub changed: bool,
    /// Only bookkeeping of probes and events changed: the pod must be kept, but neither stored nor
    /// given a revision.
    pub kept: bool,
    /// Observable changes.
    pub transitions: Vec<Transition>,
    /// Operations to start, after the commit.
    pub effects: Vec<Effect>,
    /// Operations of the pod that are no longer wanted.
    pub cancelled: Vec<OpId>,
    /// The rules want to go on with [`Input::Continue`]: two changes of one subject are never
    /// folded into one revision.
    pub more: bool,
    /// The pod is gone; the record goes with this revision.
    pub removed: bool,
}

/// Everything needed to make a pod; validated and defaulted.
#[derive(Clone, Debug)]
pub struct NewPod {
    /// Namespace and name.
    pub key: PodKey,
    /// Identity.
    pub uid: PodUid,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Finalizers.
    pub finalizers: Vec<String>,
    /// Specification.
    pub spec: PodSpec,
    /// Name of the node.
    pub node: Arc<str>,
}

impl Pod {
    /// Makes a pod. It does nothing until its first step.
    #[must_use]
    pub fn create(new: NewPod, now: Timestamp) -> Self {
        let init = new.spec.init_containers.iter().map(|c| {
            let sidecar = c.restart_policy == Some(RestartPolicy::Always);
            Container::new(&c.name, if sidecar { Class::Sidecar } else { Class::Init })
        });
        let mains = new
            .spec
            .containers
            .iter()
            .map(|c| Container::new(&c.name, Class::Main));
        let state = State {
            containers: init.chain(mains).collect(),
            ..State::default()
        };
        Self {
            meta: Meta {
                key: new.key,
                uid: new.uid,
                labels: Arc::new(new.labels),
                annotations: Arc::new(new.annotations),
                generation: 1,
                created_at: now,
                deletion: None,
                node: new.node,
                finalizers: new.finalizers,
            },
            spec: Arc::new(new.spec),
            revision: Revision::default(),
            state,
        }
    }

    /// The first step of a new pod: announces it and starts its sandbox.
    #[must_use]
    pub fn begin(&mut self, settings: &Settings, now: Timestamp, cause: Cause) -> Verdict {
        step::begin(self, settings, now, cause)
    }

    /// Applies one input.
    ///
    /// # Errors
    /// [`Denied`] only for commands; the pod is then unchanged.
    pub fn step(
        &mut self,
        settings: &Settings,
        now: Timestamp,
        input: &Input,
    ) -> Result<Verdict, Denied> {
        step::step(self, settings, now, input)
    }

    /// Operations that were asked for and not answered: after a restart they are asked for again.
    #[must_use]
    pub fn owed(&self) -> Vec<Effect> {
        step::owed(self)
    }

    /// When the rules next need an [`Input::Tick`]; always later than `now`.
    #[must_use]
    pub fn next_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        step::next_deadline(self, now)
    }

    /// Status as clients see it.
    #[must_use]
    pub fn status(&self) -> PodStatus {
        derive::status(self)
    }

    /// Events, oldest series first.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        self.state.events.as_slice()
    }

    /// Whether clients see the pod.
    #[must_use]
    pub const fn is_visible(&self) -> bool {
        !self.state.hidden
    }

    /// Machine state, for readers.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The pod as a driver needs to know it.
    #[must_use]
    pub fn reference(&self) -> PodRef {
        PodRef {
            key: self.meta.key.clone(),
            uid: self.meta.uid.clone(),
            labels: Arc::clone(&self.meta.labels),
            annotations: Arc::clone(&self.meta.annotations),
            spec: Arc::clone(&self.spec),
            ips: self.state.ips.clone(),
        }
    }

    /// Grace period of the pod, at least one second.
    #[must_use]
    pub fn grace_period(&self) -> Duration {
        self.spec
            .termination_grace_period
            .max(Duration::from_secs(1))
    }
}
