//! Framing: the same events at any chunk boundary, nothing lost, nothing unbounded.

use proptest::prelude::*;

use super::*;
use crate::wire::signals::{self, EventSignal};
use crate::wire::usage::Usage;

fn events(chunks: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut scanner = EventScanner::default();
    let mut found = Vec::new();
    for chunk in chunks {
        let block = scanner.push(Bytes::copy_from_slice(chunk)).unwrap();
        found.extend(block.events().map(<[u8]>::to_vec));
    }
    let (last, tail) = scanner.finish();
    found.extend(last.events().map(<[u8]>::to_vec));
    (found, tail.to_vec())
}

const STREAMS: &[&[u8]] = &[
    b"data: a\n\ndata: b\n\n",
    b"\xef\xbb\xbfdata: a\r\n\r\n: ping\r\n\r\ndata: x\r\ndata: y\r\n\r\n",
    b"data: a\r\rdata:b\r\r",
    b"data: a\n\r",
    b"\n\ndata: a\n\n\n\ndata: [DONE]\n\n",
    b"data: cut off\ndata: here",
    b"data\n\n:\n\nretry: 1\n\n",
];

#[test]
fn any_chunk_boundary_gives_the_same_bytes_and_data() {
    for stream in STREAMS {
        let all_data = |list: &[Vec<u8>]| -> Vec<Vec<u8>> {
            list.iter()
                .filter_map(|event| data(event).map(Cow::into_owned))
                .collect()
        };
        let (whole, whole_tail) = events(&[stream]);
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let (parts, tail) =
                    events(&[&stream[..first], &stream[first..second], &stream[second..]]);
                let joined: Vec<u8> = parts.iter().flatten().chain(&tail).copied().collect();
                assert_eq!(joined, *stream);
                assert_eq!(
                    all_data(&parts),
                    all_data(&whole),
                    "{first} {second} {stream:?}"
                );
                assert_eq!(tail.len(), whole_tail.len(), "{first} {second} {stream:?}");
            }
        }
    }
}

#[test]
fn data_lines_are_joined_and_comments_have_none() {
    let data = |text: &'static str| data(text.as_bytes()).map(Cow::into_owned);
    assert_eq!(
        data("data: x\r\nid: 3\r\ndata:y\r\n\r\n"),
        Some(b"x\ny".to_vec())
    );
    assert_eq!(data(": OPENROUTER PROCESSING\n\n"), None);
    assert_eq!(data("database: 1\n\n"), None);
    assert_eq!(data("data\n\n"), Some(Vec::new()));
}

#[test]
fn a_whole_chunk_is_not_copied() {
    let chunk = Bytes::from_static(b"data: a\n\ndata: b\n\n");
    let block = EventScanner::default().push(chunk.clone()).unwrap();
    assert_eq!(block.bytes.as_ptr(), chunk.as_ptr());
    assert_eq!(block.events().count(), 2);
}

#[test]
fn a_long_event_grows_in_place_while_blocks_are_held() {
    let mut scanner = EventScanner::default();
    let chunk = Bytes::from(vec![b'x'; 1024]);
    let mut held = Vec::new();
    let mut moves = 0;
    let mut place = std::ptr::null();
    for _ in 0..4096 {
        held.push(scanner.push(chunk.clone()).unwrap());
        if scanner.tail.as_ptr() != place {
            place = scanner.tail.as_ptr();
            moves += 1;
        }
    }
    // Doubling from 1 KiB to 4 MiB moves it a dozen times; a copy per chunk would be 4096.
    assert!(moves < 40, "{moves} moves");
    assert!(held.iter().all(|block| block.bytes.is_empty()));
}

#[test]
fn comments_are_distinguished_from_events() {
    let without_data: [&[u8]; 9] = [
        b": ping\n\n",
        b"\r\n",
        b"event: ping\n\n",
        b"data\n\n",
        b"data:\n\n",
        b"data: \ndata:\t\n\n",
        b"retry: 3000\n\n",
        b"id: 7\r\nevent: ping\r\ndata:\r\n\r\n",
        b"database: x\n\n",
    ];
    for frame in without_data {
        assert!(is_without_data(frame), "{frame:?}");
    }
    for frame in [&b": ping\ndata: x\n\n"[..], b"event: ping\ndata: {}\n\n"] {
        assert!(!is_without_data(frame), "{frame:?}");
    }
}

#[test]
fn data_is_replaced_in_place() {
    let rows: [(&[u8], &[u8]); 4] = [
        (b"data: {\"a\":1}\n\n", b"data: {}\n\n"),
        (
            b"id: 1\r\ndata:{\r\ndata:}\r\nevent: x\r\n\r\n",
            b"id: 1\r\ndata:{}\r\nevent: x\r\n\r\n",
        ),
        (b": data\rdata\r\r", b": data\rdata:{}\r\r"),
        (b"event: x\n\n", b"event: x\n\n"),
    ];
    for (event, expected) in rows {
        assert_eq!(with_data(event, b"{}"), expected, "{event:?}");
    }
    assert_eq!(with_data(b"data: x\n\n", b"{\n}"), b"data: { }\n\n");
}

