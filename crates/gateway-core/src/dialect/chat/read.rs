//! A Chat client's request in the form between the dialects. Owns the members of the request besides its messages and
//! tools, and which of them are rejected: those that change what the answer is. Members that are hints are left out.

mod messages;
mod parts;
mod problem;
mod tools;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Number;
use serde_json::value::RawValue;

use self::problem::{Fit, RequestProblem};
use crate::dialect::conversation::{Conversation, OutputFormat, Sampling};
use crate::dialect::effort::{Effort, Reasoning};
use crate::dialect::envelope::EnvelopeKey;
use crate::dialect::json;
use crate::dialect::untranslatable::Untranslatable;

#[derive(Deserialize)]
struct ChatRequest<'a> {
    #[serde(borrow, default)]
    messages: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tools: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_choice: Option<&'a RawValue>,
    #[serde(borrow, default)]
    functions: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function_call: Option<&'a RawValue>,
    #[serde(borrow, default)]
    parallel_tool_calls: Option<&'a RawValue>,
    #[serde(borrow, default)]
    web_search_options: Option<&'a RawValue>,
    #[serde(borrow, default)]
    max_completion_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    max_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    stop: Option<&'a RawValue>,
    #[serde(borrow, default)]
    temperature: Option<&'a RawValue>,
    #[serde(borrow, default)]
    top_p: Option<&'a RawValue>,
    #[serde(borrow, default)]
    top_k: Option<&'a RawValue>,
    #[serde(borrow, default)]
    seed: Option<&'a RawValue>,
    #[serde(borrow, default)]
    frequency_penalty: Option<&'a RawValue>,
    #[serde(borrow, default)]
    presence_penalty: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_effort: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response_format: Option<&'a RawValue>,
    #[serde(borrow, default)]
    verbosity: Option<&'a RawValue>,
    #[serde(borrow, default)]
    user: Option<&'a RawValue>,
    #[serde(borrow, default)]
    safety_identifier: Option<&'a RawValue>,
    #[serde(borrow, default)]
    prompt_cache_key: Option<&'a RawValue>,
    #[serde(borrow, default)]
    service_tier: Option<&'a RawValue>,
    #[serde(borrow, default)]
    stream: Option<&'a RawValue>,
    #[serde(borrow, default)]
    n: Option<&'a RawValue>,
    #[serde(borrow, default)]
    audio: Option<&'a RawValue>,
    #[serde(borrow, default)]
    modalities: Option<&'a RawValue>,
    #[serde(borrow, default)]
    logprobs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    top_logprobs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    logit_bias: Option<&'a RawValue>,
    #[serde(borrow, default)]
    prediction: Option<&'a RawValue>,
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    store: Option<&'a RawValue>,
}

/// `reasoning`, as OpenRouter's clients send it.
#[derive(Deserialize)]
struct ChatReasoning<'a> {
    #[serde(borrow, default)]
    effort: Option<&'a RawValue>,
    #[serde(borrow, default)]
    max_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    enabled: Option<&'a RawValue>,
    #[serde(borrow, default)]
    exclude: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChatFormat<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    json_schema: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChatSchema<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    schema: Option<&'a RawValue>,
    #[serde(borrow, default)]
    strict: Option<&'a RawValue>,
}

/// Reads a request.
pub fn read<'a>(
    body: &'a [u8],
    envelope: &EnvelopeKey,
) -> Result<Conversation<'a>, Untranslatable> {
    let request: ChatRequest<'a> = serde_json::from_slice(body)
        .map_err(|_| Untranslatable::new("messages", "The request must be a JSON object."))?;
    let mut conversation = Conversation::default();
    read_all(&request, envelope, &mut conversation).map_err(RequestProblem::into_untranslatable)?;
    Ok(conversation)
}

