//! The text of a manifest as a tree of nodes that know where they are.
//!
//! YAML is read event by event, so that plain scalars keep their spelling (`0644`, `1.10`, `yes`) until a field says
//! what it wants them to be. Aliases are expanded by copying, under a budget of nodes for the whole text: a document
//! that would unfold into millions of nodes is refused before it does.

mod escape;
mod scalar;
mod tree;

pub(super) use scalar::Scalar;

use super::{ManifestError, Position};

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) at: Position,
    pub(super) value: Value,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    /// Sorted by key: Kubernetes looks at fields in this order, too.
    Map(Vec<Entry>),
}

/// A field of a map.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Position,
    pub(super) node: Node,
}

impl Node {
    /// A field of a map.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else {
            return None;
        };
        entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
    }

    /// The text of a scalar that is text.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(Scalar::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.value, Value::Scalar(Scalar::Null))
    }

    /// Go's word for what the value is in JSON.
    pub(super) fn json_type(&self) -> &'static str {
        match &self.value {
            Value::Map(_) => "object",
            Value::List(_) => "array",
            Value::Scalar(scalar) => scalar.json_type(),
        }
    }
}

/// A JSON value as a node, without a place.
pub(super) fn from_json_value(value: &serde_json::Value) -> Node {
    tree::json_node(value.clone())
}

/// Reads every document of a text, YAML or JSON. Empty documents are left out.
pub(super) fn documents(text: &str) -> Result<Vec<Node>, ManifestError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let from_yaml = escape::tolerant(text, tree::from_yaml);
    // JSON is nearly, but not quite, YAML.
    if from_yaml.is_err() && text.trim_start().starts_with('{') {
        return tree::from_json(text);
    }
    from_yaml
}
