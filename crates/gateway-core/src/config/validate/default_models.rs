//! The rules of the models that requests without one are for. Owns which operations may have one; what a request
//! without a model means is the proxy's work.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{MAX_MODEL_CHARS, Problems, join, short_name};
use crate::config::bounds::OPERATIONS_WITH_DEFAULTS;
use crate::problem::ProblemKind;

/// Reads the map from operations to models.
pub fn read(path: &str, value: &Value, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut models = BTreeMap::new();
    for (operation, value) in problems.object(path, value).into_iter().flatten() {
        let place = join(path, operation);
        if !OPERATIONS_WITH_DEFAULTS.contains(&operation.as_str()) {
            problems.add(
                place,
                ProblemKind::UnknownOperation {
                    operation: short_name(operation),
                    choices: OPERATIONS_WITH_DEFAULTS.to_vec(),
                },
            );
            continue;
        }
        if let Some(model) = problems.text(&place, value, MAX_MODEL_CHARS) {
            models.insert(operation.clone(), model);
        }
    }
    models
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_operation_may_have_a_model() {
        for (given, wrong) in [
            (json!({}), None),
            (
                json!({"moderations": "omni", "images/generations": "a/b"}),
                None,
            ),
            (json!([]), Some("default_models")),
            (json!(null), Some("default_models")),
            (
                json!({"moderations": ""}),
                Some("default_models.moderations"),
            ),
            (
                json!({"moderations": null}),
                Some("default_models.moderations"),
            ),
            (
                json!({"moderation": "m"}),
                Some("default_models.moderation"),
            ),
            (
                json!({"/v1/moderations": "m"}),
                Some("default_models./v1/moderations"),
            ),
            (
                json!({"moderations": "m".repeat(MAX_MODEL_CHARS + 1)}),
                Some("default_models.moderations"),
            ),
        ] {
            let mut problems = Problems::default();
            let models = read("default_models", &given, &mut problems);
            let path = problems.list().first().map(|problem| problem.path.as_str());
            assert_eq!(path, wrong, "{given}");
            if wrong.is_none() {
                assert_eq!(json!(models), given);
            }
        }
    }
}
