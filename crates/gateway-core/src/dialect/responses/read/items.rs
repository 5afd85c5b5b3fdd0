//! The items of `input`. Owns what each kind becomes; calls of all kinds of tools become calls of functions, and what a
//! provider did itself is left out, since the text after it has the result.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::parts;
use super::place::RequestPlace;
use super::tools::{self, builtin_name};
use crate::dialect::conversation::{
    Call, CallResult, Conversation, Item, Part, ReasoningItem, Text,
};
use crate::dialect::envelope::EnvelopeKey;
use crate::dialect::registry::{DeclaredKind, DeclaredTool};
use crate::dialect::untranslatable::Untranslatable;
use crate::dialect::{custom_input, json};

/// Any item, with the members of all kinds.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponsesItem<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    role: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    call_id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    namespace: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    #[serde(borrow)]
    action: Option<&'a RawValue>,
    #[serde(borrow)]
    operation: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    summary: Option<&'a RawValue>,
    #[serde(borrow)]
    encrypted_content: Option<&'a RawValue>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
}

/// Reads `input`. The tools of the request are declared already; those in items are declared before any item is read, so
/// that a call in the history has the name of its tool.
pub fn read<'a>(
    conversation: &mut Conversation<'a>,
    raw: &'a RawValue,
    envelope: &EnvelopeKey,
) -> Result<(), Untranslatable> {
    let place = RequestPlace::of("input");
    if let Some(text) = json::text(raw) {
        if !text.is_empty() {
            let parts = vec![Part::Text(Text::plain(text))];
            conversation.items.push(Item::User(parts));
        }
        return Ok(());
    }
    let list = place
        .list(raw)
        .map_err(|_| place.must_be("a string or a list of items"))?;
    let mut items = Vec::with_capacity(list.len());
    for (index, raw) in list.into_iter().enumerate() {
        let place = place.element(index);
        let item: ResponsesItem<'_> = place.object(raw)?;
        let kind = kind_of(&item, place)?;
        if let ("additional_tools" | "tool_search_output", Some(raw)) = (&*kind, item.tools) {
            tools::declare(conversation, raw, place.member("tools"))?;
        }
        items.push((kind, item));
    }
    let mut reader = ItemReader {
        conversation,
        envelope,
        call_ids: HashMap::new(),
    };
    for (index, (kind, item)) in items.iter().enumerate() {
        reader.read(kind, item, place.element(index))?;
    }
    Ok(())
}

/// The type of an item; messages may leave it out.
fn kind_of<'a>(
    item: &ResponsesItem<'a>,
    place: RequestPlace<'_>,
) -> Result<Cow<'a, str>, Untranslatable> {
    match place.member("type").string(item.kind)? {
        Some(kind) => Ok(kind),
        None if item.role.is_some() => Ok(Cow::Borrowed("message")),
        None => Err(place.rejected("must have a `type` or a `role`.")),
    }
}

struct ItemReader<'r, 'a> {
    conversation: &'r mut Conversation<'a>,
    envelope: &'r EnvelopeKey,
    /// The `call_id` of each call of `local_shell` by its item's id, which its result may name instead.
    call_ids: HashMap<Cow<'a, str>, Cow<'a, str>>,
}

