//! Replays sequences of changes to pods that really exist.
//!
//! The recording was made without a node, so the server must not change the pods by itself: a
//! simulator in stepped time, and containers that ignore the stop signal.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use lifepod_client::{Client, Pods, manifest, proto::PodPhase};
use serde_json::{Value, json};

use super::{
    Answer, Class, Judged,
    class::{compare, judge},
    intended, patch, request,
};

const POLLS: u32 = 400;
const POLL: std::time::Duration = std::time::Duration::from_millis(5);

/// Replays every sequence.
///
/// # Errors
///
/// When the server does not answer.
pub async fn replay_updates(client: &Client, cases: &[Value]) -> Result<Vec<Judged>> {
    let mut judged = Vec::with_capacity(cases.len());
    for case in cases {
        let id = case["id"].as_str().context("a case has a name")?;
        judged.push(
            replay(client, id, case)
                .await
                .with_context(|| id.to_owned())?,
        );
    }
    Ok(judged)
}

async fn replay(client: &Client, id: &str, case: &Value) -> Result<Judged> {
    let pods = client.pods("default");
    let name = case["create"]["metadata"]["name"].as_str().unwrap_or(id);
    let mut now = Value::Null;
    if !case["create"].is_null() {
        let recorded = json!({"http_code": case["create_http_code"], "object": null});
        let got = create(&pods, &case["create"]).await?;
        let verdict = judge(id, &Answer::recorded(&recorded), &got, intended::UPDATES);
        if !matches!(got, Answer::Accepted(_)) {
            return Ok(verdict);
        }
        now = settled(&pods, name).await?;
    }
    let created = now.clone();
    for (index, step) in case["steps"].as_array().into_iter().flatten().enumerate() {
        let scene = request::Scene {
            pods: &pods,
            name,
            created: &created,
            now: &now,
        };
        let got = match request::send(&scene, step).await {
            Ok(got) => got,
            Err(what) => {
                let class = Class::NotOffered(what);
                return Ok(Judged {
                    id: id.to_owned(),
                    class,
                    too_lenient: false,
                });
            }
        };
        if let Answer::Refused { code: 0, message } = &got {
            anyhow::bail!("{message}");
        }
        let expected = Answer::recorded(step);
        let after = read(&pods, name).await?;
        let class = step_class(&expected, &got, step, &now, &after);
        if class != Class::Equal {
            let mut verdict = judge(id, &expected, &got, intended::UPDATES);
            verdict.class = explained(id, class, index, &got);
            return Ok(verdict);
        }
        now = after;
    }
    Ok(Judged {
        id: id.to_owned(),
        class: Class::Equal,
        too_lenient: false,
    })
}

fn explained(id: &str, class: Class, step: usize, got: &Answer) -> Class {
    let Class::Different(how) = class else {
        return class;
    };
    let how = format!("step {step}: {how}");
    match intended::UPDATES.iter().find(|(part, _)| id.contains(part)) {
        Some((_, why)) if !got.is_failure() => Class::Explained { why, how },
        _ => Class::Different(how),
    }
}

