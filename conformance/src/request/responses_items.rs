//! Input items of Responses. Owns their schema, and the rules between calls, outputs and reasoning.

use serde_json::Value;

use super::responses::declaration;
use crate::node::{Node, Verdict};
use crate::normal::{Asked, Part, Turn};

/// How ciphertext of the scripted upstream of this dialect begins; the id of its item follows, since both belong together.
pub const CIPHERTEXT: &str = "gAAAconf:";

/// The longest id of a call.
const CALL_ID: usize = 64;

/// Reads the items in order.
pub fn read(input: &Node<'_>, asked: &mut Asked) -> Verdict<()> {
    let mut calls: Vec<String> = Vec::new();
    let mut answered: Vec<String> = Vec::new();
    let items = input.some_items()?;
    for (index, item) in items.iter().enumerate() {
        match item.get("type").map_or(Ok("message"), |node| node.str())? {
            "message" => message(item, asked)?,
            "function_call" => {
                item.object(
                    &["type", "call_id", "name", "arguments"],
                    &["id", "status", "namespace"],
                )?;
                let arguments = item.need("arguments")?;
                let parsed: Result<Value, _> = serde_json::from_str(arguments.str()?);
                arguments.ensure(parsed.is_ok(), "must be JSON")?;
                call(item, "fc_", arguments.str()?, &mut calls, asked)?;
            }
            "custom_tool_call" => {
                item.object(
                    &["type", "call_id", "name", "input"],
                    &["id", "status", "namespace"],
                )?;
                let text = item.need("input")?.str()?;
                call(item, "ctc_", text, &mut calls, asked)?;
            }
            "function_call_output" | "custom_tool_call_output" => {
                item.object(&["type", "call_id", "output"], &["id", "status"])?;
                let id = call_id(item)?;
                let is_open = calls.contains(&id) && !answered.contains(&id);
                item.ensure(is_open, &format!("{id:?} is the id of no open call"))?;
                let text = output(&item.need("output")?)?;
                asked.turns.push(Turn::user(vec![Part::result(&id, &text)]));
                answered.push(id);
            }
            "reasoning" => {
                item.ensure(
                    index + 1 < items.len(),
                    "reasoning without the item that must follow it",
                )?;
                asked.turns.push(Turn::assistant(vec![reasoning(item)?]));
            }
            "additional_tools" => {
                for tool in item.need("tools")?.items()? {
                    declaration(&tool, &mut asked.tools)?;
                }
            }
            "web_search_call"
            | "file_search_call"
            | "code_interpreter_call"
            | "image_generation_call"
            | "mcp_call"
            | "mcp_list_tools"
            | "item_reference"
            | "compaction"
            | "local_shell_call"
            | "local_shell_call_output" => {}
            other => return item.fail(&format!("{other:?} is no type of an item")),
        }
    }
    let missing: Vec<_> = calls.iter().filter(|id| !answered.contains(id)).collect();
    input.ensure(
        missing.is_empty(),
        &format!("no output was found for {missing:?}"),
    )
}

fn own_id(item: &Node<'_>, prefix: &str) -> Verdict<()> {
    if let Some(id) = item.get("id") {
        let is_own = id.text()?.starts_with(prefix) && id.text()?.len() <= CALL_ID;
        id.ensure(
            is_own,
            &format!("must begin with {prefix} and be at most {CALL_ID} long"),
        )?;
    }
    Ok(())
}

fn call_id(item: &Node<'_>) -> Verdict<String> {
    let id = item.need("call_id")?;
    id.ensure(
        id.text()?.len() <= CALL_ID,
        &format!("must be at most {CALL_ID} long"),
    )?;
    Ok(id.text()?.to_owned())
}

fn call(
    item: &Node<'_>,
    prefix: &str,
    arguments: &str,
    calls: &mut Vec<String>,
    asked: &mut Asked,
) -> Verdict<()> {
    own_id(item, prefix)?;
    let id = call_id(item)?;
    item.ensure(!calls.contains(&id), &format!("{id:?} is used twice"))?;
    let name = item.need("name")?.name(64)?;
    let part = Part::call(&id, name, arguments);
    asked.turns.push(Turn::assistant(vec![part]));
    calls.push(id);
    Ok(())
}

