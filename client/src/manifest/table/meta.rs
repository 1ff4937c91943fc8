//! The pod itself and its metadata.

use lifepod_proto::v1 as proto;
use serde_json::{Map, Value as Json};

use crate::manifest::{
    codec::{Bool, Codec, Dict, Keep, List, Number, NumberText, Obj, Opt, Text, Time},
    node::Node,
    object::object,
    read::Reader,
};

/// A pod with its `apiVersion` and `kind`.
#[derive(Default)]
pub(in crate::manifest) struct Typed(pub(in crate::manifest) proto::Pod);

impl crate::manifest::object::Object for Typed {
    const KIND: &'static str = "Pod";

    fn read_field(&mut self, name: &str, node: &Node, reader: &mut Reader) -> bool {
        match name {
            // Looked at before.
            "apiVersion" | "kind" => {}
            "metadata" => Opt(Obj).read(&mut self.0.metadata, node, reader),
            "spec" => Opt(Obj).read(&mut self.0.spec, node, reader),
            "status" => Opt(Obj).read(&mut self.0.status, node, reader),
            _ => return false,
        }
        true
    }

    fn write_fields(&self, fields: &mut Map<String, Json>) {
        fields.insert("apiVersion".to_owned(), Json::from("v1"));
        fields.insert("kind".to_owned(), Json::from("Pod"));
        let metadata = Keep(Opt(Obj)).encode(&self.0.metadata);
        fields.insert("metadata".to_owned(), metadata);
        crate::manifest::object::put(fields, "spec", Opt(Obj).write(&self.0.spec));
        crate::manifest::object::put(fields, "status", Opt(Obj).write(&self.0.status));
    }
}

object! {
    proto::ObjectMeta = "ObjectMeta" {
        "name" => name: Text,
        "generateName" => generate_name: Text,
        "namespace" => namespace: Text,
        "uid" => uid: Text,
        "resourceVersion" => revision: NumberText,
        "generation" => generation: Number,
        "creationTimestamp" => creation_timestamp: Time,
        "deletionTimestamp" => deletion_timestamp: Time,
        "deletionGracePeriodSeconds" => deletion_grace_period_seconds: Opt(Number),
        "labels" => labels: Dict(Text, "map[string]string"),
        "annotations" => annotations: Dict(Text, "map[string]string"),
        "finalizers" => finalizers: List(Text),
        "ownerReferences" => owner_references: List(Obj),
    }
    extra skip_bookkeeping, write_nothing;
}

/// Fields Kubernetes keeps for itself and ignores on create.
fn skip_bookkeeping(_: &mut proto::ObjectMeta, name: &str, _: &Node, _: &mut Reader) -> bool {
    matches!(name, "managedFields" | "selfLink")
}

fn write_nothing(_: &proto::ObjectMeta, _: &mut Map<String, Json>) {}

object! {
    proto::OwnerReference = "OwnerReference" {
        "apiVersion" => api_version: Keep(Text),
        "kind" => kind: Keep(Text),
        "name" => name: Keep(Text),
        "uid" => uid: Keep(Text),
        "controller" => controller: Opt(Bool),
        "blockOwnerDeletion" => block_owner_deletion: Opt(Bool),
    }
}
