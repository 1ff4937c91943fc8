//! A pod as clients read it: metadata, and the parts a view carries.

use lifepod_lifecycle::{Pod, id::PodKey, port::Record, spec::PodSpec};
use lifepod_proto::v1 as proto;

use super::{extra, spec_out, status, time};

/// What of a pod is carried.
pub(crate) use proto::PodView as View;

/// The view a request asks for; one that is not known counts as the default, as it must for a
/// client that is newer than the server.
pub(crate) fn view(given: i32) -> View {
    match View::try_from(given) {
        Ok(View::Unspecified) | Err(_) => View::Full,
        Ok(view) => view,
    }
}

/// Converts pods for clients; knows what a pod itself does not.
#[derive(Clone, Debug)]
pub(crate) struct Face {
    /// Addresses of the node.
    pub node_ips: Vec<String>,
}

impl Face {
    /// The whole pod.
    pub(crate) fn full(&self, pod: &Pod) -> proto::Pod {
        self.pod(pod, View::Full)
    }

    /// The pod by a view; metadata alone for a view without pods.
    pub(crate) fn pod(&self, pod: &Pod, view: View) -> proto::Pod {
        proto::Pod {
            metadata: Some(metadata(pod)),
            spec: (view == View::Full).then(|| spec_out::spec(pod)),
            status: (view != View::TransitionsOnly).then(|| status::status(pod, &self.node_ips)),
        }
    }
}

fn metadata(pod: &Pod) -> proto::ObjectMeta {
    let meta = &pod.meta;
    let (generate_name, owner_references) = kept(&pod.spec);
    proto::ObjectMeta {
        name: meta.key.name.to_string(),
        generate_name: generate_name.to_owned(),
        namespace: meta.key.namespace.to_string(),
        uid: meta.uid.to_string(),
        revision: pod.revision.0,
        generation: meta.generation,
        creation_timestamp: Some(time::seconds(meta.created_at)),
        deletion_timestamp: meta
            .deletion
            .map(|deletion| time::seconds(deletion.deadline)),
        deletion_grace_period_seconds: meta.deletion.map(|deletion| deletion.grace.into()),
        labels: (*meta.labels).clone(),
        annotations: (*meta.annotations).clone(),
        finalizers: meta.finalizers.clone(),
        owner_references,
    }
}

/// The metadata that is kept with the specification: the prefix of a generated name, the owners.
pub(crate) fn kept(spec: &PodSpec) -> (&str, Vec<proto::OwnerReference>) {
    let generate_name = spec.extra.get(extra::GENERATE_NAME);
    let owners = spec.extra.get(extra::OWNER_REFERENCES);
    (
        generate_name.and_then(|v| v.as_str()).unwrap_or_default(),
        owners.map(extra::owner_references_to).unwrap_or_default(),
    )
}

pub(crate) fn reference(pod: &Pod) -> proto::PodReference {
    proto::PodReference {
        namespace: pod.meta.key.namespace.to_string(),
        name: pod.meta.key.name.to_string(),
        uid: pod.meta.uid.to_string(),
    }
}

/// The key that a namespace and a name of a request mean.
pub(crate) fn key(namespace: &str, name: &str) -> PodKey {
    let namespace = if namespace.is_empty() {
        super::spec_in::DEFAULT_NAMESPACE
    } else {
        namespace
    };
    PodKey::new(namespace, name)
}

/// Whether the pod came to be with this record.
pub(crate) fn creates(record: &Record) -> bool {
    use lifepod_lifecycle::transition::Subject;
    let created = |t: &lifepod_lifecycle::transition::Transition| {
        t.subject == Subject::Object && t.to == "Created"
    };
    record.transitions.iter().any(created)
}
