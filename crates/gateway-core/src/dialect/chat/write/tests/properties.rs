//! Properties of the writer: a history is kept, and written requests can be read.

use proptest::prelude::*;

use super::*;
use crate::dialect::chat::read;
use crate::dialect::envelope::EnvelopeKey;

/// A turn of the user, and the assistant's turn after it: a text, and calls with their results.
type Exchange = (String, String, Vec<(String, String)>);

fn exchanges() -> impl Strategy<Value = Vec<Exchange>> {
    let text = "[a-z\"\\\\\n\u{1f600}]{1,6}";
    let calls = prop::collection::vec((text, text), 0..3);
    prop::collection::vec((text, text, calls), 0..5)
}

fn items_of(exchanges: &[Exchange]) -> Vec<Item<'static>> {
    let owned = |said: &str| Part::Text(Text::plain(said.to_owned()));
    let mut items = Vec::new();
    for (place, (asked, said, calls)) in exchanges.iter().enumerate() {
        items.push(Item::User(vec![owned(asked)]));
        items.push(Item::AssistantText(said.clone().into()));
        let id = |call: usize| format!("id{place}-{call}");
        for (call, (arguments, _)) in calls.iter().enumerate() {
            items.push(Item::Call(Call {
                id: id(call).into(),
                name: "f".into(),
                arguments: arguments.clone().into(),
            }));
        }
        // In another order than the calls, as clients send them.
        for (call, (_, returned)) in calls.iter().enumerate().rev() {
            items.push(Item::Result(CallResult {
                id: id(call).into(),
                parts: vec![owned(returned)],
                is_error: false,
            }));
        }
    }
    items
}

/// What was said, with results in the order of their calls.
fn expected(exchanges: &[Exchange]) -> Vec<String> {
    let mut said = Vec::new();
    for (asked, answered, calls) in exchanges {
        said.push(format!("user {asked}"));
        said.push(format!("text {answered}"));
        said.extend(calls.iter().map(|(arguments, _)| match arguments.trim() {
            "" => "call {}".to_owned(),
            _ => format!("call {arguments}"),
        }));
        said.extend(calls.iter().map(|(_, result)| format!("result {result}")));
    }
    said
}

fn said(item: &Item<'_>) -> String {
    match item {
        Item::User(parts) => match parts.as_slice() {
            [Part::Text(text)] => format!("user {}", text.text),
            parts => format!("{parts:?}"),
        },
        Item::AssistantText(text) => format!("text {text}"),
        Item::Call(call) => format!("call {}", call.arguments),
        Item::Result(result) => format!("result {}", result.text()),
        item => format!("{item:?}"),
    }
}

proptest! {
    #[test]
    fn a_history_keeps_its_texts_calls_and_results(exchanges in exchanges()) {
        let turns = turns::of_items(items_of(&exchanges), CallIdForm::Plain);
        let body = write(&Conversation::default(), &turns, &traits()).unwrap();
        let read = read(&body, &EnvelopeKey::default()).unwrap();
        let lines: Vec<_> = read.items.iter().map(said).collect();
        prop_assert_eq!(lines, expected(&exchanges));
        // Every result directly follows the message with its call.
        let ids = |is_call: bool| -> Vec<String> {
            let id = |item: &Item<'_>| match item {
                Item::Call(call) if is_call => Some(call.id.clone().into_owned()),
                Item::Result(result) if !is_call => Some(result.id.clone().into_owned()),
                _ => None,
            };
            read.items.iter().filter_map(id).collect()
        };
        prop_assert_eq!(ids(true), ids(false));
    }

    #[test]
    fn writing_is_deterministic(exchanges in exchanges()) {
        let body = || {
            let turns = turns::of_items(items_of(&exchanges), CallIdForm::NineAlphanumerics);
            write(&Conversation::default(), &turns, &traits()).unwrap()
        };
        prop_assert_eq!(body(), body());
    }
}
