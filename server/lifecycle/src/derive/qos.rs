//! Quality of service class (spec §10.2; kubernetes `pkg/apis/core/helper/qos/qos.go`).

use std::collections::BTreeMap;

use crate::{
    spec::{PodSpec, Quantity},
    status::QosClass,
};

const RESOURCES: [&str; 2] = ["cpu", "memory"];

fn positive<'a>(list: &'a BTreeMap<String, Quantity>, name: &str) -> Option<&'a Quantity> {
    list.get(name).filter(|quantity| quantity.millis() > 0)
}

/// The class of a specification; fixed at creation.
#[must_use]
pub fn qos_class(spec: &PodSpec) -> QosClass {
    let all = || spec.init_containers.iter().chain(&spec.containers);
    let any = all().any(|c| {
        RESOURCES.iter().any(|r| {
            positive(&c.resources.limits, r).is_some()
                || positive(&c.resources.requests, r).is_some()
        })
    });
    if !any {
        return QosClass::BestEffort;
    }
    // Requests default to limits, so a container is guaranteed if what it requests is its limit.
    let guaranteed = all().all(|c| {
        RESOURCES
            .iter()
            .all(|r| match positive(&c.resources.limits, r) {
                Some(limit) => {
                    positive(&c.resources.requests, r).is_none_or(|request| request == limit)
                }
                None => false,
            })
    });
    if guaranteed {
        QosClass::Guaranteed
    } else {
        QosClass::Burstable
    }
}
