//! One recorded step as a call of Lifepod's API.

use lifepod_client::{
    DeleteOptions, Error, Pods, manifest,
    proto::{self, PodSubresource},
};
use serde_json::{Value, json};

use super::{Answer, patch};

/// What a step is sent with.
pub(super) struct Scene<'s> {
    pub(super) pods: &'s Pods,
    pub(super) name: &'s str,
    /// The object as it was created.
    pub(super) created: &'s Value,
    /// The object as it is; null if there is none.
    pub(super) now: &'s Value,
}

/// The answer to a step, or the name of an operation that Lifepod does not have.
pub(super) async fn send(scene: &Scene<'_>, step: &Value) -> Result<Answer, &'static str> {
    let text = |field: &str| step[field].as_str().unwrap_or_default();
    let body = scene.filled(&step["body"]);
    match (text("op"), text("subresource")) {
        ("POST", "") => Ok(create(scene).await),
        ("POST", "binding") => Err("there is one node, nothing is bound"),
        ("POST", _) => Err("nothing evicts on request: delete does"),
        ("DELETE", _) => delete(scene, text("query"), &body).await,
        ("PUT", part) => {
            let mut object = if body.is_null() {
                scene.now.clone()
            } else {
                body
            };
            patch::set_paths(&mut object, &step["change"]);
            Ok(update(scene, &object, part).await)
        }
        ("PATCH", part) => patched(scene, text("patch_type"), &body, part).await,
        _ => Err("an unknown operation"),
    }
}

impl Scene<'_> {
    /// A body with `@name`, `@uid` and `@first` replaced.
    fn filled(&self, body: &Value) -> Value {
        let meta = &self.created["metadata"];
        match body {
            Value::String(text) => match text.as_str() {
                "@name" => self.name.into(),
                "@uid" => meta["uid"].clone(),
                "@first" => meta["resourceVersion"].clone(),
                _ => body.clone(),
            },
            Value::Array(items) => items.iter().map(|item| self.filled(item)).collect(),
            Value::Object(fields) => {
                let filled = fields
                    .iter()
                    .map(|(name, value)| (name.clone(), self.filled(value)));
                Value::Object(filled.collect())
            }
            _ => body.clone(),
        }
    }
}

async fn create(scene: &Scene<'_>) -> Answer {
    let pod = match manifest::from_json(scene.created) {
        Ok(pod) => pod,
        Err(error) => return Answer::of_manifest(&error),
    };
    match scene.pods.create(pod).await {
        Ok(created) => Answer::Accepted(manifest::to_json(&created.pod)),
        Err(error) => Answer::of_error(&error),
    }
}

async fn delete(scene: &Scene<'_>, query: &str, body: &Value) -> Result<Answer, &'static str> {
    let known = ["gracePeriodSeconds", "preconditions"];
    let other = body
        .as_object()
        .is_some_and(|fields| fields.keys().any(|f| !known.contains(&f.as_str())));
    if other {
        return Err("DeletePod has no such option");
    }
    let asked = query
        .strip_prefix("gracePeriodSeconds=")
        .and_then(|text| text.parse().ok());
    let preconditions = &body["preconditions"];
    let text = |field: &str| preconditions[field].as_str().unwrap_or_default();
    let options = DeleteOptions {
        grace_period_seconds: body["gracePeriodSeconds"].as_i64().or(asked),
        uid: Some(text("uid").to_owned()).filter(|uid| !uid.is_empty()),
        revision: text("resourceVersion").parse().ok(),
        validate_only: query.contains("dryRun"),
        ..DeleteOptions::default()
    };
    Ok(match scene.pods.delete(scene.name, options).await {
        Ok(_) => Answer::Accepted(Value::Null),
        Err(error) => Answer::of_error(&error),
    })
}

async fn patched(
    scene: &Scene<'_>,
    kind: &str,
    body: &Value,
    part: &str,
) -> Result<Answer, &'static str> {
    if !matches!(
        kind,
        "application/strategic-merge-patch+json"
            | "application/merge-patch+json"
            | "application/json-patch+json"
    ) {
        return Err("no patches are sent: clients send the whole pod");
    }
    // Clients make the patch: what Kubernetes refuses about a patch itself, they would.
    let mut object = scene.now.clone();
    if object.is_null() {
        object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": scene.name}});
    } else {
        // A patch has no preconditions but those it names.
        patch::merge(
            &mut object,
            &json!({"metadata": {"resourceVersion": null, "uid": null}}),
        );
    }
    let applied = match kind {
        "application/json-patch+json" => patch::operations(&mut object, body),
        "application/merge-patch+json" => {
            patch::merge(&mut object, body);
            true
        }
        _ => {
            patch::strategic(&mut object, body);
            true
        }
    };
    if applied && body.is_array() || body.is_object() && kind != "application/json-patch+json" {
        Ok(update(scene, &object, part).await)
    } else {
        Err("no patches are sent: clients send the whole pod")
    }
}

async fn update(scene: &Scene<'_>, object: &Value, part: &str) -> Answer {
    let pod = match manifest::from_json(object) {
        Ok(pod) => pod,
        Err(error) => return Answer::of_manifest(&error),
    };
    match call(scene.pods, pod, part).await {
        Ok(pod) => Answer::Accepted(manifest::to_json(&pod)),
        Err(error) => Answer::of_error(&error),
    }
}

async fn call(pods: &Pods, pod: proto::Pod, part: &str) -> Result<proto::Pod, Error> {
    let part = match part {
        "ephemeralcontainers" => PodSubresource::EphemeralContainers,
        "resize" => PodSubresource::Resize,
        "status" => PodSubresource::Status,
        _ => return Ok(pods.update(pod).await?.pod),
    };
    Ok(pods.update_subresource(pod, part).await?.pod)
}
