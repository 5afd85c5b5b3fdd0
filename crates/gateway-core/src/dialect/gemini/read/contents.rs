//! The conversation: contents and what they consist of. Owns roles, the order of parts, and where reasoning state is
//! carried; single parts are [`parts`]', the pairing of calls with results is [`calls`]'.
//!
//! [`parts`]: super::parts
//! [`calls`]: super::calls

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::signature;
use super::calls::CallMatcher;
use super::parts::{self, GeminiPart};
use super::place::GeminiPlace;
use crate::dialect::conversation::{
    Call, CallResult, Conversation, Item, Part, ReasoningItem, Text,
};
use crate::dialect::envelope::{EnvelopeKey, ReasoningState};
use crate::dialect::json;
use crate::dialect::registry::{DeclaredKind, DeclaredTool};
use crate::dialect::untranslatable::Untranslatable;

#[derive(Default, Deserialize)]
#[serde(default)]
struct GeminiContent<'a> {
    #[serde(borrow)]
    role: Option<&'a RawValue>,
    #[serde(borrow)]
    parts: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CallMember<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
}

/// The name on the wire of a function of the client's.
pub fn wire_name(conversation: &mut Conversation<'_>, name: &str) -> String {
    conversation.registry.wire_name(DeclaredTool {
        kind: DeclaredKind::Function,
        name: name.to_owned(),
        namespace: None,
    })
}

/// The texts of `systemInstruction`: a content, whose role is ignored, or a string.
pub fn instructions<'a>(
    raw: &'a RawValue,
    place: GeminiPlace<'_>,
) -> Result<Vec<Text<'a>>, Untranslatable> {
    if let Some(text) = json::text(raw) {
        return Ok(vec![Text::plain(text)]);
    }
    let content: GeminiContent<'_> = place.object(Some(raw))?;
    let place = place.member("parts");
    let mut texts = Vec::new();
    for (index, raw) in place.list(content.parts)?.into_iter().enumerate() {
        let place = place.element(index);
        let part: GeminiPart<'_> = place.object(Some(raw))?;
        if part.has_more_than_text() {
            return Err(place.rejected("must be a text: it is instructions."));
        }
        let text = place.member("text").string(part.text)?.unwrap_or_default();
        texts.push(Text::plain(text));
    }
    texts.retain(|text| !text.text.is_empty());
    Ok(texts)
}

/// Reads `contents`.
pub fn read<'a>(
    conversation: &mut Conversation<'a>,
    raw: Option<&'a RawValue>,
    place: GeminiPlace<'_>,
    envelope: &EnvelopeKey,
) -> Result<(), Untranslatable> {
    let list = place.list(raw)?;
    if list.is_empty() {
        return Err(place.must_be("a list of at least one content"));
    }
    let mut reader = ContentReader {
        conversation,
        envelope,
        calls: CallMatcher::default(),
        user: Vec::new(),
        is_models_turn: false,
        is_text_open: false,
    };
    for (index, raw) in list.into_iter().enumerate() {
        reader.content(raw, place.element(index))?;
    }
    Ok(())
}

struct ContentReader<'a, 'r> {
    conversation: &'r mut Conversation<'a>,
    envelope: &'r EnvelopeKey,
    calls: CallMatcher<'a>,
    /// What the user says in the current content, since its last result.
    user: Vec<Part<'a>>,
    is_models_turn: bool,
    /// Whether the last item is a text of the model's that the next part continues: streams leave one part per chunk.
    is_text_open: bool,
}

