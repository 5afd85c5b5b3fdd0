//! Compression of answers: the coding that a client takes, and the encoders. Owns the reading of `Accept-Encoding` (RFC
//! 9110, 12.5.3); which answers are compressed is [`super::transfer`]'s.
//!
//! Brotli is behind the cargo feature of that name: its encoder makes a component 0.9 MB larger, that of gzip 26 KB. A host
//! whose network compresses answers itself, as Cloudflare does, leaves it off.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream::{self, StreamExt as _};
use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, HeaderName, HeaderValue};

use crate::reply::{BrokenBody, Pieces};

/// Lists of JSON shrink to a tenth; higher levels take twice the time for a few percent more.
const GZIP_LEVEL: Compression = Compression::new(5);
/// As fast as gzip at its level, and a quarter smaller; the next quality takes twice the memory.
#[cfg(feature = "brotli")]
const BROTLI_QUALITY: u32 = 5;
/// The window, as a power of two: 256 KiB.
#[cfg(feature = "brotli")]
const BROTLI_WINDOW: u32 = 18;
/// What the encoder hands over at once.
#[cfg(feature = "brotli")]
const BROTLI_BUFFER_BYTES: usize = 4096;

/// A coding in which answers can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerCoding {
    /// Smaller than gzip.
    #[cfg(feature = "brotli")]
    Brotli,
    /// What every client knows.
    Gzip,
}

impl AnswerCoding {
    /// All of them; the first one is taken of those that a client likes equally.
    const ALL: &[Self] = &[
        #[cfg(feature = "brotli")]
        Self::Brotli,
        Self::Gzip,
    ];

    /// Its names in `Accept-Encoding`; the first one is what an answer says.
    const fn names(self) -> &'static [&'static str] {
        match self {
            #[cfg(feature = "brotli")]
            Self::Brotli => &["br"],
            Self::Gzip => &["gzip", "x-gzip"],
        }
    }

    /// The value of `Content-Encoding`.
    pub const fn header_value(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            #[cfg(feature = "brotli")]
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        })
    }

    /// The coding that the client likes best; `None`: it takes none, or would rather have the answer as it is.
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        let qualities: Vec<(&str, u16)> = elements(headers, &ACCEPT_ENCODING)
            .map(quality_of)
            .collect();
        let named = |names: &[&str]| {
            let mut elements = qualities.iter().rev();
            elements
                .find(|(name, _)| names.iter().any(|it| it.eq_ignore_ascii_case(name)))
                .map(|(_, quality)| *quality)
        };
        let any = named(&["*"]);
        // An answer as it is may always be sent; only one that is named is preferred to a compressed one.
        let plain = named(&["identity"]).unwrap_or(0);
        let mut best = None;
        for coding in Self::ALL {
            let quality = named(coding.names()).or(any).unwrap_or(0);
            if quality > 0 && quality >= plain && best.is_none_or(|(most, _)| quality > most) {
                best = Some((quality, *coding));
            }
        }
        best.map(|(_, coding)| coding)
    }

    /// `None` for what would not get smaller, and for an encoder that fails, which none does that writes to memory.
    pub fn compress(self, body: &[u8]) -> Option<Vec<u8>> {
        let mut encoder = ReplyEncoder::new(self, body.len() / 4);
        encoder.write(body).ok()?;
        encoder
            .finish()
            .ok()
            .filter(|compressed| compressed.len() < body.len())
    }

    /// Compresses pieces as they come. What the encoder keeps back of one is in a later one.
    pub fn compress_pieces(self, pieces: Pieces) -> Pieces {
        let encoder = ReplyEncoder::new(self, 0);
        let compressed = stream::unfold(Some((pieces, encoder)), async |state| {
            let (mut pieces, mut encoder) = state?;
            loop {
                match pieces.next().await {
                    Some(Ok(piece)) => {
                        // Writing to memory does not fail.
                        if encoder.write(&piece).is_err() {
                            return Some((Err(BrokenBody), None));
                        }
                        let ready = encoder.take();
                        if !ready.is_empty() {
                            return Some((Ok(ready.into()), Some((pieces, encoder))));
                        }
                    }
                    Some(Err(broken)) => return Some((Err(broken), None)),
                    None => {
                        let end = encoder.finish().map_err(|_| BrokenBody);
                        return Some((end.map(Bytes::from), None));
                    }
                }
            }
        });
        Box::pin(compressed)
    }
}

/// An encoder that writes to memory.
enum ReplyEncoder {
    #[cfg(feature = "brotli")]
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Gzip(GzEncoder<Vec<u8>>),
}

