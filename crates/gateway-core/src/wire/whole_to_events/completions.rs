//! Chunks of chat completions and of completions. Owns the order of a choice's parts: its role, its reasoning, its
//! content, other members, tool calls, its finish reason.

use super::rope::Rope;
use super::{ShortObject, Wishes, each};
use crate::wire::dialect::Dialect;
use crate::wire::members::quoted;
use crate::wire::walk::{self, Unfit, WalkStep};

/// Members of the answer that each chunk repeats; others occur once, in the first.
const REPEATED: [&str; 6] = [
    "id",
    "created",
    "model",
    "system_fingerprint",
    "service_tier",
    "provider",
];

/// Writes all events, the end marker included.
pub fn write(whole: &str, dialect: Dialect, wishes: Wishes, rope: &mut Rope) -> WalkStep {
    let answer = ShortObject::parse(whole)?;
    let mut chunks = Chunks::new(&answer, dialect, wishes, rope);
    let mut count = 0;
    each(answer.get("choices"), |place, choice| {
        count += 1;
        let choice = ShortObject::parse(choice)?;
        match dialect {
            Dialect::Completions => chunks.text_choice(place, &choice),
            _ => chunks.chat_choice(place, &choice),
        }
    })?;
    // An answer without a choice is not an answer.
    if count == 0 {
        return Err(Unfit);
    }
    if let Some(usage) = answer.set("usage").filter(|_| wishes.usage) {
        chunks.usage(usage);
    }
    rope.text("data: [DONE]\n\n");
    Ok(())
}

struct Chunks<'r, 'a> {
    rope: &'r mut Rope,
    /// What each chunk begins with.
    head: String,
    /// The members of the first one only.
    once: Vec<(&'r str, &'a str)>,
    /// Whether chunks have `usage: null`, as they do when the usage was requested.
    null_usage: bool,
}

impl<'r, 'a> Chunks<'r, 'a> {
    fn new(
        answer: &'r ShortObject<'a>,
        dialect: Dialect,
        wishes: Wishes,
        rope: &'r mut Rope,
    ) -> Self {
        let kind = match dialect {
            Dialect::Completions => "text_completion",
            _ => "chat.completion.chunk",
        };
        let mut head = format!("data: {{\"object\":\"{kind}\",");
        for name in REPEATED {
            if let Some(raw) = answer.get(name) {
                for part in ["\"", name, "\":", raw, ","] {
                    head.push_str(part);
                }
            }
        }
        let others = answer.0.iter().filter(|(name, _)| {
            !REPEATED.contains(&&**name) && !matches!(&**name, "object" | "choices" | "usage")
        });
        Self {
            rope,
            head,
            once: others.map(|(name, raw)| (&**name, *raw)).collect(),
            null_usage: wishes.usage,
        }
    }

    fn open(&mut self) {
        self.rope.text(&self.head);
        for (name, raw) in std::mem::take(&mut self.once) {
            self.rope.name(name);
            self.rope.raw(raw);
            self.rope.text(",");
        }
    }

    /// One chunk of one choice; `finish` is its finish reason.
    fn chunk(
        &mut self,
        index: &str,
        finish: &str,
        write: impl FnOnce(&mut Rope) -> WalkStep,
    ) -> WalkStep {
        self.open();
        self.rope.text("\"choices\":[{\"index\":");
        self.rope.text(index);
        self.rope.text(",");
        write(self.rope)?;
        self.rope.text(",\"finish_reason\":");
        self.rope.raw(finish);
        self.rope.text("}]");
        if self.null_usage {
            self.rope.text(",\"usage\":null");
        }
        self.rope.text("}\n\n");
        Ok(())
    }

    /// A chunk with some members of the message.
    fn delta(&mut self, index: &str, members: &[(&str, &str)], logprobs: Option<&str>) -> WalkStep {
        if members.is_empty() {
            return Ok(());
        }
        self.chunk(index, "null", |rope| {
            rope.text("\"delta\":{");
            for (place, (name, raw)) in members.iter().enumerate() {
                if place > 0 {
                    rope.text(",");
                }
                rope.name(name);
                rope.raw(raw);
            }
            rope.text("}");
            if let Some(logprobs) = logprobs {
                rope.text(",\"logprobs\":");
                rope.raw(logprobs);
            }
            Ok(())
        })
    }

    fn usage(&mut self, usage: &str) {
        self.open();
        self.rope.text("\"choices\":[],\"usage\":");
        self.rope.raw(usage);
        self.rope.text("}\n\n");
    }

