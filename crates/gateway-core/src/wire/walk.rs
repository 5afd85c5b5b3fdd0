//! One walk over the members of a JSON object or the elements of a list, each returned as its JSON text. Keeps and
//! copies nothing, so that millions of members cost no memory; owns no meaning.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer as _, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The text is not what was expected, or the caller stopped the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit;

/// The caller's result for each part: continue, or stop with an error.
pub type WalkStep = Result<(), Unfit>;

/// Passes on the name and the JSON text of each member of the object `json`, in order.
pub fn members<'a>(
    json: &'a str,
    visit: impl FnMut(Cow<'a, str>, &'a str) -> WalkStep,
) -> WalkStep {
    let mut reader = serde_json::Deserializer::from_slice(json.as_bytes());
    reader
        .deserialize_map(MemberVisitor(visit))
        .and_then(|()| reader.end())
        .map_err(|_| Unfit)
}

/// Passes on the JSON text of each element of the list `json`, in order.
pub fn elements<'a>(json: &'a str, visit: impl FnMut(&'a str) -> WalkStep) -> WalkStep {
    let mut reader = serde_json::Deserializer::from_slice(json.as_bytes());
    reader
        .deserialize_seq(Elements(visit))
        .and_then(|()| reader.end())
        .map_err(|_| Unfit)
}

/// The text between the quotes of a JSON string, still escaped; `None` for other values.
pub fn inside(json: &str) -> Option<&str> {
    json.strip_prefix('"')?.strip_suffix('"')
}

#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

struct MemberVisitor<V>(V);

impl<'de, V: FnMut(Cow<'de, str>, &'de str) -> WalkStep> Visitor<'de> for MemberVisitor<V> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((Name(name), raw)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
            (self.0)(name, raw.get()).map_err(|Unfit| A::Error::custom("stopped"))?;
        }
        Ok(())
    }
}

struct Elements<V>(V);

impl<'de, V: FnMut(&'de str) -> WalkStep> Visitor<'de> for Elements<V> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(raw) = list.next_element::<&'de RawValue>()? {
            (self.0)(raw.get()).map_err(|Unfit| A::Error::custom("stopped"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_elements_come_in_their_order_unchanged() {
        let mut found = Vec::new();
        let outcome = members(r#" {"a" : 1.0, "b\n":[ 2 ], "a":null} "#, |name, raw| {
            found.push(format!("{name}={raw}"));
            Ok(())
        });
        assert_eq!(outcome, Ok(()));
        assert_eq!(found, ["a=1.0", "b\n=[ 2 ]", "a=null"]);
        let mut found = Vec::new();
        let outcome = elements(r#"["x", {} ,3]"#, |raw| {
            found.push(raw);
            Ok(())
        });
        assert_eq!(outcome, Ok(()));
        assert_eq!(found, [r#""x""#, "{}", "3"]);
    }

    #[test]
    fn other_text_and_a_stop_are_errors() {
        for text in ["[]", "7", "", "{", r#"{"a":1}x"#] {
            assert_eq!(members(text, |_, _| Ok(())), Err(Unfit), "{text}");
        }
        assert_eq!(elements("{}", |_| Ok(())), Err(Unfit));
        let mut seen = 0;
        let outcome = elements("[1,2,3]", |_| {
            seen += 1;
            if seen == 2 { Err(Unfit) } else { Ok(()) }
        });
        assert_eq!((outcome, seen), (Err(Unfit), 2));
        assert_eq!(inside(r#""a\"b""#), Some(r#"a\"b"#));
        assert_eq!(inside("1"), None);
    }
}
