//! Writes the content blocks of a stream. Owns the rule that blocks never interleave: while a call is open that is not
//! whole yet, what belongs to other blocks waits. Nothing else is kept.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde_json::value::RawValue;

use super::events::{
    AnswerBlock, ContentBlockDelta, ContentBlockStart, ContentBlockStop, SearchQuery,
    WrittenCitation, WrittenDelta, WrittenResult, write_event,
};
use super::json_end::JsonEnd;
use crate::dialect::answer::AnswerContext;
use crate::dialect::answer_event::{Citation, WebResult};
use crate::dialect::ids;
use crate::dialect::messages::WEB_SEARCH;

/// How ids of the provider's own calls begin.
const SERVER_CALL_PREFIX: &str = "srvtoolu_";

/// The kinds of blocks that deltas fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FilledKind {
    Text,
    Refusal,
    Thinking,
}

/// The block that the client is receiving.
#[derive(Debug)]
enum CurrentBlock {
    Filled(FilledKind),
    Call { index: usize, end: JsonEnd },
}

/// A block that waits until the open call is whole.
#[derive(Debug)]
enum WaitingBlock {
    Filled {
        kind: FilledKind,
        text: String,
        signature: Option<String>,
        citations: Vec<Citation<'static>>,
        is_closed: bool,
    },
    Call {
        index: usize,
        id: String,
        name: String,
        arguments: String,
        is_ended: bool,
    },
    Search {
        id: String,
        query: String,
        results: Vec<WebResult<'static>>,
    },
}

/// The blocks of one answer.
#[derive(Debug, Default)]
pub(super) struct BlockWriter {
    /// Blocks that have begun.
    count: usize,
    current: Option<CurrentBlock>,
    waiting: VecDeque<WaitingBlock>,
    call_ids: CallIds,
    searches: usize,
}

impl BlockWriter {
    pub(super) fn has_calls(&self) -> bool {
        !self.call_ids.used.is_empty()
    }

    pub(super) const fn searches(&self) -> usize {
        self.searches
    }

    /// More of a text, a refusal or thinking.
    pub(super) fn delta(&mut self, kind: FilledKind, more: &str, output: &mut Vec<u8>) {
        if more.is_empty() {
            return;
        }
        if self.must_wait() {
            match self.waiting.back_mut() {
                Some(WaitingBlock::Filled {
                    kind: last,
                    text,
                    is_closed: false,
                    ..
                }) if *last == kind => text.push_str(more),
                _ => self.waiting.push_back(WaitingBlock::Filled {
                    kind,
                    text: more.to_owned(),
                    signature: None,
                    citations: Vec::new(),
                    is_closed: false,
                }),
            }
            return;
        }
        self.open_filled(kind, output);
        let delta = match kind {
            FilledKind::Text | FilledKind::Refusal => WrittenDelta::Text { text: more },
            FilledKind::Thinking => WrittenDelta::Thinking { thinking: more },
        };
        self.write_delta(delta, output);
    }

    /// Ends thinking with the envelope of its state.
    pub(super) fn signature(&mut self, envelope: String, output: &mut Vec<u8>) {
        if !self.must_wait() {
            self.open_filled(FilledKind::Thinking, output);
            let signature = &*envelope;
            self.write_delta(WrittenDelta::Signature { signature }, output);
            self.close(output);
            return;
        }
        // Thinking that waits before it is still open when this is written, unless it has ended.
        self.waiting.push_back(WaitingBlock::Filled {
            kind: FilledKind::Thinking,
            text: String::new(),
            signature: Some(envelope),
            citations: Vec::new(),
            is_closed: true,
        });
    }

    /// A source of the current text.
    pub(super) fn citation(&mut self, citation: &Citation<'_>, output: &mut Vec<u8>) {
        if self.must_wait() {
            if let Some(WaitingBlock::Filled {
                kind: FilledKind::Text,
                citations,
                ..
            }) = self.waiting.back_mut()
            {
                citations.push(citation.clone().into_owned());
            }
        } else if matches!(self.current, Some(CurrentBlock::Filled(FilledKind::Text))) {
            let citation = WrittenCitation::new(&citation.url, &citation.title);
            self.write_delta(WrittenDelta::Citation { citation }, output);
        }
    }

