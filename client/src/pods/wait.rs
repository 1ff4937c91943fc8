//! Waiting for pods, over their history.

use std::time::Duration;

use lifepod_proto::v1::{
    self as proto, wait_condition::Condition, wait_pod_request::Since, wait_pod_response::Outcome,
};

use super::Pods;
use crate::{Error, Result, call::rpc};

/// One request waits at most this long; longer waits go on from its token.
const SLICE: Duration = Duration::from_secs(60);
/// What the answer may take on top of the wait itself.
const SLACK: Duration = Duration::from_secs(10);

/// What to wait for. Any of the conditions will do.
///
/// ```
/// use std::time::Duration;
/// use lifepod_client::{Wait, proto::PodPhase};
///
/// let done = Wait::phase(PodPhase::Succeeded)
///     .or_phase(PodPhase::Failed)
///     .within(Duration::from_secs(300));
/// # let _ = done;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    any_of: Vec<proto::WaitCondition>,
    uid: String,
    since: Option<Since>,
    timeout: Duration,
}

impl Wait {
    /// For one condition, within 30 s.
    #[must_use]
    pub fn condition(condition: Condition) -> Self {
        Self {
            any_of: vec![wrap(condition)],
            uid: String::new(),
            since: None,
            timeout: Duration::from_secs(30),
        }
    }

    /// Until the pod is in this phase.
    #[must_use]
    pub fn phase(phase: proto::PodPhase) -> Self {
        Self::condition(Condition::Phase(phase.into()))
    }

    /// Until the pod's condition of this type is True.
    #[must_use]
    pub fn pod_condition(kind: impl Into<String>) -> Self {
        Self::condition(Condition::PodCondition(proto::PodConditionWait {
            r#type: kind.into(),
            status: proto::ConditionStatus::True.into(),
        }))
    }

    /// Until the pod is gone.
    #[must_use]
    pub fn deleted() -> Self {
        Self::condition(Condition::Deleted(proto::DeletedWait {}))
    }

    /// Until the pod exists.
    #[must_use]
    pub fn created() -> Self {
        Self::condition(Condition::Created(proto::CreatedWait {}))
    }

    /// Or for this condition.
    #[must_use]
    pub fn or(mut self, condition: Condition) -> Self {
        self.any_of.push(wrap(condition));
        self
    }

    /// Or until the pod is in this phase.
    #[must_use]
    pub fn or_phase(self, phase: proto::PodPhase) -> Self {
        self.or(Condition::Phase(phase.into()))
    }

    /// For at most this long; zero looks once.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Only the pod of this uid.
    #[must_use]
    pub fn uid(mut self, uid: impl Into<String>) -> Self {
        self.uid = uid.into();
        self
    }

    /// Judge everything after this position, for example that of a creation, so that no short state is missed.
    #[must_use]
    pub fn since_token(mut self, resume_token: impl Into<String>) -> Self {
        self.since = Some(Since::ResumeToken(resume_token.into()));
        self
    }
}

fn wrap(condition: Condition) -> proto::WaitCondition {
    proto::WaitCondition {
        condition: Some(condition),
    }
}

/// How a wait ended.
#[derive(Clone, Debug, PartialEq)]
pub enum WaitOutcome {
    /// One of the conditions was true.
    Met {
        /// Which one, counted from 0.
        index: usize,
        /// The transition that made it true; `None` when it was true from the start.
        transition: Option<Box<proto::Transition>>,
        /// The newest state of the pod; `None` when there is none.
        pod: Option<Box<proto::Pod>>,
    },
    /// None of them can become true any more.
    Impossible {
        /// `PodTerminal`, `PodDeleted` or `UidReplaced`.
        reason: String,
        /// Text for people.
        message: String,
        /// The newest state of the pod; `None` when there is none.
        pod: Option<Box<proto::Pod>>,
    },
    /// Time ran out.
    TimedOut {
        /// The newest state of the pod; `None` when there is none.
        pod: Option<Box<proto::Pod>>,
        /// Position to go on from.
        resume_token: String,
    },
}

impl Pods {
    /// Waits for a pod. A long wait is cut into several requests, which lose nothing in between.
    ///
    /// # Errors
    /// When the server cannot be reached. Running out of time is no error.
    pub async fn wait_for(&self, name: &str, wait: Wait) -> Result<WaitOutcome> {
        let deadline = tokio::time::Instant::now() + wait.timeout;
        let mut request = proto::WaitPodRequest {
            namespace: self.namespace().to_owned(),
            name: name.to_owned(),
            uid: wait.uid,
            any_of: wait.any_of,
            since: wait.since,
            timeout: None,
        };
        loop {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            let slice = left.min(SLICE);
            request.timeout = prost_types::Duration::try_from(slice).ok();
            let response = self.wait_once(request.clone(), slice).await?;
            let outcome = response.outcome.ok_or(Error::Protocol {
                detail: "WaitPod answered without an outcome",
            })?;
            let pod = response.pod.map(Box::new);
            match outcome {
                Outcome::Met(met) => return Ok(met_outcome(met, pod)),
                Outcome::Impossible(impossible) => {
                    return Ok(WaitOutcome::Impossible {
                        reason: impossible.reason,
                        message: impossible.message,
                        pod,
                    });
                }
                Outcome::TimedOut(_) if left <= slice => {
                    return Ok(WaitOutcome::TimedOut {
                        pod,
                        resume_token: response.resume_token,
                    });
                }
                Outcome::TimedOut(_) => {
                    request.since = Some(Since::ResumeToken(response.resume_token));
                }
            }
        }
    }

    async fn wait_once(
        &self,
        request: proto::WaitPodRequest,
        slice: Duration,
    ) -> Result<proto::WaitPodResponse> {
        let service = self.service();
        let call = rpc!(service, wait_pod);
        self.client.unary_within(slice + SLACK, request, call).await
    }
}

fn met_outcome(met: proto::WaitMet, pod: Option<Box<proto::Pod>>) -> WaitOutcome {
    WaitOutcome::Met {
        index: usize::try_from(met.index).unwrap_or(usize::MAX),
        transition: met.transition.map(Box::new),
        pod,
    }
}
