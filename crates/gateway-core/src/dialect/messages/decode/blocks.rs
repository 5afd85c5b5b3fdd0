//! Reads the content blocks of an answer. Owns what each kind means, and the blocks that are open: one at a time by the
//! documents, several at servers that translate parallel calls carelessly.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::answer_event::{AnswerEvent, BadAnswer, Citation, Sink, WebResult};
use crate::dialect::envelope::{Origin, ReasoningState, STATELESS, StateContent};
use crate::dialect::ids;
use crate::dialect::messages::{BorrowedText, WEB_SEARCH};

/// The members of all kinds of blocks as they begin; in whole answers, of whole blocks.
#[derive(Deserialize)]
pub(super) struct StartedBlock<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    text: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    citations: Option<Vec<StatedCitation<'a>>>,
    #[serde(borrow, default)]
    thinking: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    signature: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    data: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    id: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    name: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_use_id: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

/// The members of all kinds of deltas, that of the message among them.
#[derive(Deserialize)]
pub(super) struct BlockDelta<'a> {
    #[serde(borrow, default)]
    text: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    thinking: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    signature: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    partial_json: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    citation: Option<StatedCitation<'a>>,
    #[serde(borrow, default)]
    pub(super) stop_reason: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    pub(super) stop_sequence: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    pub(super) stop_details: Option<&'a RawValue>,
}

/// A citation, or a result of a search: both have an address and a title.
#[derive(Deserialize)]
struct StatedCitation<'a> {
    #[serde(borrow, default)]
    url: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    title: Option<BorrowedText<'a>>,
}

#[derive(Deserialize)]
struct SearchInput<'a> {
    #[serde(borrow, default)]
    query: Option<BorrowedText<'a>>,
}

#[derive(Debug)]
struct OpenBlock {
    /// The upstream's index of it.
    index: u64,
    kind: OpenKind,
}

#[derive(Debug)]
enum OpenKind {
    Text,
    /// Kept whole, since text and signature are verified together.
    Thinking {
        text: String,
        signature: String,
    },
    Call {
        index: usize,
        /// The input that came with the block's start; deltas take its place.
        input: String,
        has_deltas: bool,
    },
    Search {
        id: String,
        input: String,
    },
    /// Of a kind that no other dialect has.
    Unknown,
}

/// The blocks of one answer.
#[derive(Debug)]
pub(super) struct BlockReader {
    origin: Origin,
    answer_id: String,
    open: Vec<OpenBlock>,
    calls: usize,
    /// Searches whose results have not come yet: ids and queries.
    searches: Vec<(String, String)>,
    has_content: bool,
}

impl BlockReader {
    pub(super) fn new(origin: Origin) -> Self {
        Self {
            origin,
            answer_id: String::new(),
            open: Vec::new(),
            calls: 0,
            searches: Vec::new(),
            has_content: false,
        }
    }

    /// Calls without ids get one that is made from the answer's.
    pub(super) fn answer_id(&mut self, id: &str) {
        id.clone_into(&mut self.answer_id);
    }

    pub(super) const fn has_calls(&self) -> bool {
        self.calls > 0
    }

    pub(super) const fn has_content(&self) -> bool {
        self.has_content
    }

    /// A block begins. Texts and thinking that are still open end by that.
    pub(super) fn open(
        &mut self,
        index: Option<u64>,
        block: StartedBlock<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), BadAnswer> {
        let index = index.unwrap_or_else(|| self.open.last().map_or(0, |open| open.index + 1));
        self.close_where(sink, |open| {
            open.index == index || !matches!(open.kind, OpenKind::Call { .. })
        });
        self.has_content = true;
        let kind = match &*BorrowedText::or_empty(block.kind) {
            "text" => {
                emit_text(block.text, sink);
                for citation in block.citations.into_iter().flatten() {
                    emit_citation(citation, sink);
                }
                OpenKind::Text
            }
            "thinking" => thinking(block.thinking, block.signature, sink),
            "redacted_thinking" => {
                let data = BorrowedText::or_empty(block.data).into_owned();
                self.state(StateContent::Redacted { data }, sink);
                OpenKind::Unknown
            }
            "tool_use" => self.call(block.id, block.name, block.input, sink)?,
            "server_tool_use" if block.name.as_ref().is_some_and(|it| it.0 == WEB_SEARCH) => {
                OpenKind::Search {
                    id: BorrowedText::or_empty(block.id).into_owned(),
                    input: block.input.map(full_input).unwrap_or_default(),
                }
            }
            "web_search_tool_result" => {
                let id = BorrowedText::or_empty(block.tool_use_id);
                self.results(id, block.content, sink);
                OpenKind::Unknown
            }
            _ => OpenKind::Unknown,
        };
        self.open.push(OpenBlock { index, kind });
        Ok(())
    }

