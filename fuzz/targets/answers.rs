//! Whole answers of every channel's dialect, for clients of every dialect: whole or as a stream, they say the same, and
//! what the upstream said.
//!
//! The first byte chooses the channel's dialect (`c`, `m`, `r`); the rest is the answer.
#![no_main]

use bytes::Bytes;
use gateway_core::dialect::answer::{Answer, AnswerContext, Block};
use gateway_core::dialect::answer_event::AnswerEvent;
use gateway_core::dialect::{chat, gemini, messages, responses, stream};
use gateway_core::wire::dialect::Dialect;
use gateway_core::wire::sse::{self, EventScanner};
use gateway_core::wire::usage::Usage;
use gateway_core::wire::whole_to_events::{self, Wishes};
use gateway_fuzz::channel::{self, CHANNELS};
use gateway_fuzz::client::{CLIENTS, Client, StreamEnd, StreamView, has_whole_calls};
use gateway_fuzz::contract::Contract;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

/// What an answer says, in the form in which all dialects can say it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    text: String,
    reasoning: String,
    refusal: String,
    /// Ids, names and arguments.
    calls: Vec<(String, String, String)>,
    citations: Vec<String>,
    searches: usize,
    usage: Usage,
}

impl Said {
    fn of(answer: &Answer) -> Self {
        let mut said = Self {
            usage: answer.usage.unwrap_or_default(),
            ..Self::default()
        };
        let mut calls = Vec::new();
        for block in &answer.blocks {
            match block {
                Block::Text { text, citations } => {
                    said.text.push_str(text);
                    let urls = citations.iter().map(|it| it.url.clone().into_owned());
                    said.citations.extend(urls);
                }
                Block::Refusal(text) => said.refusal.push_str(text),
                Block::Reasoning { text, .. } => said.reasoning.push_str(text),
                Block::Call {
                    index,
                    id,
                    name,
                    arguments,
                } => {
                    let arguments = match arguments.trim() {
                        "" => "{}",
                        arguments => arguments,
                    };
                    // Events have no line ends in them: those between members become spaces.
                    let arguments = arguments.replace(['\r', '\n'], " ");
                    calls.push((*index, (id.clone(), name.clone(), arguments)));
                }
                Block::WebSearch { .. } => said.searches += 1,
            }
        }
        calls.sort();
        said.calls = calls.into_iter().map(|(_, call)| call).collect();
        said
    }
}

fn decoded_whole(upstream: Dialect, body: &[u8]) -> Option<Answer> {
    let origin = channel::origin(upstream);
    let mut contract = Contract::default();
    let mut answer = Answer::default();
    let mut sink = |event: AnswerEvent<'_>| {
        contract.check(&event);
        answer.take_in(event);
    };
    let decoded = match upstream {
        Dialect::Messages => messages::decode_whole(body, &origin, &mut sink),
        Dialect::Responses => responses::decode_whole(body, &origin, &mut sink),
        _ => chat::decode_whole(body, &origin, &mut sink),
    };
    decoded.ok()?;
    assert!(contract.has_ended());
    Some(answer)
}

fn decoded_stream(upstream: Dialect, events: Vec<u8>) -> Answer {
    let mut decoder =
        stream::decoder(upstream, &channel::origin(upstream)).expect("a dialect of channels");
    let mut answer = Answer::default();
    let mut sink = |event: AnswerEvent<'_>| answer.take_in(event);
    let block = EventScanner::default()
        .push(Bytes::from(events))
        .expect("no output is as long as the longest event");
    for data in block.events().filter_map(sse::data) {
        decoder
            .event(&data, &mut sink)
            .expect("an event of the dialect");
    }
    decoder.finish(&mut sink).expect("a whole stream");
    answer
}

fn streamed(client: Client, upstream: Dialect, body: &[u8], context: AnswerContext) -> Vec<u8> {
    let mut encoder = client.encoder(context);
    let origin = channel::origin(upstream);
    let mut output = Vec::new();
    let mut sink = |event: AnswerEvent<'_>| encoder.event(event, &mut output);
    let decoded = match upstream {
        Dialect::Messages => messages::decode_whole(body, &origin, &mut sink),
        Dialect::Responses => responses::decode_whole(body, &origin, &mut sink),
        _ => chat::decode_whole(body, &origin, &mut sink),
    };
    decoded.expect("it has been decoded before");
    output
}

/// Tokens that are read, written, and of a cache. Some servers state more in their caches than they have read.
fn tokens(usage: Usage) -> (u64, u64, u64) {
    let caches = usage.cached_tokens + usage.cache_write_tokens;
    (
        usage.prompt_tokens.max(caches),
        usage.completion_tokens,
        usage.cached_tokens,
    )
}

impl Said {
    /// Panics unless a stream says the same. A source that comes without a text of its own has no place in a stream whose
    /// text before it has ended.
    fn assert_streamed(&self, mut streamed: Self) {
        let is_known = |url| self.citations.contains(url);
        assert!(streamed.citations.iter().all(is_known));
        streamed.citations.clone_from(&self.citations);
        assert_eq!(&streamed, self);
    }
}

fn both_shapes_say_the_same(client: Client, answer: &Answer, events: Vec<u8>) {
    let context = channel::context_without_tools();
    let (dialect, whole) = match client {
        Client::Chat => (Dialect::Chat, chat::encode_whole(answer, &context)),
        Client::Messages => (Dialect::Messages, messages::encode_whole(answer, &context)),
        Client::Responses => (
            Dialect::Responses,
            responses::encode_whole(answer, &context),
        ),
        Client::Gemini => {
            if let Ok(whole) = gemini::encode_whole(answer, &context) {
                assert!(serde_json::from_slice::<&RawValue>(&whole).is_ok());
            }
            return;
        }
    };
    // Broken arguments: a stream passes them on, a whole answer is rejected, or goes without the call.
    let Ok(whole) = whole else { return };
    assert!(serde_json::from_slice::<&RawValue>(&whole).is_ok());
    if client == Client::Messages && !has_whole_calls(answer) {
        return;
    }
    let read = decoded_whole(dialect, &whole).expect("what is written can be read");
    let said = Said::of(&read);
    said.assert_streamed(Said::of(&decoded_stream(dialect, events)));
    let usage = Wishes { usage: true };
    if let Ok(events) = whole_to_events::events(dialect, &Bytes::from(whole), usage) {
        said.assert_streamed(Said::of(&decoded_stream(dialect, events.concat())));
    }
    let before = Said::of(answer);
    assert_eq!(said.calls.len(), before.calls.len());
    assert_eq!(said.reasoning, before.reasoning);
    assert_eq!(tokens(said.usage), tokens(before.usage));
}

fuzz_target!(|input: &[u8]| {
    let Some((first, body)) = input.split_first() else {
        return;
    };
    let upstream = match first {
        b'c' => CHANNELS[0],
        b'm' => CHANNELS[1],
        _ => CHANNELS[2],
    };
    let Some(answer) = decoded_whole(upstream, body) else {
        return;
    };
    for client in CLIENTS {
        let events = streamed(client, upstream, body, channel::context());
        if let Some(seen) = client.read(&events, StreamEnd::Whole) {
            let expected = StreamView::of(&answer, &channel::context());
            let texts = (expected.text, expected.reasoning);
            assert_eq!((seen.text, seen.reasoning), texts);
            if client != Client::Gemini || has_whole_calls(&answer) {
                assert_eq!(seen.calls.len(), expected.calls.len());
            }
        }
        let events = streamed(client, upstream, body, channel::context_without_tools());
        both_shapes_say_the_same(client, &answer, events);
    }
});
