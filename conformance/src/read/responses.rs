//! Whole answers of `OpenAI`'s Responses. Owns the schema of a response; that of its items is in `responses_items`.

use serde_json::Value;

use super::responses_items;
use crate::node::{Node, Verdict};
use crate::normal::{Answer, Part, Stop, Usage};

/// Reads an answer.
pub fn read(body: &Value) -> Verdict<Answer> {
    let root = Node::root(body, "answer");
    let status = head(&root)?;
    root.ensure(
        matches!(status, "completed" | "incomplete"),
        &format!("the status is {status:?}"),
    )?;
    ended(&root)
}

/// Checks what each response has, also the one at the start of a stream, and gives its status.
pub fn head<'a>(root: &Node<'a>) -> Verdict<&'a str> {
    root.need("id")?.text()?;
    root.need("object")?.one_of(&["response"])?;
    root.need("created_at")?.number(0.0, f64::MAX)?;
    root.need("model")?.text()?;
    root.need("output")?.items()?;
    for name in [
        "error",
        "incomplete_details",
        "instructions",
        "metadata",
        "temperature",
        "top_p",
    ] {
        let is_there = root.map()?.contains_key(name);
        root.ensure(is_there, &format!("`{name}` is missing"))?;
    }
    root.need("tools")?.items()?;
    root.need("tool_choice")?;
    root.need("parallel_tool_calls")?.bool()?;
    root.need("status")?.one_of(&[
        "completed",
        "incomplete",
        "in_progress",
        "failed",
        "queued",
        "cancelled",
    ])
}

/// Reads a response that has ended.
pub fn ended(root: &Node<'_>) -> Verdict<Answer> {
    let status = head(root)?;
    root.ensure(root.get("error").is_none(), "has an error")?;
    let mut parts: Vec<Part> = Vec::new();
    for item in root.need("output")?.items()? {
        parts.extend(responses_items::read(&item)?);
    }
    let calls = parts.iter().any(|part| matches!(part, Part::Call(_)));
    let stop = if status == "incomplete" {
        let reason = root.need("incomplete_details")?.need("reason")?;
        match reason.one_of(&["max_output_tokens", "content_filter"])? {
            "max_output_tokens" => Stop::Length,
            _ => Stop::Filter,
        }
    } else {
        root.ensure(
            root.get("incomplete_details").is_none(),
            "`incomplete_details` must be null",
        )?;
        if calls { Stop::Calls } else { Stop::End }
    };
    Ok(Answer {
        parts,
        stop,
        usage: root.get("usage").map(|node| usage(&node)).transpose()?,
    })
}

fn usage(node: &Node<'_>) -> Verdict<Usage> {
    let input = node.need("input_tokens")?.int()?;
    let output = node.need("output_tokens")?.int()?;
    let total = node.need("total_tokens")?.int()?;
    node.ensure(total == input + output, "the total does not add up")?;
    let detail = |group: &str, name: &str| {
        let node = node.get(group).and_then(|details| details.get(name));
        node.map_or(Ok(0), |node| node.int())
    };
    Ok(Usage {
        input,
        output,
        cached: detail("input_tokens_details", "cached_tokens")?,
        written: detail("input_tokens_details", "cache_write_tokens")?,
        reasoning: detail("output_tokens_details", "reasoning_tokens")?,
    })
}
