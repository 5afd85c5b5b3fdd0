//! The rules of the parameters that a channel drops, renames and adds. Owns which names are allowed and what contradicts
//! what; the changes themselves are [`crate::wire::body_params`]'s.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Problems, join};
use crate::config::bounds::{KEPT_PARAMS, MAX_DEFAULT_PARAMS_BYTES, MAX_NAME_CHARS, MAX_PARAMS};
use crate::config::model::ChannelConfig;
use crate::problem::{ProblemKind, Uniqueness};

/// Reads the parameters that are dropped.
pub fn dropped(path: &str, value: &Value, problems: &mut Problems) -> Option<Vec<String>> {
    let params = problems.texts(path, value, MAX_NAME_CHARS, MAX_PARAMS)?;
    if params.iter().any(|param| is_kept(param)) {
        problems.add(path, ProblemKind::ReservedParameter);
    }
    Some(params)
}

/// Reads the parameters that are renamed.
pub fn renamed(
    path: &str,
    value: &Value,
    problems: &mut Problems,
) -> Option<BTreeMap<String, String>> {
    let mut renamed = BTreeMap::new();
    for (from, value) in members(path, value, problems)? {
        let place = join(path, from);
        let to = problems.text(&place, value, MAX_NAME_CHARS);
        if let (Some(from), Some(to)) = (name(from, &place, problems), to) {
            if is_kept(&to) {
                problems.add(place, ProblemKind::ReservedParameter);
            }
            let is_new = renamed.insert(from, to).is_none();
            check_unique(is_new, path, problems);
        }
    }
    Some(renamed)
}

/// Reads the parameters that are added.
pub fn defaults(path: &str, value: &Value, problems: &mut Problems) -> Option<Map<String, Value>> {
    let params = members(path, value, problems)?;
    let mut defaults = Map::new();
    for (param, value) in params {
        if let Some(param) = name(param, &join(path, param), problems) {
            let is_new = defaults.insert(param, value.clone()).is_none();
            check_unique(is_new, path, problems);
        }
    }
    if value.to_string().len() > MAX_DEFAULT_PARAMS_BYTES {
        let max = MAX_DEFAULT_PARAMS_BYTES;
        problems.add(path, ProblemKind::TooLarge { max });
    }
    Some(defaults)
}

/// Adds contradictions: a parameter that is renamed is there under its new name only.
pub fn check(channel: &ChannelConfig, problems: &mut Problems) {
    let is_renamed = |name: &String| channel.rename_params.contains_key(name);
    for (from, to) in &channel.rename_params {
        if is_renamed(to) {
            problems.add(join("rename_params", from), ProblemKind::RenamedParameter);
        }
    }
    for name in channel
        .default_params
        .keys()
        .filter(|name| is_renamed(name))
    {
        problems.add(join("default_params", name), ProblemKind::RenamedParameter);
    }
}

fn members<'v>(
    path: &str,
    value: &'v Value,
    problems: &mut Problems,
) -> Option<&'v Map<String, Value>> {
    let members = problems.object(path, value)?;
    if members.len() > MAX_PARAMS {
        problems.add(path, ProblemKind::TooMany { max: MAX_PARAMS });
        return None;
    }
    Some(members)
}

/// A parameter that may be changed.
fn name(given: &str, path: &str, problems: &mut Problems) -> Option<String> {
    let name = problems.text(path, &Value::from(given), MAX_NAME_CHARS)?;
    if is_kept(&name) {
        problems.add(path, ProblemKind::ReservedParameter);
    }
    Some(name)
}

/// Two names may differ in the spaces around them only.
fn check_unique(is_new: bool, path: &str, problems: &mut Problems) {
    if !is_new {
        let within = Uniqueness::Map;
        problems.add(path, ProblemKind::Duplicate { within });
    }
}

fn is_kept(name: &str) -> bool {
    KEPT_PARAMS.contains(&name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::validate::ChannelChange;
    use crate::units::Timestamp;

    fn problems(channel: &Value) -> Vec<(String, ProblemKind)> {
        let mut problems = Problems::default();
        let mut stored = ChannelConfig::blank(Timestamp(0));
        ChannelChange::read(channel, &mut problems).apply(&mut stored, &mut problems);
        let pair = |problem: &crate::problem::Problem| (problem.path.clone(), problem.kind.clone());
        problems.list().iter().map(pair).collect()
    }

    #[test]
    fn parameters_may_be_renamed_and_have_any_value() {
        let channel = json!({
            "rename_params": {"max_tokens": "max_completion_tokens", "n_predict": "max_completion_tokens"},
            "drop_params": ["max_tokens", "seed"],
            "default_params": {"seed": 7, "a": null, "b": {"c": [1.5, "x"]}, "max_completion_tokens": 1},
        });
        assert_eq!(problems(&channel), []);
    }

    #[test]
    fn every_other_change_is_refused() {
        let many: Map<String, Value> = (0..=MAX_PARAMS)
            .map(|number| (number.to_string(), json!("x")))
            .collect();
        let (max, long) = (
            MAX_DEFAULT_PARAMS_BYTES,
            "x".repeat(MAX_DEFAULT_PARAMS_BYTES),
        );
        let text = ProblemKind::InvalidText {
            max: MAX_NAME_CHARS,
        };
        let too_many = ProblemKind::TooMany { max: MAX_PARAMS };
        for (channel, path, kind) in [
            (
                json!({"rename_params": {"model": "x"}}),
                "rename_params.model",
                ProblemKind::ReservedParameter,
            ),
            (
                json!({"rename_params": {"x": "stream"}}),
                "rename_params.x",
                ProblemKind::ReservedParameter,
            ),
            (
                json!({"default_params": {"stream": true}}),
                "default_params.stream",
                ProblemKind::ReservedParameter,
            ),
            (
                json!({"rename_params": {"x": 1}}),
                "rename_params.x",
                text.clone(),
            ),
            (
                json!({"rename_params": {"": "x"}}),
                "rename_params.",
                text.clone(),
            ),
            (
                json!({"default_params": {"": "x"}}),
                "default_params.",
                text,
            ),
            (
                json!({"rename_params": many}),
                "rename_params",
                too_many.clone(),
            ),
            (json!({"default_params": many}), "default_params", too_many),
            (
                json!({"default_params": {"x": long}}),
                "default_params",
                ProblemKind::TooLarge { max },
            ),
            (
                json!({"rename_params": {"a": "b", "b": "c"}}),
                "rename_params.a",
                ProblemKind::RenamedParameter,
            ),
            (
                json!({"rename_params": {"a": "a"}}),
                "rename_params.a",
                ProblemKind::RenamedParameter,
            ),
            (
                json!({"rename_params": {"a": "b"}, "default_params": {"a": 1}}),
                "default_params.a",
                ProblemKind::RenamedParameter,
            ),
        ] {
            assert_eq!(problems(&channel), [(path.to_owned(), kind)], "{path}");
        }
        for name in ["rename_params", "default_params"] {
            let found = problems(&json!({ name: {"a": "x", " a": "y"} }));
            assert_eq!(found.len(), 1, "one of them would be lost");
            let found = problems(&json!({ name: [] }));
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].0, name);
        }
    }
}
