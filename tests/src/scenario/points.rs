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

use super::record::Moment;
use crate::world::subject_key;
use anyhow::{Context, Result, bail, ensure};
use lifepod_client::proto::Transition;
use std::{collections::BTreeMap, time::Duration};

/// Where points are looked up.
pub(super) struct Points<'p> {
    pub(super) marks: &'p BTreeMap<String, Moment>,
    pub(super) transitions: Vec<&'p Transition>,
    /// How much later than said something may be.
    pub(super) tolerance: Duration,
    /// How much earlier: the two points may have been noted by two processes.
    pub(super) early: Duration,
}

impl Points<'_> {
    /// Checks what is said of points.
    pub(super) fn check(&self, said: &str) -> Result<()> {
        if let Some((difference, range)) = said.split_once(" in ") {
            let (low, high) = range.split_once("..").context("no range")?;
            return self.between(difference, duration(low)?, duration(high)?);
        }
        if let Some((difference, exactly)) = said.split_once(" = ") {
            let exactly = duration(exactly)?;
            let low = exactly.saturating_sub(self.early);
            return self.between(difference, low, exactly + self.tolerance);
        }
        let (one, other, strict) = match said.split_once(" <= ") {
            Some((one, other)) => (one, other, false),
            None => match said.split_once(" < ") {
                Some((one, other)) => (one, other, true),
                None => bail!("nothing is said of points"),
            },
        };
        let (earlier, later) = (self.at(one)?, self.at(other)?);
        ensure!(
            earlier < later || (!strict && earlier == later),
            "{one} is {:?} after {other}",
            earlier.saturating_sub(later)
        );
        Ok(())
    }

    /// Whether a point has come.
    pub(super) fn exists(&self, point: &str) -> bool {
        self.at(point).is_ok()
    }

    fn between(&self, difference: &str, low: Duration, high: Duration) -> Result<()> {
        let (later, earlier) = difference.split_once(" - ").context("no difference")?;
        let (later, earlier) = (self.at(later)?, self.at(earlier)?);
        let Some(took) = later.checked_sub(earlier) else {
            bail!("it is {:?} earlier", earlier.saturating_sub(later));
        };
        ensure!((low..=high).contains(&took), "it is {took:?}");
        Ok(())
    }

    fn at(&self, point: &str) -> Result<Moment> {
        let point = point.trim();
        if let Some(mark) = point.strip_prefix("mark.") {
            return self.marks.get(mark).copied().context("no such mark");
        }
        let (what, number) = match point
            .strip_suffix(']')
            .and_then(|rest| rest.split_once('['))
        {
            Some((what, number)) => (what, number),
            None => (point, "0"),
        };
        let times: Vec<_> = self.transitions.iter().filter(|t| is(t, what)).collect();
        let transition = match number {
            "last" => times.last(),
            number => times.get(number.parse::<usize>().context("no number")?),
        };
        let transition = transition.with_context(|| format!("{point} did not come"))?;
        let at = transition
            .occurred_at
            .context("a transition without a time")?;
        let seconds = u64::try_from(at.seconds).context("before the epoch")?;
        Ok(Duration::new(seconds, at.nanos.unsigned_abs()))
    }
}

fn is(transition: &Transition, what: &str) -> bool {
    let key = subject_key(transition);
    if let Some((subject, to)) = what.split_once('=') {
        return transition.to == to && is_subject(&key, subject);
    }
    let Some((container, part)) = what.split_once('.') else {
        return false;
    };
    let hook = |hook: &str, ended: bool| {
        key.starts_with(&format!("{hook} of {container} ")) && (transition.to == "Running") != ended
    };
    match part {
        "start" => {
            key == format!("container {container}")
                && transition.to == "Running"
                && transition.from != "Terminating"
        }
        "end" => key == format!("container {container}") && transition.exit.is_some(),
        "preStop" => hook("PreStop", false),
        "preStopEnd" => hook("PreStop", true),
        "postStart" => hook("PostStart", false),
        "postStartEnd" => hook("PostStart", true),
        _ => false,
    }
}

fn is_subject(key: &str, subject: &str) -> bool {
    if let Some((probe, container)) = subject.split_once('.') {
        let mut words = key.split(' ');
        return words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case(probe))
            && words.nth(1) == Some(container);
    }
    key == subject || key == format!("condition {subject}") || key == format!("container {subject}")
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
