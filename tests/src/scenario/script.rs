//! The words of a behaviour, as far as they must be understood to make a real container of it.

use super::points::duration;
use anyhow::{Context, Result, bail};
use std::time::Duration;

/// One start of a container: words and their values.
#[derive(Debug, Default)]
pub(super) struct Start(Vec<(String, String)>);

impl Start {
    /// The first value of a word.
    pub(super) fn get(&self, word: &str) -> Option<&str> {
        let mut all = self.0.iter().filter(|(known, _)| known == word);
        all.next().map(|(_, value)| value.as_str())
    }

    /// All values of a word.
    pub(super) fn all<'s>(&'s self, word: &'s str) -> impl Iterator<Item = &'s str> {
        let is_it = move |(known, _): &&(String, String)| known == word;
        self.0.iter().filter(is_it).map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, word: &str) -> bool {
        self.get(word).is_some()
    }

    /// A time.
    pub(super) fn time(&self, word: &str) -> Result<Option<Duration>> {
        self.get(word).map(duration).transpose()
    }

    /// Every word must be one of these.
    pub(super) fn only(&self, known: &[&str]) -> Result<()> {
        match self
            .0
            .iter()
            .find(|(word, _)| !known.contains(&word.as_str()))
        {
            None => Ok(()),
            Some((word, _)) => {
                bail!("`{word}` cannot be done by a shell: say `shell` or `not_real`")
            }
        }
    }
}

/// The starts of a behaviour.
pub(super) fn starts(text: &str) -> Result<Vec<Start>> {
    let (mut starts, mut start, mut word, mut quoted) = (vec![], vec![], String::new(), false);
    for char in text.chars().chain([';']) {
        match char {
            '"' => quoted = !quoted,
            ';' | ' ' | '\n' if !quoted => {
                if !word.is_empty() {
                    let word = std::mem::take(&mut word);
                    let (name, value) = word.split_once('=').unwrap_or((&word, ""));
                    start.push((name.to_owned(), value.to_owned()));
                }
                if char == ';' {
                    starts.push(Start(std::mem::take(&mut start)));
                }
            }
            other => word.push(other),
        }
    }
    (!quoted).then_some(starts).context("a quote is not closed")
}
