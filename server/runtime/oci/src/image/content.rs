//! The content store: blobs named by their digest.
//!
//! A blob becomes visible in one rename, after its bytes were hashed, counted and synced, so a name in
//! `blobs/` is a finished file even after a power cut. Its name is still no proof: small blobs are hashed
//! again when read, and layers are checked by the digest of what they unpack to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::digest::{Algorithm, Digest, Hasher};
use super::error::{At, ImageError};

pub(crate) struct Blobs {
    blobs: PathBuf,
    ingest: PathBuf,
    next_temp: AtomicU64,
}

impl Blobs {
    /// Opens the store below `root` and sweeps what earlier processes left half-written.
    pub(crate) fn open(root: &Path) -> Result<Self, ImageError> {
        let blobs = root.join("blobs");
        let ingest = root.join("ingest");
        for algorithm in Algorithm::ALL {
            let dir = blobs.join(algorithm.name());
            fs::create_dir_all(&dir).at("create", &dir)?;
        }
        if ingest.exists() {
            fs::remove_dir_all(&ingest).at("sweep", &ingest)?;
        }
        fs::create_dir(&ingest).at("create", &ingest)?;
        Ok(Self {
            blobs,
            ingest,
            next_temp: AtomicU64::new(0),
        })
    }

    pub(crate) fn contains(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }

    pub(crate) fn open_blob(&self, digest: &Digest) -> Result<File, ImageError> {
        let path = self.path(digest);
        File::open(&path).at("open", &path)
    }

    /// Reads a small blob and checks it against its name.
    pub(crate) fn read(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, ImageError> {
        let path = self.path(digest);
        let mut bytes = Vec::new();
        let file = File::open(&path).at("open", &path)?;
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .at("read", &path)?;
        if bytes.len() as u64 > limit {
            let what = format!("blob `{digest}`");
            return Err(ImageError::TooLarge { what, limit });
        }
        let mut hasher = Hasher::new(digest.algorithm());
        hasher.update(&bytes);
        verify_digest("stored blob", digest, &hasher.finish())?;
        Ok(bytes)
    }

    /// Stores a small blob that is in memory, unless a good copy is there. A copy that rotted is replaced.
    pub(crate) fn put(&self, bytes: &[u8], digest: &Digest) -> Result<(), ImageError> {
        if self.contains(digest) && self.read(digest, bytes.len() as u64).is_ok() {
            return Ok(());
        }
        let mut writer = self.writer(digest.algorithm())?;
        writer.write(bytes)?;
        writer.commit(Some((digest, bytes.len() as u64)))?;
        Ok(())
    }

    /// Starts a new blob in a temporary file.
    pub(crate) fn writer(&self, algorithm: Algorithm) -> Result<BlobWriter, ImageError> {
        let number = self.next_temp.fetch_add(1, Ordering::Relaxed);
        let temp = self.ingest.join(number.to_string());
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temp)
            .at("create", &temp)?;
        Ok(BlobWriter {
            file,
            temp,
            blobs: self.blobs.clone(),
            hasher: Hasher::new(algorithm),
            written: 0,
            committed: false,
        })
    }

    /// Deletes a blob; one that is gone already is fine.
    pub(crate) fn delete(&self, digest: &Digest) -> Result<u64, ImageError> {
        let path = self.path(digest);
        let size = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ImageError::storage(
                format!("delete blob `{digest}`"),
                error,
            )),
            _ => Ok(size),
        }
    }

    pub(crate) fn list(&self) -> Result<Vec<Digest>, ImageError> {
        let mut digests = Vec::new();
        for algorithm in Algorithm::ALL {
            let dir = self.blobs.join(algorithm.name());
            for entry in fs::read_dir(&dir).at("list", &dir)? {
                let name = entry.at("list", &dir)?.file_name();
                // Anything that is not a digest was not put here by this store.
                if let Some(Ok(digest)) = name.to_str().map(|n| Digest::from_hex(algorithm, n)) {
                    digests.push(digest);
                }
            }
        }
        Ok(digests)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        blob_path(&self.blobs, digest)
    }
}

fn blob_path(blobs: &Path, digest: &Digest) -> PathBuf {
    blobs.join(digest.algorithm().name()).join(digest.hex())
}

/// A blob on its way in. Dropping it without [`BlobWriter::commit`] removes every trace.
pub(crate) struct BlobWriter {
    file: File,
    temp: PathBuf,
    blobs: PathBuf,
    hasher: Hasher,
    written: u64,
    committed: bool,
}

