//! Carrying out the steps of a scenario.

use super::{
    driver::{Kind, Site},
    file::{Attach, Exec, Logs, Only, Scenario, Server, Step, Update, WatchStep},
    manifest::{Maker, merge, replace},
    pattern::{self, Matches},
    points::duration,
    record::Record,
    state,
};
use crate::world::Observer;
use anyhow::{Context, Result, bail, ensure};
use lifepod_client::{
    AttachOptions, DeleteOptions, Error, ExecEvent, ExecOptions, LogOptions, Pods, Selector,
    WatchStart, manifest,
    proto::{Event, PodSubresource},
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::timeout;

/// Longest wait of `until`, in the time of the pods.
const PATIENCE: Duration = Duration::from_secs(900);
const REAL_PATIENCE: Duration = Duration::from_secs(60);
/// A shell in a container needs that long after its start until it hears signals.
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

/// Either it worked, or it failed as it should.
fn as_wanted<T>(result: Result<T, Error>, refused: Option<&str>) -> Result<Option<T>> {
    match (result, refused) {
        (Ok(value), None) => Ok(Some(value)),
        (Ok(_), Some(text)) => bail!("it was not refused with `{text}`"),
        (Err(error), None) => Err(error.into()),
        (Err(error), Some(text)) => {
            let said = format!("{error} {error:?}");
            ensure!(
                said.contains(text),
                "refused, but not with `{text}`: {said}"
            );
            Ok(None)
        }
    }
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
            self.note_events().await?;
        }
        if let Some(time) = &step.wait {
            self.pass(duration(time)?).await?;
            self.note_events().await?;
        }
        if let Some(update) = &step.update {
            self.update(&pod, update).await?;
        }
        if let Some(exec) = &step.exec {
            self.exec(&pod, exec).await?;
        }
        if let Some(logs) = &step.logs {
            self.logs(&pod, logs).await?;
        }
        if let Some(attach) = &step.attach {
            self.attach(&pod, attach).await?;
        }
        if let Some(watch) = &step.watch {
            self.watch(watch).await?;
        }
        if let Some(server) = step.server {
            self.server(server).await?;
        }
        if let Some(delete) = &step.delete {
            self.note_events().await?;
            let options = DeleteOptions {
                grace_period_seconds: delete.grace,
                uid: delete.uid.clone(),
                ..DeleteOptions::default()
            };
            let deleted = self.api().delete(&pod, options).await;
            as_wanted(deleted, delete.refused.as_deref())?;
        }
        Ok(())
    }

    /// Calls for the scenario's pods.
    fn api(&self) -> Pods {
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

    async fn update(&self, name: &str, update: &Update) -> Result<()> {
        let subresource = match update.subresource.as_deref() {
            None => PodSubresource::Unspecified,
            Some("status") => PodSubresource::Status,
            Some("ephemeralcontainers") => PodSubresource::EphemeralContainers,
            Some("resize") => PodSubresource::Resize,
            Some(other) => bail!("no subresource {other}"),
        };
        let (filled, annotations) = self.filled(name, &update.merge)?;
        if !annotations.is_empty() {
            // Scripts of added containers; a subresource takes no metadata.
            let mut manifest = manifest::to_json(&self.api().get(name).await?);
            merge(
                &mut manifest,
                &json!({ "metadata": { "annotations": annotations } }),
            );
            self.api().update(manifest::from_json(&manifest)?).await?;
        }
        let mut known = self.api().get(name).await?;
        for count in 0..update.times.unwrap_or(1) {
            let mut over = filled.clone();
            // Lets every repetition change something.
            replace(&mut over, "$COUNT", &count.to_string());
            let mut manifest = manifest::to_json(&known);
            // What the node does meanwhile is no conflict.
            merge(
                &mut manifest,
                &json!({ "metadata": { "resourceVersion": null } }),
            );
            merge(&mut manifest, &over);
            let pod = manifest::from_json(&manifest)?;
            let updated = self.api().update_subresource(pod, subresource).await;
            if let Some(updated) = as_wanted(updated, update.refused.as_deref())? {
                known = updated.pod;
            }
        }
        Ok(())
    }

    /// What an update adds must say as little as what a manifest says.
    fn filled(&self, pod: &str, merge: &Value) -> Result<(Value, Map<String, Value>)> {
        let mut over = merge.clone();
        let mut annotations = Map::new();
        if let Some(added) = over.pointer_mut("/spec").and_then(Value::as_object_mut)
            && added.contains_key("ephemeralContainers")
        {
            self.maker.fill(pod, added, &mut annotations)?;
        }
        Ok((over, annotations))
    }

    async fn exec(&self, name: &str, exec: &Exec) -> Result<()> {
        let options = ExecOptions::new(exec.command.clone()).container(&exec.container);
        let ran = as_wanted(self.api().run(name, options).await, exec.refused.as_deref())?;
        let Some(ran) = ran else {
            return Ok(());
        };
        let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
        ensure!(
            ran.exit.code == exec.exit.unwrap_or(0),
            "it exits with {}: {said}",
            ran.exit.code
        );
        let text = exec.says.as_deref().unwrap_or_default();
        ensure!(said.contains(text), "it says `{said}`");
        Ok(())
    }

    async fn logs(&self, name: &str, logs: &Logs) -> Result<()> {
        let options = LogOptions {
            container: logs.container.clone(),
            previous: logs.previous,
            ..LogOptions::default()
        };
        let opened = self.api().logs(name, options).await;
        let Some(mut read) = as_wanted(opened, logs.refused.as_deref())? else {
            return Ok(());
        };
        let mut written = Vec::new();
        while let Some(entries) = read.next().await? {
            written.extend(entries.into_iter().flat_map(|entry| entry.data));
        }
        let said = String::from_utf8_lossy(&written)
            .trim_end()
            .replace('\n', " | ");
        if let Some(pattern) = &logs.says {
            ensure!(pattern::matches(pattern, &said), "the log says `{said}`");
        }
        Ok(())
    }

    /// Writes to a container's standard input and closes it.
    async fn attach(&self, name: &str, attach: &Attach) -> Result<()> {
        let options = AttachOptions {
            container: attach.container.clone(),
            stdin: true,
            ..AttachOptions::default()
        };
        let mut session = self.api().attach(name, options).await?;
        let mut input = session.input();
        input.write(attach.write.clone().into()).await?;
        input.close().await?;
        if self.site.kind() == Kind::Containers {
            // What ends the process may still be on its way.
            tokio::time::sleep(SETTLE).await;
            return Ok(());
        }
        // No time passes until the process has ended.
        let ended = async {
            while !matches!(session.next().await?, ExecEvent::Exited(_)) {}
            anyhow::Ok(())
        };
        timeout(REAL_PATIENCE, ended)
            .await
            .context("it does not end")?
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

    async fn server(&self, server: Server) -> Result<()> {
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
