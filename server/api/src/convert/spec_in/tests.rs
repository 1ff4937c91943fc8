//! Table tests of admission: defaults, refusals, texts.

use super::*;
use crate::convert::spec_out;
use lifepod_lifecycle::{Pod, spec::ImagePullPolicy, time::Timestamp};

fn container(name: &str, image: &str) -> proto::Container {
    proto::Container {
        name: name.to_owned(),
        image: image.to_owned(),
        ..proto::Container::default()
    }
}

fn pod(edit: impl FnOnce(&mut proto::Pod)) -> proto::Pod {
    let mut pod = proto::Pod {
        metadata: Some(proto::ObjectMeta {
            name: "web".to_owned(),
            ..proto::ObjectMeta::default()
        }),
        spec: Some(proto::PodSpec {
            containers: vec![container("c", "nginx")],
            ..proto::PodSpec::default()
        }),
        status: None,
    };
    edit(&mut pod);
    pod
}

fn spec(pod: &mut proto::Pod) -> &mut proto::PodSpec {
    pod.spec.as_mut().expect("there is one")
}

fn first(pod: &mut proto::Pod) -> &mut proto::Container {
    &mut spec(pod).containers[0]
}

fn admitted(edit: impl FnOnce(&mut proto::Pod)) -> Admitted {
    admit(&pod(edit), &"node".into()).expect("admitted")
}

/// The violations as one text, as the API server prints them.
fn refused(edit: impl FnOnce(&mut proto::Pod)) -> String {
    admit(&pod(edit), &"node".into())
        .expect_err("refused")
        .to_string()
}

#[test]
fn defaults_are_those_of_kubernetes() {
    let pod = admitted(|pod| {
        first(pod).ports = vec![proto::ContainerPort {
            container_port: 80,
            ..proto::ContainerPort::default()
        }];
        first(pod).resources = Some(proto::ResourceRequirements {
            limits: [("cpu".to_owned(), "500m".to_owned())].into(),
            ..proto::ResourceRequirements::default()
        });
    })
    .pod;
    assert_eq!(&*pod.key.namespace, "default");
    assert_eq!(pod.uid.as_str().len(), 36);
    let read = spec_out::spec(&Pod::create(pod, Timestamp(0)));
    assert_eq!(read.restart_policy(), proto::RestartPolicy::Always);
    assert_eq!(read.termination_grace_period_seconds, Some(30));
    assert_eq!(read.dns_policy(), proto::DnsPolicy::ClusterFirst);
    assert_eq!(read.scheduler_name, "default-scheduler");
    assert_eq!(read.enable_service_links, Some(true));
    assert_eq!(read.node_name, "node");
    assert!(read.security_context.is_some());
    let container = &read.containers[0];
    assert_eq!(
        container.image_pull_policy(),
        proto::ImagePullPolicy::Always
    );
    assert_eq!(container.termination_message_path, "/dev/termination-log");
    assert_eq!(
        container.termination_message_policy(),
        proto::TerminationMessagePolicy::File
    );
    assert_eq!(container.ports[0].protocol(), proto::Protocol::Tcp);
    assert_eq!(container.ports[0].host_port, 0);
    let requests = &container.resources.as_ref().expect("kept").requests;
    assert_eq!(requests["cpu"], "500m", "requests default to limits");
}

#[test]
fn the_pull_policy_hangs_on_the_tag() {
    for (image, policy) in [
        ("nginx", ImagePullPolicy::Always),
        ("nginx:latest", ImagePullPolicy::Always),
        ("nginx:1.27", ImagePullPolicy::IfNotPresent),
        ("localhost:5000/nginx", ImagePullPolicy::Always),
        ("localhost:5000/nginx:1", ImagePullPolicy::IfNotPresent),
        ("nginx@sha256:00", ImagePullPolicy::IfNotPresent),
        ("nginx:latest@sha256:00", ImagePullPolicy::IfNotPresent),
    ] {
        let pod = admitted(|pod| first(pod).image = image.to_owned()).pod;
        assert_eq!(pod.spec.containers[0].image_pull_policy, policy, "{image}");
    }
}

