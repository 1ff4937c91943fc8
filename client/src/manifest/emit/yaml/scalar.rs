//! How a text is written: plain, quoted or as a block.
//!
//! Follows the emitter behind sigs.k8s.io/yaml (a port of libyaml's `emitter.c`): what is plain, what folds where, and
//! what must be escaped.

use std::fmt::Write;

use crate::manifest::node::Scalar;

/// Column after which a space becomes a line break.
const BEST_WIDTH: usize = 80;

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

/// Writes a value; continued lines get `indent` spaces.
pub(super) fn value(string: &str, indent: usize, text: &mut String) {
    match style(string) {
        Style::Plain => folded(string, indent, Fold::Plain, text),
        Style::SingleQuoted => {
            text.push('\'');
            folded(string, indent, Fold::Single, text);
            text.push('\'');
        }
        Style::DoubleQuoted => double_quoted(string, indent, true, text),
        Style::Literal => literal(string, indent, text),
    }
}

/// Writes the name of a field, always in one line.
pub(super) fn key(string: &str, text: &mut String) {
    match style(string) {
        Style::Plain => text.push_str(string),
        Style::SingleQuoted => {
            text.push('\'');
            text.push_str(&string.replace('\'', "''"));
            text.push('\'');
        }
        Style::DoubleQuoted | Style::Literal => double_quoted(string, 0, false, text),
    }
}

fn style(string: &str) -> Style {
    let analysis = Analysis::of(string);
    if string.contains('\n') {
        return if analysis.block_allowed {
            Style::Literal
        } else {
            Style::DoubleQuoted
        };
    }
    if !means_itself(string) {
        return Style::DoubleQuoted;
    }
    if analysis.plain_allowed {
        Style::Plain
    } else if analysis.single_quoted_allowed {
        Style::SingleQuoted
    } else {
        Style::DoubleQuoted
    }
}

/// Whether the text, written plainly, would be read as this text and nothing else.
fn means_itself(string: &str) -> bool {
    matches!(Scalar::plain(string), Scalar::Text(_))
        && string != "<<"
        && !is_timestamp(string)
        && !is_base_60(string)
}

