//! Writes images and documents. Owns which files Anthropic reads, and under which types.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::dialect::conversation::Source;
use crate::dialect::untranslatable::Untranslatable;

const PDF: &str = "application/pdf";
/// How the bytes of every PDF begin, in base64.
const PDF_BEGIN: &str = "JVBERi";

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum FileSource<'a> {
    Base64 {
        media_type: Cow<'a, str>,
        data: &'a str,
    },
    Url {
        url: &'a str,
    },
    Text {
        media_type: &'static str,
        data: String,
    },
}

/// The source of an image.
pub(super) fn image<'a>(source: &'a Source<'_>) -> FileSource<'a> {
    match source {
        Source::Url(url) => FileSource::Url { url },
        Source::Base64 { media_type, data } => FileSource::Base64 {
            media_type: image_type(media_type),
            data,
        },
    }
}

/// Whether a document is an image that was sent as a file.
pub(super) fn is_image(source: &Source<'_>) -> bool {
    matches!(source, Source::Base64 { media_type, .. } if media_type.starts_with("image/"))
}

/// The type by its registered name; clients also use the name that file names suggest.
fn image_type(media_type: &str) -> Cow<'_, str> {
    let lower = media_type.to_ascii_lowercase();
    if lower == "image/jpg" {
        Cow::Borrowed("image/jpeg")
    } else if lower == media_type {
        Cow::Borrowed(media_type)
    } else {
        Cow::Owned(lower)
    }
}

/// The source of a document: a PDF or a text.
pub(super) fn document<'a>(source: &'a Source<'_>) -> Result<FileSource<'a>, Untranslatable> {
    Ok(match source {
        Source::Url(url) => FileSource::Url { url },
        Source::Base64 { media_type, data } => {
            let is_pdf = media_type == PDF || data.starts_with(PDF_BEGIN);
            if is_pdf {
                FileSource::Base64 {
                    media_type: Cow::Borrowed(PDF),
                    data,
                }
            } else {
                FileSource::Text {
                    media_type: "text/plain",
                    data: text(data).ok_or_else(not_readable)?,
                }
            }
        }
    })
}

fn text(data: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(data).ok()?).ok()?;
    (!text.trim().is_empty() && !text.contains('\0')).then_some(text)
}

fn not_readable() -> Untranslatable {
    Untranslatable::new(
        "file",
        "The channels that are left for this model read PDFs, texts and images only.",
    )
}
