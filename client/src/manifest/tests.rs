//! Reading and writing whole manifests.

use serde_json::json;

use super::*;

fn pod(spec: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n{spec}")
}

fn error(text: &str) -> ManifestError {
    parse(text).unwrap_err()
}

const CONTAINERS: &str = "  containers:\n  - name: c\n    image: busybox\n";

/// One value for every field of a pod, none of them its default where Kubernetes leaves defaults out.
fn full() -> Json {
    serde_json::from_str(include_str!("../../testdata/every-field.json")).unwrap()
}

#[test]
fn every_field_survives_reading_and_writing() {
    let value = full();
    let strict = parse(&to_json_text(&value)).unwrap();
    assert_eq!(to_json(&strict[0]), value);
    let from_yaml = parse(&to_yaml_text(&value)).unwrap();
    assert_eq!(from_yaml, strict);
    assert_eq!(from_json(&value).unwrap(), strict[0]);
}

#[test]
fn unknown_fields_are_all_named_with_path_and_place() {
    let text = format!(
        "{}{}",
        pod(CONTAINERS),
        "    imagee: x\n  nope: 1\nfoo: bar\n"
    );
    let error = error(&text);
    assert_eq!(
        error.to_string(),
        "Pod in version \"v1\" cannot be handled as a Pod: strict decoding error: unknown field \"foo\", \
         unknown field \"spec.containers[0].imagee\", unknown field \"spec.nope\""
    );
    let ManifestError::Decoding(DecodingError::Strict(fields)) = error else {
        panic!("expected unknown fields");
    };
    let places: Vec<_> = fields
        .iter()
        .map(|field| (field.at.line, field.at.column))
        .collect();
    assert_eq!(places, [(11, 1), (9, 5), (10, 3)]);
}

#[test]
fn values_of_the_wrong_type_are_told_in_kubernetes_words() {
    let cases = [
        (
            "  terminationGracePeriodSeconds: soon\n",
            "string",
            "PodSpec.spec.terminationGracePeriodSeconds of type int64",
        ),
        (
            "  containers: {a: b}\n",
            "object",
            "PodSpec.spec.containers of type []v1.Container",
        ),
        (
            "  containers:\n  - command: ls\n",
            "string",
            "Container.spec.containers.command of type []string",
        ),
        (
            "  containers:\n  - command: [1]\n",
            "number",
            "Container.spec.containers.command of type string",
        ),
        (
            "  containers:\n  - imagePullPolicy: true\n",
            "bool",
            "Container.spec.containers.imagePullPolicy of type v1.PullPolicy",
        ),
        (
            "  containers:\n  - ports:\n    - containerPort: 2147483648\n",
            "number 2147483648",
            "ContainerPort.spec.containers.ports.containerPort of type int32",
        ),
        (
            "  containers:\n  - livenessProbe: {grpc: {port: x}}\n",
            "string",
            "GRPCAction.spec.containers.livenessProbe.ProbeHandler.grpc.port of type int32",
        ),
        (
            "  volumes:\n  - secret: {defaultMode: x}\n",
            "string",
            "SecretVolumeSource.spec.volumes.VolumeSource.secret.defaultMode of type int32",
        ),
        (
            "  nodeSelector: {a: 1}\n",
            "number",
            "PodSpec.spec.nodeSelector of type string",
        ),
        (
            "  terminationGracePeriodSeconds: 1.5\n",
            "number 1.5",
            "PodSpec.spec.terminationGracePeriodSeconds of type int64",
        ),
    ];
    for (spec, what, field) in cases {
        let expected = format!(
            "Pod in version \"v1\" cannot be handled as a Pod: json: cannot unmarshal {what} into Go struct field {field}"
        );
        assert_eq!(error(&pod(spec)).to_string(), expected);
    }
}

#[test]
fn values_no_message_can_carry_are_violations() {
    let spec = "  restartPolicy: Sometimes\n  containers:\n  - name: c\n    imagePullPolicy: Maybe\n    \
                livenessProbe: {exec: {command: [a]}, tcpSocket: {port: 1}}\n    volumeMounts:\n    - mountPropagation: Shared\n";
    let ManifestError::Invalid {
        name,
        violations,
        at,
        ..
    } = error(&pod(spec))
    else {
        panic!("expected violations");
    };
    let told: Vec<String> = violations
        .iter()
        .map(|violation| format!("{}: {}", violation.field, violation.description))
        .collect();
    assert_eq!(name, "p");
    assert_eq!(
        told,
        [
            "spec.containers[0].imagePullPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", \"IfNotPresent\", \"Never\"",
            "spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
            "spec.containers[0].volumeMounts.mountPropagation: Unsupported value: \"Shared\": supported values: \"Bidirectional\", \"HostToContainer\", \"None\"",
            "spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"OnFailure\", \"Never\"",
        ]
    );
    assert_eq!(at[3].line, 6);
}

#[test]
fn other_kinds_and_objects_without_a_type_are_refused_by_name() {
    let other = error("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: n}\n");
    assert_eq!(
        other.to_string(),
        "no matches for kind \"Deployment\" in version \"apps/v1\""
    );
    assert_eq!(error("kind: Pod\n").to_string(), "apiVersion not set");
    assert_eq!(error("apiVersion: v1\n").to_string(), "kind not set");
}

#[test]
fn documents_and_lists_hold_several_pods() {
    let one = pod(CONTAINERS);
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [full(), full()]});
    let text = format!("{one}---\n---\n# nothing\n---\n{list}\n");
    assert_eq!(parse(&text).unwrap().len(), 3);
}

#[test]
fn yaml_means_what_it_means_to_kubernetes() {
    let spec = format!(
        "{CONTAINERS}    stdin: on\n    tty: y\n    ports:\n    - containerPort: 0120\n    - containerPort: 80.0\n  hostNetwork: yes\n"
    );
    let pods = parse(&pod(&spec)).unwrap();
    let spec = pods[0].spec.as_ref().unwrap();
    let container = &spec.containers[0];
    assert!(spec.host_network && container.stdin && container.tty);
    assert_eq!(container.ports[0].container_port, 80);
    assert_eq!(container.ports[1].container_port, 80);
    assert!(
        parse(&pod(
            "  containers:\n  - name: c\n    env: [{name: A, value: 1.5}]\n"
        ))
        .is_err()
    );
}

#[test]
fn json_that_is_no_yaml_is_read_too() {
    let text = "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Pod\",\n\t\"metadata\": {\"name\": \"a\\/b\\ud83d\\ude00\"}\n}";
    let pods = parse(text).unwrap();
    assert_eq!(pods[0].metadata.as_ref().unwrap().name, "a/b\u{1f600}");
    assert_eq!(
        error("{\"apiVersion\":\"v1\",").to_string(),
        "unexpected EOF"
    );
}

#[test]
fn unknown_fields_can_be_remarks() {
    let text = format!("{}  nope: 1\n", pod(CONTAINERS));
    let parsed = parse_each(&text, Strictness::Warn)
        .unwrap()
        .remove(0)
        .unwrap();
    assert_eq!(parsed.warnings, ["unknown field \"spec.nope\""]);
}
