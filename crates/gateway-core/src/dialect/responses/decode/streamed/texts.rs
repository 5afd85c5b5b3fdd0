//! The texts of items: messages and reasoning. Owns that one is emitted at a time, and that the others wait for its end.

use std::borrow::Cow;

use super::{HeldPiece, ItemKind, SeenOutput, StreamedItems, TextKind};
use crate::dialect::answer_event::{AnswerEvent, Citation, Sink};
use crate::dialect::envelope::ReasoningState;
use crate::dialect::responses::decode::output::OutputEvent;

impl StreamedItems {
    /// More of a text.
    pub fn text(
        &mut self,
        kind: TextKind,
        event: &OutputEvent<'_>,
        text: &str,
        sink: &mut Sink<'_>,
    ) {
        let place = self.find_or_add(kind.item(), event.output_index, event.item_id.get());
        self.part_text(place, kind, event.part(), text, sink);
    }

    /// All of a text: counts only when nothing of it came before. Texts that wait may follow now.
    pub fn whole_text(
        &mut self,
        kind: TextKind,
        event: &OutputEvent<'_>,
        text: &str,
        sink: &mut Sink<'_>,
    ) {
        if self.done_ids.iter().any(|id| id == event.item_id.get()) {
            return;
        }
        let place = self.find_or_add(kind.item(), event.output_index, event.item_id.get());
        self.missing_text(place, kind, event.part(), text, sink);
        if let Some(item) = self.open.get_mut(place)
            && item.is_current
        {
            item.is_yielding = true;
            self.release(sink);
        }
    }

    pub(super) fn missing_text(
        &mut self,
        place: usize,
        kind: TextKind,
        part: u64,
        text: &str,
        sink: &mut Sink<'_>,
    ) {
        let item = self.open.get(place);
        if item.is_some_and(|item| !item.parts.contains(&(kind, part))) {
            self.part_text(place, kind, part, text, sink);
        }
    }

    fn part_text(
        &mut self,
        place: usize,
        kind: TextKind,
        part: u64,
        text: &str,
        sink: &mut Sink<'_>,
    ) {
        let may_emit = self.may_emit(place);
        let Some(item) = self.open.get_mut(place).filter(|_| !text.is_empty()) else {
            return;
        };
        // Of reasoning and its summary only the one that came first.
        let is_other = kind.item() == ItemKind::Reasoning
            && item.parts.first().is_some_and(|(first, _)| *first != kind);
        if is_other {
            return;
        }
        let is_new = !item.parts.contains(&(kind, part));
        let gap = match kind.item() {
            ItemKind::Reasoning if is_new && !item.parts.is_empty() => "\n\n",
            _ => "",
        };
        if is_new {
            item.parts.push((kind, part));
        }
        if kind.item() == ItemKind::Message {
            self.seen = SeenOutput::Text;
        }
        self.has_refusal |= kind == TextKind::Refusal;
        if !may_emit {
            item.held.push(HeldPiece::Text {
                kind,
                text: format!("{gap}{text}"),
                is_new,
            });
            return;
        }
        let is_next = !item.is_current || (is_new && kind.item() == ItemKind::Message);
        self.make_current(place);
        if is_next {
            self.end_block(sink);
        }
        if !gap.is_empty() {
            self.emit(kind, gap, sink);
        }
        self.emit(kind, text, sink);
    }

    fn make_current(&mut self, place: usize) {
        for (other, item) in self.open.iter_mut().enumerate() {
            item.is_current = other == place;
            item.is_yielding &= other != place;
        }
    }

    /// Whether no other text is being emitted.
    fn may_emit(&self, place: usize) -> bool {
        let mut open = self.open.iter().enumerate();
        !open.any(|(other, item)| item.is_current && !item.is_yielding && other != place)
    }

    fn emit(&mut self, kind: TextKind, text: &str, sink: &mut Sink<'_>) {
        self.is_in_block = true;
        let text = Cow::Borrowed(text);
        sink(match kind {
            TextKind::Text => AnswerEvent::Text(text),
            TextKind::Refusal => AnswerEvent::Refusal(text),
            TextKind::Summary | TextKind::Reasoning => AnswerEvent::Reasoning(text),
        });
    }

    pub(super) fn end_block(&mut self, sink: &mut Sink<'_>) {
        if std::mem::take(&mut self.is_in_block) {
            sink(AnswerEvent::BlockEnd);
        }
    }

    fn end_with(&mut self, state: Option<ReasoningState>, sink: &mut Sink<'_>) {
        match state {
            Some(state) => {
                self.is_in_block = false;
                sink(AnswerEvent::ReasoningState(state));
            }
            None => self.end_block(sink),
        }
    }

    /// A source of a text.
    pub fn annotation(&mut self, event: &OutputEvent<'_>, sink: &mut Sink<'_>) {
        let found = self.find(ItemKind::Message, event.output_index, event.item_id.get());
        if let (Some(place), Some(citation)) = (found, event.citation()) {
            self.cite(place, citation, sink);
        }
    }

    pub(super) fn cite(&mut self, place: usize, citation: Citation<'_>, sink: &mut Sink<'_>) {
        let may_emit = self.may_emit(place);
        let Some(item) = self.open.get_mut(place) else {
            return;
        };
        item.citations += 1;
        if may_emit {
            sink(AnswerEvent::Citation(citation));
        } else {
            item.held.push(HeldPiece::Citation(citation.into_owned()));
        }
    }

    /// A text ends; the next ones that have waited for it follow.
    pub(super) fn end_text(
        &mut self,
        place: usize,
        state: Option<ReasoningState>,
        sink: &mut Sink<'_>,
    ) {
        let may_emit = self.may_emit(place);
        let Some(item) = self.open.get_mut(place) else {
            return;
        };
        if !may_emit {
            item.held.push(HeldPiece::End(state));
            return;
        }
        self.remove(place);
        self.end_with(state, sink);
        self.release(sink);
    }

    fn remove(&mut self, place: usize) {
        let item = self.open.remove(place);
        if !item.id.is_empty() {
            self.done_ids.push(item.id);
        }
    }

    /// Emits what was held, up to the first text that is not done.
    fn release(&mut self, sink: &mut Sink<'_>) {
        while let Some(place) = self.open.iter().position(|item| !item.held.is_empty()) {
            self.make_current(place);
            self.end_block(sink);
            if !self.emit_held(place, sink) {
                return;
            }
        }
    }

    /// Emits what an item has held; returns whether the item has ended.
    fn emit_held(&mut self, place: usize, sink: &mut Sink<'_>) -> bool {
        let held = self
            .open
            .get_mut(place)
            .map(|item| std::mem::take(&mut item.held));
        for piece in held.unwrap_or_default() {
            match piece {
                HeldPiece::Text { kind, text, is_new } => {
                    if is_new && kind.item() == ItemKind::Message {
                        self.end_block(sink);
                    }
                    self.emit(kind, &text, sink);
                }
                HeldPiece::Citation(citation) => sink(AnswerEvent::Citation(citation)),
                HeldPiece::End(state) => {
                    self.remove(place);
                    self.end_with(state, sink);
                    return true;
                }
            }
        }
        false
    }
}
