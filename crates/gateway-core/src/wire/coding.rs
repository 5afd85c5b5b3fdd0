//! Compressed bodies (`content-encoding`, RFC 9110, 8.4), decoded as they come. Owns the names of the codings, their
//! order and the bounds of the output; each coding has its own file. Returns what can be decoded of each piece at once,
//! so that streams are not delayed.

mod brotli;
mod deflate;
mod zstd;

use std::fmt;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use self::brotli::Brotli;
use self::deflate::{Deflate, Gzip};
use self::zstd::Zstd;
use crate::units::MIB;

/// Codings of one body; more than one is rare already.
const MAX_CODINGS: usize = 3;
/// The largest piece of output.
const PIECE_BYTES: usize = 32 * 1024;
/// The expansion ratio is checked from this many bytes on.
const BOMB_FROM_BYTES: usize = MIB;
/// Text compresses about tenfold; a hundredfold or more indicates a decompression bomb.
const MAX_RATIO: usize = 100;

/// Why a body cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodingError {
    /// The coding has no decoder here.
    Unknown(
        /// Its name as it was sent, shortened.
        String,
    ),
    /// The bytes are not of this coding, or incomplete.
    Broken(
        /// The coding's name.
        &'static str,
    ),
    /// The body expands beyond the permitted ratio.
    Bomb,
}

impl fmt::Display for CodingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                write!(formatter, "the content coding {name:?} is not supported")
            }
            Self::Broken(name) => write!(formatter, "the {name} data is damaged or incomplete"),
            Self::Bomb => write!(
                formatter,
                "the compressed data becomes more than {MAX_RATIO} times larger"
            ),
        }
    }
}

impl std::error::Error for CodingError {}

/// What one step of a coding did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct DecodeStep {
    /// Bytes of the input that were consumed.
    read: usize,
    /// Bytes of the output that were written. With neither, it needs more input.
    written: usize,
}

/// The data is not of this coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Damaged;

/// One coding's decoder. What follows the end of the data is read and ignored, as other readers do.
trait Stage {
    /// Decodes a part of `input` into a part of `output`, which is not empty.
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<DecodeStep, Damaged>;
    /// The current memory of its window and tables, in bytes.
    fn memory(&self) -> usize;
    /// Whether the data so far is complete.
    fn is_whole(&self) -> bool;
}

/// A coding of a body with the input that is still to be decoded.
struct PendingCoding {
    name: &'static str,
    stage: Box<dyn Stage>,
    input: Bytes,
    /// Whether any input came: an empty body is complete in any coding.
    has_begun: bool,
}

/// Decodes one body: push its pieces, pull what comes out.
pub struct Decoder {
    /// The one that was applied last first.
    codings: Vec<PendingCoding>,
    output: Vec<u8>,
    read: usize,
    written: usize,
    is_bounded: bool,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.codings.iter().map(|coding| coding.name).collect();
        formatter.debug_tuple("Decoder").field(&names).finish()
    }
}

impl Decoder {
    /// A decoder for a body with these headers; `None` when it is not compressed.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, CodingError> {
        let mut codings = Vec::new();
        for value in headers.get_all(CONTENT_ENCODING) {
            let text = String::from_utf8_lossy(value.as_bytes());
            for name in text.split(',').map(str::trim) {
                if name.is_empty() || name.eq_ignore_ascii_case("identity") {
                    continue;
                }
                if codings.len() == MAX_CODINGS {
                    return Err(CodingError::Unknown(shorten(&text)));
                }
                codings.push(coding(name)?);
            }
        }
        codings.reverse();
        Ok((!codings.is_empty()).then(|| Self {
            codings,
            output: Vec::new(),
            read: 0,
            written: 0,
            is_bounded: false,
        }))
    }

    /// Fails a body that expands beyond the permitted ratio, where nothing else bounds it.
    #[must_use]
    pub const fn refusing_bombs(mut self) -> Self {
        self.is_bounded = true;
        self
    }

    /// The current memory of windows and tables, in bytes.
    pub fn memory(&self) -> usize {
        let stages = self.codings.iter().map(|coding| coding.stage.memory());
        self.output.capacity() + stages.sum::<usize>()
    }

    /// Adds the next piece. The output must be pulled before the next push.
    pub fn push(&mut self, piece: Bytes) {
        self.read = self.read.saturating_add(piece.len());
        if let Some(first) = self.codings.first_mut() {
            first.push(piece);
        }
    }

    /// The next piece of output; `None` when more input is needed.
    pub fn pull(&mut self) -> Result<Option<Bytes>, CodingError> {
        self.output.resize(PIECE_BYTES, 0);
        let piece = pull(&mut self.codings, &mut self.output)?;
        if let Some(piece) = &piece {
            self.written = self.written.saturating_add(piece.len());
            let unread = self.codings.first().map_or(0, |first| first.input.len());
            let used = self.read.saturating_sub(unread);
            let is_bomb = self.written > BOMB_FROM_BYTES && self.written / MAX_RATIO > used;
            if self.is_bounded && is_bomb {
                return Err(CodingError::Bomb);
            }
        }
        Ok(piece)
    }

    /// The end of the input. Fails when something is missing.
    pub fn finish(&self) -> Result<(), CodingError> {
        self.codings.iter().try_for_each(|coding| {
            if !coding.has_begun || (coding.input.is_empty() && coding.stage.is_whole()) {
                Ok(())
            } else {
                Err(CodingError::Broken(coding.name))
            }
        })
    }
}

impl PendingCoding {
    fn push(&mut self, piece: Bytes) {
        self.has_begun |= !piece.is_empty();
        if self.input.is_empty() {
            self.input = piece;
        } else {
            // A byte or two that cannot be decoded without the next one.
            self.input = [&self.input[..], &piece[..]].concat().into();
        }
    }
}

/// The next output of the last of `codings`, which is fed by those before it.
fn pull(codings: &mut [PendingCoding], output: &mut [u8]) -> Result<Option<Bytes>, CodingError> {
    let Some((last, before)) = codings.split_last_mut() else {
        return Ok(None);
    };
    loop {
        let step = last
            .stage
            .decode(&last.input, output)
            .map_err(|Damaged| CodingError::Broken(last.name))?;
        let _ = last.input.split_to(step.read.min(last.input.len()));
        if step.written > 0 {
            let written = output.get(..step.written).unwrap_or_default();
            return Ok(Some(Bytes::copy_from_slice(written)));
        }
        if step.read == 0 {
            let Some(piece) = pull(before, output)? else {
                return Ok(None);
            };
            last.push(piece);
        }
    }
}

fn coding(name: &str) -> Result<PendingCoding, CodingError> {
    let (name, stage): (_, Box<dyn Stage>) = match name.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => (deflate::GZIP, Box::new(Gzip::default())),
        "deflate" => (deflate::NAME, Box::new(Deflate::default())),
        "br" => (brotli::NAME, Box::new(Brotli::new())),
        "zstd" => (zstd::NAME, Box::new(Zstd::default())),
        _ => return Err(CodingError::Unknown(shorten(name))),
    };
    Ok(PendingCoding {
        name,
        stage,
        input: Bytes::new(),
        has_begun: false,
    })
}

fn shorten(name: &str) -> String {
    name.chars().take(40).collect()
}

#[cfg(test)]
mod tests;
