//! What one JSON answer or one stream event says about the fate of a request: content, an error, the end.
//! Owns the reading of OpenAI-shaped payloads; classifying an error is `attempt`'s work.

use std::fmt;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::usage::{self, Usage};
use super::{content, sse};

/// What an event of a stream means for relaying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// No payload, or a start-up chunk without choices: proves nothing yet.
    Nothing,
    /// Content of an answer.
    Content,
    /// Content that ends the answer: a finish reason.
    Finish,
    /// The `[DONE]` mark.
    Done,
    /// An error in place of content.
    Error,
}

/// One event of a stream, as far as relaying has to understand it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it means.
    pub signal: Signal,
    /// The tokens that it states; of several in one stream see [`Usage::take_in`].
    pub usage: Option<Usage>,
    /// Whether it is nothing but the extra chunk that `include_usage` asks for: no choice, but a `usage` object.
    pub is_usage_only: bool,
    /// Bytes of text in it, as JSON spells them; see [`content::bytes`](super::content).
    pub content_bytes: u64,
}

impl Event {
    const fn of(signal: Signal) -> Self {
        Self {
            signal,
            usage: None,
            is_usage_only: false,
            content_bytes: 0,
        }
    }
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(default)]
    choices: Option<Choices>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    /// What the last event of `/v1/responses` is about.
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
    /// What the first event of Anthropic's messages is about.
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    /// The status of NVIDIA NIM's problems, which have a title as well.
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    title: Option<&'a RawValue>,
    /// Where Groq puts the usage of a stream.
    #[serde(borrow, default)]
    x_groq: Option<&'a RawValue>,
    /// The text of typed events.
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
}

/// What the choices of an answer say together. They are looked at one after the other and not kept: there may be
/// millions in an event of a hostile upstream.
#[derive(Clone, Copy, Default)]
struct Choices {
    any: bool,
    failed: bool,
    finished: bool,
    content_bytes: u64,
}

impl<'de> Deserialize<'de> for Choices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ChoicesVisitor)
    }
}

struct ChoicesVisitor;

impl<'de> Visitor<'de> for ChoicesVisitor {
    type Value = Choices;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of choices")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Choices, A::Error> {
        let mut choices = Choices::default();
        while let Some(choice) = list.next_element::<Choice<'de>>()? {
            choices.any = true;
            choices.failed |= is_set(choice.error)
                || choice
                    .finish_reason
                    .is_some_and(|reason| reason.get() == "\"error\"");
            choices.finished |= is_set(choice.finish_reason);
            choices.content_bytes += [choice.delta, choice.message, choice.text]
                .into_iter()
                .flatten()
                .map(content::bytes)
                .sum::<u64>();
        }
        Ok(choices)
    }
}

fn is_set(raw: Option<&RawValue>) -> bool {
    raw.is_some_and(|raw| raw.get() != "null")
}

impl Payload<'_> {
    /// The usage, which some events carry inside what they are about.
    fn usage(&self) -> Option<Usage> {
        let inside = || {
            let place = self.response.or(self.message).or(self.x_groq)?;
            usage::of_body(place.get().as_bytes())
        };
        self.usage.and_then(usage::of_object).or_else(inside)
    }

    /// Whether it is an error in place of an answer, in one of the shapes that have no choices.
    fn is_error(&self) -> bool {
        let has_status = || {
            self.status
                .and_then(|raw| raw.get().parse().ok())
                .is_some_and(|status: u16| (400..600).contains(&status))
        };
        let is_problem = || self.choices.is_none() && is_set(self.title) && has_status();
        is_set(self.error) || is_problem()
    }

    fn content_bytes(&self) -> u64 {
        let of_choices = self.choices.map_or(0, |choices| choices.content_bytes);
        of_choices + self.delta.map_or(0, content::bytes)
    }

    fn is_usage_only(&self) -> bool {
        let has_no_choice = self.choices.is_some_and(|choices| !choices.any);
        has_no_choice && self.usage.is_some_and(|raw| raw.get().starts_with('{'))
    }
}

