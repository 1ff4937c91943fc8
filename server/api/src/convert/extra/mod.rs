//! Fields that cannot change what runs on a single node: kept with the pod by their Kubernetes
//! JSON name, so that reading a pod gives back what was sent.

mod json;
mod scheduling;

use std::collections::BTreeMap;

use lifepod_proto::v1 as proto;
use serde_json::{Value, json};

pub(crate) use self::json::{owner_references_from, owner_references_to};

type Extra = BTreeMap<String, Value>;

/// `metadata.generateName`, which is metadata but has no meaning beyond being shown.
pub(crate) const GENERATE_NAME: &str = "metadata.generateName";
/// `metadata.ownerReferences`: kept and shown, not acted upon.
pub(crate) const OWNER_REFERENCES: &str = "metadata.ownerReferences";

const DEFAULT_SCHEDULER: &str = "default-scheduler";

/// What to keep of a new pod's specification, and what to tell the client about it.
pub(crate) fn keep(spec: &proto::PodSpec, warnings: &mut Vec<proto::Warning>) -> Extra {
    let mut extra = Extra::new();
    scheduling::keep(spec, &mut extra);
    let scheduling: Vec<String> = extra.keys().cloned().collect();
    for field in scheduling {
        let is_default = field == "schedulerName" && extra[&field] == DEFAULT_SCHEDULER;
        if !is_default {
            warnings.push(warning(
                &field,
                "has no effect: there is one node, which takes every pod",
            ));
        }
    }
    if !spec.image_pull_secrets.is_empty() {
        let text = "has no effect: pulls use the credentials of the server's configuration";
        warnings.push(warning("imagePullSecrets", text));
        let names = spec.image_pull_secrets.iter();
        let names: Vec<_> = names.map(|secret| json!({ "name": secret.name })).collect();
        extra.insert("imagePullSecrets".to_owned(), names.into());
    }
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            extra.insert(name.to_owned(), value);
        }
    };
    let account = &spec.service_account_name;
    put(
        "serviceAccountName",
        (!account.is_empty()).then(|| account.as_str().into()),
    );
    put(
        "automountServiceAccountToken",
        spec.automount_service_account_token.map(Value::from),
    );
    put(
        "enableServiceLinks",
        spec.enable_service_links.map(Value::from),
    );
    put(
        "hostUsers",
        spec.host_users.filter(|own| *own).map(Value::from),
    );
    put("os", spec.os.as_ref().map(|os| json!({ "name": os.name })));
    extra
}

fn warning(field: &str, message: &str) -> proto::Warning {
    proto::Warning {
        field: format!("spec.{field}"),
        message: message.to_owned(),
    }
}

/// Puts the kept fields back, with their defaults.
pub(crate) fn restore(extra: &Extra, spec: &mut proto::PodSpec) {
    scheduling::restore(extra, spec);
    if spec.scheduler_name.is_empty() {
        DEFAULT_SCHEDULER.clone_into(&mut spec.scheduler_name);
    }
    let list = extra.get("imagePullSecrets").and_then(Value::as_array);
    spec.image_pull_secrets = list
        .into_iter()
        .flatten()
        .map(|secret| proto::LocalObjectReference {
            name: json::text(secret, "name"),
        })
        .collect();
    let account = extra.get("serviceAccountName").and_then(Value::as_str);
    spec.service_account_name = account.unwrap_or_default().to_owned();
    let flag = |name: &str| extra.get(name).and_then(Value::as_bool);
    spec.automount_service_account_token = flag("automountServiceAccountToken");
    spec.enable_service_links = flag("enableServiceLinks").or(Some(true));
    spec.host_users = flag("hostUsers");
    spec.os = extra.get("os").map(|os| proto::PodOs {
        name: json::text(os, "name"),
    });
}
