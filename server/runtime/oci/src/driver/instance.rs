//! How one instance stands, in the words of its shim.

use std::time::Duration;

use lifepod_shim::{
    ExitRecord,
    protocol::{ContainerStatus, Started},
};

use crate::shim::{ShimError, ShimHandle};

const LOOKS: u32 = 500;
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// An instance that exists.
#[derive(Debug)]
pub(super) enum Instance {
    Runs(Started),
    Ended(ExitRecord),
}

/// Looks for an instance, and waits for one that is being made. `None` only if the shim knows of no
/// such: whoever cannot find out must not take what may be running for something that is not there.
///
/// # Errors
/// If the shim does not say, or the instance is not made in time.
pub(super) async fn look(shim: &ShimHandle, id: &str) -> Result<Option<Instance>, ShimError> {
    for _ in 0..LOOKS {
        let state = shim.state().await?;
        let Some(known) = state.containers.into_iter().find(|known| known.id == id) else {
            return Ok(None);
        };
        match known.status {
            ContainerStatus::Running(started) => return Ok(Some(Instance::Runs(started))),
            ContainerStatus::Exited(record) => return Ok(Some(Instance::Ended(record))),
            ContainerStatus::Creating => tokio::time::sleep(LOOK_PAUSE).await,
        }
    }
    Err(ShimError::TimedOut)
}

#[cfg(test)]
mod tests;
