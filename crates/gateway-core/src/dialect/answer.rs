//! A whole answer in the form between the dialects, gathered from its events.

use std::fmt;
use std::rc::Rc;

use super::answer_event::{AnswerEvent, Citation, StopReason, WebResult};
use super::envelope::{EnvelopeKey, ReasoningState};
use super::registry::ToolRegistry;
use crate::wire::usage::Usage;

/// An answer, or as much of it as there was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The upstream's id of it; empty when it has none.
    pub id: String,
    /// Its blocks, in order.
    pub blocks: Vec<Block>,
    /// Its tokens, as far as the upstream states them.
    pub usage: Option<Usage>,
    /// Why it ended.
    pub reason: StopReason,
    /// The stop sequence that was met, if it is known.
    pub sequence: Option<String>,
    is_closed: bool,
}

/// One block of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// Text.
    Text {
        /// The text.
        text: String,
        /// Its sources.
        citations: Vec<Citation<'static>>,
    },
    /// A refusal.
    Refusal(String),
    /// Reasoning.
    Reasoning {
        /// Its text or summary.
        text: String,
        /// What its upstream needs to continue it.
        state: Option<ReasoningState>,
    },
    /// A call.
    Call {
        /// Its place among the calls.
        index: usize,
        /// Its id.
        id: String,
        /// The tool's name on the wire.
        name: String,
        /// Its arguments, perhaps broken; empty means `{}`.
        arguments: String,
    },
    /// A search that the provider made.
    WebSearch {
        /// Its id.
        id: String,
        /// What was searched for.
        query: String,
        /// What was found.
        results: Vec<WebResult<'static>>,
    },
}

impl Answer {
    /// Adds the next event.
    pub fn take_in(&mut self, event: AnswerEvent<'_>) {
        match event {
            AnswerEvent::Start { id } => self.id = id.into_owned(),
            AnswerEvent::Text(more) => self.text(&more),
            AnswerEvent::Refusal(more) => self.refusal(&more),
            AnswerEvent::Reasoning(more) => self.reasoning(&more),
            AnswerEvent::ReasoningState(state) => self.state(state),
            AnswerEvent::BlockEnd => self.is_closed = true,
            AnswerEvent::Citation(citation) => self.citation(citation),
            AnswerEvent::CallStart { index, id, name } => self.push(Block::Call {
                index,
                id: id.into_owned(),
                name: name.into_owned(),
                arguments: String::new(),
            }),
            AnswerEvent::CallArguments { index, json } => self.arguments(index, &json),
            AnswerEvent::WebSearch { id, query, results } => self.push(Block::WebSearch {
                id: id.into_owned(),
                query: query.into_owned(),
                results: results.into_iter().map(WebResult::into_owned).collect(),
            }),
            AnswerEvent::Usage(usage) => self.usage.get_or_insert_default().take_in(usage),
            AnswerEvent::Finish { reason, sequence } => {
                self.reason = reason;
                self.sequence = sequence.map(Into::into);
            }
            AnswerEvent::CallEnd { .. } | AnswerEvent::End => {}
        }
    }

    fn push(&mut self, block: Block) {
        self.blocks.push(block);
        self.is_closed = false;
    }

    fn open(&mut self) -> Option<&mut Block> {
        if self.is_closed {
            return None;
        }
        self.blocks.last_mut()
    }

    fn text(&mut self, more: &str) {
        if let Some(Block::Text { text, .. }) = self.open() {
            text.push_str(more);
        } else {
            self.push(Block::Text {
                text: more.to_owned(),
                citations: Vec::new(),
            });
        }
    }

    fn refusal(&mut self, more: &str) {
        if let Some(Block::Refusal(text)) = self.open() {
            text.push_str(more);
        } else {
            self.push(Block::Refusal(more.to_owned()));
        }
    }

    fn reasoning(&mut self, more: &str) {
        if let Some(Block::Reasoning { text, .. }) = self.open() {
            text.push_str(more);
        } else {
            self.push(Block::Reasoning {
                text: more.to_owned(),
                state: None,
            });
        }
    }

