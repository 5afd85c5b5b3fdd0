//! The items of a Responses answer. Owns their form on the wire.

use serde::Serialize;
use serde_json::value::RawValue;

/// Any item, with the members of all kinds.
#[derive(Debug, Default, Serialize)]
pub struct ItemOut {
    /// Its id.
    pub id: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether it is whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'static str>,
    /// Of a message: the assistant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// The parts of a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Vec<PartOut>>,
    /// The parts of a summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Vec<PartOut>>,
    /// The envelope of reasoning state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypted_content: Option<String>,
    /// The id of a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// The tool of a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The tool's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The arguments of a function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<String>,
    /// The input of a custom tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// What a shell does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Box<RawValue>>,
    /// What a patch does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Box<RawValue>>,
}

impl ItemOut {
    /// The only part of its content or summary.
    pub fn part(&mut self) -> Option<&mut PartOut> {
        self.content.as_mut().or(self.summary.as_mut())?.first_mut()
    }
}

/// A part of an item.
#[derive(Debug, Default, Serialize)]
pub struct PartOut {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its text, of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Its sources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Vec<AnnotationOut>>,
    /// Always empty; SDKs expect it beside texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<[(); 0]>,
}

/// A source of a text.
#[derive(Debug, Serialize)]
pub struct AnnotationOut {
    /// `url_citation`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its address.
    pub url: String,
    /// Its title.
    pub title: String,
    /// The first character of the text that it is a source of.
    pub start_index: usize,
    /// The character after the last one.
    pub end_index: usize,
}
