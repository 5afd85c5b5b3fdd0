//! Requests that do not fit into a model's context. Owns the wordings of upstreams for it, and the words that clients
//! parse: Claude Code asks for fewer tokens or compacts the conversation only when it finds Anthropic's sentences, and
//! Codex only with OpenAI's code. Whether an error is the request's fault at all is decided elsewhere, before.

/// The code of the error for clients of `OpenAI`'s shape.
pub const CODE: &str = "context_length_exceeded";
/// The type of the error in every shape.
pub const KIND: &str = "invalid_request_error";

/// No more of a message is searched; the figures come first in all wordings.
const MAX_SEARCHED_BYTES: usize = 4_096;
/// More tokens than any model accepts: a figure above is invalid.
const MAX_TOKENS: u64 = 1 << 40;

/// Codes that mean it without any words.
const CODES: [&str; 3] = [
    CODE,
    // z.ai.
    "model_context_window_exceeded",
    // llama.cpp.
    "exceed_context_size_error",
];

/// Words that mean it, in lower case.
const PHRASES: [&str; 27] = [
    // OpenAI, Azure, vLLM, NVIDIA NIM, DeepSeek, OpenRouter, Mistral, SGLang, Fireworks.
    "maximum context length",
    // OpenAI's responses.
    "exceeds the context window",
    "context_length_exceeded",
    "context length exceeded",
    // Anthropic.
    "prompt is too long",
    "exceed context limit",
    // Groq.
    "reduce the length of the messages",
    // vLLM.
    "the model's context length is only",
    "longer than the maximum model length",
    // Gemini.
    "exceeds the maximum number of tokens allowed",
    "input token count is",
    // llama.cpp.
    "exceeds the available context size",
    // Ollama.
    "prompt too long",
    "exceeds the context length",
    // LM Studio.
    "greater than the context length",
    // xAI.
    "maximum prompt length is",
    // Together, SGLang.
    "longer than the model's context length",
    // Text Generation Inference.
    "`inputs` tokens + `max_new_tokens` must be",
    "`inputs` must have less than",
    // Poolside.
    "exceeds the maximum allowed input length",
    // Bedrock.
    "input is too long for requested model",
    // MiniMax.
    "context window exceeds limit",
    // Moonshot.
    "exceeded model token limit",
    // GitHub Copilot.
    "prompt token count of",
    // DashScope.
    "range of input length should be",
    // Cohere.
    "number of tokens in the prompt cannot exceed",
    // Cerebras.
    "current length is",
];

/// Words of limits that have nothing to do with the context, in lower case.
const OTHER_LIMITS: [&str; 6] = [
    "rate limit",
    "too many requests",
    "per minute",
    "tokens per min",
    "quota",
    "throttl",
];

/// Words before the limit.
const BEFORE_LIMIT: [&str; 14] = [
    "maximum context length",
    "maximum prompt length",
    "maximum model length",
    "maximum number of tokens allowed",
    "maximum allowed input length",
    "available context size",
    "context length is only",
    "model's context length",
    "exceeds the limit",
    "model token limit",
    "supports up to",
    "must be <=",
    "while limit",
    "input length should be [1,",
];

/// Words after the limit.
const AFTER_LIMIT: [&str; 1] = [" maximum"];

/// Words after parts of the input, which are added up.
const AFTER_PROMPT_PART: [&str; 5] = [
    " in the messages",
    " in the functions",
    " of text input",
    " of tool input",
    " of image input",
];

/// Words after the tokens of the whole input.
const AFTER_PROMPT: [&str; 4] = [
    " input tokens",
    " tokens from the input messages",
    " in your prompt",
    " `inputs` tokens",
];

/// Words before the tokens of the whole input. What comes last says less exactly what is counted.
const BEFORE_PROMPT: [&str; 13] = [
    "prompt is too long",
    "exceed context limit",
    "your messages resulted in",
    "input token count",
    "prompt token count",
    "prompt contains",
    "request contains",
    "request (",
    "input (",
    "prompt (length",
    "input length",
    "current length",
    "requested:",
];

/// Words before the tokens of a request of which only the sum is stated.
const BEFORE_SUM: [&str; 1] = ["you requested"];

/// Words after the tokens of the answer.
const AFTER_COMPLETION: [&str; 6] = [
    " in the completion",
    " for the completion",
    " tokens for the completion",
    " in the output",
    " output tokens",
    " `max_new_tokens`",
];

/// Words before the tokens of the answer: vLLM's "… is too large: 8192. This model's maximum …".
const BEFORE_COMPLETION: [&str; 1] = ["is too large"];

/// A request that does not fit into the model's context, with the figures that the upstream states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContextOverflow {
    /// Tokens of the request.
    pub prompt_tokens: Option<u64>,
    /// Tokens that the request allows for the answer.
    pub completion_tokens: Option<u64>,
    /// Tokens that fit into the context.
    pub limit: Option<u64>,
}

