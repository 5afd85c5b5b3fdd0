//! The content of a Chat client's messages: a string or a list of parts. Owns what each part becomes, and which parts are
//! rejected because no other dialect has them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::problem::{Fit, RequestProblem};
use crate::dialect::conversation::{Part, Source, Text, is_web};
use crate::dialect::json;

/// What content may be.
const CONTENT_RULE: &str = "must be a string or a list of parts.";
/// The media types of documents by the endings of their names, for bytes that come without one.
const DOCUMENT_TYPES: [(&str, &str); 5] = [
    (".txt", "text/plain"),
    (".md", "text/markdown"),
    (".csv", "text/csv"),
    (".html", "text/html"),
    (".json", "application/json"),
];

/// A part of any message.
#[derive(Deserialize)]
pub struct ChatPart<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow, default)]
    image_url: Option<&'a RawValue>,
    #[serde(borrow, default)]
    file: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input_audio: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cache_control: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChatImage<'a> {
    #[serde(borrow, default)]
    url: Option<&'a RawValue>,
    #[serde(borrow, default)]
    detail: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChatFile<'a> {
    #[serde(borrow, default)]
    file_data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    filename: Option<&'a RawValue>,
    #[serde(borrow, default)]
    file_id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChatAudio<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    format: Option<&'a RawValue>,
}

/// A piece of content.
#[derive(Debug)]
pub enum ChatContent<'a> {
    /// A part that users and tools send.
    Part(Part<'a>),
    /// A refusal of the assistant.
    Refusal(Cow<'a, str>),
    /// Reasoning of the assistant.
    Reasoning(Cow<'a, str>),
}

/// Reads content; `cache_control` is that of the whole message. Empty texts are left out.
pub fn read<'a>(
    raw: Option<&'a RawValue>,
    cache_control: Option<&'a RawValue>,
) -> Result<Vec<ChatContent<'a>>, RequestProblem> {
    let Some(raw) = raw else {
        return Ok(Vec::new());
    };
    if let Some(text) = json::text(raw) {
        let text = text_part(text, cache_control);
        return Ok(text.into_iter().collect());
    }
    let list = json::list(raw).fit(CONTENT_RULE)?;
    let mut contents = Vec::with_capacity(list.len());
    for (index, raw) in list.into_iter().enumerate() {
        contents.extend(part(raw).map_err(|problem| problem.within(index))?);
    }
    mark_last(&mut contents, cache_control);
    Ok(contents)
}

/// Reads content of users and tools.
pub fn read_parts<'a>(
    raw: Option<&'a RawValue>,
    cache_control: Option<&'a RawValue>,
) -> Result<Vec<Part<'a>>, RequestProblem> {
    let contents = read(raw, cache_control)?;
    let parts = contents.into_iter().map(|content| match content {
        ChatContent::Part(part) => part,
        ChatContent::Refusal(text) | ChatContent::Reasoning(text) => Part::Text(Text::plain(text)),
    });
    Ok(parts.collect())
}

/// Reads content that can be text only.
pub fn read_texts<'a>(
    raw: Option<&'a RawValue>,
    cache_control: Option<&'a RawValue>,
) -> Result<Vec<Text<'a>>, RequestProblem> {
    let parts = read_parts(raw, cache_control)?;
    let texts = parts.into_iter().map(|part| match part {
        Part::Text(text) => Ok(text),
        _ => Err(RequestProblem::here(
            "must be text in messages of this role.",
        )),
    });
    texts.collect()
}

fn text_part<'a>(
    text: Cow<'a, str>,
    cache_control: Option<&'a RawValue>,
) -> Option<ChatContent<'a>> {
    let text = Some(text).filter(|text| !text.is_empty())?;
    Some(ChatContent::Part(Part::Text(Text {
        text,
        cache_control,
    })))
}

/// A mark of the whole message is one behind its last text.
fn mark_last<'a>(contents: &mut [ChatContent<'a>], mark: Option<&'a RawValue>) {
    if let Some(ChatContent::Part(Part::Text(text))) = contents.last_mut() {
        text.cache_control = text.cache_control.or(mark);
    }
}

