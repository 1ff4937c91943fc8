//! The calls of a scenario's steps on one pod, each of which may have to fail.

use super::{
    file::{Attach, Delete, Exec, Logs, Update},
    manifest::{merge, number, replace},
    pattern,
    steps::{REAL_PATIENCE, Walk},
};
use anyhow::{Context, Result, bail, ensure};
use lifepod_client::{
    AttachOptions, DeleteOptions, Error, ExecEvent, ExecOptions, LogOptions, manifest,
    proto::PodSubresource,
};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

/// Either it worked, or it failed as it should.
pub(super) fn as_wanted<T>(result: Result<T, Error>, refused: Option<&str>) -> Result<Option<T>> {
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
    pub(super) async fn update(&self, name: &str, update: &Update) -> Result<()> {
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
        let mut manifest = manifest::to_json(&self.api().get(name).await?);
        // What the node does meanwhile is no conflict.
        merge(
            &mut manifest,
            &json!({ "metadata": { "resourceVersion": null }, "status": null }),
        );
        for count in 0..update.times.unwrap_or(1) {
            let mut over = filled.clone();
            // Lets every repetition change something.
            number(&mut over, "$COUNT", &count.to_string());
            replace(&mut over, "$COUNT", &count.to_string());
            merge(&mut manifest, &over);
            let pod = manifest::from_json(&manifest)?;
            let updated = self.api().update_subresource(pod, subresource).await;
            as_wanted(updated, update.refused.as_deref())?;
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

    pub(super) async fn exec(&self, name: &str, exec: &Exec) -> Result<()> {
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

    pub(super) async fn logs(&self, name: &str, logs: &Logs) -> Result<()> {
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
    pub(super) async fn attach(&self, name: &str, attach: &Attach) -> Result<()> {
        let options = AttachOptions {
            container: attach.container.clone(),
            stdin: true,
            ..AttachOptions::default()
        };
        let mut session = self.api().attach(name, options).await?;
        let mut input = session.input();
        input.write(attach.write.clone().into()).await?;
        input.close().await?;
        // On a simulator no time passes until the process has ended.
        let ended = async {
            while !matches!(session.next().await?, ExecEvent::Exited(_)) {}
            anyhow::Ok(())
        };
        timeout(REAL_PATIENCE, ended)
            .await
            .context("it does not end")?
    }

    pub(super) async fn delete(&self, name: &str, delete: &Delete) -> Result<()> {
        let options = DeleteOptions {
            grace_period_seconds: delete.grace,
            uid: delete.uid.clone(),
            ..DeleteOptions::default()
        };
        let deleted = self.api().delete(name, options).await;
        as_wanted(deleted, delete.refused.as_deref()).map(drop)
    }
}
