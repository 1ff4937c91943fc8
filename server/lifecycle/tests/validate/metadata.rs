//! Metadata, host names, resolvers, and the pod's own fields.

use std::time::Duration;

use lifepod_lifecycle::{
    id::PodKey,
    spec::{DnsConfig, HostAlias},
    validate::{Violations, name, validate},
};
use serde_json::json;

use super::{check, good, kept};

#[test]
fn names_labels_and_annotations() {
    let long = "a".repeat(64);
    check(&[
        (
            "no name",
            &|p| p.key = PodKey::new("default", ""),
            &["metadata.name Required"],
        ),
        (
            "names in capitals",
            &|p| p.key = PodKey::new("Default", "Web"),
            &["metadata.name Invalid", "metadata.namespace Invalid"],
        ),
        (
            "a prefix for names",
            &|p| kept(p, "metadata.generateName", json!("Web-")),
            &["metadata.generateName Invalid"],
        ),
        (
            "a good prefix",
            &|p| kept(p, "metadata.generateName", json!("web-")),
            &[],
        ),
        (
            "label key and value",
            &|p| _ = p.labels.insert("-a/b/c".into(), long.clone()),
            &["metadata.labels Invalid", "metadata.labels Invalid"],
        ),
        (
            "label key without a name",
            &|p| _ = p.labels.insert("example.com/".into(), "x y".into()),
            &[
                "metadata.labels Invalid",
                "metadata.labels Invalid",
                "metadata.labels Invalid",
            ],
        ),
        (
            "annotation key",
            &|p| _ = p.annotations.insert("a b".into(), String::new()),
            &["metadata.annotations Invalid"],
        ),
        (
            "much annotation",
            &|p| _ = p.annotations.insert("a".into(), "x".repeat(256 * 1024)),
            &["metadata.annotations TooLong"],
        ),
    ]);
}

#[test]
fn annotations_of_before_the_security_fields() {
    const SECCOMP: &str = "seccomp.security.alpha.kubernetes.io/pod";
    const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";
    let annotate = |key: String, value: &str| {
        let mut pod = good();
        pod.annotations.insert(key, value.to_owned());
        super::told(validate(&pod)).len()
    };
    for (key, value, refused) in [
        (SECCOMP.to_owned(), "runtime/default", 0),
        (SECCOMP.to_owned(), "localhost/profile", 0),
        (SECCOMP.to_owned(), "localhost/", 1),
        (format!("{APP_ARMOR}c1"), "unconfined", 0),
        (format!("{APP_ARMOR}c1"), "localhost/x", 0),
        (format!("{APP_ARMOR}c1"), "strict", 1),
        (format!("{APP_ARMOR}nobody"), "unconfined", 1),
    ] {
        assert_eq!(annotate(key.clone(), value), refused, "{key}={value}");
    }
}

#[test]
fn finalizers_and_owners() {
    let owner = |controller: bool| json!({ "apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u", "controller": controller });
    check(&[
        (
            "a finalizer without a domain",
            &|p| p.finalizers = vec!["hold".into()],
            &["metadata.finalizers[0] Invalid"],
        ),
        (
            "a malformed finalizer",
            &|p| p.finalizers = vec!["example.com/a b".into()],
            &[
                "metadata.finalizers Invalid",
                "metadata.finalizers[0] Invalid",
            ],
        ),
        (
            "two that contradict each other",
            &|p| p.finalizers = vec!["orphan".into(), "foregroundDeletion".into()],
            &["metadata.finalizers Invalid"],
        ),
        (
            "one owner",
            &|p| kept(p, "metadata.ownerReferences", json!([owner(true)])),
            &[],
        ),
        (
            "two controllers",
            &|p| {
                kept(
                    p,
                    "metadata.ownerReferences",
                    json!([owner(true), owner(true)]),
                );
            },
            &["metadata.ownerReferences Invalid"],
        ),
        (
            "an empty owner, and an event",
            &|p| {
                let event = json!({ "apiVersion": "v1", "kind": "Event", "name": "e", "uid": "u" });
                kept(p, "metadata.ownerReferences", json!([{}, event]));
            },
            &[
                "metadata.ownerReferences.apiVersion Invalid",
                "metadata.ownerReferences.kind Invalid",
                "metadata.ownerReferences.name Invalid",
                "metadata.ownerReferences.uid Invalid",
                "metadata.ownerReferences Invalid",
            ],
        ),
    ]);
}

