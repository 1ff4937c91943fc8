//! A log file, read in blocks on the threads meant for blocking.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::task::spawn_blocking;

/// Bytes read at once.
pub(super) const BLOCK: usize = 64 << 10;

/// An open log file.
#[derive(Clone, Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: Arc<File>,
    pub inode: u64,
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::other("the server is going down")),
    }
}

impl LogFile {
    /// None if there is no such file.
    pub(super) async fn open(path: &Path) -> io::Result<Option<Self>> {
        let path = path.to_owned();
        blocking(move || match File::open(&path) {
            Ok(file) => {
                let inode = file.metadata()?.ino();
                Ok(Some(Self {
                    path,
                    file: Arc::new(file),
                    inode,
                }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    /// Up to a block of bytes at an offset; empty at the end.
    pub(super) async fn read_at(&self, offset: u64) -> io::Result<Vec<u8>> {
        let file = Arc::clone(&self.file);
        blocking(move || {
            let left = file.metadata()?.len().saturating_sub(offset);
            let size = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            let mut block = vec![0; size];
            let mut filled = 0;
            while filled < size {
                match file.read_at(&mut block[filled..], offset + filled as u64)? {
                    0 => break,
                    count => filled += count,
                }
            }
            block.truncate(filled);
            Ok(block)
        })
        .await
    }

    pub(super) async fn len(&self) -> io::Result<u64> {
        let file = Arc::clone(&self.file);
        blocking(move || Ok(file.metadata()?.len())).await
    }

    /// The file that stands at the path now, if it is another one: this one was rotated away.
    pub(super) async fn successor(&self) -> io::Result<Option<Self>> {
        let (path, inode) = (self.path.clone(), self.inode);
        let is_other = move |meta: &Metadata| meta.ino() != inode;
        let now = blocking({
            let path = path.clone();
            move || match std::fs::metadata(&path) {
                Ok(meta) => Ok(Some(meta)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await?;
        if now.as_ref().is_some_and(is_other) {
            return Self::open(&path).await;
        }
        Ok(None)
    }
}
