//! Pages of an `SQLite` file, and the rows of a table's b-tree in them. Owns offsets and bounds, not what a row says.

use super::SqliteError;

/// Bytes before the first page's own header.
const FILE_HEADER: usize = 100;
/// Deeper trees than this would need more pages than a file can have.
const MAX_DEPTH: usize = 20;

/// A file in pages.
#[derive(Debug)]
pub struct Pages<'f> {
    file: &'f [u8],
    size: usize,
    /// Bytes of each page that are used; the rest is reserved for extensions.
    usable: usize,
}

/// The pages that a walk has seen: none is read twice.
struct VisitedPages(Vec<bool>);

impl VisitedPages {
    fn first(&mut self, page: usize) -> Result<(), SqliteError> {
        match self.0.get_mut(page) {
            Some(seen) if !*seen => {
                *seen = true;
                Ok(())
            }
            _ => Err(SqliteError::Damaged),
        }
    }
}

impl<'f> Pages<'f> {
    pub fn new(file: &'f [u8], size: usize, reserved: usize) -> Result<Self, SqliteError> {
        // The format demands at least 480 usable bytes.
        let usable = size.checked_sub(reserved).filter(|usable| *usable >= 480);
        let usable = usable.ok_or(SqliteError::Damaged)?;
        Ok(Self { file, size, usable })
    }

    /// Whole pages of the file.
    pub const fn count(&self) -> usize {
        self.file.len() / self.size
    }

    /// A page by its number, which begins at 1.
    fn page(&self, number: usize) -> Result<&'f [u8], SqliteError> {
        let start = number.checked_sub(1).ok_or(SqliteError::Damaged)?;
        let start = start.checked_mul(self.size).ok_or(SqliteError::Damaged)?;
        let end = start.checked_add(self.usable).ok_or(SqliteError::Damaged)?;
        self.file.get(start..end).ok_or(SqliteError::Damaged)
    }

    /// Calls `row` with the number and the payload of each row of the table with this root, in their order, for at most
    /// `most` rows; whether there are more.
    pub fn each_row(
        &self,
        root: usize,
        most: usize,
        mut row: impl FnMut(i64, &[u8]) -> Result<(), SqliteError>,
    ) -> Result<bool, SqliteError> {
        let mut seen = VisitedPages(vec![false; self.count() + 1]);
        let mut stack = vec![(root, 0)];
        let mut rows = 0;
        while let Some((number, depth)) = stack.pop() {
            if depth > MAX_DEPTH {
                return Err(SqliteError::Damaged);
            }
            seen.first(number)?;
            let page = self.page(number)?;
            let header = if number == 1 { FILE_HEADER } else { 0 };
            let cells = usize::from(u16_at(page, header + 3)?);
            match page.get(header) {
                Some(0x0d) => {
                    for cell in 0..cells {
                        if rows == most {
                            return Ok(true);
                        }
                        rows += 1;
                        let at = usize::from(u16_at(page, header + 8 + cell * 2)?);
                        let (rowid, payload) = self.cell(page, at, &mut seen)?;
                        row(rowid, &payload)?;
                    }
                }
                Some(0x05) => {
                    // The last child first, since the stack turns them around.
                    stack.push((u32_at(page, header + 8)?, depth + 1));
                    for cell in (0..cells).rev() {
                        let at = usize::from(u16_at(page, header + 12 + cell * 2)?);
                        stack.push((u32_at(page, at)?, depth + 1));
                    }
                    // Each child is a page of its own.
                    if stack.len() > self.count() {
                        return Err(SqliteError::Damaged);
                    }
                }
                _ => return Err(SqliteError::Damaged),
            }
        }
        Ok(false)
    }

    /// The row of a leaf's cell, with what of it is on other pages.
    fn cell(
        &self,
        page: &'f [u8],
        at: usize,
        seen: &mut VisitedPages,
    ) -> Result<(i64, std::borrow::Cow<'f, [u8]>), SqliteError> {
        let mut rest = page.get(at..).ok_or(SqliteError::Damaged)?;
        let size = usize::try_from(varint(&mut rest)?).map_err(|_| SqliteError::Damaged)?;
        let rowid = varint(&mut rest)?;
        if size > self.file.len() {
            return Err(SqliteError::Damaged);
        }
        let local = self.local(size);
        let (head, mut after) = rest.split_at_checked(local).ok_or(SqliteError::Damaged)?;
        if local == size {
            return Ok((rowid, head.into()));
        }
        let mut payload = Vec::with_capacity(size);
        payload.extend_from_slice(head);
        while payload.len() < size {
            let next = u32_at(after, 0)?;
            seen.first(next)?;
            after = self.page(next)?;
            let part = after.get(4..).ok_or(SqliteError::Damaged)?;
            let part = part.get(..size - payload.len()).unwrap_or(part);
            payload.extend_from_slice(part);
        }
        Ok((rowid, payload.into()))
    }

    /// How many bytes of a row's payload are on the leaf itself.
    const fn local(&self, size: usize) -> usize {
        let most = self.usable - 35;
        if size <= most {
            return size;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let wanted = least + (size - least) % (self.usable - 4);
        if wanted <= most { wanted } else { least }
    }
}

/// Takes a variable-length integer: seven bits of each byte, all eight of a ninth.
pub fn varint(rest: &mut &[u8]) -> Result<i64, SqliteError> {
    let mut value: u64 = 0;
    for count in 1..=9 {
        let (byte, after) = rest.split_first().ok_or(SqliteError::Damaged)?;
        *rest = after;
        if count == 9 {
            value = value << 8 | u64::from(*byte);
            break;
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Ok(value.cast_signed())
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, SqliteError> {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found
        .map(|bytes| u16::from_be_bytes(*bytes))
        .ok_or(SqliteError::Damaged)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<usize, SqliteError> {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    let found = found.map(|bytes| u32::from_be_bytes(*bytes));
    let found = found.and_then(|number| usize::try_from(number).ok());
    found.ok_or(SqliteError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_every_length_are_read() {
        for (bytes, value, left) in [
            (&[0x00][..], 0, 0),
            (&[0x7f, 0x01], 127, 1),
            (&[0x81, 0x00], 128, 0),
            (&[0xff, 0x7f], 16_383, 0),
            (&[0x81, 0x80, 0x00], 16_384, 0),
            (&[0xff; 9], -1, 0),
            (
                &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x05, 0x09],
                5,
                1,
            ),
        ] {
            let mut rest = bytes;
            assert_eq!(varint(&mut rest), Ok(value), "{bytes:?}");
            assert_eq!(rest.len(), left);
        }
        let mut cut = &[0x81, 0x80][..];
        assert_eq!(varint(&mut cut), Err(SqliteError::Damaged));
    }

    #[test]
    fn a_payload_is_split_as_the_format_says() {
        let file = vec![0; 4096];
        let pages = Pages::new(&file, 4096, 0).unwrap();
        assert_eq!(pages.local(4061), 4061);
        // 489 = (4084 * 32 / 255) - 23; the rest fills whole overflow pages.
        assert_eq!(pages.local(4062), 489);
        assert_eq!(pages.local(489 + 4092), 489);
        assert_eq!(pages.local(489 + 4092 + 100), 589);
        assert!(Pages::new(&file, 512, 33).is_err());
    }
}
