//! Whole answers of Chat Completions. Owns their schema.

use serde_json::Value;

use crate::node::{Node, Verdict};
use crate::normal::{Answer, Part, Stop, Usage};

/// Reads an answer.
pub fn read(body: &Value) -> Verdict<Answer> {
    let root = Node::root(body, "answer");
    root.need("id")?.text()?;
    root.need("object")?.one_of(&["chat.completion"])?;
    root.need("created")?.int()?;
    root.need("model")?.text()?;
    let choices = root.need("choices")?.some_items()?;
    root.ensure(choices.len() == 1, "must have one choice")?;
    let choice = &choices[0];
    choice.ensure(choice.need("index")?.int()? == 0, "must have the index 0")?;
    let stop = stop(&choice.need("finish_reason")?)?;
    let message = choice.need("message")?;
    message.need("role")?.one_of(&["assistant"])?;
    let is_there = message.map()?.contains_key("content");
    message.ensure(is_there, "`content` is missing")?;
    let mut parts = Vec::new();
    if let Some(thinking) = message.get("reasoning_content") {
        parts.push(Part::thinking(thinking.str()?));
    }
    for name in ["content", "refusal"] {
        if let Some(text) = message.get(name).map(|node| node.str()).transpose()?
            && !text.is_empty()
        {
            parts.push(Part::text(text));
        }
    }
    for call in message
        .get("tool_calls")
        .map_or(Ok(Vec::new()), |calls| calls.some_items())?
    {
        call.need("type")?.one_of(&["function"])?;
        let function = call.need("function")?;
        parts.push(Part::call(
            call.need("id")?.text()?,
            function.need("name")?.text()?,
            function.need("arguments")?.str()?,
        ));
    }
    Ok(Answer {
        parts,
        stop,
        usage: root.get("usage").map(|node| usage(&node)).transpose()?,
    })
}

/// Reads a finish reason.
pub fn stop(node: &Node<'_>) -> Verdict<Stop> {
    Ok(
        match node.one_of(&["stop", "length", "tool_calls", "content_filter"])? {
            "stop" => Stop::End,
            "length" => Stop::Length,
            "tool_calls" => Stop::Calls,
            _ => Stop::Filter,
        },
    )
}

/// Reads usage, whose total must add up.
pub fn usage(node: &Node<'_>) -> Verdict<Usage> {
    let input = node.need("prompt_tokens")?.int()?;
    let output = node.need("completion_tokens")?.int()?;
    let total = node.need("total_tokens")?.int()?;
    node.ensure(total == input + output, "the total does not add up")?;
    let detail = |group: &str, name: &str| {
        let node = node.get(group).and_then(|details| details.get(name));
        node.map_or(Ok(0), |node| node.int())
    };
    let usage = Usage {
        input,
        output,
        cached: detail("prompt_tokens_details", "cached_tokens")?,
        written: detail("prompt_tokens_details", "cache_write_tokens")?,
        reasoning: detail("completion_tokens_details", "reasoning_tokens")?,
    };
    let fits = usage.cached + usage.written <= input && usage.reasoning <= output;
    node.ensure(fits, "a detail is larger than its total")?;
    Ok(usage)
}
