//! JSON text (RFC 8259), walked without recursion and without allocating. Owns the grammar and how deeply values may be
//! nested; what a member means is decided elsewhere.

use std::ops::Range;
use std::str::Chars;

/// Values may be nested so deeply below a top-level member. Parsers have different depth limits: Python's at about
/// 1,000, Go's at 10,000.
pub const MAX_DEPTH: usize = 500;
/// The longest number. Python's parser rejects integers of more than 4,300 digits.
pub const MAX_NUMBER_BYTES: usize = 1_000;

/// Why a text was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The text is over, but not its value.
    EndsTooEarly,
    /// This byte is not allowed here.
    Unexpected(usize),
    /// Values are nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// A number is longer than [`MAX_NUMBER_BYTES`].
    LongNumber,
    /// The caller needs no more members.
    Stopped,
}

/// The position of one member of an object.
#[derive(Clone, Debug)]
pub struct MemberSpan {
    /// The name, between its quotes and as it is spelled.
    pub name: Range<usize>,
    /// The value.
    pub value: Range<usize>,
}

/// Walks the object `text` and passes each of its members to `take`, which may stop the walk.
pub fn object(text: &str, mut take: impl FnMut(MemberSpan) -> Option<()>) -> Result<(), Fault> {
    let mut scanner = JsonScanner {
        text: text.as_bytes(),
        at: 0,
    };
    scanner.space();
    scanner.expect(b'{')?;
    scanner.space();
    if scanner.peek() == Some(b'}') {
        scanner.at += 1;
        return scanner.end();
    }
    loop {
        let name = scanner.name()?;
        scanner.space();
        let start = scanner.at;
        scanner.value()?;
        let value = start..scanner.at;
        take(MemberSpan { name, value }).ok_or(Fault::Stopped)?;
        scanner.space();
        match scanner.next()? {
            b',' => {}
            b'}' => return scanner.end(),
            _ => return Err(scanner.unexpected()),
        }
    }
}

struct JsonScanner<'a> {
    text: &'a [u8],
    at: usize,
}

/// The values that are open: one bit each, set for objects.
#[derive(Default)]
struct Open {
    kinds: [u64; MAX_DEPTH.div_ceil(64)],
    depth: usize,
}

impl Open {
    fn push(&mut self, is_object: bool) -> Result<(), Fault> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
        let (word, bit) = (self.depth / 64, 1 << (self.depth % 64));
        if let Some(word) = self.kinds.get_mut(word) {
            *word = if is_object { *word | bit } else { *word & !bit };
        }
        self.depth += 1;
        Ok(())
    }

    /// Whether the innermost one is an object; `None` when none is open.
    fn is_object(&self) -> Option<bool> {
        let top = self.depth.checked_sub(1)?;
        let word = self.kinds.get(top / 64)?;
        Some(word >> (top % 64) & 1 == 1)
    }
}

