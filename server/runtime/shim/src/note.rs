//! The shim's own few words, on stderr, which is `shim.log`.

use lifepod_shim::UnixNanos;
use rustix::{
    fs::{fstat, ftruncate},
    stdio::stderr,
};

/// Beyond this the log starts anew: a shim lives as long as its pod, maybe years.
const MAX_LOG: i64 = 256 * 1024;

/// Notes something that a person may look for later.
pub(crate) fn note(text: impl std::fmt::Display) {
    if fstat(stderr()).is_ok_and(|stat| stat.st_size > MAX_LOG) {
        let _ = ftruncate(stderr(), 0);
    }
    eprintln!("{} {text}", crate::io::stamp(UnixNanos::now()));
}
