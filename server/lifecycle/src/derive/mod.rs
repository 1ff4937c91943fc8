//! Status derived from state: phase, conditions, container states.

mod brief;
mod conditions;
mod container;
mod phase;
mod qos;

pub(crate) use brief::{StateRef, brief};
pub(crate) use conditions::{NODE_LOST, conditions};
pub(crate) use container::{
    container_status, first_rule, restartable, restarts_unhealthy, shows_running, spec_of, stage,
    will_restart,
};
pub(crate) use phase::phase;
pub use qos::qos_class;

use crate::{Pod, state::Class, status::PodStatus};

/// Status of a pod as clients see it.
#[must_use]
pub fn status(pod: &Pod) -> PodStatus {
    let state = &pod.state;
    let of = |wanted: &dyn Fn(Class) -> bool| {
        state
            .containers
            .iter()
            .filter(|c| wanted(c.class))
            .map(|c| container_status(pod, c))
            .collect::<Vec<_>>()
    };
    let mut containers = of(&|class| class == Class::Main);
    let mut ephemeral_containers = of(&|class| class == Class::Ephemeral);
    for list in [&mut containers, &mut ephemeral_containers] {
        list.sort_by(|a, b| a.name.cmp(&b.name));
    }
    PodStatus {
        phase: state.observed.phase,
        reason: state.observed.reason.clone(),
        message: state.observed.message.clone(),
        conditions: state.observed.conditions.clone(),
        ips: state.ips.clone(),
        start_time: state.start_time,
        qos_class: qos_class(&pod.spec),
        init_containers: of(&|class| matches!(class, Class::Init | Class::Sidecar)),
        containers,
        ephemeral_containers,
    }
}
