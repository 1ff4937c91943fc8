//! The stored form of what the port names: one version byte, then MessagePack with field names.
//!
//! Names rather than positions, so that a field can be added with `#[serde(default)]` or dropped
//! without a new version. A change that this does not cover gets the next version byte and a
//! branch in [`decode`] that turns the old form into the new one.

use lifepod_lifecycle::port::StoreError;
use serde::{Serialize, de::DeserializeOwned};

/// The version written.
pub(super) const VERSION: u8 = 1;

/// Appends the stored form of a value.
pub(super) fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), StoreError> {
    out.push(VERSION);
    rmp_serde::encode::write_named(out, value).map_err(|e| StoreError::Corrupt {
        message: format!("a value cannot be written: {e}"),
    })
}

/// Reads a stored value.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    match bytes.split_first() {
        Some((&VERSION, value)) => rmp_serde::from_slice(value).map_err(|e| StoreError::Corrupt {
            message: format!("a value cannot be read: {e}"),
        }),
        Some((&found, _)) => Err(StoreError::Version {
            found: found.into(),
            supported: VERSION.into(),
        }),
        None => Err(StoreError::Corrupt {
            message: "a value is empty".into(),
        }),
    }
}
