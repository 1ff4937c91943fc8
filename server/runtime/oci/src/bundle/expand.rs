//! `$(VAR)` expansion (spec §10.5; kubernetes `third_party/forked/golang/expansion/expand.go`).

/// Expands references in one pass; an unknown one stays as it is, `$$` is a dollar sign.
pub(super) fn expand(text: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        rest = match tail.chars().next() {
            Some('$') => {
                out.push('$');
                &tail[1..]
            }
            Some('(') => match tail.find(')') {
                Some(end) => {
                    let name = &tail[1..end];
                    out.push_str(&lookup(name).unwrap_or_else(|| format!("$({name})")));
                    &tail[end + 1..]
                }
                None => {
                    out.push_str("$(");
                    &tail[1..]
                }
            },
            _ => {
                out.push('$');
                tail
            }
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn references_expand_as_in_kubernetes() {
        let lookup = |name: &str| (name == "A").then(|| "$(B)x".to_owned());
        for (text, expected) in [
            ("$(A)", "$(B)x"),
            ("$(B)", "$(B)"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$$(B)x"),
            ("$(A", "$(A"),
            ("$A$", "$A$"),
            ("a$(A)b", "a$(B)xb"),
            ("ü$(A)ü", "ü$(B)xü"),
        ] {
            assert_eq!(expand(text, lookup), expected, "`{text}`");
        }
    }
}
