//! The server under test, as a client sees it: calls on one connection, and a watcher on another.

use crate::{
    bundle::{CPU, MEMORY, PROGRAM},
    observer::{Observer, Seen, subject},
    processes,
};
use anyhow::{Context, Result, ensure};
use lifepod_client::{
    Client, DeleteOptions, ExecOptions, Pods, manifest,
    proto::{self, PodPhase, transition_subject::Subject},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::{
    collections::HashMap,
    path::Path,
    time::{Duration, Instant, SystemTime},
};
use tokio::time::sleep;

/// Nothing that is measured may take longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two kills while pods start.
const PAUSE: Duration = Duration::from_millis(10);
const IMAGE: &str = "busybox";

/// A client and a watcher.
#[derive(Debug)]
pub(crate) struct Lifepod {
    pub(crate) pods: Pods,
    pub(crate) observer: Observer,
}

/// When the steps of a start became durable, counted from the call that created the pod.
#[derive(Debug)]
pub(crate) struct Started {
    /// Until the watcher saw Running.
    pub(crate) took: Duration,
    /// Each step with its own share.
    pub(crate) steps: Vec<(&'static str, Duration)>,
}

impl Lifepod {
    pub(crate) async fn connect(socket: &Path) -> Result<Self> {
        let client = Client::connect(format!("unix://{}", socket.display())).await?;
        Ok(Self {
            pods: client.pods("default"),
            observer: Observer::connect(socket).await?,
        })
    }

    /// Creates a pod and waits until the watcher has seen it run.
    pub(crate) async fn start(&mut self, pod: proto::Pod) -> Result<Started> {
        self.observer.forget();
        let name = name_of(&pod);
        let (began, clock) = (Instant::now(), SystemTime::now());
        self.pods.create(pod).await?;
        let mut steps = Steps::new(clock);
        let what = format!("{name} Running");
        let running = self.observer.until(PATIENCE, &what, |seen| {
            seen.pod() == name && {
                steps.note(seen);
                seen.phase(PodPhase::Running)
            }
        });
        let running = running.await?;
        steps.end("seen by the watcher", running.clock);
        Ok(Started {
            took: running.at - began,
            steps: steps.shares,
        })
    }

    /// Creates many pods at once; answers how long until the watcher has seen all of them run.
    pub(crate) async fn start_all(&mut self, pods: Vec<proto::Pod>) -> Result<Duration> {
        self.observer.forget();
        let mut missing = pods.len();
        let began = Instant::now();
        let creations = pods.into_iter().map(|pod| self.pods.create(pod));
        let created = futures::future::try_join_all(creations);
        let all_run = self.observer.until(PATIENCE, "all pods Running", |seen| {
            missing -= usize::from(seen.phase(PodPhase::Running));
            missing == 0
        });
        let (created, last) = tokio::join!(created, all_run);
        created?;
        Ok(last?.at - began)
    }

    /// Deletes a pod; answers how long until the watcher saw it gone.
    pub(crate) async fn delete(&mut self, name: &str) -> Result<Duration> {
        self.observer.forget();
        let began = Instant::now();
        self.pods.delete(name, DeleteOptions::default()).await?;
        let gone = |seen: &Seen| seen.pod() == name && seen.gone();
        let what = format!("{name} gone");
        let seen = self.observer.until(PATIENCE, &what, gone).await?;
        Ok(seen.at - began)
    }

    /// Deletes many pods at once.
    pub(crate) async fn delete_all(
        &mut self,
        names: &[String],
        options: DeleteOptions,
    ) -> Result<Duration> {
        self.observer.forget();
        let mut missing = names.len();
        let began = Instant::now();
        let calls = names
            .iter()
            .map(|name| self.pods.delete(name, options.clone()));
        let deleted = futures::future::try_join_all(calls);
        let all_gone = self.observer.until(PATIENCE, "all pods gone", |seen| {
            missing -= usize::from(seen.gone());
            missing == 0
        });
        let (deleted, last) = tokio::join!(deleted, all_gone);
        deleted?;
        Ok(last?.at - began)
    }

    /// Runs `true` in a pod.
    pub(crate) async fn exec_true(&self, name: &str) -> Result<()> {
        let finished = self.pods.run(name, ExecOptions::new(["true"])).await?;
        ensure!(finished.exit.success(), "exec of true: {:?}", finished.exit);
        Ok(())
    }

    /// Kills a pod's process, found by an argument that no other has. Answers how long until the
    /// watcher saw its end: since the signal, and since the time on the exit's record.
    pub(crate) async fn kill(&mut self, name: &str, argument: &str) -> Result<[Duration; 2]> {
        let pid = pid_of(argument)?;
        self.observer.forget();
        let killed = Instant::now();
        kill_process(pid, Signal::KILL)?;
        since(killed, &self.ended(name).await?)
    }

    /// As [`Lifepod::kill`], for one victim after the other while all of the other pods are created
    /// and start; those killed when all run already do not count. Victims have names and arguments.
    pub(crate) async fn kill_while_starting(
        &mut self,
        victims: &[(String, String)],
        others: Vec<proto::Pod>,
    ) -> Result<Vec<[Duration; 2]>> {
        let pids: Result<Vec<_>> = victims.iter().map(|(_, arg)| pid_of(arg)).collect();
        self.observer.forget();
        let (mut missing, mut all_run) = (others.len(), None);
        let mut ends = HashMap::new();
        let creations = others.into_iter().map(|pod| self.pods.create(pod));
        let created = futures::future::try_join_all(creations);
        let last = self.observer.until(PATIENCE, "all ends", |seen| {
            if seen.phase(PodPhase::Running) {
                missing -= 1;
                all_run = (missing == 0).then_some(seen.at);
            }
            if let Some(recorded) = finished_at(seen) {
                let since_record = seen.clock.duration_since(recorded).unwrap_or_default();
                ends.entry(seen.pod().to_owned())
                    .or_insert((seen.at, since_record));
            }
            missing == 0 && ends.len() == victims.len()
        });
        let (created, killed, last) = tokio::join!(created, kill_in_turn(pids?), last);
        created?;
        last?;
        let mut took = Vec::new();
        for ((name, _), killed) in victims.iter().zip(killed?) {
            let (seen, since_record) = ends[name];
            if all_run.is_some_and(|all_run| killed < all_run) {
                took.push([seen - killed, since_record]);
            }
        }
        Ok(took)
    }

    /// Deletes a pod that does not obey SIGTERM. Answers when its container ended, as the watcher
    /// saw it, since the call.
    pub(crate) async fn outlast(&mut self, name: &str) -> Result<Duration> {
        self.observer.forget();
        let began = Instant::now();
        self.pods.delete(name, DeleteOptions::default()).await?;
        let seen = self.ended(name).await?;
        let gone = |seen: &Seen| seen.pod() == name && seen.gone();
        self.observer.until(PATIENCE, "pod gone", gone).await?;
        Ok(seen.at - began)
    }

    async fn ended(&mut self, name: &str) -> Result<Seen> {
        let ended = |seen: &Seen| seen.pod() == name && finished_at(seen).is_some();
        let what = format!("the end of {name}");
        self.observer.until(PATIENCE, &what, ended).await
    }
}

/// Kills them spread, so that they meet every stage of the others' start. Answers when.
async fn kill_in_turn(pids: Vec<Pid>) -> Result<Vec<Instant>> {
    let mut killed = Vec::new();
    for pid in pids {
        sleep(PAUSE).await;
        killed.push(Instant::now());
        kill_process(pid, Signal::KILL)?;
    }
    Ok(killed)
}

/// The process with an argument that no other has.
fn pid_of(argument: &str) -> Result<Pid> {
    let pid = i32::try_from(processes::with_argument(argument)?).ok();
    pid.and_then(Pid::from_raw).context("odd pid")
}

/// How long until an end was seen: since the signal, and since the time on the exit's record.
fn since(killed: Instant, seen: &Seen) -> Result<[Duration; 2]> {
    let recorded = finished_at(seen).context("an exit without a time")?;
    let since_record = seen.clock.duration_since(recorded).unwrap_or_default();
    Ok([seen.at - killed, since_record])
}

fn finished_at(seen: &Seen) -> Option<SystemTime> {
    let status = seen.change.pod.as_ref()?.status.as_ref()?;
    let state = status.container_statuses.first()?.state.as_ref()?;
    let Some(proto::container_state::State::Terminated(end)) = &state.state else {
        return None;
    };
    end.finished_at?.try_into().ok()
}

/// The shares of a start, read off the commit times of its revisions.
struct Steps {
    last: SystemTime,
    shares: Vec<(&'static str, Duration)>,
}

impl Steps {
    fn new(began: SystemTime) -> Self {
        Self {
            last: began,
            shares: Vec::new(),
        }
    }

    fn note(&mut self, seen: &Seen) {
        let reached = seen.change.transitions.iter().find_map(|transition| {
            match (subject(transition)?, transition.to.as_str()) {
                (Subject::Object(_), "Created") => Some("pod recorded"),
                (Subject::Sandbox(_), "Ready") => Some("sandbox ready"),
                (Subject::Image(_), "Present") => Some("image found"),
                (Subject::Container(_), "Running") => Some("container running"),
                _ => None,
            }
        });
        let committed = seen.change.committed_at.and_then(|at| at.try_into().ok());
        if let (Some(step), Some(at)) = (reached, committed) {
            self.end(step, at);
        }
    }

    fn end(&mut self, step: &'static str, at: SystemTime) {
        let share = at.duration_since(self.last).unwrap_or_default();
        self.shares.push((step, share));
        self.last = at;
    }
}

/// A pod with one container that obeys SIGTERM.
pub(crate) fn pod(name: &str) -> Result<proto::Pod> {
    pod_with(name, &PROGRAM, "Always", 30)
}

/// A pod with one container.
pub(crate) fn pod_with(
    name: &str,
    command: &[&str],
    restart: &str,
    grace: u32,
) -> Result<proto::Pod> {
    let limits = json!({ "cpu": CPU, "memory": MEMORY });
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name },
        "spec": {
            "restartPolicy": restart,
            "terminationGracePeriodSeconds": grace,
            "containers": [{
                "name": "c", "image": IMAGE, "imagePullPolicy": "IfNotPresent",
                "command": command, "resources": { "limits": limits },
            }],
        },
    });
    let mut pods = manifest::parse(&pod.to_string())?;
    pods.pop().context("no pod in the manifest")
}

fn name_of(pod: &proto::Pod) -> String {
    let metadata = pod.metadata.as_ref();
    metadata.map(|meta| meta.name.clone()).unwrap_or_default()
}
