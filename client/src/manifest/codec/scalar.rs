//! Text, numbers, truth values and enumerations.

use lifepod_proto::v1::{IntOrString, int_or_string};
use serde_json::Value as Json;

use super::Codec;
use crate::manifest::{
    node::{Node, Scalar, Value},
    read::Reader,
};

/// Text; left out when empty.
pub(in crate::manifest) struct Text;

impl Codec<String> for Text {
    fn go_type(&self) -> String {
        "string".to_owned()
    }

    fn read(&self, target: &mut String, node: &Node, reader: &mut Reader) {
        match &node.value {
            Value::Scalar(Scalar::Text(text)) => target.clone_from(text),
            Value::Scalar(Scalar::Null) => {}
            _ => reader.wrong_type(node, "string"),
        }
    }

    fn encode(&self, value: &String) -> Json {
        Json::String(value.clone())
    }

    fn is_left_out(&self, value: &String) -> bool {
        value.is_empty()
    }
}

/// A truth value; left out when false.
pub(in crate::manifest) struct Bool;

impl Codec<bool> for Bool {
    fn go_type(&self) -> String {
        "bool".to_owned()
    }

    fn read(&self, target: &mut bool, node: &Node, reader: &mut Reader) {
        match &node.value {
            Value::Scalar(Scalar::Bool(value)) => *target = *value,
            Value::Scalar(Scalar::Null) => {}
            _ => reader.wrong_type(node, "bool"),
        }
    }

    fn encode(&self, value: &bool) -> Json {
        Json::Bool(*value)
    }

    fn is_left_out(&self, value: &bool) -> bool {
        !value
    }
}

/// A whole number; left out when 0.
pub(in crate::manifest) struct Number;

macro_rules! number {
    ($rust:ty, $go:literal) => {
        impl Codec<$rust> for Number {
            fn go_type(&self) -> String {
                $go.to_owned()
            }

            fn read(&self, target: &mut $rust, node: &Node, reader: &mut Reader) {
                if let Some(value) = whole(node, $go, reader) {
                    match <$rust>::try_from(value) {
                        Ok(value) => *target = value,
                        Err(_) => reader.wrong_number(node, &value.to_string(), $go),
                    }
                }
            }

            fn encode(&self, value: &$rust) -> Json {
                Json::from(*value)
            }

            fn is_left_out(&self, value: &$rust) -> bool {
                *value == 0
            }
        }
    };
}
number!(i32, "int32");
number!(i64, "int64");

fn whole(node: &Node, go_type: &str, reader: &mut Reader) -> Option<i128> {
    match &node.value {
        Value::Scalar(Scalar::Null) => None,
        Value::Scalar(scalar @ (Scalar::Int(_) | Scalar::Float(_))) => {
            let value = scalar.whole();
            if let (None, Scalar::Float(fraction)) = (value, scalar) {
                reader.wrong_number(node, &fraction.to_string(), go_type);
            }
            value
        }
        _ => {
            reader.wrong_type(node, go_type);
            None
        }
    }
}

/// A number that Kubernetes writes as text (`resourceVersion`); 0 is left out.
pub(in crate::manifest) struct NumberText;

impl Codec<u64> for NumberText {
    fn go_type(&self) -> String {
        "string".to_owned()
    }

    fn read(&self, target: &mut u64, node: &Node, reader: &mut Reader) {
        let mut text = String::new();
        Text.read(&mut text, node, reader);
        match text.parse() {
            Ok(number) => *target = number,
            Err(_) if text.is_empty() => {}
            Err(_) => {
                let told = format!("Invalid value: {text:?}: must be a number");
                reader.violation(node, "FieldValueInvalid", told);
            }
        }
    }

    fn encode(&self, value: &u64) -> Json {
        Json::String(value.to_string())
    }

    fn is_left_out(&self, value: &u64) -> bool {
        *value == 0
    }
}

/// Never left out.
pub(in crate::manifest) struct Keep<C>(pub(in crate::manifest) C);

impl<T, C: Codec<T>> Codec<T> for Keep<C> {
    fn go_type(&self) -> String {
        self.0.go_type()
    }

    fn read(&self, target: &mut T, node: &Node, reader: &mut Reader) {
        self.0.read(target, node, reader);
    }

    fn encode(&self, value: &T) -> Json {
        self.0.encode(value)
    }

    fn is_left_out(&self, _: &T) -> bool {
        false
    }
}

/// The words of an enumeration, in the order Kubernetes lists them.
pub(crate) struct Names {
    pub(in crate::manifest) go_type: &'static str,
    pub(in crate::manifest) words: &'static [(&'static str, i32)],
}