impl BlobWriter {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), ImageError> {
        self.file.write_all(bytes).at("write", &self.temp)?;
        self.hasher.update(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Makes the blob durable and visible under its digest, which must be `expected` if given.
    pub(crate) fn commit(self, expected: Option<(&Digest, u64)>) -> Result<Digest, ImageError> {
        self.commit_leased(expected, |_| ())
    }

    /// Like [`BlobWriter::commit`], and calls `lease` before the blob can be seen and collected.
    pub(crate) fn commit_leased(
        mut self,
        expected: Option<(&Digest, u64)>,
        lease: impl FnOnce(&Digest),
    ) -> Result<Digest, ImageError> {
        let hasher = std::mem::replace(&mut self.hasher, Hasher::new(Algorithm::Sha256));
        let digest = hasher.finish();
        if let Some((expected, size)) = expected {
            if self.written != size {
                return Err(ImageError::VerificationFailed {
                    what: format!("blob `{expected}`"),
                    expected: format!("{size} bytes"),
                    actual: format!("{} bytes", self.written),
                });
            }
            verify_digest("downloaded blob", expected, &digest)?;
        }
        let path = blob_path(&self.blobs, &digest);
        self.file.sync_all().at("sync", &self.temp)?;
        lease(&digest);
        fs::rename(&self.temp, &path).at("publish", &path)?;
        self.committed = true;
        sync_dir(path.parent().unwrap_or(&self.blobs))?;
        Ok(digest)
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        if !self.committed {
            // What cannot be removed now is swept when the store is opened next.
            let _ = fs::remove_file(&self.temp);
        }
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), ImageError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .at("sync", dir)
}

/// Replaces a small file in one durable step: readers see the old or the new content, never half.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), ImageError> {
    let temp = path.with_extension("new");
    let mut file = File::create(&temp).at("create", &temp)?;
    file.write_all(bytes).at("write", &temp)?;
    file.sync_all().at("sync", &temp)?;
    fs::rename(&temp, path).at("publish", path)?;
    match path.parent() {
        Some(parent) => sync_dir(parent),
        None => Ok(()),
    }
}

pub(crate) fn verify_digest(
    what: &str,
    expected: &Digest,
    actual: &Digest,
) -> Result<(), ImageError> {
    if expected == actual {
        return Ok(());
    }
    Err(ImageError::VerificationFailed {
        what: what.to_owned(),
        expected: expected.to_string(),
        actual: actual.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(root: &tempfile::TempDir) -> Blobs {
        Blobs::open(root.path()).unwrap()
    }

    #[test]
    fn a_blob_with_another_digest_or_size_never_appears() {
        let root = tempfile::tempdir().unwrap();
        let blobs = open(&root);
        let promised = Digest::of(b"good");
        for (content, size) in [(&b"evil"[..], 4), (&b"good"[..], 5)] {
            let mut writer = blobs.writer(Algorithm::Sha256).unwrap();
            writer.write(content).unwrap();
            let error = writer.commit(Some((&promised, size))).unwrap_err();
            assert!(matches!(error, ImageError::VerificationFailed { .. }));
        }
        assert!(blobs.list().unwrap().is_empty());
        assert_eq!(fs::read_dir(root.path().join("ingest")).unwrap().count(), 0);
    }

    #[test]
    fn a_blob_changed_on_disk_is_not_trusted_by_its_name() {
        let root = tempfile::tempdir().unwrap();
        let blobs = open(&root);
        let digest = Digest::of(b"good");
        blobs.put(b"good", &digest).unwrap();
        assert_eq!(blobs.read(&digest, 10).unwrap(), b"good");
        let path = root.path().join("blobs/sha256").join(digest.hex());
        fs::write(path, b"evil").unwrap();
        let error = blobs.read(&digest, 10).unwrap_err();
        assert!(matches!(error, ImageError::VerificationFailed { .. }));
        blobs.put(b"good", &digest).unwrap();
        assert_eq!(blobs.read(&digest, 10).unwrap(), b"good");
    }

    #[test]
    fn a_half_written_blob_is_gone_after_a_crash() {
        let root = tempfile::tempdir().unwrap();
        let mut writer = open(&root).writer(Algorithm::Sha256).unwrap();
        writer.write(b"half").unwrap();
        std::mem::forget(writer);
        assert_eq!(fs::read_dir(root.path().join("ingest")).unwrap().count(), 1);
        assert!(open(&root).list().unwrap().is_empty());
        assert_eq!(fs::read_dir(root.path().join("ingest")).unwrap().count(), 0);
    }
}
