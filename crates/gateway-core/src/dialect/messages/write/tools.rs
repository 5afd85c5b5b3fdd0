//! Writes tools and the choice among them. Owns what Anthropic demands of a declaration.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::dialect::conversation::{Conversation, Function, HostedKind, Tool, ToolChoice};
use crate::dialect::messages::{BorrowedText, WEB_SEARCH};
use crate::dialect::schema;

/// The version of the web search that all models have.
const WEB_SEARCH_TYPE: &str = "web_search_20250305";

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum WrittenTool<'a> {
    Function {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        input_schema: Cow<'a, RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'a RawValue>,
    },
    WebSearch {
        r#type: &'static str,
        name: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        allowed_domains: Option<&'a RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        user_location: Option<WrittenLocation<'a>>,
    },
}

#[derive(Serialize)]
pub(super) struct WrittenChoice<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disable_parallel_tool_use: bool,
}

#[derive(Serialize)]
pub(super) struct WrittenLocation<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<Cow<'a, str>>,
}

/// What OpenAI's declarations of the web search say: in Responses flat, in Chat with a nested location.
#[derive(Default, Deserialize)]
#[serde(default)]
struct DeclaredSearch<'a> {
    #[serde(borrow)]
    filters: Option<DeclaredFilters<'a>>,
    #[serde(borrow)]
    user_location: Option<DeclaredLocation<'a>>,
}

#[derive(Deserialize)]
struct DeclaredFilters<'a> {
    #[serde(borrow, default)]
    allowed_domains: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct DeclaredLocation<'a> {
    #[serde(borrow, default)]
    approximate: Option<Box<Self>>,
    #[serde(borrow, default)]
    city: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    region: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    country: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    timezone: Option<BorrowedText<'a>>,
}

/// Writes all tools. The provider's search wins its name: no two tools may share one.
pub(super) fn declarations<'a>(conversation: &'a Conversation<'_>) -> Vec<WrittenTool<'a>> {
    let mut has_search = conversation.tools.iter().any(is_search);
    let mut tools = Vec::with_capacity(conversation.tools.len());
    let is_shadowed = |function: &Function<'_>| has_search && function.name == WEB_SEARCH;
    let functions = conversation.tools.iter().filter_map(|tool| match tool {
        Tool::Function(function) if !is_shadowed(function) => Some(function),
        _ => None,
    });
    for function in functions {
        tools.push(WrittenTool::Function {
            name: &function.name,
            description: function.description.as_deref(),
            input_schema: schema::of_typed_parameters(function.parameters.as_deref()),
            cache_control: function.cache_control,
        });
    }
    for tool in &conversation.tools {
        if let Tool::Hosted(hosted) = tool
            && std::mem::replace(&mut has_search, false)
        {
            tools.push(search(hosted.raw));
        }
    }
    tools
}

fn is_search(tool: &Tool<'_>) -> bool {
    matches!(tool, Tool::Hosted(hosted) if hosted.kind == HostedKind::WebSearch)
}

fn search(raw: &RawValue) -> WrittenTool<'_> {
    let options: DeclaredSearch<'_> = crate::wire::json::from_str(raw.get()).unwrap_or_default();
    let location = options.user_location.map(|location| {
        let location = match location.approximate {
            Some(nested) => *nested,
            None => location,
        };
        WrittenLocation {
            r#type: "approximate",
            city: location.city.map(|it| it.0),
            region: location.region.map(|it| it.0),
            country: location.country.map(|it| it.0),
            timezone: location.timezone.map(|it| it.0),
        }
    });
    WrittenTool::WebSearch {
        r#type: WEB_SEARCH_TYPE,
        name: WEB_SEARCH,
        allowed_domains: options.filters.and_then(|filters| filters.allowed_domains),
        user_location: location,
    }
}

/// Writes the choice. Without tools there is none.
pub(super) fn choice<'a>(conversation: &'a Conversation<'_>) -> Option<WrittenChoice<'a>> {
    if conversation.tools.is_empty() {
        return None;
    }
    let is_single = conversation.parallel_calls == Some(false);
    let (kind, name) = match &conversation.tool_choice {
        None if !is_single => return None,
        None | Some(ToolChoice::Auto) => ("auto", None),
        Some(ToolChoice::Required) => ("any", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::Function(name)) => ("tool", Some(&**name)),
        Some(ToolChoice::Hosted(_)) => ("tool", Some(WEB_SEARCH)),
    };
    Some(WrittenChoice {
        r#type: kind,
        name,
        disable_parallel_tool_use: is_single && kind != "none",
    })
}
