//! What an image reference means for the default of `imagePullPolicy`.

/// Longest name of a reference, as its grammar has it.
const MAX_NAME: usize = 255;

/// Whether a reference means the tag `latest`: says so, or has neither tag nor digest. A text that
/// is no reference means nothing.
pub(super) fn is_latest(reference: &str) -> bool {
    if reference.contains('@') {
        return false;
    }
    let slash = reference.rfind('/').map_or(0, |at| at + 1);
    let colon = reference[slash..].find(':').map(|at| slash + at);
    let (name, tag) = match colon {
        Some(at) => (&reference[..at], Some(&reference[at + 1..])),
        None => (reference, None),
    };
    is_name(name) && tag.is_none_or(|tag| tag == "latest")
}

/// A registry and a path; only the registry may have capitals and a port.
fn is_name(name: &str) -> bool {
    let (registry, path) = match name.split_once('/') {
        Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => {
            (Some(first), path)
        }
        _ => (None, name),
    };
    let domain = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
    };
    name.len() <= MAX_NAME && registry.is_none_or(domain) && path.split('/').all(is_component)
}

fn is_component(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let edge = |b: Option<u8>| b.is_some_and(plain);
    text.bytes().all(|b| plain(b) || b"._-".contains(&b))
        && edge(text.bytes().next())
        && edge(text.bytes().last())
}

#[cfg(test)]
mod tests {
    use super::is_latest;

    #[test]
    fn only_a_reference_to_the_newest_image_is_latest() {
        for reference in [
            "busybox",
            "busybox:latest",
            "a.b:5000/c/d",
            "localhost/x",
            "Reg.io/x",
        ] {
            assert!(is_latest(reference), "{reference}");
        }
        let digest = format!("busybox@sha256:{}", "0".repeat(64));
        for reference in [
            "busybox:1",
            "a.b:5000/c:1",
            &digest,
            "a b",
            "<image>",
            "Busybox",
            "",
        ] {
            assert!(!is_latest(reference), "{reference}");
        }
        assert!(!is_latest(&"a".repeat(256)), "too long for a name");
    }
}
