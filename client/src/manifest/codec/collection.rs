//! Lists, maps, objects, and values that may be absent.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::Codec;
use crate::manifest::{
    node::{Node, Value},
    object::Object,
    read::Reader,
};

/// A list; left out when empty.
pub(in crate::manifest) struct List<C>(pub(in crate::manifest) C);

impl<T: Default, C: Codec<T>> Codec<Vec<T>> for List<C> {
    fn go_type(&self) -> String {
        format!("[]{}", self.0.go_type())
    }

    fn read(&self, target: &mut Vec<T>, node: &Node, reader: &mut Reader) {
        let Value::List(items) = &node.value else {
            if !node.is_null() {
                reader.wrong_type(node, &self.go_type());
            }
            return;
        };
        for (index, item) in items.iter().enumerate() {
            let mut value = T::default();
            reader.item(index, |reader| self.0.read(&mut value, item, reader));
            target.push(value);
        }
    }

    fn encode(&self, value: &Vec<T>) -> Json {
        Json::Array(value.iter().map(|item| self.0.encode(item)).collect())
    }

    fn is_left_out(&self, value: &Vec<T>) -> bool {
        value.is_empty()
    }
}

/// A map by name; left out when empty. The second part is Go's name of the map's type.
pub(in crate::manifest) struct Dict<C>(
    pub(in crate::manifest) C,
    pub(in crate::manifest) &'static str,
);

impl<T: Default, C: Codec<T>> Codec<BTreeMap<String, T>> for Dict<C> {
    fn go_type(&self) -> String {
        self.1.to_owned()
    }

    fn read(&self, target: &mut BTreeMap<String, T>, node: &Node, reader: &mut Reader) {
        let Value::Map(entries) = &node.value else {
            if !node.is_null() {
                reader.wrong_type(node, self.1);
            }
            return;
        };
        for entry in entries {
            let mut value = T::default();
            // Go names the map, not the key.
            self.0.read(&mut value, &entry.node, reader);
            target.insert(entry.key.clone(), value);
        }
    }

    fn encode(&self, value: &BTreeMap<String, T>) -> Json {
        let field = |(key, value): (&String, &T)| (key.clone(), self.0.encode(value));
        Json::Object(value.iter().map(field).collect())
    }

    fn is_left_out(&self, value: &BTreeMap<String, T>) -> bool {
        value.is_empty()
    }
}

/// A message; never left out by itself.
pub(in crate::manifest) struct Obj;

impl<T: Object> Codec<T> for Obj {
    fn go_type(&self) -> String {
        format!("v1.{}", T::KIND)
    }

    fn read(&self, target: &mut T, node: &Node, reader: &mut Reader) {
        reader.object(target, node);
    }

    fn encode(&self, value: &T) -> Json {
        value.to_json()
    }

    fn is_left_out(&self, _: &T) -> bool {
        false
    }
}

/// A value that may be absent; left out exactly then.
pub(in crate::manifest) struct Opt<C>(pub(in crate::manifest) C);

impl<T: Default, C: Codec<T>> Codec<Option<T>> for Opt<C> {
    fn go_type(&self) -> String {
        self.0.go_type()
    }

    fn read(&self, target: &mut Option<T>, node: &Node, reader: &mut Reader) {
        if !node.is_null() {
            let mut value = T::default();
            self.0.read(&mut value, node, reader);
            *target = Some(value);
        }
    }

    fn encode(&self, value: &Option<T>) -> Json {
        match value {
            Some(value) => self.0.encode(value),
            // Only a field that is never left out comes here: Kubernetes writes the empty object.
            None => self.0.encode(&T::default()),
        }
    }

    fn is_left_out(&self, value: &Option<T>) -> bool {
        value.is_none()
    }
}
