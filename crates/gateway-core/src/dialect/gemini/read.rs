//! Requests of Gemini's clients: `generateContent`, `streamGenerateContent` and `countTokens`. Owns the members of the
//! request and of its `generationConfig`; both spellings of names are read, as Google's servers do. Members that are not
//! named here are hints that a server may ignore, and are left out.

mod calls;
mod contents;
mod parts;
mod place;
mod tools;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::schema;
use crate::dialect::conversation::{Conversation, OutputFormat, Sampling};
use crate::dialect::effort::{Effort, Reasoning};
use crate::dialect::envelope::EnvelopeKey;
use crate::dialect::untranslatable::Untranslatable;
use place::{GeminiPlace, ROOT};

/// Why a schema is refused.
const NO_SCHEMA: &str = "must be a schema that is an object and is not nested too deeply.";

/// The members of a request. Each is raw, so that an invalid one can be named.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct GeminiRequest<'a> {
    #[serde(borrow)]
    contents: Option<&'a RawValue>,
    #[serde(borrow, alias = "system_instruction")]
    system_instruction: Option<&'a RawValue>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    #[serde(borrow, alias = "tool_config")]
    tool_config: Option<&'a RawValue>,
    #[serde(borrow, alias = "generation_config")]
    generation_config: Option<&'a RawValue>,
    #[serde(borrow, alias = "cached_content")]
    cached_content: Option<&'a RawValue>,
    /// `countTokens`: the request whose tokens are counted.
    #[serde(borrow, alias = "generate_content_request")]
    generate_content_request: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct GenerationConfig<'a> {
    #[serde(borrow, alias = "candidate_count")]
    candidate_count: Option<&'a RawValue>,
    #[serde(borrow, alias = "stop_sequences")]
    stop_sequences: Option<&'a RawValue>,
    #[serde(borrow, alias = "max_output_tokens")]
    max_output_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    temperature: Option<&'a RawValue>,
    #[serde(borrow, alias = "top_p")]
    top_p: Option<&'a RawValue>,
    #[serde(borrow, alias = "top_k")]
    top_k: Option<&'a RawValue>,
    #[serde(borrow)]
    seed: Option<&'a RawValue>,
    #[serde(borrow, alias = "presence_penalty")]
    presence_penalty: Option<&'a RawValue>,
    #[serde(borrow, alias = "frequency_penalty")]
    frequency_penalty: Option<&'a RawValue>,
    #[serde(borrow, alias = "response_mime_type")]
    response_mime_type: Option<&'a RawValue>,
    #[serde(borrow, alias = "response_schema")]
    response_schema: Option<&'a RawValue>,
    #[serde(borrow, alias = "response_json_schema")]
    response_json_schema: Option<&'a RawValue>,
    #[serde(borrow, alias = "response_modalities")]
    response_modalities: Option<&'a RawValue>,
    #[serde(borrow, alias = "thinking_config")]
    thinking_config: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ThinkingConfig<'a> {
    #[serde(borrow, alias = "include_thoughts")]
    include_thoughts: Option<&'a RawValue>,
    #[serde(borrow, alias = "thinking_budget")]
    thinking_budget: Option<&'a RawValue>,
    #[serde(borrow, alias = "thinking_level")]
    thinking_level: Option<&'a RawValue>,
}

/// Reads a request. `stream`: whether its path asks for a stream.
pub fn read<'a>(
    body: &'a [u8],
    stream: bool,
    envelope: &EnvelopeKey,
) -> Result<Conversation<'a>, Untranslatable> {
    let request: GeminiRequest<'_> = serde_json::from_slice(body).map_err(|_| {
        Untranslatable::new(
            "",
            "The request must be a JSON object with each member once, in one spelling.",
        )
    })?;
    let mut conversation = Conversation {
        stream,
        ..Conversation::default()
    };
    if let Some(raw) = request.generate_content_request {
        let place = ROOT.member("generateContentRequest");
        let request = place.object(Some(raw))?;
        read_request(&mut conversation, &request, place, envelope)?;
    } else {
        read_request(&mut conversation, &request, ROOT, envelope)?;
    }
    Ok(conversation)
}

fn read_request<'a>(
    conversation: &mut Conversation<'a>,
    request: &GeminiRequest<'a>,
    place: GeminiPlace<'_>,
    envelope: &EnvelopeKey,
) -> Result<(), Untranslatable> {
    if request.cached_content.is_some() {
        return Err(place.member("cachedContent").rejected(
            "names content that Google stores, which this channel does not have. Send the content itself.",
        ));
    }
    let config = place.member("generationConfig");
    read_config(
        conversation,
        &config.object(request.generation_config)?,
        config,
    )?;
    let instruction = place.member("systemInstruction");
    if let Some(raw) = request.system_instruction {
        conversation.instructions = contents::instructions(raw, instruction)?;
    }
    // Declarations come first: they decide which names the history's calls have.
    tools::declare(conversation, request.tools, place.member("tools"))?;
    tools::choose(
        conversation,
        request.tool_config,
        place.member("toolConfig"),
    )?;
    contents::read(
        conversation,
        request.contents,
        place.member("contents"),
        envelope,
    )
}

