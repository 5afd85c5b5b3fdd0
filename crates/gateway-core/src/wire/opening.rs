//! What a response's body is, by its first bytes: content types are often wrong. Owns how little is kept of the padding
//! before the first real byte; what padding is, `padding` decides.

use bytes::{Bytes, BytesMut};

use super::padding::{MARK, Padding};

/// What the first bytes show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// An object or a list in JSON.
    Json,
    /// Events: a line of one of the fields of events.
    Events,
    /// Markup, as from a captive portal, a login page or a wrong base URL.
    Page,
    /// None of these.
    Other,
    /// There was nothing but padding.
    Empty,
}

/// Padding that is kept for bodies of no known kind, where it may be content.
const MAX_PADDING: usize = 4096;
/// The prefixes of event lines.
const FIELDS: [&[u8]; 4] = [b"data", b"event", b"id", b"retry"];

/// The beginning of a body whose kind is known.
#[derive(Debug)]
pub struct Begun {
    /// What it looks like.
    pub looks: Looks,
    /// What was read of it; of much padding only the end.
    pub bytes: Bytes,
    /// Bytes of padding in front of the rest.
    pub padding: usize,
}

impl Begun {
    /// The bytes without the padding.
    pub fn content(&self) -> Bytes {
        self.bytes.slice(self.padding.min(self.bytes.len())..)
    }
}

/// Inspects a body's first pieces.
#[derive(Debug, Default)]
pub struct Opening {
    held: BytesMut,
    /// Bytes of `held` that are padding.
    padding: usize,
    scan: Padding,
}

impl Opening {
    /// Adds the next piece. Once it is known what the body is, returns that and what came so far.
    pub fn push(&mut self, piece: Bytes) -> Option<Begun> {
        if self.held.is_empty() {
            // Most bodies show in their first piece what they are, and are not copied.
            let padding = self.scan.skip(&piece);
            if let Some(looks) = looks(piece.get(padding..).unwrap_or_default()) {
                return Some(Begun {
                    looks,
                    bytes: piece,
                    padding,
                });
            }
            self.padding = padding;
            self.held.extend_from_slice(&piece);
        } else {
            self.held.extend_from_slice(&piece);
            let held = std::mem::take(&mut self.held);
            let more = self.scan.skip(held.get(self.padding..).unwrap_or_default());
            self.held = held;
            self.padding += more;
            if let Some(looks) = looks(self.held.get(self.padding..).unwrap_or_default()) {
                return Some(Begun {
                    looks,
                    bytes: std::mem::take(&mut self.held).freeze(),
                    padding: self.padding,
                });
            }
        }
        if self.padding > MAX_PADDING {
            let _ = self.held.split_to(self.padding);
            self.padding = 0;
        }
        None
    }

    /// The body has ended: what was read of it.
    pub fn finish(self) -> Begun {
        let rest = self.held.get(self.padding..).unwrap_or_default();
        let looks = if rest.is_empty() {
            Looks::Empty
        } else {
            Looks::Other
        };
        Begun {
            looks,
            bytes: self.held.freeze(),
            padding: self.padding,
        }
    }
}

/// What a body looks like that begins with `bytes`; `None` while that is undecided.
fn looks(bytes: &[u8]) -> Option<Looks> {
    match bytes.first()? {
        b'{' | b'[' => return Some(Looks::Json),
        b'<' => return Some(Looks::Page),
        _ => {}
    }
    let mut may_become_field = MARK.starts_with(bytes);
    for field in FIELDS {
        match bytes.strip_prefix(field).map(<[u8]>::first) {
            Some(Some(b':' | b'\n' | b'\r')) => return Some(Looks::Events),
            Some(Some(_)) => {}
            Some(None) => may_become_field = true,
            None => may_become_field |= field.starts_with(bytes),
        }
    }
    (!may_become_field).then_some(Looks::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result for these pieces, and all that is passed on.
    fn found(pieces: &[&[u8]]) -> (Looks, Vec<u8>) {
        let mut opening = Opening::default();
        let mut pieces = pieces.iter();
        while let Some(piece) = pieces.next() {
            assert!(opening.held.len() <= MAX_PADDING + 64);
            if let Some(begun) = opening.push(Bytes::copy_from_slice(piece)) {
                let rest: Vec<u8> = pieces.copied().flatten().copied().collect();
                return (begun.looks, [begun.content().to_vec(), rest].concat());
            }
        }
        let begun = opening.finish();
        (begun.looks, begun.content().to_vec())
    }

    #[test]
    fn bodies_are_known_by_their_first_bytes_however_they_are_cut() {
        let rows: &[(&str, Looks, &str)] = &[
            ("{\"a\":1}", Looks::Json, "{\"a\":1}"),
            (
                "\n : OPENROUTER PROCESSING\n\n{\"a\":1}",
                Looks::Json,
                "{\"a\":1}",
            ),
            ("\u{feff} [1]", Looks::Json, "[1]"),
            ("data: {}\n\n", Looks::Events, "data: {}\n\n"),
            (
                "\u{feff}: wait\r\r: \u{feff}\r\nevent:x\n",
                Looks::Events,
                "event:x\n",
            ),
            ("retry\n", Looks::Events, "retry\n"),
            ("id: 1\n", Looks::Events, "id: 1\n"),
            ("<!doctype html>", Looks::Page, "<!doctype html>"),
            (" database", Looks::Other, "database"),
            ("data", Looks::Other, "data"),
            ("idea: x", Looks::Other, "idea: x"),
            (" plain", Looks::Other, "plain"),
            ("", Looks::Empty, ""),
            (" : {\"a\":1}", Looks::Empty, ""),
            ("\u{fffd}x", Looks::Other, "\u{fffd}x"),
        ];
        for (text, looks, passed) in rows {
            let bytes = text.as_bytes();
            let expected = (*looks, passed.as_bytes().to_vec());
            assert_eq!(found(&[bytes]), expected, "{text:?}");
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(found(&single), expected, "{text:?}");
            for cut in 0..bytes.len() {
                let (head, rest) = bytes.split_at(cut);
                assert_eq!(found(&[head, rest]), expected, "{text:?} at {cut}");
            }
        }
    }

    #[test]
    fn endless_padding_is_not_kept() {
        let padding = ": wait\n\n".repeat(10_000);
        let mut pieces: Vec<&[u8]> = padding.as_bytes().chunks(7).collect();
        pieces.push(b"{}");
        assert_eq!(found(&pieces), (Looks::Json, b"{}".to_vec()));
    }
}
