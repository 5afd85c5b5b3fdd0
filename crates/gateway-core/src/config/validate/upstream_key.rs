//! The problems of a text that is given as an upstream key. Owns the messages for common paste mistakes; never repeats
//! the text itself, which may be a secret.

use crate::config::bounds::MAX_KEY_BYTES;
use crate::problem::KeyProblem;

/// What a text must be instead when it is not a key; `None` for a key.
pub fn problem(text: &str) -> Option<KeyProblem> {
    if text.contains([',', ';', '\n', '\r']) {
        return Some(KeyProblem::Several);
    }
    if text
        .get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case("bearer "))
    {
        return Some(KeyProblem::Bearer);
    }
    if text.starts_with(QUOTES) || text.ends_with(QUOTES) {
        return Some(KeyProblem::Quotes);
    }
    if has_name(text) {
        return Some(KeyProblem::Assignment);
    }
    let is_key = (1..=MAX_KEY_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    (!is_key).then_some(KeyProblem::Characters)
}

const QUOTES: [char; 7] = ['"', '\'', '`', '“', '”', '‘', '’'];

/// Whether it is an assignment as in an env file. Keys in base64 end in `=`.
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
        for (text, reason) in [
            ("", KeyProblem::Characters),
            ("sk 1", KeyProblem::Characters),
            ("schlüssel", KeyProblem::Characters),
            ("sk-1,sk-2", KeyProblem::Several),
            ("sk-1;sk-2", KeyProblem::Several),
            ("sk-1\nsk-2", KeyProblem::Several),
            ("Bearer sk-1", KeyProblem::Bearer),
            ("bearer sk-1", KeyProblem::Bearer),
            ("\"sk-1\"", KeyProblem::Quotes),
            ("“sk-1”", KeyProblem::Quotes),
            ("OPENAI_API_KEY=sk-1", KeyProblem::Assignment),
        ] {
            assert_eq!(problem(text), Some(reason), "{text}");
        }
        assert!(problem(&"k".repeat(4096)).is_none());
        assert!(problem(&"k".repeat(4097)).is_some());
    }
}
