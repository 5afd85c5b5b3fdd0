//! The input of a request for a Responses upstream. Owns what each turn becomes, in the order of its items.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::Serializer;

use crate::dialect::conversation::{CallResult, Item, Part, ReasoningItem, Source};
use crate::dialect::envelope::{ReasoningState, StateContent};
use crate::dialect::ids;
use crate::dialect::traits::UpstreamTraits;
use crate::dialect::turns::Turn;
use crate::dialect::untranslatable::Untranslatable;

/// The text of a result whose images follow it.
const IMAGE_BELOW: &str = "[image attached below]";
/// Marks the result of a failed call: the dialect has no flag for it.
const ERROR_PREFIX: &str = "Error: ";
/// The name of a file that has none; one is required.
const FILE_NAME: &str = "document.pdf";

/// One item.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum InputItem<'w> {
    /// A message of any role.
    Message {
        /// Who says it.
        role: &'static str,
        /// What is said.
        content: Vec<InputPart<'w>>,
    },
    /// A call; its own id is left out, since ids from elsewhere are rejected.
    FunctionCall {
        /// Links it to its result.
        call_id: Cow<'w, str>,
        /// The tool.
        name: &'w str,
        /// JSON text.
        arguments: &'w str,
    },
    /// The result of a call.
    FunctionCallOutput {
        /// Links it to its call.
        call_id: Cow<'w, str>,
        /// What the tool returned.
        output: OutputContent<'w>,
    },
    /// Reasoning that the upstream continues. Id and content are verified together.
    Reasoning {
        /// The upstream's id.
        id: &'w str,
        /// The upstream's state.
        encrypted_content: &'w str,
        /// What was shown of it.
        summary: Vec<InputPart<'w>>,
    },
}

/// A result.
#[derive(Serialize)]
#[serde(untagged)]
pub enum OutputContent<'w> {
    /// Text alone.
    Text(Cow<'w, str>),
    /// With files in it.
    Parts(Vec<InputPart<'w>>),
}

/// A part of a message or of a result.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum InputPart<'w> {
    /// What the user says.
    InputText {
        /// The text.
        text: Cow<'w, str>,
    },
    /// What the assistant has said.
    OutputText {
        /// The text.
        text: &'w str,
    },
    /// A refusal of the assistant.
    Refusal {
        /// The text.
        refusal: &'w str,
    },
    /// What was shown of reasoning.
    SummaryText {
        /// The text.
        text: &'w str,
    },
    /// An image.
    InputImage {
        /// Its address, or itself.
        image_url: SourceUrl<'w>,
        /// How closely it is looked at.
        detail: &'w str,
    },
    /// A file.
    InputFile {
        /// Its name, of one that is in the request.
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<&'w str>,
        /// Itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<SourceUrl<'w>>,
        /// Its address.
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<&'w str>,
    },
}

/// The address of something. What is in the request itself is written into the body directly: images are large.
pub struct SourceUrl<'w>(&'w Source<'w>);

impl Serialize for SourceUrl<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Source::Url(url) => serializer.serialize_str(url),
            Source::Base64 { media_type, data } => {
                serializer.collect_str(&format_args!("data:{media_type};base64,{data}"))
            }
        }
    }
}

/// Instructions as an item.
pub fn system<'w>(text: Cow<'w, str>, traits: &UpstreamTraits) -> InputItem<'w> {
    InputItem::Message {
        role: if traits.has_developer_role {
            "developer"
        } else {
            "system"
        },
        content: vec![InputPart::InputText { text }],
    }
}

/// The items of all turns.
pub fn of_turns<'w>(
    turns: &'w [Turn<'_>],
    traits: &UpstreamTraits,
) -> Result<Vec<InputItem<'w>>, Untranslatable> {
    let mut items = Vec::with_capacity(turns.len());
    for turn in turns {
        match turn {
            Turn::System(text) => items.push(system(Cow::Borrowed(&text.text), traits)),
            Turn::User { results, parts } => user(results, parts, &mut items)?,
            Turn::Assistant(turn) => assistant(turn, traits, &mut items),
        }
    }
    Ok(items)
}

