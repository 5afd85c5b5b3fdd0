//! Validates an admin's input before it becomes part of the document. Owns the rules of values and the list of
//! problems, so that all errors are reported together; reads and writes no store.

mod alerts;
mod channel;
mod client_key;
mod default_models;
mod document;
mod model_map;
mod params;
mod price;
mod quirks;
mod settings;
mod tags;
#[cfg(test)]
mod tests;
mod upstream_key;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{ErrorCode, GatewayError};
use crate::problem::{ExpectedType, Problem, ProblemKind, Uniqueness};

use super::bounds::MAX_ID_CHARS;
pub use super::bounds::{
    MAX_CHANNELS, MAX_CLIENT_KEYS, MAX_MODEL_CHARS, MAX_MODELS, MAX_NAME_CHARS,
};
pub use alerts::{AlertsDraft, DestinationDraft, webhook_url};
pub use channel::{ChannelChange, KeyChange};
pub use client_key::ClientKeyChange;
pub use document::{ChannelDraft, DocumentDraft, KeyDraft};
pub use model_map::aliases as read_aliases;

/// Problems that are listed in the message; a hostile document could have a hundred thousand.
const MAX_LISTED: usize = 20;
/// Characters of a member's name in a path: names come from the client and may be megabytes.
const MAX_PATH_CHARS: usize = 100;

/// All problems of a document, in the order in which they were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    list: Vec<Problem>,
}

impl Problems {
    /// Adds one.
    pub fn add(&mut self, path: impl Into<String>, kind: ProblemKind) {
        self.list.push(Problem::new(path, kind));
    }

    /// What was found so far.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// Whether `member` or a part of it already has a problem.
    pub fn touch(&self, member: &str) -> bool {
        self.list.iter().any(|problem| {
            problem
                .path
                .strip_prefix(member)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// `Ok` when nothing is wrong; else one error that lists all problems and names the first one's member.
    pub fn check(&self, what: &str) -> Result<(), GatewayError> {
        let Some(first) = self.list.first() else {
            return Ok(());
        };
        let mut sentences: Vec<String> = self.list.iter().take(MAX_LISTED).map(sentence).collect();
        if self.list.len() > MAX_LISTED {
            sentences.push(format!("and {} more", self.list.len() - MAX_LISTED));
        }
        let error = ErrorCode::InvalidValue.error(format!(
            "The {what} is not valid: {}.",
            sentences.join("; ")
        ));
        let error = error.with_details(
            self.list
                .iter()
                .take(crate::problem::MAX_DETAILS)
                .cloned()
                .collect(),
        );
        Err(if first.path.is_empty() {
            error
        } else {
            error.with_param(first.path.clone())
        })
    }

    /// Adds what was found in one part of a document, which is at `place` in the whole.
    pub fn absorb(&mut self, place: &str, part: Self) {
        self.list
            .extend(part.list.into_iter().map(|problem| Problem {
                path: match problem.path.chars().next() {
                    None => place.to_owned(),
                    Some('[') => format!("{place}{}", problem.path),
                    Some(_) => format!("{place}.{}", problem.path),
                },
                ..problem
            }));
    }

    /// The value as an object.
    pub(crate) fn object<'v>(
        &mut self,
        path: &str,
        value: &'v Value,
    ) -> Option<&'v Map<String, Value>> {
        let object = value.as_object();
        if object.is_none() {
            self.add(
                path,
                ProblemKind::WrongType {
                    expected: ExpectedType::Object,
                },
            );
        }
        object
    }

    /// An unknown member; most often a misspelling, so it is never dropped silently.
    pub(crate) fn unknown(&mut self, parent: &str, name: &str) {
        self.add(join(parent, name), ProblemKind::UnknownField);
    }

    pub(crate) fn boolean(&mut self, path: &str, value: &Value) -> Option<bool> {
        let boolean = value.as_bool();
        if boolean.is_none() {
            self.add(
                path,
                ProblemKind::WrongType {
                    expected: ExpectedType::Boolean,
                },
            );
        }
        boolean
    }

    /// A whole number within `least..=most`.
    pub(crate) fn integer(
        &mut self,
        path: &str,
        value: &Value,
        least: u64,
        most: u64,
    ) -> Option<u64> {
        self.number(path, value, least..=most, false)
    }

    /// Null, or a whole number within `least..=most`. The outer `None`: not acceptable; the inner one: null.
    #[expect(
        clippy::option_option,
        reason = "not acceptable, null and a number are three cases, and callers map the inner one as it is"
    )]
    fn nullable_integer(
        &mut self,
        path: &str,
        value: &Value,
        least: u64,
        most: u64,
    ) -> Option<Option<u64>> {
        if value.is_null() {
            return Some(None);
        }
        self.number(path, value, least..=most, true).map(Some)
    }

    fn number(
        &mut self,
        path: &str,
        value: &Value,
        range: RangeInclusive<u64>,
        nullable: bool,
    ) -> Option<u64> {
        let number = value.as_u64().filter(|number| range.contains(number));
        if number.is_none() {
            let (min, max) = range.into_inner();
            self.add(path, ProblemKind::OutOfRange { min, max, nullable });
        }
        number
    }

    /// A text of 1 to `most` characters, without the spaces around it and without control characters.
    pub(crate) fn text(&mut self, path: &str, value: &Value, most: usize) -> Option<String> {
        let text = value
            .as_str()
            .map(str::trim)
            .filter(|text| is_text(text, most));
        if text.is_none() {
            self.add(path, ProblemKind::InvalidText { max: most });
        }
        text.map(str::to_owned)
    }

    /// An array of different texts.
    pub(crate) fn texts(
        &mut self,
        path: &str,
        value: &Value,
        most_chars: usize,
        most: usize,
    ) -> Option<Vec<String>> {
        let items = self.array(path, value, most)?;
        let mut seen = BTreeSet::new();
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let place = format!("{path}[{index}]");
            let Some(text) = self.text(&place, item, most_chars) else {
                continue;
            };
            if seen.insert(text.clone()) {
                texts.push(text);
            } else {
                self.add(
                    place,
                    ProblemKind::Duplicate {
                        within: Uniqueness::List,
                    },
                );
            }
        }
        Some(texts)
    }

    fn array<'v>(&mut self, path: &str, value: &'v Value, most: usize) -> Option<&'v [Value]> {
        match value {
            Value::Array(items) if items.len() <= most => Some(items),
            Value::Array(_) => {
                self.add(path, ProblemKind::TooMany { max: most });
                None
            }
            _ => {
                self.add(
                    path,
                    ProblemKind::WrongType {
                        expected: ExpectedType::Array,
                    },
                );
                None
            }
        }
    }

    /// An object that maps model names to the results of `read` for its values.
    fn model_map<T>(
        &mut self,
        path: &str,
        value: &Value,
        most: usize,
        mut read: impl FnMut(&mut Self, &str, &Value) -> Option<T>,
    ) -> Option<BTreeMap<String, T>> {
        let members = self.object(path, value)?;
        if members.len() > most {
            self.add(path, ProblemKind::TooMany { max: most });
            return None;
        }
        let mut map = BTreeMap::new();
        for (name, value) in members {
            let place = join(path, name);
            let model = name.trim();
            if !is_text(model, MAX_MODEL_CHARS) {
                let max = MAX_MODEL_CHARS;
                self.add(place, ProblemKind::InvalidModelName { max });
                continue;
            }
            let Some(target) = read(self, &place, value) else {
                continue;
            };
            if map.insert(model.to_owned(), target).is_some() {
                self.add(
                    place,
                    ProblemKind::Duplicate {
                        within: Uniqueness::Map,
                    },
                );
            }
        }
        Some(map)
    }
}

