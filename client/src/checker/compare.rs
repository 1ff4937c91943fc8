//! A watch next to the recorded history: both must tell the same.

use std::collections::BTreeMap;

use super::{Guarantee, Violation, subject_key};
use crate::proto::Transition;

/// Compares the transitions that a watch told with those that [`Pods::transitions`](crate::Pods::transitions) lists for
/// the same pods and revisions, entry by entry.
#[must_use]
pub fn compare(told: &[Transition], recorded: &[Transition]) -> Vec<Violation> {
    let mut missing: BTreeMap<_, _> = recorded.iter().map(|one| (place(one), one)).collect();
    let mut found = Vec::new();
    for one in told {
        match missing.remove(&place(one)) {
            Some(same) if same == one => {}
            Some(_) => found.push(differs(one, "it was recorded otherwise")),
            None => found.push(differs(one, "it was told and is not recorded")),
        }
    }
    let missing = missing.into_values();
    found.extend(missing.map(|one| differs(one, "it is recorded and was not told")));
    found
}

fn place(transition: &Transition) -> (u64, u32) {
    (transition.revision, transition.index)
}

fn differs(transition: &Transition, how: &str) -> Violation {
    let pod = transition.pod.as_ref().map_or("", |pod| &pod.name);
    let (from, to) = (&transition.from, &transition.to);
    let text = format!("{}: `{from}` to `{to}`: {how}", subject_key(transition));
    Violation::of_pod(Guarantee::Complete, transition.revision, pod, text)
}