    fn chat_choice(&mut self, place: usize, choice: &ShortObject<'a>) -> WalkStep {
        let index = index(place, choice);
        // A stream's shape in a whole answer was seen as well.
        let message = choice.set("message").or_else(|| choice.set("delta"));
        let message = ShortObject::parse(message.ok_or(Unfit)?)?;
        let content = message.get("content");
        let spoken = content.filter(|raw| !matches!(*raw, "null" | "\"\""));
        let mut start = vec![("role", message.set("role").unwrap_or("\"assistant\""))];
        let (mut thoughts, mut others) = (Vec::new(), Vec::new());
        match content {
            Some("null") => start.push(("content", "null")),
            Some(raw) if raw.starts_with('"') => start.push(("content", "\"\"")),
            Some(_) | None => {}
        }
        for (name, raw) in &message.0 {
            match (&**name, *raw) {
                ("role" | "content" | "tool_calls" | "function_call", _) => {}
                ("refusal", raw) if raw != "null" => {}
                (name, "null") => start.push((name, "null")),
                (name, raw) if is_thought(name) => thoughts.push((name, raw)),
                (name, raw) => others.push((name, raw)),
            }
        }
        let refusal: Vec<_> = message
            .set("refusal")
            .map(|raw| ("refusal", raw))
            .into_iter()
            .collect();
        let content: Vec<_> = spoken.map(|raw| ("content", raw)).into_iter().collect();
        // Log probabilities are those of the content, else those of the refusal.
        let mut logprobs = choice.get("logprobs");
        self.delta(&index, &start, None)?;
        self.delta(&index, &thoughts, None)?;
        for text in [content, refusal].iter().filter(|text| !text.is_empty()) {
            self.delta(&index, text, logprobs.take())?;
        }
        self.delta(&index, &others, None)?;
        if let Some(call) = message.set("function_call") {
            self.delta(&index, &[("function_call", call)], None)?;
        }
        let mut calls = 0;
        each(message.get("tool_calls"), |place, call| {
            calls += 1;
            self.tool_call(&index, place, call)
        })?;
        let finish = finish_reason(choice, calls > 0);
        self.chunk(&index, finish, |rope| {
            rope.text("\"delta\":{}");
            write_rest(rope, choice, &["message", "delta"], logprobs);
            Ok(())
        })
    }

    /// One chunk with one whole call.
    fn tool_call(&mut self, index: &str, place: usize, call: &str) -> WalkStep {
        let call = ShortObject::parse(call)?;
        self.chunk(index, "null", |rope| {
            rope.text("\"delta\":{\"tool_calls\":[{\"index\":");
            rope.text(&place.to_string());
            for (name, raw) in call.0.iter().filter(|(name, _)| name != "index") {
                rope.text(",");
                rope.name(name);
                if name == "function" && raw.starts_with('{') {
                    write_function(rope, raw)?;
                } else {
                    rope.raw(raw);
                }
            }
            rope.text("}]}");
            Ok(())
        })
    }

    fn text_choice(&mut self, place: usize, choice: &ShortObject<'a>) -> WalkStep {
        let index = index(place, choice);
        let text = choice.set("text").unwrap_or("\"\"");
        self.chunk(&index, "null", |rope| {
            rope.text("\"text\":");
            rope.raw(text);
            if let Some(logprobs) = choice.get("logprobs") {
                rope.text(",\"logprobs\":");
                rope.raw(logprobs);
            }
            Ok(())
        })?;
        self.chunk(&index, finish_reason(choice, false), |rope| {
            rope.text("\"text\":\"\"");
            write_rest(rope, choice, &["text"], None);
            Ok(())
        })
    }
}

/// Names of reasoning members, which come before the content.
fn is_thought(name: &str) -> bool {
    name.starts_with("reason") || name.starts_with("think")
}

/// The choice's own index, else its place.
fn index(place: usize, choice: &ShortObject<'_>) -> String {
    let own = choice.get("index").and_then(|raw| raw.parse().ok());
    own.unwrap_or(place).to_string()
}

/// An answer that came whole has ended, with or without a finish reason.
fn finish_reason<'a>(choice: &ShortObject<'a>, has_calls: bool) -> &'a str {
    let own = choice.get("finish_reason");
    own.filter(|raw| !matches!(*raw, "null" | "\"\"" | "\"null\"") && raw.starts_with('"'))
        .unwrap_or(if has_calls {
            "\"tool_calls\""
        } else {
            "\"stop\""
        })
}

/// A choice's other members, besides its end.
fn write_rest(rope: &mut Rope, choice: &ShortObject<'_>, said: &[&str], logprobs: Option<&str>) {
    for (name, raw) in &choice.0 {
        let is_said = matches!(&**name, "index" | "finish_reason" | "logprobs");
        if !is_said && !said.contains(&&**name) {
            rope.text(",");
            rope.name(name);
            rope.raw(raw);
        }
    }
    if let Some(logprobs) = logprobs {
        rope.text(",\"logprobs\":");
        rope.raw(logprobs);
    }
}

/// A call's function. Some upstreams send its arguments as an object, where a stream has only text.
fn write_function(rope: &mut Rope, function: &str) -> WalkStep {
    rope.text("{");
    let mut lead = "";
    walk::members(function, |name, raw| {
        rope.text(lead);
        lead = ",";
        rope.text(&quoted(&name));
        rope.text(":");
        if name == "arguments" && raw.starts_with('{') {
            rope.quoted(raw);
        } else {
            rope.raw(raw);
        }
        Ok(())
    })?;
    rope.text("}");
    Ok(())
}
