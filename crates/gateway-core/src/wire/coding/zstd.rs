//! Zstandard (RFC 8878, with the window of at most 8 MiB that RFC 9659 asks of HTTP). Owns frames and blocks, and the
//! window of the output. The decoders on the registry in pure Rust keep a whole window back until a frame has ended,
//! which would delay streams; this one returns each block at once. Checksums are skipped, dictionaries rejected.

mod bits;
mod block;
mod fse;
mod huffman;

use self::block::{BlockDecoder, MAX_BLOCK_BYTES};
use super::{Damaged, DecodeStep, Stage};

pub const NAME: &str = "zstd";
const MAX_WINDOW_BYTES: usize = 8 << 20;
/// How much more than its window is kept before the window is moved to the buffer's beginning.
const MOVED_BYTES: usize = 1 << 20;
/// Tables and one block.
const TABLES_BYTES: usize = 64 << 10;

const MAGIC: u32 = 0xfd2f_b528;
/// Frames that are to be skipped have one of sixteen of these.
const SKIPPABLE: u32 = 0x0184_d2a5;

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FramePart {
    Magic,
    /// The length of a frame that is skipped.
    SkipLength,
    Skip(usize),
    Descriptor,
    /// The rest of the frame's header, with its descriptor.
    Header(u8),
    BlockHeader,
    Block {
        kind: u8,
        size: usize,
        is_last: bool,
    },
    Checksum,
    /// Something else after the last frame.
    Ended,
}

/// A zstd stream: one frame or several.
pub struct Zstd {
    part: FramePart,
    /// Bytes of the current part.
    pending: Vec<u8>,
    needed: usize,
    frames: usize,
    has_checksum: bool,
    window: usize,
    /// The output: the window, and what was not returned yet.
    history: Vec<u8>,
    given: usize,
    block: BlockDecoder,
}

impl Default for Zstd {
    fn default() -> Self {
        Self {
            part: FramePart::Magic,
            pending: Vec::new(),
            needed: 4,
            frames: 0,
            has_checksum: false,
            window: 0,
            history: Vec::new(),
            given: 0,
            block: BlockDecoder::default(),
        }
    }
}

impl Zstd {
    const fn next(&mut self, part: FramePart, needed: usize) {
        self.part = part;
        self.needed = needed;
    }

    /// Reads a part that is complete.
    fn take(&mut self, bytes: &[u8]) -> Result<(), Damaged> {
        match self.part {
            FramePart::Magic => match little_endian(bytes) {
                magic if magic == u64::from(MAGIC) => self.next(FramePart::Descriptor, 1),
                magic if magic >> 4 == u64::from(SKIPPABLE) => self.next(FramePart::SkipLength, 4),
                _ if self.frames > 0 => self.next(FramePart::Ended, 0),
                _ => return Err(Damaged),
            },
            FramePart::SkipLength => {
                let length = usize::try_from(little_endian(bytes)).map_err(|_| Damaged)?;
                self.frames += 1;
                self.next(FramePart::Skip(length), 0);
            }
            FramePart::Descriptor => {
                let descriptor = bytes.first().copied().unwrap_or_default();
                self.next(FramePart::Header(descriptor), header_length(descriptor));
            }
            FramePart::Header(descriptor) => self.header(descriptor, bytes)?,
            FramePart::BlockHeader => {
                let header = little_endian(bytes);
                let size = usize::try_from(header >> 3).map_err(|_| Damaged)?;
                let kind = u8::try_from(header >> 1 & 3).map_err(|_| Damaged)?;
                if size > MAX_BLOCK_BYTES || kind == 3 {
                    return Err(Damaged);
                }
                let needed = if kind == 1 { 1 } else { size };
                let is_last = header & 1 == 1;
                self.next(
                    FramePart::Block {
                        kind,
                        size,
                        is_last,
                    },
                    needed,
                );
            }
            FramePart::Block {
                kind,
                size,
                is_last,
            } => {
                self.make_room();
                match (kind, bytes) {
                    (0, _) => self.history.extend_from_slice(bytes),
                    (1, [byte]) => self.history.resize(self.history.len() + size, *byte),
                    (2, _) => self.block.decode(bytes, self.window, &mut self.history)?,
                    _ => return Err(Damaged),
                }
                match (is_last, self.has_checksum) {
                    (false, _) => self.next(FramePart::BlockHeader, 3),
                    (true, true) => self.next(FramePart::Checksum, 4),
                    (true, false) => self.end_frame(),
                }
            }
            FramePart::Checksum => self.end_frame(),
            FramePart::Skip(_) | FramePart::Ended => {}
        }
        Ok(())
    }

