//! The pieces of a body as one. Owns that a body in one piece is not copied, and the limit on its size.

use bytes::{Bytes, BytesMut};

use crate::units::MIB;

/// Pieces that were pushed, one after the other, never more than a limit in all.
#[derive(Debug)]
pub struct BodyBuffer {
    limit: usize,
    expected: usize,
    first: Bytes,
    /// Empty until there is a second piece.
    more: BytesMut,
}

/// A piece does not fit any more; it is not added, what came before stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooLong(
    /// The piece.
    pub Bytes,
);

impl BodyBuffer {
    /// Accepts at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            expected: 0,
            first: Bytes::new(),
            more: BytesMut::new(),
        }
    }

    /// Reserves `bytes` at once when a second piece comes, instead of growing step by step. An announced length
    /// reserves at most a mebibyte: more is allocated only as data arrives.
    #[must_use]
    pub fn expecting(mut self, bytes: usize) -> Self {
        self.expected = bytes.min(self.limit).min(MIB);
        self
    }

    /// Adds the next piece.
    pub fn push(&mut self, piece: Bytes) -> Result<(), TooLong> {
        if piece.len() > self.limit - self.bytes().len() {
            return Err(TooLong(piece));
        }
        if self.bytes().is_empty() {
            self.first = piece;
        } else if !piece.is_empty() {
            if self.more.is_empty() {
                let first = std::mem::take(&mut self.first);
                self.more
                    .reserve(self.expected.max(first.len() + piece.len()));
                self.more.extend_from_slice(&first);
            }
            self.more.extend_from_slice(&piece);
        }
        Ok(())
    }

    /// The bytes so far.
    pub fn bytes(&self) -> &[u8] {
        if self.more.is_empty() {
            &self.first
        } else {
            &self.more
        }
    }

    /// All of it.
    pub fn finish(self) -> Bytes {
        if self.more.is_empty() {
            self.first
        } else {
            self.more.freeze()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_single_piece_is_not_copied_whatever_empty_ones_surround_it() {
        let piece = Bytes::from(vec![7; 100]);
        let mut joined = BodyBuffer::new(100);
        for next in [Bytes::new(), piece.clone(), Bytes::new()] {
            joined.push(next).unwrap();
        }
        let whole = joined.finish();
        assert_eq!(whole.as_ptr(), piece.as_ptr());
        assert_eq!(whole, piece);
    }

    #[test]
    fn what_does_not_fit_is_given_back_and_leaves_the_rest_whole() {
        let mut joined = BodyBuffer::new(5);
        joined.push(Bytes::from_static(b"abc")).unwrap();
        let piece = Bytes::from_static(b"def");
        assert_eq!(joined.push(piece.clone()), Err(TooLong(piece)));
        joined.push(Bytes::from_static(b"de")).unwrap();
        joined.push(Bytes::new()).unwrap();
        assert_eq!(joined.bytes(), b"abcde");
        assert_eq!(joined.finish(), b"abcde"[..]);
        assert!(BodyBuffer::new(0).push(Bytes::from_static(b"a")).is_err());
        assert!(BodyBuffer::new(2).push(Bytes::from_static(b"abc")).is_err());
    }

    #[test]
    fn an_announced_length_gets_room_once_but_never_much() {
        let mut joined = BodyBuffer::new(8 * MIB).expecting(100_000);
        for _ in 0..2 {
            joined.push(Bytes::from_static(b"abc")).unwrap();
        }
        let place = joined.bytes().as_ptr();
        joined.push(Bytes::from(vec![0; 90_000])).unwrap();
        assert_eq!(joined.bytes().as_ptr(), place);
        let mut joined = BodyBuffer::new(usize::MAX).expecting(usize::MAX);
        for _ in 0..2 {
            joined.push(Bytes::from_static(b"abc")).unwrap();
        }
        assert!(joined.more.capacity() <= 2 * MIB);
    }

    proptest! {
        #[test]
        fn the_pieces_come_out_as_they_went_in(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..9),
            limit in 0_usize..60,
        ) {
            let mut joined = BodyBuffer::new(limit);
            let mut expected: Vec<u8> = Vec::new();
            for piece in pieces {
                let fits = expected.len() + piece.len() <= limit;
                prop_assert_eq!(joined.push(Bytes::from(piece.clone())).is_ok(), fits);
                if fits {
                    expected.extend(piece);
                }
                prop_assert_eq!(joined.bytes(), &expected[..]);
            }
            prop_assert_eq!(joined.finish(), expected);
        }
    }
}
