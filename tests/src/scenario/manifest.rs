//! Manifests: what a scenario leaves out is filled in, and behaviours become annotations for the
//! simulator or commands for real containers.

use super::{driver::Kind, file::Scenario, shell};
use crate::world::IMAGE;
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

/// What a container does unless something else is said: it runs until SIGTERM, then exits with 0.
const DEFAULT: &str = "exit-on-term=0";
pub(super) const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];
const HANDLERS: [&str; 5] = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"];

/// Makes manifests for one world.
pub(super) struct Maker<'m> {
    pub(super) scenario: &'m Scenario,
    pub(super) kind: Kind,
    pub(super) namespace: &'m str,
    /// Where containers ask which start this is.
    pub(super) counter: String,
}

impl Maker<'_> {
    /// The scenario's pods, by name.
    pub(super) fn pods(&self) -> Result<Vec<(String, Value)>> {
        let one = [json!({})];
        let pods = if self.scenario.pods.is_empty() {
            &one[..]
        } else {
            &self.scenario.pods
        };
        let Some(copies) = self.scenario.copies else {
            return pods.iter().map(|pod| self.pod(pod.clone())).collect();
        };
        let copy = |index: usize| {
            let mut pod = pods[0].clone();
            merge(
                &mut pod,
                &json!({ "metadata": { "name": format!("p-{index}") } }),
            );
            self.pod(pod)
        };
        (0..copies).map(copy).collect()
    }

    /// Puts in where containers find the suite's own server.
    fn placed(&self, pod: &mut Value) {
        let address = self.counter.trim_start_matches("http://");
        let (host, port) = address.split_once(':').unwrap_or(("192.0.2.1", "80"));
        replace(pod, "$HOST", host);
        number(pod, "$PORT", port);
    }

    fn pod(&self, mut pod: Value) -> Result<(String, Value)> {
        self.placed(&mut pod);
        let object = pod.as_object_mut().context("a pod is no map")?;
        object.entry("apiVersion").or_insert(json!("v1"));
        object.entry("kind").or_insert(json!("Pod"));
        let meta = object.entry("metadata").or_insert(json!({}));
        let meta = meta.as_object_mut().context("metadata is no map")?;
        let name = meta.entry("name").or_insert(json!("p")).clone();
        let name = name.as_str().context("a name is no text")?.to_owned();
        meta.insert("namespace".to_owned(), json!(self.namespace));
        let spec = object.entry("spec").or_insert(json!({}));
        let spec = spec.as_object_mut().context("spec is no map")?;
        spec.entry("containers")
            .or_insert(json!([{ "name": "c1" }]));
        let mut annotations = self.of_pod(&name);
        self.fill(&name, spec, &mut annotations)?;
        let meta = object["metadata"]
            .as_object_mut()
            .context("metadata is no map")?;
        let known = meta.entry("annotations").or_insert(json!({}));
        known
            .as_object_mut()
            .context("annotations are no map")?
            .extend(annotations);
        Ok((name, pod))
    }

    /// Fills in containers wherever a (part of a) spec has some; their scripts become annotations.
    pub(super) fn fill(
        &self,
        pod: &str,
        spec: &mut Map<String, Value>,
        annotations: &mut Map<String, Value>,
    ) -> Result<()> {
        for list in LISTS {
            let containers = spec.get_mut(list).and_then(Value::as_array_mut);
            for container in containers.into_iter().flatten() {
                let container = container.as_object_mut().context("a container is no map")?;
                self.container(pod, container, annotations)?;
            }
        }
        Ok(())
    }

    fn container(
        &self,
        pod: &str,
        container: &mut Map<String, Value>,
        annotations: &mut Map<String, Value>,
    ) -> Result<()> {
        let name = container
            .get("name")
            .and_then(Value::as_str)
            .context("no name")?
            .to_owned();
        let behaviour = self
            .said(&self.scenario.behaviour, pod, &name)
            .unwrap_or(DEFAULT);
        container.entry("image").or_insert(json!(IMAGE));
        match self.kind {
            Kind::Simulator => {
                for suffix in ["", ".image", ".exec"] {
                    let key = format!("{name}{suffix}");
                    let text = self.said(&self.scenario.behaviour, pod, &key);
                    if let Some(text) = text.or((suffix.is_empty()).then_some(DEFAULT)) {
                        annotations.insert(format!("sim.lifepod.dev/{key}"), json!(text));
                    }
                }
            }
            Kind::Containers if container.contains_key("command") => {}
            Kind::Containers => {
                let counter = format!("{}/{}/{pod}/{name}", self.counter, self.namespace);
                let script = match self.said(&self.scenario.shell, pod, &name) {
                    Some(shell) => shell.replace("$COUNTER", &counter),
                    None => shell::process(behaviour, &counter).with_context(|| name.clone())?,
                };
                container.insert("command".to_owned(), json!(["sh", "-c", script]));
            }
        }
        handlers(container, behaviour, self.kind)
    }

    /// What is said of the pod as a whole.
    fn of_pod(&self, pod: &str) -> Map<String, Value> {
        let mut annotations = Map::new();
        for key in ["sandbox", "contact"] {
            let said = self.said(&self.scenario.behaviour, pod, key);
            if let (Kind::Simulator, Some(text)) = (self.kind, said) {
                annotations.insert(format!("pod.sim.lifepod.dev/{key}"), json!(text));
            }
        }
        annotations
    }

    fn said<'s>(
        &self,
        by_name: &'s std::collections::BTreeMap<String, String>,
        pod: &str,
        name: &str,
    ) -> Option<&'s str> {
        let own = by_name.get(&format!("{pod}/{name}"));
        own.or_else(|| by_name.get(name)).map(String::as_str)
    }
}

