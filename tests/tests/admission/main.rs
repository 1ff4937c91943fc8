//! Admission next to recorded answers of a Kubernetes API server: a few dozen of the cases that
//! `cargo xtask oracle` replays in full, and texts that mean harm.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use lifepod_client::{
    Client,
    manifest::{self, ManifestError},
};
use lifepod_tests::{
    fixtures::{Daemon, Simulated},
    oracle::{Recording, Tally, replay_creates, replay_updates, settings},
};
use tokio::task::block_in_place;

/// How long reading a text of any kind may take, in a build without optimization.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_are_judged_as_kubernetes_judges_them() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/admission/recorded");
    let recording = Recording::read(&folder)?;
    let (simulated, daemon) = block_in_place(|| {
        let simulated = Simulated::set_up(&settings())?;
        let daemon = simulated.start(&[])?;
        anyhow::Ok((simulated, daemon))
    })?;
    let client = Client::connect(simulated.endpoint()).await?;
    let creates = Tally::of(&replay_creates(&client, &recording.creates).await?);
    let updates = Tally::of(&replay_updates(&client, &recording.updates).await?);
    block_in_place(|| Daemon::stop(daemon))?;
    for (tally, least) in [(&creates, 50), (&updates, 30)] {
        let told = tally.told.join("\n");
        ensure!(tally.different == 0, "{tally}\n{told}");
        let equal = tally.counts.get("equal").copied().unwrap_or_default();
        ensure!(equal >= least, "only {equal} are equal: {tally}\n{told}");
    }
    Ok(())
}

/// Texts that would exhaust a careless reader, or that no reader can make sense of.
fn hostile_texts() -> Vec<(&'static str, String)> {
    let head = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n";
    let mut aliases = String::from("a0: &a0 [x, x]\n");
    for level in 1..40 {
        let below = level - 1;
        aliases.push_str(&format!("a{level}: &a{level} [*a{below}, *a{below}]\n"));
    }
    vec![
        (
            "aliases that unfold into a billion values",
            format!("{head}{aliases}"),
        ),
        (
            "an alias of itself",
            format!("{head}spec: &s {{containers: *s}}\n"),
        ),
        (
            "lists in lists",
            format!("{head}spec: {}", "[".repeat(100_000)),
        ),
        (
            "maps in maps",
            format!("{head}spec: {}", "{a: ".repeat(100_000)),
        ),
        ("JSON in JSON", format!("{{\"a\": {}", "[".repeat(200_000))),
        (
            "a tab where none may be",
            format!("{head}spec:\n\tcontainers: []\n"),
        ),
        (
            "a quote that never ends",
            format!("{head}spec: \"{}", "x".repeat(1 << 20)),
        ),
        ("a key given twice", format!("{head}kind: Pod\n")),
        ("more than a server wants to hear", "x".repeat(9 << 20)),
    ]
}

#[test]
fn hostile_texts_are_refused_soon_and_with_their_place() -> Result<()> {
    for (what, text) in hostile_texts() {
        let started = Instant::now();
        let read = manifest::parse(&text);
        ensure!(
            started.elapsed() < PATIENCE,
            "{what} took {:?}",
            started.elapsed()
        );
        let error = read.err().with_context(|| format!("{what} was read"))?;
        let ManifestError::Syntax { at, .. } = &error else {
            anyhow::bail!("{what}: {error}");
        };
        let whole = text.len() > 8 << 20;
        ensure!(
            whole || (at.line > 0 && at.column > 0),
            "{what} has no place: {error}"
        );
    }
    Ok(())
}
