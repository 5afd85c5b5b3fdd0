//! What one JSON answer or one stream event means for a request: content, an error, the end. Owns the reading of
//! OpenAI-shaped payloads; classifying an error is `attempt`'s work.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::choices::{self, Choices};
use super::usage::{self, Usage};
use super::{content, emptiness, sse};

/// What an event of a stream means for relaying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// No payload, or one without content yet: no choices, a role alone, the announcement of a part.
    Nothing,
    /// Content of an answer.
    Content,
    /// A finish reason of at least one choice, or the final event. Whether the answer is whole is for [`Ending`].
    Finish,
    /// The `[DONE]` marker.
    Done,
    /// An error in place of content.
    Error,
}

/// One event of a stream, as far as relaying has to understand it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventSignal {
    /// What it means.
    pub signal: Signal,
    /// The tokens that it states; of several in one stream see [`Usage::take_in`].
    pub usage: Option<Usage>,
    /// Whether it is only the extra chunk of `include_usage`: no choice, but a `usage` object.
    pub is_usage_only: bool,
    /// Bytes of text in it, as JSON spells them; see [`content::bytes`](super::content).
    pub content_bytes: u64,
    /// The state of each choice.
    pub choices: Choices,
}

impl EventSignal {
    fn of(signal: Signal) -> Self {
        Self {
            signal,
            usage: None,
            is_usage_only: false,
            content_bytes: 0,
            choices: Choices::default(),
        }
    }
}

/// How much of a stream has ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ending {
    choices: Choices,
    has_final_event: bool,
}

impl Ending {
    /// Adds the next event.
    pub fn take_in(&mut self, event: &EventSignal) {
        self.choices.take_in(event.choices);
        self.has_final_event |= event.signal == Signal::Finish && !event.choices.any();
    }

    /// Whether the answer is whole: there was a final event, or every choice that was seen has ended.
    pub fn is_whole(&self) -> bool {
        self.has_final_event || self.choices.all_ended()
    }
}

#[derive(Deserialize)]
struct SignalPayload<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(default)]
    choices: Option<Choices>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    /// Beside the usage of chat completions.
    #[serde(borrow, default)]
    service_tier: Option<&'a RawValue>,
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
    /// What typed events announce: a block of Anthropic's messages, an item of `/v1/responses`, or a part of one.
    #[serde(borrow, default)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    part: Option<&'a RawValue>,
    /// The payload's type, and the members of errors without an `error`.
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    code: Option<&'a RawValue>,
    #[serde(borrow, default)]
    msg: Option<&'a RawValue>,
    /// Content members of shapes without choices.
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
}

/// Whether a member is not empty.
fn is_given(raw: Option<&RawValue>) -> bool {
    raw.is_some_and(|raw| !emptiness::is_empty(raw))
}

fn is_text(raw: Option<&RawValue>) -> bool {
    raw.is_some_and(|raw| raw.get().starts_with('"')) && is_given(raw)
}

/// Success codes of upstreams that send one with each answer.
const GOOD_CODES: &[&str] = &[
    "200",
    "\"200\"",
    "\"success\"",
    "\"Success\"",
    "\"ok\"",
    "\"OK\"",
];

impl SignalPayload<'_> {
    /// The usage, which some events nest in their object.
    fn usage(&self) -> Option<Usage> {
        let inside = || {
            let place = self.response.or(self.message).or(self.x_groq)?;
            usage::of_body(place.get().as_bytes())
        };
        let mut usage = self.usage.and_then(usage::of_object).or_else(inside)?;
        usage.service_tier = usage
            .service_tier
            .or_else(|| usage::service_tier(self.service_tier));
        Some(usage)
    }

    /// Whether it is an error in place of an answer, in one of the shapes that have no choices.
    fn is_error(&self) -> bool {
        let has_status = || {
            self.status
                .and_then(|raw| raw.get().parse().ok())
                .is_some_and(|status: u16| (400..600).contains(&status))
        };
        let is_problem = || self.choices.is_none() && is_given(self.title) && has_status();
        is_given(self.error) || self.is_failed_response() || is_problem() || self.is_bare_error()
    }

    /// A whole answer of `/v1/responses` that failed, with any reason.
    fn is_failed_response(&self) -> bool {
        let is = |member: Option<&RawValue>, word| member.is_some_and(|raw| raw.get() == word);
        is(self.status, "\"failed\"") && is(self.object, "\"response\"")
    }

    /// An error of a provider's own protocol: a code and a message, and nothing that could be an answer.
    fn is_bare_error(&self) -> bool {
        let has_code = self
            .code
            .is_some_and(|code| !GOOD_CODES.contains(&code.get()));
        self.choices.is_none()
            && self.kind.is_none()
            && self.object.is_none()
            && has_code
            && is_given(self.code)
            && (is_text(self.message) || is_text(self.msg))
            && !self.has_other_content()
    }

    /// Whether it has content of another shape than choices.
    fn has_other_content(&self) -> bool {
        let places = [
            self.data,
            self.content,
            self.text,
            self.output,
            self.delta,
            self.response,
        ];
        places.into_iter().any(is_given)
    }

    fn content_bytes(&self) -> u64 {
        let of_choices = self.choices.map_or(0, |choices| choices.content_bytes);
        of_choices + self.delta.map_or(0, content::bytes)
    }

    /// Some upstreams leave `choices` out of the extra chunk, or send null.
    fn is_usage_only(&self) -> bool {
        let has_no_choice = match self.choices {
            Some(choices) => !choices.any(),
            None => self.kind.is_none() && self.message.is_none() && !self.has_other_content(),
        };
        has_no_choice && self.usage.is_some_and(|raw| raw.get().starts_with('{'))
    }
}

