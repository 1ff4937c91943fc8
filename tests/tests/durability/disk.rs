//! A disk that is full, read-only or broken: mutations are refused with a reason, reads and watches
//! go on, and when the disk works again so does everything else, without anybody's help.

use anyhow::{Context, Result, ensure};
use lifepod_client::{
    Client, Code, DeleteOptions, Pods, RetryPolicy, Selector, manifest,
    proto::{Pod, PodPhase},
    reasons,
};
use lifepod_tests::{
    fixtures::{Daemon, Simulated},
    world::Observer,
};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::{fs, path::PathBuf, time::Duration};
use tokio::task::block_in_place;

const SOON: Duration = Duration::from_secs(20);

/// A server whose store can be made to fail, a client that never repeats a call, and a watch.
struct World {
    stage: Simulated,
    client: Client,
    watch: Observer,
    daemon: Daemon,
}

impl World {
    async fn on(stage: Simulated, variables: &[(&str, &str)]) -> Result<Self> {
        let daemon = block_in_place(|| stage.start(variables))?;
        let builder = Client::builder(stage.endpoint().parse()?);
        let client = builder.retry(RetryPolicy::never()).connect().await?;
        let watch = Observer::of_everything(client.all_pods());
        watch.reach(0).await?;
        Ok(Self {
            stage,
            client,
            watch,
            daemon,
        })
    }

    fn pods(&self) -> Pods {
        self.client.pods("")
    }

    async fn create(&self, name: &str) -> lifepod_client::Result<Pod> {
        Ok(self.pods().create(pod(name)).await?.pod)
    }

    /// The store fails with these words, and everything but mutations works.
    async fn expect_refusal(&self, name: &str, words: &str) -> Result<()> {
        let error = self.create(name).await.err().context("it was created")?;
        let answer = error.api().context("an answer")?;
        ensure!(answer.code == Code::Unavailable, "{answer:?}");
        ensure!(answer.reason == reasons::STORE_UNAVAILABLE, "{answer:?}");
        ensure!(answer.message.contains(words), "{}", answer.message);
        ensure!(answer.retry_after.is_some(), "no word of when to try again");
        let deletion = self.pods().delete("first", DeleteOptions::default()).await;
        ensure!(deletion.is_err(), "nothing else can be changed either");

        let first = self.pods().get("first").await?;
        ensure!(first.status.unwrap_or_default().phase() == PodPhase::Running);
        ensure!(self.pods().list(&Selector::all()).await?.pods.len() == 1);
        let fresh = Observer::of_everything(self.client.all_pods());
        fresh.phase("first", PodPhase::Running).await?;
        ensure!(self.watch.timeline().names() == ["first"]);
        Ok(())
    }

    /// The store works, and nothing of what was refused has happened.
    async fn expect_recovery(self, name: &str) -> Result<()> {
        let healed = async {
            while self.create(name).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(SOON, healed)
            .await
            .context("it does not heal")?;
        self.watch.phase(name, PodPhase::Running).await?;
        ensure!(
            self.watch.timeline().names().len() == 2,
            "{:?}",
            self.watch.timeline().names()
        );
        let newest = self.client.server_info().await?.revision;
        self.watch.check(newest).await?;
        // A server that starts on what is on the disk knows the same.
        block_in_place(|| self.daemon.kill())?;
        let _again = block_in_place(|| self.stage.start(&[]))?;
        ensure!(
            self.client
                .pods("")
                .list(&Selector::all())
                .await?
                .pods
                .len()
                == 2
        );
        Ok(())
    }
}

fn pod(name: &str) -> Pod {
    let text = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, annotations: {{padding: {padding}}}}}, \
         spec: {{containers: [{{name: main, image: any}}]}}}}",
        padding = "x".repeat(8000)
    );
    let mut pods = manifest::parse(&text).expect("a manifest");
    pods.pop().expect("one pod")
}

/// Breaks the disk of a running server with an error, and heals it.
async fn survives(error: &str, words: &str) -> Result<()> {
    let stage = Simulated::set_up("")?;
    let file = stage.path("error");
    let variable = format!("errors={}", file.display());
    let world = World::on(stage, &[("LIFEPOD_STORE_FAULTS", &variable)]).await?;
    world.create("first").await?;
    world.watch.phase("first", PodPhase::Running).await?;
    fs::write(&file, error)?;
    world.expect_refusal("second", words).await?;
    fs::remove_file(&file)?;
    world.expect_recovery("third").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_mutations_until_there_is_space() -> Result<()> {
    survives("ENOSPC", "no space left").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_disk_refuses_mutations_until_it_is_writable() -> Result<()> {
    survives("EROFS", "read-only").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_disk_refuses_mutations_until_it_works() -> Result<()> {
    survives("EIO", "cannot").await
}

/// A file system of its own, so small that it fills up.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: PathBuf) -> Result<Self> {
        fs::create_dir_all(&path)?;
        let options = Some(c"size=4m,mode=0700");
        mount("lifepod-test", &path, "tmpfs", MountFlags::empty(), options)
            .context("mounting a file system needs root")?;
        Ok(Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_system_that_fills_up_loses_nothing() -> Result<()> {
    let stage = Simulated::set_up("")?;
    let _disk = SmallDisk::mount(stage.path("data/journal"))?;
    let filler = stage.path("data/journal/filler");
    let world = World::on(stage, &[]).await?;
    world.create("first").await?;
    world.watch.phase("first", PodPhase::Running).await?;
    // The journal has reserved space ahead; it is used up by deeds that change one pod.
    let full = fs::write(&filler, vec![0; 8 << 20]);
    ensure!(full.is_err(), "the file system is not small");
    // First by much, then by less than any creation needs.
    for bytes in [100_000, 0] {
        while write(&world, bytes).await? {}
    }
    world.expect_refusal("second", "no space left").await?;
    fs::remove_file(&filler)?;
    world.expect_recovery("third").await
}

/// Changes the first pod, and so writes at least that much. False when the disk is full.
async fn write(world: &World, bytes: usize) -> Result<bool> {
    let mut first = world.pods().get("first").await?;
    let metadata = first.metadata.get_or_insert_default();
    let revision = metadata.revision.to_string();
    metadata.annotations.insert("at".into(), revision);
    metadata
        .annotations
        .insert("filler".into(), "x".repeat(bytes));
    match world.pods().update(first).await {
        Ok(_) => Ok(true),
        Err(error) if error.reason() == reasons::STORE_UNAVAILABLE => Ok(false),
        Err(error) => Err(error.into()),
    }
}
