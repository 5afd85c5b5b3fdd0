//! Bits of zstd's two directions. Owns only the reading, not their meaning.

use super::super::Damaged;

/// Reads from the first byte on, the lowest bit first.
pub struct Forward<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Forward<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// At most 16 bits; bits after the end are an error.
    pub fn read(&mut self, count: u32) -> Result<u32, Damaged> {
        let mut value = 0;
        for place in 0..count {
            let byte = self.bytes.get(self.at / 8).ok_or(Damaged)?;
            value |= u32::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        Ok(value)
    }

    pub const fn unread(&mut self, count: usize) {
        self.at = self.at.saturating_sub(count);
    }

    /// Bytes of which at least one bit was read.
    pub const fn bytes_read(&self) -> usize {
        self.at.div_ceil(8)
    }
}

/// Reads from the end, where a bit marks the place, to the beginning. Bits before the beginning are zero.
pub struct Backward<'a> {
    bytes: &'a [u8],
    /// Bits that are left; negative when more were read than there are.
    pub left: i64,
}

impl<'a> Backward<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Self, Damaged> {
        let last = *bytes.last().filter(|last| **last != 0).ok_or(Damaged)?;
        let padding = i64::from(last.leading_zeros()) + 1;
        let bits = i64::try_from(bytes.len()).map_err(|_| Damaged)? * 8;
        Ok(Self {
            bytes,
            left: bits - padding,
        })
    }

    /// At most 32 bits.
    pub fn read(&mut self, count: u32) -> u32 {
        if count == 0 {
            return 0;
        }
        let end = self.left;
        self.left -= i64::from(count);
        if end <= 0 {
            return 0;
        }
        let start = self.left.max(0);
        let first = usize::try_from(start / 8).unwrap_or_default();
        let rest = self.bytes.get(first..).unwrap_or_default();
        let window = match rest.first_chunk() {
            Some(eight) => u64::from_le_bytes(*eight),
            None => super::little_endian(rest),
        };
        let there = end - start;
        let value = window >> (start % 8) & ((1_u64 << there) - 1);
        // Missing bits are the lowest: they would be before the beginning.
        let missing = i64::from(count) - there;
        u32::try_from(value << missing & u64::from(u32::MAX)).unwrap_or_default()
    }
}
