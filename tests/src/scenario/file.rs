//! A scenario as it is written.

use super::{driver::Kind, names, pattern::Matches};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

/// One scenario.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Number in the specification, from the name of the file.
    #[serde(skip)]
    pub number: u32,
    /// What it is about.
    pub title: String,
    /// Why it cannot apply at all.
    pub not_applicable: Option<String>,
    /// Why it is not run on the simulator.
    pub not_simulated: Option<String>,
    /// Why it is not run on real containers.
    pub not_real: Option<String>,
    /// It needs a server of its own.
    #[serde(default)]
    pub(super) alone: bool,
    /// More lines of the server's configuration.
    #[serde(default)]
    pub(super) config: String,
    /// Pods; what every container needs and is not said is filled in.
    #[serde(default)]
    pub(super) pods: Vec<Value>,
    /// So many copies of the one pod, named `p-0` and so on.
    pub(super) copies: Option<usize>,
    /// What containers do, in the simulator's words, by container or `pod/container`.
    #[serde(default)]
    pub(super) behaviour: BTreeMap<String, String>,
    /// What containers do as real ones, where it cannot be made from `behaviour`: shell scripts.
    #[serde(default)]
    pub(super) shell: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) steps: Vec<Step>,
    #[serde(default)]
    pub(super) expect: Vec<Check>,
}

impl Scenario {
    /// Why it is not run there, if it is not.
    #[must_use]
    pub fn reason(&self, kind: Kind) -> Option<&str> {
        let own = match kind {
            Kind::Simulator => &self.not_simulated,
            Kind::Containers => &self.not_real,
        };
        self.not_applicable.as_deref().or(own.as_deref())
    }

    pub(super) fn needs_own_server(&self) -> bool {
        self.alone || !self.config.is_empty()
    }

    /// How much there is to do, roughly: what takes longest is begun first.
    pub(super) fn weight(&self) -> usize {
        let times = |step: &Step| step.update.as_ref().and_then(|update| update.times);
        let updates: u32 = self.steps.iter().filter_map(times).sum();
        self.copies.unwrap_or(1) + self.steps.len() + updates as usize
    }

    pub(super) fn config(&self) -> &str {
        &self.config
    }
}

/// One step, in one of the two worlds or both.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) only: Option<Only>,
    /// A name for the time at which the step begins.
    pub(super) mark: Option<String>,
    /// Which pod; the first one if absent.
    pub(super) pod: Option<String>,
    pub(super) create: Option<Create>,
    pub(super) until: Option<Matches>,
    /// How long `until` waits.
    pub(super) within: Option<String>,
    pub(super) wait: Option<String>,
    pub(super) delete: Option<Delete>,
    pub(super) update: Option<Update>,
    pub(super) exec: Option<Exec>,
    pub(super) logs: Option<Logs>,
    pub(super) attach: Option<Attach>,
    pub(super) server: Option<Server>,
    pub(super) watch: Option<WatchStep>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Only {
    Simulator,
    Containers,
}

/// What a call must fail with: a part of its text.
type Refused = Option<String>;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    pub(super) refused: Refused,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Delete {
    pub(super) grace: Option<i64>,
    /// Precondition.
    pub(super) uid: Option<String>,
    pub(super) refused: Refused,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Update {
    /// Laid over the manifest; lists of containers are matched by name, other lists replaced.
    #[serde(default)]
    pub(super) merge: Value,
    pub(super) subresource: Option<String>,
    /// How often.
    pub(super) times: Option<u32>,
    pub(super) refused: Refused,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exec {
    #[serde(default)]
    pub(super) container: String,
    pub(super) command: Vec<String>,
    pub(super) exit: Option<i32>,
    /// A part of what it writes.
    pub(super) says: Option<String>,
    pub(super) refused: Refused,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Logs {
    #[serde(default)]
    pub(super) container: String,
    #[serde(default)]
    pub(super) previous: bool,
    /// Its lines, joined by ` | `, as a pattern.
    pub(super) says: Option<String>,
    pub(super) refused: Refused,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attach {
    #[serde(default)]
    pub(super) container: String,
    /// What is written to its standard input, which is closed then.
    pub(super) write: String,
}

/// What is done to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Server {
    Kill,
    Stop,
    Start,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WatchStep {
    /// Name of the watch.
    pub(super) name: String,
    #[serde(default)]
    pub(super) labels: String,
    /// Begin with the pods there are; otherwise with the position right after the last change of
    /// that kind seen so far.
    #[serde(default)]
    pub(super) snapshot: bool,
}

/// One expectation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Check {
    pub(super) only: Option<Only>,
    pub(super) pod: Option<String>,
    /// Fields whose values, frame by frame and equal ones in a row once, must be `is`.
    pub(super) track: Option<String>,
    pub(super) is: Option<Vec<String>>,
    /// Must hold in every frame.
    pub(super) always: Option<Matches>,
    /// Must not hold in any frame.
    pub(super) never: Option<Matches>,
    /// Must hold in some frame.
    pub(super) some: Option<Matches>,
    /// Must hold in the last frame.
    pub(super) finally: Option<Matches>,
    /// Must be there, in this order of their first time.
    pub(super) events: Option<Vec<String>>,
    /// Must not be there.
    pub(super) no_events: Option<Vec<String>>,
    /// Times, differences of times, and their order.
    pub(super) times: Option<Vec<String>>,
    /// Points in time that must not have come.
    pub(super) absent: Option<Vec<String>>,
    /// What a watch of the steps has shown.
    pub(super) watch: Option<String>,
}

/// Reads every scenario of a folder, in the order of their numbers.
///
/// # Errors
/// With the file that is no scenario.
pub fn load(folder: &Path) -> Result<Vec<Scenario>> {
    let entries = fs::read_dir(folder).with_context(|| format!("no {}", folder.display()))?;
    let mut scenarios = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let scenario = read(&path).with_context(|| format!("{}", path.display()))?;
            scenarios.push(scenario);
        }
    }
    scenarios.sort_by_key(|scenario| scenario.number);
    for pair in scenarios.windows(2) {
        ensure!(
            pair[0].number != pair[1].number,
            "two scenarios {}",
            pair[0].number
        );
    }
    Ok(scenarios)
}

fn read(path: &Path) -> Result<Scenario> {
    let name = path
        .file_stem()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let number = name.split('-').next().unwrap_or_default();
    let number = number
        .parse()
        .context("its name does not begin with a number")?;
    let text = fs::read_to_string(path)?;
    let mut scenario: Scenario = serde_saphyr::from_str(&text)?;
    scenario.number = number;
    let applies = scenario.not_applicable.is_none();
    ensure!(
        !applies || !(scenario.steps.is_empty() || scenario.expect.is_empty()),
        "neither steps and expectations nor a reason for having none"
    );
    names::check(&scenario)?;
    Ok(scenario)
}
