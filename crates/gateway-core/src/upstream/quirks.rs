//! Where a server differs from others of its dialect, as data. Owns the names and values of such differences in the
//! configuration; `presets` has what is known of providers, `dialect::traits` what follows.

use serde::{Deserialize, Serialize};

/// The largest `max_tokens` that can be set as the default.
pub const MAX_DEFAULT_TOKENS: u64 = 10_000_000;
/// The largest number of stop sequences that can be set.
pub const MAX_STOP_SEQUENCES: u64 = 1_000;

/// What differs in translated requests; what is absent is as the preset has it, which is found by the base URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// The preset whose quirks apply, for servers that the base URL does not identify.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<PresetId>,
    /// How reasoning is requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<ReasoningForm>,
    /// The least effort that it accepts; less becomes this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_effort: Option<EffortBound>,
    /// The highest effort that it accepts; more becomes this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_effort: Option<EffortBound>,
    /// The member of assistant messages in which earlier reasoning is sent back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_param: Option<ReasoningMember>,
    /// The member with the limit of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens_param: Option<MaxTokensMember>,
    /// The limit of the answer where a request has none and the dialect demands one.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_DEFAULT_TOKENS)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_max_tokens: Option<u64>,
    /// The longest list of stop sequences.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_STOP_SEQUENCES)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_stop_sequences: Option<u16>,
    /// The form of ids of calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_ids: Option<CallIdForm>,
    /// Whether it knows the role `developer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub developer_role: Option<bool>,
    /// Whether system messages may come after the first message; otherwise they become texts of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late_system: Option<bool>,
    /// Whether it continues a conversation that ends with the assistant's turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefill: Option<bool>,
    /// Whether it runs web searches itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_search: Option<bool>,
    /// Whether it accepts `temperature`, `top_p` and penalties.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling: Option<bool>,
    /// Whether it accepts `top_k`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<bool>,
    /// Whether it accepts `seed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<bool>,
    /// Whether it accepts `parallel_tool_calls`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
    /// Whether it accepts `strict` in the declaration of a tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict_tools: Option<bool>,
    /// Whether it accepts `prompt_cache_key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_cache_key: Option<bool>,
    /// Whether it accepts `user`, `service_tier` and `verbosity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openai_hints: Option<bool>,
    /// Whether it accepts `stream_options` in translated requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_options: Option<bool>,
}

impl Quirks {
    /// No difference.
    pub const NONE: Self = Self {
        preset: None,
        thinking: None,
        min_effort: None,
        max_effort: None,
        reasoning_param: None,
        max_tokens_param: None,
        default_max_tokens: None,
        max_stop_sequences: None,
        call_ids: None,
        developer_role: None,
        late_system: None,
        prefill: None,
        web_search: None,
        sampling: None,
        top_k: None,
        seed: None,
        parallel_tool_calls: None,
        strict_tools: None,
        prompt_cache_key: None,
        openai_hints: None,
        stream_options: None,
    };
}

/// What a member of [`Quirks`] may be, for the validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuirkValue {
    /// True or false.
    Boolean,
    /// A whole number from the first to the second.
    Number(u64, u64),
    /// One of these.
    Choice(&'static [&'static str]),
}

/// What the member `name` may be; `None`: there is no such member.
pub fn value_of(name: &str) -> Option<QuirkValue> {
    const EFFORTS: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh", "max"];
    Some(match name {
        "preset" => QuirkValue::Choice(PresetId::NAMES),
        "thinking" => QuirkValue::Choice(&["none", "effort", "budget", "adaptive"]),
        "min_effort" | "max_effort" => QuirkValue::Choice(EFFORTS),
        "reasoning_param" => QuirkValue::Choice(&["none", "reasoning", "reasoning_content"]),
        "max_tokens_param" => QuirkValue::Choice(&["max_tokens", "max_completion_tokens"]),
        "call_ids" => QuirkValue::Choice(&["plain", "nine_alphanumerics"]),
        "default_max_tokens" => QuirkValue::Number(1, MAX_DEFAULT_TOKENS),
        "max_stop_sequences" => QuirkValue::Number(0, MAX_STOP_SEQUENCES),
        "developer_role"
        | "late_system"
        | "prefill"
        | "web_search"
        | "sampling"
        | "top_k"
        | "seed"
        | "parallel_tool_calls"
        | "strict_tools"
        | "prompt_cache_key"
        | "openai_hints"
        | "stream_options" => QuirkValue::Boolean,
        _ => return None,
    })
}