impl ReplyEncoder {
    /// With room for so many bytes.
    fn new(coding: AnswerCoding, capacity: usize) -> Self {
        let output = Vec::with_capacity(capacity);
        match coding {
            #[cfg(feature = "brotli")]
            AnswerCoding::Brotli => Self::Brotli(Box::new(brotli::CompressorWriter::new(
                output,
                BROTLI_BUFFER_BYTES,
                BROTLI_QUALITY,
                BROTLI_WINDOW,
            ))),
            AnswerCoding::Gzip => Self::Gzip(GzEncoder::new(output, GZIP_LEVEL)),
        }
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            #[cfg(feature = "brotli")]
            Self::Brotli(encoder) => encoder.write_all(piece),
            Self::Gzip(encoder) => encoder.write_all(piece),
        }
    }

    /// What is ready of the output.
    fn take(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            #[cfg(feature = "brotli")]
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Gzip(encoder) => encoder.get_mut(),
        })
    }

    /// The rest of the output.
    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            #[cfg(feature = "brotli")]
            Self::Brotli(encoder) => Ok(encoder.into_inner()),
            Self::Gzip(encoder) => encoder.finish(),
        }
    }
}

/// The name of an element of `Accept-Encoding`, and its quality in thousandths; 0 for one that cannot be read.
fn quality_of(element: &str) -> (&str, u16) {
    let (name, parameters) = element.split_once(';').unwrap_or((element, ""));
    let mut parameters = parameters.split(';').filter_map(|it| it.split_once('='));
    let quality = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    (
        name.trim(),
        quality.map_or(1000, |(_, it)| thousandths(it.trim())),
    )
}

/// A quality: 0 to 1, with up to three decimals.
fn thousandths(quality: &str) -> u16 {
    let (whole, decimals) = quality.split_once('.').unwrap_or((quality, ""));
    let is_number = decimals.len() <= 3 && decimals.bytes().all(|it| it.is_ascii_digit());
    match (whole, is_number) {
        ("0", true) => format!("{decimals:0<3}").parse().unwrap_or(0),
        ("1", true) => 1000,
        _ => 0,
    }
}

/// The elements of a comma-separated header that may be repeated. The tags of this API have no comma in them.
pub fn elements<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'h str> + use<'h> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(values: &[&str]) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_str(value).unwrap();
            headers.append(ACCEPT_ENCODING, value);
        }
        AnswerCoding::accepted(&headers).map(|coding| coding.names()[0])
    }

    #[test]
    fn gzip_is_taken_by_its_names_and_its_quality() {
        for (accept, is_taken) in [
            ("gzip, deflate", true),
            ("GZIP;q=0.1", true),
            ("x-gzip", true),
            ("deflate, gzip;q=1.0", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000", false),
            ("gzip;q=x", false),
            ("gzip;q=-1", false),
            ("*, gzip;q=0, br;q=0", false),
            ("identity", false),
            ("identity, gzip;q=0.5", false),
            ("identity;q=0.5, gzip", true),
            ("identity;q=0, gzip;q=0.001", true),
            ("deflate", false),
            ("", false),
        ] {
            let expected = is_taken.then_some("gzip");
            assert_eq!(accepted(&[accept]), expected, "{accept}");
        }
        assert_eq!(accepted(&[]), None);
    }

    #[cfg(feature = "brotli")]
    #[test]
    fn brotli_is_taken_unless_another_coding_is_liked_better() {
        for (accept, expected) in [
            ("gzip, deflate, br, zstd", "br"),
            ("br", "br"),
            ("BR;q=0.5, gzip;q=0.5", "br"),
            ("*", "br"),
            ("br;q=0.8, gzip", "gzip"),
            ("br;q=0, *", "gzip"),
            ("br;q=0.999, gzip;q=1", "gzip"),
            ("gzip;q=0, *;q=0.1", "br"),
        ] {
            assert_eq!(accepted(&[accept]), Some(expected), "{accept}");
        }
        assert_eq!(accepted(&["gzip", "br"]), Some("br"));
        assert_eq!(accepted(&["identity, br;q=0.9"]), None);
    }

    #[test]
    fn what_would_not_get_smaller_is_not_compressed() {
        let random: Vec<u8> = (0_u64..2000)
            .map(|it| it.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()[0])
            .collect();
        for coding in AnswerCoding::ALL {
            assert_eq!(coding.compress(&random[..300]), None, "{coding:?}");
            assert!(coding.compress(&[b'x'; 300]).is_some(), "{coding:?}");
        }
    }
}
