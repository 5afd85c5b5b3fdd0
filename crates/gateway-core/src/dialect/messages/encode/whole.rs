//! Writes whole answers. Owns what is done about calls whose arguments are broken: they must not be run.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::blocks::{CallIds, empty_object, server_call_id, written_result};
use super::events::{AnswerBlock, SearchQuery, WrittenCitation, WrittenUsage};
use super::message_id;
use crate::dialect::answer::{Answer, AnswerContext, Block};
use crate::dialect::answer_event::{BadAnswer, StopReason};
use crate::dialect::messages::{WEB_SEARCH, stop_reason};

#[derive(Serialize)]
struct MessageBody<'a> {
    id: &'a str,
    r#type: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<AnswerBlock<'a>>,
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
    usage: WrittenUsage,
}

/// Writes an answer.
pub fn encode_whole(answer: &Answer, context: &AnswerContext) -> Result<Vec<u8>, BadAnswer> {
    let searches: Vec<String> = answer.blocks.iter().filter_map(search_id).collect();
    let mut search_ids = searches.iter();
    let mut call_ids = CallIds::default();
    let mut blocks = Vec::with_capacity(answer.blocks.len());
    let mut has_refusal = false;
    let mut has_calls = false;
    for block in &answer.blocks {
        match block {
            Block::Text { text, citations } if !text.is_empty() => {
                let citations = citations.iter();
                blocks.push(AnswerBlock::Text {
                    citations: citations
                        .map(|it| WrittenCitation::new(&it.url, &it.title))
                        .collect(),
                    text,
                });
            }
            Block::Refusal(text) if !text.is_empty() => {
                has_refusal = true;
                blocks.push(AnswerBlock::Text {
                    citations: Vec::new(),
                    text,
                });
            }
            Block::Text { .. } | Block::Refusal(_) => {}
            Block::Reasoning { text, state } => blocks.push(AnswerBlock::Thinking {
                thinking: text,
                signature: state.as_ref().map_or(Cow::Borrowed(""), |state| {
                    Cow::Owned(context.envelope.seal(state))
                }),
            }),
            Block::Call {
                id,
                name,
                arguments,
                ..
            } => {
                has_calls = true;
                let id = call_ids.fit(id, &context.request_id);
                if let Some(input) = input(arguments, answer.reason)? {
                    blocks.push(AnswerBlock::ToolUse {
                        id: Cow::Owned(id),
                        name: context.registry.client_name(name),
                        input,
                    });
                }
            }
            Block::WebSearch { query, results, .. } => {
                let id = search_ids.next().map_or("", String::as_str);
                blocks.push(AnswerBlock::ServerToolUse {
                    id,
                    name: WEB_SEARCH,
                    input: SearchQuery { query: Some(query) },
                });
                blocks.push(AnswerBlock::WebSearchToolResult {
                    tool_use_id: id,
                    content: results.iter().cloned().map(written_result).collect(),
                });
            }
        }
    }
    let reason = answer.reason.with_calls(has_calls);
    let sequence = answer.sequence.as_deref();
    let stop_reason = stop_reason::word(reason, sequence, has_refusal);
    let body = MessageBody {
        id: &message_id(&answer.id, context),
        r#type: "message",
        role: "assistant",
        model: &context.model,
        content: blocks,
        stop_reason,
        stop_sequence: sequence.filter(|_| stop_reason == "stop_sequence"),
        usage: WrittenUsage::of(answer.usage.unwrap_or_default(), searches.len()),
    };
    serde_json::to_vec(&body).map_err(|_| BadAnswer("it cannot be written as a message"))
}

fn search_id(block: &Block) -> Option<String> {
    match block {
        Block::WebSearch { id, .. } => Some(server_call_id(id)),
        _ => None,
    }
}

/// The input of a call. A call that was cut off with its answer is left out; any other broken one makes the answer
/// useless, since its tool would run with the wrong input.
fn input(arguments: &str, reason: StopReason) -> Result<Option<&RawValue>, BadAnswer> {
    if arguments.trim().is_empty() {
        return Ok(Some(empty_object()));
    }
    let parsed: Option<&RawValue> = crate::wire::json::from_str(arguments).ok();
    match parsed.filter(|raw| raw.get().starts_with('{')) {
        None if reason != StopReason::Length => {
            Err(BadAnswer("the arguments of a call are not a JSON object"))
        }
        input => Ok(input),
    }
}
