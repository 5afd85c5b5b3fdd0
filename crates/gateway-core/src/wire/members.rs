//! The top-level members of a JSON object, found without re-serialising it, and edits of them in place.
//! Owns spans, not meanings: whatever is not edited keeps its bytes, its order and its number spelling.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize as _;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Why a body is not a JSON object.
#[derive(Debug)]
pub struct NotAnObject(
    /// What the parser said and where; holds none of the body's strings.
    pub String,
);

/// One top-level member: its decoded name and where its value stands.
#[derive(Debug)]
struct Member<'a> {
    name: Cow<'a, str>,
    start: usize,
    end: usize,
}

/// The members of one JSON object, in their order.
#[derive(Debug)]
pub struct Members<'a> {
    text: &'a str,
    list: Vec<Member<'a>>,
}

/// One change of an object.
#[derive(Debug)]
pub enum Edit<'a> {
    /// Gives a member another value (JSON text); appends it when it is absent.
    Set(&'a str, Cow<'a, str>),
    /// Removes a member; nothing happens when it is absent.
    Remove(&'a str),
}

impl<'a> Members<'a> {
    /// Parses `body` once. Of two members with one name the last counts, as in most JSON readers.
    pub fn parse(body: &'a [u8]) -> Result<Self, NotAnObject> {
        let text = std::str::from_utf8(body)
            .map_err(|error| NotAnObject(format!("not UTF-8: {error}")))?;
        let mut reader = serde_json::Deserializer::from_str(text);
        let list = reader
            .deserialize_map(MemberVisitor { text })
            .and_then(|list| reader.end().map(|()| list))
            .map_err(|error| NotAnObject(describe(&error)))?;
        Ok(Self { text, list })
    }

    /// Each member's name and the JSON text of its value, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.list.iter().map(|member| {
            let raw = self.text.get(member.start..member.end);
            (member.name.as_ref(), raw.unwrap_or_default())
        })
    }

    /// The JSON text of a member's value.
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        let member = self.list.iter().rev().find(|member| member.name == name)?;
        self.text.get(member.start..member.end)
    }

    /// A member's value when it is a string.
    pub fn string(&self, name: &str) -> Option<Cow<'a, str>> {
        #[derive(serde::Deserialize)]
        struct Text<'t>(#[serde(borrow)] Cow<'t, str>);
        serde_json::from_str::<Text<'a>>(self.raw(name)?)
            .ok()
            .map(|text| text.0)
    }

    /// How often a member is there; more than once only in a body that someone made on purpose.
    pub fn count(&self, name: &str) -> usize {
        self.list
            .iter()
            .filter(|member| member.name == name)
            .count()
    }

    /// The object with the edits made and every other byte of its members kept; `None` when nothing changes.
    pub fn rewrite(&self, edits: &[Edit<'_>]) -> Option<Vec<u8>> {
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
                .get(previous_end..member.start)
                .unwrap_or_default();
            previous_end = member.end;
            let replacement = match edits.iter().find(|edit| edit.name() == member.name) {
                Some(Edit::Remove(_)) => continue,
                Some(Edit::Set(_, value)) => Some(value.as_bytes()),
                None => None,
            };
            // What stands between two members stays as it is, comma included, while its neighbours stay.
            match (is_first, place) {
                (true, 1..) => output.extend_from_slice(after_comma(lead).as_bytes()),
                _ => output.extend_from_slice(lead.as_bytes()),
            }
            is_first = false;
            output.extend_from_slice(replacement.unwrap_or(self.part(member.start, member.end)));
        }
        for edit in edits {
            if let Edit::Set(name, value) = edit
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

    fn part(&self, start: usize, end: usize) -> &[u8] {
        self.text.as_bytes().get(start..end).unwrap_or_default()
    }

    fn has(&self, name: &str) -> bool {
        self.list.iter().any(|member| member.name == name)
    }

    fn changes(&self, edit: &Edit<'_>) -> bool {
        match edit {
            // Of several members with one name all get the value: who reads the first must not see another one.
            Edit::Set(name, value) => {
                !self.has(name)
                    || self
                        .iter()
                        .any(|(other, raw)| other == *name && raw != value)
            }
            Edit::Remove(name) => self.has(name),
        }
    }
}

impl Edit<'_> {
    const fn name(&self) -> &str {
        match self {
            Edit::Set(name, _) | Edit::Remove(name) => name,
        }
    }
}

/// `text` as a JSON string, quotes included.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What separates two members, without the comma: white space, the name and the colon. Only white
/// space can stand before the comma, so the first comma is the separator.
fn after_comma(lead: &str) -> &str {
    let trimmed = lead.trim_start_matches([' ', '\t', '\n', '\r']);
    trimmed.strip_prefix(',').unwrap_or(lead)
}

/// The parser's words without the line number, which means little for a body in one line.
fn describe(error: &serde_json::Error) -> String {
    if error.is_eof() {
        return format!("it ends too early, at column {}", error.column());
    }
    error.to_string()
}

struct MemberVisitor<'a> {
    text: &'a str,
}

impl<'a> Visitor<'a> for MemberVisitor<'a> {
    type Value = Vec<Member<'a>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let base = self.text.as_ptr() as usize;
        let mut list = Vec::with_capacity(8);
        while let Some(name) = map.next_key_seed(Name)? {
            let raw: &'a RawValue = map.next_value()?;
            // A borrowed RawValue is a part of the text that was given to the parser.
            let start = raw.get().as_ptr() as usize - base;
            let end = start + raw.get().len();
            list.push(Member { name, start, end });
        }
        Ok(list)
    }
}

/// Reads a name borrowed where it has no escapes.
struct Name;

impl<'a> serde::de::DeserializeSeed<'a> for Name {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        #[derive(serde::Deserialize)]
        struct Text<'t>(#[serde(borrow)] Cow<'t, str>);
        Text::deserialize(deserializer).map(|text| text.0)
    }
}

#[cfg(test)]
mod tests;
