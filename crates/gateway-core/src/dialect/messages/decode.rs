//! Reads the answers of a Messages channel. Owns the order of a stream's events and the end of an answer; content blocks
//! are [`blocks`]', figures are [`tokens`]'.

mod blocks;
mod tokens;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{BorrowedText, stop_reason};
use crate::dialect::answer_event::{AnswerDecoder, AnswerEvent, BadAnswer, Sink, StopReason};
use crate::dialect::envelope::Origin;
use blocks::{BlockDelta, BlockReader, StartedBlock};
use tokens::Tokens;

#[derive(Deserialize)]
struct StreamedEvent<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<BorrowedText<'a>>,
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow, default)]
    message: Option<MessageHead<'a>>,
    #[serde(borrow, default)]
    content_block: Option<StartedBlock<'a>>,
    #[serde(borrow, default)]
    delta: Option<BlockDelta<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct MessageHead<'a> {
    #[serde(borrow, default)]
    id: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WholeMessage<'a> {
    #[serde(borrow, default)]
    id: Option<BorrowedText<'a>>,
    #[serde(borrow)]
    content: Vec<StartedBlock<'a>>,
    #[serde(borrow, default)]
    stop_reason: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    stop_sequence: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    stop_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

/// Why a refusal was made, in words for people.
#[derive(Deserialize)]
struct StopDetails<'a> {
    #[serde(borrow, default)]
    explanation: Option<BorrowedText<'a>>,
}

/// Reads streams.
#[derive(Debug)]
pub struct MessagesDecoder {
    blocks: BlockReader,
    tokens: Tokens,
    has_started: bool,
    has_reason: bool,
    is_over: bool,
}

/// Why an answer ends, in the words of Messages.
#[derive(Default)]
struct StatedEnd<'a> {
    reason: Option<BorrowedText<'a>>,
    sequence: Option<BorrowedText<'a>>,
    details: Option<&'a RawValue>,
}

impl MessagesDecoder {
    /// A decoder of one answer.
    pub fn new(origin: Origin) -> Self {
        Self {
            blocks: BlockReader::new(origin),
            tokens: Tokens::default(),
            has_started: false,
            has_reason: false,
            is_over: false,
        }
    }

    fn start(&mut self, head: Option<MessageHead<'_>>, sink: &mut Sink<'_>) {
        if self.has_started {
            return;
        }
        self.has_started = true;
        let (id, usage) = head.map_or((None, None), |head| (head.id, head.usage));
        let id = BorrowedText::or_empty(id);
        self.blocks.answer_id(&id);
        sink(AnswerEvent::Start { id });
        self.usage(usage, sink);
    }

    fn usage(&mut self, usage: Option<&RawValue>, sink: &mut Sink<'_>) {
        if let Some(usage) = usage.and_then(|raw| self.tokens.take_in(raw)) {
            sink(AnswerEvent::Usage(usage));
        }
    }

    /// Ends the answer's content. Only the first reason counts.
    fn reason(&mut self, end: StatedEnd<'_>, sink: &mut Sink<'_>) {
        if self.has_reason {
            return;
        }
        self.has_reason = true;
        self.blocks.close_all(sink);
        let word = end.reason.as_ref().map(|reason| &*reason.0);
        let reason = word.map_or(StopReason::Stop, stop_reason::of_word);
        if reason == StopReason::Filtered {
            let details = end.details.map(RawValue::get);
            let details =
                details.and_then(|raw| crate::wire::json::from_str::<StopDetails<'_>>(raw).ok());
            let explanation = details.and_then(|details| details.explanation);
            if let Some(text) = explanation.filter(|text| !text.0.is_empty()) {
                sink(AnswerEvent::Refusal(text.0));
                sink(AnswerEvent::BlockEnd);
            }
        }
        let sequence = end.sequence.map(|sequence| sequence.0);
        sink(AnswerEvent::Finish {
            reason: reason.with_calls(self.blocks.has_calls()),
            sequence: sequence.filter(|_| word == Some("stop_sequence")),
        });
    }

    fn end(&mut self, sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
        if self.is_over {
            return Ok(());
        }
        self.is_over = true;
        if !self.has_reason && !self.blocks.has_content() {
            return Err(BadAnswer("it has neither content nor a stop reason"));
        }
        self.reason(StatedEnd::default(), sink);
        sink(AnswerEvent::End);
        Ok(())
    }
}

impl AnswerDecoder for MessagesDecoder {
    fn event(&mut self, data: &[u8], sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
        // Some servers add the end mark of another dialect.
        if self.is_over || data.trim_ascii().starts_with(b"[DONE]") {
            return Ok(());
        }
        let event: StreamedEvent<'_> = serde_json::from_slice(data)
            .map_err(|_| BadAnswer("an event is not what Messages has"))?;
        match &*BorrowedText::or_empty(event.kind) {
            "message_start" => self.start(event.message, sink),
            "content_block_start" => {
                self.start(None, sink);
                if let Some(block) = event.content_block.filter(|_| !self.has_reason) {
                    self.blocks.open(event.index, block, sink)?;
                }
            }
            "content_block_delta" => {
                self.start(None, sink);
                if let Some(delta) = event.delta.filter(|_| !self.has_reason) {
                    self.blocks.fill(event.index, delta, sink);
                }
            }
            "content_block_stop" => self.blocks.close(event.index, sink),
            "message_delta" => {
                self.start(None, sink);
                self.usage(event.usage, sink);
                let end = event
                    .delta
                    .map_or_else(StatedEnd::default, |delta| StatedEnd {
                        reason: delta.stop_reason,
                        sequence: delta.stop_sequence,
                        details: delta.stop_details,
                    });
                if end.reason.is_some() {
                    self.reason(end, sink);
                }
            }
            "message_stop" => {
                self.start(None, sink);
                return self.end(sink);
            }
            // Pings, and whatever is new.
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
        self.end(sink)
    }
}

/// Reads a whole answer.
pub fn decode_whole(body: &[u8], origin: &Origin, sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
    let message: WholeMessage<'_> =
        serde_json::from_slice(body).map_err(|_| BadAnswer("it is not a message with content"))?;
    let mut decoder = MessagesDecoder::new(origin.clone());
    let head = MessageHead {
        id: message.id,
        usage: message.usage,
    };
    decoder.start(Some(head), sink);
    for (index, block) in (0..).zip(message.content) {
        decoder.blocks.open(Some(index), block, sink)?;
        decoder.blocks.close(Some(index), sink);
    }
    let end = StatedEnd {
        reason: message.stop_reason,
        sequence: message.stop_sequence,
        details: message.stop_details,
    };
    // An empty answer is allowed here: it was sent as a whole.
    decoder.reason(end, sink);
    decoder.end(sink)
}

#[cfg(test)]
mod tests;
