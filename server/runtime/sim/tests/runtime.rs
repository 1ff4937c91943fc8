//! The ports of the simulated runtime, effect by effect, in virtual time.

mod support;

use std::{io::Read as _, sync::Arc, time::Duration};

use lifepod_lifecycle::{
    NewPod, Pod,
    effect::{Action, Effect, PodRef},
    id::{OpId, PodUid},
    input::{Exit, Fact, ImageFailure, ImageSource, Outcome, StartFailure},
    port::{
        BoxFuture, ExecRequest, FactSink, ImageError, Images, KnownPod, Runtime, StreamError,
        Streams,
    },
    spec::{Handler, ImagePullPolicy},
    transition::{ExitStatus, HookKind},
};
use lifepod_sim::{SimClock, SimRuntime};
use support::{ORIGIN, config, pod};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// More virtual time than anything here takes.
const DEADLINE: Duration = Duration::from_secs(3600);

struct Facts(mpsc::Sender<(PodUid, Fact)>);

impl FactSink for Facts {
    fn deliver(&self, pod: PodUid, fact: Fact) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.0.send((pod, fact)).await.expect("test listens") })
    }
}

/// One pod on a runtime, driven by hand as an engine would.
struct Bench {
    runtime: Arc<SimRuntime>,
    facts: mpsc::Receiver<(PodUid, Fact)>,
    pod: PodRef,
    clock: SimClock,
    ops: u64,
    logs: TempDir,
}

impl Bench {
    async fn new(new: NewPod) -> Self {
        let logs = TempDir::new().expect("temp dir");
        let clock = SimClock::new(ORIGIN);
        let runtime =
            Arc::new(SimRuntime::open(config(clock.clone(), logs.path())).expect("opens"));
        let (sink, facts) = mpsc::channel(64);
        let recovered = runtime.recover(vec![], Arc::new(Facts(sink))).await;
        assert!(recovered.expect("reachable").is_empty());
        Self {
            runtime,
            facts,
            pod: Pod::create(new, ORIGIN).reference(),
            clock,
            ops: 0,
            logs,
        }
    }

    /// A bench whose container runs, or did not start.
    async fn started(new: NewPod) -> (Self, Fact) {
        let mut bench = Self::new(new).await;
        let sandbox = bench.perform(Action::CreateSandbox { attempt: 0 }).await;
        assert!(matches!(sandbox, Some(Fact::SandboxReady { .. })));
        let fact = bench.start(0).await;
        (bench, fact)
    }

    async fn perform(&mut self, action: Action) -> Option<Fact> {
        self.ops += 1;
        let effect = Effect {
            pod: self.pod.clone(),
            op: OpId(self.ops),
            action,
        };
        self.runtime.perform(effect).await
    }

    async fn ensure_image(&mut self) -> Fact {
        let container = "app".to_owned();
        let fact = self.perform(Action::EnsureImage { container }).await;
        fact.expect("an answer")
    }

    async fn start(&mut self, attempt: u32) -> Fact {
        let Fact::ImageReady { image_id, .. } = self.ensure_image().await else {
            panic!("no image");
        };
        let start = Action::StartContainer {
            container: "app".into(),
            attempt,
            image_id,
        };
        self.perform(start).await.expect("an answer")
    }

    async fn term(&mut self) {
        let action = Action::StopContainer {
            container: "app".into(),
            attempt: 0,
            container_id: String::new(),
        };
        assert!(self.perform(action).await.is_none());
    }

    async fn kill(&mut self) {
        let action = Action::KillContainer {
            container: "app".into(),
            attempt: 0,
            container_id: String::new(),
        };
        assert!(self.perform(action).await.is_none());
    }

    async fn hook(&mut self, hook: HookKind) -> Outcome {
        let command = vec!["/bin/hook".to_owned(), "now".to_owned()];
        let action = Action::RunHook {
            container: "app".into(),
            attempt: 0,
            container_id: String::new(),
            hook,
            handler: Handler::Exec { command },
        };
        match self.perform(action).await {
            Some(Fact::HookFinished { outcome, .. }) => outcome,
            other => panic!("{other:?}"),
        }
    }