/// The name of a preset, which is the panel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PresetId {
    /// Anthropic.
    Anthropic,
    /// Azure `OpenAI`.
    Azure,
    /// `DeepSeek`.
    #[serde(rename = "deepseek")]
    DeepSeek,
    /// Google's endpoint for clients of `OpenAI`.
    Gemini,
    /// Groq.
    Groq,
    /// Mistral.
    Mistral,
    /// Moonshot: Kimi.
    Moonshot,
    /// NVIDIA NIM.
    Nvidia,
    /// Ollama.
    Ollama,
    /// `OpenAI`.
    #[serde(rename = "openai")]
    OpenAi,
    /// `OpenRouter`.
    #[serde(rename = "openrouter")]
    OpenRouter,
    /// Alibaba's Model Studio: Qwen.
    Qwen,
    /// vLLM.
    Vllm,
    /// xAI.
    Xai,
}

impl PresetId {
    /// Their names in the configuration.
    pub const NAMES: &'static [&'static str] = &[
        "anthropic",
        "azure",
        "deepseek",
        "gemini",
        "groq",
        "mistral",
        "moonshot",
        "nvidia",
        "ollama",
        "openai",
        "openrouter",
        "qwen",
        "vllm",
        "xai",
    ];
}

/// The member of Chat with the limit of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensMember {
    /// `max_tokens`, which nearly all servers know.
    MaxTokens,
    /// `max_completion_tokens`, which OpenAI's reasoning models require.
    MaxCompletionTokens,
}

/// How reasoning is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReasoningForm {
    /// Not at all.
    #[serde(rename = "none")]
    Absent,
    /// Chat and Responses: `reasoning_effort` and `reasoning.effort`.
    Effort,
    /// Messages: `thinking: {type: "enabled", budget_tokens}`.
    Budget,
    /// Messages: `thinking: {type: "adaptive"}` with `output_config.effort`.
    Adaptive,
}

/// The member of Chat's assistant messages with earlier reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReasoningMember {
    /// It is not sent back.
    None,
    /// `reasoning`
    Reasoning,
    /// `reasoning_content`
    ReasoningContent,
}

/// A bound of the effort of reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EffortBound {
    /// Does not reason.
    None,
    /// As little as possible.
    Minimal,
    /// Little.
    Low,
    /// The usual.
    Medium,
    /// Much.
    High,
    /// More than `high`.
    Xhigh,
    /// As much as possible.
    Max,
}

/// The form of ids of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CallIdForm {
    /// Up to 64 letters, digits, `_` and `-`.
    Plain,
    /// Exactly nine letters and digits (Mistral).
    NineAlphanumerics,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_list_of_values_is_what_can_be_read() {
        let whole = serde_json::to_value(Quirks::NONE).unwrap();
        assert_eq!(whole, json!({}));
        let names = [
            "preset",
            "thinking",
            "min_effort",
            "max_effort",
            "reasoning_param",
            "max_tokens_param",
            "default_max_tokens",
            "max_stop_sequences",
            "call_ids",
            "developer_role",
            "late_system",
            "prefill",
            "web_search",
            "sampling",
            "top_k",
            "seed",
            "parallel_tool_calls",
            "strict_tools",
            "prompt_cache_key",
            "openai_hints",
            "stream_options",
        ];
        for name in names {
            let values: Vec<Value> = match value_of(name).unwrap() {
                QuirkValue::Boolean => vec![json!(true), json!(false)],
                QuirkValue::Number(least, most) => vec![json!(least), json!(most)],
                QuirkValue::Choice(choices) => choices.iter().map(|it| json!(it)).collect(),
            };
            for value in values {
                let stored = json!({name: value});
                let read: Quirks = serde_json::from_value(stored.clone()).unwrap();
                assert_eq!(serde_json::to_value(read).unwrap(), stored);
            }
            assert!(serde_json::from_value::<Quirks>(json!({name: "no such value"})).is_err());
        }
        assert_eq!(value_of("colour"), None);
    }
}
