//! What is observable, as labels, and the transitions between two such views.

use super::{context::Context, images};
use crate::{
    Pod,
    derive::{self, StateRef},
    state::{Activity, Container, Hook, Probes, Sandbox},
    status::Truth,
    transition::{ExitStatus, HookKind, Label, Subject, Transition},
};

#[derive(Clone, Default, PartialEq)]
struct ContainerView {
    stage: &'static str,
    reason: Label,
    message: String,
    attempt: u32,
    exit: Option<(u32, ExitStatus)>,
    image: &'static str,
    post_start: &'static str,
    pre_stop: &'static str,
    /// Results of the probes, by [`Probes::KINDS`]; empty without such a probe.
    probes: [&'static str; 3],
}

pub(super) struct View {
    generation: i64,
    object: &'static str,
    phase: &'static str,
    reason: Label,
    message: String,
    conditions: Vec<(Label, Truth, Label, String)>,
    sandbox: &'static str,
    containers: Vec<ContainerView>,
}

impl View {
    pub(super) fn of(pod: &Pod) -> Self {
        let state = &pod.state;
        let observed = &state.observed;
        Self {
            generation: pod.meta.generation,
            object: object(pod),
            phase: observed.phase.as_str(),
            reason: observed.reason.clone(),
            message: observed.message.clone(),
            conditions: observed
                .conditions
                .iter()
                .map(|c| {
                    (
                        c.kind.clone(),
                        c.status,
                        c.reason.clone(),
                        c.message.clone(),
                    )
                })
                .collect(),
            sandbox: sandbox(&state.sandbox),
            containers: state.containers.iter().map(|c| container(pod, c)).collect(),
        }
    }

    /// The view before a pod exists.
    pub(super) fn of_nothing(pod: &Pod) -> Self {
        let mut view = Self::of(pod);
        view.object = "";
        view.phase = "";
        for container in &mut view.containers {
            container.stage = "";
        }
        view
    }
}

fn object(pod: &Pod) -> &'static str {
    if pod.state.hidden || pod.state.purge == crate::state::Purge::Done {
        "Deleted"
    } else if pod.meta.deletion.is_some() {
        "Deleting"
    } else {
        "Created"
    }
}

const fn sandbox(sandbox: &Sandbox) -> &'static str {
    match sandbox {
        Sandbox::Absent => "Absent",
        Sandbox::Failed { .. } => "Failed",
        Sandbox::Creating { .. } => "Creating",
        Sandbox::Ready { .. } => "Ready",
        Sandbox::Removing { .. } | Sandbox::RemoveFailed { .. } => "Stopping",
        Sandbox::Removed => "Stopped",
    }
}

const fn hook(hook: &Hook) -> &'static str {
    match hook {
        Hook::None => "",
        Hook::Running { .. } => "Running",
        Hook::Succeeded => "Succeeded",
        Hook::Failed => "Failed",
    }
}

fn image(container: &Container) -> &'static str {
    match &container.activity {
        Activity::Pulling {
            contacting: true, ..
        } => "Pulling",
        _ if container.image.is_some() => "Present",
        _ if images::has_failed(container) => "Failed",
        _ => "",
    }
}

/// Number of the instance shown: until the next one exists, that of the last.
fn attempt(container: &Container) -> u32 {
    match &container.activity {
        Activity::Live(instance) => instance.attempt,
        _ => container.restart_count(),
    }
}

fn container(pod: &Pod, container: &Container) -> ContainerView {
    let (reason, message) = match derive::brief(pod, container).state {
        StateRef::Waiting { reason, message } => (reason, message),
        StateRef::Running { .. } => (Label::Borrowed(""), ""),
        StateRef::Terminated(end) => (end.reason.clone(), end.exit.message.as_str()),
    };
    let hooks = container
        .live()
        .map_or(("", ""), |i| (hook(&i.post_start), hook(&i.pre_stop)));
    ContainerView {
        stage: derive::stage(pod, container).as_str(),
        reason,
        message: message.to_owned(),
        attempt: attempt(container),
        exit: container
            .exit
            .as_ref()
            .map(|f| (f.attempt, f.exit.status.clone())),
        image: image(container),
        post_start: hooks.0,
        pre_stop: hooks.1,
        probes: Probes::KINDS.map(|kind| {
            let probe = container.live().and_then(|i| i.probes.get(kind));
            probe.map_or("", |probe| probe.result.as_str())
        }),
    }
}

