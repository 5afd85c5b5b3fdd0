//! The events of a whole answer, in order. Owns nothing else.

use std::borrow::Cow;

use crate::dialect::answer::{Answer, Block};
use crate::dialect::answer_event::{AnswerEvent, Citation, Sink, WebResult};

/// Passes on everything that an answer holds.
pub fn replay(answer: &Answer, sink: &mut Sink<'_>) {
    for block in &answer.blocks {
        replay_block(block, sink);
    }
    if let Some(usage) = answer.usage {
        sink(AnswerEvent::Usage(usage));
    }
    sink(AnswerEvent::Finish {
        reason: answer.reason,
        sequence: answer.sequence.as_deref().map(Cow::Borrowed),
    });
}

fn replay_block(block: &Block, sink: &mut Sink<'_>) {
    match block {
        Block::Text { text, citations } => {
            sink(AnswerEvent::Text(Cow::Borrowed(text)));
            for Citation { url, title } in citations {
                sink(AnswerEvent::Citation(Citation {
                    url: Cow::Borrowed(url),
                    title: Cow::Borrowed(title),
                }));
            }
        }
        Block::Refusal(text) => sink(AnswerEvent::Refusal(Cow::Borrowed(text))),
        Block::Reasoning { text, state } => {
            if !text.is_empty() {
                sink(AnswerEvent::Reasoning(Cow::Borrowed(text)));
            }
            if let Some(state) = state {
                sink(AnswerEvent::ReasoningState(state.clone()));
            }
        }
        Block::Call {
            index,
            id,
            name,
            arguments,
        } => {
            let index = *index;
            sink(AnswerEvent::CallStart {
                index,
                id: Cow::Borrowed(id),
                name: Cow::Borrowed(name),
            });
            if !arguments.is_empty() {
                let json = Cow::Borrowed(&**arguments);
                sink(AnswerEvent::CallArguments { index, json });
            }
            sink(AnswerEvent::CallEnd { index });
        }
        Block::WebSearch { id, query, results } => {
            let result = |WebResult { url, title }: &'_ WebResult<'static>| WebResult {
                url: Cow::Owned(url.clone().into_owned()),
                title: Cow::Owned(title.clone().into_owned()),
            };
            sink(AnswerEvent::WebSearch {
                id: Cow::Borrowed(id),
                query: Cow::Borrowed(query),
                results: results.iter().map(result).collect(),
            });
        }
    }
}