impl Names {
    /// The word for a value; empty when it has none.
    pub(crate) fn word(&self, value: i32) -> &'static str {
        let found = self.words.iter().find(|(_, known)| *known == value);
        found.map_or("", |(word, _)| word)
    }

    /// A word that is none of these.
    fn refuse(&self, word: &str, node: &Node, reader: &mut Reader) {
        let known = self.words.iter().map(|(word, _)| format!("\"{word}\""));
        let known = known.collect::<Vec<_>>().join(", ");
        let text = format!("Unsupported value: {word:?}: supported values: {known}");
        reader.violation(node, "FieldValueNotSupported", text);
    }
}

/// An enumeration, written as a word; left out when not given.
pub(in crate::manifest) struct Enum(pub(in crate::manifest) &'static Names);

impl Codec<i32> for Enum {
    fn go_type(&self) -> String {
        self.0.go_type.to_owned()
    }

    fn read(&self, target: &mut i32, node: &Node, reader: &mut Reader) {
        let word = match &node.value {
            Value::Scalar(Scalar::Text(word)) => word,
            Value::Scalar(Scalar::Null) => return,
            _ => return reader.wrong_type(node, self.0.go_type),
        };
        if word.is_empty() {
            return;
        }
        match self.0.words.iter().find(|(known, _)| known == word) {
            Some((_, value)) => *target = *value,
            None => self.0.refuse(word, node, reader),
        }
    }

    fn encode(&self, value: &i32) -> Json {
        Json::String(self.0.word(*value).to_owned())
    }

    fn is_left_out(&self, value: &i32) -> bool {
        *value == 0
    }
}

/// An enumeration that is not the default when it is given as empty text, but an error.
pub(in crate::manifest) struct EnumGiven(pub(in crate::manifest) &'static Names);

impl Codec<i32> for EnumGiven {
    fn go_type(&self) -> String {
        Enum(self.0).go_type()
    }

    fn read(&self, target: &mut i32, node: &Node, reader: &mut Reader) {
        match &node.value {
            Value::Scalar(Scalar::Text(word)) if word.is_empty() => self.0.refuse("", node, reader),
            _ => Enum(self.0).read(target, node, reader),
        }
    }

    fn encode(&self, value: &i32) -> Json {
        Enum(self.0).encode(value)
    }

    fn is_left_out(&self, value: &i32) -> bool {
        *value == 0
    }
}

/// An enumeration in a list whose errors Kubernetes reports without the index.
pub(in crate::manifest) struct UnindexedEnum(pub(in crate::manifest) &'static Names);

impl Codec<i32> for UnindexedEnum {
    fn go_type(&self) -> String {
        Enum(self.0).go_type()
    }

    fn read(&self, target: &mut i32, node: &Node, reader: &mut Reader) {
        reader.unindexed(|reader| Enum(self.0).read(target, node, reader));
    }

    fn encode(&self, value: &i32) -> Json {
        Enum(self.0).encode(value)
    }

    fn is_left_out(&self, value: &i32) -> bool {
        *value == 0
    }
}

/// A number or a name.
pub(in crate::manifest) struct IntOrText;

impl Codec<Option<IntOrString>> for IntOrText {
    fn go_type(&self) -> String {
        "intstr.IntOrString".to_owned()
    }

    fn read(&self, target: &mut Option<IntOrString>, node: &Node, reader: &mut Reader) {
        let value = match &node.value {
            Value::Scalar(Scalar::Null) => return,
            Value::Scalar(Scalar::Text(text)) => int_or_string::Value::String(text.clone()),
            Value::Scalar(Scalar::Int(_) | Scalar::Float(_)) => {
                let mut number = 0;
                Number.read(&mut number, node, reader);
                int_or_string::Value::Int(number)
            }
            // A type of its own with a decoder of its own: Go names no field.
            _ => {
                let what = node.json_type();
                return reader.failure(
                    node,
                    format!("json: cannot unmarshal {what} into Go value of type int32"),
                );
            }
        };
        *target = Some(IntOrString { value: Some(value) });
    }

    fn encode(&self, value: &Option<IntOrString>) -> Json {
        match value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(int_or_string::Value::String(text)) => Json::String(text.clone()),
            Some(int_or_string::Value::Int(number)) => Json::from(*number),
            None => Json::from(0),
        }
    }

    fn is_left_out(&self, value: &Option<IntOrString>) -> bool {
        value.is_none()
    }
}
