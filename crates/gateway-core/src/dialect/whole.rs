//! Translates whole answers between dialects: into whole answers, or into streams for clients that requested one.

use super::answer::{Answer, AnswerContext};
use super::answer_event::{AnswerEvent, BadAnswer, Sink};
use super::envelope::Origin;
use super::{chat, gemini, messages, responses, stream};
use crate::wire::dialect::Dialect;

/// Translates a whole answer that is no error from the upstream's dialect to the client's.
pub fn translate(
    (client, upstream): (Dialect, Dialect),
    body: &[u8],
    context: &AnswerContext,
    origin: &Origin,
) -> Result<Vec<u8>, BadAnswer> {
    let mut answer = Answer::default();
    decode(upstream, body, origin, &mut |event| answer.take_in(event))?;
    match client {
        Dialect::Messages => messages::encode_whole(&answer, context),
        Dialect::Responses => responses::encode_whole(&answer, context),
        Dialect::Gemini => gemini::encode_whole(&answer, context),
        _ => chat::encode_whole(&answer, context),
    }
}

/// The stream of a whole answer, in the client's dialect.
pub fn to_stream(
    (client, upstream): (Dialect, Dialect),
    body: &[u8],
    context: AnswerContext,
    origin: &Origin,
) -> Result<Vec<u8>, BadAnswer> {
    let mut encoder = stream::encoder(client, context).ok_or(BadAnswer(
        "the client's dialect has no streams to translate to",
    ))?;
    let mut output = Vec::new();
    let mut sink = |event: AnswerEvent<'_>| encoder.event(event, &mut output);
    decode(upstream, body, origin, &mut sink)?;
    Ok(output)
}

fn decode(
    upstream: Dialect,
    body: &[u8],
    origin: &Origin,
    sink: &mut Sink<'_>,
) -> Result<(), BadAnswer> {
    match upstream {
        Dialect::Messages => messages::decode_whole(body, origin, sink),
        Dialect::Responses => responses::decode_whole(body, origin, sink),
        _ => chat::decode_whole(body, origin, sink),
    }
}