#[test]
fn some_events_of_a_block_are_replaced() {
    let block = EventScanner::default()
        .push(Bytes::from_static(b"data: 1\n\ndata: 2\n\ndata: 3\n\n"))
        .unwrap();
    let second = |event: &[u8]| event.contains(&b'2').then(|| b"data: two\n\n".to_vec());
    let changed = block.changed(second).unwrap();
    assert_eq!(changed.bytes, b"data: 1\n\ndata: two\n\ndata: 3\n\n"[..]);
    let events: Vec<&[u8]> = changed.events().collect();
    let expected: [&[u8]; 3] = [b"data: 1\n\n", b"data: two\n\n", b"data: 3\n\n"];
    assert_eq!(events, expected);
    assert_eq!(block.changed(|_| None), None);
    let closing = EventBlock::closing(b"data: x");
    assert_eq!(closing.events().collect::<Vec<_>>(), [b"data: x\n\n"]);
}

#[test]
fn a_line_without_end_is_bounded() {
    let mut scanner = EventScanner::default();
    let chunk = Bytes::from(vec![b'x'; 1024 * 1024]);
    let broken = (0..32).find_map(|_| scanner.push(chunk.clone()).err());
    assert_eq!(broken, Some(EventTooLong));
}

proptest! {
    #[test]
    fn no_byte_is_lost_and_boundaries_do_not_matter(
        pieces in prop::collection::vec("(data|:|id|\\[DONE\\]|x|\\n|\\r|\\r\\n| ){0,8}", 0..12),
    ) {
        let whole: Vec<u8> = pieces.concat().into_bytes();
        let chunks: Vec<&[u8]> = pieces.iter().map(String::as_bytes).collect();
        let (events_of_chunks, tail) = events(&chunks);
        let joined: Vec<u8> = events_of_chunks.iter().flatten().chain(&tail).copied().collect();
        prop_assert_eq!(&joined, &whole);
        let all_data = |list: &[Vec<u8>]| -> Vec<Vec<u8>> {
            list.iter().filter_map(|event| data(event).map(Cow::into_owned)).collect()
        };
        prop_assert_eq!(all_data(&events_of_chunks), all_data(&events(&[&whole]).0));
    }

    #[test]
    fn cuts_anywhere_leave_events_meanings_and_usage_the_same(
        stream in any_stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        let mut chunks = Vec::new();
        let mut start = 0;
        for cut in cuts.into_iter().chain([stream.len()]) {
            chunks.push(&stream[start..cut]);
            start = cut;
        }
        let whole = heard(&[&stream]);
        prop_assert_eq!(heard(&chunks), whole);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(heard(&bytes), heard(&[&stream]));
    }
}

/// Events, what each means, all usage, and what is left at the end.
type Heard = (Vec<Vec<u8>>, Vec<EventSignal>, Usage, Vec<u8>);

fn heard(chunks: &[&[u8]]) -> Heard {
    let (events, tail) = events(chunks);
    let meanings: Vec<EventSignal> = events
        .iter()
        .map(|event| signals::read(data(event).as_deref()))
        .collect();
    let mut usage = Usage::default();
    for meaning in &meanings {
        usage.take_in(meaning.usage.unwrap_or_default());
    }
    (events, meanings, usage, tail)
}

/// Streams as upstreams send them, in any order, with line ends of any kind, whole or cut off.
fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop::sample::select(vec![
        r#"{"choices":[],"prompt_filter_results":[]}"#,
        r#"{"choices":[{"delta":{"content":"é😀"},"finish_reason":null}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":null}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12}}"#,
        r#"{"error":{"code":502,"message":"x"}}"#,
        r#"{"type":"message_start","message":{"usage":{"input_tokens":25}}}"#,
        "[DONE]",
        "",
    ]);
    let line_end = prop::sample::select(vec!["\n", "\r\n", "\r"]);
    let lead = prop::sample::select(vec!["data: ", "data:", ": ", "event: ", "data\n", ""]);
    let event = (lead, payload, line_end, 0..3_usize).prop_map(|(lead, payload, end, blanks)| {
        format!("{lead}{payload}{}", end.repeat(blanks + 1))
    });
    let begins_with_mark = any::<bool>();
    (
        begins_with_mark,
        prop::collection::vec(event, 0..8),
        0..4_usize,
    )
        .prop_map(|(begins_with_mark, events, missing)| {
            let mark: &[u8] = if begins_with_mark {
                b"\xef\xbb\xbf"
            } else {
                b""
            };
            let mut stream = [mark, events.concat().as_bytes()].concat();
            stream.truncate(stream.len().saturating_sub(missing));
            stream
        })
}
