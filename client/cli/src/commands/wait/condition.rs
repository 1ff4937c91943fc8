//! What `--for` says.

use lifepod_client::proto::{self, wait_condition::Condition};

use crate::failure::Failure;

pub(super) fn condition(text: &str) -> Result<Condition, Failure> {
    match text.split_once('=') {
        None if text == "delete" => Ok(Condition::Deleted(proto::DeletedWait {})),
        None if text == "create" => Ok(Condition::Created(proto::CreatedWait {})),
        Some(("condition", rest)) => {
            let (kind, value) = rest.split_once('=').unwrap_or((rest, "true"));
            Ok(Condition::PodCondition(proto::PodConditionWait {
                r#type: kind.to_owned(),
                status: status(value)?.into(),
            }))
        }
        Some(("container", rest)) => container(rest),
        Some(("phase", value)) => Ok(Condition::Phase(phase(value)?.into())),
        Some(("jsonpath", rest)) => match rest.split_once('=') {
            Some(("{.status.phase}" | ".status.phase", value)) => {
                Ok(Condition::Phase(phase(value)?.into()))
            }
            _ => Err(Failure::error(format!(
                "only {{.status.phase}}=PHASE is supported, not jsonpath {rest:?}"
            ))),
        },
        _ => Err(Failure::error(format!("unrecognized condition: {text:?}"))),
    }
}

fn status(value: &str) -> Result<proto::ConditionStatus, Failure> {
    match value.to_lowercase().as_str() {
        "true" => Ok(proto::ConditionStatus::True),
        "false" => Ok(proto::ConditionStatus::False),
        "unknown" => Ok(proto::ConditionStatus::Unknown),
        _ => Err(Failure::error(format!(
            "unrecognized condition value: {value:?}"
        ))),
    }
}

fn phase(value: &str) -> Result<proto::PodPhase, Failure> {
    let value = value.trim_matches(['"', '\'']);
    let name = format!("POD_PHASE_{}", value.to_uppercase());
    proto::PodPhase::from_str_name(&name)
        .ok_or_else(|| Failure::error(format!("unrecognized phase: {value:?}")))
}

/// `NAME=STATE` or `NAME=STATE:REASON`, for example `app=Waiting:CrashLoopBackOff`.
fn container(text: &str) -> Result<Condition, Failure> {
    let unrecognized = || Failure::error(format!("unrecognized condition: \"container={text}\""));
    let (name, state) = text.split_once('=').ok_or_else(unrecognized)?;
    let (state, reason) = state.split_once(':').unwrap_or((state, ""));
    let state = format!("CONTAINER_STATE_KIND_{}", state.to_uppercase());
    let state = proto::ContainerStateKind::from_str_name(&state).ok_or_else(unrecognized)?;
    Ok(Condition::ContainerState(proto::ContainerStateWait {
        container: name.to_owned(),
        state: state.into(),
        reason: reason.to_owned(),
    }))
}
