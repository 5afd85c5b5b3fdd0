//! Reads the messages of a request. Owns what each kind of content block becomes, and which are refused because their
//! meaning would be lost.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{texts, tools, typed};
use crate::dialect::conversation::{
    Call, CallResult, Conversation, Item, Part, ReasoningItem, Source, Text, is_web,
};
use crate::dialect::envelope::EnvelopeKey;
use crate::dialect::messages::BorrowedText;
use crate::dialect::untranslatable::Untranslatable;

/// Lists of results and documents nest blocks in blocks so deeply and no deeper.
const MAX_NESTING: u8 = 3;
const BLOCKS: &str = "a string or a list of content blocks";
const ONE_BLOCK: &str = "a content block whose members have the types of the API";

#[derive(Deserialize)]
struct MessageMember<'a> {
    #[serde(borrow, default)]
    role: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

/// The members of all kinds of blocks.
#[derive(Default, Deserialize)]
#[serde(default)]
struct MessagesBlock<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<BorrowedText<'a>>,
    #[serde(borrow)]
    text: Option<BorrowedText<'a>>,
    #[serde(borrow)]
    cache_control: Option<&'a RawValue>,
    // Images, documents; the address of a search result.
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<BorrowedText<'a>>,
    // Calls.
    #[serde(borrow)]
    id: Option<BorrowedText<'a>>,
    #[serde(borrow)]
    name: Option<BorrowedText<'a>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    // Results; `content` also of other blocks.
    #[serde(borrow)]
    tool_use_id: Option<BorrowedText<'a>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    is_error: Option<bool>,
    #[serde(borrow)]
    tool_name: Option<BorrowedText<'a>>,
    // Reasoning.
    #[serde(borrow)]
    thinking: Option<BorrowedText<'a>>,
    #[serde(borrow)]
    signature: Option<BorrowedText<'a>>,
    #[serde(borrow)]
    data: Option<BorrowedText<'a>>,
    // Results of the web search.
    #[serde(borrow)]
    url: Option<BorrowedText<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SourceMember<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<BorrowedText<'a>>,
    #[serde(borrow)]
    media_type: Option<BorrowedText<'a>>,
    #[serde(borrow)]
    data: Option<BorrowedText<'a>>,
    #[serde(borrow)]
    url: Option<BorrowedText<'a>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

/// Reads all messages into the conversation's items.
pub(super) fn read<'a>(
    messages: Option<&'a RawValue>,
    envelope: &EnvelopeKey,
    conversation: &mut Conversation<'a>,
) -> Result<(), Untranslatable> {
    let messages: Vec<&RawValue> = typed(messages, "messages", "a list of messages")?
        .ok_or_else(|| Untranslatable::new("messages", "`messages` is required."))?;
    for (index, raw) in messages.into_iter().enumerate() {
        let param = format!("messages[{index}]");
        let expected = "an object with `role` and `content`";
        let message: Option<MessageMember<'_>> = typed(Some(raw), &param, expected)?;
        let (role, content) = message.map_or((None, None), |it| (it.role, it.content));
        let content_param = format!("{param}.content");
        match &*BorrowedText::or_empty(role) {
            "user" => user(content, &content_param, conversation)?,
            "assistant" => assistant(content, &content_param, envelope, conversation)?,
            "system" => system(content, &content_param, conversation)?,
            _ => {
                let message = format!("`{param}.role` must be `user`, `assistant` or `system`.");
                return Err(Untranslatable::new(format!("{param}.role"), message));
            }
        }
    }
    Ok(())
}

fn system<'a>(
    content: Option<&'a RawValue>,
    param: &str,
    conversation: &mut Conversation<'a>,
) -> Result<(), Untranslatable> {
    let Some(content) = content else {
        return Ok(());
    };
    let texts = texts(content, param)?;
    if conversation.items.is_empty() {
        conversation.instructions.extend(texts);
    } else {
        let items = texts.into_iter().map(Item::System);
        conversation.items.extend(items);
    }
    Ok(())
}

fn user<'a>(
    content: Option<&'a RawValue>,
    param: &str,
    conversation: &mut Conversation<'a>,
) -> Result<(), Untranslatable> {
    let mut parts = Vec::new();
    for (param, block) in blocks(content, param)? {
        if block.kind.as_ref().is_some_and(|it| it.0 == "tool_result") {
            if !parts.is_empty() {
                let before = std::mem::take(&mut parts);
                conversation.items.push(Item::User(before));
            }
            let result = result(block, &param)?;
            conversation.items.push(Item::Result(result));
        } else {
            part(block, &param, MAX_NESTING, &mut parts)?;
        }
    }
    if !parts.is_empty() {
        conversation.items.push(Item::User(parts));
    }
    Ok(())
}