/// Reads one event of a stream, once.
pub fn of(event: &[u8]) -> Event {
    let meaning = read(sse::data(event).as_deref());
    // Whatever its data looks like.
    if meaning.signal != Signal::Done && sse::is_named(event, b"error") {
        return Event::of(Signal::Error);
    }
    meaning
}

/// Reads the data of one event, once; `None` stands for an event without data.
pub fn read(data: Option<&[u8]>) -> Event {
    let data = data.unwrap_or_default().trim_ascii();
    if data.is_empty() {
        return Event::of(Signal::Nothing);
    }
    if data.starts_with(b"[DONE]") {
        return Event::of(Signal::Done);
    }
    let Ok(payload) = serde_json::from_slice::<Payload<'_>>(data) else {
        // Not our shape: somebody's own payload, passed on as content.
        return Event::of(Signal::Content);
    };
    let signal = signal(&payload);
    Event {
        signal,
        usage: payload.usage(),
        is_usage_only: signal == Signal::Nothing && payload.is_usage_only(),
        content_bytes: payload.content_bytes(),
    }
}

fn signal(payload: &Payload<'_>) -> Signal {
    if payload.is_error() {
        return Signal::Error;
    }
    if let Some(kind) = payload.kind {
        return of_typed_event(kind.get());
    }
    match payload.choices {
        Some(choices) if !choices.any => Signal::Nothing,
        Some(choices) if choices.failed => Signal::Error,
        Some(choices) if choices.finished => Signal::Finish,
        Some(_) | None => Signal::Content,
    }
}

/// Events of `/v1/responses`, of images and audio and of Anthropic's messages carry their meaning in `type`, a
/// JSON string with its quotes here.
fn of_typed_event(kind: &str) -> Signal {
    match kind {
        "\"error\"" | "\"response.failed\"" => Signal::Error,
        "\"response.completed\""
        | "\"response.incomplete\""
        | "\"message_stop\""
        | "\"image_generation.completed\""
        | "\"image_edit.completed\""
        | "\"transcript.text.done\""
        | "\"speech.audio.done\"" => Signal::Finish,
        "\"response.created\""
        | "\"response.queued\""
        | "\"response.in_progress\""
        | "\"message_start\""
        | "\"ping\"" => Signal::Nothing,
        _ => Signal::Content,
    }
}

// Prepared once: in a short answer that takes longer than the search.
static ERROR: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"error"));
static TITLE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\"title\""));

/// Whether a whole JSON answer with a good status is an error all the same: a top-level `error` that is
/// set, or a choice that ended with one.
pub fn body_is_error(body: &[u8]) -> bool {
    // Only objects that mention an error or a problem at all are worth parsing.
    let is_suspect = || ERROR.find(body).is_some() || TITLE.find(body).is_some();
    if body.first() == Some(&b'{') && is_suspect() {
        return serde_json::from_slice::<Payload<'_>>(body).is_ok_and(|payload| {
            payload.is_error() || payload.choices.is_some_and(|choices| choices.failed)
        });
    }
    false
}

/// Bytes of text in a whole JSON answer.
pub fn content_bytes(body: &[u8]) -> u64 {
    serde_json::from_slice::<Payload<'_>>(body).map_or(0, |payload| payload.content_bytes())
}

