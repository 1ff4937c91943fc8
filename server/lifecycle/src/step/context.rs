//! What a step carries along: the pod, the time, the cause, and what has been decided so far.

use super::{
    owed,
    view::{self, View},
};
use crate::{
    Pod, Settings, Verdict,
    event::{Event, EventKind},
    id::OpId,
    state::{Class, Purge},
    time::Timestamp,
    transition::{Cause, CauseKind, Label, Observation},
};

pub(super) struct Context<'a> {
    pub(super) pod: &'a mut Pod,
    pub(super) settings: Settings,
    pub(super) now: Timestamp,
    pub(super) cause: Cause,
    /// When the fact happened, if it says so.
    pub(super) occurred_at: Option<Timestamp>,
    pub(super) observation: Observation,
    pub(super) more: bool,
    /// Bookkeeping changed, which needs no revision.
    pub(super) kept: bool,
    /// The pod began to end in this step.
    pub(super) ended_now: bool,
    /// Kubernetes paths of what an update changed of the desired state.
    pub(super) changed_fields: Vec<String>,
    before: View,
    owed_before: Vec<OpId>,
}

impl<'a> Context<'a> {
    pub(super) fn of(pod: &'a mut Pod, settings: Settings, now: Timestamp, cause: Cause) -> Self {
        let before = View::of(pod);
        Self::with(pod, settings, now, cause, before)
    }

    pub(super) fn of_new(
        pod: &'a mut Pod,
        settings: Settings,
        now: Timestamp,
        cause: Cause,
    ) -> Self {
        let before = View::of_nothing(pod);
        Self::with(pod, settings, now, cause, before)
    }

    fn with(
        pod: &'a mut Pod,
        settings: Settings,
        now: Timestamp,
        cause: Cause,
        before: View,
    ) -> Self {
        let owed_before = owed::numbers(pod);
        Self {
            pod,
            settings,
            now,
            cause,
            occurred_at: None,
            observation: Observation::Direct,
            more: false,
            kept: false,
            ended_now: false,
            changed_fields: Vec::new(),
            before,
            owed_before,
        }
    }

    /// A new operation.
    pub(super) fn op(&mut self) -> OpId {
        let op = OpId(self.pod.state.next_op);
        self.pod.state.next_op += 1;
        op
    }

    /// Names what set the rules in motion, when it is more than "the rules": a timer.
    pub(super) fn because(&mut self, kind: CauseKind) {
        if self.cause.kind == CauseKind::Rule {
            self.cause = Cause::of(kind);
        }
    }

    /// Records a Normal event of the pod.
    pub(super) fn event(&mut self, reason: &'static str, message: impl Into<String>) {
        self.push_event(EventKind::Normal, reason, message.into(), String::new());
    }

    /// Records a Warning event of the pod.
    pub(super) fn warning(&mut self, reason: &'static str, message: impl Into<String>) {
        self.push_event(EventKind::Warning, reason, message.into(), String::new());
    }

    /// Records an event of the container in slot `index`.
    pub(super) fn container_event(
        &mut self,
        index: usize,
        kind: EventKind,
        reason: &'static str,
        message: impl Into<String>,
    ) {
        let container = &self.pod.state.containers[index];
        let list = match container.class {
            Class::Main => "containers",
            Class::Init | Class::Sidecar => "initContainers",
            Class::Ephemeral => "ephemeralContainers",
        };
        let field_path = format!("spec.{list}{{{}}}", container.name);
        self.push_event(kind, reason, message.into(), field_path);
    }

    fn push_event(
        &mut self,
        kind: EventKind,
        reason: &'static str,
        message: String,
        field_path: String,
    ) {
        let (first, last) = (self.now, self.now);
        let reason = Label::Borrowed(reason);
        self.pod.state.events.push(Event {
            kind,
            reason,
            message,
            field_path,
            count: 1,
            first,
            last,
        });
    }

    /// Settles the observable state and says what the step did.
    pub(super) fn finish(mut self, changed: bool) -> Verdict {
        if !changed && !self.kept {
            return Verdict::default();
        }
        let mut transitions = Vec::new();
        if changed {
            super::settle::settle(&mut self);
            transitions = view::transitions(&self.before, &View::of(self.pod), &self);
        }
        let before = std::mem::take(&mut self.owed_before);
        let owed = owed::numbers(self.pod);
        let gone = before.iter().filter(|op| !owed.contains(op));
        let cancelled = gone.copied().collect();
        let removed = self.pod.state.purge == Purge::Done;
        Verdict {
            changed,
            kept: !changed,
            transitions,
            effects: owed::fresh(self.pod, &before),
            cancelled,
            more: self.more && !removed,
            removed,
        }
    }
}
