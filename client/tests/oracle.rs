//! Reads the manifests of a recorded kube-apiserver session and compares verdicts and texts with its answers.
//!
//! The recordings are not part of the project: the environment variable `LIFEPOD_ORACLE` names a directory with
//! `accepted.jsonl` and `rejected.jsonl` (one object per line: `manifest`, `http_code`, `message`). Without it a handful
//! of the project's own cases stands in for them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{collections::BTreeMap, env, fs, path::Path};

use lifepod_client::manifest::{self, ManifestError};
use serde_json::Value as Json;

struct Case {
    id: String,
    manifest: String,
    accepted: bool,
    message: String,
}

fn own_cases() -> Vec<Case> {
    let head = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers: [{name: c, image: i}]\n";
    let refused = |id: &str, text: String, message: &str| Case {
        id: id.to_owned(),
        manifest: text,
        accepted: false,
        message: format!("Pod in version \"v1\" cannot be handled as a Pod: {message}"),
    };
    vec![
        Case {
            id: "plain".to_owned(),
            manifest: head.to_owned(),
            accepted: true,
            message: String::new(),
        },
        refused(
            "unknown",
            format!("{head}  x: 1\n"),
            "strict decoding error: unknown field \"spec.x\"",
        ),
        refused(
            "type",
            format!("{head}  hostPID: 'yes'\n"),
            "json: cannot unmarshal string into Go struct field PodSpec.spec.hostPID of type bool",
        ),
    ]
}

fn recorded_cases(directory: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    for name in ["accepted.jsonl", "rejected.jsonl"] {
        let text =
            fs::read_to_string(directory.join(name)).expect("LIFEPOD_ORACLE holds the recordings");
        for line in text.lines() {
            let case: Json = serde_json::from_str(line).unwrap();
            let text = |field: &str| case[field].as_str().unwrap_or_default().to_owned();
            // Answers to what is not decoding are the server's own business.
            let code = case["http_code"].as_i64().unwrap();
            cases.push(Case {
                id: text("id"),
                manifest: text("manifest"),
                accepted: code != 400,
                message: text("message"),
            });
        }
    }
    cases
}

/// Where another answer is right: what is not decoding, or read by a stricter or more lenient parser.
fn expected_to_differ(case: &Case, error: Option<&ManifestError>) -> bool {
    match error {
        // Values that no message can carry are told before the server sees them; so are other kinds.
        Some(ManifestError::Invalid { .. }) => case.accepted,
        Some(ManifestError::TypeMissing { .. } | ManifestError::KindUnsupported { .. }) => true,
        // A broken later document spoils the whole text here.
        Some(ManifestError::Syntax { .. }) => !case.accepted || case.id.contains("second-document"),
        _ => false,
    }
}

#[test]
fn manifests_are_read_as_the_api_server_reads_them() {
    let directory = env::var_os("LIFEPOD_ORACLE");
    let cases = directory
        .as_ref()
        .map_or_else(own_cases, |path| recorded_cases(Path::new(path)));
    let mut tally: BTreeMap<&str, usize> = BTreeMap::new();
    let mut different = Vec::new();
    for case in &cases {
        let result = manifest::parse(&case.manifest);
        let same = match &result {
            Ok(_) => case.accepted,
            Err(error) => !case.accepted && error.to_string() == case.message,
        };
        let verdict = if same {
            "same"
        } else if expected_to_differ(case, result.as_ref().err()) {
            "explained"
        } else {
            let error = result.err().map(|error| error.to_string());
            different.push(format!(
                "{}: {error:?} instead of {:?}",
                case.id, case.message
            ));
            "different"
        };
        *tally.entry(verdict).or_default() += 1;
    }
    println!("{} manifests: {tally:?}", cases.len());
    let tolerated = if directory.is_some() {
        cases.len() / 50
    } else {
        0
    };
    assert!(different.len() <= tolerated, "{}", different.join("\n"));
    for line in different {
        println!("{line}");
    }
}
