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
    use rustix::process::{Pid, Signal, kill_process, kill_process_group};
    use std::{
        io::{BufRead as _, BufReader},
        os::unix::process::CommandExt as _,
        process::{Child, Command, Stdio},
    };
    use tempfile::TempDir;

    /// A script that runs in this machine's shell, with a folder of its own instead of `/tmp`, and
    /// everything it started: they end with the value.
    struct Running {
        shell: Child,
        pid: Pid,
        _folder: TempDir,
    }

    impl Running {
        fn start(script: &str) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let own = folder.path().display().to_string();
            let shell = Command::new("sh")
                .args(["-c", &script.replace("/tmp/", &format!("{own}/"))])
                .stdout(Stdio::piped())
                .process_group(0)
                .spawn()
                .expect("a shell");
            Self {
                pid: Pid::from_child(&shell),
                shell,
                _folder: folder,
            }
        }

        /// Lines it has written when `enough` of them are there, or when it says no more.
        fn said(&mut self, enough: usize) -> Vec<String> {
            let output = self.shell.stdout.take().expect("an output");
            let lines = BufReader::new(output).lines().take(enough);
            lines.map(|line| line.expect("text")).collect()
        }

        fn exit_code(&mut self) -> Option<i32> {
            self.shell.wait().expect("an end").code()
        }
    }

    impl Drop for Running {
        fn drop(&mut self) {
            // The group may be empty already.
            let _ = kill_process_group(self.pid, Signal::KILL);
            let _ = self.shell.wait();
        }
    }

    #[test]
    fn a_process_says_and_ends_as_told() {
        let script = process("run=50ms exit=3 log=\"it's; done\"", "").expect("a script");
        let mut running = Running::start(&script);
        assert_eq!(running.said(usize::MAX), ["it's; done"]);
        assert_eq!(running.exit_code(), Some(3));
    }

    #[test]
    fn it_hears_the_stop_signal() {
        let script = process("exit-on-term=7 term=10ms log=up", "").expect("a script");
        let mut running = Running::start(&script);
        assert_eq!(running.said(1), ["up"]);
        kill_process(running.pid, Signal::TERM).expect("a signal");
        assert_eq!(running.exit_code(), Some(7));
    }

    #[test]
    fn what_a_shell_cannot_do_is_refused() {
        assert!(process("oom", "").is_err());
        assert!(process("exit=1; start=3s", "").is_err());
    }

    #[test]
    fn hooks_take_their_time_and_may_fail() {
        for (behaviour, code) in [("pre-stop-fail", 1), ("exit=1", 0)] {
            let script = hook(behaviour, "pre-stop").expect("a script");
            assert_eq!(Running::start(&script).exit_code(), Some(code));
        }
    }
}