    /// The next exit.
    async fn exit(&mut self) -> Exit {
        loop {
            let fact = tokio::time::timeout(DEADLINE, self.facts.recv()).await;
            match fact.expect("in time") {
                Some((_, Fact::ContainerExited { exit, .. })) => return exit,
                Some((_, Fact::ImagePulling { .. })) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn at(&self) -> Duration {
        self.clock.now().since(ORIGIN)
    }
}

fn status(code: i32, signal: i32, oom_killed: bool) -> ExitStatus {
    ExitStatus {
        code,
        signal,
        oom_killed,
    }
}

async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[tokio::test(start_paused = true)]
async fn a_process_ends_as_its_script_says() {
    let (exited, signalled) = (|code| status(code, 0, false), |n| status(128 + n, n, false));
    // script, SIGTERM at, SIGKILL at, expected status, expected end
    let table = [
        ("run=2s exit=3", None, None, exited(3), 2000),
        ("run=2s", None, None, exited(0), 2000),
        ("exit=1", None, None, exited(1), 0),
        ("run=1s oom", None, None, status(137, 9, true), 1000),
        ("run=forever", Some(1000), None, signalled(15), 1000),
        (
            "term=100ms exit-on-term=0",
            Some(1000),
            None,
            exited(0),
            1100,
        ),
        ("term=10s", Some(1000), Some(3000), signalled(9), 3000),
        ("ignore-term", Some(1000), Some(3000), signalled(9), 3000),
        ("run=2s term=5s exit=4", Some(1000), None, exited(4), 2000),
        ("ignore-term run=2s", Some(1000), None, exited(0), 2000),
        ("start=50ms run=1s", None, None, exited(0), 1050),
    ];
    for (script, term, kill, expected, end) in table {
        let (mut bench, fact) = Bench::started(pod("p", &[("app", script)])).await;
        assert!(matches!(fact, Fact::ContainerStarted { .. }), "{script}");
        if let Some(at) = term {
            pass(ms(at)).await;
            bench.term().await;
        }
        if let Some(at) = kill {
            pass(ms(at) - bench.at()).await;
            bench.kill().await;
        }
        let exit = bench.exit().await;
        assert_eq!(exit.status, expected, "{script}");
        assert_eq!(exit.finished_at.since(ORIGIN), ms(end), "{script}");
        assert_eq!(bench.at(), ms(end), "{script}: told late");
    }
}

#[tokio::test(start_paused = true)]
async fn hooks_take_their_time_and_may_fail() {
    let script = "post-start=10ms pre-stop=1s pre-stop-fail";
    let (mut bench, _) = Bench::started(pod("p", &[("app", script)])).await;
    assert_eq!(bench.hook(HookKind::PostStart).await, Outcome::Success);
    assert_eq!(bench.at(), ms(10));
    let message = "error: command '/bin/hook now' exited with 1: , message: \"\"".to_owned();
    assert_eq!(
        bench.hook(HookKind::PreStop).await,
        Outcome::Failure { message }
    );
    assert_eq!(bench.at(), ms(1010));
}

#[tokio::test(start_paused = true)]
async fn a_hook_dies_with_its_container() {
    let script = "run=2s pre-stop=1m";
    let (mut bench, _) = Bench::started(pod("p", &[("app", script)])).await;
    let outcome = bench.hook(HookKind::PreStop).await;
    assert!(matches!(outcome, Outcome::Failure { .. }), "{outcome:?}");
    assert_eq!(bench.at(), ms(2000));
    let outcome = bench.hook(HookKind::PreStop).await;
    assert!(matches!(outcome, Outcome::Error { .. }), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_start_starts_nothing() {
    let (mut bench, _) = Bench::started(pod("p", &[("app", "exit=0; start=5s exit=9")])).await;
    bench.exit().await;
    let dropped = tokio::time::timeout(ms(4000), bench.start(1)).await;
    assert!(dropped.is_err());
    pass(ms(10_000)).await;
    assert!(bench.facts.try_recv().is_err());
    let exit = async {
        bench.start(1).await;
        bench.exit().await
    };
    assert_eq!(exit.await.status.code, 9);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_start_answers_the_same() {
    let (mut bench, first) = Bench::started(pod("p", &[("app", "run=2s")])).await;
    pass(ms(1000)).await;
    let second = bench.start(0).await;
    let identity = |fact: Fact| match fact {
        Fact::ContainerStarted {
            container_id, at, ..
        } => (container_id, at),
        other => panic!("{other:?}"),
    };
    assert_eq!(identity(first), identity(second));
    bench.exit().await;
    pass(ms(10_000)).await;
    assert!(bench.facts.try_recv().is_err(), "one process, one exit");
}

#[tokio::test(start_paused = true)]
async fn bad_scripts_fail_the_start_with_the_annotation_in_the_text() {
    for (key, value, text) in [
        (
            "app",
            "run=fast",
            "annotation `sim.lifepod.dev/app`: `run` needs a time",
        ),
        (
            "web",
            "oom",
            "annotation `sim.lifepod.dev/web`: the pod has no container",
        ),
    ] {
        let (_bench, fact) = Bench::started(pod("p", &[(key, value)])).await;
        let Fact::ContainerFailed {
            failure: StartFailure::Config,
            message,
            ..
        } = fact
        else {
            panic!("{fact:?}");
        };
        assert!(message.starts_with(text), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_fails_at_the_step_of_its_script() {
    for (step, expected) in [
        ("config", StartFailure::Config),
        ("create", StartFailure::Create),
        ("start", StartFailure::Start),
    ] {
        let script = format!("start-fail={step}");
        let (_bench, fact) = Bench::started(pod("p", &[("app", &script)])).await;
        let Fact::ContainerFailed {
            failure,
            container_id,
            ..
        } = fact
        else {
            panic!("{fact:?}");
        };
        assert_eq!(failure, expected);
        assert_eq!(container_id.is_empty(), expected != StartFailure::Start);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_fails_as_often_as_its_script_says() {
    let mut bench = Bench::new(pod("p", &[("sandbox", "create=1s fail=1")])).await;
    let create = Action::CreateSandbox { attempt: 0 };
    let first = bench.perform(create.clone()).await;
    assert!(matches!(first, Some(Fact::SandboxFailed { .. })));
    let Some(Fact::SandboxReady { ips, .. }) = bench.perform(create.clone()).await else {
        panic!("still fails");
    };
    assert_eq!((ips.len(), bench.at()), (1, ms(2000)));
    let Some(Fact::SandboxReady { ips: again, .. }) = bench.perform(create).await else {
        panic!("fails again");
    };
    assert_eq!((again, bench.at()), (ips, ms(2000)), "nothing made anew");
}

#[tokio::test(start_paused = true)]
async fn an_image_fails_and_heals() {
    let mut new = pod("p", &[("app.image", "pull=300ms fail=2")]);
    new.spec.containers[0].image = "sim/missing:v1".into();
    let mut bench = Bench::new(new).await;
    for number in 1..=2 {
        let Fact::ImageFailed {
            failure: ImageFailure::ErrImagePull,
            message,
            ..
        } = bench.ensure_image().await
        else {
            panic!("pull {number} succeeds");
        };
        assert!(message.contains("docker.io/sim/missing:v1"), "{message}");
    }
    let source = |fact| match fact {
        Fact::ImageReady { source, .. } => source,
        other => panic!("{other:?}"),
    };
    let took = |source: &ImageSource| match source {
        ImageSource::Pulled { took, .. } => Some(*took),
        ImageSource::Present => None,
    };
    assert_eq!(took(&source(bench.ensure_image().await)), Some(ms(300)));
    assert_eq!(took(&source(bench.ensure_image().await)), None);
    assert_eq!(bench.at(), ms(900));
}

#[tokio::test(start_paused = true)]
async fn a_missing_image_appears_when_it_is_pushed() {
    let mut new = pod("p", &[]);
    new.spec.containers[0].image = "sim/missing-app:v1".into();
    let mut bench = Bench::new(new).await;
    let fact = bench.ensure_image().await;
    assert!(matches!(fact, Fact::ImageFailed { .. }));
    bench
        .runtime
        .push_image("sim/missing-app:v1")
        .expect("valid");
    let fact = bench.ensure_image().await;
    assert!(matches!(fact, Fact::ImageReady { .. }));
}

#[tokio::test(start_paused = true)]
async fn images_that_cannot_be_had_say_why() {
    for (image, policy, expected) in [
        (
            "nginx",
            ImagePullPolicy::Never,
            ImageFailure::ErrImageNeverPull,
        ),
        (
            "Nginx",
            ImagePullPolicy::Always,
            ImageFailure::InvalidImageName,
        ),
    ] {
        let mut new = pod("p", &[]);
        new.spec.containers[0].image = image.into();
        new.spec.containers[0].image_pull_policy = policy;
        let fact = Bench::new(new).await.ensure_image().await;
        assert!(
            matches!(&fact, Fact::ImageFailed { failure, .. } if *failure == expected),
            "{fact:?}"
        );
    }
    let mut bench = Bench::new(pod("p", &[("app.image", "fail=often")])).await;
    let Fact::ImageFailed {
        failure: ImageFailure::ImageInspectError,
        message,
        ..
    } = bench.ensure_image().await
    else {
        panic!("a bad script does no harm");
    };
    let text = "annotation `sim.lifepod.dev/app.image`: `fail` needs a count or `always`";
    assert_eq!(message, text);
}

#[tokio::test(start_paused = true)]
async fn images_are_listed_found_and_removed_when_unused() {
    let (mut bench, _) = Bench::started(pod("p", &[])).await;
    let runtime = Arc::clone(&bench.runtime);
    let images: &dyn Images = &*runtime;
    let progress = Arc::new(|_| {});
    let pulled = images.pull("redis:7", None, progress).await.expect("there");
    let listed = images.list().await.expect("lists");
    assert_eq!(listed.len(), 2);
    assert!(listed.is_sorted_by_key(|image| image.id.clone()));
    assert_eq!(images.get("redis:7").await.expect("there"), pulled);
    images.remove("redis:7").await.expect("unused");
    let gone = images.get("redis:7").await;
    assert!(matches!(gone, Err(ImageError::NotFound { .. })));
    let used = images.remove("nginx").await;
    assert!(matches!(used, Err(ImageError::InUse { .. })), "{used:?}");
    bench.term().await;
    bench.exit().await;
    images.remove("nginx").await.expect("unused now");
    let loaded = images.load("x.tar".into(), None).await;
    assert!(matches!(loaded, Err(ImageError::Unsupported { .. })));
}

#[tokio::test(start_paused = true)]
async fn logs_are_real_files_that_go_with_the_pod() {
    let script = "start=1s log=hello log=\"good bye\"";
    let (mut bench, _) = Bench::started(pod("p", &[("app", script)])).await;
    let file = bench.runtime.log_file(&bench.pod, "app", 0);
    assert!(file.ends_with("default_p_uid-p/app/0.log"), "{file:?}");
    let stamp = "2023-11-14T22:13:21.000000000Z";
    let expected = format!("{stamp} stdout F hello\n{stamp} stdout F good bye\n");
    assert_eq!(std::fs::read_to_string(&file).expect("written"), expected);
    bench.perform(Action::RemoveSandbox { purge: false }).await;
    assert!(file.exists());
    let fact = bench.perform(Action::PurgePod).await;
    assert!(matches!(fact, Some(Fact::PodPurged { .. })), "{fact:?}");
    assert_eq!(
        std::fs::read_dir(bench.logs.path()).expect("root").count(),
        0
    );
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_written_fails_the_start() {
    let mut bench = Bench::new(pod("p", &[("app", "log=x")])).await;
    std::fs::write(bench.logs.path().join("default_p_uid-p"), "in the way").expect("writes");
    bench.perform(Action::CreateSandbox { attempt: 0 }).await;
    let fact = bench.start(0).await;
    assert!(
        matches!(&fact, Fact::ContainerFailed { failure: StartFailure::Create, message, .. }
            if message.contains("app/0.log")),
        "{fact:?}"
    );
}

fn command(words: &[&str]) -> ExecRequest {
    ExecRequest {
        container: "app".into(),
        attempt: 0,
        container_id: String::new(),
        command: words.iter().map(|word| (*word).to_owned()).collect(),
        stdin: false,
        tty: None,
    }
}

#[tokio::test(start_paused = true)]
async fn commands_run_in_containers_that_run() {
    let (mut bench, _) = Bench::started(pod("p", &[])).await;
    let runtime = Arc::clone(&bench.runtime);
    let echo = runtime.exec(&bench.pod, command(&["echo", "hello"])).await;
    let echo = echo.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(echo.exited.await.expect("known").code, 0);
    let mut said = String::new();
    std::fs::File::from(echo.stdout)
        .read_to_string(&mut said)
        .expect("text");
    assert_eq!(said, "hello\n");
    let unknown = runtime.exec(&bench.pod, command(&["reboot"])).await.err();
    assert!(matches!(unknown, Some(StreamError::CannotStart { .. })));
    let attached = runtime.attach(&bench.pod, command(&[])).await;
    let attached = attached.unwrap_or_else(|error| panic!("{error}"));
    bench.term().await;
    bench.exit().await;
    assert_eq!(attached.exited.await.expect("known").code, 143);
    let late = runtime.attach(&bench.pod, command(&[])).await.err();
    assert!(matches!(late, Some(StreamError::NotRunning { .. })));
}

#[tokio::test(start_paused = true)]
async fn commands_follow_their_script_and_end_with_their_container() {
    let scripts = [
        ("app.exec", "run=1h exit=7 err=oops"),
        ("app", "run=2s exit=1"),
    ];
    let (mut bench, _) = Bench::started(pod("p", &scripts)).await;
    let runtime = Arc::clone(&bench.runtime);
    let session = runtime.exec(&bench.pod, command(&["anything"])).await;
    let session = session.unwrap_or_else(|error| panic!("{error}"));
    bench.exit().await;
    assert_eq!(session.exited.await.expect("known").code, 137);
    let mut said = String::new();
    let stderr = session.stderr.expect("no terminal");
    std::fs::File::from(stderr)
        .read_to_string(&mut said)
        .expect("text");
    assert_eq!(said, "oops\n");
}

/// A pipe holds 64 KiB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_whose_client_does_not_listen_holds_nobody_up() {
    const SOON: Duration = Duration::from_secs(10);
    let (bench, _) = Bench::started(pod("p", &[])).await;
    let flood = "x".repeat(200 << 10);
    let echo = bench.runtime.exec(&bench.pod, command(&["echo", &flood]));
    let echo = echo.await.unwrap_or_else(|error| panic!("{error}"));
    let exited = tokio::spawn(echo.exited);
    echo.control.signal(9).await.expect("sent");
    let exited = tokio::time::timeout(SOON, exited).await;
    let ended = exited.expect("can be killed").expect("no panic");
    assert_eq!(ended.expect("known"), status(137, 9, false));

    let echo = bench.runtime.exec(&bench.pod, command(&["echo", &flood]));
    let echo = echo.await.unwrap_or_else(|error| panic!("{error}"));
    let said = tokio::task::spawn_blocking(move || {
        let mut said = String::new();
        let read = std::fs::File::from(echo.stdout).read_to_string(&mut said);
        read.map(|_| said.len())
    });
    let (exited, said) = tokio::join!(echo.exited, tokio::time::timeout(SOON, said));
    assert_eq!(exited.expect("known").code, 0);
    let said = said.expect("ends").expect("no panic").expect("text");
    assert_eq!(said, flood.len() + 1);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_was_killed_finds_its_containers() {
    let (mut bench, _) = Bench::started(pod("p", &[("app", "run=2s exit=3")])).await;
    bench.exit().await;
    let other = Pod::create(pod("other", &[]), ORIGIN).reference();
    let known = [&bench.pod, &other].map(|pod| KnownPod { pod: pod.clone() });
    let (sink, _facts) = mpsc::channel(1);
    let sink = Arc::new(Facts(sink));
    let facts = bench.runtime.recover(known.to_vec(), sink).await;
    let facts = facts.expect("reachable");
    let Fact::Recovered {
        sandbox: Some(_),
        instances,
    } = &facts[0].1
    else {
        panic!("{facts:?}");
    };
    let exit = instances[0].exit.as_ref().expect("ended");
    assert_eq!((instances.len(), exit.status.code), (1, 3));
    let Fact::Recovered {
        sandbox: None,
        instances,
    } = &facts[1].1
    else {
        panic!("{facts:?}");
    };
    assert!(instances.is_empty());
}

#[tokio::test(start_paused = true)]
async fn recovery_removes_what_belongs_to_nobody() {
    let (bench, _) = Bench::started(pod("p", &[("app", "log=x")])).await;
    let file = bench.runtime.log_file(&bench.pod, "app", 0);
    assert!(file.exists());
    let (sink, _facts) = mpsc::channel(1);
    let facts = bench.runtime.recover(vec![], Arc::new(Facts(sink))).await;
    assert!(facts.expect("reachable").is_empty());
    assert!(!file.exists());
}

#[tokio::test(start_paused = true)]
async fn detaching_ends_every_process_without_a_word() {
    let (mut bench, _) = Bench::started(pod("p", &[("app", "run=2s")])).await;
    while bench.facts.try_recv().is_ok() {}
    bench.runtime.detach().await;
    assert_eq!(bench.at(), ms(0), "waits for nothing");
    // The sink is let go of, so nothing can come any more.
    assert!(bench.facts.recv().await.is_none());
}
