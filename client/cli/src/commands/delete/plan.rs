//! What a `delete` command line means.

use std::time::Duration;

use lifepod_client::manifest::{self, Strictness};

use crate::{
    args::{DeleteArgs, Global},
    commands::files::Source,
    duration,
    failure::{self, Failure},
    targets::{self, Targets},
};

/// What is deleted, and how.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) names: Vec<String>,
    /// Whether all pods that are selected are meant.
    pub(super) selects: bool,
    pub(super) grace: Option<i64>,
    pub(super) forced: bool,
    pub(super) waits: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) ignore_missing: bool,
    pub(super) names_only: bool,
}

impl Plan {
    pub(super) fn of(args: &DeleteArgs) -> Result<Self, Failure> {
        let names = names(args)?;
        let selects = args.all || !args.selector.is_empty();
        if selects && !names.is_empty() {
            return Err(Failure::error(
                "name cannot be provided when a selector is specified",
            ));
        }
        if names.is_empty() && !selects && args.filename.is_empty() {
            return Err(Failure::error(
                "resource(s) were provided, but no name was specified",
            ));
        }
        let names_only = match args.output.as_deref() {
            None => false,
            Some("name") => true,
            Some(other) => {
                return Err(Failure::error(format!(
                    "unexpected -o output mode: {other}. We only support '-o name'"
                )));
            }
        };
        let timeout = duration::parse_positive(&args.timeout, "--timeout")?;
        Ok(Self {
            names,
            selects,
            grace: grace(args)?,
            forced: args.force,
            waits: args.wait,
            timeout: (!timeout.is_zero()).then_some(timeout),
            ignore_missing: args.ignore_not_found || args.all,
            names_only,
        })
    }
}

impl Plan {
    /// Namespace and name of every pod that is named, on the command line or in a manifest.
    pub(super) fn named(
        &self,
        sources: &[Source],
        global: &Global,
    ) -> Result<Vec<(String, String)>, Failure> {
        let here = targets::namespace(global).to_owned();
        let mut named: Vec<_> = self
            .names
            .iter()
            .map(|name| (here.clone(), name.clone()))
            .collect();
        for source in sources {
            named.extend(named_in(source, global)?);
        }
        Ok(named)
    }
}

fn names(args: &DeleteArgs) -> Result<Vec<String>, Failure> {
    if !args.targets.is_empty() {
        return Ok(Targets::parse(&args.targets)?.names);
    }
    if args.filename.is_empty() {
        return Err(Failure::error(
            "You must provide one or more resources by argument or filename.\nExample resource specifications \
             include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'\n   '<resource> <name>'\n   '<resource>'",
        ));
    }
    Ok(Vec::new())
}

fn grace(args: &DeleteArgs) -> Result<Option<i64>, Failure> {
    if args.now {
        if args.grace_period >= 0 {
            return Err(Failure::error(
                "--now and --grace-period cannot be specified together",
            ));
        }
        return Ok(Some(1));
    }
    if args.force {
        if args.grace_period > 0 {
            return Err(Failure::error(
                "--force and --grace-period greater than 0 cannot be specified together",
            ));
        }
        return Ok(Some(0));
    }
    Ok(match args.grace_period {
        // Without --force a pod is only removed once its containers have stopped.
        0 => Some(1),
        seconds if seconds > 0 => Some(seconds),
        _ => None,
    })
}

/// Namespace and name of every pod of a manifest.
fn named_in(source: &Source, global: &Global) -> Result<Vec<(String, String)>, Failure> {
    let told = |error| Failure::Told(failure::manifest(&error, &source.name, ""));
    let parsed = manifest::parse_each(&source.text, Strictness::Ignore).map_err(told)?;
    let mut named = Vec::new();
    for result in parsed {
        let metadata = result.map_err(told)?.pod.metadata.unwrap_or_default();
        if metadata.name.is_empty() {
            return Err(Failure::error("resource name may not be empty"));
        }
        let namespace = if metadata.namespace.is_empty() {
            targets::namespace(global).to_owned()
        } else {
            metadata.namespace
        };
        named.push((namespace, metadata.name));
    }
    Ok(named)
}
