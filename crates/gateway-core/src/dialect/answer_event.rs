//! An answer in the form between the dialects: events in the order in which the upstream produced them. A whole answer is
//! the same events all at once, so that both shapes cannot differ. Data only.

use std::borrow::Cow;

use super::envelope::ReasoningState;
use crate::wire::usage::Usage;

/// One event of an answer.
///
/// Order: `Start` first, once. Then blocks: texts, reasoning, refusals and calls. Deltas of texts, reasoning and refusals
/// are never empty, and consecutive deltas of one kind form one block until another kind or `BlockEnd` comes. Calls are
/// keyed by their index and may be interleaved; each has one `CallStart`, any number of `CallArguments`, and one
/// `CallEnd` before `Finish`. Then `Finish` and `Usage` in any order (usage may come earlier, and several times), and
/// `End` last, once.
#[derive(Clone, Debug, PartialEq)]
pub enum AnswerEvent<'a> {
    /// The answer begins.
    Start {
        /// The upstream's id of the answer; empty when it has none.
        id: Cow<'a, str>,
    },
    /// Text of the answer.
    Text(Cow<'a, str>),
    /// Text of a refusal.
    Refusal(Cow<'a, str>),
    /// Text of reasoning, or of its summary.
    Reasoning(Cow<'a, str>),
    /// A block of reasoning ends, with what its upstream needs to continue it; comes without text before it when the
    /// upstream does not show its reasoning.
    ReasoningState(ReasoningState),
    /// The current block of text, refusal or reasoning ends: what follows is another block, also of the same kind.
    BlockEnd,
    /// A source of the text before it.
    Citation(Citation<'a>),
    /// A call begins.
    CallStart {
        /// Counts the answer's calls from 0.
        index: usize,
        /// The upstream's id; made up by the decoder when there is none.
        id: Cow<'a, str>,
        /// The tool's name on the wire.
        name: Cow<'a, str>,
    },
    /// A piece of a call's arguments, JSON text. Never empty.
    CallArguments {
        /// The call.
        index: usize,
        /// A piece of JSON text.
        json: Cow<'a, str>,
    },
    /// All arguments of a call are there. A call without any means `{}`.
    CallEnd {
        /// The call.
        index: usize,
    },
    /// A search that the provider made for the answer.
    WebSearch {
        /// The provider's id of the search.
        id: Cow<'a, str>,
        /// What was searched for; empty when it is not shown.
        query: Cow<'a, str>,
        /// What was found, as far as it is shown.
        results: Vec<WebResult<'a>>,
    },
    /// Tokens, as far as they are known; see [`Usage::take_in`].
    Usage(Usage),
    /// Why the answer ends. Calls are taken into account already; see [`StopReason::with_calls`].
    Finish {
        /// The reason.
        reason: StopReason,
        /// The stop sequence that was met, if it is known.
        sequence: Option<Cow<'a, str>>,
    },
    /// The upstream's end mark was seen: the answer is whole.
    End,
}

/// A source of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation<'a> {
    /// Its address.
    pub url: Cow<'a, str>,
    /// Its title; may be empty.
    pub title: Cow<'a, str>,
}

impl Citation<'_> {
    /// The same, without borrowing.
    pub fn into_owned(self) -> Citation<'static> {
        Citation {
            url: Cow::Owned(self.url.into_owned()),
            title: Cow::Owned(self.title.into_owned()),
        }
    }
}

/// One result of a web search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebResult<'a> {
    /// Its address.
    pub url: Cow<'a, str>,
    /// Its title; may be empty.
    pub title: Cow<'a, str>,
}

impl WebResult<'_> {
    /// The same, without borrowing.
    pub fn into_owned(self) -> WebResult<'static> {
        WebResult {
            url: Cow::Owned(self.url.into_owned()),
            title: Cow::Owned(self.title.into_owned()),
        }
    }
}

/// Why an answer ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StopReason {
    /// The model has finished, or met a stop sequence.
    #[default]
    Stop,
    /// The model waits for the results of its calls.
    Calls,
    /// The limit of tokens is reached.
    Length,
    /// The answer was refused or filtered.
    Filtered,
    /// A loop of the provider's own tools was paused.
    Paused,
}

impl StopReason {
    /// The reason of an answer with calls: they win over a plain end, and over nothing else. Many servers end a turn with
    /// calls with `stop`, and clients run their tools on `tool_calls` only.
    #[must_use]
    pub const fn with_calls(self, has_calls: bool) -> Self {
        match self {
            Self::Stop if has_calls => Self::Calls,
            reason => reason,
        }
    }
}

/// Receives the events of an answer.
pub type Sink<'s> = dyn FnMut(AnswerEvent<'_>) + 's;

/// An upstream's answer that is not what its dialect allows. The reason holds none of the answer's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the upstream's answer cannot be translated: {0}")]
pub struct BadAnswer(pub &'static str);

/// Reads the answers of one dialect.
pub trait AnswerDecoder {
    /// Reads the next event of a stream: its data, without errors, which are the relay's.
    fn event(&mut self, data: &[u8], sink: &mut Sink<'_>) -> Result<(), BadAnswer>;

    /// The stream has ended where it may end (with or without its end mark). Emits whatever is missing, `End` included; does nothing
    /// after `End`.
    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), BadAnswer>;
}

/// Writes answers as a stream of the client's dialect.
pub trait AnswerEncoder {
    /// Writes what the client gets for an event: whole SSE events, perhaps none.
    fn event(&mut self, event: AnswerEvent<'_>, output: &mut Vec<u8>);

    /// Writes the event that reports that the stream broke, instead of a regular end. Nothing is written after it.
    fn fail(&mut self, failure: &StreamFailure<'_>, output: &mut Vec<u8>);
}

/// Why a stream broke, in words and codes for the client.
#[derive(Clone, Copy, Debug)]
pub struct StreamFailure<'a> {
    /// The class, such as `server_error`.
    pub kind: &'a str,
    /// The exact case, such as `stream_incomplete`.
    pub code: &'a str,
    /// What happened.
    pub message: &'a str,
}
