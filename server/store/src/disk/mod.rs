//! The few disk operations the log is built on, so that tests can break each of them.
//!
//! Paths are relative to the store's directory, with `/`. What a disk promises: after
//! [`DiskFile::sync_data`] a file's bytes and length survive a power cut, after
//! [`Disk::sync_dir`] the names in that directory do; anything else may be lost, torn or
//! reordered.

#[cfg(any(test, feature = "faults"))]
mod faults;
#[cfg(any(test, feature = "faults"))]
mod faulty;
#[cfg(any(test, feature = "faults"))]
mod mem;
mod real;
#[cfg(any(test, feature = "faults"))]
mod volatile;

use std::{any::Any, fmt, io, sync::Arc};

pub use real::RealDisk;
#[cfg(any(test, feature = "faults"))]
pub use {
    faults::{Counts, Faults, Op, Rng},
    faulty::FaultyDisk,
    mem::MemDisk,
    volatile::VolatileDisk,
};

/// Held while the store is open; dropping it lets others in.
pub type LockGuard = Box<dyn Any + Send + Sync>;

/// A directory tree.
pub trait Disk: Send + Sync + fmt::Debug + 'static {
    /// Takes the lock file, `None` if someone else holds it.
    fn lock(&self, path: &str) -> io::Result<Option<LockGuard>>;

    /// Makes a directory; fine if it exists.
    fn create_dir(&self, path: &str) -> io::Result<()>;

    /// Names in a directory, in any order.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;

    /// Opens an existing file for reading.
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens an existing file for reading and writing.
    fn open_rw(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Makes an empty file, or empties the one there is.
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name, replacing the file that has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &str) -> io::Result<()>;
}

/// An open file, used at explicit offsets from any thread.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Length in bytes.
    fn size(&self) -> io::Result<u64>;

    /// Reads up to `buf.len()` bytes, fewer only at the end.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all bytes. After an error any prefix of them may be there.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts or extends the file with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Reserves space and extends the file with zeros up to `len`.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] where the file system cannot.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// Makes bytes and length durable. After an error it is unknown which of the bytes written
    /// since the last success are on the disk, and the cache may claim that all are.
    fn sync_data(&self) -> io::Result<()>;

    /// Forgets cached clean pages, so that the next read shows what the disk has.
    fn drop_cache(&self) -> io::Result<()>;
}
