//! One container of a pod through all its starts.

use serde::{Deserialize, Serialize};

use super::{Finished, Hook, Instance};
use crate::{
    backoff::{CrashBackoff, RetryBackoff},
    id::OpId,
    time::Timestamp,
    transition::Label,
};

/// What kind of container a slot is; decided by the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// Runs to completion before the next one starts.
    Init,
    /// An init container with restart policy Always: runs beside the others.
    Sidecar,
    /// Regular container.
    Main,
    /// Added later for debugging: starts at once, never again, and counts for nothing.
    Ephemeral,
}

/// A waiting reason with its message, as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Kubernetes waiting reason.
    pub reason: Label,
    /// Text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// What a slot is doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Activity {
    /// Nothing.
    #[default]
    Idle,
    /// Nothing before that time: a back-off.
    Delayed {
        /// End of the back-off.
        until: Timestamp,
    },
    /// Making the image available.
    Pulling {
        /// Operation.
        op: OpId,
        /// The registry was asked.
        contacting: bool,
    },
    /// Creating and starting.
    Starting {
        /// Operation.
        op: OpId,
        /// Which start it will be.
        attempt: u32,
        /// Image of the specification it is made from.
        #[serde(default)]
        image: String,
    },
    /// A process exists.
    Live(Box<Instance>),
}

/// Image of a container, once known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// Runtime's id.
    pub id: String,
    /// Reference by digest.
    pub reference: String,
}

/// One container of the pod through all its starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Name, equal to the specification's.
    pub name: String,
    /// Kind.
    pub class: Class,
    /// Number of the newest instance; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// What it is doing.
    pub activity: Activity,
    /// Waiting reason to show instead of the default or the last exit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Shown>,
    /// Newest finished instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Finished>,
    /// The one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_exit: Option<Finished>,
    /// Image, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageFacts>,
    /// Back-off of restarts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash: Option<CrashBackoff>,
    /// Back-off of pulls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<RetryBackoff>,
}

impl Container {
    /// A slot that has done nothing yet.
    #[must_use]
    pub fn new(name: &str, class: Class) -> Self {
        Self {
            name: name.to_owned(),
            class,
            attempt: None,
            activity: Activity::Idle,
            shown: None,
            exit: None,
            previous_exit: None,
            image: None,
            crash: None,
            pull: None,
        }
    }

    /// The process, if one exists.
    #[must_use]
    pub const fn live(&self) -> Option<&Instance> {
        match &self.activity {
            Activity::Live(instance) => Some(instance),
            _ => None,
        }
    }

    /// Restarts so far: the number of the newest instance.
    #[must_use]
    pub fn restart_count(&self) -> u32 {
        self.attempt.unwrap_or(0)
    }

    /// Whether a start is in progress that later containers have to wait for.
    #[must_use]
    pub fn is_starting(&self) -> bool {
        match &self.activity {
            Activity::Pulling { .. } | Activity::Starting { .. } => true,
            Activity::Live(instance) => matches!(instance.post_start, Hook::Running { .. }),
            Activity::Idle | Activity::Delayed { .. } => false,
        }
    }

    /// Whether a process exists or may come to exist by an operation in flight.
    #[must_use]
    pub const fn may_run(&self) -> bool {
        matches!(self.activity, Activity::Live(_) | Activity::Starting { .. })
    }
}
