//! Reads requests of Chat Completions for channels of other dialects. Owns which of its members are mapped, left out or
//! rejected.

mod content;
mod tools;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Number;
use serde_json::value::RawValue;

use crate::dialect::conversation::{
    Call, CallResult, Conversation, Item, OutputFormat, Part, ReasoningItem, Sampling, Text,
};
use crate::dialect::effort::{Effort, Reasoning};
use crate::dialect::envelope::EnvelopeKey;
use crate::dialect::untranslatable::Untranslatable;

#[derive(Deserialize)]
struct ClientBody<'a> {
    #[serde(borrow, default)]
    messages: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    tools: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    functions: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    tool_choice: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function_call: Option<&'a RawValue>,
    #[serde(default)]
    parallel_tool_calls: Option<bool>,
    #[serde(default)]
    max_completion_tokens: Option<u64>,
    #[serde(default)]
    max_tokens: Option<u64>,
    #[serde(borrow, default)]
    stop: Option<&'a RawValue>,
    #[serde(default)]
    temperature: Option<Number>,
    #[serde(default)]
    top_p: Option<Number>,
    #[serde(default)]
    top_k: Option<Number>,
    #[serde(default)]
    seed: Option<Number>,
    #[serde(default)]
    frequency_penalty: Option<Number>,
    #[serde(default)]
    presence_penalty: Option<Number>,
    #[serde(borrow, default)]
    reasoning_effort: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    response_format: Option<&'a RawValue>,
    #[serde(borrow, default)]
    verbosity: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    user: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    prompt_cache_key: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    service_tier: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    web_search_options: Option<&'a RawValue>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    n: Option<u64>,
    #[serde(borrow, default)]
    audio: Option<&'a RawValue>,
    #[serde(borrow, default)]
    modalities: Option<Vec<Cow<'a, str>>>,
}

#[derive(Deserialize)]
struct ClientMessage<'a> {
    #[serde(borrow, default)]
    role: Cow<'a, str>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<ClientCall<'a>>>,
    #[serde(borrow, default)]
    function_call: Option<ClientFunction<'a>>,
    #[serde(borrow, default)]
    tool_call_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ClientCall<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    function: Option<ClientFunction<'a>>,
    #[serde(borrow, default)]
    custom: Option<ClientCustom<'a>>,
}

#[derive(Deserialize)]
struct ClientFunction<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    arguments: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ClientCustom<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    input: Cow<'a, str>,
}

/// An element of `reasoning_details`.
#[derive(Deserialize)]
struct ClientDetail<'a> {
    #[serde(borrow, default)]
    data: Option<Cow<'a, str>>,
}

/// Reads a request.
pub fn read<'a>(
    body: &'a [u8],
    envelope: &EnvelopeKey,
) -> Result<Conversation<'a>, Untranslatable> {
    let body: ClientBody<'a> =
        serde_json::from_slice(body).map_err(|error| wrong_shape("messages", &error))?;
    check_refused(&body)?;
    let mut conversation = Conversation {
        parallel_calls: body.parallel_tool_calls,
        max_tokens: body.max_completion_tokens.or(body.max_tokens),
        sampling: Sampling {
            temperature: body.temperature,
            top_p: body.top_p,
            top_k: body.top_k,
            seed: body.seed,
            frequency_penalty: body.frequency_penalty,
            presence_penalty: body.presence_penalty,
        },
        reasoning: body
            .reasoning_effort
            .and_then(|effort| Effort::from_name(&effort))
            .map(Reasoning::of_effort),
        verbosity: body.verbosity,
        user: body.user,
        cache_key: body.prompt_cache_key,
        service_tier: body.service_tier,
        stream: body.stream.unwrap_or(false),
        ..Conversation::default()
    };
    if let Some(stop) = body.stop {
        conversation.stop = stop_sequences(stop)?;
    }
    if let Some(format) = body.response_format {
        conversation.format = output_format(format)?;
    }
    let tools = body.tools.unwrap_or_default();
    let functions = body.functions.unwrap_or_default();
    tools::declare(
        &mut conversation,
        &tools,
        &functions,
        body.web_search_options,
    )?;
    if let Some(choice) = body.tool_choice.or(body.function_call) {
        tools::choose(&mut conversation, choice)?;
    }
    for (place, raw) in body.messages.unwrap_or_default().into_iter().enumerate() {
        let path = format!("messages[{place}]");
        let message =
            serde_json::from_str(raw.get()).map_err(|error| wrong_shape(&path, &error))?;
        read_message(&mut conversation, message, &path, envelope)?;
    }
    Ok(conversation)
}

/// A member of the wrong type. The parser's own message may quote the request, so that only its place is used.
fn wrong_shape(path: &str, error: &serde_json::Error) -> Untranslatable {
    Untranslatable::new(
        path.to_owned(),
        format!(
            "`{path}` has a member of the wrong type (line {}, column {} of it); see OpenAI's reference of chat completions.",
            error.line(),
            error.column()
        ),
    )
}

fn check_refused(body: &ClientBody<'_>) -> Result<(), Untranslatable> {
    let refuse = |param: &'static str, what: &str| {
        let message = format!(
            "{what} cannot be translated for the channels of this model. Leave `{param}` out, or use a model whose channel \
             speaks chat completions itself."
        );
        Err(Untranslatable::new(param, message))
    };
    if body.n.is_some_and(|n| n > 1) {
        return refuse("n", "Several choices");
    }
    let has_audio = |list: &Vec<Cow<'_, str>>| list.iter().any(|it| it == "audio");
    if body.modalities.as_ref().is_some_and(has_audio) {
        return refuse("modalities", "Audio as output");
    }
    if body.audio.is_some_and(|raw| raw.get() != "null") {
        return refuse("audio", "Audio as output");
    }
    Ok(())
}

