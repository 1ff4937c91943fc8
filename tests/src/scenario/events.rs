//! Expected events.
//!
//! One line each: an optional `Warning` or `Normal`, the reason (`a|b` for either), an optional
//! `x2` or `x>=2` for the count, an optional `: text` that the message contains.

use super::pattern::matches;
use lifepod_client::{Word, proto::Event};

/// Whether the events are there in this order; if not, the first line that is missing.
pub(super) fn missing<'l>(lines: &'l [String], events: &[Event]) -> Option<&'l str> {
    let mut rest = events.iter();
    let missing = lines.iter().find(|line| !rest.any(|event| is(line, event)));
    missing.map(String::as_str)
}

/// The first line for which there is an event.
pub(super) fn present<'l>(lines: &'l [String], events: &[Event]) -> Option<&'l str> {
    let found = lines
        .iter()
        .find(|line| events.iter().any(|event| is(line, event)));
    found.map(String::as_str)
}

fn is(line: &str, event: &Event) -> bool {
    let (head, text) = line.split_once(": ").unwrap_or((line, ""));
    let mut words = head.split_whitespace().peekable();
    let kind = words.next_if(|word| matches!(*word, "Warning" | "Normal"));
    let reason = words.next().unwrap_or_default();
    let count = words.next().and_then(|word| word.strip_prefix('x'));
    kind.is_none_or(|kind| event.r#type().word() == kind)
        && matches(reason, &event.reason)
        && count.is_none_or(|count| matches(count, &event.count.to_string()))
        && event.message.contains(text)
}

/// Events as lines, for a message.
pub(super) fn lines(events: &[Event]) -> String {
    let line = |event: &Event| {
        let kind = event.r#type().word();
        format!(
            "  {kind} {} x{}: {}",
            event.reason, event.count, event.message
        )
    };
    events.iter().map(line).collect::<Vec<_>>().join("\n")
}
