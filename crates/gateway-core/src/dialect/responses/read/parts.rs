//! The content of messages and of tools' results. Owns the kinds of parts; what a provider stores is rejected, since no
//! other upstream has it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::place::RequestPlace;
use crate::dialect::conversation::{Item, Part, SOURCE_RULE, Source, Text};
use crate::dialect::json;
use crate::dialect::untranslatable::Untranslatable;

/// Any part, with the members of all kinds.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponsesPart<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    image_url: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(borrow)]
    file_id: Option<&'a RawValue>,
    #[serde(borrow)]
    file_data: Option<&'a RawValue>,
    #[serde(borrow)]
    file_url: Option<&'a RawValue>,
    #[serde(borrow)]
    filename: Option<&'a RawValue>,
    #[serde(borrow)]
    input_audio: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    format: Option<&'a RawValue>,
}

const STORED_FILE: &str =
    "names a file that the provider stores, which no other provider has. Send the file itself.";

/// A string or a list of parts, as parts of a user's message or of a result. Empty texts are left out.
pub fn user_parts<'a>(
    raw: &'a RawValue,
    place: RequestPlace<'_>,
) -> Result<Vec<Part<'a>>, Untranslatable> {
    if let Some(text) = json::text(raw) {
        return Ok(text_part(text).into_iter().collect());
    }
    let list = listed(raw, place)?;
    let mut parts = Vec::with_capacity(list.len());
    for (index, raw) in list.into_iter().enumerate() {
        parts.extend(user_part(raw, place.element(index))?);
    }
    Ok(parts)
}

/// A string or a list of texts, as the texts of an assistant's message.
pub fn assistant_items<'a>(
    raw: &'a RawValue,
    place: RequestPlace<'_>,
) -> Result<Vec<Item<'a>>, Untranslatable> {
    if let Some(text) = json::text(raw) {
        let item = (!text.is_empty()).then_some(Item::AssistantText(text));
        return Ok(item.into_iter().collect());
    }
    let mut items = Vec::new();
    for (index, raw) in listed(raw, place)?.into_iter().enumerate() {
        let place = place.element(index);
        let part: ResponsesPart<'_> = place.object(raw)?;
        let kind = place.member("type").string(part.kind)?;
        let item = match kind.as_deref() {
            Some("refusal") => Item::Refusal(place.needed("refusal", part.refusal)?),
            _ if part.text.is_some() => Item::AssistantText(place.needed("text", part.text)?),
            _ => return Err(place.rejected("must be a text or a refusal: it is the assistant's.")),
        };
        let is_empty =
            matches!(&item, Item::Refusal(text) | Item::AssistantText(text) if text.is_empty());
        items.extend((!is_empty).then_some(item));
    }
    Ok(items)
}

/// A string or a list of texts, as texts.
pub fn texts<'a>(
    raw: &'a RawValue,
    place: RequestPlace<'_>,
) -> Result<Vec<Text<'a>>, Untranslatable> {
    let parts = user_parts(raw, place)?.into_iter();
    let texts = parts.map(|part| match part {
        Part::Text(text) => Ok(text),
        _ => Err(place.rejected("must have texts only: it is instructions.")),
    });
    texts.collect()
}

fn listed<'a>(
    raw: &'a RawValue,
    place: RequestPlace<'_>,
) -> Result<Vec<&'a RawValue>, Untranslatable> {
    place
        .list(raw)
        .map_err(|_| place.must_be("a string or a list of parts"))
}

fn text_part(text: Cow<'_, str>) -> Option<Part<'_>> {
    (!text.is_empty()).then(|| Part::Text(Text::plain(text)))
}

fn user_part<'a>(
    raw: &'a RawValue,
    place: RequestPlace<'_>,
) -> Result<Option<Part<'a>>, Untranslatable> {
    let part: ResponsesPart<'_> = place.object(raw)?;
    let kind = place.needed("type", part.kind)?;
    match &*kind {
        "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text" => {
            Ok(text_part(place.needed("text", part.text)?))
        }
        "refusal" => Ok(text_part(place.needed("refusal", part.refusal)?)),
        "input_image" | "image_url" | "computer_screenshot" => image(&part, place).map(Some),
        "input_file" => document(&part, place).map(Some),
        "input_audio" => audio(&part, place).map(Some),
        // What one agent sends another, encrypted by the provider that made it.
        "encrypted_content" => Ok(None),
        _ => Err(place.rejected("is a part of a kind that cannot be translated.")),
    }
}

/// The address of an image: a string, or an object as in Chat Completions.
fn image<'a>(
    part: &ResponsesPart<'a>,
    place: RequestPlace<'_>,
) -> Result<Part<'a>, Untranslatable> {
    #[derive(Deserialize)]
    struct ResponsesImageUrl<'a> {
        #[serde(borrow)]
        url: &'a RawValue,
    }
    let address = place.member("image_url");
    let Some(raw) = part.image_url else {
        return Err(match part.file_id {
            Some(_) => place.member("file_id").rejected(STORED_FILE),
            None => address.must_be("a string"),
        });
    };
    let raw = match address.object::<ResponsesImageUrl<'_>>(raw) {
        Ok(object) => object.url,
        Err(_) => raw,
    };
    let url = json::text(raw).ok_or_else(|| address.must_be("a string"))?;
    let source = Source::of_url(url);
    if !source.is_readable() {
        return Err(address.must_be(SOURCE_RULE));
    }
    Ok(Part::Image {
        source,
        detail: place.member("detail").string(part.detail)?,
    })
}

fn document<'a>(
    part: &ResponsesPart<'a>,
    place: RequestPlace<'_>,
) -> Result<Part<'a>, Untranslatable> {
    let name = place.member("filename").string(part.filename)?;
    let data = place.member("file_data").string(part.file_data)?;
    let url = place.member("file_url").string(part.file_url)?;
    let source = match (data, url) {
        (Some(data), _) if data.starts_with("data:") => Source::of_url(data),
        (Some(data), _) => Source::Base64 {
            media_type: media_type_of(name.as_deref().unwrap_or_default()).into(),
            data,
        },
        (None, Some(url)) => Source::of_url(url),
        (None, None) if part.file_id.is_some() => {
            return Err(place.member("file_id").rejected(STORED_FILE));
        }
        (None, None) => return Err(place.member("file_data").must_be("a string")),
    };
    if !source.is_readable() {
        let member = if part.file_data.is_some() {
            "file_data"
        } else {
            "file_url"
        };
        return Err(place.member(member).must_be(SOURCE_RULE));
    }
    Ok(Part::Document { source, name })
}

/// The type of a file whose data does not say it.
fn media_type_of(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("txt" | "log") => "text/plain",
        Some("md") => "text/markdown",
        Some("csv") => "text/csv",
        Some("html" | "htm") => "text/html",
        Some("json") => "application/json",
        _ => "application/pdf",
    }
}

fn audio<'a>(
    part: &ResponsesPart<'a>,
    place: RequestPlace<'_>,
) -> Result<Part<'a>, Untranslatable> {
    let inside = place.member("input_audio");
    let nested: Option<ResponsesPart<'_>> =
        part.input_audio.map(|raw| inside.object(raw)).transpose()?;
    let (place, part) = nested
        .as_ref()
        .map_or((&place, part), |nested| (&inside, nested));
    Ok(Part::Audio {
        data: place.needed("data", part.data)?,
        format: place.needed("format", part.format)?,
    })
}