#[test]
fn a_negative_grace_period_is_one_second_and_a_warning() {
    let admitted = admitted(|pod| spec(pod).termination_grace_period_seconds = Some(-5));
    assert_eq!(admitted.pod.spec.termination_grace_period.as_secs(), 1);
    assert_eq!(
        admitted.warnings[0].field,
        "spec.terminationGracePeriodSeconds"
    );
}

#[test]
fn ports_of_a_pod_on_the_hosts_network_are_the_hosts() {
    let pod = admitted(|pod| {
        spec(pod).host_network = true;
        first(pod).ports = vec![proto::ContainerPort {
            container_port: 8080,
            ..proto::ContainerPort::default()
        }];
    });
    assert_eq!(pod.pod.spec.containers[0].ports[0].host_port, Some(8080));
}

#[test]
fn a_name_may_be_generated() {
    let admitted = admitted(|pod| {
        let meta = pod.metadata.as_mut().expect("there is one");
        meta.name.clear();
        "job-".clone_into(&mut meta.generate_name);
    });
    assert!(admitted.generated);
    assert_eq!(admitted.pod.key.name.len(), 9);
    assert!(admitted.pod.key.name.starts_with("job-"));
}

#[test]
fn scheduling_fields_are_kept_with_a_warning() {
    let given = |spec: &mut proto::PodSpec| {
        spec.node_selector = [("disk".to_owned(), "ssd".to_owned())].into();
        spec.tolerations = vec![proto::Toleration {
            key: "gpu".to_owned(),
            operator: "Exists".to_owned(),
            effect: "NoExecute".to_owned(),
            toleration_seconds: Some(30),
            ..proto::Toleration::default()
        }];
        spec.affinity = Some(prost_types::Struct {
            fields: [("podAffinity".to_owned(), prost_types::Value::from(true))].into(),
        });
        spec.topology_spread_constraints = vec![proto::TopologySpreadConstraint {
            max_skew: 2,
            topology_key: "zone".to_owned(),
            when_unsatisfiable: "DoNotSchedule".to_owned(),
            label_selector: Some(prost_types::Struct::default()),
            match_label_keys: vec!["app".to_owned()],
            ..proto::TopologySpreadConstraint::default()
        }];
        spec.priority_class_name = "high".to_owned();
        spec.priority = Some(-3);
        spec.preemption_policy = proto::PreemptionPolicy::Never.into();
        spec.service_account_name = "robot".to_owned();
        spec.automount_service_account_token = Some(false);
        spec.image_pull_secrets = vec![proto::LocalObjectReference {
            name: "cred".to_owned(),
        }];
        spec.os = Some(proto::PodOs {
            name: "linux".to_owned(),
        });
    };
    let admitted = admitted(|pod| given(spec(pod)));
    let fields: Vec<_> = admitted.warnings.iter().map(|w| w.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "spec.affinity",
            "spec.nodeSelector",
            "spec.preemptionPolicy",
            "spec.priority",
            "spec.priorityClassName",
            "spec.tolerations",
            "spec.topologySpreadConstraints",
            "spec.imagePullSecrets",
        ]
    );
    let read = spec_out::spec(&Pod::create(admitted.pod, Timestamp(0)));
    let mut expected = proto::PodSpec::default();
    given(&mut expected);
    assert_eq!(read.affinity, expected.affinity);
    assert_eq!(read.tolerations, expected.tolerations);
    assert_eq!(read.node_selector, expected.node_selector);
    assert_eq!(
        read.topology_spread_constraints,
        expected.topology_spread_constraints
    );
    assert_eq!(read.priority, Some(-3));
    assert_eq!(read.preemption_policy(), proto::PreemptionPolicy::Never);
    assert_eq!(read.service_account_name, "robot");
    assert_eq!(read.image_pull_secrets, expected.image_pull_secrets);
    assert_eq!(read.os, expected.os);
}

