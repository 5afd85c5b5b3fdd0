//! What a request says, so that a request and its translation can be compared. White space does not count: some dialects
//! refuse blank texts, and others join texts.

use gateway_core::dialect::conversation::{
    CallResult, Conversation, Item, Part, Source, Text, Tool,
};
use gateway_core::dialect::turns::Turn;

/// A call: id, name, arguments.
type CallView = (String, String, String);

/// The content of a conversation.
#[derive(Debug, Default)]
pub struct History {
    calls: Vec<CallView>,
    /// The results: id and text.
    results: Vec<(String, String)>,
    /// What the user says.
    user: Vec<String>,
    /// Instructions, wherever they are.
    system: Vec<String>,
    /// All that the assistant says.
    assistant: String,
    /// Everything that the assistant does not say, in order.
    others: String,
    /// Images, documents and recordings.
    files: usize,
    functions: Vec<String>,
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|it| !it.is_whitespace()).collect()
}

impl History {
    /// Reads a conversation whose items have become turns.
    pub fn of(conversation: &Conversation<'_>, turns: &[Turn<'_>]) -> Self {
        let mut history = Self::default();
        for text in &conversation.instructions {
            history.system(text);
        }
        for turn in turns {
            match turn {
                Turn::System(text) => history.system(text),
                Turn::User { results, parts } => {
                    for result in results {
                        history.result(result);
                    }
                    for part in parts {
                        history.part(part);
                    }
                }
                Turn::Assistant(items) => history.assistant(items),
            }
        }
        let functions = conversation.tools.iter().filter_map(|tool| match tool {
            Tool::Function(function) => Some(function.name.clone().into_owned()),
            Tool::Hosted(_) => None,
        });
        history.functions = functions.collect();
        history
    }

    fn system(&mut self, text: &Text<'_>) {
        let text = squeezed(&text.text);
        self.others.push_str(&text);
        self.system.push(text);
    }

    fn result(&mut self, result: &CallResult<'_>) {
        let text = squeezed(&result.text());
        self.others.push_str(&text);
        self.files += result.parts.iter().filter(|part| is_file(part)).count();
        self.results.push((result.id.clone().into_owned(), text));
    }

    fn part(&mut self, part: &Part<'_>) {
        if let Part::Text(text) = part {
            let text = squeezed(&text.text);
            self.others.push_str(&text);
            self.user.push(text);
        } else {
            self.files += usize::from(is_file(part));
        }
    }

    fn assistant(&mut self, items: &[Item<'_>]) {
        for item in items {
            match item {
                Item::AssistantText(text) | Item::Refusal(text) => {
                    self.assistant.push_str(&squeezed(text));
                }
                Item::Call(call) => {
                    let arguments = match call.arguments.trim() {
                        "" => "{}",
                        arguments => arguments,
                    };
                    self.calls.push((
                        call.id.clone().into_owned(),
                        call.name.clone().into_owned(),
                        arguments.to_owned(),
                    ));
                }
                _ => {}
            }
        }
    }

    /// Panics unless `translated` says the same in the same order.
    pub fn assert_kept(&self, translated: &Self) {
        assert_eq!(self.calls, translated.calls);
        assert_eq!(self.functions, translated.functions);
        assert_eq!(self.assistant, translated.assistant);
        assert_eq!(self.files, translated.files);
        let ids = |history: &Self| -> Vec<String> {
            let results = history.results.iter();
            results.map(|(id, _)| id.clone()).collect()
        };
        assert_eq!(ids(self), ids(translated));
        for ((_, text), (_, other)) in self.results.iter().zip(&translated.results) {
            assert!(other.contains(text), "{text:?} is not in {other:?}");
        }
        for text in &self.system {
            assert!(translated.others.contains(text), "{text:?} is lost");
        }
        let user = translated.user.concat();
        let mut rest = &*user;
        for text in &self.user {
            let (_, after) = rest
                .split_once(&**text)
                .unwrap_or_else(|| panic!("{text:?} is lost, or in another place: {user:?}"));
            rest = after;
        }
    }
}

/// Whether a part stays a file in every dialect: documents of text become text in some.
fn is_file(part: &Part<'_>) -> bool {
    match part {
        Part::Text(_) => false,
        Part::Document {
            source: Source::Base64 { media_type, data },
            ..
        } => media_type == "application/pdf" || data.starts_with("JVBERi"),
        _ => true,
    }
}
