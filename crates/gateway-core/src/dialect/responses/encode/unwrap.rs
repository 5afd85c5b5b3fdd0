//! The input of a custom tool out of the arguments `{"input":"…"}` of the function that it is on the wire. Owns the
//! decoding of the JSON string piece by piece; arguments of any other form are the input themselves.

use memchr::memchr2;

use crate::dialect::custom_input;

/// Decodes the arguments of one call.
#[derive(Debug, Default)]
pub struct InputUnwrapper {
    state: UnwrapState,
    /// Arguments of which nothing is decoded.
    buffer: String,
    /// An escape sequence that has begun.
    escape: String,
    /// The first half of a character that is written as two escape sequences.
    high: Option<u32>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum UnwrapState {
    /// Before the string.
    #[default]
    Before,
    /// In the string.
    Inside,
    /// Behind the string.
    After,
    /// It does not begin as it should: all of it is kept until its end.
    Other,
}

enum WrapperState {
    Unfinished,
    Different,
    Whole(usize),
}

impl InputUnwrapper {
    /// Takes more of the arguments; adds their text to the input.
    pub fn push(&mut self, json: &str, input: &mut String) {
        match self.state {
            UnwrapState::Before => {
                self.buffer.push_str(json);
                match opening(&self.buffer) {
                    WrapperState::Unfinished => {}
                    WrapperState::Different => self.state = UnwrapState::Other,
                    WrapperState::Whole(length) => {
                        self.state = UnwrapState::Inside;
                        let buffer = std::mem::take(&mut self.buffer);
                        self.decode(buffer.get(length..).unwrap_or_default(), input);
                    }
                }
            }
            UnwrapState::Inside => self.decode(json, input),
            UnwrapState::Other => self.buffer.push_str(json),
            UnwrapState::After => {}
        }
    }

    /// The arguments have ended: adds what is left to the input. Returns whether the input is whole.
    pub fn finish(&mut self, input: &mut String) -> bool {
        match self.state {
            UnwrapState::After => true,
            UnwrapState::Inside => false,
            UnwrapState::Before | UnwrapState::Other => {
                let buffer = std::mem::take(&mut self.buffer);
                match custom_input::unwrapped(&buffer) {
                    Some(text) => input.push_str(&text),
                    None => input.push_str(&buffer),
                }
                self.state == UnwrapState::Other || buffer.is_empty()
            }
        }
    }

    fn decode(&mut self, json: &str, input: &mut String) {
        let mut rest = json;
        while let Some(first) = rest.chars().next() {
            if !self.escape.is_empty() {
                self.escape.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
                self.escaped(input);
                continue;
            }
            let run = memchr2(b'\\', b'"', rest.as_bytes()).unwrap_or(rest.len());
            let (text, special) = rest.split_at(run);
            if !text.is_empty() {
                self.end_pair(input);
                input.push_str(text);
            }
            if let Some(after) = special.strip_prefix('\\') {
                self.escape.push('\\');
                rest = after;
            } else {
                if !special.is_empty() {
                    self.end_pair(input);
                    self.state = UnwrapState::After;
                }
                return;
            }
        }
    }

    /// Decodes the escape sequence when it is whole.
    fn escaped(&mut self, input: &mut String) {
        let code = self.escape.get(1..).unwrap_or_default();
        if code.starts_with('u') && code.len() < 5 {
            return;
        }
        let plain = match code {
            "n" => Some('\n'),
            "t" => Some('\t'),
            "r" => Some('\r'),
            "b" => Some('\u{8}'),
            "f" => Some('\u{c}'),
            "\"" | "\\" | "/" => code.chars().next(),
            _ => None,
        };
        let number = code
            .strip_prefix('u')
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let escape = std::mem::take(&mut self.escape);
        match (plain, number) {
            (Some(character), _) => {
                self.end_pair(input);
                input.push(character);
            }
            (None, Some(number)) => self.unit(number, input),
            // Not JSON: kept as it is.
            (None, None) => {
                self.end_pair(input);
                input.push_str(&escape);
            }
        }
    }

    /// One unit of UTF-16.
    fn unit(&mut self, unit: u32, input: &mut String) {
        match (self.high, unit) {
            (Some(high), 0xDC00..=0xDFFF) => {
                self.high = None;
                let code = 0x1_0000 + ((high - 0xD800) << 10) + (unit - 0xDC00);
                input.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            (_, 0xD800..=0xDBFF) => {
                self.end_pair(input);
                self.high = Some(unit);
            }
            _ => {
                self.end_pair(input);
                input.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
    }

    /// Half a character without its other half.
    fn end_pair(&mut self, input: &mut String) {
        if self.high.take().is_some() {
            input.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

/// How far the arguments are `{"input":"`.
fn opening(arguments: &str) -> WrapperState {
    let mut rest = arguments;
    for token in ["{", "\"input\"", ":", "\""] {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        match rest.strip_prefix(token) {
            Some(after) => rest = after,
            None if token.starts_with(rest) => return WrapperState::Unfinished,
            None => return WrapperState::Different,
        }
    }
    WrapperState::Whole(arguments.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unwrapped(pieces: &[&str]) -> (String, bool) {
        let mut unwrapper = InputUnwrapper::default();
        let mut input = String::new();
        for piece in pieces {
            unwrapper.push(piece, &mut input);
        }
        let is_whole = unwrapper.finish(&mut input);
        (input, is_whole)
    }

    #[test]
    fn only_the_wrapper_is_taken_off() {
        let rows = [
            (r#"{"input":"a\nb"}"#, "a\nb", true),
            (" {\n \"input\" : \"\\\"x\\\\\\/\" } ", "\"x\\/", true),
            (r#"{"input":"\r\t\b\f\n"}"#, "\r\t\u{8}\u{c}\n", true),
            (r#"{"input":"\ud83d\ude00\u00e4"}"#, "\u{1f600}\u{e4}", true),
            (r#"{"input":"\ud83dx\ude00"}"#, "\u{fffd}x\u{fffd}", true),
            (r#"{"input":"","other":1}"#, "", true),
            (r#"{"other":1,"input":"late"}"#, "late", true),
            (r#"{"patch":"x"}"#, r#"{"patch":"x"}"#, true),
            ("*** Begin Patch", "*** Begin Patch", true),
            (r#"{"input":7}"#, r#"{"input":7}"#, true),
            ("", "", true),
            (r#"{"input":"cut of"#, "cut of", false),
            (r#"{"inp"#, r#"{"inp"#, false),
        ];
        for (arguments, input, is_whole) in rows {
            assert_eq!(
                unwrapped(&[arguments]),
                (input.to_owned(), is_whole),
                "{arguments}"
            );
        }
    }

    proptest! {
        #[test]
        fn pieces_are_decoded_as_the_whole(input in "(\\PC|[\n\t\"\\\\\u{1f600}]){0,40}", cuts in proptest::collection::vec(0_usize..200, 0..6)) {
            let escaped: Vec<String> = input.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            let escaped = escaped.concat();
            let plain = serde_json::to_string(&input).unwrap();
            for json in [format!("{{\"input\":{plain}}}"), format!("{{\"input\":\"{escaped}\"}}")] {
                let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (json.len() + 1)).filter(|cut| json.is_char_boundary(*cut)).collect();
                cuts.extend([0, json.len()]);
                cuts.sort_unstable();
                let pieces: Vec<&str> = cuts.windows(2).map(|cut| &json[cut[0]..cut[1]]).collect();
                prop_assert_eq!(unwrapped(&pieces), (input.clone(), true));
            }
        }
    }
}
