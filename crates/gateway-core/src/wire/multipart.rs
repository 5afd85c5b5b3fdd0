//! The fields of a `multipart/form-data` body (RFC 7578), found without copying, and edits of them in place. Owns the
//! framing, and accepts only what all parsers read alike; files in the body are skipped, never copied unless something
//! before them changes.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

use super::parameters::{self, Unclear};

/// Parts of one form; SDKs send a dozen.
const MAX_PARTS: usize = 1_000;
/// The longest head of a part.
const MAX_HEAD_BYTES: usize = 8 * 1024;
/// Charsets whose first half is ASCII.
const LIKE_ASCII: [&[u8]; 4] = [b"us-ascii", b"ascii", b"iso-8859-1", b"windows-1252"];

/// Why a body is not taken: it is not a form, or parsers differ in how they read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAForm(
    /// What is wrong, for a person.
    pub &'static str,
);

#[derive(Debug)]
struct FormPart {
    name: Range<usize>,
    is_file: bool,
    charset: Option<Charset>,
    /// From the part's boundary line to the next one.
    whole: Range<usize>,
    value: Range<usize>,
}

/// The charset of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8, which is also the default.
    Utf8,
    /// Another one that includes ASCII.
    LikeAscii,
}

/// One part of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name, as it is spelled.
    pub name: &'a str,
    /// Its value.
    pub value: &'a [u8],
    /// Whether it has a file's name.
    pub is_file: bool,
    /// The text's charset; `None` when it is no plain text.
    pub charset: Option<Charset>,
}

/// The parts of one form, in their order.
#[derive(Debug)]
pub struct Form<'a> {
    body: &'a [u8],
    /// `--` and the boundary.
    delimiter: Range<usize>,
    parts: Vec<FormPart>,
}

impl<'a> Form<'a> {
    /// Finds the parts of `body`. `boundary` is the content type's parameter.
    pub fn parse(boundary: &str, body: &'a [u8]) -> Result<Self, NotAForm> {
        let delimiter = format!("--{boundary}");
        // Some clients begin with the line end that precedes every other boundary.
        let lines = body.strip_prefix(b"\r\n").unwrap_or(body);
        if !lines.starts_with(delimiter.as_bytes()) {
            return Err(NotAForm("it does not begin with its boundary"));
        }
        let mut lines =
            memmem::find_iter(body, delimiter.as_bytes()).filter(|at| is_line_start(body, *at));
        let mut start = lines.next().unwrap_or_default();
        let mut form = Self {
            body,
            delimiter: start..start + delimiter.len(),
            parts: Vec::new(),
        };
        loop {
            let line_end = start + delimiter.len();
            match body.get(line_end..line_end + 2) {
                Some(b"--") => {
                    let rest = body.get(line_end + 2..).unwrap_or_default();
                    return if form.parts.is_empty() {
                        Err(NotAForm("it has no parts"))
                    } else if rest.chunks(2).all(|line| line == b"\r\n") {
                        Ok(form)
                    } else {
                        Err(NotAForm("something follows its last boundary"))
                    };
                }
                Some(b"\r\n") => {}
                _ => return Err(NotAForm("a boundary line is damaged")),
            }
            let end = lines
                .next()
                .ok_or(NotAForm("its last boundary is missing"))?;
            if !body
                .get(..end)
                .is_some_and(|before| before.ends_with(b"\r\n"))
            {
                return Err(NotAForm("a line before a boundary does not end with CRLF"));
            }
            if form.parts.len() == MAX_PARTS {
                return Err(NotAForm("it has more than 1000 parts"));
            }
            form.parts.push(part(body, start..end, line_end + 2)?);
            start = end;
        }
    }