impl JsonScanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, Fault> {
        let byte = self.peek().ok_or(Fault::EndsTooEarly)?;
        self.at += 1;
        Ok(byte)
    }

    /// The byte that was just read is wrong.
    const fn unexpected(&self) -> Fault {
        Fault::Unexpected(self.at.saturating_sub(1))
    }

    fn expect(&mut self, wanted: u8) -> Result<(), Fault> {
        if self.next()? == wanted {
            return Ok(());
        }
        Err(self.unexpected())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Nothing but white space may follow.
    fn end(&mut self) -> Result<(), Fault> {
        self.space();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Fault::Unexpected(self.at)),
        }
    }

    /// A member's name and the colon.
    fn name(&mut self) -> Result<Range<usize>, Fault> {
        self.space();
        self.expect(b'"')?;
        let start = self.at;
        self.string()?;
        let name = start..self.at - 1;
        self.space();
        self.expect(b':')?;
        Ok(name)
    }

    /// One value with all that is in it.
    fn value(&mut self) -> Result<(), Fault> {
        let mut open = Open::default();
        loop {
            self.space();
            match self.next()? {
                b'{' => {
                    open.push(true)?;
                    self.space();
                    if self.peek() != Some(b'}') {
                        self.name()?;
                        continue;
                    }
                }
                b'[' => {
                    open.push(false)?;
                    self.space();
                    if self.peek() != Some(b']') {
                        continue;
                    }
                }
                b'"' => self.string()?,
                b't' => self.word(b"rue")?,
                b'f' => self.word(b"alse")?,
                b'n' => self.word(b"ull")?,
                b'-' | b'0'..=b'9' => self.number()?,
                _ => return Err(self.unexpected()),
            }
            if self.after_value(&mut open)? {
                return Ok(());
            }
        }
    }

    /// What follows a value: the ends of its containers, or the next one. Returns whether all have ended.
    fn after_value(&mut self, open: &mut Open) -> Result<bool, Fault> {
        while let Some(is_object) = open.is_object() {
            self.space();
            match (self.next()?, is_object) {
                (b',', true) => {
                    self.name()?;
                    return Ok(false);
                }
                (b',', false) => return Ok(false),
                (b'}', true) | (b']', false) => open.depth -= 1,
                _ => return Err(self.unexpected()),
            }
        }
        Ok(true)
    }

    fn word(&mut self, rest: &[u8]) -> Result<(), Fault> {
        rest.iter().try_for_each(|byte| self.expect(*byte))
    }

    /// A number whose first byte was read.
    fn number(&mut self) -> Result<(), Fault> {
        let start = self.at - 1;
        let mut first = self.text.get(start).copied();
        if first == Some(b'-') {
            first = Some(self.next()?);
        }
        match first {
            Some(b'0') => {}
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.unexpected()),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        if self.at - start > MAX_NUMBER_BYTES {
            return Err(Fault::LongNumber);
        }
        Ok(())
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), Fault> {
        if !self.next()?.is_ascii_digit() {
            return Err(self.unexpected());
        }
        self.digits();
        Ok(())
    }

    /// The rest of a string whose opening quote was read.
    fn string(&mut self) -> Result<(), Fault> {
        loop {
            self.skip_plain();
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => match self.next()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => {
                        for _ in 0..4 {
                            if !self.next()?.is_ascii_hexdigit() {
                                return Err(self.unexpected());
                            }
                        }
                    }
                    _ => return Err(self.unexpected()),
                },
                0..=0x1f => return Err(self.unexpected()),
                _ => {}
            }
        }
    }

    /// Skips to the next quote, backslash or control character, or close before it: eight bytes at a time, since bodies
    /// are mostly strings.
    fn skip_plain(&mut self) {
        const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
        const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
        let rest = self.text.get(self.at..).unwrap_or_default();
        for chunk in rest.chunks_exact(8) {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(chunk);
            let word = u64::from_ne_bytes(bytes);
            // A byte's high bit is set where the byte is below 0x20, or is the quote or the backslash.
            let below = word.wrapping_sub(ONES * 0x20) & !word;
            let quote = word ^ (ONES * u64::from(b'"'));
            let backslash = word ^ (ONES * u64::from(b'\\'));
            let is = |zero: u64| zero.wrapping_sub(ONES) & !zero;
            if (below | is(quote) | is(backslash)) & HIGHS != 0 {
                return;
            }
            self.at += 8;
        }
    }
}

/// The characters of a string as it is spelled between its quotes; `None` for half of a surrogate pair, which parsers
/// keep, replace or reject.
#[derive(Clone, Debug)]
pub struct Unescaped<'a>(Chars<'a>);

impl<'a> Unescaped<'a> {
    /// Of a string that was found by [`object`].
    pub fn of(spelled: &'a str) -> Self {
        Self(spelled.chars())
    }

    /// The four digits of `\uXXXX`.
    fn unit(chars: &mut Chars<'_>) -> Option<u32> {
        (0..4).try_fold(0, |unit, _| Some(unit << 4 | chars.next()?.to_digit(16)?))
    }

    /// The character that begins with a UTF-16 unit.
    fn begin_with(&mut self, unit: u32) -> Option<char> {
        if let Some(character) = char::from_u32(unit) {
            return Some(character);
        }
        if unit >= 0xdc00 {
            return None;
        }
        let mut ahead = self.0.clone();
        let low = (ahead.next() == Some('\\') && ahead.next() == Some('u'))
            .then(|| Self::unit(&mut ahead))
            .flatten()
            .filter(|low| (0xdc00..0xe000).contains(low))?;
        self.0 = ahead;
        char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
    }
}

impl Iterator for Unescaped<'_> {
    type Item = Option<char>;

    fn next(&mut self) -> Option<Self::Item> {
        let character = self.0.next()?;
        if character != '\\' {
            return Some(Some(character));
        }
        Some(match self.0.next()? {
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'u' => {
                let unit = Self::unit(&mut self.0)?;
                self.begin_with(unit)
            }
            other => Some(other),
        })
    }
}

#[cfg(test)]
mod tests;
