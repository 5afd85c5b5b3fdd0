//! The event stream of an answer that came whole, for a client that requested a stream. Pure: an answer in, the bytes
//! of its events out. Owns that nothing is lost that the stream's dialect can express.

mod completions;
mod messages;
mod responses;
mod rope;
mod transcript;

use bytes::Bytes;

use super::dialect::Dialect;
use super::walk::{self, Unfit, WalkStep};
use rope::Rope;

/// More members of one object, or elements of one list, than any real answer has.
const MAX_PARTS: usize = 1024;

/// What the client requested besides the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The extra chunk with the usage (`stream_options.include_usage`).
    pub usage: bool,
}

/// The events of the answer `whole`, one after the other, ready to be sent. [`Unfit`]: it is not a whole answer of this
/// dialect, or extremely fragmented.
pub fn events(dialect: Dialect, whole: &Bytes, wishes: Wishes) -> Result<Vec<Bytes>, Unfit> {
    let whole = on_one_line(whole);
    let text = std::str::from_utf8(&whole).map_err(|_| Unfit)?;
    let mut rope = Rope::new(whole.clone());
    match dialect {
        Dialect::Chat | Dialect::Completions => {
            completions::write(text, dialect, wishes, &mut rope)?;
        }
        Dialect::Responses => responses::write(text, &mut rope)?,
        Dialect::Messages => messages::write(text, &mut rope)?,
        Dialect::Transcript => transcript::write(text, &mut rope)?,
        // No upstream is called in it.
        Dialect::Gemini => return Err(Unfit),
    }
    rope.finish().ok_or(Unfit)
}

/// The same JSON without line ends, which would end a line of an event: outside of strings they are white space, and
/// inside JSON has none.
fn on_one_line(whole: &Bytes) -> Bytes {
    if memchr::memchr2(b'\n', b'\r', whole).is_none() {
        return whole.clone();
    }
    let mut text = whole.to_vec();
    for byte in &mut text {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    Bytes::from(text)
}

/// The members of an object that is short enough to be held.
struct ShortObject<'a>(Vec<(std::borrow::Cow<'a, str>, &'a str)>);

impl<'a> ShortObject<'a> {
    fn parse(json: &'a str) -> Result<Self, Unfit> {
        let mut list = Vec::new();
        walk::members(json, |name, raw| {
            list.push((name, raw));
            if list.len() > MAX_PARTS {
                Err(Unfit)
            } else {
                Ok(())
            }
        })?;
        Ok(Self(list))
    }

    /// Of several members with one name the last counts.
    fn get(&self, name: &str) -> Option<&'a str> {
        let mut list = self.0.iter().rev();
        list.find(|(other, _)| other == name).map(|(_, raw)| *raw)
    }

    /// A member that is set.
    fn set(&self, name: &str) -> Option<&'a str> {
        self.get(name).filter(|raw| *raw != "null")
    }

    /// Writes the object with some members replaced; `replace` returns the text in place of a member's own.
    fn write(&self, rope: &mut Rope, replace: impl Fn(&str) -> Option<&'static str>) {
        rope.text("{");
        for (place, (name, raw)) in self.0.iter().enumerate() {
            if place > 0 {
                rope.text(",");
            }
            rope.name(name);
            match replace(name) {
                Some(text) => rope.text(text),
                None => rope.raw(raw),
            }
        }
        rope.text("}");
    }
}

/// Walks over the elements of a list that is short enough to make events of; other values have none.
fn each<'a>(list: Option<&'a str>, mut visit: impl FnMut(usize, &'a str) -> WalkStep) -> WalkStep {
    let Some(list) = list.filter(|list| list.starts_with('[')) else {
        return Ok(());
    };
    let mut place = 0;
    walk::elements(list, |raw| {
        visit(place, raw)?;
        place += 1;
        if place > MAX_PARTS {
            Err(Unfit)
        } else {
            Ok(())
        }
    })
}

#[cfg(test)]
mod tests;