#[test]
fn the_scheduler_that_is_the_default_is_no_reason_to_warn() {
    let admitted = admitted(|pod| spec(pod).scheduler_name = "default-scheduler".to_owned());
    assert!(admitted.warnings.is_empty(), "{:?}", admitted.warnings);
}

#[test]
fn all_violations_come_at_once() {
    let text = refused(|pod| {
        pod.metadata.as_mut().expect("there is one").name = "Web_1".to_owned();
        spec(pod).restart_policy = 9;
        spec(pod).active_deadline_seconds = Some(0);
        first(pod).image.clear();
        first(pod).ports = vec![proto::ContainerPort {
            container_port: 70_000,
            host_port: -1,
            host_ip: "x".to_owned(),
            ..proto::ContainerPort::default()
        }];
        first(pod).resources = Some(proto::ResourceRequirements {
            limits: [("cpu".to_owned(), "much".to_owned())].into(),
            ..proto::ResourceRequirements::default()
        });
    });
    for part in [
        "metadata.name: Invalid value: \"Web_1\"",
        "spec.restartPolicy: Unsupported value: 9: supported values: \"Always\", \"Never\", \"OnFailure\"",
        "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
        "spec.containers[0].image: Required value",
        "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        "spec.containers[0].ports[0].hostPort: Invalid value: -1",
        "spec.containers[0].ports[0].hostIP: Invalid value: \"x\"",
        "spec.containers[0].resources.limits[cpu]: Invalid value: \"much\": quantities must match",
    ] {
        assert!(text.contains(part), "`{part}` is not in `{text}`");
    }
    let again = text.matches("containerPort").count();
    assert_eq!(again, 1, "no field is reported twice: {text}");
}

#[test]
fn what_is_not_served_is_refused_by_name() {
    type Edit = fn(&mut proto::Pod);
    let cases: Vec<(&str, Edit)> = vec![
        ("spec.volumes", |p| {
            spec(p).volumes = vec![proto::Volume::default()];
        }),
        ("spec.hostPID", |p| spec(p).host_pid = true),
        ("spec.hostIPC", |p| spec(p).host_ipc = true),
        ("spec.hostUsers", |p| spec(p).host_users = Some(false)),
        ("spec.shareProcessNamespace", |p| {
            spec(p).share_process_namespace = Some(true);
        }),
        ("spec.setHostnameAsFQDN", |p| {
            spec(p).set_hostname_as_fqdn = Some(true);
        }),
        ("spec.hostnameOverride", |p| {
            spec(p).hostname_override = Some("x".to_owned());
        }),
        ("spec.runtimeClassName", |p| {
            spec(p).runtime_class_name = Some("gvisor".to_owned());
        }),
        ("spec.overhead", |p| {
            spec(p).overhead = [("cpu".to_owned(), "1".to_owned())].into();
        }),
        ("spec.schedulingGates", |p| {
            spec(p).scheduling_gates = vec![proto::PodSchedulingGate::default()];
        }),
        ("spec.securityContext.runAsUser", |p| {
            spec(p).security_context = Some(proto::PodSecurityContext {
                run_as_user: Some(0),
                ..proto::PodSecurityContext::default()
            });
        }),
        ("spec.nodeName", |p| spec(p).node_name = "other".to_owned()),
        ("spec.os.name", |p| {
            spec(p).os = Some(proto::PodOs {
                name: "windows".to_owned(),
            });
        }),
        ("spec.containers[0].envFrom", |p| {
            first(p).env_from = vec![proto::EnvFromSource::default()];
        }),
        ("spec.containers[0].volumeMounts", |p| {
            first(p).volume_mounts = vec![proto::VolumeMount::default()];
        }),
        ("spec.containers[0].securityContext.privileged", |p| {
            first(p).security_context = Some(proto::SecurityContext {
                privileged: Some(true),
                ..proto::SecurityContext::default()
            });
        }),
        ("spec.containers[0].lifecycle.stopSignal", |p| {
            first(p).lifecycle = Some(proto::Lifecycle {
                stop_signal: "SIGUSR1".to_owned(),
                ..proto::Lifecycle::default()
            });
        }),
    ];
    for (field, edit) in cases {
        let text = refused(edit);
        assert_eq!(text, format!("{field}: Forbidden: {NOT_YET}"));
    }
}

