//! Assembles events of Anthropic's messages. Owns the content blocks while they are filled; the message's own members
//! come with its first event and, where the end has newer values, with `message_delta`.

use bytes::Bytes;

use super::AssemblyProgress;
use super::gathered::{Budget, GrowingObject, Texts};
use crate::sorting;
use crate::wire::walk::{self, Unfit, WalkStep, inside};

/// More blocks than any real answer has.
const MAX_BLOCKS: usize = 1024;

/// The answer so far.
#[derive(Debug, Default)]
pub struct Messages {
    budget: Budget,
    /// Members but content and usage; `None` before the first event.
    message: Option<GrowingObject>,
    usage: GrowingObject,
    blocks: Vec<(u64, ContentBlock)>,
    is_stopped: bool,
}

#[derive(Debug, Default)]
struct ContentBlock {
    /// Members but those that deltas fill.
    members: GrowingObject,
    /// The JSON of `input` as it came, a string's text as JSON spells it.
    input: String,
}

/// The members of an event that matter.
#[derive(Default)]
struct MessagesEvent<'a> {
    kind: &'a str,
    index: u64,
    message: Option<&'a str>,
    block: Option<&'a str>,
    delta: Option<&'a str>,
    usage: Option<&'a str>,
}

impl Messages {
    /// Adds one event.
    pub fn push(&mut self, data: &str) -> Result<AssemblyProgress, Unfit> {
        if data.starts_with("[DONE]") {
            return Ok(AssemblyProgress::Complete);
        }
        let mut event = MessagesEvent::default();
        walk::members(data, |name, raw| {
            match &*name {
                "type" => event.kind = raw,
                "index" => event.index = raw.parse().map_err(|_| Unfit)?,
                "message" => event.message = Some(raw),
                "content_block" => event.block = Some(raw),
                "delta" => event.delta = Some(raw),
                "usage" => event.usage = Some(raw),
                _ => {}
            }
            Ok(())
        })?;
        match event.kind {
            "\"message_start\"" => self.start(event.message.ok_or(Unfit)?)?,
            "\"content_block_start\"" => self.block(event.index, event.block.ok_or(Unfit)?)?,
            "\"content_block_delta\"" => self.fill(event.index, event.delta.ok_or(Unfit)?)?,
            "\"message_delta\"" => {
                let message = self.message.as_mut().ok_or(Unfit)?;
                if let Some(delta) = event.delta {
                    message.join_all(delta, Texts::Replace, &mut self.budget)?;
                }
                if let Some(usage) = event.usage.filter(|usage| usage.starts_with('{')) {
                    self.usage
                        .join_all(usage, Texts::Replace, &mut self.budget)?;
                }
            }
            "\"message_stop\"" => {
                self.is_stopped = true;
                return Ok(AssemblyProgress::Complete);
            }
            _ => {}
        }
        Ok(AssemblyProgress::More)
    }

    fn start(&mut self, message: &str) -> WalkStep {
        let (mut members, budget) = (GrowingObject::default(), &mut self.budget);
        walk::members(message, |name, raw| match &*name {
            "usage" if raw.starts_with('{') => self.usage.join_all(raw, Texts::Replace, budget),
            "content" | "usage" => Ok(()),
            _ => members.join(&name, raw, Texts::Replace, budget),
        })?;
        self.message = Some(members);
        Ok(())
    }

    fn block(&mut self, index: u64, block: &str) -> WalkStep {
        if self.blocks.len() == MAX_BLOCKS {
            return Err(Unfit);
        }
        let mut begun = ContentBlock::default();
        begun
            .members
            .join_all(block, Texts::ByName, &mut self.budget)?;
        self.blocks.push((index, begun));
        Ok(())
    }

    fn fill(&mut self, index: u64, delta: &str) -> WalkStep {
        let block = self
            .blocks
            .iter_mut()
            .rev()
            .find(|(other, _)| *other == index);
        let (_, block) = block.ok_or(Unfit)?;
        let budget = &mut self.budget;
        walk::members(delta, |name, raw| match &*name {
            "type" => Ok(()),
            "partial_json" => {
                budget.take(raw.len())?;
                block.input.push_str(inside(raw).ok_or(Unfit)?);
                Ok(())
            }
            "citation" => {
                let list = format!("[{raw}]");
                block
                    .members
                    .join("citations", &list, Texts::Continue, budget)
            }
            _ => block.members.join(&name, raw, Texts::Continue, budget),
        })
    }

    /// The whole answer.
    pub fn finish(mut self) -> Result<Bytes, Unfit> {
        let message = self.message.filter(|_| self.is_stopped).ok_or(Unfit)?;
        sorting::sort_by_key(&mut self.blocks, |(index, _)| *index);
        let is_cut = message.text("stop_reason") == Some("max_tokens");
        let mut out = String::from("{");
        if message.write_members(&mut out) {
            out.push(',');
        }
        out.push_str("\"content\":[");
        for (place, (_, block)) in self.blocks.into_iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            block.write(is_cut, &mut out)?;
        }
        out.push(']');
        if !self.usage.is_empty() {
            out.push_str(",\"usage\":");
            self.usage.write(&mut out);
        }
        out.push('}');
        Ok(Bytes::from(out))
    }
}

impl ContentBlock {
    fn write(mut self, is_cut: bool, out: &mut String) -> WalkStep {
        if self.input.is_empty() {
            self.members.write(out);
            return Ok(());
        }
        let quoted = format!("\"{}\"", self.input);
        let mut input: String = crate::wire::json::from_str(&quoted).map_err(|_| Unfit)?;
        if walk::members(&input, |_, _| Ok(())).is_err() {
            // Arguments that are not JSON are an error of the stream, unless the model ran out of tokens in them.
            if !is_cut {
                return Err(Unfit);
            }
            "{}".clone_into(&mut input);
        }
        self.members.remove("input");
        out.push('{');
        if self.members.write_members(out) {
            out.push(',');
        }
        out.push_str("\"input\":");
        out.push_str(&input);
        out.push('}');
        Ok(())
    }
}
