//! The tools of a request for a Responses upstream. Owns their flat form, and that `strict` is always sent: left out, it
//! means true there, which makes every member of the arguments required.

use std::borrow::Cow;

use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::dialect::conversation::{HostedTool, Tool, ToolChoice};
use crate::dialect::schema::EMPTY;

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
    parameters: Option<SchemaText<'w>>,
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

/// A schema with its members in the client's order: another one would be another prompt.
struct SchemaText<'w>(Cow<'w, str>);

impl Serialize for SchemaText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// A tool in its flat form.
pub fn tool<'w>(tool: &'w Tool<'_>) -> ToolOut<'w> {
    match tool {
        Tool::Function(function) => ToolOut {
            kind: "function",
            name: Some(&function.name),
            description: function.description.as_deref(),
            parameters: Some(SchemaText(parameters(function.parameters.as_deref()))),
            strict: Some(function.strict == Some(true)),
            filters: None,
            user_location: None,
            search_context_size: None,
        },
        Tool::Hosted(hosted) => web_search(hosted),
    }
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
    let options: SearchOptions<'w> = serde_json::from_str(hosted.raw.get()).unwrap_or_default();
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
    let mut location: SearchLocation<'_> = serde_json::from_str(raw.get()).ok()?;
    if let Some(nested) = location.approximate {
        location = serde_json::from_str(nested.get()).ok()?;
    }
    location.kind = "approximate";
    Some(location)
}

/// The schema of a function's arguments; the API rejects objects without `properties`.
fn parameters(schema: Option<&str>) -> Cow<'_, str> {
    #[derive(Deserialize)]
    struct SchemaHead<'w> {
        #[serde(borrow, rename = "type")]
        kind: Option<&'w RawValue>,
        #[serde(borrow)]
        properties: Option<&'w RawValue>,
    }
    let Some(schema) = schema else {
        return Cow::Borrowed(EMPTY);
    };
    let inside = schema
        .trim()
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    match (inside, serde_json::from_str::<SchemaHead<'_>>(schema)) {
        (Some(inside), _) if inside.trim().is_empty() => Cow::Borrowed(EMPTY),
        (Some(inside), Ok(head))
            if head.properties.is_none()
                && head.kind.is_some_and(|kind| kind.get() == r#""object""#) =>
        {
            Cow::Owned(format!(r#"{{{inside},"properties":{{}}}}"#))
        }
        _ => Cow::Borrowed(schema),
    }
}
