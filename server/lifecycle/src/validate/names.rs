//! The name formats of Kubernetes (apimachinery `pkg/util/validation`).

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const SEARCH: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9_]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9_]*[a-z0-9])?)*')";

/// What a generated name ends with may follow a dash.
pub(super) fn dns_subdomain_prefix(text: &str) -> Vec<String> {
    match text.strip_suffix('-') {
        Some(rest) => dns_subdomain(&format!("{rest}a")),
        None => dns_subdomain(text),
    }
}

/// A search domain: a subdomain with underscores, `.`, or either with a dot at its end.
pub(super) fn search_domain(text: &str) -> Vec<String> {
    if text == "." {
        return Vec::new();
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let part = |part: &str| {
        let edge = |b: Option<u8>| {
            b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        part.bytes().all(inner) && edge(part.bytes().next()) && edge(part.bytes().last())
    };
    let shape = (!name.split('.').all(part)).then(|| SEARCH.to_owned());
    max_length(name, 253).into_iter().chain(shape).collect()
}

fn dns_label_chars(text: &str) -> bool {
    let inner = text
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    !text.is_empty() && inner && !text.starts_with('-') && !text.ends_with('-')
}

fn loose_chars(text: &str) -> bool {
    let edge = |c: Option<u8>| c.is_some_and(|b| b.is_ascii_alphanumeric());
    let inner = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    inner && edge(text.bytes().next()) && edge(text.bytes().last())
}

fn max_length(text: &str, limit: usize) -> Option<String> {
    (text.len() > limit).then(|| format!("must be no more than {limit} characters"))
}

/// A DNS label.
pub(super) fn dns_label(text: &str) -> Vec<String> {
    let shape = (!dns_label_chars(text)).then(|| LABEL.to_owned());
    max_length(text, 63).into_iter().chain(shape).collect()
}

/// A DNS subdomain.
pub(super) fn dns_subdomain(text: &str) -> Vec<String> {
    let shape = (!text.split('.').all(dns_label_chars)).then(|| SUBDOMAIN.to_owned());
    max_length(text, 253).into_iter().chain(shape).collect()
}

/// A qualified name: `[prefix/]name`.
pub(super) fn qualified_name(text: &str) -> Vec<String> {
    if text.matches('/').count() > 1 {
        return vec![QUALIFIED.to_owned()];
    }
    let mut errors = Vec::new();
    let name = match text.split_once('/') {
        None => text,
        Some((prefix, name)) => {
            if prefix.is_empty() {
                errors.push("prefix part must be non-empty".to_owned());
            }
            let nested = dns_subdomain(prefix)
                .into_iter()
                .map(|e| format!("prefix part {e}"));
            errors.extend(nested.filter(|_| !prefix.is_empty()));
            name
        }
    };
    if name.is_empty() {
        errors.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        errors.push("name part must be no more than 63 characters".to_owned());
    }
    if !loose_chars(name) {
        errors.push(QUALIFIED.to_owned());
    }
    errors
}

/// A label value.
pub(super) fn label_value(text: &str) -> Vec<String> {
    let shape = (!text.is_empty() && !loose_chars(text)).then(|| LABEL_VALUE.to_owned());
    max_length(text, 63).into_iter().chain(shape).collect()
}

/// The name of a port.
pub(super) fn port_name(text: &str) -> Vec<String> {
    let mut errors: Vec<String> = max_length(text, 15).into_iter().collect();
    let mut unless = |holds: bool, error: &str| {
        if !holds {
            errors.push(error.to_owned());
        }
    };
    let charset = text
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    unless(
        charset,
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
    );
    unless(
        text.bytes().any(|b| b.is_ascii_lowercase()),
        "must contain at least one letter (a-z)",
    );
    unless(!text.contains("--"), "must not contain consecutive hyphens");
    unless(
        !text.starts_with('-') && !text.ends_with('-'),
        "must not begin or end with a hyphen",
    );
    errors
}
