//! Deflate (RFC 1951) and what it is wrapped in: gzip (RFC 1952), and for `deflate` zlib (RFC 1950) or nothing, since
//! some servers send it so. Owns the wrappers.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::{Damaged, DecodeStep, Stage};

pub const NAME: &str = "deflate";
pub const GZIP: &str = "gzip";
/// Window and tables.
const MEMORY: usize = 48 << 10;

/// Runs the decoder once; also returns whether its data has ended.
fn inflate(
    decoder: &mut Decompress,
    input: &[u8],
    output: &mut [u8],
) -> Result<(DecodeStep, bool), Damaged> {
    let (read, written) = (decoder.total_in(), decoder.total_out());
    let status = decoder
        .decompress(input, output, FlushDecompress::None)
        .map_err(|_| Damaged)?;
    let step = DecodeStep {
        read: difference(decoder.total_in(), read),
        written: difference(decoder.total_out(), written),
    };
    Ok((step, status == Status::StreamEnd))
}

/// Both fit: they count bytes of slices.
fn difference(later: u64, earlier: u64) -> usize {
    usize::try_from(later.saturating_sub(earlier)).unwrap_or_default()
}

const fn skip(input: &[u8]) -> DecodeStep {
    DecodeStep {
        read: input.len(),
        written: 0,
    }
}

/// `deflate`, with or without the wrapper that it should have.
#[derive(Default)]
pub struct Deflate {
    /// `None` until the first two bytes show which it is.
    decoder: Option<Decompress>,
    is_whole: bool,
}

impl Stage for Deflate {
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<DecodeStep, Damaged> {
        if self.is_whole {
            return Ok(skip(input));
        }
        let decoder = match (&mut self.decoder, input) {
            (Some(decoder), _) => decoder,
            (None, [first, second, ..]) => {
                let is_deflate = first & 0x0f == 8 && first >> 4 <= 7;
                let has_check = u16::from_be_bytes([*first, *second]).is_multiple_of(31);
                self.decoder
                    .insert(Decompress::new(is_deflate && has_check))
            }
            (None, _) => return Ok(DecodeStep::default()),
        };
        let (step, is_whole) = inflate(decoder, input, output)?;
        self.is_whole = is_whole;
        Ok(step)
    }

    fn memory(&self) -> usize {
        MEMORY
    }

    fn is_whole(&self) -> bool {
        self.is_whole
    }
}

/// Where in a gzip file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GzipPart {
    /// Among the first ten bytes of a member, with the number read so far.
    Head(usize),
    /// In the length of the extra field.
    ExtraLength(usize),
    /// In skipped data, with the number of bytes to come.
    Extra(usize),
    /// In the name or the comment, which end with a zero.
    Text,
    /// In the header's checksum.
    HeadCheck(usize),
    Data,
    /// In the checksum and the length, with the number of bytes read so far.
    Check(usize),
    /// After the last member, in something else.
    Ended,
}

const EXTRA: u8 = 4;
const NAMED: u8 = 8;
const COMMENT: u8 = 16;
const HEAD_CHECK: u8 = 2;

/// Gzip, of one or several members.
pub struct Gzip {
    place: GzipPart,
    /// Parts of the header that are still to come.
    flags: u8,
    /// Bytes of the current part.
    bytes: [u8; 10],
    decoder: Decompress,
    crc: Crc,
    members: usize,
}

impl Default for Gzip {
    fn default() -> Self {
        Self {
            place: GzipPart::Head(0),
            flags: 0,
            bytes: [0; 10],
            decoder: Decompress::new(false),
            crc: Crc::new(),
            members: 0,
        }
    }
}

impl Gzip {
    /// The place of the next part of the header.
    fn after_head(&mut self) -> GzipPart {
        for (flag, place) in [
            (EXTRA, GzipPart::ExtraLength(0)),
            (NAMED, GzipPart::Text),
            (COMMENT, GzipPart::Text),
            (HEAD_CHECK, GzipPart::HeadCheck(0)),
        ] {
            if self.flags & flag != 0 {
                self.flags &= !flag;
                return place;
            }
        }
        self.decoder.reset(false);
        self.crc.reset();
        GzipPart::Data
    }

    /// One byte of anything but the data.
    fn take(&mut self, byte: u8) -> Result<GzipPart, Damaged> {
        Ok(match self.place {
            GzipPart::Head(at) => match (at, byte) {
                (0, 0x1f) | (1, 0x8b) | (2, 8) | (4..9, _) => GzipPart::Head(at + 1),
                (3, flags) => {
                    self.flags = flags;
                    GzipPart::Head(4)
                }
                (9, _) => self.after_head(),
                // Padding or other data after the last member.
                _ if self.members > 0 => GzipPart::Ended,
                _ => return Err(Damaged),
            },
            GzipPart::ExtraLength(at) => {
                self.bytes[at] = byte;
                let length = usize::from(u16::from_le_bytes([self.bytes[0], byte]));
                match (at, length) {
                    (0, _) => GzipPart::ExtraLength(1),
                    (_, 0) => self.after_head(),
                    (_, length) => GzipPart::Extra(length),
                }
            }
            GzipPart::Extra(1) => self.after_head(),
            GzipPart::Extra(left) => GzipPart::Extra(left - 1),
            GzipPart::Text if byte == 0 => self.after_head(),
            GzipPart::Text => GzipPart::Text,
            GzipPart::HeadCheck(0) => GzipPart::HeadCheck(1),
            GzipPart::HeadCheck(_) => self.after_head(),
            GzipPart::Check(at) => {
                self.bytes[at] = byte;
                if at < 7 {
                    return Ok(GzipPart::Check(at + 1));
                }
                // The checksum of the data, then its length.
                let sums = [self.crc.sum(), self.crc.amount()].map(u32::to_le_bytes);
                if self.bytes[..8] != *sums.as_flattened() {
                    return Err(Damaged);
                }
                self.members += 1;
                GzipPart::Head(0)
            }
            place @ (GzipPart::Data | GzipPart::Ended) => place,
        })
    }
}

impl Stage for Gzip {
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<DecodeStep, Damaged> {
        let mut read = 0;
        for byte in input {
            match self.place {
                GzipPart::Ended => return Ok(skip(input)),
                GzipPart::Data => break,
                _ => {}
            }
            self.place = self.take(*byte)?;
            read += 1;
        }
        if self.place != GzipPart::Data {
            return Ok(DecodeStep { read, written: 0 });
        }
        let rest = input.get(read..).unwrap_or_default();
        let (step, is_whole) = inflate(&mut self.decoder, rest, output)?;
        self.crc
            .update(output.get(..step.written).unwrap_or_default());
        if is_whole {
            self.place = GzipPart::Check(0);
        }
        Ok(DecodeStep {
            read: read + step.read,
            written: step.written,
        })
    }

    fn memory(&self) -> usize {
        MEMORY
    }

    fn is_whole(&self) -> bool {
        self.members > 0 && matches!(self.place, GzipPart::Head(_) | GzipPart::Ended)
    }
}
