//! Translates requests. Owns the steps: read in the client's dialect, settle the tools, make turns, write in the channel's.

use std::borrow::Cow;

use super::conversation::Conversation;
use super::envelope::EnvelopeKey;
use super::registry::ToolRegistry;
use super::traits::UpstreamTraits;
use super::untranslatable::Untranslatable;
use super::{chat, gemini, messages, responses, tools, turns};
use crate::wire::dialect::Dialect;

/// A request in the channel's dialect, with what its answer needs.
#[derive(Debug)]
pub struct TranslatedRequest {
    /// The body.
    pub body: Vec<u8>,
    /// The names of the client's tools.
    pub registry: ToolRegistry,
    /// See [`AnswerContext::echo`](super::answer::AnswerContext::echo).
    pub echo: String,
    /// Parts of the request that were left out.
    pub dropped: Vec<Cow<'static, str>>,
}

/// Reads a request of a client's dialect. `stream`: whether it requests a stream, where that is not in the body.
pub fn read<'a>(
    client: Dialect,
    body: &'a [u8],
    stream: bool,
    envelope: &EnvelopeKey,
) -> Result<Conversation<'a>, Untranslatable> {
    match client {
        Dialect::Messages => messages::read(body, envelope),
        Dialect::Responses => responses::read(body, envelope),
        Dialect::Gemini => gemini::read(body, stream, envelope),
        _ => chat::read(body, envelope),
    }
}

/// Translates the body of a request from a client's dialect to a channel's. `stream` as in [`read`].
pub fn translate(
    (client, upstream): (Dialect, Dialect),
    body: &[u8],
    stream: bool,
    traits: &UpstreamTraits,
    envelope: &EnvelopeKey,
) -> Result<TranslatedRequest, Untranslatable> {
    let mut conversation = read(client, body, stream, envelope)?;
    tools::settle(&mut conversation, traits)?;
    let items = std::mem::take(&mut conversation.items);
    let turns = turns::of_items(items, traits.call_ids);
    let written = match upstream {
        Dialect::Messages => messages::write(&conversation, &turns, traits),
        Dialect::Responses => responses::write(&conversation, &turns, traits),
        _ => chat::write(&conversation, &turns, traits),
    }?;
    let echo = if client == Dialect::Responses {
        responses::echo(body)
    } else {
        String::new()
    };
    Ok(TranslatedRequest {
        body: written,
        registry: conversation.registry,
        echo,
        dropped: conversation.dropped,
    })
}
