//! The crate graph must keep to the table in ARCHITECTURE.md.
//!
//! Two rules per crate: which crates of ours it may use directly, and which crates, of ours or
//! not, it must not reach by any path. Dependencies of tests and build scripts are free.

#![expect(clippy::unwrap_used, reason = "a failed expectation ends the test")]

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

struct Rule {
    may_use: &'static [&'static str],
    must_not_reach: &'static [&'static str],
}

const GRPC: [&str; 3] = ["tonic", "prost", "lifepod-proto"];

fn rule(crate_name: &str) -> Option<Rule> {
    let (may_use, must_not_reach): (&[_], &[_]) = match crate_name {
        "lifepod-proto" => (&[], &[]),
        "lifepod-lifecycle" => (
            &[],
            &["tokio", "tonic", "prost", "rustix", "libc", "jiff", "rand"],
        ),
        "lifepod-engine" => (&["lifepod-lifecycle"], &GRPC),
        "lifepod-store" => (&["lifepod-lifecycle"], &GRPC),
        "lifepod-sim" => (&["lifepod-lifecycle"], &GRPC),
        // Single-threaded, and one per pod: no async runtime.
        "lifepod-shim" => (
            &["lifepod-lifecycle"],
            &["tokio", "tonic", "prost", "lifepod-proto"],
        ),
        // The shim's library is the protocol the two speak.
        "lifepod-oci" => (&["lifepod-lifecycle", "lifepod-shim"], &GRPC),
        "lifepod-api" => (
            &["lifepod-lifecycle", "lifepod-engine", "lifepod-proto"],
            &[],
        ),
        "lifepod-server" => (
            &[
                "lifepod-api",
                "lifepod-engine",
                "lifepod-lifecycle",
                "lifepod-oci",
                "lifepod-proto",
                "lifepod-shim",
                "lifepod-sim",
                "lifepod-store",
            ],
            &[],
        ),
        "lifepod-client" => (&["lifepod-proto"], &[]),
        "lifepod-cli" => (&["lifepod-client"], &[]),
        "lifepod-tests" => (&["lifepod-client", "lifepod-proto"], &["lifepod-engine"]),
        // Measures from the outside, next to the library that the shim uses.
        "lifepod-load" => (&["lifepod-client", "lifepod-tests"], &["lifepod-engine"]),
        "lifepod-xtask" => (&["lifepod-client", "lifepod-tests"], &["lifepod-engine"]),
        _ => return None,
    };
    Some(Rule {
        may_use,
        must_not_reach,
    })
}

/// For every package id, its name and the ids it uses directly in ordinary code.
struct Graph {
    names: BTreeMap<String, String>,
    uses: BTreeMap<String, BTreeSet<String>>,
    ours: Vec<String>,
}

impl Graph {
    fn load() -> Self {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        Self {
            names: pairs(&metadata["packages"], |package| text(&package["name"])),
            uses: pairs(&metadata["resolve"]["nodes"], ordinary_dependencies),
            ours: metadata["workspace_members"]
                .as_array()
                .unwrap()
                .iter()
                .map(text)
                .collect(),
        }
    }

    /// All crates reachable from `id`, each with one path that leads to it.
    fn reach(&self, id: &str) -> BTreeMap<&str, String> {
        let mut paths = BTreeMap::new();
        let mut open = vec![(id, self.names[id].clone())];
        while let Some((id, path)) = open.pop() {
            for next in &self.uses[id] {
                let name = self.names[next].as_str();
                if !paths.contains_key(name) {
                    let path = format!("{path} → {name}");
                    paths.insert(name, path.clone());
                    open.push((next, path));
                }
            }
        }
        paths
    }
}

fn pairs<T>(list: &Value, value: impl Fn(&Value) -> T) -> BTreeMap<String, T> {
    let items = list.as_array().unwrap();
    items
        .iter()
        .map(|item| (text(&item["id"]), value(item)))
        .collect()
}

fn ordinary_dependencies(node: &Value) -> BTreeSet<String> {
    let ordinary = |dependency: &&Value| {
        dependency["dep_kinds"]
            .as_array()
            .unwrap()
            .iter()
            .any(|kind| kind["kind"].is_null())
    };
    let dependencies = node["deps"].as_array().unwrap().iter();
    dependencies
        .filter(ordinary)
        .map(|dependency| text(&dependency["pkg"]))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn crates_keep_to_the_table() {
    let graph = Graph::load();
    let ours: BTreeSet<_> = graph
        .ours
        .iter()
        .map(|id| graph.names[id].as_str())
        .collect();
    let mut broken = Vec::new();
    for id in &graph.ours {
        let name = &graph.names[id];
        let Some(rule) = rule(name) else {
            broken.push(format!("{name} is not in the table"));
            continue;
        };
        for used in graph.uses[id].iter().map(|used| graph.names[used].as_str()) {
            if ours.contains(used) && !rule.may_use.contains(&used) {
                broken.push(format!("{name} must not use {used}"));
            }
        }
        let reached = graph.reach(id);
        for path in rule
            .must_not_reach
            .iter()
            .filter_map(|forbidden| reached.get(forbidden))
        {
            broken.push(format!("{name} must not reach: {path}"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
