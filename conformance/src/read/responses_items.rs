//! Output items of Responses, complete ones. Owns their schema.

use crate::node::{Node, Verdict};
use crate::normal::Part;

/// Reads an item; items of the vendor's own tools are no parts.
pub fn read(item: &Node<'_>) -> Verdict<Vec<Part>> {
    let kind = item.kind("type")?;
    let prefix = match kind {
        "message" => "msg_",
        "function_call" => "fc_",
        "custom_tool_call" => "ctc_",
        "reasoning" => "rs_",
        "web_search_call"
        | "file_search_call"
        | "code_interpreter_call"
        | "image_generation_call"
        | "mcp_call"
        | "mcp_list_tools" => return Ok(Vec::new()),
        other => return item.fail(&format!("{other:?} is no type of an item")),
    };
    let id = item.need("id")?;
    id.ensure(
        id.text()?.starts_with(prefix),
        &format!("must begin with {prefix}"),
    )?;
    match kind {
        "message" => message(item),
        "function_call" | "custom_tool_call" => Ok(vec![call(item, kind)?]),
        _ => Ok(vec![reasoning(item)?]),
    }
}

fn status(item: &Node<'_>) -> Verdict<()> {
    item.need("status")?
        .one_of(&["completed", "incomplete", "in_progress"])?;
    Ok(())
}

fn message(item: &Node<'_>) -> Verdict<Vec<Part>> {
    status(item)?;
    item.need("role")?.one_of(&["assistant"])?;
    let parts = item.need("content")?.items()?;
    parts.iter().map(content).collect()
}

/// Reads a part of a message.
pub fn content(part: &Node<'_>) -> Verdict<Part> {
    if part.kind("type")? == "refusal" {
        return Ok(Part::text(part.need("refusal")?.str()?));
    }
    part.need("type")?.one_of(&["output_text"])?;
    part.need("annotations")?.items()?;
    Ok(Part::text(part.need("text")?.str()?))
}

fn call(item: &Node<'_>, kind: &str) -> Verdict<Part> {
    status(item)?;
    let id = item.need("call_id")?;
    id.ensure(id.text()?.len() <= 64, "must be at most 64 long")?;
    let field = if kind == "function_call" {
        "arguments"
    } else {
        "input"
    };
    Ok(Part::call(
        id.text()?,
        item.need("name")?.text()?,
        item.need(field)?.str()?,
    ))
}

fn reasoning(item: &Node<'_>) -> Verdict<Part> {
    let mut text = String::new();
    for part in item.need("summary")?.items()? {
        part.need("type")?.one_of(&["summary_text"])?;
        text.push_str(part.need("text")?.str()?);
    }
    for part in item
        .get("content")
        .map_or(Ok(Vec::new()), |content| content.items())?
    {
        part.need("type")?.one_of(&["reasoning_text"])?;
        text.push_str(part.need("text")?.str()?);
    }
    let state = item.get("encrypted_content").map(|node| node.text());
    Ok(Part::Thinking {
        text,
        state: state.transpose()?.map(str::to_owned),
    })
}
