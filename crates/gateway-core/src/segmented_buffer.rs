//! The pieces of a request's body, gathered until they are joined. Owns that a body is copied at most once, and that
//! the overhead stays a small part of its bytes: a buffer that grows by doubling would take three times the body's
//! memory.

use bytes::{Bytes, BytesMut};

/// The minimum size of a segment.
const SEGMENT_BYTES: usize = 64 * 1024;
/// A segment holds at most one in this many of the bytes before it, if that is more.
const SLACK_PART: usize = 8;
/// The maximum that is reserved for an announced length.
const TRUSTED_BYTES: usize = 256 * 1024;

/// Pieces that were pushed, in order.
#[derive(Debug)]
pub struct SegmentedBuffer {
    /// A body's only piece is not copied.
    first: Bytes,
    segments: Vec<BytesMut>,
    length: usize,
    announced: usize,
}

impl SegmentedBuffer {
    /// Expects `announced` bytes; fewer or more may come.
    pub const fn new(announced: usize) -> Self {
        Self {
            first: Bytes::new(),
            segments: Vec::new(),
            length: 0,
            announced,
        }
    }

    /// The number of bytes so far.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// Adds the next piece.
    pub fn push(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        if self.length == 0 {
            self.length = piece.len();
            self.first = piece;
            return;
        }
        if !self.first.is_empty() {
            let first = std::mem::take(&mut self.first);
            self.length = 0;
            self.copy(&first);
        }
        self.copy(&piece);
    }

    fn copy(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let room = self
                .segments
                .last()
                .map_or(0, |last| last.capacity() - last.len());
            if room == 0 {
                let segment = self.next_segment();
                self.segments.push(BytesMut::with_capacity(segment));
                continue;
            }
            let (now, later) = piece.split_at(room.min(piece.len()));
            if let Some(last) = self.segments.last_mut() {
                last.extend_from_slice(now);
            }
            self.length += now.len();
            piece = later;
        }
    }

    fn next_segment(&self) -> usize {
        let usual = SEGMENT_BYTES.max(self.length / SLACK_PART);
        match self.announced.checked_sub(self.length) {
            // A body that is no longer than this comes in one segment, and is not copied again.
            Some(rest @ 1..) if self.length == 0 => rest.min(TRUSTED_BYTES),
            Some(rest @ 1..) => rest.min(usual),
            _ => usual,
        }
    }

    /// All of it.
    pub fn finish(mut self) -> Bytes {
        if self.segments.len() <= 1 {
            return self.segments.pop().map_or(self.first, BytesMut::freeze);
        }
        let mut whole = Vec::with_capacity(self.length);
        for segment in self.segments.drain(..) {
            whole.extend_from_slice(&segment);
        }
        Bytes::from(whole)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::MIB;

    #[test]
    fn a_single_piece_is_not_copied() {
        let piece = Bytes::from(vec![7; 100]);
        let mut gathered = SegmentedBuffer::new(0);
        for next in [Bytes::new(), piece.clone(), Bytes::new()] {
            gathered.push(next);
        }
        assert_eq!(gathered.length(), 100);
        assert_eq!(gathered.finish().as_ptr(), piece.as_ptr());
    }

    #[test]
    fn an_announced_body_of_usual_size_has_one_segment() {
        let mut gathered = SegmentedBuffer::new(200_000);
        for _ in 0..4 {
            gathered.push(Bytes::from(vec![1; 50_000]));
        }
        assert_eq!(gathered.segments.len(), 1);
        assert_eq!(gathered.finish().len(), 200_000);
    }

    #[test]
    fn what_is_held_is_little_more_than_the_bytes() {
        for announced in [0, 10, usize::MAX] {
            let mut gathered = SegmentedBuffer::new(announced);
            while gathered.length() < 8 * MIB {
                gathered.push(Bytes::from(vec![1; 3_000]));
                let held: usize = gathered.segments.iter().map(BytesMut::capacity).sum();
                let slack = TRUSTED_BYTES.max(gathered.length() / SLACK_PART);
                assert!(
                    held <= gathered.length() + slack,
                    "{held} of {}",
                    gathered.length()
                );
            }
            assert!(gathered.segments.len() < 60);
        }
    }

    proptest! {
        #[test]
        fn the_pieces_come_out_as_they_went_in(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..9),
            announced in 0_usize..60,
        ) {
            let mut gathered = SegmentedBuffer::new(announced);
            for piece in &pieces {
                gathered.push(Bytes::from(piece.clone()));
            }
            let expected = pieces.concat();
            prop_assert_eq!(gathered.length(), expected.len());
            prop_assert_eq!(gathered.finish(), expected);
        }
    }
}
