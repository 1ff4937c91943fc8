//! Random pods, random drivers, crashes at every step: no order of events breaks an invariant,
//! contradicts the dumber model, keeps a pod from running once all goes well, or a deleted one from
//! going.

use proptest::{prelude::*, sample::Index};

use super::{
    driver::{Move, Play},
    *,
};

prop_compose! {
    fn probe()(
        some in prop::bool::weighted(0.4), delay in 0..12_u64, period in 1..12_u64,
        successes in 1..3_u32, failures in 1..3_u32, grace in prop::option::of(1..8_u64),
    ) -> Option<Probe> {
        some.then(|| Probe {
            initial_delay: Duration::from_secs(delay),
            period: Duration::from_secs(period),
            success_threshold: successes,
            failure_threshold: failures,
            termination_grace_period: grace.map(Duration::from_secs),
            ..exec_probe()
        })
    }
}

fn policy() -> impl Strategy<Value = RestartPolicy> {
    let all = [
        RestartPolicy::Always,
        RestartPolicy::OnFailure,
        RestartPolicy::Never,
    ];
    prop::sample::select(all.to_vec())
}

fn rules() -> impl Strategy<Value = Vec<RestartRule>> {
    let action = prop::bool::ANY.prop_map(|all| {
        if all {
            RestartRuleAction::RestartAllContainers
        } else {
            RestartRuleAction::Restart
        }
    });
    let one = (
        action,
        any::<bool>(),
        prop::sample::select(vec![0, 1, 42, 137]),
    );
    let one = one.prop_map(|(action, not_in, code)| RestartRule {
        not_in,
        ..rule(action, code)
    });
    prop::collection::vec(one, 0..3)
}

prop_compose! {
    fn regular(name: &'static str)(
        hooks in any::<(bool, bool)>(), startup in probe(), liveness in probe(), readiness in probe(),
        own in prop::option::weighted(0.3, (policy(), rules())),
    ) -> ContainerSpec {
        let (restart_policy, restart_policy_rules) = match own {
            Some((policy, rules)) => (Some(policy), rules),
            None => (None, Vec::new()),
        };
        ContainerSpec {
            lifecycle: Lifecycle {
                post_start: exec().filter(|_| hooks.0),
                pre_stop: exec().filter(|_| hooks.1),
            },
            startup_probe: startup,
            liveness_probe: liveness,
            readiness_probe: readiness,
            restart_policy,
            restart_policy_rules,
            ..container(name)
        }
    }
}

prop_compose! {
    fn pod_spec()(
        policy in policy(), c1 in regular("c1"), c2 in prop::option::of(regular("c2")),
        s1 in prop::option::of(regular("s1")), s2 in prop::option::of(regular("s2")),
        i1 in prop::option::of(prop::option::weighted(0.3, rules())), i2 in any::<bool>(),
        deadline in prop::option::weighted(0.2, 1..200_u64),
    ) -> PodSpec {
        let mut spec = spec(policy, [Some(c1), c2].into_iter().flatten().collect());
        let as_sidecar = |c: Option<ContainerSpec>| c.map(|c| ContainerSpec {
            restart_policy: Some(RestartPolicy::Always),
            ..c
        });
        let i1 = i1.map(|rules| ContainerSpec {
            restart_policy: rules.as_ref().map(|_| RestartPolicy::Never),
            // One that restarts everything when all goes well would never let the pod come to rest.
            restart_policy_rules: rules.unwrap_or_default().into_iter().filter(|r| !r.matches(0)).collect(),
            ..container("i1")
        });
        let i2 = i2.then(|| container("i2"));
        let inits = [as_sidecar(s1), i1, as_sidecar(s2), i2];
        spec.init_containers = inits.into_iter().flatten().collect();
        spec.active_deadline = deadline.map(Duration::from_secs);
        spec
    }
}

/// Any move; those of the ordinary course most often.
fn moves() -> impl Strategy<Value = (u8, Index)> {
    (0..64_u8, any::<Index>())
}

fn chosen(play: &Play, choice: u8, which: Index) -> Move {
    let flying = |f: fn(usize) -> Move| match play.flying.len() {
        0 => Move::Wait,
        n => f(which.index(n)),
    };
    match choice {
        0..=31 => flying(Move::Succeed),
        32..=36 => flying(Move::Fail),
        37 => flying(Move::Err),
        38..=39 => flying(Move::SucceedUnheard),
        40..=45 => match play.running().len() {
            0 => Move::Wait,
            n => Move::Exit(which.index(n), [0, 1, 42][which.index(3)]),
        },
        46..=55 => Move::Wait,
        56..=57 => Move::Crash,
        58 => Move::LoseSandbox,
        59 => Move::Outage,
        60 => Move::Image(which.index(2)),
        61 => Move::Debug,
        62 => Move::Delete(which.index(40) as i64),
        _ => Move::Wait,
    }
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_an_invariant(
        spec in pod_spec(), steps in prop::collection::vec(moves(), 1..150),
    ) {
        let mut play = Play::new(spec);
        for (choice, which) in steps {
            if play.removed {
                break;
            }
            let next = chosen(&play, choice, which);
            play.make(next);
        }
        play.settle();
        // Whatever happened, a deletion ends it when the driver answers.
        play.make(Move::Delete(1));
        play.finish();
    }
}