#[test]
fn host_names_and_resolvers() {
    check(&[
        (
            "host name and subdomain",
            &|p| {
                p.spec.hostname = Some("Host".into());
                p.spec.subdomain = Some("a.b".into());
            },
            &["spec.hostname Invalid", "spec.subdomain Invalid"],
        ),
        (
            "host alias",
            &|p| {
                p.spec.host_aliases = vec![HostAlias {
                    ip: "10.0.0".into(),
                    hostnames: vec!["good".into(), "Bad".into()],
                }];
            },
            &[
                "spec.hostAliases[0].ip Invalid",
                "spec.hostAliases[0].hostnames[1] Invalid",
            ],
        ),
        (
            "search domains",
            &|p| {
                p.spec.dns_config = Some(DnsConfig {
                    searches: vec![".".into(), "_a.example.".into(), "a b".into()],
                    ..DnsConfig::default()
                });
            },
            &["spec.dnsConfig.searches[2] Invalid"],
        ),
    ]);
}

#[test]
fn fields_of_the_pod_itself() {
    check(&[
        (
            "deadline zero",
            &|p| p.spec.active_deadline = Some(Duration::ZERO),
            &["spec.activeDeadlineSeconds Invalid"],
        ),
        (
            "readiness gate",
            &|p| p.spec.readiness_gates = vec!["example.com/a".into(), "a b".into()],
            &["spec.readinessGates[1].conditionType Invalid"],
        ),
        (
            "service account",
            &|p| kept(p, "serviceAccountName", json!("No")),
            &["spec.serviceAccountName Invalid"],
        ),
        (
            "priority class",
            &|p| kept(p, "priorityClassName", json!("No")),
            &["spec.priorityClassName Invalid"],
        ),
        (
            "no container",
            &|p| p.spec.containers.clear(),
            &["spec.containers Required"],
        ),
    ]);
}

#[test]
fn violations_read_as_the_api_server_words_them() {
    let mut v = Violations::default();
    v.required("a", "");
    assert_eq!(v.to_string(), "a: Required value");
    v.invalid("b", "x", "must be y");
    v.not_supported("c", "x", &["Y", "Z"]);
    v.duplicate("d", "x");
    v.not_found("e", "x");
    v.too_long("f", 3);
    v.too_many("g", 4, 3);
    v.not_served("h");
    assert_eq!(
        v.to_string(),
        "[a: Required value, b: Invalid value: \"x\": must be y, c: Unsupported value: \"x\": supported values: \"Y\", \"Z\", \
         d: Duplicate value: \"x\", e: Not found: \"x\", f: Too long: may not be more than 3 bytes, \
         g: Too many: 4: must have at most 3 items, h: Forbidden: not supported by Lifepod yet]"
    );
    let reasons: Vec<_> = v.0.iter().map(|v| v.reason.as_str()).collect();
    assert!(
        reasons
            .iter()
            .all(|reason| reason.starts_with("FieldValue"))
    );
    assert!(v.into_result().is_err() && Violations::default().into_result().is_ok());
}

#[test]
fn names_that_other_layers_judge() {
    assert!(name::label("web-1").is_empty() && !name::label("web.1").is_empty());
    assert!(name::subdomain("web.1").is_empty() && !name::subdomain("-").is_empty());
    assert!(name::qualified("example.com/A_b").is_empty() && !name::qualified("").is_empty());
    for bad in ["", "1", "a--b", "-a", "much-too-long-for-it", "A"] {
        assert!(!name::port(bad).is_empty(), "{bad}");
    }
    assert!(name::port("http").is_empty());
}
