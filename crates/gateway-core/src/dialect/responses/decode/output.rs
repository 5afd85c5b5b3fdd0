//! The forms of Responses' output: events, items, parts. Owns their reading only; a member of an unexpected type counts as
//! absent.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::dialect::answer_event::{Citation, WebResult};
use crate::dialect::json;

/// A string, borrowed where it has no escapes; anything else is none.
#[derive(Debug, Default)]
pub struct OutputText<'a>(pub Option<Cow<'a, str>>);

impl OutputText<'_> {
    /// The string.
    pub fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The string; empty when there is none.
    pub fn get(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for OutputText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        Ok(Self(json::text(raw)))
    }
}

/// An event of a stream, with the members of all kinds that matter.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct OutputEvent<'a> {
    /// What it is.
    #[serde(borrow, rename = "type", deserialize_with = "kind")]
    pub kind: Cow<'a, str>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow)]
    annotation: Option<&'a RawValue>,
    /// The item, which some servers name differently in each event.
    #[serde(borrow)]
    pub item_id: OutputText<'a>,
    /// The item's place.
    #[serde(deserialize_with = "place")]
    pub output_index: Option<u64>,
    #[serde(deserialize_with = "place")]
    content_index: Option<u64>,
    #[serde(deserialize_with = "place")]
    summary_index: Option<u64>,
    /// More of a text.
    #[serde(borrow)]
    pub delta: OutputText<'a>,
    /// A whole text.
    #[serde(borrow)]
    pub text: OutputText<'a>,
    /// A whole refusal.
    #[serde(borrow)]
    pub refusal: OutputText<'a>,
}

fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    let text = OutputText::<'de>::deserialize(deserializer)?;
    Ok(text.0.unwrap_or_default())
}

fn place<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let raw = <&'de RawValue>::deserialize(deserializer)?;
    Ok(crate::wire::json::from_str(raw.get()).ok())
}

fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    crate::wire::json::from_str(raw.get()).ok()
}

impl<'a> OutputEvent<'a> {
    /// The response that it is about.
    pub fn response(&self) -> Option<OutputResponse<'a>> {
        object(self.response?)
    }

    /// The item that it adds or ends.
    pub fn item(&self) -> Option<OutputItem<'a>> {
        object(self.item?)
    }

    /// The source that it adds.
    pub fn citation(&self) -> Option<Citation<'a>> {
        citation(self.annotation?)
    }

    /// The part's place in its item.
    pub fn part(&self) -> u64 {
        self.summary_index.or(self.content_index).unwrap_or(0)
    }
}

/// A response, whole or as events hold it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct OutputResponse<'a> {
    #[serde(borrow)]
    id: OutputText<'a>,
    #[serde(borrow)]
    status: OutputText<'a>,
    /// Its items.
    #[serde(borrow)]
    pub output: Option<&'a RawValue>,
    /// Its tokens.
    #[serde(borrow)]
    pub usage: Option<&'a RawValue>,
    /// Why it failed.
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
    #[serde(borrow)]
    incomplete_details: Option<&'a RawValue>,
}

impl<'a> OutputResponse<'a> {
    /// Its id; empty when it has none.
    pub fn id(&self) -> Cow<'a, str> {
        self.id.0.clone().unwrap_or_default()
    }

    /// How it ended.
    pub fn status(&self) -> Option<Cow<'a, str>> {
        self.status.0.clone()
    }

    /// Why it is incomplete.
    pub fn incomplete_reason(&self) -> Option<Cow<'a, str>> {
        #[derive(Deserialize)]
        struct IncompleteDetails<'a> {
            #[serde(borrow, default)]
            reason: OutputText<'a>,
        }
        let details: IncompleteDetails<'_> = object(self.incomplete_details?)?;
        details.reason.0
    }

    /// Its items.
    pub fn items(&self) -> Vec<OutputItem<'a>> {
        let items = self.output.map(list).unwrap_or_default();
        items.into_iter().filter_map(object).collect()
    }
}

