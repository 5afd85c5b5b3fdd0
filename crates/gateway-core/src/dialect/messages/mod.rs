//! Anthropic's Messages. Owns how its requests and answers are read into the form between the dialects and written from
//! it; what is the same in every dialect (turns, ids, names of tools) is the parent's.

pub mod decode;
pub mod encode;
pub mod read;
mod stop_reason;
pub mod write;

use std::borrow::Cow;

use serde::Deserialize;

pub use decode::{MessagesDecoder, decode_whole};
pub use encode::{MessagesEncoder, encode_whole};
pub use read::read;
pub use write::write;

/// A string of a JSON body, borrowed where it has no escapes: an optional [`Cow`] alone would always be copied.
#[derive(Clone, Debug, Deserialize)]
struct BorrowedText<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> BorrowedText<'a> {
    /// The text of an optional member; empty when it is absent.
    fn or_empty(text: Option<Self>) -> Cow<'a, str> {
        text.map(|text| text.0).unwrap_or_default()
    }
}

/// The name of the web search, as a tool and in calls of it.
const WEB_SEARCH: &str = "web_search";
