//! Volumes and where they come from.

use std::collections::BTreeMap;

use lifepod_client::{
    Word,
    proto::{self, volume::Source, volume_projection},
};
use prost_types::{Struct, Value, value::Kind};

use super::{labels, writer::Writer};
use crate::render::quantity;

pub(super) fn describe(volumes: &[proto::Volume], out: &mut Writer) {
    if volumes.is_empty() {
        out.field(0, "Volumes", "<none>");
        return;
    }
    out.line(0, "Volumes:");
    for volume in volumes {
        out.line(1, format!("{}:", volume.name));
        match &volume.source {
            Some(source) => describe_source(source, out),
            None => out.line(1, "<unknown>"),
        }
    }
}

fn describe_source(source: &Source, out: &mut Writer) {
    match source {
        Source::EmptyDir(directory) => empty_dir(directory, out),
        Source::HostPath(path) => {
            kind("HostPath (bare host directory volume)", out);
            out.field(2, "Path", &path.path);
            out.field(2, "HostPathType", path.r#type().word());
        }
        Source::ConfigMap(map) => {
            kind("ConfigMap (a volume populated by a ConfigMap)", out);
            out.field(2, "Name", &map.name);
            out.field(2, "Optional", map.optional().to_string());
        }
        Source::Secret(secret) => {
            kind("Secret (a volume populated by a Secret)", out);
            out.field(2, "SecretName", &secret.secret_name);
            out.field(2, "Optional", secret.optional().to_string());
        }
        Source::DownwardApi(fields) => downward_api(fields, out),
        Source::Projected(projected) => projections(projected, out),
        Source::Image(image) => {
            kind("Image (a container image or OCI artifact)", out);
            out.field(2, "Reference", &image.reference);
            out.field(2, "PullPolicy", image.pull_policy().word());
        }
        Source::Other(other) => describe_other(other, out),
    }
}

fn kind(text: &str, out: &mut Writer) {
    out.field(2, "Type", text);
}

fn empty_dir(directory: &proto::EmptyDirVolumeSource, out: &mut Writer) {
    kind(
        "EmptyDir (a temporary directory that shares a pod's lifetime)",
        out,
    );
    out.field(2, "Medium", &directory.medium);
    let is_limited = quantity::parse(&directory.size_limit).is_some_and(|limit| limit > 0);
    let limit = if is_limited {
        directory.size_limit.as_str()
    } else {
        "<unset>"
    };
    out.field(2, "SizeLimit", limit);
}

fn downward_api(fields: &proto::DownwardApiVolumeSource, out: &mut Writer) {
    kind(
        "DownwardAPI (a volume populated by information about the pod)",
        out,
    );
    out.line(2, "Items:");
    for item in &fields.items {
        if let Some(field) = &item.field_ref {
            out.line(3, format!("{} -> {}", field.field_path, item.path));
        }
        if let Some(resource) = &item.resource_field_ref {
            out.line(3, format!("{} -> {}", resource.resource, item.path));
        }
    }
}

fn projections(projected: &proto::ProjectedVolumeSource, out: &mut Writer) {
    kind(
        "Projected (a volume that contains injected data from multiple sources)",
        out,
    );
    for projection in &projected.sources {
        match &projection.source {
            Some(volume_projection::Source::Secret(secret)) => {
                out.field(2, "SecretName", &secret.secret_name);
                out.field(2, "Optional", secret.optional().to_string());
            }
            Some(volume_projection::Source::ConfigMap(map)) => {
                out.field(2, "ConfigMapName", &map.name);
                out.field(2, "Optional", map.optional().to_string());
            }
            Some(volume_projection::Source::DownwardApi(_)) => out.field(2, "DownwardAPI", "true"),
            Some(volume_projection::Source::ServiceAccountToken(token)) => {
                let seconds = token.expiration_seconds.unwrap_or(3600);
                out.field(2, "TokenExpirationSeconds", seconds.to_string());
            }
            Some(volume_projection::Source::Other(_)) | None => {}
        }
    }
}

/// Sources that only other servers than Lifepod's own have: the usual ones in full, the rest by name.
fn describe_other(other: &proto::OtherVolumeSource, out: &mut Writer) {
    let config = other.config.clone().unwrap_or_default();
    match other.r#type.as_str() {
        "persistentVolumeClaim" => {
            kind(
                "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
                out,
            );
            out.field(2, "ClaimName", text(&config, "claimName"));
            out.field(2, "ReadOnly", flag(&config, "readOnly"));
        }
        "nfs" => {
            kind("NFS (an NFS mount that lasts the lifetime of a pod)", out);
            out.field(2, "Server", text(&config, "server"));
            out.field(2, "Path", text(&config, "path"));
            out.field(2, "ReadOnly", flag(&config, "readOnly"));
        }
        "csi" => csi(&config, out),
        "ephemeral" => ephemeral(&config, out),
        name => kind(name, out),
    }
}

