//! JSON that grows by the fragments of a stream. Owns how a fragment joins what is there already, and the bound of what
//! is held. Texts are joined as JSON spells them, so that nothing is decoded and each spelling survives.

use crate::wire::dialect::MAX_TURNED_BYTES;
use crate::wire::members::quoted;
use crate::wire::walk::{self, Unfit, WalkStep, inside};

/// More members of one object, or numbered entries of one list, than any real answer has.
const MAX_PARTS: usize = 128;
/// The memory of an entry besides its text.
const ENTRY_BYTES: usize = 64;
/// Objects inside of fragments are joined member by member down to this depth.
const MAX_DEPTH: usize = 3;

/// Members whose text comes in fragments, at any depth. Other texts of nested objects come whole.
const FRAGMENTS: [&str; 9] = [
    "arguments",
    "content",
    "data",
    "input",
    "reasoning",
    "summary",
    "text",
    "thinking",
    "transcript",
];

/// Bytes that may still be held.
#[derive(Debug)]
pub struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(MAX_TURNED_BYTES)
    }
}

impl Budget {
    /// Takes `bytes`, or says that the answer is too long.
    pub fn take(&mut self, bytes: usize) -> WalkStep {
        self.0 = self.0.checked_sub(bytes).ok_or(Unfit)?;
        Ok(())
    }

    const fn give_back(&mut self, bytes: usize) {
        self.0 = self.0.saturating_add(bytes);
    }
}

/// How a text joins an earlier one of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// It continues it.
    Continue,
    /// It continues it under the names of [`FRAGMENTS`], and replaces it under others.
    ByName,
    /// It replaces it.
    Replace,
}

/// A value that may grow.
#[derive(Debug)]
enum GrowingValue {
    Null,
    /// The text between a string's quotes.
    Text(String),
    /// The text between a list's brackets, and a text after it that a list of parts has no element for yet.
    List(String, String),
    Object(GrowingObject),
    /// A list whose elements come in fragments.
    Numbered(Numbered),
    /// Anything else, unchanged.
    Raw(String),
}

/// An object that grows member by member.
#[derive(Debug, Default)]
pub struct GrowingObject(Vec<(String, GrowingValue)>);

impl GrowingObject {
    /// Adds one member's next fragment.
    pub fn join(&mut self, name: &str, raw: &str, texts: Texts, budget: &mut Budget) -> WalkStep {
        self.join_at(name, raw, texts, budget, 0)
    }

    /// Adds all members of the object `json`.
    pub fn join_all(&mut self, json: &str, texts: Texts, budget: &mut Budget) -> WalkStep {
        self.join_all_at(json, texts, budget, 0)
    }

    fn join_all_at(
        &mut self,
        json: &str,
        texts: Texts,
        budget: &mut Budget,
        depth: usize,
    ) -> WalkStep {
        walk::members(json, |name, raw| {
            self.join_at(&name, raw, texts, budget, depth)
        })
    }

