//! Which pods the arguments name: `pods`, `pod NAME NAME`, `po/NAME pod/NAME`.

use lifepod_client::{Client, Pods, Selector};

use crate::{
    args::{Global, SelectorArgs},
    failure::Failure,
};

/// Pods named by arguments; no names means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Targets {
    /// The names, in the order given.
    pub(crate) names: Vec<String>,
}

impl Targets {
    /// Reads `TYPE [NAME...]` or `TYPE/NAME...`.
    ///
    /// # Errors
    /// When the type is not pods, or the form is mixed up.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let Some(first) = arguments.first() else {
            return Err(Failure::error("Required resource not specified."));
        };
        if !arguments.iter().any(|argument| argument.contains('/')) {
            check_type(first)?;
            let names = arguments[1..].to_vec();
            return Ok(Self { names });
        }
        let mut names = Vec::new();
        for argument in arguments {
            names.push(slash_name(argument)?);
        }
        Ok(Self { names })
    }
}

/// The name in `TYPE/NAME`.
fn slash_name(argument: &str) -> Result<String, Failure> {
    let malformed = "arguments in resource/name form must have a single resource and name";
    match argument.split('/').collect::<Vec<_>>().as_slice() {
        [kind, name] if !name.is_empty() => {
            check_type(kind)?;
            Ok((*name).to_owned())
        }
        [_] => Err(Failure::error(
            "there is no need to specify a resource type as a separate argument when passing arguments in \
             resource/name form (e.g. 'lifepod get resource/<resource_name>' instead of 'lifepod get resource \
             resource/<resource_name>'",
        )),
        _ => Err(Failure::error(malformed)),
    }
}

fn check_type(kind: &str) -> Result<(), Failure> {
    if matches!(kind.to_lowercase().as_str(), "po" | "pod" | "pods") {
        return Ok(());
    }
    let plain = kind.split('.').next().unwrap_or(kind);
    Err(Failure::error(format!(
        "the server doesn't have a resource type \"{plain}\""
    )))
}

/// The one pod meant by `NAME` or `pod/NAME`.
///
/// # Errors
/// When it is something other than a pod.
pub(crate) fn single(argument: &str) -> Result<String, Failure> {
    if argument.contains('/') {
        slash_name(argument)
    } else {
        Ok(argument.to_owned())
    }
}

/// The pods of a namespace, or of all of them.
#[must_use]
pub(crate) fn pods(client: &Client, global: &Global, all_namespaces: bool) -> Pods {
    if all_namespaces {
        client.all_pods()
    } else {
        client.pods(namespace(global))
    }
}

/// The namespace that was given, or the default one.
#[must_use]
pub(crate) fn namespace(global: &Global) -> &str {
    global
        .namespace
        .as_deref()
        .filter(|name| !name.is_empty())
        .unwrap_or("default")
}

impl SelectorArgs {
    /// What is selected.
    #[must_use]
    pub(crate) fn selector(&self) -> Selector {
        Selector::all()
            .labels(self.labels.clone().unwrap_or_default())
            .fields(self.field_selector.clone().unwrap_or_default())
    }

    /// Whether nothing is said.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_none() && self.field_selector.is_none()
    }
}

/// What is told when there are no pods.
#[must_use]
pub(crate) fn none_found(global: &Global, all_namespaces: bool) -> String {
    if all_namespaces {
        "No resources found".to_owned()
    } else {
        format!("No resources found in {} namespace.", namespace(global))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Vec<String>, String> {
        let arguments: Vec<String> = arguments
            .iter()
            .map(|argument| (*argument).to_owned())
            .collect();
        Targets::parse(&arguments)
            .map(|targets| targets.names)
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn pods_are_named_in_every_form() {
        assert_eq!(parse(&["pods"]).unwrap(), Vec::<String>::new());
        assert_eq!(parse(&["po", "a", "b"]).unwrap(), ["a", "b"]);
        assert_eq!(parse(&["pod/a", "Pods/b"]).unwrap(), ["a", "b"]);
    }

    #[test]
    fn what_is_no_pod_is_refused() {
        let unknown = "error: the server doesn't have a resource type \"cm\"";
        assert_eq!(parse(&["cm"]).unwrap_err(), unknown);
        assert_eq!(parse(&["cm/x"]).unwrap_err(), unknown);
        let malformed =
            "error: arguments in resource/name form must have a single resource and name";
        assert_eq!(parse(&["pod/"]).unwrap_err(), malformed);
        assert_eq!(parse(&["pod/a/b"]).unwrap_err(), malformed);
        assert!(parse(&["pod", "pod/a"]).is_err());
        assert!(parse(&[]).is_err());
    }
}
