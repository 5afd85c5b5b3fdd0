//! Finds whole events in a server-sent event stream, independent of chunk boundaries. Owns the framing of the HTML
//! standard's "event stream" format (LF, CRLF and CR line ends, comments, multi-line data, a leading byte order mark);
//! knows nothing of what events mean.

use std::borrow::Cow;
use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

use crate::memory::{FREE_BYTES, Share};

/// The longest event that is held back for inspection; one byte more and the stream is called broken.
/// The contract allows lines of 16 MiB, so an event may have some room beside its longest line.
pub const MAX_EVENT_BYTES: usize = 17 * 1024 * 1024;

/// The byte order mark, which may precede a stream.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A run of whole events, in the bytes they came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventBlock {
    /// The events one after the other, without anything else.
    pub bytes: Bytes,
    /// Where each event but the last ends in `bytes`. Most blocks are one event, whose end is that of the block.
    inner_ends: Vec<usize>,
}

/// Splits a stream into whole events. Holds back only the unfinished last one.
#[derive(Debug, Default)]
pub struct EventScanner {
    tail: BytesMut,
    /// Bytes of `tail` that are known to hold no end of an event.
    scanned: usize,
    /// The tail's share of the instance's memory.
    share: Option<Share>,
}

/// How much memory an event takes: its buffer grows by doubling, and what is sent is copied once more.
const COST: usize = 3;

/// An event grew beyond [`MAX_EVENT_BYTES`], or beyond the available memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTooLong;

impl EventScanner {
    /// A scanner that counts what it holds back.
    pub fn counted(share: Share) -> Self {
        Self {
            share: Some(share),
            ..Self::default()
        }
    }

    /// Takes a chunk and returns the events that it completes. A chunk that is a whole number of events is returned
    /// unchanged; only an unfinished event is copied.
    pub fn push(&mut self, chunk: Bytes) -> Result<EventBlock, EventTooLong> {
        if self.tail.is_empty() {
            let (inner_ends, end) = ends_of_events(&chunk, 0);
            let mut bytes = chunk;
            let rest = bytes.split_off(end.unwrap_or(0));
            self.hold(&rest, 0)?;
            return Ok(match end {
                None => EventBlock::default(),
                Some(_) => EventBlock { bytes, inner_ends },
            });
        }
        self.tail.extend_from_slice(&chunk);
        let (inner_ends, end) = ends_of_events(&self.tail, self.scanned);
        let Some(end) = end else {
            // Nothing may be split off here: even an empty part would share the tail's memory, and the
            // tail would be copied to new memory by every further chunk of a long event.
            self.hold(&[], 0)?;
            return Ok(EventBlock::default());
        };
        let bytes = self.tail.split_to(end).freeze();
        self.hold(&[], bytes.len())?;
        Ok(EventBlock { bytes, inner_ends })
    }

    /// The end of the stream. Returns a last event whose final carriage return might have been followed by a line feed,
    /// and what is left after it: an event that was cut off, or nothing.
    pub fn finish(&mut self) -> (EventBlock, Bytes) {
        self.scanned = 0;
        let rest = self.tail.split().freeze();
        let ends_whole = rest.ends_with(b"\r\r") || rest.ends_with(b"\n\r") || rest == b"\r"[..];
        if ends_whole {
            return (EventBlock::one(rest), Bytes::new());
        }
        (EventBlock::default(), rest)
    }

    /// Holds `rest` back as well; `given` bytes of what was held back are being sent to the client.
    fn hold(&mut self, rest: &[u8], given: usize) -> Result<(), EventTooLong> {
        let length = self.tail.len() + rest.len();
        if length > MAX_EVENT_BYTES {
            return Err(EventTooLong);
        }
        if let Some(share) = &mut self.share {
            let held = length + given;
            let cost = if held > FREE_BYTES { held * COST } else { 0 };
            share.resize(cost).map_err(|_| EventTooLong)?;
        }
        self.tail.extend_from_slice(rest);
        self.scanned = rescan_from(&self.tail);
        Ok(())
    }
}

impl EventBlock {
    /// What is left of a stream at its end, with the blank line that its last event lacks.
    pub fn closing(rest: &[u8]) -> Self {
        let blank_line: &[u8] = if rest.ends_with(b"\n") {
            b"\n"
        } else {
            b"\n\n"
        };
        Self::one(Bytes::from([rest, blank_line].concat()))
    }

    const fn one(event: Bytes) -> Self {
        Self {
            bytes: event,
            inner_ends: Vec::new(),
        }
    }