    fn state(&mut self, new: ReasoningState) {
        if let Some(Block::Reasoning { state, .. }) = self.open() {
            *state = Some(new);
        } else {
            self.push(Block::Reasoning {
                text: String::new(),
                state: Some(new),
            });
        }
        self.is_closed = true;
    }

    fn citation(&mut self, citation: Citation<'_>) {
        let last = self.blocks.iter_mut().rev().find_map(|block| match block {
            Block::Text { citations, .. } => Some(citations),
            _ => None,
        });
        if let Some(citations) = last {
            citations.push(citation.into_owned());
        }
    }

    fn arguments(&mut self, of: usize, more: &str) {
        let call = self.blocks.iter_mut().rev().find_map(|block| match block {
            Block::Call {
                index, arguments, ..
            } if *index == of => Some(arguments),
            _ => None,
        });
        if let Some(arguments) = call {
            arguments.push_str(more);
        }
    }
}

/// Takes the response object of an answer that the gateway keeps.
pub trait KeepResponse {
    /// Takes `response`, as the client gets it; `false`: it is not kept.
    fn keep(&self, response: &[u8]) -> bool;
}

impl fmt::Debug for dyn KeepResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeepResponse")
    }
}

/// What an answer needs of its request, to be written in the client's dialect.
#[derive(Clone, Debug, Default)]
pub struct AnswerContext {
    /// The model, by the client's name.
    pub model: String,
    /// The request's id: ids are made from it where the upstream has none.
    pub request_id: String,
    /// Unix seconds.
    pub created: u64,
    /// The names of the client's tools.
    pub registry: ToolRegistry,
    /// Chat: whether the client requests the usage of a stream.
    pub wants_usage: bool,
    /// Gemini: whether a stream is one JSON list instead of events.
    pub is_list: bool,
    /// Responses: members of the request that the answer repeats, as members of a JSON object, without braces; each
    /// with a comma after it.
    pub echo: String,
    /// Responses: the id of the response that the request continues.
    pub previous: Option<String>,
    /// Responses: what keeps the response, if it is kept.
    pub keeper: Option<Rc<dyn KeepResponse>>,
    /// Seals reasoning state for the client.
    pub envelope: EnvelopeKey,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_separated_by_kind_and_by_their_ends() {
        let mut answer = Answer::default();
        let events = [
            AnswerEvent::Start { id: "a".into() },
            AnswerEvent::Reasoning("1".into()),
            AnswerEvent::Text("2".into()),
            AnswerEvent::Text("3".into()),
            AnswerEvent::BlockEnd,
            AnswerEvent::Text("4".into()),
            AnswerEvent::CallStart {
                index: 0,
                id: "x".into(),
                name: "f".into(),
            },
            AnswerEvent::CallStart {
                index: 1,
                id: "y".into(),
                name: "g".into(),
            },
            AnswerEvent::CallArguments {
                index: 0,
                json: "{".into(),
            },
            AnswerEvent::CallArguments {
                index: 1,
                json: "[]".into(),
            },
            AnswerEvent::CallArguments {
                index: 0,
                json: "}".into(),
            },
            AnswerEvent::Finish {
                reason: StopReason::Calls,
                sequence: None,
            },
            AnswerEvent::End,
        ];
        for event in events {
            answer.take_in(event);
        }
        let text = |text: &str| Block::Text {
            text: text.to_owned(),
            citations: Vec::new(),
        };
        let call = |index, id: &str, name: &str, arguments: &str| Block::Call {
            index,
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        };
        let reasoning = Block::Reasoning {
            text: "1".to_owned(),
            state: None,
        };
        let expected = [
            reasoning,
            text("23"),
            text("4"),
            call(0, "x", "f", "{}"),
            call(1, "y", "g", "[]"),
        ];
        assert_eq!(answer.blocks, expected);
        assert_eq!(answer.reason, StopReason::Calls);
    }
}
