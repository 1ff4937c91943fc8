//! Carrying out the steps of a scenario.

use super::{
    calls::as_wanted,
    driver::{Kind, Site},
    file::{Only, Scenario, Server, Step, WatchStep},
    manifest::Maker,
    pattern::Matches,
    points::duration,
    record::Record,
    state,
};
use crate::world::Observer;
use anyhow::{Context, Result, ensure};
use lifepod_client::{Pods, Selector, WatchStart, manifest, proto::Event};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

/// Longest wait of `until`, in the time of the pods.
const PATIENCE: Duration = Duration::from_secs(900);
pub(super) const REAL_PATIENCE: Duration = Duration::from_secs(60);
/// A shell in a container needs that long after its start until it hears signals, and nothing that can
/// be waited for says when it does.
const SETTLE: Duration = Duration::from_millis(1000);

/// A scenario under way.
pub(super) struct Walk<'w> {
    pub(super) site: &'w Site,
    pub(super) scenario: &'w Scenario,
    pub(super) maker: Maker<'w>,
    /// Manifests by name; the first one is meant where none is named.
    pub(super) pods: Vec<(String, Value)>,
    pub(super) record: Record,
    /// Every event seen, by its name.
    pub(super) events: BTreeMap<String, Event>,
}

impl Walk<'_> {
    /// Carries out every step.
    pub(super) async fn walk(&mut self) -> Result<()> {
        for (index, step) in self.scenario.steps.iter().enumerate() {
            if !Only::admits(step.only, self.site.kind()) {
                continue;
            }
            let number = index + 1;
            self.step(step)
                .await
                .with_context(|| format!("step {number}"))?;
        }
        self.note_events().await
    }

    async fn step(&mut self, step: &Step) -> Result<()> {
        if let Some(mark) = &step.mark {
            let now = self.site.now().await?;
            self.record.marks.insert(mark.clone(), now);
        }
        let first = self.pods.first().map(|(name, _)| name.clone());
        let pod = step.pod.clone().or(first).context("no pod")?;
        if let Some(create) = &step.create {
            self.create(step.pod.as_deref(), create.refused.as_deref())
                .await?;
        }
        if let Some(wanted) = &step.until {
            self.until(&pod, wanted, step.within.as_deref()).await?;
        }
        if let Some(time) = &step.wait {
            self.pass(duration(time)?).await?;
        }
        if step.until.is_some() || step.wait.is_some() || step.delete.is_some() {
            self.note_events().await?;
        }
        self.call(&pod, step).await?;
        if let Some(watch) = &step.watch {
            self.watch(watch).await?;
        }
        match step.server {
            Some(server) => self.server(server),
            None => Ok(()),
        }
    }

    /// What a step asks of one pod.
    async fn call(&self, pod: &str, step: &Step) -> Result<()> {
        if let Some(update) = &step.update {
            self.update(pod, update).await?;
        }
        if let Some(exec) = &step.exec {
            self.exec(pod, exec).await?;
        }
        if let Some(logs) = &step.logs {
            self.logs(pod, logs).await?;
        }
        if let Some(attach) = &step.attach {
            self.attach(pod, attach).await?;
        }
        match &step.delete {
            Some(delete) => self.delete(pod, delete).await,
            None => Ok(()),
        }
    }

    /// Calls for the scenario's pods.
    pub(super) fn api(&self) -> Pods {
        self.site.client().pods(self.maker.namespace)
    }

    /// Creates a pod, or all of them.
    async fn create(&mut self, only: Option<&str>, refused: Option<&str>) -> Result<()> {
        for (name, manifest) in &self.pods {
            if only.is_some_and(|only| only != name) {
                continue;
            }
            let pod = manifest::parse(&manifest.to_string());
            let pod = match (pod, refused) {
                (Ok(pods), _) => pods.into_iter().next().context("no pod")?,
                (Err(error), Some(text)) if error.to_string().contains(text) => continue,
                (Err(error), _) => return Err(error.into()),
            };
            as_wanted(self.api().create(pod).await, refused)?;
        }
        Ok(())
    }

    /// Lets time pass.
    async fn pass(&self, time: Duration) -> Result<()> {
        match self.site.kind() {
            Kind::Simulator => drop(self.site.advance(time, 0).await?),
            Kind::Containers => tokio::time::sleep(time).await,
        }
        Ok(())
    }

    /// Waits until a frame of a pod matches that was not waited for before.
    async fn until(&mut self, pod: &str, wanted: &Matches, within: Option<&str>) -> Result<()> {
        let limit = within.map(duration).transpose()?;
        let found = match self.site.kind() {
            Kind::Simulator => self.reach(pod, wanted, limit.unwrap_or(PATIENCE)).await?,
            Kind::Containers => {
                let found = self
                    .await_frame(pod, wanted, limit.unwrap_or(REAL_PATIENCE))
                    .await?;
                tokio::time::sleep(SETTLE).await;
                found
            }
        };
        let wanted = wanted
            .fields()
            .map(|(field, pattern)| format!("{field}: {pattern}"));
        let wanted = wanted.collect::<Vec<_>>().join(", ");
        ensure!(found, "{pod} does not come to {wanted}");
        Ok(())
    }

    /// Moves a simulator's time until a frame matches.
    async fn reach(&mut self, pod: &str, wanted: &Matches, limit: Duration) -> Result<bool> {
        let (mut now, mut revision) = self.site.advance(Duration::ZERO, 0).await?;
        let end = now + limit;
        loop {
            self.record.watch.reach(revision).await?;
            let holds = |frame: &_| wanted.hold(|field| state::of_frame(frame, field));
            if self.record.find(pod, holds) {
                return Ok(true);
            }
            if now >= end {
                return Ok(false);
            }
            (now, revision) = self.site.advance(end - now, revision).await?;
        }
    }

    /// Waits in real time until a frame matches.
    async fn await_frame(&mut self, pod: &str, wanted: &Matches, limit: Duration) -> Result<bool> {
        let end = tokio::time::Instant::now() + limit;
        let holds = |frame: &_| wanted.hold(|field| state::of_frame(frame, field));
        while !self.record.find(pod, holds) {
            if tokio::time::Instant::now() >= end {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(true)
    }

    async fn watch(&mut self, watch: &WatchStep) -> Result<()> {
        let selector = Selector::all().labels(&watch.labels);
        let start = if watch.snapshot {
            WatchStart::Snapshot
        } else {
            WatchStart::Token(self.record.watch.token())
        };
        let observer = Observer::of(self.record.pods.clone(), selector, start);
        observer.reach(0).await?;
        self.record.watches.insert(watch.name.clone(), observer);
        Ok(())
    }

    fn server(&self, server: Server) -> Result<()> {
        match server {
            Server::Kill => self.site.kill(),
            Server::Stop => self.site.stop(),
            Server::Start => self.site.start(),
        }
    }

    /// Events go with their pod, so they are noted while they are there.
    async fn note_events(&mut self) -> Result<()> {
        // A server that is down has none to tell.
        let Ok(events) = self.api().events(&Selector::all()).await else {
            return Ok(());
        };
        for event in events {
            self.events.insert(event.name.clone(), event);
        }
        Ok(())
    }
}
