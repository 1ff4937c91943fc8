//! Label selectors in Kubernetes' syntax (apimachinery `pkg/labels/selector.go`):
//! `app=web,tier in (a,b),!canary,size!=big,weight>3`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// One requirement on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Operator {
    Exists,
    Missing,
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Greater(i64),
    Less(i64),
}

/// A parsed label selector; empty matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LabelSelector(Vec<Requirement>);

impl LabelSelector {
    /// # Errors
    /// A text for people.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Parser::new(text).requirements().map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| requirement.matches(labels))
    }
}

impl Requirement {
    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        let number = || value.and_then(|text| text.parse::<i64>().ok());
        match &self.operator {
            Operator::Exists => value.is_some(),
            Operator::Missing => value.is_none(),
            Operator::In(set) => value.is_some_and(|value| set.contains(value)),
            Operator::NotIn(set) => value.is_none_or(|value| !set.contains(value)),
            Operator::Greater(bound) => number().is_some_and(|number| number > *bound),
            Operator::Less(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

/// The canonical text: the same selector has the same text however it was written.
impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut texts: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        texts.sort();
        f.write_str(&texts.join(","))
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(",");
        match &self.operator {
            Operator::Exists => f.write_str(key),
            Operator::Missing => write!(f, "!{key}"),
            Operator::In(set) if set.len() == 1 => write!(f, "{key}={}", list(set)),
            Operator::NotIn(set) if set.len() == 1 => write!(f, "{key}!={}", list(set)),
            Operator::In(set) => write!(f, "{key} in ({})", list(set)),
            Operator::NotIn(set) => write!(f, "{key} notin ({})", list(set)),
            Operator::Greater(bound) => write!(f, "{key}>{bound}"),
            Operator::Less(bound) => write!(f, "{key}<{bound}"),
        }
    }
}

/// One word of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Sign(&'static str),
    End,
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(text) => f.write_str(text),
            Self::Sign(text) => f.write_str(text),
            Self::End => Ok(()),
        }
    }
}

