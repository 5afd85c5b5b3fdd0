//! Between the dialect that a client speaks and the one that a channel speaks. Owns the choice of a [`Translation`], made
//! anew for every attempt, and the form of translators: push, one event at a time, pure.
//!
//! Where both sides speak the same dialect, bytes pass as they are; all that is changed then is the usage of streams
//! ([`include_usage`]) and reasoning that belongs to another upstream ([`strip`]). Otherwise a request is read into the
//! form between the dialects ([`conversation`]) and written for the channel, and the answer comes back as events
//! ([`answer_event`]) that are written for the client. Each dialect is a folder that reads and writes one API.

pub mod answer;
pub mod answer_event;
pub mod chat;
pub mod choice;
pub mod conversation;
pub mod count;
pub mod custom_input;
pub mod effort;
pub mod envelope;
pub mod gemini;
pub mod ids;
pub mod include_usage;
pub mod json;
pub mod messages;
pub mod overflow;
pub mod registry;
pub mod request;
pub mod responses;
pub mod schema;
pub mod stream;
pub mod strip;
pub mod tools;
pub mod traits;
pub mod turns;
pub mod untranslatable;
pub mod whole;

use std::borrow::Cow;

use bytes::Bytes;

use crate::config::snapshot::Channel;
use crate::wire::dialect::Dialect;
use crate::wire::members::Members;
use crate::wire::signals::EventSignal;
use answer::AnswerContext;
use answer_event::{BadAnswer, StreamFailure};
use envelope::Origin;
use include_usage::{RemoveUsage, STREAM_OPTIONS};

/// The translation of one attempt to its channel's dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translation {
    /// The operation at the upstream: a path below `/v1/`.
    pub operation: &'static str,
    /// The dialect of the upstream's answers; `None` where they have no common form.
    pub dialect: Option<Dialect>,
    /// The dialect of the client, where it is another one.
    pub client: Option<Dialect>,
    /// The request's `stream_options`, where the gateway requests a usage that the client did not.
    stream_options: Option<Cow<'static, str>>,
}

impl Translation {
    /// The translation for a client's operation at a channel. `lacks`: whether the channel is known not to have the
    /// operation of a dialect. `streamed`: the members of a JSON body that requests a stream.
    pub fn choose(
        operation: &'static str,
        channel: &Channel,
        lacks: impl Fn(Dialect) -> bool,
        streamed: Option<&Members<'_>>,
    ) -> Self {
        let own = Dialect::of(operation);
        let dialect = own.map(|own| choice::choose(own, channel, lacks));
        if dialect != own {
            return Self {
                operation: dialect.map_or(operation, Dialect::operation),
                dialect,
                client: own,
                stream_options: None,
            };
        }
        let is_dropped = || channel.params.drops(STREAM_OPTIONS);
        let stream_options = streamed
            .filter(|_| dialect.is_some_and(Dialect::has_stream_options))
            .filter(|_| channel.stream_usage && !is_dropped())
            .and_then(include_usage::asking_options);
        Self {
            operation,
            dialect,
            client: None,
            stream_options,
        }
    }

    /// Whether client and channel speak different dialects.
    pub const fn is_between_dialects(&self) -> bool {
        self.client.is_some()
    }

    /// The dialects of client and channel, where they differ.
    pub fn between(&self) -> Option<(Dialect, Dialect)> {
        self.client.zip(self.dialect)
    }

    /// The member that the upstream's request needs besides the client's, with its value.
    pub fn added_member(&self) -> Option<(&'static str, &str)> {
        let options = self.stream_options.as_deref()?;
        Some((STREAM_OPTIONS, options))
    }

    /// What translates the events of the upstream's stream; `None`: they pass as they are. `needs`: what an answer between
    /// dialects needs of its request and its channel.
    pub fn stream(
        &self,
        needs: impl FnOnce() -> (AnswerContext, Origin),
    ) -> Option<Box<dyn StreamTranslator>> {
        if let Some((client, upstream)) = self.between() {
            let (context, origin) = needs();
            return stream::translator(client, upstream, context, &origin);
        }
        self.stream_options.as_ref()?;
        Some(Box::new(RemoveUsage))
    }

    /// Whether the upstream's streams end with a marker, so that one without it was cut off.
    pub fn has_end_mark(&self) -> bool {
        self.dialect.is_some_and(Dialect::has_end_mark)
    }
}

/// The result of translating one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Translated {
    /// It passes as it is.
    Unchanged,
    /// The client gets nothing of it.
    Dropped,
    /// The client gets these events in its place.
    Replaced(Bytes),
    /// It is not what the upstream's dialect allows: the stream is broken.
    Bad(BadAnswer),
}

/// Translates a stream, one event after the other.
pub trait StreamTranslator {
    /// Takes the next event, with its blank line. `signal` is what it means in the upstream's dialect; errors never come here.
    fn push(&mut self, event: &[u8], signal: &EventSignal) -> Translated;

    /// The events that the client still needs when a whole stream has ended.
    fn finish(&mut self) -> Result<Option<Bytes>, BadAnswer> {
        Ok(None)
    }

    /// What the client gets when the stream breaks; `None`: an error event of the client's dialect.
    fn fail(&mut self, failure: &StreamFailure<'_>) -> Option<Bytes> {
        let _ = failure;
        None
    }
}

#[cfg(test)]
mod tests;