impl<'a> ItemReader<'_, 'a> {
    fn read(
        &mut self,
        kind: &str,
        item: &ResponsesItem<'a>,
        place: RequestPlace<'_>,
    ) -> Result<(), Untranslatable> {
        match kind {
            "message" => self.message(item, place),
            "agent_message" => self.user(item, place),
            "reasoning" => self.reasoning(item, place),
            "function_call" => self.call(DeclaredKind::Function, item, place),
            "custom_tool_call" => self.call(DeclaredKind::Custom, item, place),
            "local_shell_call" => self.builtin_call(DeclaredKind::LocalShell, item, place),
            "shell_call" => self.builtin_call(DeclaredKind::Shell, item, place),
            "apply_patch_call" => self.builtin_call(DeclaredKind::ApplyPatch, item, place),
            "shell_call_output" => self.shell_result(item, place),
            "function_call_output"
            | "custom_tool_call_output"
            | "local_shell_call_output"
            | "apply_patch_call_output" => self.result(item, place),
            "item_reference" => Err(place.rejected(
                "refers to an item of an earlier response, which is not stored on this channel. Send the item itself.",
            )),
            _ if kind.contains("compaction") => Err(place.rejected(
                "is a compaction, which only the provider that made it can read. Send the conversation itself.",
            )),
            "additional_tools" => Ok(()),
            _ => {
                self.conversation.dropped.push(place.to_string().into());
                Ok(())
            }
        }
    }

    fn message(
        &mut self,
        item: &ResponsesItem<'a>,
        place: RequestPlace<'_>,
    ) -> Result<(), Untranslatable> {
        let role = place.needed("role", item.role)?;
        match &*role {
            "user" => self.user(item, place),
            "assistant" => {
                if let Some(raw) = item.content {
                    let items = parts::assistant_items(raw, place.member("content"))?;
                    self.conversation.items.extend(items);
                }
                Ok(())
            }
            "system" | "developer" => {
                let Some(raw) = item.content else {
                    return Ok(());
                };
                let texts = parts::texts(raw, place.member("content"))?;
                if self.conversation.items.is_empty() {
                    self.conversation.instructions.extend(texts);
                } else {
                    let items = texts.into_iter().map(Item::System);
                    self.conversation.items.extend(items);
                }
                Ok(())
            }
            _ => Err(place
                .member("role")
                .must_be("`user`, `assistant`, `system` or `developer`")),
        }
    }

    fn user(
        &mut self,
        item: &ResponsesItem<'a>,
        place: RequestPlace<'_>,
    ) -> Result<(), Untranslatable> {
        let Some(raw) = item.content else {
            return Ok(());
        };
        let parts = parts::user_parts(raw, place.member("content"))?;
        if !parts.is_empty() {
            self.conversation.items.push(Item::User(parts));
        }
        Ok(())
    }

    fn reasoning(
        &mut self,
        item: &ResponsesItem<'a>,
        place: RequestPlace<'_>,
    ) -> Result<(), Untranslatable> {
        let sealed = place
            .member("encrypted_content")
            .string(item.encrypted_content)?;
        let state = sealed.and_then(|sealed| self.envelope.open(&sealed));
        let mut text = Cow::Borrowed("");
        for (name, raw) in [("content", item.content), ("summary", item.summary)] {
            if text.is_empty()
                && let Some(raw) = raw
            {
                text = joined(parts::texts(raw, place.member(name))?);
            }
        }
        if !text.is_empty() || state.is_some() {
            let item = Item::Reasoning(ReasoningItem { text, state });
            self.conversation.items.push(item);
        }
        Ok(())
    }

    fn call(
        &mut self,
        kind: DeclaredKind,
        item: &ResponsesItem<'a>,
        place: RequestPlace<'_>,
    ) -> Result<(), Untranslatable> {
        let name = place.needed("name", item.name)?;
        let namespace = place.member("namespace").string(item.namespace)?;
        let arguments = if kind == DeclaredKind::Custom {
            place.needed("input", item.input)?;
            Cow::Owned(custom_input::wrapped(item.input))
        } else {
            let arguments = place.member("arguments");
            match item.arguments {
                // Some clients send the object itself.
                Some(raw) if raw.get().starts_with('{') => Cow::Borrowed(raw.get()),
                raw => arguments.string(raw)?.unwrap_or_default(),
            }
        };
        let name = self.wire_name(kind, &name, namespace.as_deref());
        self.push_call(item, name, arguments, place)
    }

    /// The name of a call's tool on the wire: that of a declared tool where there is one.
    fn wire_name(&mut self, kind: DeclaredKind, name: &str, namespace: Option<&str>) -> String {
        let registry = &mut self.conversation.registry;
        if namespace.is_none() && registry.declared(name).is_some() {
            return name.to_owned();
        }
        registry.wire_name(DeclaredTool {
            kind,
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
        })
    }

    fn builtin_call(
        &mut self,
        kind: DeclaredKind,
        item: &ResponsesItem<'a>,
        place: RequestPlace<'_>,
    ) -> Result<(), Untranslatable> {
        let (member, raw) = match kind {
            DeclaredKind::ApplyPatch => ("operation", item.operation),
            _ => ("action", item.action),
        };
        let raw = raw.filter(|raw| raw.get().starts_with('{'));
        let raw = raw.ok_or_else(|| place.member(member).must_be("an object"))?;
        if kind == DeclaredKind::LocalShell
            && let Some(id) = place.member("id").string(item.id)?
            && let Some(call_id) = place.member("call_id").string(item.call_id)?
        {
            self.call_ids.insert(id, call_id);
        }
        let name = self.conversation.registry.wire_name(DeclaredTool {
            kind,
            name: builtin_name(kind).to_owned(),
            namespace: None,
        });
        self.push_call(item, name, Cow::Borrowed(raw.get()), place)
    }

    fn push_call(
        &mut self,
        item: &ResponsesItem<'a>,
        name: String,
        arguments: Cow<'a, str>,
        place: RequestPlace<'_>,
    ) -> Result<(), Untranslatable> {
        let id = match item.call_id {
            None => place.member("id").string(item.id)?.unwrap_or_default(),
            id => place.needed("call_id", id)?,
        };
        self.conversation.items.push(Item::Call(Call {
            id,
            name: name.into(),
            arguments,
        }));
        Ok(())
    }

    fn result(
        &mut self,
        item: &ResponsesItem<'a>,
        place: RequestPlace<'_>,
    ) -> Result<(), Untranslatable> {
        let parts = match item.output {
            Some(raw) => parts::user_parts(raw, place.member("output"))?,
            None => Vec::new(),
        };
        let status = place.member("status").string(item.status)?;
        self.push_result(item, parts, status.as_deref() == Some("failed"), place)
    }

    fn shell_result(
        &mut self,
        item: &ResponsesItem<'a>,
        place: RequestPlace<'_>,
    ) -> Result<(), Untranslatable> {
        let output = place.member("output");
        let text = match item.output {
            None => Cow::Borrowed(""),
            Some(raw) => match json::text(raw) {
                Some(text) => text,
                None => Cow::Owned(shell_output(raw, output)?),
            },
        };
        let part = (!text.is_empty()).then(|| Part::Text(Text::plain(text)));
        self.push_result(item, part.into_iter().collect(), false, place)
    }

    fn push_result(
        &mut self,
        item: &ResponsesItem<'a>,
        parts: Vec<Part<'a>>,
        is_error: bool,
        place: RequestPlace<'_>,
    ) -> Result<(), Untranslatable> {
        let id = match item.call_id {
            None => {
                let id = place.needed("id", item.id)?;
                self.call_ids.get(&id).cloned().unwrap_or(id)
            }
            id => place.needed("call_id", id)?,
        };
        self.conversation.items.push(Item::Result(CallResult {
            id,
            parts,
            is_error,
        }));
        Ok(())
    }
}

