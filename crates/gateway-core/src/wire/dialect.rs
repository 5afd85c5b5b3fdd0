//! The dialects: API formats whose answers exist both whole and as a stream of events. Owns their list, what their
//! streams have in common, and the bound of conversions between the two shapes.

use serde::{Deserialize, Serialize};

use crate::units::MIB;

/// An API format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// `/v1/chat/completions`.
    Chat,
    /// `/v1/completions`; never translated.
    #[serde(skip)]
    Completions,
    /// `/v1/responses`.
    Responses,
    /// Anthropic's `/v1/messages`.
    Messages,
    /// Gemini's `generateContent`; clients alone speak it.
    #[serde(skip)]
    Gemini,
    /// `/v1/audio/transcriptions`; some of its models ignore that a stream was requested.
    #[serde(skip)]
    Transcript,
}

/// The longest answer that is converted between the two shapes: both directions hold it whole, and an instance serves
/// many requests at once. The longest answers of today's models are about one mebibyte of text; log probabilities and
/// images take more.
pub const MAX_TURNED_BYTES: usize = 4 * MIB;

impl Dialect {
    /// The dialects that channels speak and requests are translated to, with their names in the configuration.
    pub const OF_CHANNELS: [(&'static str, Self); 3] = [
        ("chat", Self::Chat),
        ("messages", Self::Messages),
        ("responses", Self::Responses),
    ];

    /// The dialect of an operation, by its name; `None` where whole answer and stream have no common form.
    pub fn of(path: &str) -> Option<Self> {
        match path {
            "chat/completions" => Some(Self::Chat),
            "completions" => Some(Self::Completions),
            "responses" => Some(Self::Responses),
            "messages" => Some(Self::Messages),
            "generateContent" | "streamGenerateContent" => Some(Self::Gemini),
            "audio/transcriptions" => Some(Self::Transcript),
            _ => None,
        }
    }

    /// The name of its operation: a path below `/v1/`, or a verb of Gemini's.
    pub const fn operation(self) -> &'static str {
        match self {
            Self::Chat => "chat/completions",
            Self::Completions => "completions",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Gemini => "generateContent",
            Self::Transcript => "audio/transcriptions",
        }
    }

    /// Whether nothing but JSON and events can be an answer. Transcripts can be plain text.
    pub const fn is_strict(self) -> bool {
        !matches!(self, Self::Transcript)
    }

    /// Whether its streams end with a marker (`[DONE]`, a finish reason, a final event), so that one without was cut
    /// off.
    pub const fn has_end_mark(self) -> bool {
        !matches!(self, Self::Transcript)
    }

    /// Whether its streams accept `stream_options`, with which the usage is requested.
    pub const fn has_stream_options(self) -> bool {
        matches!(self, Self::Chat | Self::Completions)
    }
}
