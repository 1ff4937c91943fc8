//! From text to nodes.

use std::collections::{HashMap, HashSet};

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::{Entry, Node, Scalar, Value, escape::Failure};
use crate::manifest::{ManifestError, Position};

/// Most nodes of a text, aliases expanded. The largest manifest seen in the wild has a few thousand.
const MAX_NODES: usize = 200_000;
/// Longest text.
const MAX_BYTES: usize = 8 << 20;
/// The merge key of YAML 1.1.
const MERGE_KEY: &str = "<<";

pub(super) fn from_yaml(text: &str) -> Result<Vec<Node>, Failure> {
    if text.len() > MAX_BYTES {
        let error = syntax("the text is longer than 8 MiB", Position::default());
        return Err(Failure::Other(error));
    }
    let options = granit_parser::options! { emit_comments: false };
    let mut loader = Loader::default();
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| scan_failure(&error))?;
        loader
            .take(event, position(&span))
            .map_err(Failure::Other)?;
    }
    if let Some(at) = loader.duplicate_at {
        let message = format!("yaml: unmarshal errors:{}", loader.duplicates);
        return Err(Failure::Other(syntax(message, at)));
    }
    Ok(loader.documents)
}

fn scan_failure(error: &ScanError) -> Failure {
    let marker = error.marker();
    let at = Position {
        line: marker.line(),
        column: marker.col() + 1,
    };
    let message = format!("yaml: line {}: {}", at.line, error.info());
    let told = syntax(message, at);
    match (error.kind(), marker.byte_offset()) {
        (ErrorKind::UnknownQuotedScalarEscape, Some(start)) => {
            Failure::Escape { start, error: told }
        }
        _ => Failure::Other(told),
    }
}

pub(super) fn from_json(text: &str) -> Result<Vec<Node>, ManifestError> {
    let mut documents = Vec::new();
    for next in serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>() {
        let value = next.map_err(|error| {
            let at = Position {
                line: error.line(),
                column: error.column(),
            };
            let message = if error.is_eof() {
                "unexpected EOF".to_owned()
            } else {
                error.to_string()
            };
            syntax(message, at)
        })?;
        documents.push(json_node(value));
    }
    Ok(documents)
}

pub(super) fn json_node(value: serde_json::Value) -> Node {
    use serde_json::Value as Json;
    let value = match value {
        Json::Null => Value::Scalar(Scalar::Null),
        Json::Bool(value) => Value::Scalar(Scalar::Bool(value)),
        Json::String(text) => Value::Scalar(Scalar::Text(text)),
        Json::Number(number) => Value::Scalar(number.as_i128().map_or_else(
            || Scalar::Float(number.as_f64().unwrap_or(f64::NAN)),
            Scalar::Int,
        )),
        Json::Array(items) => Value::List(items.into_iter().map(json_node).collect()),
        Json::Object(fields) => {
            let entry = |(key, value)| Entry {
                key,
                at: Position::default(),
                node: json_node(value),
            };
            let mut entries: Vec<Entry> = fields.into_iter().map(entry).collect();
            entries.sort_by(|a, b| a.key.cmp(&b.key));
            Value::Map(entries)
        }
    };
    Node {
        at: Position::default(),
        value,
    }
}

fn position(span: &Span) -> Position {
    Position {
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

fn syntax(message: impl Into<String>, at: Position) -> ManifestError {
    ManifestError::Syntax {
        message: message.into(),
        at,
    }
}

/// A collection that is not complete yet.
enum Open {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        seen: HashSet<String>,
        merged: Vec<Node>,
        key: Option<(String, Position)>,
    },
}

#[derive(Default)]
struct Loader {
    documents: Vec<Node>,
    open: Vec<(Open, Position, usize)>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    duplicates: String,
    duplicate_at: Option<Position>,
}

impl Loader {
    fn take(&mut self, event: Event<'_>, at: Position) -> Result<(), ManifestError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = resolve(&text, style, tag.as_deref());
                let value = Value::Scalar(scalar);
                self.finish(Node { at, value }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open.push((Open::List(Vec::new()), at, anchor));
                Ok(())
            }
            Event::MappingStart(_, anchor, _) => {
                let open = Open::Map {
                    entries: Vec::new(),
                    seen: HashSet::new(),
                    merged: Vec::new(),
                    key: None,
                };
                self.open.push((open, at, anchor));
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(syntax("an alias stands for a node it is part of", at));
                };
                self.nodes += size(&node);
                self.finish(node, 0)
            }
            // Anchors are those of their document.
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn close(&mut self) -> Result<(), ManifestError> {
        let Some((open, at, anchor)) = self.open.pop() else {
            return Ok(());
        };
        let value = match open {
            Open::List(items) => Value::List(items),
            Open::Map {
                mut entries,
                mut seen,
                merged,
                ..
            } => {
                merge(&mut entries, &mut seen, merged, at)?;
                entries.sort_by(|a, b| a.key.cmp(&b.key));
                Value::Map(entries)
            }
        };
        self.finish(Node { at, value }, anchor)
    }

    /// Puts a complete node where it belongs.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), ManifestError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(syntax("the text unfolds into too many values", node.at));
        }
        if anchor != 0 {
            self.nodes += size(&node);
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => {
                if !node.is_null() {
                    self.documents.push(node);
                }
            }
            Some((Open::List(items), ..)) => items.push(node),
            Some((
                Open::Map {
                    entries,
                    seen,
                    merged,
                    key,
                },
                ..,
            )) => match key.take() {
                None => *key = Some(as_key(node)?),
                Some((name, _)) if name == MERGE_KEY => merged.push(node),
                Some((key, at)) if seen.insert(key.clone()) => {
                    entries.push(Entry { key, at, node });
                }
                Some((key, at)) => self.duplicate(&key, at),
            },
        }
        Ok(())
    }

    fn duplicate(&mut self, key: &str, at: Position) {
        self.duplicate_at.get_or_insert(at);
        let line = at.line;
        let text = format!("\n  line {line}: key \"{key}\" already set in map");
        self.duplicates.push_str(&text);
    }
}

