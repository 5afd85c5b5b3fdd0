//! Between the dialect that a client speaks and the one that a channel speaks. Owns the choice of a [`Translation`], made
//! anew for every attempt, and the form of translators: push, one event at a time, pure.
//!
//! Both sides speak the same dialect so far, so that bytes pass as they are; the one thing that is translated is the usage
//! of streams ([`include_usage`]). Another dialect is a further [`StreamTranslator`] and its request, chosen in
//! [`Translation::choose`].

pub mod answer;
pub mod answer_event;
pub mod conversation;
pub mod count;
pub mod effort;
pub mod envelope;
pub mod gemini;
pub mod ids;
pub mod include_usage;
pub mod overflow;
pub mod registry;
pub mod tools;
pub mod traits;
pub mod turns;
pub mod untranslatable;

use std::borrow::Cow;

use bytes::Bytes;

use crate::config::snapshot::Channel;
use crate::wire::dialect::Dialect;
use crate::wire::members::Members;
use crate::wire::signals::EventSignal;
use include_usage::{RemoveUsage, STREAM_OPTIONS};

/// The translation of one attempt to its channel's dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translation {
    /// The operation at the upstream: a path below `/v1/`.
    pub operation: &'static str,
    /// The dialect of the upstream's answers; `None` where they have no common form.
    pub dialect: Option<Dialect>,
    /// The request's `stream_options`, where the gateway requests a usage that the client did not.
    stream_options: Option<Cow<'static, str>>,
}

impl Translation {
    /// The translation for a client's operation at a channel. `streamed`: the members of a JSON body that requests a
    /// stream.
    pub fn choose(
        operation: &'static str,
        channel: &Channel,
        streamed: Option<&Members<'_>>,
    ) -> Self {
        let dialect = Dialect::of(operation);
        let is_dropped = || channel.drop_params.iter().any(|it| it == STREAM_OPTIONS);
        let stream_options = streamed
            .filter(|_| dialect.is_some_and(Dialect::has_stream_options))
            .filter(|_| channel.stream_usage && !is_dropped())
            .and_then(include_usage::asking_options);
        Self {
            operation,
            dialect,
            stream_options,
        }
    }

    /// The member that the upstream's request needs besides the client's, with its value.
    pub fn added_member(&self) -> Option<(&'static str, &str)> {
        let options = self.stream_options.as_deref()?;
        Some((STREAM_OPTIONS, options))
    }

    /// What translates the events of the upstream's stream; `None`: they pass as they are.
    pub fn stream(&self) -> Option<Box<dyn StreamTranslator>> {
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
}

/// Translates a stream, one event after the other.
pub trait StreamTranslator {
    /// Takes the next event, with its blank line. `signal` is what it means in the upstream's dialect; errors never come here.
    fn push(&mut self, event: &[u8], signal: &EventSignal) -> Translated;

    /// The events that the client still needs when a whole stream has ended.
    fn finish(&mut self) -> Option<Bytes> {
        None
    }
}

#[cfg(test)]
mod tests;
