//! Counting what became of the cases.

use std::{collections::BTreeMap, fmt};

use super::{Class, Judged};

/// Counts of a run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Number of cases of each class.
    pub counts: BTreeMap<&'static str, usize>,
    /// How many cases name a field that Lifepod does not serve, by field.
    pub fields: BTreeMap<String, usize>,
    /// One line per case that is not the same, explained or not.
    pub told: Vec<String>,
    /// Cases that are different, explained or not.
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
                self.count_fields(id, fields);
                "refused by name"
            }
            Class::RefusedAsWhole(fields) => {
                self.count_fields(id, fields);
                "refused by both, here as a whole"
            }
            Class::RefusedElsewhere(how) => {
                self.told.push(format!("refused elsewhere  {id}: {how}"));
                "refused by both at another stage"
            }
            Class::NotOffered(what) => {
                self.told.push(format!("no such operation  {id}: {what}"));
                "no such operation"
            }
            Class::Explained { why, how } => {
                self.different += 1;
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

    fn count_fields(&mut self, id: &str, fields: &[String]) {
        for field in fields {
            if field.ends_with(')') {
                self.told.push(format!("refused by name  {id}: {field}"));
            }
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