/// Parts of reasoning with blank lines between them.
fn joined(texts: Vec<Text<'_>>) -> Cow<'_, str> {
    let mut texts = texts.into_iter().map(|text| text.text);
    let mut all = texts.next().unwrap_or_default();
    for text in texts {
        let all = all.to_mut();
        all.push_str("\n\n");
        all.push_str(&text);
    }
    all
}

/// What one command of a shell printed.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ShellOutput<'a> {
    #[serde(borrow)]
    stdout: Option<&'a RawValue>,
    #[serde(borrow)]
    stderr: Option<&'a RawValue>,
    outcome: Option<ShellOutcome>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ShellOutcome {
    #[serde(rename = "type")]
    kind: String,
    exit_code: Option<i64>,
}

/// The output of a shell as a text: what was printed, and how each command ended that did not end well.
fn shell_output(raw: &RawValue, place: RequestPlace<'_>) -> Result<String, Untranslatable> {
    let list = place
        .list(raw)
        .map_err(|_| place.must_be("a string or a list of outputs"))?;
    let mut lines: Vec<Cow<'_, str>> = Vec::new();
    for (index, raw) in list.into_iter().enumerate() {
        let place = place.element(index);
        let output: ShellOutput<'_> = place.object(raw)?;
        lines.extend(place.member("stdout").string(output.stdout)?);
        lines.extend(place.member("stderr").string(output.stderr)?);
        let outcome = output.outcome.unwrap_or_default();
        match outcome.exit_code {
            Some(code) if code != 0 => lines.push(format!("Exit code: {code}").into()),
            _ if outcome.kind == "timeout" => lines.push("Timed out".into()),
            _ => {}
        }
    }
    lines.retain(|line| !line.is_empty());
    Ok(lines.join("\n"))
}
