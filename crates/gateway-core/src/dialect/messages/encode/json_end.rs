//! Finds the end of a JSON value that arrives in pieces. Owns depth and quotes, byte by byte, so that no piece is read
//! twice; whether the value is valid otherwise is not its concern.

/// How much of a value has been seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct JsonEnd {
    depth: u32,
    place: JsonPlace,
    has_begun: bool,
    is_complete: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum JsonPlace {
    #[default]
    OutsideStrings,
    InString,
    /// After a backslash.
    InEscape,
}

impl JsonEnd {
    /// Reads the next piece.
    pub(super) fn push(&mut self, json: &str) {
        for byte in json.bytes() {
            match self.place {
                JsonPlace::InEscape => self.place = JsonPlace::InString,
                JsonPlace::InString => self.in_string(byte),
                JsonPlace::OutsideStrings => self.outside_strings(byte),
            }
        }
    }

    const fn in_string(&mut self, byte: u8) {
        match byte {
            b'\\' => self.place = JsonPlace::InEscape,
            b'"' => {
                self.place = JsonPlace::OutsideStrings;
                self.is_complete = self.depth == 0;
            }
            _ => {}
        }
    }

    const fn outside_strings(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => return,
            b'"' => self.place = JsonPlace::InString,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.is_complete = self.depth == 0;
            }
            _ => {}
        }
        self.has_begun = true;
    }

    /// Whether more than white space has been seen.
    pub(super) const fn has_begun(self) -> bool {
        self.has_begun
    }

    /// Whether the value is whole. Numbers and words never are: their end is not visible.
    pub(super) const fn is_complete(self) -> bool {
        self.is_complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_of(json: &str) -> Option<usize> {
        let mut end = JsonEnd::default();
        for (place, character) in json.char_indices() {
            end.push(character.encode_utf8(&mut [0; 4]));
            if end.is_complete() {
                return Some(place + character.len_utf8());
            }
        }
        None
    }

    #[test]
    fn the_end_is_found_where_the_value_ends() {
        let rows = [
            ("{}", Some(2)),
            ("[]x", Some(2)),
            (r#" {"a":{"b":[1,2,{}]}} "#, Some(21)),
            (r#"{"a":"}]\"}"}"#, Some(13)),
            (r#"{"a":"\\"}"#, Some(10)),
            (r#"{"a":"\\""#, None),
            (r#""text""#, Some(6)),
            (r#"{"ä":"ö{"}"#, Some(12)),
            ("", None),
            ("  ", None),
            ("12", None),
            (r#"{"a":{}"#, None),
        ];
        for (json, end) in rows {
            assert_eq!(end_of(json), end, "{json}");
        }
        let mut end = JsonEnd::default();
        end.push(" \n");
        assert!(!end.has_begun());
        end.push("{");
        assert!(end.has_begun());
    }
}
