use std::{collections::BTreeMap, sync::Arc, time::Duration};

use lifepod_lifecycle::{
    effect::PodRef,
    id::PodKey,
    input::{ImageFailure, StartFailure},
    spec::{ContainerSpec, PodSpec},
};

use super::{start::HookScript, *};

fn pod(annotations: &[(&str, &str)]) -> PodRef {
    let container = ContainerSpec {
        name: "app".into(),
        ..ContainerSpec::default()
    };
    let annotations: BTreeMap<_, _> = annotations
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    PodRef {
        key: PodKey::new("default", "p"),
        uid: "uid".into(),
        labels: Arc::default(),
        annotations: Arc::new(annotations),
        spec: Arc::new(PodSpec {
            containers: vec![container],
            ..PodSpec::default()
        }),
        ips: vec![],
    }
}

fn app(text: &str, attempt: u32) -> Result<StartScript, String> {
    let pod = pod(&[("sim.lifepod.dev/app", text)]);
    start(&pod, "app", attempt, 0).map_err(|error| error.to_string())
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn every_word_is_understood() {
    let script = app(
        "start=50ms start-fail=create run=1m2s exit=3 term=100ms exit-on-term=0 log=\"a; b\" \
         log=c message=bye post-start=10ms pre-stop=1s post-start-fail pre-stop-fail \
         startup=fail,5s:ok readiness=term:fail",
        0,
    );
    let hook = |takes| HookScript { takes, fails: true };
    let expected = StartScript {
        start: ms(50),
        fails: Some(StartFailure::Create),
        end: End::Exit {
            after: ms(62_000),
            code: 3,
        },
        on_term: OnTerm::Exit {
            after: ms(100),
            code: 0,
        },
        log: vec!["a; b".into(), "c".into()],
        message: "bye".into(),
        fallback: String::new(),
        post_start: hook(ms(10)),
        pre_stop: hook(ms(1000)),
        startup: Answers::parse("fail,5s:ok").expect("answers"),
        liveness: Answers::default(),
        readiness: Answers::parse("term:fail").expect("answers"),
    };
    assert_eq!(script, Ok(expected));
}

#[test]
fn a_process_without_a_script_runs_for_ever() {
    let script = start(&pod(&[]), "app", 3, 0).unwrap();
    assert_eq!(script.end, End::Never);
    assert_eq!(script.on_term, OnTerm::Die { after: ms(0) });
    assert_eq!(app("run=forever", 0).unwrap(), script);
}

#[test]
fn each_start_has_its_script_and_the_last_repeats() {
    let codes = [0, 1, 2, 7].map(|attempt| match app("exit=1; exit=2; oom", attempt) {
        Ok(StartScript {
            end: End::Exit { code, .. },
            ..
        }) => code,
        Ok(StartScript {
            end: End::OutOfMemory { .. },
            ..
        }) => 137,
        other => panic!("{other:?}"),
    });
    assert_eq!(codes, [1, 2, 137, 137]);
}

#[test]
fn mistakes_are_named() {
    let time = "needs a time such as `1m30s`, `50ms` or `2s~500ms`";
    let code = "needs an exit code from 0 to 255";
    for (text, problem) in [
        ("foo", "unknown word `foo`"),
        ("foo=1 run=1s", "unknown word `foo`"),
        ("run", &format!("`run` {time}")),
        ("run=5", &format!("`run` {time}")),
        ("run=1x", &format!("`run` {time}")),
        ("run=1s~", &format!("`run` {time}")),
        ("run=99999999999999999h", &format!("`run` {time}")),
        ("exit=256", &format!("`exit` {code}")),
        ("exit=-1", &format!("`exit` {code}")),
        ("exit", &format!("`exit` {code}")),
        ("oom=1", "`oom` needs no value"),
        ("log", "`log` needs a text"),
        ("exit=1 exit=2", "`exit` is there twice"),
        ("exit=1 oom", "`exit` and `oom` exclude each other"),
        ("vanish oom", "`oom` and `vanish` exclude each other"),
        ("run=1s cat", "`run` and `cat` exclude each other"),
        (
            "startup=maybe",
            "`startup` needs answers such as `ok,10s:fail`: ok, fail, error, warn or hang, each from a time after the start or from `term` on",
        ),
        (
            "run=forever oom",
            "`run=forever` and `oom` exclude each other",
        ),
        (
            "ignore-term term=1s",
            "`ignore-term` and `term` exclude each other",
        ),
        (
            "start-fail=x",
            "`start-fail` needs `config`, `create` or `start`",
        ),
        ("log=\"a", "a quote is not closed"),
        ("exit=1;", "a start is empty, say `run=forever`"),
        ("", "a start is empty, say `run=forever`"),
        // A mistake in a later start is told at the first.
        ("exit=1; foo", "unknown word `foo`"),
    ] {
        let expected = format!("annotation `sim.lifepod.dev/app`: {problem}");
        assert_eq!(app(text, 0), Err(expected), "{text}");
    }
}

#[test]
fn images_and_sandboxes_have_scripts_of_their_own() {
    let pod = pod(&[
        (
            "sim.lifepod.dev/app.image",
            "pull=300ms fail=2 error=unavailable",
        ),
        (
            "sim.lifepod.dev/app.exec",
            "out=\"a b\" err=c exit=7 run=1s",
        ),
        (
            "pod.sim.lifepod.dev/sandbox",
            "create=1s fail=always lost=1m",
        ),
        ("pod.sim.lifepod.dev/contact", "lost=10s back=40s"),
    ]);
    let expected = ImageScript {
        takes: ms(300),
        failures: Some(2),
        failure: ImageFailure::RegistryUnavailable,
    };
    assert_eq!(image(&pod, "app", 0), Ok(expected));
    let expected = SandboxScript {
        takes: ms(1000),
        failures: u32::MAX,
        lost: Some(ms(60_000)),
    };
    assert_eq!(sandbox(&pod, 0), Ok(expected));
    let expected = ContactScript {
        lost: ms(10_000),
        back: Some(ms(40_000)),
    };
    assert_eq!(contact(&pod, 0), Ok(Some(expected)));
    let expected = ExecScript {
        takes: ms(1000),
        code: 7,
        out: vec!["a b".into()],
        err: vec!["c".into()],
    };
    assert_eq!(exec(&pod, "app", 0), Ok(Some(expected)));
    assert_eq!(check(&pod), Ok(()));
}

#[test]
fn check_finds_what_no_container_would() {
    for (key, value, text) in [
        (
            "sim.lifepod.dev/web",
            "oom",
            "the pod has no container `web`",
        ),
        (
            "sim.lifepod.dev/web.image",
            "",
            "the pod has no container `web`",
        ),
        ("sim.lifepod.dev/app.image", "run=1s", "unknown word `run`"),
        (
            "pod.sim.lifepod.dev/sandbox",
            "pull=1s",
            "unknown word `pull`",
        ),
    ] {
        let error = check(&pod(&[(key, value)])).unwrap_err().to_string();
        assert_eq!(error, format!("annotation `{key}`: {text}"));
    }
    assert_eq!(check(&pod(&[("example.com/app", "anything")])), Ok(()));
}

#[test]
fn spread_depends_on_seed_and_subject_alone() {
    let pod = pod(&[("sim.lifepod.dev/app", "exit=0 run=2s~1s")]);
    let run = |attempt, seed| match start(&pod, "app", attempt, seed).unwrap().end {
        End::Exit { after, .. } => after,
        other => panic!("{other:?}"),
    };
    assert_eq!(run(0, 1), run(0, 1));
    assert_ne!(run(0, 1), run(0, 2));
    assert_ne!(run(0, 1), run(1, 1));
    for attempt in 0..50 {
        assert!((ms(2000)..=ms(3000)).contains(&run(attempt, 1)));
    }
}
