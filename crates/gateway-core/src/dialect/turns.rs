//! Turns made from the items of a conversation. Owns what all dialects with turns demand: every call has its result in the
//! turn directly after it, in the order of the calls; a result without a call is text; ids are ones that every upstream
//! accepts.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};

use super::conversation::{Call, CallResult, Item, Part, Text};
use super::ids;
use super::traits::CallIdForm;

/// What a result says that the client has left out.
const NO_RESULT: &str = "No result";
/// Precedes a result whose call is not in the conversation.
const ORPHAN_PREFIX: &str = "Tool result: ";

/// One turn.
#[derive(Debug)]
pub enum Turn<'a> {
    /// Instructions in the middle of the conversation.
    System(Text<'a>),
    /// The user's turn.
    User {
        /// The results of all calls of the assistant's turn before it, in their order.
        results: Vec<CallResult<'a>>,
        /// What the user says besides.
        parts: Vec<Part<'a>>,
    },
    /// The assistant's turn: everything that it produced, in order. Never empty.
    Assistant(Vec<Item<'a>>),
}

/// Makes turns. Two turns of the user or of the assistant never follow each other.
pub fn of_items(items: Vec<Item<'_>>, form: CallIdForm) -> Vec<Turn<'_>> {
    let mut results = Results::of(&items);
    let mut slots: Vec<Option<Item<'_>>> = items.into_iter().map(Some).collect();
    let mut turns = Turns::default();
    let mut place = 0;
    while place < slots.len() {
        let Some(item) = slots.get_mut(place).and_then(Option::take) else {
            place += 1;
            continue;
        };
        place += 1;
        match item {
            Item::System(text) => turns.list.push(Turn::System(text)),
            Item::User(parts) => turns.user(parts),
            Item::Result(result) => turns.user(orphan(result)),
            item => {
                let mut run = vec![item];
                while let Some(slot) = slots.get_mut(place)
                    && slot.as_ref().is_none_or(Item::is_of_assistant)
                {
                    run.extend(slot.take());
                    place += 1;
                }
                turns.assistant(run);
                turns.answer_calls(&mut results, &mut slots, form);
            }
        }
    }
    turns.list
}

#[derive(Default)]
struct Turns<'a> {
    list: Vec<Turn<'a>>,
}

impl<'a> Turns<'a> {
    fn user(&mut self, more: Vec<Part<'a>>) {
        if let Some(Turn::User { parts, .. }) = self.list.last_mut() {
            parts.extend(more);
        } else {
            self.list.push(Turn::User {
                results: Vec::new(),
                parts: more,
            });
        }
    }

    fn assistant(&mut self, more: Vec<Item<'a>>) {
        if let Some(Turn::Assistant(items)) = self.list.last_mut() {
            items.extend(more);
        } else {
            self.list.push(Turn::Assistant(more));
        }
    }

    /// Gives the calls of the last turn their results, and both their ids.
    fn answer_calls(
        &mut self,
        all: &mut Results,
        slots: &mut [Option<Item<'a>>],
        form: CallIdForm,
    ) {
        let Some(Turn::Assistant(items)) = self.list.last_mut() else {
            return;
        };
        let mut used = HashSet::new();
        let mut results = Vec::new();
        for item in items {
            let Item::Call(call) = item else { continue };
            let mut result = all.take(&call.id, slots).unwrap_or_else(|| missing(call));
            let id = fitted(&call.id, form, &mut used);
            result.id = Cow::Owned(id.clone());
            call.id = Cow::Owned(id);
            results.push(result);
        }
        if !results.is_empty() {
            self.list.push(Turn::User {
                results,
                parts: Vec::new(),
            });
        }
    }
}

/// The id for the upstream. Some servers give all calls of a turn the same id, or none.
fn fitted(id: &str, form: CallIdForm, used: &mut HashSet<String>) -> String {
    let fit = |id: &str| match form {
        CallIdForm::Plain => ids::call_id(id).into_owned(),
        CallIdForm::NineAlphanumerics => ids::nine_alphanumerics(id),
    };
    let mut fitted = fit(id);
    if id.is_empty() || used.contains(&fitted) {
        fitted = fit(&ids::made_call_id(id, used.len()));
    }
    used.insert(fitted.clone());
    fitted
}

/// The results of a conversation by the ids of their calls, in order.
struct Results {
    places: HashMap<String, VecDeque<usize>>,
}

impl Results {
    fn of(items: &[Item<'_>]) -> Self {
        let mut places: HashMap<String, VecDeque<usize>> = HashMap::new();
        for (place, item) in items.iter().enumerate() {
            if let Item::Result(result) = item {
                let list = places.entry(result.id.clone().into_owned()).or_default();
                list.push_back(place);
            }
        }
        Self { places }
    }

    /// The first result of a call that is still there: one before the call has become text already.
    fn take<'a>(&mut self, id: &str, slots: &mut [Option<Item<'a>>]) -> Option<CallResult<'a>> {
        let places = self.places.get_mut(id)?;
        while let Some(place) = places.pop_front() {
            if let Some(Item::Result(result)) = slots.get_mut(place).and_then(Option::take) {
                return Some(result);
            }
        }
        None
    }
}

fn missing<'a>(call: &Call<'a>) -> CallResult<'a> {
    CallResult {
        id: call.id.clone(),
        parts: vec![Part::Text(Text::plain(NO_RESULT))],
        is_error: true,
    }
}

/// A result whose call is not in the conversation, or is later in it.
fn orphan(result: CallResult<'_>) -> Vec<Part<'_>> {
    let text = format!("{ORPHAN_PREFIX}{}", result.text());
    let mut parts = vec![Part::Text(Text::plain(text))];
    let others = result.parts.into_iter();
    parts.extend(others.filter(|part| !matches!(part, Part::Text(_))));
    parts
}

#[cfg(test)]
mod tests;
