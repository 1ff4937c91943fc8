//! Kubernetes manifests: text to pods, and back.
//!
//! ```
//! use lifepod_client::manifest;
//!
//! let text = "
//! apiVersion: v1
//! kind: Pod
//! metadata: {name: web}
//! spec:
//!   containers:
//!   - name: web
//!     image: nginx
//! ";
//! let pods = manifest::parse(text)?;
//! assert!(manifest::to_yaml(&pods[0]).contains("image: nginx"));
//!
//! let error = manifest::parse(&text.replace("image:", "imagee:")).unwrap_err();
//! assert!(error.to_string().ends_with(r#"unknown field "spec.containers[0].imagee""#));
//! assert_eq!(error.position().line, 8);
//! # Ok::<(), manifest::ManifestError>(())
//! ```
//!
//! Reading is as strict as Kubernetes' own: unknown fields, repeated keys and values of the wrong type are errors, all
//! unknown fields at once, with the path Kubernetes would name and the place in the text.

mod codec;
mod emit;
mod error;
mod node;
mod object;
mod read;
mod table;

use lifepod_proto::v1 as proto;
use serde_json::Value as Json;

use crate::FieldViolation;
use node::{Node, Value};
use object::Object;
use read::Reader;

pub(crate) use table::words;

pub use emit::{to_json_text, to_yaml_text};
pub use error::{DecodingError, ManifestError, Position, StrictField};

/// How fields that are unknown or given twice are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// As errors.
    #[default]
    Strict,
    /// As remarks.
    Warn,
    /// Not at all.
    Ignore,
}

/// A pod that was read, and remarks on its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The pod.
    pub pod: proto::Pod,
    /// Unknown fields, with [`Strictness::Warn`].
    pub warnings: Vec<String>,
    /// Where its object begins in the text.
    pub at: Position,
}

/// Reads every pod of a text: YAML or JSON, several documents, lists of objects.
///
/// # Errors
/// The first object that cannot be read, or is no Pod.
pub fn parse(text: &str) -> Result<Vec<proto::Pod>, ManifestError> {
    let results = parse_each(text, Strictness::Strict)?;
    results
        .into_iter()
        .map(|result| result.map(|parsed| parsed.pod))
        .collect()
}

/// Reads every object of a text, and tells of each by itself whether it could be read.
///
/// # Errors
/// When the text as a whole is neither YAML nor JSON.
pub fn parse_each(
    text: &str,
    strictness: Strictness,
) -> Result<Vec<Result<Parsed, ManifestError>>, ManifestError> {
    let mut objects = Vec::new();
    for document in node::documents(text)? {
        unfold(document, &mut objects);
    }
    let read = |object: &Node| read_pod(object, strictness);
    Ok(objects.iter().map(read).collect())
}

/// Reads a pod from a JSON value, unknown fields ignored.
///
/// # Errors
/// When it is no Pod, or a value is of the wrong type.
pub fn from_json(value: &Json) -> Result<proto::Pod, ManifestError> {
    let parsed = read_pod(&node::from_json_value(value), Strictness::Ignore)?;
    Ok(parsed.pod)
}

/// Writes a pod as Kubernetes would, as a JSON value.
#[must_use]
pub fn to_json(pod: &proto::Pod) -> Json {
    table::Typed(pod.clone()).to_json()
}

/// Writes a pod as `kubectl get -o yaml` would.
#[must_use]
pub fn to_yaml(pod: &proto::Pod) -> String {
    to_yaml_text(&to_json(pod))
}

/// Opens lists of objects.
fn unfold(object: Node, objects: &mut Vec<Node>) {
    let is_list = object
        .get("kind")
        .and_then(Node::text)
        .is_some_and(|kind| kind.ends_with("List"));
    if !is_list {
        objects.push(object);
        return;
    }
    let Value::Map(fields) = object.value else {
        return;
    };
    let items = fields.into_iter().find(|field| field.key == "items");
    if let Some(Value::List(items)) = items.map(|field| field.node.value) {
        for item in items {
            unfold(item, objects);
        }
    }
}

fn read_pod(object: &Node, strictness: Strictness) -> Result<Parsed, ManifestError> {
    check_type(object)?;
    let mut pod = table::Typed::default();
    let mut reader = Reader::default();
    reader.object(&mut pod, object);
    let findings = reader.finish();
    if let Some(error) = findings.decoding {
        return Err(ManifestError::Decoding(error));
    }
    let mut warnings = Vec::new();
    if !findings.unknown.is_empty() {
        match strictness {
            Strictness::Strict => {
                let unknown = DecodingError::Strict(findings.unknown);
                return Err(ManifestError::Decoding(unknown));
            }
            Strictness::Warn => warnings.extend(findings.unknown.iter().map(ToString::to_string)),
            Strictness::Ignore => {}
        }
    }
    let mut found = findings.violations;
    // Nobody reads a status that is sent.
    found.retain(|(violation, _)| !violation.field.starts_with("status."));
    if found.is_empty() {
        return Ok(Parsed {
            pod: pod.0,
            warnings,
            at: object.at,
        });
    }
    let (violations, at): (Vec<FieldViolation>, Vec<Position>) = found.into_iter().unzip();
    let name = pod.0.metadata.clone().unwrap_or_default().name;
    Err(ManifestError::Invalid {
        name,
        violations,
        at,
        rest: Box::new(pod.0),
    })
}

fn check_type(object: &Node) -> Result<(), ManifestError> {
    let at = object.at;
    let text = |field: &str| object.get(field).and_then(Node::text).unwrap_or_default();
    for field in ["apiVersion", "kind"] {
        let node = object.get(field);
        if node.is_none_or(|node| node.is_null() || node.text() == Some("")) {
            return Err(ManifestError::TypeMissing { field, at });
        }
    }
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if (api_version, kind) == ("v1", "Pod") {
        return Ok(());
    }
    let metadata = |field: &str| {
        let value = object.get("metadata").and_then(|node| node.get(field));
        value.and_then(Node::text).unwrap_or_default().to_owned()
    };
    Err(ManifestError::KindUnsupported {
        kind: kind.to_owned(),
        api_version: api_version.to_owned(),
        name: metadata("name"),
        namespace: metadata("namespace"),
        at,
    })
}

#[cfg(test)]
mod tests;
