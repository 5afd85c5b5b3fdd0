//! Tools of requests. Owns the kinds of tools and the choice among them: functions get their names on the wire and their
//! schemas in JSON Schema; what Google runs is kept as it is declared.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::schema;
use super::NO_SCHEMA;
use super::contents::wire_name;
use super::place::GeminiPlace;
use crate::dialect::conversation::{
    Conversation, Function, HostedKind, HostedTool, Tool, ToolChoice,
};
use crate::dialect::untranslatable::Untranslatable;
use crate::wire::walk;

/// The member of a tool with functions, in both spellings.
const FUNCTIONS: [&str; 2] = ["functionDeclarations", "function_declarations"];

/// Google's tools that search the web, in lower case and without underscores.
const SEARCHES: [&str; 3] = [
    "googlesearch",
    "googlesearchretrieval",
    "enterprisewebsearch",
];

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct FunctionDeclaration<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    description: Option<&'a RawValue>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    #[serde(borrow, alias = "parameters_json_schema")]
    parameters_json_schema: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ToolConfig<'a> {
    #[serde(borrow, alias = "function_calling_config")]
    function_calling_config: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CallingConfig<'a> {
    #[serde(borrow)]
    mode: Option<&'a RawValue>,
    #[serde(borrow, alias = "allowed_function_names")]
    allowed_function_names: Option<&'a RawValue>,
}

/// Reads `tools`. Each element may have tools of several kinds.
pub fn declare<'a>(
    conversation: &mut Conversation<'a>,
    raw: Option<&'a RawValue>,
    place: GeminiPlace<'_>,
) -> Result<(), Untranslatable> {
    for (index, raw) in place.list(raw)?.into_iter().enumerate() {
        let place = place.element(index);
        for (name, raw) in members(raw, place)? {
            if FUNCTIONS.contains(&&*name) {
                declare_functions(conversation, raw, place.member(FUNCTIONS[0]))?;
                continue;
            }
            let plain = name.replace('_', "").to_ascii_lowercase();
            let kind = if SEARCHES.contains(&&*plain) {
                HostedKind::WebSearch
            } else {
                HostedKind::Other
            };
            conversation.tools.push(Tool::Hosted(HostedTool {
                kind,
                declared: name,
                raw,
            }));
        }
    }
    Ok(())
}

/// The members of an object that are not `null`, in their order.
fn members<'a>(
    raw: &'a RawValue,
    place: GeminiPlace<'_>,
) -> Result<Vec<(Cow<'a, str>, &'a RawValue)>, Untranslatable> {
    let mut list = Vec::new();
    let step = walk::members(raw.get(), |name, value| {
        if value != "null" {
            let value = crate::wire::json::from_str(value).map_err(|_| walk::Unfit)?;
            list.push((name, value));
        }
        Ok(())
    });
    step.map_err(|walk::Unfit| place.must_be("an object"))?;
    Ok(list)
}

fn declare_functions<'a>(
    conversation: &mut Conversation<'a>,
    raw: &'a RawValue,
    place: GeminiPlace<'_>,
) -> Result<(), Untranslatable> {
    for (index, raw) in place.list(Some(raw))?.into_iter().enumerate() {
        let place = place.element(index);
        let declared: FunctionDeclaration<'_> = place.object(Some(raw))?;
        let name = place.needed("name", declared.name)?;
        let function = Function {
            name: Cow::Owned(wire_name(conversation, &name)),
            description: place.member("description").string(declared.description)?,
            parameters: parameters(&declared, place)?,
            strict: None,
            cache_control: None,
        };
        conversation.tools.push(Tool::Function(function));
    }
    Ok(())
}

fn parameters<'a>(
    declared: &FunctionDeclaration<'a>,
    place: GeminiPlace<'_>,
) -> Result<Option<Cow<'a, str>>, Untranslatable> {
    if let Some(raw) = declared.parameters_json_schema {
        if !raw.get().starts_with('{') {
            return Err(place.member("parametersJsonSchema").rejected(NO_SCHEMA));
        }
        return Ok(Some(Cow::Borrowed(raw.get())));
    }
    let Some(raw) = declared.parameters else {
        return Ok(None);
    };
    let converted = schema::to_json_schema(raw.get());
    let refused = |_| place.member("parameters").rejected(NO_SCHEMA);
    Ok(Some(Cow::Owned(converted.map_err(refused)?)))
}

/// Reads `toolConfig`.
pub fn choose<'a>(
    conversation: &mut Conversation<'a>,
    raw: Option<&'a RawValue>,
    place: GeminiPlace<'_>,
) -> Result<(), Untranslatable> {
    let config: ToolConfig<'_> = place.object(raw)?;
    let place = place.member("functionCallingConfig");
    let config: CallingConfig<'_> = place.object(config.function_calling_config)?;
    let mode = place.member("mode").string(config.mode)?;
    let mode = mode.unwrap_or_default().to_ascii_uppercase();
    let allowed = allowed(
        conversation,
        config.allowed_function_names,
        place.member("allowedFunctionNames"),
    )?;
    conversation.tool_choice = match (&*mode, &allowed[..]) {
        ("" | "MODE_UNSPECIFIED", _) => None,
        ("AUTO", _) | ("VALIDATED", []) => Some(ToolChoice::Auto),
        ("NONE", _) => Some(ToolChoice::None),
        ("ANY", []) => Some(ToolChoice::Required),
        ("ANY", [only]) => Some(ToolChoice::Function(Cow::Owned(only.clone()))),
        ("ANY", several) => {
            keep(conversation, several);
            Some(ToolChoice::Required)
        }
        ("VALIDATED", several) => {
            keep(conversation, several);
            Some(ToolChoice::Auto)
        }
        _ => {
            let mode = place.member("mode");
            return Err(mode.must_be("`AUTO`, `ANY`, `NONE` or `VALIDATED`"));
        }
    };
    Ok(())
}

/// The names on the wire of the allowed functions, all of which are declared.
fn allowed(
    conversation: &mut Conversation<'_>,
    raw: Option<&RawValue>,
    place: GeminiPlace<'_>,
) -> Result<Vec<String>, Untranslatable> {
    let mut names = Vec::new();
    for (index, name) in place.strings(raw)?.into_iter().enumerate() {
        let name = wire_name(conversation, &name);
        let is_declared = |tool: &Tool<'_>| matches!(tool, Tool::Function(it) if it.name == name);
        if !conversation.tools.iter().any(is_declared) {
            let place = place.element(index);
            return Err(place.rejected("names a function that `tools` does not declare."));
        }
        names.push(name);
    }
    Ok(names)
}

/// Leaves only the functions of these names.
fn keep(conversation: &mut Conversation<'_>, names: &[String]) {
    conversation.tools.retain(
        |tool| matches!(tool, Tool::Function(function) if names.iter().any(|it| *it == function.name)),
    );
}
