//! The tools of a Chat client's request. Owns the declarations in all their forms (functions, custom tools, the legacy
//! `functions`, tools of providers) and the choice among them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::problem::{Fit, RequestProblem};
use super::{flag, word};
use crate::dialect::conversation::{
    Conversation, Function, HostedKind, HostedTool, Tool, ToolChoice,
};
use crate::dialect::registry::{DeclaredKind, DeclaredTool, ToolRegistry};
use crate::dialect::{custom_input, json};

/// The member that turns on the provider's web search.
const WEB_SEARCH_OPTIONS: &str = "web_search_options";
const CHOICE_RULE: &str = "must be `auto`, `none`, `required` or an object that names a tool.";

/// The members of a request that are about tools.
pub struct DeclaredTools<'a> {
    /// `tools`.
    pub tools: Option<&'a RawValue>,
    /// `functions`, the predecessor of `tools`.
    pub functions: Option<&'a RawValue>,
    /// `web_search_options`.
    pub web_search_options: Option<&'a RawValue>,
    /// `tool_choice`.
    pub tool_choice: Option<&'a RawValue>,
    /// `function_call`, the predecessor of `tool_choice`.
    pub function_call: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChatTool<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function: Option<&'a RawValue>,
    #[serde(borrow, default)]
    custom: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cache_control: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChatFunction<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    description: Option<&'a RawValue>,
    #[serde(borrow, default)]
    parameters: Option<&'a RawValue>,
    #[serde(borrow, default)]
    strict: Option<&'a RawValue>,
    #[serde(borrow, default)]
    format: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cache_control: Option<&'a RawValue>,
}

/// The format of a custom tool's input.
#[derive(Deserialize)]
struct ChatToolFormat<'a> {
    #[serde(borrow, default)]
    grammar: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChatGrammar<'a> {
    #[serde(borrow, default)]
    syntax: Option<&'a RawValue>,
    #[serde(borrow, default)]
    definition: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChatChoice<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function: Option<&'a RawValue>,
    #[serde(borrow, default)]
    custom: Option<&'a RawValue>,
    #[serde(borrow, default)]
    allowed_tools: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChatAllowedTools<'a> {
    #[serde(borrow, default)]
    mode: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tools: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChatNamed<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
}

/// Reads tools and choice into the conversation.
pub fn read<'a>(
    declared: &DeclaredTools<'a>,
    conversation: &mut Conversation<'a>,
) -> Result<(), RequestProblem> {
    let Conversation {
        tools, registry, ..
    } = conversation;
    for (index, raw) in listed(declared.tools, "tools")? {
        let tool = tool(raw, registry).map_err(|problem| problem.within(index).inside("tools"))?;
        tools.push(tool);
    }
    for (index, raw) in listed(declared.functions, "functions")? {
        let function = function(raw, None, DeclaredKind::Function, registry)
            .map_err(|problem| problem.within(index).inside("functions"))?;
        tools.push(Tool::Function(function));
    }
    if let Some(raw) = declared.web_search_options {
        tools.push(Tool::Hosted(HostedTool {
            kind: HostedKind::WebSearch,
            declared: Cow::Borrowed(WEB_SEARCH_OPTIONS),
            raw,
        }));
    }
    if let Some(raw) = declared.tool_choice {
        let choice = choice(raw, conversation).map_err(|problem| problem.inside("tool_choice"))?;
        conversation.tool_choice = Some(choice);
    } else if let Some(raw) = declared.function_call {
        let choice =
            legacy_choice(raw, registry).map_err(|problem| problem.inside("function_call"))?;
        conversation.tool_choice = Some(choice);
    }
    Ok(())
}

fn listed<'a>(
    raw: Option<&'a RawValue>,
    name: &'static str,
) -> Result<impl Iterator<Item = (usize, &'a RawValue)>, RequestProblem> {
    let list = match raw {
        None => Vec::new(),
        Some(raw) => json::list(raw).fit_at(name, "must be a list.")?,
    };
    Ok(list.into_iter().enumerate())
}

