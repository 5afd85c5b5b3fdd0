//! Ids of calls that every upstream accepts. Owns the rules of the dialects and the one function that makes an id fit:
//! pure and injective, so that a call and its result are mapped alike without a table, also in conversations that began
//! elsewhere.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use crate::ids::hex;

/// The longest id of a call that Responses accepts; Messages has no limit.
pub const MAX_CALL_ID_BYTES: usize = 64;
/// Hexadecimal digits of the hash in a changed id: 80 bits.
const HASH_DIGITS: usize = 20;

/// Whether a text has only letters, digits, `_` and `-`, and at least one of them.
pub fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// An id that every dialect accepts: unchanged when it does already, otherwise its plain characters with a hash of the
/// whole.
pub fn call_id(id: &str) -> Cow<'_, str> {
    fit(id, MAX_CALL_ID_BYTES)
}

/// An id of exactly nine letters and digits: unchanged when it is one already.
pub fn nine_alphanumerics(id: &str) -> String {
    if id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    let mut digits = digest(id);
    digits.truncate(9);
    digits
}

/// The id of a call that has none.
pub fn made_call_id(answer_id: &str, index: usize) -> String {
    let digits = digest(&format!("{answer_id}\u{0}{index}"));
    format!("call_{digits}")
}

/// A text with plain characters only, of at most `max_bytes`: unchanged when it is one already.
pub fn fit(text: &str, max_bytes: usize) -> Cow<'_, str> {
    if text.len() <= max_bytes && is_plain(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(hashed(text, text, max_bytes))
}

/// The plain beginning of `text` with a hash of `whole`, of at most `max_bytes`.
pub fn hashed(text: &str, whole: &str, max_bytes: usize) -> String {
    let kept = max_bytes.saturating_sub(HASH_DIGITS + 1);
    let mut fitted: String = text
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '-'))
        .take(kept)
        .collect();
    fitted.push('_');
    fitted.push_str(&digest(whole));
    fitted
}

fn digest(text: &str) -> String {
    let mut digits = hex(&Sha256::digest(text.as_bytes()));
    digits.truncate(HASH_DIGITS);
    digits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn real_ids_fit_everywhere() {
        let long = "x".repeat(94);
        let rows = [
            ("toolu_01A-b", true),
            ("functions.Bash:0", false),
            ("Bash:0", false),
            ("call_00_abc", true),
            ("chatcmpl-tool-6f", true),
            ("", false),
            (&*long, false),
        ];
        for (id, is_kept) in rows {
            let fitted = call_id(id);
            assert_eq!(fitted == id, is_kept, "{id}");
            assert!(is_plain(&fitted) && fitted.len() <= MAX_CALL_ID_BYTES);
            assert_eq!(call_id(&fitted), fitted);
        }
        assert!(call_id("functions.Bash:0").starts_with("functionsBash0_"));
        assert_ne!(made_call_id("a", 0), made_call_id("a", 1));
        assert_ne!(made_call_id("a", 0), made_call_id("b", 0));
    }

    #[test]
    fn ids_of_nine_letters_and_digits_are_kept() {
        for (id, is_kept) in [
            ("aB3456789", true),
            ("aB345678", false),
            ("aB34567890", false),
            ("aB345-789", false),
            ("", false),
        ] {
            let fitted = nine_alphanumerics(id);
            assert_eq!(fitted == id, is_kept, "{id}");
            assert_eq!(nine_alphanumerics(&fitted), fitted);
            assert!(fitted.len() == 9 && fitted.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        }
    }

    proptest! {
        #[test]
        fn different_ids_stay_different(one in ".{0,80}", other in ".{0,80}") {
            prop_assume!(one != other);
            prop_assert_ne!(call_id(&one), call_id(&other));
            prop_assert!(is_plain(&call_id(&one)));
        }
    }
}
