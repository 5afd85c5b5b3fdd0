//! Requests of every client's dialect, for channels of every dialect: any bytes are translated or rejected, always alike;
//! nothing that a conversation says is lost, and no channel gets reasoning state of another.
//!
//! The first byte chooses the dialect (`c`, `m`, `r`, `g`), the second what the channel accepts; the rest is the body, with
//! words for envelopes (see `channel`).
#![no_main]

use gateway_core::dialect::conversation::Conversation;
use gateway_core::dialect::envelope::{self, EnvelopeKey};
use gateway_core::dialect::traits::UpstreamTraits;
use gateway_core::dialect::untranslatable::Untranslatable;
use gateway_core::dialect::{chat, gemini, messages, responses, tools, turns};
use gateway_core::wire::dialect::Dialect;
use gateway_fuzz::channel::{
    self, CHANNELS, ENCRYPTED_STATE, FOREIGN_STATE, SIGNED_STATE, with_envelopes,
};
use gateway_fuzz::history::History;
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde_json::value::RawValue;

fn read(client: u8, body: &[u8]) -> Result<Conversation<'_>, Untranslatable> {
    let key = EnvelopeKey::default();
    match client {
        b'c' => chat::read(body, &key),
        b'm' => messages::read(body, &key),
        b'r' => responses::read(body, &key),
        _ => gemini::read(body, false, &key),
    }
}

/// The translation of a request to a channel's dialect, and what the request said.
fn translated(
    client: u8,
    body: &[u8],
    upstream: Dialect,
    traits: &UpstreamTraits,
) -> Result<(Vec<u8>, History), Untranslatable> {
    let mut conversation = read(client, body)?;
    tools::settle(&mut conversation, traits)?;
    let items = std::mem::take(&mut conversation.items);
    let turns = turns::of_items(items, traits.call_ids);
    let written = match upstream {
        Dialect::Messages => messages::write(&conversation, &turns, traits),
        Dialect::Responses => responses::write(&conversation, &turns, traits),
        _ => chat::write(&conversation, &turns, traits),
    }?;
    Ok((written, History::of(&conversation, &turns)))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WrittenLists<'a> {
    #[serde(borrow)]
    messages: Vec<&'a RawValue>,
    #[serde(borrow)]
    input: Vec<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WrittenMember<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    signature: Option<String>,
    data: Option<String>,
    encrypted_content: Option<String>,
}

/// Reasoning is sent only to the channel that made it, and as that channel made it.
fn has_own_state_only(upstream: Dialect, written: &[u8]) {
    let has = |state: &str| {
        written
            .windows(state.len())
            .any(|it| it == state.as_bytes())
    };
    assert!(!has(FOREIGN_STATE));
    assert!(upstream == Dialect::Messages || !has(SIGNED_STATE));
    assert!(upstream == Dialect::Responses || !has(ENCRYPTED_STATE));
    let lists: WrittenLists<'_> = serde_json::from_slice(written).expect("a request");
    let blocks = lists.messages.iter().flat_map(|raw| {
        let message: WrittenMember<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
        let content = message.content.map_or("[]", RawValue::get);
        serde_json::from_str::<Vec<&RawValue>>(content).unwrap_or_default()
    });
    for raw in blocks.chain(lists.input.iter().copied()) {
        let member: WrittenMember<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
        let states = [member.signature, member.data, member.encrypted_content];
        assert!(!states.iter().flatten().any(|it| envelope::is_envelope(it)));
    }
}

fn translates(client: u8, body: &[u8], upstream: Dialect, traits: &UpstreamTraits) {
    let once = translated(client, body, upstream, traits);
    let twice = translated(client, body, upstream, traits);
    let ((written, said), (again, _)) = match (once, twice) {
        (Ok(once), Ok(twice)) => (once, twice),
        (Err(one), Err(other)) => {
            assert_eq!(one, other);
            assert!(!one.message.is_empty());
            return;
        }
        (one, other) => panic!("{:?} {:?}", one.err(), other.err()),
    };
    assert_eq!(written, again);
    has_own_state_only(upstream, &written);
    let as_client = match upstream {
        Dialect::Messages => b'm',
        Dialect::Responses => b'r',
        _ => b'c',
    };
    let reread = translated(as_client, &written, upstream, traits);
    let (_, said_again) = reread.unwrap_or_else(|error| {
        let written = String::from_utf8_lossy(&written);
        panic!("{error:?} in {written}")
    });
    said.assert_kept(&said_again);
}

fuzz_target!(|input: &[u8]| {
    let [client, knobs, body @ ..] = input else {
        return;
    };
    let body = with_envelopes(body);
    let has = |state: &str| body.windows(state.len()).any(|it| it == state.as_bytes());
    if [FOREIGN_STATE, SIGNED_STATE, ENCRYPTED_STATE]
        .into_iter()
        .any(has)
    {
        return;
    }
    for upstream in CHANNELS {
        translates(*client, &body, upstream, &channel::traits(upstream, *knobs));
    }
});
