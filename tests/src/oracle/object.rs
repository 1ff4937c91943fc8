//! The object after a create request, next to the recorded one: nothing may be dropped.

use serde_json::Value;

use super::Class;

/// Fields of the recorded object that its cluster put there, not the API's defaults.
const OF_THE_CLUSTER: [&str; 5] = [
    // Plug-ins of a cluster's API server.
    "spec.tolerations",
    "spec.priority",
    // Old name of serviceAccountName.
    "spec.serviceAccount",
    // Only a node has one before a node is chosen.
    "spec.nodeName",
    "metadata.managedFields",
];

pub(super) fn compare(expected: &Value, got: &Value) -> Class {
    let mut differences = Vec::new();
    for part in ["metadata", "spec"] {
        differ(part, &expected[part], &got[part], &mut differences);
    }
    for field in ["phase", "qosClass"] {
        let path = format!("status.{field}");
        differ(
            &path,
            &expected["status"][field],
            &got["status"][field],
            &mut differences,
        );
    }
    if differences.is_empty() {
        Class::Equal
    } else {
        Class::Different(differences.join("; "))
    }
}

fn differ(path: &str, expected: &Value, got: &Value, found: &mut Vec<String>) {
    if OF_THE_CLUSTER.contains(&path) || varies(expected) || expected == got {
        return;
    }
    match (expected, got) {
        (Value::Object(wanted), Value::Object(has)) => {
            let mut names: Vec<_> = wanted.keys().chain(has.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let (wanted, has) = (&expected[name.as_str()], &got[name.as_str()]);
                differ(&format!("{path}.{name}"), wanted, has, found);
            }
        }
        (Value::Array(wanted), Value::Array(has)) if wanted.len() == has.len() => {
            for (index, (wanted, has)) in wanted.iter().zip(has).enumerate() {
                differ(&format!("{path}[{index}]"), wanted, has, found);
            }
        }
        // The server's own number of the write.
        (Value::Null, _) if path == "metadata.resourceVersion" => {}
        _ => found.push(format!("{path}: {expected} became {got}")),
    }
}

/// Whether a recorded value is another on every run.
fn varies(expected: &Value) -> bool {
    let text = expected.as_str().unwrap_or_default();
    ["<uid>", "<time>", "<generated>"]
        .iter()
        .any(|mark| text.contains(mark))
}