fn csi(config: &Struct, out: &mut Writer) {
    kind(
        "CSI (a Container Storage Interface (CSI) volume source)",
        out,
    );
    out.field(2, "Driver", text(config, "driver"));
    out.field(2, "FSType", text(config, "fsType"));
    out.field(2, "ReadOnly", flag(config, "readOnly"));
    let attributes = texts(config, "volumeAttributes");
    out.part(2, "VolumeAttributes:\t");
    if attributes.is_empty() {
        out.line(0, "<none>");
    }
    for (index, (name, value)) in attributes.iter().enumerate() {
        if index > 0 {
            out.part(2, "");
            out.part(2, "\t");
        }
        out.line(2, format!("{name}={value}"));
    }
}

fn ephemeral(config: &Struct, out: &mut Writer) {
    kind(
        "EphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)",
        out,
    );
    let Some(template) = object(config, "volumeClaimTemplate") else {
        return;
    };
    let metadata = object(template, "metadata").cloned().unwrap_or_default();
    let spec = object(template, "spec").cloned().unwrap_or_default();
    out.nested(2, |out| {
        out.field(0, "StorageClass", text(&spec, "storageClassName"));
        out.field(0, "Volume", text(&spec, "volumeName"));
        labels::nested("Labels", &texts(&metadata, "labels"), out);
        labels::nested("Annotations", &texts(&metadata, "annotations"), out);
        out.field(0, "Capacity", "");
        out.field(0, "Access Modes", "");
        let mode = text(&spec, "volumeMode");
        if !mode.is_empty() {
            out.field(0, "VolumeMode", mode);
        }
    });
}

fn kind_of<'a>(fields: &'a Struct, name: &str) -> Option<&'a Kind> {
    fields
        .fields
        .get(name)
        .and_then(|value| value.kind.as_ref())
}

fn object<'a>(fields: &'a Struct, name: &str) -> Option<&'a Struct> {
    match kind_of(fields, name) {
        Some(Kind::StructValue(fields)) => Some(fields),
        _ => None,
    }
}

fn text(fields: &Struct, name: &str) -> String {
    match kind_of(fields, name) {
        Some(Kind::StringValue(text)) => text.clone(),
        _ => String::new(),
    }
}

fn flag(fields: &Struct, name: &str) -> &'static str {
    match kind_of(fields, name) {
        Some(Kind::BoolValue(true)) => "true",
        _ => "false",
    }
}

fn texts(fields: &Struct, name: &str) -> BTreeMap<String, String> {
    let Some(fields) = object(fields, name) else {
        return BTreeMap::new();
    };
    let pair = |(key, value): (&String, &Value)| match &value.kind {
        Some(Kind::StringValue(text)) => Some((key.clone(), text.clone())),
        _ => None,
    };
    fields.fields.iter().filter_map(pair).collect()
}
