//! Reads an archive once and keeps every member as a blob.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::image::compress::decompress;
use crate::image::content::BlobWriter;
use crate::image::digest::{Algorithm, Digest};
use crate::image::error::ImageError;
use crate::image::locks::Lease;
use crate::image::store::Inner;
use crate::image::tarball::{Entry, Kind, TarReader};

const MAX_MEMBERS: u64 = 20_000;
const BUFFER: usize = 128 * 1024;
/// What says which images there are; kept in memory.
const DOCUMENTS: [&str; 2] = ["index.json", "manifest.json"];

/// An archive's content by path within it.
#[derive(Default)]
pub(super) struct Members {
    blobs: HashMap<String, (Digest, u64)>,
    documents: HashMap<String, Vec<u8>>,
    links: HashMap<String, String>,
}

impl Members {
    pub(super) fn document(&self, name: &str) -> Option<&[u8]> {
        self.documents.get(name).map(Vec::as_slice)
    }

    /// The blob at `path`, through links as older `docker save` and podman write them.
    pub(super) fn blob(&self, path: &str) -> Option<&(Digest, u64)> {
        let mut path = normalize(path);
        for _ in 0..8 {
            match self.links.get(&path) {
                Some(target) => path.clone_from(target),
                None => break,
            }
        }
        self.blobs.get(&path)
    }
}

pub(super) fn ingest(
    inner: &Inner,
    source: impl Read,
    lease: &mut Lease,
    cancel: Arc<AtomicBool>,
) -> Result<Members, ImageError> {
    let capped = Capped {
        source: decompress(source).map_err(read_failed)?,
        left: inner.config.limits.archive_bytes,
        cancel,
    };
    let mut archive = TarReader::new(capped);
    let mut members = Members::default();
    let mut count = 0;
    while let Some(entry) = archive.next_entry().map_err(read_failed)? {
        count += 1;
        if count > MAX_MEMBERS {
            return Err(too_large("number of files in an archive", MAX_MEMBERS));
        }
        take(inner, &entry, &mut archive, &mut members, lease)?;
    }
    archive.drain().map_err(read_failed)?;
    Ok(members)
}

fn take(
    inner: &Inner,
    entry: &Entry,
    data: &mut impl Read,
    members: &mut Members,
    lease: &mut Lease,
) -> Result<(), ImageError> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let path = normalize(&text(&entry.path));
    match entry.kind {
        Kind::File if DOCUMENTS.contains(&path.as_str()) => {
            let limit = inner.config.limits.document_bytes;
            if entry.size > limit {
                return Err(too_large(&path, limit));
            }
            let mut document = Vec::new();
            data.read_to_end(&mut document).map_err(read_failed)?;
            members.documents.insert(path, document);
        }
        Kind::File => {
            let digest = keep(inner, &path, entry.size, data, lease)?;
            members.blobs.insert(path, (digest, entry.size));
        }
        Kind::Symlink => {
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            let target = normalize(&format!("{directory}/{}", text(&entry.link)));
            members.links.insert(path, target);
        }
        Kind::HardLink => {
            members.links.insert(path, normalize(&text(&entry.link)));
        }
        _ => {}
    }
    Ok(())
}

/// Stores one member; below `blobs/` its name is a promise to be checked.
fn keep(
    inner: &Inner,
    path: &str,
    size: u64,
    data: &mut impl Read,
    lease: &mut Lease,
) -> Result<Digest, ImageError> {
    let promised = path
        .strip_prefix("blobs/")
        .and_then(|rest| rest.replacen('/', ":", 1).parse::<Digest>().ok());
    let algorithm = promised
        .as_ref()
        .map_or(Algorithm::Sha256, Digest::algorithm);
    let mut writer = inner.blobs.writer(algorithm)?;
    copy(data, &mut writer)?;
    let expected = promised.as_ref().map(|digest| (digest, size));
    writer.commit_leased(expected, |digest| lease.add([digest]))
}

fn copy(data: &mut impl Read, writer: &mut BlobWriter) -> Result<(), ImageError> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match data.read(&mut buffer).map_err(read_failed)? {
            0 => return Ok(()),
            got => writer.write(&buffer[..got])?,
        }
    }
}

/// Resolves `.` and `..` in names that are only ever looked up in a map.
fn normalize(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Ends an archive that is too large or no longer wanted.
struct Capped<R> {
    source: R,
    left: u64,
    cancel: Arc<AtomicBool>,
}

#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("cancelled")]
    Cancelled,
    #[error("too large")]
    TooLarge,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(io::Error::other(Stop::Cancelled));
        }
        let got = self.source.read(buffer)?;
        match self.left.checked_sub(got as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(Stop::TooLarge)),
        }
        Ok(got)
    }
}

fn read_failed(error: io::Error) -> ImageError {
    let stop = error.get_ref().and_then(|inner| inner.downcast_ref());
    match stop {
        Some(Stop::Cancelled) => ImageError::Cancelled,
        Some(Stop::TooLarge) => {
            ImageError::malformed("image archive", "it exceeds `archive_bytes`")
        }
        None if error.raw_os_error().is_some() => ImageError::storage("read image archive", error),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            ImageError::malformed("image archive", "it ends too early")
        }
        None => ImageError::malformed("image archive", error),
    }
}

fn too_large(what: &str, limit: u64) -> ImageError {
    ImageError::TooLarge {
        what: what.to_owned(),
        limit,
    }
}