    fn join_at(
        &mut self,
        name: &str,
        raw: &str,
        texts: Texts,
        budget: &mut Budget,
        depth: usize,
    ) -> WalkStep {
        let place = self.0.iter().position(|(other, _)| other == name);
        let Some((_, value)) = place.and_then(|place| self.0.get_mut(place)) else {
            budget.take(name.len() + ENTRY_BYTES)?;
            if self.0.len() == MAX_PARTS {
                return Err(Unfit);
            }
            let value = GrowingValue::begin(name, raw, texts, budget, depth)?;
            self.0.push((name.to_owned(), value));
            return Ok(());
        };
        if raw == "null" {
            return Ok(());
        }
        let continues = match texts {
            Texts::Continue => true,
            Texts::ByName => FRAGMENTS.contains(&name),
            Texts::Replace => false,
        };
        match value {
            GrowingValue::Text(text) if continues && raw.starts_with('"') => {
                budget.take(raw.len())?;
                text.push_str(inside(raw).unwrap_or_default());
            }
            // A text and a list of parts in one stream: the text is a part as well.
            GrowingValue::Text(text) if continues && raw.starts_with('[') => {
                budget.take(raw.len() + ENTRY_BYTES)?;
                let mut list = String::new();
                add_text_part(&mut list, text);
                add(&mut list, elements_of(raw));
                *value = GrowingValue::List(list, String::new());
            }
            GrowingValue::List(_, open) if continues && raw.starts_with('"') => {
                budget.take(raw.len())?;
                open.push_str(inside(raw).unwrap_or_default());
            }
            GrowingValue::List(list, open) if texts != Texts::Replace && raw.starts_with('[') => {
                budget.take(raw.len() + ENTRY_BYTES)?;
                add_text_part(list, &std::mem::take(open));
                add(list, elements_of(raw));
            }
            GrowingValue::Numbered(list) if raw.starts_with('[') => list.join(raw, budget)?,
            GrowingValue::Object(object) if texts != Texts::Replace && raw.starts_with('{') => {
                object.join_all_at(raw, Texts::ByName, budget, depth + 1)?;
            }
            // An empty value does not replace a non-empty one.
            _ if matches!(raw, "\"\"" | "{}" | "[]") => {}
            _ => {
                budget.give_back(value.len());
                *value = GrowingValue::begin(name, raw, texts, budget, depth)?;
            }
        }
        Ok(())
    }

    /// Whether it has no member.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a member is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| other == name)
    }

    /// The text of a member that is a string, as JSON spells it.
    pub fn text(&self, name: &str) -> Option<&str> {
        let member = self.0.iter().find(|(other, _)| other == name);
        match member {
            Some((_, GrowingValue::Text(text))) => Some(text),
            _ => None,
        }
    }

    /// Removes a member.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(other, _)| other != name);
    }

    /// Writes the members without braces; returns whether there was one.
    pub fn write_members(&self, out: &mut String) -> bool {
        self.write_but(None, out)
    }

    /// Writes the members but one.
    fn write_but(&self, left_out: Option<&str>, out: &mut String) -> bool {
        let mut lead = "";
        let is_kept = |name: &str| left_out != Some(name);
        for (name, value) in self.0.iter().filter(|(name, _)| is_kept(name)) {
            out.push_str(lead);
            lead = ",";
            out.push_str(&quoted(name));
            out.push(':');
            value.write(out);
        }
        !lead.is_empty()
    }

    /// Writes the object.
    pub fn write(&self, out: &mut String) {
        out.push('{');
        self.write_members(out);
        out.push('}');
    }
}

impl GrowingValue {
    fn begin(
        name: &str,
        raw: &str,
        texts: Texts,
        budget: &mut Budget,
        depth: usize,
    ) -> Result<Self, Unfit> {
        let is_joined = texts != Texts::Replace;
        let value = match raw.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b'"') => Self::Text(inside(raw).unwrap_or_default().to_owned()),
            Some(b'[') if is_joined && is_numbered(name) && depth == 0 => {
                let mut list = Numbered::of(name);
                list.join(raw, budget)?;
                return Ok(Self::Numbered(list));
            }
            Some(b'[') if is_joined => Self::List(elements_of(raw).to_owned(), String::new()),
            Some(b'{') if is_joined && depth < MAX_DEPTH => {
                let mut object = GrowingObject::default();
                object.join_all_at(raw, Texts::ByName, budget, depth + 1)?;
                return Ok(Self::Object(object));
            }
            _ => Self::Raw(raw.to_owned()),
        };
        budget.take(value.len())?;
        Ok(value)
    }

    /// Bytes that are released when it is replaced.
    const fn len(&self) -> usize {
        match self {
            Self::Text(text) | Self::Raw(text) => text.len(),
            Self::List(list, open) => list.len() + open.len(),
            Self::Null | Self::Object(_) | Self::Numbered(_) => 0,
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Text(text) => push_all(out, &["\"", text, "\""]),
            Self::List(list, open) => {
                push_all(out, &["[", list]);
                if !open.is_empty() {
                    let lead = if list.is_empty() { "" } else { "," };
                    push_all(out, &[lead, "{\"type\":\"text\",\"text\":\"", open, "\"}"]);
                }
                out.push(']');
            }
            Self::Object(object) => object.write(out),
            Self::Numbered(list) => list.write(out),
            Self::Raw(raw) => out.push_str(raw),
        }
    }
}

