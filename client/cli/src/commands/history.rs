//! `lifepod history`.

use lifepod_client::{
    Selector, TransitionFilter,
    proto::{self, transition_subject::Subject},
    time,
};

use super::connect;
use crate::{
    args::{Global, HistoryArgs},
    failure::Failure,
    output,
    render::{or_none, tabs::Tabs},
    targets,
};

pub(super) async fn run(global: &Global, args: &HistoryArgs) -> Result<(), Failure> {
    let [name] = args.targets.as_slice() else {
        return Err(Failure::error("name one pod"));
    };
    let name = targets::single(name)?;
    let client = connect(global).await?;
    let filter = TransitionFilter {
        selector: match &args.uid {
            Some(uid) => Selector::uid(uid),
            None => Selector::name(&name),
        },
        container: args.container.clone().unwrap_or_default(),
        ..Default::default()
    };
    let transitions = client
        .pods(targets::namespace(global))
        .transitions(filter)
        .await?;
    if transitions.is_empty() {
        output::note(&format!("No history found for pod {name:?}."));
        return Ok(());
    }
    output::data(&table(&transitions, !args.no_headers))
}

fn table(transitions: &[proto::Transition], headings: bool) -> String {
    let mut text = String::new();
    if headings {
        text.push_str("REVISION\tTIME\tSUBJECT\tFROM\tTO\tREASON\tMESSAGE\n");
    }
    for transition in transitions {
        let cells = [
            transition.revision.to_string(),
            transition
                .occurred_at
                .as_ref()
                .map(time::format_micros)
                .unwrap_or_default(),
            subject(transition),
            or_none(&transition.from).to_owned(),
            or_none(&transition.to).to_owned(),
            or_none(&transition.reason).to_owned(),
            transition
                .message
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
        ];
        text.push_str(&cells.map(|cell| cell.replace('\t', " ")).join("\t"));
        text.push('\n');
    }
    Tabs::table().layout(&text)
}

fn subject(transition: &proto::Transition) -> String {
    let subject = transition
        .subject
        .as_ref()
        .and_then(|subject| subject.subject.as_ref());
    match subject {
        Some(Subject::Object(_)) => "object".to_owned(),
        Some(Subject::Phase(_)) => "phase".to_owned(),
        Some(Subject::Condition(condition)) => format!("condition/{}", condition.r#type),
        Some(Subject::Sandbox(sandbox)) => format!("sandbox#{}", sandbox.attempt),
        Some(Subject::Image(image)) if image.container.is_empty() => {
            format!("image/{}", image.reference)
        }
        Some(Subject::Image(image)) => format!("image/{}", image.container),
        Some(Subject::Container(container)) => {
            format!("container/{}#{}", container.name, container.attempt)
        }
        Some(Subject::Hook(hook)) => {
            let kind = match hook.kind() {
                proto::HookKind::PreStop => "preStop",
                proto::HookKind::PostStart | proto::HookKind::Unspecified => "postStart",
            };
            format!("{kind}/{}#{}", hook.container, hook.attempt)
        }
        Some(Subject::Probe(probe)) => {
            let kind = match probe.kind() {
                proto::ProbeKind::Startup | proto::ProbeKind::Unspecified => "startup",
                proto::ProbeKind::Liveness => "liveness",
                proto::ProbeKind::Readiness => "readiness",
            };
            format!("{kind}/{}#{}", probe.container, probe.attempt)
        }
        Some(Subject::Spec(spec)) => spec.fields.join(","),
        None => String::new(),
    }
}
