//! One turn: step each input, commit once, publish, reply, dispatch.

use std::{collections::BTreeMap, sync::Arc};

use lifepod_lifecycle::{
    Pod,
    id::{PodUid, Revision},
    input::{self, Fact, Input},
    port::{Journal, Record, RequestRecord},
    time::Timestamp,
    transition::{Cause, CauseKind},
};

use crate::{
    config::EngineConfig,
    dispatch::Dispatcher,
    failpoint,
    inbox::{Committed, Mutation, Reply, Report, RequestKey, SubmitError, Target},
    log::WatchLog,
    publish::Published,
    requests::Requests,
    stage::{Chain, Stage},
    table::Table,
    timers::Timers,
};

/// A mutation waiting for its turn.
pub(crate) struct Pending {
    pub(crate) mutation: Mutation,
    pub(crate) request: Option<RequestKey>,
    pub(crate) actor: String,
    pub(crate) reply: Reply,
}

/// Everything the loop owns.
pub(crate) struct Core {
    pub(crate) config: EngineConfig,
    pub(crate) journal: Box<dyn Journal>,
    pub(crate) head: Revision,
    pub(crate) table: Table,
    pub(crate) timers: Timers,
    pub(crate) requests: Requests,
    pub(crate) published: Arc<Published>,
    pub(crate) log: Arc<WatchLog>,
    pub(crate) dispatcher: Dispatcher,
    /// Facts of a turn whose commit failed; they come first in the next.
    pub(crate) parked: Vec<(PodUid, Fact)>,
}

/// Inputs of one turn.
#[derive(Default)]
pub(crate) struct Inputs {
    pub(crate) reports: Vec<Report>,
    pub(crate) mutations: Vec<Pending>,
    pub(crate) due: Vec<PodUid>,
}

type Answer = (Reply, Option<RequestKey>, Result<Committed, SubmitError>);

impl Core {
    /// Performs one turn. False if the store could not write: try again after a pause.
    pub(crate) fn turn(&mut self, now: Timestamp, inputs: Inputs) -> bool {
        let facts = self.take_facts(inputs.reports);
        let mut stage = Stage::new(&self.table, self.config.rules, self.head, now);
        for (uid, fact) in &facts {
            step(&mut stage, now, uid, &Input::Fact(fact.clone()));
        }
        for uid in &inputs.due {
            step(&mut stage, now, uid, &Input::Tick);
        }
        let mut answers: Vec<Answer> = Vec::with_capacity(inputs.mutations.len());
        for pending in inputs.mutations {
            answers.push(mutate(&mut stage, &self.requests, &answers, now, pending));
        }
        let Stage {
            records,
            kept,
            effects,
            cancelled,
            ..
        } = stage;
        failpoint::hit("before-commit");
        if !records.is_empty()
            && let Err(error) = self.journal.commit(&records)
        {
            tracing::error!(%error, records = records.len(), "commit failed, nothing of it is visible");
            self.fail(now, facts, &inputs.due, answers, &error.to_string());
            return false;
        }
        if !records.is_empty() {
            failpoint::hit("after-commit");
        }
        for record in &records {
            self.head = record.revision;
            self.table.apply(record);
        }
        for pod in kept.values() {
            self.table.keep(pod);
        }
        self.set_timers(now, &records, &kept, &inputs.due);
        self.published.apply(&records, &kept);
        self.log.append(&records);
        for (reply, key, answer) in answers {
            if let (Some(key), Ok(committed)) = (&key, &answer)
                && self.requests.find(key).is_none()
            {
                self.requests.remember(key, committed.clone(), now);
            }
            // A caller that went away does not undo what it asked for.
            let _ = reply.send(answer);
        }
        for (uid, op) in cancelled {
            self.dispatcher.cancel(&uid, op);
        }
        for effect in effects {
            self.dispatcher.start(effect);
        }
        true
    }

    /// Sets the timer of every pod that the rules have looked at, also if they found nothing to do
    /// yet: a deadline is taken once, and the next may be another's.
    fn set_timers(
        &mut self,
        now: Timestamp,
        records: &[Arc<Record>],
        kept: &BTreeMap<PodUid, Arc<Pod>>,
        due: &[PodUid],
    ) {
        // What only answers a request leaves the pod and its deadline as they were.
        let changed = records.iter().filter(|r| r.pod.revision == r.revision);
        let changed = changed.map(|record| &record.pod.meta.uid);
        for uid in changed.chain(kept.keys()).chain(due) {
            let pod = self.table.get(uid);
            let deadline = pod.and_then(|pod| pod.next_deadline(now));
            self.timers.set(uid, deadline);
        }
    }

    fn take_facts(&mut self, reports: Vec<Report>) -> Vec<(PodUid, Fact)> {
        let mut facts = std::mem::take(&mut self.parked);
        for report in reports {
            match report {
                Report::Fact { uid, fact } => facts.push((uid, fact)),
                Report::Done { uid, op, fact } => {
                    self.dispatcher.finished(&uid, op);
                    facts.extend(fact.map(|fact| (uid, fact)));
                }
            }
        }
        facts
    }

