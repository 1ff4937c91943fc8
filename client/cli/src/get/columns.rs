//! Which columns a table of pods has, and the table itself.

use lifepod_client::proto;

use super::Row;
use crate::render::{Clock, or_none, tabs::Tabs};

/// Which columns a table of pods has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// NAMESPACE in front.
    pub namespace: bool,
    /// IP, NODE, NOMINATED NODE and READINESS GATES.
    pub wide: bool,
    /// A column for each of these labels.
    pub labels: Vec<String>,
    /// LABELS at the end.
    pub all_labels: bool,
    /// `pod/` before each name.
    pub kind: bool,
}

impl Columns {
    /// The line of headings.
    #[must_use]
    pub fn headings(&self) -> String {
        let mut cells = Vec::new();
        if self.namespace {
            cells.push("NAMESPACE".to_owned());
        }
        cells.extend(["NAME", "READY", "STATUS", "RESTARTS", "AGE"].map(str::to_owned));
        if self.wide {
            cells.extend(["IP", "NODE", "NOMINATED NODE", "READINESS GATES"].map(str::to_owned));
        }
        let heading = |label: &String| label.rsplit('/').next().unwrap_or_default().to_uppercase();
        cells.extend(self.labels.iter().map(heading));
        if self.all_labels {
            cells.push("LABELS".to_owned());
        }
        line(&cells)
    }

    /// The line of a pod.
    #[must_use]
    pub fn row(&self, pod: &proto::Pod, clock: &Clock) -> String {
        let row = Row::of(pod, clock);
        let metadata = pod.metadata.clone().unwrap_or_default();
        let mut cells = Vec::new();
        if self.namespace {
            cells.push(row.namespace);
        }
        let kind = if self.kind { "pod/" } else { "" };
        cells.push(format!("{kind}{}", row.name));
        cells.extend([row.ready, row.status, row.restarts, row.age]);
        if self.wide {
            cells.extend([row.ip, row.node, row.nominated_node, row.readiness_gates]);
        }
        let value = |label: &String| metadata.labels.get(label).cloned().unwrap_or_default();
        cells.extend(self.labels.iter().map(value));
        if self.all_labels {
            let mut pairs: Vec<String> = metadata
                .labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            // By the whole text: a dot comes before the equals sign.
            pairs.sort();
            cells.push(or_none(&pairs.join(",")).to_owned());
        }
        line(&cells)
    }
}

/// Cells must not break out of their line.
fn line(cells: &[String]) -> String {
    let clean: Vec<String> = cells.iter().map(|cell| one_line(cell)).collect();
    clean.join("\t") + "\n"
}

fn one_line(cell: &str) -> String {
    match cell.split_once(['\n', '\r', '\u{c}']) {
        Some((first, _)) => format!("{first}..."),
        None => cell.replace('\u{1b}', "^["),
    }
}

/// A whole table.
#[must_use]
pub fn table(pods: &[proto::Pod], columns: &Columns, headings: bool, clock: &Clock) -> String {
    let mut text = String::new();
    if headings {
        text.push_str(&columns.headings());
    }
    for pod in pods {
        text.push_str(&columns.row(pod, clock));
    }
    if text.is_empty() {
        return text;
    }
    Tabs::table().layout(&text)
}
