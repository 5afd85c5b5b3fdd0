//! One compressed block (RFC 8878, 3.1.1.3): its literals, its sequences, and what the next block may reuse.

use super::super::Damaged;
use super::bits::Backward;
use super::fse::FseTable;
use super::huffman::Tree;
use super::little_endian;

/// The largest block, compressed or not.
pub const MAX_BLOCK_BYTES: usize = 128 * 1024;

/// Literal lengths: base value and further bits by code.
const LITERALS: [(u32, u8); 36] = [
    (0, 0),
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 0),
    (12, 0),
    (13, 0),
    (14, 0),
    (15, 0),
    (16, 1),
    (18, 1),
    (20, 1),
    (22, 1),
    (24, 2),
    (28, 2),
    (32, 3),
    (40, 3),
    (48, 4),
    (64, 6),
    (128, 7),
    (256, 8),
    (512, 9),
    (1024, 10),
    (2048, 11),
    (4096, 12),
    (8192, 13),
    (16_384, 14),
    (32_768, 15),
    (65_536, 16),
];
/// Match lengths after those that are their code and three.
const MATCHES: [(u32, u8); 21] = [
    (35, 1),
    (37, 1),
    (39, 1),
    (41, 1),
    (43, 2),
    (47, 2),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 5),
    (131, 7),
    (259, 8),
    (515, 9),
    (1027, 10),
    (2051, 11),
    (4099, 12),
    (8195, 13),
    (16_387, 14),
    (32_771, 15),
    (65_539, 16),
];
const LITERAL_COUNTS: [i16; 36] = [
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1,
    -1, -1, -1, -1,
];
const MATCH_COUNTS: [i16; 53] = [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
];
const OFFSET_COUNTS: [i16; 29] = [
    1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
];

/// One of the three kinds of codes of a sequence.
struct CodeKind {
    counts: &'static [i16],
    log: u32,
    max_log: u32,
    max_symbol: usize,
}

const LITERAL_KIND: CodeKind = CodeKind {
    counts: &LITERAL_COUNTS,
    log: 6,
    max_log: 9,
    max_symbol: 35,
};
const OFFSET_KIND: CodeKind = CodeKind {
    counts: &OFFSET_COUNTS,
    log: 5,
    max_log: 8,
    max_symbol: 31,
};
const MATCH_KIND: CodeKind = CodeKind {
    counts: &MATCH_COUNTS,
    log: 6,
    max_log: 9,
    max_symbol: 52,
};

/// State shared by the blocks of one frame.
pub struct BlockDecoder {
    tree: Option<Tree>,
    literal_table: Option<FseTable>,
    offset_table: Option<FseTable>,
    match_table: Option<FseTable>,
    offsets: [usize; 3],
    literals: Vec<u8>,
}

impl Default for BlockDecoder {
    fn default() -> Self {
        Self {
            tree: None,
            literal_table: None,
            offset_table: None,
            match_table: None,
            offsets: [1, 4, 8],
            literals: Vec::new(),
        }
    }
}

impl BlockDecoder {
    /// Adds a block's content to `history`, of which matches may refer to the last `window` bytes.
    pub fn decode(
        &mut self,
        block: &[u8],
        window: usize,
        history: &mut Vec<u8>,
    ) -> Result<(), Damaged> {
        let length = self.read_literals(block)?;
        let rest = block.get(length..).ok_or(Damaged)?;
        let (count, rest) = sequence_count(rest)?;
        let end = history.len() + MAX_BLOCK_BYTES;
        let mut used = 0;
        if count > 0 {
            let (modes, rest) = rest.split_first().ok_or(Damaged)?;
            if modes & 3 != 0 {
                return Err(Damaged);
            }
            let mut rest = rest;
            for (table, kind, shift) in [
                (&mut self.literal_table, &LITERAL_KIND, 6),
                (&mut self.offset_table, &OFFSET_KIND, 4),
                (&mut self.match_table, &MATCH_KIND, 2),
            ] {
                rest = read_table(table, kind, modes >> shift & 3, rest)?;
            }
            used = self.run(count, rest, window, end, history)?;
        }
        let last = self.literals.get(used..).ok_or(Damaged)?;
        if history.len() + last.len() > end {
            return Err(Damaged);
        }
        history.extend_from_slice(last);
        Ok(())
    }

