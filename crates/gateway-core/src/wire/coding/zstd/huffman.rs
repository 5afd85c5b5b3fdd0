//! Huffman-coded literals (RFC 8878, 4.2). Owns the trees and their descriptions.

use super::super::Damaged;
use super::bits::Backward;
use super::fse;

const MAX_BITS: u32 = 11;
const MAX_SYMBOLS: usize = 256;

/// A decoding table: symbol and number of bits by the next bits.
#[derive(Clone, Debug)]
pub struct Tree {
    bits: u32,
    entries: Vec<(u8, u8)>,
}

impl Tree {
    /// Reads a tree's description. Returns its length as well.
    pub fn read(bytes: &[u8]) -> Result<(Self, usize), Damaged> {
        let (first, rest) = bytes.split_first().ok_or(Damaged)?;
        let first = usize::from(*first);
        let (mut weights, length) = if first < 128 {
            let packed = rest.get(..first).ok_or(Damaged)?;
            (unpack(packed)?, first)
        } else {
            let count = first - 127;
            let length = count.div_ceil(2);
            let packed = rest.get(..length).ok_or(Damaged)?;
            let mut weights: Vec<u8> = packed
                .iter()
                .flat_map(|byte| [byte >> 4, byte & 15])
                .collect();
            weights.truncate(count);
            (weights, length)
        };
        let bits = complete(&mut weights)?;
        Ok((Self::build(&weights, bits)?, length + 1))
    }

    fn build(weights: &[u8], bits: u32) -> Result<Self, Damaged> {
        let mut entries = vec![(0, 0); 1 << bits];
        let mut place = 0;
        // The longest codes, those of the smallest weight, come first.
        for weight in 1..=bits {
            let span = 1_usize << (weight - 1);
            let length = u8::try_from(bits + 1 - weight).map_err(|_| Damaged)?;
            for (symbol, _) in weights
                .iter()
                .enumerate()
                .filter(|(_, own)| u32::from(**own) == weight)
            {
                let symbol = u8::try_from(symbol).map_err(|_| Damaged)?;
                let range = entries.get_mut(place..place + span).ok_or(Damaged)?;
                range.fill((symbol, length));
                place += span;
            }
        }
        if place == entries.len() {
            Ok(Self { bits, entries })
        } else {
            Err(Damaged)
        }
    }

    /// Decodes one stream of `count` literals.
    pub fn decode(
        &self,
        stream: &[u8],
        count: usize,
        literals: &mut Vec<u8>,
    ) -> Result<(), Damaged> {
        let mut bits = Backward::new(stream)?;
        let mask = self.entries.len() - 1;
        let mut state = bits.read(self.bits) as usize;
        for _ in 0..count {
            let (symbol, length) = *self.entries.get(state).ok_or(Damaged)?;
            literals.push(symbol);
            let next = bits.read(u32::from(length)) as usize;
            state = (state << length | next) & mask;
        }
        // The state holds bits that were read ahead.
        if bits.left == -i64::from(self.bits) {
            Ok(())
        } else {
            Err(Damaged)
        }
    }
}

/// The weights of a description that is compressed itself.
fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Damaged> {
    let (table, length) = fse::FseTable::read(bytes, 6, 255)?;
    let mut bits = Backward::new(bytes.get(length..).unwrap_or_default())?;
    let mut states = [table.begin(&mut bits), table.begin(&mut bits)];
    let mut weights = Vec::new();
    for turn in (0..2).cycle() {
        let state = states.get_mut(turn).ok_or(Damaged)?;
        weights.push(table.symbol(*state));
        if weights.len() >= MAX_SYMBOLS {
            return Err(Damaged);
        }
        *state = table.next(*state, &mut bits);
        if bits.left < 0 {
            let other = states.get(1 - turn).ok_or(Damaged)?;
            weights.push(table.symbol(*other));
            break;
        }
    }
    Ok(weights)
}

/// Adds the last weight, which is implied. Returns the length of the longest code.
fn complete(weights: &mut Vec<u8>) -> Result<u32, Damaged> {
    if weights.len() >= MAX_SYMBOLS || weights.iter().any(|weight| u32::from(*weight) > MAX_BITS) {
        return Err(Damaged);
    }
    let sum: u32 = weights
        .iter()
        .filter(|weight| **weight > 0)
        .map(|weight| 1 << (weight - 1))
        .sum();
    let bits = sum.checked_ilog2().ok_or(Damaged)? + 1;
    let rest = (1 << bits) - sum;
    if bits > MAX_BITS || !rest.is_power_of_two() {
        return Err(Damaged);
    }
    weights.push(u8::try_from(rest.ilog2() + 1).map_err(|_| Damaged)?);
    Ok(bits)
}