/// An answer's body without what may stand in front of its JSON: white space and `: …` comment lines, as
/// OpenRouter sends to keep connections open. Gives the number of bytes to skip.
pub fn padding_before_json(body: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = body.get(at..).unwrap_or_default();
        match rest.first() {
            Some(b' ' | b'\t' | b'\r' | b'\n') => at += 1,
            Some(b':') => match rest.iter().position(|byte| *byte == b'\n') {
                Some(end) => at += end + 1,
                None => return 0,
            },
            _ => return at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_mean_what_upstreams_mean() {
        let cases: &[(&str, Signal)] = &[
            ("", Signal::Nothing),
            ("[DONE]", Signal::Done),
            (
                r#"{"choices":[],"prompt_filter_results":[]}"#,
                Signal::Nothing,
            ),
            (
                r#"{"choices":[{"delta":{"content":"a"},"finish_reason":null}]}"#,
                Signal::Content,
            ),
            (
                r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
                Signal::Finish,
            ),
            (
                r#"{"error":{"code":502,"message":"x"},"choices":[{"delta":{},"finish_reason":"error"}]}"#,
                Signal::Error,
            ),
            (r#"{"choices":[{"finish_reason":"error"}]}"#, Signal::Error),
            (r#"{"error":{"message":"x"}}"#, Signal::Error),
            (
                r#"{"error":null,"choices":[{"delta":{}}]}"#,
                Signal::Content,
            ),
            (
                r#"{"type":"response.created","response":{"error":null}}"#,
                Signal::Nothing,
            ),
            (
                r#"{"type":"response.output_text.delta","delta":"x"}"#,
                Signal::Content,
            ),
            (r#"{"type":"response.completed"}"#, Signal::Finish),
            (r#"{"type":"response.failed"}"#, Signal::Error),
            ("plain text", Signal::Content),
        ];
        for (data, expected) in cases {
            assert_eq!(read(Some(data.as_bytes())).signal, *expected, "{data}");
        }
        assert_eq!(read(None), Event::of(Signal::Nothing));
    }

    #[test]
    fn usage_is_found_in_every_kind_of_stream() {
        let read = |data: &str| read(Some(data.as_bytes()));
        let tokens = |data: &str| {
            read(data)
                .usage
                .map(|usage| (usage.prompt_tokens, usage.completion_tokens))
        };
        let extra = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12}}"#;
        assert_eq!(tokens(extra), Some((9, 12)));
        assert!(read(extra).is_usage_only);
        let last = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":12}}"#;
        assert_eq!(tokens(last), Some((9, 12)));
        assert!(!read(last).is_usage_only, "it ends the answer as well");
        let plain = r#"{"choices":[{"delta":{"content":"a"}}],"usage":null}"#;
        let content = Event {
            content_bytes: 1,
            ..Event::of(Signal::Content)
        };
        assert_eq!(read(plain), content);
        let filter = r#"{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#;
        assert!(
            !read(filter).is_usage_only,
            "Azure's start-up chunk is passed on"
        );
        let completed = r#"{"type":"response.completed","response":{"id":"r","usage":{"input_tokens":3,"output_tokens":4}}}"#;
        assert_eq!(tokens(completed), Some((3, 4)));
        let start =
            r#"{"type":"message_start","message":{"usage":{"input_tokens":25,"output_tokens":1}}}"#;
        assert_eq!(tokens(start), Some((25, 1)));
        let groq = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"r","usage":{"queue_time":0.01,"prompt_tokens":5,"completion_tokens":6}}}"#;
        assert_eq!(tokens(groq), Some((5, 6)));
        let failed =
            r#"{"error":{"code":502,"message":"x"},"choices":[],"usage":{"prompt_tokens":9}}"#;
        assert!(!read(failed).is_usage_only, "an error is never dropped");
        let odd = r#"{"choices":[],"usage":{"seconds":3}}"#;
        assert!(read(odd).is_usage_only && read(odd).usage.is_none());
        let delta = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":15}}"#;
        assert_eq!(tokens(delta), Some((0, 15)));
    }

    #[test]
    fn good_bodies_that_mention_errors_stay_good() {
        assert!(!body_is_error(
            br#"{"choices":[{"message":{"content":"an error"},"finish_reason":"stop"}]}"#
        ));
        assert!(!body_is_error(br#"{"error":null,"data":[]}"#));
        assert!(body_is_error(br#"{"error":{"code":429,"message":"slow"}}"#));
        assert!(body_is_error(
            br#"{"choices":[{"error":{"code":502,"message":"x"},"finish_reason":"error"}]}"#
        ));
        assert!(!body_is_error(b"error: plain text"));
    }

    #[test]
    fn padding_is_skipped() {
        assert_eq!(
            padding_before_json(b"\n : OPENROUTER PROCESSING\n\n{\"a\":1}"),
            27
        );
        assert_eq!(padding_before_json(b"{}"), 0);
        assert_eq!(padding_before_json(b": never ends"), 0);
    }
}
