//! Requests of Responses' clients. Owns the members of the request: which are translated, which are left out, and which
//! are rejected, since only the provider of an earlier response could follow them.

mod choice;
mod echo;
mod items;
mod parts;
mod place;
pub(super) mod tools;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::conversation::{Conversation, OutputFormat, Sampling, Text};
use super::super::effort::{Effort, Reasoning};
use super::super::envelope::EnvelopeKey;
use super::super::json;
use super::super::untranslatable::Untranslatable;
pub use echo::echo;
use place::RequestPlace;

/// The members that are translated or rejected; all others are left out.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponsesRequest<'a> {
    #[serde(borrow)]
    instructions: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_choice: Option<&'a RawValue>,
    #[serde(borrow)]
    parallel_tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    max_output_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    stop: Option<&'a RawValue>,
    #[serde(borrow)]
    temperature: Option<&'a RawValue>,
    #[serde(borrow)]
    top_p: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    user: Option<&'a RawValue>,
    #[serde(borrow)]
    safety_identifier: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt_cache_key: Option<&'a RawValue>,
    #[serde(borrow)]
    service_tier: Option<&'a RawValue>,
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow)]
    background: Option<&'a RawValue>,
    #[serde(borrow)]
    previous_response_id: Option<&'a RawValue>,
    #[serde(borrow)]
    conversation: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt: Option<&'a RawValue>,
}

/// Reads a request.
pub fn read<'a>(
    body: &'a [u8],
    envelope: &EnvelopeKey,
) -> Result<Conversation<'a>, Untranslatable> {
    let request: ResponsesRequest<'_> = serde_json::from_slice(body).map_err(|_| {
        Untranslatable::new(
            "",
            "The request must be a JSON object with each member once.",
        )
    })?;
    check_state(&request)?;
    let place = RequestPlace::of;
    let mut conversation = Conversation {
        parallel_calls: place("parallel_tool_calls").boolean(request.parallel_tool_calls)?,
        max_tokens: place("max_output_tokens").count(request.max_output_tokens)?,
        stop: stop(request.stop)?,
        sampling: Sampling {
            temperature: place("temperature").number(request.temperature)?,
            top_p: place("top_p").number(request.top_p)?,
            ..Sampling::default()
        },
        reasoning: request.reasoning.map(reasoning).transpose()?.flatten(),
        user: match request.user {
            None => place("safety_identifier").string(request.safety_identifier)?,
            user => place("user").string(user)?,
        },
        cache_key: place("prompt_cache_key").string(request.prompt_cache_key)?,
        service_tier: place("service_tier").string(request.service_tier)?,
        stream: place("stream").boolean(request.stream)? == Some(true),
        ..Conversation::default()
    };
    if let Some(raw) = request.text {
        text(&mut conversation, raw)?;
    }
    if let Some(text) = place("instructions").string(request.instructions)?
        && !text.is_empty()
    {
        conversation.instructions.push(Text::plain(text));
    }
    if let Some(raw) = request.tools {
        tools::declare(&mut conversation, raw, place("tools"))?;
    }
    match request.input {
        Some(raw) => items::read(&mut conversation, raw, envelope)?,
        None => return Err(place("input").must_be("a string or a list of items")),
    }
    // After the items, which may declare tools.
    if let Some(raw) = request.tool_choice {
        choice::read(&mut conversation, raw)?;
    }
    Ok(conversation)
}

/// Rejects what only the provider's store could resolve: the model would answer without it, as if nothing were wrong.
fn check_state(request: &ResponsesRequest<'_>) -> Result<(), Untranslatable> {
    let place = RequestPlace::of;
    if place("background").boolean(request.background)? == Some(true) {
        return Err(place("background").rejected(
            "is not possible on this channel: its provider does not store responses. Leave it out.",
        ));
    }
    let stored = [
        ("previous_response_id", request.previous_response_id),
        ("conversation", request.conversation),
        ("prompt", request.prompt),
    ];
    for (name, member) in stored {
        if member.is_some() {
            return Err(place(name).rejected(
                "refers to something that is not stored on this channel. Send the whole conversation in `input` instead.",
            ));
        }
    }
    Ok(())
}

/// Texts at which the answer ends. The API has none, but servers of its dialect do.
fn stop(raw: Option<&RawValue>) -> Result<Vec<Cow<'_, str>>, Untranslatable> {
    let place = RequestPlace::of("stop");
    let Some(raw) = raw else {
        return Ok(Vec::new());
    };
    if let Some(text) = json::text(raw) {
        return Ok(vec![text]);
    }
    let list = place
        .list(raw)
        .map_err(|_| place.must_be("a string or a list of strings"))?
        .into_iter()
        .enumerate();
    list.map(|(index, raw)| json::text(raw).ok_or_else(|| place.element(index).must_be("a string")))
        .collect()
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponsesReasoning<'a> {
    #[serde(borrow)]
    effort: Option<&'a RawValue>,
    #[serde(borrow)]
    summary: Option<&'a RawValue>,
    #[serde(borrow)]
    generate_summary: Option<&'a RawValue>,
}

/// An effort that is not known means the upstream's default.
fn reasoning(raw: &RawValue) -> Result<Option<Reasoning>, Untranslatable> {
    let place = RequestPlace::of("reasoning");
    let reasoning: ResponsesReasoning<'_> = place.object(raw)?;
    let effort = place.member("effort").string(reasoning.effort)?;
    let summary = reasoning.summary.or(reasoning.generate_summary);
    let summary = place.member("summary").string(summary)?;
    let effort = effort.as_deref().and_then(Effort::from_name);
    Ok(effort.map(|effort| Reasoning {
        is_shown: summary.is_some_and(|summary| summary != "none"),
        ..Reasoning::of_effort(effort)
    }))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponsesText<'a> {
    #[serde(borrow)]
    format: Option<&'a RawValue>,
    #[serde(borrow)]
    verbosity: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponsesFormat<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
    #[serde(borrow)]
    strict: Option<&'a RawValue>,
}

fn text<'a>(conversation: &mut Conversation<'a>, raw: &'a RawValue) -> Result<(), Untranslatable> {
    let place = RequestPlace::of("text");
    let text: ResponsesText<'_> = place.object(raw)?;
    conversation.verbosity = place.member("verbosity").string(text.verbosity)?;
    let Some(raw) = text.format else {
        return Ok(());
    };
    let place = place.member("format");
    let format: ResponsesFormat<'_> = place.object(raw)?;
    let kind = place.needed("type", format.kind)?;
    conversation.format = match &*kind {
        "text" => None,
        "json_object" => Some(OutputFormat::JsonObject),
        "json_schema" => {
            let schema = format.schema.filter(|raw| raw.get().starts_with('{'));
            Some(OutputFormat::Schema {
                name: place.member("name").string(format.name)?,
                schema: Cow::Borrowed(
                    schema.ok_or_else(|| place.member("schema").must_be("an object"))?,
                ),
                strict: place.member("strict").boolean(format.strict)?,
            })
        }
        _ => {
            let kind = place.member("type");
            return Err(kind.must_be("`text`, `json_object` or `json_schema`"));
        }
    };
    Ok(())
}

#[cfg(test)]
mod tests;