/// The recorded pod as its cluster's plug-ins had completed it, and as nothing ends it.
async fn create(pods: &Pods, body: &Value) -> Result<Answer> {
    let mut body = body.clone();
    let containers = body["spec"]["containers"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for container in containers {
        let key = format!(
            "sim.lifepod.dev/{}",
            container["name"].as_str().unwrap_or_default()
        );
        patch::merge(
            &mut body,
            &json!({"metadata": {"annotations": {key: "ignore-term"}}}),
        );
    }
    let toleration = |taint: &str| {
        let key = format!("node.kubernetes.io/{taint}");
        json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    };
    let mut tolerations = body["spec"]["tolerations"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    tolerations.extend([toleration("not-ready"), toleration("unreachable")]);
    patch::merge(&mut body, &json!({"spec": {"tolerations": tolerations}}));
    let pod = match manifest::from_json(&body) {
        Ok(pod) => pod,
        Err(error) => return Ok(Answer::of_manifest(&error)),
    };
    Ok(match pods.create(pod).await {
        Ok(_) => Answer::Accepted(Value::Null),
        Err(error) => Answer::of_error(&error),
    })
}

/// The pod once it runs: from then on only requests change it.
async fn settled(pods: &Pods, name: &str) -> Result<Value> {
    for _ in 0..POLLS {
        let pod = pods.get(name).await?;
        let running = PodPhase::Running as i32;
        let phase = pod.status.as_ref().map(|status| status.phase);
        let revision = pod.metadata.as_ref().map(|meta| meta.revision);
        tokio::time::sleep(POLL).await;
        let again = pods.get(name).await?;
        let quiet = again.metadata.as_ref().map(|meta| meta.revision) == revision;
        if phase == Some(running) && quiet {
            return Ok(manifest::to_json(&again));
        }
    }
    let pod = pods.get(name).await?;
    anyhow::bail!(
        "the pod does not come to rest: {}",
        manifest::to_json(&pod)["status"]
    );
}

async fn read(pods: &Pods, name: &str) -> Result<Value> {
    match pods.get(name).await {
        Ok(pod) => Ok(manifest::to_json(&pod)),
        Err(error) => {
            ensure!(error.is_not_found(), "{error}");
            Ok(Value::Null)
        }
    }
}

/// How the answer to a step, and what it changed, compare with the recording.
fn step_class(
    expected: &Answer,
    got: &Answer,
    step: &Value,
    before: &Value,
    after: &Value,
) -> Class {
    if let Answer::Invalid { by_name, .. } = got
        && by_name.contains("subresource")
    {
        let part = step["subresource"].as_str().unwrap_or_default().to_owned();
        return match expected {
            Answer::Accepted(_) => Class::RefusedByName(vec![part]),
            _ => Class::RefusedAsWhole(vec![part]),
        };
    }
    let both = (expected, got);
    if !matches!(both, (Answer::Accepted(_), Answer::Accepted(_))) {
        return compare(expected, got);
    }
    if let Some(exists) = step["pod_exists_after"]
        .as_bool()
        .filter(|exists| *exists == after.is_null())
    {
        return Class::Different(format!(
            "the pod exists after it: {exists} became {}",
            !exists
        ));
    }
    if after.is_null() {
        return Class::Equal;
    }
    let (wanted, found) = (recorded_changes(step), changes(before, after));
    if wanted == found {
        Class::Equal
    } else {
        Class::Different(format!("changed {wanted:?}, here {found:?}"))
    }
}

/// Metadata and specification only: the recording has no node that would write a status.
fn is_compared(path: &str) -> bool {
    let kept = path.starts_with("metadata.") || path.starts_with("spec.");
    kept && path != "metadata.resourceVersion" && !path.starts_with("metadata.managedFields")
}

fn recorded_changes(step: &Value) -> BTreeMap<String, Value> {
    let list = step["changed"].as_array().into_iter().flatten();
    let change = |change: &Value| {
        let path = change["path"].as_str().unwrap_or_default().to_owned();
        is_compared(&path).then(|| (path, normal(&change["new"])))
    };
    list.filter_map(change).collect()
}

fn changes(before: &Value, after: &Value) -> BTreeMap<String, Value> {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    flatten("", before, &mut old);
    flatten("", after, &mut new);
    let mut changed = BTreeMap::new();
    for path in old
        .keys()
        .chain(new.keys())
        .filter(|path| is_compared(path))
    {
        let after = new.get(path).map_or_else(|| "<absent>".into(), normal);
        if old.get(path) != new.get(path) {
            changed.insert(path.clone(), after);
        }
    }
    changed
}

/// Times differ on every run.
fn normal(value: &Value) -> Value {
    let text = value.as_str().unwrap_or_default();
    if text == "<time>" || text.len() == 20 && text.ends_with('Z') {
        "<time>".into()
    } else {
        value.clone()
    }
}

fn flatten(path: &str, value: &Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let dot = if path.is_empty() { "" } else { "." };
            for (name, value) in fields {
                flatten(&format!("{path}{dot}{name}"), value, into);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, value) in items.iter().enumerate() {
                flatten(&format!("{path}[{index}]"), value, into);
            }
        }
        _ => {
            into.insert(path.to_owned(), value.clone());
        }
    }
}
