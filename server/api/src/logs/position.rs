//! Places in logs, as clients carry them: `<attempt>.<inode>.<offset>`.

use std::fmt;

use crate::error::{ApiError, Result};

/// A place in the log of one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub attempt: u32,
    /// The file; another one stands at the path after a rotation.
    pub inode: u64,
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:x}.{:x}", self.attempt, self.inode, self.offset)
    }
}

impl Place {
    /// None for an empty text.
    ///
    /// # Errors
    /// `TOKEN_INVALID`.
    pub(super) fn parse(text: &str) -> Result<Option<Self>> {
        if text.is_empty() {
            return Ok(None);
        }
        let mut parts = text.split('.');
        let mut part = |radix| u64::from_str_radix(parts.next()?, radix).ok();
        let place = (|| {
            Some(Self {
                attempt: u32::try_from(part(10)?).ok()?,
                inode: part(16)?,
                offset: part(16)?,
            })
        })();
        match place {
            Some(place) if place.to_string() == text => Ok(Some(place)),
            _ => Err(ApiError::TokenInvalid {
                field: "resume_position",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_back_and_other_texts_refused() {
        let place = Place {
            attempt: 2,
            inode: 0xabc,
            offset: 4096,
        };
        assert_eq!(Place::parse(&place.to_string()).unwrap(), Some(place));
        assert_eq!(Place::parse("").unwrap(), None);
        for text in ["1", "1.2", "1.2.3.4", "x.1.1", "1.-1.2", "01.2.3"] {
            assert!(Place::parse(text).is_err(), "{text}");
        }
    }
}
