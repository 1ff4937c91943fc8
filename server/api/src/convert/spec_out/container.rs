//! One container.

use std::collections::BTreeMap;

use lifepod_lifecycle::spec::{
    ContainerSpec, EnvVar, EnvVarSource, EphemeralContainer, ImagePullPolicy, Port, Protocol,
    Quantity, Resources, RestartRule, RestartRuleAction, TerminationMessagePolicy,
};
use lifepod_proto::v1 as proto;
use proto::env_var_source::Source;

use super::handler;

pub(super) fn ephemeral(spec: &EphemeralContainer) -> proto::EphemeralContainer {
    proto::EphemeralContainer {
        container: Some(convert(&spec.container)),
        target_container_name: spec.target_container.clone().unwrap_or_default(),
    }
}

pub(super) fn convert(spec: &ContainerSpec) -> proto::Container {
    proto::Container {
        name: spec.name.clone(),
        image: spec.image.clone(),
        image_pull_policy: pull_policy(spec.image_pull_policy).into(),
        command: spec.command.clone(),
        args: spec.args.clone(),
        working_dir: spec.working_dir.clone().unwrap_or_default(),
        env: spec.env.iter().map(env).collect(),
        ports: spec.ports.iter().map(port).collect(),
        resources: Some(resources(&spec.resources)),
        liveness_probe: spec.liveness_probe.as_ref().map(handler::probe),
        readiness_probe: spec.readiness_probe.as_ref().map(handler::probe),
        startup_probe: spec.startup_probe.as_ref().map(handler::probe),
        lifecycle: handler::lifecycle(&spec.lifecycle),
        termination_message_path: spec.termination_message_path.clone(),
        termination_message_policy: message_policy(spec.termination_message_policy).into(),
        restart_policy: spec
            .restart_policy
            .map_or(0, |policy| super::restart_policy(policy).into()),
        restart_policy_rules: spec.restart_policy_rules.iter().map(restart_rule).collect(),
        stdin: spec.stdin,
        stdin_once: spec.stdin_once,
        tty: spec.tty,
        ..proto::Container::default()
    }
}

const fn pull_policy(policy: ImagePullPolicy) -> proto::ImagePullPolicy {
    match policy {
        ImagePullPolicy::Always => proto::ImagePullPolicy::Always,
        ImagePullPolicy::IfNotPresent => proto::ImagePullPolicy::IfNotPresent,
        ImagePullPolicy::Never => proto::ImagePullPolicy::Never,
    }
}

const fn message_policy(policy: TerminationMessagePolicy) -> proto::TerminationMessagePolicy {
    match policy {
        TerminationMessagePolicy::File => proto::TerminationMessagePolicy::File,
        TerminationMessagePolicy::FallbackToLogsOnError => {
            proto::TerminationMessagePolicy::FallbackToLogsOnError
        }
    }
}

fn env(var: &EnvVar) -> proto::EnvVar {
    proto::EnvVar {
        name: var.name.clone(),
        value: var.value.clone(),
        value_from: var.value_from.as_ref().map(env_source),
    }
}

fn env_source(from: &EnvVarSource) -> proto::EnvVarSource {
    let source = match from {
        EnvVarSource::Field { path } => Source::FieldRef(proto::ObjectFieldSelector {
            api_version: "v1".to_owned(),
            field_path: path.clone(),
        }),
        EnvVarSource::Resource {
            container,
            resource,
            divisor,
        } => Source::ResourceFieldRef(proto::ResourceFieldSelector {
            container_name: container.clone().unwrap_or_default(),
            resource: resource.clone(),
            divisor: divisor
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        }),
    };
    proto::EnvVarSource {
        source: Some(source),
    }
}

fn port(port: &Port) -> proto::ContainerPort {
    let protocol = match port.protocol {
        Protocol::Tcp => proto::Protocol::Tcp,
        Protocol::Udp => proto::Protocol::Udp,
        Protocol::Sctp => proto::Protocol::Sctp,
    };
    proto::ContainerPort {
        name: port.name.clone().unwrap_or_default(),
        container_port: port.container_port.into(),
        host_port: port.host_port.unwrap_or_default().into(),
        host_ip: port.host_ip.clone().unwrap_or_default(),
        protocol: protocol.into(),
    }
}

/// Resources of a container, in the texts they were given in.
pub(crate) fn resources(resources: &Resources) -> proto::ResourceRequirements {
    proto::ResourceRequirements {
        limits: quantities(&resources.limits),
        requests: quantities(&resources.requests),
        claims: Vec::new(),
    }
}

pub(crate) fn quantities(list: &BTreeMap<String, Quantity>) -> BTreeMap<String, String> {
    let texts = list.iter();
    texts
        .map(|(name, quantity)| (name.clone(), quantity.to_string()))
        .collect()
}

fn restart_rule(rule: &RestartRule) -> proto::ContainerRestartRule {
    use proto::{ContainerRestartRuleAction as Action, ContainerRestartRuleOperator as Operator};
    let action = match rule.action {
        RestartRuleAction::Restart => Action::Restart,
        RestartRuleAction::RestartAllContainers => Action::RestartAllContainers,
    };
    let operator = if rule.not_in {
        Operator::NotIn
    } else {
        Operator::In
    };
    proto::ContainerRestartRule {
        action: action.into(),
        exit_codes: Some(proto::ContainerRestartRuleOnExitCodes {
            operator: operator.into(),
            values: rule.values.clone(),
        }),
    }
}
