//! What the gateway writes into its log, and in which form: the variable `log`. Owns its format, and lines that do not
//! belong to a request; those of requests are `ledger::log_line`'s, and writing lines is the host's.

use std::fmt;

use serde::Serialize;

use crate::time_text;
use crate::units::Timestamp;

/// Which lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lines {
    /// None.
    Off,
    /// Requests that failed or were slow, and every line that does not belong to a request.
    #[default]
    Errors,
    /// Every request as well.
    All,
}

/// What is written, and how. The default is `errors`, as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogPolicy {
    lines: Lines,
    is_json: bool,
}

/// An unknown word in the variable `log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWord(String);

impl fmt::Display for UnknownWord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the variable `log` has the unknown word {:?}: use `errors`, `all` or `off`, and `json` for lines in JSON, as in \
             `all,json`; `errors` is in force",
            self.0
        )
    }
}

impl std::error::Error for UnknownWord {}

impl LogPolicy {
    /// Every line, as text.
    pub const ALL: Self = Self {
        lines: Lines::All,
        is_json: false,
    };

    /// Reads the variable `log`: `errors`, `all` or `off`, `text` or `json`, or one of each, with a comma or a blank between
    /// them. Empty is the default.
    pub fn parse(text: &str) -> Result<Self, UnknownWord> {
        let mut policy = Self::default();
        let words = text.split(|letter: char| letter == ',' || letter.is_whitespace());
        for word in words.filter(|word| !word.is_empty()) {
            match word.to_ascii_lowercase().as_str() {
                "off" => policy.lines = Lines::Off,
                "errors" => policy.lines = Lines::Errors,
                "all" => policy.lines = Lines::All,
                "json" => policy.is_json = true,
                "text" => policy.is_json = false,
                _ => return Err(UnknownWord(word.to_owned())),
            }
        }
        Ok(policy)
    }

    /// Whether a request gets a line, when it is `notable` (it failed, or was slow) and when it is not.
    pub fn wants_request(&self, notable: bool) -> bool {
        match self.lines {
            Lines::Off => false,
            Lines::All => true,
            Lines::Errors => notable,
        }
    }

    /// Whether lines are JSON.
    pub const fn is_json(&self) -> bool {
        self.is_json
    }

    /// Any other line, in the form in which it is written; `None`: it is not written.
    pub fn note(&self, now: Timestamp, message: fmt::Arguments<'_>) -> Option<String> {
        let message = message.to_string();
        match self.lines {
            Lines::Off => None,
            _ if self.is_json => {
                let time = time_text::format(now);
                serde_json::to_string(&NoteLine { time, message }).ok()
            }
            _ => Some(message),
        }
    }
}

#[derive(Serialize)]
struct NoteLine {
    time: String,
    message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_order() {
        let policy = |lines, is_json| Ok(LogPolicy { lines, is_json });
        for (text, expected) in [
            ("", policy(Lines::Errors, false)),
            ("errors", policy(Lines::Errors, false)),
            ("all", policy(Lines::All, false)),
            ("off", policy(Lines::Off, false)),
            ("json", policy(Lines::Errors, true)),
            ("all,json", policy(Lines::All, true)),
            (" JSON,  All ", policy(Lines::All, true)),
            ("all text", policy(Lines::All, false)),
            ("verbose", Err(UnknownWord("verbose".to_owned()))),
        ] {
            assert_eq!(LogPolicy::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn notes_are_text_or_one_line_of_json() {
        let policy = LogPolicy::parse("json").unwrap();
        let note = policy.note(Timestamp(1_795_305_600_000), format_args!("a \"b\"\nc"));
        let note: serde_json::Value = serde_json::from_str(&note.unwrap()).unwrap();
        assert_eq!(note["message"], "a \"b\"\nc");
        assert_eq!(note["time"], "2026-11-22T00:00:00.000Z");
        let off = LogPolicy::parse("off").unwrap();
        assert_eq!(off.note(Timestamp(0), format_args!("x")), None);
    }
}