    /// The current text or thinking ends.
    pub(super) fn end_block(&mut self, output: &mut Vec<u8>) {
        if let Some(WaitingBlock::Filled { is_closed, .. }) = self.waiting.back_mut() {
            *is_closed = true;
        } else if matches!(self.current, Some(CurrentBlock::Filled(_))) {
            self.close(output);
        }
    }

    /// A call begins.
    pub(super) fn call(
        &mut self,
        index: usize,
        id: &str,
        name: &str,
        context: &AnswerContext,
        output: &mut Vec<u8>,
    ) {
        let id = self.call_ids.fit(id, &context.request_id);
        let name = context.registry.client_name(name);
        if self.must_wait() {
            self.waiting.push_back(WaitingBlock::Call {
                index,
                id,
                name: name.to_owned(),
                arguments: String::new(),
                is_ended: false,
            });
        } else {
            self.open_call(index, &id, name, output);
        }
    }

    /// More of a call's arguments.
    ///
    /// A call is closed when its arguments are one whole value and another block begins. More of them is left out: the
    /// grammar has no place for it, and nothing but white space could follow the value.
    pub(super) fn arguments(&mut self, of: usize, json: &str, output: &mut Vec<u8>) {
        match &mut self.current {
            Some(CurrentBlock::Call { index, end }) if *index == of => {
                end.push(json);
                self.write_delta(WrittenDelta::Input { partial_json: json }, output);
                self.advance(output);
            }
            _ => {
                let found = self.waiting.iter_mut().find_map(|block| match block {
                    WaitingBlock::Call {
                        index, arguments, ..
                    } if *index == of => Some(arguments),
                    _ => None,
                });
                if let Some(arguments) = found {
                    arguments.push_str(json);
                }
            }
        }
    }

    /// All arguments of a call are there.
    pub(super) fn end_call(&mut self, of: usize, output: &mut Vec<u8>) {
        let is_open = matches!(self.current, Some(CurrentBlock::Call { index, .. }) if index == of);
        if is_open {
            self.close(output);
            self.advance(output);
            return;
        }
        for block in &mut self.waiting {
            match block {
                WaitingBlock::Call {
                    index, is_ended, ..
                } if *index == of => *is_ended = true,
                _ => {}
            }
        }
    }

    /// A search that the provider made, with its results.
    pub(super) fn search(
        &mut self,
        id: &str,
        query: &str,
        results: Vec<WebResult<'_>>,
        output: &mut Vec<u8>,
    ) {
        self.searches += 1;
        if self.must_wait() {
            self.waiting.push_back(WaitingBlock::Search {
                id: id.to_owned(),
                query: query.to_owned(),
                results: results.into_iter().map(WebResult::into_owned).collect(),
            });
        } else {
            self.write_search(id, query, results, output);
        }
    }

    /// The answer's content ends: what waits is written, and nothing stays open.
    pub(super) fn end_all(&mut self, output: &mut Vec<u8>) {
        self.close(output);
        while let Some(block) = self.waiting.pop_front() {
            self.write_waiting(block, output);
            self.close(output);
        }
    }

    /// Whether other blocks must wait for the open call. One whose arguments are a whole value is finished.
    fn must_wait(&self) -> bool {
        matches!(&self.current, Some(CurrentBlock::Call { end, .. }) if !end.is_complete())
    }

    /// Writes what has waited, as far as it may go on.
    fn advance(&mut self, output: &mut Vec<u8>) {
        while !self.must_wait()
            && let Some(block) = self.waiting.pop_front()
        {
            self.write_waiting(block, output);
        }
    }

    fn write_waiting(&mut self, block: WaitingBlock, output: &mut Vec<u8>) {
        match block {
            WaitingBlock::Filled {
                kind,
                text,
                signature,
                citations,
                is_closed,
            } => {
                self.delta(kind, &text, output);
                for citation in &citations {
                    self.citation(citation, output);
                }
                match signature {
                    Some(envelope) => self.signature(envelope, output),
                    None if is_closed => self.close(output),
                    None => {}
                }
            }
            WaitingBlock::Call {
                index,
                id,
                name,
                arguments,
                is_ended,
            } => {
                self.open_call(index, &id, &name, output);
                if let Some(CurrentBlock::Call { end, .. }) = &mut self.current
                    && !arguments.is_empty()
                {
                    end.push(&arguments);
                    let partial_json = &*arguments;
                    self.write_delta(WrittenDelta::Input { partial_json }, output);
                }
                if is_ended {
                    self.close(output);
                }
            }
            WaitingBlock::Search { id, query, results } => {
                self.write_search(&id, &query, results, output);
            }
        }
    }

