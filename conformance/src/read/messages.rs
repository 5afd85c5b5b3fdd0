//! Whole answers of Anthropic's Messages. Owns their schema.

use serde_json::Value;

use crate::node::{Node, Verdict};
use crate::normal::{Answer, Part, Stop, Usage};

/// Reads an answer.
pub fn read(body: &Value) -> Verdict<Answer> {
    let root = Node::root(body, "answer");
    head(&root)?;
    let blocks = root.need("content")?.items()?;
    let parts = blocks.iter().map(block).collect::<Verdict<Vec<_>>>()?;
    Ok(Answer {
        parts: parts.into_iter().flatten().collect(),
        stop: stop(&root)?,
        usage: Some(usage(&root.need("usage")?)?),
    })
}

/// Checks what each message has, also the empty one at the start of a stream.
pub fn head(root: &Node<'_>) -> Verdict<()> {
    // "The format and length of IDs may change over time."
    root.need("id")?.text()?;
    root.need("type")?.one_of(&["message"])?;
    root.need("role")?.one_of(&["assistant"])?;
    root.need("model")?.text()?;
    for name in ["stop_reason", "stop_sequence"] {
        let is_there = root.map()?.contains_key(name);
        root.ensure(is_there, &format!("`{name}` is missing"))?;
    }
    Ok(())
}

/// Reads the reason and the sequence, wherever both stand.
pub fn stop(node: &Node<'_>) -> Verdict<Stop> {
    if let Some(sequence) = node.get("stop_sequence") {
        sequence.text()?;
    }
    let reason = node.need("stop_reason")?;
    Ok(
        match reason.one_of(&[
            "end_turn",
            "max_tokens",
            "model_context_window_exceeded",
            "pause_turn",
            "refusal",
            "stop_sequence",
            "tool_use",
        ])? {
            "max_tokens" | "model_context_window_exceeded" => Stop::Length,
            "refusal" => Stop::Filter,
            "tool_use" => Stop::Calls,
            _ => Stop::End,
        },
    )
}

/// Reads a block; blocks of the vendor's own tools are no parts.
pub fn block(block: &Node<'_>) -> Verdict<Option<Part>> {
    Ok(match block.kind("type")? {
        "text" => Some(Part::text(block.need("text")?.str()?)),
        "thinking" => Some(Part::Thinking {
            text: block.need("thinking")?.str()?.to_owned(),
            state: state(block.get("signature"))?,
        }),
        "redacted_thinking" => Some(Part::Thinking {
            text: String::new(),
            state: state(Some(block.need("data")?))?,
        }),
        "tool_use" => {
            let input = block.need("input")?;
            input.map()?;
            Some(Part::call(
                block.need("id")?.name(256)?,
                block.need("name")?.name(128)?,
                &input.value.to_string(),
            ))
        }
        "server_tool_use" | "web_search_tool_result" | "web_fetch_tool_result" => None,
        other => return block.fail(&format!("{other:?} is no type of a block")),
    })
}

fn state(node: Option<Node<'_>>) -> Verdict<Option<String>> {
    let text = node.map(|node| node.str().map(str::to_owned)).transpose()?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// Reads usage, whose input leaves out both caches.
pub fn usage(node: &Node<'_>) -> Verdict<Usage> {
    let input = node.need("input_tokens")?.int()?;
    let output = node.need("output_tokens")?.int()?;
    let cache = |name: &str| node.get(name).map_or(Ok(0), |node| node.int());
    let cached = cache("cache_read_input_tokens")?;
    let written = cache("cache_creation_input_tokens")?;
    Ok(Usage {
        input: input + cached + written,
        cached,
        written,
        output,
        reasoning: 0,
    })
}