fn list(raw: &RawValue) -> Vec<&RawValue> {
    object(raw).unwrap_or_default()
}

/// An item of the output, with the members of all kinds that matter.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct OutputItem<'a> {
    /// What it is.
    #[serde(borrow, rename = "type")]
    pub kind: OutputText<'a>,
    /// Its id.
    #[serde(borrow)]
    pub id: OutputText<'a>,
    /// The id of a call.
    #[serde(borrow)]
    pub call_id: OutputText<'a>,
    /// The tool of a call.
    #[serde(borrow)]
    pub name: OutputText<'a>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    /// The input of a custom tool's call.
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    summary: Option<&'a RawValue>,
    /// The state of reasoning.
    #[serde(borrow)]
    pub encrypted_content: OutputText<'a>,
    #[serde(borrow)]
    action: Option<&'a RawValue>,
}

/// A part of an item.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct OutputPart<'a> {
    /// Its text.
    #[serde(borrow)]
    pub text: OutputText<'a>,
    /// Its text, of a refusal.
    #[serde(borrow)]
    pub refusal: OutputText<'a>,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
}

impl<'a> OutputPart<'a> {
    /// The sources of its text.
    pub fn citations(&self) -> impl Iterator<Item = Citation<'a>> {
        let annotations = self.annotations.map(list).unwrap_or_default();
        annotations.into_iter().filter_map(citation)
    }
}

impl<'a> OutputItem<'a> {
    /// The parts of its content. Some servers send a text in their place.
    pub fn content(&self) -> Vec<OutputPart<'a>> {
        self.content.map(parts).unwrap_or_default()
    }

    /// The parts of its summary.
    pub fn summary(&self) -> Vec<OutputPart<'a>> {
        self.summary.map(parts).unwrap_or_default()
    }

    /// The arguments of a call as JSON text: a string of it, or the object itself.
    pub fn arguments(&self) -> Cow<'a, str> {
        match self.arguments {
            None => Cow::Borrowed(""),
            Some(raw) => json::text(raw).unwrap_or(Cow::Borrowed(raw.get())),
        }
    }

    /// The query and the results of a web search; `None` for other actions, such as opening a page.
    pub fn search(&self) -> Option<(Cow<'a, str>, Vec<WebResult<'a>>)> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct SearchAction<'a> {
            #[serde(borrow, rename = "type")]
            kind: OutputText<'a>,
            #[serde(borrow)]
            query: OutputText<'a>,
            #[serde(borrow)]
            queries: Option<&'a RawValue>,
            #[serde(borrow)]
            sources: Option<&'a RawValue>,
        }
        let action: SearchAction<'_> = self.action.and_then(object).unwrap_or_default();
        if action.kind.as_deref().is_some_and(|kind| kind != "search") {
            return None;
        }
        let first = || json::text(list(action.queries?).first()?);
        let query = action.query.0.or_else(first).unwrap_or_default();
        let sources = action.sources.map(list).unwrap_or_default();
        let results = sources.into_iter().filter_map(citation);
        let results = results.map(|Citation { url, title }| WebResult { url, title });
        Some((query, results.collect()))
    }
}

fn parts(raw: &RawValue) -> Vec<OutputPart<'_>> {
    if let Some(text) = json::text(raw) {
        return vec![OutputPart {
            text: OutputText(Some(text)),
            ..OutputPart::default()
        }];
    }
    list(raw).into_iter().filter_map(object).collect()
}

/// A source; `None` for one without an address, such as a file.
fn citation(raw: &RawValue) -> Option<Citation<'_>> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct UrlCitation<'a> {
        #[serde(borrow)]
        url: OutputText<'a>,
        #[serde(borrow)]
        title: OutputText<'a>,
    }
    let citation: UrlCitation<'_> = object(raw)?;
    Some(Citation {
        url: citation.url.0?,
        title: citation.title.0.unwrap_or_default(),
    })
}
