//! Kubernetes' words for the values of enumerations.

use lifepod_proto::v1 as proto;

use crate::manifest::words;

/// A value with a word in Kubernetes' objects.
pub trait Word: Copy {
    /// The word, for example `IfNotPresent`; empty for a value that is not given.
    fn word(self) -> &'static str;
}

macro_rules! word {
    ($( $message:ty => $names:ident ),* $(,)?) => {
        $(
            impl Word for $message {
                fn word(self) -> &'static str {
                    words::$names.word(self as i32)
                }
            }
        )*
    };
}

word! {
    proto::ConditionStatus => CONDITION_STATUS,
    proto::HostPathType => HOST_PATH_TYPE,
    proto::ImagePullPolicy => PULL_POLICY,
    proto::PodPhase => PHASE,
    proto::PodQosClass => QOS_CLASS,
    proto::Protocol => PROTOCOL,
    proto::RestartPolicy => POD_RESTART_POLICY,
    proto::SeccompProfileType => SECCOMP_TYPE,
    proto::UriScheme => URI_SCHEME,
}

impl Word for proto::EventType {
    fn word(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
            Self::Unspecified => "",
        }
    }
}

impl Word for proto::ContainerStage {
    fn word(self) -> &'static str {
        match self {
            Self::Unspecified => "",
            Self::Waiting => "Waiting",
            Self::Creating => "Creating",
            Self::Running => "Running",
            Self::Terminating => "Terminating",
            Self::Exited => "Exited",
            Self::Restarting => "Restarting",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_kubernetes_words() {
        assert_eq!(proto::ImagePullPolicy::IfNotPresent.word(), "IfNotPresent");
        assert_eq!(proto::PodQosClass::BestEffort.word(), "BestEffort");
        assert_eq!(proto::PodPhase::Unspecified.word(), "");
    }
}
