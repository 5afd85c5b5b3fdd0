//! Requests of `OpenAI`'s Responses, as published. Owns the schema of the body and tools; items are in `responses_items`.

use serde_json::Value;

use super::responses_items;
use crate::node::{Node, Verdict};
use crate::normal::{Asked, Choice, Part, Tool, Turn};

const OPTIONAL: &[&str] = &[
    "background",
    "client_metadata",
    "context_management",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// Reads a request.
pub fn read(body: &Value) -> Verdict<Asked> {
    let root = Node::root(body, "body");
    root.object(&["model"], OPTIONAL)?;
    let mut asked = Asked {
        model: root.need("model")?.text()?.to_owned(),
        ..Asked::default()
    };
    if let Some(instructions) = root.get("instructions") {
        asked.system = Some(instructions.text()?.to_owned());
    }
    let input = root.need("input")?;
    if input.is_string() {
        asked
            .turns
            .push(Turn::user(vec![Part::text(input.text()?)]));
    } else {
        responses_items::read(&input, &mut asked)?;
    }
    tools(&root, &mut asked)?;
    limits(&root, &mut asked)?;
    Ok(asked)
}

fn limits(root: &Node<'_>, asked: &mut Asked) -> Verdict<()> {
    if let Some(limit) = root.get("max_output_tokens") {
        limit.ensure(limit.int()? >= 16, "must be at least 16")?;
        asked.max_tokens = Some(limit.int()?);
    }
    if let Some(node) = root.get("temperature") {
        asked.temperature = Some(node.number(0.0, 2.0)?);
    }
    if let Some(node) = root.get("top_p") {
        node.number(0.0, 1.0)?;
    }
    for name in ["store", "background"] {
        root.get(name).map_or(Ok(false), |node| node.bool())?;
    }
    if let Some(node) = root.get("stream") {
        asked.stream = node.bool()?;
    }
    if let Some(options) = root.get("stream_options") {
        options.ensure(asked.stream, "is allowed only with `stream`")?;
        options.object(&[], &["include_obfuscation"])?;
    }
    if let Some(reasoning) = root.get("reasoning") {
        reasoning.object(&[], &["effort", "summary", "generate_summary", "context"])?;
        if let Some(effort) = reasoning.get("effort") {
            effort.one_of(&["none", "minimal", "low", "medium", "high", "xhigh", "max"])?;
        }
        if let Some(summary) = reasoning.get("summary") {
            summary.one_of(&["auto", "concise", "detailed"])?;
        }
    }
    if let Some(text) = root.get("text") {
        text.object(&[], &["format", "verbosity"])?;
        if let Some(format) = text.get("format") {
            match format.kind("type")? {
                "json_schema" => {
                    format.object(&["type", "name", "schema"], &["description", "strict"])?;
                }
                _ => drop(format.need("type")?.one_of(&["text", "json_object"])?),
            }
        }
    }
    for item in root
        .get("include")
        .map_or(Ok(Vec::new()), |node| node.items())?
    {
        item.text()?;
    }
    Ok(())
}

fn tools(root: &Node<'_>, asked: &mut Asked) -> Verdict<()> {
    for tool in root
        .get("tools")
        .map_or(Ok(Vec::new()), |tools| tools.items())?
    {
        declaration(&tool, &mut asked.tools)?;
    }
    if let Some(parallel) = root.get("parallel_tool_calls") {
        asked.parallel = Some(parallel.bool()?);
    }
    let Some(choice) = root.get("tool_choice") else {
        return Ok(());
    };
    if choice.is_string() {
        let choice_read = choice.one_of(&["none", "auto", "required"])?;
        choice.ensure(
            choice_read != "required" || !asked.tools.is_empty(),
            "needs `tools`",
        )?;
        asked.choice = Some(match choice_read {
            "none" => Choice::None,
            "auto" => Choice::Auto,
            _ => Choice::Any,
        });
        return Ok(());
    }
    asked.choice = Some(match choice.kind("type")? {
        "function" | "custom" => {
            choice.object(&["type", "name"], &[])?;
            let name = choice.need("name")?.text()?;
            let is_declared = asked.tools.iter().any(|tool| tool.name == name);
            choice.ensure(is_declared, &format!("{name:?} is not declared"))?;
            Choice::Tool(name.to_owned())
        }
        "allowed_tools" => {
            choice.object(&["type", "mode", "tools"], &[])?;
            Choice::Auto
        }
        _ => Choice::Any,
    });
    Ok(())
}

/// Reads a declaration; a namespace brings several.
pub fn declaration(tool: &Node<'_>, found: &mut Vec<Tool>) -> Verdict<()> {
    match tool.kind("type")? {
        "function" => {
            tool.object(
                &["type", "name", "parameters"],
                &["strict", "description", "defer_loading"],
            )?;
            let schema = tool.get("parameters");
            // An absent `strict` means true in this dialect: it has to be written, if only as null.
            let is_written = tool.map()?.contains_key("strict");
            tool.ensure(is_written, "`strict` is missing")?;
            let strict = tool.get("strict").map_or(Ok(false), |node| node.bool())?;
            if let Some(schema) = &schema {
                schema.need("type")?.one_of(&["object"])?;
                if strict {
                    strict_schema(schema)?;
                }
            }
            let description = tool.get("description").map_or(Ok(""), |node| node.str())?;
            found.push(Tool {
                name: tool.need("name")?.name(64)?.to_owned(),
                description: description.to_owned(),
                schema: schema.map_or(Value::Null, |schema| schema.value.clone()),
            });
        }
        "custom" => {
            tool.object(
                &["type", "name"],
                &["description", "format", "defer_loading"],
            )?;
            found.push(Tool {
                name: tool.need("name")?.name(64)?.to_owned(),
                description: "custom".to_owned(),
                schema: Value::Null,
            });
        }
        "namespace" => {
            tool.object(&["type", "name", "tools"], &["description"])?;
            for inner in tool.need("tools")?.items()? {
                declaration(&inner, found)?;
            }
        }
        "web_search"
        | "web_search_preview"
        | "file_search"
        | "code_interpreter"
        | "image_generation"
        | "mcp"
        | "computer_use_preview"
        | "local_shell"
        | "shell"
        | "apply_patch"
        | "tool_search" => {}
        other => return tool.fail(&format!("{other:?} is no type of a tool")),
    }
    Ok(())
}

fn strict_schema(schema: &Node<'_>) -> Verdict<()> {
    let closed = schema.value.get("additionalProperties") == Some(&Value::Bool(false));
    schema.ensure(
        closed,
        "a strict schema needs `additionalProperties: false`",
    )?;
    let required = schema.value.get("required").and_then(Value::as_array);
    let properties = schema.get("properties").map_or(Ok(Vec::new()), |node| {
        node.map().map(|map| map.keys().collect())
    })?;
    let is_required = |name: &&String| {
        required.is_some_and(|required| {
            required
                .iter()
                .any(|other| other.as_str() == Some(name.as_str()))
        })
    };
    schema.ensure(
        properties.iter().all(is_required),
        "a strict schema requires all its properties",
    )
}
