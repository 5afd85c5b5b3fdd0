//! Single parts of contents. Owns files, results of functions, and the traces of tools that Google runs; what Google
//! stores is rejected, since no other provider has it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::place::GeminiPlace;
use crate::dialect::conversation::{Part, Source, Text};
use crate::dialect::json;
use crate::dialect::untranslatable::Untranslatable;
use crate::wire::members::Members;
use crate::wire::walk;

/// Any part, with the members of all kinds.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct GeminiPart<'a> {
    #[serde(borrow)]
    pub text: Option<&'a RawValue>,
    #[serde(borrow)]
    pub thought: Option<&'a RawValue>,
    #[serde(borrow, alias = "thought_signature")]
    pub thought_signature: Option<&'a RawValue>,
    #[serde(borrow, alias = "inline_data")]
    inline_data: Option<&'a RawValue>,
    #[serde(borrow, alias = "file_data")]
    file_data: Option<&'a RawValue>,
    #[serde(borrow, alias = "function_call")]
    pub function_call: Option<&'a RawValue>,
    #[serde(borrow, alias = "function_response")]
    pub function_response: Option<&'a RawValue>,
    #[serde(borrow, alias = "executable_code")]
    executable_code: Option<&'a RawValue>,
    #[serde(borrow, alias = "code_execution_result")]
    code_execution_result: Option<&'a RawValue>,
}

impl GeminiPart<'_> {
    /// Whether it holds anything that is no text.
    pub fn has_more_than_text(&self) -> bool {
        let others = [
            self.inline_data,
            self.file_data,
            self.function_call,
            self.function_response,
            self.executable_code,
            self.code_execution_result,
        ];
        others.iter().any(Option::is_some)
    }
}

/// A file, in the request or at an address.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct GeminiFile<'a> {
    #[serde(borrow, alias = "mime_type")]
    mime_type: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow, alias = "file_uri")]
    file_uri: Option<&'a RawValue>,
    #[serde(borrow, alias = "display_name")]
    display_name: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CodeMember<'a> {
    #[serde(borrow)]
    language: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponseMember<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    parts: Option<&'a RawValue>,
}

/// The result of a function, before its call is known.
pub struct FunctionResult<'a> {
    pub id: Option<Cow<'a, str>>,
    pub name: Option<Cow<'a, str>>,
    pub parts: Vec<Part<'a>>,
    pub is_error: bool,
}

/// Members of parts that say something about them, or that only Google's own tools have, whose answer is in the text
/// that follows.
const HINTS: [&str; 13] = [
    "thought",
    "thoughtSignature",
    "thought_signature",
    "videoMetadata",
    "video_metadata",
    "mediaResolution",
    "media_resolution",
    "partMetadata",
    "part_metadata",
    "toolCall",
    "tool_call",
    "toolResponse",
    "tool_response",
];

const STORED_FILE: &str = "names a file that Google stores, which no other provider has. Send the file itself as `inlineData`.";

/// A part of what the user says; `None` for an empty one.
pub fn user_part<'a>(
    part: &GeminiPart<'a>,
    raw: &RawValue,
    place: GeminiPlace<'_>,
) -> Result<Option<Part<'a>>, Untranslatable> {
    if let Some(raw) = part.inline_data {
        return inline_data(raw, place.member("inlineData")).map(Some);
    }
    if let Some(raw) = part.file_data {
        return file_data(raw, place.member("fileData")).map(Some);
    }
    let text = match place.member("text").string(part.text)? {
        Some(text) => Some(text),
        None => trace(part, raw, place)?.map(Cow::Owned),
    };
    let text = text.filter(|text| !text.is_empty());
    Ok(text.map(|text| Part::Text(Text::plain(text))))
}

/// The text for a part of the model's that is neither a text nor a call.
pub fn model_text(
    part: &GeminiPart<'_>,
    raw: &RawValue,
    place: GeminiPlace<'_>,
) -> Result<Option<String>, Untranslatable> {
    if part.inline_data.is_some() || part.file_data.is_some() {
        return Err(place.rejected(
            "is a file that a model made. Other models cannot continue from it: send it in a content of the role `user`.",
        ));
    }
    trace(part, raw, place)
}

/// Code that Google ran, and what came out, as text. Parts of unknown kinds are rejected; hints alone mean nothing.
fn trace(
    part: &GeminiPart<'_>,
    raw: &RawValue,
    place: GeminiPlace<'_>,
) -> Result<Option<String>, Untranslatable> {
    if part.executable_code.is_some() {
        let place = place.member("executableCode");
        let member: CodeMember<'_> = place.object(part.executable_code)?;
        let code = place.member("code").string(member.code)?;
        let language = place.member("language").string(member.language)?;
        let language = language.unwrap_or_default().to_ascii_lowercase();
        let code = code.unwrap_or_default();
        return Ok(Some(format!("```{language}\n{code}\n```\n")));
    }
    if part.code_execution_result.is_some() {
        let place = place.member("codeExecutionResult");
        let member: CodeMember<'_> = place.object(part.code_execution_result)?;
        let output = place.member("output").string(member.output)?;
        let output = output.unwrap_or_default();
        return Ok(Some(format!("```\n{output}\n```\n")));
    }
    let mut is_known = true;
    let step = walk::members(raw.get(), |name, value| {
        is_known &= value == "null" || HINTS.contains(&&*name);
        Ok(())
    });
    if step.is_err() || !is_known {
        return Err(place.rejected("is a part of a kind that cannot be translated."));
    }
    Ok(None)
}

