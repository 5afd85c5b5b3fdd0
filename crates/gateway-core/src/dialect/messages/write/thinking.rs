//! Whether a Messages model thinks, and how much. Owns the rules under which thinking must be left out, and the limit of
//! the answer, which includes it.

use serde::Serialize;

use super::content::usable_state;
use crate::dialect::conversation::{Conversation, Item, ToolChoice};
use crate::dialect::effort::Effort;
use crate::dialect::traits::{ReasoningForm, UpstreamTraits};
use crate::dialect::turns::Turn;

/// The least that remains for the answer itself beside thinking, where the gateway chooses the limit.
const MIN_ANSWER_TOKENS: u64 = 1_024;

/// The member `thinking`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Thinking {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display: Option<&'static str>,
}

impl Thinking {
    const fn of_kind(kind: &'static str) -> Self {
        Self {
            r#type: kind,
            budget_tokens: None,
            display: None,
        }
    }
}

/// What is decided about thinking.
#[derive(Debug)]
pub(super) struct ThinkingDecision {
    pub(super) thinking: Option<Thinking>,
    pub(super) effort: Option<&'static str>,
    pub(super) max_tokens: u64,
}

impl ThinkingDecision {
    /// Decides it for a request.
    pub(super) fn of(
        conversation: &Conversation<'_>,
        turns: &[Turn<'_>],
        traits: &UpstreamTraits,
    ) -> Self {
        let max_tokens = conversation.max_tokens;
        let without = |thinking| Self {
            thinking,
            effort: None,
            max_tokens: max_tokens.unwrap_or(traits.default_max_tokens),
        };
        let Some(reasoning) = conversation.reasoning else {
            return without(None);
        };
        let is_possible = reasoning.is_on() && !is_forced(conversation) && may_think(turns, traits);
        match traits.reasoning {
            ReasoningForm::Absent | ReasoningForm::Effort => without(None),
            // Newer models may think unless they are asked not to.
            ReasoningForm::Adaptive if !is_possible => without(Some(Thinking::of_kind("disabled"))),
            ReasoningForm::Adaptive => Self {
                effort: Some(
                    reasoning
                        .effort
                        .clamp(Effort::Low, traits.max_effort)
                        .name(),
                ),
                ..without(Some(Thinking {
                    display: reasoning.is_shown.then_some("summarized"),
                    ..Thinking::of_kind("adaptive")
                }))
            },
            ReasoningForm::Budget if !is_possible => without(None),
            ReasoningForm::Budget => {
                let limit = max_tokens.unwrap_or(u64::MAX);
                let Some(budget) = reasoning.budget_below(limit) else {
                    return without(None);
                };
                Self {
                    max_tokens: max_tokens.unwrap_or_else(|| room(budget, traits)),
                    ..without(Some(Thinking {
                        budget_tokens: Some(budget),
                        ..Thinking::of_kind("enabled")
                    }))
                }
            }
        }
    }

    /// Whether the model thinks.
    pub(super) fn thinks(&self) -> bool {
        let thinking = self.thinking.as_ref();
        thinking.is_some_and(|thinking| thinking.r#type != "disabled")
    }
}

/// The limit where the client gives none: the default must not be used up by thinking alone.
fn room(budget: u64, traits: &UpstreamTraits) -> u64 {
    let default = traits.default_max_tokens;
    if default >= budget.saturating_add(MIN_ANSWER_TOKENS) {
        default
    } else {
        budget.saturating_add(default)
    }
}

/// Anthropic refuses thinking together with a call that must be made.
fn is_forced(conversation: &Conversation<'_>) -> bool {
    matches!(
        conversation.tool_choice,
        Some(ToolChoice::Required | ToolChoice::Function(_) | ToolChoice::Hosted(_))
    )
}

/// With thinking, Anthropic demands that the last assistant's turn begins with its thinking when it has calls, or when
/// the model is to continue it. The client may have lost that, or another model has produced the turn.
fn may_think(turns: &[Turn<'_>], traits: &UpstreamTraits) -> bool {
    let last = turns
        .iter()
        .rposition(|it| matches!(it, Turn::Assistant(_)));
    let Some((place, Turn::Assistant(items))) = last.and_then(|at| Some((at, turns.get(at)?)))
    else {
        return true;
    };
    let is_continued = place + 1 == turns.len();
    let has_calls = items.iter().any(|item| matches!(item, Item::Call(_)));
    if !is_continued && !has_calls {
        return true;
    }
    let produced = items.iter().find(|item| match item {
        Item::Reasoning(reasoning) => usable_state(reasoning, traits).is_some(),
        _ => true,
    });
    matches!(produced, Some(Item::Reasoning(_)))
}
