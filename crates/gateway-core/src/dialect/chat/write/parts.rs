//! Parts of user messages for a Chat Completions upstream. Bytes are written straight into the body: they may be large.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::dialect::conversation::{Part, Source};
use crate::dialect::untranslatable::Untranslatable;

/// The content of a message.
#[derive(Serialize)]
#[serde(untagged)]
pub enum ChatContentIn<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<ChatPartIn<'a>>),
}

/// A part of a message.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ChatPartIn<'a> {
    Text { text: Cow<'a, str> },
    ImageUrl { image_url: ChatImageIn<'a> },
    File { file: ChatFileIn<'a> },
    InputAudio { input_audio: ChatAudioIn<'a> },
}

#[derive(Serialize)]
pub struct ChatImageIn<'a> {
    #[serde(serialize_with = "url")]
    url: &'a Source<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

#[derive(Serialize)]
pub struct ChatFileIn<'a> {
    filename: &'a str,
    #[serde(serialize_with = "url")]
    file_data: &'a Source<'a>,
}

#[derive(Serialize)]
pub struct ChatAudioIn<'a> {
    data: &'a str,
    format: &'a str,
}

/// An address; bytes become a `data:` URL.
fn url<S: Serializer>(source: &Source<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    match source {
        Source::Url(url) => serializer.serialize_str(url),
        Source::Base64 { media_type, data } => {
            serializer.collect_str(&format_args!("data:{media_type};base64,{data}"))
        }
    }
}

/// The content that consists of these parts: a plain string when it is one text, since some servers know nothing else.
pub fn content(mut parts: Vec<ChatPartIn<'_>>) -> ChatContentIn<'_> {
    match parts.as_mut_slice() {
        [ChatPartIn::Text { text }] => ChatContentIn::Text(std::mem::take(text)),
        _ => ChatContentIn::Parts(parts),
    }
}

/// One part.
pub fn of_part<'a>(part: &'a Part<'_>) -> Result<ChatPartIn<'a>, Untranslatable> {
    Ok(match part {
        Part::Text(text) => ChatPartIn::Text {
            text: Cow::Borrowed(&text.text),
        },
        Part::Image { source, detail } => ChatPartIn::ImageUrl {
            image_url: ChatImageIn {
                url: source,
                detail: detail.as_deref(),
            },
        },
        Part::Document { source, name } => ChatPartIn::File {
            file: file(source, name.as_deref())?,
        },
        Part::Audio { data, format } => ChatPartIn::InputAudio {
            input_audio: ChatAudioIn { data, format },
        },
    })
}

fn file<'a>(
    source: &'a Source<'a>,
    name: Option<&'a str>,
) -> Result<ChatFileIn<'a>, Untranslatable> {
    let Source::Base64 { media_type, .. } = source else {
        return Err(Untranslatable::new(
            "messages",
            "A document is given by its URL, which the channel of this model cannot fetch. Send its content in base64.",
        ));
    };
    let unnamed = match &**media_type {
        "application/pdf" => "document.pdf",
        "text/plain" => "document.txt",
        _ => "document",
    };
    Ok(ChatFileIn {
        filename: name.unwrap_or(unnamed),
        file_data: source,
    })
}
