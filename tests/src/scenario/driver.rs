//! Servers to run scenarios on: the simulator in stepped time, or real containers.

mod counter;

use super::record::Moment;
use crate::{
    fixtures::{Daemon, Leaks, Simulated, Stage, busybox},
    world::{Observer, await_no_shim_with},
};
use anyhow::{Context, Result, ensure};
use counter::Counter;
use lifepod_client::{Client, DeleteOptions, Selector};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::task::block_in_place;

/// The kernel takes namespaces and what is in them apart a little after their last process.
const PATIENCE: Duration = Duration::from_secs(20);

/// In which world scenarios are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The simulator, in stepped time.
    Simulator,
    /// Real containers, in real time.
    Containers,
}

/// A server that scenarios are run on.
#[derive(Debug)]
pub(super) struct Site {
    ground: Ground,
    daemon: Mutex<Option<Daemon>>,
    client: Client,
}

#[derive(Debug)]
enum Ground {
    Simulator(Simulated),
    Containers {
        stage: Box<Stage>,
        leaks: Leaks,
        /// Sees all scenarios together.
        watch: Option<Observer>,
        counter: Counter,
    },
}

impl Site {
    /// A simulator whose time stands still; `config` is added to its configuration.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) async fn simulator(config: &str) -> Result<Self> {
        let more = format!("{config}\n[runtime.sim]\ntime = \"stepped\"\n");
        let simulated = block_in_place(|| Simulated::set_up_in(&memory(), &more))?;
        Self::on(Ground::Simulator(simulated)).await
    }

    /// A server for real containers; `config` is added to its configuration.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) async fn containers(config: &str) -> Result<Self> {
        let (stage, leaks) = block_in_place(|| {
            let stage = Stage::set_up()?;
            for tag in ["1", "2"] {
                stage.registry.push(&busybox()?, "library/busybox", tag)?;
            }
            let path = stage.config_file();
            let text = format!("{}\n{config}", fs::read_to_string(&path)?);
            fs::write(path, text)?;
            let leaks = stage.watch_leaks()?;
            anyhow::Ok((stage, leaks))
        })?;
        let counter = Counter::start(&stage.gateway()).await?;
        let mut site = Self::on(Ground::Containers {
            stage: Box::new(stage),
            leaks,
            watch: None,
            counter,
        })
        .await?;
        let everything = Observer::of_everything(site.client.all_pods());
        everything.reach(0).await?;
        if let Ground::Containers { watch, .. } = &mut site.ground {
            *watch = Some(everything);
        }
        Ok(site)
    }

    async fn on(ground: Ground) -> Result<Self> {
        let daemon = block_in_place(|| ground.start())?;
        let client = Client::connect(ground.endpoint()).await?;
        Ok(Self {
            ground,
            daemon: Mutex::new(Some(daemon)),
            client,
        })
    }

    pub(super) fn kind(&self) -> Kind {
        match self.ground {
            Ground::Simulator(_) => Kind::Simulator,
            Ground::Containers { .. } => Kind::Containers,
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Where containers ask which start of theirs this is.
    pub(super) fn counter(&self) -> String {
        match &self.ground {
            Ground::Simulator(_) => String::new(),
            Ground::Containers { counter, .. } => counter.url().to_owned(),
        }
    }

    /// The present of the pods.
    pub(super) async fn now(&self) -> Result<Moment> {
        if self.kind() == Kind::Simulator {
            return Ok(self.advance(Duration::ZERO, 0).await?.0);
        }
        Ok(SystemTime::now().duration_since(UNIX_EPOCH)?)
    }

    /// Moves a simulator's time; answers the present and the newest revision.
    pub(super) async fn advance(&self, by: Duration, stop_after: u64) -> Result<(Moment, u64)> {
        let answer = self.client.advance_time(by, stop_after).await?;
        let now = answer.now.context("no time")?;
        let seconds = u64::try_from(now.seconds)?;
        Ok((
            Duration::new(seconds, now.nanos.unsigned_abs()),
            answer.revision,
        ))
    }

    /// Kills the server, as a crash would.
    pub(super) fn kill(&self) -> Result<()> {
        let daemon = self.daemon().take().context("no server runs")?;
        block_in_place(|| daemon.kill())
    }

    /// Stops the server, as an init system would.
    pub(super) fn stop(&self) -> Result<()> {
        let daemon = self.daemon().take().context("no server runs")?;
        let status = block_in_place(|| daemon.stop())?;
        ensure!(status.success(), "lifepodd ended with {status}");
        Ok(())
    }

    /// Starts the server again, on the same data.
    pub(super) fn start(&self) -> Result<()> {
        *self.daemon() = Some(block_in_place(|| self.ground.start())?);
        Ok(())
    }

    fn daemon(&self) -> std::sync::MutexGuard<'_, Option<Daemon>> {
        self.daemon.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deletes what is left of all scenarios, and checks what no scenario by itself can see: the
    /// watch of everything, and that nothing is left on the machine.
    ///
    /// # Errors
    /// With what is not as it should be.
    pub(super) async fn finish(self) -> Result<()> {
        let Ground::Containers {
            stage,
            leaks,
            watch,
            ..
        } = &self.ground
        else {
            return self.stop();
        };
        for pod in self.client.all_pods().list(&Selector::all()).await?.pods {
            let meta = pod.metadata.unwrap_or_default();
            let options = DeleteOptions {
                allow_missing: true,
                ..DeleteOptions::grace(1)
            };
            let pods = self.client.pods(meta.namespace);
            pods.delete(&meta.name, options).await?;
        }
        let newest = || async { anyhow::Ok(self.client.server_info().await?.revision) };
        if let Some(watch) = watch {
            watch
                .until("no pod is left", |seen| {
                    seen.names().is_empty().then_some(())
                })
                .await?;
            watch.check(newest().await?).await?;
        }
        let folder = stage.folder().to_string_lossy();
        block_in_place(|| await_no_shim_with(&folder))?;
        self.stop()?;
        block_in_place(|| stage.clean_up())?;
        block_in_place(|| leaks.expect_none(PATIENCE))
    }
}

/// Where files live in memory: what is durable on a disk is proved elsewhere, and waited for there.
fn memory() -> PathBuf {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() {
        shared.to_owned()
    } else {
        std::env::temp_dir()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // The server goes first, so that it does not defend what is taken away.
        *self.daemon() = None;
        if let Ground::Containers { leaks, .. } = &self.ground
            && let Err(error) = leaks.sweep()
        {
            eprintln!("cannot sweep up: {error:#}");
        }
    }
}

impl Ground {
    fn start(&self) -> Result<Daemon> {
        match self {
            Self::Simulator(simulated) => simulated.start(&[]),
            Self::Containers { stage, .. } => stage.start_daemon(),
        }
    }

    fn endpoint(&self) -> String {
        match self {
            Self::Simulator(simulated) => simulated.endpoint(),
            Self::Containers { stage, .. } => stage.endpoint(),
        }
    }
}
