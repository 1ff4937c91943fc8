//! The names that a scenario uses must be those of something: of a name that is misspelt it holds
//! that it never comes, which is what some expectations ask for.

use super::{
    file::{Check, Scenario, Step},
    manifest::LISTS,
    pattern::Matches,
    points::{Point, Said, What},
    state,
};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A pod of which nothing is said.
static UNSAID: Value = Value::Null;

/// What a scenario's file defines.
struct Names<'n> {
    /// Containers by pod.
    pods: BTreeMap<String, BTreeSet<&'n str>>,
    /// The pod that is meant where none is named.
    first: String,
    marks: BTreeSet<&'n str>,
    watches: BTreeSet<&'n str>,
}

/// Checks every name that steps and expectations use.
///
/// # Errors
/// With the first that nothing has.
pub(super) fn check(scenario: &Scenario) -> Result<()> {
    let names = Names::of(scenario)?;
    for (index, step) in scenario.steps.iter().enumerate() {
        let at = || format!("step {}", index + 1);
        names.step(step).with_context(at)?;
    }
    for (index, check) in scenario.expect.iter().enumerate() {
        let at = || format!("expectation {}", index + 1);
        names.expectation(check).with_context(at)?;
    }
    Ok(())
}

impl<'n> Names<'n> {
    fn of(scenario: &'n Scenario) -> Result<Self> {
        let mut pods = BTreeMap::new();
        let mut first = None;
        let given = if scenario.pods.is_empty() {
            std::slice::from_ref(&UNSAID)
        } else {
            &scenario.pods
        };
        for pod in given {
            let name = pod["metadata"]["name"].as_str().unwrap_or("p").to_owned();
            let mut containers: BTreeSet<_> = containers(pod).collect();
            if pod["spec"]["containers"].is_null() {
                containers.insert("c1");
            }
            let name = scenario.copies.map_or(name, |_| "p-0".to_owned());
            first.get_or_insert_with(|| name.clone());
            pods.insert(name, containers);
        }
        for copy in 1..scenario.copies.unwrap_or_default() {
            pods.insert(format!("p-{copy}"), pods["p-0"].clone());
        }
        let mut names = Self {
            pods,
            first: first.context("no pod")?,
            marks: BTreeSet::new(),
            watches: BTreeSet::new(),
        };
        for step in &scenario.steps {
            names.marks.extend(step.mark.as_deref());
            names
                .watches
                .extend(step.watch.as_ref().map(|watch| &*watch.name));
            if let Some(update) = &step.update {
                let pod = step.pod.as_ref().unwrap_or(&names.first).clone();
                let known = names.pods.entry(pod).or_default();
                known.extend(containers(&update.merge));
            }
        }
        Ok(names)
    }

    fn step(&self, step: &Step) -> Result<()> {
        let containers = self.containers(step.pod.as_ref())?;
        step.until
            .as_ref()
            .map_or(Ok(()), |m| fields(m, containers))
    }

    fn expectation(&self, check: &Check) -> Result<()> {
        let containers = self.containers(check.pod.as_ref())?;
        for tracked in check
            .track
            .iter()
            .flat_map(|track| track.split_whitespace())
        {
            field(tracked, containers)?;
        }
        for matches in [&check.always, &check.never, &check.some, &check.finally] {
            matches.as_ref().map_or(Ok(()), |m| fields(m, containers))?;
        }
        for said in check.times.iter().flatten() {
            let said = Said::parse(said)?;
            self.point(&said.one, containers)?;
            self.point(&said.other, containers)?;
        }
        for point in check.absent.iter().flatten() {
            self.point(&Point::parse(point)?, containers)?;
        }
        if let Some(watch) = &check.watch {
            ensure!(self.watches.contains(&**watch), "there is no watch {watch}");
        }
        Ok(())
    }

    fn containers(&self, pod: Option<&String>) -> Result<&BTreeSet<&'n str>> {
        let pod = pod.unwrap_or(&self.first);
        self.pods
            .get(pod)
            .with_context(|| format!("there is no pod {pod}"))
    }

    fn point(&self, point: &Point<'_>, containers: &BTreeSet<&str>) -> Result<()> {
        match point.what {
            What::Mark(mark) => ensure!(self.marks.contains(mark), "there is no mark {mark}"),
            What::Becomes(subject, _) => {
                let of = subject.container();
                of.map_or(Ok(()), |container| known(container, containers))?;
            }
            What::Passes(container, _) => known(container, containers)?,
        }
        Ok(())
    }
}

/// Names of the containers in a (part of a) pod.
fn containers(pod: &Value) -> impl Iterator<Item = &str> {
    let lists = LISTS.iter().filter_map(|list| pod["spec"][list].as_array());
    lists
        .flatten()
        .filter_map(|container| container["name"].as_str())
}

fn fields(matches: &Matches, containers: &BTreeSet<&str>) -> Result<()> {
    matches
        .fields()
        .try_for_each(|(name, _)| field(name, containers))
}

fn field(name: &str, containers: &BTreeSet<&str>) -> Result<()> {
    let known = state::is_field(name, |container| containers.contains(container));
    ensure!(known, "there is no field {name}");
    Ok(())
}

fn known(container: &str, containers: &BTreeSet<&str>) -> Result<()> {
    ensure!(
        containers.contains(container),
        "there is no container {container}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(expectation: &str) -> Result<()> {
        let text =
            format!("title: t\nsteps:\n- {{mark: here, create: {{}}}}\nexpect:\n- {expectation}\n");
        check(&serde_saphyr::from_str(&text)?)
    }

    #[test]
    fn what_exists_may_be_named() -> Result<()> {
        for expectation in [
            "never: {c1: R}",
            "track: phase c1.rc Ready.reason /spec/nodeName label.a",
            "absent: ['c1.start[1]', 'Ready=True[1]', 'readiness.c1=Failure']",
            "times: ['c1.end - mark.here = 3s', 'c1.preStop <= object=Deleted']",
        ] {
            checked(expectation).context(expectation)?;
        }
        Ok(())
    }

    #[test]
    fn what_is_misspelt_is_refused() {
        for expectation in [
            "never: {cl: R}",
            "never: {c1.restarts: 1}",
            "never: {Redy: true}",
            "track: fase",
            "absent: ['c1.strat[1]']",
            "absent: ['c1.start[one]']",
            "absent: ['c2.start']",
            "absent: ['phase=Runing']",
            "absent: ['Redy=True']",
            "absent: ['mark.there']",
            "absent: ['liveliness.c1=Failure']",
            "times: ['c1.end - mark.there = 3s']",
            "times: ['c1.end - mark.here']",
            "{pod: q, never: {c1: R}}",
            "watch: w",
        ] {
            assert!(checked(expectation).is_err(), "{expectation}");
        }
    }
}