    /// Reads the block's literals. Returns the length of their section.
    fn read_literals(&mut self, block: &[u8]) -> Result<usize, Damaged> {
        let first = *block.first().ok_or(Damaged)?;
        let (kind, format) = (first & 3, first >> 2 & 3);
        let (head, shift, width) = match (kind, format) {
            (0 | 1, 0 | 2) => (1, 3, 5),
            (0 | 1, 1) => (2, 4, 12),
            (0 | 1, _) => (3, 4, 20),
            (_, 0 | 1) => (3, 4, 10),
            (_, 2) => (4, 4, 14),
            _ => (5, 4, 18),
        };
        let number = little_endian(block.get(..head).ok_or(Damaged)?) >> shift;
        let field =
            |at: u32| usize::try_from(number >> at & ((1 << width) - 1)).map_err(|_| Damaged);
        let size = field(0)?;
        if size > MAX_BLOCK_BYTES {
            return Err(Damaged);
        }
        self.literals.clear();
        if kind < 2 {
            let length = if kind == 0 { size } else { 1 };
            let bytes = block.get(head..head + length).ok_or(Damaged)?;
            match bytes {
                [byte] if kind == 1 => self.literals.resize(size, *byte),
                _ => self.literals.extend_from_slice(bytes),
            }
            return Ok(head + length);
        }
        let length = field(width)?;
        let mut bytes = block.get(head..head + length).ok_or(Damaged)?;
        if kind == 2 {
            let (tree, described) = Tree::read(bytes)?;
            self.tree = Some(tree);
            bytes = bytes.get(described..).ok_or(Damaged)?;
        }
        let tree = self.tree.as_ref().ok_or(Damaged)?;
        if format == 0 {
            tree.decode(bytes, size, &mut self.literals)?;
        } else {
            four_streams(tree, bytes, size, &mut self.literals)?;
        }
        Ok(head + length)
    }

    /// Runs the block's sequences. Returns how many literals they used.
    fn run(
        &mut self,
        count: usize,
        stream: &[u8],
        window: usize,
        end: usize,
        history: &mut Vec<u8>,
    ) -> Result<usize, Damaged> {
        let tables = (&self.literal_table, &self.offset_table, &self.match_table);
        let (Some(literal_table), Some(offset_table), Some(match_table)) = tables else {
            return Err(Damaged);
        };
        let mut bits = Backward::new(stream)?;
        let mut literal_state = literal_table.begin(&mut bits);
        let mut offset_state = offset_table.begin(&mut bits);
        let mut match_state = match_table.begin(&mut bits);
        let mut used = 0;
        for left in (0..count).rev() {
            let offset_code = u32::from(offset_table.symbol(offset_state));
            let value = (1_u64 << offset_code) + u64::from(bits.read(offset_code));
            let value = usize::try_from(value).map_err(|_| Damaged)?;
            let match_length = match match_table.symbol(match_state) {
                code @ ..32 => usize::from(code) + 3,
                code => with_bits(&MATCHES, code - 32, &mut bits)?,
            };
            let literals = with_bits(&LITERALS, literal_table.symbol(literal_state), &mut bits)?;
            if left > 0 {
                literal_state = literal_table.next(literal_state, &mut bits);
                match_state = match_table.next(match_state, &mut bits);
                offset_state = offset_table.next(offset_state, &mut bits);
            }
            if bits.left < 0 || history.len() + literals + match_length > end {
                return Err(Damaged);
            }
            let text = self.literals.get(used..used + literals).ok_or(Damaged)?;
            history.extend_from_slice(text);
            used += literals;
            let offset = offset(&mut self.offsets, value, literals)?;
            repeat(history, offset, match_length, window)?;
        }
        if bits.left == 0 {
            Ok(used)
        } else {
            Err(Damaged)
        }
    }
}

