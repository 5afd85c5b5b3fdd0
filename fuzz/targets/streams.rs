//! Streams of every channel's dialect for clients of every dialect: whatever comes, clients get the grammar of their
//! dialect with exactly one end, all that the answer says, and not much more than came. Cuts do not matter.
//!
//! The first byte chooses the channel's dialect (`c`, `m`, `r`); the rest is the stream, in which a byte 0xFF, which no
//! text holds, stands for a cut.
#![no_main]

use bytes::Bytes;
use gateway_core::dialect::answer::Answer;
use gateway_core::dialect::answer_event::{
    AnswerDecoder, AnswerEncoder, AnswerEvent, StreamFailure,
};
use gateway_core::dialect::stream;
use gateway_core::wire::dialect::Dialect;
use gateway_core::wire::signals::{self, Ending, Signal};
use gateway_core::wire::sse::{self, EventBlock, EventScanner};
use gateway_fuzz::channel;
use gateway_fuzz::client::{CLIENTS, Client, StreamEnd, StreamView, has_whole_calls};
use gateway_fuzz::contract::Contract;
use libfuzzer_sys::fuzz_target;

const CUT: u8 = 0xFF;
/// The most that is written for a byte that comes: the shortest deltas take some ten bytes, the longest events of clients
/// some hundred, and Responses repeats everything twice.
const MAX_GROWTH: usize = 64;
/// What every stream has besides.
const FRAME_BYTES: usize = 8_192;

const FAILURE: StreamFailure<'_> = StreamFailure {
    kind: "server_error",
    code: "stream_incomplete",
    message: "The stream broke.",
};

/// The relay, as far as translators see it.
struct Relay {
    decoder: Box<dyn AnswerDecoder>,
    encoder: Box<dyn AnswerEncoder>,
    contract: Contract,
    answer: Answer,
    ending: Ending,
    output: Vec<u8>,
    end: Option<StreamEnd>,
}

impl Relay {
    fn new(upstream: Dialect, client: Client) -> Self {
        let origin = channel::origin(upstream);
        Self {
            decoder: stream::decoder(upstream, &origin).expect("a dialect of channels"),
            encoder: client.encoder(channel::context()),
            contract: Contract::default(),
            answer: Answer::default(),
            ending: Ending::default(),
            output: Vec::new(),
            end: None,
        }
    }

    fn fail(&mut self) {
        // The client may have its end already.
        if self.end.is_none() {
            self.end = Some(if self.contract.has_ended() {
                StreamEnd::Whole
            } else {
                StreamEnd::Failed
            });
            self.encoder.fail(&FAILURE, &mut self.output);
        }
    }

    fn decode(&mut self, data: Option<&[u8]>) {
        let (encoder, output) = (&mut self.encoder, &mut self.output);
        let (contract, answer) = (&mut self.contract, &mut self.answer);
        let mut sink = |event: AnswerEvent<'_>| {
            contract.check(&event);
            answer.take_in(event.clone());
            encoder.event(event, output);
        };
        let decoded = match data {
            Some(data) => self.decoder.event(data, &mut sink),
            None => self.decoder.finish(&mut sink),
        };
        match (decoded, data) {
            (Err(_), _) => self.fail(),
            (Ok(()), None) => {
                assert!(self.contract.has_ended());
                self.end = Some(StreamEnd::Whole);
            }
            (Ok(()), Some(_)) => {}
        }
    }

    fn absorb(&mut self, block: &EventBlock) {
        for event in block.events() {
            if self.end.is_some() {
                return;
            }
            let meaning = signals::of(event);
            if meaning.signal == Signal::Nothing && sse::is_without_data(event) {
                continue;
            }
            if meaning.signal == Signal::Error {
                return self.fail();
            }
            self.ending.take_in(&meaning);
            if let Some(data) = sse::data(event) {
                self.decode(Some(&data));
            }
            if meaning.signal == Signal::Done && self.end.is_none() {
                self.decode(None);
            }
        }
    }

    fn run<'p>(mut self, pieces: impl Iterator<Item = &'p [u8]>) -> Self {
        let mut scanner = EventScanner::default();
        for piece in pieces {
            let block = scanner
                .push(Bytes::copy_from_slice(piece))
                .expect("no input is as long as the longest event");
            self.absorb(&block);
        }
        let (last, rest) = scanner.finish();
        self.absorb(&last);
        if signals::is_whole(&rest) {
            self.absorb(&EventBlock::closing(&rest));
        }
        if self.end.is_none() && self.ending.is_whole() {
            self.decode(None);
        }
        self.fail();
        self
    }
}

fn seen_by_client(relay: &Relay, client: Client) {
    let end = relay.end.expect("every stream ends");
    let Some(seen) = client.read(&relay.output, end) else {
        return;
    };
    let expected = StreamView::of(&relay.answer, &channel::context());
    if end == StreamEnd::Failed {
        // What waits for another block's end is not written.
        assert!(expected.text.starts_with(&seen.text));
        assert!(expected.reasoning.starts_with(&seen.reasoning));
        return;
    }
    assert_eq!(seen.text, expected.text);
    assert_eq!(seen.reasoning, expected.reasoning);
    assert_eq!(
        seen.completion_tokens.unwrap_or(0),
        expected.completion_tokens.unwrap_or(0)
    );
    match client {
        Client::Gemini if has_whole_calls(&relay.answer) => {
            assert_eq!(seen.calls.len(), expected.calls.len());
        }
        Client::Gemini => {}
        // What comes after a whole value has no place there, when another block has begun.
        Client::Messages if !has_whole_calls(&relay.answer) => {
            assert_eq!(seen.calls.len(), expected.calls.len());
            for ((name, seen), (expected_name, expected)) in seen.calls.iter().zip(&expected.calls)
            {
                assert_eq!(name, expected_name);
                assert!(expected.starts_with(seen.as_str()), "{seen} {expected}");
            }
        }
        _ => assert_eq!(seen.calls, expected.calls),
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((first, input)) = input.split_first() else {
        return;
    };
    let upstream = match first {
        b'c' => Dialect::Chat,
        b'm' => Dialect::Messages,
        _ => Dialect::Responses,
    };
    let stream: Vec<u8> = input.iter().copied().filter(|byte| *byte != CUT).collect();
    for client in CLIENTS {
        let relay = Relay::new(upstream, client).run(std::iter::once(&stream[..]));
        assert!(
            relay.output.len() <= MAX_GROWTH * stream.len() + FRAME_BYTES,
            "{} bytes of {}",
            relay.output.len(),
            stream.len()
        );
        seen_by_client(&relay, client);
        let again = Relay::new(upstream, client).run(input.split(|byte| *byte == CUT));
        assert_eq!(relay.output, again.output);
        // A stream that breaks off at the first cut.
        let part = input.split(|byte| *byte == CUT).next().unwrap_or_default();
        if part.len() < stream.len() {
            seen_by_client(
                &Relay::new(upstream, client).run(std::iter::once(part)),
                client,
            );
        }
    }
});
