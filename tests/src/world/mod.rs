//! A whole system for one test: registry, server, client, a watch that is checked, and the
//! promise that nothing is left behind.
//!
//! ```text
//! World::new() ── test ── world.finish(): pods deleted, watch checked, server stopped, no leaks
//! ```
//! A world that is dropped without [`World::finish`] belongs to a test that failed: it prints the
//! server's log and takes away by force what the test left on the machine.

mod cli;
mod dice;
mod gate;
mod machine;
mod manifests;
mod observer;
mod terminal;
mod timeline;

pub use cli::{Cli, Ran};
pub use dice::Dice;
pub use gate::{Gate, Visitor};
pub use lifepod_client::checker::subject_key;
pub use machine::{
    await_no_process_with, await_no_shim_with, await_one_process_with, freeze_shim, kill_shim,
    private_memory,
};
pub use manifests::{IMAGE, SLEEPER, script_pod};
pub use observer::{Observer, SOON};
pub use terminal::Terminal;
pub use timeline::{Timeline, container_of, word};

use crate::fixtures::{Daemon, Leaks, Stage, busybox};
use anyhow::{Context, Result, bail, ensure};
use lifepod_client::{
    Client, Created, DeleteOptions, LogOptions, Pods, Selector, WatchStart, manifest,
    proto::{Pod, PodPhase},
};
use std::time::Duration;
use tokio::{task::block_in_place, time::timeout};

/// The kernel takes namespaces and what is in them apart a little after their last process.
const PATIENCE: Duration = Duration::from_secs(20);
const LOG_LINES: usize = 200;

/// A whole system for one test.
#[derive(Debug)]
pub struct World {
    /// Registry, binaries, folders, configuration.
    pub stage: Stage,
    /// Watches everything, from the beginning to the end of the test.
    pub watch: Observer,
    daemon: Option<Daemon>,
    leaks: Leaks,
    client: Client,
    finished: bool,
}

impl World {
    /// A server that knows where to get busybox, and a watch on all its pods.
    ///
    /// # Errors
    ///
    /// When a part of it does not come up.
    pub async fn new() -> Result<Self> {
        let (stage, leaks, daemon) = block_in_place(|| {
            let stage = Stage::set_up()?;
            stage.registry.push(&busybox()?, "library/busybox", "1")?;
            let leaks = stage.watch_leaks()?;
            let daemon = stage.start_daemon()?;
            anyhow::Ok((stage, leaks, daemon))
        })?;
        let client = Client::connect(stage.endpoint()).await?;
        let watch = Observer::of_everything(client.all_pods());
        // What the test does first must already be seen.
        watch.reach(0).await?;
        Ok(Self {
            stage,
            watch,
            daemon: Some(daemon),
            leaks,
            client,
            finished: false,
        })
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The pods of the namespace `default`.
    #[must_use]
    pub fn pods(&self) -> Pods {
        self.client.pods("")
    }

    /// The command line client.
    #[must_use]
    pub fn cli(&self) -> Cli {
        Cli::new(&self.stage)
    }

    /// The running server.
    ///
    /// # Errors
    ///
    /// When none runs.
    pub fn daemon(&self) -> Result<&Daemon> {
        self.daemon.as_ref().context("no server runs")
    }

    /// Creates the pod of a manifest.
    ///
    /// # Errors
    ///
    /// When the text is no manifest or the server refuses.
    pub async fn create(&self, text: &str) -> Result<Created> {
        let pod = manifest::parse(text)?
            .pop()
            .context("no pod in the manifest")?;
        Ok(self.pods().create(pod).await?)
    }

    /// Waits until a pod runs and the [`SLEEPER`] in its only container is ready.
    ///
    /// # Errors
    ///
    /// When it does not come that far in time.
    pub async fn ready(&self, name: &str) -> Result<Pod> {
        let pod = self.watch.phase(name, PodPhase::Running).await?;
        self.says(name, "", "ready").await?;
        Ok(pod)
    }

    /// Waits until a running container has written a text.
    ///
    /// # Errors
    ///
    /// When it does not in time, or ends before.
    pub async fn says(&self, pod: &str, container: &str, text: &str) -> Result<()> {
        let options = LogOptions {
            follow: true,
            container: container.to_owned(),
            ..LogOptions::default()
        };
        let mut written = Vec::new();
        let listen = async {
            let mut logs = self.pods().logs(pod, options).await?;
            while let Some(entries) = logs.next().await? {
                written.extend(entries.into_iter().flat_map(|entry| entry.data));
                if String::from_utf8_lossy(&written).contains(text) {
                    return Ok(());
                }
            }
            bail!("it ended")
        };
        let heard = match timeout(SOON, listen).await {
            Ok(heard) => heard,
            Err(_) => Err(anyhow::anyhow!("not in time")),
        };
        let written = || String::from_utf8_lossy(&written).into_owned();
        heard.with_context(|| format!("`{pod}` does not say `{text}`, only:\n{}", written()))
    }

    /// Deletes a pod by its own grace period and waits until it is gone.
    ///
    /// # Errors
    ///
    /// When the server refuses or the pod stays.
    pub async fn delete(&self, name: &str) -> Result<()> {
        self.pods().delete(name, DeleteOptions::default()).await?;
        self.watch.gone(name).await
    }

    /// Watches some pods, or from a position; to be finished with [`World::check`].
    #[must_use]
    pub fn observe(&self, selector: Selector, start: WatchStart) -> Observer {
        Observer::of(self.client.all_pods(), selector, start)
    }

    /// Ends a watch and checks it.
    ///
    /// # Errors
    ///
    /// With every promise that was broken.
    pub async fn check(&self, observer: Observer) -> Result<()> {
        let newest = self.client.server_info().await?.revision;
        observer.check(newest).await
    }

    /// Kills the server, as a crash would.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn kill_daemon(&mut self) -> Result<()> {
        let daemon = self.daemon.take().context("no server runs")?;
        block_in_place(|| daemon.kill())
    }

