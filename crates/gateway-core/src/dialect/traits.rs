//! What one upstream model accepts beyond the core of its dialect. Owns the list of such differences and their defaults;
//! they are data, so that a writer of a dialect never asks which provider it writes for.

pub mod known;
mod openai;

use super::effort::Effort;
use super::envelope::Origin;
use crate::upstream::quirks::EffortBound;
pub use crate::upstream::quirks::{CallIdForm, MaxTokensMember, ReasoningForm};

/// The target of a translated request.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent property of an upstream"
)]
pub struct UpstreamTraits {
    /// The model, by the upstream's name.
    pub model: String,
    /// The channel, for state that belongs to one upstream.
    pub origin: Origin,
    /// Chat: the member with the limit of the answer.
    pub max_tokens_member: MaxTokensMember,
    /// Messages: the limit where the client gives none; it is required there.
    pub default_max_tokens: u64,
    /// How reasoning is requested.
    pub reasoning: ReasoningForm,
    /// The least effort that it accepts; less becomes this.
    pub min_effort: Effort,
    /// The highest effort that it accepts; more becomes this.
    pub max_effort: Effort,
    /// The efforts between them that it does not know; the next higher one takes their place.
    pub missing_efforts: &'static [EffortBound],
    /// Chat: the member of assistant messages with earlier reasoning, such as `reasoning_content`.
    pub reasoning_member: Option<&'static str>,
    /// Chat, Responses: whether it knows the role `developer`. Translated instructions use `system` otherwise.
    pub has_developer_role: bool,
    /// Chat: whether system messages may come after the first message. Otherwise they become texts of the user.
    pub has_late_system: bool,
    /// Whether a conversation may end with the assistant's turn, which the model continues.
    pub has_prefill: bool,
    /// Whether it runs web searches itself.
    pub has_web_search: bool,
    /// Whether it accepts `temperature` and `top_p`.
    pub has_sampling: bool,
    /// Chat: whether it accepts `top_k`.
    pub has_top_k: bool,
    /// Chat: whether it accepts `seed`.
    pub has_seed: bool,
    /// Chat: whether it accepts `strict` in the declaration of a tool.
    pub has_strict_tools: bool,
    /// Chat: whether it accepts `parallel_tool_calls`.
    pub has_parallel_calls: bool,
    /// Chat: whether it accepts `prompt_cache_key`.
    pub has_cache_key: bool,
    /// Chat: whether it accepts `user`, `service_tier` and `verbosity`.
    pub has_openai_hints: bool,
    /// Chat: whether it accepts `stream_options`.
    pub has_stream_options: bool,
    /// Chat: the longest list of stop sequences.
    pub max_stop_sequences: usize,
    /// The form of ids of calls.
    pub call_ids: CallIdForm,
}

impl UpstreamTraits {
    /// Those of a server of which nothing is known: only what every server of its dialect accepts.
    pub fn unknown(model: impl Into<String>, origin: Origin) -> Self {
        Self {
            model: model.into(),
            origin,
            max_tokens_member: MaxTokensMember::MaxTokens,
            default_max_tokens: 4_096,
            reasoning: ReasoningForm::Absent,
            min_effort: Effort::None,
            max_effort: Effort::High,
            missing_efforts: &[],
            reasoning_member: None,
            has_developer_role: false,
            has_late_system: true,
            has_prefill: true,
            has_web_search: false,
            has_sampling: true,
            has_top_k: false,
            has_seed: true,
            has_strict_tools: true,
            has_parallel_calls: true,
            has_cache_key: false,
            has_openai_hints: false,
            has_stream_options: true,
            max_stop_sequences: 4,
            call_ids: CallIdForm::Plain,
        }
    }

    /// The effort that is requested for one that the client wants.
    pub fn effort(&self, wanted: Effort) -> Effort {
        // The maximum wins if a setting contradicts the minimum.
        let bounded = wanted.max(self.min_effort).min(self.max_effort);
        let is_missing = |step| {
            let missing = self.missing_efforts.iter();
            missing.copied().any(|bound| Effort::from(bound) == step)
        };
        let known = bounded.and_higher().find(|step| !is_missing(*step));
        known.unwrap_or(bounded)
    }
}
