//! What a probe is answered over time.

use std::time::Duration;

use lifepod_lifecycle::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::words::duration;

/// One answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    #[default]
    Ok,
    Fail,
    /// It cannot be run, which says nothing about the container.
    Error,
    /// As wanted, with a remark: redirected to another host.
    Warn,
    /// None within the timeout.
    Hang,
}

/// From when an answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Since {
    /// So long after the start.
    Start(Duration),
    /// The stop signal.
    Term,
}

/// The answers of one probe, each until the next; all is well before the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answers(Vec<(Since, Answer)>);

impl Answers {
    /// The answer at a time of a process that was started at `start` and told to stop at `term`.
    pub(crate) fn at(&self, now: Timestamp, start: Timestamp, term: Option<Timestamp>) -> Answer {
        let has_come = |since: &Since| match since {
            Since::Start(after) => start + *after <= now,
            Since::Term => term.is_some_and(|term| term <= now),
        };
        let mut given = self.0.iter().filter(|(since, _)| has_come(since));
        given.next_back().map_or(Answer::Ok, |(_, answer)| *answer)
    }

    /// `fail,10s:ok,term:fail`
    pub(super) fn parse(text: &str) -> Option<Self> {
        let answers = text.split(',').map(|part| {
            let (since, answer) = part.split_once(':').unwrap_or(("0", part));
            let since = match since {
                "term" => Since::Term,
                time => Since::Start(duration(time)?),
            };
            let answer = match answer {
                "ok" => Answer::Ok,
                "fail" => Answer::Fail,
                "error" => Answer::Error,
                "warn" => Answer::Warn,
                "hang" => Answer::Hang,
                _ => return None,
            };
            Some((since, answer))
        });
        answers.collect::<Option<_>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    #[test]
    fn each_answer_lasts_until_the_next() {
        let answers = Answers::parse("fail,10s:ok,20s:hang,term:error").unwrap();
        let given = |now: i64, term: Option<i64>| answers.at(at(100 + now), at(100), term.map(at));
        assert_eq!(given(0, None), Answer::Fail);
        assert_eq!(given(9, None), Answer::Fail);
        assert_eq!(given(10, None), Answer::Ok);
        assert_eq!(given(25, None), Answer::Hang);
        assert_eq!(given(11, Some(111)), Answer::Error);
        assert_eq!(given(10, Some(111)), Answer::Ok);
    }

    #[test]
    fn all_is_well_by_itself() {
        assert_eq!(Answers::default().at(at(1), at(0), None), Answer::Ok);
        assert_eq!(
            Answers::parse("5s:fail").unwrap().at(at(1), at(0), None),
            Answer::Ok
        );
    }

    #[test]
    fn what_is_not_understood_is_none() {
        for bad in ["", "yes", "5:ok", "ok,", "term", "5s:"] {
            assert_eq!(Answers::parse(bad), None, "{bad}");
        }
    }
}
