//! The rules of price tables. Owns their ranges; what a request costs is [`crate::ledger::price`]'s.

use serde_json::Value;

use super::{Problems, join};
use crate::config::bounds::{MAX_PRICE, MAX_PRICES};
use crate::config::model::{Price, Prices};
use crate::problem::ProblemKind;

/// Reads a table of prices by model.
pub fn table(path: &str, value: &Value, problems: &mut Problems) -> Option<Prices> {
    problems.model_map(path, value, MAX_PRICES, price)
}

fn price(problems: &mut Problems, path: &str, value: &Value) -> Option<Price> {
    let members = problems.object(path, value)?;
    let (mut prompt, mut cached, mut completion) = (None, None, None);
    for (name, value) in members {
        let place = join(path, name);
        let mut number = || problems.integer(&place, value, 0, MAX_PRICE);
        match name.as_str() {
            "prompt" => prompt = number(),
            "completion" => completion = number(),
            "cached" if value.is_null() => {}
            "cached" => cached = number(),
            _ => problems.unknown(path, name),
        }
    }
    for name in ["prompt", "completion"] {
        if !members.contains_key(name) {
            problems.add(join(path, name), ProblemKind::Required);
        }
    }
    Some(Price {
        prompt: prompt?,
        cached,
        completion: completion?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn prices_are_whole_numbers_within_their_range() {
        for (given, wrong) in [
            (json!({}), None),
            (json!({"m": {"prompt": 0, "completion": MAX_PRICE}}), None),
            (
                json!({"a/b": {"prompt": 1, "cached": null, "completion": 2}}),
                None,
            ),
            (json!(null), Some("prices")),
            (json!([]), Some("prices")),
            (json!({"": {"prompt": 0, "completion": 0}}), Some("prices.")),
            (json!({"m": 5}), Some("prices.m")),
            (json!({"m": {"prompt": 1}}), Some("prices.m.completion")),
            (json!({"m": {"completion": 1}}), Some("prices.m.prompt")),
            (
                json!({"m": {"prompt": 2.5, "completion": 1}}),
                Some("prices.m.prompt"),
            ),
            (
                json!({"m": {"prompt": 1, "cached": MAX_PRICE + 1, "completion": 1}}),
                Some("prices.m.cached"),
            ),
            (
                json!({"m": {"prompt": 1, "completion": 1, "input": 1}}),
                Some("prices.m.input"),
            ),
        ] {
            let mut problems = Problems::default();
            let read = table("prices", &given, &mut problems);
            let found = problems.list().first().map(|problem| problem.path.as_str());
            assert_eq!(found, wrong, "{given}");
            if wrong.is_none() {
                let again = serde_json::to_value(read.unwrap()).unwrap();
                let mut problems = Problems::default();
                assert_eq!(
                    table("prices", &again, &mut problems),
                    table("prices", &given, &mut Problems::default())
                );
                assert!(problems.list().is_empty());
            }
        }
        let price = json!({"prompt": 1, "completion": 1});
        let large = |count: usize| {
            let models = (0..count).map(|number| (number.to_string(), price.clone()));
            let mut problems = Problems::default();
            let table = Value::Object(models.collect());
            table_len(self::table("prices", &table, &mut problems))
        };
        assert_eq!((large(MAX_PRICES), large(MAX_PRICES + 1)), (2000, 0));
    }

    fn table_len(table: Option<Prices>) -> usize {
        table.map_or(0, |table| table.len())
    }
}
