//! The tools of a request. Owns what each kind of declaration becomes: functions, custom tools and the tools that clients
//! run by their kind become functions; namespaces become prefixes; what a provider runs is kept as it is. A declaration
//! of an unknown kind never fails the others.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::place::RequestPlace;
use crate::dialect::conversation::{Conversation, Function, HostedKind, HostedTool, Tool};
use crate::dialect::registry::{DeclaredKind, DeclaredTool};
use crate::dialect::untranslatable::Untranslatable;
use crate::dialect::{custom_input, json};

/// Namespaces in namespaces: more than any client has.
const MAX_NAMESPACES: usize = 8;
/// What joins the names of nested namespaces.
const SEPARATOR: &str = "__";

const LOCAL_SHELL_SCHEMA: &str = r#"{"type":"object","properties":{"command":{"type":"array","items":{"type":"string"},"description":"The command and its arguments."},"working_directory":{"type":"string","description":"The directory to run the command in."},"timeout_ms":{"type":"integer","description":"The timeout of the command in milliseconds."},"env":{"type":"object","additionalProperties":{"type":"string"},"description":"Environment variables to set for the command."}},"required":["command"]}"#;
const SHELL_SCHEMA: &str = r#"{"type":"object","properties":{"commands":{"type":"array","items":{"type":"string"},"description":"The shell commands to run."},"timeout_ms":{"type":"integer","description":"The timeout of each command in milliseconds."},"max_output_length":{"type":"integer","description":"The greatest number of characters of output to return."}},"required":["commands"]}"#;
const APPLY_PATCH_SCHEMA: &str = r#"{"type":"object","properties":{"type":{"type":"string","enum":["create_file","update_file","delete_file"],"description":"What to do with the file."},"path":{"type":"string","description":"The path of the file."},"diff":{"type":"string","description":"The change as a V4A diff; the whole content, each line with a leading +, of a new file. Not needed to delete a file."}},"required":["type","path"]}"#;

/// Any declaration, with the members of all kinds.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponsesTool<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    description: Option<&'a RawValue>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    strict: Option<&'a RawValue>,
    #[serde(borrow)]
    format: Option<&'a RawValue>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    #[serde(borrow)]
    environment: Option<&'a RawValue>,
    /// The form of Chat Completions, which some clients send.
    #[serde(borrow)]
    function: Option<&'a RawValue>,
}

/// The form of a custom tool's input, and the place of a shell.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponsesToolDetail<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    syntax: Option<&'a RawValue>,
    #[serde(borrow)]
    definition: Option<&'a RawValue>,
}

/// Adds the tools of a list to the conversation; of several with one name the first.
pub fn declare<'a>(
    conversation: &mut Conversation<'a>,
    raw: &'a RawValue,
    place: RequestPlace<'_>,
) -> Result<(), Untranslatable> {
    declare_in(conversation, raw, place, &[])
}

fn declare_in<'a>(
    conversation: &mut Conversation<'a>,
    raw: &'a RawValue,
    place: RequestPlace<'_>,
    namespaces: &[&str],
) -> Result<(), Untranslatable> {
    for (index, raw) in place.list(raw)?.into_iter().enumerate() {
        declare_one(conversation, raw, place.element(index), namespaces)?;
    }
    Ok(())
}

fn declare_one<'a>(
    conversation: &mut Conversation<'a>,
    raw: &'a RawValue,
    place: RequestPlace<'_>,
    namespaces: &[&str],
) -> Result<(), Untranslatable> {
    let tool: ResponsesTool<'_> = place.object(raw)?;
    let kind = place.needed("type", tool.kind)?;
    match &*kind {
        "function" => {
            let inside = place.member("function");
            let nested = tool.function.filter(|_| tool.name.is_none());
            let nested: Option<ResponsesTool<'_>> =
                nested.map(|raw| inside.object(raw)).transpose()?;
            let (place, tool) = nested
                .as_ref()
                .map_or((place, &tool), |nested| (inside, nested));
            function(conversation, tool, place, namespaces)
        }
        "custom" => custom(conversation, &tool, place, namespaces),
        "namespace" => {
            let name = place.needed("name", tool.name)?;
            if namespaces.len() == MAX_NAMESPACES {
                return Err(place.rejected("is nested too deeply."));
            }
            let mut inner = namespaces.to_vec();
            inner.push(&name);
            let tools = place.member("tools");
            match tool.tools {
                Some(raw) => declare_in(conversation, raw, tools, &inner),
                None => Ok(()),
            }
        }
        // All tools are declared, so that there is nothing to search.
        "tool_search" => Ok(()),
        "local_shell" => {
            builtin(conversation, DeclaredKind::LocalShell);
            Ok(())
        }
        "apply_patch" => {
            builtin(conversation, DeclaredKind::ApplyPatch);
            Ok(())
        }
        "shell" if is_local(&tool) => {
            builtin(conversation, DeclaredKind::Shell);
            Ok(())
        }
        _ => {
            conversation.tools.push(Tool::Hosted(HostedTool {
                kind: hosted_kind(&kind),
                declared: kind,
                raw,
            }));
            Ok(())
        }
    }
}

