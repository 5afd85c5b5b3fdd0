//! Events of `/v1/responses`: the last one has the whole response in it. Owns the items of the output, for upstreams
//! whose last event leaves them out.

use bytes::Bytes;

use super::AssemblyProgress;
use super::gathered::{Budget, GrowingObject, Texts};
use crate::sorting;
use crate::wire::walk::{self, Unfit};

/// More items than any real answer has.
const MAX_ITEMS: usize = 1024;

/// The answer so far.
#[derive(Debug, Default)]
pub struct Responses {
    budget: Budget,
    /// Items that are done, by their place in the output.
    items: Vec<(u64, String)>,
    /// The last event's response.
    response: Option<String>,
}

/// The members of an event that matter.
#[derive(Default)]
struct ResponsesEvent<'a> {
    kind: &'a str,
    response: Option<&'a str>,
    item: Option<&'a str>,
    output_index: Option<u64>,
}

impl Responses {
    /// Adds one event.
    pub fn push(&mut self, data: &str) -> Result<AssemblyProgress, Unfit> {
        // Some upstreams add OpenAI's mark to all their streams.
        if data.starts_with("[DONE]") {
            return Ok(AssemblyProgress::Complete);
        }
        let mut event = ResponsesEvent::default();
        walk::members(data, |name, raw| {
            match &*name {
                "type" => event.kind = raw,
                "response" => event.response = Some(raw),
                "item" => event.item = Some(raw),
                "output_index" => event.output_index = raw.parse().ok(),
                _ => {}
            }
            Ok(())
        })?;
        match event.kind {
            "\"response.output_item.done\"" => {
                if let Some(item) = event.item {
                    self.budget.take(item.len())?;
                    if self.items.len() == MAX_ITEMS {
                        return Err(Unfit);
                    }
                    let next = u64::try_from(self.items.len()).unwrap_or(u64::MAX);
                    let place = event.output_index.unwrap_or(next);
                    self.items.push((place, item.to_owned()));
                }
                Ok(AssemblyProgress::More)
            }
            "\"response.completed\"" | "\"response.incomplete\"" => {
                let response = event.response.ok_or(Unfit)?;
                // It has the items in it once more, which are not needed any longer then.
                Budget::default().take(response.len())?;
                self.response = Some(response.to_owned());
                Ok(AssemblyProgress::Complete)
            }
            _ => Ok(AssemblyProgress::More),
        }
    }

    /// The whole answer.
    pub fn finish(mut self) -> Result<Bytes, Unfit> {
        let response = self.response.ok_or(Unfit)?;
        let mut output = None;
        walk::members(&response, |name, raw| {
            if name == "output" {
                output = Some(raw);
            }
            Ok(())
        })?;
        let is_left_out = output.is_none_or(|output| {
            let inside = output
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'));
            inside.is_none_or(|inside| inside.trim().is_empty())
        });
        if self.items.is_empty() || !is_left_out {
            return Ok(Bytes::from(response));
        }
        sorting::sort_by_key(&mut self.items, |(place, _)| *place);
        let items: Vec<String> = self.items.into_iter().map(|(_, item)| item).collect();
        let mut whole = GrowingObject::default();
        whole.join_all(&response, Texts::Replace, &mut Budget::default())?;
        whole.remove("output");
        let mut out = String::from("{");
        if whole.write_members(&mut out) {
            out.push(',');
        }
        out.push_str("\"output\":[");
        out.push_str(&items.join(","));
        out.push_str("]}");
        Ok(Bytes::from(out))
    }
}
