//! Any order of events makes a stream that follows the grammar.

use proptest::prelude::*;

use super::*;

fn any_event() -> impl Strategy<Value = AnswerEvent<'static>> {
    let names = [
        "apply_patch",
        "mcp__docs__search",
        "shell",
        "local_shell",
        "other",
    ];
    prop_oneof![
        "[ab]{1,3}".prop_map(|text| AnswerEvent::Text(text.into())),
        "[ab]{1,3}".prop_map(|text| AnswerEvent::Reasoning(text.into())),
        "[ab]{1,3}".prop_map(|text| AnswerEvent::Refusal(text.into())),
        Just(AnswerEvent::BlockEnd),
        Just(AnswerEvent::ReasoningState(state())),
        (0_usize..4, 0_usize..5).prop_map(move |(index, name)| call(index, "id", names[name])),
        (0_usize..4, "[{}\":a\\\\]{1,4}").prop_map(|(index, json)| AnswerEvent::CallArguments {
            index,
            json: json.into()
        }),
        (0_usize..4).prop_map(end),
    ]
}

proptest! {
    #[test]
    fn any_events_make_a_stream_that_follows_the_grammar(list in proptest::collection::vec(any_event(), 0..40)) {
        let mut encoder = ResponsesEncoder::new(context());
        let mut output = Vec::new();
        encoder.event(start(), &mut output);
        for event in list.into_iter().chain([finish(StopReason::Length), AnswerEvent::End]) {
            encoder.event(event, &mut output);
        }
        checked(&events(&output));
    }
}
