//! Whether a JSON value is empty: many servers write members without content. Owns what counts as empty; which members
//! matter is decided elsewhere.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Whether a value is `null`, `false`, `0`, a blank string, or a list or an object that holds nothing else.
pub fn is_empty(raw: &RawValue) -> bool {
    is_empty_but_for(raw, &[])
}

/// The same for an object, ignoring these members.
pub fn is_empty_but_for(raw: &RawValue, ignored: &[&str]) -> bool {
    let mut reader = serde_json::Deserializer::from_slice(raw.get().as_bytes());
    // A value nested too deeply to be read is not empty.
    Look { ignored }.deserialize(&mut reader).unwrap_or(false)
}

/// Reads a value without keeping it.
#[derive(Clone, Copy)]
struct Look<'a> {
    ignored: &'a [&'a str],
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_bool<E>(self, value: bool) -> Result<bool, E> {
        Ok(!value)
    }

    fn visit_u64<E>(self, value: u64) -> Result<bool, E> {
        Ok(value == 0)
    }

    fn visit_i64<E>(self, value: i64) -> Result<bool, E> {
        Ok(value == 0)
    }

    fn visit_f64<E>(self, value: f64) -> Result<bool, E> {
        Ok(value == 0.0)
    }

    fn visit_str<E>(self, value: &str) -> Result<bool, E> {
        Ok(value.trim().is_empty())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        while let Some(is_empty) = list.next_element_seed(Look { ignored: &[] })? {
            if !is_empty {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while let Some(is_ignored) = map.next_key_seed(IsNamed(self.ignored))? {
            if is_ignored {
                map.next_value::<IgnoredAny>()?;
            } else if !map.next_value_seed(Look { ignored: &[] })? {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether a member has one of these names.
struct IsNamed<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for IsNamed<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsNamed<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(self.0.contains(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn values_that_say_nothing_are_empty() {
        let empty = [
            "null",
            "false",
            "0",
            "0.0",
            "-0",
            r#""""#,
            r#"" \n""#,
            "[]",
            "[ ]",
            "{}",
            "{ }",
            "[null,{}]",
            r#"{"message":"","code":null,"details":[]}"#,
        ];
        for json in empty {
            assert!(is_empty(raw(json)), "{json}");
        }
        let full = [
            "true",
            "1",
            "-0.5",
            r#""x""#,
            r#"["",0,"x",null]"#,
            r#"{"a":{"b":[{"c":1}]},"d":null}"#,
        ];
        for json in full {
            assert!(!is_empty(raw(json)), "{json}");
        }
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        if let Ok(deep) = serde_json::from_str::<&RawValue>(&deep) {
            assert!(!is_empty(deep));
        }
    }

    #[test]
    fn some_members_do_not_count() {
        let delta = raw(r#"{"role":"assistant","content":"","tool_calls":[]}"#);
        assert!(!is_empty(delta));
        assert!(is_empty_but_for(delta, &["role"]));
        let nested = raw(r#"{"role":"assistant","audio":{"role":"x"}}"#);
        assert!(!is_empty_but_for(nested, &["role"]), "only at the top");
        assert!(is_empty_but_for(raw("null"), &["role"]));
    }
}