fn part(raw: &RawValue) -> Result<Option<ChatContent<'_>>, RequestProblem> {
    if let Some(text) = json::text(raw) {
        return Ok(text_part(text, None));
    }
    let part: ChatPart<'_> = json::object(raw).fit("must be an object.")?;
    let kind = part.kind.and_then(json::text);
    let kind = kind.fit_at("type", "must be a string.")?;
    match &*kind {
        "text" | "input_text" | "output_text" => {
            let text = part.text.and_then(json::text);
            let text = text.fit_at("text", "must be a string.")?;
            Ok(text_part(text, part.cache_control))
        }
        "refusal" => {
            let text = part.refusal.and_then(json::text);
            let text = text.fit_at("refusal", "must be a string.")?;
            let text = Some(text).filter(|text| !text.is_empty());
            Ok(text.map(ChatContent::Refusal))
        }
        "thinking" => Ok(part
            .thinking
            .and_then(json::joined_text)
            .map(ChatContent::Reasoning)),
        "image_url" => {
            let image = part.image_url.fit_at("image_url", "is missing.")?;
            let image = image_part(image).map_err(|problem| problem.inside("image_url"))?;
            Ok(Some(ChatContent::Part(image)))
        }
        "file" => {
            let file = part.file.fit_at("file", "is missing.")?;
            let file = file_part(file).map_err(|problem| problem.inside("file"))?;
            Ok(Some(ChatContent::Part(file)))
        }
        "input_audio" => {
            let audio = part.input_audio.fit_at("input_audio", "is missing.")?;
            let audio = audio_part(audio).map_err(|problem| problem.inside("input_audio"))?;
            Ok(Some(ChatContent::Part(audio)))
        }
        "video_url" | "input_video" | "video" => Err(RequestProblem::here(
            "is a video, which the channel of this model does not accept.",
        )),
        _ => Err(RequestProblem::at(
            "type",
            "must be `text`, `image_url`, `file` or `input_audio`.",
        )),
    }
}

fn image_part(raw: &RawValue) -> Result<Part<'_>, RequestProblem> {
    const RULE: &str = "must be a string.";
    let (url, detail) = if let Some(url) = json::text(raw) {
        (url, None)
    } else {
        let image: ChatImage<'_> = json::object(raw).fit("must be an object.")?;
        let url = image.url.and_then(json::text).fit_at("url", RULE)?;
        (url, json::some_text(image.detail))
    };
    let source = Source::of_url(url);
    if !source.is_readable() {
        return Err(RequestProblem::at(
            "url",
            "must be an http or https URL, or a data URL in base64.",
        ));
    }
    Ok(Part::Image { source, detail })
}

fn file_part(raw: &RawValue) -> Result<Part<'_>, RequestProblem> {
    let file: ChatFile<'_> = json::object(raw).fit("must be an object.")?;
    if file.file_data.is_none() && file.file_id.is_some() {
        return Err(RequestProblem::at(
            "file_id",
            "names an uploaded file, which the channel of this model does not have; send `file_data`.",
        ));
    }
    let name = json::some_text(file.filename);
    let data = file.file_data.and_then(json::text);
    let data = data.fit_at("file_data", "must be a string.")?;
    let source = match Source::of_url(data) {
        // Bytes without the head of a data URL.
        Source::Url(data) if !is_web(&data) && !is_data(&data) => Source::Base64 {
            media_type: Cow::Borrowed(document_type(name.as_deref())),
            data,
        },
        source => source,
    };
    if !source.is_readable() {
        return Err(RequestProblem::at("file_data", "must be in base64."));
    }
    Ok(Part::Document { source, name })
}

fn audio_part(raw: &RawValue) -> Result<Part<'_>, RequestProblem> {
    const RULE: &str = "must be a string.";
    let audio: ChatAudio<'_> = json::object(raw).fit("must be an object.")?;
    Ok(Part::Audio {
        data: audio.data.and_then(json::text).fit_at("data", RULE)?,
        format: audio.format.and_then(json::text).fit_at("format", RULE)?,
    })
}

fn is_data(url: &str) -> bool {
    url.get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case("data:"))
}

fn document_type(name: Option<&str>) -> &'static str {
    let name = name.unwrap_or_default().to_ascii_lowercase();
    let found = DOCUMENT_TYPES
        .iter()
        .find(|(ending, _)| name.ends_with(ending));
    found.map_or("application/pdf", |(_, media_type)| media_type)
}