/// What a tool that is not the client's does.
pub fn hosted_kind(declared: &str) -> HostedKind {
    if declared.starts_with("web_search") {
        HostedKind::WebSearch
    } else {
        HostedKind::Other
    }
}

fn function<'a>(
    conversation: &mut Conversation<'a>,
    tool: &ResponsesTool<'a>,
    place: RequestPlace<'_>,
    namespaces: &[&str],
) -> Result<(), Untranslatable> {
    let name = place.needed("name", tool.name)?;
    let parameters = place.member("parameters");
    if let Some(raw) = tool.parameters
        && !raw.get().starts_with('{')
    {
        return Err(parameters.must_be("an object"));
    }
    let description = place.member("description").string(tool.description)?;
    let strict = place.member("strict").boolean(tool.strict)?;
    let declared = declared(DeclaredKind::Function, &name, namespaces);
    let schema = tool.parameters.map(|raw| Cow::Borrowed(raw.get()));
    add(conversation, declared, description, schema, strict);
    Ok(())
}

fn custom<'a>(
    conversation: &mut Conversation<'a>,
    tool: &ResponsesTool<'a>,
    place: RequestPlace<'_>,
    namespaces: &[&str],
) -> Result<(), Untranslatable> {
    let name = place.needed("name", tool.name)?;
    let description = place.member("description").string(tool.description)?;
    let format: ResponsesToolDetail<'_> = match tool.format {
        Some(raw) => place.member("format").object(raw)?,
        None => ResponsesToolDetail::default(),
    };
    let format_place = place.member("format");
    let definition = format_place
        .member("definition")
        .string(format.definition)?;
    let syntax = format_place.member("syntax").string(format.syntax)?;
    let description = match definition {
        Some(definition) => Some(Cow::Owned(custom_input::with_grammar(
            description.as_deref().unwrap_or_default(),
            syntax.as_deref().unwrap_or_default(),
            &definition,
        ))),
        None => description,
    };
    let declared = declared(DeclaredKind::Custom, &name, namespaces);
    add(
        conversation,
        declared,
        description,
        Some(custom_input::SCHEMA.into()),
        None,
    );
    Ok(())
}

/// The names by which a tool of a kind is called.
pub const fn builtin_name(kind: DeclaredKind) -> &'static str {
    match kind {
        DeclaredKind::LocalShell => "local_shell",
        DeclaredKind::Shell => "shell",
        DeclaredKind::ApplyPatch => "apply_patch",
        DeclaredKind::Function | DeclaredKind::Custom => "",
    }
}

fn builtin(conversation: &mut Conversation<'_>, kind: DeclaredKind) {
    let (description, schema) = match kind {
        DeclaredKind::LocalShell => (
            "Runs a command on the user's machine and returns its output.",
            LOCAL_SHELL_SCHEMA,
        ),
        DeclaredKind::Shell => (
            "Runs shell commands and returns their output.",
            SHELL_SCHEMA,
        ),
        DeclaredKind::ApplyPatch => ("Creates, updates or deletes one file.", APPLY_PATCH_SCHEMA),
        DeclaredKind::Function | DeclaredKind::Custom => return,
    };
    let declared = declared(kind, builtin_name(kind), &[]);
    let description = Some(description.into());
    add(
        conversation,
        declared,
        description,
        Some(schema.into()),
        None,
    );
}

/// A shell in a container of the provider is not the client's.
fn is_local(tool: &ResponsesTool<'_>) -> bool {
    let environment: Option<ResponsesToolDetail<'_>> = tool
        .environment
        .and_then(|raw| crate::wire::json::from_str(raw.get()).ok());
    let kind = environment.and_then(|environment| json::text(environment.kind?));
    kind.is_none_or(|kind| kind == "local")
}

/// A tool in its namespaces.
fn declared(kind: DeclaredKind, name: &str, namespaces: &[&str]) -> DeclaredTool {
    DeclaredTool {
        kind,
        name: name.to_owned(),
        namespace: (!namespaces.is_empty()).then(|| namespaces.join(SEPARATOR)),
    }
}

fn add<'a>(
    conversation: &mut Conversation<'a>,
    tool: DeclaredTool,
    description: Option<Cow<'a, str>>,
    parameters: Option<Cow<'a, str>>,
    strict: Option<bool>,
) {
    let is_known = |name: &str| {
        let mut tools = conversation.tools.iter();
        tools.any(|tool| matches!(tool, Tool::Function(function) if function.name == name))
    };
    let name = conversation.registry.wire_name(tool);
    if is_known(&name) {
        return;
    }
    conversation.tools.push(Tool::Function(Function {
        name: name.into(),
        description,
        parameters,
        strict,
        cache_control: None,
    }));
}
