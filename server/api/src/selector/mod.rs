//! Which pods a request means: namespaces, names, uids, labels, fields; all of them must fit.

mod field;
mod label;

use std::collections::BTreeSet;

use lifepod_lifecycle::{Pod, id::PodKey, validate::Violations};
use lifepod_proto::v1 as proto;

use self::{field::FieldSelector, label::LabelSelector};
use crate::{
    error::{ApiError, Result},
    hash::Fnv,
};

const MAX_ENTRIES: usize = 100;
const MAX_TEXT: usize = 4096;

/// A selector that was understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    namespaces: BTreeSet<String>,
    names: BTreeSet<String>,
    uids: BTreeSet<String>,
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Selector {
    /// # Errors
    /// `VALIDATION_FAILED` for too much, `SELECTOR_INVALID` for what cannot be parsed.
    pub(crate) fn parse(selector: Option<&proto::PodSelector>) -> Result<Self> {
        let Some(given) = selector else {
            return Ok(Self::default());
        };
        check_bounds(given)?;
        let refused = |selector: &str, message| ApiError::SelectorInvalid {
            selector: selector.to_owned(),
            message,
        };
        let labels = LabelSelector::parse(&given.label_selector)
            .map_err(|message| refused(&given.label_selector, message))?;
        let fields = FieldSelector::parse(&given.field_selector)
            .map_err(|message| refused(&given.field_selector, message))?;
        let set = |list: &[String]| list.iter().cloned().collect();
        Ok(Self {
            namespaces: set(&given.namespaces),
            names: set(&given.names),
            uids: set(&given.uids),
            labels,
            fields,
        })
    }

    /// As [`Selector::parse`], for calls that select by identity alone.
    ///
    /// # Errors
    /// Also `VALIDATION_FAILED` for a label or field selector.
    pub(crate) fn parse_identity(selector: Option<&proto::PodSelector>) -> Result<Self> {
        let parsed = Self::parse(selector)?;
        let mut violations = Violations::default();
        if !parsed.labels.is_empty() {
            violations.forbidden("selector.labelSelector", "may not be set here");
        }
        if !parsed.fields.is_empty() {
            violations.forbidden("selector.fieldSelector", "may not be set here");
        }
        if violations.is_empty() {
            Ok(parsed)
        } else {
            Err(ApiError::fields("the selector", violations))
        }
    }

    pub(crate) fn matches(&self, pod: &Pod) -> bool {
        self.matches_identity(&pod.meta.key, pod.meta.uid.as_str())
            && self.labels.matches(&pod.meta.labels)
            && self.fields.matches(pod)
    }

    /// As [`Selector::matches`], had the pod that phase.
    pub(crate) fn matches_with_phase(&self, pod: &Pod, phase: &str) -> bool {
        self.matches_identity(&pod.meta.key, pod.meta.uid.as_str())
            && self.labels.matches(&pod.meta.labels)
            && self.fields.matches_with_phase(pod, phase)
    }

    fn matches_identity(&self, key: &PodKey, uid: &str) -> bool {
        let fits = |set: &BTreeSet<String>, text: &str| set.is_empty() || set.contains(text);
        fits(&self.namespaces, &key.namespace)
            && fits(&self.names, &key.name)
            && fits(&self.uids, uid)
    }

    /// Whether a pod may begin or cease to be selected during its life.
    pub(crate) fn is_mutable(&self) -> bool {
        self.selects_by_labels() || self.fields.is_mutable()
    }

    pub(crate) fn selects_by_labels(&self) -> bool {
        !self.labels.is_empty()
    }

    pub(crate) fn asks_for_address(&self) -> bool {
        self.fields.asks_for_address()
    }

    /// The selector as it was understood, in one canonical form.
    pub(crate) fn to_proto(&self) -> proto::PodSelector {
        let list = |set: &BTreeSet<String>| set.iter().cloned().collect();
        proto::PodSelector {
            namespaces: list(&self.namespaces),
            names: list(&self.names),
            uids: list(&self.uids),
            label_selector: self.labels.to_string(),
            field_selector: self.fields.to_string(),
        }
    }

    /// A hash of the canonical form, never 0.
    pub(crate) fn hash(&self) -> u64 {
        let mut hash = Fnv::new();
        for set in [&self.namespaces, &self.names, &self.uids] {
            hash = set.iter().fold(hash, |hash, entry| hash.text(entry));
            hash = hash.bytes(&[0xfe]);
        }
        let texts = [self.labels.to_string(), self.fields.to_string()];
        hash.text(&texts[0]).text(&texts[1]).finish().max(1)
    }
}

fn check_bounds(given: &proto::PodSelector) -> Result<()> {
    let mut violations = Violations::default();
    let lists = [
        ("selector.namespaces", &given.namespaces),
        ("selector.names", &given.names),
        ("selector.uids", &given.uids),
    ];
    for (field, list) in lists {
        if list.len() > MAX_ENTRIES {
            let detail = format!("must have at most {MAX_ENTRIES} items");
            violations.invalid(field, list.len(), &detail);
        }
        if list.iter().any(String::is_empty) {
            violations.required(field, "an entry may not be empty");
        }
    }
    let texts = [
        ("selector.labelSelector", &given.label_selector),
        ("selector.fieldSelector", &given.field_selector),
    ];
    for (field, text) in texts {
        if text.len() > MAX_TEXT {
            violations.too_long(field, MAX_TEXT);
        }
    }
    if violations.is_empty() {
        Ok(())
    } else {
        Err(ApiError::fields("the selector", violations))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(labels: &str, names: &[&str]) -> proto::PodSelector {
        proto::PodSelector {
            label_selector: labels.to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..proto::PodSelector::default()
        }
    }

    #[test]
    fn the_hash_is_that_of_the_meaning() {
        let hash = |given: &proto::PodSelector| Selector::parse(Some(given)).unwrap().hash();
        assert_eq!(
            hash(&selector("a=1, b", &["x", "y"])),
            hash(&selector("b,a==1", &["y", "x", "x"]))
        );
        assert_ne!(hash(&selector("a", &[])), hash(&selector("", &["a"])));
        assert_ne!(hash(&selector("", &[])), 0);
    }

    #[test]
    fn too_much_is_refused_with_every_violation() {
        let given = proto::PodSelector {
            names: vec!["x".into(); 101],
            uids: vec![String::new()],
            label_selector: "a".repeat(4097),
            ..proto::PodSelector::default()
        };
        let Err(ApiError::Validation { violations, .. }) = Selector::parse(Some(&given)) else {
            panic!("bounds hold");
        };
        let fields: Vec<_> = violations.0.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(
            fields,
            ["selector.names", "selector.uids", "selector.labelSelector"]
        );
    }

    #[test]
    fn lists_of_identities_take_no_label_selector() {
        let given = selector("a", &[]);
        assert!(Selector::parse_identity(Some(&given)).is_err());
    }
}