/// Lists whose elements come in fragments with the element's index.
fn is_numbered(name: &str) -> bool {
    matches!(name, "tool_calls" | "reasoning_details")
}

/// A list whose elements are joined by their index.
#[derive(Debug)]
struct Numbered {
    /// Whether these are calls of tools, which have numbers only in streams.
    are_calls: bool,
    entries: Vec<(Option<String>, GrowingObject)>,
}

impl Numbered {
    fn of(name: &str) -> Self {
        Self {
            are_calls: name == "tool_calls",
            entries: Vec::new(),
        }
    }

    fn join(&mut self, list: &str, budget: &mut Budget) -> WalkStep {
        walk::elements(list, |raw| self.join_element(raw, budget))
    }

    fn join_element(&mut self, raw: &str, budget: &mut Budget) -> WalkStep {
        let mut fragment = GrowingObject::default();
        fragment.join_all_at(raw, Texts::ByName, &mut Budget::default(), 1)?;
        let index = fragment.0.iter().find(|(name, _)| name == "index");
        let index = match index {
            Some((_, GrowingValue::Raw(index))) => Some(index.clone()),
            _ => None,
        };
        let mut entries = self.entries.iter();
        match entries.rposition(|(own, entry)| {
            *own == index && self.belongs(index.is_some(), entry, &fragment)
        }) {
            Some(place) => {
                if let Some((_, entry)) = self.entries.get_mut(place) {
                    entry.join_all_at(raw, Texts::ByName, budget, 1)?;
                }
            }
            None if self.entries.len() == MAX_PARTS => return Err(Unfit),
            None => {
                budget.take(raw.len() + ENTRY_BYTES)?;
                self.entries.push((index, fragment));
            }
        }
        Ok(())
    }

    /// Whether `fragment` continues `entry`, which has the same number, or none as well.
    fn belongs(&self, has_index: bool, entry: &GrowingObject, fragment: &GrowingObject) -> bool {
        let differs = |name| match (entry.text(name), fragment.text(name)) {
            (Some(own), Some(other)) => !own.is_empty() && !other.is_empty() && own != other,
            _ => false,
        };
        let begins_call = fragment.0.iter().any(|(_, value)| {
            matches!(value, GrowingValue::Object(function) if function.text("name").is_some_and(|name| !name.is_empty()))
        });
        if has_index {
            // Some upstreams number all calls the same: a new id and a name mean a new call.
            !(differs("type") || begins_call && differs("id"))
        } else {
            self.are_calls && !begins_call && !differs("id")
        }
    }

    fn write(&self, out: &mut String) {
        let left_out = self.are_calls.then_some("index");
        out.push('[');
        for (place, (_, entry)) in self.entries.iter().enumerate() {
            out.push_str(if place > 0 { ",{" } else { "{" });
            entry.write_but(left_out, out);
            out.push('}');
        }
        out.push(']');
    }
}

/// The text between a list's brackets.
fn elements_of(list: &str) -> &str {
    let inside = list
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    inside.unwrap_or_default().trim()
}

fn add(list: &mut String, elements: &str) {
    if !list.is_empty() && !elements.is_empty() {
        list.push(',');
    }
    list.push_str(elements);
}

fn add_text_part(list: &mut String, text: &str) {
    if !text.is_empty() {
        add(list, "{\"type\":\"text\",\"text\":\"");
        push_all(list, &[text, "\"}"]);
    }
}

fn push_all(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}

#[cfg(test)]
mod tests;
