//! The stores under test, and pods to put into them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use lifepod_lifecycle::{
    NewPod, Pod, Settings,
    id::{PodKey, PodUid, Revision},
    port::{Journal, Loaded, Record, RequestRecord, StoreError},
    spec::{ContainerSpec, PodSpec},
    time::Timestamp,
    transition::{Cause, CauseKind},
};
use lifepod_store::{
    disk::{Disk, Faults, FaultyDisk, MemDisk, Op, RealDisk},
    journal::{DurableJournal, JournalOptions, MemoryJournal, MemoryStore, RequestWindow},
    log::{Options, Retention},
};

/// A store that can be opened again and again.
pub(crate) trait Store {
    fn try_open(&self) -> Result<Box<dyn Journal>, StoreError>;

    /// Lets commits fail, or succeed again.
    fn refuse(&self, refuse: bool);

    fn open(&self) -> Box<dyn Journal> {
        self.try_open().unwrap()
    }
}

/// Every store keeps a minute or eight answers, and a hundred records.
const WINDOW: RequestWindow = RequestWindow {
    age: Duration::from_secs(60),
    count: 8,
};
pub(crate) const HISTORY: u64 = 100;

pub(crate) struct OnMemory(Arc<MemoryStore>);

impl OnMemory {
    pub(crate) fn new() -> Self {
        Self(MemoryStore::new(usize::try_from(HISTORY).unwrap(), WINDOW))
    }
}

impl Store for OnMemory {
    fn try_open(&self) -> Result<Box<dyn Journal>, StoreError> {
        Ok(Box::new(MemoryJournal::open(&self.0)?))
    }

    fn refuse(&self, refuse: bool) {
        self.0.refuse(refuse.then_some("told to"));
    }
}

fn open(disk: Arc<dyn Disk>) -> Result<Box<dyn Journal>, StoreError> {
    let options = JournalOptions {
        log: Options {
            segment_bytes: 20_000,
            ..Options::default()
        },
        retention: Retention {
            revisions: Some(HISTORY),
            ..Retention::default()
        },
        requests: WINDOW,
        checkpoint_bytes: 30_000,
        ..JournalOptions::default()
    };
    Ok(Box::new(DurableJournal::open(disk, options, Timestamp(0))?))
}

fn refuse(faults: &Faults, on: bool) {
    if on {
        faults.fail(&[Op::Sync], rustix::io::Errno::NOSPC, u64::MAX);
    } else {
        faults.heal();
    }
}

pub(crate) struct OnLog(MemDisk);

impl OnLog {
    pub(crate) fn new() -> Self {
        Self::seeded(1)
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        Self(MemDisk::new(seed))
    }

    pub(crate) fn power_cut(&self) {
        self.0.power_cut();
    }
}

impl Store for OnLog {
    fn try_open(&self) -> Result<Box<dyn Journal>, StoreError> {
        open(self.0.mount())
    }

    fn refuse(&self, on: bool) {
        refuse(self.0.faults(), on);
    }
}

pub(crate) struct OnDirectory {
    dir: tempfile::TempDir,
    faults: Arc<Faults>,
}

impl OnDirectory {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            faults: Arc::default(),
        }
    }
}

impl Store for OnDirectory {
    fn try_open(&self) -> Result<Box<dyn Journal>, StoreError> {
        let real = RealDisk::new(self.dir.path().join("store")).unwrap();
        open(Arc::new(FaultyDisk::new(
            Arc::new(real),
            Arc::clone(&self.faults),
        )))
    }

    fn refuse(&self, on: bool) {
        refuse(&self.faults, on);
    }
}

/// A journal, and what was put into it.
pub(crate) struct World {
    pub(crate) journal: Box<dyn Journal>,
    pub(crate) records: Vec<Arc<Record>>,
    now: Timestamp,
}

impl World {
    pub(crate) fn new(journal: Box<dyn Journal>) -> Self {
        Self {
            journal,
            records: Vec::new(),
            now: Timestamp::from_secs(1_800_000_000),
        }
    }

    pub(crate) fn revision(&self) -> Revision {
        Revision(self.records.len() as u64)
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// The records of the next commit: one change of each of these pods.
    pub(crate) fn next(&self, pods: &[u64]) -> Vec<Arc<Record>> {
        let first = self.revision().0 + 1;
        pods.iter()
            .zip(first..)
            .map(|(n, revision)| Arc::new(record(*n, revision, self.now)))
            .collect()
    }

    pub(crate) fn commit(&mut self, pods: &[u64]) {
        let records = self.next(pods);
        self.put(records);
    }

    pub(crate) fn request(&mut self, pod: u64, id: &str) {
        let mut record = record(pod, self.revision().0 + 1, self.now);
        record.request = Some(RequestRecord {
            id: id.into(),
            fingerprint: pod,
            newest: None,
            removed: false,
        });
        self.put(vec![Arc::new(record)]);
    }

    pub(crate) fn remove(&mut self, pod: u64) {
        let mut record = record(pod, self.revision().0 + 1, self.now);
        record.removed = true;
        self.put(vec![Arc::new(record)]);
    }

    fn put(&mut self, records: Vec<Arc<Record>>) {
        self.journal.commit(&records).unwrap();
        self.records.extend(records);
    }

    pub(crate) fn reopen(&mut self, store: &dyn Store) {
        self.journal.close().unwrap();
        self.journal = store.open();
    }

    /// What must be there, by uid.
    pub(crate) fn pods(&self) -> BTreeMap<PodUid, Arc<Pod>> {
        self.pods_at(self.records.len())
    }

    /// What was there after that many records.
    pub(crate) fn pods_at(&self, records: usize) -> BTreeMap<PodUid, Arc<Pod>> {
        let mut pods = BTreeMap::new();
        for record in &self.records[..records] {
            if record.removed {
                pods.remove(&record.pod.meta.uid);
            } else {
                pods.insert(record.pod.meta.uid.clone(), Arc::clone(&record.pod));
            }
        }
        pods
    }
}

/// The record of a pod's creation.
pub(crate) fn record(n: u64, revision: u64, now: Timestamp) -> Record {
    let mut pod = pod(n, now);
    let verdict = pod.begin(&Settings::default(), now, Cause::of(CauseKind::Request));
    pod.revision = Revision(revision);
    Record {
        revision: Revision(revision),
        committed_at: now,
        pod: Arc::new(pod),
        previous: Revision::default(),
        removed: false,
        transitions: verdict.transitions,
        request: None,
    }
}

fn pod(n: u64, now: Timestamp) -> Pod {
    let container = ContainerSpec {
        name: "app".into(),
        image: format!("registry.example/app:{n}"),
        ..ContainerSpec::default()
    };
    let new = NewPod {
        key: PodKey::new("default", &format!("pod-{n}")),
        uid: PodUid::from(&*format!("00000000-0000-0000-0000-{n:012}")),
        labels: BTreeMap::from([("n".into(), n.to_string())]),
        annotations: BTreeMap::new(),
        finalizers: Vec::new(),
        spec: PodSpec {
            containers: vec![container],
            ..PodSpec::default()
        },
        node: "node".into(),
    };
    Pod::create(new, now)
}

pub(crate) fn pods_of(loaded: &Loaded) -> BTreeMap<PodUid, Arc<Pod>> {
    loaded
        .pods
        .iter()
        .map(|pod| (pod.meta.uid.clone(), Arc::clone(pod)))
        .collect()
}