fn as_key(node: Node) -> Result<(String, Position), ManifestError> {
    let at = node.at;
    let Value::Scalar(scalar) = node.value else {
        return Err(syntax("a list or map cannot be a key", at));
    };
    match scalar.into_key() {
        Some(key) => Ok((key, at)),
        None => Err(syntax("null cannot be a key", at)),
    }
}

/// Adds the fields of merged maps that are not there yet.
fn merge(
    entries: &mut Vec<Entry>,
    seen: &mut HashSet<String>,
    merged: Vec<Node>,
    at: Position,
) -> Result<(), ManifestError> {
    let mut maps = Vec::new();
    for node in merged {
        match node.value {
            Value::List(items) => maps.extend(items.into_iter().map(|item| item.value)),
            value => maps.push(value),
        }
    }
    for map in maps {
        let Value::Map(fields) = map else {
            return Err(syntax(
                "map merge requires map or sequence of maps as the value",
                at,
            ));
        };
        for field in fields {
            if seen.insert(field.key.clone()) {
                entries.push(field);
            }
        }
    }
    Ok(())
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(_) => 1,
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|entry| size(&entry.node)).sum::<usize>(),
    }
}

fn resolve(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Scalar {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
    if style == ScalarStyle::Plain && !is_text {
        Scalar::plain(text)
    } else {
        Scalar::Text(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_yaml(text: &str) -> Result<Vec<Node>, ManifestError> {
        super::super::escape::tolerant(text, super::from_yaml)
    }

    #[test]
    fn an_escaped_single_quote_is_read_as_kubernetes_does() {
        let documents = from_yaml("a: \"it\\'s \\\\' \\\"x\\\"\"\nb: 'don\\t'\n").unwrap();
        assert_eq!(
            documents[0].get("a").unwrap().text(),
            Some("it's \\' \"x\"")
        );
        assert_eq!(documents[0].get("b").unwrap().text(), Some("don\\t"));
        assert!(from_yaml("a: \"\\q\"\n").is_err());
    }

    #[test]
    fn nodes_know_where_they_are() {
        let documents = from_yaml("a: 1\nb:\n  - c: x\n---\nd: 2\n").unwrap();
        assert_eq!(documents.len(), 2);
        let b = documents[0].get("b").unwrap();
        assert_eq!((b.at.line, b.at.column), (3, 3));
        assert_eq!(documents[1].at.line, 5);
    }

    #[test]
    fn aliases_and_merges_are_expanded() {
        let text = "base: &b {x: 1, z: 2}\none: *b\ntwo: {<<: *b, z: 3}\n";
        let document = &from_yaml(text).unwrap()[0];
        assert_eq!(
            document.get("one").unwrap().get("x").unwrap().value,
            Value::Scalar(Scalar::Int(1))
        );
        let two = document.get("two").unwrap();
        assert_eq!(two.get("x").unwrap().value, Value::Scalar(Scalar::Int(1)));
        assert_eq!(two.get("z").unwrap().value, Value::Scalar(Scalar::Int(3)));
    }

    #[test]
    fn a_document_that_unfolds_without_end_is_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let below = format!("*a{}, ", level - 1).repeat(10);
            text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        let error = from_yaml(&text).unwrap_err();
        assert!(error.to_string().contains("too many values"), "{error}");
    }

    #[test]
    fn duplicate_keys_are_all_named_with_their_lines() {
        let error = from_yaml("a: 1\na: 2\nb: {c: 1, c: 2}\n").unwrap_err();
        let expected = "yaml: unmarshal errors:\n  line 2: key \"a\" already set in map\n  line 3: key \"c\" already set in map";
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.position().line, 2);
    }

    #[test]
    fn an_alias_to_itself_and_deep_nesting_are_refused() {
        assert!(from_yaml("a: &a [*a]\n").is_err());
        assert!(from_yaml(&"[".repeat(100_000)).is_err());
        assert!(from_json(&"[".repeat(100_000)).is_err());
    }
}
