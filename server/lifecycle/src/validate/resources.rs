//! Compute resources: names, amounts, and requests against limits.

use std::collections::BTreeMap;

use super::{
    Violations,
    names::{dns_subdomain, qualified_name},
};
use crate::spec::{Quantity, Resources};

const NOT_STANDARD: &str = "must be a standard resource type or fully qualified";
const NOT_FOR_CONTAINERS: &str = "must be a standard resource for containers";
const NOT_NEGATIVE: &str = "must be greater than or equal to 0";
/// Resources of a cluster that no container can have.
const OF_OTHERS: [&str; 9] = [
    "pods",
    "services",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// How a resource may be used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Requests may be below limits.
    Overcommitted,
    /// Pages of the kernel: as extended, and only beside cpu or memory.
    Hugepages,
    /// Named by a domain: whole numbers, request and limit equal.
    Extended,
    /// None.
    Unknown,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name {
            "cpu" | "memory" | "ephemeral-storage" => Self::Overcommitted,
            _ if name.starts_with("hugepages-") => Self::Hugepages,
            _ if is_extended(name) => Self::Extended,
            _ => Self::Unknown,
        }
    }
}

fn is_extended(name: &str) -> bool {
    let foreign = |(domain, _): (&str, &str)| {
        !domain.ends_with("kubernetes.io") && dns_subdomain(domain).is_empty()
    };
    name.split_once('/').is_some_and(foreign)
        && !name.starts_with("requests.")
        && qualified_name(name).is_empty()
}

/// Checks the resources at `path`, of a container or of the pod.
pub(super) fn check(path: &str, resources: &Resources, v: &mut Violations) {
    amounts(&format!("{path}.limits"), &resources.limits, v);
    amounts(&format!("{path}.requests"), &resources.requests, v);
    for (name, request) in &resources.requests {
        against_limit(path, name, request, resources.limits.get(name), v);
    }
    let all = || resources.limits.keys().chain(resources.requests.keys());
    let hugepages = all().any(|name| Kind::of(name) == Kind::Hugepages);
    if hugepages && !all().any(|name| matches!(name.as_str(), "cpu" | "memory")) {
        v.forbidden(path, "HugePages require cpu or memory");
    }
}

fn against_limit(
    path: &str,
    name: &str,
    request: &Quantity,
    limit: Option<&Quantity>,
    v: &mut Violations,
) {
    let strict = matches!(Kind::of(name), Kind::Hugepages | Kind::Extended);
    let Some(limit) = limit else {
        if strict {
            let detail = "Limit must be set for non overcommitable resources";
            v.required(format!("{path}.limits"), detail);
        }
        return;
    };
    let wrong = if strict && request != limit {
        "must be equal to"
    } else if request.millis() > limit.millis() {
        "must be less than or equal to"
    } else {
        return;
    };
    let detail = format!("{wrong} {name} limit of {limit}");
    v.invalid(format!("{path}.requests"), request.as_str(), &detail);
}

fn amounts(path: &str, list: &BTreeMap<String, Quantity>, v: &mut Violations) {
    for (name, quantity) in list {
        let path = format!("{path}[{name}]");
        if quantity.millis() < 0 {
            v.invalid(&*path, quantity.as_str(), NOT_NEGATIVE);
        }
        match Kind::of(name) {
            Kind::Overcommitted if name == "ephemeral-storage" => v.not_served(path),
            Kind::Overcommitted => {}
            Kind::Hugepages => v.not_served(path),
            Kind::Extended => {
                if quantity.millis() % 1000 != 0 {
                    v.invalid(&*path, quantity.as_str(), "must be an integer");
                }
                v.not_served(path);
            }
            Kind::Unknown => unknown(&path, name, v),
        }
    }
}

fn unknown(path: &str, name: &str, v: &mut Violations) {
    let form = qualified_name(name);
    let malformed = !form.is_empty();
    v.form(path, name, form);
    if name.contains('/') {
        if !malformed {
            v.invalid(path, name, "doesn't follow extended resource name standard");
        }
        return;
    }
    if !malformed && name != "storage" && !OF_OTHERS.contains(&name) {
        v.invalid(path, name, NOT_STANDARD);
    }
    v.invalid(path, name, NOT_FOR_CONTAINERS);
}