/// Reads one event of a stream, once.
pub fn of(event: &[u8]) -> EventSignal {
    let meaning = read(sse::data(event).as_deref());
    // Regardless of its data.
    if meaning.signal != Signal::Done && sse::is_named(event, b"error") {
        return EventSignal::of(Signal::Error);
    }
    meaning
}

/// Whether the end of a stream is a whole event that only lacks its blank line, and not one that was cut off.
pub fn is_whole(rest: &[u8]) -> bool {
    let data = sse::data(rest).unwrap_or_default();
    let data = data.trim_ascii();
    data == b"[DONE]" || data.starts_with(b"{") && serde_json::from_slice::<&RawValue>(data).is_ok()
}

/// Reads the data of one event, once; `None` means an event without data.
pub fn read(data: Option<&[u8]>) -> EventSignal {
    let data = data.unwrap_or_default().trim_ascii();
    if data.is_empty() {
        return EventSignal::of(Signal::Nothing);
    }
    if data.starts_with(b"[DONE]") {
        return EventSignal::of(Signal::Done);
    }
    let Ok(payload) = serde_json::from_slice::<SignalPayload<'_>>(data) else {
        // Not a known format: passed on as content.
        return EventSignal::of(Signal::Content);
    };
    let signal = signal(&payload);
    EventSignal {
        signal,
        usage: payload.usage(),
        is_usage_only: signal == Signal::Nothing && payload.is_usage_only(),
        content_bytes: payload.content_bytes(),
        choices: payload.choices.unwrap_or_default(),
    }
}

fn signal(payload: &SignalPayload<'_>) -> Signal {
    if payload.is_error() {
        return Signal::Error;
    }
    match (payload.choices, payload.kind) {
        (Some(choices), _) if choices.failed => Signal::Error,
        (Some(choices), _) if choices.any_ended() => Signal::Finish,
        (Some(choices), _) if choices.has_content => Signal::Content,
        (Some(_), _) => Signal::Nothing,
        (None, Some(kind)) => of_typed_event(kind.get(), payload),
        (None, None) if payload.is_usage_only() => Signal::Nothing,
        // An empty error and nothing else.
        (None, None) if payload.error.is_some() && !payload.has_other_content() => Signal::Nothing,
        (None, None) => Signal::Content,
    }
}

/// Events of `/v1/responses`, of images and audio and of Anthropic's messages carry their meaning in `type`, a
/// JSON string with its quotes here.
fn of_typed_event(kind: &str, payload: &SignalPayload<'_>) -> Signal {
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
        | "\"content_block_stop\""
        | "\"keepalive\""
        | "\"ping\"" => Signal::Nothing,
        "\"content_block_start\"" => announced(payload.content_block),
        "\"response.output_item.added\"" => announced(payload.item),
        "\"response.content_part.added\"" | "\"response.reasoning_summary_part.added\"" => {
            announced(payload.part)
        }
        "\"message_delta\"" => {
            if payload.delta.is_some_and(has_stop_reason) {
                Signal::Content
            } else {
                Signal::Nothing
            }
        }
        kind if kind.ends_with("delta\"") => announced(payload.delta),
        _ => Signal::Content,
    }
}

/// What a typed event announces or adds is content unless it is empty: its name and its start are not.
fn announced(part: Option<&RawValue>) -> Signal {
    const NAMES: &[&str] = &["type", "id", "status", "role", "object", "phase", "index"];
    // Without one, its content is somewhere else.
    let is_empty = part
        .is_some_and(|part| content::bytes(part) == 0 && emptiness::is_empty_but_for(part, NAMES));
    if is_empty {
        Signal::Nothing
    } else {
        Signal::Content
    }
}

/// Whether Anthropic's `message_delta` states why the message ends.
fn has_stop_reason(delta: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Delta<'a> {
        #[serde(borrow, default)]
        stop_reason: Option<&'a RawValue>,
    }
    let delta: Result<Delta<'_>, _> = crate::wire::json::from_str(delta.get());
    delta.is_ok_and(|delta| {
        delta
            .stop_reason
            .is_some_and(|reason| choices::finish_reason(reason).is_some())
    })
}

// Prepared once: in a short answer the preparation takes longer than the search.
static SUSPECTS: LazyLock<[Finder<'_>; 4]> =
    LazyLock::new(|| ["error", "\"title\"", "\"failed\"", "\"code\""].map(Finder::new));

/// Whether a whole JSON answer with a good status is an error anyway: a top-level `error` that is set, a response that
/// failed, or a choice that ended with an error.
pub fn body_is_error(body: &[u8]) -> bool {
    // Only objects that mention an error or a problem are parsed.
    let is_suspect = || SUSPECTS.iter().any(|suspect| suspect.find(body).is_some());
    if body.first() == Some(&b'{') && is_suspect() {
        return serde_json::from_slice::<SignalPayload<'_>>(body).is_ok_and(|payload| {
            payload.is_error() || payload.choices.is_some_and(|choices| choices.failed)
        });
    }
    false
}

/// Bytes of text in a whole JSON answer.
pub fn content_bytes(body: &[u8]) -> u64 {
    serde_json::from_slice::<SignalPayload<'_>>(body).map_or(0, |payload| payload.content_bytes())
}

#[cfg(test)]
mod tests;
