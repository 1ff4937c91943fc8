//! Words and values of a script.

use std::time::Duration;

use super::{Answers, Problem};
use crate::dice::Dice;

/// No simulated time is longer: about a hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Splits a text at `;` and at spaces, both outside of double quotes.
pub(super) fn starts(text: &str) -> Result<Vec<Vec<String>>, Problem> {
    let (mut starts, mut start, mut word, mut quoted) = (vec![], vec![], String::new(), false);
    for char in text.chars().chain([';']) {
        match char {
            '"' => quoted = !quoted,
            ';' | ' ' | '\t' | '\n' | '\r' if !quoted => {
                if !word.is_empty() {
                    start.push(std::mem::take(&mut word));
                }
                if char == ';' {
                    starts.push(std::mem::take(&mut start));
                }
            }
            other => word.push(other),
        }
    }
    if quoted {
        return Err(Problem::OpenQuote);
    }
    if starts.iter().any(Vec::is_empty) {
        return Err(Problem::Empty);
    }
    Ok(starts)
}

/// The words of one start; each is taken by the one who knows it.
pub(super) struct Words(Vec<(String, Option<String>)>);

impl Words {
    pub(super) fn new(words: Vec<String>) -> Self {
        let split = words.into_iter().map(|word| match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word, None),
        });
        Self(split.collect())
    }

    /// Values of all words of that name.
    fn take(&mut self, name: &str) -> Vec<Option<String>> {
        let taken = self.0.extract_if(.., |(word, _)| word == name);
        taken.map(|(_, value)| value).collect()
    }

    fn take_one(&mut self, name: &str) -> Result<Option<Option<String>>, Problem> {
        let mut all = self.take(name);
        if all.len() > 1 {
            let word = name.to_owned();
            return Err(Problem::Twice { word });
        }
        Ok(all.pop())
    }

    /// The value of a word, made by `make`.
    fn value<T>(
        &mut self,
        name: &str,
        needs: &'static str,
        make: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.take_one(name)? else {
            return Ok(None);
        };
        let made = value.as_deref().and_then(make);
        made.map(Some).ok_or_else(|| Problem::Value {
            word: name.to_owned(),
            needs,
        })
    }

    /// Takes `name=value` if that is there, word for word.
    pub(super) fn take_exactly(&mut self, name: &str, value: &str) -> bool {
        let before = self.0.len();
        self.0
            .retain(|(word, said)| word != name || said.as_deref() != Some(value));
        self.0.len() < before
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Problem> {
        match self.take_one(name)? {
            None => Ok(false),
            Some(None) => Ok(true),
            Some(Some(_)) => Err(Problem::Value {
                word: name.to_owned(),
                needs: "no value",
            }),
        }
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        self.value(name, "a text", |text| Some(text.to_owned()))
    }

    pub(super) fn texts(&mut self, name: &str) -> Result<Vec<String>, Problem> {
        let texts: Option<Vec<_>> = self.take(name).into_iter().collect();
        texts.ok_or_else(|| Problem::Value {
            word: name.to_owned(),
            needs: "a text",
        })
    }

    pub(super) fn code(&mut self, name: &str) -> Result<Option<i32>, Problem> {
        let code = |text: &str| text.parse::<u8>().ok().map(i32::from);
        self.value(name, "an exit code from 0 to 255", code)
    }

    pub(super) fn answers(&mut self, name: &str) -> Result<Answers, Problem> {
        let needs = "answers such as `ok,10s:fail`: ok, fail, error, warn or hang, each from a \
                     time after the start or from `term` on";
        Ok(self.value(name, needs, Answers::parse)?.unwrap_or_default())
    }

    pub(super) fn count(&mut self, name: &str) -> Result<Option<u32>, Problem> {
        self.value(name, "a count or `always`", |text| match text {
            "always" => Some(u32::MAX),
            _ => text.parse().ok(),
        })
    }

    pub(super) fn time(
        &mut self,
        name: &str,
        dice: &Dice<'_>,
    ) -> Result<Option<Duration>, Problem> {
        let needs = "a time such as `1m30s`, `50ms` or `2s~500ms`";
        self.value(name, needs, |text| {
            let (base, spread) = text.split_once('~').unwrap_or((text, "0"));
            let (base, spread) = (duration(base)?, duration(spread)?);
            let most = u64::try_from(spread.as_nanos()).unwrap_or(u64::MAX);
            Some(base + Duration::from_nanos(dice.roll(name, most)))
        })
    }

    /// Nothing may be left.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((word, _)) => Err(Problem::Unknown { word }),
        }
    }
}

/// `0`, or whole numbers with units.
pub(super) fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut rest, mut total) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = rest.split_at(digits);
        let letters = unit
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(unit.len());
        let (unit, next) = unit.split_at(letters);
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        let part = number.parse::<u64>().ok()?.checked_mul(millis)?;
        total = total.checked_add(Duration::from_millis(part))?;
        rest = next;
    }
    (!text.is_empty() && total <= LONGEST).then_some(total)
}
