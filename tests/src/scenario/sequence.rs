//! Sequences of states, matched whole.
//!
//! Each line is one state: patterns, one per tracked field. `...` stands for any number of any
//! states, a line that begins with `?` for a state that may be left out, one that begins with `*`
//! for one that may be left out or match any number of states in a row.

use super::pattern::matches;

/// How often a line may match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Times {
    Once,
    Maybe,
    Any,
}

struct Line<'l> {
    times: Times,
    /// None matches every state.
    words: Option<Vec<&'l str>>,
}

/// Whether the states are what the lines say, from the first to the last. If not, how many states
/// at most fit from the beginning.
pub(super) fn fit(lines: &[String], states: &[Vec<String>]) -> Result<(), usize> {
    let lines: Vec<_> = lines.iter().map(|line| parse(line)).collect();
    // Which lines may be next, after the states so far.
    let mut open = vec![false; lines.len() + 1];
    open[0] = true;
    skip(&lines, &mut open);
    for (index, state) in states.iter().enumerate() {
        let mut next = vec![false; lines.len() + 1];
        for (at, line) in lines.iter().enumerate().filter(|(at, _)| open[*at]) {
            if is(line, state) {
                next[at + 1] = true;
                next[at] |= line.times == Times::Any;
            }
        }
        skip(&lines, &mut next);
        if !next.contains(&true) {
            return Err(index);
        }
        open = next;
    }
    if open[lines.len()] {
        Ok(())
    } else {
        Err(states.len())
    }
}

fn parse(line: &str) -> Line<'_> {
    let (times, rest) = match line.split_at_checked(1) {
        Some(("?", rest)) => (Times::Maybe, rest),
        Some(("*", rest)) => (Times::Any, rest),
        _ => (Times::Once, line),
    };
    let words: Vec<_> = rest.split_whitespace().collect();
    if words == ["..."] {
        return Line {
            times: Times::Any,
            words: None,
        };
    }
    Line {
        times,
        words: Some(words),
    }
}

fn is(line: &Line<'_>, state: &[String]) -> bool {
    line.words.as_ref().is_none_or(|words| {
        let pairs = words.iter().zip(state);
        words.len() == state.len() && pairs.into_iter().all(|(word, value)| matches(word, value))
    })
}

/// Lines that need not match let the next one be next.
fn skip(lines: &[Line<'_>], open: &mut [bool]) {
    for (at, line) in lines.iter().enumerate() {
        if open[at] && line.times != Times::Once {
            open[at + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(lines: &[&str], states: &str) -> Result<(), usize> {
        let lines: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
        let states: Vec<_> = states
            .split(' ')
            .map(|state| vec![state.to_owned()])
            .collect();
        fit(&lines, &states)
    }

    #[test]
    fn order_and_completeness_count() {
        assert_eq!(fits(&["a", "b", "c"], "a b c"), Ok(()));
        assert_eq!(fits(&["a", "b", "c"], "a c"), Err(1));
        assert_eq!(fits(&["a", "b"], "a b c"), Err(2));
        assert_eq!(fits(&["a", "b"], "a"), Err(1));
        assert_eq!(fits(&["a|b", "_"], "b x"), Ok(()));
    }

    #[test]
    fn what_may_be_left_out_may() {
        assert_eq!(fits(&["a", "? b", "c"], "a c"), Ok(()));
        assert_eq!(fits(&["a", "? b", "c"], "a b c"), Ok(()));
        assert_eq!(fits(&["a", "? b", "c"], "a b b c"), Err(2));
        assert_eq!(fits(&["a", "* b", "c"], "a b b c"), Ok(()));
        assert_eq!(fits(&["a", "...", "c"], "a x y c"), Ok(()));
        assert_eq!(fits(&["a", "..."], "a"), Ok(()));
        assert_eq!(fits(&["...", "c"], "a b"), Err(2));
    }
}
