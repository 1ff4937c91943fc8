//! Updates of metadata, specification and foreign conditions (spec §10.7).
//!
//! Admission has judged the update; here only what may change is taken over, so that nothing else
//! can change by mistake. The rules act on the new specification in the same revision.

use std::sync::Arc;

use super::{Applied, context::Context};
use crate::{
    Denied,
    input::{ForeignCondition, Update},
    spec::{ContainerSpec, PodSpec},
    state::{Activity, Class, Container},
    status::Condition,
};

pub(super) fn apply(cx: &mut Context<'_>, update: &Update) -> Result<Applied, Denied> {
    let finalizers = update.finalizers.as_deref();
    if let Some(wanted) = finalizers.filter(|_| cx.pod.meta.deletion.is_some())
        && wanted.iter().any(|f| !cx.pod.meta.finalizers.contains(f))
    {
        let key = cx.pod.meta.key.clone();
        return Err(Denied::Deleting { key });
    }
    let changed = metadata(cx, update)
        | update.spec.as_ref().is_some_and(|wanted| spec(cx, wanted))
        | update
            .conditions
            .as_ref()
            .is_some_and(|list| conditions(cx, list));
    Ok(if changed {
        Applied::Together
    } else {
        Applied::Nothing
    })
}

/// Replaces a part by what is wanted. True if it differed.
fn replace<T: PartialEq + Clone>(part: &mut T, wanted: Option<&T>) -> bool {
    match wanted {
        Some(wanted) if wanted != part => {
            part.clone_from(wanted);
            true
        }
        _ => false,
    }
}

fn metadata(cx: &mut Context<'_>, update: &Update) -> bool {
    let meta = &mut cx.pod.meta;
    let labels = update.labels.as_ref().filter(|new| **new != *meta.labels);
    if let Some(new) = labels {
        meta.labels = Arc::new(new.clone());
    }
    let annotations = update.annotations.as_ref();
    let annotations = annotations.filter(|new| **new != *meta.annotations);
    if let Some(new) = annotations {
        meta.annotations = Arc::new(new.clone());
    }
    let finalizers = replace(&mut meta.finalizers, update.finalizers.as_ref());
    let fields = [
        (labels.is_some(), "metadata.labels"),
        (annotations.is_some(), "metadata.annotations"),
        (finalizers, "metadata.finalizers"),
    ];
    note(
        cx,
        fields.map(|(changed, field)| (changed, field.to_owned())),
    )
}

/// Remembers the fields that changed. True if there was any.
fn note(cx: &mut Context<'_>, fields: impl IntoIterator<Item = (bool, String)>) -> bool {
    let before = cx.changed_fields.len();
    let changed = fields.into_iter().filter(|(changed, _)| *changed);
    cx.changed_fields.extend(changed.map(|(_, field)| field));
    cx.changed_fields.len() > before
}

fn spec(cx: &mut Context<'_>, wanted: &PodSpec) -> bool {
    let mut spec = PodSpec::clone(&cx.pod.spec);
    let mut fields = vec![(
        replace(&mut spec.active_deadline, Some(&wanted.active_deadline)),
        "spec.activeDeadlineSeconds".to_owned(),
    )];
    let lists = [
        (
            &mut spec.init_containers,
            &wanted.init_containers,
            "initContainers",
        ),
        (&mut spec.containers, &wanted.containers, "containers"),
    ];
    for (list, wanted, field) in lists {
        images(cx, list, wanted, field, &mut fields);
    }
    let metadata = kept(&mut spec, wanted, &mut fields);
    let added = ephemeral(cx, &mut spec, wanted);
    fields.push((added, "spec.ephemeralContainers".to_owned()));
    let changed = note(cx, fields);
    let noted = note(cx, metadata);
    if changed {
        cx.pod.meta.generation += 1;
    }
    if changed || noted {
        cx.pod.spec = Arc::new(spec);
    }
    changed || noted
}

/// Takes over what is kept for reading. Gives back the fields of it that are metadata, which no
/// generation counts.
fn kept(
    spec: &mut PodSpec,
    wanted: &PodSpec,
    fields: &mut Vec<(bool, String)>,
) -> Vec<(bool, String)> {
    let mut metadata = Vec::new();
    for (name, value) in &wanted.extra {
        let before = spec.extra.insert(name.clone(), value.clone());
        let changed = before.as_ref() != Some(value);
        if name.starts_with("metadata.") {
            metadata.push((changed, name.clone()));
        } else {
            fields.push((changed, format!("spec.{name}")));
        }
    }
    metadata
}

/// Takes over the images. What waits for another image, or for a back-off of another image, waits no
/// longer; what runs is stopped by the rules.
fn images(
    cx: &mut Context<'_>,
    list: &mut [ContainerSpec],
    wanted: &[ContainerSpec],
    field: &str,
    fields: &mut Vec<(bool, String)>,
) {
    for (index, container) in list.iter_mut().enumerate() {
        let wanted = wanted.iter().find(|w| w.name == container.name);
        let changed = replace(&mut container.image, wanted.map(|w| &w.image));
        let slots = &mut cx.pod.state.containers;
        let slot = slots.iter_mut().find(|slot| slot.name == container.name);
        if let Some(slot) = slot.filter(|_| changed) {
            (slot.crash, slot.pull) = (None, None);
            if matches!(
                slot.activity,
                Activity::Pulling { .. } | Activity::Delayed { .. }
            ) {
                slot.activity = Activity::Idle;
            }
        }
        fields.push((changed, format!("spec.{field}[{index}].image")));
    }
}

/// Takes over the ephemeral containers that are new.
fn ephemeral(cx: &mut Context<'_>, spec: &mut PodSpec, wanted: &PodSpec) -> bool {
    let mut added = false;
    for container in &wanted.ephemeral_containers {
        let name = &container.container.name;
        if spec.all_containers().all(|known| known.name != *name) {
            let slot = Container::new(name, Class::Ephemeral);
            cx.pod.state.containers.push(slot);
            spec.ephemeral_containers.push(container.clone());
            added = true;
        }
    }
    added
}

/// Replaces the conditions that clients own. True if that changed any.
fn conditions(cx: &mut Context<'_>, wanted: &[ForeignCondition]) -> bool {
    let now = cx.now;
    let known = &cx.pod.state.foreign;
    let wanted: Vec<_> = wanted
        .iter()
        .map(|new| {
            let mut same = known
                .iter()
                .filter(|c| c.kind == new.kind && c.status == new.status);
            Condition {
                kind: new.kind.clone().into(),
                status: new.status,
                reason: new.reason.clone().into(),
                message: new.message.clone(),
                last_transition: same.next().map_or(now, |c| c.last_transition),
            }
        })
        .collect();
    replace(&mut cx.pod.state.foreign, Some(&wanted))
}
