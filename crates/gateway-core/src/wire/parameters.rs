//! The parameters of a header such as `Content-Type`, in the one spelling that all parsers read alike. Owns the grammar:
//! `; name=token` and `; name="text"`, without continuations, encodings, escapes and comments.

/// One parameter, as it is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter<'t> {
    /// The name; parsers differ in whether its case matters.
    pub name: &'t [u8],
    /// The value without its quotes.
    pub value: &'t [u8],
    /// Whether it was quoted.
    pub is_quoted: bool,
}

/// The parameters are spelled in a way on which parsers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unclear;

/// A header's value up to its first parameter, and what follows.
pub fn split(value: &[u8]) -> (&[u8], Parameters<'_>) {
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    let (first, rest) = value.split_at_checked(end).unwrap_or((value, &[]));
    (trimmed(first), Parameters { rest })
}

/// Goes through parameters; ends after the first that is not clear.
#[derive(Clone, Debug)]
pub struct Parameters<'t> {
    rest: &'t [u8],
}

impl<'t> Parameters<'t> {
    fn read(&mut self) -> Result<Parameter<'t>, Unclear> {
        let text = self.rest.strip_prefix(b";").ok_or(Unclear)?;
        let text = trimmed(text);
        let equals = text.iter().position(|byte| *byte == b'=').ok_or(Unclear)?;
        let (name, text) = text.split_at_checked(equals).ok_or(Unclear)?;
        let text = text.get(1..).unwrap_or_default();
        let quoted = text.strip_prefix(b"\"");
        let is_quoted = quoted.is_some();
        let (value, rest) = if let Some(quoted) = quoted {
            let end = memchr::memchr(b'"', quoted).ok_or(Unclear)?;
            let (value, rest) = quoted.split_at_checked(end).ok_or(Unclear)?;
            (value, rest.get(1..).unwrap_or_default())
        } else {
            let end = text.iter().position(|byte| !is_token_byte(*byte));
            let end = end.unwrap_or(text.len());
            text.split_at_checked(end).ok_or(Unclear)?
        };
        self.rest = trimmed(rest);
        // A backslash before a quote ends the value for some parsers and not for others.
        let is_clear = is_token(name)
            && (is_quoted || !value.is_empty())
            && !value.ends_with(b"\\")
            && value.iter().all(|byte| *byte >= b' ' && *byte != 0x7f);
        is_clear
            .then_some(Parameter {
                name,
                value,
                is_quoted,
            })
            .ok_or(Unclear)
    }
}

impl<'t> Iterator for Parameters<'t> {
    type Item = Result<Parameter<'t>, Unclear>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let parameter = self.read();
        if parameter.is_err() {
            self.rest = &[];
        }
        Some(parameter)
    }
}

/// Without the blanks around it.
fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Whether a text is a token (RFC 9110, 5.6.2).
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_token_byte(*byte))
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Vec<(String, String)>, Unclear> {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        split(value.as_bytes())
            .1
            .map(|parameter| parameter.map(|found| (text(found.name), text(found.value))))
            .collect()
    }

    #[test]
    fn parameters_are_read_in_their_plain_spelling() {
        let pairs = |list: &[(&str, &str)]| {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            Ok(list.iter().map(owned).collect())
        };
        assert_eq!(split(b" form-data ;a=b").0, b"form-data");
        assert_eq!(read("x"), pairs(&[]));
        assert_eq!(
            read("x; name=\"a;b=c\" ;\tfilename=C.wav"),
            pairs(&[("name", "a;b=c"), ("filename", "C.wav")])
        );
        assert_eq!(
            read("x;a=\"\";b=\"C:\\x\""),
            pairs(&[("a", ""), ("b", "C:\\x")])
        );
    }

    #[test]
    fn every_other_spelling_is_unclear() {
        for value in [
            "x;",
            "x;;a=b",
            "x; a",
            "x; a=",
            "x; a =b",
            "x; a= b",
            "x; a=\"b",
            "x; a=\"b\"c",
            "x; a=b c",
            "x; a=\"b\\\"c\"",
            "x; a=\"b\\\"",
            "x; a=\"b\u{1}\"",
            "x; \"a\"=b",
            "x; a=(b)",
            "x; a=b, y; c=d",
        ] {
            assert_eq!(read(value), Err(Unclear), "{value:?}");
        }
    }
}
