//! The image store: what is here, under which names, and who stands on it.
//!
//! ```text
//! <root>/index.json   images and names            <root>/layers/, staging/   see `layers`
//! <root>/blobs/       manifests and configs       <root>/snapshots/          see `snapshot`
//! <root>/ingest/      downloads under way         <root>/lock                one process at a time
//! ```
//!
//! Reads never touch the disk. Changes are written first and shown after, except that a removed image
//! disappears from view first, so that no container can start on what is about to be deleted. Compressed
//! layers are kept only until they are unpacked.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use rustix::fs::{FlockOperation, flock};
use tokio::sync::Semaphore;
use tracing::warn;

use super::config::{ConfigFile, ImageConfig};
use super::content::Blobs;
use super::digest::Digest;
use super::error::{At, ImageError};
use super::index::Index;
use super::layers::{Layers, chain_ids};
use super::locks::{KeyedLocks, Leases};
use super::platform::Platform;
use super::pull::Flights;
use super::registry::{Clients, RegistryConfig};

/// Images on this machine. Cheap to clone; all clones are one store.
#[derive(Clone)]
pub struct ImageStore {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) root: PathBuf,
    pub(crate) config: RegistryConfig,
    pub(crate) host: Platform,
    pub(crate) blobs: Blobs,
    pub(crate) layers: Layers,
    pub(crate) clients: Clients,
    pub(crate) leases: Arc<Leases>,
    pub(crate) blob_locks: KeyedLocks,
    pub(crate) layer_locks: KeyedLocks,
    pub(crate) downloads: Semaphore,
    pub(crate) flights: Flights,
    pub(crate) state: Mutex<State>,
    /// Held over a change of the index, from reading the old one until the new one is durable.
    pub(crate) commit: Mutex<()>,
    _lock: File,
}

pub(crate) struct State {
    pub(crate) index: Arc<Index>,
    /// What configs say, for every image of the index.
    pub(crate) loaded: HashMap<Digest, Loaded>,
    /// Snapshot directories and the images they stand on.
    pub(crate) uses: HashMap<PathBuf, Digest>,
}

#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) config: Arc<ImageConfig>,
    pub(crate) created: Option<SystemTime>,
    /// Bottom layer first.
    pub(crate) chain_ids: Arc<[Digest]>,
}

/// One image on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The digest of its config.
    pub id: Digest,
    /// `registry/repository:tag`, sorted; empty when no tag leads here any more.
    pub tags: Vec<String>,
    /// `registry/repository@digest`, sorted.
    pub repo_digests: Vec<String>,
    /// Bytes as downloaded.
    pub size: u64,
    /// When it was built, if it says so.
    pub created: Option<SystemTime>,
    /// When it first came to this machine.
    pub pulled: SystemTime,
}

impl Image {
    /// What a container's `imageID` shows: the digested reference, or the id of a nameless image.
    pub fn digested(&self) -> String {
        let first = self.repo_digests.first().cloned();
        first.unwrap_or_else(|| self.id.to_string())
    }
}

