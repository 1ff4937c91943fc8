//! Volumes.
//!
//! Sources that Lifepod does not serve are carried by name, with their content as it is: the server refuses them by
//! name, and whoever only looks at a pod still sees them.

use lifepod_proto::v1::{self as proto, volume::Source, volume_projection};
use serde_json::{Map, Value as Json};

use super::words;
use crate::manifest::{
    codec::{Bool, Codec, Conflict, Enum, Keep, List, Number, Obj, Opaque, Opt, Quantity, Text},
    node::Node,
    object::{Object, object, put},
    read::Reader,
};

/// Every other volume source of Kubernetes.
const OTHER_SOURCES: [&str; 23] = [
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "csi",
    "ephemeral",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "iscsi",
    "nfs",
    "persistentVolumeClaim",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
];
const OTHER_PROJECTIONS: [&str; 2] = ["clusterTrustBundle", "podCertificate"];

object! {
    proto::Volume = "Volume" {
        "name" => name: Keep(Text),
    }
    extra read_other_source, write_other_source;
    oneof source: Source, in "VolumeSource",
    else Conflict::Forbidden("may not specify more than 1 volume type"); {
        "emptyDir" => EmptyDir: Obj,
        "hostPath" => HostPath: Obj,
        "configMap" => ConfigMap: Obj,
        "secret" => Secret: Obj,
        "downwardAPI" => DownwardApi: Obj,
        "projected" => Projected: Obj,
        "image" => Image: Obj,
    }
}

fn read_other_source(
    volume: &mut proto::Volume,
    name: &str,
    node: &Node,
    reader: &mut Reader,
) -> bool {
    if !OTHER_SOURCES.contains(&name) {
        return false;
    }
    if node.is_null() {
        return true;
    }
    if volume.source.is_some() {
        Conflict::Forbidden("may not specify more than 1 volume type").tell(node, reader);
        return true;
    }
    volume.source = Some(Source::Other(other(name, node, reader)));
    true
}

fn write_other_source(volume: &proto::Volume, fields: &mut Map<String, Json>) {
    if let Some(Source::Other(other)) = &volume.source {
        write_other(other, fields);
    }
}

fn other(name: &str, node: &Node, reader: &mut Reader) -> proto::OtherVolumeSource {
    let mut config = None;
    Opt(Opaque).read(&mut config, node, reader);
    proto::OtherVolumeSource {
        r#type: name.to_owned(),
        config,
    }
}

fn write_other(other: &proto::OtherVolumeSource, fields: &mut Map<String, Json>) {
    let config = Opt(Opaque).encode(&other.config);
    put(fields, &other.r#type, Some(config));
}

object! {
    proto::EmptyDirVolumeSource = "EmptyDirVolumeSource" {
        "medium" => medium: Text,
        "sizeLimit" => size_limit: Quantity,
    }
}

object! {
    proto::HostPathVolumeSource = "HostPathVolumeSource" {
        "path" => path: Keep(Text),
        "type" => r#type: Keep(Enum(&words::HOST_PATH_TYPE)),
    }
}

object! {
    proto::ConfigMapVolumeSource = "ConfigMapVolumeSource" {
        "name" => name: Text,
        "items" => items: List(Obj),
        "defaultMode" => default_mode: Opt(Number),
        "optional" => optional: Opt(Bool),
    }
}

object! {
    proto::SecretVolumeSource = "SecretVolumeSource" {
        "secretName" => secret_name: Text,
        "items" => items: List(Obj),
        "defaultMode" => default_mode: Opt(Number),
        "optional" => optional: Opt(Bool),
    }
}

object! {
    proto::ProjectedVolumeSource = "ProjectedVolumeSource" {
        "sources" => sources: Keep(List(Obj)),
        "defaultMode" => default_mode: Opt(Number),
    }
}

object! {
    proto::VolumeProjection = "VolumeProjection" {}
    extra read_other_projection, write_other_projection;
    oneof source: volume_projection::Source, in "",
    else Conflict::ForbiddenAbove("may not specify more than 1 volume type per source"); {
        "configMap" => ConfigMap: Projected,
        "secret" => Secret: Projected,
        "downwardAPI" => DownwardApi: Obj,
        "serviceAccountToken" => ServiceAccountToken: Obj,
    }
}

fn read_other_projection(
    projection: &mut proto::VolumeProjection,
    name: &str,
    node: &Node,
    reader: &mut Reader,
) -> bool {
    if !OTHER_PROJECTIONS.contains(&name) {
        return false;
    }
    projection.source = Some(volume_projection::Source::Other(other(name, node, reader)));
    true
}

fn write_other_projection(projection: &proto::VolumeProjection, fields: &mut Map<String, Json>) {
    if let Some(volume_projection::Source::Other(other)) = &projection.source {
        write_other(other, fields);
    }
}

/// A ConfigMap or Secret within a projected volume: both are named `name`, and have no mode of their own.
struct Projected;

#[derive(Default)]
struct NamedSource {
    name: String,
    items: Vec<proto::KeyToPath>,
    optional: Option<bool>,
}

object! {
    NamedSource = "SecretProjection" {
        "name" => name: Text,
        "items" => items: List(Obj),
        "optional" => optional: Opt(Bool),
    }
}

macro_rules! projected {
    ($message:ty, $name:ident) => {
        impl Codec<$message> for Projected {
            fn go_type(&self) -> String {
                format!("v1.{}", NamedSource::KIND)
            }

            fn read(&self, target: &mut $message, node: &Node, reader: &mut Reader) {
                let mut source = NamedSource::default();
                Obj.read(&mut source, node, reader);
                target.$name = source.name;
                target.items = source.items;
                target.optional = source.optional;
            }

            fn encode(&self, value: &$message) -> Json {
                let source = NamedSource {
                    name: value.$name.clone(),
                    items: value.items.clone(),
                    optional: value.optional,
                };
                source.to_json()
            }

            fn is_left_out(&self, _: &$message) -> bool {
                false
            }
        }
    };
}
projected!(proto::ConfigMapVolumeSource, name);
projected!(proto::SecretVolumeSource, secret_name);

object! {
    proto::ServiceAccountTokenProjection = "ServiceAccountTokenProjection" {
        "audience" => audience: Text,
        "expirationSeconds" => expiration_seconds: Opt(Number),
        "path" => path: Keep(Text),
    }
}

object! {
    proto::ImageVolumeSource = "ImageVolumeSource" {
        "reference" => reference: Text,
        "pullPolicy" => pull_policy: Enum(&words::PULL_POLICY),
    }
}
