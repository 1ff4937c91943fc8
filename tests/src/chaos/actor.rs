//! Somebody who creates, changes and deletes pods of its own, one request at a time, and remembers
//! every answer.

use super::{
    ledger::{Deletion, Entry, LABEL, Ledger, name_of},
    outcome::Tally,
};
use crate::world::Dice;
use anyhow::{Context, Result, bail};
use lifepod_client::{
    DeleteOptions, Error, Pods, manifest,
    proto::{CreatePodRequest, Pod, UpdatePodRequest},
    reasons,
};
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;

const MOST_PODS: usize = 10;

/// One of those who ask.
#[derive(Debug)]
pub(super) struct Actor {
    number: u64,
    dice: Dice,
    ledger: Ledger,
    /// Names and values given out.
    counter: u64,
    unanswered: Option<Deed>,
    tally: Tally,
}

/// One mutation, as it can be repeated.
#[derive(Debug, Clone)]
struct Deed {
    name: String,
    request_id: String,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Create(Box<Pod>),
    Write(Box<Pod>, u64),
    Delete(Option<i64>),
}

/// How a mutation was answered.
enum Answer {
    Done,
    /// Perhaps it was done.
    Lost,
    /// It was not done, and the server said why.
    Refused(Error),
}

impl Actor {
    pub(super) fn new(number: u64, dice: Dice) -> Self {
        Self {
            number,
            dice,
            ledger: Ledger::default(),
            counter: 0,
            unanswered: None,
            tally: Tally::default(),
        }
    }