impl ContextOverflow {
    /// What an upstream's error says about the context; `None` when it is about something else.
    pub fn of_error(code: Option<&str>, message: &str) -> Option<Self> {
        let text = searched(message);
        let is_known = code.is_some_and(|code| CODES.contains(&code));
        let is_other = || OTHER_LIMITS.iter().any(|words| text.contains(words));
        let is_said = || PHRASES.iter().any(|words| text.contains(words));
        (is_known || (is_said() && !is_other())).then(|| Self::of_text(&text))
    }

    fn of_text(text: &str) -> Self {
        if let Some(found) = anthropic_sum(text) {
            return found;
        }
        let parts = AFTER_PROMPT_PART.iter();
        let parts = parts.filter_map(|words| number_before(text, words));
        let sum_of_parts = parts.reduce(u64::saturating_add);
        Self {
            prompt_tokens: sum_of_parts
                .or_else(|| first(&AFTER_PROMPT, text, number_before))
                .or_else(|| first(&BEFORE_PROMPT, text, number_after))
                .or_else(|| first(&BEFORE_SUM, text, number_after)),
            completion_tokens: first(&AFTER_COMPLETION, text, number_before)
                .or_else(|| first(&BEFORE_COMPLETION, text, number_after)),
            limit: first(&BEFORE_LIMIT, text, number_after)
                .or_else(|| first(&AFTER_LIMIT, text, number_before)),
        }
    }

    /// The message for clients of Messages. Claude Code asks for a shorter answer when it finds the first form, which
    /// helps only while the request alone fits, and compacts the conversation with the other two.
    pub fn anthropic_message(&self) -> String {
        match (self.prompt_tokens, self.completion_tokens, self.limit) {
            (Some(prompt), Some(completion), Some(limit)) if completion > 0 && prompt < limit => {
                format!(
                    "input length and `max_tokens` exceed context limit: {prompt} + {completion} > {limit}, \
                     decrease input length or `max_tokens` and try again"
                )
            }
            (Some(prompt), _, Some(limit)) if prompt > limit => {
                format!("prompt is too long: {prompt} tokens > {limit} maximum")
            }
            _ => "prompt is too long: it exceeds the context of the model".to_owned(),
        }
    }
}

/// The beginning of a message in lower case.
fn searched(message: &str) -> String {
    let end = message.floor_char_boundary(MAX_SEARCHED_BYTES);
    let beginning = message.get(..end).unwrap_or_default();
    beginning.to_ascii_lowercase().replace('\u{2019}', "'")
}

fn first(list: &[&str], text: &str, find: impl Fn(&str, &str) -> Option<u64>) -> Option<u64> {
    list.iter().find_map(|words| find(text, words))
}

/// Anthropic's "exceed context limit: 180000 + 32000 > 200000".
fn anthropic_sum(text: &str) -> Option<ContextOverflow> {
    let (_, rest) = text.split_once("exceed context limit:")?;
    let (prompt, rest) = rest.split_once('+')?;
    let (completion, limit) = rest.split_once('>')?;
    Some(ContextOverflow {
        prompt_tokens: Some(parsed(prompt.trim())?),
        completion_tokens: Some(parsed(completion.trim())?),
        limit: Some(leading_number(limit.trim_start())?),
    })
}

/// The number after the words, with at most a bracket, a colon or a filler between.
fn number_after(text: &str, words: &str) -> Option<u64> {
    text.match_indices(words).find_map(|(at, _)| {
        let rest = text.get(at + words.len()..)?;
        let mut rest = rest.trim_start_matches([' ', '(', ':', '=']);
        for filler in ["is ", "of ", "about ", "at least "] {
            rest = rest.strip_prefix(filler).unwrap_or(rest);
        }
        leading_number(rest.trim_start())
    })
}

/// The number directly before the words.
fn number_before(text: &str, words: &str) -> Option<u64> {
    text.match_indices(words).find_map(|(at, _)| {
        let before = text.get(..at)?;
        let number = before.trim_end_matches(is_of_number);
        parsed(before.get(number.len()..)?.trim_start_matches(','))
    })
}

fn leading_number(text: &str) -> Option<u64> {
    let rest = text.trim_start_matches(is_of_number);
    let number = text.get(..text.len() - rest.len())?;
    parsed(number.trim_end_matches(','))
}

const fn is_of_number(character: char) -> bool {
    character.is_ascii_digit() || character == ','
}

/// A number, perhaps with thousands' separators.
fn parsed(number: &str) -> Option<u64> {
    let number: u64 = number.replace(',', "").parse().ok()?;
    (number <= MAX_TOKENS).then_some(number)
}

#[cfg(test)]
mod tests;