    fn call(
        &mut self,
        id: Option<BorrowedText<'_>>,
        name: Option<BorrowedText<'_>>,
        input: Option<&RawValue>,
        sink: &mut Sink<'_>,
    ) -> Result<OpenKind, BadAnswer> {
        let name = BorrowedText::or_empty(name);
        if name.is_empty() {
            return Err(BadAnswer("a call has no name"));
        }
        let index = self.calls;
        self.calls += 1;
        let mut id = BorrowedText::or_empty(id);
        if id.is_empty() {
            id = Cow::Owned(ids::made_call_id(&self.answer_id, index));
        }
        sink(AnswerEvent::CallStart { index, id, name });
        Ok(OpenKind::Call {
            index,
            input: input.map(full_input).unwrap_or_default(),
            has_deltas: false,
        })
    }

    /// More of a block. Without an index it belongs to the newest one.
    pub(super) fn fill(&mut self, index: Option<u64>, delta: BlockDelta<'_>, sink: &mut Sink<'_>) {
        if delta.thinking.is_some() || delta.signature.is_some() {
            self.fill_thinking(index, delta.thinking, delta.signature, sink);
        }
        if delta.text.as_ref().is_some_and(|text| !text.0.is_empty()) {
            self.has_content = true;
            emit_text(delta.text, sink);
        }
        if let Some(citation) = delta.citation {
            emit_citation(citation, sink);
        }
        let json = BorrowedText::or_empty(delta.partial_json);
        if json.is_empty() {
            return;
        }
        match self.find(index).map(|open| &mut open.kind) {
            Some(OpenKind::Call {
                index, has_deltas, ..
            }) => {
                *has_deltas = true;
                let index = *index;
                sink(AnswerEvent::CallArguments { index, json });
            }
            Some(OpenKind::Search { input, .. }) => input.push_str(&json),
            _ => {}
        }
    }

    fn fill_thinking(
        &mut self,
        index: Option<u64>,
        more: Option<BorrowedText<'_>>,
        signed: Option<BorrowedText<'_>>,
        sink: &mut Sink<'_>,
    ) {
        let found = self.find(index);
        let Some(OpenKind::Thinking { text, signature }) = found.map(|open| &mut open.kind) else {
            // Its start is missing.
            self.has_content = true;
            let kind = thinking(more, signed, sink);
            let index = index.unwrap_or_default();
            self.open.push(OpenBlock { index, kind });
            return;
        };
        if let Some(more) = more.filter(|more| !more.0.is_empty()) {
            text.push_str(&more.0);
            sink(AnswerEvent::Reasoning(more.0));
        }
        signature.push_str(&BorrowedText::or_empty(signed));
    }

    fn find(&mut self, index: Option<u64>) -> Option<&mut OpenBlock> {
        match index {
            Some(index) => self.open.iter_mut().rev().find(|open| open.index == index),
            None => self.open.last_mut(),
        }
    }

    /// A block ends.
    pub(super) fn close(&mut self, index: Option<u64>, sink: &mut Sink<'_>) {
        let Some(index) = index.or_else(|| self.open.last().map(|open| open.index)) else {
            return;
        };
        self.close_where(sink, |open| open.index == index);
    }

    /// The answer ends: what is open ends too.
    pub(super) fn close_all(&mut self, sink: &mut Sink<'_>) {
        self.close_where(sink, |_| true);
        for (id, query) in std::mem::take(&mut self.searches) {
            sink(AnswerEvent::WebSearch {
                id: id.into(),
                query: query.into(),
                results: Vec::new(),
            });
        }
    }

