//! The events of a Responses stream. Owns their form on the wire and their numbers.

use serde::Serialize;

use super::items::{AnnotationOut, ItemOut, PartOut};

/// Writes a value as JSON. Writing into memory does not fail.
pub fn json<T: Serialize + ?Sized>(value: &T, output: &mut Vec<u8>) {
    let _ = serde_json::to_writer(output, value);
}

/// Any event about an item, with the members of all kinds.
#[derive(Default, Serialize)]
pub struct ResponsesStreamEvent<'e> {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: &'e str,
    /// Set when it is written.
    pub sequence_number: u64,
    /// The item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_id: Option<&'e str>,
    /// The item's place.
    pub output_index: usize,
    /// The part's place in a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_index: Option<usize>,
    /// The part's place in a summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary_index: Option<usize>,
    /// The source's place in a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotation_index: Option<usize>,
    /// More of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta: Option<&'e str>,
    /// A whole text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'e str>,
    /// A whole refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<&'e str>,
    /// The function of a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'e str>,
    /// Whole arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<&'e str>,
    /// A whole input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<&'e str>,
    /// Always empty; SDKs expect it beside texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<[(); 0]>,
    /// A part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<&'e PartOut>,
    /// A source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotation: Option<&'e AnnotationOut>,
    /// An item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<&'e ItemOut>,
}

/// Numbers events and writes them; a silent one writes nothing.
#[derive(Debug, Default)]
pub struct EventWriter {
    next: u64,
    is_silent: bool,
}

impl EventWriter {
    /// For whole answers.
    pub const fn silent() -> Self {
        Self {
            next: 0,
            is_silent: true,
        }
    }

    /// Writes an event about an item.
    pub fn write(&mut self, mut event: ResponsesStreamEvent<'_>, output: &mut Vec<u8>) {
        if self.is_silent {
            return;
        }
        event.sequence_number = self.number();
        head(event.kind, output);
        json(&event, output);
        output.extend_from_slice(b"\n\n");
    }

    /// Begins an event about the response; what follows is the response object.
    pub fn begin(&mut self, kind: &str, output: &mut Vec<u8>) {
        head(kind, output);
        output.extend_from_slice(b"{\"type\":");
        json(kind, output);
        output.extend_from_slice(b",\"sequence_number\":");
        json(&self.number(), output);
        output.extend_from_slice(b",\"response\":");
    }

    /// Ends such an event.
    pub fn end(output: &mut Vec<u8>) {
        output.extend_from_slice(b"}\n\n");
    }

    /// Whether it writes nothing.
    pub const fn is_silent(&self) -> bool {
        self.is_silent
    }

    const fn number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }
}

fn head(kind: &str, output: &mut Vec<u8>) {
    output.extend_from_slice(b"event: ");
    output.extend_from_slice(kind.as_bytes());
    output.extend_from_slice(b"\ndata: ");
}