const SIGNS: [&str; 9] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    const fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    fn take(&mut self) -> Token<'a> {
        self.rest = self.rest.trim_start();
        if self.rest.is_empty() {
            return Token::End;
        }
        if let Some(sign) = SIGNS.into_iter().find(|sign| self.rest.starts_with(sign)) {
            self.rest = &self.rest[sign.len()..];
            return Token::Sign(sign);
        }
        let stop = |c: char| c.is_whitespace() || "=!(),<>".contains(c);
        let end = self.rest.find(stop).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Token::Word(word)
    }

    fn peek(&self) -> Token<'a> {
        Self { rest: self.rest }.take()
    }

    fn requirements(mut self) -> Result<Vec<Requirement>, String> {
        let mut all = Vec::new();
        if self.peek() == Token::End {
            return Ok(all);
        }
        loop {
            all.push(self.requirement()?);
            match self.take() {
                Token::End => return Ok(all),
                Token::Sign(",") if self.peek() != Token::End => {}
                Token::Sign(",") => return Err("found '', expected: identifier after ','".into()),
                found => {
                    return Err(format!("found '{found}', expected: ',' or 'end of string'"));
                }
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let mut missing = false;
        if self.peek() == Token::Sign("!") {
            self.take();
            missing = true;
        }
        let key = match self.take() {
            Token::Word(word) => checked_key(word)?,
            found => {
                let text = "unable to parse requirement: found";
                return Err(format!(
                    "{text} '{found}', expected: !, identifier, or 'end of string'"
                ));
            }
        };
        let operator = if missing {
            Operator::Missing
        } else {
            self.operator()?
        };
        Ok(Requirement { key, operator })
    }

    fn operator(&mut self) -> Result<Operator, String> {
        match self.peek() {
            Token::End | Token::Sign(",") => return Ok(Operator::Exists),
            _ => {}
        }
        match self.take() {
            Token::Sign("=" | "==") => Ok(Operator::In(BTreeSet::from([self.value()?]))),
            Token::Sign("!=") => Ok(Operator::NotIn(BTreeSet::from([self.value()?]))),
            Token::Sign(">") => self.number().map(Operator::Greater),
            Token::Sign("<") => self.number().map(Operator::Less),
            Token::Word("in") => self.values().map(Operator::In),
            Token::Word("notin") => self.values().map(Operator::NotIn),
            found => Err(format!(
                "unable to parse requirement: found '{found}', expected: in, notin, =, ==, !=, gt, lt"
            )),
        }
    }

    /// One value, which may be empty.
    fn value(&mut self) -> Result<String, String> {
        match self.peek() {
            Token::Word(word) => {
                self.take();
                checked_value(word)
            }
            _ => Ok(String::new()),
        }
    }

    fn number(&mut self) -> Result<i64, String> {
        let found = self.take();
        found.to_string().parse().map_err(|_| {
            format!("unable to parse requirement: for 'Gt', 'Lt' operators, the value must be an integer, not '{found}'")
        })
    }

    fn values(&mut self) -> Result<BTreeSet<String>, String> {
        if self.take() != Token::Sign("(") {
            return Err("unable to parse requirement: expected: '(' after 'in' or 'notin'".into());
        }
        let mut set = BTreeSet::new();
        loop {
            set.insert(self.value()?);
            match self.take() {
                Token::Sign(",") => {}
                Token::Sign(")") => return Ok(set),
                found => {
                    return Err(format!(
                        "unable to parse requirement: found '{found}', expected: ',' or ')'"
                    ));
                }
            }
        }
    }
}

fn plain(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && edge(text.chars().next())
        && edge(text.chars().last())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn checked_key(word: &str) -> Result<String, String> {
    let name = word.rsplit('/').next().unwrap_or(word);
    let prefix_is_fine = word
        .split_once('/')
        .is_none_or(|(prefix, _)| !prefix.is_empty() && prefix.len() <= 253);
    if prefix_is_fine && plain(name) && word.matches('/').count() <= 1 {
        Ok(word.to_owned())
    } else {
        Err(format!(
            "unable to parse requirement: <nil>: Invalid value: {word:?}: name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
        ))
    }
}

fn checked_value(word: &str) -> Result<String, String> {
    if plain(word) {
        Ok(word.to_owned())
    } else {
        Err(format!(
            "unable to parse requirement: values: Invalid value: {word:?}: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        owned.collect()
    }

    #[test]
    fn each_operator_matches_what_kubernetes_matches() {
        let web = labels(&[
            ("app", "web"),
            ("tier", "a"),
            ("weight", "5"),
            ("empty", ""),
        ]);
        for (text, matches) in [
            ("", true),
            ("app", true),
            ("app=web", true),
            ("app==web", true),
            ("app = web , tier = a", true),
            ("app!=web", false),
            ("app!=db", true),
            ("nope!=x", true),
            ("nope", false),
            ("!nope", true),
            ("! app", false),
            ("tier in (a,b)", true),
            ("tier in (b, c)", false),
            ("tier notin (b,c)", true),
            ("nope notin (b)", true),
            ("weight>4", true),
            ("weight<5", false),
            ("app>1", false),
            ("empty=", true),
            ("empty in (,x)", true),
            ("app=web,!canary,tier in (a)", true),
            ("in=web", false),
            ("example.com/app!=x", true),
        ] {
            let selector = LabelSelector::parse(text).expect(text);
            assert_eq!(selector.matches(&web), matches, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_parsed_is_refused_with_the_reason() {
        for (text, says) in [
            ("a==b==c", "found '==', expected: ',' or 'end of string'"),
            ("-bad-=x", "name part must consist of"),
            ("a=b,", "expected: identifier after ','"),
            (",a=b", "expected: !, identifier"),
            ("a in b", "expected: '('"),
            ("a in (b", "expected: ',' or ')'"),
            ("a b", "found 'b', expected: in, notin"),
            ("a>x", "must be an integer"),
            ("a=_x", "a valid label must be"),
            ("/a=x", "name part"),
        ] {
            let error = LabelSelector::parse(text).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn the_canonical_text_ignores_how_it_was_written() {
        let canonical = |text: &str| LabelSelector::parse(text).unwrap().to_string();
        assert_eq!(canonical("b in (y,x), a==1,!c"), "!c,a=1,b in (x,y)");
        assert_eq!(canonical("a in (1)"), canonical("a=1"));
        assert_eq!(
            canonical(&canonical("b notin (y,x),a!=1")),
            canonical("a!=1,b notin (x,y)")
        );
    }
}