    fn close_where(&mut self, sink: &mut Sink<'_>, closes: impl Fn(&OpenBlock) -> bool) {
        let mut place = 0;
        while let Some(open) = self.open.get(place) {
            if closes(open) {
                let open = self.open.remove(place);
                self.closed(open.kind, sink);
            } else {
                place += 1;
            }
        }
    }

    fn closed(&mut self, kind: OpenKind, sink: &mut Sink<'_>) {
        match kind {
            OpenKind::Text => sink(AnswerEvent::BlockEnd),
            OpenKind::Thinking { signature, .. }
                if signature.is_empty() || signature == STATELESS =>
            {
                sink(AnswerEvent::BlockEnd);
            }
            OpenKind::Thinking { text, signature } => {
                let content = StateContent::Signed {
                    thinking: text,
                    signature,
                };
                self.state(content, sink);
            }
            OpenKind::Call {
                index,
                input,
                has_deltas,
            } => {
                if !has_deltas && !input.is_empty() {
                    let json = Cow::Owned(input);
                    sink(AnswerEvent::CallArguments { index, json });
                }
                sink(AnswerEvent::CallEnd { index });
            }
            OpenKind::Search { id, input } => {
                let parsed: Option<SearchInput<'_>> = crate::wire::json::from_str(&input).ok();
                let query = BorrowedText::or_empty(parsed.and_then(|input| input.query));
                self.searches.push((id, query.into_owned()));
            }
            OpenKind::Unknown => {}
        }
    }

    fn state(&self, content: StateContent, sink: &mut Sink<'_>) {
        let origin = self.origin.clone();
        sink(AnswerEvent::ReasoningState(ReasoningState {
            origin,
            content,
        }));
    }

    /// The results of a search; an error has none.
    fn results(&mut self, id: Cow<'_, str>, content: Option<&RawValue>, sink: &mut Sink<'_>) {
        let place = self.searches.iter().position(|(known, _)| *known == id);
        let query = place.map(|place| self.searches.remove(place).1);
        let list = content.and_then(|raw| crate::wire::json::from_str(raw.get()).ok());
        let list: Vec<StatedCitation<'_>> = list.unwrap_or_default();
        let results = list.into_iter().map(|result| WebResult {
            url: BorrowedText::or_empty(result.url),
            title: BorrowedText::or_empty(result.title),
        });
        sink(AnswerEvent::WebSearch {
            id,
            query: query.unwrap_or_default().into(),
            results: results.filter(|result| !result.url.is_empty()).collect(),
        });
    }
}

/// The input that a block begins with, if it is more than the usual `{}`. Some servers send a string with JSON in it.
fn full_input(raw: &RawValue) -> String {
    let json = raw.get();
    let inside = json.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
    if json == "null" || inside.is_some_and(|inside| inside.trim().is_empty()) {
        return String::new();
    }
    match crate::wire::json::from_str::<BorrowedText<'_>>(json) {
        Ok(text) => text.0.into_owned(),
        Err(_) => json.to_owned(),
    }
}

fn thinking(
    text: Option<BorrowedText<'_>>,
    signature: Option<BorrowedText<'_>>,
    sink: &mut Sink<'_>,
) -> OpenKind {
    let text = BorrowedText::or_empty(text);
    let kept = text.clone().into_owned();
    if !text.is_empty() {
        sink(AnswerEvent::Reasoning(text));
    }
    OpenKind::Thinking {
        text: kept,
        signature: BorrowedText::or_empty(signature).into_owned(),
    }
}

fn emit_text(text: Option<BorrowedText<'_>>, sink: &mut Sink<'_>) {
    if let Some(text) = text.filter(|text| !text.0.is_empty()) {
        sink(AnswerEvent::Text(text.0));
    }
}

fn emit_citation(citation: StatedCitation<'_>, sink: &mut Sink<'_>) {
    if let Some(url) = citation.url.filter(|url| !url.0.is_empty()) {
        sink(AnswerEvent::Citation(Citation {
            url: url.0,
            title: BorrowedText::or_empty(citation.title),
        }));
    }
}
