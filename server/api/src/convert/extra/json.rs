//! JSON values with Kubernetes field names, to and from messages.

use lifepod_proto::v1 as proto;
use prost_types::{ListValue, Struct, Value as Wire, value::Kind};
use serde_json::{Map, Number, Value};

/// A JSON object without the fields that are empty.
pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    let kept = fields.into_iter().filter(|(_, value)| !empty(value));
    Value::Object(kept.map(|(name, value)| (name.to_owned(), value)).collect())
}

/// A text field of an object, empty if it is not there.
pub(super) fn text(object: &Value, field: &str) -> String {
    let text = object.get(field).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// A whole-number field of an object.
pub(super) fn number(object: &Value, field: &str) -> Option<i64> {
    object.get(field).and_then(Value::as_i64)
}

/// The entries of a list field of an object that are texts.
pub(super) fn texts(object: &Value, field: &str) -> Vec<String> {
    let list = object.get(field).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

pub(super) fn from_struct(fields: &Struct) -> Value {
    let convert = |(name, value): (&String, &Wire)| (name.clone(), from_wire(value));
    Value::Object(fields.fields.iter().map(convert).collect())
}

fn from_wire(value: &Wire) -> Value {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(flag)) => Value::Bool(*flag),
        Some(Kind::StringValue(text)) => Value::String(text.clone()),
        Some(Kind::NumberValue(number)) => from_number(*number),
        Some(Kind::ListValue(list)) => list.values.iter().map(from_wire).collect(),
        Some(Kind::StructValue(fields)) => from_struct(fields),
    }
}

/// Kubernetes' numbers are whole; a protobuf Struct has only floating point.
fn from_number(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        Value::from(number as i64)
    } else {
        Number::from_f64(number).map_or(Value::Null, Value::Number)
    }
}

pub(super) fn to_struct(object: &Value) -> Struct {
    let empty = Map::new();
    let fields = object.as_object().unwrap_or(&empty);
    let convert = |(name, value): (&String, &Value)| (name.clone(), to_wire(value));
    Struct {
        fields: fields.iter().map(convert).collect(),
    }
}

fn to_wire(value: &Value) -> Wire {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(*flag),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::Array(list) => Kind::ListValue(ListValue {
            values: list.iter().map(to_wire).collect(),
        }),
        Value::Object(_) => Kind::StructValue(to_struct(value)),
    };
    Wire { kind: Some(kind) }
}

pub(crate) fn owner_references_from(owners: &[proto::OwnerReference]) -> Value {
    let convert = |owner: &proto::OwnerReference| {
        object([
            ("apiVersion", owner.api_version.as_str().into()),
            ("kind", owner.kind.as_str().into()),
            ("name", owner.name.as_str().into()),
            ("uid", owner.uid.as_str().into()),
            ("controller", owner.controller.into()),
            ("blockOwnerDeletion", owner.block_owner_deletion.into()),
        ])
    };
    owners.iter().map(convert).collect()
}

pub(crate) fn owner_references_to(list: &Value) -> Vec<proto::OwnerReference> {
    let convert = |owner: &Value| proto::OwnerReference {
        api_version: text(owner, "apiVersion"),
        kind: text(owner, "kind"),
        name: text(owner, "name"),
        uid: text(owner, "uid"),
        controller: owner.get("controller").and_then(Value::as_bool),
        block_owner_deletion: owner.get("blockOwnerDeletion").and_then(Value::as_bool),
    };
    list.as_array().into_iter().flatten().map(convert).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn opaque_objects_survive_the_way_there_and_back() {
        let value = json!({
            "nodeAffinity": { "weights": [1, -5, 2.5, null, true] },
            "large": 9_007_199_254_740_992_i64,
            "text": "x",
            "empty": {},
        });
        assert_eq!(from_struct(&to_struct(&value)), value);
    }
}
