//! One container.

use lifepod_lifecycle::{
    spec::{
        ContainerSpec, ImagePullPolicy, Port, Protocol, RestartRule, RestartRuleAction,
        TerminationMessagePolicy,
    },
    validate::Violations,
};
use lifepod_proto::v1 as proto;

use super::{
    env, handler, image,
    pod::{bound, filled, restart_policy},
    refused, resources,
};

const TERMINATION_MESSAGE_PATH: &str = "/dev/termination-log";
const PORT_RANGE: &str = "must be between 1 and 65535, inclusive";
const MAX_RULES: usize = 20;
const MAX_RULE_VALUES: usize = 255;

pub(super) fn convert(
    path: &str,
    given: &proto::Container,
    host_network: bool,
    v: &mut Violations,
) -> ContainerSpec {
    refused::container_fields(path, given, v);
    let probe = |field: &str, given: Option<&proto::Probe>, v: &mut Violations| {
        handler::probe(&format!("{path}.{field}"), given, v)
    };
    ContainerSpec {
        name: given.name.clone(),
        image: given.image.clone(),
        image_pull_policy: pull_policy(path, given, v),
        command: given.command.clone(),
        args: given.args.clone(),
        working_dir: filled(&given.working_dir),
        env: env::convert(path, &given.env, v),
        ports: ports(path, given, host_network, v),
        resources: resources::convert(&format!("{path}.resources"), given.resources.as_ref(), v),
        lifecycle: handler::lifecycle(path, given.lifecycle.as_ref(), v),
        readiness_probe: probe("readinessProbe", given.readiness_probe.as_ref(), v),
        liveness_probe: probe("livenessProbe", given.liveness_probe.as_ref(), v),
        startup_probe: probe("startupProbe", given.startup_probe.as_ref(), v),
        restart_policy: restart_policy(&format!("{path}.restartPolicy"), given.restart_policy, v),
        restart_policy_rules: restart_rules(path, given, v),
        termination_message_path: filled(&given.termination_message_path)
            .unwrap_or_else(|| TERMINATION_MESSAGE_PATH.to_owned()),
        termination_message_policy: message_policy(path, given, v),
        stdin: given.stdin,
        stdin_once: given.stdin_once,
        tty: given.tty,
    }
}

/// The default depends on the tag, once, at creation: `latest` may mean something else tomorrow.
fn pull_policy(path: &str, given: &proto::Container, v: &mut Violations) -> ImagePullPolicy {
    match proto::ImagePullPolicy::try_from(given.image_pull_policy) {
        Ok(proto::ImagePullPolicy::Always) => ImagePullPolicy::Always,
        Ok(proto::ImagePullPolicy::IfNotPresent) => ImagePullPolicy::IfNotPresent,
        Ok(proto::ImagePullPolicy::Never) => ImagePullPolicy::Never,
        Ok(proto::ImagePullPolicy::Unspecified) if image::is_latest(&given.image) => {
            ImagePullPolicy::Always
        }
        Ok(proto::ImagePullPolicy::Unspecified) => ImagePullPolicy::IfNotPresent,
        Err(_) => {
            let known = ["Always", "IfNotPresent", "Never"];
            v.not_supported(
                format!("{path}.imagePullPolicy"),
                given.image_pull_policy,
                &known,
            );
            ImagePullPolicy::default()
        }
    }
}

fn message_policy(
    path: &str,
    given: &proto::Container,
    v: &mut Violations,
) -> TerminationMessagePolicy {
    use proto::TerminationMessagePolicy as Wire;
    match Wire::try_from(given.termination_message_policy) {
        Ok(Wire::Unspecified | Wire::File) => TerminationMessagePolicy::File,
        Ok(Wire::FallbackToLogsOnError) => TerminationMessagePolicy::FallbackToLogsOnError,
        Err(_) => {
            let path = format!("{path}.terminationMessagePolicy");
            let known = ["FallbackToLogsOnError", "File"];
            v.not_supported(path, given.termination_message_policy, &known);
            TerminationMessagePolicy::File
        }
    }
}

fn ports(
    path: &str,
    given: &proto::Container,
    host_network: bool,
    v: &mut Violations,
) -> Vec<Port> {
    let convert = |(index, port): (usize, &proto::ContainerPort)| {
        let path = format!("{path}.ports[{index}]");
        let container_port = number(&format!("{path}.containerPort"), port.container_port, v);
        let host_port = number(&format!("{path}.hostPort"), port.host_port, v);
        // On the host's network every declared port is a port of the host.
        let default = host_network.then_some(container_port);
        Port {
            name: filled(&port.name),
            container_port,
            host_port: Some(host_port).filter(|port| *port != 0).or(default),
            host_ip: host_ip(&path, port, v),
            protocol: protocol(&path, port, v),
        }
    };
    given.ports.iter().enumerate().map(convert).collect()
}

/// A port number; 0 means that none was given, which the rules judge.
fn number(path: &str, given: i32, v: &mut Violations) -> u16 {
    u16::try_from(given).unwrap_or_else(|_| {
        v.invalid(path, given, PORT_RANGE);
        0
    })
}

fn host_ip(path: &str, port: &proto::ContainerPort, v: &mut Violations) -> Option<String> {
    let text = filled(&port.host_ip)?;
    if text.parse::<std::net::IpAddr>().is_err() {
        let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
        v.invalid(format!("{path}.hostIP"), &text, detail);
    }
    Some(text)
}

fn protocol(path: &str, port: &proto::ContainerPort, v: &mut Violations) -> Protocol {
    match proto::Protocol::try_from(port.protocol) {
        Ok(proto::Protocol::Unspecified | proto::Protocol::Tcp) => Protocol::Tcp,
        Ok(proto::Protocol::Udp) => Protocol::Udp,
        Ok(proto::Protocol::Sctp) => Protocol::Sctp,
        Err(_) => {
            let known = ["SCTP", "TCP", "UDP"];
            v.not_supported(format!("{path}.protocol"), port.protocol, &known);
            Protocol::default()
        }
    }
}

fn restart_rules(path: &str, given: &proto::Container, v: &mut Violations) -> Vec<RestartRule> {
    let list = &given.restart_policy_rules;
    bound(
        &format!("{path}.restartPolicyRules"),
        list.len(),
        MAX_RULES,
        v,
    );
    let convert =
        |(index, rule)| restart_rule(&format!("{path}.restartPolicyRules[{index}]"), rule, v);
    list.iter().enumerate().filter_map(convert).collect()
}

fn restart_rule(
    path: &str,
    rule: &proto::ContainerRestartRule,
    v: &mut Violations,
) -> Option<RestartRule> {
    use proto::{ContainerRestartRuleAction as Action, ContainerRestartRuleOperator as Operator};
    let action = match rule.action() {
        Action::Restart => RestartRuleAction::Restart,
        Action::RestartAllContainers => RestartRuleAction::RestartAllContainers,
        Action::Unspecified => {
            let known = ["Restart", "RestartAllContainers"];
            v.not_supported(format!("{path}.action"), "", &known);
            RestartRuleAction::Restart
        }
    };
    let Some(codes) = &rule.exit_codes else {
        v.required(format!("{path}.exitCodes"), "must be specified");
        return None;
    };
    if codes.operator() == Operator::Unspecified {
        v.not_supported(format!("{path}.exitCodes.operator"), "", &["In", "NotIn"]);
    }
    let values = format!("{path}.exitCodes.values");
    bound(&values, codes.values.len(), MAX_RULE_VALUES, v);
    Some(RestartRule {
        action,
        not_in: codes.operator() == Operator::NotIn,
        values: codes.values.clone(),
    })
}