fn tool<'a>(raw: &'a RawValue, registry: &mut ToolRegistry) -> Result<Tool<'a>, RequestProblem> {
    let tool: ChatTool<'a> = json::object(raw).fit("must be an object.")?;
    let kind = word(tool.kind, "type")?;
    let mark = tool.cache_control;
    match (kind.as_deref(), tool.function, tool.custom) {
        (None | Some("function"), Some(inner), _) => {
            function(inner, mark, DeclaredKind::Function, registry)
                .map(Tool::Function)
                .map_err(|problem| problem.inside("function"))
        }
        // Some clients send the flat form of Responses.
        (None | Some("function"), None, _) if tool.name.is_some() => {
            function(raw, mark, DeclaredKind::Function, registry).map(Tool::Function)
        }
        (None | Some("function"), None, _) => Err(RequestProblem::at("function", "is missing.")),
        (Some("custom"), _, Some(inner)) => custom(inner, mark, registry)
            .map(Tool::Function)
            .map_err(|problem| problem.inside("custom")),
        (Some("custom"), _, None) => Err(RequestProblem::at("custom", "is missing.")),
        (Some(_), ..) => Ok(hosted(kind.unwrap_or_default(), raw)),
    }
}

fn hosted<'a>(declared: Cow<'a, str>, raw: &'a RawValue) -> Tool<'a> {
    let kind = if declared.starts_with("web_search") {
        HostedKind::WebSearch
    } else {
        HostedKind::Other
    };
    Tool::Hosted(HostedTool {
        kind,
        declared,
        raw,
    })
}

fn function<'a>(
    raw: &'a RawValue,
    mark: Option<&'a RawValue>,
    kind: DeclaredKind,
    registry: &mut ToolRegistry,
) -> Result<Function<'a>, RequestProblem> {
    let function: ChatFunction<'a> = json::object(raw).fit("must be an object.")?;
    let parameters = function.parameters.map(RawValue::get);
    if parameters.is_some_and(|schema| !schema.starts_with('{')) {
        return Err(RequestProblem::at("parameters", "must be an object."));
    }
    Ok(Function {
        name: wire_name(function.name, kind, registry)?,
        description: word(function.description, "description")?,
        parameters: parameters.map(Cow::Borrowed),
        strict: flag(function.strict, "strict")?,
        cache_control: mark.or(function.cache_control),
    })
}

/// A custom tool is a function with one text; what its format demands is in its description.
fn custom<'a>(
    raw: &'a RawValue,
    mark: Option<&'a RawValue>,
    registry: &mut ToolRegistry,
) -> Result<Function<'a>, RequestProblem> {
    let custom: ChatFunction<'a> = json::object(raw).fit("must be an object.")?;
    let mut description = word(custom.description, "description")?;
    if let Some((syntax, definition)) = custom.format.and_then(grammar) {
        let before = description.as_deref().unwrap_or_default();
        let text = custom_input::with_grammar(before, &syntax, &definition);
        description = Some(Cow::Owned(text));
    }
    Ok(Function {
        name: wire_name(custom.name, DeclaredKind::Custom, registry)?,
        description,
        parameters: Some(Cow::Borrowed(custom_input::SCHEMA)),
        strict: None,
        cache_control: mark.or(custom.cache_control),
    })
}

/// Syntax and definition, nested as in Chat or flat as in Responses.
fn grammar(raw: &RawValue) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    let format: ChatToolFormat<'_> = json::object(raw)?;
    let grammar: ChatGrammar<'_> = json::object(format.grammar.unwrap_or(raw))?;
    let definition = json::some_text(grammar.definition)?;
    Some((
        json::some_text(grammar.syntax).unwrap_or_default(),
        definition,
    ))
}

fn wire_name(
    raw: Option<&RawValue>,
    kind: DeclaredKind,
    registry: &mut ToolRegistry,
) -> Result<Cow<'static, str>, RequestProblem> {
    let name = raw.and_then(json::text).filter(|name| !name.is_empty());
    let name = name.fit_at("name", "must be a string that is not empty.")?;
    Ok(Cow::Owned(registry.wire_name(DeclaredTool {
        kind,
        name: name.into_owned(),
        namespace: None,
    })))
}

