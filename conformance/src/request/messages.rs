//! Requests of Anthropic's Messages, as published. Owns the schema of the body and of content blocks; the rules between
//! turns are in `messages_rules`.

use serde_json::Value;

use super::{messages_rules, messages_tools};
use crate::node::{Node, Verdict};
use crate::normal::{Asked, Part, Turn};

/// How signatures and ciphertext of the scripted upstream of this dialect begin; others are foreign to it.
pub const SIGNATURE: &str = "EqConf";

const OPTIONAL: &[&str] = &[
    "cache_control",
    "container",
    "context_management",
    "inference_geo",
    "mcp_servers",
    "metadata",
    "output_config",
    "output_format",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

/// Reads a request.
pub fn read(body: &Value) -> Verdict<Asked> {
    let root = Node::root(body, "body");
    root.object(&["model", "messages", "max_tokens"], OPTIONAL)?;
    let max_tokens = root.need("max_tokens")?;
    max_tokens.ensure(max_tokens.int()? >= 1, "must be at least 1")?;
    let mut asked = Asked {
        model: root.need("model")?.text()?.to_owned(),
        max_tokens: Some(max_tokens.int()?),
        ..Asked::default()
    };
    if let Some(system) = root.get("system") {
        asked.system = Some(system_text(&system)?);
    }
    for message in root.need("messages")?.some_items()? {
        asked.turns.push(turn(&message)?);
    }
    messages_rules::between_turns(&root.need("messages")?, &asked.turns)?;
    messages_tools::read(&root, &mut asked)?;
    limits(&root, &mut asked)?;
    messages_rules::thinking(&root, &asked)?;
    Ok(asked)
}

fn limits(root: &Node<'_>, asked: &mut Asked) -> Verdict<()> {
    if let Some(node) = root.get("temperature") {
        asked.temperature = Some(node.number(0.0, 1.0)?);
    }
    if let Some(node) = root.get("top_p") {
        node.number(0.0, 1.0)?;
    }
    if let Some(node) = root.get("top_k") {
        node.int()?;
    }
    if let Some(node) = root.get("stream") {
        asked.stream = node.bool()?;
    }
    for stop in root
        .get("stop_sequences")
        .map_or(Ok(Vec::new()), |node| node.items())?
    {
        stop.ensure(
            !stop.str()?.trim().is_empty(),
            "must contain more than whitespace",
        )?;
        asked.stop.push(stop.str()?.to_owned());
    }
    if let Some(metadata) = root.get("metadata") {
        metadata.object(&[], &["user_id"])?;
    }
    if let Some(config) = root.get("output_config") {
        config.object(&[], &["effort", "format", "task_budget"])?;
        if let Some(effort) = config.get("effort") {
            effort.one_of(&["low", "medium", "high", "xhigh", "max"])?;
        }
    }
    Ok(())
}

fn cache_control(node: &Node<'_>) -> Verdict<()> {
    let Some(control) = node.get("cache_control") else {
        return Ok(());
    };
    control.object(&["type"], &["ttl", "scope"])?;
    control.need("type")?.one_of(&["ephemeral"])?;
    Ok(())
}

fn system_text(system: &Node<'_>) -> Verdict<String> {
    if system.is_string() {
        return Ok(system.text()?.to_owned());
    }
    let mut all = Vec::new();
    for block in system.items()? {
        all.push(text_block(&block)?);
    }
    Ok(all.join("\n"))
}

fn text_block<'a>(block: &Node<'a>) -> Verdict<&'a str> {
    block.object(&["type", "text"], &["cache_control", "citations"])?;
    block.need("type")?.one_of(&["text"])?;
    cache_control(block)?;
    let text = block.need("text")?;
    text.ensure(
        !text.str()?.trim().is_empty(),
        "text blocks must contain more than whitespace",
    )?;
    text.str()
}

fn turn(message: &Node<'_>) -> Verdict<Turn> {
    message.object(&["role", "content"], &[])?;
    let assistant = message.need("role")?.one_of(&["user", "assistant"])? == "assistant";
    let content = message.need("content")?;
    let parts = if content.is_string() {
        let text = content.str()?;
        content.ensure(!text.trim().is_empty(), "must not be empty")?;
        vec![Part::text(text)]
    } else {
        let blocks = content.some_items()?;
        blocks
            .iter()
            .map(|item| block(item, assistant))
            .collect::<Verdict<_>>()?
    };
    Ok(Turn { assistant, parts })
}

