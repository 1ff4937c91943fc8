//! Figures against goals, as Markdown.

use crate::{
    machine::{Machine, version},
    start::Figures,
};
use std::fmt;

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) runs: Vec<Figures>,
}

/// Where a value is to be found in the figures of a run.
#[derive(Debug, Clone, Copy)]
enum Of {
    /// Percentile of a series, in milliseconds.
    Percentile(&'static str, usize),
    /// A number.
    Number(&'static str),
    /// The middle of the numbers whose names begin so.
    Middle(&'static str),
}

/// A goal: at most `bound`, or at most `bound` times the anchor.
struct Goal {
    id: &'static str,
    what: &'static str,
    of: Of,
    unit: &'static str,
    anchor: Option<Of>,
    bound: f64,
    stretch: Option<f64>,
}

use Of::{Middle, Number, Percentile};

#[rustfmt::skip]
const GOALS: [Goal; 20] = [
    Goal { id: "P1", what: "create → Running at a watcher, p50", of: Percentile("start/lifepod", 50), unit: "ms",
        anchor: Some(Percentile("start/crun", 50)), bound: 1.5, stretch: Some(0.75) },
    Goal { id: "P1", what: "create → Running at a watcher, p99", of: Percentile("start/lifepod", 99), unit: "ms",
        anchor: Some(Percentile("start/crun", 99)), bound: 2.0, stretch: Some(0.75) },
    Goal { id: "P2", what: "exit record → watcher, p50", of: Percentile("exit/since the record", 50), unit: "ms",
        anchor: None, bound: 2.0, stretch: Some(1.2) },
    Goal { id: "P2", what: "exit record → watcher, p99", of: Percentile("exit/since the record", 99), unit: "ms",
        anchor: None, bound: 10.0, stretch: None },
    Goal { id: "P2", what: "SIGKILL sent → watcher, p50", of: Percentile("exit/since the kill", 50), unit: "ms",
        anchor: None, bound: 2.0, stretch: Some(1.2) },
    Goal { id: "P2", what: "SIGKILL sent → watcher, p99", of: Percentile("exit/since the kill", 99), unit: "ms",
        anchor: None, bound: 10.0, stretch: None },
    Goal { id: "P2", what: "exit record → watcher while a burst starts, p99",
        of: Percentile("exit while pods start/since the record", 99), unit: "ms",
        anchor: None, bound: 25.0, stretch: None },
    Goal { id: "", what: "SIGKILL sent → watcher while a burst starts, p50",
        of: Percentile("exit while pods start/since the kill", 50), unit: "ms",
        anchor: None, bound: f64::INFINITY, stretch: None },
    Goal { id: "P2", what: "SIGKILL sent → watcher while a burst starts, p99",
        of: Percentile("exit while pods start/since the kill", 99), unit: "ms",
        anchor: None, bound: 25.0, stretch: None },
    Goal { id: "P3", what: "all of a burst Running", of: Percentile("burst/lifepod", 50), unit: "ms",
        anchor: Some(Percentile("burst/crun", 50)), bound: 3.0, stretch: None },
    Goal { id: "P4", what: "delete → gone, TERM obeyed, p50", of: Percentile("remove/lifepod", 50), unit: "ms",
        anchor: None, bound: 15.0, stretch: Some(5.0) },
    Goal { id: "", what: "delete → gone, TERM obeyed, p99", of: Percentile("remove/lifepod", 99), unit: "ms",
        anchor: None, bound: f64::INFINITY, stretch: None },
    Goal { id: "P4", what: "all of a burst gone", of: Percentile("burst remove/lifepod", 50), unit: "ms",
        anchor: None, bound: 500.0, stretch: None },
    Goal { id: "P5", what: "TERM ignored: ends late by, worst", of: Percentile("late/after the grace period", 100),
        unit: "ms", anchor: None, bound: 20.0, stretch: Some(5.0) },
    Goal { id: "P6", what: "server idle, PSS", of: Number("server idle"), unit: "MiB",
        anchor: None, bound: 15.0, stretch: Some(10.0) },
    Goal { id: "P6", what: "server with finished pods known, PSS", of: Number("server with known pods"), unit: "MiB",
        anchor: None, bound: 60.0, stretch: None },
    Goal { id: "P7", what: "per running pod, MemAvailable", of: Middle("pod memory"), unit: "MiB",
        anchor: None, bound: 2.0, stretch: Some(1.0) },
    Goal { id: "P7", what: "shim, PSS", of: Middle("shim pss"), unit: "MiB",
        anchor: None, bound: 1.2, stretch: Some(0.6) },
    Goal { id: "P8", what: "server and shims, pods idle", of: Number("idle load"), unit: "% core",
        anchor: None, bound: 0.5, stretch: Some(0.1) },
    Goal { id: "P13", what: "exec of true, p50", of: Percentile("exec/lifepod", 50), unit: "ms",
        anchor: Some(Percentile("exec/crun", 50)), bound: 1.5, stretch: None },
];

impl Of {
    fn in_run(self, run: &Figures) -> f64 {
        match self {
            Percentile(series, percent) => run
                .series
                .get(series)
                .map_or(f64::NAN, |samples| samples.percentile(percent)),
            Number(name) => run.numbers.get(name).copied().unwrap_or(f64::NAN),
            Middle(begin) => {
                let named = run
                    .numbers
                    .iter()
                    .filter(|(name, _)| name.starts_with(begin));
                median(named.map(|(_, value)| *value).collect())
            }
        }
    }
}

impl Report {
    fn median(&self, value: impl Fn(&Figures) -> f64) -> f64 {
        median(self.runs.iter().map(value).collect())
    }

    fn least(&self, value: impl Fn(&Figures) -> f64) -> f64 {
        self.runs.iter().map(value).fold(f64::INFINITY, f64::min)
    }

    fn goal(&self, f: &mut fmt::Formatter<'_>, goal: &Goal) -> fmt::Result {
        let Goal {
            id,
            what,
            unit,
            bound,
            ..
        } = goal;
        let value = self.median(|run| goal.of.in_run(run));
        let least = self.least(|run| goal.of.in_run(run));
        write!(f, "| {id} | {what} | {value:.2} {unit} | {least:.2} |")?;
        let (compared, kind) = match goal.anchor {
            None => {
                write!(f, " |")?;
                (value, unit.to_string())
            }
            Some(anchor) => {
                let ratio = self.median(|run| goal.of.in_run(run) / anchor.in_run(run));
                let anchor = self.median(|run| anchor.in_run(run));
                write!(f, " {ratio:.2} × {anchor:.2} {unit} (crun) |")?;
                (ratio, "× crun".to_owned())
            }
        };
        if bound.is_infinite() {
            return writeln!(f, " | |");
        }
        let verdict = match goal.stretch {
            _ if compared.is_nan() || compared > *bound => "**missed**",
            Some(stretch) if compared <= stretch => "met, stretch too",
            _ => "met",
        };
        writeln!(f, " ≤ {bound} {kind} | {verdict} |")
    }

    /// Every tool, beside each other.
    fn tools(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| ms | start p50 | p99 | exec p50 | p99 | remove p50 | p99 | burst |\n|---|---|---|---|---|---|---|---|"
        )?;
        let mut names = vec!["lifepod", "libcontainer", "crun"];
        names.extend(["podman run -d", "containerd, ctr run -d"]);
        for name in names {
            let cell = |what: &str, percent| {
                let key = format!("{what}/{name}");
                let value = self.median(|run| {
                    let samples = run.series.get(&key).filter(|samples| !samples.is_empty());
                    samples.map_or(f64::NAN, |samples| samples.percentile(percent))
                });
                if value.is_nan() {
                    "–".to_owned()
                } else {
                    format!("{value:.1}")
                }
            };
            if cell("start", 50) == "–" {
                writeln!(f, "| {name}: not installed, or left out | | | | | | | |")?;
                continue;
            }
            write!(f, "| {name} |")?;
            for what in ["start", "exec", "remove"] {
                write!(f, " {} | {} |", cell(what, 50), cell(what, 99))?;
            }
            writeln!(f, " {} |", cell("burst", 50))?;
        }
        Ok(())
    }

    fn steps(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| step of a start | p50 ms | p99 ms |\n|---|---|---|")?;
        for step in [
            "pod recorded",
            "sandbox ready",
            "image found",
            "container running",
            "seen by the watcher",
        ] {
            let key = format!("step/{step}");
            let cell = |percent| {
                self.median(|run| {
                    run.series
                        .get(&key)
                        .map_or(f64::NAN, |s| s.percentile(percent))
                })
            };
            writeln!(f, "| {step} | {:.2} | {:.2} |", cell(50), cell(99))?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.machine)?;
        let versions = ["crun", "podman", "containerd"].map(version);
        writeln!(f, "Beside: libcontainer 0.7, {}.", versions.join(", "))?;
        writeln!(
            f,
            "{} run(s); medians of the runs, and the best run. {:.0} % of the steps were timed while others \
             used the processors.\n",
            self.runs.len(),
            self.median(|run| Number("noisy steps").in_run(run)),
        )?;
        writeln!(
            f,
            "| goal | what | median | best | ratio × anchor | bound | |\n|---|---|---|---|---|---|---|"
        )?;
        for goal in &GOALS {
            self.goal(f, goal)?;
        }
        writeln!(f)?;
        self.tools(f)?;
        writeln!(f)?;
        self.steps(f)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_middle_run_counts() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert!(median(Vec::new()).is_nan());
    }
}
