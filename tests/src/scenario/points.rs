//! Points in time, and what is said of them.
//!
//! | point | time |
//! |---|---|
//! | `mark.x` | begin of the step marked `x` |
//! | `c1.start[1]`, `c1.end[1]` | container c1 runs for the second time, has ended for the second time |
//! | `c1.preStop[0]`, `c1.preStopEnd[0]`, `c1.postStart[0]`, `c1.postStartEnd[0]` | hook |
//! | `phase=Running[0]`, `Ready=False[1]`, `object=Deleting`, `c1=Terminating`, `sandbox=Ready[1]`, `readiness.c1=Success` | the subject becomes that, for the n-th time |
//!
//! A number in brackets that is left out is 0; `[last]` is the last.
//! Said is `a - b in 10s..13s`, `a - b = 10s` (with tolerance), `a < b` or `a <= b`.

use super::{record::Moment, state::is_condition};
use crate::world::subject_key;
use anyhow::{Context, Result, bail, ensure};
use lifepod_client::proto::Transition;
use std::{collections::BTreeMap, time::Duration};

const PHASES: &[&str] = &["Pending", "Running", "Succeeded", "Failed", "Unknown"];
const OBJECT: &[&str] = &["Created", "Deleting", "Deleted"];
const SANDBOX: &[&str] = &["Creating", "Ready", "Failed", "Stopping", "Stopped"];
const CONDITION: &[&str] = &["True", "False", "Unknown"];
const CONTAINER: &[&str] = &[
    "Waiting",
    "Creating",
    "Running",
    "Terminating",
    "Exited",
    "Restarting",
];
const PROBE: &[&str] = &["Success", "Failure", "Unknown"];

/// A point in time as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point<'p> {
    text: &'p str,
    pub(super) what: What<'p>,
    /// Which time; none is the last.
    number: Option<usize>,
}

/// What happens at a point in time.
#[derive(Debug, Clone, Copy)]
pub(super) enum What<'p> {
    /// A step begins.
    Mark(&'p str),
    /// A subject becomes something.
    Becomes(Subject<'p>, &'p str),
    /// A container passes a point of its life.
    Passes(&'p str, Part),
}

/// Of which it is told what it becomes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject<'p> {
    /// The phase, the object or the sandbox.
    Pod(&'p str),
    Condition(&'p str),
    Container(&'p str),
    /// A probe of a container.
    Probe(&'p str, &'p str),
}

/// Points in the life of a container.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Start,
    End,
    Hook { name: &'static str, ended: bool },
}

/// Two points, and what is said of them.
#[derive(Debug)]
pub(super) struct Said<'s> {
    pub(super) one: Point<'s>,
    pub(super) other: Point<'s>,
    how: How,
}

#[derive(Debug)]
enum How {
    /// The first is so much later.
    Later(Duration, Duration),
    /// The same, but for what may be tolerated.
    LaterBy(Duration),
    Before,
    NotAfter,
}

/// Where points are looked up.
pub(super) struct Points<'p> {
    pub(super) marks: &'p BTreeMap<String, Moment>,
    pub(super) transitions: Vec<&'p Transition>,
    /// How much later than said something may be.
    pub(super) tolerance: Duration,
    /// How much earlier: the two points may have been noted by two processes.
    pub(super) early: Duration,
}

impl<'p> Point<'p> {
    pub(super) fn parse(text: &'p str) -> Result<Self> {
        let text = text.trim();
        let (what, number) = match text.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
            Some((what, "last")) => (what, None),
            Some((what, number)) => (what, Some(number.parse().context("no number")?)),
            None => (text, Some(0)),
        };
        let what = What::parse(what).with_context(|| format!("`{text}` is no point in time"))?;
        Ok(Self { text, what, number })
    }
}

impl<'p> What<'p> {
    fn parse(text: &'p str) -> Result<Self> {
        if let Some((subject, to)) = text.split_once('=') {
            let (subject, values) = Subject::parse(subject)?;
            ensure!(values.contains(&to), "{to} is none of {values:?}");
            return Ok(Self::Becomes(subject, to));
        }
        let (container, part) = text.split_once('.').context("neither `.` nor `=`")?;
        if container == "mark" {
            return Ok(Self::Mark(part));
        }
        let hook = |name, ended| Part::Hook { name, ended };
        let part = match part {
            "start" => Part::Start,
            "end" => Part::End,
            "preStop" => hook("PreStop", false),
            "preStopEnd" => hook("PreStop", true),
            "postStart" => hook("PostStart", false),
            "postStartEnd" => hook("PostStart", true),
            other => bail!("a container has no {other}"),
        };
        Ok(Self::Passes(container, part))
    }

    fn is(self, transition: &Transition) -> bool {
        let key = subject_key(transition);
        match self {
            Self::Mark(_) => false,
            Self::Becomes(subject, to) => transition.to == to && subject.has(&key),
            Self::Passes(container, Part::Start) => {
                let stopping = transition.from == "Terminating";
                let running = transition.to == "Running" && !stopping;
                running && Subject::Container(container).has(&key)
            }
            Self::Passes(container, Part::End) => {
                transition.exit.is_some() && Subject::Container(container).has(&key)
            }
            Self::Passes(container, Part::Hook { name, ended }) => {
                let running = transition.to == "Running";
                running != ended && key.starts_with(&format!("{name} of {container} "))
            }
        }
    }
}

