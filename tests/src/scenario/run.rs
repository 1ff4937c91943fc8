//! One scenario, from its first step to its last check.

use super::{
    check::{check, seen},
    driver::{Kind, Site},
    file::{Only, Scenario},
    manifest::Maker,
    record::Record,
    steps::Walk,
};
use anyhow::Result;
use lifepod_client::proto::Event;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How a scenario ended.
#[derive(Debug)]
pub(super) struct Outcome {
    /// What is not as it should be; nothing if it passed.
    pub(super) faults: Vec<String>,
    /// What was seen, for people.
    pub(super) seen: String,
    /// How long it took, in real time.
    pub(super) took: Duration,
}

/// Runs a scenario on a server, in a namespace of its own.
///
/// # Errors
/// When it cannot be run at all.
pub(super) async fn run(scenario: &Scenario, site: &Site) -> Result<Outcome> {
    let began = Instant::now();
    let namespace = format!("s{:03}", scenario.number);
    let maker = Maker {
        scenario,
        kind: site.kind(),
        namespace: &namespace,
        counter: site.counter(),
    };
    let pods = maker.pods()?;
    let record = Record::begin(site, &namespace).await?;
    let mut walk = Walk {
        site,
        scenario,
        maker,
        pods,
        record,
        events: BTreeMap::new(),
    };
    let mut faults = Vec::new();
    if let Err(error) = walk.walk().await {
        faults.push(format!("{error:#}"));
    }
    let broken = settle(&walk).await.err().map(|error| format!("{error:#}"));
    // What was seen is told once, at the end.
    faults.extend(broken.map(|text| text.split("\nseen:").next().unwrap_or_default().to_owned()));
    faults.extend(checks(&walk));
    Ok(Outcome {
        faults,
        seen: walk.record.watch.timeline().to_string(),
        took: began.elapsed(),
    })
}

/// Waits until everything that was told has arrived, and checks what every watch promises.
async fn settle(walk: &Walk<'_>) -> Result<()> {
    if walk.site.kind() == Kind::Simulator {
        walk.site.advance(Duration::ZERO, 0).await?;
    }
    let newest = walk.site.client().server_info().await?.revision;
    for watch in walk.record.watches.values() {
        watch.check_promises(newest).await?;
    }
    walk.record.watch.check(newest).await
}

fn checks(walk: &Walk<'_>) -> Vec<String> {
    let timeline = walk.record.watch.timeline();
    let mut events: Vec<&Event> = walk.events.values().collect();
    events.sort_by_key(|event| {
        let first = event.first_timestamp.unwrap_or_default();
        (first.seconds, first.nanos, event.name.clone())
    });
    let events: Vec<Event> = events.into_iter().cloned().collect();
    let first = walk.pods.first().map_or("", |(name, _)| name);
    let mut faults = Vec::new();
    for (index, expected) in walk.scenario.expect.iter().enumerate() {
        if !Only::admits(expected.only, walk.site.kind()) {
            continue;
        }
        let pod = expected.pod.as_deref().unwrap_or(first);
        let seen = seen(&timeline, pod, &events);
        if let Err(error) = check(expected, &seen, &walk.record, walk.site.kind()) {
            faults.push(format!("expectation {}: {error:#}", index + 1));
        }
    }
    faults
}