impl<'a> ContentReader<'a, '_> {
    fn content(&mut self, raw: &'a RawValue, place: GeminiPlace<'_>) -> Result<(), Untranslatable> {
        let content: GeminiContent<'_> = place.object(Some(raw))?;
        let role = place.member("role").string(content.role)?;
        let is_model = match role.as_deref() {
            Some("model") => true,
            None | Some("" | "user" | "function" | "tool") => false,
            Some(_) => return Err(place.member("role").must_be("`user` or `model`")),
        };
        if is_model && !self.is_models_turn {
            self.calls.begin_turn();
        }
        self.is_models_turn = is_model;
        self.is_text_open = false;
        let place = place.member("parts");
        for (index, raw) in place.list(content.parts)?.into_iter().enumerate() {
            let place = place.element(index);
            if is_model {
                self.model_part(raw, place)?;
            } else {
                self.user_part(raw, place)?;
            }
        }
        self.end_user_item();
        Ok(())
    }

    fn end_user_item(&mut self) {
        if !self.user.is_empty() {
            let parts = std::mem::take(&mut self.user);
            self.conversation.items.push(Item::User(parts));
        }
    }

    fn user_part(
        &mut self,
        raw: &'a RawValue,
        place: GeminiPlace<'_>,
    ) -> Result<(), Untranslatable> {
        let part: GeminiPart<'_> = place.object(Some(raw))?;
        if let Some(raw) = part.function_response {
            return self.result(raw, place.member("functionResponse"));
        }
        if part.function_call.is_some() {
            return Err(place
                .member("functionCall")
                .rejected("must be in a content of the role `model`."));
        }
        self.user.extend(parts::user_part(&part, raw, place)?);
        Ok(())
    }

    fn result(&mut self, raw: &'a RawValue, place: GeminiPlace<'_>) -> Result<(), Untranslatable> {
        let result = parts::function_result(raw, place)?;
        self.end_user_item();
        let id = self.calls.result(result.id, result.name.as_deref());
        self.conversation.items.push(Item::Result(CallResult {
            id,
            parts: result.parts,
            is_error: result.is_error,
        }));
        Ok(())
    }

    fn model_part(
        &mut self,
        raw: &'a RawValue,
        place: GeminiPlace<'_>,
    ) -> Result<(), Untranslatable> {
        let part: GeminiPart<'_> = place.object(Some(raw))?;
        let state = part.thought_signature.and_then(json::text);
        let state = state.and_then(|text| signature::open(&text, self.envelope));
        let is_thought = place.member("thought").boolean(part.thought)? == Some(true);
        let text = place.member("text").string(part.text)?;
        if is_thought && part.function_call.is_none() {
            self.reasoning(text.unwrap_or_default(), state);
            return Ok(());
        }
        if let Some(state) = state {
            self.reasoning(Cow::Borrowed(""), Some(state));
        }
        if let Some(raw) = part.function_response {
            return self.result(raw, place.member("functionResponse"));
        }
        if let Some(raw) = part.function_call {
            return self.call(raw, place.member("functionCall"));
        }
        let text = match text {
            Some(text) => Some(text),
            None => parts::model_text(&part, raw, place)?.map(Cow::Owned),
        };
        self.text(text.unwrap_or_default());
        Ok(())
    }

    fn text(&mut self, more: Cow<'a, str>) {
        if more.is_empty() {
            return;
        }
        if self.is_text_open
            && let Some(Item::AssistantText(text)) = self.conversation.items.last_mut()
        {
            text.to_mut().push_str(&more);
            return;
        }
        self.is_text_open = true;
        self.conversation.items.push(Item::AssistantText(more));
    }

    /// A piece of reasoning, or the state of the reasoning before it: clients may leave thoughts out, and keep the
    /// signature on the part that followed them.
    fn reasoning(&mut self, more: Cow<'a, str>, new_state: Option<ReasoningState>) {
        let last = self.conversation.items.last_mut();
        if let Some(Item::Reasoning(ReasoningItem { text, state })) = last
            && state.is_none()
        {
            if !more.is_empty() {
                text.to_mut().push_str(&more);
            }
            *state = new_state;
        } else if !more.is_empty() || new_state.is_some() {
            self.conversation.items.push(Item::Reasoning(ReasoningItem {
                text: more,
                state: new_state,
            }));
        }
        self.is_text_open = false;
    }

    fn call(&mut self, raw: &'a RawValue, place: GeminiPlace<'_>) -> Result<(), Untranslatable> {
        let call: CallMember<'_> = place.object(Some(raw))?;
        let name = place.needed("name", call.name)?;
        let arguments = place.member("args");
        if call.args.is_some_and(|raw| !raw.get().starts_with('{')) {
            return Err(arguments.must_be("an object"));
        }
        let id = place.member("id").string(call.id)?;
        let id = self.calls.call(id, &name);
        let name = wire_name(self.conversation, &name);
        self.conversation.items.push(Item::Call(Call {
            id,
            name: Cow::Owned(name),
            arguments: Cow::Borrowed(call.args.map_or("", RawValue::get)),
        }));
        self.is_text_open = false;
        Ok(())
    }
}