    /// Each part, in their order.
    pub fn fields(&self) -> impl Iterator<Item = Field<'a>> {
        self.parts.iter().map(|part| Field {
            name: text(self.body, &part.name).unwrap_or_default(),
            value: self.body.get(part.value.clone()).unwrap_or_default(),
            is_file: part.is_file,
            charset: part.charset,
        })
    }

    /// How often a field is there.
    pub fn count(&self, name: &str) -> usize {
        self.fields().filter(|field| field.name == name).count()
    }

    /// The text of a field; `None` when it is absent or not UTF-8.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let field = self.fields().find(|field| field.name == name)?;
        std::str::from_utf8(field.value).ok()
    }

    /// The form with fields set (`Some`), which are added where they are absent, or removed (`None`); `None` when
    /// nothing changes.
    pub fn rewrite(&self, edits: &[(&str, Option<Cow<'_, str>>)]) -> Option<Vec<u8>> {
        let is_absent = |name: &str| self.count(name) == 0;
        if edits
            .iter()
            .all(|(name, edit)| edit.is_none() && is_absent(name))
        {
            return None;
        }
        let mut output = Vec::with_capacity(self.body.len() + 256);
        let delimiter = self.body.get(self.delimiter.clone()).unwrap_or_default();
        let mut copied = self.delimiter.start;
        output.extend_from_slice(self.body.get(..copied).unwrap_or_default());
        for (name, edit) in edits.iter().filter(|(name, _)| is_absent(name)) {
            if let Some(value) = edit {
                output.extend_from_slice(delimiter);
                let head = format!("\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
                output.extend_from_slice(head.as_bytes());
                output.extend_from_slice(value.as_bytes());
                output.extend_from_slice(b"\r\n");
            }
        }
        for (part, field) in self.parts.iter().zip(self.fields()) {
            let Some((_, edit)) = edits.iter().find(|(name, _)| *name == field.name) else {
                continue;
            };
            let (range, text) = match edit {
                Some(text) => (&part.value, text.as_ref()),
                None => (&part.whole, ""),
            };
            output.extend_from_slice(self.body.get(copied..range.start).unwrap_or_default());
            output.extend_from_slice(text.as_bytes());
            copied = range.end;
        }
        output.extend_from_slice(self.body.get(copied..).unwrap_or_default());
        Some(output)
    }
}

/// Whether something at `at` begins a line for some parser.
fn is_line_start(body: &[u8], at: usize) -> bool {
    at.checked_sub(1)
        .is_none_or(|before| matches!(body.get(before), Some(b'\r' | b'\n')))
}

fn text<'a>(body: &'a [u8], range: &Range<usize>) -> Option<&'a str> {
    std::str::from_utf8(body.get(range.clone())?).ok()
}

fn part(body: &[u8], whole: Range<usize>, head_start: usize) -> Result<FormPart, NotAForm> {
    let rest = body.get(head_start..whole.end).unwrap_or_default();
    let window = rest.get(..MAX_HEAD_BYTES).unwrap_or(rest);
    let head_end =
        memmem::find(window, b"\r\n\r\n").ok_or(NotAForm("a part has no end of its head"))?;
    let head = read_head(rest.get(..head_end).unwrap_or_default())?;
    let start = head_start + head_end + 4;
    // The line end before the next boundary belongs to the boundary.
    let end = whole.end.checked_sub(2).filter(|end| *end >= start);
    let value = start..end.ok_or(NotAForm("a part has no body"))?;
    if head
        .length
        .is_some_and(|length| length != value.len().to_string().as_bytes())
    {
        return Err(NotAForm("a part has another length than it says"));
    }
    let name_start = offset_in(body, head.name);
    Ok(FormPart {
        name: name_start..name_start + head.name.len(),
        is_file: head.is_file,
        charset: head.charset,
        whole,
        value,
    })
}

/// Where a part of `body` begins.
fn offset_in(body: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).saturating_sub(body.as_ptr() as usize)
}

/// A part's headers.
struct Head<'a> {
    name: &'a [u8],
    is_file: bool,
    charset: Option<Charset>,
    length: Option<&'a [u8]>,
}

