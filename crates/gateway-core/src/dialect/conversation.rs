//! A request in the form between the dialects: what every dialect can say, borrowed from the client's body. Data only;
//! readers of the client's dialect make it, writers of the channel's dialect consume it.
//!
//! It is a flat list of items in their order, as in Responses, because turns can be made from items without a loss, and
//! not the reverse.

use std::borrow::Cow;

use serde_json::Number;
use serde_json::value::RawValue;

use super::effort::Reasoning;
use super::envelope::ReasoningState;
use super::registry::ToolRegistry;

/// A whole request.
#[derive(Debug, Default)]
pub struct Conversation<'a> {
    /// Leading instructions, in order.
    pub instructions: Vec<Text<'a>>,
    /// Everything after them, in order.
    pub items: Vec<Item<'a>>,
    /// The tools that the model may call. Of restricted lists (`allowed_tools`) only the allowed ones.
    pub tools: Vec<Tool<'a>>,
    /// How the client's tools are called in `tools` and `items`; see [`ToolRegistry`].
    pub registry: ToolRegistry,
    /// Whether and what the model must call.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether several tools may be called at once.
    pub parallel_calls: Option<bool>,
    /// The greatest number of tokens of the answer.
    pub max_tokens: Option<u64>,
    /// Texts at which the answer ends.
    pub stop: Vec<Cow<'a, str>>,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// How much the model reasons.
    pub reasoning: Option<Reasoning>,
    /// The form of the answer.
    pub format: Option<OutputFormat<'a>>,
    /// `low`, `medium`, `high`.
    pub verbosity: Option<Cow<'a, str>>,
    /// The end user.
    pub user: Option<Cow<'a, str>>,
    /// The name under which the prompt is cached.
    pub cache_key: Option<Cow<'a, str>>,
    /// The price class, such as `flex`, of dialects that have it.
    pub service_tier: Option<Cow<'a, str>>,
    /// Whether a stream is wanted.
    pub stream: bool,
    /// Names of parts of the request that were left out because no translation has them, for the log.
    pub dropped: Vec<Cow<'static, str>>,
}

/// How tokens are drawn. Numbers keep their spelling.
#[derive(Clone, Debug, Default)]
pub struct Sampling {
    /// 0 to 2.
    pub temperature: Option<Number>,
    /// 0 to 1.
    pub top_p: Option<Number>,
    /// The number of tokens that are drawn from.
    pub top_k: Option<Number>,
    /// Makes answers repeatable.
    pub seed: Option<Number>,
    /// -2 to 2.
    pub frequency_penalty: Option<Number>,
    /// -2 to 2.
    pub presence_penalty: Option<Number>,
}

/// A text with its mark for the prompt cache.
#[derive(Clone, Debug, Default)]
pub struct Text<'a> {
    /// The text.
    pub text: Cow<'a, str>,
    /// Anthropic's `cache_control`, as the client wrote it.
    pub cache_control: Option<&'a RawValue>,
}

impl<'a> Text<'a> {
    /// A text without a mark.
    pub fn plain(text: impl Into<Cow<'a, str>>) -> Self {
        Self {
            text: text.into(),
            cache_control: None,
        }
    }
}

