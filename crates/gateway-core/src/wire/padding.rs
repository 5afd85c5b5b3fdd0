//! What may precede the first real byte of an answer: a byte order mark, white space and `: …` comment lines, as
//! OpenRouter sends to keep connections open. Owns where it ends, however it is cut; not what follows.

/// The byte order mark.
pub const MARK: &[u8] = b"\xef\xbb\xbf";

/// Finds the end of the padding over several pieces.
#[derive(Clone, Copy, Debug, Default)]
pub struct Padding {
    /// Whether the last piece ended within a comment.
    is_in_comment: bool,
}

impl Padding {
    /// The number of bytes of padding at the beginning of the next piece: all of it, or up to the first byte of the JSON.
    pub fn skip(&mut self, piece: &[u8]) -> usize {
        let mut at = 0;
        loop {
            let rest = piece.get(at..).unwrap_or_default();
            if self.is_in_comment {
                let Some(end) = memchr::memchr2(b'\n', b'\r', rest) else {
                    return piece.len();
                };
                self.is_in_comment = false;
                at += end;
                continue;
            }
            match rest.first() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => at += 1,
                Some(b':') => {
                    self.is_in_comment = true;
                    at += 1;
                }
                Some(_) if rest.starts_with(MARK) => at += MARK.len(),
                _ => return at,
            }
        }
    }
}

/// The same for a whole body.
pub fn before_json(body: &[u8]) -> usize {
    Padding::default().skip(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_skipped_however_it_is_cut() {
        let bodies: [(&[u8], usize); 7] = [
            (b"\n : OPENROUTER PROCESSING\n\n{\"a\":1}", 27),
            (b": a\r: b\r\n {\"a\":\":\"}", 10),
            (b"::\n:\n[]", 5),
            (b"{} : x\n", 0),
            (b": never ends", 12),
            (b" \t", 2),
            (b"", 0),
        ];
        for (body, expected) in bodies {
            assert_eq!(before_json(body), expected, "{body:?}");
            for size in 1..body.len() {
                let mut padding = Padding::default();
                let mut skipped = 0;
                for piece in body.chunks(size) {
                    let here = padding.skip(piece);
                    skipped += here;
                    if here < piece.len() {
                        break;
                    }
                }
                assert_eq!(skipped, expected, "{body:?} in pieces of {size}");
            }
        }
    }
}
