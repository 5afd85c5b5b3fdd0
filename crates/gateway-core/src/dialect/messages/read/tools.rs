//! Reads the tools of a request and the choice among them. Owns which of Anthropic's tools are whose: the client's,
//! declared by a schema; the client's, without one on the wire; Anthropic's own.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::typed;
use crate::dialect::conversation::{
    Conversation, Function, HostedKind, HostedTool, Tool, ToolChoice,
};
use crate::dialect::messages::{BorrowedText, WEB_SEARCH};
use crate::dialect::registry::{DeclaredKind, DeclaredTool};
use crate::dialect::untranslatable::Untranslatable;

/// How the types of tools begin that the client runs and whose schema Anthropic's models know by heart.
const WITHOUT_SCHEMA: [&str; 4] = ["bash_", "text_editor_", "computer_", "memory_"];

#[derive(Deserialize)]
struct DeclaredMessagesTool<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    name: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    description: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    input_schema: Option<&'a RawValue>,
    #[serde(default)]
    strict: Option<bool>,
    #[serde(borrow, default)]
    cache_control: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChoiceMember<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    name: Option<BorrowedText<'a>>,
    #[serde(default)]
    disable_parallel_tool_use: Option<bool>,
}

/// Reads tools and choice into the conversation.
pub(super) fn read<'a>(
    tools: Option<&'a RawValue>,
    choice: Option<&'a RawValue>,
    conversation: &mut Conversation<'a>,
) -> Result<(), Untranslatable> {
    let tools: Vec<&RawValue> = typed(tools, "tools", "a list of tools")?.unwrap_or_default();
    // The names of the provider's tools, which choices use, with the types that they are declared by.
    let mut hosted = Vec::new();
    for (index, raw) in tools.into_iter().enumerate() {
        let param = format!("tools[{index}]");
        let tool: DeclaredMessagesTool<'_> = typed(Some(raw), &param, "a tool")?
            .ok_or_else(|| Untranslatable::new(param.clone(), "A tool must be an object."))?;
        let kind = BorrowedText::or_empty(tool.kind.clone());
        if kind.is_empty() || kind == "custom" {
            let function = function(tool, param, conversation)?;
            conversation.tools.push(Tool::Function(function));
            continue;
        }
        if WITHOUT_SCHEMA.iter().any(|known| kind.starts_with(known)) {
            return Err(Untranslatable::new(
                param,
                "This tool has no schema in the request, so that only Anthropic's models know it. Use a channel of \
                 Anthropic, or declare a tool with an `input_schema` in its place.",
            ));
        }
        hosted.push((BorrowedText::or_empty(tool.name), kind.clone()));
        let is_search = kind.starts_with(WEB_SEARCH);
        conversation.tools.push(Tool::Hosted(HostedTool {
            kind: if is_search {
                HostedKind::WebSearch
            } else {
                HostedKind::Other
            },
            declared: kind,
            raw,
        }));
    }
    let Some(choice): Option<ChoiceMember<'_>> = typed(choice, "tool_choice", "an object")? else {
        return Ok(());
    };
    conversation.parallel_calls = choice.disable_parallel_tool_use.map(|it| !it);
    conversation.tool_choice = match &*BorrowedText::or_empty(choice.kind) {
        "auto" => Some(ToolChoice::Auto),
        "any" => Some(ToolChoice::Required),
        "none" => Some(ToolChoice::None),
        "tool" => {
            let name = BorrowedText::or_empty(choice.name);
            // A provider's tool wins the name over a function, as at Anthropic.
            let found = hosted.into_iter().find(|(known, _)| *known == name);
            Some(match found {
                Some((_, declared)) => ToolChoice::Hosted(declared),
                None => ToolChoice::Function(wire_name(&name, conversation).into()),
            })
        }
        _ => {
            return Err(Untranslatable::new(
                "tool_choice",
                "`tool_choice.type` must be `auto`, `any`, `tool` or `none`.",
            ));
        }
    };
    Ok(())
}

fn function<'a>(
    tool: DeclaredMessagesTool<'a>,
    param: String,
    conversation: &mut Conversation<'a>,
) -> Result<Function<'a>, Untranslatable> {
    let name = BorrowedText::or_empty(tool.name);
    if name.is_empty() {
        return Err(Untranslatable::new(param, "A tool must have a `name`."));
    }
    Ok(Function {
        name: wire_name(&name, conversation).into(),
        description: tool.description.map(|text| text.0),
        parameters: tool.input_schema.map(|schema| schema.get().into()),
        strict: tool.strict,
        cache_control: tool.cache_control,
    })
}

/// The name on the wire of one of the client's tools.
pub(super) fn wire_name(name: &str, conversation: &mut Conversation<'_>) -> String {
    conversation.registry.wire_name(DeclaredTool {
        kind: DeclaredKind::Function,
        name: name.to_owned(),
        namespace: None,
    })
}
