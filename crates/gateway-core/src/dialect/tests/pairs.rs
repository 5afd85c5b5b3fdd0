//! Every pair of dialects: requests, whole answers and streams reach the reader and the writer of their dialects.

use super::*;
use crate::dialect::traits::UpstreamTraits;
use crate::dialect::{stream, whole};
use crate::wire::signals;

const CLIENTS: [Dialect; 4] = [
    Dialect::Chat,
    Dialect::Messages,
    Dialect::Responses,
    Dialect::Gemini,
];
const UPSTREAMS: [Dialect; 3] = [Dialect::Chat, Dialect::Messages, Dialect::Responses];

fn origin() -> Origin {
    Origin {
        provider: Provider::OpenAi,
        channel: "ch_1".to_owned(),
    }
}

fn context() -> AnswerContext {
    AnswerContext {
        model: "m".to_owned(),
        request_id: "req_1".to_owned(),
        ..AnswerContext::default()
    }
}

/// A request of a client.
fn asked(client: Dialect) -> serde_json::Value {
    let messages = json!([{"role": "user", "content": "hello"}]);
    match client {
        Dialect::Messages => json!({"model": "x", "max_tokens": 9, "messages": messages}),
        Dialect::Responses => json!({"model": "x", "input": messages, "instructions": "brief"}),
        Dialect::Gemini => json!({"contents": [{"parts": [{"text": "hello"}]}]}),
        _ => json!({"model": "x", "messages": messages}),
    }
}

/// A whole answer of an upstream.
fn answer(upstream: Dialect) -> serde_json::Value {
    match upstream {
        Dialect::Messages => {
            json!({"id": "a", "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn"})
        }
        Dialect::Responses => {
            let part = json!({"type": "output_text", "text": "hello"});
            let item = json!({"type": "message", "id": "m", "content": [part]});
            json!({"id": "a", "status": "completed", "output": [item]})
        }
        _ => {
            json!({"id": "a", "choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]})
        }
    }
}

/// The events of an upstream's stream: one that means nothing to clients, a text, and the end if there is one.
fn events(upstream: Dialect) -> Vec<String> {
    match upstream {
        Dialect::Messages => vec![
            json!({"type": "ping"}).to_string(),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}}).to_string(),
            json!({"type": "message_stop"}).to_string(),
        ],
        Dialect::Responses => vec![
            json!({"type": "keepalive"}).to_string(),
            json!({"type": "response.output_text.delta", "output_index": 0, "delta": "hello"}).to_string(),
            json!({"type": "response.completed", "response": {"id": "a"}}).to_string(),
        ],
        _ => vec![
            json!({"id": "", "choices": []}).to_string(),
            json!({"id": "a", "choices": [{"delta": {"content": "hello"}}]}).to_string(),
            "[DONE]".to_owned(),
        ],
    }
}

/// What a client's stream ends with, and nothing else has.
fn end_mark(client: Dialect) -> &'static str {
    match client {
        Dialect::Messages => "message_stop",
        Dialect::Responses => "response.completed",
        Dialect::Gemini => "finishReason",
        _ => "[DONE]",
    }
}

fn pairs() -> impl Iterator<Item = (Dialect, Dialect)> {
    CLIENTS
        .into_iter()
        .flat_map(|client| UPSTREAMS.map(|upstream| (client, upstream)))
}

#[test]
fn every_request_reaches_every_upstream_in_its_dialect() {
    let key = EnvelopeKey::derive(Default::default());
    let traits = UpstreamTraits::unknown("up", origin());
    for pair in pairs() {
        let (client, upstream) = pair;
        let body = asked(client).to_string();
        let translated = request::translate(pair, body.as_bytes(), false, &traits, &key).unwrap();
        let written: serde_json::Value = serde_json::from_slice(&translated.body).unwrap();
        let has = |member: &str| written.get(member).is_some();
        let expected = match upstream {
            Dialect::Messages => [true, true, false],
            Dialect::Responses => [false, false, true],
            _ => [true, false, false],
        };
        let found = [has("messages"), has("max_tokens"), has("input")];
        // Chat has a limit only where the client has one.
        let found = match (client, upstream) {
            (Dialect::Messages, Dialect::Chat) => [found[0], false, found[2]],
            _ => found,
        };
        assert_eq!(found, expected, "{pair:?}");
        assert!(written.to_string().contains("hello"), "{pair:?}");
        // Answers of Responses repeat their request.
        let is_repeated = translated.echo.contains("brief");
        assert_eq!(is_repeated, client == Dialect::Responses, "{pair:?}");
        assert_eq!(translated.echo.is_empty(), !is_repeated, "{pair:?}");
    }
}

#[test]
fn every_whole_answer_reaches_every_client_whole_or_as_a_stream() {
    for pair in pairs() {
        let (client, upstream) = pair;
        let body = answer(upstream).to_string();
        let written = whole::translate(pair, body.as_bytes(), &context(), &origin()).unwrap();
        let written: serde_json::Value = serde_json::from_slice(&written).unwrap();
        let text = match client {
            Dialect::Messages => "/content/0/text",
            Dialect::Responses => "/output/0/content/0/text",
            Dialect::Gemini => "/candidates/0/content/parts/0/text",
            _ => "/choices/0/message/content",
        };
        assert_eq!(written.pointer(text), Some(&json!("hello")), "{pair:?}");
        let streamed = whole::to_stream(pair, body.as_bytes(), context(), &origin()).unwrap();
        let streamed = String::from_utf8(streamed).unwrap();
        assert!(streamed.contains("hello"), "{pair:?}");
        assert!(streamed.contains(end_mark(client)), "{pair:?}");
    }
}

#[test]
fn every_stream_reaches_every_client_and_ends_once() {
    for (client, upstream) in pairs() {
        let pair = (client, upstream);
        for is_ended in [false, true] {
            let translator = stream::translator(client, upstream, context(), &origin());
            let mut translator = translator.unwrap();
            let mut push = |data: &String| {
                let event = format!("data: {data}\n\n");
                translator.push(event.as_bytes(), &signals::of(event.as_bytes()))
            };
            let events = events(upstream);
            assert_eq!(push(&events[0]), Translated::Dropped, "{pair:?}");
            let Translated::Replaced(text) = push(&events[1]) else {
                panic!("{pair:?}")
            };
            let mut output = text.to_vec();
            if is_ended {
                let Translated::Replaced(end) = push(&events[2]) else {
                    panic!("{pair:?}")
                };
                output.extend_from_slice(&end);
                assert_eq!(translator.finish(), Ok(None), "{pair:?}");
            } else {
                output.extend_from_slice(&translator.finish().unwrap().unwrap());
            }
            let output = String::from_utf8(output).unwrap();
            assert!(output.contains("hello"), "{pair:?}");
            assert!(output.contains(end_mark(client)), "{pair:?}");
        }
    }
    for other in [Dialect::Completions, Dialect::Transcript] {
        assert!(stream::translator(Dialect::Chat, other, context(), &origin()).is_none());
        assert!(stream::translator(other, Dialect::Chat, context(), &origin()).is_none());
    }
}
