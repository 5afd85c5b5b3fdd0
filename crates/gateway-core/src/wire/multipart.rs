//! The text fields of a `multipart/form-data` body (RFC 7578), found where they stand, and edits of them in
//! place. Owns the framing; files in the body are skipped, never copied unless something before them changes.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

/// The longest boundary (RFC 2046, 5.1.1).
const MAX_BOUNDARY_BYTES: usize = 70;
/// Parts of one form; SDKs send a dozen.
const MAX_PARTS: usize = 1_000;
/// The longest head of a part.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// Why a body is no form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAForm(
    /// What is wrong, for a person.
    pub &'static str,
);

#[derive(Debug)]
struct Part {
    name: String,
    /// From the part's boundary line to the next one.
    whole: Range<usize>,
    value: Range<usize>,
}

/// The parts of one form, in their order.
#[derive(Debug)]
pub struct Form<'a> {
    body: &'a [u8],
    parts: Vec<Part>,
}

impl<'a> Form<'a> {
    /// Finds the parts of `body`. `boundary` is the content type's parameter.
    pub fn parse(boundary: &str, body: &'a [u8]) -> Result<Self, NotAForm> {
        let delimiter = format!("--{boundary}");
        let mut found = memmem::find_iter(body, delimiter.as_bytes()).filter(|at| {
            *at == 0
                || body
                    .get(..*at)
                    .is_some_and(|before| before.ends_with(b"\r\n"))
        });
        let mut parts = Vec::new();
        let mut start = found.next().ok_or(NotAForm("its boundary never comes"))?;
        loop {
            let line_end = start + delimiter.len();
            match body.get(line_end..line_end + 2) {
                Some(b"--") => return Ok(Self { body, parts }),
                Some(b"\r\n") => {}
                _ => return Err(NotAForm("a boundary line is damaged")),
            }
            let end = found
                .next()
                .ok_or(NotAForm("its last boundary is missing"))?;
            if parts.len() == MAX_PARTS {
                return Err(NotAForm("it has more than 1000 parts"));
            }
            parts.push(part(body, start..end, line_end + 2)?);
            start = end;
        }
    }

    /// Each part's name and the bytes of its value, in their order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &'a [u8])> {
        self.parts.iter().map(|part| {
            let value = self.body.get(part.value.clone());
            (part.name.as_str(), value.unwrap_or_default())
        })
    }

    /// How often a field is there.
    pub fn count(&self, name: &str) -> usize {
        self.parts.iter().filter(|part| part.name == name).count()
    }

    /// The text of a field; `None` when it is absent or not UTF-8.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let part = self.parts.iter().find(|part| part.name == name)?;
        std::str::from_utf8(self.body.get(part.value.clone())?).ok()
    }

    /// The form with fields replaced (`Some`) or removed (`None`); `None` when nothing changes.
    pub fn rewrite(&self, edits: &[(&str, Option<Cow<'_, str>>)]) -> Option<Vec<u8>> {
        let mut output: Option<Vec<u8>> = None;
        let mut copied = 0;
        for part in &self.parts {
            let Some((_, edit)) = edits.iter().find(|(name, _)| *name == part.name) else {
                continue;
            };
            let (range, text) = match edit {
                Some(text) => (&part.value, text.as_ref()),
                None => (&part.whole, ""),
            };
            let output = output.get_or_insert_with(|| Vec::with_capacity(self.body.len() + 64));
            output.extend_from_slice(self.body.get(copied..range.start).unwrap_or_default());
            output.extend_from_slice(text.as_bytes());
            copied = range.end;
            // The blank line after a head is also the line end before the next boundary where there is no body.
            if edit.is_some() && range.end + 2 > part.whole.end {
                output.extend_from_slice(b"\r\n");
            }
        }
        let mut output = output?;
        output.extend_from_slice(self.body.get(copied..).unwrap_or_default());
        Some(output)
    }
}

/// The boundary of a `multipart/form-data` content type; `None` for any other type.
pub fn boundary(content_type: &str) -> Option<&str> {
    let (essence, parameters) = content_type.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameter(parameters, "boundary")
        .filter(|value| (1..=MAX_BOUNDARY_BYTES).contains(&value.len()))
}

fn part(body: &[u8], whole: Range<usize>, head_start: usize) -> Result<Part, NotAForm> {
    let text = body.get(head_start..whole.end).unwrap_or_default();
    let window = text.get(..MAX_HEAD_BYTES).unwrap_or(text);
    let head_end =
        memmem::find(window, b"\r\n\r\n").ok_or(NotAForm("a part has no end of its head"))?;
    let head = String::from_utf8_lossy(text.get(..head_end).unwrap_or_default());
    let name = field_name(&head)
        .ok_or(NotAForm("a part has no name"))?
        .to_owned();
    let start = head_start + head_end + 4;
    // The line end before the next boundary belongs to the boundary.
    let end = whole.end.saturating_sub(2).max(start);
    Ok(Part {
        name,
        whole,
        value: start..end,
    })
}

fn field_name(head: &str) -> Option<&str> {
    let line = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    })?;
    parameter(line, "name")
}

