//! Why an answer ended, by the names of Chat Completions and by those that servers use in their place.

use crate::dialect::answer_event::{BadAnswer, StopReason};

/// The reason of a name. Names that tell no more than the end are a plain end; those of an answer that was broken off are
/// errors, since a part of an answer must not look like a whole one.
pub fn of_word(word: &str) -> Result<StopReason, BadAnswer> {
    match word.to_ascii_lowercase().as_str() {
        "length" | "max_tokens" | "model_length" | "max_output_tokens" => Ok(StopReason::Length),
        "content_filter" | "safety" | "sensitive" | "refusal" | "recitation" | "blocklist"
        | "prohibited_content" | "spii" => Ok(StopReason::Filtered),
        "error" | "abort" | "network_error" | "insufficient_system_resource" => {
            Err(BadAnswer("the upstream broke the answer off"))
        }
        // `tool_calls` and `function_call` add nothing to the calls themselves.
        _ => Ok(StopReason::Stop),
    }
}

/// The word for a reason.
pub const fn word(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Stop | StopReason::Paused => "stop",
        StopReason::Calls => "tool_calls",
        StopReason::Length => "length",
        StopReason::Filtered => "content_filter",
    }
}
