//! The cases. Owns what one run of each does; a result that the compiler could leave out goes through `black_box`.

use std::hint::black_box;
use std::rc::Rc;

use bytes::Bytes;
use gateway_core::dialect::answer::AnswerContext;
use gateway_core::dialect::envelope::{EnvelopeKey, Origin};
use gateway_core::dialect::traits::UpstreamTraits;
use gateway_core::dialect::{request, stream, whole};
use gateway_core::ids;
use gateway_core::route::least_busy::{self, LoadedChannel, Readiness};
use gateway_core::route::load::{ChannelLoad, Measured};
use gateway_core::route::{self, affinity};
use gateway_core::upstream::classify;
use gateway_core::upstream::provider::Provider;
use gateway_core::wire::dialect::Dialect;
use gateway_core::wire::members::{MemberEdit, Members};
use gateway_core::wire::sse::EventScanner;
use gateway_core::wire::{error_shape, redaction, signals};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::inputs::{self, NOW};
use crate::{Case, Run};

/// Turns of the conversations: some 30 KB.
const TURNS: usize = 24;
/// Pieces of text of the streams.
const PIECES: usize = 100;
/// Bytes of a stream that arrive at once.
const CHUNK_BYTES: usize = 1_000;

/// All of them.
pub const CASES: &[Case] = &[
    case("scan_request", scan_request),
    case("edit_request", edit_request),
    case("route_by_weight", route_by_weight),
    case("route_by_load", route_by_load),
    case("route_by_session", route_by_session),
    case("sse_events", sse_events),
    case("sse_meaning", sse_meaning),
    case("classify_rate_limit", classify_rate_limit),
    case("classify_unknown_model", classify_unknown_model),
    case("request_chat_to_messages", || {
        translated_request(
            (Dialect::Chat, Dialect::Messages),
            inputs::chat_request(TURNS),
        )
    }),
    case("request_messages_to_chat", || {
        translated_request(
            (Dialect::Messages, Dialect::Chat),
            inputs::messages_request(TURNS),
        )
    }),
    case("request_responses_to_chat", || {
        translated_request(
            (Dialect::Responses, Dialect::Chat),
            inputs::responses_request(TURNS),
        )
    }),
    case("request_chat_to_responses", || {
        translated_request(
            (Dialect::Chat, Dialect::Responses),
            inputs::chat_request(TURNS),
        )
    }),
    case("answer_chat_to_messages", || {
        translated_answer((Dialect::Messages, Dialect::Chat), inputs::chat_answer())
    }),
    case("answer_messages_to_chat", || {
        translated_answer(
            (Dialect::Chat, Dialect::Messages),
            inputs::messages_answer(),
        )
    }),
    case("stream_chat_to_messages", || {
        translated_stream(
            (Dialect::Messages, Dialect::Chat),
            inputs::chat_stream(PIECES),
        )
    }),
    case("stream_messages_to_chat", || {
        translated_stream(
            (Dialect::Chat, Dialect::Messages),
            inputs::messages_stream(PIECES),
        )
    }),
    case("stream_chat_to_responses", || {
        translated_stream(
            (Dialect::Responses, Dialect::Chat),
            inputs::chat_stream(PIECES),
        )
    }),
    case("key_lookup", key_lookup),
    case("redaction", redaction),
];

const fn case(name: &'static str, prepare: fn() -> Run) -> Case {
    Case { name, prepare }
}

/// Finds the members of a body, and those that decide about it.
fn scan_request() -> Run {
    let body = inputs::chat_request(TURNS);
    Box::new(move || {
        let members = Members::parse(black_box(&body));
        let found = members
            .as_ref()
            .map(|it| (it.string("model"), it.raw("stream")));
        let _ = black_box(found);
    })
}

/// Replaces the model of a body.
fn edit_request() -> Run {
    let body = inputs::chat_request(TURNS);
    Box::new(move || {
        if let Ok(members) = Members::parse(black_box(&body)) {
            let edit = MemberEdit::Set("model", "\"another-model\"".into());
            black_box(members.rewrite(&[edit]));
        }
    })
}

/// The channels of a model in the order of a request.
fn route_by_weight() -> Run {
    let snapshot = inputs::snapshot();
    Box::new(move || {
        let mut entries = snapshot.entries(black_box("gpt-4o"));
        route::shuffle(&mut entries, seeded());
        black_box(entries);
    })
}

/// The same, where the load decides.
fn route_by_load() -> Run {
    let snapshot = inputs::snapshot();
    let loads: Vec<Rc<ChannelLoad>> = (0..inputs::CHANNELS).map(|_| Rc::default()).collect();
    for (load, number) in loads.iter().zip(1..) {
        load.begin(NOW);
        load.measure(NOW, NOW.plus_ms(number * 100), Some(Measured::Answered));
    }
    Box::new(move || {
        let mut entries = snapshot.entries(black_box("gpt-4o"));
        route::shuffle(&mut entries, seeded());
        let loaded = entries.iter().map(|entry| LoadedChannel {
            channel: *entry,
            load: loads.get(entry.index).cloned().unwrap_or_default(),
            readiness: Readiness::Ready,
        });
        let mut loaded: Vec<LoadedChannel> = loaded.collect();
        least_busy::sort(&mut loaded, NOW.plus_ms(1_000));
        black_box(loaded);
    })
}