/// The value of a parameter such as `; name="x"`. A semicolon inside quotes separates nothing.
fn parameter<'t>(mut text: &'t str, wanted: &str) -> Option<&'t str> {
    loop {
        let end = text.find([';', '=']).unwrap_or(text.len());
        let name = text.get(..end)?.trim();
        let after = text.get(end..)?;
        let Some(rest) = after.strip_prefix('=') else {
            text = after.strip_prefix(';')?;
            continue;
        };
        let rest = rest.trim_start();
        let (value, next) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_at_checked(end_of_quoted(quoted)?)?,
            None => rest.split_at_checked(rest.find(';').unwrap_or(rest.len()))?,
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value.trim());
        }
        text = next.split_once(';')?.1;
    }
}

/// Where the closing quote stands; a backslash makes the next character plain.
fn end_of_quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, character)| {
        let closes = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        closes.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BODY: &str = "--xY\r\nContent-Disposition: form-data; filename=\"a;name=model\\\".wav\"; name=\"file\"\r\n\
        Content-Type: audio/wav\r\n\r\n\0\u{1}--xY no boundary\r\n--xY\r\ncontent-disposition: form-data; name=model\r\n\r\n\
        whisper-1\r\n--xY\r\nContent-Disposition: form-data; name=\"language\"\r\n\r\nde\r\n--xY--\r\n";

    #[test]
    fn fields_are_found_and_replaced_where_they_stand() {
        let form = Form::parse("xY", BODY.as_bytes()).unwrap();
        assert_eq!(
            (form.text("model"), form.count("model")),
            (Some("whisper-1"), 1)
        );
        let edited = form
            .rewrite(&[("model", Some("w".into())), ("language", None)])
            .unwrap();
        let expected = BODY.replace("whisper-1", "w").replace(
            "--xY\r\nContent-Disposition: form-data; name=\"language\"\r\n\r\nde\r\n",
            "",
        );
        assert_eq!(String::from_utf8(edited).unwrap(), expected);
        assert_eq!(form.rewrite(&[("absent", None)]), None);
    }

    #[test]
    fn a_part_without_a_body_gets_one_that_ends_before_the_boundary() {
        let body = "--b\r\nContent-Disposition: form-data; name=model\r\n\r\n--b--";
        let form = Form::parse("b", body.as_bytes()).unwrap();
        assert_eq!(form.text("model"), Some(""));
        let edited = form.rewrite(&[("model", Some("w".into()))]).unwrap();
        let again = Form::parse("b", &edited).unwrap();
        assert_eq!(again.fields().collect::<Vec<_>>(), [("model", &b"w"[..])]);
    }

    #[test]
    fn damaged_forms_are_refused() {
        for (body, reason) in [
            ("", "never comes"),
            ("--xY\r\n\r\n", "missing"),
            ("--xYz\r\n", "damaged"),
            ("--xY\r\nname: x\r\n--xY--", "end of its head"),
            ("--xY\r\nname: x\r\n\r\n1\r\n--xY--", "no name"),
        ] {
            let error = Form::parse("xY", body.as_bytes()).unwrap_err();
            assert!(error.0.contains(reason), "{body:?}: {error:?}");
        }
    }

    #[test]
    fn boundaries_are_read_from_the_content_type() {
        assert_eq!(boundary("multipart/form-data; boundary=abc"), Some("abc"));
        assert_eq!(
            boundary("Multipart/Form-Data; charset=x; Boundary=\"a b\""),
            Some("a b")
        );
        assert_eq!(boundary("application/json"), None);
        assert_eq!(boundary("multipart/form-data; boundary="), None);
    }

    proptest! {
        #[test]
        fn no_bytes_whatever_make_it_panic(
            pieces in prop::collection::vec("(--b|\r\n|--|name=|content-disposition:|;|x| ){0,9}", 0..9),
        ) {
            let body = pieces.concat();
            if let Ok(form) = Form::parse("b", body.as_bytes()) {
                let _ = form.rewrite(&[("x", None), ("", Some("y".into()))]);
            }
        }
    }
}
