//! The rules of Messages that no schema says: turns alternate, results answer calls, thinking fits the rest.

use crate::node::{Node, Verdict};
use crate::normal::{Asked, Choice, Part, Turn};

/// Complains about turns that the vendor, or one of the clouds that offer its API, would refuse.
pub fn between_turns(messages: &Node<'_>, turns: &[Turn]) -> Verdict<()> {
    let nodes = messages.items()?;
    let mut open: Vec<&str> = Vec::new();
    for (index, (turn, node)) in turns.iter().zip(&nodes).enumerate() {
        let expected = index % 2 == 1;
        node.ensure(
            turn.assistant == expected,
            "roles must alternate, and the user's be first",
        )?;
        if turn.assistant {
            open = calls(node, turn)?;
        } else {
            results(node, turn, &open)?;
            open.clear();
        }
    }
    messages.ensure(
        open.is_empty(),
        &format!("ends without the results of {open:?}"),
    )?;
    if let Some(Turn {
        assistant: true,
        parts,
    }) = turns.last()
        && let Some(Part::Text(text)) = parts.last()
    {
        messages.ensure(
            text.trim_end() == text,
            "the last turn must not end with whitespace",
        )?;
    }
    Ok(())
}

fn calls<'a>(node: &Node<'_>, turn: &'a Turn) -> Verdict<Vec<&'a str>> {
    let mut ids = Vec::new();
    for part in &turn.parts {
        if let Part::Call(call) = part {
            node.ensure(
                !ids.contains(&call.id.as_str()),
                &format!("the id {:?} is used twice", call.id),
            )?;
            ids.push(&call.id);
        }
    }
    Ok(ids)
}

fn results(node: &Node<'_>, turn: &Turn, open: &[&str]) -> Verdict<()> {
    let mut answered: Vec<&str> = Vec::new();
    let mut others = false;
    for part in &turn.parts {
        let Part::Result { id, .. } = part else {
            others = true;
            continue;
        };
        node.ensure(!others, "results must stand before other content")?;
        node.ensure(
            open.contains(&id.as_str()),
            &format!("the result of {id:?} has no call in the turn before"),
        )?;
        node.ensure(
            !answered.contains(&id.as_str()),
            &format!("{id:?} has two results"),
        )?;
        answered.push(id);
    }
    let missing: Vec<_> = open.iter().filter(|id| !answered.contains(*id)).collect();
    node.ensure(
        missing.is_empty(),
        &format!("the results of {missing:?} are missing"),
    )
}

/// Complains about thinking that does not fit the other settings.
pub fn thinking(root: &Node<'_>, asked: &Asked) -> Verdict<()> {
    let Some(thinking) = root.get("thinking") else {
        return Ok(());
    };
    let kind = thinking.kind("type")?;
    match kind {
        "enabled" => {
            thinking.object(&["type", "budget_tokens"], &["display"])?;
            let budget = thinking.need("budget_tokens")?;
            budget.ensure(budget.int()? >= 1024, "must be at least 1024")?;
            budget.ensure(
                Some(budget.int()?) < asked.max_tokens,
                "must be below `max_tokens`",
            )?;
        }
        "adaptive" => drop(thinking.object(&["type"], &["display"])?),
        "disabled" => {
            thinking.object(&["type"], &[])?;
            return Ok(());
        }
        other => return thinking.fail(&format!("{other:?} is no type")),
    }
    let forced = matches!(asked.choice, Some(Choice::Any | Choice::Tool(_)));
    thinking.ensure(!forced, "is not allowed when a tool is forced")?;
    let is_one = asked
        .temperature
        .is_none_or(|temperature| (temperature - 1.0).abs() < f64::EPSILON);
    thinking.ensure(is_one, "is not allowed with a temperature other than 1")?;
    let last = asked.turns.iter().rfind(|turn| turn.assistant);
    let Some(last) = last.filter(|_| kind == "enabled") else {
        return Ok(());
    };
    let has_calls = last.parts.iter().any(|part| matches!(part, Part::Call(_)));
    let begins = matches!(last.parts.first(), Some(Part::Thinking { .. }));
    thinking.ensure(
        begins || !has_calls,
        "the last turn with calls must begin with a thinking block",
    )
}
