//! What is wrong with a text that is given as an upstream key. Owns the words for what people paste by mistake; says
//! nothing of the text itself, which may be a secret.

/// Bytes of one upstream key; JSON web tokens are the longest that are used as keys.
const MAX_KEY_BYTES: usize = 4096;

/// What a text that is no key must be instead; `None` for a key.
pub fn problem(text: &str) -> Option<&'static str> {
    const SHAPE: &str = "must be a key of 1 to 4096 visible ASCII characters without spaces";
    if text.contains([',', ';', '\n', '\r']) {
        return Some(
            "must be one key without commas, semicolons and line breaks; give each key as an entry of its own",
        );
    }
    if text
        .get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case("bearer "))
    {
        return Some("must be the key alone, without `Bearer`");
    }
    if text.starts_with(QUOTES) || text.ends_with(QUOTES) {
        return Some("must be the key alone, without quotes");
    }
    if has_name(text) {
        return Some("must be the key alone, without a name and `=` before it");
    }
    let is_key = (1..=MAX_KEY_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    (!is_key).then_some(SHAPE)
}

const QUOTES: [char; 7] = ['"', '\'', '`', '“', '”', '‘', '’'];

/// Whether it is an assignment as in a file of variables. Keys in base64 end in `=`.
fn has_name(text: &str) -> bool {
    let Some((name, value)) = text.split_once('=') else {
        return false;
    };
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    is_name && name.contains('_') && !value.trim_matches('=').is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_and_mistakes_are_named() {
        for key in [
            "sk-1",
            "EMPTY",
            "ollama",
            "abc==",
            "QUJD_RA==",
            "eyJhbGciOi.eyJzdWIi.c2ln",
            "id:secret",
            "a=b",
            "A_=",
        ] {
            assert_eq!(problem(key), None, "{key}");
        }
        for (text, word) in [
            ("", "visible ASCII"),
            ("sk 1", "without spaces"),
            ("schlüssel", "visible ASCII"),
            ("sk-1,sk-2", "entry of its own"),
            ("sk-1;sk-2", "entry of its own"),
            ("sk-1\nsk-2", "entry of its own"),
            ("Bearer sk-1", "`Bearer`"),
            ("bearer sk-1", "`Bearer`"),
            ("\"sk-1\"", "quotes"),
            ("“sk-1”", "quotes"),
            ("OPENAI_API_KEY=sk-1", "a name"),
        ] {
            assert!(problem(text).unwrap().contains(word), "{text}");
        }
        assert!(problem(&"k".repeat(4096)).is_none());
        assert!(problem(&"k".repeat(4097)).is_some());
    }
}
