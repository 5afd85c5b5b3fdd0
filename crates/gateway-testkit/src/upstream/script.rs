//! The script: which request gets which answer. Owns the rules' matching and their JSON form; sends nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// One line of the script. What is `None` matches everything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// The path without its query, or its end.
    pub path: Option<String>,
    /// The API key, from the bearer token or the header `api-key`.
    pub key: Option<String>,
    /// The body's `model`, or the deployment's name in an Azure path.
    pub model: Option<String>,
    /// How many requests it is for; `None`: every one.
    pub times: Option<u32>,
    /// What they get.
    pub action: Action,
}

impl Rule {
    /// A permanent rule for every request.
    pub fn always(action: Action) -> Self {
        Self {
            action,
            ..Self::default()
        }
    }

    /// Narrows the rule to paths with this end.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Narrows the rule to an API key.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Narrows the rule to a model.
    #[must_use]
    pub fn model(mut self, model: &str) -> Self {
        self.model = Some(model.to_owned());
        self
    }

    /// Makes it a rule for the next `times` matching requests.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn matches(&self, path: &str, key: Option<&str>, model: Option<&str>) -> bool {
        self.path.as_deref().is_none_or(|end| path.ends_with(end))
            && self.key.is_none_or_equals(key)
            && self.model.is_none_or_equals(model)
    }
}

/// Comparison of an optional condition with an optional fact.
trait Condition {
    fn is_none_or_equals(&self, fact: Option<&str>) -> bool;
}

impl Condition for Option<String> {
    fn is_none_or_equals(&self, fact: Option<&str>) -> bool {
        self.as_deref().is_none_or(|wanted| fact == Some(wanted))
    }
}

/// What a request gets.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Action {
    /// Answers as if there were no rule; then only the delays count.
    pub usual: bool,
    /// Whether a head is sent at all; without it `end` happens in place of the response.
    pub head: bool,
    /// The response's status.
    pub status: u16,
    /// The response's headers, in order.
    pub headers: Vec<(String, String)>,
    /// Milliseconds before the head.
    pub delay_ms: u64,
    /// Milliseconds between the head and the body.
    pub body_delay_ms: u64,
    /// The body, in the pieces in which it is written.
    pub chunks: Vec<Chunk>,
    /// What happens after the last piece.
    pub end: End,
}

impl Default for Action {
    fn default() -> Self {
        Self {
            usual: false,
            head: true,
            status: 200,
            headers: Vec::new(),
            delay_ms: 0,
            body_delay_ms: 0,
            chunks: Vec::new(),
            end: End::Complete,
        }
    }
}

impl Action {
    /// The usual answer, to be delayed.
    pub fn usual() -> Self {
        Self {
            usual: true,
            ..Self::default()
        }
    }

    /// A JSON body with a status.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::raw(status, "application/json", body.to_string())
    }

    /// A body of any content type, written in one piece.
    pub fn raw(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            chunks: vec![Chunk::new(body)],
            ..Self::default()
        }
        .header("content-type", content_type)
    }

    /// An error in `OpenAI`'s shape with a status.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(
            status,
            &serde_json::json!({"error": {"message": message, "type": "upstream_error", "param": null, "code": code}}),
        )
    }

    /// An event stream, written piece by piece.
    pub fn sse(chunks: impl IntoIterator<Item = Chunk>) -> Self {
        Self {
            chunks: chunks.into_iter().collect(),
            ..Self::default()
        }
        .header("content-type", "text/event-stream")
    }

    /// No response: the connection is reset.
    pub fn reset() -> Self {
        Self {
            head: false,
            end: End::Reset,
            ..Self::default()
        }
    }

    /// No response: the connection is closed.
    pub fn close() -> Self {
        Self {
            head: false,
            end: End::Close,
            ..Self::default()
        }
    }

    /// No response, ever; the connection stays open.
    pub fn hang() -> Self {
        Self {
            head: false,
            end: End::Hang,
            ..Self::default()
        }
    }

    /// Adds a response header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Waits before the head.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay_ms = millis(delay);
        self
    }

    /// Waits between the head and the body.
    #[must_use]
    pub fn body_after(mut self, delay: Duration) -> Self {
        self.body_delay_ms = millis(delay);
        self
    }

    /// Changes what happens after the last piece.
    #[must_use]
    pub const fn then(mut self, end: End) -> Self {
        self.end = end;
        self
    }
}