fn read_config<'a>(
    conversation: &mut Conversation<'a>,
    config: &GenerationConfig<'a>,
    place: GeminiPlace<'_>,
) -> Result<(), Untranslatable> {
    let member = |name| place.member(name);
    let candidates = member("candidateCount");
    if candidates
        .integer(config.candidate_count)?
        .is_some_and(|count| count > 1)
    {
        return Err(candidates.rejected("must be 1: this channel answers once per request."));
    }
    check_modalities(config.response_modalities, member("responseModalities"))?;
    conversation.stop = member("stopSequences").strings(config.stop_sequences)?;
    let limit = member("maxOutputTokens");
    conversation.max_tokens = limit
        .integer(config.max_output_tokens)?
        .map(|tokens| u64::try_from(tokens).map_err(|_| limit.must_be("a whole number")))
        .transpose()?;
    conversation.sampling = Sampling {
        temperature: member("temperature").number(config.temperature)?,
        top_p: member("topP").number(config.top_p)?,
        top_k: member("topK").number(config.top_k)?,
        seed: member("seed").number(config.seed)?,
        frequency_penalty: member("frequencyPenalty").number(config.frequency_penalty)?,
        presence_penalty: member("presencePenalty").number(config.presence_penalty)?,
    };
    let thinking = member("thinkingConfig");
    conversation.reasoning = reasoning(&thinking.object(config.thinking_config)?, thinking)?;
    conversation.format = format(config, place)?;
    Ok(())
}

fn check_modalities(raw: Option<&RawValue>, place: GeminiPlace<'_>) -> Result<(), Untranslatable> {
    let modalities = place.strings(raw)?;
    let is_text = |it: &Cow<'_, str>| {
        it.eq_ignore_ascii_case("TEXT") || it.eq_ignore_ascii_case("MODALITY_UNSPECIFIED")
    };
    if modalities.iter().all(is_text) {
        return Ok(());
    }
    Err(place.rejected("must be `TEXT` alone: this channel answers with text only."))
}

/// What a request says about thinking. A budget of -1, and thoughts to be shown without more, leave the amount to the
/// model.
fn reasoning(
    config: &ThinkingConfig<'_>,
    place: GeminiPlace<'_>,
) -> Result<Option<Reasoning>, Untranslatable> {
    let shown = place.member("includeThoughts");
    let is_shown = shown.boolean(config.include_thoughts)? == Some(true);
    let budget = place
        .member("thinkingBudget")
        .integer(config.thinking_budget)?;
    let level = place
        .member("thinkingLevel")
        .string(config.thinking_level)?;
    let level = level.and_then(|level| Effort::from_name(&level.to_ascii_lowercase()));
    let reasoning = match (level, budget) {
        (Some(effort), _) => Reasoning::of_effort(effort),
        (None, Some(0)) => Reasoning::of_effort(Effort::None),
        (None, Some(tokens)) => match u64::try_from(tokens) {
            Ok(tokens) => Reasoning::of_budget(tokens),
            Err(_) => Reasoning::of_effort(Effort::Medium),
        },
        (None, None) if is_shown => Reasoning::of_effort(Effort::Medium),
        (None, None) => return Ok(None),
    };
    Ok(Some(Reasoning {
        is_shown,
        ..reasoning
    }))
}

fn format<'a>(
    config: &GenerationConfig<'a>,
    place: GeminiPlace<'_>,
) -> Result<Option<OutputFormat<'a>>, Untranslatable> {
    let kind = place.member("responseMimeType");
    let mime_type = kind.string(config.response_mime_type)?;
    let is_json = match mime_type.as_deref() {
        None | Some("" | "text/plain") => false,
        Some("application/json") => true,
        Some(_) => {
            return Err(kind.rejected(
                "must be `text/plain` or `application/json`: this channel has no other forms of answers.",
            ));
        }
    };
    let schema = match (config.response_json_schema, config.response_schema) {
        (Some(raw), _) => {
            let is_object = raw.get().starts_with('{');
            let place = place.member("responseJsonSchema");
            Cow::Borrowed(
                is_object
                    .then_some(raw)
                    .ok_or_else(|| place.rejected(NO_SCHEMA))?,
            )
        }
        (None, Some(raw)) => {
            let refused = || place.member("responseSchema").rejected(NO_SCHEMA);
            let converted = schema::to_json_schema(raw.get()).map_err(|_| refused())?;
            Cow::Owned(RawValue::from_string(converted).map_err(|_| refused())?)
        }
        (None, None) => return Ok(is_json.then_some(OutputFormat::JsonObject)),
    };
    Ok(Some(OutputFormat::Schema {
        name: None,
        schema,
        strict: None,
    }))
}

#[cfg(test)]
mod tests;
