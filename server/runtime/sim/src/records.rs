//! The world on disk: one small file per pod, so that simulated containers outlive the server as
//! real ones do.
//!
//! Files are replaced whole and not synced: they survive the end of the process, not of the
//! machine, and neither do containers.

use std::{
    collections::BTreeMap,
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use lifepod_lifecycle::{id::PodUid, input::Exit, time::Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    process::Signal,
    script::StartScript,
    world::{Instance, Sandbox, SimPod},
};

const CLOCK: &str = "clock";
const IMAGES: &str = "images";
const PODS: &str = "pods";

#[derive(Serialize, Deserialize)]
struct PodRecord {
    /// When it was written.
    #[serde(default)]
    at: Timestamp,
    sandbox: Option<SandboxRecord>,
    tries: BTreeMap<String, u32>,
}

#[derive(Serialize, Deserialize)]
struct SandboxRecord {
    attempt: u32,
    made_at: Timestamp,
    ips: Vec<IpAddr>,
    instances: Vec<InstanceRecord>,
}

#[derive(Serialize, Deserialize)]
struct InstanceRecord {
    container: String,
    attempt: u32,
    container_id: String,
    image_id: String,
    started_at: Timestamp,
    script: StartScript,
    signal: Signal,
    exit: Option<Exit>,
}

/// The directory.
#[derive(Clone, Debug)]
pub(crate) struct Records(PathBuf);

impl Records {
    /// Opens the directory, which need not exist.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory.join(PODS))?;
        Ok(Self(directory.to_owned()))
    }

    /// Writes a pod down with the time, or removes what was written of it.
    pub(crate) fn keep(&self, uid: &PodUid, pod: Option<&SimPod>, now: Timestamp) {
        let path = self.0.join(PODS).join(uid.as_str());
        let kept = match pod {
            Some(pod) => write(&path, &PodRecord::new(pod, now)),
            None => match fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                // It told the time.
                removed => removed.map(|()| self.keep_time(now)),
            },
        };
        if let Err(error) = kept {
            tracing::warn!(path = %path.display(), %error, "a pod cannot be written down");
        }
    }

    /// Writes the time down.
    pub(crate) fn keep_time(&self, now: Timestamp) {
        self.keep_value(CLOCK, &now);
    }

    /// Newest time that was written down.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        #[derive(Deserialize)]
        struct Written {
            #[serde(default)]
            at: Timestamp,
        }
        let clock = read(&self.0.join(CLOCK)).ok().flatten();
        let pods = self.files::<Written>().unwrap_or_default();
        let pods = pods.into_iter().map(|(_, written)| written.at);
        pods.chain(clock).max()
    }

    /// Writes down what is in the image store.
    pub(crate) fn keep_images(&self, images: &impl Serialize) {
        self.keep_value(IMAGES, images);
    }

    /// What was in the image store.
    pub(crate) fn images<T: DeserializeOwned>(&self) -> io::Result<Option<T>> {
        read(&self.0.join(IMAGES))
    }

    /// Every pod that was written down.
    pub(crate) fn pods(&self) -> io::Result<Vec<(PodUid, SimPod)>> {
        let records = self.files::<PodRecord>()?.into_iter();
        Ok(records.map(|(uid, record)| (uid, record.into())).collect())
    }

    fn files<T: DeserializeOwned>(&self) -> io::Result<Vec<(PodUid, T)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.0.join(PODS))? {
            let path = entry?.path();
            let Some(uid) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            if path.extension().is_none()
                && let Some(content) = read(&path)?
            {
                files.push((PodUid::from(uid), content));
            }
        }
        Ok(files)
    }

    fn keep_value(&self, name: &str, value: &impl Serialize) {
        let path = self.0.join(name);
        if let Err(error) = write(&path, value) {
            tracing::warn!(path = %path.display(), %error, "the simulation cannot be written down");
        }
    }
}

fn write(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let fresh = path.with_extension("new");
    fs::write(&fresh, serde_json::to_vec(value)?)?;
    fs::rename(&fresh, path)
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        bytes => Ok(Some(serde_json::from_slice(&bytes?)?)),
    }
}

impl PodRecord {
    fn new(pod: &SimPod, at: Timestamp) -> Self {
        let instance = |((container, attempt), i): (&(String, u32), &Instance)| InstanceRecord {
            container: container.clone(),
            attempt: *attempt,
            container_id: i.container_id.clone(),
            image_id: i.image_id.clone(),
            started_at: i.started_at,
            script: StartScript::clone(&i.script),
            signal: *i.signals.borrow(),
            exit: i.exit.clone(),
        };
        let sandbox = |sandbox: &Sandbox| SandboxRecord {
            attempt: sandbox.attempt,
            made_at: sandbox.made_at,
            ips: sandbox.ips.clone(),
            instances: sandbox.instances.iter().map(instance).collect(),
        };
        Self {
            at,
            sandbox: pod.sandbox.as_ref().map(sandbox),
            tries: pod.tries.clone(),
        }
    }
}

impl From<PodRecord> for SimPod {
    fn from(record: PodRecord) -> Self {
        let instance = |i: InstanceRecord| {
            let ended = CancellationToken::new();
            if i.exit.is_some() {
                ended.cancel();
            }
            let instance = Instance {
                container_id: i.container_id,
                image_id: i.image_id,
                started_at: i.started_at,
                script: Arc::new(i.script),
                signals: watch::Sender::new(i.signal),
                ended,
                exit: i.exit,
            };
            ((i.container, i.attempt), instance)
        };
        let sandbox = |sandbox: SandboxRecord| Sandbox {
            attempt: sandbox.attempt,
            made_at: sandbox.made_at,
            ips: sandbox.ips,
            instances: sandbox.instances.into_iter().map(instance).collect(),
        };
        Self {
            sandbox: record.sandbox.map(sandbox),
            tries: record.tries,
            silence: None,
        }
    }
}
