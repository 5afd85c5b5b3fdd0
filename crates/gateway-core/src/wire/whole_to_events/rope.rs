//! Text assembled from slices of a whole answer and short pieces between them. Owns that long values of the answer are
//! never copied, however often they are repeated, and a bound for everything that is.

use bytes::Bytes;

use crate::units::MIB;
use crate::wire::members::quoted;

/// Shorter slices are copied: a slice costs about as much as this.
const MIN_SLICE: usize = 256;
/// The maximum that is copied or created in all; an ordinary answer takes some kilobytes.
const MAX_MADE: usize = 4 * MIB;

/// The text so far.
#[derive(Debug)]
pub struct Rope {
    whole: Bytes,
    pieces: Vec<Bytes>,
    open: Vec<u8>,
    made: usize,
}

impl Rope {
    /// Begins; [`Rope::raw`] takes slices of `whole`.
    pub fn new(whole: Bytes) -> Self {
        Self {
            whole,
            pieces: Vec::new(),
            open: Vec::new(),
            made: 0,
        }
    }

    /// Adds text.
    pub fn text(&mut self, text: &str) {
        // What exceeds the bound is counted but not kept: the whole is rejected in the end.
        self.made = self.made.saturating_add(text.len());
        if self.made <= MAX_MADE {
            self.open.extend_from_slice(text.as_bytes());
        }
    }

    /// Adds JSON that is part of the whole.
    pub fn raw(&mut self, raw: &str) {
        let start = raw.as_ptr().addr().checked_sub(self.whole.as_ptr().addr());
        let place = start.map(|start| start..start.saturating_add(raw.len()));
        match place.filter(|place| raw.len() >= MIN_SLICE && place.end <= self.whole.len()) {
            Some(place) => {
                self.made = self.made.saturating_add(size_of::<Bytes>());
                if self.made <= MAX_MADE {
                    self.close_piece();
                    self.pieces.push(self.whole.slice(place));
                }
            }
            None => self.text(raw),
        }
    }

    /// Adds `text` as a JSON string.
    pub fn quoted(&mut self, text: &str) {
        if self.made <= MAX_MADE {
            self.text(&quoted(text));
        }
    }

    /// Adds `"name":`.
    pub fn name(&mut self, name: &str) {
        self.quoted(name);
        self.text(":");
    }

    /// All of it in pieces; `None` when it became too long.
    pub fn finish(mut self) -> Option<Vec<Bytes>> {
        self.close_piece();
        (self.made <= MAX_MADE).then_some(self.pieces)
    }

    fn close_piece(&mut self) {
        if !self.open.is_empty() {
            self.pieces
                .push(Bytes::from(std::mem::take(&mut self.open)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_slices_and_short_ones_are_copied() {
        let text = format!("[\"{}\",\"short\"]", "x".repeat(1000));
        let whole = Bytes::from(text.clone());
        let mut rope = Rope::new(whole.clone());
        let inside = std::str::from_utf8(&whole).unwrap();
        rope.text("a");
        rope.raw(&inside[1..1003]);
        rope.raw(&inside[1004..1011]);
        // Text from elsewhere is copied.
        rope.raw(&text[1..1003]);
        let pieces = rope.finish().unwrap();
        assert_eq!(pieces.len(), 3);
        assert_eq!(pieces[1].as_ptr(), whole[1..].as_ptr());
        let expected = format!("a{0}\"short\"{0}", &text[1..1003]);
        assert_eq!(pieces.concat(), expected.as_bytes());
    }

    #[test]
    fn what_becomes_too_long_is_refused() {
        let mut rope = Rope::new(Bytes::new());
        for _ in 0..5 {
            rope.text(&"x".repeat(MIB));
        }
        assert!(rope.open.len() <= MAX_MADE);
        assert_eq!(rope.finish(), None);
    }
}