/// Repeats `length` bytes from `offset` before the end.
fn repeat(
    history: &mut Vec<u8>,
    offset: usize,
    length: usize,
    window: usize,
) -> Result<(), Damaged> {
    let start = history.len().checked_sub(offset).ok_or(Damaged)?;
    if offset == 0 || offset > window.max(MAX_BLOCK_BYTES) {
        return Err(Damaged);
    }
    let mut left = length;
    while left > 0 {
        // What was just written may be repeated as well.
        let part = left.min(history.len() - start);
        history.extend_from_within(start..start + part);
        left -= part;
    }
    Ok(())
}

/// The distance that `value` encodes: one of the last three, or a new one.
fn offset(last: &mut [usize; 3], value: usize, literals: usize) -> Result<usize, Damaged> {
    let [first, second, third] = *last;
    let (offset, rest) = match (value + usize::from(literals == 0), value) {
        (_, 4..) => (value - 3, [first, second]),
        (1, _) => return Ok(first),
        (2, _) => (second, [first, third]),
        (3, _) => (third, [first, second]),
        _ => (first.checked_sub(1).ok_or(Damaged)?, [first, second]),
    };
    *last = [offset, rest[0], rest[1]];
    Ok(offset)
}

fn with_bits(codes: &[(u32, u8)], code: u8, bits: &mut Backward<'_>) -> Result<usize, Damaged> {
    let (base, count) = *codes.get(usize::from(code)).ok_or(Damaged)?;
    usize::try_from(base + bits.read(u32::from(count))).map_err(|_| Damaged)
}

fn four_streams(
    tree: &Tree,
    bytes: &[u8],
    size: usize,
    literals: &mut Vec<u8>,
) -> Result<(), Damaged> {
    let (lengths, mut rest) = bytes.split_at_checked(6).ok_or(Damaged)?;
    let each = size.div_ceil(4);
    for length in lengths.chunks_exact(2) {
        let length = usize::try_from(little_endian(length)).map_err(|_| Damaged)?;
        let (stream, after) = rest.split_at_checked(length).ok_or(Damaged)?;
        tree.decode(stream, each, literals)?;
        rest = after;
    }
    tree.decode(rest, size.checked_sub(3 * each).ok_or(Damaged)?, literals)
}

fn sequence_count(bytes: &[u8]) -> Result<(usize, &[u8]), Damaged> {
    match bytes {
        [first @ ..128, rest @ ..] => Ok((usize::from(*first), rest)),
        [255, second, third, rest @ ..] => {
            let count = usize::from(u16::from_le_bytes([*second, *third])) + 0x7f00;
            Ok((count, rest))
        }
        [first @ 128..=254, second, rest @ ..] => {
            Ok((usize::from(first - 128) << 8 | usize::from(*second), rest))
        }
        _ => Err(Damaged),
    }
}

/// Sets the table of one kind. Returns what follows its description.
fn read_table<'a>(
    table: &mut Option<FseTable>,
    kind: &CodeKind,
    mode: u8,
    bytes: &'a [u8],
) -> Result<&'a [u8], Damaged> {
    match (mode, bytes) {
        (0, _) => {
            *table = Some(FseTable::build(kind.counts, kind.log)?);
            Ok(bytes)
        }
        (1, [symbol, rest @ ..]) if usize::from(*symbol) <= kind.max_symbol => {
            *table = Some(FseTable::single(*symbol));
            Ok(rest)
        }
        (2, _) => {
            let (read, length) = FseTable::read(bytes, kind.max_log, kind.max_symbol)?;
            *table = Some(read);
            bytes.get(length..).ok_or(Damaged)
        }
        // The previous block's table again.
        (3, _) if table.is_some() => Ok(bytes),
        _ => Err(Damaged),
    }
}
