//! What a request for an import says. Owns its members and their rules, not what they lead to.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::config::bounds::MAX_KEY_BYTES;
use crate::config::validate::Problems;
use crate::error::GatewayError;
use crate::moving::MoveSource;
use crate::problem::{ExpectedType, ProblemKind};

/// Entries of a list in the request.
const MAX_ENTRIES: usize = 50_000;
/// Characters of an entry.
const MAX_CHARS: usize = 256;

/// What becomes of names that the gateway has already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema, serde::Serialize),
    serde(rename_all = "snake_case"),
    schemars(inline)
)]
pub enum NameConflictWish {
    /// The new one gets a number after its name.
    #[default]
    Rename,
    /// The new one is not created.
    Skip,
}

/// What becomes of channels that the gateway has already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema, serde::Serialize),
    serde(rename_all = "snake_case"),
    schemars(inline)
)]
pub enum DuplicateWish {
    /// They are not created again.
    #[default]
    Skip,
    /// They are created.
    Create,
}

/// A request for an import.
#[derive(Debug, Default)]
pub struct MoveWishes {
    pub file: Vec<u8>,
    pub source: Option<MoveSource>,
    pub names: NameConflictWish,
    pub duplicates: DuplicateWish,
    pub leave_out: BTreeSet<String>,
    pub variables: BTreeMap<String, String>,
}

impl MoveWishes {
    pub fn read(mut body: Value) -> Result<Self, GatewayError> {
        let (mut wishes, mut problems) = (Self::default(), Problems::default());
        // The largest member by far is not copied.
        let file = body.get_mut("file").map(Value::take);
        for (name, value) in body.as_object().into_iter().flatten() {
            match name.as_str() {
                "file" => {}
                "format" => wishes.source = source(value, &mut problems),
                "name_conflicts" => {
                    let choices = [
                        ("rename", NameConflictWish::Rename),
                        ("skip", NameConflictWish::Skip),
                    ];
                    wishes.names = choice(name, value, choices, &mut problems);
                }
                "duplicates" => {
                    let choices = [
                        ("skip", DuplicateWish::Skip),
                        ("create", DuplicateWish::Create),
                    ];
                    wishes.duplicates = choice(name, value, choices, &mut problems);
                }
                "leave_out" => {
                    let items = problems.texts(name, value, MAX_CHARS, MAX_ENTRIES);
                    wishes.leave_out = items.unwrap_or_default().into_iter().collect();
                }
                "variables" => wishes.variables = variables(value, &mut problems),
                _ => problems.unknown("", name),
            }
        }
        match file.as_ref().map(|file| file.as_str()) {
            None => problems.add("file", ProblemKind::Required),
            Some(text) => {
                if let Some(file) = text.and_then(|text| STANDARD.decode(text).ok()) {
                    wishes.file = file;
                } else {
                    let rule = "must be the file's bytes in base64".to_owned();
                    problems.add("file", ProblemKind::InvalidParameter { rule });
                }
            }
        }
        problems.check("import")?;
        Ok(wishes)
    }
}

fn source(value: &Value, problems: &mut Problems) -> Option<MoveSource> {
    if value.is_null() {
        return None;
    }
    let source = value.as_str().and_then(MoveSource::from_name);
    if source.is_none() {
        let choices = MoveSource::ALL.iter().map(|(name, _)| *name).collect();
        problems.add("format", ProblemKind::InvalidChoice { choices });
    }
    source
}

fn choice<T: Copy + Default>(
    name: &str,
    value: &Value,
    choices: [(&'static str, T); 2],
    problems: &mut Problems,
) -> T {
    let found = choices
        .iter()
        .find(|(known, _)| value.as_str() == Some(known));
    if let Some((_, choice)) = found {
        return *choice;
    }
    let choices = choices.iter().map(|(name, _)| *name).collect();
    problems.add(name, ProblemKind::InvalidChoice { choices });
    T::default()
}

/// Values are keys and addresses, so they are never repeated in a message.
fn variables(value: &Value, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for (name, value) in problems.object("variables", value).into_iter().flatten() {
        match value.as_str().filter(|text| text.len() <= MAX_KEY_BYTES) {
            Some(text) if variables.len() < MAX_ENTRIES => {
                variables.insert(name.clone(), text.to_owned());
            }
            _ => problems.add(
                "variables",
                ProblemKind::WrongType {
                    expected: ExpectedType::String,
                },
            ),
        }
    }
    variables
}
