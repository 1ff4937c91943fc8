//! What the annotations of a pod say. The language is described at the crate's root.

mod words;

use std::time::Duration;

use lifepod_lifecycle::{effect::PodRef, input::StartFailure};
use thiserror::Error;

use crate::dice::Dice;
use words::{Words, starts};

const PREFIX: &str = "sim.lifepod.dev/";
const IMAGE: &str = ".image";
const SANDBOX: &str = "pod.sim.lifepod.dev/sandbox";

/// A script that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("annotation `{annotation}`: {problem}")]
pub struct ScriptError {
    /// Key of the annotation.
    pub annotation: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a script.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// The pod has no container of that name.
    #[error("the pod has no container `{container}`")]
    NoSuchContainer {
        /// Name.
        container: String,
    },
    /// Nothing between two `;`, or nothing at all.
    #[error("a start is empty, say `run=forever`")]
    Empty,
    /// A quote without its end.
    #[error("a quote is not closed")]
    OpenQuote,
    /// Not a word of this script.
    #[error("unknown word `{word}`")]
    Unknown {
        /// The word.
        word: String,
    },
    /// A word that may be said once is there twice.
    #[error("`{word}` is there twice")]
    Twice {
        /// The word.
        word: String,
    },
    /// A value is missing, not understood, or there without need.
    #[error("`{word}` needs {needs}")]
    Value {
        /// The word.
        word: String,
        /// What it needs.
        needs: &'static str,
    },
    /// Two words that exclude each other.
    #[error("`{one}` and `{other}` exclude each other")]
    Conflict {
        /// One.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
}

/// A hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HookScript {
    pub(crate) takes: Duration,
    pub(crate) fails: bool,
}

/// How a process ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Never,
    Exit { after: Duration, code: i32 },
    OutOfMemory { after: Duration },
}

/// What a process does on SIGTERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnTerm {
    Ignore,
    Die { after: Duration },
    Exit { after: Duration, code: i32 },
}

/// One start of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StartScript {
    pub(crate) start: Duration,
    pub(crate) fails: Option<StartFailure>,
    pub(crate) end: End,
    pub(crate) on_term: OnTerm,
    pub(crate) log: Vec<String>,
    pub(crate) message: String,
    pub(crate) post_start: HookScript,
    pub(crate) pre_stop: HookScript,
}

/// Something that is tried again until it succeeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TriesScript {
    pub(crate) takes: Duration,
    /// How many of the first tries fail, if that is said.
    pub(crate) failures: Option<u32>,
}

/// Checks every script of a pod without running it.
///
/// # Errors
/// The first [`ScriptError`], by the order of the annotations' keys.
pub fn check(pod: &PodRef) -> Result<(), ScriptError> {
    for key in pod.annotations.keys() {
        let Some(rest) = key.strip_prefix(PREFIX) else {
            continue;
        };
        let name = rest.strip_suffix(IMAGE).unwrap_or(rest);
        if pod.container(name).is_none() {
            let container = name.to_owned();
            return Err(ScriptError {
                annotation: key.clone(),
                problem: Problem::NoSuchContainer { container },
            });
        }
        if rest == name {
            start(pod, name, 0, 0)?;
        } else {
            image(pod, name, 0)?;
        }
    }
    sandbox(pod, 0).map(drop)
}

/// The script of one start of a container.
pub(crate) fn start(
    pod: &PodRef,
    container: &str,
    attempt: u32,
    seed: u64,
) -> Result<StartScript, ScriptError> {
    let attempt_text = attempt.to_string();
    let subject = [&*pod.key.namespace, &pod.key.name, container, &attempt_text];
    let dice = Dice {
        seed,
        subject: &subject,
    };
    parsed(pod, format!("{PREFIX}{container}"), |text| {
        let mut scripts = text.map_or(Ok(vec![vec![]]), starts)?.into_iter();
        let first = start_script(Words::new(scripts.next().unwrap_or_default()), &dice)?;
        let mut wanted = first;
        // All of them are read, so that a mistake in a later one is told at once.
        for (script, number) in scripts.zip(1..) {
            let script = start_script(Words::new(script), &dice)?;
            if number <= attempt {
                wanted = script;
            }
        }
        Ok(wanted)
    })
}

/// The script of a container's image.
pub(crate) fn image(pod: &PodRef, container: &str, seed: u64) -> Result<TriesScript, ScriptError> {
    let subject = [&*pod.key.namespace, &pod.key.name, container];
    let dice = Dice {
        seed,
        subject: &subject,
    };
    let key = format!("{PREFIX}{container}{IMAGE}");
    parsed(pod, key, |text| tries_script(text, "pull", &dice))
}

