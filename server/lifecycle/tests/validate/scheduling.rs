//! What only a scheduler would read.

use serde_json::{Value, json};

use super::{check, kept};

fn with(field: &'static str, value: Value) -> impl Fn(&mut lifepod_lifecycle::NewPod) {
    move |pod| kept(pod, field, value.clone())
}

#[test]
fn node_selectors_and_tolerations() {
    check(&[
        (
            "node selector",
            &with("nodeSelector", json!({ "a b": "x y" })),
            &["spec.nodeSelector Invalid", "spec.nodeSelector Invalid"],
        ),
        (
            "tolerations that hold",
            &with(
                "tolerations",
                json!([
                    { "key": "a", "operator": "Equal", "value": "b", "effect": "NoSchedule" },
                    { "operator": "Exists" },
                    { "key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5 },
                ]),
            ),
            &[],
        ),
        (
            "tolerations that do not",
            &with(
                "tolerations",
                json!([
                    { "operator": "Equal", "value": "a" },
                    { "key": "a b", "operator": "Exists", "value": "x" },
                    { "key": "a", "operator": "Like", "effect": "Never", "tolerationSeconds": 5 },
                ]),
            ),
            &[
                "spec.tolerations[0].operator Invalid",
                "spec.tolerations[1].key Invalid",
                "spec.tolerations[1].operator Invalid",
                "spec.tolerations[2].effect Invalid",
                "spec.tolerations[2].operator NotSupported",
                "spec.tolerations[2].effect NotSupported",
            ],
        ),
    ]);
}

#[test]
fn topology_spread_constraints() {
    let good = json!({ "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule" });
    check(&[
        (
            "the same twice",
            &with("topologySpreadConstraints", json!([good, good])),
            &["spec.topologySpreadConstraints[1].{topologyKey, whenUnsatisfiable} Duplicate"],
        ),
        (
            "everything wrong",
            &with(
                "topologySpreadConstraints",
                json!([
                    {
                        "maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "Never", "minDomains": 0,
                        "nodeAffinityPolicy": "Maybe",
                        "labelSelector": { "matchLabels": { "a b": "c" } },
                    },
                    { "maxSkew": 1, "topologyKey": "a b", "whenUnsatisfiable": "ScheduleAnyway" },
                ]),
            ),
            &[
                "spec.topologySpreadConstraints[0].maxSkew Invalid",
                "spec.topologySpreadConstraints[0].topologyKey Required",
                "spec.topologySpreadConstraints[0].whenUnsatisfiable NotSupported",
                "spec.topologySpreadConstraints[0].minDomains Invalid",
                "spec.topologySpreadConstraints[0].minDomains Invalid",
                "spec.topologySpreadConstraints[0].nodeAffinityPolicy NotSupported",
                "spec.topologySpreadConstraints[0].labelSelector.matchLabels Invalid",
                "spec.topologySpreadConstraints[1].topologyKey Invalid",
            ],
        ),
    ]);
}

#[test]
fn affinity() {
    const NODE: &str = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
    let required = |terms: Value| {
        json!({ "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": terms }
        } })
    };
    let at = |rest: &str| format!("{NODE}{rest}");
    let expected = [
        at("[0].matchExpressions[0].values Required"),
        at("[0].matchExpressions[1].values Forbidden"),
        at("[0].matchExpressions[2].values Required"),
        at("[0].matchExpressions[3].operator Invalid"),
        at("[0].matchFields[0].values Required"),
        at("[0].matchFields[1].operator Invalid"),
        at("[0].matchFields[1].key Invalid"),
    ];
    let terms = json!([{
        "matchExpressions": [
            { "key": "a", "operator": "In" },
            { "key": "a", "operator": "Exists", "values": ["x"] },
            { "key": "a", "operator": "Gt", "values": ["1", "2"] },
            { "key": "a", "operator": "Like" },
            { "key": "a", "operator": "Lt", "values": ["1"] },
            { "key": "a", "operator": "NotIn", "values": ["1"] },
        ],
        "matchFields": [
            { "key": "metadata.name", "operator": "In", "values": [] },
            { "key": "spec.x", "operator": "Exists" },
        ],
    }]);
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    let none = at(" Required");
    check(&[
        ("no terms", &with("affinity", required(json!([]))), &[&none]),
        ("terms", &with("affinity", required(terms)), &expected),
    ]);
    const POD: &str = "spec.affinity.podAffinity";
    const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
    let of_pods = json!({
        "podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{
                "topologyKey": "", "namespaces": ["No"],
                "labelSelector": { "matchExpressions": [{ "key": "a", "operator": "Gt" }] },
            }],
            "preferredDuringSchedulingIgnoredDuringExecution": [
                { "weight": 0, "podAffinityTerm": { "topologyKey": "zone" } },
            ],
        },
        "nodeAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": [
            { "weight": 101, "preference": {} },
        ] },
    });
    let first = format!("{POD}.requiredDuringSchedulingIgnoredDuringExecution[0]");
    let expected = [
        format!("spec.affinity.nodeAffinity.{PREFERRED}[0].weight Invalid"),
        format!("{first}.labelSelector.matchExpressions[0].operator Invalid"),
        format!("{first}.namespace Invalid"),
        format!("{first}.topologyKey Required"),
        format!("{first}.topologyKey Invalid"),
        format!("{first}.topologyKey Invalid"),
        format!("{POD}.{PREFERRED}[0].weight Invalid"),
    ];
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    check(&[("pods", &with("affinity", of_pods), &expected)]);
}
