//! Containers: names, images, ports, environment, resources, hooks, probes.

use std::time::Duration;

use lifepod_lifecycle::{
    NewPod,
    spec::{
        EnvVar, EnvVarSource, EphemeralContainer, Handler, HttpGet, HttpScheme, Port, PortRef,
        Probe, Protocol, RestartPolicy, RestartRule, RestartRuleAction,
    },
};

use super::{check, container};

fn probe(handler: Handler) -> Probe {
    Probe {
        handler,
        initial_delay: Duration::ZERO,
        period: Duration::from_secs(10),
        timeout: Duration::from_secs(1),
        success_threshold: 1,
        failure_threshold: 3,
        termination_grace_period: None,
    }
}

fn exec(command: &[&str]) -> Handler {
    Handler::Exec {
        command: command.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn names_and_images() {
    check(&[
        (
            "no name, no image",
            &|p| {
                p.spec.containers[0].name.clear();
                p.spec.containers[0].image.clear();
            },
            &[
                "spec.containers[0].name Required",
                "spec.containers[0].image Required",
            ],
        ),
        (
            "image with a blank",
            &|p| p.spec.containers[0].image = " app".into(),
            &["spec.containers[0].image Invalid"],
        ),
        (
            "the same name twice, a bad one",
            &|p| {
                p.spec.containers.push(container("C"));
                p.spec.init_containers.push(container("c1"));
            },
            &[
                "spec.containers[1].name Invalid",
                "spec.initContainers[0].name Duplicate",
            ],
        ),
        (
            "rules without a policy",
            &|p| {
                p.spec.containers[0].restart_policy_rules = vec![RestartRule {
                    action: RestartRuleAction::Restart,
                    not_in: false,
                    values: vec![1],
                }];
            },
            &["spec.containers[0].restartPolicy Required"],
        ),
    ]);
}

#[test]
fn what_only_sidecars_may_have() {
    let full = |p: &mut NewPod| {
        let mut init = container("i1");
        init.lifecycle.pre_stop = Some(exec(&["true"]));
        init.liveness_probe = Some(probe(exec(&["true"])));
        init.readiness_probe = Some(probe(exec(&["true"])));
        init.startup_probe = Some(probe(exec(&["true"])));
        p.spec.init_containers.push(init);
    };
    check(&[
        (
            "plain init container",
            &full,
            &[
                "spec.initContainers[0].lifecycle Forbidden",
                "spec.initContainers[0].livenessProbe Forbidden",
                "spec.initContainers[0].readinessProbe Forbidden",
                "spec.initContainers[0].startupProbe Forbidden",
            ],
        ),
        (
            "sidecar",
            &|p| {
                full(p);
                p.spec.init_containers[0].restart_policy = Some(RestartPolicy::Always);
            },
            &[],
        ),
    ]);
}

#[test]
fn ports() {
    let port = |container_port, host_port, name: Option<&str>| Port {
        name: name.map(ToOwned::to_owned),
        container_port,
        host_port,
        host_ip: None,
        protocol: Protocol::Udp,
    };
    check(&[
        (
            "numbers and names",
            &|p| {
                p.spec.containers[0].ports = vec![
                    port(0, None, Some("web")),
                    port(1, None, Some("web")),
                    port(2, None, Some("WEB")),
                ];
            },
            &[
                "spec.containers[0].ports[0].containerPort Required",
                "spec.containers[0].ports[1].name Duplicate",
                "spec.containers[0].ports[2].name Invalid",
                "spec.containers[0].ports[2].name Invalid",
            ],
        ),
        (
            "a port of the host twice, and one that differs on its network",
            &|p| {
                p.spec.host_network = true;
                let mut c2 = container("c2");
                c2.ports = vec![port(80, Some(80), None), port(81, Some(82), None)];
                let sctp = Port {
                    protocol: Protocol::Sctp,
                    ..port(80, Some(80), None)
                };
                p.spec.containers[0].ports = vec![port(80, Some(80), None), sctp];
                p.spec.containers.push(c2);
            },
            &[
                "spec.containers[1].ports[0].hostPort Duplicate",
                "spec.containers[1].ports[1].hostPort Invalid",
            ],
        ),
    ]);
}

fn var(p: &mut NewPod, name: &str, value: &str, from: Option<EnvVarSource>) {
    p.spec.containers[0].env.push(EnvVar {
        name: name.into(),
        value: value.into(),
        value_from: from,
    });
}

fn field(path: &str) -> Option<EnvVarSource> {
    Some(EnvVarSource::Field { path: path.into() })
}

fn resource(name: &str, divisor: Option<&str>) -> Option<EnvVarSource> {
    Some(EnvVarSource::Resource {
        container: None,
        resource: name.into(),
        divisor: divisor.map(|text| text.parse().expect("a quantity")),
    })
}

#[test]
fn environment() {
    check(&[
        (
            "names",
            &|p| {
                var(p, "", "x", None);
                var(p, "A=B", "x", None);
                var(p, "a.b-c d", "x", None);
            },
            &[
                "spec.containers[0].env[0].name Required",
                "spec.containers[0].env[1].name Invalid",
            ],
        ),
        (
            "a value beside a source",
            &|p| var(p, "A", "x", field("metadata.name")),
            &["spec.containers[0].env[0].valueFrom Invalid"],
        ),
        (
            "fields",
            &|p| {
                var(p, "A", "", field("metadata.labels['a b']"));
                var(p, "B", "", field("metadata.annotations['a b']"));
                var(p, "C", "", field("metadata.annotations['Good']"));
                var(p, "D", "", field(""));
                var(p, "E", "", field("status.phase"));
                var(p, "F", "", field("status.other"));
                var(p, "G", "", field("status.podIP"));
            },
            &[
                "spec.containers[0].env[0].valueFrom.fieldRef Invalid",
                "spec.containers[0].env[1].valueFrom.fieldRef Invalid",
                "spec.containers[0].env[3].valueFrom.fieldRef.fieldPath Required",
                "spec.containers[0].env[4].valueFrom.fieldRef.fieldPath NotSupported",
                "spec.containers[0].env[5].valueFrom.fieldRef.fieldPath Invalid",
            ],
        ),
        (
            "resources",
            &|p| {
                var(p, "A", "", resource("", None));
                var(p, "B", "", resource("limits.gpu", None));
                var(p, "C", "", resource("limits.hugepages-2Mi", None));
                var(p, "D", "", resource("limits.cpu", Some("2")));
                var(p, "E", "", resource("limits.memory", Some("1m")));
                var(p, "F", "", resource("limits.memory", Some("1Mi")));
            },
            &[
                "spec.containers[0].env[0].valueFrom.resourceFieldRef.resource Required",
                "spec.containers[0].env[1].valueFrom.resourceFieldRef.resource NotSupported",
                "spec.containers[0].env[2].valueFrom.resourceFieldRef.resource Forbidden",
                "spec.containers[0].env[3].valueFrom.resourceFieldRef.divisor Invalid",
                "spec.containers[0].env[4].valueFrom.resourceFieldRef.divisor Invalid",
            ],
        ),
    ]);
}

fn ask(p: &mut NewPod, requests: &[(&str, &str)], limits: &[(&str, &str)]) {
    let list = |list: &[(&str, &str)]| {
        let list = list.iter();
        list.map(|(name, text)| ((*name).to_owned(), text.parse().expect("a quantity")))
            .collect()
    };
    let resources = &mut p.spec.containers[0].resources;
    (resources.requests, resources.limits) = (list(requests), list(limits));
}

#[test]
fn resources() {
    const LIMITS: &str = "spec.containers[0].resources.limits";
    const REQUESTS: &str = "spec.containers[0].resources.requests";
    let at = |base: &str, rest: &str| format!("{base}{rest}");
    type Owned = (&'static str, Box<dyn Fn(&mut NewPod)>, Vec<String>);
    let lines: [Owned; 8] = [
        (
            "good",
            Box::new(|p| ask(p, &[("cpu", "1")], &[("cpu", "2"), ("memory", "1Gi")])),
            vec![],
        ),
        (
            "more than the limit",
            Box::new(|p| ask(p, &[("cpu", "3")], &[("cpu", "2")])),
            vec![at(REQUESTS, " Invalid")],
        ),
        (
            "negative",
            Box::new(|p| ask(p, &[], &[("cpu", "-1")])),
            vec![at(LIMITS, "[cpu] Invalid")],
        ),
        (
            "not served",
            Box::new(|p| ask(p, &[], &[("ephemeral-storage", "1Gi")])),
            vec![at(LIMITS, "[ephemeral-storage] Forbidden")],
        ),
        (
            "pages without memory",
            Box::new(|p| ask(p, &[], &[("hugepages-2Mi", "2Mi")])),
            vec![
                at(LIMITS, "[hugepages-2Mi] Forbidden"),
                "spec.containers[0].resources Forbidden".to_owned(),
            ],
        ),
        (
            "a device, broken and without limit",
            Box::new(|p| ask(p, &[("example.com/gpu", "500m")], &[])),
            vec![
                at(REQUESTS, "[example.com/gpu] Invalid"),
                at(REQUESTS, "[example.com/gpu] Forbidden"),
                at(LIMITS, " Required"),
            ],
        ),
        (
            "a device with another limit",
            Box::new(|p| ask(p, &[("example.com/gpu", "1")], &[("example.com/gpu", "2")])),
            vec![
                at(LIMITS, "[example.com/gpu] Forbidden"),
                at(REQUESTS, "[example.com/gpu] Forbidden"),
                at(REQUESTS, " Invalid"),
            ],
        ),
        (
            "unknown names",
            Box::new(|p| {
                let limits = [
                    ("pods", "1"),
                    ("kubernetes.io/x", "1"),
                    ("power", "1"),
                    ("a b", "1"),
                ];
                ask(p, &[], &limits);
            }),
            vec![
                at(LIMITS, "[a b] Invalid"),
                at(LIMITS, "[a b] Invalid"),
                at(LIMITS, "[kubernetes.io/x] Invalid"),
                at(LIMITS, "[pods] Invalid"),
                at(LIMITS, "[power] Invalid"),
                at(LIMITS, "[power] Invalid"),
            ],
        ),
    ];
    for (name, change, expected) in &lines {
        let expected: Vec<_> = expected.iter().map(String::as_str).collect();
        check(&[(name, change, &expected)]);
    }
}

#[test]
fn hooks_and_probes() {
    let get = |path: &str, port, header: &str| {
        Handler::HttpGet(HttpGet {
            path: path.into(),
            port,
            host: None,
            scheme: HttpScheme::Http,
            headers: vec![(header.into(), String::new())],
        })
    };
    check(&[
        (
            "hooks",
            &|p| {
                let hooks = &mut p.spec.containers[0].lifecycle;
                hooks.post_start = Some(exec(&[]));
                hooks.pre_stop = Some(Handler::Sleep { seconds: 31 });
            },
            &[
                "spec.containers[0].lifecycle.postStart.exec.command Required",
                "spec.containers[0].lifecycle.preStop.sleep Invalid",
            ],
        ),
        (
            "a sleep within the grace period",
            &|p| p.spec.containers[0].lifecycle.pre_stop = Some(Handler::Sleep { seconds: 30 }),
            &[],
        ),
        (
            "handlers of probes",
            &|p| {
                let c1 = &mut p.spec.containers[0];
                c1.liveness_probe = Some(probe(get("", PortRef::Number(0), "A b")));
                let port = PortRef::Name("Web".into());
                c1.readiness_probe = Some(probe(Handler::TcpSocket { host: None, port }));
                let service = String::new();
                c1.startup_probe = Some(probe(Handler::Grpc { port: 0, service }));
            },
            &[
                "spec.containers[0].livenessProbe.httpGet.path Required",
                "spec.containers[0].livenessProbe.httpGet.port Invalid",
                "spec.containers[0].livenessProbe.httpGet.httpHeaders[0].name Invalid",
                "spec.containers[0].readinessProbe.tcpSocket.port Invalid",
                "spec.containers[0].startupProbe.grpc.port Invalid",
            ],
        ),
        (
            "thresholds and grace",
            &|p| {
                let c1 = &mut p.spec.containers[0];
                let grace = |seconds| Probe {
                    success_threshold: 2,
                    termination_grace_period: Some(Duration::from_secs(seconds)),
                    ..probe(exec(&["true"]))
                };
                c1.liveness_probe = Some(grace(0));
                c1.readiness_probe = Some(grace(1));
            },
            &[
                "spec.containers[0].livenessProbe.successThreshold Invalid",
                "spec.containers[0].livenessProbe.terminationGracePeriodSeconds Invalid",
                "spec.containers[0].readinessProbe.terminationGracePeriodSeconds Invalid",
            ],
        ),
    ]);
}

#[test]
fn ephemeral_containers() {
    let debug = |target: &str| EphemeralContainer {
        container: container("debug"),
        target_container: Some(target.into()),
    };
    check(&[
        (
            "bare",
            &|p| p.spec.ephemeral_containers = vec![debug("c1")],
            &[],
        ),
        (
            "without a target that exists",
            &|p| p.spec.ephemeral_containers = vec![debug("nobody")],
            &["spec.ephemeralContainers[0].targetContainerName NotFound"],
        ),
        (
            "with what it may not have",
            &|p| {
                let mut debug = debug("c1");
                debug.container.ports = vec![Port {
                    container_port: 1,
                    ..Port::default()
                }];
                debug.container.lifecycle.post_start = Some(exec(&["true"]));
                debug.container.restart_policy = Some(RestartPolicy::Never);
                p.spec.ephemeral_containers = vec![debug];
            },
            &[
                "spec.ephemeralContainers[0].ports Forbidden",
                "spec.ephemeralContainers[0].lifecycle Forbidden",
                "spec.ephemeralContainers[0].restartPolicy Forbidden",
            ],
        ),
    ]);
}
