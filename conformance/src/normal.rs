//! Requests and answers without their dialect, so that what two dialects say can be compared. Owns what counts as equal.

use std::collections::HashMap;

use serde_json::Value;

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The id as it was written.
    pub id: String,
    /// The tool.
    pub name: String,
    /// JSON, or raw text for a freeform tool.
    pub arguments: String,
}

/// A piece of a turn or of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text.
    Text(String),
    /// Reasoning that can be read, with the signature or ciphertext that belongs to it.
    Thinking {
        /// What can be read of it.
        text: String,
        /// Signature or ciphertext.
        state: Option<String>,
    },
    /// A call of a tool.
    Call(Call),
    /// The result of a call.
    Result {
        /// The id of the call.
        id: String,
        /// Its text.
        text: String,
    },
    /// An image: media type and base64, or a URL in place of the data.
    Image(String, String),
    /// A document: base64, text or URL.
    Document(String),
}

impl Part {
    /// Text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// Reasoning without state.
    pub fn thinking(text: &str) -> Self {
        Self::Thinking {
            text: text.to_owned(),
            state: None,
        }
    }

    /// A call.
    pub fn call(id: &str, name: &str, arguments: &str) -> Self {
        Self::Call(Call {
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        })
    }

    /// A result.
    pub fn result(id: &str, text: &str) -> Self {
        Self::Result {
            id: id.to_owned(),
            text: text.to_owned(),
        }
    }
}

/// One side's turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The model's; else the user's.
    pub assistant: bool,
    /// What is in it, in order.
    pub parts: Vec<Part>,
}

impl Turn {
    /// A turn of the user.
    pub fn user(parts: Vec<Part>) -> Self {
        Self {
            assistant: false,
            parts,
        }
    }

    /// A turn of the model.
    pub fn assistant(parts: Vec<Part>) -> Self {
        Self {
            assistant: true,
            parts,
        }
    }
}

/// A declared function.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// JSON Schema of its arguments.
    pub schema: Value,
}

/// Which tools the model may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// As it likes.
    Auto,
    /// At least one.
    Any,
    /// None of them.
    None,
    /// This one.
    Tool(String),
}

/// A request.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Asked {
    /// The model by name.
    pub model: String,
    /// Instructions before the conversation.
    pub system: Option<String>,
    /// The conversation.
    pub turns: Vec<Turn>,
    /// Declared functions.
    pub tools: Vec<Tool>,
    /// Which of them; absent: the default.
    pub choice: Option<Choice>,
    /// Whether several calls at once are allowed; absent: the default.
    pub parallel: Option<bool>,
    /// The longest answer.
    pub max_tokens: Option<u64>,
    /// Randomness.
    pub temperature: Option<f64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// Whether a stream was requested.
    pub stream: bool,
}

impl Asked {
    /// The same with turns merged, ids numbered and arguments in one spelling.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let mut merged: Vec<Turn> = Vec::new();
        let mut ids = HashMap::new();
        for turn in &self.turns {
            let parts = canonical_parts(&turn.parts, &mut ids);
            match merged.last_mut() {
                Some(last) if last.assistant == turn.assistant => last.parts.extend(parts),
                _ => merged.push(Turn {
                    assistant: turn.assistant,
                    parts,
                }),
            }
        }
        Self {
            turns: merged,
            ..self.clone()
        }
    }
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The model had finished.
    End,
    /// It was cut at its longest.
    Length,
    /// It waits for the results of calls.
    Calls,
    /// A filter, or the model refused.
    Filter,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All input, cached input included.
    pub input: u64,
    /// Input that was read from a cache.
    pub cached: u64,
    /// Input that was written to a cache.
    pub written: u64,
    /// All output, reasoning included.
    pub output: u64,
    /// Reasoning.
    pub reasoning: u64,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What is in it, in order.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub stop: Stop,
    /// What it used; absent if it does not say.
    pub usage: Option<Usage>,
}

impl Answer {
    /// An answer with the usual usage.
    pub fn new(parts: Vec<Part>, stop: Stop) -> Self {
        Self {
            parts,
            stop,
            usage: Some(Usage {
                input: 21,
                output: 9,
                ..Usage::default()
            }),
        }
    }

    /// All its text.
    pub fn text(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// All its calls.
    pub fn calls(&self) -> Vec<&Call> {
        let calls = self.parts.iter().filter_map(|part| match part {
            Part::Call(call) => Some(call),
            _ => None,
        });
        calls.collect()
    }

    /// Its parts with texts merged, ids numbered and arguments in one spelling; reasoning is left out.
    pub fn canonical(&self) -> Vec<Part> {
        let seen: Vec<Part> = self
            .parts
            .iter()
            .filter(|part| !matches!(part, Part::Thinking { .. }))
            .cloned()
            .collect();
        canonical_parts(&seen, &mut HashMap::new())
    }
}

fn canonical_parts(parts: &[Part], ids: &mut HashMap<String, String>) -> Vec<Part> {
    let mut all: Vec<Part> = Vec::new();
    for part in parts {
        let next = match part {
            Part::Call(call) => {
                let number = format!("#{}", ids.len());
                ids.insert(call.id.clone(), number.clone());
                Part::call(&number, &call.name, &json_text(&call.arguments))
            }
            Part::Result { id, text } => {
                Part::result(ids.get(id).map_or("no call", String::as_str), text)
            }
            other => other.clone(),
        };
        match (all.last_mut(), next) {
            (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
            (_, next) => all.push(next),
        }
    }
    all
}

/// JSON in one spelling; other text as it is.
pub fn json_text(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => sorted(value).to_string(),
        Err(_) => text.to_owned(),
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.into_iter().collect();
            members.sort_by(|one, other| one.0.cmp(&other.0));
            let members = members
                .into_iter()
                .map(|(name, value)| (name, sorted(value)));
            Value::Object(members.collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}
