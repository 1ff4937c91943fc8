//! Mistakes on the command line, told as kubectl does.

use clap::{
    Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::output;

/// Tells what is wrong with the command line, or prints the help that was asked for. Gives back the exit code.
pub(crate) fn tell(error: &Error) -> i32 {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        return match output::data(&error.to_string()) {
            Ok(()) => 0,
            Err(failure) => failure.exit_code(),
        };
    }
    let command = command();
    let text = match (error.kind(), argument(error)) {
        (ErrorKind::UnknownArgument, Some(flag)) if flag.starts_with('-') => {
            format!("error: unknown flag: {flag}\nSee '{command} --help' for usage.")
        }
        (ErrorKind::InvalidSubcommand, _) => {
            let name = value(error, ContextKind::InvalidSubcommand).unwrap_or_default();
            format!(
                "error: unknown command {name:?} for \"lifepod\"\n\nRun 'lifepod --help' for usage."
            )
        }
        (ErrorKind::ValueValidation | ErrorKind::InvalidValue, Some(flag)) => {
            let what = invalid(error, &flag);
            format!("error: {what}\nSee '{command} --help' for usage.")
        }
        _ => error.to_string().trim_end().to_owned(),
    };
    output::note(&text);
    1
}

/// A value that is none for its flag.
fn invalid(error: &Error, flag: &str) -> String {
    let flag = flag.split_whitespace().next().unwrap_or_default();
    let given = value(error, ContextKind::InvalidValue).unwrap_or_default();
    let why = if error.kind() == ErrorKind::ValueValidation {
        // Only numbers are validated here, and these are Go's words.
        format!(": strconv.ParseInt: parsing {given:?}: invalid syntax")
    } else {
        String::new()
    };
    format!("invalid argument {given:?} for \"{flag}\" flag{why}")
}

fn argument(error: &Error) -> Option<String> {
    value(error, ContextKind::InvalidArg)
}

fn value(error: &Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.first().cloned(),
        _ => None,
    }
}

/// The command that was meant, as far as it was typed.
fn command() -> String {
    let mut words = std::env::args()
        .skip(1)
        .take_while(|word| !word.starts_with('-'));
    match words.next() {
        Some(word) => format!("lifepod {word}"),
        None => "lifepod".to_owned(),
    }
}
