//! Names the server chooses.

use uuid::Uuid;

/// Kubernetes' alphabet for generated names: no vowels, nothing that looks like another.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX: usize = 5;
const MAX_PREFIX: usize = 58;

/// A name from `metadata.generateName`: the prefix, cut, and five random characters.
pub(crate) fn generate(prefix: &str) -> String {
    let mut end = prefix.len().min(MAX_PREFIX);
    while !prefix.is_char_boundary(end) {
        end -= 1;
    }
    let mut name = prefix[..end].to_owned();
    while name.len() < end + SUFFIX {
        // 243 = 9 · 27: bytes above it would make some letters likelier than others.
        let random = Uuid::new_v4().into_bytes();
        let letters = random.iter().filter(|byte| **byte < 243);
        let letters = letters.map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
        name.extend(letters.take(end + SUFFIX - name.len()));
    }
    name
}

/// Whether a text is a DNS label, as host names should be.
pub(crate) fn is_dns_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_have_the_cut_prefix_and_five_letters_of_the_alphabet() {
        let long = "x".repeat(80);
        for (prefix, kept) in [("web-", "web-"), (long.as_str(), &long[..58])] {
            let name = generate(prefix);
            let suffix = name.strip_prefix(kept).expect("the prefix is kept");
            assert_eq!(suffix.len(), 5);
            assert!(suffix.bytes().all(|b| ALPHABET.contains(&b)), "{suffix}");
        }
        assert_ne!(generate("a"), generate("a"));
    }

    #[test]
    fn a_prefix_is_not_cut_within_a_character() {
        assert!(generate(&"ä".repeat(40)).starts_with(&"ä".repeat(29)));
    }
}