fn inline_data<'a>(raw: &'a RawValue, place: GeminiPlace<'_>) -> Result<Part<'a>, Untranslatable> {
    let file: GeminiFile<'_> = place.object(Some(raw))?;
    let media_type = place.needed("mimeType", file.mime_type)?;
    let data = place.needed("data", file.data)?;
    let name = place.member("displayName").string(file.display_name)?;
    let kind = media_type.split('/').next().unwrap_or_default();
    match kind {
        "audio" => Ok(Part::Audio {
            data,
            format: Cow::Owned(audio_format(&media_type).to_owned()),
        }),
        "video" => Err(place.rejected("is a video, which this channel does not accept.")),
        kind => {
            let is_image = kind == "image";
            let source = Source::Base64 { media_type, data };
            if !source.is_readable() {
                return Err(place.member("mimeType").must_be("a media type"));
            }
            Ok(if is_image {
                Part::Image {
                    source,
                    detail: None,
                }
            } else {
                Part::Document { source, name }
            })
        }
    }
}

/// The name of an audio format in other dialects.
fn audio_format(media_type: &str) -> &str {
    let (_, format) = media_type.split_once('/').unwrap_or_default();
    let format = format.split(';').next().unwrap_or_default().trim();
    match format {
        "mpeg" | "mpga" => "mp3",
        "x-wav" | "wave" | "vnd.wave" => "wav",
        "x-flac" => "flac",
        "mp4" | "x-m4a" => "m4a",
        format => format,
    }
}

fn file_data<'a>(raw: &'a RawValue, place: GeminiPlace<'_>) -> Result<Part<'a>, Untranslatable> {
    let file: GeminiFile<'_> = place.object(Some(raw))?;
    let address = place.member("fileUri");
    let uri = place.needed("fileUri", file.file_uri)?;
    let media_type = place.member("mimeType").string(file.mime_type)?;
    let is_stored = uri.contains("generativelanguage.googleapis.com/") || !uri.contains(':');
    if is_stored || !Source::of_url(Cow::Borrowed(&*uri)).is_readable() {
        return Err(address.rejected(STORED_FILE));
    }
    let media_type = media_type.unwrap_or_else(|| Cow::Borrowed(media_type_of(&uri)));
    let name = place.member("displayName").string(file.display_name)?;
    match media_type.split('/').next() {
        Some("image") => Ok(Part::Image {
            source: Source::of_url(uri),
            detail: None,
        }),
        Some("application" | "text") => Ok(Part::Document {
            source: Source::of_url(uri),
            name,
        }),
        _ => Err(place.member("mimeType").rejected(
            "must be the type of an image or of a document: this channel accepts no other files.",
        )),
    }
}

/// The type that a file's extension means; empty when it means none.
fn media_type_of(uri: &str) -> &'static str {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let (_, extension) = path.rsplit_once('.').unwrap_or_default();
    match &*extension.to_ascii_lowercase() {
        "png" | "jpg" | "jpeg" | "gif" | "webp" => "image/*",
        "pdf" => "application/pdf",
        "txt" | "md" | "csv" | "html" => "text/plain",
        _ => "",
    }
}

/// Reads a `functionResponse`.
pub fn function_result<'a>(
    raw: &'a RawValue,
    place: GeminiPlace<'_>,
) -> Result<FunctionResult<'a>, Untranslatable> {
    let member: ResponseMember<'_> = place.object(Some(raw))?;
    let (text, is_error) = match member.response {
        None => (Cow::Borrowed(""), false),
        Some(raw) => result_text(raw, place.member("response"))?,
    };
    let mut parts = Vec::new();
    if !text.is_empty() {
        parts.push(Part::Text(Text::plain(text)));
    }
    let inside = place.member("parts");
    for (index, raw) in inside.list(member.parts)?.into_iter().enumerate() {
        let place = inside.element(index);
        let part: GeminiPart<'_> = place.object(Some(raw))?;
        parts.extend(user_part(&part, raw, place)?);
    }
    Ok(FunctionResult {
        id: place.member("id").string(member.id)?,
        name: place.member("name").string(member.name)?,
        parts,
        is_error,
    })
}

/// The text of a result, and whether it is an error. Google's convention: `output` or `error` alone hold it (`result` or
/// `content` in its SDKs), and an object with other members is the result itself.
fn result_text<'a>(
    raw: &'a RawValue,
    place: GeminiPlace<'_>,
) -> Result<(Cow<'a, str>, bool), Untranslatable> {
    let Ok(members) = Members::parse(raw.get().as_bytes()) else {
        return Err(place.must_be("an object"));
    };
    let error = members.raw("error").unwrap_or("null");
    let is_error = !matches!(error, "null" | "\"\"" | "false");
    let mut list = members.iter();
    let only = match (list.next(), list.next()) {
        (Some((name, value)), None)
            if matches!(&*name, "output" | "result" | "content" | "error") =>
        {
            value
        }
        _ => return Ok((Cow::Borrowed(raw.get()), is_error)),
    };
    let parsed: Option<&RawValue> = crate::wire::json::from_str(only).ok();
    let text = parsed.and_then(json::text);
    Ok((text.unwrap_or(Cow::Borrowed(only)), is_error))
}
