//! Lists of models as upstreams send them. Owns their shapes and how their pages follow each other.

use std::collections::BTreeSet;

use serde_json::Value;
use url::form_urlencoded;

/// The maximum number of pages requested of one list.
pub const MAX_PAGES: usize = 20;
/// A longer cursor of the next page is not sent back.
const MAX_MARK_BYTES: usize = 1_000;

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelPage {
    /// The models' names, each once.
    pub names: BTreeSet<String>,
    /// What to add to the query string for the next page; `None` on the last one.
    pub next: Option<String>,
}

/// Reads a page. OpenAI, OpenRouter, NIM, Anthropic and most others have `data`, Gemini and Ollama have `models`,
/// Together a bare array. Entries are texts, or objects with an `id`, a `model` or a `name`; Gemini's are prefixed with
/// `models/`. Names that are not `accepted` are left out. `None` when there is no list at all.
pub fn read(value: &Value, accepted: impl Fn(&str) -> bool) -> Option<ModelPage> {
    let list = match value {
        Value::Array(list) => list,
        _ => ["data", "models"]
            .iter()
            .find_map(|member| value.get(member)?.as_array())?,
    };
    Some(ModelPage {
        names: list
            .iter()
            .filter_map(name)
            .filter(|it| accepted(it))
            .collect(),
        next: next(value, list),
    })
}

fn name(entry: &Value) -> Option<String> {
    let text = match entry {
        Value::String(text) => text,
        // One that is present but not a text is not a name, and neither is any other member beside it.
        _ => ["id", "model", "name"]
            .iter()
            .find_map(|member| entry.get(member))?
            .as_str()?,
    };
    let name = text.trim();
    let name = name.strip_prefix("models/").unwrap_or(name);
    Some(name.to_owned())
}

fn next(value: &Value, list: &[Value]) -> Option<String> {
    let text = |member: &str| value.get(member).and_then(Value::as_str);
    let (parameter, mark) = if let Some(token) = text("nextPageToken") {
        // Gemini.
        ("pageToken", token)
    } else if let Some(token) = text("next_page_token") {
        // Cohere.
        ("page_token", token)
    } else if value.get("has_more").and_then(Value::as_bool) == Some(true) {
        // Anthropic.
        let id = list.last().and_then(|entry| entry.get("id"));
        (
            "after_id",
            text("last_id").or_else(|| id.and_then(Value::as_str))?,
        )
    } else {
        return None;
    };
    (!mark.is_empty() && mark.len() <= MAX_MARK_BYTES).then(|| {
        form_urlencoded::Serializer::new(String::new())
            .append_pair(parameter, mark)
            .finish()
    })
}

/// The operation for the next page of a list that began with `first`.
pub fn operation(first: &str, next: Option<&str>) -> String {
    match next {
        None => first.to_owned(),
        Some(next) if first.contains('?') => format!("{first}&{next}"),
        Some(next) => format!("{first}?{next}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn accepted(name: &str) -> bool {
        !name.is_empty() && name.len() <= 256 && !name.contains(char::is_control)
    }

    #[test]
    fn lists_have_many_shapes() {
        for (list, expected) in [
            (
                json!({"object": "list", "data": [{"id": "b"}, {"id": "a", "name": "A"}, {"id": "b"}]}),
                Some(vec!["a", "b"]),
            ),
            (
                json!({"data": [{"type": "model", "id": "claude", "display_name": "C"}], "has_more": false}),
                Some(vec!["claude"]),
            ),
            (
                json!({"models": [{"name": "models/gemini", "displayName": "G"}]}),
                Some(vec!["gemini"]),
            ),
            (
                json!({"object": "list", "data": [{"id": "models/gemini-2.0-flash"}, "models/x"]}),
                Some(vec!["gemini-2.0-flash", "x"]),
            ),
            (
                json!({"models": [{"name": "Llama 3", "model": "llama3:8b"}, {"name": "qwen:7b"}]}),
                Some(vec!["llama3:8b", "qwen:7b"]),
            ),
            (json!({"data": null, "models": ["a"]}), Some(vec!["a"])),
            (
                json!([{"id": "meta/llama", "object": "model"}, "plain"]),
                Some(vec!["meta/llama", "plain"]),
            ),
            (
                json!({"data": [5, null, {"id": ""}, {"id": 7, "name": "x"}, {"id": "a\u{0}b"}, {"id": "x".repeat(257)}, {"id": " ok "}]}),
                Some(vec!["ok"]),
            ),
            (json!({"data": []}), Some(vec![])),
            (json!({"data": {"id": "a"}}), None),
            (json!({"error": "no"}), None),
            (json!("text"), None),
        ] {
            let found = read(&list, accepted).map(|page| page.names);
            let found = found
                .as_ref()
                .map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(found, expected, "{list}");
        }
    }

    #[test]
    fn pages_follow_each_other() {
        let long = "x".repeat(MAX_MARK_BYTES + 1);
        for (page, expected) in [
            (
                json!({"data": [{"id": "a b"}], "has_more": true, "last_id": "a b"}),
                Some("after_id=a+b"),
            ),
            (
                json!({"data": [{"id": "c"}], "has_more": true}),
                Some("after_id=c"),
            ),
            (
                json!({"data": [{"id": "c"}], "has_more": false, "last_id": "c"}),
                None,
            ),
            (json!({"data": [], "has_more": true}), None),
            (
                json!({"models": [], "nextPageToken": "t&="}),
                Some("pageToken=t%26%3D"),
            ),
            (json!({"models": [], "nextPageToken": ""}), None),
            (json!({"models": [], "nextPageToken": long}), None),
            (
                json!({"models": [], "next_page_token": "u"}),
                Some("page_token=u"),
            ),
            (json!(["a"]), None),
        ] {
            assert_eq!(
                read(&page, accepted).unwrap().next.as_deref(),
                expected,
                "{page}"
            );
        }
        assert_eq!(operation("models", None), "models");
        assert_eq!(operation("models", Some("a=1")), "models?a=1");
        assert_eq!(
            operation("models?limit=5", Some("a=1")),
            "models?limit=5&a=1"
        );
    }
}
