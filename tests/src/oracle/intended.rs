//! Where another answer than Kubernetes' is meant, and why.

/// Part of a case's name, and the reason.
pub(super) type Intended = &'static [(&'static str, &'static str)];

const NO_STATUS: &str = "the status is Lifepod's own, but for conditions";

/// Create requests.
pub(super) const CREATES: Intended = &[
    (
        "top-apiversion-empty",
        "a manifest says what it is: there is no URL that would",
    ),
    (
        "yaml-second-document-broken",
        "every document of a text is read, not only the first",
    ),
    (
        "json-two",
        "every object of a text is read, not only the first",
    ),
    ("yaml-directive", "the directive %YAML 1.2 is understood"),
    (
        "port-hostip",
        "an address that is none cannot be listened on",
    ),
    (
        "hook-poststart-null",
        "an empty lifecycle reads back as none",
    ),
    ("hook-prestop-null", "an empty lifecycle reads back as none"),
    (
        "hook-lifecycle-empty",
        "an empty lifecycle reads back as none",
    ),
    (
        "sec-runasgroup-null",
        "an empty securityContext reads back as none",
    ),
    (
        "sec-windows-hostprocess",
        "windowsOptions are refused, whatever they say",
    ),
    (
        "vol-two-sources",
        "of two sources the second in the alphabet is told, both are refused",
    ),
    (
        "res-memory-trailing-dot",
        "texts of quantities are canonical, this one too",
    ),
    (
        "res-memory-plus",
        "texts of quantities are canonical, this one too",
    ),
    (
        "every-field-pod",
        "refused by both; Kubernetes stops at what it finds first",
    ),
];

/// Sequences of changes.
pub(super) const UPDATES: Intended = &[
    (
        "gate-add-late",
        "refused by both; a pod here never has gates",
    ),
    (
        "put-original-manifest",
        "refused: no plug-in puts back the tolerations that a cluster's had added",
    ),
    ("delete-failed", NO_STATUS),
    (
        "ephemeral-add-two",
        "ephemeral containers stay in the order they were added",
    ),
];
