//! The choice of a translation.

use super::*;
use crate::config::model::{ChannelConfig, Document};
use crate::config::snapshot::{Snapshot, tests::channel};
use crate::upstream::provider::Provider;

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
