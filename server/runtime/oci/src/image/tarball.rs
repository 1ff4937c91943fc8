//! A tar reader with bounded memory.
//!
//! Layers come from strangers, so nothing the archive says decides how much is allocated: names and
//! extended headers are capped, file data is only ever streamed. Formats: ustar, pax and GNU long names,
//! read the way Go's `archive/tar` reads them, since that is what wrote (and will re-read) most layers.
//! GNU sparse files are refused.

mod header;
mod pax;

use std::io::{self, Read};

use header::Header;
pub(crate) use header::Kind;
use pax::Overrides;

const BLOCK: usize = 512;
/// Go's limit for a pax or GNU long-name record.
const MAX_EXTENSION: u64 = 1 << 20;
/// The kernel takes no longer path, so a longer one only wastes memory.
const MAX_PATH: usize = 4096;

/// One member of an archive, with extended headers applied.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    pub(crate) path: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) kind: Kind,
    /// Permission bits including setuid, setgid and sticky.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Seconds and nanoseconds since the epoch.
    pub(crate) mtime: (i64, u32),
    pub(crate) size: u64,
    /// Major and minor number of a device.
    pub(crate) device: (u32, u32),
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Reads members one after the other; between two calls of [`TarReader::next_entry`] it is a reader of the
/// current member's data.
pub(crate) struct TarReader<R> {
    source: R,
    data_left: u64,
    padding_left: u64,
}

impl<R: Read> TarReader<R> {
    pub(crate) fn new(source: R) -> Self {
        Self {
            source,
            data_left: 0,
            padding_left: 0,
        }
    }

    /// The next member, or `None` at the end of the archive.
    pub(crate) fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        let mut overrides = Overrides::default();
        loop {
            self.skip_rest()?;
            let Some(header) = self.next_header()? else {
                return Ok(None);
            };
            match header.typeflag {
                b'x' | b'X' => overrides.read_pax(&self.extension(&header)?)?,
                b'L' => overrides.path = Some(without_nul(self.extension(&header)?)),
                b'K' => overrides.link = Some(without_nul(self.extension(&header)?)),
                // Global headers carry comments (git archive) and defaults nobody else honours.
                b'g' => self.begin_data(header.size),
                _ => {
                    let entry = header.entry(overrides)?;
                    if entry.path.len().max(entry.link.len()) > MAX_PATH {
                        return Err(invalid("path longer than 4096 bytes"));
                    }
                    self.begin_data(entry.size);
                    return Ok(Some(entry));
                }
            }
        }
    }

    /// Reads to the very end, so that a digest computed below this reader covers every byte.
    pub(crate) fn drain(mut self) -> io::Result<()> {
        io::copy(&mut self.source, &mut io::sink()).map(|_| ())
    }

    fn next_header(&mut self) -> io::Result<Option<Header>> {
        let mut block = [0; BLOCK];
        if !self.read_block(&mut block)? {
            return Ok(None);
        }
        if block.iter().all(|b| *b == 0) {
            // The end is two zero blocks; some writers stop after one.
            let more = self.read_block(&mut block)?;
            if more && block.iter().any(|b| *b != 0) {
                return Err(invalid("data after the end-of-archive mark"));
            }
            return Ok(None);
        }
        Header::parse(&block).map(Some)
    }

    /// False at a clean end of the stream.
    fn read_block(&mut self, block: &mut [u8; BLOCK]) -> io::Result<bool> {
        let mut filled = 0;
        while filled < BLOCK {
            match self.source.read(&mut block[filled..])? {
                0 if filled == 0 => return Ok(false),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => filled += n,
            }
        }
        Ok(true)
    }

    fn begin_data(&mut self, size: u64) {
        self.data_left = size;
        self.padding_left = size.wrapping_neg() % BLOCK as u64;
    }

    fn extension(&mut self, header: &Header) -> io::Result<Vec<u8>> {
        if header.size > MAX_EXTENSION {
            return Err(invalid("extended header larger than 1 MiB"));
        }
        self.begin_data(header.size);
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        let rest = self.data_left + self.padding_left;
        let skipped = io::copy(&mut (&mut self.source).take(rest), &mut io::sink())?;
        (self.data_left, self.padding_left) = (0, 0);
        if skipped == rest {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let limit = usize::try_from(self.data_left).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(limit);
        if wanted == 0 {
            return Ok(0);
        }
        let got = self.source.read(&mut buffer[..wanted])?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.data_left -= got as u64;
        Ok(got)
    }
}

fn without_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|b| *b == 0) {
        bytes.truncate(end);
    }
    bytes
}

fn invalid(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

#[cfg(test)]
mod tests;