#[test]
fn empty_values_of_refused_fields_are_no_reason_to_refuse() {
    admitted(|pod| {
        spec(pod).security_context = Some(proto::PodSecurityContext::default());
        spec(pod).host_users = Some(true);
        spec(pod).share_process_namespace = Some(false);
        spec(pod).runtime_class_name = Some(String::new());
        spec(pod).resources = Some(proto::ResourceRequirements::default());
        first(pod).security_context = Some(proto::SecurityContext::default());
    });
}

#[test]
fn other_texts_match_the_api_servers() {
    type Edit = fn(&mut proto::Pod);
    let cases: Vec<(Edit, &str)> = vec![
        (|p| p.spec = None, "spec.containers: Required value"),
        (
            |p| {
                let container = proto::Container {
                    name: "debug".to_owned(),
                    image: "busybox".to_owned(),
                    ..proto::Container::default()
                };
                spec(p).ephemeral_containers = vec![proto::EphemeralContainer {
                    container: Some(container),
                    ..proto::EphemeralContainer::default()
                }];
            },
            "spec.ephemeralContainers: Forbidden: cannot be set on create",
        ),
        (
            |p| {
                spec(p).os = Some(proto::PodOs {
                    name: "plan9".to_owned(),
                });
            },
            "spec.os: Unsupported value: \"plan9\": supported values: \"linux\", \"windows\"",
        ),
        (
            |p| first(p).liveness_probe = Some(proto::Probe::default()),
            "spec.containers[0].livenessProbe: Required value: must specify a handler type",
        ),
        (
            |p| spec(p).dns_policy = proto::DnsPolicy::None.into(),
            "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None",
        ),
        (
            |p| {
                first(p).env = vec![proto::EnvVar {
                    name: "A".to_owned(),
                    value_from: Some(proto::EnvVarSource::default()),
                    ..proto::EnvVar::default()
                }];
            },
            "spec.containers[0].env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        ),
        (
            |p| {
                first(p).lifecycle = Some(proto::Lifecycle {
                    post_start: Some(proto::LifecycleHandler::default()),
                    ..proto::Lifecycle::default()
                });
            },
            "spec.containers[0].lifecycle.postStart: Required value: must specify a handler type",
        ),
        (
            |p| {
                let rule = proto::ContainerRestartRule {
                    action: proto::ContainerRestartRuleAction::Restart.into(),
                    exit_codes: Some(proto::ContainerRestartRuleOnExitCodes {
                        operator: proto::ContainerRestartRuleOperator::In.into(),
                        values: vec![1],
                    }),
                };
                first(p).restart_policy = proto::RestartPolicy::Never.into();
                first(p).restart_policy_rules = vec![rule; 21];
            },
            "spec.containers[0].restartPolicyRules: Too many: 21: must have at most 20 items",
        ),
    ];
    for (edit, text) in cases {
        assert_eq!(refused(edit), text);
    }
}

#[test]
fn later_definitions_of_a_variable_are_remarked_on() {
    let var = |name: &str, value: &str| proto::EnvVar {
        name: name.to_owned(),
        value: value.to_owned(),
        value_from: None,
    };
    let admitted = admitted(|pod| {
        first(pod).env = vec![var("A", "1"), var("A", "2"), var("A", "$(A):3")];
    });
    assert_eq!(admitted.warnings.len(), 1);
    assert_eq!(
        admitted.warnings[0].message,
        "hides previous definition of \"A\", which may be dropped when using apply"
    );
    assert_eq!(admitted.warnings[0].field, "spec.containers[0].env[1]");
}
