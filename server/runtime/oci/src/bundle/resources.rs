//! Cgroup limits and OOM score of a container (spec §10.2; kubelet `kuberuntime_container_linux.go`).

use lifepod_lifecycle::{
    derive::qos_class,
    spec::{PodSpec, Quantity, Resources},
    status::QosClass,
};
use serde_json::{Value, json};

const PERIOD_US: i64 = 100_000;
const MIN_QUOTA_US: i64 = 1000;
const MIN_SHARES: i64 = 2;
const MAX_SHARES: i64 = 262_144;

/// The `linux.resources` of the bundle.
pub(super) fn linux_resources(resources: &Resources) -> Value {
    let limit = |name: &str| resources.limits.get(name).filter(|q| q.millis() > 0);
    let request = |name: &str| resources.requests.get(name).or_else(|| limit(name));
    let shares = request("cpu").map_or(MIN_SHARES, |q| {
        (q.millis() * 1024 / 1000).clamp(MIN_SHARES, MAX_SHARES)
    });
    let mut cpu = json!({ "shares": shares });
    if let Some(quota) = limit("cpu").map(Quantity::millis) {
        cpu["period"] = json!(PERIOD_US);
        cpu["quota"] = json!((quota * PERIOD_US / 1000).max(MIN_QUOTA_US));
    }
    let mut all = json!({
        "cpu": cpu,
        "devices": [{ "allow": false, "access": "rwm" }],
    });
    if let Some(memory) = limit("memory") {
        all["memory"] = json!({ "limit": memory.value() });
    }
    all
}

/// How willingly the kernel kills the container for memory.
pub(super) fn oom_score_adj(spec: &PodSpec, resources: &Resources, capacity: i64) -> i64 {
    match qos_class(spec) {
        QosClass::Guaranteed => -997,
        QosClass::BestEffort => 1000,
        QosClass::Burstable => {
            let request = resources
                .requests
                .get("memory")
                .or_else(|| resources.limits.get("memory"));
            let request = request.map_or(0, Quantity::value);
            let share = i128::from(request) * 1000 / i128::from(capacity.max(1));
            i64::try_from(1000 - share).unwrap_or(3).clamp(3, 999)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(limits: &[(&str, &str)]) -> Resources {
        let limits = limits
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.parse().expect("quantity")))
            .collect();
        Resources {
            limits,
            ..Resources::default()
        }
    }

    #[test]
    fn half_a_processor_is_half_a_period() {
        let value = linux_resources(&resources(&[("cpu", "500m"), ("memory", "128Mi")]));
        assert_eq!(
            value["cpu"],
            json!({"shares": 512, "period": 100_000, "quota": 50_000})
        );
        assert_eq!(value["memory"]["limit"], json!(134_217_728));
    }

    #[test]
    fn tiny_limits_act_as_ten_millis() {
        let value = linux_resources(&resources(&[("cpu", "1m")]));
        assert_eq!(
            (&value["cpu"]["quota"], &value["cpu"]["shares"]),
            (&json!(1000), &json!(2))
        );
    }
}
