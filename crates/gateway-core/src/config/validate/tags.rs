//! The rules of tags, which channels and client keys share. Owns their bounds, not what they are used for.

use serde_json::Value;

use super::Problems;
use crate::config::bounds::{MAX_TAG_CHARS, MAX_TAGS};
use crate::problem::ProblemKind;

/// Reads tags. None has a comma, so that a list of them can be written in one line.
pub fn read(path: &str, value: &Value, problems: &mut Problems) -> Option<Vec<String>> {
    let tags = problems.texts(path, value, MAX_TAG_CHARS, MAX_TAGS)?;
    for (index, tag) in tags.iter().enumerate() {
        if tag.contains(',') {
            problems.add(format!("{path}[{index}]"), ProblemKind::CommaInTag);
        }
    }
    Some(tags)
}