/// A piece of a body. In JSON `{"text"|"base64", "delay_ms"}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawChunk")]
pub struct Chunk {
    /// The bytes.
    pub bytes: Bytes,
    /// Milliseconds before them.
    pub delay_ms: u64,
}

impl Chunk {
    /// Bytes without a delay.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self {
            bytes: bytes.into(),
            delay_ms: 0,
        }
    }

    /// Bytes after a delay.
    pub fn after(delay: Duration, bytes: impl Into<Bytes>) -> Self {
        Self {
            bytes: bytes.into(),
            delay_ms: millis(delay),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawChunk {
    text: Option<String>,
    base64: Option<String>,
    #[serde(default)]
    delay_ms: u64,
}

impl TryFrom<RawChunk> for Chunk {
    type Error = String;

    fn try_from(raw: RawChunk) -> Result<Self, String> {
        let bytes = match (raw.text, raw.base64) {
            (Some(text), None) => Bytes::from(text),
            (None, Some(encoded)) => Bytes::from(
                STANDARD
                    .decode(encoded)
                    .map_err(|error| error.to_string())?,
            ),
            _ => return Err("a chunk has either text or base64".to_owned()),
        };
        Ok(Self {
            bytes,
            delay_ms: raw.delay_ms,
        })
    }
}

/// What happens after the last piece of a body, or in place of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// The body ends regularly.
    #[default]
    Complete,
    /// The connection is closed in the middle.
    Close,
    /// The connection is reset (RST).
    Reset,
    /// Nothing, and the connection stays open.
    Hang,
}

/// The rules in force.
#[derive(Default)]
pub(super) struct Script {
    /// The number of rules, so that a server without any takes no lock per request.
    len: AtomicUsize,
    rules: Mutex<Vec<Rule>>,
}

impl Script {
    pub(super) fn add(&self, rule: Rule) {
        let mut rules = self.lock();
        rules.push(rule);
        self.len.store(rules.len(), Ordering::Release);
    }

    pub(super) fn clear(&self) {
        let mut rules = self.lock();
        rules.clear();
        self.len.store(0, Ordering::Release);
    }

    /// The action for a request, if a rule is for it; a rule with a number of times is used up by one.
    pub(super) fn take(
        &self,
        path: &str,
        key: Option<&str>,
        model: Option<&str>,
    ) -> Option<Action> {
        if self.len.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut rules = self.lock();
        let limited = rules.iter_mut().find(|rule| {
            rule.times.is_some_and(|times| times > 0) && rule.matches(path, key, model)
        });
        if let Some(rule) = limited {
            rule.times = rule.times.map(|times| times - 1);
            return Some(rule.action.clone());
        }
        let status = rules
            .iter()
            .rev()
            .find(|rule| rule.times.is_none() && rule.matches(path, key, model));
        status.map(|rule| rule.action.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_with_a_number_come_before_standing_ones_and_newer_standing_ones_first() {
        let script = Script::default();
        let rule = |status| {
            Rule::always(Action {
                status,
                ..Action::default()
            })
        };
        script.add(rule(500));
        script.add(rule(501));
        script.add(rule(502).times(1));
        script.add(rule(503).times(1));
        let statuses: Vec<u16> = (0..4)
            .filter_map(|_| script.take("/x", None, None))
            .map(|a| a.status)
            .collect();
        assert_eq!(statuses, [502, 503, 501, 501]);
    }

    #[test]
    fn a_rule_is_narrowed_by_path_key_and_model() {
        let rule = Rule::always(Action::reset())
            .path("/embeddings")
            .key("k")
            .model("m");
        assert!(rule.matches("/v1/embeddings", Some("k"), Some("m")));
        assert!(!rule.matches("/v1/models", Some("k"), Some("m")));
        assert!(!rule.matches("/v1/embeddings", None, Some("m")));
        assert!(!rule.matches("/v1/embeddings", Some("k"), Some("n")));
    }
}
