//! The escape `\\'` in double quotes: no YAML by the book, but Kubernetes reads it, and published manifests use it.

use std::borrow::Cow;

use crate::manifest::ManifestError;

/// Most scalars of a text with such an escape.
const MAX_SCALARS: usize = 100;

/// Why reading a text failed.
pub(super) enum Failure {
    /// The double-quoted scalar that begins at this byte has an escape the parser does not know.
    Escape { start: usize, error: ManifestError },
    /// Anything else.
    Other(ManifestError),
}

/// Reads a text, and again with such escapes spelled in another way.
pub(super) fn tolerant<T>(
    text: &str,
    read: impl Fn(&str) -> Result<T, Failure>,
) -> Result<T, ManifestError> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MAX_SCALARS {
        match read(&text) {
            Ok(value) => return Ok(value),
            Err(Failure::Other(error)) => return Err(error),
            Err(Failure::Escape { start, error }) => match respelled(&text, start) {
                Some(changed) => text = Cow::Owned(changed),
                None => return Err(error),
            },
        }
    }
    read(&text).map_err(|failure| match failure {
        Failure::Other(error) | Failure::Escape { error, .. } => error,
    })
}

/// The text with the escapes of one scalar respelled; `None` when it has none.
fn respelled(text: &str, start: usize) -> Option<String> {
    let rest = text.get(start..)?;
    let end = start + scalar_length(rest)?;
    let scalar = &text[start..end];
    let changed = replace_escapes(scalar);
    (changed != scalar).then(|| format!("{}{changed}{}", &text[..start], &text[end..]))
}

fn scalar_length(rest: &str) -> Option<usize> {
    let mut bytes = rest.bytes().enumerate();
    let (_, b'"') = bytes.next()? else {
        return None;
    };
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some(at + 1),
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
    None
}

fn replace_escapes(scalar: &str) -> String {
    let mut changed = String::with_capacity(scalar.len());
    let mut chars = scalar.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('\'') => changed.push_str("\\x27"),
                Some(next) => changed.extend([c, next]),
                None => changed.push(c),
            },
            (c, false) => changed.push(c),
        }
    }
    changed
}
