//! Environment variables and where they come from.

use lifepod_proto::v1::{self as proto, env_from_source, env_var_source};

use crate::manifest::{
    codec::{Bool, Conflict, Divisor, Keep, List, Number, Obj, Opt, Text},
    object::object,
};

object! {
    proto::EnvVar = "EnvVar" {
        "name" => name: Keep(Text),
        "value" => value: Text,
        "valueFrom" => value_from: Opt(Obj),
    }
}

object! {
    proto::EnvVarSource = "EnvVarSource" {}
    oneof source: env_var_source::Source, in "",
    else Conflict::InvalidAbove("may not have more than one field specified at a time"); {
        "fieldRef" => FieldRef: Obj,
        "resourceFieldRef" => ResourceFieldRef: Obj,
        "configMapKeyRef" => ConfigMapKeyRef: Obj,
        "secretKeyRef" => SecretKeyRef: Obj,
        "fileKeyRef" => FileKeyRef: Obj,
    }
}

object! {
    proto::ObjectFieldSelector = "ObjectFieldSelector" {
        "apiVersion" => api_version: Text,
        "fieldPath" => field_path: Keep(Text),
    }
}

object! {
    proto::ResourceFieldSelector = "ResourceFieldSelector" {
        "containerName" => container_name: Text,
        "resource" => resource: Keep(Text),
        "divisor" => divisor: Divisor,
    }
}

object! {
    proto::KeySelector = "ConfigMapKeySelector" {
        "name" => name: Text,
        "key" => key: Keep(Text),
        "optional" => optional: Opt(Bool),
    }
}

object! {
    proto::FileKeySelector = "FileKeySelector" {
        "volumeName" => volume_name: Keep(Text),
        "path" => path: Keep(Text),
        "key" => key: Keep(Text),
        "optional" => optional: Opt(Bool),
    }
}

object! {
    proto::EnvFromSource = "EnvFromSource" {
        "prefix" => prefix: Text,
    }
    oneof source: env_from_source::Source, in "",
    else Conflict::InvalidAbove("may not have more than one field specified at a time"); {
        "configMapRef" => ConfigMapRef: Obj,
        "secretRef" => SecretRef: Obj,
    }
}

object! {
    proto::EnvSourceReference = "ConfigMapEnvSource" {
        "name" => name: Text,
        "optional" => optional: Opt(Bool),
    }
}

object! {
    proto::KeyToPath = "KeyToPath" {
        "key" => key: Keep(Text),
        "path" => path: Keep(Text),
        "mode" => mode: Opt(Number),
    }
}

object! {
    proto::DownwardApiVolumeFile = "DownwardAPIVolumeFile" {
        "path" => path: Keep(Text),
        "fieldRef" => field_ref: Opt(Obj),
        "resourceFieldRef" => resource_field_ref: Opt(Obj),
        "mode" => mode: Opt(Number),
    }
}

object! {
    proto::DownwardApiVolumeSource = "DownwardAPIVolumeSource" {
        "items" => items: List(Obj),
        "defaultMode" => default_mode: Opt(Number),
    }
}
