//! How single values are read and written.

mod collection;
mod opaque;
mod quantity;
mod scalar;
mod time;

use serde_json::Value as Json;

use super::{node::Node, read::Reader};

pub(super) use collection::{Dict, List, Obj, Opt};
pub(super) use opaque::Opaque;
pub(super) use quantity::{Divisor, Quantity};
pub(super) use scalar::{
    Bool, Enum, EnumGiven, IntOrText, Keep, Names, Number, NumberText, Text, UnindexedEnum,
};
pub(super) use time::{NullableTime, Time};

/// Reads and writes values of one form.
pub(super) trait Codec<T> {
    /// Go's name of the type, for its texts.
    fn go_type(&self) -> String;

    /// Reads a value; null leaves it as it is.
    fn read(&self, target: &mut T, node: &Node, reader: &mut Reader);

    /// Writes a value.
    fn encode(&self, value: &T) -> Json;

    /// Whether Kubernetes leaves the field out.
    fn is_left_out(&self, value: &T) -> bool;

    /// Writes a value unless Kubernetes leaves the field out.
    fn write(&self, value: &T) -> Option<Json> {
        (!self.is_left_out(value)).then(|| self.encode(value))
    }
}

/// What is said when a second field of a group is there of which one may be.
pub(super) enum Conflict {
    /// On the second field itself.
    Forbidden(&'static str),
    /// On the object that holds them.
    ForbiddenAbove(&'static str),
    /// On the object that holds them, as a bad value of it.
    InvalidAbove(&'static str),
}

impl Conflict {
    pub(super) fn tell(&self, node: &Node, reader: &mut Reader) {
        match self {
            Self::Forbidden(text) => {
                reader.violation(node, "FieldValueForbidden", format!("Forbidden: {text}"));
            }
            Self::ForbiddenAbove(text) => {
                let text = format!("Forbidden: {text}");
                reader.violation_above(node, "FieldValueForbidden", text);
            }
            Self::InvalidAbove(text) => {
                let text = format!("Invalid value: \"\": {text}");
                reader.violation_above(node, "FieldValueInvalid", text);
            }
        }
    }
}