    /// The same events, with those replaced for which `change` returns others; `None` when it returns none.
    pub fn changed(&self, change: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Self> {
        let mut bytes: Option<BytesMut> = None;
        let (mut ends, mut position) = (Vec::new(), 0);
        for event in self.events() {
            let other = change(event);
            if other.is_some() && bytes.is_none() {
                let before = self.bytes.get(..position).unwrap_or_default();
                bytes = Some(BytesMut::from(before));
            }
            position += event.len();
            if let Some(bytes) = &mut bytes {
                bytes.extend_from_slice(other.as_deref().unwrap_or(event));
            }
            ends.push(bytes.as_ref().map_or(position, BytesMut::len));
        }
        ends.pop();
        bytes.map(|bytes| Self {
            bytes: bytes.freeze(),
            inner_ends: ends,
        })
    }

    /// Removes the byte order mark from the first block of a stream: clients that don't know it lose the first event.
    pub fn strip_mark(&mut self) {
        if self.bytes.starts_with(MARK) {
            let _ = self.bytes.split_to(MARK.len());
            for end in &mut self.inner_ends {
                *end -= MARK.len();
            }
        }
    }

    /// The events in order, each with its blank line.
    pub fn events(&self) -> impl Iterator<Item = &[u8]> {
        let inner = || self.inner_ends.iter().copied();
        let end = Some(self.bytes.len()).filter(|end| *end > 0);
        let ends = inner().chain(end);
        let starts = std::iter::once(0).chain(inner());
        starts
            .zip(ends)
            .map(|(start, end)| self.bytes.get(start..end).unwrap_or_default())
    }
}

/// An event's data: its `data` lines joined by line feeds; `None` when it has none (a comment, a
/// keep-alive, a blank line).
pub fn data(event: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut data: Option<Cow<'_, [u8]>> = None;
    for line in lines(event) {
        let Some(value) = field(line, b"data") else {
            continue;
        };
        data = Some(match data {
            None => Cow::Borrowed(value),
            Some(before) => {
                let mut joined = before.into_owned();
                joined.push(b'\n');
                joined.extend_from_slice(value);
                Cow::Owned(joined)
            }
        });
    }
    data
}

/// The event with other data, in one line in place of all its `data` lines; everything else as it was. Line ends in the
/// data, which in JSON are white space, become spaces.
pub fn with_data(event: &[u8], data: &[u8]) -> Vec<u8> {
    let mut changed = Vec::with_capacity(event.len());
    let (mut rest, mut is_written) = (event, false);
    while !rest.is_empty() {
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        let line_end = match after {
            [b'\r', b'\n', ..] => 2,
            [] => 0,
            _ => 1,
        };
        let (line_end, after) = after.split_at(line_end);
        rest = after;
        if field(line, b"data").is_none() {
            changed.extend_from_slice(line);
            changed.extend_from_slice(line_end);
        } else if !is_written {
            is_written = true;
            let is_spaced = line.get(b"data:".len()) == Some(&b' ');
            changed.extend_from_slice(if is_spaced { b"data: " } else { b"data:" });
            let is_line_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
            let data = data.iter();
            changed.extend(data.map(|byte| if is_line_end(byte) { b' ' } else { *byte }));
            changed.extend_from_slice(line_end);
        }
    }
    changed
}

/// Whether an event is of the type `name`.
pub fn is_named(event: &[u8], name: &[u8]) -> bool {
    const FIELD: &[u8] = b"event";
    // Prepared once: in a short event the preparation takes longer than the search.
    static FINDER: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(FIELD));
    // Most events have no type, and some are long.
    FINDER.find(event).is_some()
        && lines(event).filter_map(|line| field(line, FIELD)).last() == Some(name)
}

/// Whether an event has no data: comments, an `event`, `id` or `retry` field alone, an empty `data` field. Clients must not
/// see it: some dispatch an empty event for it, and parse that.
pub fn is_without_data(event: &[u8]) -> bool {
    lines(event)
        .filter_map(|line| field(line, b"data"))
        .all(|value| value.trim_ascii().is_empty())
}

/// Where to continue the search in a tail without the end of an event: its last three bytes can still become a part of
/// one (`\r\n\r`), but a line feed must not be taken without its carriage return.
fn rescan_from(tail: &[u8]) -> usize {
    let from = tail.len().saturating_sub(3);
    let splits_crlf =
        from > 0 && tail.get(from) == Some(&b'\n') && tail.get(from - 1) == Some(&b'\r');
    if splits_crlf { from - 1 } else { from }
}

/// The positions after each blank line at or after `from`: those before the last one, and the last.
fn ends_of_events(bytes: &[u8], from: usize) -> (Vec<usize>, Option<usize>) {
    let mut inner = Vec::new();
    let mut last = None;
    while let Some(end) = end_of_event(bytes, last.unwrap_or(from)) {
        inner.extend(last.replace(end));
    }
    (inner, last)
}

/// The position after the first blank line at or after `from`, line ends of any kind. A carriage return at the very end
/// does not count: a line feed may follow that belongs to it.
fn end_of_event(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let line_end = at + memchr::memchr2(b'\n', b'\r', bytes.get(at..)?)?;
        let next = after_line_end(bytes, line_end)?;
        let is_blank = line_end == 0 || matches!(bytes.get(line_end - 1), Some(b'\n' | b'\r'));
        if is_blank {
            return Some(next);
        }
        match bytes.get(next) {
            Some(b'\n' | b'\r') => return after_line_end(bytes, next),
            Some(_) => at = next,
            None => return None,
        }
    }
}

/// The position after the line end at `at`; `None` when a line feed may still follow its carriage return.
fn after_line_end(bytes: &[u8], at: usize) -> Option<usize> {
    match (bytes.get(at), bytes.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => Some(at + 2),
        (Some(b'\r'), None) => None,
        _ => Some(at + 1),
    }
}

fn lines(event: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = event.strip_prefix(MARK).unwrap_or(event);
    text.split(|byte| matches!(byte, b'\n' | b'\r'))
        .filter(|line| !line.is_empty())
}

/// The value of a line of the field `name`: without the colon and one leading space.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    match rest {
        [] => Some(rest),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
