//! Behaviours as shell scripts, for real containers.

use super::{
    points::duration,
    script::{Start, starts},
};
use anyhow::{Context, Result};
use std::time::Duration;

const PROBES: [&str; 3] = ["startup", "liveness", "readiness"];
const WORDS: [&str; 15] = [
    "run",
    "exit",
    "ignore-term",
    "term",
    "exit-on-term",
    "log",
    "message",
    "cat",
    "post-start",
    "pre-stop",
    "post-start-fail",
    "pre-stop-fail",
    "startup",
    "liveness",
    "readiness",
];

/// What a container runs. `counter` answers, asked by HTTP, how often it was asked before: which
/// start of the container this is.
pub(super) fn process(behaviour: &str, counter: &str) -> Result<String> {
    let starts = starts(behaviour)?;
    if let [start] = &starts[..] {
        return body(start);
    }
    let last = starts.len() - 1;
    let mut script = format!("case $(wget -q -O - {counter}) in\n");
    for (index, start) in starts.iter().enumerate() {
        let pattern = if index == last {
            "*".to_owned()
        } else {
            index.to_string()
        };
        script.push_str(&format!("{pattern})\n{};;\n", body(start)?));
    }
    Ok(script + "esac\n")
}

/// What a hook runs.
pub(super) fn hook(behaviour: &str, hook: &str) -> Result<String> {
    let starts = starts(behaviour)?;
    let start = starts.first().context("no start")?;
    let takes = start.time(hook)?.unwrap_or_default();
    let code = i32::from(start.has(&format!("{hook}-fail")));
    Ok(format!("{}exit {code}", sleep(takes)))
}

/// What a probe runs: the process says by a file how it does.
pub(super) fn probe(probe: &str) -> [String; 2] {
    ["cat".to_owned(), format!("/tmp/{probe}")]
}

fn body(start: &Start) -> Result<String> {
    start.only(&WORDS)?;
    let mut script = format!("trap {} TERM\n", quoted(&on_term(start)?));
    for probe in PROBES {
        script.push_str(&answers(probe, start.get(probe).unwrap_or("ok"))?);
    }
    for line in start.all("log") {
        script.push_str(&format!("echo {}\n", quoted(line)));
    }
    if let Some(message) = start.get("message") {
        script.push_str(&format!(
            "printf %s {} > /dev/termination-log\n",
            quoted(message)
        ));
    }
    Ok(script + &end(start)?)
}

fn end(start: &Start) -> Result<String> {
    let code = start.get("exit").unwrap_or("0");
    if start.has("cat") {
        return Ok("cat\nexit 0\n".to_owned());
    }
    match start.get("run") {
        Some("forever") => Ok(forever()),
        None if !start.has("exit") => Ok(forever()),
        run => {
            let run = run.map(duration).transpose()?.unwrap_or_default();
            let nap = if run.is_zero() {
                String::new()
            } else {
                format!("sleep {} >/dev/null 2>&1 & wait $!\n", run.as_secs_f64())
            };
            Ok(format!("{nap}exit {code}\n"))
        }
    }
}

fn forever() -> String {
    "while :; do sleep 3600 >/dev/null 2>&1 & wait $!; done\n".to_owned()
}

/// What happens on SIGTERM.
fn on_term(start: &Start) -> Result<String> {
    let mut commands = String::new();
    for probe in PROBES {
        let answers = start.get(probe).unwrap_or_default();
        for answer in answers
            .split(',')
            .filter_map(|answer| answer.strip_prefix("term:"))
        {
            commands.push_str(&set(probe, answer));
        }
    }
    if !start.has("ignore-term") {
        let code = start.get("exit-on-term").unwrap_or("143");
        let takes = start.time("term")?.unwrap_or_default();
        commands.push_str(&format!("{}exit {code}", sleep(takes)));
    }
    Ok(commands)
}

/// Sets the file of a probe now and later.
fn answers(probe: &str, answers: &str) -> Result<String> {
    let (mut now, mut later, mut passed) = (set(probe, "ok"), String::new(), Duration::ZERO);
    for part in answers.split(',').filter(|part| !part.starts_with("term:")) {
        let (since, answer) = part.split_once(':').unwrap_or(("0", part));
        let since = duration(since)?;
        if since.is_zero() {
            now = set(probe, answer);
        } else {
            let pause = since.saturating_sub(passed);
            later.push_str(&format!("{}{}", sleep(pause), set(probe, answer)));
            passed = since;
        }
    }
    if !later.is_empty() {
        now.push_str(&format!("({later}) &\n"));
    }
    Ok(now)
}

fn set(probe: &str, answer: &str) -> String {
    match answer {
        "ok" => format!("touch /tmp/{probe}\n"),
        _ => format!("rm -f /tmp/{probe}\n"),
    }
}

fn sleep(time: Duration) -> String {
    if time.is_zero() {
        String::new()
    } else {
        format!("sleep {}\n", time.as_secs_f64())
    }
}

/// Text as one word of the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// The script's exit code and output, by this machine's shell.
    fn run(script: &str) -> (Option<i32>, String) {
        let output = Command::new("sh")
            .args(["-c", script])
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), said)
    }

    #[test]
    fn a_process_says_and_ends_as_told() {
        let script = process("run=50ms exit=3 log=\"it's; done\"", "").expect("a script");
        assert_eq!(run(&script), (Some(3), "it's; done\n".to_owned()));
    }

    #[test]
    fn it_hears_the_stop_signal() {
        let script = process("exit-on-term=7 term=10ms", "").expect("a script");
        let script = format!("(sleep 0.1; kill $$) & {script}");
        assert_eq!(run(&script).0, Some(7));
    }

    #[test]
    fn what_a_shell_cannot_do_is_refused() {
        assert!(process("oom", "").is_err());
        assert!(process("exit=1; start=3s", "").is_err());
    }

    #[test]
    fn hooks_take_their_time_and_may_fail() {
        assert_eq!(
            run(&hook("pre-stop-fail", "pre-stop").expect("a script")).0,
            Some(1)
        );
        assert_eq!(
            run(&hook("exit=1", "pre-stop").expect("a script")).0,
            Some(0)
        );
    }
}
