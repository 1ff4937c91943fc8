//! From nodes to messages: the walk, and what it finds wrong.
//!
//! A type error ends Kubernetes' reading at once, so the first one is all that is told. Unknown fields, and values that
//! cannot be carried, are collected.

use std::fmt::Write;

use super::{
    DecodingError, Position, StrictField,
    node::{Node, Value},
    object::Object,
};
use crate::FieldViolation;

/// One step of the way from the root to the value that is being read.
#[derive(Clone, Debug)]
enum Step {
    Field(String),
    Index(usize),
    /// A struct Go embeds: part of its texts on types, of no other path.
    Embedded(&'static str),
}

/// What has been found wrong so far, and where the walk is.
#[derive(Debug, Default)]
pub(super) struct Reader {
    path: Vec<Step>,
    /// Go's names of the structs on the way.
    owners: Vec<&'static str>,
    type_error: Option<DecodingError>,
    strict: Vec<StrictField>,
    violations: Vec<(FieldViolation, Position)>,
}

/// Everything that was found wrong.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) decoding: Option<DecodingError>,
    pub(super) unknown: Vec<StrictField>,
    pub(super) violations: Vec<(FieldViolation, Position)>,
}

impl Reader {
    pub(super) fn finish(self) -> Findings {
        Findings {
            decoding: self.type_error,
            unknown: self.strict,
            violations: self.violations,
        }
    }

    /// Reads the fields of a map into a message.
    pub(super) fn object<T: Object>(&mut self, target: &mut T, node: &Node) {
        let Value::Map(entries) = &node.value else {
            if !node.is_null() {
                self.wrong_type(node, &format!("v1.{}", T::KIND));
            }
            return;
        };
        self.owners.push(T::KIND);
        for entry in entries {
            self.path.push(Step::Field(entry.key.clone()));
            if !target.read_field(&entry.key, &entry.node, self) {
                let path = self.path();
                self.strict.push(StrictField {
                    path,
                    duplicate: false,
                    at: entry.at,
                });
            }
            self.path.pop();
        }
        self.owners.pop();
    }

    /// Goes into an item of a list.
    pub(super) fn item(&mut self, index: usize, read: impl FnOnce(&mut Self)) {
        self.path.push(Step::Index(index));
        read(self);
        self.path.pop();
    }

    /// Goes through a struct Go embeds, for the field the walk is at; an empty name means that there is none.
    pub(super) fn embedded(&mut self, name: &'static str, read: impl FnOnce(&mut Self)) {
        if name.is_empty() {
            return read(self);
        }
        let at = self.path.len().saturating_sub(1);
        self.path.insert(at, Step::Embedded(name));
        read(self);
        self.path.remove(at);
    }

    /// Leaves out the index of the list the walk is in.
    pub(super) fn unindexed(&mut self, read: impl FnOnce(&mut Self)) {
        let Some(at) = self.path.len().checked_sub(2) else {
            return read(self);
        };
        let index = self.path.remove(at);
        read(self);
        self.path.insert(at, index);
    }

    /// The value here is not what the field takes.
    pub(super) fn wrong_type(&mut self, node: &Node, go_type: &str) {
        self.type_failure(node, node.json_type(), go_type);
    }

    /// The number here is none the field takes.
    pub(super) fn wrong_number(&mut self, node: &Node, number: &str, go_type: &str) {
        self.type_failure(node, &format!("number {number}"), go_type);
    }

    /// Any other text Kubernetes ends its reading with.
    pub(super) fn failure(&mut self, node: &Node, message: impl Into<String>) {
        if self.type_error.is_none() {
            self.type_error = Some(DecodingError::Type {
                message: message.into(),
                at: node.at,
            });
        }
    }

    /// A value that is well-formed and that no message can carry.
    pub(super) fn violation(&mut self, node: &Node, reason: &str, description: impl Into<String>) {
        let violation = FieldViolation {
            field: self.path(),
            reason: reason.to_owned(),
            description: description.into(),
        };
        self.violations.push((violation, node.at));
    }

    /// As [`Reader::violation`], for the value the walk came through last.
    pub(super) fn violation_above(
        &mut self,
        node: &Node,
        reason: &str,
        description: impl Into<String>,
    ) {
        let last = self.path.pop();
        self.violation(node, reason, description);
        self.path.extend(last);
    }

    fn type_failure(&mut self, node: &Node, what: &str, go_type: &str) {
        let owner = self.owners.last().copied().unwrap_or("Pod");
        let path = self.go_path();
        let message = format!(
            "json: cannot unmarshal {what} into Go struct field {owner}.{path} of type {go_type}"
        );
        self.failure(node, message);
    }

    /// The path as Kubernetes writes it: `spec.containers[0].image`.
    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Field(name) if path.is_empty() => path.push_str(name),
                // Writing to a String cannot fail.
                Step::Field(name) => {
                    let _ = write!(path, ".{name}");
                }
                Step::Index(index) => {
                    let _ = write!(path, "[{index}]");
                }
                Step::Embedded(_) => {}
            }
        }
        path
    }

    /// The path as Go's decoder writes it: without indexes, with embedded structs.
    fn go_path(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for step in &self.path {
            match step {
                Step::Field(name) => names.push(name),
                Step::Embedded(name) => names.push(name),
                Step::Index(_) => {}
            }
        }
        names.join(".")
    }
}