fn stop_sequences(raw: &RawValue) -> Result<Vec<Cow<'_, str>>, Untranslatable> {
    let wrong = || Untranslatable::new("stop", "`stop` must be a string or a list of strings.");
    match raw.get().as_bytes().first() {
        Some(b'"') => Ok(vec![serde_json::from_str(raw.get()).map_err(|_| wrong())?]),
        Some(b'[') => texts(raw).ok_or_else(wrong),
        Some(b'n') => Ok(Vec::new()),
        _ => Err(wrong()),
    }
}

/// A list of strings. Strings with escapes are copied.
fn texts(raw: &RawValue) -> Option<Vec<Cow<'_, str>>> {
    let list: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
    list.into_iter().map(string).collect()
}

/// A string, borrowed where it has no escapes.
fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct ClientText<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<ClientText<'_>>(raw.get())
        .ok()
        .map(|text| text.0)
}

fn output_format(raw: &RawValue) -> Result<Option<OutputFormat<'_>>, Untranslatable> {
    #[derive(Deserialize)]
    struct ClientFormat<'a> {
        #[serde(borrow, rename = "type", default)]
        kind: Cow<'a, str>,
        #[serde(borrow, default)]
        json_schema: Option<ClientSchema<'a>>,
    }
    #[derive(Deserialize)]
    struct ClientSchema<'a> {
        #[serde(borrow, default)]
        name: Option<Cow<'a, str>>,
        #[serde(borrow, default)]
        schema: Option<&'a RawValue>,
        #[serde(default)]
        strict: Option<bool>,
    }
    let wrong = || {
        let message = "`response_format` must be an object with a `type`, and a `json_schema` where that is its type.";
        Untranslatable::new("response_format", message)
    };
    if raw.get() == "null" {
        return Ok(None);
    }
    let format: ClientFormat<'_> = serde_json::from_str(raw.get()).map_err(|_| wrong())?;
    match (&*format.kind, format.json_schema) {
        ("json_object", _) => Ok(Some(OutputFormat::JsonObject)),
        ("json_schema", Some(found)) => Ok(Some(OutputFormat::Schema {
            name: found.name,
            schema: Cow::Borrowed(found.schema.ok_or_else(wrong)?),
            strict: found.strict,
        })),
        ("json_schema", None) => Err(wrong()),
        _ => Ok(None),
    }
}

fn read_message<'a>(
    conversation: &mut Conversation<'a>,
    message: ClientMessage<'a>,
    path: &str,
    envelope: &EnvelopeKey,
) -> Result<(), Untranslatable> {
    match &*message.role {
        "system" | "developer" => {
            for text in content::texts(message.content, path)? {
                if conversation.items.is_empty() {
                    conversation.instructions.push(text);
                } else {
                    conversation.items.push(Item::System(text));
                }
            }
        }
        "user" => {
            let parts = content::parts(message.content, path)?;
            if !parts.is_empty() {
                conversation.items.push(Item::User(parts));
            }
        }
        "assistant" => assistant(conversation, message, path, envelope)?,
        "tool" | "function" => {
            let id = message.tool_call_id.or(message.name).unwrap_or_default();
            let parts = content::parts(message.content, path)?;
            conversation.items.push(Item::Result(CallResult {
                id,
                parts,
                is_error: false,
            }));
        }
        _ => {
            return Err(Untranslatable::new(
                format!("{path}.role"),
                format!("`{path}.role` must be system, developer, user, assistant or tool."),
            ));
        }
    }
    Ok(())
}

fn assistant<'a>(
    conversation: &mut Conversation<'a>,
    message: ClientMessage<'a>,
    path: &str,
    envelope: &EnvelopeKey,
) -> Result<(), Untranslatable> {
    reasoning(conversation, &message, envelope);
    for part in content::parts(message.content, path)? {
        // Files of the assistant's own have no form elsewhere.
        if let Part::Text(Text { text, .. }) = part {
            conversation.items.push(Item::AssistantText(text));
        }
    }
    if let Some(refusal) = message.refusal.filter(|text| !text.is_empty()) {
        conversation.items.push(Item::Refusal(refusal));
    }
    for call in message.tool_calls.into_iter().flatten() {
        let call = tools::call(&mut conversation.registry, call);
        conversation.items.push(Item::Call(call));
    }
    if let Some(function) = message.function_call {
        let call = Call {
            // Results of such calls name the function.
            id: function.name.clone(),
            name: tools::function_name(&mut conversation.registry, &function.name),
            arguments: function.arguments.unwrap_or_default(),
        };
        conversation.items.push(Item::Call(call));
    }
    Ok(())
}

/// Earlier reasoning. State comes in `reasoning_details`, in the gateway's envelopes; that of others belongs to servers of
/// this dialect.
fn reasoning<'a>(
    conversation: &mut Conversation<'a>,
    message: &ClientMessage<'a>,
    envelope: &EnvelopeKey,
) {
    let text = message
        .reasoning_content
        .clone()
        .or_else(|| message.reasoning.and_then(string))
        .unwrap_or_default();
    let details: Vec<ClientDetail<'a>> = message
        .reasoning_details
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default();
    let mut states = details
        .iter()
        .filter_map(|detail| envelope.open(detail.data.as_deref()?));
    let state = states.next();
    if !text.is_empty() || state.is_some() {
        let item = ReasoningItem { text, state };
        conversation.items.push(Item::Reasoning(item));
    }
    for state in states {
        conversation.items.push(Item::Reasoning(ReasoningItem {
            text: Cow::Borrowed(""),
            state: Some(state),
        }));
    }
}
