//! The contents of messages: a string, or a list of parts.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::conversation::{Part, Source, Text};
use crate::dialect::untranslatable::Untranslatable;

#[derive(Deserialize)]
struct ClientPart<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    refusal: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    image_url: Option<&'a RawValue>,
    #[serde(borrow, default)]
    file: Option<ClientFile<'a>>,
    #[serde(borrow, default)]
    input_audio: Option<ClientAudio<'a>>,
    #[serde(borrow, default)]
    cache_control: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ClientImage<'a> {
    #[serde(borrow, default)]
    url: Cow<'a, str>,
    #[serde(borrow, default)]
    detail: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ClientFile<'a> {
    #[serde(borrow, default)]
    filename: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    file_data: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ClientAudio<'a> {
    #[serde(borrow, default)]
    data: Cow<'a, str>,
    #[serde(borrow, default)]
    format: Cow<'a, str>,
}

/// The parts of a content; empty texts are left out.
pub fn parts<'a>(
    content: Option<&'a RawValue>,
    path: &str,
) -> Result<Vec<Part<'a>>, Untranslatable> {
    let Some(raw) = content else {
        return Ok(Vec::new());
    };
    let wrong = || {
        let message = format!("`{path}.content` must be a string or a list of parts.");
        Untranslatable::new(format!("{path}.content"), message)
    };
    match raw.get().as_bytes().first() {
        Some(b'"') => {
            let text = super::string(raw).ok_or_else(wrong)?;
            let parts = (!text.is_empty()).then(|| Part::Text(Text::plain(text)));
            Ok(parts.into_iter().collect())
        }
        Some(b'[') => {
            let list: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| wrong())?;
            let mut parts = Vec::with_capacity(list.len());
            for (place, raw) in list.into_iter().enumerate() {
                let path = format!("{path}.content[{place}]");
                let json = serde_json::from_str(raw.get())
                    .map_err(|error| super::wrong_shape(&path, &error))?;
                parts.extend(part(json, &path)?);
            }
            Ok(parts)
        }
        Some(b'n') => Ok(Vec::new()),
        _ => Err(wrong()),
    }
}

/// The texts of a content that has nothing else.
pub fn texts<'a>(
    content: Option<&'a RawValue>,
    path: &str,
) -> Result<Vec<Text<'a>>, Untranslatable> {
    let text = |part| match part {
        Part::Text(text) => Ok(text),
        _ => Err(Untranslatable::new(
            format!("{path}.content"),
            "System messages have text only.",
        )),
    };
    parts(content, path)?.into_iter().map(text).collect()
}

/// One part; `None`: an empty text.
fn part<'a>(json: ClientPart<'a>, path: &str) -> Result<Option<Part<'a>>, Untranslatable> {
    let refuse = |message: String| Err(Untranslatable::new(path.to_owned(), message));
    let kind = json.kind.as_deref().unwrap_or("text");
    Ok(match kind {
        "text" | "input_text" | "output_text" | "refusal" => {
            let text = json.text.or(json.refusal).unwrap_or_default();
            (!text.is_empty()).then_some(Part::Text(Text {
                text,
                cache_control: json.cache_control,
            }))
        }
        "image_url" => {
            let Some(image) = json.image_url.and_then(image_url) else {
                return refuse(format!(
                    "`{path}.image_url` must be an object with a `url`."
                ));
            };
            Some(Part::Image {
                source: Source::of_url(image.url),
                detail: image.detail,
            })
        }
        "file" => {
            let file = json.file;
            let Some((data, name)) = file.and_then(|it| Some((it.file_data?, it.filename))) else {
                return refuse(format!(
                    "`{path}.file` must have its bytes in `file_data`: files that were uploaded belong to one provider."
                ));
            };
            let source = match Source::of_url(data) {
                Source::Url(data) if !data.contains("://") => Source::Base64 {
                    media_type: Cow::Borrowed("application/pdf"),
                    data,
                },
                source => source,
            };
            Some(Part::Document { source, name })
        }
        "input_audio" => json.input_audio.map(|audio| Part::Audio {
            data: audio.data,
            format: audio.format,
        }),
        _ => {
            return refuse(format!(
                "`{path}` is of a type that cannot be translated for the channels of this model."
            ));
        }
    })
}

/// An image's URL; some clients send it without the object around it.
fn image_url(raw: &RawValue) -> Option<ClientImage<'_>> {
    if raw.get().starts_with('"') {
        return Some(ClientImage {
            url: super::string(raw)?,
            detail: None,
        });
    }
    let image: ClientImage<'_> = serde_json::from_str(raw.get()).ok()?;
    (!image.url.is_empty()).then_some(image)
}