fn reasoning(item: &Node<'_>) -> Verdict<Part> {
    item.object(
        &["type", "id", "summary"],
        &["encrypted_content", "content", "status"],
    )?;
    own_id(item, "rs_")?;
    let mut text = String::new();
    for part in item.need("summary")?.items()? {
        part.object(&["type", "text"], &[])?;
        part.need("type")?.one_of(&["summary_text"])?;
        text.push_str(part.need("text")?.str()?);
    }
    let state = match item.get("encrypted_content") {
        None => None,
        Some(node) => {
            let sealed = node.text()?;
            node.ensure(
                sealed.starts_with(CIPHERTEXT),
                "is foreign: this vendor did not encrypt it",
            )?;
            let id = item.need("id")?.text()?;
            node.ensure(
                sealed == format!("{CIPHERTEXT}{id}"),
                "Encrypted content item_id did not match",
            )?;
            Some(sealed.to_owned())
        }
    };
    Ok(Part::Thinking { text, state })
}

fn output(output: &Node<'_>) -> Verdict<String> {
    if output.is_string() {
        return Ok(output.str()?.to_owned());
    }
    let mut all = Vec::new();
    for part in output.some_items()? {
        if let Part::Text(text) = input_part(&part)? {
            all.push(text);
        }
    }
    Ok(all.join("\n"))
}

fn message(item: &Node<'_>, asked: &mut Asked) -> Verdict<()> {
    item.object(&["role", "content"], &["type", "id", "status", "phase"])?;
    let role = item
        .need("role")?
        .one_of(&["user", "assistant", "system", "developer"])?;
    let assistant = role == "assistant";
    own_id(item, "msg_")?;
    let content = item.need("content")?;
    let parts = if content.is_string() {
        vec![Part::text(content.text()?)]
    } else {
        let parts = content.some_items()?;
        let read = |part: &Node<'_>| {
            if assistant {
                output_part(part)
            } else {
                input_part(part)
            }
        };
        parts.iter().map(read).collect::<Verdict<_>>()?
    };
    if matches!(role, "system" | "developer") && asked.turns.is_empty() {
        let texts = parts.into_iter().filter_map(|part| match part {
            Part::Text(text) => Some(text),
            _ => None,
        });
        let all = asked.system.take().into_iter().chain(texts);
        asked.system = Some(all.collect::<Vec<_>>().join("\n"));
    } else {
        asked.turns.push(Turn { assistant, parts });
    }
    Ok(())
}

fn output_part(part: &Node<'_>) -> Verdict<Part> {
    if part.kind("type")? == "refusal" {
        part.object(&["type", "refusal"], &[])?;
        return Ok(Part::text(part.need("refusal")?.text()?));
    }
    part.object(&["type", "text"], &["annotations", "logprobs"])?;
    part.need("type")?.one_of(&["output_text"])?;
    Ok(Part::text(part.need("text")?.text()?))
}

fn input_part(part: &Node<'_>) -> Verdict<Part> {
    match part.kind("type")? {
        "input_text" => {
            part.object(&["type", "text"], &[])?;
            Ok(Part::text(part.need("text")?.text()?))
        }
        "input_image" => {
            part.object(&["type"], &["image_url", "file_id", "detail"])?;
            let Some(url) = part.get("image_url") else {
                return Ok(Part::Image(
                    "file".to_owned(),
                    part.need("file_id")?.text()?.to_owned(),
                ));
            };
            Ok(match url.data_url()? {
                Some((kind, data)) => Part::Image(kind.to_owned(), data.to_owned()),
                None => Part::Image("url".to_owned(), url.text()?.to_owned()),
            })
        }
        "input_file" => {
            part.object(
                &["type"],
                &["file_data", "file_id", "file_url", "filename", "detail"],
            )?;
            let source = ["file_data", "file_url", "file_id"]
                .iter()
                .find_map(|name| part.get(name));
            let Some(source) = source else {
                return part.fail("names no file");
            };
            let data = source.text()?;
            let data = data.split_once(";base64,").map_or(data, |(_, data)| data);
            Ok(Part::Document(data.to_owned()))
        }
        other => part.fail(&format!("{other:?} is no type of an input part")),
    }
}
