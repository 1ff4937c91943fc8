//! The script of one start of a container.

use std::time::Duration;

use lifepod_lifecycle::input::StartFailure;
use serde::{Deserialize, Serialize};

use super::{Answers, Problem, words::Words};
use crate::dice::Dice;

/// Longest termination message, as for a real one.
const MESSAGE_LIMIT: usize = 4096;

/// A hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HookScript {
    pub(crate) takes: Duration,
    pub(crate) fails: bool,
}

/// How a process ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    Never,
    Exit {
        after: Duration,
        code: i32,
    },
    OutOfMemory {
        after: Duration,
    },
    /// It copies its standard input and ends with it.
    Input,
    /// It is gone without a trace.
    Vanish {
        after: Duration,
    },
}

/// What a process does on SIGTERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum OnTerm {
    Ignore,
    Die { after: Duration },
    Exit { after: Duration, code: i32 },
}

/// One start of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StartScript {
    pub(crate) start: Duration,
    pub(crate) fails: Option<StartFailure>,
    pub(crate) end: End,
    pub(crate) on_term: OnTerm,
    pub(crate) log: Vec<String>,
    pub(crate) message: String,
    /// The end of the log, where the container wants that for a message.
    pub(crate) fallback: String,
    pub(crate) post_start: HookScript,
    pub(crate) pre_stop: HookScript,
    pub(crate) startup: Answers,
    pub(crate) liveness: Answers,
    pub(crate) readiness: Answers,
}

impl StartScript {
    /// The termination message after an exit code.
    pub(crate) fn last_words(&self, code: i32) -> &str {
        if self.message.is_empty() && code != 0 {
            &self.fallback
        } else {
            let end = self.message.floor_char_boundary(MESSAGE_LIMIT);
            &self.message[..end]
        }
    }
}

pub(super) fn start_script(mut words: Words, dice: &Dice<'_>) -> Result<StartScript, Problem> {
    let script = StartScript {
        start: words.time("start", dice)?.unwrap_or_default(),
        fails: start_failure(&mut words)?,
        end: end(&mut words, dice)?,
        on_term: on_term(&mut words, dice)?,
        log: words.texts("log")?,
        message: words.text("message")?.unwrap_or_default(),
        fallback: String::new(),
        post_start: HookScript {
            takes: words.time("post-start", dice)?.unwrap_or_default(),
            fails: words.flag("post-start-fail")?,
        },
        pre_stop: HookScript {
            takes: words.time("pre-stop", dice)?.unwrap_or_default(),
            fails: words.flag("pre-stop-fail")?,
        },
        startup: words.answers("startup")?,
        liveness: words.answers("liveness")?,
        readiness: words.answers("readiness")?,
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
    let run = words.time("run", dice)?;
    if forever && run.is_some() {
        return Err(exclude("run=forever", "run"));
    }
    // Each says how it ends, so at most one may be there.
    let after = run.unwrap_or_default();
    let mut ends = Vec::new();
    if let Some(code) = words.code("exit")? {
        ends.push(("exit", End::Exit { after, code }));
    }
    if words.flag("oom")? {
        ends.push(("oom", End::OutOfMemory { after }));
    }
    if words.flag("vanish")? {
        ends.push(("vanish", End::Vanish { after }));
    }
    let runs = forever || run.is_some();
    if words.flag("cat")? {
        ends.push(("cat", End::Input));
        if runs {
            return Err(exclude("run", "cat"));
        }
    }
    match ends[..] {
        [] if run.is_some() => Ok(End::Exit { after, code: 0 }),
        [] => Ok(End::Never),
        [(word, _)] if forever => Err(exclude("run=forever", word)),
        [(_, end)] => Ok(end),
        [(one, _), (other, _), ..] => Err(exclude(one, other)),
    }
}

const fn exclude(one: &'static str, other: &'static str) -> Problem {
    Problem::Conflict { one, other }
}

fn on_term(words: &mut Words, dice: &Dice<'_>) -> Result<OnTerm, Problem> {
    let (ignore, after, code) = (
        words.flag("ignore-term")?,
        words.time("term", dice)?,
        words.code("exit-on-term")?,
    );
    let conflict = |other| Err(exclude("ignore-term", other));
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
