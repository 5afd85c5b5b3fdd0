//! Finite state entropy (RFC 8878, 4.1). Owns the tables and their descriptions.

use super::super::Damaged;
use super::bits::{Backward, Forward};

#[derive(Clone, Copy, Debug, Default)]
struct FseEntry {
    symbol: u8,
    bits: u8,
    base: u16,
}

/// A decoding table.
#[derive(Clone, Debug)]
pub struct FseTable {
    log: u32,
    entries: Vec<FseEntry>,
}

impl FseTable {
    /// Reads a table's description. Returns its length as well.
    pub fn read(bytes: &[u8], max_log: u32, max_symbol: usize) -> Result<(Self, usize), Damaged> {
        let mut bits = Forward::new(bytes);
        let log = bits.read(4)? + 5;
        if log > max_log {
            return Err(Damaged);
        }
        let mut remaining = 1_i32 << log;
        let mut counts: Vec<i16> = Vec::with_capacity(max_symbol + 1);
        while remaining > 0 {
            if counts.len() > max_symbol {
                return Err(Damaged);
            }
            let most = u32::try_from(remaining + 1).map_err(|_| Damaged)?;
            let width = most.ilog2() + 1;
            let mut value = bits.read(width)?;
            let low = (1 << (width - 1)) - 1;
            let threshold = (1 << width) - 1 - most;
            if value & low < threshold {
                bits.unread(1);
                value &= low;
            } else if value > low {
                value -= threshold;
            }
            let count = i32::try_from(value).map_err(|_| Damaged)? - 1;
            remaining -= count.abs();
            counts.push(i16::try_from(count).map_err(|_| Damaged)?);
            if count == 0 {
                loop {
                    let zeros = bits.read(2)?;
                    counts.extend((0..zeros).map(|_| 0));
                    if zeros < 3 || counts.len() > max_symbol {
                        break;
                    }
                }
            }
        }
        if remaining != 0 || counts.len() > max_symbol + 1 {
            return Err(Damaged);
        }
        Ok((Self::build(&counts, log)?, bits.bytes_read()))
    }

    /// A table from the symbols' counts, which add up to `1 << log`; -1 means less than one.
    pub fn build(counts: &[i16], log: u32) -> Result<Self, Damaged> {
        let size = 1_usize << log;
        let mut entries = vec![FseEntry::default(); size];
        let mut next: Vec<u32> = Vec::with_capacity(counts.len());
        let mut high = size;
        for (symbol, count) in counts.iter().enumerate() {
            if *count == -1 {
                high = high.checked_sub(1).ok_or(Damaged)?;
                let entry = entries.get_mut(high).ok_or(Damaged)?;
                entry.symbol = u8::try_from(symbol).map_err(|_| Damaged)?;
            }
            next.push(u32::from(count.unsigned_abs()));
        }
        let (step, mask) = ((size >> 1) + (size >> 3) + 3, size - 1);
        let mut place = 0;
        for (symbol, count) in counts.iter().enumerate() {
            for _ in 0..(*count).max(0) {
                let entry = entries.get_mut(place).ok_or(Damaged)?;
                entry.symbol = u8::try_from(symbol).map_err(|_| Damaged)?;
                loop {
                    place = (place + step) & mask;
                    if place < high {
                        break;
                    }
                    if high == 0 {
                        return Err(Damaged);
                    }
                }
            }
        }
        if place != 0 {
            return Err(Damaged);
        }
        for entry in &mut entries {
            let next = next.get_mut(usize::from(entry.symbol)).ok_or(Damaged)?;
            let bits = log - next.checked_ilog2().ok_or(Damaged)?;
            let base = (*next << bits) - (1 << log);
            *next += 1;
            entry.bits = u8::try_from(bits).map_err(|_| Damaged)?;
            entry.base = u16::try_from(base).map_err(|_| Damaged)?;
        }
        Ok(Self { log, entries })
    }

    /// A table of one symbol.
    pub fn single(symbol: u8) -> Self {
        let entry = FseEntry {
            symbol,
            ..FseEntry::default()
        };
        Self {
            log: 0,
            entries: vec![entry],
        }
    }

    /// The first state.
    pub fn begin(&self, bits: &mut Backward<'_>) -> usize {
        bits.read(self.log) as usize
    }

    pub fn symbol(&self, state: usize) -> u8 {
        self.entries.get(state).map_or(0, |entry| entry.symbol)
    }

    /// The state after `state`.
    pub fn next(&self, state: usize, bits: &mut Backward<'_>) -> usize {
        self.entries.get(state).map_or(0, |entry| {
            usize::from(entry.base) + bits.read(u32::from(entry.bits)) as usize
        })
    }
}
