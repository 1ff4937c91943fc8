//! Conditions of a client: readiness gates, and what else is not Lifepod's own.

use lifepod_lifecycle::{
    input::{ForeignCondition, Update},
    status::Truth,
    validate::{Violations, name},
};
use lifepod_proto::v1 as proto;

/// Types the rules set; a client that sends them back changes nothing.
const OWN: [&str; 7] = [
    "PodScheduled",
    "PodReadyToStartContainers",
    "Initialized",
    "ContainersReady",
    "Ready",
    "AllContainersRestarting",
    "DisruptionTarget",
];

/// The conditions of a status that clients own: all of them, as they shall be.
pub(super) fn conditions(given: &proto::Pod) -> Result<Update, Violations> {
    let mut v = Violations::default();
    let no_status = proto::PodStatus::default();
    let list = &given.status.as_ref().unwrap_or(&no_status).conditions;
    let mut foreign: Vec<ForeignCondition> = Vec::new();
    for (index, condition) in list.iter().enumerate() {
        if OWN.contains(&condition.r#type.as_str()) {
            continue;
        }
        let path = format!("status.conditions[{index}]");
        let kind = &condition.r#type;
        // Kubernetes' own path, which names Go's field.
        v.form(&format!("{path}.Type"), kind, name::qualified(kind));
        if foreign.iter().any(|known| known.kind == *kind) {
            v.duplicate(format!("{path}.type"), kind);
        }
        foreign.push(ForeignCondition {
            kind: kind.clone(),
            status: truth(&path, condition.status, &mut v),
            reason: condition.reason.clone(),
            message: condition.message.clone(),
        });
    }
    v.into_result()?;
    Ok(Update {
        conditions: Some(foreign),
        ..Update::default()
    })
}

fn truth(path: &str, given: i32, v: &mut Violations) -> Truth {
    match proto::ConditionStatus::try_from(given) {
        Ok(proto::ConditionStatus::True) => Truth::True,
        Ok(proto::ConditionStatus::False) => Truth::False,
        Ok(proto::ConditionStatus::Unknown) => Truth::Unknown,
        Ok(proto::ConditionStatus::Unspecified) | Err(_) => {
            let known = ["True", "False", "Unknown"];
            v.not_supported(format!("{path}.status"), given, &known);
            Truth::Unknown
        }
    }
}
