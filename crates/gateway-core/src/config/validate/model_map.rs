//! The rules of the names of models: those of a channel's map, which may be patterns, and those of aliases. Owns where a
//! `*` may stand; what a pattern applies to is [`crate::config::model_map`]'s.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{MAX_MODEL_CHARS, MAX_MODELS, Problems, join};
use crate::config::bounds::{MAX_ALIAS_MODELS, MAX_ALIASES};
use crate::config::model_map::ANY;
use crate::problem::ProblemKind;

/// Reads a channel's map from clients' names to upstreams'.
pub fn read(
    path: &str,
    value: &Value,
    problems: &mut Problems,
) -> Option<BTreeMap<String, String>> {
    let map = problems.model_map(path, value, MAX_MODELS, |problems, path, value| {
        problems.text(path, value, MAX_MODEL_CHARS)
    })?;
    for (name, upstream) in &map {
        let problem = match (wildcards(name), wildcards(upstream)) {
            (2.., _) | (_, 2..) => ProblemKind::SeveralWildcards,
            (0, 1) => ProblemKind::WildcardWithoutPattern,
            _ => continue,
        };
        problems.add(join(path, name), problem);
    }
    Some(map)
}

/// Reads the settings' aliases: a model or a list of models for each name.
pub fn aliases(
    path: &str,
    value: &Value,
    problems: &mut Problems,
) -> Option<BTreeMap<String, Vec<String>>> {
    let aliases = problems.model_map(path, value, MAX_ALIASES, alias)?;
    for (name, models) in &aliases {
        if wildcards(name) > 0 || models.iter().any(|model| wildcards(model) > 0) {
            problems.add(join(path, name), ProblemKind::WildcardForbidden);
        }
    }
    Some(aliases)
}

fn alias(problems: &mut Problems, path: &str, value: &Value) -> Option<Vec<String>> {
    if value.is_string() {
        return Some(vec![problems.text(path, value, MAX_MODEL_CHARS)?]);
    }
    let models = problems.texts(path, value, MAX_MODEL_CHARS, MAX_ALIAS_MODELS)?;
    if value.as_array().is_some_and(Vec::is_empty) {
        problems.add(path, ProblemKind::EmptyList);
    }
    Some(models)
}

fn wildcards(name: &str) -> usize {
    name.matches(ANY).count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problem(read: impl FnOnce(&mut Problems)) -> Option<(String, ProblemKind)> {
        let mut problems = Problems::default();
        read(&mut problems);
        let first = problems.list().first()?;
        Some((first.path.clone(), first.kind.clone()))
    }

    #[test]
    fn a_pattern_has_one_wildcard_and_only_its_target_may_have_one() {
        for (map, wrong) in [
            (json!({}), None),
            (json!({"a": "b", "c-*": "d", "*": "*", "x/*-y": "z*"}), None),
            (
                json!({"a*b*": "c"}),
                Some(("m.a*b*", ProblemKind::SeveralWildcards)),
            ),
            (
                json!({"a*": "**"}),
                Some(("m.a*", ProblemKind::SeveralWildcards)),
            ),
            (
                json!({"a": "b*"}),
                Some(("m.a", ProblemKind::WildcardWithoutPattern)),
            ),
        ] {
            let found = problem(|problems| drop(read("m", &map, problems)));
            assert_eq!(
                found,
                wrong.map(|(path, kind)| (path.to_owned(), kind)),
                "{map}"
            );
        }
    }

    #[test]
    fn an_alias_has_one_model_or_several() {
        let mut problems = Problems::default();
        let given = json!({"a": "b", "c": ["d", " e "]});
        let read = aliases("a", &given, &mut problems).unwrap();
        assert_eq!(json!(read), json!({"a": ["b"], "c": ["d", "e"]}));
        assert_eq!(problems, Problems::default());
        let max = MAX_ALIAS_MODELS;
        for (value, path, kind) in [
            (json!([]), "a.x", ProblemKind::EmptyList),
            (
                json!(""),
                "a.x",
                ProblemKind::InvalidText {
                    max: MAX_MODEL_CHARS,
                },
            ),
            (
                json!(["b", 1]),
                "a.x[1]",
                ProblemKind::InvalidText {
                    max: MAX_MODEL_CHARS,
                },
            ),
            (
                json!(vec!["b"; max + 1]),
                "a.x",
                ProblemKind::TooMany { max },
            ),
            (json!(["b", "c-*"]), "a.x", ProblemKind::WildcardForbidden),
            (json!("*"), "a.x", ProblemKind::WildcardForbidden),
        ] {
            let given = json!({"x": value});
            let found = problem(|problems| drop(aliases("a", &given, problems)));
            assert_eq!(found, Some((path.to_owned(), kind)), "{given}");
        }
        let twice = json!({"x": ["b", "b"]});
        let found = problem(|problems| drop(aliases("a", &twice, problems)));
        assert!(found.is_some_and(|(path, _)| path == "a.x[1]"));
        let pattern = json!({"x*": "b"});
        let found = problem(|problems| drop(aliases("a", &pattern, problems)));
        assert_eq!(
            found,
            Some(("a.x*".to_owned(), ProblemKind::WildcardForbidden))
        );
    }
}
