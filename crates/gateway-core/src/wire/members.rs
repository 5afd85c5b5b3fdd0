//! The top-level members of a JSON object, found without re-serialising it, and edits of them in place. Owns spans, not
//! meanings: everything that is not edited keeps its bytes, its order and its number spelling.

use std::borrow::Cow;
use std::ops::Range;

use super::scan::{self, Fault, MemberSpan, Unescaped};

/// Members that an object may have. Clients send a few dozen; each entry is small, but a body has room for millions.
pub const MAX_MEMBERS: usize = 4_096;
/// The longest text that is decoded, with its escapes. Text without escapes is not copied, and may be longer.
const MAX_DECODED_BYTES: usize = 16 * 1024;

/// Why a body is not read. Holds none of the body's strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is no JSON object: what is wrong, and where.
    NoObject(String),
    /// It is one, but parsers read it differently.
    Ambiguous(String),
}

impl Unreadable {
    /// What is wrong, for a person.
    pub fn reason(&self) -> &str {
        match self {
            Self::NoObject(reason) | Self::Ambiguous(reason) => reason,
        }
    }
}

/// The position of one top-level member: its name without the quotes, and its value.
#[derive(Clone, Copy, Debug)]
struct Member {
    name: Span,
    value: Span,
}

/// A part of a body, whose length fits into 32 bits.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn of(range: &Range<usize>) -> Option<Self> {
        Some(Self {
            start: u32::try_from(range.start).ok()?,
            end: u32::try_from(range.end).ok()?,
        })
    }

    const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    fn of_text(self, text: &str) -> &str {
        text.get(self.range()).unwrap_or_default()
    }
}

/// The members of one JSON object, in their order.
#[derive(Debug)]
pub struct Members<'a> {
    text: &'a str,
    list: Vec<Member>,
}

/// One change of an object.
#[derive(Debug)]
pub enum MemberEdit<'a> {
    /// Gives a member another value (JSON text); appends it when it is absent.
    Set(&'a str, Cow<'a, str>),
    /// Removes a member; nothing happens when it is absent.
    Remove(&'a str),
    /// Gives a member another name and keeps its value; nothing happens when it is absent.
    Rename(&'a str, &'a str),
}

impl<'a> Members<'a> {
    /// Parses `body` once. Of two members with one name the last counts, as in most JSON readers. Beside the body it
    /// takes no more memory than [`MAX_MEMBERS`] need.
    pub fn parse(body: &'a [u8]) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(body)
            .map_err(|error| Unreadable::NoObject(format!("not UTF-8: {error}")))?;
        let mut list = Vec::with_capacity(8);
        scan::object(text, |found: MemberSpan| {
            let (name, value) = (Span::of(&found.name)?, Span::of(&found.value)?);
            (list.len() < MAX_MEMBERS).then(|| list.push(Member { name, value }))
        })
        .map_err(unreadable)?;
        let members = Self { text, list };
        if members
            .names()
            .any(|mut name| name.any(|character| character.is_none()))
        {
            return Err(Unreadable::Ambiguous(
                "a member's name has half of a surrogate pair".to_owned(),
            ));
        }
        Ok(members)
    }