impl<'p> Subject<'p> {
    /// A subject, and what it may become.
    fn parse(text: &'p str) -> Result<(Self, &'static [&'static str])> {
        Ok(match (text, text.split_once('.')) {
            ("phase", _) => (Self::Pod(text), PHASES),
            ("object", _) => (Self::Pod(text), OBJECT),
            ("sandbox", _) => (Self::Pod(text), SANDBOX),
            (condition, _) if is_condition(condition) => (Self::Condition(condition), CONDITION),
            (_, Some(("startup", of))) => (Self::Probe("Startup", of), PROBE),
            (_, Some(("liveness", of))) => (Self::Probe("Liveness", of), PROBE),
            (_, Some(("readiness", of))) => (Self::Probe("Readiness", of), PROBE),
            (_, Some((probe, _))) => bail!("there is no probe {probe}"),
            (container, None) => (Self::Container(container), CONTAINER),
        })
    }

    /// The container in question, if it is one.
    pub(super) fn container(self) -> Option<&'p str> {
        match self {
            Self::Pod(_) | Self::Condition(_) => None,
            Self::Container(name) | Self::Probe(_, name) => Some(name),
        }
    }

    fn has(self, key: &str) -> bool {
        match self {
            Self::Pod(part) => key == part,
            Self::Condition(name) => key.strip_prefix("condition ") == Some(name),
            Self::Container(name) => key.strip_prefix("container ") == Some(name),
            Self::Probe(probe, name) => key.starts_with(&format!("{probe} of {name} ")),
        }
    }
}

impl<'s> Said<'s> {
    pub(super) fn parse(text: &'s str) -> Result<Self> {
        let (points, how) = if let Some((difference, range)) = text.split_once(" in ") {
            let (low, high) = range.split_once("..").context("no range")?;
            let how = How::Later(duration(low)?, duration(high)?);
            (difference.split_once(" - "), how)
        } else if let Some((difference, exactly)) = text.split_once(" = ") {
            let how = How::LaterBy(duration(exactly)?);
            (difference.split_once(" - "), how)
        } else if let Some(points) = text.split_once(" <= ") {
            (Some(points), How::NotAfter)
        } else {
            (text.split_once(" < "), How::Before)
        };
        let (one, other) = points.with_context(|| format!("`{text}` says nothing of points"))?;
        let (one, other) = (Point::parse(one)?, Point::parse(other)?);
        Ok(Self { one, other, how })
    }
}

impl Points<'_> {
    /// Checks what is said of points.
    pub(super) fn check(&self, said: &str) -> Result<()> {
        let Said { one, other, how } = Said::parse(said)?;
        let come = |point: &Point<'_>| {
            let at = self.at(point)?;
            at.with_context(|| format!("{} did not come", point.text))
        };
        let (one_at, other_at) = (come(&one)?, come(&other)?);
        let (low, high) = match how {
            How::Later(low, high) => (low, high),
            How::LaterBy(time) => (time.saturating_sub(self.early), time + self.tolerance),
            How::Before | How::NotAfter => {
                let at_once = one_at == other_at && matches!(how, How::NotAfter);
                let after = one_at.saturating_sub(other_at);
                let (one, other) = (one.text, other.text);
                ensure!(
                    one_at < other_at || at_once,
                    "{one} is {after:?} after {other}"
                );
                return Ok(());
            }
        };
        let Some(took) = one_at.checked_sub(other_at) else {
            bail!("it is {:?} earlier", other_at.saturating_sub(one_at));
        };
        ensure!((low..=high).contains(&took), "it is {took:?}");
        Ok(())
    }

    /// Whether a point has come.
    pub(super) fn exists(&self, point: &str) -> Result<bool> {
        Ok(self.at(&Point::parse(point)?)?.is_some())
    }

    /// When a point came, if it did.
    fn at(&self, point: &Point<'_>) -> Result<Option<Moment>> {
        if let What::Mark(mark) = point.what {
            return Ok(self.marks.get(mark).copied());
        }
        let mut times = self.transitions.iter().filter(|t| point.what.is(t));
        let transition = match point.number {
            None => times.next_back(),
            Some(number) => times.nth(number),
        };
        let Some(transition) = transition else {
            return Ok(None);
        };
        let at = transition
            .occurred_at
            .context("a transition without a time")?;
        let seconds = u64::try_from(at.seconds).context("before the epoch")?;
        Ok(Some(Duration::new(seconds, at.nanos.unsigned_abs())))
    }
}

/// `1m30s`, `500ms`, `2.5s`
pub(super) fn duration(text: &str) -> Result<Duration> {
    let text = text.trim();
    let wrong = || format!("`{text}` is no duration");
    let (mut rest, mut total) = (text, Duration::ZERO);
    while !rest.is_empty() && rest != "0" {
        let end = rest
            .find(|c: char| c.is_ascii_alphabetic())
            .with_context(wrong)?;
        let (number, unit) = rest.split_at(end);
        let letters = unit
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(unit.len());
        let (unit, next) = unit.split_at(letters);
        let number: f64 = number.parse().with_context(wrong)?;
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => bail!("{}", wrong()),
        };
        total += Duration::try_from_secs_f64(number * seconds).with_context(wrong)?;
        rest = next;
    }
    ensure!(!text.is_empty(), "{}", wrong());
    Ok(total)
}