    const fn end_frame(&mut self) {
        self.frames += 1;
        self.next(FramePart::Magic, 4);
    }

    /// The frame's header after its descriptor: window, dictionary, length of the content.
    fn header(&mut self, descriptor: u8, bytes: &[u8]) -> Result<(), Damaged> {
        let is_single = descriptor & 0x20 != 0;
        let (window, rest) = bytes.split_at(usize::from(!is_single).min(bytes.len()));
        let (dictionary, content) = rest.split_at(dictionary_length(descriptor).min(rest.len()));
        if descriptor & 0x08 != 0 || little_endian(dictionary) != 0 {
            return Err(Damaged);
        }
        let window = match window.first() {
            Some(byte) => {
                let base = 1_u64 << (10 + (byte >> 3));
                base + base / 8 * u64::from(byte & 7)
            }
            None => little_endian(content) + if content.len() == 2 { 256 } else { 0 },
        };
        self.window = usize::try_from(window).map_err(|_| Damaged)?;
        if self.window > MAX_WINDOW_BYTES {
            return Err(Damaged);
        }
        self.has_checksum = descriptor & 0x04 != 0;
        self.history.clear();
        self.given = 0;
        self.block = BlockDecoder::default();
        self.next(FramePart::BlockHeader, 3);
        Ok(())
    }

    /// Drops what no further block can refer to. All output has been returned when a block begins.
    fn make_room(&mut self) {
        if self.history.len() > self.window + MOVED_BYTES {
            self.history.drain(..self.history.len() - self.window);
            self.given = self.history.len();
        }
    }

    /// Takes as much of `input` as the current part needs, without a copy where it is complete.
    fn consume(&mut self, input: &[u8]) -> Result<usize, Damaged> {
        match self.part {
            FramePart::Ended => return Ok(input.len()),
            FramePart::Skip(left) => {
                let skipped = left.min(input.len());
                if skipped == left {
                    self.next(FramePart::Magic, 4);
                } else {
                    self.part = FramePart::Skip(left - skipped);
                }
                return Ok(skipped);
            }
            _ => {}
        }
        if self.pending.is_empty()
            && let Some(whole) = input.get(..self.needed)
        {
            let read = self.needed;
            self.take(whole)?;
            return Ok(read);
        }
        let missing = self.needed - self.pending.len();
        let (now, _) = input.split_at(missing.min(input.len()));
        self.pending.extend_from_slice(now);
        if self.pending.len() == self.needed {
            let mut pending = std::mem::take(&mut self.pending);
            self.take(&pending)?;
            pending.clear();
            self.pending = pending;
        }
        Ok(now.len())
    }

    /// Whether the current part needs no more input.
    const fn is_ready(&self) -> bool {
        match self.part {
            FramePart::Skip(left) => left == 0,
            FramePart::Ended => false,
            _ => self.needed == 0,
        }
    }
}

impl Stage for Zstd {
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<DecodeStep, Damaged> {
        let mut read = 0;
        loop {
            let ready = self.history.get(self.given..).unwrap_or_default();
            if !ready.is_empty() {
                let written = ready.len().min(output.len());
                let (now, _) = ready.split_at(written);
                if let Some(place) = output.get_mut(..written) {
                    place.copy_from_slice(now);
                }
                self.given += written;
                return Ok(DecodeStep { read, written });
            }
            let rest = input.get(read..).unwrap_or_default();
            if rest.is_empty() && !self.is_ready() {
                return Ok(DecodeStep { read, written: 0 });
            }
            read += self.consume(rest)?;
        }
    }

    fn memory(&self) -> usize {
        TABLES_BYTES + self.history.capacity() + self.pending.capacity()
    }

    fn is_whole(&self) -> bool {
        let between = self.part == FramePart::Magic && self.pending.is_empty();
        self.frames > 0 && (between || self.part == FramePart::Ended)
    }
}

const fn dictionary_length(descriptor: u8) -> usize {
    [0, 1, 2, 4][(descriptor & 3) as usize]
}

const fn header_length(descriptor: u8) -> usize {
    let is_single = descriptor & 0x20 != 0;
    let content = match descriptor >> 6 {
        0 if is_single => 1,
        0 => 0,
        1 => 2,
        2 => 4,
        _ => 8,
    };
    let window = if is_single { 0 } else { 1 };
    window + dictionary_length(descriptor) + content
}

/// A number of at most eight bytes.
fn little_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}