fn user<'w>(
    results: &'w [CallResult<'_>],
    parts: &'w [Part<'_>],
    items: &mut Vec<InputItem<'w>>,
) -> Result<(), Untranslatable> {
    let mut content = Vec::new();
    for result in results {
        items.push(InputItem::FunctionCallOutput {
            call_id: ids::call_id(&result.id),
            output: output(result)?,
        });
        for part in &result.parts {
            if matches!(part, Part::Image { .. }) {
                content.push(input_part(part)?);
            }
        }
    }
    for part in parts {
        content.push(input_part(part)?);
    }
    if !content.is_empty() {
        items.push(InputItem::Message {
            role: "user",
            content,
        });
    }
    Ok(())
}

/// A result without its images, which follow in a message of the user.
fn output<'w>(result: &'w CallResult<'_>) -> Result<OutputContent<'w>, Untranslatable> {
    let mut text = result.text();
    let has_images = result
        .parts
        .iter()
        .any(|part| matches!(part, Part::Image { .. }));
    if text.is_empty() && has_images {
        text = Cow::Borrowed(IMAGE_BELOW);
    }
    if result.is_error && !text.starts_with(ERROR_PREFIX.trim_end()) {
        text = Cow::Owned(format!("{ERROR_PREFIX}{text}"));
    }
    let others = result
        .parts
        .iter()
        .filter(|part| !matches!(part, Part::Text(_) | Part::Image { .. }));
    let others: Vec<InputPart<'_>> = others.map(input_part).collect::<Result<_, _>>()?;
    if others.is_empty() {
        return Ok(OutputContent::Text(text));
    }
    let text = (!text.is_empty()).then_some(InputPart::InputText { text });
    Ok(OutputContent::Parts(
        text.into_iter().chain(others).collect(),
    ))
}

fn input_part<'w>(part: &'w Part<'_>) -> Result<InputPart<'w>, Untranslatable> {
    match part {
        Part::Text(text) => Ok(InputPart::InputText {
            text: Cow::Borrowed(&text.text),
        }),
        Part::Image { source, detail } => Ok(InputPart::InputImage {
            image_url: SourceUrl(source),
            detail: detail.as_deref().unwrap_or("auto"),
        }),
        Part::Document { source, name } => Ok(match source {
            Source::Url(url) => InputPart::InputFile {
                filename: None,
                file_data: None,
                file_url: Some(url),
            },
            Source::Base64 { .. } => InputPart::InputFile {
                filename: Some(name.as_deref().unwrap_or(FILE_NAME)),
                file_data: Some(SourceUrl(source)),
                file_url: None,
            },
        }),
        Part::Audio { .. } => Err(Untranslatable::new(
            "messages",
            "Audio in messages cannot be sent to this channel. Send a transcript.",
        )),
    }
}

fn assistant<'w>(turn: &'w [Item<'_>], traits: &UpstreamTraits, items: &mut Vec<InputItem<'w>>) {
    // Reasoning without anything after it is rejected.
    let is_reasoning = |item: &Item<'_>| matches!(item, Item::Reasoning(_));
    let end = turn.iter().rposition(|item| !is_reasoning(item));
    for item in turn.iter().take(end.map_or(0, |end| end + 1)) {
        match item {
            Item::AssistantText(text) => items.push(said(InputPart::OutputText { text })),
            Item::Refusal(refusal) => items.push(said(InputPart::Refusal { refusal })),
            Item::Reasoning(item) => items.extend(reasoning(item, traits)),
            Item::Call(call) => items.push(InputItem::FunctionCall {
                call_id: ids::call_id(&call.id),
                name: &call.name,
                arguments: if call.arguments.trim().is_empty() {
                    "{}"
                } else {
                    &call.arguments
                },
            }),
            // Never in an assistant's turn.
            Item::System(_) | Item::User(_) | Item::Result(_) => {}
        }
    }
}

fn said(part: InputPart<'_>) -> InputItem<'_> {
    InputItem::Message {
        role: "assistant",
        content: vec![part],
    }
}

/// Reasoning goes back only to the upstream that it is from.
fn reasoning<'w>(item: &'w ReasoningItem<'_>, traits: &UpstreamTraits) -> Option<InputItem<'w>> {
    let state = item.state.as_ref();
    let state = state.filter(|state| state.is_for(&traits.origin))?;
    let ReasoningState {
        content: StateContent::Encrypted { id, content },
        ..
    } = state
    else {
        return None;
    };
    let text = (!item.text.is_empty()).then_some(InputPart::SummaryText { text: &item.text });
    Some(InputItem::Reasoning {
        id,
        encrypted_content: content,
        summary: text.into_iter().collect(),
    })
}
