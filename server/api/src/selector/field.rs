//! Field selectors in Kubernetes' syntax (apimachinery `pkg/fields/selector.go`):
//! `status.phase=Running,metadata.name!=x`.

use std::fmt;

use lifepod_lifecycle::{Pod, spec::RestartPolicy};

/// The fields of a pod that can be selected by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Name,
    Namespace,
    NodeName,
    RestartPolicy,
    SchedulerName,
    ServiceAccountName,
    HostNetwork,
    Phase,
    PodIp,
    NominatedNodeName,
}

const FIELDS: [(&str, Field); 10] = [
    ("metadata.name", Field::Name),
    ("metadata.namespace", Field::Namespace),
    ("spec.nodeName", Field::NodeName),
    ("spec.restartPolicy", Field::RestartPolicy),
    ("spec.schedulerName", Field::SchedulerName),
    ("spec.serviceAccountName", Field::ServiceAccountName),
    ("spec.hostNetwork", Field::HostNetwork),
    ("status.phase", Field::Phase),
    ("status.podIP", Field::PodIp),
    ("status.nominatedNodeName", Field::NominatedNodeName),
];

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    field: Field,
    equal: bool,
    value: String,
}

/// A parsed field selector; empty matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldSelector(Vec<Term>);

impl FieldSelector {
    /// # Errors
    /// A text for people.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let terms = split(text);
        let parsed = terms.iter().filter(|term| !term.is_empty());
        parsed
            .map(|term| term_of(term))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn matches(&self, pod: &Pod) -> bool {
        self.0
            .iter()
            .all(|term| (value(pod, term.field) == term.value) == term.equal)
    }

    /// Whether a field that changes during a pod's life is asked about.
    pub(crate) fn is_mutable(&self) -> bool {
        let mutable = |term: &Term| matches!(term.field, Field::Phase | Field::PodIp);
        self.0.iter().any(mutable)
    }

    /// As [`FieldSelector::matches`], with another phase than the pod's.
    pub(crate) fn matches_with_phase(&self, pod: &Pod, phase: &str) -> bool {
        self.0.iter().all(|term| {
            let holds = match term.field {
                Field::Phase => phase == term.value,
                other => value(pod, other) == term.value,
            };
            holds == term.equal
        })
    }

    /// Whether the address of a pod is asked about.
    pub(crate) fn asks_for_address(&self) -> bool {
        self.0.iter().any(|term| term.field == Field::PodIp)
    }
}

fn value(pod: &Pod, field: Field) -> String {
    let extra = |name: &str, default: &str| {
        let text = pod.spec.extra.get(name).and_then(|value| value.as_str());
        text.unwrap_or(default).to_owned()
    };
    match field {
        Field::Name => pod.meta.key.name.to_string(),
        Field::Namespace => pod.meta.key.namespace.to_string(),
        Field::NodeName => pod.meta.node.to_string(),
        Field::RestartPolicy => match pod.spec.restart_policy {
            RestartPolicy::Always => "Always".to_owned(),
            RestartPolicy::OnFailure => "OnFailure".to_owned(),
            RestartPolicy::Never => "Never".to_owned(),
        },
        Field::SchedulerName => extra("schedulerName", "default-scheduler"),
        Field::ServiceAccountName => extra("serviceAccountName", ""),
        Field::HostNetwork => pod.spec.host_network.to_string(),
        Field::Phase => pod.state().observed.phase.as_str().to_owned(),
        Field::PodIp => {
            let first = pod.state().ips.first();
            first.map(ToString::to_string).unwrap_or_default()
        }
        Field::NominatedNodeName => String::new(),
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut texts: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        texts.sort();
        f.write_str(&texts.join(","))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = FIELDS.iter().find(|(_, field)| *field == self.field);
        let name = known.map_or("", |(name, _)| name);
        let sign = if self.equal { "=" } else { "!=" };
        let escape = |c: char| [Some('\\').filter(|_| "\\,=".contains(c)), Some(c)];
        let value: String = self.value.chars().flat_map(escape).flatten().collect();
        write!(f, "{name}{sign}{value}")
    }
}

/// Splits at commas that no backslash protects.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut escaped) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        if escaped {
            escaped = false;
        } else if byte == b'\\' {
            escaped = true;
        } else if byte == b',' {
            parts.push(&text[begin..at]);
            begin = at + 1;
        }
    }
    parts.push(&text[begin..]);
    parts
}

fn term_of(term: &str) -> Result<Term, String> {
    let invalid = || format!("invalid field selector: '{term}'; can't understand it");
    let at = term.find('=').ok_or_else(invalid)?;
    let (left, equal) = match term[..at].strip_suffix('!') {
        Some(left) => (left, false),
        None => (&term[..at], true),
    };
    let right = &term[at + 1..];
    let right = right.strip_prefix('=').unwrap_or(right);
    let name = left.trim();
    let known = FIELDS.iter().find(|(known, _)| *known == name);
    let (_, field) = known.ok_or_else(|| format!("field label not supported: {name}"))?;
    Ok(Term {
        field: *field,
        equal,
        value: unescape(right).ok_or_else(invalid)?,
    })
}

/// The value without its escapes; a bare `=` or an unknown escape is an error.
fn unescape(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next().filter(|c| "\\,=".contains(*c))?),
            '=' => return None,
            plain => out.push(plain),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_parsed_and_put_in_one_form() {
        let text = "status.phase!=Running,metadata.name==a";
        let selector = FieldSelector::parse(text).unwrap();
        assert_eq!(
            selector.to_string(),
            "metadata.name=a,status.phase!=Running"
        );
        assert!(selector.is_mutable());
        assert!(
            !FieldSelector::parse("metadata.name=a")
                .unwrap()
                .is_mutable()
        );
        assert!(FieldSelector::parse("").unwrap().is_empty());
    }

    #[test]
    fn escapes_protect_commas_and_equal_signs() {
        let selector = FieldSelector::parse(r"metadata.name=a\,b\=c").unwrap();
        assert_eq!(selector.0[0].value, "a,b=c");
        let again = FieldSelector::parse(&selector.to_string()).unwrap();
        assert_eq!(again, selector);
    }

    #[test]
    fn other_fields_and_other_texts_are_refused() {
        for (text, says) in [
            (
                "status.reason=Evicted",
                "field label not supported: status.reason",
            ),
            ("metadata.name", "invalid field selector"),
            ("metadata.name=a=b", "invalid field selector"),
            (r"metadata.name=a\b", "invalid field selector"),
        ] {
            let error = FieldSelector::parse(text).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
