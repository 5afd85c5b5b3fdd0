//! Tools, calls and the choice among them, in the older and the newer form of the API.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::ClientCall;
use crate::dialect::conversation::{
    Call, Conversation, Function, HostedKind, HostedTool, Tool, ToolChoice,
};
use crate::dialect::registry::{DeclaredKind, DeclaredTool, ToolRegistry};
use crate::dialect::untranslatable::Untranslatable;

/// The one argument of a function that replaces a custom tool.
const CUSTOM_SCHEMA: &str =
    r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;

#[derive(Deserialize)]
struct ClientTool<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    function: Option<ClientFunctionTool<'a>>,
    #[serde(borrow, default)]
    custom: Option<ClientCustomTool<'a>>,
    #[serde(borrow, default)]
    cache_control: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ClientFunctionTool<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    description: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    parameters: Option<&'a RawValue>,
    #[serde(default)]
    strict: Option<bool>,
}

#[derive(Deserialize)]
struct ClientCustomTool<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    description: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ClientToolChoice<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    function: Option<ClientToolName<'a>>,
    #[serde(borrow, default)]
    custom: Option<ClientToolName<'a>>,
    #[serde(borrow, default)]
    allowed_tools: Option<ClientAllowedTools<'a>>,
}

#[derive(Deserialize)]
struct ClientToolName<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct ClientAllowedTools<'a> {
    #[serde(borrow, default)]
    mode: Cow<'a, str>,
    #[serde(borrow, default)]
    tools: Vec<ClientToolChoice<'a>>,
}

/// Adds the declared tools.
pub fn declare<'a>(
    conversation: &mut Conversation<'a>,
    tools: &[&'a RawValue],
    functions: &[&'a RawValue],
    web_search: Option<&'a RawValue>,
) -> Result<(), Untranslatable> {
    for (place, raw) in tools.iter().enumerate() {
        let path = format!("tools[{place}]");
        let json: ClientTool<'a> =
            serde_json::from_str(raw.get()).map_err(|error| super::wrong_shape(&path, &error))?;
        let tool = tool(&mut conversation.registry, json, raw, &path)?;
        conversation.tools.push(tool);
    }
    for (place, raw) in functions.iter().enumerate() {
        let path = format!("functions[{place}]");
        let json: ClientFunctionTool<'a> =
            serde_json::from_str(raw.get()).map_err(|error| super::wrong_shape(&path, &error))?;
        let tool = function(&mut conversation.registry, json, None);
        conversation.tools.push(tool);
    }
    if let Some(raw) = web_search.filter(|raw| raw.get() != "null") {
        conversation.tools.push(Tool::Hosted(HostedTool {
            kind: HostedKind::WebSearch,
            declared: Cow::Borrowed("web_search"),
            raw,
        }));
    }
    Ok(())
}

fn tool<'a>(
    registry: &mut ToolRegistry,
    json: ClientTool<'a>,
    raw: &'a RawValue,
    path: &str,
) -> Result<Tool<'a>, Untranslatable> {
    let missing = |member: &str| {
        let message = format!("`{path}.{member}` must be an object with a `name`.");
        Untranslatable::new(format!("{path}.{member}"), message)
    };
    match json.kind.as_deref().unwrap_or("function") {
        "function" => {
            let found = json.function.ok_or_else(|| missing("function"))?;
            Ok(function(registry, found, json.cache_control))
        }
        "custom" => {
            let custom = json.custom.ok_or_else(|| missing("custom"))?;
            Ok(Tool::Function(Function {
                name: wire_name(registry, DeclaredKind::Custom, &custom.name),
                description: custom.description,
                parameters: Some(Cow::Borrowed(CUSTOM_SCHEMA)),
                strict: None,
                cache_control: json.cache_control,
            }))
        }
        kind => Ok(Tool::Hosted(HostedTool {
            kind: if kind.starts_with("web_search") {
                HostedKind::WebSearch
            } else {
                HostedKind::Other
            },
            declared: Cow::Owned(kind.to_owned()),
            raw,
        })),
    }
}

