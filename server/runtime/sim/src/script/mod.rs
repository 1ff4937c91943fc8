//! What the annotations of a pod say. The language is described in docs/simulator.md.

mod answers;
mod start;
mod words;

use std::time::Duration;

use lifepod_lifecycle::{effect::PodRef, input::ImageFailure};
use thiserror::Error;

use crate::dice::Dice;
pub(crate) use answers::{Answer, Answers};
use start::start_script;
pub(crate) use start::{End, OnTerm, StartScript};
use words::{Words, starts};

const PREFIX: &str = "sim.lifepod.dev/";
const IMAGE: &str = ".image";
const EXEC: &str = ".exec";
const SANDBOX: &str = "pod.sim.lifepod.dev/sandbox";
const CONTACT: &str = "pod.sim.lifepod.dev/contact";

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

/// Pulls of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ImageScript {
    pub(crate) takes: Duration,
    /// How many of the first pulls fail, if that is said.
    pub(crate) failures: Option<u32>,
    pub(crate) failure: ImageFailure,
}

/// Sandboxes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SandboxScript {
    pub(crate) takes: Duration,
    /// How many of the first attempts fail.
    pub(crate) failures: u32,
    /// When the first one is lost.
    pub(crate) lost: Option<Duration>,
}

/// When the pod cannot be reached, from the making of its first sandbox on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContactScript {
    pub(crate) lost: Duration,
    /// Never, if absent.
    pub(crate) back: Option<Duration>,
}

/// Commands run in a container by clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExecScript {
    pub(crate) takes: Duration,
    pub(crate) code: i32,
    pub(crate) out: Vec<String>,
    pub(crate) err: Vec<String>,
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
        let suffixes = [IMAGE, EXEC];
        let name = suffixes.iter().find_map(|suffix| rest.strip_suffix(suffix));
        let name = name.unwrap_or(rest);
        if pod.container(name).is_none() {
            let container = name.to_owned();
            return Err(ScriptError {
                annotation: key.clone(),
                problem: Problem::NoSuchContainer { container },
            });
        }
        if rest == name {
            start(pod, name, 0, 0)?;
        } else if rest.ends_with(IMAGE) {
            image(pod, name, 0)?;
        } else {
            exec(pod, name, 0)?;
        }
    }
    contact(pod, 0)?;
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
pub(crate) fn image(pod: &PodRef, container: &str, seed: u64) -> Result<ImageScript, ScriptError> {
    let key = format!("{PREFIX}{container}{IMAGE}");
    words(pod, key, container, seed, |words, dice| {
        Ok(ImageScript {
            takes: words.time("pull", dice)?.unwrap_or_default(),
            failures: words.count("fail")?,
            failure: image_failure(words)?,
        })
    })
}

fn image_failure(words: &mut Words) -> Result<ImageFailure, Problem> {
    let Some(reason) = words.text("error")? else {
        return Ok(ImageFailure::ErrImagePull);
    };
    match reason.as_str() {
        "pull" => Ok(ImageFailure::ErrImagePull),
        "unavailable" => Ok(ImageFailure::RegistryUnavailable),
        "signature" => Ok(ImageFailure::SignatureValidationFailed),
        "inspect" => Ok(ImageFailure::ImageInspectError),
        _ => Err(Problem::Value {
            word: "error".to_owned(),
            needs: "`pull`, `unavailable`, `signature` or `inspect`",
        }),
    }
}

/// The script of the pod's sandboxes.
pub(crate) fn sandbox(pod: &PodRef, seed: u64) -> Result<SandboxScript, ScriptError> {
    words(pod, SANDBOX.to_owned(), "", seed, |words, dice| {
        Ok(SandboxScript {
            takes: words.time("create", dice)?.unwrap_or_default(),
            failures: words.count("fail")?.unwrap_or(0),
            lost: words.time("lost", dice)?,
        })
    })
}

/// When the pod cannot be reached, if that is said.
pub(crate) fn contact(pod: &PodRef, seed: u64) -> Result<Option<ContactScript>, ScriptError> {
    if !pod.annotations.contains_key(CONTACT) {
        return Ok(None);
    }
    words(pod, CONTACT.to_owned(), "", seed, |words, dice| {
        Ok(Some(ContactScript {
            lost: words.time("lost", dice)?.unwrap_or_default(),
            back: words.time("back", dice)?,
        }))
    })
}

/// What commands run by clients do, if that is said.
pub(crate) fn exec(
    pod: &PodRef,
    container: &str,
    seed: u64,
) -> Result<Option<ExecScript>, ScriptError> {
    let key = format!("{PREFIX}{container}{EXEC}");
    if !pod.annotations.contains_key(&key) {
        return Ok(None);
    }
    words(pod, key, container, seed, |words, dice| {
        Ok(Some(ExecScript {
            takes: words.time("run", dice)?.unwrap_or_default(),
            code: words.code("exit")?.unwrap_or(0),
            out: words.texts("out")?,
            err: words.texts("err")?,
        }))
    })
}

/// Reads an annotation of one set of words; it may be absent.
fn words<T>(
    pod: &PodRef,
    annotation: String,
    container: &str,
    seed: u64,
    read: impl FnOnce(&mut Words, &Dice<'_>) -> Result<T, Problem>,
) -> Result<T, ScriptError> {
    let subject = [&*pod.key.namespace, &pod.key.name, container];
    let dice = Dice {
        seed,
        subject: &subject,
    };
    parsed(pod, annotation, |text| {
        let words = text.map_or(Ok(vec![]), starts)?;
        let mut words = Words::new(words.into_iter().flatten().collect());
        let script = read(&mut words, &dice)?;
        words.finish().map(|()| script)
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

#[cfg(test)]
mod tests;
