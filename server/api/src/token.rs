//! Opaque positions: resume tokens and page tokens.
//!
//! ```text
//! base64url( version 1 | kind 1 | epoch 16 | revision 8 | offset 8 | filter 8 | check 4 )
//! ```
//! The checksum finds garbled tokens; a token proves nothing and grants nothing. `filter` is
//! the hash of what was asked for, 0 for a token that fits every selector.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use lifepod_lifecycle::id::Revision;
use uuid::Uuid;

use crate::{
    error::{ApiError, Result},
    hash::Fnv,
};

const VERSION: u8 = 1;
const LENGTH: usize = 1 + 1 + 16 + 8 + 8 + 8 + 4;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A place in the journal.
    Resume = b'r',
    /// A place in a list.
    Page = b'p',
}

/// A position in the journal, or in a list that shows one revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub revision: Revision,
    /// Items of the list, or of the revision, that were handed out.
    pub offset: u64,
    /// Hash of what was asked for; 0 fits everything.
    pub filter: u64,
}

/// Makes and reads the tokens of one store.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    epoch: [u8; 16],
}

impl Tokens {
    pub(crate) fn new(epoch: &str) -> Self {
        let epoch = Uuid::parse_str(epoch).map_or_else(|_| hashed(epoch), Uuid::into_bytes);
        Self { epoch }
    }

    /// The position right after `revision`, for the selector of that hash.
    pub(crate) fn resume(&self, revision: Revision, filter: u64) -> String {
        let position = Position {
            revision,
            offset: 0,
            filter,
        };
        self.encode(Kind::Resume, position)
    }

    pub(crate) fn page(&self, position: Position) -> String {
        self.encode(Kind::Page, position)
    }

    fn encode(&self, kind: Kind, position: Position) -> String {
        let mut bytes = [0; LENGTH];
        bytes[0] = VERSION;
        bytes[1] = kind as u8;
        bytes[2..18].copy_from_slice(&self.epoch);
        bytes[18..26].copy_from_slice(&position.revision.0.to_be_bytes());
        bytes[26..34].copy_from_slice(&position.offset.to_be_bytes());
        bytes[34..42].copy_from_slice(&position.filter.to_be_bytes());
        let check = checksum(&bytes[..42]);
        bytes[42..].copy_from_slice(&check);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a resume token that must fit `filter`.
    ///
    /// # Errors
    /// `TOKEN_INVALID`, `EPOCH_CHANGED`, `SELECTOR_MISMATCH`.
    pub(crate) fn read_resume(&self, token: &str, filter: u64) -> Result<Revision> {
        let position = self.decode(Kind::Resume, token, "resume_token")?;
        if position.filter != 0 && position.filter != filter {
            return Err(ApiError::SelectorMismatch);
        }
        Ok(position.revision)
    }

    /// Reads a page token that must fit `filter`.
    ///
    /// # Errors
    /// `TOKEN_INVALID`, also when the rest of the request is not as it was; `EPOCH_CHANGED`.
    pub(crate) fn read_page(&self, token: &str, filter: u64) -> Result<Position> {
        const FIELD: &str = "page_token";
        let position = self.decode(Kind::Page, token, FIELD)?;
        if position.filter != filter {
            return Err(ApiError::TokenInvalid { field: FIELD });
        }
        Ok(position)
    }

    fn decode(&self, kind: Kind, token: &str, field: &'static str) -> Result<Position> {
        let invalid = ApiError::TokenInvalid { field };
        let Some(bytes) = decoded(token).filter(|b| b[0] == VERSION && b[1] == kind as u8) else {
            return Err(invalid);
        };
        let epoch: [u8; 16] = part(&bytes, 2);
        if epoch != self.epoch {
            return Err(ApiError::EpochChanged {
                expected: Uuid::from_bytes(epoch).to_string(),
                actual: Uuid::from_bytes(self.epoch).to_string(),
            });
        }
        Ok(Position {
            revision: Revision(u64::from_be_bytes(part(&bytes, 18))),
            offset: u64::from_be_bytes(part(&bytes, 26)),
            filter: u64::from_be_bytes(part(&bytes, 34)),
        })
    }
}

fn decoded(token: &str) -> Option<[u8; LENGTH]> {
    let bytes: [u8; LENGTH] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
    (checksum(&bytes[..42]) == part::<4>(&bytes, 42)).then_some(bytes)
}

fn part<const N: usize>(bytes: &[u8; LENGTH], from: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[from..from + N]);
    part
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let hash = Fnv::new().bytes(bytes).finish();
    ((hash ^ (hash >> 32)) as u32).to_be_bytes()
}

/// An epoch that is no UUID, which the stores of this project never have, still gets tokens.
fn hashed(epoch: &str) -> [u8; 16] {
    let low = Fnv::new().text(epoch).finish();
    let high = Fnv::new().text(epoch).text("epoch").finish();
    ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: &str = "3c9c2c1a-6a3a-4f0e-9b5e-0d8f5a1b2c3d";

    #[test]
    fn a_token_is_read_back_by_the_same_store_and_filter() {
        let tokens = Tokens::new(EPOCH);
        let token = tokens.resume(Revision(4711), 9);
        assert_eq!(tokens.read_resume(&token, 9).unwrap(), Revision(4711));
        assert!(matches!(
            tokens.read_resume(&token, 8),
            Err(ApiError::SelectorMismatch)
        ));
        let any = tokens.resume(Revision(4711), 0);
        assert_eq!(tokens.read_resume(&any, 8).unwrap(), Revision(4711));
    }

    #[test]
    fn another_store_is_told() {
        let token = Tokens::new(EPOCH).resume(Revision(1), 0);
        let other = Tokens::new("9b2f7c1e-1111-4222-8333-444455556666");
        let Err(ApiError::EpochChanged { expected, actual }) = other.read_resume(&token, 0) else {
            panic!("the epoch is checked");
        };
        assert_eq!(expected, EPOCH);
        assert_eq!(actual, "9b2f7c1e-1111-4222-8333-444455556666");
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let tokens = Tokens::new(EPOCH);
        let token = tokens.resume(Revision(1), 0);
        let mut garbled = token.clone().into_bytes();
        garbled[30] ^= 1;
        let garbled = String::from_utf8(garbled).unwrap();
        for text in ["", "x", "AAAA", &token[1..], &garbled] {
            let read = tokens.read_resume(text, 0);
            assert!(matches!(read, Err(ApiError::TokenInvalid { .. })), "{text}");
        }
        let page = Position {
            revision: Revision(3),
            offset: 500,
            filter: 2,
        };
        let page_token = tokens.page(page);
        assert_eq!(tokens.read_page(&page_token, 2).unwrap(), page);
        assert!(tokens.read_page(&page_token, 3).is_err(), "another request");
        assert!(tokens.read_resume(&page_token, 2).is_err(), "another kind");
    }
}
