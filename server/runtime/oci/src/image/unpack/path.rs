//! Names in archives, and what went wrong at them.

use rustix::io::Errno;

use super::super::error::ImageError;

/// The components of an archive path; empty for the root.
///
/// Absolute paths mean the layer's root. `..` is refused rather than resolved: no builder writes it, so it
/// is an attack or damage. (Links inside the layer are another matter; they resolve below the root.)
pub(super) fn split(path: &[u8]) -> Result<Vec<&[u8]>, ImageError> {
    let components: Vec<&[u8]> = path
        .split(|b| *b == b'/')
        .filter(|component| !component.is_empty() && *component != b".")
        .collect();
    if components.contains(&&b".."[..]) {
        return Err(malformed(path, "points outside of the layer"));
    }
    Ok(components)
}

pub(super) fn malformed(path: &[u8], reason: &str) -> ImageError {
    let reason = format!("entry `{}` {reason}", path.escape_ascii());
    ImageError::malformed("layer", reason)
}

/// Blames the archive for what only an archive can cause, and the machine for the rest.
pub(super) fn failed(errno: Errno, path: &[u8]) -> ImageError {
    match errno {
        Errno::NOTDIR | Errno::LOOP | Errno::NOENT | Errno::NAMETOOLONG | Errno::INVAL => {
            malformed(path, &errno_text(errno))
        }
        errno => ImageError::storage(format!("unpack `{}`", path.escape_ascii()), errno),
    }
}

fn errno_text(errno: Errno) -> String {
    format!("cannot be created: {}", std::io::Error::from(errno))
}

/// Adds the entry's name to an error found below it.
pub(super) fn named(error: EntryError, path: &[u8]) -> ImageError {
    match error {
        EntryError::Kernel(errno) => failed(errno, path),
        EntryError::Malformed(reason) => malformed(path, reason),
        EntryError::Image(error) => error,
    }
}

/// Why one entry could not be applied, before its name is attached.
pub(super) enum EntryError {
    Kernel(Errno),
    Malformed(&'static str),
    Image(ImageError),
}

impl From<Errno> for EntryError {
    fn from(errno: Errno) -> Self {
        Self::Kernel(errno)
    }
}

impl From<ImageError> for EntryError {
    fn from(error: ImageError) -> Self {
        Self::Image(error)
    }
}