/// Gives hooks and probes without a handler the one that does what the behaviour says.
fn handlers(container: &mut Map<String, Value>, behaviour: &str, kind: Kind) -> Result<()> {
    let is_open = |part: &Map<String, Value>| !HANDLERS.iter().any(|name| part.contains_key(*name));
    for (field, probe) in [
        ("startupProbe", "startup"),
        ("livenessProbe", "liveness"),
        ("readinessProbe", "readiness"),
    ] {
        if let Some(part) = container.get_mut(field).and_then(Value::as_object_mut)
            && is_open(part)
        {
            part.insert("exec".to_owned(), json!({ "command": shell::probe(probe) }));
            if kind == Kind::Containers {
                // A shell says how it does only after its start.
                part.entry("initialDelaySeconds").or_insert(json!(1));
            }
        }
    }
    let Some(lifecycle) = container
        .get_mut("lifecycle")
        .and_then(Value::as_object_mut)
    else {
        return Ok(());
    };
    for (field, hook) in [("postStart", "post-start"), ("preStop", "pre-stop")] {
        if let Some(part) = lifecycle.get_mut(field).and_then(Value::as_object_mut)
            && is_open(part)
        {
            let script = shell::hook(behaviour, hook)?;
            part.insert(
                "exec".to_owned(),
                json!({ "command": ["sh", "-c", script] }),
            );
        }
    }
    Ok(())
}

/// Lays one value over another: maps by key, lists whose members have names or keys by those,
/// anything else replaced;
/// null removes.
pub(super) fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                if value.is_null() {
                    base.remove(key);
                } else {
                    merge(base.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (Value::Array(base), Value::Array(over)) if let Some(key) = key(over) => {
            for value in over {
                match base.iter_mut().find(|known| known[key] == value[key]) {
                    Some(known) => merge(known, value),
                    None => base.push(value.clone()),
                }
            }
        }
        (base, over) => *base = over.clone(),
    }
}

/// What tells the members of a list apart, if something does.
fn key(list: &[Value]) -> Option<&'static str> {
    let is_key = |key: &&str| !list.is_empty() && list.iter().all(|value| value[*key].is_string());
    ["name", "key"].into_iter().find(is_key)
}

/// Replaces a text wherever it stands.
pub(super) fn replace(value: &mut Value, what: &str, with: &str) {
    match value {
        Value::String(text) => *text = text.replace(what, with),
        Value::Array(list) => list.iter_mut().for_each(|value| replace(value, what, with)),
        Value::Object(map) => map
            .values_mut()
            .for_each(|value| replace(value, what, with)),
        _ => {}
    }
}

/// Replaces a text by a number wherever it stands alone.
pub(super) fn number(value: &mut Value, what: &str, with: &str) {
    match value {
        Value::String(text) if text == what => *value = json!(with.parse::<u16>().ok()),
        Value::Array(list) => list.iter_mut().for_each(|value| number(value, what, with)),
        Value::Object(map) => map.values_mut().for_each(|value| number(value, what, with)),
        _ => {}
    }
}
