//! Lists under one label: labels, annotations, tolerations, spreading.

use std::collections::BTreeMap;

use lifepod_client::proto;
use prost_types::{Struct, value::Kind};

use super::writer::Writer;

/// Longest annotation that is shown in full.
const MAX_ANNOTATION: usize = 140;
/// A copy of the manifest, which would only repeat what is shown anyway.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

pub(super) fn labels(title: &str, labels: &BTreeMap<String, String>, out: &mut Writer) {
    let lines = labels.iter().map(|(key, value)| format!("{key}={value}"));
    list(title, lines, out);
}

/// As [`labels`], within a description that is indented as a whole: so is every part of its lines.
pub(super) fn nested(title: &str, labels: &BTreeMap<String, String>, out: &mut Writer) {
    out.part(0, format!("{title}:\t"));
    if labels.is_empty() {
        out.line(0, "<none>");
    }
    for (index, (key, value)) in labels.iter().enumerate() {
        if index > 0 {
            out.part(0, "");
            out.part(0, "\t");
        }
        out.line(0, format!("{key}={value}"));
    }
}

/// One line for each, under the first; `<none>` when there are none.
fn list(title: &str, lines: impl Iterator<Item = String>, out: &mut Writer) {
    out.part(0, format!("{title}:"));
    let mut is_empty = true;
    for line in lines {
        out.line_under(&line);
        is_empty = false;
    }
    if is_empty {
        out.line_under("<none>");
    }
}

pub(super) fn annotations(annotations: &BTreeMap<String, String>, out: &mut Writer) {
    let mut lines = Vec::new();
    for (key, value) in annotations {
        if key == LAST_APPLIED {
            continue;
        }
        let value = value.strip_suffix('\n').unwrap_or(value);
        if value.len() + key.len() + 2 > MAX_ANNOTATION || value.contains('\n') {
            lines.push(format!("{key}:"));
            lines.extend(
                value
                    .split('\n')
                    .map(|line| format!("  {}", shortened(line, MAX_ANNOTATION - 2))),
            );
        } else {
            lines.push(format!("{key}: {value}"));
        }
    }
    list("Annotations", lines.into_iter(), out);
}

fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    format!("{}...", &text[..end])
}

pub(super) fn tolerations(tolerations: &[proto::Toleration], out: &mut Writer) {
    let mut sorted: Vec<_> = tolerations.iter().collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    list("Tolerations", sorted.into_iter().map(toleration), out);
}

fn toleration(toleration: &proto::Toleration) -> String {
    let mut text = toleration.key.clone();
    if !toleration.value.is_empty() {
        text.push_str(&format!("={}", toleration.value));
    }
    if !toleration.effect.is_empty() {
        text.push_str(&format!(":{}", toleration.effect));
    }
    if toleration.operator == "Exists" && toleration.value.is_empty() {
        let space = if text.is_empty() { "" } else { " " };
        text.push_str(&format!("{space}op=Exists"));
    }
    if let Some(seconds) = toleration.toleration_seconds {
        text.push_str(&format!(" for {seconds}s"));
    }
    text
}

pub(super) fn spread(constraints: &[proto::TopologySpreadConstraint], out: &mut Writer) {
    if constraints.is_empty() {
        return;
    }
    let mut sorted: Vec<_> = constraints.iter().collect();
    sorted.sort_by(|a, b| a.topology_key.cmp(&b.topology_key));
    list(
        "Topology Spread Constraints",
        sorted.into_iter().map(constraint),
        out,
    );
}

fn constraint(constraint: &proto::TopologySpreadConstraint) -> String {
    let mut text = format!(
        "{}:{} when max skew {} is exceeded",
        constraint.topology_key, constraint.when_unsatisfiable, constraint.max_skew
    );
    if let Some(selector) = &constraint.label_selector {
        text.push_str(&format!(" for selector {}", selector_text(selector)));
    }
    text
}

/// The equalities of a label selector; anything else in it is only hinted at.
fn selector_text(selector: &Struct) -> String {
    let labels = selector
        .fields
        .get("matchLabels")
        .and_then(|labels| labels.kind.as_ref());
    let mut parts = Vec::new();
    if let Some(Kind::StructValue(labels)) = labels {
        for (key, value) in &labels.fields {
            if let Some(Kind::StringValue(value)) = &value.kind {
                parts.push(format!("{key}={value}"));
            }
        }
    }
    if selector.fields.contains_key("matchExpressions") {
        parts.push("...".to_owned());
    }
    if parts.is_empty() {
        return "<none>".to_owned();
    }
    parts.join(",")
}