    fn open_filled(&mut self, kind: FilledKind, output: &mut Vec<u8>) {
        if matches!(self.current, Some(CurrentBlock::Filled(current)) if current == kind) {
            return;
        }
        let block = match kind {
            FilledKind::Text | FilledKind::Refusal => AnswerBlock::Text {
                citations: Vec::new(),
                text: "",
            },
            FilledKind::Thinking => AnswerBlock::Thinking {
                thinking: "",
                signature: Cow::Borrowed(""),
            },
        };
        self.open(block, output);
        self.current = Some(CurrentBlock::Filled(kind));
    }

    fn open_call(&mut self, index: usize, id: &str, name: &str, output: &mut Vec<u8>) {
        let block = AnswerBlock::ToolUse {
            id: Cow::Borrowed(id),
            name,
            input: empty_object(),
        };
        self.open(block, output);
        let end = JsonEnd::default();
        self.current = Some(CurrentBlock::Call { index, end });
    }

    fn write_search(
        &mut self,
        id: &str,
        query: &str,
        results: Vec<WebResult<'_>>,
        output: &mut Vec<u8>,
    ) {
        let id = server_call_id(id);
        let block = AnswerBlock::ServerToolUse {
            id: &id,
            name: WEB_SEARCH,
            input: SearchQuery { query: None },
        };
        self.open(block, output);
        let input = SearchQuery { query: Some(query) };
        let partial_json = &*serde_json::to_string(&input).unwrap_or_default();
        self.write_delta(WrittenDelta::Input { partial_json }, output);
        let content = results.into_iter().map(written_result).collect();
        let block = AnswerBlock::WebSearchToolResult {
            tool_use_id: &id,
            content,
        };
        self.stop(output);
        self.open(block, output);
        self.stop(output);
    }

    /// Begins a block, after the end of the one before it.
    fn open(&mut self, block: AnswerBlock<'_>, output: &mut Vec<u8>) {
        self.close(output);
        write_event(output, &ContentBlockStart::new(self.count, block));
        self.count += 1;
    }

    fn close(&mut self, output: &mut Vec<u8>) {
        match self.current.take() {
            None => return,
            // Clients parse what the deltas are together: a call without arguments has none otherwise.
            Some(CurrentBlock::Call { end, .. }) if !end.has_begun() => {
                self.write_delta(WrittenDelta::Input { partial_json: "{}" }, output);
            }
            Some(_) => {}
        }
        self.stop(output);
    }

    fn stop(&self, output: &mut Vec<u8>) {
        write_event(output, &ContentBlockStop::new(self.newest()));
    }

    fn write_delta(&self, delta: WrittenDelta<'_>, output: &mut Vec<u8>) {
        write_event(output, &ContentBlockDelta::new(self.newest(), delta));
    }

    const fn newest(&self) -> usize {
        self.count.saturating_sub(1)
    }
}

/// The ids of an answer's calls: plain, and each another, since some servers give all calls the same.
#[derive(Debug, Default)]
pub(super) struct CallIds {
    used: Vec<String>,
}

impl CallIds {
    pub(super) fn fit(&mut self, id: &str, request_id: &str) -> String {
        let mut fitted = ids::call_id(id).into_owned();
        if id.is_empty() || self.used.contains(&fitted) {
            fitted = ids::made_call_id(&format!("{request_id} {id}"), self.used.len());
        }
        self.used.push(fitted.clone());
        fitted
    }
}

/// The id of a call that the provider has made.
pub(super) fn server_call_id(id: &str) -> String {
    let rest = id.strip_prefix(SERVER_CALL_PREFIX).unwrap_or_default();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !rest.is_empty() && rest.bytes().all(is_word) {
        return id.to_owned();
    }
    let hashed = ids::hashed("", id, ids::MAX_CALL_ID_BYTES);
    format!("{SERVER_CALL_PREFIX}{}", hashed.trim_start_matches('_'))
}

/// A result of a search for the client.
pub(super) fn written_result(result: WebResult<'_>) -> WrittenResult<'_> {
    WrittenResult {
        r#type: "web_search_result",
        url: result.url,
        title: result.title,
        encrypted_content: "",
        page_age: None,
    }
}

/// The input that a call begins with.
pub(super) fn empty_object() -> &'static RawValue {
    crate::wire::json::from_str("{}").unwrap_or(RawValue::NULL)
}
