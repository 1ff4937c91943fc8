//! Resource quantities.

use std::collections::BTreeMap;

use lifepod_lifecycle::{
    spec::{Quantity, Resources},
    validate::Violations,
};
use lifepod_proto::v1 as proto;

use super::pod::refuse;

pub(super) fn convert(
    path: &str,
    given: Option<&proto::ResourceRequirements>,
    v: &mut Violations,
) -> Resources {
    let Some(given) = given else {
        return Resources::default();
    };
    refuse(!given.claims.is_empty(), &format!("{path}.claims"), v);
    let limits = quantities(&format!("{path}.limits"), &given.limits, v);
    let mut requests = quantities(&format!("{path}.requests"), &given.requests, v);
    // A limit without a request is a request too.
    for (name, limit) in &limits {
        if !given.requests.contains_key(name) {
            requests.insert(name.clone(), limit.clone());
        }
    }
    Resources { limits, requests }
}

fn quantities(
    path: &str,
    given: &BTreeMap<String, String>,
    v: &mut Violations,
) -> BTreeMap<String, Quantity> {
    let mut parsed = BTreeMap::new();
    for (name, text) in given {
        match text.parse::<Quantity>() {
            Ok(quantity) => {
                parsed.insert(name.clone(), quantity);
            }
            Err(error) => v.invalid(format!("{path}[{name}]"), text, &error.to_string()),
        }
    }
    parsed
}
