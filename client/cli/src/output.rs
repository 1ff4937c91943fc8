//! Where texts go: data to stdout, everything else to stderr.

use std::io::{self, Write};

use crate::failure::Failure;

/// Prints data.
///
/// # Errors
/// When nobody reads it any more.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    bytes(text.as_bytes())
}

/// Prints data as it is.
///
/// # Errors
/// As [`data`].
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}

/// Prints a line of data.
///
/// # Errors
/// As [`data`].
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    data(&format!("{text}\n"))
}

/// Tells something that is no data. A failure to do so is nobody's loss.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