fn read_all<'a>(
    request: &ChatRequest<'a>,
    envelope: &EnvelopeKey,
    conversation: &mut Conversation<'a>,
) -> Result<(), RequestProblem> {
    reject(request)?;
    // Tools come first, so that declared tools get their plain names, and calls in the history those of their tools.
    tools::read(
        &tools::DeclaredTools {
            tools: request.tools,
            functions: request.functions,
            web_search_options: request.web_search_options,
            tool_choice: request.tool_choice,
            function_call: request.function_call,
        },
        conversation,
    )?;
    conversation.parallel_calls = flag(request.parallel_tool_calls, "parallel_tool_calls")?;
    messages::read(request.messages, envelope, conversation)?;
    conversation.max_tokens = tokens(request.max_completion_tokens, "max_completion_tokens")?
        .map_or_else(
            || tokens(request.max_tokens, "max_tokens"),
            |max| Ok(Some(max)),
        )?;
    conversation.stop = stop(request.stop).map_err(|problem| problem.inside("stop"))?;
    conversation.sampling = Sampling {
        temperature: number(request.temperature, "temperature")?,
        top_p: number(request.top_p, "top_p")?,
        top_k: number(request.top_k, "top_k")?,
        seed: number(request.seed, "seed")?,
        frequency_penalty: number(request.frequency_penalty, "frequency_penalty")?,
        presence_penalty: number(request.presence_penalty, "presence_penalty")?,
    };
    conversation.reasoning = reasoning(request)?;
    conversation.format = request
        .response_format
        .map_or(Ok(None), format)
        .map_err(|problem| problem.inside("response_format"))?;
    conversation.verbosity = word(request.verbosity, "verbosity")?;
    conversation.user = match word(request.user, "user")? {
        None => word(request.safety_identifier, "safety_identifier")?,
        user => user,
    };
    conversation.cache_key = word(request.prompt_cache_key, "prompt_cache_key")?;
    conversation.service_tier = word(request.service_tier, "service_tier")?;
    conversation.stream = flag(request.stream, "stream")?.unwrap_or(false);
    note_dropped(request, &mut conversation.dropped);
    Ok(())
}

/// Rejects what changes the kind of the answer: several answers, and audio or images instead of text.
fn reject(request: &ChatRequest<'_>) -> Result<(), RequestProblem> {
    if tokens(request.n, "n")?.is_some_and(|count| count > 1) {
        return Err(RequestProblem::at(
            "n",
            "must be 1: the channel of this model gives one answer per request.",
        ));
    }
    if request.audio.is_some() {
        return Err(RequestProblem::at(
            "audio",
            "must be left out: the channel of this model answers with text only.",
        ));
    }
    let Some(modalities) = request.modalities else {
        return Ok(());
    };
    let modalities = json::list(modalities).fit_at("modalities", "must be a list of strings.")?;
    if modalities
        .iter()
        .any(|modality| modality.get() != "\"text\"")
    {
        return Err(RequestProblem::at(
            "modalities",
            "must be `[\"text\"]`: the channel of this model answers with text only.",
        ));
    }
    Ok(())
}

fn note_dropped(request: &ChatRequest<'_>, dropped: &mut Vec<Cow<'static, str>>) {
    let optional = [
        (request.logprobs, "logprobs"),
        (request.top_logprobs, "top_logprobs"),
        (request.logit_bias, "logit_bias"),
        (request.prediction, "prediction"),
        (request.metadata, "metadata"),
        (request.store, "store"),
    ];
    let given = optional
        .into_iter()
        .filter(|(raw, _)| raw.is_some_and(|raw| raw.get() != "false"));
    dropped.extend(given.map(|(_, name)| Cow::Borrowed(name)));
}

