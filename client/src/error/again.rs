//! Whether, and when, a call that failed may be made again.

use std::time::Duration;

use tonic::Code;

use super::Error;
use crate::RetryPolicy;

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    Never,
    /// The server was not reached, or says it cannot serve now.
    Backoff,
    /// Not before that long, said the server.
    After(Duration),
}

impl Again {
    pub(crate) fn after(error: &Error) -> Self {
        match error {
            Error::Unreachable { .. } => Self::Backoff,
            Error::Api(answer) => match (answer.code, answer.retry_after) {
                (Code::Unavailable | Code::ResourceExhausted, Some(asked)) => Self::After(asked),
                (Code::Unavailable, None) => Self::Backoff,
                _ => Self::Never,
            },
            _ => Self::Never,
        }
    }

    /// Pause before attempt `attempt` (1 is the first repetition). Never less than the server asked for, unless that is
    /// more than the policy allows; and always spread, so that those who were refused together do not come back together.
    pub(crate) fn pause(self, policy: &RetryPolicy, attempt: u32) -> Duration {
        let pause = policy.pause(attempt);
        match self {
            Self::After(asked) => asked.min(policy.max) + pause,
            Self::Never | Self::Backoff => pause,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ApiError;

    fn answer(code: Code, retry_after: Option<Duration>) -> Error {
        Error::Api(Box::new(ApiError {
            code,
            reason: String::new(),
            message: String::new(),
            metadata: std::collections::BTreeMap::new(),
            violations: Vec::new(),
            resource: None,
            retry_after,
        }))
    }

    #[test]
    fn only_answers_that_may_change_are_asked_for_again() {
        let asked = Duration::from_millis(70);
        for (error, again) in [
            (answer(Code::Unavailable, None), Again::Backoff),
            (answer(Code::Unavailable, Some(asked)), Again::After(asked)),
            (
                answer(Code::ResourceExhausted, Some(asked)),
                Again::After(asked),
            ),
            (answer(Code::ResourceExhausted, None), Again::Never),
            (answer(Code::Aborted, Some(asked)), Again::Never),
            (Error::DeadlineExceeded, Again::Never),
        ] {
            assert_eq!(Again::after(&error), again, "{error:?}");
        }
    }

    #[test]
    fn what_the_server_asks_for_is_waited_and_spread() {
        let policy = RetryPolicy::default();
        let asked = Duration::from_millis(700);
        let pauses: Vec<_> = (0..50)
            .map(|_| Again::After(asked).pause(&policy, 1))
            .collect();
        assert!(
            pauses
                .iter()
                .all(|pause| *pause >= asked + policy.initial / 2)
        );
        assert!(pauses.iter().all(|pause| *pause <= asked + policy.initial));
        assert!(
            pauses.iter().any(|pause| *pause != pauses[0]),
            "all the same"
        );
        let day = Duration::from_secs(24 * 3600);
        assert!(Again::After(day).pause(&policy, 9) <= policy.max * 2);
    }
}
