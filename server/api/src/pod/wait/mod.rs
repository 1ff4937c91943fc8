//! WaitPod: judged over the journal, so that a state that lasted a moment counts.

mod condition;

use std::{sync::Arc, time::Duration};

use lifepod_engine::Cursor;
use lifepod_lifecycle::{
    Pod,
    id::{PodKey, Revision},
    port::Record,
    validate::Violations,
};
use lifepod_proto::v1 as proto;
use proto::wait_pod_response::Outcome;
use tokio::time::{Instant, sleep_until};

use self::condition::{Conditions, Doom};
use super::{
    get::require_name,
    past::{check_position, pod_at},
};
use crate::{
    convert::{meta::key, time::duration_from, transition},
    error::{ApiError, Result},
    shared::Shared,
};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// A wait that has been understood.
struct Wait<'a> {
    shared: &'a Shared,
    key: PodKey,
    uid: String,
    conditions: Conditions,
}

/// How a wait ended, and where.
struct Verdict {
    outcome: Outcome,
    position: Revision,
}

pub(super) async fn wait(
    shared: &Shared,
    request: proto::WaitPodRequest,
) -> Result<proto::WaitPodResponse> {
    shared.check_open()?;
    require_name(&request.name, "WaitPodRequest")?;
    let deadline = Instant::now() + timeout(request.timeout.as_ref())?;
    let wait = Wait {
        shared,
        key: key(&request.namespace, &request.name),
        uid: request.uid,
        conditions: Conditions::parse(request.any_of)?,
    };
    let (present, position) = wait.beginning(request.since.as_ref()).await?;
    let verdict = wait.judge_all(present, position, deadline).await?;
    let pod = shared.engine.get(&wait.key);
    Ok(proto::WaitPodResponse {
        outcome: Some(verdict.outcome),
        pod: pod.map(|pod| shared.face.full(&pod)),
        resume_token: shared.tokens.resume(verdict.position, 0),
    })
}

fn timeout(given: Option<&prost_types::Duration>) -> Result<Duration> {
    let Some(given) = given else {
        return Ok(DEFAULT_TIMEOUT);
    };
    match duration_from(given).filter(|timeout| *timeout <= MAX_TIMEOUT) {
        Some(timeout) => Ok(timeout),
        None => {
            let mut violations = Violations::default();
            let text = format!("{}s", given.seconds);
            violations.invalid("timeout", text, "must be between 0s and 1h, inclusive");
            Err(ApiError::fields("WaitPodRequest", violations))
        }
    }
}

/// What is known of the pod where the wait begins.
enum Present {
    Pod(Arc<Pod>),
    Absent,
    /// The journal does not reach back that far.
    Unknown,
}

