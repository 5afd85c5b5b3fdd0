//! Cases that a gateway documents as unsupported. Owns the form of the data file: each mark has its source.

use serde_json::Value;

/// One mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The gateway, as the label of its results begins.
    pub peer: String,
    /// Names of cases; `*` matches anything.
    pub cases: String,
    /// Where the gateway says so.
    pub source: String,
    /// What it says.
    pub says: String,
}

/// Reads the file.
///
/// # Errors
/// Names what is wrong in it.
pub fn read(text: &str) -> Result<Vec<Mark>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let marks = value.as_array().ok_or("it must be an array")?;
    let one = |mark: &Value| {
        let text = |name: &str| {
            let text = mark.get(name).and_then(Value::as_str);
            let text = text.filter(|text| !text.is_empty()).map(str::to_owned);
            text.ok_or_else(|| format!("`{name}` is missing in {mark}"))
        };
        Ok(Mark {
            peer: text("peer")?,
            cases: text("cases")?,
            source: text("source")?,
            says: text("says")?,
        })
    };
    marks.iter().map(one).collect()
}

/// The mark of a case, if the gateway with this label has one.
pub fn find<'a>(marks: &'a [Mark], label: &str, case: &str) -> Option<&'a Mark> {
    let mut all = marks.iter();
    all.find(|mark| label.starts_with(&mark.peer) && matches(&mark.cases, case))
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.any(|at| matches(rest, &text[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_any_part_of_a_name() {
        for (pattern, name, is_match) in [
            ("text/a-to-b", "text/a-to-b", true),
            ("*/gemini-to-*", "text/gemini-to-chat", true),
            ("*/gemini-to-*", "text/chat-to-chat", false),
            ("azure-*", "azure-v1/chat-to-chat", true),
            ("azure-*", "own-key/chat-to-chat", false),
            ("a*c", "abcd", false),
        ] {
            assert_eq!(matches(pattern, name), is_match, "{pattern} {name}");
        }
    }

    #[test]
    fn every_mark_of_the_suite_has_a_source_and_a_case() {
        let marks = read(include_str!("../../peers/unsupported.json")).unwrap();
        let cases = crate::cases::all();
        for mark in &marks {
            assert!(mark.source.starts_with("https://"), "{mark:?}");
            let hits = |case: &&crate::case::Case| matches(&mark.cases, &case.name);
            assert!(cases.iter().any(|case| hits(&case)), "{mark:?}");
        }
        assert!(
            read("[{\"peer\": \"a\", \"cases\": \"*\"}]")
                .unwrap_err()
                .contains("source")
        );
    }
}
