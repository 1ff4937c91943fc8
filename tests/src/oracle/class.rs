//! How an answer compares with the recorded one.

use std::{collections::BTreeMap, fmt};

use super::{Answer, answer::Cause, object};

/// What became of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// The same verdict, the same causes, the same object.
    Equal,
    /// Lifepod refuses, by name, fields it does not serve. Without them the answer is the same.
    RefusedByName(Vec<String>),
    /// Both refuse. Lifepod refuses the whole field, Kubernetes something in it.
    RefusedAsWhole(Vec<String>),
    /// Not the same, for a known and intended reason.
    Explained {
        /// Why it is as it is.
        why: &'static str,
        /// In what they differ.
        how: String,
    },
    /// Not the same.
    Different(String),
}

/// A case and what became of it.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The case's name.
    pub id: String,
    /// What became of it.
    pub class: Class,
    /// Lifepod accepted what Kubernetes refuses.
    pub too_lenient: bool,
}

/// Where another answer than Kubernetes' is meant, with the reason: part of a case's name.
pub(super) type Intended = &'static [(&'static str, &'static str)];

pub(super) fn judge(id: &str, expected: &Answer, got: &Answer, intended: Intended) -> Judged {
    let too_lenient =
        matches!(got, Answer::Accepted(_)) && !matches!(expected, Answer::Accepted(_));
    let class = match (compare(expected, got), intended_for(id, intended)) {
        (Class::Different(how), Some(why)) => Class::Explained { why, how },
        (class, _) => class,
    };
    Judged {
        id: id.to_owned(),
        class,
        too_lenient,
    }
}

fn intended_for(id: &str, intended: Intended) -> Option<&'static str> {
    let found = intended.iter().find(|(part, _)| id.contains(part));
    found.map(|(_, why)| *why)
}

fn compare(expected: &Answer, got: &Answer) -> Class {
    match (expected, got) {
        (Answer::Accepted(expected), Answer::Accepted(got)) => object::compare(expected, got),
        (Answer::Accepted(_), Answer::Invalid { causes, by_name }) if causes.is_empty() => {
            Class::RefusedByName(by_name.iter().cloned().collect())
        }
        (Answer::Invalid { causes: wanted, .. }, Answer::Invalid { causes, by_name }) => {
            if wanted == causes {
                return Class::Equal;
            }
            let hidden = |cause: &&Cause| by_name.iter().any(|name| covers(name, &cause.field));
            let missing = wanted.difference(causes).filter(|cause| !hidden(cause));
            if missing.count() == 0 && causes.is_subset(wanted) {
                return Class::RefusedAsWhole(by_name.iter().cloned().collect());
            }
            Class::Different(format!("{wanted:?} became {causes:?}, by name {by_name:?}"))
        }
        (Answer::Refused { code, .. }, Answer::Refused { code: got, .. }) if code == got => {
            Class::Equal
        }
        (expected, got) => Class::Different(format!("{} became {}", short(expected), short(got))),
    }
}

/// Whether a field refused as a whole hides another: `spec.volumes` hides `spec.volumes[0].name`.
/// Kubernetes writes some paths without an index.
fn covers(whole: &str, field: &str) -> bool {
    let plain = |path: &str| {
        let mut depth = 0_u32;
        let mut plain = String::with_capacity(path.len());
        for c in path.chars() {
            match c {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                c if depth == 0 => plain.push(c.to_ascii_lowercase()),
                _ => {}
            }
        }
        plain
    };
    let (whole, field) = (plain(whole), plain(field));
    field == whole || field.starts_with(&format!("{whole}."))
}

fn short(answer: &Answer) -> String {
    match answer {
        Answer::Accepted(_) => "accepted".to_owned(),
        Answer::Invalid { causes, by_name } => format!("invalid {causes:?}, by name {by_name:?}"),
        Answer::Refused { code, message } => format!("{code} {message:?}"),
    }
}

/// Counts of a run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Number of cases of each class.
    pub counts: BTreeMap<&'static str, usize>,
    /// How many cases name a field that Lifepod does not serve, by field.
    pub fields: BTreeMap<String, usize>,
    /// One line per case that is not the same, explained or not.
    pub told: Vec<String>,
    /// Cases that are different without a reason.
    pub different: usize,
    /// Cases accepted that Kubernetes refuses, without a reason.
    pub too_lenient: usize,
    /// All cases.
    pub total: usize,
}

impl Tally {
    /// Counts judged cases.
    #[must_use]
    pub fn of(judged: &[Judged]) -> Self {
        let mut tally = Self {
            total: judged.len(),
            ..Self::default()
        };
        for case in judged {
            tally.add(case);
        }
        tally
    }

    fn add(&mut self, case: &Judged) {
        let id = &case.id;
        let name = match &case.class {
            Class::Equal => "equal",
            Class::RefusedByName(fields) => {
                self.count_fields(fields);
                "refused by name"
            }
            Class::RefusedAsWhole(fields) => {
                self.count_fields(fields);
                "refused by both, here as a whole"
            }
            Class::Explained { why, how } => {
                self.told.push(format!("explained  {id}: {why} ({how})"));
                "explained"
            }
            Class::Different(how) => {
                self.different += 1;
                self.too_lenient += usize::from(case.too_lenient);
                self.told.push(format!("different  {id}: {how}"));
                "different"
            }
        };
        *self.counts.entry(name).or_default() += 1;
    }

    fn count_fields(&mut self, fields: &[String]) {
        for field in fields {
            *self.fields.entry(without_indexes(field)).or_default() += 1;
        }
    }
}

fn without_indexes(path: &str) -> String {
    let parts = path
        .split('.')
        .map(|part| part.split('[').next().unwrap_or(part));
    parts.collect::<Vec<_>>().join(".")
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} cases", self.total)?;
        for (name, count) in &self.counts {
            write!(out, ", {count} {name}")?;
        }
        Ok(())
    }
}
