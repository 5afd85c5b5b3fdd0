//! Translates streams between dialects: a decoder of the upstream's dialect, and an encoder of the client's behind it.

use bytes::Bytes;

use super::answer::AnswerContext;
use super::answer_event::{AnswerDecoder, AnswerEncoder, BadAnswer, StreamFailure};
use super::envelope::Origin;
use super::{StreamTranslator, Translated, chat, gemini, messages, responses};
use crate::wire::dialect::Dialect;
use crate::wire::signals::EventSignal;
use crate::wire::sse;

/// The translator of a stream from the upstream's dialect to the client's; `None` for dialects that are not translated.
pub fn translator(
    client: Dialect,
    upstream: Dialect,
    context: AnswerContext,
    origin: &Origin,
) -> Option<Box<dyn StreamTranslator>> {
    Some(Box::new(StreamPipe {
        decoder: decoder(upstream, origin)?,
        encoder: encoder(client, context)?,
        output: Vec::new(),
    }))
}

/// Reads streams of an upstream's dialect.
pub fn decoder(upstream: Dialect, origin: &Origin) -> Option<Box<dyn AnswerDecoder>> {
    match upstream {
        Dialect::Chat => Some(Box::new(chat::ChatDecoder::new(origin.clone()))),
        Dialect::Messages => Some(Box::new(messages::MessagesDecoder::new(origin.clone()))),
        Dialect::Responses => Some(Box::new(responses::ResponsesDecoder::new(origin.clone()))),
        _ => None,
    }
}

/// Writes streams of a client's dialect.
pub fn encoder(client: Dialect, context: AnswerContext) -> Option<Box<dyn AnswerEncoder>> {
    match client {
        Dialect::Chat => Some(Box::new(chat::ChatEncoder::new(context))),
        Dialect::Messages => Some(Box::new(messages::MessagesEncoder::new(context))),
        Dialect::Responses => Some(Box::new(responses::ResponsesEncoder::new(context))),
        Dialect::Gemini if context.is_list => {
            Some(Box::new(gemini::GeminiEncoder::of_list(context)))
        }
        Dialect::Gemini => Some(Box::new(gemini::GeminiEncoder::new(context))),
        _ => None,
    }
}

struct StreamPipe {
    decoder: Box<dyn AnswerDecoder>,
    encoder: Box<dyn AnswerEncoder>,
    /// What an event becomes. Its memory is kept for the next one, and an exact copy is sent.
    output: Vec<u8>,
}

/// The memory that is kept for the next event, in bytes.
const MAX_KEPT: usize = 16 * 1024;

impl StreamPipe {
    /// Takes what was written, if anything was.
    fn taken(&mut self) -> Option<Bytes> {
        if self.output.is_empty() {
            return None;
        }
        if self.output.len() > MAX_KEPT {
            return Some(std::mem::take(&mut self.output).into());
        }
        let output = Bytes::copy_from_slice(&self.output);
        self.output.clear();
        Some(output)
    }
}

impl StreamTranslator for StreamPipe {
    fn push(&mut self, event: &[u8], _signal: &EventSignal) -> Translated {
        let Some(data) = sse::data(event) else {
            return Translated::Dropped;
        };
        let (encoder, output) = (&mut self.encoder, &mut self.output);
        let mut sink = |event: super::answer_event::AnswerEvent<'_>| encoder.event(event, output);
        match self.decoder.event(&data, &mut sink) {
            Err(bad) => {
                self.output.clear();
                Translated::Bad(bad)
            }
            Ok(()) => self
                .taken()
                .map_or(Translated::Dropped, Translated::Replaced),
        }
    }

    fn finish(&mut self) -> Result<Option<Bytes>, BadAnswer> {
        let (encoder, output) = (&mut self.encoder, &mut self.output);
        let mut sink = |event: super::answer_event::AnswerEvent<'_>| encoder.event(event, output);
        self.decoder.finish(&mut sink)?;
        Ok(self.taken())
    }

    fn fail(&mut self, failure: &StreamFailure<'_>) -> Option<Bytes> {
        let mut output = Vec::new();
        self.encoder.fail(failure, &mut output);
        Some(output.into())
    }
}
