//! YAML files, as JSON values. Owns the bounds of what a file may become: aliases can make a small file huge. Types are
//! those of YAML 1.2; merge keys (`<<`) are taken as most readers take them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Values of one file, those that aliases repeat included.
const MAX_NODES: usize = 200_000;
/// Depth of lists and maps.
const MAX_DEPTH: usize = 64;

/// Why a text is no YAML that is read here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum YamlError {
    /// A mistake in this line.
    Syntax(usize),
    /// An alias of an anchor that does not come before it.
    UnknownAlias,
    /// Too many values.
    TooMany,
    /// Too deep.
    TooDeep,
}

impl fmt::Display for YamlError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(line) => write!(formatter, "is not valid YAML: line {line}"),
            Self::UnknownAlias => formatter.write_str("has a YAML alias without its anchor"),
            Self::TooMany => write!(formatter, "must have at most {MAX_NODES} YAML values"),
            Self::TooDeep => write!(
                formatter,
                "must have at most {MAX_DEPTH} levels of YAML values"
            ),
        }
    }
}

/// The first document of a text.
pub fn read(text: &str) -> Result<Value, YamlError> {
    let mut loader = Loader::default();
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| YamlError::Syntax(error.marker().line()))?;
        match event {
            Event::DocumentEnd => break,
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain && tag.is_none();
                let value = if is_plain {
                    plain(text)
                } else {
                    Value::String(text.into_owned())
                };
                loader.add(value, anchor)?;
            }
            Event::SequenceStart(anchor, _) => {
                loader.open(Value::Array(Vec::new()), anchor)?;
            }
            Event::MappingStart(anchor, _) => {
                loader.open(Value::Object(Map::new()), anchor)?;
            }
            Event::SequenceEnd | Event::MappingEnd => loader.close()?,
            Event::Alias(anchor) => {
                let (value, nodes) = loader.anchors.get(&anchor).ok_or(YamlError::UnknownAlias)?;
                let (value, nodes) = (value.clone(), *nodes);
                loader.count(nodes)?;
                loader.place(value);
            }
            _ => {}
        }
    }
    Ok(loader.root.unwrap_or_default())
}

/// A list or map that is being read.
struct OpenNode {
    value: Value,
    /// The key that waits for its value.
    key: Option<String>,
    anchor: usize,
    /// Values that had been read when it began.
    before: usize,
}

#[derive(Default)]
struct Loader {
    open: Vec<OpenNode>,
    root: Option<Value>,
    /// Anchored values, and how many values each is.
    anchors: BTreeMap<usize, (Value, usize)>,
    nodes: usize,
}

impl Loader {
    fn count(&mut self, more: usize) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > MAX_NODES {
            return Err(YamlError::TooMany);
        }
        Ok(())
    }

    fn add(&mut self, value: Value, anchor: usize) -> Result<(), YamlError> {
        self.count(1)?;
        self.keep(anchor, &value, 1)?;
        self.place(value);
        Ok(())
    }

    /// What is kept for aliases is a copy, so it counts.
    fn keep(&mut self, anchor: usize, value: &Value, nodes: usize) -> Result<(), YamlError> {
        if anchor > 0 {
            self.count(nodes)?;
            self.anchors.insert(anchor, (value.clone(), nodes));
        }
        Ok(())
    }

    fn open(&mut self, value: Value, anchor: usize) -> Result<(), YamlError> {
        let before = self.nodes;
        self.count(1)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(YamlError::TooDeep);
        }
        self.open.push(OpenNode {
            value,
            key: None,
            anchor,
            before,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), YamlError> {
        if let Some(closed) = self.open.pop() {
            let nodes = self.nodes.saturating_sub(closed.before);
            self.keep(closed.anchor, &closed.value, nodes)?;
            self.place(closed.value);
        }
        Ok(())
    }

    /// Puts a whole value where it belongs.
    fn place(&mut self, value: Value) {
        let Some(parent) = self.open.last_mut() else {
            self.root.get_or_insert(value);
            return;
        };
        match &mut parent.value {
            Value::Array(items) => items.push(value),
            Value::Object(members) => match parent.key.take() {
                None => parent.key = Some(key(value)),
                Some(key) if key == "<<" => merge(members, value),
                Some(key) => {
                    members.insert(key, value);
                }
            },
            _ => {}
        }
    }
}

/// A value as the name of a member; lists and maps have none that is of use.
fn key(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Array(_) | Value::Object(_) => String::new(),
        other => other.to_string(),
    }
}

/// Adds the members of a merged map that are not there; explicit ones replace them when they come later.
fn merge(members: &mut Map<String, Value>, value: Value) {
    match value {
        Value::Object(merged) => {
            for (name, value) in merged {
                members.entry(name).or_insert(value);
            }
        }
        Value::Array(several) => {
            for one in several {
                if one.is_object() {
                    merge(members, one);
                }
            }
        }
        _ => {}
    }
}

/// A scalar without quotes, by the core schema of YAML 1.2. Numbers that are not exactly those of JSON stay texts.
fn plain(text: Cow<'_, str>) -> Value {
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let begins_as_number = text.starts_with(|first: char| first.is_ascii_digit() || first == '-');
    if begins_as_number && let Ok(number @ Value::Number(_)) = serde_json::from_str(&text) {
        return number;
    }
    Value::String(text.into_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_have_the_types_of_the_core_schema() {
        let text = "a: 1\nb: 2.5\nc: \"3\"\nd: yes\ne: true\nf:\ng: ~\nh: os.environ/KEY\ni: 2024-10-21\nj: 1e3\nk: 007\nl: !!str 5\nm: |\n  x\n  y\n";
        assert_eq!(
            read(text).unwrap(),
            json!({"a": 1, "b": 2.5, "c": "3", "d": "yes", "e": true, "f": null, "g": null, "h": "os.environ/KEY",
                "i": "2024-10-21", "j": 1e3, "k": "007", "l": "5", "m": "x\ny\n"})
        );
        assert_eq!(read("").unwrap(), Value::Null);
        assert_eq!(read("# only this").unwrap(), Value::Null);
        assert_eq!(
            read("{a: [1, {b: c}]}").unwrap(),
            json!({"a": [1, {"b": "c"}]})
        );
        // Only the first document.
        assert_eq!(read("a: 1\n---\nb: 2").unwrap(), json!({"a": 1}));
    }

    #[test]
    fn aliases_and_merge_keys_are_followed() {
        let text = "base: &base\n  api_key: k\n  rpm: 1\nlist:\n  - <<: *base\n    rpm: 2\n  - rpm: 3\n    <<: [*base]\n  - *base\n";
        let value = read(text).unwrap();
        assert_eq!(
            value["list"],
            json!([{"api_key": "k", "rpm": 2}, {"api_key": "k", "rpm": 3}, {"api_key": "k", "rpm": 1}])
        );
    }

    #[test]
    fn bombs_and_mistakes_are_errors() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}, ", level - 1);
            let line = format!("a{level}: &a{level} [{}x]\n", before.repeat(10));
            bomb.push_str(&line);
        }
        assert_eq!(read(&bomb), Err(YamlError::TooMany));
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert_eq!(read(&deep), Err(YamlError::TooDeep));
        assert!(matches!(read("a: [1\nb: }"), Err(YamlError::Syntax(_))));
        assert!(read("a: *nothing").is_err());
        // An anchor that contains itself.
        assert!(read("&a [*a]").is_err());
    }
}
