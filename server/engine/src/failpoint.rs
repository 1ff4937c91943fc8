//! Places where a test can kill the process; nothing at all without the feature `failpoints`.

/// Kills the process at the `nth` passage of the point that `LIFEPOD_FAILPOINT=<name>:<nth>` names.
#[cfg(feature = "failpoints")]
pub(crate) fn hit(name: &str) {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    };

    static ARMED: OnceLock<Option<(String, AtomicU64)>> = OnceLock::new();
    let armed = ARMED.get_or_init(|| {
        let text = std::env::var("LIFEPOD_FAILPOINT").ok()?;
        let (name, nth) = text.split_once(':')?;
        Some((name.to_owned(), AtomicU64::new(nth.parse().ok()?)))
    });
    if let Some((armed, left)) = armed
        && armed == name
        && left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        // SIGABRT ends the process at once: nothing is flushed, no destructor runs.
        std::process::abort();
    }
}

#[cfg(not(feature = "failpoints"))]
pub(crate) const fn hit(_name: &str) {}
