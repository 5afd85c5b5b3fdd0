//! The rules of a channel's quirks. Owns how their members are read; their names and values are `upstream::quirks`'.

use serde_json::{Map, Value};

use super::{Problems, join};
use crate::problem::ProblemKind;
use crate::upstream::quirks::{self, QuirkValue};

/// The quirks in the form in which they are stored; a member that is null is left out.
pub fn read(path: &str, value: &Value, problems: &mut Problems) -> Option<Value> {
    let mut valid = Map::new();
    for (name, value) in problems.object(path, value)? {
        let place = join(path, name);
        let read = match quirks::value_of(name) {
            None => {
                problems.unknown(path, name);
                None
            }
            Some(_) if value.is_null() => None,
            Some(QuirkValue::Boolean) => problems.boolean(&place, value).map(Value::from),
            Some(QuirkValue::Number(least, most)) => problems
                .integer(&place, value, least, most)
                .map(Value::from),
            Some(QuirkValue::Choice(choices)) => choice(&place, value, choices, problems),
        };
        if let Some(read) = read {
            valid.insert(name.clone(), read);
        }
    }
    Some(Value::Object(valid))
}

fn choice(
    path: &str,
    value: &Value,
    choices: &[&'static str],
    problems: &mut Problems,
) -> Option<Value> {
    let is_known = value.as_str().is_some_and(|name| choices.contains(&name));
    if !is_known {
        let choices = choices.to_vec();
        problems.add(path, ProblemKind::InvalidChoice { choices });
    }
    is_known.then(|| value.clone())
}
