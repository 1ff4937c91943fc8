//! Expectations, checked against what was seen.

use super::{
    driver::Kind,
    events,
    file::{Check, Only},
    pattern::Matches,
    points::Points,
    record::{Record, frames},
    sequence, state,
};
use crate::world::Timeline;
use anyhow::{Context, Result, bail, ensure};
use lifepod_client::proto::{Event, PodChange};
use std::time::Duration;

/// Everything seen of one pod.
pub(super) struct Seen<'s> {
    pub(super) frames: Vec<&'s PodChange>,
    pub(super) events: Vec<Event>,
}

impl Only {
    /// Whether something is meant for that world.
    pub(super) fn admits(only: Option<Self>, kind: Kind) -> bool {
        match only {
            None => true,
            Some(Self::Simulator) => kind == Kind::Simulator,
            Some(Self::Containers) => kind == Kind::Containers,
        }
    }
}

/// Everything seen of a pod.
pub(super) fn seen<'t>(timeline: &'t Timeline, pod: &'t str, events: &[Event]) -> Seen<'t> {
    let of_pod = |event: &&Event| event.pod.as_ref().is_some_and(|of| of.name == pod);
    Seen {
        frames: frames(timeline, pod).collect(),
        events: events.iter().filter(of_pod).cloned().collect(),
    }
}

/// Checks one expectation.
pub(super) fn check(check: &Check, seen: &Seen<'_>, record: &Record, kind: Kind) -> Result<()> {
    if let Some(tracked) = &check.track {
        let lines = check.is.as_deref().context("`track` without `is`")?;
        track(tracked, lines, &seen.frames)?;
    }
    frames_match(check, seen)?;
    events_match(check, seen)?;
    times_match(check, seen, record, kind)?;
    if let Some(name) = &check.watch {
        let lines = check.is.as_deref().context("`watch` without `is`")?;
        let watch = record.watches.get(name).context("no such watch")?;
        watch.look(|timeline| watched(lines, timeline))?;
    }
    Ok(())
}

fn frames_match(check: &Check, seen: &Seen<'_>) -> Result<()> {
    if let Some(matches) = &check.always {
        every(matches, &seen.frames, true)?;
    }
    if let Some(matches) = &check.never {
        every(matches, &seen.frames, false)?;
    }
    if let Some(matches) = &check.some {
        let found = seen.frames.iter().any(|frame| holds(matches, frame));
        let (wanted, last) = (text(matches), last(matches, seen));
        ensure!(found, "no frame has {wanted}; {last}");
    }
    if let Some(matches) = &check.finally {
        let frame = seen.frames.last().context("no frame")?;
        let (wanted, last) = (text(matches), last(matches, seen));
        ensure!(holds(matches, frame), "in the end not {wanted}, but {last}");
    }
    Ok(())
}

fn events_match(check: &Check, seen: &Seen<'_>) -> Result<()> {
    let there = || events::lines(&seen.events);
    if let Some(lines) = &check.events
        && let Some(line) = events::missing(lines, &seen.events)
    {
        bail!("no event, in this order, `{line}`; there are:\n{}", there());
    }
    if let Some(lines) = &check.no_events
        && let Some(line) = events::present(lines, &seen.events)
    {
        bail!("there is an event `{line}`:\n{}", there());
    }
    Ok(())
}

fn times_match(check: &Check, seen: &Seen<'_>, record: &Record, kind: Kind) -> Result<()> {
    let transitions = seen.frames.iter().flat_map(|frame| &frame.transitions);
    let (tolerance, early) = match kind {
        Kind::Simulator => (Duration::from_millis(500), Duration::ZERO),
        Kind::Containers => (Duration::from_secs(3), Duration::from_millis(100)),
    };
    let points = Points {
        marks: &record.marks,
        transitions: transitions.collect(),
        tolerance,
        early,
    };
    for said in check.times.iter().flatten() {
        points.check(said).with_context(|| format!("`{said}`"))?;
    }
    for point in check.absent.iter().flatten() {
        ensure!(!points.exists(point)?, "{point} has come");
    }
    Ok(())
}

fn holds(matches: &Matches, frame: &PodChange) -> bool {
    matches.hold(|field| state::of_frame(frame, field))
}

fn text(matches: &Matches) -> String {
    let fields = matches
        .fields()
        .map(|(field, pattern)| format!("{field}: {pattern}"));
    fields.collect::<Vec<_>>().join(", ")
}

/// The fields in question as they were last.
fn last(matches: &Matches, seen: &Seen<'_>) -> String {
    let Some(frame) = seen.frames.last() else {
        return "there is none".to_owned();
    };
    let fields = matches.fields();
    let values = fields.map(|(field, _)| format!("{field}: {}", state::of_frame(frame, field)));
    values.collect::<Vec<_>>().join(", ")
}

fn every(matches: &Matches, frames: &[&PodChange], wanted: bool) -> Result<()> {
    ensure!(!frames.is_empty(), "there is no frame");
    let other = frames.iter().find(|frame| holds(matches, frame) != wanted);
    if let Some(frame) = other {
        let (at, word) = (frame.revision, if wanted { "lacks" } else { "has" });
        let values = matches.fields();
        let values = values.map(|(field, _)| format!("{field}: {}", state::of_frame(frame, field)));
        let values = values.collect::<Vec<_>>().join(", ");
        bail!("revision {at} {word} {}: {values}", text(matches));
    }
    Ok(())
}

fn track(tracked: &str, lines: &[String], frames: &[&PodChange]) -> Result<()> {
    let fields: Vec<_> = tracked.split_whitespace().collect();
    let state = |frame: &&PodChange| -> Vec<String> {
        fields
            .iter()
            .map(|field| state::of_frame(frame, field))
            .collect()
    };
    let mut states: Vec<_> = frames.iter().map(state).collect();
    states.dedup();
    sequence::fit(lines, &states).map_err(|fits| misfit(tracked, lines, &states, fits))
}

fn watched(lines: &[String], timeline: &Timeline) -> Result<()> {
    let word = |change: &PodChange| {
        let name = change.pod_ref.as_ref().map_or("", |pod| &pod.name);
        let kind = change
            .kind()
            .as_str_name()
            .trim_start_matches("CHANGE_KIND_");
        vec![kind.to_owned(), name.to_owned()]
    };
    let states: Vec<_> = timeline.changes().iter().map(word).collect();
    sequence::fit(lines, &states).map_err(|fits| misfit("watch", lines, &states, fits))
}

fn misfit(what: &str, lines: &[String], states: &[Vec<String>], fits: usize) -> anyhow::Error {
    let mut text = format!("{what}:\n");
    for (index, state) in states.iter().enumerate() {
        let mark = if index == fits { "  > " } else { "    " };
        text.push_str(&format!("{mark}{}\n", state.join("  ")));
    }
    if fits == states.len() {
        text.push_str("  > (something is missing)\n");
    }
    text.push_str(&format!("  expected:\n    {}", lines.join("\n    ")));
    anyhow::Error::msg(text)
}
