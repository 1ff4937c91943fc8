//! Containers from creation to exit record.

use crate::support::Sandbox;
use lifepod_shim::protocol::{Call, ContainerStatus, ErrorCode};

#[test]
fn exit_codes_are_told_and_recorded() {
    let sandbox = Sandbox::start();
    for (id, script, code, signal) in [
        ("zero", "exit 0", 0, None),
        ("three", "exit 3", 3, None),
        (
            "term",
            "trap 'exit 9' USR1; kill -TERM $$; sleep 0.1; exit 5",
            5,
            None,
        ),
    ] {
        let record = sandbox.run_to_end(id, script);
        assert_eq!(
            (record.exit_code, record.signal, record.oom_killed),
            (code, signal, false),
            "{id}"
        );
        assert!(record.finished_at >= record.started_at);
        let stored = lifepod_shim::ExitRecord::load_all(&sandbox.dir).unwrap();
        assert!(stored.contains(&record));
    }
    sandbox.shut_down();
}

#[test]
fn a_container_runs_until_it_is_killed() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    let started = sandbox.run(&mut client, "c", "sleep 1000");
    assert_eq!(client.status("c"), Some(ContainerStatus::Running(started)));
    client.done(Call::Signal {
        container: "c".to_owned(),
        signal: 9,
        all: false,
    });
    let record = client.wait_container_exit("c");
    assert_eq!(
        (record.pid, record.exit_code, record.signal),
        (started.pid, 137, Some(9))
    );
    assert!(!record.oom_killed);
    assert_eq!(client.status("c"), Some(ContainerStatus::Exited(record)));
    let again = client.failure(Call::Signal {
        container: "c".to_owned(),
        signal: 9,
        all: false,
    });
    assert_eq!(again.code, ErrorCode::NotRunning);
    sandbox.shut_down();
}
