//! Streams and whole answers that become each other: for any input the output is JSON, or nothing.
//!
//! The first byte chooses the dialect; the rest is a whole answer, and one event per line.
#![no_main]

use bytes::Bytes;
use gateway_core::wire::dialect::Dialect;
use gateway_core::wire::events_to_whole::{Assembly, AssemblyProgress};
use gateway_core::wire::opening::{Looks, Opening};
use gateway_core::wire::sse::{self, EventScanner};
use gateway_core::wire::whole_to_events::{self, Wishes};
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

const GRAMMARS: [Dialect; 5] = [
    Dialect::Chat,
    Dialect::Completions,
    Dialect::Responses,
    Dialect::Messages,
    Dialect::Transcript,
];

fn assert_json(text: &[u8]) {
    assert!(serde_json::from_slice::<&RawValue>(text).is_ok());
}

/// Adds events until one is the last, or is rejected.
fn assemble<'a>(dialect: Dialect, events: impl Iterator<Item = &'a [u8]>) {
    let mut assembly = Assembly::new(dialect);
    for data in events {
        if assembly.push(data) != Ok(AssemblyProgress::More) {
            break;
        }
    }
    if let Ok(whole) = assembly.finish() {
        assert_json(&whole);
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((first, input)) = input.split_first() else {
        return;
    };
    let dialect = GRAMMARS[usize::from(*first) % GRAMMARS.len()];
    assemble(dialect, input.split(|byte| *byte == b'\n'));
    let whole = Bytes::copy_from_slice(input);
    if let Some(begun) = Opening::default().push(whole.clone()) {
        assert!(begun.looks != Looks::Empty && begun.padding < input.len());
    }
    let Ok(events) = whole_to_events::events(dialect, &whole, Wishes { usage: true }) else {
        return;
    };
    let block = EventScanner::default()
        .push(Bytes::from(events.concat()))
        .expect("no input is as long as the longest event");
    let data: Vec<_> = block.events().filter_map(sse::data).collect();
    for data in data.iter().filter(|data| data[..] != *b"[DONE]") {
        assert_json(data);
    }
    assemble(dialect, data.iter().map(|data| &data[..]));
});
