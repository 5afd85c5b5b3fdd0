//! `tool_choice`. Owns its forms, and that a list of allowed tools leaves only these declared.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::place::RequestPlace;
use super::tools::{builtin_name, hosted_kind};
use crate::dialect::conversation::{Conversation, HostedKind, Tool, ToolChoice};
use crate::dialect::json;
use crate::dialect::registry::{DeclaredKind, ToolRegistry};
use crate::dialect::untranslatable::Untranslatable;

/// Any form of a choice.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponsesChoice<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    namespace: Option<&'a RawValue>,
    #[serde(borrow)]
    mode: Option<&'a RawValue>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    /// The form of Chat Completions, which some clients send.
    #[serde(borrow)]
    function: Option<&'a RawValue>,
}

const MODES: &str = "`auto`, `required`, `none`, or an object";

/// Reads the choice; the tools are declared already.
pub fn read<'a>(
    conversation: &mut Conversation<'a>,
    raw: &'a RawValue,
) -> Result<(), Untranslatable> {
    let place = RequestPlace::of("tool_choice");
    if let Some(mode) = json::text(raw) {
        conversation.tool_choice = Some(by_mode(&mode).ok_or_else(|| place.must_be(MODES))?);
        return Ok(());
    }
    let choice: ResponsesChoice<'_> = place.object(raw).map_err(|_| place.must_be(MODES))?;
    let kind = place.needed("type", choice.kind)?;
    if kind != "allowed_tools" {
        conversation.tool_choice = Some(one(conversation, &choice, place)?);
        return Ok(());
    }
    let tools = place.member("tools");
    let list = match choice.tools {
        Some(raw) => tools.list(raw)?,
        None => return Err(tools.must_be("a list")),
    };
    let mut allowed = Vec::with_capacity(list.len());
    for (index, raw) in list.into_iter().enumerate() {
        let place = tools.element(index);
        allowed.push(one(conversation, &place.object(raw)?, place)?);
    }
    conversation
        .tools
        .retain(|tool| allowed.iter().any(|choice| is_chosen(choice, tool)));
    let mode = place.member("mode").string(choice.mode)?;
    let chosen = match mode.as_deref() {
        None => ToolChoice::Auto,
        Some(mode) => by_mode(mode).ok_or_else(|| place.member("mode").must_be(MODES))?,
    };
    conversation.tool_choice = Some(chosen);
    Ok(())
}

fn by_mode(mode: &str) -> Option<ToolChoice<'static>> {
    match mode {
        "auto" => Some(ToolChoice::Auto),
        "required" => Some(ToolChoice::Required),
        "none" => Some(ToolChoice::None),
        _ => None,
    }
}

fn is_chosen(choice: &ToolChoice<'_>, tool: &Tool<'_>) -> bool {
    match (choice, tool) {
        (ToolChoice::Function(name), Tool::Function(function)) => function.name == *name,
        (ToolChoice::Hosted(declared), Tool::Hosted(hosted)) => hosted.declared == *declared,
        _ => false,
    }
}

/// One tool by its kind and name. A name that is not declared is kept: the choice is checked later.
fn one<'a>(
    conversation: &Conversation<'a>,
    choice: &ResponsesChoice<'a>,
    place: RequestPlace<'_>,
) -> Result<ToolChoice<'a>, Untranslatable> {
    let kind = place.needed("type", choice.kind)?;
    let builtin = match &*kind {
        "function" | "custom" => return by_name(conversation, choice, place),
        "local_shell" => DeclaredKind::LocalShell,
        "shell" => DeclaredKind::Shell,
        "apply_patch" => DeclaredKind::ApplyPatch,
        _ => DeclaredKind::Function,
    };
    if builtin != DeclaredKind::Function {
        let found = wire_name(conversation, |registry, name| {
            registry
                .declared(name)
                .is_some_and(|tool| tool.kind == builtin)
        });
        if let Some(name) = found {
            return Ok(ToolChoice::Function(name));
        }
        // A shell of the provider is declared as hosted.
        if builtin != DeclaredKind::Shell {
            return Ok(ToolChoice::Function(builtin_name(builtin).into()));
        }
    }
    // `web_search` and `web_search_preview` mean each other.
    let same = conversation.tools.iter().find_map(|tool| match tool {
        Tool::Hosted(hosted)
            if hosted.declared == kind
                || (hosted.kind == HostedKind::WebSearch
                    && hosted_kind(&kind) == HostedKind::WebSearch) =>
        {
            Some(hosted.declared.clone())
        }
        _ => None,
    });
    Ok(ToolChoice::Hosted(same.unwrap_or(kind)))
}

fn by_name<'a>(
    conversation: &Conversation<'a>,
    choice: &ResponsesChoice<'a>,
    place: RequestPlace<'_>,
) -> Result<ToolChoice<'a>, Untranslatable> {
    let inside = place.member("function");
    let nested: Option<ResponsesChoice<'_>> = choice
        .function
        .filter(|_| choice.name.is_none())
        .map(|raw| inside.object(raw))
        .transpose()?;
    let (place, choice) = nested
        .as_ref()
        .map_or((&place, choice), |nested| (&inside, nested));
    let name = place.needed("name", choice.name)?;
    let namespace = place.member("namespace").string(choice.namespace)?;
    let found = wire_name(conversation, |registry, wire_name| {
        registry.declared(wire_name).is_some_and(|tool| {
            tool.name == name
                && namespace
                    .as_deref()
                    .is_none_or(|namespace| tool.namespace.as_deref() == Some(namespace))
        })
    });
    // Some clients name a tool as it is on the wire.
    Ok(ToolChoice::Function(found.unwrap_or(name)))
}

/// The declared function that a test on its name on the wire finds.
fn wire_name<'a>(
    conversation: &Conversation<'a>,
    test: impl Fn(&ToolRegistry, &str) -> bool,
) -> Option<Cow<'a, str>> {
    conversation.tools.iter().find_map(|tool| match tool {
        Tool::Function(function) if test(&conversation.registry, &function.name) => {
            Some(function.name.clone())
        }
        _ => None,
    })
}
