//! What the engine asks for, effect by effect.
//!
//! An operation that is dropped has changed nothing yet: whatever it changes, it changes after its last
//! await.

use std::sync::Arc;

use lifepod_lifecycle::{
    effect::{Action, Effect, PodRef},
    id::{OpId, PodUid},
    input::Fact,
};

use crate::{
    containers, faults, handlers, images, log,
    process::Signal,
    runtime::Shared,
    script,
    world::{Sandbox, Slot},
};

impl Shared {
    /// Neither begins nor answers while the pod cannot be reached.
    pub(crate) async fn perform(self: &Arc<Self>, effect: Effect) -> Option<Fact> {
        let uid = effect.pod.uid.clone();
        faults::reach(self, &uid).await;
        let fact = self.carry_out(effect).await;
        faults::reach(self, &uid).await;
        fact
    }

    async fn carry_out(self: &Arc<Self>, effect: Effect) -> Option<Fact> {
        let Effect { pod, op, action } = effect;
        match action {
            Action::CreateSandbox { attempt } => Some(self.create_sandbox(&pod, op, attempt).await),
            Action::EnsureImage { container } => {
                Some(images::ensure(self, &pod, op, &container).await)
            }
            Action::StartContainer {
                container,
                attempt,
                image_id,
            } => Some(containers::start(self, &pod, op, (container, attempt), image_id).await),
            Action::RunHook {
                container,
                attempt,
                hook,
                handler,
                ..
            } => {
                let slot = (container, attempt);
                let outcome = handlers::hook(self, &pod.uid, &slot, hook, &handler).await;
                Some(Fact::HookFinished { op, outcome })
            }
            Action::RunProbe {
                container,
                attempt,
                probe,
                handler,
                timeout,
                ..
            } => {
                let attempt = handlers::Attempt {
                    slot: (container, attempt),
                    probe,
                    handler,
                    timeout,
                };
                let outcome = handlers::probe(self, &pod, &attempt).await;
                Some(Fact::ProbeFinished { op, outcome })
            }
            Action::StopContainer {
                container, attempt, ..
            } => {
                let signal = Signal::Term(self.clock.now());
                self.signal(&pod.uid, &(container, attempt), signal)
            }
            Action::KillContainer {
                container, attempt, ..
            } => {
                let signal = Signal::Kill(self.clock.now());
                self.signal(&pod.uid, &(container, attempt), signal)
            }
            Action::RemoveSandbox { purge } => Some(self.remove_sandbox(&pod, op, purge)),
            Action::PurgePod => Some(match self.purge(&pod) {
                Ok(()) => Fact::PodPurged { op },
                Err(message) => Fact::CleanupFailed { op, message },
            }),
        }
    }

    async fn create_sandbox(self: &Arc<Self>, pod: &PodRef, op: OpId, attempt: u32) -> Fact {
        let failed = |message| Fact::SandboxFailed { op, message };
        let contact = script::contact(pod, self.seed).map(drop);
        let script = match contact.and_then(|()| script::sandbox(pod, self.seed)) {
            Ok(script) => script,
            Err(error) => return failed(error.to_string()),
        };
        let known = |s: &mut Sandbox| (s.attempt == attempt).then(|| s.ips.clone());
        if let Some(ips) = self.world.lock().sandbox(&pod.uid).and_then(known) {
            return Fact::SandboxReady { op, ips };
        }
        self.clock
            .sleep_until(self.clock.now() + script.takes)
            .await;
        let mut world = self.world.lock();
        let try_number = world.count(&pod.uid, "sandbox".to_owned());
        if try_number <= script.failures {
            return failed(format!("attempt {try_number} fails by its script"));
        }
        let now = self.clock.now();
        match world.create_sandbox(&pod.uid, attempt, pod.spec.host_network, now) {
            Some(ips) => {
                faults::plan(self, pod, attempt, now);
                Fact::SandboxReady { op, ips }
            }
            None => failed("no address is left".to_owned()),
        }
    }

    /// No answer: the exit is the answer. A repeated signal keeps the time of the first.
    fn signal(&self, pod: &PodUid, slot: &Slot, signal: Signal) -> Option<Fact> {
        let mut world = self.world.lock();
        let instance = world.running(pod, slot)?;
        let changed = instance.signals.send_if_modified(|sent| {
            let stronger =
                std::mem::discriminant(sent) != std::mem::discriminant(&signal) && signal > *sent;
            if stronger {
                *sent = signal;
            }
            stronger
        });
        if changed {
            world.keep(pod, self.clock.now());
        }
        None
    }

    /// The last client has closed the standard input of a process.
    pub(crate) fn end_input(&self, pod: &PodUid, slot: &Slot) {
        let signal = Signal::Input(self.clock.now());
        self.signal(pod, slot, signal);
    }

    fn remove_sandbox(&self, pod: &PodRef, op: OpId, purge: bool) -> Fact {
        {
            let mut world = self.world.lock();
            world.remove_sandbox(&pod.uid);
            world.keep(&pod.uid, self.clock.now());
        }
        match if purge { self.purge(pod) } else { Ok(()) } {
            Ok(()) => Fact::SandboxRemoved { op, purged: purge },
            Err(message) => Fact::CleanupFailed { op, message },
        }
    }

    fn purge(&self, pod: &PodRef) -> Result<(), String> {
        let directory = log::directory(&self.log_root, pod);
        log::remove(&directory)
            .map_err(|error| format!("cannot remove `{}`: {error}", directory.display()))?;
        let mut world = self.world.lock();
        world.remove_sandbox(&pod.uid);
        world.pods.remove(&pod.uid);
        world.keep(&pod.uid, self.clock.now());
        Ok(())
    }
}