fn choice<'a>(
    raw: &'a RawValue,
    conversation: &mut Conversation<'a>,
) -> Result<ToolChoice<'a>, RequestProblem> {
    if let Some(word) = json::text(raw) {
        return mode(&word).fit(CHOICE_RULE);
    }
    let choice: ChatChoice<'a> = json::object(raw).fit(CHOICE_RULE)?;
    if let Some(allowed) = choice.allowed_tools {
        return restrict(allowed, conversation).map_err(|problem| problem.inside("allowed_tools"));
    }
    chosen(&choice, &mut conversation.registry)
}

fn mode(word: &str) -> Option<ToolChoice<'static>> {
    match word {
        "auto" => Some(ToolChoice::Auto),
        "none" => Some(ToolChoice::None),
        "required" | "any" => Some(ToolChoice::Required),
        _ => None,
    }
}

/// The tool that an entry names: of `allowed_tools`, or the choice itself.
fn chosen<'a>(
    choice: &ChatChoice<'a>,
    registry: &mut ToolRegistry,
) -> Result<ToolChoice<'a>, RequestProblem> {
    let kind = word(choice.kind, "type")?.unwrap_or(Cow::Borrowed("function"));
    let (declared, member, nested) = match &*kind {
        "function" => (DeclaredKind::Function, "function", choice.function),
        "custom" => (DeclaredKind::Custom, "custom", choice.custom),
        _ => return Ok(ToolChoice::Hosted(kind)),
    };
    let name = match nested {
        None => wire_name(choice.name, declared, registry),
        Some(nested) => named(nested, declared, registry),
    };
    name.map(ToolChoice::Function)
        .map_err(|problem| problem.inside(member))
}

fn named(
    raw: &RawValue,
    kind: DeclaredKind,
    registry: &mut ToolRegistry,
) -> Result<Cow<'static, str>, RequestProblem> {
    let named: ChatNamed<'_> = json::object(raw).fit("must be an object.")?;
    wire_name(named.name, kind, registry)
}

/// Keeps only the tools that `allowed_tools` lists.
fn restrict<'a>(
    raw: &'a RawValue,
    conversation: &mut Conversation<'a>,
) -> Result<ToolChoice<'a>, RequestProblem> {
    const RULE: &str = "must be a list of tools.";
    let allowed: ChatAllowedTools<'a> = json::object(raw).fit("must be an object.")?;
    let list = allowed.tools.and_then(json::list).fit_at("tools", RULE)?;
    let (mut functions, mut hosted) = (BTreeSet::new(), BTreeSet::new());
    for (index, raw) in list.into_iter().enumerate() {
        let entry: Option<ChatChoice<'a>> = json::object(raw);
        let tool = entry
            .fit("must be an object.")
            .and_then(|entry| chosen(&entry, &mut conversation.registry))
            .map_err(|problem| problem.within(index).inside("tools"))?;
        match tool {
            ToolChoice::Function(name) => functions.insert(name),
            ToolChoice::Hosted(declared) => hosted.insert(declared),
            ToolChoice::Auto | ToolChoice::Required | ToolChoice::None => false,
        };
    }
    conversation.tools.retain(|tool| match tool {
        Tool::Function(function) => functions.contains(&function.name),
        Tool::Hosted(tool) => hosted.contains(&tool.declared),
    });
    let mode = word(allowed.mode, "mode")?.map_or(Some(ToolChoice::Auto), |word| mode(&word));
    mode.fit_at("mode", "must be `auto` or `required`.")
}

fn legacy_choice<'a>(
    raw: &'a RawValue,
    registry: &mut ToolRegistry,
) -> Result<ToolChoice<'a>, RequestProblem> {
    if let Some(word) = json::text(raw) {
        return mode(&word).fit(CHOICE_RULE);
    }
    named(raw, DeclaredKind::Function, registry).map(ToolChoice::Function)
}
