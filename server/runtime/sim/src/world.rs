//! What is there: sandboxes, instances, addresses. Plain data under one lock, never held across
//! an await.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use lifepod_lifecycle::{
    id::PodUid,
    input::{Exit, Fact, InstanceFacts},
    time::Timestamp,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{process::Signal, records::Records, script::StartScript};

/// First and last address of simulated pods, in 198.18.0.0/15: reserved for benchmarks (RFC
/// 2544), so that nobody reaches a real machine by it.
const FIRST: u32 = u32::from_be_bytes([198, 18, 0, 2]);
const LAST: u32 = u32::from_be_bytes([198, 19, 255, 254]);

/// Which instance: container and attempt.
pub(crate) type Slot = (String, u32);

pub(crate) struct Instance {
    pub(crate) container_id: String,
    pub(crate) image_id: String,
    pub(crate) started_at: Timestamp,
    pub(crate) script: Arc<StartScript>,
    pub(crate) signals: watch::Sender<Signal>,
    /// Cancelled at its end.
    pub(crate) ended: CancellationToken,
    pub(crate) exit: Option<Exit>,
}

pub(crate) struct Sandbox {
    pub(crate) attempt: u32,
    pub(crate) made_at: Timestamp,
    pub(crate) ips: Vec<IpAddr>,
    pub(crate) instances: BTreeMap<Slot, Instance>,
}

#[derive(Default)]
pub(crate) struct SimPod {
    pub(crate) sandbox: Option<Sandbox>,
    /// Tries so far by what is tried: `pull <container>`, `sandbox`.
    pub(crate) tries: BTreeMap<String, u32>,
    /// The pod cannot be reached.
    pub(crate) silence: Option<Silence>,
}

/// Nothing can be asked of the pod, and nothing is heard of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Silence {
    /// When it ends, if ever.
    pub(crate) until: Option<Timestamp>,
    /// Something happened meanwhile.
    pub(crate) missed: bool,
}

#[derive(Default)]
pub(crate) struct World {
    pub(crate) pods: BTreeMap<PodUid, SimPod>,
    addresses: BTreeSet<u32>,
    last: u32,
    /// Where the pods outlive the process, if they do.
    pub(crate) records: Option<Records>,
}

impl World {
    /// Writes down what is there of a pod, after a change.
    pub(crate) fn keep(&self, uid: &PodUid, now: Timestamp) {
        if let Some(records) = &self.records {
            records.keep(uid, self.pods.get(uid), now);
        }
    }

    /// Takes over what was written down.
    pub(crate) fn load(&mut self, pods: Vec<(PodUid, SimPod)>) {
        for (_, pod) in &pods {
            let ips = pod.sandbox.iter().flat_map(|sandbox| &sandbox.ips);
            for ip in ips {
                if let IpAddr::V4(ip) = ip {
                    self.addresses.insert(ip.to_bits());
                    self.last = self.last.max(ip.to_bits());
                }
            }
        }
        self.pods = pods.into_iter().collect();
    }

    /// Counts one try and answers how many there were with it.
    pub(crate) fn count(&mut self, pod: &PodUid, what: String) -> u32 {
        let tries = &mut self.pods.entry(pod.clone()).or_default().tries;
        let count = tries.entry(what).or_default();
        *count = count.saturating_add(1);
        *count
    }

    pub(crate) fn sandbox(&mut self, pod: &PodUid) -> Option<&mut Sandbox> {
        self.pods.get_mut(pod)?.sandbox.as_mut()
    }

    pub(crate) fn instance(&mut self, pod: &PodUid, slot: &Slot) -> Option<&mut Instance> {
        self.sandbox(pod)?.instances.get_mut(slot)
    }

    /// The newest instance of a container, if it runs.
    pub(crate) fn running(&mut self, pod: &PodUid, slot: &Slot) -> Option<&mut Instance> {
        self.instance(pod, slot).filter(|i| i.exit.is_none())
    }

    /// Whether an instance that runs was made from that image.
    pub(crate) fn uses(&self, image_id: &str) -> bool {
        let sandboxes = self.pods.values().filter_map(|pod| pod.sandbox.as_ref());
        sandboxes
            .flat_map(|sandbox| sandbox.instances.values())
            .any(|i| i.exit.is_none() && i.image_id == image_id)
    }

    /// Whether what happens to a pod can be heard of now; if not, it is noted as missed.
    pub(crate) fn heard(&mut self, pod: &PodUid) -> bool {
        let silence = self.pods.get_mut(pod).and_then(|pod| pod.silence.as_mut());
        silence.is_none_or(|silence| {
            silence.missed = true;
            false
        })
    }

    /// Makes a sandbox in place of an earlier one. None if there is no address left.
    pub(crate) fn create_sandbox(
        &mut self,
        pod: &PodUid,
        attempt: u32,
        host_network: bool,
        now: Timestamp,
    ) -> Option<Vec<IpAddr>> {
        self.remove_sandbox(pod);
        let ips = if host_network {
            vec![]
        } else {
            vec![self.take_address()?]
        };
        let sandbox = Sandbox {
            attempt,
            made_at: now,
            ips: ips.clone(),
            instances: BTreeMap::new(),
        };
        self.pods.entry(pod.clone()).or_default().sandbox = Some(sandbox);
        self.keep(pod, now);
        Some(ips)
    }

    /// Removes a sandbox with everything in it; what still runs ends without a word.
    pub(crate) fn remove_sandbox(&mut self, pod: &PodUid) {
        let sandbox = self.pods.get_mut(pod).and_then(|pod| pod.sandbox.take());
        for ip in sandbox.into_iter().flat_map(|sandbox| sandbox.ips) {
            if let IpAddr::V4(ip) = ip {
                self.addresses.remove(&ip.to_bits());
            }
        }
    }

    /// The next free address, going round so that an address is not used again at once.
    fn take_address(&mut self) -> Option<IpAddr> {
        let after = self.last.clamp(FIRST - 1, LAST);
        let free = (after + 1..=LAST)
            .chain(FIRST..=after)
            .find(|address| !self.addresses.contains(address))?;
        self.addresses.insert(free);
        self.last = free;
        Some(Ipv4Addr::from_bits(free).into())
    }

    /// What a restarted engine is told.
    pub(crate) fn recovered(&mut self, pod: &PodUid) -> Fact {
        let sandbox = self.sandbox(pod);
        let instances = sandbox.as_ref().map_or_else(Vec::new, |sandbox| {
            let facts = |((container, attempt), i): (&Slot, &Instance)| InstanceFacts {
                container: container.clone(),
                attempt: *attempt,
                container_id: i.container_id.clone(),
                started_at: i.started_at,
                exit: i.exit.clone(),
            };
            sandbox.instances.iter().map(facts).collect()
        });
        Fact::Recovered {
            sandbox: sandbox.map(|sandbox| sandbox.ips.clone()),
            instances,
        }
    }
}