    pub(super) fn ledger(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    pub(super) fn ledger_knows(&self, pod: &Pod) -> bool {
        self.ledger.0.contains_key(name_of(pod))
    }

    pub(super) fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Asks for one thing after the other until the server no longer answers.
    pub(super) async fn act(&mut self, pods: &Pods) {
        loop {
            let deed = match self.unanswered.take() {
                Some(deed) => deed,
                None => match self.choose(pods).await {
                    Ok(deed) => deed,
                    Err(_) => return,
                },
            };
            // Whoever drops this future loses the answer.
            self.expect(&deed);
            self.unanswered = Some(deed.clone());
            match self.perform(pods, &deed).await {
                Answer::Done => self.unanswered = None,
                Answer::Lost => return,
                Answer::Refused(_) => {
                    // Of a failing disk; what it says of the commit is not relied on.
                    self.tally.refused += 1;
                    sleep(self.dice.millis(1, 30)).await;
                }
            }
        }
    }

    /// Repeats the mutation whose answer was lost: it must be done now, or have been done.
    pub(super) async fn repeat_unanswered(&mut self, pods: &Pods) -> Result<Vec<String>> {
        let Some(deed) = self.unanswered.take() else {
            return Ok(Vec::new());
        };
        self.tally.unanswered += 1;
        match self.perform(pods, &deed).await {
            Answer::Done => Ok(Vec::new()),
            Answer::Lost => bail!("the server died although it has no reason to"),
            Answer::Refused(error) => {
                let name = &deed.name;
                Ok(vec![format!(
                    "a repeated request for {name} was refused: {error}"
                )])
            }
        }
    }

    async fn choose(&mut self, pods: &Pods) -> Result<Deed> {
        let (mut alive, mut names) = (Vec::new(), 0);
        for (name, entry) in &self.ledger.0 {
            names += 1;
            if entry.uid.is_some() && entry.deletion == Deletion::None {
                alive.push(name.clone());
            }
        }
        self.counter += 1;
        let roll = self.dice.below(10);
        let any = usize::try_from(self.dice.below(alive.len().max(1) as u64))?;
        let (name, what) = match alive.get(any) {
            Some(name) if names >= MOST_PODS || roll < 2 => {
                let graces = [None, Some(0), Some(1)];
                let grace = graces[usize::try_from(self.dice.below(3))?];
                (name.clone(), What::Delete(grace))
            }
            Some(name) if roll < 6 => {
                let pod = pods.get(name).await?;
                let written = self.counter;
                (
                    name.clone(),
                    What::Write(Box::new(with_label(pod, written)), written),
                )
            }
            _ => {
                let name = format!("a{}-{}", self.number, self.counter);
                let pod = self.pod(&name)?;
                (name, What::Create(Box::new(pod)))
            }
        };
        Ok(Deed {
            name,
            request_id: self.dice.uuid(),
            what,
        })
    }

    /// A pod with a life of its own.
    fn pod(&mut self, name: &str) -> Result<Pod> {
        let exit = self.dice.below(2);
        let lives = [
            "run=forever".to_owned(),
            format!("run=0 exit={exit}"),
            format!("start=20ms run=200ms~4s exit={exit}"),
            "run=1s~20s exit=1; run=forever ignore-term".to_owned(),
            "start-fail=create; run=forever term=500ms".to_owned(),
            "run=300ms~1s oom".to_owned(),
        ];
        let life = &lives[usize::try_from(self.dice.below(lives.len() as u64))?];
        let restart = ["Always", "OnFailure", "Never"];
        let restart = restart[usize::try_from(self.dice.below(3))?];
        let parity = if self.counter.is_multiple_of(2) {
            "even"
        } else {
            "odd"
        };
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name,
                "labels": { LABEL: "0", "parity": parity },
                "annotations": { "sim.lifepod.dev/main": life },
            },
            "spec": {
                "restartPolicy": restart,
                "terminationGracePeriodSeconds": 5,
                "containers": [{ "name": "main", "image": "any" }],
            },
        });
        let mut pods = manifest::parse(&pod.to_string())?;
        pods.pop().context("no pod in the manifest")
    }

    /// Writes down what may be true from now on.
    fn expect(&mut self, deed: &Deed) {
        let entry = self.ledger.0.entry(deed.name.clone()).or_default();
        match deed.what {
            What::Create(_) => {}
            What::Write(_, written) => entry.perhaps_written = Some(written),
            What::Delete(_) => entry.deletion = Deletion::Perhaps,
        }
    }

    async fn perform(&mut self, pods: &Pods, deed: &Deed) -> Answer {
        let request_id = deed.request_id.clone();
        let answer = match &deed.what {
            What::Create(pod) => {
                let request = CreatePodRequest {
                    pod: Some((**pod).clone()),
                    request_id,
                    validate_only: false,
                };
                let created = pods.create_with(request).await;
                created.map(|created| self.keep(deed, Some(&created.pod), false))
            }
            What::Write(pod, _) => {
                let request = UpdatePodRequest {
                    pod: Some((**pod).clone()),
                    request_id,
                    ..UpdatePodRequest::default()
                };
                let updated = pods.update_with(request).await;
                updated.map(|updated| self.keep(deed, Some(&updated.pod), false))
            }
            What::Delete(grace) => {
                let options = DeleteOptions {
                    grace_period_seconds: *grace,
                    request_id: Some(request_id),
                    ..DeleteOptions::default()
                };
                let deleted = pods.delete(&deed.name, options).await;
                deleted.map(|deleted| self.keep(deed, None, deleted.removed))
            }
        };
        match answer {
            Ok(()) => {
                self.tally.acknowledged += 1;
                Answer::Done
            }
            Err(error) if error.api().is_none() || error.reason() == reasons::SERVER_DRAINING => {
                Answer::Lost
            }
            Err(error) => Answer::Refused(error),
        }
    }

    /// Writes an answer down.
    fn keep(&mut self, deed: &Deed, pod: Option<&Pod>, removed: bool) {
        let entry: &mut Entry = self.ledger.0.entry(deed.name.clone()).or_default();
        match deed.what {
            What::Create(_) => {
                entry.uid = pod.and_then(|pod| Some(pod.metadata.as_ref()?.uid.clone()));
            }
            What::Write(_, written) => {
                entry.written = written;
                entry.perhaps_written = None;
            }
            What::Delete(_) if removed => entry.deletion = Deletion::Removed,
            What::Delete(_) => entry.deletion = Deletion::Begun,
        }
    }
}

fn with_label(mut pod: Pod, written: u64) -> Pod {
    let metadata = pod.metadata.get_or_insert_default();
    // Other things happen to it meanwhile; this update does not mind.
    metadata.revision = 0;
    metadata
        .labels
        .insert(LABEL.to_owned(), written.to_string());
    let parity = if written.is_multiple_of(2) {
        "even"
    } else {
        "odd"
    };
    metadata
        .labels
        .insert("parity".to_owned(), parity.to_owned());
    pod
}

impl Dice {
    /// A time between two bounds, in milliseconds.
    pub(super) fn millis(&mut self, least: u64, bound: u64) -> Duration {
        Duration::from_millis(least + self.below(bound - least))
    }

    /// True once in `n` times.
    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A request id.
    fn uuid(&mut self) -> String {
        let [a, b] = [self.below(u64::MAX), self.below(u64::MAX)];
        let [c, d] = [a & 0xffff_ffff, b & 0xffff_ffff_ffff];
        format!(
            "{c:08x}-{:04x}-4{:03x}-8{:03x}-{d:012x}",
            a >> 48,
            (a >> 32) & 0xfff,
            b >> 52
        )
    }
}
