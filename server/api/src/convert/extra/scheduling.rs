//! What only a scheduler would read.

use std::collections::BTreeMap;

use lifepod_proto::v1 as proto;
use serde_json::Value;

use super::{
    Extra,
    json::{from_struct, number, object, text, texts, to_struct},
};

pub(super) fn keep(spec: &proto::PodSpec, extra: &mut Extra) {
    let mut put = |name: &str, present: bool, value: &dyn Fn() -> Value| {
        if present {
            extra.insert(name.to_owned(), value());
        }
    };
    let s = spec;
    put("schedulerName", !s.scheduler_name.is_empty(), &|| {
        s.scheduler_name.as_str().into()
    });
    put(
        "priorityClassName",
        !s.priority_class_name.is_empty(),
        &|| s.priority_class_name.as_str().into(),
    );
    put("priority", s.priority.is_some(), &|| s.priority.into());
    put("preemptionPolicy", s.preemption_policy != 0, &|| {
        preemption_text(s.preemption_policy()).into()
    });
    put("nodeSelector", !s.node_selector.is_empty(), &|| {
        s.node_selector
            .iter()
            .map(|(k, v)| (k.clone(), v.as_str()))
            .collect()
    });
    put("tolerations", !s.tolerations.is_empty(), &|| {
        s.tolerations.iter().map(toleration).collect()
    });
    let spread = &s.topology_spread_constraints;
    put("topologySpreadConstraints", !spread.is_empty(), &|| {
        spread.iter().map(constraint).collect()
    });
    for (name, opaque) in [
        ("affinity", &s.affinity),
        ("schedulingGroup", &s.scheduling_group),
    ] {
        if let Some(fields) = opaque {
            put(name, true, &|| from_struct(fields));
        }
    }
}

pub(super) fn restore(extra: &Extra, spec: &mut proto::PodSpec) {
    let string = |name: &str| extra.get(name).and_then(Value::as_str).unwrap_or_default();
    let items = |name: &str| {
        extra
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    string("schedulerName").clone_into(&mut spec.scheduler_name);
    string("priorityClassName").clone_into(&mut spec.priority_class_name);
    let priority = extra.get("priority").and_then(Value::as_i64);
    spec.priority = priority.and_then(|priority| i32::try_from(priority).ok());
    let preemption = match string("preemptionPolicy") {
        "Never" => proto::PreemptionPolicy::Never,
        _ => proto::PreemptionPolicy::PreemptLowerPriority,
    };
    spec.preemption_policy = preemption.into();
    spec.node_selector = node_selector(extra);
    spec.tolerations = items("tolerations").map(toleration_from).collect();
    let spread = items("topologySpreadConstraints").map(constraint_from);
    spec.topology_spread_constraints = spread.collect();
    spec.affinity = extra.get("affinity").map(to_struct);
    spec.scheduling_group = extra.get("schedulingGroup").map(to_struct);
}

const fn preemption_text(policy: proto::PreemptionPolicy) -> &'static str {
    match policy {
        proto::PreemptionPolicy::Never => "Never",
        proto::PreemptionPolicy::PreemptLowerPriority | proto::PreemptionPolicy::Unspecified => {
            "PreemptLowerPriority"
        }
    }
}

fn node_selector(extra: &Extra) -> BTreeMap<String, String> {
    let map = extra.get("nodeSelector").and_then(Value::as_object);
    let entry = |(key, value): (&String, &Value)| {
        (key.clone(), value.as_str().unwrap_or_default().to_owned())
    };
    map.into_iter().flatten().map(entry).collect()
}

fn toleration(given: &proto::Toleration) -> Value {
    object([
        ("key", given.key.as_str().into()),
        ("operator", given.operator.as_str().into()),
        ("value", given.value.as_str().into()),
        ("effect", given.effect.as_str().into()),
        ("tolerationSeconds", given.toleration_seconds.into()),
    ])
}

fn toleration_from(kept: &Value) -> proto::Toleration {
    proto::Toleration {
        key: text(kept, "key"),
        operator: text(kept, "operator"),
        value: text(kept, "value"),
        effect: text(kept, "effect"),
        toleration_seconds: number(kept, "tolerationSeconds"),
    }
}

fn constraint(given: &proto::TopologySpreadConstraint) -> Value {
    object([
        ("maxSkew", given.max_skew.into()),
        ("topologyKey", given.topology_key.as_str().into()),
        (
            "whenUnsatisfiable",
            given.when_unsatisfiable.as_str().into(),
        ),
        (
            "labelSelector",
            given.label_selector.as_ref().map(from_struct).into(),
        ),
        ("minDomains", given.min_domains.into()),
        (
            "nodeAffinityPolicy",
            given.node_affinity_policy.clone().into(),
        ),
        ("nodeTaintsPolicy", given.node_taints_policy.clone().into()),
        ("matchLabelKeys", given.match_label_keys.clone().into()),
    ])
}

fn constraint_from(kept: &Value) -> proto::TopologySpreadConstraint {
    let int = |field| number(kept, field).and_then(|n| i32::try_from(n).ok());
    let optional = |field| kept.get(field).and_then(Value::as_str).map(str::to_owned);
    proto::TopologySpreadConstraint {
        max_skew: int("maxSkew").unwrap_or_default(),
        topology_key: text(kept, "topologyKey"),
        when_unsatisfiable: text(kept, "whenUnsatisfiable"),
        label_selector: kept.get("labelSelector").map(to_struct),
        min_domains: int("minDomains"),
        node_affinity_policy: optional("nodeAffinityPolicy"),
        node_taints_policy: optional("nodeTaintsPolicy"),
        match_label_keys: texts(kept, "matchLabelKeys"),
    }
}
