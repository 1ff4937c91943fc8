//! Drivers that answer in any order, sometimes badly, sometimes twice.

use proptest::prelude::*;

use super::*;

/// Plays a driver that answers in any order, sometimes badly, sometimes twice.
fn play(w: &mut World, choice: u8, which: usize) {
    match choice {
        0..=5 if !w.owed.is_empty() => {
            let (op, action) = w.owed.remove(which % w.owed.len());
            answer(w, op, &action, which);
        }
        6 => w.pass(which as u64 % 40),
        7 => {
            let names = ["c1", "c2", "i1"];
            let name = names[which % 3];
            let attempt = w
                .pod
                .state()
                .containers
                .iter()
                .find(|c| c.name == name)
                .map_or(0, crate::state::Container::restart_count);
            let fact = w.exit_fact(name, attempt, (which % 2) as i32);
            w.fact(fact);
        }
        8 if which.is_multiple_of(4) => w.delete(Some(which as i64 % 20)),
        9 if which.is_multiple_of(3) => w.fact(Fact::SandboxLost {
            message: String::new(),
        }),
        _ => {
            // A restart: the state survives a round trip, and everything owed is asked for again.
            w.owed = w.pod.owed().into_iter().map(|e| (e.op, e.action)).collect();
        }
    }
}

fn answer(w: &mut World, op: OpId, action: &Action, which: usize) {
    let bad = which.is_multiple_of(5);
    let message = String::from("bad");
    let at = w.now;
    let fact = match action {
        Action::CreateSandbox { .. } if bad => Fact::SandboxFailed { op, message },
        Action::CreateSandbox { .. } => Fact::SandboxReady { op, ips: vec![] },
        Action::EnsureImage { .. } if bad => Fact::ImageFailed {
            op,
            failure: ImageFailure::ErrImagePull,
            message,
        },
        Action::EnsureImage { .. } => Fact::ImageReady {
            op,
            image_id: "i".into(),
            image_ref: "r".into(),
            source: ImageSource::Present,
        },
        Action::StartContainer { .. } if bad => {
            let failure = [
                StartFailure::Config,
                StartFailure::Create,
                StartFailure::Start,
            ][which % 3];
            Fact::ContainerFailed {
                op,
                failure,
                container_id: "c".into(),
                message,
            }
        }
        Action::StartContainer { .. } => Fact::ContainerStarted {
            op,
            container_id: "c".into(),
            at,
        },
        Action::RunHook { .. } if bad => Fact::HookFinished {
            op,
            outcome: Outcome::Failure { message },
        },
        Action::RunHook { .. } => Fact::HookFinished {
            op,
            outcome: Outcome::Success,
        },
        Action::RemoveSandbox { .. } if bad => Fact::CleanupFailed { op, message },
        Action::RemoveSandbox { purge } => Fact::SandboxRemoved { op, purged: *purge },
        Action::PurgePod => Fact::PodPurged { op },
        Action::StopContainer {
            container, attempt, ..
        }
        | Action::KillContainer {
            container, attempt, ..
        } => w.exit_fact(container, *attempt, 137),
        Action::RunProbe { .. } => return,
    };
    w.fact(fact.clone());
    if which.is_multiple_of(7) {
        let before = w.pod.clone();
        w.fact(fact);
        assert_eq!(
            before.state(),
            w.pod.state(),
            "a repeated fact changes nothing"
        );
    }
}

proptest! {
    #[test]
    fn no_order_of_facts_breaks_an_invariant(
        policy in 0..3_usize, hooks in any::<bool>(), steps in prop::collection::vec((0..11_u8, 0..1000_usize), 1..120),
    ) {
        let policy = [RestartPolicy::Always, RestartPolicy::OnFailure, RestartPolicy::Never][policy];
        let mut c1 = container("c1");
        if hooks {
            c1.lifecycle = Lifecycle { post_start: exec(), pre_stop: exec() };
        }
        let mut s = spec(policy, vec![c1, container("c2")]);
        s.init_containers = vec![container("i1")];
        let mut w = World::new(s);
        for (choice, which) in steps {
            if w.removed {
                break;
            }
            play(&mut w, choice, which);
        }
        // Whatever happened, a deletion ends it when the driver answers.
        if !w.removed {
            w.delete(Some(1));
            for round in 0..200_usize {
                if w.removed {
                    break;
                }
                w.owed = w.pod.owed().into_iter().map(|e| (e.op, e.action)).collect();
                match w.owed.pop() {
                    Some((op, action)) => answer(&mut w, op, &action, 1 + round * 35),
                    None => w.pass(11),
                }
            }
            prop_assert!(w.removed, "the pod goes: {:?}", w.pod.state());
        }
    }
}
