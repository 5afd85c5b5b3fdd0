//! The line in the log that says how a request ended. Owns which requests are worth one, its text, and the members of lines in
//! JSON, which are stable.

use std::fmt;

use serde::Serialize;

use super::record::{End, RequestRecord};
use crate::logging::LogPolicy;
use crate::time_text;
use crate::wire::usage::Usage;

/// An answer that begins later than this after its request is slow, in milliseconds.
const SLOW_MS: u64 = 10_000;

/// The request's line; `None`: it gets none.
pub fn of(record: &RequestRecord, policy: LogPolicy) -> Option<String> {
    if !policy.wants_request(is_notable(record)) {
        return None;
    }
    let json = || serde_json::to_string(&RequestLine::of(record)).ok();
    let json = policy.is_json().then(json).flatten();
    Some(json.unwrap_or_else(|| TextLine(record).to_string()))
}

/// Whether it failed, did not come to its end, or was slow.
fn is_notable(record: &RequestRecord) -> bool {
    record.end != End::Complete
        || record.status >= 400
        || record.first_byte_ms.is_some_and(|time| time >= SLOW_MS)
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

struct TextLine<'a>(&'a RequestRecord);

impl fmt::Display for TextLine<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.0;
        write!(formatter, "{} {}", record.id, record.status)?;
        if let Some(channel) = &record.channel {
            let key = record.upstream_key.as_deref().unwrap_or("-");
            write!(formatter, " from channel {:?} key {key}", channel.name)?;
        }
        let model = record.upstream_model.as_ref().unwrap_or(&record.model);
        write!(
            formatter,
            " model {model:?}: {} after {} ms",
            record.end.word(),
            record.total_ms
        )?;
        if let Some(first_byte_ms) = record.first_byte_ms {
            let Usage {
                prompt_tokens,
                completion_tokens,
                ..
            } = record.usage;
            write!(
                formatter,
                ", first byte after {first_byte_ms} ms, {prompt_tokens} + {completion_tokens} tokens"
            )?;
            if record.estimated {
                formatter.write_str(" (estimated)")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::record::Actor;
    use crate::units::Timestamp;

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
            assert_eq!(of(&record, errors).is_some(), expected, "{record:?}");
            assert!(of(&record, LogPolicy::ALL).is_some());
            assert!(of(&record, LogPolicy::parse("off").unwrap()).is_none());
        }
    }

    #[test]
    fn lines_in_json_have_the_documented_members() {
        let policy = LogPolicy::parse("all,json").unwrap();
        let line = of(&record(), policy).unwrap();
        assert!(!line.contains('\n'));
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let mut members: Vec<&str> = line.as_object().unwrap().keys().map(|key| &**key).collect();
        members.sort_unstable();
        let documentation = include_str!("../../../../docs/operate/logs.md");
        for member in &members {
            assert!(documentation.contains(&format!("`{member}`")), "{member}");
        }
        assert_eq!(members.len(), 17);
        assert_eq!(line["model"], "a \"model\"\n");
        assert_eq!(line["time"], "2026-11-22T00:00:00.000Z");
        let text = "req_1 200 from channel \"first\" key - model \"a \\\"model\\\"\\n\": complete after 900000 ms, \
            first byte after 100 ms, 0 + 0 tokens";
        assert_eq!(of(&record(), LogPolicy::ALL).as_deref(), Some(text));
    }
}
