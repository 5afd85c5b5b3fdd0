//! Event streams, cut anywhere: what is found does not depend on the cuts, and no byte is lost or invented.
//!
//! The input is a stream; a byte 0xFF in it, which no text holds, marks a cut.
#![no_main]

use bytes::Bytes;
use gateway_core::wire::padding;
use gateway_core::wire::signals::{self, EventSignal, Signal};
use gateway_core::wire::sse::{self, EventScanner};
use gateway_core::wire::usage::Usage;
use libfuzzer_sys::fuzz_target;

const CUT: u8 = 0xFF;

/// The content of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    events: Vec<Vec<u8>>,
    meanings: Vec<EventSignal>,
    comments: Vec<bool>,
    usage: Usage,
    tail: Vec<u8>,
}

impl Heard {
    fn event(&mut self, event: &[u8]) {
        let data = sse::data(event);
        let meaning = signals::read(data.as_deref());
        assert!(data.is_some() || meaning.signal == Signal::Nothing);
        assert!(!meaning.is_usage_only || meaning.signal == Signal::Nothing);
        self.usage.take_in(meaning.usage.unwrap_or_default());
        self.comments.push(sse::is_without_data(event));
        self.meanings.push(meaning);
        self.events.push(event.to_vec());
    }
}

fn hear<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Heard {
    let mut heard = Heard::default();
    let mut scanner = EventScanner::default();
    for piece in pieces {
        let block = scanner
            .push(Bytes::copy_from_slice(piece))
            .expect("no input is as long as the longest event");
        let together: usize = block.events().map(<[u8]>::len).sum();
        assert_eq!(together, block.bytes.len());
        block.events().for_each(|event| heard.event(event));
    }
    let (last, tail) = scanner.finish();
    last.events().for_each(|event| heard.event(event));
    heard.tail = tail.to_vec();
    heard
}

fuzz_target!(|input: &[u8]| {
    let stream: Vec<u8> = input.iter().copied().filter(|byte| *byte != CUT).collect();
    let whole = hear(std::iter::once(&stream[..]));
    let mut again = whole.events.concat();
    again.extend_from_slice(&whole.tail);
    assert_eq!(again, stream);
    assert_eq!(hear(input.split(|byte| *byte == CUT)), whole);
    assert_eq!(hear(stream.chunks(1)), whole);
    // Bodies that are not streams are read by the same code.
    let padding = padding::before_json(&stream);
    let _ = signals::body_is_error(&stream[padding..]);
    let _ = gateway_core::wire::usage::of_body(&stream);
});
