//! The order of an answer's events, as the form between the dialects promises it to every encoder.

use std::collections::BTreeMap;

use gateway_core::dialect::answer_event::AnswerEvent;

/// What has been seen of an answer.
#[derive(Debug, Default)]
pub struct Contract {
    has_started: bool,
    /// By index: whether the call has ended. A call may begin after a later one, when its name comes late.
    calls: BTreeMap<usize, bool>,
    has_finished: bool,
    has_ended: bool,
}

impl Contract {
    /// Takes the next event; panics where it must not come.
    pub fn check(&mut self, event: &AnswerEvent<'_>) {
        assert!(!self.has_ended, "after the end: {event:?}");
        let is_start = matches!(event, AnswerEvent::Start { .. });
        assert!(is_start != self.has_started, "begin: {event:?}");
        let is_last = matches!(
            event,
            AnswerEvent::Usage(_) | AnswerEvent::Finish { .. } | AnswerEvent::End
        );
        assert!(!self.has_finished || is_last, "after finish: {event:?}");
        match event {
            AnswerEvent::Start { .. } => self.has_started = true,
            AnswerEvent::Text(text) | AnswerEvent::Refusal(text) | AnswerEvent::Reasoning(text) => {
                assert!(!text.is_empty(), "{event:?}")
            }
            AnswerEvent::CallStart { index, id, name } => {
                assert!(!id.is_empty() && !name.is_empty(), "{event:?}");
                assert_eq!(self.calls.insert(*index, false), None, "{event:?}");
            }
            AnswerEvent::CallArguments { index, json } => {
                assert!(!json.is_empty(), "{event:?}");
                assert_eq!(self.calls.get(index), Some(&false), "{event:?}");
            }
            AnswerEvent::CallEnd { index } => {
                assert_eq!(self.calls.get(index), Some(&false), "{event:?}");
                self.calls.insert(*index, true);
            }
            AnswerEvent::Finish { .. } => {
                assert!(!self.has_finished, "{event:?}");
                let count = self.calls.len();
                assert!(self.calls.keys().copied().eq(0..count), "{event:?}");
                assert!(self.calls.values().all(|ended| *ended), "{event:?}");
                self.has_finished = true;
            }
            AnswerEvent::End => {
                assert!(self.has_finished, "{event:?}");
                self.has_ended = true;
            }
            AnswerEvent::ReasoningState(_)
            | AnswerEvent::BlockEnd
            | AnswerEvent::Citation(_)
            | AnswerEvent::WebSearch { .. }
            | AnswerEvent::Usage(_) => {}
        }
    }

    /// Whether the answer is whole.
    pub const fn has_ended(&self) -> bool {
        self.has_ended
    }
}
