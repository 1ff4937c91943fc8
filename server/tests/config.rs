//! The configuration through the real binary.

use std::process::{Command, Output};

fn lifepodd(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lifepodd"));
    command
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .expect("lifepodd runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_printed_defaults_pass_the_check() {
    let printed = lifepodd(&["config", "print-default"], &[]);
    assert!(printed.status.success());
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &printed.stdout).expect("written");
    let path = file.path().to_string_lossy().into_owned();
    let checked = lifepodd(&["config", "check", "--config", &path], &[]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
}

#[test]
fn an_unknown_key_is_refused_by_name_and_place() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "\n[journal]\nkeep_howers = 3\n").expect("written");
    let path = file.path().to_string_lossy().into_owned();
    let checked = lifepodd(&["--config", &path, "config", "check"], &[]);
    let error = text(&checked.stderr);
    assert!(!checked.status.success());
    assert!(
        error.contains("keep_howers") && error.contains("line 3"),
        "{error}"
    );
}

#[test]
fn flags_win_over_the_environment() {
    let shown = |arguments: &[&str]| {
        let output = lifepodd(arguments, &[("LIFEPODD_DATA_DIR", "/from/env")]);
        text(&output.stdout)
    };
    assert!(shown(&["config", "check"]).contains("/from/env"));
    assert!(shown(&["config", "check", "--data-dir", "/from/flag"]).contains("/from/flag"));
}

#[test]
fn tcp_beyond_loopback_is_refused_before_anything_is_touched() {
    let output = lifepodd(&["--tcp", "0.0.0.0:1"], &[]);
    let error = text(&output.stderr);
    assert!(!output.status.success());
    assert!(
        error.contains("`tcp`") && error.contains("loopback"),
        "{error}"
    );
}