fn is_timestamp(string: &str) -> bool {
    let date_end = string.find(['T', 't', ' ']).unwrap_or(string.len());
    let (date, time) = string.split_at(date_end);
    let parts: Vec<&str> = date.split('-').collect();
    let digits = |part: &str, least: usize, most: usize| {
        (least..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    let is_date = matches!(parts.as_slice(), [year, month, day]
        if digits(year, 4, 4) && digits(month, 1, 2) && digits(day, 1, 2));
    let clock = time.get(1..).unwrap_or_default();
    is_date && (time.is_empty() || clock.split(':').filter(|part| !part.is_empty()).count() >= 3)
}

/// Numbers such as `10:30`, which YAML 1.1 reads to the base of 60.
fn is_base_60(string: &str) -> bool {
    let unsigned = string.strip_prefix(['+', '-']).unwrap_or(string);
    let mut parts = unsigned.split(':');
    let whole = parts.next().unwrap_or_default();
    let starts_right = whole.starts_with(|c: char| c.is_ascii_digit())
        && whole.chars().all(|c| c.is_ascii_digit() || c == '_');
    let rest: Vec<&str> = parts.collect();
    let is_sixtieth = |part: &&str| {
        let number = part.split('.').next().unwrap_or_default();
        (1..=2).contains(&number.len()) && number.parse::<u8>().is_ok_and(|number| number < 60)
    };
    starts_right && !rest.is_empty() && rest.iter().all(is_sixtieth)
}

/// What a text contains that forbids a style.
struct Analysis {
    plain_allowed: bool,
    single_quoted_allowed: bool,
    block_allowed: bool,
}

impl Analysis {
    fn of(string: &str) -> Self {
        let chars: Vec<char> = string.chars().collect();
        let first = chars.first().copied();
        let last = chars.last().copied();
        let special = chars.iter().any(|c| !is_printable(*c));
        let follows = |wanted: fn(char) -> bool, next: fn(char) -> bool| {
            chars
                .windows(2)
                .any(|pair| wanted(pair[0]) && next(pair[1]))
        };
        let space = |c: char| c == ' ';
        let line_break = |c: char| c == '\n';
        let space_break = follows(space, line_break);
        let break_space = follows(line_break, space);
        let leading = first.is_some_and(|c| space(c) || line_break(c));
        let trailing = last.is_some_and(|c| space(c) || line_break(c));
        let has_break = chars.contains(&'\n');
        let unquotable = space_break || special;
        Self {
            plain_allowed: !(leading
                || trailing
                || has_break
                || unquotable
                || has_block_indicator(&chars)),
            single_quoted_allowed: !(break_space || unquotable),
            block_allowed: !(last == Some(' ') || unquotable),
        }
    }
}

fn has_block_indicator(chars: &[char]) -> bool {
    let blank = |c: Option<&char>| c.is_none_or(|c| matches!(c, ' ' | '\t' | '\n'));
    if chars.starts_with(&['-', '-', '-']) || chars.starts_with(&['.', '.', '.']) {
        return true;
    }
    chars.iter().enumerate().any(|(index, c)| {
        let next = chars.get(index + 1);
        match (index, c) {
            (
                0,
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
                | '@' | '`',
            ) => true,
            (0, '?' | ':' | '-') => blank(next),
            (_, ':') => blank(next),
            (_, '#') => blank(chars.get(index - 1)),
            _ => false,
        }
    })
}

fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

#[derive(Clone, Copy, PartialEq)]
enum Fold {
    Plain,
    Single,
}

/// Writes text that may be broken at single spaces.
fn folded(string: &str, indent: usize, fold: Fold, text: &mut String) {
    let chars: Vec<char> = string.chars().collect();
    let mut after_space = false;
    for (index, c) in chars.iter().enumerate() {
        if *c != ' ' {
            if *c == '\'' && fold == Fold::Single {
                text.push('\'');
            }
            text.push(*c);
            after_space = false;
            continue;
        }
        let inner = fold == Fold::Plain || (index > 0 && index + 1 < chars.len());
        let single = chars.get(index + 1) != Some(&' ');
        if !after_space && inner && single && column(text) > BEST_WIDTH {
            new_line(indent, text);
        } else {
            text.push(' ');
        }
        after_space = true;
    }
}

fn double_quoted(string: &str, indent: usize, may_fold: bool, text: &mut String) {
    text.push('"');
    let chars: Vec<char> = string.chars().collect();
    let mut after_space = false;
    for (index, c) in chars.iter().enumerate() {
        if *c != ' ' {
            escaped(*c, text);
            after_space = false;
            continue;
        }
        let inner = index > 0 && index + 1 < chars.len();
        if may_fold && !after_space && inner && column(text) > BEST_WIDTH {
            new_line(indent, text);
            if chars.get(index + 1) == Some(&' ') {
                text.push('\\');
            }
        } else {
            text.push(' ');
        }
        after_space = true;
    }
    text.push('"');
}

fn escaped(c: char, text: &mut String) {
    match c {
        '\0' => text.push_str("\\0"),
        '\u{7}' => text.push_str("\\a"),
        '\u{8}' => text.push_str("\\b"),
        '\t' => text.push_str("\\t"),
        '\n' => text.push_str("\\n"),
        '\u{b}' => text.push_str("\\v"),
        '\u{c}' => text.push_str("\\f"),
        '\r' => text.push_str("\\r"),
        '\u{1b}' => text.push_str("\\e"),
        '"' => text.push_str("\\\""),
        '\\' => text.push_str("\\\\"),
        '\u{85}' => text.push_str("\\N"),
        '\u{2028}' => text.push_str("\\L"),
        '\u{2029}' => text.push_str("\\P"),
        c if is_printable(c) => text.push(c),
        // Writing to a String cannot fail.
        c if u32::from(c) <= 0xff => {
            let _ = write!(text, "\\x{:02X}", u32::from(c));
        }
        c => {
            let _ = write!(text, "\\u{:04X}", u32::from(c));
        }
    }
}

fn literal(string: &str, indent: usize, text: &mut String) {
    text.push('|');
    if string.starts_with([' ', '\n']) {
        text.push('2');
    }
    let body = string.trim_end_matches('\n');
    match string.len() - body.len() {
        0 => text.push('-'),
        1 if !body.is_empty() => {}
        _ => text.push('+'),
    }
    for line in string.strip_suffix('\n').unwrap_or(string).split('\n') {
        text.push('\n');
        if !line.is_empty() {
            text.extend(std::iter::repeat_n(' ', indent));
            text.push_str(line);
        }
    }
}

fn new_line(indent: usize, text: &mut String) {
    text.push('\n');
    text.extend(std::iter::repeat_n(' ', indent));
}

fn column(text: &str) -> usize {
    let start = text.rfind('\n').map_or(0, |at| at + 1);
    text[start..].chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_exactly_when_it_must_be() {
        let cases = [
            ("plain", "plain"),
            ("back-off 5m0s (x)", "back-off 5m0s (x)"),
            ("", "\"\""),
            ("true", "\"true\""),
            ("1.10", "\"1.10\""),
            ("1.2.3", "1.2.3"),
            ("10:30", "\"10:30\""),
            ("2026-11-22T10:25:49Z", "\"2026-11-22T10:25:49Z\""),
            ("2026-11-22", "\"2026-11-22\""),
            ("a: b", "'a: b'"),
            ("a #b", "'a #b'"),
            ("a:b#c", "a:b#c"),
            ("{x}", "'{x}'"),
            ("- x", "'- x'"),
            ("-x", "-x"),
            ("it's", "it's"),
            ("'it' is: x", "'''it'' is: x'"),
            (" x", "' x'"),
            ("a\tb", "\"a\\tb\""),
            ("a\u{7f}", "\"a\\x7F\""),
        ];
        for (string, expected) in cases {
            let mut text = String::new();
            value(string, 2, &mut text);
            assert_eq!(text, expected, "{string:?}");
        }
    }

    #[test]
    fn blocks_say_how_they_end() {
        for (string, expected) in [
            ("a\nb\n", "|\n  a\n  b"),
            ("a\nb", "|-\n  a\n  b"),
            ("a\n\n", "|+\n  a\n"),
            (" a\nb\n", "|2\n   a\n  b"),
            ("a \nb\n", "\"a \\nb\\n\""),
        ] {
            let mut text = String::new();
            value(string, 2, &mut text);
            assert_eq!(text, expected, "{string:?}");
        }
    }
}
