//! The server is killed at random moments, again and again.

use anyhow::{Context, Result};
use lifepod_client::{Client, DeleteOptions, RetryPolicy, manifest, proto::PodPhase};
use lifepod_tests::world::{Dice, SLEEPER, World, script_pod};
use std::{collections::BTreeMap, time::Duration};
use tokio::task::JoinSet;

const ROUNDS: u64 = 20;
const PODS_PER_ROUND: u64 = 3;
/// A server comes up and its pods come to run in about this time, so that every stage is met.
const LONGEST_LIFE_MS: u64 = 600;

/// What a pod comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ends,
    Fails,
    Stays,
}

impl Kind {
    fn manifest(self, name: &str) -> String {
        match self {
            Self::Ends => script_pod(name, "Never", "exit 0"),
            Self::Fails => script_pod(name, "Never", "exit 9"),
            Self::Stays => script_pod(name, "Always", SLEEPER),
        }
    }

    fn phase(self) -> PodPhase {
        match self {
            Self::Ends => PodPhase::Succeeded,
            Self::Fails => PodPhase::Failed,
            Self::Stays => PodPhase::Running,
        }
    }
}

/// What the test knows of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Its creation was acknowledged.
    Lives(Kind),
    /// Its deletion was acknowledged.
    Deleted,
    /// A request about it got no answer.
    Unknown,
}

enum Deed {
    Created(String, Kind, bool),
    Deleted(String, bool),
}

/// A client that never repeats a request by itself.
async fn blunt(world: &World) -> Result<Client> {
    let builder = Client::builder(world.stage.endpoint().parse()?);
    Ok(builder.retry(RetryPolicy::never()).connect().await?)
}

async fn create(client: Client, name: String, kind: Kind) -> Result<Deed> {
    let pod = manifest::parse(&kind.manifest(&name))?
        .pop()
        .context("no pod")?;
    let answered = client.pods("").create(pod).await.is_ok();
    Ok(Deed::Created(name, kind, answered))
}

async fn delete(client: Client, name: String) -> Result<Deed> {
    let answered = client
        .pods("")
        .delete(&name, DeleteOptions::grace(1))
        .await
        .is_ok();
    Ok(Deed::Deleted(name, answered))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_is_left_behind() -> Result<()> {
    let mut world = World::new().await?;
    let mut dice = Dice::new();
    let mut fates: BTreeMap<String, Fate> = BTreeMap::new();
    for round in 0..ROUNDS {
        let client = blunt(&world).await?;
        let mut deeds = JoinSet::new();
        for number in 0..PODS_PER_ROUND {
            let kind = [Kind::Ends, Kind::Fails, Kind::Stays][dice.below(3) as usize];
            deeds.spawn(create(
                client.clone(),
                format!("pod-{round}-{number}"),
                kind,
            ));
        }
        for (name, fate) in &fates {
            if matches!(fate, Fate::Lives(_)) && dice.below(8) == 0 {
                deeds.spawn(delete(client.clone(), name.clone()));
            }
        }
        // Any moment will do: this is not to wait for something.
        tokio::time::sleep(Duration::from_millis(dice.below(LONGEST_LIFE_MS))).await;
        world.kill_daemon()?;
        while let Some(deed) = deeds.join_next().await {
            match deed?? {
                Deed::Created(name, kind, true) => fates.insert(name, Fate::Lives(kind)),
                Deed::Deleted(name, true) => fates.insert(name, Fate::Deleted),
                Deed::Created(name, _, false) | Deed::Deleted(name, false) => {
                    fates.insert(name, Fate::Unknown)
                }
            };
        }
        world.start_daemon()?;
    }

    let lives = fates
        .values()
        .filter(|fate| matches!(fate, Fate::Lives(_)))
        .count();
    assert!(
        lives >= 5,
        "too little was acknowledged to prove anything: {fates:?}"
    );
    for (name, fate) in &fates {
        match fate {
            Fate::Lives(kind) => _ = world.watch.phase(name, kind.phase()).await?,
            Fate::Deleted => world.watch.gone(name).await?,
            Fate::Unknown => {}
        }
    }
    world.finish().await
}
