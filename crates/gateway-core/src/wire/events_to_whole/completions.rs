//! Assembles chunks of chat completions and of completions. Owns which member of a chunk belongs where, and when a
//! choice has ended.

use std::fmt::Write as _;

use bytes::Bytes;

use super::AssemblyProgress;
use super::gathered::{Budget, GrowingObject, Texts};
use crate::sorting;
use crate::wire::dialect::Dialect;
use crate::wire::walk::{self, Unfit, WalkStep};

/// More choices than any upstream returns (OpenAI: 128).
const MAX_CHOICES: usize = 128;

/// The answer so far.
#[derive(Debug)]
pub struct Completions {
    dialect: Dialect,
    budget: Budget,
    /// Members of the answer but its choices and its usage.
    top: GrowingObject,
    usage: Option<String>,
    choices: Vec<(u64, CompletionChoice)>,
    is_done: bool,
}

#[derive(Debug, Default)]
struct CompletionChoice {
    message: GrowingObject,
    /// Members beside the message and the finish reason; of completions also the text.
    rest: GrowingObject,
    /// JSON text.
    finish_reason: Option<String>,
}

/// The members of a chunk that matter.
#[derive(Default)]
struct Chunk<'a> {
    choices: Option<&'a str>,
    usage: Option<&'a str>,
}

impl Completions {
    /// Begins with nothing.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            budget: Budget::default(),
            top: GrowingObject::default(),
            usage: None,
            choices: Vec::new(),
            is_done: false,
        }
    }

    /// Adds one chunk.
    pub fn push(&mut self, data: &str) -> Result<AssemblyProgress, Unfit> {
        if data.starts_with("[DONE]") {
            self.is_done = true;
            return Ok(AssemblyProgress::Complete);
        }
        let mut chunk = Chunk::default();
        walk::members(data, |name, raw| {
            match &*name {
                "choices" => chunk.choices = Some(raw),
                "usage" if raw != "null" => chunk.usage = Some(raw),
                _ => {}
            }
            Ok(())
        })?;
        // Anything else only keeps the connection open.
        if chunk.choices.is_none() && chunk.usage.is_none() {
            return Ok(AssemblyProgress::More);
        }
        walk::members(data, |name, raw| match &*name {
            "choices" | "usage" | "object" => Ok(()),
            _ => self.top.join(&name, raw, Texts::Replace, &mut self.budget),
        })?;
        if let Some(usage) = chunk.usage {
            self.budget.take(usage.len())?;
            self.usage = Some(usage.to_owned());
        }
        match chunk.choices {
            Some(choices) if choices.starts_with('[') => {
                let mut place = 0;
                walk::elements(choices, |raw| {
                    self.choice(place, raw)?;
                    place += 1;
                    Ok(())
                })?;
            }
            _ => {}
        }
        Ok(AssemblyProgress::More)
    }

    fn choice(&mut self, place: u64, raw: &str) -> WalkStep {
        let mut index = place;
        walk::members(raw, |name, raw| {
            if name == "index" {
                index = raw.parse().unwrap_or(place);
            }
            Ok(())
        })?;
        let known = self.choices.iter().position(|(other, _)| *other == index);
        let known = match known {
            Some(known) => known,
            None if self.choices.len() == MAX_CHOICES => return Err(Unfit),
            None => {
                self.choices.push((index, CompletionChoice::default()));
                self.choices.len() - 1
            }
        };
        let budget = &mut self.budget;
        let Some((_, choice)) = self.choices.get_mut(known) else {
            return Ok(());
        };
        walk::members(raw, |name, raw| choice.take_in(&name, raw, budget))
    }

    /// Whether every choice that was seen has ended.
    fn has_ended(&self) -> bool {
        let mut choices = self.choices.iter();
        self.is_done || choices.all(|(_, choice)| choice.finish_reason.is_some())
    }

    /// The whole answer.
    pub fn finish(mut self) -> Result<Bytes, Unfit> {
        if self.choices.is_empty() || !self.has_ended() {
            return Err(Unfit);
        }
        sorting::sort_by_key(&mut self.choices, |(index, _)| *index);
        let kind = match self.dialect {
            Dialect::Completions => "text_completion",
            _ => "chat.completion",
        };
        let mut out = format!("{{\"object\":\"{kind}\"");
        write_more(&self.top, &mut out);
        out.push_str(",\"choices\":[");
        for (place, (index, choice)) in self.choices.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            // Writing to a string cannot fail.
            let _ = write!(out, "{{\"index\":{index}");
            choice.write(self.dialect, &mut out);
            out.push('}');
        }
        out.push(']');
        if let Some(usage) = &self.usage {
            out.push_str(",\"usage\":");
            out.push_str(usage);
        }
        out.push('}');
        Ok(Bytes::from(out))
    }
}

impl CompletionChoice {
    fn take_in(&mut self, name: &str, raw: &str, budget: &mut Budget) -> WalkStep {
        match name {
            "index" => Ok(()),
            "finish_reason" => {
                if is_reason(raw) {
                    budget.take(raw.len())?;
                    self.finish_reason = Some(raw.to_owned());
                }
                Ok(())
            }
            "delta" if raw != "null" => walk::members(raw, |name, raw| {
                let texts = match &*name {
                    "role" | "name" | "id" | "type" => Texts::Replace,
                    _ => Texts::Continue,
                };
                self.message.join(&name, raw, texts, budget)
            }),
            // Some upstreams repeat the whole message in the last chunk.
            "message" if raw != "null" => {
                self.message = GrowingObject::default();
                self.message.join_all(raw, Texts::Continue, budget)
            }
            "text" => self.rest.join(name, raw, Texts::Continue, budget),
            "logprobs" => self.rest.join(name, raw, Texts::ByName, budget),
            _ => self.rest.join(name, raw, Texts::Replace, budget),
        }
    }

    fn write(&self, dialect: Dialect, out: &mut String) {
        let mut usual = "stop";
        if dialect == Dialect::Chat {
            out.push_str(",\"message\":{");
            let mut lead = "";
            for (name, value) in [("role", "\"assistant\""), ("content", "null")] {
                if !self.message.has(name) {
                    let _ = write!(out, "{lead}\"{name}\":{value}");
                    lead = ",";
                }
            }
            if !self.message.is_empty() {
                out.push_str(lead);
            }
            self.message.write_members(out);
            out.push('}');
            if self.message.has("tool_calls") {
                usual = "tool_calls";
            }
        } else if !self.rest.has("text") {
            out.push_str(",\"text\":\"\"");
        }
        write_more(&self.rest, out);
        out.push_str(",\"finish_reason\":");
        match &self.finish_reason {
            Some(reason) => out.push_str(reason),
            None => {
                let _ = write!(out, "\"{usual}\"");
            }
        }
    }
}

/// Writes members after others.
fn write_more(object: &GrowingObject, out: &mut String) {
    if !object.is_empty() {
        out.push(',');
        object.write_members(out);
    }
}

/// Whether a finish reason is one.
fn is_reason(raw: &str) -> bool {
    raw.starts_with('"') && !matches!(raw, "\"\"" | "\"null\"")
}
