//! The tools of a request for a Chat Completions upstream.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::dialect::conversation::{Function, HostedKind, HostedTool, Tool, ToolChoice};
use crate::dialect::untranslatable::Untranslatable;
use crate::dialect::{json, schema};

/// A function.
#[derive(Serialize)]
pub struct ChatToolIn<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: ChatFunctionIn<'a>,
}

#[derive(Serialize)]
struct ChatFunctionIn<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: Cow<'a, RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

/// Whether and what the model must call.
#[derive(Serialize)]
#[serde(untagged)]
pub enum ChatChoiceIn<'a> {
    Mode(&'static str),
    Function {
        #[serde(rename = "type")]
        kind: &'static str,
        function: ChatNamedIn<'a>,
    },
}

#[derive(Serialize)]
pub struct ChatNamedIn<'a> {
    name: &'a str,
}

impl<'a> ChatChoiceIn<'a> {
    /// The same choice; `None`: there is no such choice, because the provider's own search is always used.
    pub fn of(choice: &'a ToolChoice<'_>) -> Option<Self> {
        Some(match choice {
            ToolChoice::Auto => Self::Mode("auto"),
            ToolChoice::Required => Self::Mode("required"),
            ToolChoice::None => Self::Mode("none"),
            ToolChoice::Function(name) => Self::Function {
                kind: "function",
                function: ChatNamedIn { name },
            },
            ToolChoice::Hosted(_) => return None,
        })
    }
}

/// The provider's own search.
#[derive(Serialize)]
pub struct ChatSearchIn<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    search_context_size: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_location: Option<ChatLocationIn<'a>>,
}

#[derive(Serialize)]
struct ChatLocationIn<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    approximate: ChatPlaceIn<'a>,
}

/// Where the user is, in the members that all dialects share.
#[derive(Deserialize, Serialize)]
struct ChatPlaceIn<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    city: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    country: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    region: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    timezone: Option<&'a RawValue>,
}

/// The declaration of a search in another dialect.
#[derive(Deserialize)]
struct ChatDeclaredSearch<'a> {
    #[serde(borrow, default)]
    search_context_size: Option<&'a RawValue>,
    #[serde(borrow, default)]
    user_location: Option<&'a RawValue>,
}

/// The functions among the tools.
pub fn functions<'a>(
    tools: &'a [Tool<'_>],
    has_strict: bool,
) -> Result<Vec<ChatToolIn<'a>>, Untranslatable> {
    let functions = tools.iter().filter_map(|tool| match tool {
        Tool::Function(function) => Some(function),
        Tool::Hosted(_) => None,
    });
    functions
        .map(|function| of_function(function, has_strict))
        .collect()
}

/// The search among the tools. Only tools that the upstream has are left.
pub fn search<'a>(tools: &'a [Tool<'_>]) -> Option<ChatSearchIn<'a>> {
    let hosted = tools.iter().find_map(|tool| match tool {
        Tool::Hosted(hosted) if hosted.kind == HostedKind::WebSearch => Some(hosted),
        _ => None,
    })?;
    Some(of_search(hosted))
}

fn of_search<'a>(hosted: &'a HostedTool<'_>) -> ChatSearchIn<'a> {
    let declared: Option<ChatDeclaredSearch<'a>> = json::object(hosted.raw);
    let location = declared
        .as_ref()
        .and_then(|declared| declared.user_location);
    ChatSearchIn {
        search_context_size: declared.and_then(|declared| declared.search_context_size),
        user_location: location
            .and_then(json::object)
            .map(|approximate| ChatLocationIn {
                kind: "approximate",
                approximate,
            }),
    }
}

fn of_function<'a>(
    function: &'a Function<'_>,
    has_strict: bool,
) -> Result<ChatToolIn<'a>, Untranslatable> {
    Ok(ChatToolIn {
        kind: "function",
        function: ChatFunctionIn {
            name: &function.name,
            description: function.description.as_deref(),
            parameters: schema::of_parameters(function.parameters.as_deref())
                .ok_or_else(|| schema::unreadable(&function.name))?,
            // Functions of Chat are not strict by default, and servers that do not know the member reject it.
            strict: function.strict.filter(|is_strict| *is_strict && has_strict),
        },
    })
}
