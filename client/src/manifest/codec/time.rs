//! Times.

use prost_types::Timestamp;
use serde_json::Value as Json;

use super::Codec;
use crate::{
    manifest::{node::Node, read::Reader},
    time,
};

/// A time, in seconds; left out when absent.
pub(in crate::manifest) struct Time;

impl Codec<Option<Timestamp>> for Time {
    fn go_type(&self) -> String {
        "v1.Time".to_owned()
    }

    fn read(&self, target: &mut Option<Timestamp>, node: &Node, reader: &mut Reader) {
        if node.is_null() {
            return;
        }
        let Some(text) = node.text() else {
            return reader.wrong_type(node, "string");
        };
        match time::parse(text) {
            Some(time) => *target = Some(time),
            None => {
                let layout = "2006-01-02T15:04:05Z07:00";
                let message = format!(
                    "parsing time {text:?} as \"{layout}\": cannot parse {text:?} as \"2006\""
                );
                reader.failure(node, message);
            }
        }
    }

    fn encode(&self, value: &Option<Timestamp>) -> Json {
        match value {
            Some(time) => Json::String(time::format_seconds(time)),
            None => Json::Null,
        }
    }

    fn is_left_out(&self, value: &Option<Timestamp>) -> bool {
        value.is_none()
    }
}

/// A time that is written as null when absent.
pub(in crate::manifest) struct NullableTime;

impl Codec<Option<Timestamp>> for NullableTime {
    fn go_type(&self) -> String {
        Time.go_type()
    }

    fn read(&self, target: &mut Option<Timestamp>, node: &Node, reader: &mut Reader) {
        Time.read(target, node, reader);
    }

    fn encode(&self, value: &Option<Timestamp>) -> Json {
        Time.encode(value)
    }

    fn is_left_out(&self, _: &Option<Timestamp>) -> bool {
        false
    }
}