fn function<'a>(
    registry: &mut ToolRegistry,
    json: ClientFunctionTool<'a>,
    cache_control: Option<&'a RawValue>,
) -> Tool<'a> {
    Tool::Function(Function {
        name: function_name(registry, &json.name),
        description: json.description,
        parameters: json.parameters.map(|raw| Cow::Borrowed(raw.get())),
        strict: json.strict,
        cache_control,
    })
}

fn wire_name(registry: &mut ToolRegistry, kind: DeclaredKind, name: &str) -> Cow<'static, str> {
    Cow::Owned(registry.wire_name(DeclaredTool {
        kind,
        name: name.to_owned(),
        namespace: None,
    }))
}

/// The name of a function on the wire.
pub fn function_name(registry: &mut ToolRegistry, name: &str) -> Cow<'static, str> {
    wire_name(registry, DeclaredKind::Function, name)
}

/// A call of an earlier answer.
pub fn call<'a>(registry: &mut ToolRegistry, json: ClientCall<'a>) -> Call<'a> {
    let id = json.id.unwrap_or_default();
    match (json.custom, json.function) {
        (Some(custom), _) => Call {
            id,
            name: wire_name(registry, DeclaredKind::Custom, &custom.name),
            arguments: Cow::Owned(json!({ "input": custom.input }).to_string()),
        },
        (None, Some(function)) => Call {
            id,
            name: function_name(registry, &function.name),
            arguments: function.arguments.unwrap_or_default(),
        },
        (None, None) => Call {
            id,
            name: Cow::Borrowed("unknown"),
            arguments: Cow::Borrowed(""),
        },
    }
}

/// Reads the choice among the declared tools.
pub fn choose<'a>(
    conversation: &mut Conversation<'a>,
    raw: &'a RawValue,
) -> Result<(), Untranslatable> {
    let wrong = || {
        let message = "`tool_choice` must be none, auto, required, or an object that names a tool.";
        Untranslatable::new("tool_choice", message)
    };
    if raw.get() == "null" {
        return Ok(());
    }
    if raw.get().starts_with('"') {
        let word = super::string(raw).ok_or_else(wrong)?;
        conversation.tool_choice = Some(mode(&word).ok_or_else(wrong)?);
        return Ok(());
    }
    let json: ClientToolChoice<'a> = serde_json::from_str(raw.get()).map_err(|_| wrong())?;
    if let Some(allowed) = json.allowed_tools {
        conversation.tool_choice = Some(mode(&allowed.mode).ok_or_else(wrong)?);
        let registry = &mut conversation.registry;
        let names: Vec<_> = allowed
            .tools
            .into_iter()
            .filter_map(|tool| chosen(registry, tool))
            .collect();
        conversation
            .tools
            .retain(|tool| matches!(tool, Tool::Function(it) if names.contains(&it.name)));
        return Ok(());
    }
    let name = chosen(&mut conversation.registry, json).ok_or_else(wrong)?;
    conversation.tool_choice = Some(ToolChoice::Function(name));
    Ok(())
}

fn mode(word: &str) -> Option<ToolChoice<'static>> {
    match word {
        "auto" => Some(ToolChoice::Auto),
        "required" | "any" => Some(ToolChoice::Required),
        "none" => Some(ToolChoice::None),
        _ => None,
    }
}

fn chosen(registry: &mut ToolRegistry, json: ClientToolChoice<'_>) -> Option<Cow<'static, str>> {
    let is_custom = json.kind.as_deref() == Some("custom");
    let named = if is_custom {
        json.custom
    } else {
        json.function
    };
    let name = named.map(|it| it.name).or(json.name)?;
    let kind = if is_custom {
        DeclaredKind::Custom
    } else {
        DeclaredKind::Function
    };
    Some(wire_name(registry, kind, &name))
}
