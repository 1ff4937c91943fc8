//! Images: made available before each start, with the kubelet's back-off (spec §4.3).

use std::time::Duration;

use super::{Applied, context::Context, facts::slot_of};
use crate::{
    backoff::{RetryBackoff, SYNC_RETRY},
    derive::spec_of,
    event::EventKind,
    id::OpId,
    input::{ImageFailure, ImageSource},
    state::{Activity, Container, ImageFacts, Sandbox, Shown},
    transition::Label,
};

const REASONS: [&str; 7] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];

/// Failures of a pull itself.
const PULLS: [ImageFailure; 3] = [
    ImageFailure::ErrImagePull,
    ImageFailure::RegistryUnavailable,
    ImageFailure::SignatureValidationFailed,
];

/// Whether the container waits because of its image.
pub(super) fn has_failed(container: &Container) -> bool {
    let shown = container.shown.as_ref();
    shown.is_some_and(|shown| REASONS.contains(&&*shown.reason))
}

fn image_of(cx: &Context<'_>, index: usize) -> String {
    let container = &cx.pod.state.containers[index];
    spec_of(cx.pod, container)
        .map(|spec| spec.image.clone())
        .unwrap_or_default()
}

/// Asks for the image of the container in slot `index`.
pub(super) fn ensure(cx: &mut Context<'_>, index: usize) {
    let op = cx.op();
    cx.pod.state.containers[index].activity = Activity::Pulling {
        op,
        contacting: false,
    };
}

pub(super) fn pulling(cx: &mut Context<'_>, op: OpId) -> Applied {
    let Some(index) = slot_of(cx, op) else {
        return Applied::Nothing;
    };
    match &mut cx.pod.state.containers[index].activity {
        Activity::Pulling { contacting, .. } if !*contacting => *contacting = true,
        _ => return Applied::Nothing,
    }
    let message = format!("Pulling image \"{}\"", image_of(cx, index));
    cx.container_event(index, EventKind::Normal, "Pulling", message);
    Applied::Together
}

pub(super) fn ready(
    cx: &mut Context<'_>,
    op: OpId,
    image_id: &str,
    image_ref: &str,
    source: &ImageSource,
) -> Applied {
    let Some(index) = slot_of(cx, op) else {
        return Applied::Nothing;
    };
    let image = image_of(cx, index);
    let message = match source {
        ImageSource::Present => {
            format!(
                "Container image \"{image}\" already present on machine and can be accessed by the pod"
            )
        }
        ImageSource::Pulled { took, waited, size } => format!(
            "Successfully pulled image \"{image}\" in {} ({} including waiting). Image size: {size} bytes.",
            short(*took),
            short(*waited)
        ),
    };
    cx.container_event(index, EventKind::Normal, "Pulled", message);
    let container = &mut cx.pod.state.containers[index];
    container.activity = Activity::Idle;
    container.image = Some(ImageFacts {
        id: image_id.to_owned(),
        reference: image_ref.to_owned(),
    });
    container.pull = None;
    if has_failed(container) {
        container.shown = None;
    }
    // Without a sandbox the image has to wait; the start comes with the next one.
    if matches!(cx.pod.state.sandbox, Sandbox::Ready { .. }) {
        super::run::start(cx, index);
    }
    Applied::Together
}

pub(super) fn failed(
    cx: &mut Context<'_>,
    op: OpId,
    failure: ImageFailure,
    message: &str,
) -> Applied {
    let Some(index) = slot_of(cx, op) else {
        return Applied::Nothing;
    };
    let image = image_of(cx, index);
    let warning = EventKind::Warning;
    match failure {
        ImageFailure::ErrImageNeverPull => {
            cx.container_event(index, warning, "ErrImageNeverPull", message);
        }
        ImageFailure::InvalidImageName | ImageFailure::ImageInspectError => {
            cx.container_event(index, warning, "InspectFailed", message);
        }
        _ => {
            cx.container_event(
                index,
                warning,
                "Failed",
                format!("Failed to pull image \"{image}\": {message}"),
            );
        }
    }
    cx.container_event(
        index,
        warning,
        "Failed",
        format!("Error: {}", failure.as_str()),
    );
    let now = cx.now;
    let container = &mut cx.pod.state.containers[index];
    container.image = None;
    // Only pulls back off; the rest is looked at again with every sync.
    let until = if PULLS.contains(&failure) {
        let entry = RetryBackoff::after_failure(container.pull, now);
        container.pull = Some(entry);
        entry.due()
    } else {
        now + SYNC_RETRY
    };
    container.activity = Activity::Delayed { until };
    container.shown = Some(Shown {
        reason: Label::Borrowed(failure.as_str()),
        message: message.to_owned(),
    });
    Applied::Alone
}

/// After a failed pull has been published, says that the next one waits.
pub(super) fn back_off(cx: &mut Context<'_>, index: usize) -> bool {
    let container = &cx.pod.state.containers[index];
    let Some(shown) = &container.shown else {
        return false;
    };
    let pulled = PULLS.iter().any(|failure| failure.as_str() == shown.reason);
    if !pulled || !matches!(container.activity, Activity::Delayed { .. }) {
        return false;
    }
    let image = image_of(cx, index);
    let container = &mut cx.pod.state.containers[index];
    if let Some(shown) = &mut container.shown {
        shown.message = format!(
            "Back-off pulling image \"{image}\": {}: {}",
            shown.reason, shown.message
        );
        shown.reason = Label::Borrowed("ImagePullBackOff");
    }
    cx.container_event(
        index,
        EventKind::Normal,
        "BackOff",
        format!("Back-off pulling image \"{image}\""),
    );
    cx.container_event(
        index,
        EventKind::Warning,
        "Failed",
        "Error: ImagePullBackOff",
    );
    true
}

/// A duration as Go prints it, to the millisecond.
fn short(duration: Duration) -> String {
    if duration >= Duration::from_secs(60) {
        return crate::time::go_duration(duration);
    }
    if duration >= Duration::from_secs(1) {
        let text = format!("{:.3}", duration.as_secs_f64());
        return format!("{}s", text.trim_end_matches('0').trim_end_matches('.'));
    }
    format!("{}ms", duration.as_millis())
}