impl ImageStore {
    /// Opens the store at `root`, making it if need be, and sweeps what a crash left behind.
    ///
    /// # Errors
    /// [`ImageError::InvalidConfig`]; [`ImageError::Storage`] also when another process has it open;
    /// [`ImageError::Malformed`] for a damaged index.
    pub fn open(root: impl AsRef<Path>, config: RegistryConfig) -> Result<Self, ImageError> {
        config.validate()?;
        let root = root.as_ref();
        fs::create_dir_all(root).at("create", root)?;
        // Layers hold setuid programs, which no other user of the machine may reach.
        fs::set_permissions(root, fs::Permissions::from_mode(0o700)).at("protect", root)?;
        let root = root.canonicalize().at("resolve", root)?;
        let lock = lock(&root)?;
        let blobs = Blobs::open(&root)?;
        let layers = Layers::open(&root)?;
        crate::snapshot::make_skeleton(&root)?;
        let state = load_state(&root, &config, &blobs, &layers)?;
        let inner = Inner {
            clients: Clients::new(config.connect_timeout, config.idle_timeout),
            downloads: Semaphore::new(config.parallel_downloads),
            host: Platform::host(),
            blobs,
            layers,
            leases: Arc::default(),
            blob_locks: KeyedLocks::default(),
            layer_locks: KeyedLocks::default(),
            flights: Flights::default(),
            state: Mutex::new(state),
            commit: Mutex::new(()),
            root,
            config,
            _lock: lock,
        };
        inner.collect_garbage()?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// All images, in the order of their ids.
    pub fn list(&self) -> Vec<Image> {
        let state = self.inner.state.lock();
        let ids = state.index.images.keys();
        ids.filter_map(|id| state.image(id)).collect()
    }

    /// The image that a reference, an image id or a manifest digest leads to.
    ///
    /// # Errors
    /// [`ImageError::NotPresent`], or [`ImageError::InvalidImageName`].
    pub fn resolve(&self, image: &str) -> Result<Image, ImageError> {
        let state = self.inner.state.lock();
        let id = state.index.find(image)?;
        id.and_then(|id| state.image(&id))
            .ok_or_else(|| not_present(image))
    }

    /// What an image says about how to run it.
    ///
    /// # Errors
    /// As [`ImageStore::resolve`].
    pub fn inspect(&self, image: &str) -> Result<(Image, Arc<ImageConfig>), ImageError> {
        let state = self.inner.state.lock();
        let id = state.index.find(image)?.ok_or_else(|| not_present(image))?;
        let (Some(found), Some(loaded)) = (state.image(&id), state.loaded.get(&id)) else {
            return Err(not_present(image));
        };
        Ok((found, Arc::clone(&loaded.config)))
    }
}

pub(crate) fn not_present(image: &str) -> ImageError {
    ImageError::NotPresent {
        image: image.to_owned(),
    }
}

impl State {
    pub(crate) fn image(&self, id: &Digest) -> Option<Image> {
        let record = self.index.images.get(id)?;
        let (tags, repo_digests) = self.index.names_of(id);
        Some(Image {
            id: id.clone(),
            tags,
            repo_digests,
            size: record.size,
            created: self.loaded.get(id)?.created,
            pulled: SystemTime::UNIX_EPOCH + Duration::from_millis(record.pulled_at_ms),
        })
    }
}

impl Loaded {
    pub(crate) fn new(config: ConfigFile) -> Self {
        Self {
            config: Arc::new(config.run),
            created: config.created,
            chain_ids: chain_ids(&config.diff_ids),
        }
    }
}

fn lock(root: &Path) -> Result<File, ImageError> {
    let path = root.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .at("open", &path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).at("lock", &path)?;
    Ok(file)
}

/// Reads the index and what it refers to. An image with damaged or missing parts is dropped: it will be
/// pulled again, which is better than a server that does not start.
fn load_state(
    root: &Path,
    config: &RegistryConfig,
    blobs: &Blobs,
    layers: &Layers,
) -> Result<State, ImageError> {
    let mut index = Index::read(root)?;
    let mut loaded = HashMap::new();
    let ids: Vec<Digest> = index.images.keys().cloned().collect();
    for id in ids {
        let config = blobs
            .read(&id, config.limits.document_bytes)
            .and_then(|bytes| ConfigFile::parse(&bytes))
            .map(Loaded::new);
        match config {
            Ok(image) if image.chain_ids.iter().all(|chain| layers.contains(chain)) => {
                loaded.insert(id, image);
                continue;
            }
            Ok(_) => warn!(image = %id, "image dropped: a layer is missing"),
            Err(error) => warn!(image = %id, %error, "image dropped: its config is unusable"),
        }
        index.delete(&id);
    }
    let uses = crate::snapshot::recorded_uses(root)?;
    Ok(State {
        index: Arc::new(index),
        loaded,
        uses,
    })
}