/// The blocks of a message with the paths of their members. A string is a text block.
fn blocks<'a>(
    content: Option<&'a RawValue>,
    param: &str,
) -> Result<Vec<(String, MessagesBlock<'a>)>, Untranslatable> {
    let Some(raw) = content else {
        return Ok(Vec::new());
    };
    if raw.get().starts_with('"') {
        let block = MessagesBlock {
            kind: Some(BorrowedText(Cow::Borrowed("text"))),
            text: typed(Some(raw), param, BLOCKS)?,
            ..MessagesBlock::default()
        };
        return Ok(vec![(param.to_owned(), block)]);
    }
    let list: Vec<&RawValue> = typed(Some(raw), param, BLOCKS)?.unwrap_or_default();
    let block = |(index, raw): (usize, &'a RawValue)| {
        let param = format!("{param}[{index}]");
        let block: Option<MessagesBlock<'_>> = typed(Some(raw), &param, ONE_BLOCK)?;
        Ok((param, block.unwrap_or_default()))
    };
    list.into_iter().enumerate().map(block).collect()
}

fn result<'a>(block: MessagesBlock<'a>, param: &str) -> Result<CallResult<'a>, Untranslatable> {
    let mut parts = Vec::new();
    for (param, block) in blocks(block.content, &format!("{param}.content"))? {
        part(block, &param, MAX_NESTING, &mut parts)?;
    }
    Ok(CallResult {
        id: BorrowedText::or_empty(block.tool_use_id),
        parts,
        is_error: block.is_error.unwrap_or(false),
    })
}

/// Reads a block of the user or of a result.
fn part<'a>(
    block: MessagesBlock<'a>,
    param: &str,
    nesting: u8,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), Untranslatable> {
    match &*BorrowedText::or_empty(block.kind) {
        "text" => push_text(
            BorrowedText::or_empty(block.text),
            block.cache_control,
            parts,
        ),
        "image" => parts.push(Part::Image {
            source: file_source(block.source, param)?,
            detail: None,
        }),
        "document" => return document(block.source, block.title, param, nesting, parts),
        "search_result" => {
            let source: Option<BorrowedText<'_>> =
                typed(block.source, &format!("{param}.source"), "a string")?;
            let title = BorrowedText::or_empty(block.title);
            let head = format!("{title}\n{}", BorrowedText::or_empty(source));
            push_text(Cow::Owned(head.trim().to_owned()), None, parts);
            return nested(block.content, param, nesting, parts);
        }
        "tool_reference" => {
            let name = BorrowedText::or_empty(block.tool_name);
            parts.push(Part::Text(Text::plain(format!("[Loaded tool: {name}]"))));
        }
        _ => {
            return Err(Untranslatable::new(
                param.to_owned(),
                "Content blocks of this type cannot be sent to the channels that are left for this model.",
            ));
        }
    }
    Ok(())
}

fn push_text<'a>(text: Cow<'a, str>, mark: Option<&'a RawValue>, parts: &mut Vec<Part<'a>>) {
    if !text.is_empty() {
        parts.push(Part::Text(Text {
            text,
            cache_control: mark,
        }));
    }
}

fn nested<'a>(
    content: Option<&'a RawValue>,
    param: &str,
    nesting: u8,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), Untranslatable> {
    let Some(left) = nesting.checked_sub(1) else {
        let message = "Content blocks are nested too deeply.";
        return Err(Untranslatable::new(param.to_owned(), message));
    };
    for (param, block) in blocks(content, &format!("{param}.content"))? {
        part(block, &param, left, parts)?;
    }
    Ok(())
}

fn document<'a>(
    source: Option<&'a RawValue>,
    title: Option<BorrowedText<'a>>,
    param: &str,
    nesting: u8,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), Untranslatable> {
    let source_param = format!("{param}.source");
    let member: SourceMember<'_> = typed(source, &source_param, "an object")?.unwrap_or_default();
    match member.kind.as_ref().map(|kind| &*kind.0) {
        Some("text") => push_text(BorrowedText::or_empty(member.data), None, parts),
        Some("content") => return nested(member.content, &source_param, nesting, parts),
        _ => parts.push(Part::Document {
            source: file_source(source, param)?,
            name: title.map(|title| title.0),
        }),
    }
    Ok(())
}

fn file_source<'a>(
    source: Option<&'a RawValue>,
    param: &str,
) -> Result<Source<'a>, Untranslatable> {
    let param = format!("{param}.source");
    let member: SourceMember<'_> = typed(source, &param, "an object")?.unwrap_or_default();
    match (
        &*BorrowedText::or_empty(member.kind),
        member.data,
        member.url,
    ) {
        ("base64", Some(data), _) => {
            let source = Source::Base64 {
                media_type: BorrowedText::or_empty(member.media_type),
                data: data.0,
            };
            if source.is_readable() {
                return Ok(source);
            }
            let message = format!("`{param}.media_type` must be a media type.");
            Err(Untranslatable::new(format!("{param}.media_type"), message))
        }
        ("url", _, Some(url)) if is_web(&url.0) => Ok(Source::Url(url.0)),
        ("url", _, Some(_)) => {
            let message = format!("`{param}.url` must be an http or https URL.");
            Err(Untranslatable::new(format!("{param}.url"), message))
        }
        ("file", ..) => Err(Untranslatable::new(
            param,
            "Uploaded files are at Anthropic, where no channel that is left for this model can read them. Send the file \
             itself, in base64.",
        )),
        _ => {
            let message = format!(
                "`{param}` must have the type `base64` or `url`, with its bytes or address."
            );
            Err(Untranslatable::new(param, message))
        }
    }
}

