//! What a request says of the conversation so far, in any dialect. Owns the rule that each result follows its call; lenient
//! about everything else, since clients send their vendor's newest members to their vendor's own API.
#![forbid(unsafe_code)]

use gateway_conformance::dialect::Dialect;
use serde_json::Value;

/// A declared tool.
#[derive(Debug)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// The JSON Schema of its arguments; null for a freeform tool.
    pub schema: Value,
}

/// A call that the model made, with its result.
#[derive(Debug)]
pub struct Called {
    id: String,
    /// The tool.
    pub name: String,
    /// JSON, or raw text of a freeform tool.
    pub input: String,
    /// The result's text, once there is one.
    pub result: Option<String>,
}

/// A conversation.
#[derive(Debug, Default)]
pub struct History {
    /// The declared tools.
    pub tools: Vec<Declared>,
    /// All calls, in order.
    pub calls: Vec<Called>,
    /// What is wrong with it.
    pub faults: Vec<String>,
    /// Reasoning that only its maker can read: signatures and ciphertexts.
    pub sealed: Vec<String>,
}

impl History {
    /// Reads a request.
    pub fn read(dialect: Dialect, body: &Value) -> Self {
        let mut history = Self::default();
        for tool in items(&body["tools"]) {
            history.declare(tool);
        }
        match dialect {
            Dialect::Responses => history.responses(&body["input"]),
            Dialect::Messages => history.messages(&body["messages"]),
            Dialect::Chat | Dialect::Gemini => history.chat(&body["messages"]),
        }
        history.all_answered("the request");
        history
    }

    /// A declared tool by name.
    pub fn tool(&self, name: &str) -> Option<&Declared> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    fn declare(&mut self, tool: &Value) {
        let function = tool.get("function").unwrap_or(tool);
        let schema = function.get("parameters").or(function.get("input_schema"));
        // Tools without a name are run by a vendor.
        if let Some(name) = function["name"].as_str() {
            self.tools.push(Declared {
                name: name.to_owned(),
                schema: schema.cloned().unwrap_or_default(),
            });
        }
    }

    fn chat(&mut self, messages: &Value) {
        for message in items(messages) {
            if message["role"] == "tool" {
                self.result(&message["tool_call_id"], &message["content"]);
                continue;
            }
            self.all_answered("a message");
            for call in items(&message["tool_calls"]) {
                let function = &call["function"];
                self.call(&call["id"], &function["name"], text(&function["arguments"]));
            }
        }
    }

    fn messages(&mut self, messages: &Value) {
        for message in items(messages) {
            let is_assistant = message["role"] == "assistant";
            if is_assistant {
                self.all_answered("an assistant's turn");
            }
            for block in items(&message["content"]) {
                match block["type"].as_str() {
                    Some("tool_use") => {
                        self.call(&block["id"], &block["name"], block["input"].to_string());
                    }
                    Some("tool_result") => self.result(&block["tool_use_id"], &block["content"]),
                    Some("thinking") => self.seal(&block["signature"]),
                    _ => {}
                }
            }
            if !is_assistant {
                self.all_answered("the end of a user's turn");
            }
        }
    }

    fn responses(&mut self, input: &Value) {
        for item in items(input) {
            match item["type"].as_str() {
                Some("function_call") => {
                    self.call(&item["call_id"], &item["name"], text(&item["arguments"]));
                }
                Some("custom_tool_call") => {
                    self.call(&item["call_id"], &item["name"], text(&item["input"]));
                }
                Some("function_call_output" | "custom_tool_call_output") => {
                    self.result(&item["call_id"], &item["output"]);
                }
                Some("reasoning") => self.seal(&item["encrypted_content"]),
                _ => {}
            }
        }
    }

    fn seal(&mut self, state: &Value) {
        // Empty where there is none, which no upstream of this dialect has made.
        self.sealed.push(text(state));
    }

    fn call(&mut self, id: &Value, name: &Value, input: String) {
        let id = text(id);
        if self.calls.iter().any(|call| call.id == id) {
            self.faults.push(format!("the id {id:?} is used twice"));
        }
        self.calls.push(Called {
            id,
            name: text(name),
            input,
            result: None,
        });
    }

    fn result(&mut self, id: &Value, content: &Value) {
        let id = text(id);
        let open = self
            .calls
            .iter_mut()
            .find(|call| call.id == id && call.result.is_none());
        match open {
            Some(call) => call.result = Some(text(content)),
            None => self
                .faults
                .push(format!("a result for {id:?} without an open call")),
        }
    }

    fn all_answered(&mut self, before: &str) {
        let open = self.calls.iter().find(|call| call.result.is_none());
        if let Some(call) = open {
            let fault = format!("{:?} has no result before {before}", call.id);
            if !self.faults.contains(&fault) {
                self.faults.push(fault);
            }
        }
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A string, or the texts of a list of parts.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(|part| text(&part["text"])).collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_result_belongs_after_its_call_in_every_dialect() {
        let chat = json!({"messages": [
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "a", "content": "one"}]});
        let messages = json!({"messages": [
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a",
                "content": [{"type": "text", "text": "one"}]}]}]});
        let responses = json!({"input": [
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": "one"}]});
        for (dialect, mut body) in [
            (Dialect::Chat, chat),
            (Dialect::Messages, messages),
            (Dialect::Responses, responses),
        ] {
            let history = History::read(dialect, &body);
            assert_eq!(history.faults, [""; 0], "{dialect}");
            assert_eq!(history.calls[0].result.as_deref(), Some("one"));
            let member = if dialect == Dialect::Responses {
                "input"
            } else {
                "messages"
            };
            body[member].as_array_mut().unwrap().pop();
            assert_eq!(History::read(dialect, &body).faults.len(), 1, "{dialect}");
            body[member].as_array_mut().unwrap().reverse();
        }
    }
}
