//! Environment variables.

use lifepod_lifecycle::{
    spec::{EnvVar, EnvVarSource, Quantity},
    validate::Violations,
};
use lifepod_proto::v1 as proto;
use proto::env_var_source::Source;

use super::{NOT_YET, pod::filled};

pub(super) fn convert(path: &str, given: &[proto::EnvVar], v: &mut Violations) -> Vec<EnvVar> {
    let convert = |(index, var): (usize, &proto::EnvVar)| {
        let path = format!("{path}.env[{index}].valueFrom");
        EnvVar {
            name: var.name.clone(),
            value: var.value.clone(),
            value_from: var
                .value_from
                .as_ref()
                .and_then(|from| source(&path, from, v)),
        }
    };
    given.iter().enumerate().map(convert).collect()
}

fn source(path: &str, given: &proto::EnvVarSource, v: &mut Violations) -> Option<EnvVarSource> {
    let refused = match &given.source {
        Some(Source::FieldRef(field)) => {
            let version = field.api_version.as_str();
            if !matches!(version, "" | "v1") {
                let detail =
                    format!("error converting fieldPath: unsupported pod version: {version}");
                v.invalid(
                    format!("{path}.fieldRef.fieldPath"),
                    &field.field_path,
                    &detail,
                );
            }
            return Some(EnvVarSource::Field {
                path: field.field_path.clone(),
            });
        }
        Some(Source::ResourceFieldRef(field)) => return Some(resource(path, field, v)),
        Some(Source::ConfigMapKeyRef(_)) => "configMapKeyRef",
        Some(Source::SecretKeyRef(_)) => "secretKeyRef",
        Some(Source::FileKeyRef(_)) => "fileKeyRef",
        None => {
            let detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
            v.invalid(path, "", detail);
            return None;
        }
    };
    v.forbidden(format!("{path}.{refused}"), NOT_YET);
    None
}

fn resource(path: &str, given: &proto::ResourceFieldSelector, v: &mut Violations) -> EnvVarSource {
    let divisor = filled(&given.divisor).and_then(|text| {
        text.parse::<Quantity>()
            .map_err(|error| {
                let path = format!("{path}.resourceFieldRef.divisor");
                v.invalid(path, &text, &error.to_string());
            })
            .ok()
    });
    EnvVarSource::Resource {
        container: filled(&given.container_name),
        resource: given.resource.clone(),
        // A divisor of zero is how an absent one is written.
        divisor: divisor.filter(|divisor| divisor.millis() != 0),
    }
}