/// One item of a conversation. What an assistant's turn consists of is several items, in their order.
#[derive(Debug)]
pub enum Item<'a> {
    /// Instructions in the middle of the conversation.
    System(Text<'a>),
    /// What the user says. Never empty.
    User(Vec<Part<'a>>),
    /// A text of the assistant. Never empty.
    AssistantText(Cow<'a, str>),
    /// A refusal of the assistant.
    Refusal(Cow<'a, str>),
    /// Reasoning of the assistant.
    Reasoning(ReasoningItem<'a>),
    /// A call of a tool by the assistant.
    Call(Call<'a>),
    /// The result of a call.
    Result(CallResult<'a>),
}

impl Item<'_> {
    /// Whether the assistant made it.
    pub const fn is_of_assistant(&self) -> bool {
        matches!(
            self,
            Self::AssistantText(_) | Self::Refusal(_) | Self::Reasoning(_) | Self::Call(_)
        )
    }
}

/// A part of what the user says, or of a tool's result.
#[derive(Clone, Debug)]
pub enum Part<'a> {
    /// Text. Never empty.
    Text(Text<'a>),
    /// An image.
    Image {
        /// Where it is.
        source: Source<'a>,
        /// `low`, `high`, `auto`.
        detail: Option<Cow<'a, str>>,
    },
    /// A document, such as a PDF.
    Document {
        /// Where it is.
        source: Source<'a>,
        /// Its file name or title.
        name: Option<Cow<'a, str>>,
    },
    /// A recording.
    Audio {
        /// Base64.
        data: Cow<'a, str>,
        /// Such as `wav`, `mp3`.
        format: Cow<'a, str>,
    },
}

/// Where the bytes of an image or a document are.
#[derive(Clone, Debug)]
pub enum Source<'a> {
    /// In the request, in base64.
    Base64 {
        /// Such as `image/png`.
        media_type: Cow<'a, str>,
        /// Base64.
        data: Cow<'a, str>,
    },
    /// At an address.
    Url(Cow<'a, str>),
}

/// What the source of a file must be.
pub const SOURCE_RULE: &str = "an http or https URL, or a data URL in base64";

/// Whether a text can be a media type, and so a part of a data URL; it may be missing.
fn is_media_type(text: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"/.+-_!#$&^*".contains(&byte);
    text.bytes().all(is_fit)
}

/// Whether an address is of the web.
pub fn is_web(url: &str) -> bool {
    let starts = |scheme: &str| {
        url.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    starts("https://") || starts("http://")
}

impl<'a> Source<'a> {
    /// The source that an address means: `data:` URLs hold the bytes themselves.
    pub fn of_url(url: Cow<'a, str>) -> Self {
        let parsed = url.strip_prefix("data:").and_then(|rest| {
            let (head, data) = rest.split_once(',')?;
            let media_type = head.strip_suffix(";base64")?;
            let media_type = media_type.split(';').next().unwrap_or_default();
            Some((media_type.to_owned(), data.len()))
        });
        let Some((media_type, data_len)) = parsed else {
            return Self::Url(url);
        };
        let at = url.len() - data_len;
        let data = match url {
            Cow::Borrowed(url) => Cow::Borrowed(&url[at..]),
            Cow::Owned(mut url) => Cow::Owned(url.split_off(at)),
        };
        Self::Base64 {
            media_type: media_type.into(),
            data,
        }
    }

    /// Whether it is bytes, or an address that a server can fetch.
    pub fn is_readable(&self) -> bool {
        match self {
            Self::Base64 { media_type, .. } => is_media_type(media_type),
            Self::Url(url) => is_web(url),
        }
    }

    /// The address; bytes become a `data:` URL.
    pub fn url(&self) -> Cow<'_, str> {
        match self {
            Self::Url(url) => Cow::Borrowed(url),
            Self::Base64 { media_type, data } => {
                Cow::Owned(format!("data:{media_type};base64,{data}"))
            }
        }
    }
}

/// Reasoning of an earlier answer.
#[derive(Clone, Debug)]
pub struct ReasoningItem<'a> {
    /// The text or summary that was shown.
    pub text: Cow<'a, str>,
    /// What its upstream needs to continue it, when the client sent it back in one of our envelopes. State that is not
    /// in an envelope comes from an upstream of the client's dialect and is worthless to others.
    pub state: Option<ReasoningState>,
}

/// A call of a function. Custom tools are functions with one member; see [`ToolRegistry`].
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// Its id, as the client sent it; empty when it sent none.
    pub id: Cow<'a, str>,
    /// The tool's name in [`Conversation::tools`].
    pub name: Cow<'a, str>,
    /// Its arguments: JSON text, as produced, perhaps broken. Empty means `{}`.
    pub arguments: Cow<'a, str>,
}

/// The result of a call.
#[derive(Clone, Debug)]
pub struct CallResult<'a> {
    /// The call's id, as the client sent it.
    pub id: Cow<'a, str>,
    /// What the tool returned; may be empty.
    pub parts: Vec<Part<'a>>,
    /// Whether the call failed.
    pub is_error: bool,
}

impl CallResult<'_> {
    /// Its texts, joined by line breaks.
    pub fn text(&self) -> Cow<'_, str> {
        let mut texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(&*text.text),
            _ => None,
        });
        match (texts.next(), texts.next()) {
            (None, _) => Cow::Borrowed(""),
            (Some(only), None) => Cow::Borrowed(only),
            (Some(first), Some(second)) => {
                let mut all = format!("{first}\n{second}");
                for text in texts {
                    all.push('\n');
                    all.push_str(text);
                }
                Cow::Owned(all)
            }
        }
    }
}

/// A tool.
#[derive(Clone, Debug)]
pub enum Tool<'a> {
    /// The client runs it.
    Function(Function<'a>),
    /// The provider runs it, such as a web search.
    Hosted(HostedTool<'a>),
}

/// A function that the client runs.
#[derive(Clone, Debug)]
pub struct Function<'a> {
    /// Its name on the wire: `[a-zA-Z0-9_-]{1,64}`, see [`ToolRegistry`].
    pub name: Cow<'a, str>,
    /// What it does.
    pub description: Option<Cow<'a, str>>,
    /// The JSON schema of its arguments, as JSON text with its members in the client's order.
    pub parameters: Option<Cow<'a, str>>,
    /// Whether arguments must match the schema exactly.
    pub strict: Option<bool>,
    /// Anthropic's `cache_control`.
    pub cache_control: Option<&'a RawValue>,
}

/// A tool that a provider runs.
#[derive(Clone, Debug)]
pub struct HostedTool<'a> {
    /// What it is.
    pub kind: HostedKind,
    /// Its type, as the client declared it, such as `web_search_20250305`.
    pub declared: Cow<'a, str>,
    /// The whole declaration.
    pub raw: &'a RawValue,
}

/// What a hosted tool does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostedKind {
    /// Searches the web.
    WebSearch,
    /// Anything else: no two dialects share it.
    Other,
}

/// Whether and what the model must call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice<'a> {
    /// It decides.
    Auto,
    /// Some tool.
    Required,
    /// No tool.
    None,
    /// This function, by its name in [`Conversation::tools`].
    Function(Cow<'a, str>),
    /// This hosted tool, by its declared type or name.
    Hosted(Cow<'a, str>),
}

/// The form of the answer.
#[derive(Clone, Debug)]
pub enum OutputFormat<'a> {
    /// Any JSON object.
    JsonObject,
    /// JSON that matches a schema.
    Schema {
        /// The schema's name; Anthropic's have none.
        name: Option<Cow<'a, str>>,
        /// JSON text; converted where the client's dialect has schemas of another kind.
        schema: Cow<'a, RawValue>,
        /// Whether it must match exactly.
        strict: Option<bool>,
    },
}
