//! What the gateway writes into its log, and in which form: the variable `log`. Owns its words, which requests are worth a
//! line, and the members of lines in JSON, which are stable; writing them is the host's.

use std::fmt;

use serde::Serialize;

use crate::ledger::record::{End, RequestRecord};
use crate::time_text;
use crate::units::Timestamp;

/// An answer that begins later than this after its request is slow, in milliseconds.
pub const SLOW_MS: u64 = 10_000;

/// Which lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lines {
    /// None.
    Off,
    /// Requests that failed or were slow, and everything that is no request.
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

/// A word that the variable `log` does not have.
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

    /// Whether the request is worth a line: it failed, did not come to its end, or was slow.
    pub fn wants(&self, record: &RequestRecord) -> bool {
        match self.lines {
            Lines::Off => false,
            Lines::All => true,
            Lines::Errors => {
                record.end != End::Complete
                    || record.status >= 400
                    || record.first_byte_ms.is_some_and(|time| time >= SLOW_MS)
            }
        }
    }

    /// A request's line in JSON; `None`: it is written as text.
    pub fn json(&self, record: &RequestRecord) -> Option<String> {
        if !self.is_json {
            return None;
        }
        serde_json::to_string(&RequestLine::of(record)).ok()
    }

    /// A line about anything else, in the form in which it is written; `None`: it is not.
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

#[derive(Serialize)]
struct RequestLine<'a> {
    time: String,
    request: &'a str,
    status: u16,
    end: &'static str,
    key: &'a str,
    channel: Option<&'a str>,
    upstream_key: Option<&'a str>,
    model: &'a str,
    upstream_model: Option<&'a str>,
    endpoint: &'a str,
    stream: bool,
    attempts: usize,
    first_byte_ms: Option<u64>,
    total_ms: u64,
    prompt_tokens: u64,
    completion_tokens: u64,
    estimated: bool,
}

impl<'a> RequestLine<'a> {
    fn of(record: &'a RequestRecord) -> Self {
        Self {
            time: time_text::format(record.time),
            request: &record.id,
            status: record.status,
            end: record.end.word(),
            key: &record.key.id,
            channel: record.channel.as_ref().map(|channel| &*channel.id),
            upstream_key: record.upstream_key.as_deref(),
            model: &record.model,
            upstream_model: record.upstream_model.as_deref(),
            endpoint: &record.endpoint,
            stream: record.stream,
            attempts: record.attempts.len(),
            first_byte_ms: record.first_byte_ms,
            total_ms: record.total_ms,
            prompt_tokens: record.usage.prompt_tokens,
            completion_tokens: record.usage.completion_tokens,
            estimated: record.estimated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::record::Actor;

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

    fn record() -> RequestRecord {
        RequestRecord {
            id: "req_1".to_owned(),
            time: Timestamp(1_795_305_600_000),
            channel: Some(Actor {
                id: "ch_1".to_owned(),
                name: "first".to_owned(),
            }),
            model: "a \"model\"\n".to_owned(),
            endpoint: "/v1/chat/completions".into(),
            status: 200,
            first_byte_ms: Some(100),
            total_ms: 900_000,
            end: End::Complete,
            ..RequestRecord::default()
        }
    }

    #[test]
    fn failures_and_slow_requests_are_worth_a_line() {
        let with = |change: fn(&mut RequestRecord)| {
            let mut record = record();
            change(&mut record);
            record
        };
        let errors = LogPolicy::default();
        for (record, expected) in [
            (record(), false),
            (with(|record| record.first_byte_ms = Some(SLOW_MS)), true),
            (with(|record| record.status = 429), true),
            (with(|record| record.end = End::UpstreamBroke), true),
            (with(|record| record.end = End::ClientGone), true),
        ] {
            assert_eq!(errors.wants(&record), expected, "{record:?}");
            assert!(LogPolicy::ALL.wants(&record));
            assert!(!LogPolicy::parse("off").unwrap().wants(&record));
        }
    }

    #[test]
    fn lines_in_json_have_the_documented_members() {
        let policy = LogPolicy::parse("json").unwrap();
        let line = policy.json(&record()).unwrap();
        assert!(!line.contains('\n'));
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let mut members: Vec<&str> = line.as_object().unwrap().keys().map(|key| &**key).collect();
        members.sort_unstable();
        let documentation = include_str!("../../../docs/operate/logs.md");
        for member in &members {
            assert!(documentation.contains(&format!("`{member}`")), "{member}");
        }
        assert_eq!(members.len(), 17);
        assert_eq!(line["model"], "a \"model\"\n");
        assert_eq!(line["time"], "2026-11-22T00:00:00.000Z");
        assert_eq!(LogPolicy::ALL.json(&record()), None);

        let note = policy.note(Timestamp(1_795_305_600_000), format_args!("a \"b\"\nc"));
        let note: serde_json::Value = serde_json::from_str(&note.unwrap()).unwrap();
        assert_eq!(note["message"], "a \"b\"\nc");
        assert_eq!(note["time"], "2026-11-22T00:00:00.000Z");
        let off = LogPolicy::parse("off").unwrap();
        assert_eq!(off.note(Timestamp(0), format_args!("x")), None);
    }
}
