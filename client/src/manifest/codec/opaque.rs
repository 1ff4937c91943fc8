//! Parts of a manifest that are carried as they are.

use std::collections::BTreeMap;

use prost_types::{ListValue, Struct, Value as Any, value::Kind};
use serde_json::Value as Json;

use super::Codec;
use crate::manifest::{
    node::{Node, Scalar, Value},
    read::Reader,
};

/// A map of any content.
pub(in crate::manifest) struct Opaque;

impl Codec<Struct> for Opaque {
    fn go_type(&self) -> String {
        "object".to_owned()
    }

    fn read(&self, target: &mut Struct, node: &Node, reader: &mut Reader) {
        match from_node(node).kind {
            Some(Kind::StructValue(fields)) => *target = fields,
            Some(Kind::NullValue(_)) => {}
            _ => reader.wrong_type(node, "object"),
        }
    }

    fn encode(&self, value: &Struct) -> Json {
        fields_to_json(&value.fields)
    }

    fn is_left_out(&self, value: &Struct) -> bool {
        value.fields.is_empty()
    }
}

fn from_node(node: &Node) -> Any {
    let kind = match &node.value {
        Value::Scalar(Scalar::Null) => Kind::NullValue(0),
        Value::Scalar(Scalar::Bool(value)) => Kind::BoolValue(*value),
        #[expect(
            clippy::cast_precision_loss,
            reason = "the opaque form knows no other numbers"
        )]
        Value::Scalar(Scalar::Int(value)) => Kind::NumberValue(*value as f64),
        Value::Scalar(Scalar::Float(value)) => Kind::NumberValue(*value),
        Value::Scalar(Scalar::Text(text)) => Kind::StringValue(text.clone()),
        Value::List(items) => Kind::ListValue(ListValue {
            values: items.iter().map(from_node).collect(),
        }),
        Value::Map(entries) => Kind::StructValue(Struct {
            fields: entries
                .iter()
                .map(|entry| (entry.key.clone(), from_node(&entry.node)))
                .collect(),
        }),
    };
    Any { kind: Some(kind) }
}

fn fields_to_json(fields: &BTreeMap<String, Any>) -> Json {
    let field = |(name, value): (&String, &Any)| (name.clone(), to_json(value));
    Json::Object(fields.iter().map(field).collect())
}

fn to_json(value: &Any) -> Json {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(value)) => Json::Bool(*value),
        Some(Kind::StringValue(text)) => Json::String(text.clone()),
        Some(Kind::ListValue(list)) => Json::Array(list.values.iter().map(to_json).collect()),
        Some(Kind::StructValue(fields)) => fields_to_json(&fields.fields),
        Some(Kind::NumberValue(number)) => number_to_json(*number),
    }
}

/// Whole numbers come back without a fraction.
fn number_to_json(number: f64) -> Json {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked: whole and below 2^53"
    )]
    if number.fract() == 0.0 && number.abs() < 9.0e15 {
        Json::from(number as i64)
    } else {
        Json::from(number)
    }
}
