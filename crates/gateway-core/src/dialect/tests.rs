//! The choice of a translation.

use serde_json::json;

use super::envelope::EnvelopeKey;
use super::{request, *};
use crate::config::model::{ChannelConfig, Document};
use crate::config::snapshot::{Snapshot, tests::channel};
use crate::upstream::provider::Provider;

mod pairs;

fn chosen(operation: &'static str, body: &[u8], change: impl FnOnce(&mut ChannelConfig)) -> bool {
    let mut stored = channel("c");
    change(&mut stored);
    let document = Document {
        channels: vec![stored],
        ..Document::default()
    };
    let snapshot = Snapshot::build(document, None, || 0);
    let members = Members::parse(body).unwrap();
    let channel = snapshot.channel(0).unwrap();
    let translation = Translation::choose(operation, channel, |_| false, Some(&members));
    let origin = Origin {
        provider: Provider::OpenAi,
        channel: String::new(),
    };
    assert_eq!(
        translation
            .stream(|| (AnswerContext::default(), origin))
            .is_some(),
        translation.added_member().is_some()
    );
    translation.added_member().is_some()
}

#[test]
fn the_usage_is_asked_for_where_channel_and_dialect_have_it_and_the_client_does_not_ask() {
    let chat = "chat/completions";
    assert!(chosen(chat, b"{}", |_| {}));
    assert!(chosen("completions", b"{}", |_| {}));
    assert!(!chosen("responses", b"{}", |_| {}));
    assert!(!chosen("embeddings", b"{}", |_| {}));
    assert!(!chosen(chat, b"{}", |channel| channel.stream_usage = false));
    assert!(!chosen(chat, b"{}", |channel| channel.drop_params =
        vec![STREAM_OPTIONS.to_owned()]));
    let asking = br#"{"stream_options":{"include_usage":true}}"#;
    assert!(!chosen(chat, asking, |_| {}));
    assert!(!chosen(chat, br#"{"stream_options":7}"#, |_| {}));
    assert!(chosen(chat, br#"{"stream_options":null}"#, |_| {}));
}

#[test]
fn a_stream_without_its_end_mark_was_cut_off_where_the_dialect_has_one() {
    let document = Document {
        channels: vec![channel("c")],
        ..Document::default()
    };
    let snapshot = Snapshot::build(document, None, || 0);
    for (operation, expected) in [
        ("chat/completions", true),
        ("responses", true),
        ("messages", true),
        ("audio/transcriptions", false),
        ("embeddings", false),
    ] {
        let channel = snapshot.channel(0).unwrap();
        let translation = Translation::choose(operation, channel, |_| false, None);
        assert_eq!(translation.has_end_mark(), expected, "{operation}");
    }
}

#[test]
fn no_reader_takes_an_address_that_no_server_can_fetch() {
    let key = EnvelopeKey::derive(Default::default());
    for (address, is_taken) in [
        ("https://x/y.png", true),
        ("data:image/png;base64,iVBORw0KGgo=", true),
        ("data:image/png;base76,iVBORw0KGgo=", false),
        ("ftp://x/y.png", false),
    ] {
        let chat = json!({"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": address}}]}]});
        let responses = json!({"input": [{"role": "user", "content": [
            {"type": "input_image", "image_url": address}]}]});
        let file = json!({"input": [{"role": "user", "content": [
            {"type": "input_file", "file_url": address}]}]});
        let gemini = json!({"contents": [{"parts": [
            {"fileData": {"fileUri": address, "mimeType": "image/png"}}]}]});
        for (dialect, body) in [
            (Dialect::Chat, chat),
            (Dialect::Responses, responses),
            (Dialect::Responses, file),
            (Dialect::Gemini, gemini),
        ] {
            let body = body.to_string();
            let read = request::read(dialect, body.as_bytes(), false, &key);
            assert_eq!(read.is_ok(), is_taken, "{dialect:?} {address}");
        }
    }
    let messages = |address: &str| {
        let source = json!({"type": "url", "url": address});
        json!({"max_tokens": 1, "messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]})
    };
    for (media_type, is_taken) in [("image/png", true), ("im,ge/png", false), ("a\"/b", false)] {
        let gemini = json!({"contents": [{"parts": [
            {"inlineData": {"mimeType": media_type, "data": "iVBORw0KGgo="}}]}]});
        let source = json!({"type": "base64", "media_type": media_type, "data": "iVBORw0KGgo="});
        let messages = json!({"max_tokens": 1, "messages": [{"role": "user", "content": [
            {"type": "image", "source": source}]}]});
        for (dialect, body) in [(Dialect::Gemini, gemini), (Dialect::Messages, messages)] {
            let body = body.to_string();
            let read = request::read(dialect, body.as_bytes(), false, &key);
            assert_eq!(read.is_ok(), is_taken, "{dialect:?} {media_type}");
        }
    }
    for (address, is_taken) in [("https://x/y.png", true), ("ftp://x/y.png", false)] {
        let body = messages(address).to_string();
        let read = request::read(Dialect::Messages, body.as_bytes(), false, &key);
        assert_eq!(read.is_ok(), is_taken, "{address}");
    }
}
