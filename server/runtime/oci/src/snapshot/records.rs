//! Which directories stand on which image, for the next process.
//!
//! A record is one symlink, `<store>/snapshots/<image>-<hash of dir>` pointing at the directory: making it is
//! one atomic change of metadata, in the same journal as the directory it announces, and needs no sync.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::image::{Algorithm, At, Digest, ImageError};

fn path(root: &Path, image: &Digest, dir: &Path) -> PathBuf {
    let key = Digest::of(dir.as_os_str().as_encoded_bytes());
    let name = format!("{}-{}", image.hex(), &key.hex()[..16]);
    root.join("snapshots").join(name)
}

pub(super) fn add(root: &Path, image: &Digest, dir: &Path) -> Result<(), ImageError> {
    let record = path(root, image, dir);
    match symlink(dir, &record) {
        // Left by a crash between the directory's removal and the record's.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.at("record", &record),
    }
}

pub(super) fn remove(root: &Path, image: &Digest, dir: &Path) -> Result<(), ImageError> {
    let record = path(root, image, dir);
    match fs::remove_file(&record) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.at("remove", &record),
    }
}

/// Reads all records of the store at `root`; those whose directory is gone are removed.
pub(crate) fn recorded_uses(root: &Path) -> Result<HashMap<PathBuf, Digest>, ImageError> {
    let records = root.join("snapshots");
    fs::create_dir_all(&records).at("create", &records)?;
    let mut uses = HashMap::new();
    for entry in fs::read_dir(&records).at("list", &records)? {
        let record = entry.at("list", &records)?.path();
        let (Ok(dir), Some(image)) = (fs::read_link(&record), image_of(&record)) else {
            continue;
        };
        if fs::symlink_metadata(&dir).is_ok() {
            uses.insert(dir, image);
        } else {
            fs::remove_file(&record).at("remove", &record)?;
        }
    }
    Ok(uses)
}

fn image_of(record: &Path) -> Option<Digest> {
    let (hex, _) = record.file_name()?.to_str()?.split_once('-')?;
    Algorithm::ALL
        .into_iter()
        .find_map(|algorithm| Digest::from_hex(algorithm, hex).ok())
}
