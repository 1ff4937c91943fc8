//! Fields that would change what runs and are not served yet: refused by name.

use lifepod_lifecycle::validate::Violations;
use lifepod_proto::v1 as proto;

use super::pod::refuse;

pub(super) fn pod_fields(spec: &proto::PodSpec, v: &mut Violations) {
    for (set, field) in [
        (!spec.volumes.is_empty(), "volumes"),
        (spec.host_pid, "hostPID"),
        (spec.host_ipc, "hostIPC"),
        (spec.host_users == Some(false), "hostUsers"),
        (
            spec.share_process_namespace == Some(true),
            "shareProcessNamespace",
        ),
        (spec.set_hostname_as_fqdn == Some(true), "setHostnameAsFQDN"),
        (spec.hostname_override.is_some(), "hostnameOverride"),
        (
            spec.runtime_class_name
                .as_ref()
                .is_some_and(|name| !name.is_empty()),
            "runtimeClassName",
        ),
        (
            spec.resources
                .as_ref()
                .is_some_and(|given| *given != proto::ResourceRequirements::default()),
            "resources",
        ),
        (!spec.overhead.is_empty(), "overhead"),
        (!spec.scheduling_gates.is_empty(), "schedulingGates"),
        (!spec.resource_claims.is_empty(), "resourceClaims"),
    ] {
        refuse(set, &format!("spec.{field}"), v);
    }
    if let Some(security) = &spec.security_context {
        pod_security(security, v);
    }
}

/// Every set field of a pod's security context, each by its own name.
fn pod_security(given: &proto::PodSecurityContext, v: &mut Violations) {
    for (set, field) in [
        (given.run_as_user.is_some(), "runAsUser"),
        (given.run_as_group.is_some(), "runAsGroup"),
        (given.run_as_non_root.is_some(), "runAsNonRoot"),
        (!given.supplemental_groups.is_empty(), "supplementalGroups"),
        (
            given.supplemental_groups_policy != 0,
            "supplementalGroupsPolicy",
        ),
        (given.fs_group.is_some(), "fsGroup"),
        (given.fs_group_change_policy != 0, "fsGroupChangePolicy"),
        (!given.sysctls.is_empty(), "sysctls"),
        (given.seccomp_profile.is_some(), "seccompProfile"),
        (given.app_armor_profile.is_some(), "appArmorProfile"),
        (given.se_linux_options.is_some(), "seLinuxOptions"),
        (
            given.se_linux_change_policy.is_some(),
            "seLinuxChangePolicy",
        ),
        (given.windows_options.is_some(), "windowsOptions"),
    ] {
        refuse(set, &format!("spec.securityContext.{field}"), v);
    }
}

pub(super) fn container_fields(path: &str, given: &proto::Container, v: &mut Violations) {
    for (set, field) in [
        (!given.env_from.is_empty(), "envFrom"),
        (!given.resize_policy.is_empty(), "resizePolicy"),
        (!given.volume_mounts.is_empty(), "volumeMounts"),
        (!given.volume_devices.is_empty(), "volumeDevices"),
    ] {
        refuse(set, &format!("{path}.{field}"), v);
    }
    if let Some(security) = &given.security_context {
        container_security(path, security, v);
    }
}

fn container_security(path: &str, given: &proto::SecurityContext, v: &mut Violations) {
    escalation(path, given, v);
    for (set, field) in [
        (given.run_as_user.is_some(), "runAsUser"),
        (given.run_as_group.is_some(), "runAsGroup"),
        (given.run_as_non_root.is_some(), "runAsNonRoot"),
        (given.privileged.is_some(), "privileged"),
        (
            given.allow_privilege_escalation.is_some(),
            "allowPrivilegeEscalation",
        ),
        (
            given.read_only_root_filesystem.is_some(),
            "readOnlyRootFilesystem",
        ),
        (given.capabilities.is_some(), "capabilities"),
        (given.seccomp_profile.is_some(), "seccompProfile"),
        (given.app_armor_profile.is_some(), "appArmorProfile"),
        (given.se_linux_options.is_some(), "seLinuxOptions"),
        (given.proc_mount != 0, "procMount"),
        (given.windows_options.is_some(), "windowsOptions"),
    ] {
        refuse(set, &format!("{path}.securityContext.{field}"), v);
    }
}

/// Kubernetes' rule across fields: what may do anything may also gain privileges.
fn escalation(path: &str, given: &proto::SecurityContext, v: &mut Violations) {
    if given.allow_privilege_escalation != Some(false) {
        return;
    }
    let path = format!("{path}.securityContext");
    if given.privileged == Some(true) {
        let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
        v.invalid(&*path, "", detail);
    }
    let added = given.capabilities.iter().flat_map(|list| &list.add);
    if added.into_iter().any(|name| name == "CAP_SYS_ADMIN") {
        let detail =
            "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
        v.invalid(path, "", detail);
    }
}
