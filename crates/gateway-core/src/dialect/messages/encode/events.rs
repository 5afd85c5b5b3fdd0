//! The events of a Messages stream as they are written. Owns their members and the framing; their order is decided by who
//! writes them.

use std::borrow::Cow;

use serde::Serialize;

use crate::wire::usage::Usage;

/// An event of a stream.
pub(super) trait NamedEvent: Serialize {
    /// Its name, which is also its `type`.
    const NAME: &'static str;
}

/// Writes an event with its frame.
pub(super) fn write_event<E: NamedEvent>(output: &mut Vec<u8>, event: &E) {
    output.extend_from_slice(b"event: ");
    output.extend_from_slice(E::NAME.as_bytes());
    output.extend_from_slice(b"\ndata: ");
    // Writing to memory cannot fail, and all keys are strings.
    let _ = serde_json::to_writer(&mut *output, event);
    output.extend_from_slice(b"\n\n");
}

/// The figures of an answer.
#[derive(Debug, Default, Serialize)]
pub(super) struct WrittenUsage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_tool_use: Option<ServerToolUse>,
}

#[derive(Debug, Serialize)]
struct ServerToolUse {
    web_search_requests: usize,
}

impl WrittenUsage {
    /// The figures as Messages counts them: the prompt's tokens beside those of the caches.
    pub(super) fn of(usage: Usage, searches: usize) -> Self {
        let caches = usage.cached_tokens.saturating_add(usage.cache_write_tokens);
        Self {
            input_tokens: usage.prompt_tokens.saturating_sub(caches),
            cache_creation_input_tokens: usage.cache_write_tokens,
            cache_read_input_tokens: usage.cached_tokens,
            output_tokens: usage.completion_tokens,
            server_tool_use: (searches > 0).then_some(ServerToolUse {
                web_search_requests: searches,
            }),
        }
    }
}

#[derive(Serialize)]
pub(super) struct MessageStart<'a> {
    r#type: &'static str,
    message: EmptyMessage<'a>,
}

#[derive(Serialize)]
struct EmptyMessage<'a> {
    id: &'a str,
    r#type: &'static str,
    role: &'static str,
    model: &'a str,
    content: [&'static str; 0],
    stop_reason: Option<&'static str>,
    stop_sequence: Option<&'static str>,
    usage: WrittenUsage,
}

impl<'a> MessageStart<'a> {
    pub(super) fn new(id: &'a str, model: &'a str) -> Self {
        Self {
            r#type: Self::NAME,
            message: EmptyMessage {
                id,
                r#type: "message",
                role: "assistant",
                model,
                content: [],
                stop_reason: None,
                stop_sequence: None,
                usage: WrittenUsage::default(),
            },
        }
    }
}

impl NamedEvent for MessageStart<'_> {
    const NAME: &'static str = "message_start";
}

/// A content block, as it begins in a stream and as it is in a whole answer.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum AnswerBlock<'a> {
    Text {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<WrittenCitation<'a>>,
        text: &'a str,
    },
    Thinking {
        thinking: &'a str,
        signature: Cow<'a, str>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: &'a serde_json::value::RawValue,
    },
    ServerToolUse {
        id: &'a str,
        name: &'static str,
        input: SearchQuery<'a>,
    },
    WebSearchToolResult {
        tool_use_id: &'a str,
        content: Vec<WrittenResult<'a>>,
    },
}

/// The input of a search; in the start of a block it is empty.
#[derive(Debug, Serialize)]
pub(super) struct SearchQuery<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) query: Option<&'a str>,
}

/// A result of a search. What Anthropic encrypts is empty: it could not be used elsewhere.
#[derive(Debug, Serialize)]
pub(super) struct WrittenResult<'a> {
    pub(super) r#type: &'static str,
    pub(super) url: Cow<'a, str>,
    pub(super) title: Cow<'a, str>,
    pub(super) encrypted_content: &'static str,
    pub(super) page_age: Option<&'static str>,
}

/// A source of a text.
#[derive(Debug, Serialize)]
pub(super) struct WrittenCitation<'a> {
    r#type: &'static str,
    url: &'a str,
    title: &'a str,
    cited_text: &'static str,
    encrypted_index: &'static str,
}

impl<'a> WrittenCitation<'a> {
    pub(super) const fn new(url: &'a str, title: &'a str) -> Self {
        Self {
            r#type: "web_search_result_location",
            url,
            title,
            cited_text: "",
            encrypted_index: "",
        }
    }
}

#[derive(Serialize)]
pub(super) struct ContentBlockStart<'a> {
    r#type: &'static str,
    index: usize,
    content_block: AnswerBlock<'a>,
}

impl<'a> ContentBlockStart<'a> {
    pub(super) const fn new(index: usize, content_block: AnswerBlock<'a>) -> Self {
        Self {
            r#type: Self::NAME,
            index,
            content_block,
        }
    }
}

impl NamedEvent for ContentBlockStart<'_> {
    const NAME: &'static str = "content_block_start";
}

#[derive(Serialize)]
pub(super) struct ContentBlockDelta<'a> {
    r#type: &'static str,
    index: usize,
    delta: WrittenDelta<'a>,
}

/// What a delta adds to its block.
#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum WrittenDelta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    Input { partial_json: &'a str },
    #[serde(rename = "citations_delta")]
    Citation { citation: WrittenCitation<'a> },
}

impl<'a> ContentBlockDelta<'a> {
    pub(super) const fn new(index: usize, delta: WrittenDelta<'a>) -> Self {
        Self {
            r#type: Self::NAME,
            index,
            delta,
        }
    }
}

impl NamedEvent for ContentBlockDelta<'_> {
    const NAME: &'static str = "content_block_delta";
}

#[derive(Serialize)]
pub(super) struct ContentBlockStop {
    r#type: &'static str,
    index: usize,
}

impl ContentBlockStop {
    pub(super) const fn new(index: usize) -> Self {
        Self {
            r#type: Self::NAME,
            index,
        }
    }
}

impl NamedEvent for ContentBlockStop {
    const NAME: &'static str = "content_block_stop";
}

#[derive(Serialize)]
pub(super) struct MessageDelta<'a> {
    r#type: &'static str,
    delta: StopMembers<'a>,
    usage: WrittenUsage,
}

#[derive(Serialize)]
struct StopMembers<'a> {
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
}

impl<'a> MessageDelta<'a> {
    pub(super) const fn new(
        stop_reason: &'static str,
        stop_sequence: Option<&'a str>,
        usage: WrittenUsage,
    ) -> Self {
        Self {
            r#type: Self::NAME,
            delta: StopMembers {
                stop_reason,
                stop_sequence,
            },
            usage,
        }
    }
}

impl NamedEvent for MessageDelta<'_> {
    const NAME: &'static str = "message_delta";
}

#[derive(Serialize)]
pub(super) struct FailureEvent<'a> {
    r#type: &'static str,
    error: StatedFailure<'a>,
}

#[derive(Serialize)]
struct StatedFailure<'a> {
    r#type: &'static str,
    message: &'a str,
}

impl<'a> FailureEvent<'a> {
    pub(super) const fn new(kind: &'static str, message: &'a str) -> Self {
        Self {
            r#type: Self::NAME,
            error: StatedFailure {
                r#type: kind,
                message,
            },
        }
    }
}

impl NamedEvent for FailureEvent<'_> {
    const NAME: &'static str = "error";
}
