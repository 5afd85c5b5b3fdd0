//! Strict reading of JSON: each member is named, each other one is a violation. Owns the paths in complaints.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// A value, or what violates a schema or rule and where.
pub type Verdict<T> = Result<T, String>;

/// A JSON value with its path.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// The value itself.
    pub value: &'a Value,
    path: String,
}

impl<'a> Node<'a> {
    /// The root of a document.
    pub fn root(value: &'a Value, name: &str) -> Self {
        Self {
            value,
            path: name.to_owned(),
        }
    }

    /// A violation at this place.
    pub fn fail<T>(&self, what: &str) -> Verdict<T> {
        Err(format!("{}: {what}", self.path))
    }

    /// A violation at this place unless something holds.
    pub fn ensure(&self, holds: bool, what: &str) -> Verdict<()> {
        if holds { Ok(()) } else { self.fail(what) }
    }

    /// An object that has all required members and beside them only optional ones.
    pub fn object(&self, required: &[&str], optional: &[&str]) -> Verdict<&'a Map<String, Value>> {
        let map = self.map()?;
        for name in required {
            if !map.contains_key(*name) {
                return self.fail(&format!("`{name}` is missing"));
            }
        }
        for name in map.keys() {
            if !required.contains(&name.as_str()) && !optional.contains(&name.as_str()) {
                return self.fail(&format!("`{name}` is an unknown field"));
            }
        }
        Ok(map)
    }

    /// An object with any members.
    pub fn map(&self) -> Verdict<&'a Map<String, Value>> {
        match self.value.as_object() {
            Some(map) => Ok(map),
            None => self.fail("must be an object"),
        }
    }

    /// A member that may be absent or null.
    pub fn get(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Self {
            value,
            path: format!("{}.{name}", self.path),
        })
    }

    /// A member that must be there and not null.
    pub fn need(&self, name: &str) -> Verdict<Self> {
        match self.get(name) {
            Some(node) => Ok(node),
            None => self.fail(&format!("`{name}` is missing or null")),
        }
    }

    /// The members of an array.
    pub fn items(&self) -> Verdict<Vec<Self>> {
        let Some(items) = self.value.as_array() else {
            return self.fail("must be an array");
        };
        let nodes = items.iter().enumerate().map(|(index, value)| Self {
            value,
            path: format!("{}[{index}]", self.path),
        });
        Ok(nodes.collect())
    }

    /// The members of an array that must not be empty.
    pub fn some_items(&self) -> Verdict<Vec<Self>> {
        let items = self.items()?;
        self.ensure(!items.is_empty(), "must not be empty")?;
        Ok(items)
    }

    /// Whether this is an array.
    pub fn is_array(&self) -> bool {
        self.value.is_array()
    }

    /// Whether this is a string.
    pub fn is_string(&self) -> bool {
        self.value.is_string()
    }

    /// A string.
    pub fn str(&self) -> Verdict<&'a str> {
        match self.value.as_str() {
            Some(text) => Ok(text),
            None => self.fail("must be a string"),
        }
    }

    /// A string that must not be empty.
    pub fn text(&self) -> Verdict<&'a str> {
        let text = self.str()?;
        self.ensure(!text.is_empty(), "must not be empty")?;
        Ok(text)
    }

    /// One of some strings.
    pub fn one_of(&self, choices: &[&str]) -> Verdict<&'a str> {
        let text = self.str()?;
        if choices.contains(&text) {
            return Ok(text);
        }
        self.fail(&format!("{text:?} is none of {choices:?}"))
    }

    /// A whole number, not negative.
    pub fn int(&self) -> Verdict<u64> {
        match self.value.as_u64() {
            Some(number) => Ok(number),
            None => self.fail("must be a whole number"),
        }
    }

    /// A number within bounds.
    pub fn number(&self, low: f64, high: f64) -> Verdict<f64> {
        match self.value.as_f64() {
            Some(number) if (low..=high).contains(&number) => Ok(number),
            Some(number) => self.fail(&format!("{number} is not within {low} and {high}")),
            None => self.fail("must be a number"),
        }
    }

    /// True or false.
    pub fn bool(&self) -> Verdict<bool> {
        match self.value.as_bool() {
            Some(value) => Ok(value),
            None => self.fail("must be true or false"),
        }
    }

    /// The string member `type` or the like, that must be there.
    pub fn kind(&self, name: &str) -> Verdict<&'a str> {
        self.map()?;
        self.need(name)?.str()
    }

    /// A string of base64, padded.
    pub fn base64(&self) -> Verdict<&'a str> {
        let text = self.text()?;
        match STANDARD.decode(text) {
            Ok(_) => Ok(text),
            Err(error) => self.fail(&format!("is no base64: {error}")),
        }
    }

    /// A name within an alphabet: letters, digits, `_` and `-`.
    pub fn name(&self, longest: usize) -> Verdict<&'a str> {
        let text = self.text()?;
        let is_name = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        self.ensure(
            is_name && text.len() <= longest,
            &format!("{text:?} must be 1 to {longest} of a-zA-Z0-9_-"),
        )?;
        Ok(text)
    }

    /// A `data:` URL with base64, as type and data; `None` for another URL.
    pub fn data_url(&self) -> Verdict<Option<(&'a str, &'a str)>> {
        let url = self.text()?;
        let Some(rest) = url.strip_prefix("data:") else {
            let is_url = url.starts_with("https://") || url.starts_with("http://");
            self.ensure(is_url, "must be an http, https or data URL")?;
            return Ok(None);
        };
        let Some((media_type, data)) = rest.split_once(";base64,") else {
            return self.fail("must be a data URL with base64");
        };
        let is_base64 = !data.is_empty() && STANDARD.decode(data).is_ok();
        self.ensure(is_base64, "its data is no base64")?;
        Ok(Some((media_type, data)))
    }
}

/// Parses JSON or says why it is none.
pub fn parse(bytes: &[u8], what: &str) -> Verdict<Value> {
    serde_json::from_slice(bytes).map_err(|error| {
        let text = String::from_utf8_lossy(bytes);
        let start: String = text.chars().take(120).collect();
        format!("{what} is no JSON ({error}): {start:?}")
    })
}

/// A violation unless something holds.
pub fn ensure(holds: bool, what: impl FnOnce() -> String) -> Verdict<()> {
    if holds { Ok(()) } else { Err(what()) }
}

/// A violation unless two values are the same.
pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, want: &T) -> Verdict<()> {
    ensure(got == want, || {
        format!("{what}: got {got:?}, want {want:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn complaints_name_the_place() {
        let value = json!({"a": [{"b": 1}]});
        let root = Node::root(&value, "body");
        let inner = &root.need("a").unwrap().items().unwrap()[0];
        assert_eq!(inner.object(&["b"], &[]).map(Map::len), Ok(1));
        assert_eq!(
            inner.object(&[], &["c"]),
            Err("body.a[0]: `b` is an unknown field".to_owned())
        );
        assert_eq!(
            inner.need("b").unwrap().str(),
            Err("body.a[0].b: must be a string".to_owned())
        );
    }

    #[test]
    fn data_urls_are_decoded() {
        let check = |text: &str| {
            Node::root(&json!(text), "url")
                .data_url()
                .map(|url| url.is_some())
        };
        assert_eq!(check("data:image/png;base64,AAAA"), Ok(true));
        assert_eq!(check("https://example.com/a.png"), Ok(false));
        assert!(check("data:image/png;base64,A*").is_err());
        assert!(check("AAAA").is_err());
    }
}
