//! The whole answer of an event stream, for a client that did not request a stream. Pure and push-style: the data of
//! events in, one JSON answer out. Owns that the answer is complete: a truncated stream has none.

mod completions;
mod gathered;
mod messages;
mod responses;
mod transcript;

use bytes::Bytes;

use super::dialect::Dialect;
use super::walk::Unfit;

/// What an event means for the assembled answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssemblyProgress {
    /// More may follow.
    More,
    /// This was the last event.
    Complete,
}

/// An answer that is being assembled.
#[derive(Debug)]
pub enum Assembly {
    /// Of chat completions, or of completions.
    Completions(Box<completions::Completions>),
    /// Of `/v1/responses`.
    Responses(Box<responses::Responses>),
    /// Of Anthropic's messages.
    Messages(Box<messages::Messages>),
    /// Of transcriptions.
    Transcript(transcript::Transcript),
}

impl Assembly {
    /// Begins with nothing.
    pub fn new(dialect: Dialect) -> Self {
        match dialect {
            // No upstream is called in Gemini's dialect.
            Dialect::Chat | Dialect::Completions | Dialect::Gemini => {
                Self::Completions(Box::new(completions::Completions::new(dialect)))
            }
            Dialect::Responses => Self::Responses(Box::default()),
            Dialect::Messages => Self::Messages(Box::default()),
            Dialect::Transcript => Self::Transcript(transcript::Transcript::default()),
        }
    }

    /// Adds the data of the next event. [`Unfit`]: it is not of this dialect, or the answer is too long.
    pub fn push(&mut self, data: &[u8]) -> Result<AssemblyProgress, Unfit> {
        let data = std::str::from_utf8(data).map_err(|_| Unfit)?.trim();
        if data.is_empty() {
            return Ok(AssemblyProgress::More);
        }
        match self {
            Self::Completions(answer) => answer.push(data),
            Self::Responses(answer) => answer.push(data),
            Self::Messages(answer) => answer.push(data),
            Self::Transcript(answer) => answer.push(data),
        }
    }

    /// The whole answer, once the stream has ended. [`Unfit`]: it was cut off.
    pub fn finish(self) -> Result<Bytes, Unfit> {
        match self {
            Self::Completions(answer) => answer.finish(),
            Self::Responses(answer) => answer.finish(),
            Self::Messages(answer) => answer.finish(),
            Self::Transcript(answer) => answer.finish(),
        }
    }
}

#[cfg(test)]
mod tests;