    /// Nothing of the turn happened: facts wait, timers fire again, callers are told.
    fn fail(
        &mut self,
        now: Timestamp,
        facts: Vec<(PodUid, Fact)>,
        due: &[PodUid],
        answers: Vec<Answer>,
        message: &str,
    ) {
        self.parked = facts;
        for uid in due {
            self.timers.set(uid, Some(now));
        }
        // Whatever the answer was, it rested on changes that did not happen.
        for (reply, _, _) in answers {
            let _ = reply.send(Err(SubmitError::Unavailable {
                message: message.to_owned(),
            }));
        }
    }
}

fn step(stage: &mut Stage<'_>, now: Timestamp, uid: &PodUid, input: &Input) {
    let Some(pod) = stage.get(uid) else {
        tracing::debug!(pod.uid = %uid, "fact about a pod that is gone");
        return;
    };
    let mut pod = Pod::clone(&pod);
    match pod.step(&stage.rules, now, input) {
        Ok(verdict) if verdict.changed || verdict.kept => {
            _ = stage.take(pod, verdict, &Cause::of(CauseKind::Rule), None);
        }
        Ok(_) => {}
        Err(denied) => tracing::error!(pod.uid = %uid, %denied, "a fact was denied"),
    }
}

fn mutate(
    stage: &mut Stage<'_>,
    requests: &Requests,
    earlier: &[Answer],
    now: Timestamp,
    pending: Pending,
) -> Answer {
    let Pending {
        mutation,
        request,
        actor,
        reply,
    } = pending;
    if let Some(key) = &request
        && let Some(answer) = requests.find(key).or_else(|| find_earlier(earlier, key))
    {
        return (reply, request, answer);
    }
    let request_id = request
        .as_ref()
        .map(|key| key.id.clone())
        .unwrap_or_default();
    let cause = Cause {
        kind: CauseKind::Request,
        actor,
        request_id,
    };
    let record = request.as_ref().map(|key| RequestRecord {
        id: key.id.clone(),
        fingerprint: key.fingerprint,
        newest: None,
        removed: false,
    });
    let answer = apply(stage, now, mutation, &cause, record);
    (reply, request, answer)
}

/// The answer to the same request earlier in the same turn.
fn find_earlier(earlier: &[Answer], key: &RequestKey) -> Option<Result<Committed, SubmitError>> {
    earlier
        .iter()
        .find_map(|(_, known, answer)| match (known, answer) {
            (Some(known), Ok(committed)) if known == key => Some(Ok(committed.clone())),
            (Some(known), Ok(_)) if known.id == key.id => {
                Some(Err(SubmitError::RequestConflict { id: key.id.clone() }))
            }
            _ => None,
        })
}

fn apply(
    stage: &mut Stage<'_>,
    now: Timestamp,
    mutation: Mutation,
    cause: &Cause,
    record: Option<RequestRecord>,
) -> Result<Committed, SubmitError> {
    let chain = match mutation {
        Mutation::Create(new) => {
            if stage.named(&new.key).is_some() {
                return Err(SubmitError::AlreadyExists { key: new.key });
            }
            let mut pod = Pod::create(*new, now);
            let verdict = pod.begin(&stage.rules, now, cause.clone());
            stage.take(pod, verdict, cause, record)
        }
        Mutation::Delete { target, grace } => command(
            stage,
            now,
            &target,
            input::Command::Delete { grace },
            cause,
            record,
        )?,
        Mutation::Update { target, update } => command(
            stage,
            now,
            &target,
            input::Command::Update(update),
            cause,
            record,
        )?,
    };
    let Chain {
        pod,
        revision,
        removed,
    } = chain;
    Ok(Committed {
        pod,
        revision,
        removed,
    })
}

fn command(
    stage: &mut Stage<'_>,
    now: Timestamp,
    target: &Target,
    wanted: input::Command,
    cause: &Cause,
    record: Option<RequestRecord>,
) -> Result<Chain, SubmitError> {
    let mut pod = Pod::clone(&*find(stage, target)?);
    let verdict = pod.step(&stage.rules, now, &Input::Command(wanted, cause.clone()))?;
    Ok(stage.take(pod, verdict, cause, record))
}

/// The pod a mutation is for, if its preconditions hold.
fn find(stage: &Stage<'_>, target: &Target) -> Result<Arc<Pod>, SubmitError> {
    let key = || target.key.clone();
    let pod = stage
        .named(&target.key)
        .ok_or_else(|| SubmitError::NotFound { key: key() })?;
    if let Some(expected) = target.uid.clone().filter(|uid| *uid != pod.meta.uid) {
        return Err(SubmitError::UidMismatch {
            key: key(),
            expected,
            actual: pod.meta.uid.clone(),
        });
    }
    if let Some(expected) = target.revision.filter(|revision| *revision != pod.revision) {
        return Err(SubmitError::RevisionMismatch {
            key: key(),
            expected,
            actual: pod.revision,
        });
    }
    Ok(pod)
}