fn read_head(head: &[u8]) -> Result<Head<'_>, NotAForm> {
    let mut disposition = None;
    let mut kind = None;
    let mut length = None;
    let mut start = 0;
    while start < head.len() {
        let rest = head.get(start..).unwrap_or_default();
        let end = memmem::find(rest, b"\r\n").unwrap_or(rest.len());
        let line = rest.get(..end).unwrap_or_default();
        start += end + 2;
        let colon = memchr::memchr(b':', line).unwrap_or_default();
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.get(1..).unwrap_or_default();
        let is_clear = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
        if !parameters::is_token(name) || !value.iter().all(is_clear) {
            return Err(NotAForm("a line of a part's head is damaged"));
        }
        let value = value.trim_ascii();
        let place = match () {
            () if name.eq_ignore_ascii_case(b"content-disposition") => &mut disposition,
            () if name.eq_ignore_ascii_case(b"content-type") => &mut kind,
            () if name.eq_ignore_ascii_case(b"content-length") => &mut length,
            () if name.eq_ignore_ascii_case(b"content-transfer-encoding") => {
                let is_plain = [&b"7bit"[..], b"8bit", b"binary"]
                    .iter()
                    .any(|plain| value.eq_ignore_ascii_case(plain));
                if is_plain {
                    continue;
                }
                return Err(NotAForm("a part has a transfer encoding"));
            }
            () => continue,
        };
        if place.replace(value).is_some() {
            return Err(NotAForm("a line of a part's head is there twice"));
        }
    }
    let (name, is_file) = read_disposition(disposition.ok_or(NotAForm("a part has no name"))?)?;
    Ok(Head {
        name,
        is_file,
        charset: read_kind(kind)?,
        length,
    })
}

/// The name, and whether there is a file's name beside it.
fn read_disposition(value: &[u8]) -> Result<(&[u8], bool), NotAForm> {
    let (kind, parameters) = parameters::split(value);
    if !kind.eq_ignore_ascii_case(b"form-data") {
        return Err(NotAForm("a part is not `form-data`"));
    }
    let (mut name, mut file, mut extended) = (None, None, None);
    for parameter in parameters {
        let parameter = parameter
            .map_err(|Unclear| NotAForm("a part's name or file name is not plainly spelled"))?;
        let place = match parameter.name {
            b"name" => &mut name,
            b"filename" => &mut file,
            b"filename*" => &mut extended,
            _ => return Err(NotAForm("a part has a parameter that forms have not")),
        };
        if place.replace(parameter.value).is_some() {
            return Err(NotAForm("a part has two names"));
        }
    }
    let name = name.ok_or(NotAForm("a part has no name"))?;
    // Words such as `=?utf-8?q?model?=` are decoded by mail parsers.
    if name.contains(&b'\\') || memmem::find(name, b"=?").is_some() {
        return Err(NotAForm("a part's name is not plainly spelled"));
    }
    if std::str::from_utf8(name).is_err() {
        return Err(NotAForm("a part's name is not UTF-8"));
    }
    Ok((name, file.is_some() || extended.is_some()))
}

/// The charset of a part of this content type; `None` when it is not plain text.
fn read_kind(kind: Option<&[u8]>) -> Result<Option<Charset>, NotAForm> {
    let Some(kind) = kind else {
        return Ok(Some(Charset::Utf8));
    };
    let (essence, parameters) = parameters::split(kind);
    let lower = essence.to_ascii_lowercase();
    if lower.starts_with(b"multipart/") || lower.starts_with(b"message/") {
        return Err(NotAForm("a part has nested parts"));
    }
    if lower != b"text/plain" {
        return Ok(None);
    }
    let mut charset = Some(Charset::Utf8);
    for parameter in parameters {
        charset = match parameter {
            Ok(found) if found.name.eq_ignore_ascii_case(b"charset") => {
                let is = |name: &[u8]| found.value.eq_ignore_ascii_case(name);
                match charset {
                    Some(Charset::Utf8) if is(b"utf-8") => Some(Charset::Utf8),
                    Some(_) if LIKE_ASCII.into_iter().any(is) => Some(Charset::LikeAscii),
                    _ => None,
                }
            }
            Ok(_) => charset,
            Err(Unclear) => None,
        };
    }
    Ok(charset)
}

#[cfg(test)]
mod tests;
