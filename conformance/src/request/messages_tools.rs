//! Tools of Messages: declarations and the choice among them. Owns their schema.

use crate::node::{Node, Verdict};
use crate::normal::{Asked, Choice, Tool};

/// What the types of tools with a schema of the vendor's own begin with.
const VENDOR_TOOLS: [&str; 9] = [
    "advisor_",
    "bash_",
    "code_execution_",
    "computer_",
    "memory_",
    "text_editor_",
    "tool_search_tool_",
    "web_fetch_",
    "web_search_",
];

const OPTIONAL: [&str; 9] = [
    "allowed_callers",
    "cache_control",
    "defer_loading",
    "description",
    "eager_input_streaming",
    "input_examples",
    "strict",
    "type",
    "max_uses",
];

/// Reads `tools` and `tool_choice`.
pub fn read(root: &Node<'_>, asked: &mut Asked) -> Verdict<()> {
    for tool in root
        .get("tools")
        .map_or(Ok(Vec::new()), |tools| tools.items())?
    {
        let tool_read = declaration(&tool)?;
        let is_new = asked.tools.iter().all(|other| other.name != tool_read.name);
        tool.ensure(is_new, "names of tools must be unique")?;
        asked.tools.push(tool_read);
    }
    let Some(choice) = root.get("tool_choice") else {
        return Ok(());
    };
    choice.ensure(!asked.tools.is_empty(), "is allowed only with `tools`")?;
    if let Some(disable) = choice.get("disable_parallel_tool_use") {
        asked.parallel = Some(!disable.bool()?);
    }
    asked.choice = Some(match choice.kind("type")? {
        "auto" => {
            choice.object(&["type"], &["disable_parallel_tool_use"])?;
            Choice::Auto
        }
        "any" => {
            choice.object(&["type"], &["disable_parallel_tool_use"])?;
            Choice::Any
        }
        "none" => {
            choice.object(&["type"], &[])?;
            Choice::None
        }
        "tool" => {
            choice.object(&["type", "name"], &["disable_parallel_tool_use"])?;
            let name = choice.need("name")?.text()?;
            let is_declared = asked.tools.iter().any(|tool| tool.name == name);
            choice.ensure(is_declared, &format!("{name:?} is not declared"))?;
            Choice::Tool(name.to_owned())
        }
        other => return choice.fail(&format!("{other:?} is no type")),
    });
    Ok(())
}

fn declaration(tool: &Node<'_>) -> Verdict<Tool> {
    let kind = tool.get("type").map_or(Ok("custom"), |node| node.str())?;
    if kind != "custom" {
        let is_known = VENDOR_TOOLS.iter().any(|prefix| kind.starts_with(prefix));
        tool.ensure(is_known, &format!("{kind:?} is no type of a tool"))?;
        return Ok(Tool {
            name: tool.need("name")?.name(128)?.to_owned(),
            description: kind.to_owned(),
            schema: serde_json::Value::Null,
        });
    }
    tool.object(&["name", "input_schema"], &OPTIONAL)?;
    let schema = tool.need("input_schema")?;
    schema.need("type")?.one_of(&["object"])?;
    if let Some(properties) = schema.get("properties") {
        properties.map()?;
    }
    let description = tool.get("description").map_or(Ok(""), |node| node.str())?;
    Ok(Tool {
        name: tool.need("name")?.name(128)?.to_owned(),
        description: description.to_owned(),
        schema: schema.value.clone(),
    })
}