fn reasoning(request: &ChatRequest<'_>) -> Result<Option<Reasoning>, RequestProblem> {
    if let Some(effort) = word(request.reasoning_effort, "reasoning_effort")? {
        // A word that is no step, such as `auto`, leaves the choice to the model.
        return Ok(Effort::from_name(&effort).map(Reasoning::of_effort));
    }
    let Some(raw) = request.reasoning else {
        return Ok(None);
    };
    let wanted: ChatReasoning<'_> = json::object(raw).fit_at("reasoning", "must be an object.")?;
    let effort = word(wanted.effort, "reasoning.effort")?;
    let effort = effort.and_then(|effort| Effort::from_name(&effort));
    let budget = tokens(wanted.max_tokens, "reasoning.max_tokens")?;
    let enabled = flag(wanted.enabled, "reasoning.enabled")?;
    let is_hidden = flag(wanted.exclude, "reasoning.exclude")?.unwrap_or(false);
    let reasoning = match (budget, effort, enabled) {
        (Some(tokens), ..) => Some(Reasoning::of_budget(tokens)),
        (None, Some(effort), _) => Some(Reasoning::of_effort(effort)),
        (None, None, Some(true)) => Some(Reasoning::of_effort(Effort::Medium)),
        (None, None, Some(false)) => Some(Reasoning::of_effort(Effort::None)),
        (None, None, None) => None,
    };
    Ok(reasoning.map(|reasoning| Reasoning {
        is_shown: !is_hidden,
        ..reasoning
    }))
}

fn format(raw: &RawValue) -> Result<Option<OutputFormat<'_>>, RequestProblem> {
    let format: ChatFormat<'_> = json::object(raw).fit("must be an object.")?;
    let kind = word(format.kind, "type")?;
    match kind.as_deref() {
        None | Some("text") => Ok(None),
        Some("json_object") => Ok(Some(OutputFormat::JsonObject)),
        Some("json_schema") => {
            let declared = format.json_schema.fit_at("json_schema", "is missing.")?;
            schema(declared)
                .map(Some)
                .map_err(|problem| problem.inside("json_schema"))
        }
        Some(_) => Err(RequestProblem::at(
            "type",
            "must be `text`, `json_object` or `json_schema`.",
        )),
    }
}

fn schema(raw: &RawValue) -> Result<OutputFormat<'_>, RequestProblem> {
    let declared: ChatSchema<'_> = json::object(raw).fit("must be an object.")?;
    let Some(schema) = declared.schema else {
        return Ok(OutputFormat::JsonObject);
    };
    if !schema.get().starts_with('{') {
        return Err(RequestProblem::at("schema", "must be an object."));
    }
    Ok(OutputFormat::Schema {
        name: word(declared.name, "name")?,
        schema: Cow::Borrowed(schema),
        strict: flag(declared.strict, "strict")?,
    })
}

fn stop(raw: Option<&RawValue>) -> Result<Vec<Cow<'_, str>>, RequestProblem> {
    const RULE: &str = "must be a string or a list of strings.";
    let Some(raw) = raw else {
        return Ok(Vec::new());
    };
    if let Some(only) = json::text(raw) {
        return Ok(vec![only]);
    }
    let list = json::list(raw).fit(RULE)?;
    list.into_iter()
        .map(|raw| json::text(raw).fit(RULE))
        .collect()
}

/// A string member; an empty one is absent.
fn word<'a>(
    raw: Option<&'a RawValue>,
    name: &'static str,
) -> Result<Option<Cow<'a, str>>, RequestProblem> {
    let Some(raw) = raw else { return Ok(None) };
    let word = json::text(raw).fit_at(name, "must be a string.")?;
    Ok(Some(word).filter(|word| !word.is_empty()))
}

fn flag(raw: Option<&RawValue>, name: &'static str) -> Result<Option<bool>, RequestProblem> {
    match raw.map(RawValue::get) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(RequestProblem::at(name, "must be `true` or `false`.")),
    }
}

fn number(raw: Option<&RawValue>, name: &'static str) -> Result<Option<Number>, RequestProblem> {
    let Some(raw) = raw else { return Ok(None) };
    let number = crate::wire::json::from_str(raw.get()).ok();
    number.fit_at(name, "must be a number.").map(Some)
}

fn tokens(raw: Option<&RawValue>, name: &'static str) -> Result<Option<u64>, RequestProblem> {
    let Some(raw) = raw else { return Ok(None) };
    let number = crate::wire::json::from_str(raw.get()).ok();
    number
        .fit_at(name, "must be a whole number that is not negative.")
        .map(Some)
}

#[cfg(test)]
mod tests;
