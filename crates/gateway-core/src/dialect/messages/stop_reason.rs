//! Why answers end, in the words of Messages.

use crate::dialect::answer_event::StopReason;

/// The reason that a word means. Unknown words mean a regular end: the answer is whole, and new words appear every year.
pub fn of_word(word: &str) -> StopReason {
    match word {
        "tool_use" => StopReason::Calls,
        "max_tokens" | "model_context_window_exceeded" => StopReason::Length,
        "refusal" => StopReason::Filtered,
        "pause_turn" => StopReason::Paused,
        _ => StopReason::Stop,
    }
}

/// The word for a reason. `has_refusal`: the model has refused in its own words.
pub fn word(reason: StopReason, sequence: Option<&str>, has_refusal: bool) -> &'static str {
    match reason {
        StopReason::Stop if has_refusal => "refusal",
        StopReason::Stop if sequence.is_some() => "stop_sequence",
        StopReason::Stop => "end_turn",
        StopReason::Calls => "tool_use",
        StopReason::Length => "max_tokens",
        StopReason::Filtered => "refusal",
        StopReason::Paused => "pause_turn",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_reasons_map_to_each_other() {
        let rows = [
            ("end_turn", StopReason::Stop),
            ("tool_use", StopReason::Calls),
            ("max_tokens", StopReason::Length),
            ("refusal", StopReason::Filtered),
            ("pause_turn", StopReason::Paused),
        ];
        for (known, reason) in rows {
            assert_eq!(of_word(known), reason);
            assert_eq!(word(reason, None, false), known);
        }
        assert_eq!(of_word("stop_sequence"), StopReason::Stop);
        assert_eq!(of_word("model_context_window_exceeded"), StopReason::Length);
        assert_eq!(of_word("something_new"), StopReason::Stop);
        assert_eq!(word(StopReason::Stop, Some("END"), false), "stop_sequence");
        assert_eq!(word(StopReason::Stop, None, true), "refusal");
        assert_eq!(word(StopReason::Calls, None, true), "tool_use");
        assert_eq!(word(StopReason::Length, Some("END"), false), "max_tokens");
    }
}
