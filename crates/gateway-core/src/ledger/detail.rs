//! What the request log keeps of an error's message. Owns its length and that it holds no credential. It is for people
//! only: nothing is counted or decided by it.

use crate::config::snapshot::Channel;
use crate::wire::redaction::{self, REDACTED};

/// Headers of a channel with one of these in their name may hold a credential.
const SECRET_HEADERS: [&str; 5] = ["auth", "key", "token", "secret", "cookie"];
/// Shorter values are words, and replacing them would break others.
const MIN_SECRET_BYTES: usize = 8;

/// The most characters that are kept.
pub const MAX_DETAIL_CHARS: usize = 300;

/// The beginning of `message` without credentials, those of the channel that it comes from included; `None`: nothing is in
/// it.
pub fn detail(message: &str, channel: Option<&Channel>) -> Option<String> {
    let visible = visible(message);
    let redacted = match channel {
        None => redaction::redact(&visible),
        Some(channel) => redaction::redact(&without_own(&visible, channel)),
    };
    let text = redacted.trim();
    if text.is_empty() {
        return None;
    }
    Some(match text.char_indices().nth(MAX_DETAIL_CHARS) {
        None => text.to_owned(),
        Some(_) => text
            .chars()
            .take(MAX_DETAIL_CHARS - 1)
            .chain(['…'])
            .collect(),
    })
}

/// The text without the channel's keys, and without the values of its own headers that hold credentials.
fn without_own(text: &str, channel: &Channel) -> String {
    let mut text = text.to_owned();
    for key in &channel.keys {
        text = key.redact(&text).into_owned();
    }
    for (name, value) in &channel.headers {
        let is_secret = SECRET_HEADERS
            .iter()
            .any(|word| name.as_str().contains(word));
        if let (true, Ok(value)) = (is_secret, value.to_str())
            && value.len() >= MIN_SECRET_BYTES
        {
            text = text.replace(value, REDACTED);
        }
    }
    text
}

/// The text in one line. Characters that are not seen are removed before anything is searched: they could hide a key, or
/// turn a line around.
fn visible(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for character in message.chars() {
        if character.is_whitespace() {
            if !text.ends_with(' ') {
                text.push(' ');
            }
        } else if !character.is_control() && !is_invisible(character) {
            text.push(character);
        }
    }
    text
}

/// Marks of direction, and characters without width.
const fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_one_short_line() {
        let text = |message: &str| detail(message, None);
        assert_eq!(text("a\r\n\tb\u{7}c\u{202e}d").as_deref(), Some("a bcd"));
        assert_eq!(text(" \n\u{1b}"), None);
        let exact = "ü".repeat(MAX_DETAIL_CHARS);
        assert_eq!(text(&exact).as_deref(), Some(&*exact));
        let cut = text(&format!("{exact}ü")).unwrap();
        assert_eq!(cut.chars().count(), MAX_DETAIL_CHARS);
        assert!(cut.ends_with("ü…"));
    }

    #[test]
    fn what_is_not_seen_hides_no_key() {
        let key = "sk-ab\u{200b}cdef\u{1}012345";
        let text = detail(&format!("bad key {key}"), None);
        assert_eq!(text.as_deref(), Some("bad key [redacted]"));
    }

    #[test]
    fn a_key_at_the_cut_is_not_kept_in_part() {
        let message = format!("{} sk-0123456789abcdef", "a ".repeat(147));
        let text = detail(&message, None).unwrap();
        assert!(!text.contains("sk-"), "{text}");
    }
}
