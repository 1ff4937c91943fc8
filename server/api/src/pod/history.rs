//! ListPodTransitions: the journal itself, filtered.

use lifepod_engine::{Cursor, WatchEnd};
use lifepod_lifecycle::{
    id::Revision, port::Record, time::Timestamp, transition::Transition, validate::Violations,
};
use lifepod_proto::v1 as proto;
use prost::Message as _;

use super::list::{PAGE_BYTES, filter_of, page_size};
use crate::{
    convert::{time::from_wire, transition},
    error::{ApiError, Result},
    selector::Selector,
    shared::Shared,
    token::Position,
};

const DEFAULT_PAGE: usize = 1000;
const MAX_PAGE: i32 = 5000;
/// Records looked at for one page: a filter that picks little may not hold a call for long.
const MAX_SCAN: usize = 50_000;

/// What is asked for.
struct Query {
    selector: Selector,
    subjects: Vec<String>,
    container: String,
    from_time: Option<Timestamp>,
}

/// A page in the making.
struct Page {
    transitions: Vec<proto::Transition>,
    bytes: usize,
    size: usize,
    /// Where the next page begins: right after this many transitions of that revision.
    next: Option<(Revision, u64)>,
}

pub(super) async fn list(
    shared: &Shared,
    mut request: proto::ListPodTransitionsRequest,
) -> Result<proto::ListPodTransitionsResponse> {
    let size = page_size(request.page_size, DEFAULT_PAGE, MAX_PAGE)?;
    let query = Query::parse(&request)?;
    let token = std::mem::take(&mut request.page_token);
    request.page_size = 0;
    let filter = filter_of("ListPodTransitions", &request);
    let oldest = shared.engine.oldest();
    let (from, skip, upto) = if token.is_empty() {
        let newest = shared.engine.revision();
        let upto = match request.to_revision {
            0 => newest,
            given => Revision(given).min(newest),
        };
        (first_revision(shared, request.from_revision)?, 0, upto)
    } else {
        let position = shared.tokens.read_page(&token, filter)?;
        let (upto, skip) = unpack(position.offset);
        (position.revision, skip, upto)
    };
    let after = Revision(from.0.saturating_sub(1));
    let mut page = Page {
        transitions: Vec::new(),
        bytes: 0,
        size,
        next: None,
    };
    let cursor = shared.engine.watch(after);
    page.fill(&query, cursor, skip, upto).await?;
    let token = page.next.map(|(revision, skip)| {
        shared.tokens.page(Position {
            revision,
            offset: pack(upto, skip),
            filter,
        })
    });
    Ok(proto::ListPodTransitionsResponse {
        transitions: page.transitions,
        next_page_token: token.unwrap_or_default(),
        oldest_revision: oldest.next().0,
        revision: upto.0,
    })
}

/// The revision the whole list shows and the place within one, in one number: every page shows
/// the same revision. A record has far fewer transitions than 2^16.
const fn pack(upto: Revision, skip: u64) -> u64 {
    upto.0 << 16 | skip
}

const fn unpack(offset: u64) -> (Revision, u64) {
    (Revision(offset >> 16), offset & 0xffff)
}

/// # Errors
/// `REVISION_EXPIRED` when the asked one is not kept any more.
fn first_revision(shared: &Shared, given: u64) -> Result<Revision> {
    let oldest = shared.oldest_revision();
    match given {
        0 => Ok(oldest),
        given if given < oldest.0 => Err(ApiError::RevisionExpired {
            revision: Revision(given),
            oldest,
        }),
        given => Ok(Revision(given)),
    }
}

impl Query {
    fn parse(request: &proto::ListPodTransitionsRequest) -> Result<Self> {
        let selector = Selector::parse_identity(request.selector.as_ref())?;
        let mut violations = Violations::default();
        for (index, subject) in request.subjects.iter().enumerate() {
            if !transition::WORDS.contains(&subject.as_str()) {
                violations.not_supported(format!("subjects[{index}]"), subject, &transition::WORDS);
            }
        }
        if !violations.is_empty() {
            return Err(ApiError::fields("ListPodTransitionsRequest", violations));
        }
        Ok(Self {
            selector,
            subjects: request.subjects.clone(),
            container: request.container.clone(),
            from_time: request.from_time.as_ref().map(from_wire),
        })
    }

    fn wants_record(&self, record: &Record) -> bool {
        record.is_visible()
            && self
                .from_time
                .is_none_or(|from| record.committed_at >= from)
            && self.selector.matches(&record.pod)
    }

    fn wants(&self, candidate: &Transition) -> bool {
        let word = transition::word(&candidate.subject);
        let of_container = transition::container_of(&candidate.subject);
        (self.subjects.is_empty() || self.subjects.iter().any(|subject| subject == word))
            && (self.container.is_empty() || of_container == Some(self.container.as_str()))
    }
}

impl Page {
    async fn fill(
        &mut self,
        query: &Query,
        mut cursor: Cursor,
        mut skip: u64,
        upto: Revision,
    ) -> Result<()> {
        let mut scanned = 0;
        while cursor.position() < upto && self.next.is_none() {
            let record = match cursor.next().await {
                Ok(record) if record.revision > upto => return Ok(()),
                Ok(record) => record,
                Err(WatchEnd::Stopping) => return Err(ApiError::Draining),
                Err(end) => return Err(ApiError::of_watch(end, cursor.position())),
            };
            if query.wants_record(&record) {
                self.take(query, &record, skip);
            }
            skip = 0;
            scanned += 1;
            if scanned == MAX_SCAN && self.next.is_none() && record.revision < upto {
                self.next = Some((record.revision.next(), 0));
            }
        }
        Ok(())
    }

    /// Takes the wanted transitions of a record, except the first `skip` of all it has.
    fn take(&mut self, query: &Query, record: &Record, skip: u64) {
        let numbered = (0..).zip(&record.transitions);
        for (index, candidate) in numbered.skip(usize::try_from(skip).unwrap_or(usize::MAX)) {
            if !query.wants(candidate) {
                continue;
            }
            if self.transitions.len() == self.size || self.bytes > PAGE_BYTES {
                self.next = Some((record.revision, index as u64));
                return;
            }
            let found = transition::one(record, index, candidate);
            self.bytes += found.encoded_len();
            self.transitions.push(found);
        }
    }
}