impl Wait<'_> {
    async fn beginning(
        &self,
        since: Option<&proto::wait_pod_request::Since>,
    ) -> Result<(Present, Revision)> {
        use proto::wait_pod_request::Since;
        let at = match since {
            None => {
                let (now, newest) = self.shared.pod_and_position(&self.key);
                return Ok((now.map_or(Present::Absent, Present::Pod), newest));
            }
            Some(Since::Revision(revision)) => Revision(*revision),
            // Any selector's token tells a position.
            Some(Since::ResumeToken(token)) => self.shared.tokens.read_resume(token, 0)?,
        };
        check_position(self.shared, at)?;
        // As all that is in the journal already, read even when there is no time to wait.
        let read = tokio::select! {
            biased;
            () = self.shared.drain.cancelled() => return Err(ApiError::Draining),
            read = pod_at(self.shared, &self.key, at) => read,
        };
        let present = match read {
            Ok(pod) => pod.map_or(Present::Absent, Present::Pod),
            Err(ApiError::RevisionExpired { .. }) => Present::Unknown,
            Err(error) => return Err(error),
        };
        Ok((present, at))
    }

    async fn judge_all(
        &self,
        present: Present,
        position: Revision,
        deadline: Instant,
    ) -> Result<Verdict> {
        let mut exists = matches!(&present, Present::Pod(pod) if self.is_wanted(pod));
        if let Some(outcome) = self.judge_present(&present, position) {
            return Ok(Verdict { outcome, position });
        }
        let mut cursor = self.shared.engine.watch(position);
        loop {
            if cursor.caught_up() && !exists && !self.uid.is_empty() {
                return Ok(self.judge_absence(cursor.position()));
            }
            let Some(record) = self.next(&mut cursor, deadline).await? else {
                let position = cursor.position();
                let outcome = Outcome::TimedOut(proto::WaitTimedOut {});
                return Ok(Verdict { outcome, position });
            };
            let concerns = record.is_visible() && record.pod.meta.key == self.key;
            if !concerns || !self.is_wanted(&record.pod) {
                continue;
            }
            if let Some(outcome) = self.judge_record(&record) {
                let position = record.revision;
                return Ok(Verdict { outcome, position });
            }
            exists = !record.deletes();
        }
    }

    /// The next record; none when time runs out. What is in the journal already is judged
    /// even when there is no time to wait.
    async fn next(&self, cursor: &mut Cursor, deadline: Instant) -> Result<Option<Arc<Record>>> {
        let in_journal = !cursor.caught_up();
        let position = cursor.position();
        tokio::select! {
            biased;
            () = self.shared.drain.cancelled() => Err(ApiError::Draining),
            next = cursor.next() => match next {
                Ok(record) => Ok(Some(record)),
                Err(end) => Err(ApiError::of_watch(end, position)),
            },
            () = sleep_until(deadline), if !in_journal => Ok(None),
        }
    }

    fn is_wanted(&self, pod: &Pod) -> bool {
        self.uid.is_empty() || self.uid == pod.meta.uid.as_str()
    }

    /// Judges the state a wait begins with.
    fn judge_present(&self, present: &Present, revision: Revision) -> Option<Outcome> {
        match present {
            Present::Pod(pod) if self.is_wanted(pod) => {
                let index = self.conditions.met_by(Some(pod));
                let reached = index.map(|index| met(index, None, revision));
                reached.or_else(|| {
                    self.conditions
                        .doomed(pod)
                        .map(|doom| impossible(doom, None))
                })
            }
            Present::Absent if self.uid.is_empty() => {
                let index = self.conditions.met_by(None);
                index.map(|index| met(index, None, revision))
            }
            // The journal after this point tells whether the wanted one comes or is gone.
            Present::Pod(_) | Present::Absent | Present::Unknown => None,
        }
    }

    /// The one pod that was wanted is not there now, and a uid never comes back.
    fn judge_absence(&self, position: Revision) -> Verdict {
        let outcome = match self.conditions.met_by(None) {
            Some(index) => met(index, None, position),
            None if self.shared.engine.get(&self.key).is_some() => {
                impossible(Doom::UidReplaced, None)
            }
            None => impossible(Doom::PodDeleted, None),
        };
        Verdict { outcome, position }
    }

    /// Judges one revision of the pod.
    fn judge_record(&self, record: &Record) -> Option<Outcome> {
        let deleted = record.deletes();
        let by_pod = self.conditions.met_by(Some(&record.pod));
        let by_absence = || self.conditions.met_by(None).filter(|_| deleted);
        if let Some(index) = by_pod.or_else(by_absence) {
            let made_true = self.conditions.transition(index, record);
            return Some(met(index, made_true, record.revision));
        }
        let doom = if deleted {
            (!self.conditions.outlive_the_pod(&self.uid)).then_some(Doom::PodDeleted)
        } else {
            self.conditions.doomed(&record.pod)
        };
        let last = record.transitions.iter().enumerate().next_back();
        doom.map(|doom| {
            let made = last.map(|(index, found)| transition::one(record, index, found));
            impossible(doom, made)
        })
    }
}

fn met(index: usize, transition: Option<proto::Transition>, revision: Revision) -> Outcome {
    Outcome::Met(proto::WaitMet {
        index: u32::try_from(index).unwrap_or(u32::MAX),
        transition,
        revision: revision.0,
    })
}

fn impossible(doom: Doom, transition: Option<proto::Transition>) -> Outcome {
    Outcome::Impossible(proto::WaitImpossible {
        reason: doom.reason().to_owned(),
        message: doom.message().to_owned(),
        transition,
    })
}