    /// Stops the server, as an init system would.
    ///
    /// # Errors
    ///
    /// When it does not run, does not stop, or complains.
    pub fn stop_daemon(&mut self) -> Result<()> {
        let daemon = self.daemon.take().context("no server runs")?;
        let status = block_in_place(|| daemon.stop())?;
        ensure!(status.success(), "lifepodd ended with {status}");
        Ok(())
    }

    /// Starts the server again, on the same data.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub fn start_daemon(&mut self) -> Result<()> {
        self.daemon = Some(block_in_place(|| self.stage.start_daemon())?);
        Ok(())
    }

    /// Takes over a server that a test started in its own way.
    pub fn adopt_daemon(&mut self, daemon: Daemon) {
        self.daemon = Some(daemon);
    }

    /// Deletes all pods, checks the watch, stops the server, and looks for leaks.
    ///
    /// # Errors
    ///
    /// With what is not as it should be.
    pub async fn finish(mut self) -> Result<()> {
        let names = self.pods().list(&Selector::all()).await?.pods.into_iter();
        let names = names.filter_map(|pod| Some(pod.metadata?.name));
        let names: Vec<String> = names.collect();
        for name in &names {
            let deletion = DeleteOptions {
                allow_missing: true,
                ..DeleteOptions::grace(1)
            };
            self.pods().delete(name, deletion).await?;
        }
        for name in &names {
            self.watch.gone(name).await?;
        }
        let newest = self.client.server_info().await?.revision;
        self.watch.check(newest).await?;
        // Nobody is told when pods that were removed at once have really ended.
        let folder = self.stage.folder().to_string_lossy();
        block_in_place(|| await_no_shim_with(&folder))?;
        self.stop_daemon()?;
        block_in_place(|| self.stage.clean_up())?;
        block_in_place(|| self.leaks.expect_none(PATIENCE))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let log = std::fs::read_to_string(self.stage.log_file()).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(LOG_LINES).collect();
        eprintln!("the server's log:");
        lines.iter().rev().for_each(|line| eprintln!("{line}"));
        // The server goes first, so that it does not defend what is taken away.
        self.daemon = None;
        if let Err(error) = self.leaks.sweep() {
            eprintln!("cannot sweep up: {error:#}");
        }
    }
}
