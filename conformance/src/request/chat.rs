//! Requests of Chat Completions, as published by `OpenAI`. Owns their schema, and the rule that results follow their calls.

use serde_json::Value;

use crate::node::{Node, Verdict};
use crate::normal::{Asked, Choice, Part, Tool, Turn};

const OPTIONAL: &[&str] = &[
    "audio",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "modalities",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

/// Reads a request.
pub fn read(body: &Value) -> Verdict<Asked> {
    let root = Node::root(body, "body");
    root.object(&["model", "messages"], OPTIONAL)?;
    let mut asked = Asked {
        model: root.need("model")?.text()?.to_owned(),
        ..Asked::default()
    };
    messages(&root.need("messages")?, &mut asked)?;
    tools(&root, &mut asked)?;
    limits(&root, &mut asked)?;
    stream(&root, &mut asked)?;
    format(&root)?;
    Ok(asked)
}

fn limits(root: &Node<'_>, asked: &mut Asked) -> Verdict<()> {
    for name in ["max_completion_tokens", "max_tokens"] {
        if let Some(limit) = root.get(name) {
            limit.ensure(limit.int()? >= 1, "must be at least 1")?;
            asked.max_tokens = asked.max_tokens.or(Some(limit.int()?));
        }
    }
    if let Some(node) = root.get("temperature") {
        asked.temperature = Some(node.number(0.0, 2.0)?);
    }
    if let Some(node) = root.get("top_p") {
        node.number(0.0, 1.0)?;
    }
    if let Some(node) = root.get("n") {
        node.ensure((1..=128).contains(&node.int()?), "must be 1 to 128")?;
    }
    if let Some(node) = root.get("user") {
        node.ensure(node.text()?.len() <= 64, "must be at most 64 long")?;
    }
    if let Some(node) = root.get("reasoning_effort") {
        node.one_of(&["none", "minimal", "low", "medium", "high", "xhigh", "max"])?;
    }
    if let Some(node) = root.get("stop") {
        let stops = if node.is_string() {
            vec![node.clone()]
        } else {
            node.some_items()?
        };
        node.ensure(stops.len() <= 4, "must have at most 4")?;
        for stop in stops {
            asked.stop.push(stop.text()?.to_owned());
        }
    }
    Ok(())
}

fn stream(root: &Node<'_>, asked: &mut Asked) -> Verdict<()> {
    if let Some(node) = root.get("stream") {
        asked.stream = node.bool()?;
    }
    if let Some(options) = root.get("stream_options") {
        options.ensure(asked.stream, "is allowed only with `stream`")?;
        options.object(&[], &["include_usage", "include_obfuscation"])?;
        for name in ["include_usage", "include_obfuscation"] {
            options.get(name).map_or(Ok(false), |node| node.bool())?;
        }
    }
    Ok(())
}

fn format(root: &Node<'_>) -> Verdict<()> {
    let Some(format) = root.get("response_format") else {
        return Ok(());
    };
    if format.kind("type")? != "json_schema" {
        format.object(&["type"], &[])?;
        format.need("type")?.one_of(&["text", "json_object"])?;
        return Ok(());
    }
    format.object(&["type", "json_schema"], &[])?;
    let schema = format.need("json_schema")?;
    schema.object(&["name"], &["description", "schema", "strict"])?;
    schema.need("name")?.name(64)?;
    if let Some(node) = schema.get("strict") {
        node.bool()?;
    }
    Ok(())
}

fn messages(node: &Node<'_>, asked: &mut Asked) -> Verdict<()> {
    // Ids of calls that the next messages must answer.
    let mut open: Vec<String> = Vec::new();
    for message in node.some_items()? {
        let role = message.kind("role")?;
        message.ensure(
            open.is_empty() || role == "tool",
            &format!("comes before the results of {open:?}"),
        )?;
        match role {
            "system" | "developer" => system(&message, asked)?,
            "user" => {
                message.object(&["role", "content"], &["name"])?;
                let parts = user_content(&message.need("content")?)?;
                asked.turns.push(Turn::user(parts));
            }
            "assistant" => {
                let parts = assistant(&message)?;
                open = calls_of(&message, &parts)?;
                asked.turns.push(Turn::assistant(parts));
            }
            "tool" => {
                message.object(&["role", "content", "tool_call_id"], &[])?;
                let id = message.need("tool_call_id")?.text()?;
                let Some(at) = open.iter().position(|other| other == id) else {
                    return message.fail(&format!("`tool_call_id` {id:?} answers no open call"));
                };
                open.remove(at);
                let text = text_content(&message.need("content")?, true)?;
                asked.turns.push(Turn::user(vec![Part::result(id, &text)]));
            }
            other => return message.fail(&format!("{other:?} is no role")),
        }
    }
    node.ensure(
        open.is_empty(),
        &format!("ends without the results of {open:?}"),
    )
}

fn system(message: &Node<'_>, asked: &mut Asked) -> Verdict<()> {
    message.object(&["role", "content"], &["name"])?;
    let text = text_content(&message.need("content")?, false)?;
    if asked.turns.is_empty() {
        let all = asked.system.take().into_iter().chain([text]);
        asked.system = Some(all.collect::<Vec<_>>().join("\n"));
    } else {
        asked.turns.push(Turn::user(vec![Part::Text(text)]));
    }
    Ok(())
}

fn calls_of(message: &Node<'_>, parts: &[Part]) -> Verdict<Vec<String>> {
    let mut ids = Vec::new();
    for part in parts {
        if let Part::Call(call) = part {
            message.ensure(
                !ids.contains(&call.id),
                &format!("the id {:?} is used twice", call.id),
            )?;
            ids.push(call.id.clone());
        }
    }
    Ok(ids)
}

/// A string, or text parts that are joined.
fn text_content(content: &Node<'_>, may_be_empty: bool) -> Verdict<String> {
    if content.is_string() {
        let text = content.str()?;
        content.ensure(may_be_empty || !text.is_empty(), "must not be empty")?;
        return Ok(text.to_owned());
    }
    let mut all = Vec::new();
    for part in content.some_items()? {
        part.object(&["type", "text"], &[])?;
        part.need("type")?.one_of(&["text"])?;
        all.push(part.need("text")?.text()?);
    }
    Ok(all.join("\n"))
}

fn user_content(content: &Node<'_>) -> Verdict<Vec<Part>> {
    if content.is_string() {
        return Ok(vec![Part::text(content.text()?)]);
    }
    content.some_items()?.iter().map(user_part).collect()
}

fn user_part(part: &Node<'_>) -> Verdict<Part> {
    match part.kind("type")? {
        "text" => {
            part.object(&["type", "text"], &[])?;
            Ok(Part::text(part.need("text")?.text()?))
        }
        "image_url" => {
            part.object(&["type", "image_url"], &[])?;
            let image = part.need("image_url")?;
            image.object(&["url"], &["detail"])?;
            if let Some(detail) = image.get("detail") {
                detail.one_of(&["auto", "low", "high", "original"])?;
            }
            let url = image.need("url")?;
            Ok(match url.data_url()? {
                Some((kind, data)) => Part::Image(kind.to_owned(), data.to_owned()),
                None => Part::Image("url".to_owned(), url.text()?.to_owned()),
            })
        }
        "file" => {
            part.object(&["type", "file"], &[])?;
            let file = part.need("file")?;
            file.object(&[], &["filename", "file_data", "file_id"])?;
            match file.get("file_data") {
                Some(data) => match data.data_url()? {
                    Some((_, data)) => Ok(Part::Document(data.to_owned())),
                    None => data.fail("must be a data URL"),
                },
                None => Ok(Part::Document(file.need("file_id")?.text()?.to_owned())),
            }
        }
        "input_audio" => Ok(Part::Document("audio".to_owned())),
        other => part.fail(&format!("{other:?} is no type of a part")),
    }
}

fn assistant(message: &Node<'_>) -> Verdict<Vec<Part>> {
    // `reasoning_content` is not OpenAI's, but what servers of thinking models document for this place.
    let optional = [
        "content",
        "name",
        "refusal",
        "tool_calls",
        "audio",
        "reasoning_content",
    ];
    message.object(&["role"], &optional)?;
    let mut parts = Vec::new();
    if let Some(thinking) = message.get("reasoning_content") {
        parts.push(Part::thinking(thinking.text()?));
    }
    let calls = message.get("tool_calls");
    if let Some(content) = message.get("content") {
        parts.push(Part::Text(text_content(&content, false)?));
    } else {
        let has_other = calls.is_some() || message.get("refusal").is_some();
        message.ensure(has_other, "has neither content nor calls")?;
    }
    for call in calls.map_or(Ok(Vec::new()), |calls| calls.some_items())? {
        call.object(&["id", "type", "function"], &[])?;
        call.need("type")?.one_of(&["function"])?;
        let id = call.need("id")?;
        id.ensure(id.text()?.len() <= 64, "must be at most 64 long")?;
        let function = call.need("function")?;
        function.object(&["name", "arguments"], &[])?;
        let arguments = function.need("arguments")?;
        let parsed: Result<Value, _> = serde_json::from_str(arguments.str()?);
        let is_object = parsed.is_ok_and(|value| value.is_object());
        arguments.ensure(is_object, "must be the JSON of an object")?;
        let name = function.need("name")?.name(64)?;
        parts.push(Part::call(id.text()?, name, arguments.str()?));
    }
    Ok(parts)
}

fn tools(root: &Node<'_>, asked: &mut Asked) -> Verdict<()> {
    if let Some(tools) = root.get("tools") {
        for tool in tools.some_items()? {
            asked.tools.push(function(&tool)?);
        }
    }
    for name in ["tool_choice", "parallel_tool_calls"] {
        if let Some(node) = root.get(name) {
            node.ensure(!asked.tools.is_empty(), "is allowed only with `tools`")?;
        }
    }
    if let Some(node) = root.get("parallel_tool_calls") {
        asked.parallel = Some(node.bool()?);
    }
    if let Some(choice) = root.get("tool_choice") {
        asked.choice = Some(tool_choice(&choice, &asked.tools)?);
    }
    Ok(())
}

fn function(tool: &Node<'_>) -> Verdict<Tool> {
    tool.object(&["type", "function"], &[])?;
    tool.need("type")?.one_of(&["function"])?;
    let function = tool.need("function")?;
    function.object(&["name"], &["description", "parameters", "strict"])?;
    if let Some(strict) = function.get("strict") {
        strict.bool()?;
    }
    let description = function
        .get("description")
        .map_or(Ok(""), |node| node.str())?;
    let schema = function.get("parameters");
    if let Some(schema) = &schema {
        schema.need("type")?.one_of(&["object"])?;
        schema.need("properties")?.map()?;
    }
    Ok(Tool {
        name: function.need("name")?.name(64)?.to_owned(),
        description: description.to_owned(),
        schema: schema.map_or(Value::Null, |schema| schema.value.clone()),
    })
}

fn tool_choice(choice: &Node<'_>, tools: &[Tool]) -> Verdict<Choice> {
    if choice.is_string() {
        return Ok(match choice.one_of(&["none", "auto", "required"])? {
            "none" => Choice::None,
            "auto" => Choice::Auto,
            _ => Choice::Any,
        });
    }
    if choice.kind("type")? == "allowed_tools" {
        choice.object(&["type", "allowed_tools"], &[])?;
        return Ok(Choice::Auto);
    }
    choice.object(&["type", "function"], &[])?;
    choice.need("type")?.one_of(&["function"])?;
    let function = choice.need("function")?;
    function.object(&["name"], &[])?;
    let name = function.need("name")?.text()?;
    let is_declared = tools.iter().any(|tool| tool.name == name);
    choice.ensure(is_declared, &format!("{name:?} is not declared"))?;
    Ok(Choice::Tool(name.to_owned()))
}
