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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{ContainerSpec, Resources};

    fn container(requests: &[(&str, &str)], limits: &[(&str, &str)]) -> ContainerSpec {
        let list = |list: &[(&str, &str)]| {
            let list = list
                .iter()
                .map(|(name, text)| ((*name).to_owned(), text.parse().unwrap()));
            list.collect::<BTreeMap<_, _>>()
        };
        ContainerSpec {
            resources: Resources {
                requests: list(requests),
                limits: list(limits),
            },
            ..ContainerSpec::default()
        }
    }

    fn class(containers: Vec<ContainerSpec>, init_containers: Vec<ContainerSpec>) -> QosClass {
        qos_class(&PodSpec {
            containers,
            init_containers,
            ..PodSpec::default()
        })
    }

    #[test]
    fn every_container_decides() {
        let full = || container(&[], &[("cpu", "1"), ("memory", "1Gi")]);
        let none = || container(&[], &[]);
        let less = || container(&[("cpu", "500m")], &[("cpu", "1"), ("memory", "1Gi")]);
        assert_eq!(class(vec![none()], vec![none()]), QosClass::BestEffort);
        assert_eq!(class(vec![full()], vec![full()]), QosClass::Guaranteed);
        assert_eq!(class(vec![full()], vec![none()]), QosClass::Burstable);
        assert_eq!(class(vec![less()], vec![]), QosClass::Burstable);
        let other = container(&[("example.com/gpu", "1")], &[("cpu", "0")]);
        assert_eq!(class(vec![other], vec![]), QosClass::BestEffort);
    }
}
