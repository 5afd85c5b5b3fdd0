//! Values of a row, whatever an export made of them. Owns the forms that numbers and truth values have there.

use serde_json::{Map, Value};

/// A row of a table.
#[derive(Clone, Copy, Debug)]
pub struct Row<'r>(pub &'r Map<String, Value>);

impl Row<'_> {
    /// A text without the spaces around it; empty where there is none.
    pub fn text(self, name: &str) -> String {
        match self.0.get(name) {
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            // A column of JSON, which an answer has as it is.
            Some(value @ (Value::Object(_) | Value::Array(_))) => value.to_string(),
            _ => String::new(),
        }
    }

    /// A whole number.
    pub fn integer(self, name: &str) -> Option<i64> {
        match self.0.get(name)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            Value::Bool(flag) => Some(i64::from(*flag)),
            _ => None,
        }
    }

    /// Whether a flag is set.
    pub fn flag(self, name: &str) -> bool {
        match self.0.get(name) {
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => true,
            _ => self.integer(name).is_some_and(|number| number != 0),
        }
    }

    /// A JSON object, as it is or as a text; empty where there is none.
    pub fn object(self, name: &str) -> Map<String, Value> {
        match self.0.get(name) {
            Some(Value::Object(members)) => members.clone(),
            Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
            _ => Map::new(),
        }
    }

    /// The entries of a list with commas between them, each once.
    pub fn list(self, name: &str) -> Vec<String> {
        let mut entries: Vec<String> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for entry in self.text(name).split(',').map(str::trim) {
            if !entry.is_empty() && seen.insert(entry.to_owned()) {
                entries.push(entry.to_owned());
            }
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_in_every_form_that_exports_have() {
        let row = json!({"a": " x, y,,x ", "b": "3", "c": 1, "d": true, "e": "{\"k\": 1}", "f": {"k": 1}, "g": null,
            "h": "false", "i": "0", "j": "[", "k": 2.5});
        let row = Row(row.as_object().unwrap());
        assert_eq!(row.list("a"), ["x", "y"]);
        assert_eq!((row.integer("b"), row.integer("k")), (Some(3), None));
        assert!(row.flag("b") && row.flag("c") && row.flag("d"));
        assert!(!row.flag("g") && !row.flag("h") && !row.flag("i") && !row.flag("z"));
        assert_eq!(row.object("e"), row.object("f"));
        assert!(row.object("j").is_empty());
        assert_eq!(
            (row.text("g"), row.text("z"), row.text("c")),
            (String::new(), String::new(), "1".into())
        );
    }
}