/// The script of the pod's sandbox.
pub(crate) fn sandbox(pod: &PodRef, seed: u64) -> Result<TriesScript, ScriptError> {
    let subject = [&*pod.key.namespace, &pod.key.name];
    let dice = Dice {
        seed,
        subject: &subject,
    };
    parsed(pod, SANDBOX.to_owned(), |text| {
        tries_script(text, "create", &dice)
    })
}

fn parsed<T>(
    pod: &PodRef,
    annotation: String,
    parse: impl FnOnce(Option<&str>) -> Result<T, Problem>,
) -> Result<T, ScriptError> {
    let text = pod.annotations.get(&annotation).map(String::as_str);
    parse(text).map_err(|problem| ScriptError {
        annotation,
        problem,
    })
}

fn tries_script(
    text: Option<&str>,
    takes: &'static str,
    dice: &Dice<'_>,
) -> Result<TriesScript, Problem> {
    let Some(text) = text else {
        return Ok(TriesScript::default());
    };
    let words = starts(text)?.into_iter().flatten().collect();
    let mut words = Words::new(words);
    let script = TriesScript {
        takes: words.time(takes, dice)?.unwrap_or_default(),
        failures: words.count("fail")?,
    };
    words.finish().map(|()| script)
}

fn start_script(mut words: Words, dice: &Dice<'_>) -> Result<StartScript, Problem> {
    let script = StartScript {
        start: words.time("start", dice)?.unwrap_or_default(),
        fails: start_failure(&mut words)?,
        end: end(&mut words, dice)?,
        on_term: on_term(&mut words, dice)?,
        log: words.texts("log")?,
        message: words.text("message")?.unwrap_or_default(),
        post_start: HookScript {
            takes: words.time("post-start", dice)?.unwrap_or_default(),
            fails: words.flag("post-start-fail")?,
        },
        pre_stop: HookScript {
            takes: words.time("pre-stop", dice)?.unwrap_or_default(),
            fails: words.flag("pre-stop-fail")?,
        },
    };
    words.finish().map(|()| script)
}

fn start_failure(words: &mut Words) -> Result<Option<StartFailure>, Problem> {
    let Some(step) = words.text("start-fail")? else {
        return Ok(None);
    };
    match step.as_str() {
        "config" => Ok(Some(StartFailure::Config)),
        "create" => Ok(Some(StartFailure::Create)),
        "start" => Ok(Some(StartFailure::Start)),
        _ => Err(Problem::Value {
            word: "start-fail".to_owned(),
            needs: "`config`, `create` or `start`",
        }),
    }
}

fn end(words: &mut Words, dice: &Dice<'_>) -> Result<End, Problem> {
    let forever = words.take_exactly("run", "forever");
    let (run, code, oom) = (
        words.time("run", dice)?,
        words.code("exit")?,
        words.flag("oom")?,
    );
    let conflict = |one, other| Err(Problem::Conflict { one, other });
    match (run, code, oom) {
        (_, Some(_), true) => conflict("exit", "oom"),
        (Some(_), ..) if forever => conflict("run=forever", "run"),
        (_, Some(_), _) if forever => conflict("run=forever", "exit"),
        (_, _, true) if forever => conflict("run=forever", "oom"),
        (None, None, false) => Ok(End::Never),
        (run, _, true) => Ok(End::OutOfMemory {
            after: run.unwrap_or_default(),
        }),
        (run, code, false) => Ok(End::Exit {
            after: run.unwrap_or_default(),
            code: code.unwrap_or(0),
        }),
    }
}

fn on_term(words: &mut Words, dice: &Dice<'_>) -> Result<OnTerm, Problem> {
    let (ignore, after, code) = (
        words.flag("ignore-term")?,
        words.time("term", dice)?,
        words.code("exit-on-term")?,
    );
    let conflict = |other| {
        let one = "ignore-term";
        Err(Problem::Conflict { one, other })
    };
    match (ignore, after, code) {
        (true, Some(_), _) => conflict("term"),
        (true, None, Some(_)) => conflict("exit-on-term"),
        (true, None, None) => Ok(OnTerm::Ignore),
        (false, after, None) => Ok(OnTerm::Die {
            after: after.unwrap_or_default(),
        }),
        (false, after, Some(code)) => Ok(OnTerm::Exit {
            after: after.unwrap_or_default(),
            code,
        }),
    }
}

#[cfg(test)]
mod tests;
