//! The items of an answer that are being streamed. Owns which item an event belongs to, what has been emitted of each, and
//! that of several texts at once the later ones wait for the first (`texts`).

mod texts;

use std::borrow::Cow;

use super::output::{OutputEvent, OutputItem, OutputPart};
use crate::dialect::answer_event::{AnswerEvent, BadAnswer, Citation, Sink};
use crate::dialect::custom_input;
use crate::dialect::envelope::{Origin, ReasoningState, STATELESS, StateContent};
use crate::dialect::ids;

/// What a text is a text of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// A message.
    Text,
    /// A message that refuses.
    Refusal,
    /// The summary of reasoning.
    Summary,
    /// Reasoning itself.
    Reasoning,
}

impl TextKind {
    const fn item(self) -> ItemKind {
        match self {
            Self::Text | Self::Refusal => ItemKind::Message,
            Self::Summary | Self::Reasoning => ItemKind::Reasoning,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ItemKind {
    Message,
    Reasoning,
    Call,
}

/// An item that is not done.
#[derive(Debug)]
struct StreamedItem {
    kind: ItemKind,
    index: Option<u64>,
    id: String,
    /// The call's place among the calls; `None` until its name is known.
    call: Option<usize>,
    /// Whether arguments of the call have been emitted.
    has_arguments: bool,
    /// Arguments that came before the call's name.
    early_arguments: String,
    /// The parts whose text has come.
    parts: Vec<(TextKind, u64)>,
    citations: usize,
    /// Whether its text is the one that is emitted now.
    is_current: bool,
    /// Whether its part is whole, so that another text may be emitted.
    is_yielding: bool,
    /// What waits for the end of another item's text, in order.
    held: Vec<HeldPiece>,
}

#[derive(Debug)]
enum HeldPiece {
    Text {
        kind: TextKind,
        text: String,
        /// Whether a part begins with it.
        is_new: bool,
    },
    Citation(Citation<'static>),
    End(Option<ReasoningState>),
}

/// What a stream has shown of its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SeenOutput {
    Nothing,
    Items,
    Text,
}

/// All of them, and what has been seen of the answer.
#[derive(Debug)]
pub struct StreamedItems {
    /// The upstream's id of the answer.
    pub answer_id: String,
    /// Whether the model refused.
    pub has_refusal: bool,
    origin: Origin,
    open: Vec<StreamedItem>,
    /// The ids of the calls that have begun.
    call_ids: Vec<String>,
    /// The ids of the items of text that are done.
    done_ids: Vec<String>,
    seen: SeenOutput,
    /// Whether a block of text has begun and not ended.
    is_in_block: bool,
}

impl StreamedItems {
    /// None yet.
    pub const fn new(origin: Origin) -> Self {
        Self {
            answer_id: String::new(),
            has_refusal: false,
            origin,
            open: Vec::new(),
            call_ids: Vec::new(),
            done_ids: Vec::new(),
            seen: SeenOutput::Nothing,
            is_in_block: false,
        }
    }

    /// Whether there were calls.
    pub const fn has_calls(&self) -> bool {
        !self.call_ids.is_empty()
    }

    /// The open item that an event is about: by its id, by its place (ids differ between events on some servers), or the
    /// last of its kind where neither is given.
    fn find(&self, kind: ItemKind, index: Option<u64>, id: &str) -> Option<usize> {
        let last = |test: &dyn Fn(&StreamedItem) -> bool| {
            let mut open = self.open.iter();
            open.rposition(|item| item.kind == kind && test(item))
        };
        let by_id = last(&|item| !id.is_empty() && item.id == id);
        by_id
            .or_else(|| last(&|item| index.is_some() && item.index == index))
            .or_else(|| last(&|_| index.is_none() && id.is_empty()))
    }

    fn find_or_add(&mut self, kind: ItemKind, index: Option<u64>, id: &str) -> usize {
        if let Some(place) = self.find(kind, index, id) {
            return place;
        }
        self.add(kind, index, id)
    }

    fn add(&mut self, kind: ItemKind, index: Option<u64>, id: &str) -> usize {
        self.seen = self.seen.max(SeenOutput::Items);
        self.open.push(StreamedItem {
            kind,
            index,
            id: id.to_owned(),
            call: None,
            has_arguments: false,
            early_arguments: String::new(),
            parts: Vec::new(),
            citations: 0,
            is_current: false,
            is_yielding: false,
            held: Vec::new(),
        });
        self.open.len() - 1
    }

    /// An item begins.
    pub fn added(
        &mut self,
        item: &OutputItem<'_>,
        index: Option<u64>,
        sink: &mut Sink<'_>,
    ) -> Result<(), BadAnswer> {
        let Some(kind) = kind_of(item) else {
            return Ok(());
        };
        let known = self.find(kind, index, item.id.get());
        let is_same = |place: &usize| {
            let known = self.open.get(*place);
            known.is_some_and(|known| known.call.is_none() && known.id == item.id.get())
        };
        let place = match known.filter(is_same) {
            Some(place) => place,
            None => self.add(kind, index, item.id.get()),
        };
        if kind == ItemKind::Call && !item.name.get().is_empty() {
            self.start_call(place, item, sink)?;
        }
        Ok(())
    }

    fn start_call(
        &mut self,
        place: usize,
        item: &OutputItem<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), BadAnswer> {
        let Some(open) = self.open.get_mut(place).filter(|open| open.call.is_none()) else {
            return Ok(());
        };
        let early = std::mem::take(&mut open.early_arguments);
        open.has_arguments = !early.is_empty();
        open.call = Some(self.call_ids.len());
        let index = self.call_starts(item, sink)?;
        if !early.is_empty() {
            let json = Cow::Owned(early);
            sink(AnswerEvent::CallArguments { index, json });
        }
        Ok(())
    }

    fn call_starts(
        &mut self,
        item: &OutputItem<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<usize, BadAnswer> {
        let name = item.name.get();
        if name.is_empty() {
            return Err(BadAnswer("a call has no name"));
        }
        let index = self.call_ids.len();
        let id = match item.call_id.get() {
            "" => ids::made_call_id(&self.answer_id, index),
            id => id.to_owned(),
        };
        sink(AnswerEvent::CallStart {
            index,
            id: Cow::Borrowed(&id),
            name: Cow::Borrowed(name),
        });
        self.call_ids.push(id);
        Ok(index)
    }

    /// More of a call's arguments.
    pub fn arguments(&mut self, event: &OutputEvent<'_>, sink: &mut Sink<'_>) {
        let delta = event.delta.get();
        if delta.is_empty() {
            return;
        }
        let place = self.find_or_add(ItemKind::Call, event.output_index, event.item_id.get());
        let Some(item) = self.open.get_mut(place) else {
            return;
        };
        let Some(index) = item.call else {
            item.early_arguments.push_str(delta);
            return;
        };
        item.has_arguments = true;
        sink(AnswerEvent::CallArguments {
            index,
            json: Cow::Borrowed(delta),
        });
    }

    /// An item is done: emits what did not come before.
    pub fn done(
        &mut self,
        item: &OutputItem<'_>,
        index: Option<u64>,
        sink: &mut Sink<'_>,
    ) -> Result<(), BadAnswer> {
        self.seen = self.seen.max(SeenOutput::Items);
        let Some(kind) = kind_of(item) else {
            return self.done_at_once(item, sink);
        };
        let place = self.find_or_add(kind, index, item.id.get());
        match kind {
            ItemKind::Call => {
                self.start_call(place, item, sink)?;
                self.end_call(place, &item.arguments(), sink);
            }
            ItemKind::Message => {
                let mut cited = self.open.get(place).map_or(0, |item| item.citations);
                for (part, content) in (0_u64..).zip(item.content()) {
                    self.done_part(place, part, &content, sink);
                    // After their own text: the next part is another block.
                    let citations: Vec<_> = content.citations().collect();
                    let known = cited.min(citations.len());
                    cited -= known;
                    for citation in citations.into_iter().skip(known) {
                        self.cite(place, citation, sink);
                    }
                }
                self.end_text(place, None, sink);
            }
            ItemKind::Reasoning => {
                for (kind, parts) in [
                    (TextKind::Summary, item.summary()),
                    (TextKind::Reasoning, item.content()),
                ] {
                    for (part, content) in (0_u64..).zip(parts) {
                        self.missing_text(place, kind, part, content.text.get(), sink);
                    }
                }
                let state = self.state(item);
                self.end_text(place, state, sink);
            }
        }
        Ok(())
    }

    fn done_part(
        &mut self,
        place: usize,
        part: u64,
        content: &OutputPart<'_>,
        sink: &mut Sink<'_>,
    ) {
        let (kind, text) = match content.refusal.as_deref() {
            Some(refusal) => (TextKind::Refusal, refusal),
            None => (TextKind::Text, content.text.get()),
        };
        self.missing_text(place, kind, part, text, sink);
    }

    /// Items that are emitted only when they are whole.
    fn done_at_once(
        &mut self,
        item: &OutputItem<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), BadAnswer> {
        match item.kind.get() {
            "custom_tool_call" => {
                let index = self.call_starts(item, sink)?;
                let json = Cow::Owned(custom_input::wrapped(item.input));
                sink(AnswerEvent::CallArguments { index, json });
                sink(AnswerEvent::CallEnd { index });
            }
            "web_search_call" => {
                if let Some((query, results)) = item.search() {
                    let id = Cow::Borrowed(item.id.get());
                    sink(AnswerEvent::WebSearch { id, query, results });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn state(&self, item: &OutputItem<'_>) -> Option<ReasoningState> {
        let content = item.encrypted_content.get();
        let id = item.id.get();
        let is_state = !content.is_empty() && content != STATELESS && !id.is_empty();
        is_state.then(|| ReasoningState {
            origin: self.origin.clone(),
            content: StateContent::Encrypted {
                id: id.to_owned(),
                content: content.to_owned(),
            },
        })
    }

    fn end_call(&mut self, place: usize, arguments: &str, sink: &mut Sink<'_>) {
        if place >= self.open.len() {
            return;
        }
        let item = self.open.remove(place);
        let Some(index) = item.call else { return };
        if !item.has_arguments && !arguments.is_empty() {
            let json = Cow::Borrowed(arguments);
            sink(AnswerEvent::CallArguments { index, json });
        }
        sink(AnswerEvent::CallEnd { index });
    }

    /// The answer is complete, with these items where its last event has them.
    pub fn complete(
        &mut self,
        output: &[OutputItem<'_>],
        sink: &mut Sink<'_>,
    ) -> Result<(), BadAnswer> {
        let seen = self.seen;
        for (index, item) in (0_u64..).zip(output) {
            let kind = kind_of(item);
            let is_open =
                kind.is_some_and(|kind| self.find(kind, Some(index), item.id.get()).is_some());
            let is_missing = match kind {
                _ if seen == SeenOutput::Nothing => true,
                Some(ItemKind::Call) => !self.has_call(item.call_id.get()),
                Some(ItemKind::Message) => seen < SeenOutput::Text,
                _ => false,
            };
            if is_open || is_missing {
                self.done(item, Some(index), sink)?;
            }
        }
        while !self.open.is_empty() {
            let current = self.open.iter().position(|item| item.is_current);
            match current {
                Some(place) => self.end_text(place, None, sink),
                // A call, or an item that never had a text.
                None => self.end_call(0, "", sink),
            }
        }
        Ok(())
    }

    fn has_call(&self, id: &str) -> bool {
        id.is_empty() || self.call_ids.iter().any(|known| known == id)
    }
}

fn kind_of(item: &OutputItem<'_>) -> Option<ItemKind> {
    match item.kind.get() {
        "message" => Some(ItemKind::Message),
        "reasoning" => Some(ItemKind::Reasoning),
        "function_call" => Some(ItemKind::Call),
        _ => None,
    }
}
