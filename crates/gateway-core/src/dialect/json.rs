//! Values of JSON bodies, read on demand and borrowed. Owns the way from raw JSON to texts, lists and objects; what a value
//! means, and what the error for a wrong type is, belongs to the readers of each dialect.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::scan::Unescaped;

/// A string; `None` for anything else. It is borrowed where it has no escapes. Half of a surrogate pair, which servers and
/// clients make when they cut texts, is replaced, not rejected.
pub fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let spelled = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', spelled.as_bytes()).is_none() {
        return Some(Cow::Borrowed(spelled));
    }
    if let Ok(text) = crate::wire::json::from_str::<String>(raw.get()) {
        return Some(Cow::Owned(text));
    }
    let characters = Unescaped::of(spelled);
    let text = characters.map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER));
    Some(Cow::Owned(text.collect()))
}

/// A list; `None` for anything else.
pub fn list(raw: &RawValue) -> Option<Vec<&RawValue>> {
    if !raw.get().starts_with('[') {
        return None;
    }
    crate::wire::json::from_str(raw.get()).ok()
}

/// An object; `None` for anything else. Derived readers also accept lists, which no object of an API is.
pub fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    if !raw.get().starts_with('{') {
        return None;
    }
    crate::wire::json::from_str(raw.get()).ok()
}

/// A text that is not empty; `None` for anything else.
pub fn some_text(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    raw.and_then(text).filter(|text| !text.is_empty())
}

/// The text of reasoning as Mistral spells it: a string, or a list of parts with a text each. Never empty.
pub fn joined_text(raw: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct JsonTextPart<'a> {
        #[serde(borrow, default)]
        text: Option<&'a RawValue>,
    }
    if raw.get().starts_with('"') {
        return some_text(Some(raw));
    }
    let mut all = String::new();
    for raw in list(raw)? {
        let piece: Option<JsonTextPart<'_>> = object(raw);
        let piece = piece.and_then(|piece| text(piece.text?));
        all.push_str(&piece.unwrap_or_default());
    }
    (!all.is_empty()).then_some(Cow::Owned(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_borrowed_where_they_can_be_and_never_lost() {
        let rows = [
            (r#""plain""#, Some("plain"), true),
            (r#""a\nb""#, Some("a\nb"), false),
            (r#""\ud83d\ude00""#, Some("\u{1f600}"), false),
            (r#""cut \ud83d""#, Some("cut \u{fffd}"), false),
            ("7", None, false),
            ("[]", None, false),
        ];
        for (json, expected, is_borrowed) in rows {
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            let read = text(raw);
            assert_eq!(read.as_deref(), expected, "{json}");
            assert_eq!(matches!(read, Some(Cow::Borrowed(_))), is_borrowed);
        }
    }
}