    /// The members' names, character by character, in their order.
    pub fn names(&self) -> impl Iterator<Item = Unescaped<'a>> {
        self.list
            .iter()
            .map(|member| Unescaped::of(self.name(*member)))
    }

    /// Each member's name and the JSON text of its value, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'a, str>, &'a str)> {
        self.list
            .iter()
            .map(|member| (decoded(self.name(*member)), self.value(*member)))
    }

    /// The JSON text of a member's value.
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        let member = self.named(name).next_back()?;
        Some(self.value(*member))
    }

    /// A member's value when it is a string.
    pub fn string(&self, name: &str) -> Option<Cow<'a, str>> {
        let spelled = self.raw(name)?.strip_prefix('"')?.strip_suffix('"')?;
        if !spelled.contains('\\') {
            return Some(Cow::Borrowed(spelled));
        }
        if spelled.len() > MAX_DECODED_BYTES {
            return None;
        }
        let text: Option<String> = Unescaped::of(spelled).collect();
        text.map(Cow::Owned)
    }

    /// How often a member is there; more than once only in a crafted body.
    pub fn count(&self, name: &str) -> usize {
        self.named(name).count()
    }

    /// The object with the edits made and every other byte of its members kept; `None` when nothing changes.
    pub fn rewrite(&self, edits: &[MemberEdit<'_>]) -> Option<Vec<u8>> {
        if !edits.iter().any(|edit| self.changes(edit)) {
            return None;
        }
        let mut output = Vec::with_capacity(self.text.len() + 64);
        let mut previous_end = self.text.find('{').map_or(0, |at| at + 1);
        output.extend_from_slice(self.part(0, previous_end));
        let mut is_first = true;
        for (place, member) in self.list.iter().enumerate() {
            let lead = self
                .text
                .get(previous_end..member.value.range().start)
                .unwrap_or_default();
            previous_end = member.value.range().end;
            let name = self.name(*member);
            let edit = edits.iter().find(|edit| is_spelled(name, edit.name()));
            let replacement = match edit {
                Some(MemberEdit::Remove(_)) => continue,
                Some(MemberEdit::Set(_, value)) => Some(value.as_bytes()),
                Some(MemberEdit::Rename(..)) | None => None,
            };
            // The text between two members stays as it is, comma included, while its neighbours stay.
            let lead = match (is_first, place) {
                (true, 1..) => after_comma(lead),
                _ => lead,
            };
            is_first = false;
            match edit {
                Some(MemberEdit::Rename(_, new)) => {
                    self.push_renamed(&mut output, lead.len(), *member, new);
                }
                _ => output.extend_from_slice(lead.as_bytes()),
            }
            output.extend_from_slice(replacement.unwrap_or(self.value(*member).as_bytes()));
        }
        for edit in edits {
            if let MemberEdit::Set(name, value) = edit
                && !self.has(name)
            {
                if !is_first {
                    output.push(b',');
                }
                is_first = false;
                output.extend_from_slice(quoted(name).as_bytes());
                output.push(b':');
                output.extend_from_slice(value.as_bytes());
            }
        }
        output.extend_from_slice(self.text.get(previous_end..).unwrap_or("}").as_bytes());
        Some(output)
    }

    /// What is before a member's value, `lead_bytes` long, with another name.
    fn push_renamed(&self, output: &mut Vec<u8>, lead_bytes: usize, member: Member, new: &str) {
        let (name, value) = (member.name.range(), member.value.range());
        let start = value.start.saturating_sub(lead_bytes);
        // The quotes are around the name.
        output.extend_from_slice(self.part(start, name.start.saturating_sub(1)));
        output.extend_from_slice(quoted(new).as_bytes());
        output.extend_from_slice(self.part(name.end + 1, value.start));
    }

    fn part(&self, start: usize, end: usize) -> &[u8] {
        self.text.as_bytes().get(start..end).unwrap_or_default()
    }

    /// Whether a member is there.
    pub fn has(&self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    fn name(&self, member: Member) -> &'a str {
        member.name.of_text(self.text)
    }

    fn value(&self, member: Member) -> &'a str {
        member.value.of_text(self.text)
    }

    fn named(&self, name: &str) -> impl DoubleEndedIterator<Item = &Member> {
        self.list
            .iter()
            .filter(move |member| is_spelled(self.name(**member), name))
    }

    fn changes(&self, edit: &MemberEdit<'_>) -> bool {
        match edit {
            // Of several members with one name all get the value: a parser that reads the first must not see another
            // one.
            MemberEdit::Set(name, value) => {
                !self.has(name) || self.named(name).any(|member| self.value(*member) != value)
            }
            MemberEdit::Remove(name) | MemberEdit::Rename(name, _) => self.has(name),
        }
    }
}

impl MemberEdit<'_> {
    const fn name(&self) -> &str {
        match self {
            MemberEdit::Set(name, _) | MemberEdit::Remove(name) | MemberEdit::Rename(name, _) => {
                name
            }
        }
    }
}

/// `text` as a JSON string, quotes included.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What separates two members, without the comma: white space, the name and the colon. Only white space can come before
/// the comma, so the first comma is the separator.
fn after_comma(lead: &str) -> &str {
    let trimmed = lead.trim_start_matches([' ', '\t', '\n', '\r']);
    trimmed.strip_prefix(',').unwrap_or(lead)
}

/// Whether a name that is `spelled` so means `name`.
fn is_spelled(spelled: &str, name: &str) -> bool {
    if spelled.contains('\\') {
        return Unescaped::of(spelled).eq(name.chars().map(Some));
    }
    spelled == name
}

fn decoded(spelled: &str) -> Cow<'_, str> {
    if spelled.contains('\\') {
        let characters = Unescaped::of(spelled);
        let text = characters.map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER));
        return Cow::Owned(text.collect());
    }
    Cow::Borrowed(spelled)
}

fn unreadable(fault: Fault) -> Unreadable {
    match fault {
        Fault::EndsTooEarly => Unreadable::NoObject("it ends too early".to_owned()),
        Fault::Unexpected(at) => Unreadable::NoObject(format!("unexpected byte at offset {at}")),
        Fault::TooDeep => Unreadable::Ambiguous(format!(
            "values are nested more than {} levels deep",
            scan::MAX_DEPTH
        )),
        Fault::LongNumber => Unreadable::Ambiguous(format!(
            "a number has more than {} characters",
            scan::MAX_NUMBER_BYTES
        )),
        Fault::Stopped => {
            Unreadable::Ambiguous(format!("it has more than {MAX_MEMBERS} top-level members"))
        }
    }
}

#[cfg(test)]
mod tests;
