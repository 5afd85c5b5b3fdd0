//! The scripted model: from the conversation so far to the next step of the repair. Owns the steps and the arguments of each
//! client's tools; knows no dialect.
#![forbid(unsafe_code)]

use std::path::Path;

use serde_json::{Value, json};

use crate::history::{Declared, History};
use crate::repair::{CHECK, COMMAND, PASSED, RIGHT, SOURCE, WRONG};

/// The last thing that the model says.
pub const FINAL: &str = "Repaired: die Summe ist größer.";

/// The number of calls after which an attempt fails: in the middle, before the edit.
pub const MIDDLE: usize = 2;

/// What the model does next.
#[derive(Debug)]
pub enum Step {
    /// Calls: the tool's name and its input.
    Call(Vec<(String, String)>),
    /// Says this, and has finished.
    Say(&'static str),
}

/// The next step, or what is wrong with the conversation.
pub fn next(history: &History, folder: &Path) -> Result<Step, String> {
    // A side request, such as for a title.
    if history.tools.is_empty() {
        return Ok(Step::Say("Repair of a sum"));
    }
    let tools = Tools { history, folder };
    let result = |at: usize| {
        let called = history.calls.get(at);
        called
            .and_then(|called| called.result.as_deref())
            .unwrap_or_default()
    };
    let expect = |at: usize, text: &str| {
        let found = result(at);
        if found.contains(text) {
            Ok(())
        } else {
            Err(format!("result {at} has no {text:?}: {found:?}"))
        }
    };
    // What the client sends back of earlier calls is what was called.
    let made = [
        tools.read(SOURCE)?,
        tools.read(CHECK)?,
        tools.edit()?,
        tools.run()?,
    ];
    for (called, (name, input)) in history.calls.iter().zip(&made) {
        if called.name != *name || !same(&called.input, input) {
            return Err(format!("{called:?} came back for {name} {input}"));
        }
    }
    let [first, second, edit, run] = made;
    match history.calls.len() {
        0 => Ok(Step::Call(vec![first, second])),
        MIDDLE => {
            expect(0, WRONG)?;
            expect(0, "„immer“ 🙂")?;
            expect(1, "assert.equal")?;
            Ok(Step::Call(vec![edit]))
        }
        3 => Ok(Step::Call(vec![run])),
        4 => {
            expect(3, PASSED)?;
            Ok(Step::Say(FINAL))
        }
        other => Err(format!("no step has {other} calls before it")),
    }
}

/// Whether two inputs are the same text or JSON; a client may add members with its defaults.
fn same(found: &str, wanted: &str) -> bool {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
    match (parsed(found), parsed(wanted)) {
        (Some(Value::Object(found)), Some(Value::Object(wanted))) => wanted
            .iter()
            .all(|(name, value)| found.get(name) == Some(value)),
        _ => found == wanted,
    }
}

/// The tools that the client declared, by the conventions of its kind.
struct Tools<'a> {
    history: &'a History,
    folder: &'a Path,
}

impl Tools<'_> {
    fn has(&self, name: &str) -> bool {
        self.history.tool(name).is_some()
    }

    fn path(&self, file: &str) -> Value {
        json!(self.folder.join(file))
    }

    fn call(&self, name: &str, input: &Value) -> Result<(String, String), String> {
        let tool = self
            .history
            .tool(name)
            .ok_or(format!("{name} is not declared"))?;
        let members = input.as_object().into_iter().flatten();
        for (member, _) in members {
            if tool.schema["properties"].get(member).is_none() {
                return Err(format!("{name} declares no {member}: {}", tool.schema));
            }
        }
        Ok((name.to_owned(), input.to_string()))
    }

    /// Codex has a shell for everything but patches.
    fn shell(&self, command: &str) -> Result<(String, String), String> {
        self.call("exec_command", &json!({"cmd": command}))
    }

    fn read(&self, file: &str) -> Result<(String, String), String> {
        if self.has("Read") {
            self.call("Read", &json!({"file_path": self.path(file)}))
        } else if self.has("read") {
            self.call("read", &json!({"filePath": self.path(file)}))
        } else {
            self.shell(&format!("cat {file}"))
        }
    }

    fn edit(&self) -> Result<(String, String), String> {
        let path = self.path(SOURCE);
        if self.has("Edit") {
            let input = json!({"file_path": path, "old_string": WRONG, "new_string": RIGHT});
            self.call("Edit", &input)
        } else if self.has("edit") {
            let input = json!({"filePath": path, "oldString": WRONG, "newString": RIGHT});
            self.call("edit", &input)
        } else if let Some(tool) = self.history.tool("apply_patch") {
            Ok((tool.name.clone(), patch(tool)))
        } else {
            self.shell(&format!("sed -i 's/{WRONG}/{RIGHT}/' {SOURCE}"))
        }
    }

    fn run(&self) -> Result<(String, String), String> {
        let input = json!({"command": COMMAND});
        match ["Bash", "bash"].into_iter().find(|name| self.has(name)) {
            Some(name) => self.call(name, &input),
            None => self.shell(COMMAND),
        }
    }
}

/// A patch as raw text, or as the one member of the function that stands for the freeform tool.
fn patch(tool: &Declared) -> String {
    let patch = format!(
        "*** Begin Patch\n*** Update File: {SOURCE}\n@@\n-  {WRONG}\n+  {RIGHT}\n*** End Patch"
    );
    let properties = tool.schema["properties"].as_object();
    match properties.and_then(|properties| properties.keys().next()) {
        Some(member) => json!({ member: patch }).to_string(),
        None => patch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway_conformance::dialect::Dialect;

    #[test]
    fn members_that_a_client_adds_are_no_difference_and_others_are() {
        assert!(same(r#"{"a":1,"b":false}"#, r#"{"a":1}"#));
        assert!(!same(r#"{"a":2}"#, r#"{"a":1}"#));
        assert!(!same("raw", "text"));
    }

    #[test]
    fn a_freeform_tool_gets_text_and_a_function_gets_json() {
        let body = json!({"tools": [{"type": "custom", "name": "apply_patch"}, {"type": "function", "name": "exec_command",
            "parameters": {"properties": {"cmd": {}}}}], "input": []});
        let history = History::read(Dialect::Responses, &body);
        let tools = Tools {
            history: &history,
            folder: Path::new("/x"),
        };
        assert!(tools.edit().unwrap().1.starts_with("*** Begin Patch"));
        assert_eq!(tools.run().unwrap().1, r#"{"cmd":"node check.mjs"}"#);
        assert!(tools.call("exec_command", &json!({"other": 1})).is_err());
    }
}
