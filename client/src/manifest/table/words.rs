//! Enumerations and their words, in the order Kubernetes lists them.

use lifepod_proto::v1 as proto;

use crate::manifest::codec::Names;

macro_rules! words {
    ($( $(#[$meta:meta])* $name:ident = $go:literal, $enum:ty { $( $word:literal => $variant:ident ),* $(,)? } )*) => {
        $(
            $(#[$meta])*
            pub(crate) static $name: Names = Names {
                go_type: $go,
                words: &[ $( ($word, <$enum>::$variant as i32) ),* ],
            };
        )*
    };
}

words! {
    POD_RESTART_POLICY = "v1.RestartPolicy", proto::RestartPolicy {
        "Always" => Always, "OnFailure" => OnFailure, "Never" => Never,
    }
    CONTAINER_RESTART_POLICY = "v1.ContainerRestartPolicy", proto::RestartPolicy {
        "Always" => Always, "Never" => Never, "OnFailure" => OnFailure,
    }
    RULE_ACTION = "v1.ContainerRestartRuleAction", proto::ContainerRestartRuleAction {
        "Restart" => Restart, "RestartAllContainers" => RestartAllContainers,
    }
    RULE_OPERATOR = "v1.ContainerRestartRuleOnExitCodesOperator", proto::ContainerRestartRuleOperator {
        "In" => In, "NotIn" => NotIn,
    }
    PULL_POLICY = "v1.PullPolicy", proto::ImagePullPolicy {
        "Always" => Always, "IfNotPresent" => IfNotPresent, "Never" => Never,
    }
    TERMINATION_MESSAGE_POLICY = "v1.TerminationMessagePolicy", proto::TerminationMessagePolicy {
        "File" => File, "FallbackToLogsOnError" => FallbackToLogsOnError,
    }
    PROTOCOL = "v1.Protocol", proto::Protocol {
        "SCTP" => Sctp, "TCP" => Tcp, "UDP" => Udp,
    }
    URI_SCHEME = "v1.URIScheme", proto::UriScheme {
        "HTTP" => Http, "HTTPS" => Https,
    }
    DNS_POLICY = "v1.DNSPolicy", proto::DnsPolicy {
        "ClusterFirstWithHostNet" => ClusterFirstWithHostNet, "ClusterFirst" => ClusterFirst,
        "Default" => Default, "None" => None,
    }
    PREEMPTION_POLICY = "v1.PreemptionPolicy", proto::PreemptionPolicy {
        "PreemptLowerPriority" => PreemptLowerPriority, "Never" => Never,
    }
    MOUNT_PROPAGATION = "v1.MountPropagationMode", proto::MountPropagationMode {
        "Bidirectional" => Bidirectional, "HostToContainer" => HostToContainer, "None" => None,
    }
    RECURSIVE_READ_ONLY = "v1.RecursiveReadOnlyMode", proto::RecursiveReadOnlyMode {
        "Disabled" => Disabled, "Enabled" => Enabled, "IfPossible" => IfPossible,
    }
    HOST_PATH_TYPE = "v1.HostPathType", proto::HostPathType {
        "" => Unspecified, "BlockDevice" => BlockDevice, "CharDevice" => CharDevice, "Directory" => Directory,
        "DirectoryOrCreate" => DirectoryOrCreate, "File" => File, "FileOrCreate" => FileOrCreate, "Socket" => Socket,
    }
    FS_GROUP_CHANGE_POLICY = "v1.PodFSGroupChangePolicy", proto::FsGroupChangePolicy {
        "Always" => Always, "OnRootMismatch" => OnRootMismatch,
    }
    SUPPLEMENTAL_GROUPS_POLICY = "v1.SupplementalGroupsPolicy", proto::SupplementalGroupsPolicy {
        "Merge" => Merge, "Strict" => Strict,
    }
    SECCOMP_TYPE = "v1.SeccompProfileType", proto::SeccompProfileType {
        "Localhost" => Localhost, "RuntimeDefault" => RuntimeDefault, "Unconfined" => Unconfined,
    }
    APP_ARMOR_TYPE = "v1.AppArmorProfileType", proto::AppArmorProfileType {
        "Localhost" => Localhost, "RuntimeDefault" => RuntimeDefault, "Unconfined" => Unconfined,
    }
    PROC_MOUNT = "v1.ProcMountType", proto::ProcMountType {
        "Default" => Default, "Unmasked" => Unmasked,
    }
    PHASE = "v1.PodPhase", proto::PodPhase {
        "Pending" => Pending, "Running" => Running, "Succeeded" => Succeeded, "Failed" => Failed, "Unknown" => Unknown,
    }
    QOS_CLASS = "v1.PodQOSClass", proto::PodQosClass {
        "BestEffort" => BestEffort, "Burstable" => Burstable, "Guaranteed" => Guaranteed,
    }
    CONDITION_STATUS = "v1.ConditionStatus", proto::ConditionStatus {
        "True" => True, "False" => False, "Unknown" => Unknown,
    }
}