/// Names of models, each once.
pub fn model_names(path: &str, value: &Value, problems: &mut Problems) -> Vec<String> {
    let names = problems.texts(path, value, MAX_MODEL_CHARS, MAX_MODELS);
    names.unwrap_or_default()
}

/// Tags, each once.
pub fn tag_names(path: &str, value: &Value, problems: &mut Problems) -> Vec<String> {
    tags::read(path, value, problems).unwrap_or_default()
}

/// A problem as a part of the error's message.
fn sentence(problem: &Problem) -> String {
    if problem.path.is_empty() {
        format!("it {}", problem.message)
    } else {
        format!("`{}` {}", problem.path, problem.message)
    }
}

/// One form of a value as another one that has the same JSON. By way of its text, since text is what both are read from
/// and written to anyway: the conversions through [`Value`] would be code of their own in every component.
fn converted<T: DeserializeOwned>(value: &impl Serialize) -> serde_json::Result<T> {
    serde_json::from_slice(&serde_json::to_vec(value)?)
}

/// Whether a text has 1 to `most` characters, none of them a control character.
pub(crate) fn is_text(text: &str, most: usize) -> bool {
    !text.is_empty() && text.chars().nth(most).is_none() && !text.chars().any(char::is_control)
}

/// The name of something that a client sent, cut to a length that fits into a message.
pub fn short_name(name: &str) -> String {
    name.chars().take(MAX_PATH_CHARS).collect()
}

/// The id in a value, if it is one.
fn parse_id(value: &Value) -> Option<String> {
    let is_id = |id: &&str| {
        (1..=MAX_ID_CHARS).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    value.as_str().filter(is_id).map(str::to_owned)
}

/// The path of a member, its name cut to a length that fits into a message.
pub fn join(parent: &str, name: &str) -> String {
    let name = short_name(name);
    if parent.is_empty() {
        name
    } else {
        format!("{parent}.{name}")
    }
}
