//! The tools of a request for a Responses upstream. Owns their flat form, and that `strict` is always sent: left out, it
//! means true there, which makes every member of the arguments required.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::dialect::conversation::{HostedTool, Tool, ToolChoice};
use crate::dialect::schema;
use crate::dialect::untranslatable::Untranslatable;

/// The web search of Responses.
const WEB_SEARCH: &str = "web_search";

/// A tool.
#[derive(Serialize)]
pub struct ToolOut<'w> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'w str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'w str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Cow<'w, RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filters: Option<SearchFilters<'w>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_location: Option<SearchLocation<'w>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search_context_size: Option<&'w RawValue>,
}

/// The domains that a search is limited to.
#[derive(Serialize)]
struct SearchFilters<'w> {
    allowed_domains: &'w RawValue,
}

/// Where the user is.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct SearchLocation<'w> {
    #[serde(rename = "type", skip_deserializing)]
    kind: &'static str,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    city: Option<&'w RawValue>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    region: Option<&'w RawValue>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    country: Option<&'w RawValue>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    timezone: Option<&'w RawValue>,
    /// Chat Completions nests the members.
    #[serde(borrow, skip_serializing)]
    approximate: Option<&'w RawValue>,
}

/// The options of a web search in the dialects that have one.
#[derive(Default, Deserialize)]
#[serde(default)]
struct SearchOptions<'w> {
    #[serde(borrow)]
    allowed_domains: Option<&'w RawValue>,
    #[serde(borrow)]
    user_location: Option<&'w RawValue>,
    #[serde(borrow)]
    search_context_size: Option<&'w RawValue>,
}

/// Whether and what the model must call.
#[derive(Serialize)]
#[serde(untagged)]
pub enum ChoiceOut<'w> {
    /// `auto`, `required`, `none`.
    Mode(&'static str),
    /// One tool.
    One {
        /// Its kind.
        #[serde(rename = "type")]
        kind: &'static str,
        /// Its name; hosted tools have none.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'w str>,
    },
}

/// A tool in its flat form.
pub fn tool<'w>(tool: &'w Tool<'_>) -> Result<ToolOut<'w>, Untranslatable> {
    let function = match tool {
        Tool::Function(function) => function,
        Tool::Hosted(hosted) => return Ok(web_search(hosted)),
    };
    let parameters = schema::of_parameters(function.parameters.as_deref())
        .ok_or_else(|| schema::unreadable(&function.name))?;
    Ok(ToolOut {
        kind: "function",
        name: Some(&function.name),
        description: function.description.as_deref(),
        parameters: Some(parameters),
        strict: Some(function.strict == Some(true)),
        filters: None,
        user_location: None,
        search_context_size: None,
    })
}

/// The choice of a tool.
pub fn choice<'w>(choice: &'w ToolChoice<'_>) -> ChoiceOut<'w> {
    match choice {
        ToolChoice::Auto => ChoiceOut::Mode("auto"),
        ToolChoice::Required => ChoiceOut::Mode("required"),
        ToolChoice::None => ChoiceOut::Mode("none"),
        ToolChoice::Function(name) => ChoiceOut::One {
            kind: "function",
            name: Some(name),
        },
        ToolChoice::Hosted(_) => ChoiceOut::One {
            kind: WEB_SEARCH,
            name: None,
        },
    }
}

/// Other hosted tools are left out before.
fn web_search<'w>(hosted: &HostedTool<'w>) -> ToolOut<'w> {
    let options: SearchOptions<'w> =
        crate::wire::json::from_str(hosted.raw.get()).unwrap_or_default();
    ToolOut {
        kind: WEB_SEARCH,
        name: None,
        description: None,
        parameters: None,
        strict: None,
        filters: options
            .allowed_domains
            .filter(|domains| domains.get().starts_with('['))
            .map(|allowed_domains| SearchFilters { allowed_domains }),
        user_location: options.user_location.and_then(location),
        search_context_size: options.search_context_size,
    }
}

fn location(raw: &RawValue) -> Option<SearchLocation<'_>> {
    let mut location: SearchLocation<'_> = crate::wire::json::from_str(raw.get()).ok()?;
    if let Some(nested) = location.approximate {
        location = crate::wire::json::from_str(nested.get()).ok()?;
    }
    location.kind = "approximate";
    Some(location)
}
