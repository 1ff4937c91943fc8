//! `metadata` (kubernetes `pkg/apis/meta/v1/validation`, apimachinery `pkg/api/validation`).

use serde_json::Value;

use super::{
    Violations,
    names::{dns_label, dns_subdomain, dns_subdomain_prefix, label_value, qualified_name},
};
use crate::NewPod;

const MAX_ANNOTATIONS: usize = 256 * 1024;
const SECCOMP: &str = "seccomp.security.alpha.kubernetes.io/pod";
const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

pub(super) fn check(pod: &NewPod, v: &mut Violations) {
    names(pod, v);
    for (key, value) in &pod.labels {
        v.form("metadata.labels", key, qualified_name(key));
        v.form("metadata.labels", value, label_value(value));
    }
    annotations(pod, v);
    finalizers(&pod.finalizers, v);
    let owners = pod.spec.extra.get("metadata.ownerReferences");
    if let Some(owners) = owners.and_then(Value::as_array) {
        owner_references(owners, v);
    }
}

fn names(pod: &NewPod, v: &mut Violations) {
    let prefix = pod.spec.extra.get("metadata.generateName");
    if let Some(prefix) = prefix.and_then(Value::as_str) {
        v.form(
            "metadata.generateName",
            prefix,
            dns_subdomain_prefix(prefix),
        );
    }
    let name = &*pod.key.name;
    if name.is_empty() {
        v.required("metadata.name", "name or generateName is required");
    } else {
        v.form("metadata.name", name, dns_subdomain(name));
    }
    let namespace = &*pod.key.namespace;
    v.form("metadata.namespace", namespace, dns_label(namespace));
}

fn annotations(pod: &NewPod, v: &mut Violations) {
    for (key, value) in &pod.annotations {
        v.form(
            "metadata.annotations",
            key,
            qualified_name(&key.to_lowercase()),
        );
        if key == SECCOMP && !is_seccomp_profile(value) {
            let field = format!("metadata.annotations.{SECCOMP}");
            v.invalid(field, value, "must be a valid seccomp profile");
        }
        if let Some(container) = key.strip_prefix(APP_ARMOR) {
            app_armor(pod, key, container, value, v);
        }
    }
    let size: usize = pod
        .annotations
        .iter()
        .map(|(k, value)| k.len() + value.len())
        .sum();
    if size > MAX_ANNOTATIONS {
        v.too_long("metadata.annotations", MAX_ANNOTATIONS);
    }
}

fn is_seccomp_profile(text: &str) -> bool {
    matches!(text, "runtime/default" | "docker/default" | "unconfined")
        || text
            .strip_prefix("localhost/")
            .is_some_and(|path| !path.is_empty())
}

/// The form of before `appArmorProfile`, which manifests still carry.
fn app_armor(pod: &NewPod, key: &str, container: &str, profile: &str, v: &mut Violations) {
    let field = format!("metadata.annotations[{key}]");
    let mut all = pod.spec.containers.iter().chain(&pod.spec.init_containers);
    if !all.any(|known| known.name == container) {
        v.invalid(field, container, "container not found");
        return;
    }
    let known = matches!(profile, "" | "runtime/default" | "unconfined")
        || profile.starts_with("localhost/");
    if !known {
        let detail = format!("invalid AppArmor profile name: {profile:?}");
        v.invalid(field, profile, &detail);
    }
}

/// A finalizer is qualified, or one of Kubernetes' own.
fn finalizers(names: &[String], v: &mut Violations) {
    const FIELD: &str = "metadata.finalizers";
    const STANDARD: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];
    for (index, name) in names.iter().enumerate() {
        let path = format!("{FIELD}[{index}]");
        let errors = qualified_name(name);
        if errors.is_empty() && !name.contains('/') && !STANDARD.contains(&name.as_str()) {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            v.invalid(&*path, name, detail);
        }
        v.form(FIELD, name, errors.clone());
        v.form(&path, name, errors);
    }
    let has = |name: &str| names.iter().any(|known| known == name);
    if has("orphan") && has("foregroundDeletion") {
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        v.invalid(FIELD, names, detail);
    }
}

fn owner_references(owners: &[Value], v: &mut Violations) {
    let text = |owner: &Value, field: &str| {
        let text = owner.get(field).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    for owner in owners {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if text(owner, field).is_empty() {
                let path = format!("metadata.ownerReferences.{field}");
                v.invalid(path, "", "must not be empty");
            }
        }
        if text(owner, "apiVersion") == "v1" && text(owner, "kind") == "Event" {
            let detail = "/v1, Kind=Event is disallowed from being an owner";
            v.invalid("metadata.ownerReferences", text(owner, "name"), detail);
        }
    }
    let controllers = owners.iter().filter(|owner| owner["controller"] == true);
    let names: Vec<_> = controllers.map(|owner| text(owner, "name")).collect();
    if let [first, second, ..] = names.as_slice() {
        let detail = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {second}"
        );
        v.invalid("metadata.ownerReferences", &names, &detail);
    }
}
