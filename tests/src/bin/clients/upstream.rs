//! The upstream of one run: it speaks a dialect per channel, plays the scripted model, and fails once. Owns the form of answers and the
//! record of what happened.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway_conformance::dialect::Dialect;
use gateway_conformance::normal::{Answer, Part, Stop};
use gateway_conformance::play;
use gateway_conformance::{
    request, request::messages::SIGNATURE, request::responses_items::CIPHERTEXT,
};
use gateway_testkit::upstream::{Action, Chunk, End, Record};
use gateway_tests::play::{answer, called};
use serde_json::{Value, json};

use crate::history::History;
use crate::model::{self, Step};

/// The key of the channel that fails.
pub const FIRST: &str = "first-key";
/// The key of the channel that takes over.
pub const SECOND: &str = "second-key";

/// How the attempt in the middle fails.
#[derive(Clone, Copy, Debug)]
pub enum Failure {
    /// The status 500.
    Status,
    /// A stream that is cut before its first event.
    Cut,
}

/// What happened so far.
#[derive(Debug, Default)]
pub struct Report {
    /// What the gateway or the client did wrong.
    pub faults: Vec<String>,
    /// For every request: its key, the number of calls before it, and whether it was answered.
    pub attempts: Vec<(String, usize, bool)>,
    /// Whether the model has finished.
    pub finished: bool,
}

/// The upstream of one run.
#[derive(Clone)]
pub struct Model {
    /// What the two channels are called in.
    pub dialects: [Dialect; 2],
    /// What the client speaks.
    pub client: Dialect,
    /// How the attempt in the middle fails.
    pub failure: Failure,
    /// Where the client works.
    pub folder: PathBuf,
    report: Arc<Mutex<Report>>,
}

impl Model {
    /// A model that has not been asked yet.
    pub fn new(dialects: [Dialect; 2], client: Dialect, failure: Failure, folder: PathBuf) -> Self {
        Self {
            dialects,
            client,
            failure,
            folder,
            report: Arc::default(),
        }
    }

    /// What happened so far.
    pub fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request.
    pub fn respond(&self, record: &Record) -> Action {
        let key = key(record);
        let dialect = self.dialects[usize::from(key == SECOND)];
        if called(record) != Some(dialect) {
            // As servers with one API answer for the others.
            return Action::json(404, &json!({"detail": "Not Found"}));
        }
        let body: Value = serde_json::from_slice(&record.body).unwrap_or_default();
        let history = History::read(dialect, &body);
        let faults = self.faults(dialect, &history, &body);
        let step = model::next(&history, &self.folder);
        let mut report = self.report();
        let is_first_failure = report.attempts.iter().all(|(_, _, answered)| *answered);
        let fails = key == FIRST && history.calls.len() == model::MIDDLE && is_first_failure;
        report
            .attempts
            .push((key.to_owned(), history.calls.len(), !fails));
        report.faults.extend(faults);
        let step = match step {
            Ok(step) => step,
            Err(fault) => {
                report.faults.push(fault.clone());
                let body = play::error(dialect, "invalid_request_error", None, &fault);
                return Action::json(400, &body);
            }
        };
        if fails {
            return self.fail(dialect);
        }
        report.finished |= matches!(step, Step::Say(model::FINAL));
        drop(report);
        play(dialect, &history, step, record)
    }

    /// What is wrong with a request. What the gateway has translated is held to the vendor's published schema.
    fn faults(&self, dialect: Dialect, history: &History, body: &Value) -> Vec<String> {
        let mut faults = history.faults.clone();
        if dialect != self.client {
            faults.extend(request::read(dialect, body).err());
        }
        let foreign = history.sealed.iter().find(|state| {
            let own = match dialect {
                Dialect::Messages => SIGNATURE,
                _ => CIPHERTEXT,
            };
            !state.starts_with(own)
        });
        faults.extend(foreign.map(|state| format!("the state {state:?} is not this upstream's")));
        faults
    }

    fn fail(&self, dialect: Dialect) -> Action {
        match self.failure {
            Failure::Status => {
                let body = play::error(dialect, "api_error", None, "the engine crashed");
                Action::json(500, &body)
            }
            Failure::Cut => Action::sse([Chunk::new(": ping\n\n")]).then(End::Close),
        }
    }
}

fn play(dialect: Dialect, history: &History, step: Step, record: &Record) -> Action {
    let number = history.calls.len();
    let mut parts = vec![Part::thinking("Ich überlege.")];
    let mut freeform = false;
    let ends = match step {
        Step::Say(text) => {
            parts.push(Part::text(text));
            Stop::End
        }
        Step::Call(calls) => {
            parts.push(Part::text("Let me see…"));
            for (index, (name, input)) in calls.into_iter().enumerate() {
                let tool = history.tool(&name);
                freeform |= tool.is_some_and(|tool| tool.schema.is_null());
                parts.push(Part::call(&format!("call_{number}_{index}"), &name, &input));
            }
            Stop::Calls
        }
    };
    let said = Answer::new(parts, ends);
    let mut action = answer(dialect, &said, record);
    if freeform {
        for chunk in &mut action.chunks {
            chunk.bytes = custom(&String::from_utf8_lossy(&chunk.bytes)).into();
        }
    }
    action
}

/// The key of a request in any dialect's header.
fn key(record: &Record) -> &str {
    let key = record.key.as_deref().or_else(|| record.header("x-api-key"));
    key.unwrap_or_default()
}

/// An event of Responses whose calls are calls of freeform tools.
fn custom(event: &str) -> String {
    let data = event.lines().find_map(|line| line.strip_prefix("data: "));
    let Some(mut value) = data.and_then(|data| serde_json::from_str::<Value>(data).ok()) else {
        return event.to_owned();
    };
    rewrite(&mut value);
    play::named(&value)
}

fn rewrite(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let kind = members
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if kind.contains("function_call") {
                let kind = kind
                    .replace("function_call_arguments", "custom_tool_call_input")
                    .replace("function_call", "custom_tool_call");
                members.insert("type".to_owned(), json!(kind));
                if let Some(input) = members.remove("arguments") {
                    members.insert("input".to_owned(), input);
                }
            }
            members.values_mut().for_each(rewrite);
        }
        Value::Array(items) => items.iter_mut().for_each(rewrite),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_freeform_tools_have_their_own_items_and_events() {
        let answer = Answer::new(
            vec![Part::call("c", "apply_patch", "*** Begin")],
            Stop::Calls,
        );
        let events = play::stream(Dialect::Responses, &answer);
        let text: String = events.iter().map(|event| custom(event)).collect();
        for wanted in [
            "event: response.custom_tool_call_input.delta\n",
            "event: response.custom_tool_call_input.done\n",
            "\"type\":\"custom_tool_call\"",
            "\"input\":\"*** Begin\"",
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        assert!(!text.contains("function_call") && !text.contains("arguments"));
    }
}