/// Collects transitions that share cause and times.
struct Recorder<'c, 'p> {
    cx: &'c Context<'p>,
    list: Vec<Transition>,
}

impl Recorder<'_, '_> {
    fn record(
        &mut self,
        subject: Subject,
        from: impl Into<Label>,
        to: impl Into<Label>,
    ) -> &mut Transition {
        self.list.push(Transition {
            subject,
            from: from.into(),
            to: to.into(),
            reason: Label::Borrowed(""),
            message: String::new(),
            exit: None,
            cause: self.cx.cause.clone(),
            occurred_at: self.cx.occurred_at.unwrap_or(self.cx.now),
            observation: self.cx.observation,
        });
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    fn container(&mut self, name: &str, a: &ContainerView, b: &ContainerView) {
        let of = |hook| Subject::Hook {
            container: name.to_owned(),
            attempt: b.attempt,
            hook,
        };
        if a.image != b.image && !b.image.is_empty() {
            self.record(
                Subject::Image {
                    container: name.to_owned(),
                },
                a.image,
                b.image,
            );
        }
        let shown = |v: &ContainerView| (v.stage, v.reason.clone(), v.attempt, v.exit.clone());
        if shown(a) != shown(b) {
            let subject = Subject::Container {
                container: name.to_owned(),
                attempt: b.attempt,
            };
            let transition = self.record(subject, a.stage, b.stage);
            transition.reason = b.reason.clone();
            transition.message = b.message.clone();
            if a.exit != b.exit {
                transition.exit = b.exit.as_ref().map(|(_, exit)| exit.clone());
            }
        }
        let results = a.probes.iter().zip(&b.probes).zip(Probes::KINDS);
        for ((before, after), probe) in results {
            // No result yet is no news, and the end of the instance is the end of its probes.
            if before != after && !["", "Unknown"].contains(after) {
                let (container, attempt) = (name.to_owned(), b.attempt);
                let subject = Subject::Probe {
                    container,
                    attempt,
                    probe,
                };
                self.record(subject, *before, *after);
            }
        }
        // A hook's end is told even when the instance it belonged to ended with it.
        for (before, after, kind) in [
            (a.post_start, b.post_start, HookKind::PostStart),
            (a.pre_stop, b.pre_stop, HookKind::PreStop),
        ] {
            match (before, after) {
                ("Running", "") => _ = self.record(of(kind), before, "Failed"),
                (_, "") => {}
                (before, after) if before != after => _ = self.record(of(kind), before, after),
                _ => {}
            }
        }
    }
}

/// The transitions from one view to the next.
pub(super) fn transitions(a: &View, b: &View, cx: &Context<'_>) -> Vec<Transition> {
    let mut recorder = Recorder {
        cx,
        list: Vec::new(),
    };
    if a.object != b.object {
        recorder.record(Subject::Object, a.object, b.object);
    }
    if !cx.changed_fields.is_empty() {
        let fields = cx.changed_fields.clone();
        let (from, to) = (a.generation, cx.pod.meta.generation);
        recorder.record(Subject::Spec { fields }, from.to_string(), to.to_string());
    }
    if a.sandbox != b.sandbox {
        recorder.record(Subject::Sandbox, a.sandbox, b.sandbox);
    }
    let names = cx.pod.state.containers.iter().map(|c| c.name.as_str());
    for ((index, after), name) in b.containers.iter().enumerate().zip(names) {
        match a.containers.get(index) {
            Some(before) => recorder.container(name, before, after),
            None => recorder.container(name, &ContainerView::default(), after),
        }
    }
    if (a.phase, &a.reason) != (b.phase, &b.reason) {
        let transition = recorder.record(Subject::Phase, a.phase, b.phase);
        transition.reason = b.reason.clone();
        transition.message = b.message.clone();
    }
    for (kind, status, reason, message) in &b.conditions {
        let before = a.conditions.iter().find(|c| &c.0 == kind);
        if before.is_some_and(|c| c.1 == *status && &c.2 == reason) {
            continue;
        }
        let from = before.map_or("", |c| c.1.as_str());
        let transition = recorder.record(
            Subject::Condition { kind: kind.clone() },
            from,
            status.as_str(),
        );
        transition.reason = reason.clone();
        transition.message = message.clone();
    }
    recorder.list
}
