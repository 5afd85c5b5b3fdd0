//! The text of the document: JSON in which what fits into one line is in one line, so that changes can be read.

use serde_json::Value;

/// Columns of a line.
const WIDTH: usize = 120;

/// The text of `value`, with a line break at its end.
pub fn text(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, 0, &mut text);
    text.push('\n');
    text
}

/// Writes `value` at `indent`, where `taken` columns of the line are in use beside the indentation.
fn write(value: &Value, indent: usize, taken: usize, text: &mut String) {
    let short = in_one_line(value);
    if indent + taken + short.len() < WIDTH {
        text.push_str(&short);
        return;
    }
    let inner = indent + 1;
    let line_break = |text: &mut String, indent: usize| {
        text.push('\n');
        text.push_str(&" ".repeat(indent));
    };
    match value {
        Value::Object(members) if !members.is_empty() => {
            text.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                line_break(text, inner);
                let name = format!("{}: ", Value::from(name.as_str()));
                text.push_str(&name);
                write(member, inner, name.len(), text);
            }
            line_break(text, indent);
            text.push('}');
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                line_break(text, inner);
                write(item, inner, 0, text);
            }
            line_break(text, indent);
            text.push(']');
        }
        _ => text.push_str(&short),
    }
}

fn in_one_line(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, member)| {
                    format!("{}: {}", Value::from(name.as_str()), in_one_line(member))
                })
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(in_one_line).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn short_values_take_one_line_and_long_ones_are_the_same_value() {
        assert_eq!(
            text(&json!({"b": [1, "\""], "a": {}})),
            "{\"a\": {}, \"b\": [1, \"\\\"\"]}\n"
        );
        let long = json!({"list": ["x".repeat(80), {"inner": "y".repeat(80)}], "empty": []});
        let written = text(&long);
        assert!(written.lines().count() > 4, "{written}");
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), long);
    }
}