fn assistant<'a>(
    content: Option<&'a RawValue>,
    param: &str,
    envelope: &EnvelopeKey,
    conversation: &mut Conversation<'a>,
) -> Result<(), Untranslatable> {
    for (param, block) in blocks(content, param)? {
        let item = match &*BorrowedText::or_empty(block.kind.clone()) {
            "text" => assistant_text(BorrowedText::or_empty(block.text)),
            // The summary that takes the place of what was before it.
            "compaction" => {
                let text: Option<BorrowedText<'_>> =
                    typed(block.content, &format!("{param}.content"), "a string")?;
                assistant_text(BorrowedText::or_empty(text))
            }
            "thinking" => {
                let signature = BorrowedText::or_empty(block.signature);
                reasoning(BorrowedText::or_empty(block.thinking), &signature, envelope)
            }
            "redacted_thinking" => {
                let data = BorrowedText::or_empty(block.data);
                reasoning(Cow::Borrowed(""), &data, envelope)
            }
            "tool_use" | "server_tool_use" | "mcp_tool_use" => {
                Some(Item::Call(call(block, &param, conversation)?))
            }
            kind if kind.ends_with("tool_result") => Some(Item::Result(server_result(block))),
            _ => {
                conversation.dropped.push(Cow::Owned(param));
                None
            }
        };
        conversation.items.extend(item);
    }
    Ok(())
}

fn assistant_text(text: Cow<'_, str>) -> Option<Item<'_>> {
    (!text.is_empty()).then_some(Item::AssistantText(text))
}

fn reasoning<'a>(text: Cow<'a, str>, sealed: &str, envelope: &EnvelopeKey) -> Option<Item<'a>> {
    let state = envelope.open(sealed);
    let is_something = state.is_some() || !text.is_empty();
    is_something.then_some(Item::Reasoning(ReasoningItem { text, state }))
}

fn call<'a>(
    block: MessagesBlock<'a>,
    param: &str,
    conversation: &mut Conversation<'a>,
) -> Result<Call<'a>, Untranslatable> {
    let name = BorrowedText::or_empty(block.name);
    let arguments = match block.input {
        None => Cow::Borrowed(""),
        // Some clients store the arguments as the text that they came as.
        Some(raw) if raw.get().starts_with('"') => {
            let text: Option<BorrowedText<'_>> = typed(Some(raw), param, ONE_BLOCK)?;
            BorrowedText::or_empty(text)
        }
        Some(raw) => Cow::Borrowed(raw.get()),
    };
    Ok(Call {
        id: BorrowedText::or_empty(block.id),
        name: tools::wire_name(&name, conversation).into(),
        arguments,
    })
}

/// The result of a tool that Anthropic ran, as text: a list of titles and addresses of a search, else its content.
fn server_result(block: MessagesBlock<'_>) -> CallResult<'_> {
    let raw = block.content.map_or("", RawValue::get);
    let (text, is_error) = match raw.as_bytes().first() {
        Some(b'[') => (shown_list(raw), false),
        Some(b'"') => {
            let text: Option<BorrowedText<'_>> = crate::wire::json::from_str(raw).ok();
            (BorrowedText::or_empty(text), false)
        }
        _ => (Cow::Borrowed(raw), raw.contains("_error\"")),
    };
    let part = (!text.is_empty()).then(|| Part::Text(Text::plain(text)));
    CallResult {
        id: BorrowedText::or_empty(block.tool_use_id),
        parts: part.into_iter().collect(),
        is_error: is_error || block.is_error.unwrap_or(false),
    }
}

fn shown_list(raw: &str) -> Cow<'_, str> {
    let Ok(list) = crate::wire::json::from_str::<Vec<MessagesBlock<'_>>>(raw) else {
        return Cow::Borrowed(raw);
    };
    let mut shown = String::new();
    for block in list {
        let texts = [block.title, block.url, block.text];
        let texts: Vec<_> = texts.into_iter().flatten().map(|text| text.0).collect();
        if !texts.is_empty() {
            let lead = if shown.is_empty() { "" } else { "\n" };
            shown.push_str(lead);
            shown.push_str(&texts.join("\n"));
        }
    }
    Cow::Owned(shown)
}