fn block(block: &Node<'_>, assistant: bool) -> Verdict<Part> {
    let kind = block.kind("type")?;
    let only_in = match kind {
        "tool_use" | "thinking" | "redacted_thinking" | "server_tool_use" => Some(true),
        "tool_result" | "image" | "document" | "search_result" => Some(false),
        _ => None,
    };
    block.ensure(
        only_in.is_none_or(|side| side == assistant),
        &format!("{kind:?} is not allowed in this role"),
    )?;
    match kind {
        "text" => Ok(Part::text(text_block(block)?)),
        "image" => image(block),
        "document" => document(block),
        "tool_use" => tool_use(block),
        "tool_result" => tool_result(block),
        "thinking" => {
            block.object(&["type", "thinking", "signature"], &[])?;
            let state = own_state(&block.need("signature")?)?;
            Ok(Part::Thinking {
                text: block.need("thinking")?.str()?.to_owned(),
                state: Some(state),
            })
        }
        "redacted_thinking" => {
            block.object(&["type", "data"], &[])?;
            let state = own_state(&block.need("data")?)?;
            Ok(Part::Thinking {
                text: String::new(),
                state: Some(state),
            })
        }
        "server_tool_use"
        | "web_search_tool_result"
        | "web_fetch_tool_result"
        | "search_result"
        | "container_upload" => Ok(Part::Document(kind.to_owned())),
        other => block.fail(&format!("{other:?} is no type of a block")),
    }
}

fn own_state(node: &Node<'_>) -> Verdict<String> {
    let text = node.text()?;
    node.ensure(
        text.starts_with(SIGNATURE),
        "is foreign: this vendor did not sign it",
    )?;
    Ok(text.to_owned())
}

fn image(block: &Node<'_>) -> Verdict<Part> {
    block.object(&["type", "source"], &["cache_control"])?;
    cache_control(block)?;
    let source = block.need("source")?;
    match source.kind("type")? {
        "base64" => {
            source.object(&["type", "media_type", "data"], &[])?;
            let kind = source.need("media_type")?.one_of(&[
                "image/jpeg",
                "image/png",
                "image/gif",
                "image/webp",
            ])?;
            Ok(Part::Image(
                kind.to_owned(),
                source.need("data")?.base64()?.to_owned(),
            ))
        }
        "url" => {
            source.object(&["type", "url"], &[])?;
            let url = source.need("url")?;
            url.ensure(url.data_url()?.is_none(), "must not be a data URL")?;
            Ok(Part::Image("url".to_owned(), url.text()?.to_owned()))
        }
        other => source.fail(&format!("{other:?} is no type of a source")),
    }
}

fn document(block: &Node<'_>) -> Verdict<Part> {
    block.object(
        &["type", "source"],
        &["cache_control", "citations", "context", "title"],
    )?;
    cache_control(block)?;
    let source = block.need("source")?;
    match source.kind("type")? {
        "base64" => {
            source.object(&["type", "media_type", "data"], &[])?;
            source.need("media_type")?.one_of(&["application/pdf"])?;
            Ok(Part::Document(source.need("data")?.base64()?.to_owned()))
        }
        "text" => {
            source.object(&["type", "media_type", "data"], &[])?;
            source.need("media_type")?.one_of(&["text/plain"])?;
            Ok(Part::Document(source.need("data")?.text()?.to_owned()))
        }
        "url" => {
            source.object(&["type", "url"], &[])?;
            Ok(Part::Document(source.need("url")?.text()?.to_owned()))
        }
        other => source.fail(&format!("{other:?} is no type of a source")),
    }
}

fn tool_use(block: &Node<'_>) -> Verdict<Part> {
    block.object(
        &["type", "id", "name", "input"],
        &["cache_control", "caller"],
    )?;
    cache_control(block)?;
    let input = block.need("input")?;
    input.map()?;
    let id = block.need("id")?.name(256)?;
    let name = block.need("name")?.name(128)?;
    Ok(Part::call(id, name, &input.value.to_string()))
}

fn tool_result(block: &Node<'_>) -> Verdict<Part> {
    block.object(
        &["type", "tool_use_id"],
        &["content", "is_error", "cache_control"],
    )?;
    cache_control(block)?;
    let id = block.need("tool_use_id")?.name(256)?;
    if let Some(flag) = block.get("is_error") {
        flag.bool()?;
    }
    let Some(content) = block.get("content") else {
        return Ok(Part::result(id, ""));
    };
    if content.is_string() {
        return Ok(Part::result(id, content.str()?));
    }
    let mut all = Vec::new();
    for item in content.items()? {
        match item.kind("type")? {
            "text" => all.push(text_block(&item)?),
            "image" => drop(image(&item)?),
            "document" => drop(document(&item)?),
            "search_result" | "tool_reference" => {}
            other => return item.fail(&format!("{other:?} is not allowed in a result")),
        }
    }
    Ok(Part::result(id, &all.join("\n")))
}
