//! Violations, worded as the Kubernetes API server words them (spec §10.3).

use std::fmt;

/// The words for a field that Lifepod has a place for and does not serve yet.
pub const NOT_YET: &str = "not supported by Lifepod yet";

/// Kind of a violation; the names are the API server's cause reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViolationReason {
    /// A value is missing.
    Required,
    /// A value is malformed.
    Invalid,
    /// A value is not among the possible ones.
    NotSupported,
    /// A value stands twice.
    Duplicate,
    /// A name refers to nothing.
    NotFound,
    /// A field may not be set here.
    Forbidden,
    /// A value is too long.
    TooLong,
    /// A list is too long.
    TooMany,
}

impl ViolationReason {
    /// The API server's cause reason.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Duplicate => "FieldValueDuplicate",
            Self::NotFound => "FieldValueNotFound",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Required => "Required value",
            Self::Invalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Duplicate => "Duplicate value",
            Self::NotFound => "Not found",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
        }
    }
}

/// One violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Kubernetes field path, for example `spec.containers[0].image`.
    pub field: String,
    /// Kind.
    pub reason: ViolationReason,
    /// The message body, as after `field: `.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// All violations of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations(pub Vec<Violation>);

impl Violations {
    fn push(&mut self, field: impl Into<String>, reason: ViolationReason, rest: &str) {
        let separator = if rest.is_empty() { "" } else { ": " };
        let message = format!("{}{separator}{rest}", reason.text());
        self.0.push(Violation {
            field: field.into(),
            reason,
            message,
        });
    }

    /// A missing value.
    pub fn required(&mut self, field: impl Into<String>, detail: &str) {
        self.push(field, ViolationReason::Required, detail);
    }

    /// A malformed value; strings are shown in quotes.
    pub fn invalid(&mut self, field: impl Into<String>, value: impl fmt::Debug, detail: &str) {
        self.push(
            field,
            ViolationReason::Invalid,
            &format!("{value:?}: {detail}"),
        );
    }

    /// A value outside a list.
    pub fn not_supported(
        &mut self,
        field: impl Into<String>,
        value: impl fmt::Debug,
        supported: &[&str],
    ) {
        let list: Vec<_> = supported.iter().map(|s| format!("{s:?}")).collect();
        let rest = format!("{value:?}: supported values: {}", list.join(", "));
        self.push(field, ViolationReason::NotSupported, &rest);
    }

    /// A value that stands twice.
    pub fn duplicate(&mut self, field: impl Into<String>, value: impl fmt::Debug) {
        self.push(field, ViolationReason::Duplicate, &format!("{value:?}"));
    }

    /// A field that may not be set here.
    pub fn forbidden(&mut self, field: impl Into<String>, detail: &str) {
        self.push(field, ViolationReason::Forbidden, detail);
    }

    /// A value that is too long.
    pub fn too_long(&mut self, field: impl Into<String>, limit: usize) {
        self.push(
            field,
            ViolationReason::TooLong,
            &format!("may not be more than {limit} bytes"),
        );
    }

    /// A list that is too long.
    pub fn too_many(&mut self, field: impl Into<String>, count: usize, limit: usize) {
        let rest = format!("{count}: must have at most {limit} items");
        self.push(field, ViolationReason::TooMany, &rest);
    }

    /// A name that refers to nothing.
    pub fn not_found(&mut self, field: impl Into<String>, value: impl fmt::Debug) {
        self.push(field, ViolationReason::NotFound, &format!("{value:?}"));
    }

    /// A field that is refused by name, because it would change what runs and is not served yet.
    pub fn not_served(&mut self, field: impl Into<String>) {
        self.forbidden(field, NOT_YET);
    }

    /// Everything that is wrong with the form of a text.
    pub fn form(&mut self, field: &str, value: &str, details: Vec<String>) {
        for detail in details {
            self.invalid(field, value, &detail);
        }
    }

    /// An error, unless there is none.
    ///
    /// # Errors
    /// These violations, if there are any.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => only.fmt(f),
            all => {
                let texts: Vec<_> = all.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", texts.join(", "))
            }
        }
    }
}
