//! How an answer compares with the recorded one.

use super::{Answer, answer::Cause, intended::Intended, object};

/// What became of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// The same verdict, the same causes, the same object.
    Equal,
    /// Lifepod refuses, by name, fields it does not serve. Without them the answer is the same.
    RefusedByName(Vec<String>),
    /// Both refuse. Lifepod refuses the whole field, Kubernetes something in it.
    RefusedAsWhole(Vec<String>),
    /// Both refuse, one while reading or by a plug-in, the other by validation.
    RefusedElsewhere(String),
    /// Kubernetes has an operation that Lifepod does not have.
    NotOffered(&'static str),
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

pub(super) fn judge(id: &str, expected: &Answer, got: &Answer, intended: Intended) -> Judged {
    let too_lenient =
        matches!(got, Answer::Accepted(_)) && !matches!(expected, Answer::Accepted(_));
    // That the server fails is never intended.
    let why = || {
        let mut known = intended.iter().filter(|_| !got.is_failure());
        known.find(|(part, _)| id.contains(part))
    };
    let class = match (compare(expected, got), why()) {
        // A field that is refused here and accepted there is refused by name, with the reason.
        (Class::Different(how), Some((_, why))) if matches!(expected, Answer::Accepted(_)) => {
            match got {
                Answer::Invalid { causes, .. } => {
                    let named = causes
                        .iter()
                        .map(|cause| format!("{} ({why})", cause.field));
                    Class::RefusedByName(named.collect())
                }
                _ => Class::Explained { why, how },
            }
        }
        (Class::Different(how), Some((_, why))) => Class::Explained { why, how },
        (class, _) => class,
    };
    Judged {
        id: id.to_owned(),
        class,
        too_lenient,
    }
}

/// How one answer compares with the recorded one.
pub(super) fn compare(expected: &Answer, got: &Answer) -> Class {
    match (expected, got) {
        _ if got.is_failure() => {
            Class::Different(format!("{} became {}", short(expected), short(got)))
        }
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
        (expected, got) => {
            let how = format!("{} became {}", short(expected), short(got));
            let refused = |answer: &Answer| !matches!(answer, Answer::Accepted(_));
            if refused(expected) && refused(got) {
                Class::RefusedElsewhere(how)
            } else {
                Class::Different(how)
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn refused(code: u16) -> Answer {
        let message = "no".to_owned();
        Answer::Refused { code, message }
    }

    #[test]
    fn a_server_that_fails_has_not_refused() {
        for expected in [refused(400), refused(500), Answer::Accepted(Value::Null)] {
            let judged = judge("case-1", &expected, &refused(500), &[("case", "meant")]);
            assert!(matches!(judged.class, Class::Different(_)), "{judged:?}");
        }
    }

    #[test]
    fn refusals_at_different_stages_are_told_apart() {
        let class = |expected, got| compare(&refused(expected), &refused(got));
        assert_eq!(class(400, 400), Class::Equal);
        assert!(matches!(class(400, 409), Class::RefusedElsewhere(_)));
    }
}
