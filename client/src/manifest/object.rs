//! Messages as Kubernetes objects: one table per message says which field has which name and form.
//!
//! A table reads like this: the Kubernetes name, the field of the message, and the [codec](super::codec) that reads and
//! writes it. A `oneof` is a group of names of which one may be there; `extra` names functions for what fits no table.

use serde_json::{Map, Value as Json};

use super::{node::Node, read::Reader};

/// A message that is a map in Kubernetes.
pub(super) trait Object: Default {
    /// Name of Go's type, for its texts.
    const KIND: &'static str;

    /// Reads one field; false when there is none of this name.
    fn read_field(&mut self, name: &str, node: &Node, reader: &mut Reader) -> bool;

    /// Writes all fields that are not left out.
    fn write_fields(&self, fields: &mut Map<String, Json>);

    /// As JSON.
    fn to_json(&self) -> Json {
        let mut fields = Map::new();
        self.write_fields(&mut fields);
        Json::Object(fields)
    }
}

/// Puts a field where it belongs, unless it is left out.
pub(super) fn put(fields: &mut Map<String, Json>, name: &str, value: Option<Json>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value);
    }
}

/// Defines the [`Object`] of a message.
macro_rules! object {
    (
        $message:ty = $kind:literal {
            $( $name:literal => $field:ident : $codec:expr ),* $(,)?
        }
        $( extra $extra_read:path, $extra_write:path; )?
        $( oneof $group:ident : $oneof:ty , in $embedded:literal , else $conflict:expr ; {
            $( $one_name:literal => $variant:ident : $one_codec:expr ),* $(,)?
        } )?
    ) => {
        impl $crate::manifest::object::Object for $message {
            const KIND: &'static str = $kind;

            fn read_field(
                &mut self,
                name: &str,
                node: &$crate::manifest::node::Node,
                reader: &mut $crate::manifest::read::Reader,
            ) -> bool {
                match name {
                    $( $name => $crate::manifest::codec::Codec::read(&$codec, &mut self.$field, node, reader), )*
                    $( $( $one_name => {
                        // Null means that it is not there.
                        if node.is_null() {
                            return true;
                        }
                        if self.$group.is_some() {
                            let conflict: $crate::manifest::codec::Conflict = $conflict;
                            conflict.tell(node, reader);
                            return true;
                        }
                        let mut value = Default::default();
                        reader.embedded($embedded, |reader| {
                            $crate::manifest::codec::Codec::read(&$one_codec, &mut value, node, reader);
                        });
                        self.$group = Some(<$oneof>::$variant(value));
                    } )* )?
                    _ => return object!(@extra self name node reader $( $extra_read )?),
                }
                true
            }

            fn write_fields(&self, fields: &mut serde_json::Map<String, serde_json::Value>) {
                $( $crate::manifest::object::put(
                    fields, $name, $crate::manifest::codec::Codec::write(&$codec, &self.$field),
                ); )*
                $( type Group = $oneof;
                match &self.$group {
                    $( Some(Group::$variant(value)) => $crate::manifest::object::put(
                        fields, $one_name, Some($crate::manifest::codec::Codec::encode(&$one_codec, value)),
                    ), )*
                    _ => {}
                } )?
                $( $extra_write(self, fields); )?
            }
        }
    };
    (@extra $this:ident $name:ident $node:ident $reader:ident) => { false };
    (@extra $this:ident $name:ident $node:ident $reader:ident $read:path) => {
        $read($this, $name, $node, $reader)
    };
}
pub(super) use object;