/// The same, where a session decides.
fn route_by_session() -> Run {
    let snapshot = inputs::snapshot();
    Box::new(move || {
        let mut entries = snapshot.entries(black_box("gpt-4o"));
        affinity::sort(&mut entries, black_box("session-1"), |index| {
            snapshot.channel(index).map_or("", |channel| &channel.id)
        });
        black_box(entries);
    })
}

/// Cuts a stream into its events.
fn sse_events() -> Run {
    let stream = Bytes::from(inputs::chat_stream(PIECES));
    Box::new(move || {
        each_event(&stream, |event| {
            black_box(event);
        });
    })
}

/// Reads what its events mean.
fn sse_meaning() -> Run {
    let stream = Bytes::from(inputs::chat_stream(PIECES));
    Box::new(move || {
        each_event(&stream, |event| {
            black_box(signals::of(event));
        });
    })
}

fn each_event(stream: &Bytes, mut take: impl FnMut(&[u8])) {
    let mut scanner = EventScanner::default();
    let mut rest = stream.clone();
    while !rest.is_empty() {
        let chunk = rest.split_to(rest.len().min(CHUNK_BYTES));
        if let Ok(block) = scanner.push(chunk) {
            block.events().for_each(&mut take);
        }
    }
}

/// Reads a rate limit that says how long it lasts.
fn classify_rate_limit() -> Run {
    let body = br#"{"error":{"message":"Rate limit reached for gpt-4o. Please try again in 20s.","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#;
    let mut headers = HeaderMap::new();
    headers.insert("retry-after-ms", HeaderValue::from_static("1500"));
    Box::new(move || classify(StatusCode::TOO_MANY_REQUESTS, body, &headers))
}

/// Reads an error that is about the model.
fn classify_unknown_model() -> Run {
    let body = br#"{"detail":"Function 'meta/llama-3.1-405b-instruct': Not found for account"}"#;
    Box::new(move || classify(StatusCode::NOT_FOUND, body, &HeaderMap::new()))
}

fn classify(status: StatusCode, body: &[u8], headers: &HeaderMap) {
    let found = error_shape::normalise(status, black_box(body));
    black_box(classify::outcome(status, &found, headers, NOW));
}

/// Translates a request from a client's dialect to a channel's.
fn translated_request(dialects: (Dialect, Dialect), body: Vec<u8>) -> Run {
    let traits = UpstreamTraits::unknown("upstream-model", origin());
    let envelope = EnvelopeKey::derive(b"a secret of the gateway");
    Box::new(move || {
        let translated = request::translate(dialects, black_box(&body), true, &traits, &envelope);
        assert!(translated.is_ok(), "the request is translated");
        let _ = black_box(translated);
    })
}

/// Translates a whole answer of a channel's dialect for a client.
fn translated_answer(dialects: (Dialect, Dialect), body: Vec<u8>) -> Run {
    let context = answer_context();
    Box::new(move || {
        let translated = whole::translate(dialects, black_box(&body), &context, &origin());
        assert!(translated.is_ok(), "the answer is translated");
        let _ = black_box(translated);
    })
}

/// Translates a stream of a channel's dialect for a client.
fn translated_stream((client, upstream): (Dialect, Dialect), stream: Vec<u8>) -> Run {
    let stream = Bytes::from(stream);
    Box::new(move || {
        let translator = stream::translator(client, upstream, answer_context(), &origin());
        if let Some(mut translator) = translator {
            each_event(&stream, |event| {
                black_box(translator.push(event, &signals::of(event)));
            });
            let end = translator.finish();
            assert!(end.is_ok(), "the stream is whole");
            let _ = black_box(end);
        }
    })
}

/// Finds a client's key by its hash.
fn key_lookup() -> Run {
    let snapshot = inputs::snapshot();
    let key = inputs::client_key(500);
    Box::new(move || {
        let hash = ids::hash_client_key(black_box(key.as_bytes()));
        let found = snapshot.client_key(&hash);
        assert!(found.is_some(), "the key is known");
        black_box(found);
    })
}

/// Removes credentials from an error message.
fn redaction() -> Run {
    let message = inputs::error_message();
    Box::new(move || {
        black_box(redaction::redact(black_box(&message)));
    })
}

fn origin() -> Origin {
    Origin {
        provider: Provider::OpenAi,
        channel: "ch_1".to_owned(),
    }
}

fn answer_context() -> AnswerContext {
    AnswerContext {
        model: "gpt-4o".to_owned(),
        request_id: "req_1".to_owned(),
        created: NOW.unix_seconds(),
        ..AnswerContext::default()
    }
}

/// `SplitMix64` (Steele, Lea, Flood 2014) from a fixed seed.
fn seeded() -> impl FnMut() -> u64 {
    let mut state = 1_u64;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
