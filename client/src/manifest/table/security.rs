//! Security settings.

use lifepod_proto::v1 as proto;

use super::words;
use crate::manifest::{
    codec::{Bool, Enum, Keep, List, Number, Obj, Opaque, Opt, Text},
    object::object,
};

object! {
    proto::PodSecurityContext = "PodSecurityContext" {
        "runAsUser" => run_as_user: Opt(Number),
        "runAsGroup" => run_as_group: Opt(Number),
        "runAsNonRoot" => run_as_non_root: Opt(Bool),
        "supplementalGroups" => supplemental_groups: List(Number),
        "supplementalGroupsPolicy" => supplemental_groups_policy: Enum(&words::SUPPLEMENTAL_GROUPS_POLICY),
        "fsGroup" => fs_group: Opt(Number),
        "fsGroupChangePolicy" => fs_group_change_policy: Enum(&words::FS_GROUP_CHANGE_POLICY),
        "sysctls" => sysctls: List(Obj),
        "seccompProfile" => seccomp_profile: Opt(Obj),
        "appArmorProfile" => app_armor_profile: Opt(Obj),
        "seLinuxOptions" => se_linux_options: Opt(Obj),
        "seLinuxChangePolicy" => se_linux_change_policy: Opt(Text),
        "windowsOptions" => windows_options: Opt(Opaque),
    }
}

object! {
    proto::SecurityContext = "SecurityContext" {
        "runAsUser" => run_as_user: Opt(Number),
        "runAsGroup" => run_as_group: Opt(Number),
        "runAsNonRoot" => run_as_non_root: Opt(Bool),
        "privileged" => privileged: Opt(Bool),
        "allowPrivilegeEscalation" => allow_privilege_escalation: Opt(Bool),
        "readOnlyRootFilesystem" => read_only_root_filesystem: Opt(Bool),
        "capabilities" => capabilities: Opt(Obj),
        "seccompProfile" => seccomp_profile: Opt(Obj),
        "appArmorProfile" => app_armor_profile: Opt(Obj),
        "seLinuxOptions" => se_linux_options: Opt(Obj),
        "procMount" => proc_mount: Enum(&words::PROC_MOUNT),
        "windowsOptions" => windows_options: Opt(Opaque),
    }
}

object! {
    proto::Capabilities = "Capabilities" {
        "add" => add: List(Text),
        "drop" => drop: List(Text),
    }
}

object! {
    proto::Sysctl = "Sysctl" {
        "name" => name: Keep(Text),
        "value" => value: Keep(Text),
    }
}

object! {
    proto::SeccompProfile = "SeccompProfile" {
        "type" => r#type: Enum(&words::SECCOMP_TYPE),
        "localhostProfile" => localhost_profile: Opt(Text),
    }
}

object! {
    proto::AppArmorProfile = "AppArmorProfile" {
        "type" => r#type: Enum(&words::APP_ARMOR_TYPE),
        "localhostProfile" => localhost_profile: Opt(Text),
    }
}

object! {
    proto::SeLinuxOptions = "SELinuxOptions" {
        "user" => user: Text,
        "role" => role: Text,
        "type" => r#type: Text,
        "level" => level: Text,
    }
}
